//! The style of the house, executed: which room may know which, what may not exist, and that the
//! README's map is the tree. Every checker is also shown a planted fault.

use prost_types::FileDescriptorSet;
use std::path::{Path, PathBuf};

#[path = "house/alarms.rs"]
mod alarms;
#[path = "house/deny.rs"]
mod deny;
#[path = "house/map.rs"]
mod map;
#[path = "house/pages.rs"]
mod pages;
#[path = "house/places.rs"]
mod places;
#[path = "house/rules.rs"]
mod rules;
#[path = "house/source.rs"]
mod source;
#[path = "house/sql.rs"]
mod sql;
#[path = "house/wire.rs"]
mod wire;

/// Everything at the top besides dot-files; `target` is where cargo builds.
const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "deploy",
    "gateway",
    "node",
    "proto",
    "tests",
];

/// Rooms whose every file the map tells.
const ROOMS: &[&str] = &["proto/src", "node/src", "gateway/src"];

/// Sample configurations under deploy/, by the end of their path, and who reads them.
const SAMPLES: &[(&str, Parser)] = &[("jieli.toml", |text| {
    jieli_node::config::Config::parse(text, Path::new("."))?;
    Ok(())
})];

type Parser = fn(&str) -> anyhow::Result<()>;

struct Text {
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// Every text file under these folders or files, by its path from the root, in order.
fn texts(under: &[&str]) -> Vec<Text> {
    let mut waiting: Vec<String> = under.iter().map(|s| (*s).to_owned()).collect();
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        let full = root().join(&path);
        if full.is_dir() {
            let entries = std::fs::read_dir(full).expect("a folder that can be read");
            for entry in entries.flatten() {
                waiting.push(format!("{path}/{}", entry.file_name().to_string_lossy()));
            }
        } else if let Ok(text) = std::fs::read_to_string(full) {
            found.push(Text { path, text });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn everything() -> Vec<Text> {
    let dots = [".cargo", ".ci", ".clippy.toml", ".config", ".github", "Cargo.toml", "README.md"];
    texts(&[dots.as_slice(), &["deploy", "gateway", "node", "proto", "tests"]].concat())
}

fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn rooms_know_only_whom_they_may() {
    let sources = texts(&["proto/src", "node/src", "gateway/src", "deploy/jieli/src"]);
    assert!(sources.iter().any(|file| file.path == "proto/src/lib.rs"));
    let rust = sources.iter().filter(|file| file.path.ends_with(".rs"));
    none(rust.flat_map(|file| rules::import_faults(&file.path, &file.text)).collect());
}

#[test]
fn manifests_know_only_whom_they_may() {
    let members = ["proto", "node", "gateway", "tests", "deploy/jieli"];
    let read = |room: &str| rules::manifest_faults(room, &read(&format!("{room}/Cargo.toml")));
    none(members.iter().flat_map(|room| read(room)).collect());
}

#[test]
fn a_planted_import_is_found() {
    let found = |path: &str, text: &str| rules::import_faults(path, text).len();
    assert_eq!(found("proto/src/a.rs", "use std::{fmt, fs::{self, File as F}, io};"), 2);
    assert_eq!(found("proto/src/a.rs", "fn f() { let t = ::std::time::UNIX_EPOCH; }"), 1);
    assert_eq!(found("proto/src/a.rs", "// use tokio;\nconst A: &str = \"use tokio;\";"), 0);
    assert_eq!(found("proto/src/a.rs", "fn f() {}\n#[cfg(test)]\nmod t { use std::fs; }"), 0);
    assert_eq!(found("proto/src/a.rs", "#[cfg(test)]\nmod t;\nuse std::fs;"), 1);
    assert_eq!(found("proto/src/a.rs", "const Q: char = '\"'; use sqlx::Row; // \""), 1);
    assert_eq!(found("gateway/src/a/b.rs", "use jieli_node::store;"), 1);
    assert_eq!(found("gateway/src/a.rs", "use jieli_nodes::store;"), 0);
    assert_eq!(found("gateway/src/a.rs", "use sqlx::Row;"), 1);
    assert_eq!(found("gateway/src/console/accounts.rs", "use sqlx::Row;"), 0);
    assert_eq!(found("gateway/src/console/accounts.rs", "use ring::signature;"), 1);
    assert_eq!(found("node/src/a.rs", "pub use jieli_gateway as g;"), 1);
    assert_eq!(found("node/src/store/a.rs", "use tokio::{net::TcpStream, sync};"), 1);
    assert_eq!(found("node/src/config.rs", "use std::net::{IpAddr, SocketAddr};"), 0);
    assert_eq!(found("node/src/serve/desk.rs", "use tokio::net::TcpListener;"), 0);
    assert_eq!(found("node/src/decide.rs", "use crate::store::Cases;"), 1);
    assert_eq!(found("proto/src/case/fold.rs", "use ring::digest;"), 1);
    let bad = "[dependencies]\njieli-node.workspace = true\n[lints]\nworkspace = true";
    assert_eq!(rules::manifest_faults("gateway", bad).len(), 1);
    assert_eq!(rules::manifest_faults("node", "[dependencies]").len(), 1);
}

#[test]
fn the_top_level_is_the_agreed_one() {
    let entries = std::fs::read_dir(root()).expect("the root").flatten();
    let names: Vec<String> =
        entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    none(rules::top_level_faults(&names, TOP));
    let planted = ["Cargo.toml", "notes.txt", ".github", "target"].map(str::to_owned);
    assert_eq!(rules::top_level_faults(&planted, &["Cargo.toml", "LICENSE"]).len(), 2);
}

#[test]
fn the_map_is_the_tree() {
    none(map::faults(&read("README.md"), &root(), ROOMS));
}

#[test]
fn a_wrong_map_is_found() {
    let faults = |map: &str| map::faults(map, &root(), &["proto/src"]);
    assert_eq!(faults("# Jieli\n```\nproto/\n```").len(), 1, "no heading says map");
    let told =
        "# J\n## 地图 Map\n```text\nproto/          law\n  src/{lib,day}.rs\n  src/no.rs  x\n```";
    let listed = map::listed(told).expect("a map");
    assert!(listed.contains("proto/src/day.rs") && listed.contains("proto/"));
    let faults = faults(told);
    assert!(faults.contains(&"the map names proto/src/no.rs, which does not exist".to_owned()));
    assert!(faults.contains(&"the map lacks proto/src/calendar.rs".to_owned()));
    assert!(!faults.iter().any(|fault| fault.contains("lib.rs")));
}

#[test]
fn the_pages_tell_the_numbers_of_the_code() {
    let set = descriptors();
    let (protocol, casework) = (read("proto/PROTOCOL.md"), read("proto/CASEWORK.md"));
    none(pages::protocol_faults(&protocol, &set));
    none(pages::section_faults(&protocol));
    none(pages::casework_faults(&casework));
    let wrong = protocol.replace("| 19 | CONSENT_INVALID |", "| 18 | CONSENT_INVALID |");
    assert_eq!(pages::protocol_faults(&wrong, &set).len(), 1);
    let wrong = protocol.replace("2 scheme: number", "2 scheme: text");
    assert_eq!(pages::section_faults(&wrong).len(), 1);
    let wrong = casework.replace("| 36 | REMIND_AGAIN |", "| 37 | REMIND_AGAIN |");
    assert_eq!(pages::casework_faults(&wrong).len(), 1);
}

#[test]
fn files_stay_short_and_finished() {
    none(everything().iter().flat_map(|file| rules::text_faults(&file.path, &file.text)).collect());
    let long = "x\n".repeat(601);
    assert_eq!(rules::text_faults("node/src/a.rs", &long).len(), 1);
    assert_eq!(rules::text_faults("proto/src/wire/a.rs", &long).len(), 0);
    for word in [concat!("// TO", "DO later"), concat!("-- FIX", "ME"), concat!("to", "do!()")] {
        assert_eq!(rules::text_faults("node/src/a.rs", word).len(), 1, "{word}");
    }
    assert_eq!(rules::text_faults("node/src/a.rs", "let todos = METHODOLOGY;").len(), 0);
}

#[test]
fn every_source_file_is_compiled() {
    let files = everything();
    let rust = files.iter().filter(|file| file.path.ends_with(".rs"));
    let rust: Vec<(&str, &str)> = rust.map(|f| (f.path.as_str(), f.text.as_str())).collect();
    none(rules::orphan_faults(&rust));
    let planted = |head: &str| {
        rules::orphan_faults(&[
            ("a/src/lib.rs", head),
            ("a/src/b.rs", "mod c;"),
            ("a/src/b/c.rs", ""),
        ])
    };
    assert!(planted("pub mod b;").is_empty());
    assert_eq!(planted("// mod b;"), ["a/src/b.rs is in no module"]);
}

#[test]
fn bans_are_in_force_and_rarely_lifted() {
    none(rules::clippy_faults(&read(".clippy.toml")));
    let files = everything();
    let rust: Vec<(&str, &str)> = files
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .map(|file| (file.path.as_str(), file.text.as_str()))
        .collect();
    none(rules::lifted_faults(&rust));
    let lifted = "#[expect(clippy::disallowed_types, reason = \"\")]\nstruct A;";
    assert_eq!(rules::lifted_faults(&[("node/src/a.rs", lifted)]).len(), 1);
    assert_eq!(rules::clippy_faults("disallowed-types = []").len(), rules::CLIPPY_BANS.len());
}

#[test]
fn banned_crates_are_not_locked() {
    none(rules::lock_faults(&read("Cargo.lock")));
    let planted = "[[package]]\nname = \"openssl-sys\"\nversion = \"0.9.0\"";
    assert_eq!(rules::lock_faults(planted).len(), 1);
    for name in rules::BANNED_CRATES {
        assert!(read(".cargo/deny.toml").contains(&format!("crate = \"{name}\"")), "{name}");
        assert!(read("tests/run").contains(name), "{name}");
    }
}

#[test]
fn the_sql_is_what_its_page_lists() {
    let files = texts(&["node/src"]);
    let is_tests = |path: &str| path.ends_with("/tests.rs");
    let files = files.iter().filter(|file| !is_tests(&file.path));
    let used = files.flat_map(|file| sql::used(&file.path, &file.text)).collect();
    none(sql::faults(&sql::listed(&read("node/SQL.md")), &used));
}

#[test]
fn planted_sql_is_found() {
    let page = "# SQL\n```sql\nSELECT FROM WHERE UPDATE SET FOR COMMIT count()\n```\nPREPARE";
    let listed = sql::listed(page);
    let faults = |code: &str| {
        let used = sql::used("node/src/a.rs", code);
        sql::faults(&listed, &listed.union(&used).cloned().collect())
    };
    assert!(faults("const A: &str = \"SELECT count(a) FROM {T} WHERE b = 'LISTEN'\";").is_empty());
    assert!(faults("/// \"LISTEN\"\nfn f() { g(\"do not LISTEN\") } // \"NOTIFY\"").is_empty());
    assert!(faults("#[cfg(test)]\nmod t { fn f() { g(\"LISTEN a\") } }").is_empty());
    for planted in [
        "LISTEN news",
        "SELECT a FROM b FOR UPDATE SKIP LOCKED",
        "{head} FOR UPDATE NOWAIT",
        "COMMIT; NOTIFY news",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "SELECT pg_advisory_xact_lock(1)",
        "select pg_try_advisory_lock(1)",
        "select a from b",
        "SELECT \\\n    a FROM b FOR SHARE",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "CREATE TRIGGER a",
        "SELECT now() FROM a",
    ] {
        assert!(!faults(&format!("fn f() {{ g(\"{planted}\") }}")).is_empty(), "{planted}");
    }
    let used = sql::used("node/src/a.sql", "-- LISTEN\nCREATE SEQUENCE a;");
    assert_eq!(used.into_iter().collect::<Vec<_>>(), ["CREATE", "SEQUENCE"]);
    let never = sql::listed("```sql\nSELECT LISTEN pg_advisory_lock()\n```");
    assert_eq!(sql::never(&never).len(), 2, "not even a listed one");
}

#[test]
fn sample_configurations_parse() {
    for file in texts(&["deploy"]) {
        let name = file.path.as_str();
        if name.ends_with(".toml") && !name.ends_with("Cargo.toml") {
            toml::from_str::<toml::Table>(&file.text).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        if name.ends_with(".json") {
            let value = serde_json::from_str::<serde_json::Value>(&file.text);
            value.unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        for (_, parse) in SAMPLES.iter().filter(|(end, _)| name.ends_with(end)) {
            parse(&file.text).unwrap_or_else(|e| panic!("{name}: {e}"));
        }
    }
}

fn descriptors() -> FileDescriptorSet {
    let sources: Vec<PathBuf> = texts(&["proto/jieli/v1"])
        .iter()
        .filter(|file| file.path.ends_with(".proto"))
        .map(|file| root().join(&file.path))
        .collect();
    assert!(sources.len() >= 6, "{sources:?}");
    protox::compile(sources, [root().join("proto")]).expect("the .proto files compile")
}

#[test]
fn descriptors_and_columns_hold_nothing_forbidden() {
    let set = descriptors();
    none(wire::descriptor_faults(&set));
    let schema = texts(&["node/src/store/schema", "gateway/src/console"]);
    let sql = schema.iter().filter(|file| file.path.ends_with(".sql"));
    none(sql.flat_map(|file| wire::sql_faults(&file.text)).collect());
}

#[test]
fn v10_names_in_json_pages_words_and_synonyms_hold_nothing_forbidden() {
    let templates = texts(&["gateway/templates"]);
    assert!(templates.len() >= 10);
    none(templates.iter().flat_map(|file| places::template_faults(&file.text)).collect());
    let lists = texts(&["gateway/words"]);
    assert!(lists.len() >= 2);
    let list = |text: &str| toml::from_str::<toml::Table>(text).expect("a word list");
    none(lists.iter().flat_map(|file| places::word_faults(&list(&file.text))).collect());
    let sources = texts(&["node/src", "gateway/src", "proto/src", "deploy/jieli/src"]);
    let rust = sources.iter().filter(|file| file.path.ends_with(".rs"));
    let ours = rust.filter(|file| !file.path.contains("/wire/"));
    none(ours.flat_map(|file| places::json_faults(&file.text)).collect());
    let document = serde_json::from_str(&read("gateway/openapi.json"));
    none(places::document_faults(&document.expect("the OpenAPI document")));
    let headings = texts(&["gateway/src/sheet"]);
    let headings = headings.iter().find(|file| file.path.ends_with("headings.rs"));
    none(places::synonym_faults(&headings.expect("the headings").text));
}

/// V10: in each of the places, in Chinese, English and pinyin.
#[test]
fn v10_a_planted_name_is_found_in_every_place() {
    let planted = ["民族", "religion", "zhengzhimianmao", "credit_score", "huji_di", "指纹"];
    for name in planted {
        let page = format!("<p>ok</p><input name=\"{name}\" value=\"x\">");
        assert_eq!(places::template_faults(&page).len(), 1, "{name} in an attribute");
        let page = format!("<p>{{{{ worker.{name} }}}}</p>");
        assert_eq!(places::template_faults(&page).len(), 1, "{name} filled in");
        assert_eq!(places::template_faults(&format!("<th>{name}</th>")).len(), 1, "{name} shown");
        let words = format!("[case]\n\"{name}\" = \"ok\"\n");
        assert_eq!(places::word_faults(&toml::from_str(&words).unwrap()).len(), 1, "{name} a key");
        let words = format!("[case]\nfield = \"{name}\"\n");
        assert_eq!(places::word_faults(&toml::from_str(&words).unwrap()).len(), 1, "{name} a word");
        let code = format!("json!({{ \"id\": 1, \"{name}\": one.x }})");
        assert_eq!(places::json_faults(&code).len(), 1, "{name} in JSON");
        let code = format!("map.insert(\"{name}\", 1);");
        assert_eq!(places::json_faults(&code).len(), 1, "{name} put into a map");
        let mut api = serde_json::json!({ "components": { "schemas": {} } });
        api["components"]["schemas"]["Worker"] = serde_json::json!({ "properties": { name: {} } });
        assert_eq!(places::document_faults(&api).len(), 1, "{name} in OpenAPI");
        let code = format!("(Column::Name, &[\"姓名\", \"{name}\"]),");
        assert_eq!(places::synonym_faults(&code).len(), 1, "{name} as a heading");
        let sql = format!("CREATE TABLE a (id BIGINT, {name} TEXT);");
        assert_eq!(wire::sql_faults(&sql).len(), 1, "{name} in SQL");
    }
    for name in ["religion", "zhengzhimianmao", "credit_score"] {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let path = dir.path().join("case.proto");
        let text = format!("syntax = \"proto3\";\npackage t;\nmessage M {{ string {name} = 1; }}");
        std::fs::write(&path, text).expect("a scratch file");
        let set = protox::compile([path], [dir.path()]).expect("a planted file compiles");
        assert_eq!(wire::descriptor_faults(&set).len(), 1, "{name} in a descriptor");
    }
}

#[test]
fn planted_fields_and_columns_are_found() {
    let found = |name: &str, body: &str| {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let path = dir.path().join(name);
        let text = format!("syntax = \"proto3\";\npackage t;\n{body}");
        std::fs::write(&path, text).expect("a scratch file");
        let set = protox::compile([path], [dir.path()]).expect("a planted file compiles");
        wire::descriptor_faults(&set)
    };
    let one = |body: &str| {
        let faults = found("case.proto", body);
        assert_eq!(faults.len(), 1, "{body}: {faults:?}");
    };
    assert!(
        found("case.proto", "message M { uint32 a = 1; repeated string end_points = 2; }")
            .is_empty()
    );
    one("message M { string ethnicity = 1; }");
    one("message M { message N { uint32 credit_score = 1; } }");
    one("enum E { E_UNSPECIFIED = 0; E_RELIGION = 1; }");
    one("message BlacklistEntry {}");
    one("message M { map<string, string> a = 1; }");
    one("message M { double a = 1; }");
    one("message M { repeated float a = 1; }");
    one("message M { optional uint32 a = 1; }");
    one("message M { oneof x { uint32 a = 1; uint32 b = 2; } uint32 c = 3; }");
    one("message M { oneof x { uint32 a = 1; uint32 b = 3; } }");
    one("message M { oneof x { uint32 a = 1; } oneof y { uint32 b = 2; } }");
    assert!(
        found("desk.proto", "message M { oneof x { uint32 a = 1; } uint32 b = 2; }").is_empty()
    );
    let open = "import \"google/protobuf/any.proto\"; message M { google.protobuf.Any a = 1; }";
    assert!(!found("case.proto", open).is_empty());

    let sql = "CREATE TABLE a (id BIGINT, -- sex is not sent\n b TEXT DEFAULT 'score');";
    assert!(wire::sql_faults(sql).is_empty());
    assert_eq!(wire::sql_faults("CREATE TABLE a (id BIGINT, native_place TEXT);").len(), 1);
    assert_eq!(wire::sql_faults("ALTER TABLE a ADD COLUMN \"birth_date\" TEXT;").len(), 1);
}
