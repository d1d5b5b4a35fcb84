//! The deny list walked over what is not a descriptor and not SQL: names in JSON and OpenAPI, pages,
//! word lists, import synonyms. Each takes a text and tells its faults.

use super::deny::is_forbidden;

fn fault(place: &str, name: &str) -> Option<String> {
    is_forbidden(place, name).map(|topic| format!("{place}: {name} means {topic}"))
}

/// Names that a page shows or sends: attributes, what is filled in, and its own text.
pub(crate) fn template_faults(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, piece) in page.split(['<', '>']).enumerate() {
        // Every second piece is a tag; a comparison in it only makes the pieces shorter.
        let is_tag = at % 2 == 1;
        if is_tag || piece.contains("{{") || piece.contains("{%") {
            faults.extend(identifiers(piece).filter_map(|name| fault("page", name)));
        } else {
            faults.extend(fault("page", piece.trim()));
        }
    }
    faults
}

fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty())
}

/// Keys and texts of a word list.
pub(crate) fn word_faults(list: &toml::Table) -> Vec<String> {
    let mut faults = Vec::new();
    walk_words("words", list, &mut faults);
    faults
}

fn walk_words(place: &str, table: &toml::Table, faults: &mut Vec<String>) {
    for (key, value) in table {
        faults.extend(fault(place, key));
        let here = format!("{place}.{key}");
        if let Some(inner) = value.as_table() {
            walk_words(&here, inner, faults);
        }
        if let Some(text) = value.as_str().filter(|_| !is_allowed(&here)) {
            faults.extend(fault(&here, text));
        }
    }
}

/// Texts in which a word of the list means something else, by their key.
fn is_allowed(key: &str) -> bool {
    // Remarks on rows of a sheet: what has to be put right in a cell.
    key == "words.sheet.back"
}

/// Names of JSON members that a program writes: literals before a colon, and keys put into a map.
pub(crate) fn json_faults(code: &str) -> Vec<String> {
    let shipped = code.split("#[cfg(test)]").next().unwrap_or_default();
    let mut faults = Vec::new();
    for (name, before, after) in literals(shipped) {
        let is_member = after.starts_with(':') && !after.starts_with("::");
        let is_key = before.ends_with(".insert(");
        if is_member || is_key {
            faults.extend(fault("json", name));
        }
    }
    faults
}

/// Names of members in an OpenAPI document, or any other JSON one.
pub(crate) fn document_faults(document: &serde_json::Value) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, inner) in document.as_object().into_iter().flatten() {
        faults.extend(fault("json", name));
        faults.extend(document_faults(inner));
    }
    for item in document.as_array().into_iter().flatten() {
        faults.extend(item.as_str().and_then(|name| fault("json", name)));
        faults.extend(document_faults(item));
    }
    faults
}

/// Headings under which a column of a sheet is taken.
pub(crate) fn synonym_faults(code: &str) -> Vec<String> {
    let shipped = code.split("#[cfg(test)]").next().unwrap_or_default();
    let names = literals(shipped).into_iter().map(|(name, ..)| name);
    names.filter_map(|name| fault("heading", name)).collect()
}

/// The string literals of a source, with what stands before and after each. Comments are left out;
/// a literal with an escape in it is no name.
fn literals(code: &str) -> Vec<(&str, &str, &str)> {
    let mut found = Vec::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        let mut at = 0;
        while let Some(open) = line[at..].find('"').map(|found| at + found) {
            let Some(close) = line[open + 1..].find('"').map(|found| open + 1 + found) else {
                break;
            };
            let after = line[close + 1..].trim_start();
            found.push((&line[open + 1..close], line[..open].trim_end(), after));
            at = close + 1;
        }
    }
    found
}
