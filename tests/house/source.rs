//! Reads Rust just well enough to say which paths a file names.

/// The source with comments and the insides of literals blanked, line by line as it was.
pub(crate) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment, string or character that starts at `at` ends; `at` if none starts there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let next = |n: usize| chars.get(at + n).copied().unwrap_or(' ');
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if next(1) == '/' => end_of(chars, at, |c, i| c[i] == '\n'),
        '/' if next(1) == '*' => block_comment_end(chars, at),
        '"' => string_end(chars, at + 1),
        'r' if !in_word || chars[at - 1] == 'b' => {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            if next(1 + hashes) != '"' {
                return at;
            }
            let close: Vec<char> = "\"".chars().chain("#".repeat(hashes).chars()).collect();
            end_of(chars, at + 2 + hashes, |c, i| c[i..].starts_with(&close)) + close.len()
        }
        '\'' if next(1) == '\\' => end_of(chars, at + 3, |c, i| c[i] == '\'') + 1,
        '\'' if next(2) == '\'' => at + 3,
        _ => at,
    }
    .min(chars.len())
}

/// The insides of the strings outside comments and test items: `code` is [`code_only`] of the text,
/// `visible` that [`without_tests`]. A line that goes on after `\` is joined with one space.
pub(crate) fn literals(text: &str, code: &str, visible: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let (code, visible): (Vec<char>, Vec<char>) =
        (code.chars().collect(), visible.chars().collect());
    let mut found = Vec::new();
    let mut at = 0;
    // The last character of code before the string tells whose item it is in.
    let mut is_tested = false;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            if !chars[at].is_whitespace() {
                is_tested = code.get(at) != visible.get(at);
            }
            at += 1;
            continue;
        }
        if !is_tested && matches!(chars[at], '"' | 'r') {
            let inside: String = chars[at..end].iter().collect();
            let inside = inside.trim_start_matches('r').trim_matches('#').trim_matches('"');
            let mut lines = inside.split("\\\n").map(str::trim_start);
            let first = lines.next().unwrap_or_default().to_owned();
            found.push(lines.fold(first, |joined, line| joined + " " + line));
        }
        at = end;
    }
    found
}

fn end_of(chars: &[char], from: usize, stop: impl Fn(&[char], usize) -> bool) -> usize {
    (from..chars.len()).find(|i| stop(chars, *i)).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let (mut depth, mut i) = (0, at);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// The code without the items that only a test build has. Expects [`code_only`].
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let mut depth = 0;
        let mut end = out.len();
        for (i, c) in out[start..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if matches!(c, '}' | ';') && depth == 0 {
                end = start + i + 1;
                break;
            }
        }
        let blank = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out = [&out[..start], &blank as &String, &out[end..]].concat();
    }
    out
}

/// Every path the code names, `use` trees written out, with its line from 1.
pub(crate) fn paths(code: &str) -> Vec<(usize, String)> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = if is_word(&tokens[at].1) { tree(&tokens, at, "", &mut found) } else { at + 1 };
    }
    found
}

/// Whether a path is, or lies under, another.
pub(crate) fn lies_under(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

type Token = (usize, String);

fn tokens(code: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_');
            let length = match word.map(char::len_utf8).sum::<usize>() {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                n => n,
            };
            tokens.push((number + 1, rest[..length].to_owned()));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Reads one path or `use` tree from `at`; returns where it ends.
fn tree(tokens: &[Token], at: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    let token = |i: usize| tokens.get(i).map_or("", |t| t.1.as_str());
    let mut path = prefix.to_owned();
    let mut at = at;
    loop {
        if token(at) == "{" && !path.is_empty() {
            at += 1;
            while at < tokens.len() && token(at) != "}" {
                at = if token(at) == "," { at + 1 } else { tree(tokens, at, &path, found) };
            }
            return at + 1;
        }
        if token(at) != "self" || path.is_empty() {
            path = [path.as_str(), if path.is_empty() { "" } else { "::" }, token(at)].concat();
        }
        let line = tokens[at].0;
        at += 1;
        let goes_on = is_word(token(at + 1)) || matches!(token(at + 1), "{" | "*");
        if token(at) != "::" || !goes_on {
            found.push((line, path));
            let renamed = token(at) == "as" && is_word(token(at + 1)) && !prefix.is_empty();
            return if renamed { at + 2 } else { at };
        }
        at += 1;
    }
}
