//! The map of the README: a fenced block under a heading that says 地图 or Map.
//!
//! ```text
//! proto/            the words after two spaces are free
//!   src/lib.rs      a path; it lies under the folder of the line that is indented less
//!   src/{a,b}.rs    braces write several
//!   src/wire/       a folder
//! ```

use std::collections::BTreeSet;
use std::path::Path;

/// The paths that the map names; `None` without a map.
pub(crate) fn listed(readme: &str) -> Option<BTreeSet<String>> {
    let is_heading = |l: &str| l.starts_with('#') && (l.contains("地图") || l.contains("Map"));
    let block: Vec<&str> = readme
        .lines()
        .skip_while(|line| !is_heading(line))
        .skip_while(|line| !line.starts_with("```"))
        .skip(1)
        .take_while(|line| !line.starts_with("```"))
        .filter(|line| !line.trim().is_empty())
        .collect();
    if block.is_empty() {
        return None;
    }
    let mut folders: Vec<(usize, String)> = Vec::new();
    let mut found = BTreeSet::new();
    for line in block {
        let indent = line.len() - line.trim_start().len();
        folders.retain(|(at, _)| *at < indent);
        let parent = folders.last().map_or(String::new(), |(_, path)| path.clone());
        let named = line.trim_start().split("  ").next().unwrap_or_default();
        for path in named.split_whitespace().flat_map(braces) {
            let path = format!("{parent}{path}");
            if path.ends_with('/') {
                folders.push((indent, path.clone()));
            }
            found.insert(path);
        }
    }
    Some(found)
}

fn braces(word: &str) -> Vec<String> {
    let Some((head, rest)) = word.split_once('{') else { return vec![word.to_owned()] };
    let Some((inside, tail)) = rest.split_once('}') else { return vec![word.to_owned()] };
    inside.split(',').flat_map(|one| braces(&format!("{head}{one}{tail}"))).collect()
}

/// What the map names and the tree lacks, and what the rooms have and the map lacks.
pub(crate) fn faults(readme: &str, root: &Path, rooms: &[&str]) -> Vec<String> {
    let Some(listed) = listed(readme) else { return vec!["the README has no map".to_owned()] };
    let mut faults: Vec<String> = listed
        .iter()
        .filter(|path| !root.join(path).exists())
        .map(|path| format!("the map names {path}, which does not exist"))
        .collect();
    for room in rooms {
        let Ok(entries) = std::fs::read_dir(root.join(room)) else {
            faults.push(format!("no {room}"));
            continue;
        };
        for entry in entries.flatten() {
            let path = format!("{room}/{}", entry.file_name().to_string_lossy());
            let is_folder = entry.path().is_dir();
            let folder = format!("{path}/");
            // A folder is told by itself, by anything in it, or by the file of its name.
            let told = if is_folder {
                listed.contains(&format!("{path}.rs"))
                    || listed.iter().any(|p| p.starts_with(&folder))
            } else {
                listed.contains(&path)
            };
            if !told {
                faults.push(format!("the map lacks {path}"));
            }
        }
    }
    faults
}
