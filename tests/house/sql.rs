//! The SQL of the node, read off its sources: every string that begins like SQL, and the steps of
//! the schema. node/SQL.md lists each word and each function of it.

use super::source::{code_only, literals, without_tests};
use std::collections::BTreeSet;

/// What a text of SQL, or a piece of one, begins with.
const BEGINNINGS: &str = "\
    ABORT ALTER ANALYZE AND ATTACH BEGIN CALL CASE CLUSTER COMMENT COMMIT COPY CREATE \
    DEALLOCATE DECLARE DELETE DISCARD DO DROP END EXCEPT EXECUTE EXISTS EXPLAIN FETCH FOR \
    FROM GRANT GROUP HAVING IN INSERT INTERSECT JOIN LEFT LIMIT LISTEN LOAD LOCK MERGE MOVE \
    NOT NOTIFY NOWAIT ON OR ORDER PRAGMA PREPARE REFRESH REINDEX RELEASE RESET RETURNING \
    REVOKE ROLLBACK SAVEPOINT SELECT SET SKIP START TRUNCATE UNION UNLISTEN UPDATE USING \
    VACUUM VALUES WHERE WINDOW WITH";

/// The same in small letters, where a text could be nothing else.
const SMALL: &[&str] =
    &["begin;", "delete from ", "insert into ", "listen ", "lock table ", "notify ", "select "];

/// What may not even be listed: it ties the node to one server or one session, or waits where
/// nobody sees it.
const NEVER: &str = "\
    ADVISORY CURSOR EXTENSION FUNCTION ISOLATION LISTEN LOCKED NOTIFY NOWAIT PREPARE \
    PROCEDURE REPEATABLE SEQUENCE SERIAL SERIALIZABLE SHARE SKIP TEMP TEMPORARY TRIGGER \
    UNLISTEN UNLOGGED";

/// What a page lists: the words of the fenced blocks that are marked `sql`.
pub(crate) fn listed(page: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut words = BTreeSet::new();
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```sql";
        } else if inside {
            words.extend(line.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Words in capitals and functions, as `name()`, of one file.
pub(crate) fn used(path: &str, text: &str) -> BTreeSet<String> {
    let texts = if path.ends_with(".sql") {
        let lines = text.lines().map(|line| line.split("--").next().unwrap_or_default());
        vec![lines.collect::<Vec<_>>().join("\n")]
    } else {
        let code = code_only(text);
        let visible = without_tests(&code);
        literals(text, &code, &visible).into_iter().filter(|text| is_sql(text)).collect()
    };
    texts.iter().flat_map(|text| words(text)).collect()
}

/// What of the words may not be listed.
pub(crate) fn never(words: &BTreeSet<String>) -> Vec<String> {
    let is_never = |word: &&String| {
        NEVER.split(' ').any(|never| never == word.as_str())
            || word.starts_with("pg_")
            || word.contains("lock")
    };
    words.iter().filter(is_never).map(|word| format!("{word} may not be used")).collect()
}

/// What one says and the other does not.
pub(crate) fn faults(listed: &BTreeSet<String>, used: &BTreeSet<String>) -> Vec<String> {
    let unlisted = used.difference(listed).map(|word| format!("node/SQL.md does not list {word}"));
    let unused = listed.difference(used).map(|word| format!("node/SQL.md lists {word}, unused"));
    unlisted.chain(unused).chain(never(used)).chain(never(listed)).collect()
}

fn is_sql(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c == '(' || c.is_whitespace());
    // A piece that goes on after something filled in.
    if let Some(rest) = text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        return is_sql(rest.1);
    }
    // A code such as NOT_FOUND is one word.
    let ends = |c: char| !c.is_alphanumeric() && c != '_';
    let first = text.split(ends).next().unwrap_or_default();
    let calls_server = text.match_indices("pg_").any(|(at, _)| {
        text[at..].trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').starts_with('(')
    });
    BEGINNINGS.split(' ').any(|beginning| beginning == first)
        || SMALL.iter().any(|small| text.starts_with(small))
        || calls_server
}

fn words(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skip = |end: char| rest[1..].find(end).map_or(rest.len(), |at| at + 2);
        let length = match first {
            '\'' => skip('\''),
            '{' => skip('}'),
            c if c.is_alphabetic() || c == '_' => {
                let word: String =
                    rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let small = word.to_lowercase();
                if word.chars().any(|c| c.is_ascii_uppercase()) {
                    found.insert(word.clone());
                } else if SMALL.iter().any(|known| known.trim_end_matches([' ', ';']) == small) {
                    found.insert(format!("{word} in small letters"));
                } else if rest[word.len()..].starts_with('(') {
                    found.insert(format!("{word}()"));
                }
                word.len()
            }
            c => c.len_utf8(),
        };
        rest = &rest[length.min(rest.len())..];
    }
    found
}
