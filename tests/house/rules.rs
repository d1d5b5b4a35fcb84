//! The rules about source files, each a function from text to faults.

use super::source::{code_only, lies_under, paths, without_tests};

/// Crates that may not be anywhere in the lock file.
pub(crate) const BANNED_CRATES: &[&str] =
    &["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys", "reqwest"];

/// What .clippy.toml must ban.
pub(crate) const CLIPPY_BANS: &[&str] = &[
    "std::time::SystemTime::now",
    "std::time::Instant::now",
    "tokio::time::Instant::now",
    "tokio::spawn",
    "tokio::task::spawn",
    "std::thread::spawn",
    "ring::rand::SystemRandom::new",
    "std::collections::HashMap",
    "std::collections::HashSet",
];

/// Where a ban may be lifted, and how often: generated code, and the program that builds the
/// real clock and entropy.
const LIFTED: &[(&str, usize)] = &[("proto/src/wire/", 1), ("deploy/jieli/src/", 4)];

/// Longest file, in lines.
const LINES_MAX: usize = 600;

/// Files that start with `room` may not name anything under `banned`, save those in `except`.
struct Rule {
    room: &'static str,
    except: &'static [&'static str],
    banned: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        room: "proto/src/",
        except: &[],
        banned: &[
            "tokio",
            "sqlx",
            "axum",
            "hyper",
            "rustls",
            "std::net",
            "std::fs",
            "std::time",
            "std::thread",
            "std::process",
            "std::env",
            "ring::rand",
            "jieli_node",
            "jieli_gateway",
        ],
        why: "the law has no I/O, clock or randomness",
    },
    Rule {
        room: "proto/src/",
        except: &["proto/src/wire/"],
        banned: &["tonic", "tonic_prost"],
        why: "gRPC is in the generated stubs only",
    },
    Rule {
        room: "proto/src/case",
        except: &[],
        banned: &["ring"],
        why: "the state machine is pure",
    },
    Rule {
        room: "gateway/src/",
        except: &[],
        banned: &["jieli_node", "ring::rand", "ring::agreement", "ring::aead"],
        why: "the front desk has no node and no signing key",
    },
    Rule {
        room: "gateway/src/",
        // An ID token is checked there, with public keys of the provider.
        except: &["gateway/src/console/oidc/token", "gateway/src/console/oidc/tests"],
        banned: &["ring::signature"],
        why: "the front desk has no node and no signing key",
    },
    Rule {
        room: "gateway/src/console/oidc/token",
        except: &[],
        banned: &[
            "ring::signature::KeyPair",
            "ring::signature::EcdsaKeyPair",
            "ring::signature::Ed25519KeyPair",
            "ring::signature::RsaKeyPair",
        ],
        why: "an ID token is checked, never signed",
    },
    Rule {
        room: "gateway/src/",
        // Who may log in; no person of a case.
        except: &["gateway/src/console/accounts"],
        banned: &["sqlx"],
        why: "the front desk has no database but that of its accounts",
    },
    Rule {
        room: "node/src/",
        except: &[],
        banned: &["jieli_gateway", "axum", "askama", "calamine"],
        why: "the node has no front desk in it",
    },
    Rule {
        room: "node/src/",
        except: &[
            "node/src/serve",
            "node/src/peers",
            "node/src/tls",
            "node/src/courier",
            "node/src/boot",
            "node/src/net",
            // The carrier is neither a peer nor a desk: a client of its own, for posts alone.
            "node/src/webhook",
        ],
        banned: &[
            "tokio::net",
            "tonic::transport",
            "hyper",
            "hyper_util",
            "tokio_rustls",
            "std::net::TcpStream",
            "std::net::TcpListener",
            "std::net::UdpSocket",
            "std::net::ToSocketAddrs",
        ],
        why: "only serve, peers, tls, courier, boot, net and the carrier's webhook touch the network",
    },
    Rule {
        room: "node/src/decide",
        except: &[],
        banned: &[
            "tokio",
            "sqlx",
            "ring",
            "crate::store",
            "crate::world",
            "crate::log",
            "crate::keys",
            "std::time",
            "std::fs",
            "std::net",
        ],
        why: "decisions are pure and know the law only",
    },
];

/// Dependencies a room may not have.
const MANIFESTS: &[(&str, &[&str])] = &[
    ("proto", &["tokio", "sqlx", "axum", "rustls", "jieli-node", "jieli-gateway", "jieli"]),
    ("gateway", &["jieli-node", "jieli"]),
    ("node", &["jieli-gateway", "jieli", "axum", "askama", "calamine"]),
];

/// Paths that a source file names and may not name. Test items are free.
pub(crate) fn import_faults(path: &str, text: &str) -> Vec<String> {
    let named = paths(&without_tests(&code_only(text)));
    let mut faults = Vec::new();
    for rule in RULES {
        let exempt = rule.except.iter().any(|prefix| path.starts_with(prefix));
        if exempt || !path.starts_with(rule.room) {
            continue;
        }
        for (line, name) in &named {
            if rule.banned.iter().any(|banned| lies_under(name, banned)) {
                faults.push(format!("{path}:{line}: {name}: {}", rule.why));
            }
        }
    }
    faults
}

/// Source files that no `mod` line, `#[path]` or `include!` of another file brings in: nobody
/// compiles them.
pub(crate) fn orphan_faults(files: &[(&str, &str)]) -> Vec<String> {
    let is_root = |stem: &str| matches!(stem, "lib" | "main" | "mod" | "build");
    let mut faults = Vec::new();
    for (path, _) in files {
        let Some((folder, name)) = path.rsplit_once('/') else { continue };
        let stem = name.trim_end_matches(".rs");
        let in_source = path.contains("/src/") && !path.contains("/src/bin/");
        if !in_source || is_root(stem) {
            continue;
        }
        let heads = ["/lib.rs", "/main.rs", "/mod.rs", ".rs"].map(|end| format!("{folder}{end}"));
        let line = format!("mod {stem};");
        let told = files.iter().any(|(other, text)| {
            let is_head = heads.iter().any(|head| head == other);
            is_head && has_word(&code_only(text), &line)
                || other != path && text.contains(&format!("\"{name}\""))
        });
        if !told {
            faults.push(format!("{path} is in no module"));
        }
    }
    faults
}

/// Dependencies that a manifest has and may not have; and whether it takes the common lints.
pub(crate) fn manifest_faults(room: &str, text: &str) -> Vec<String> {
    let Ok(manifest) = text.parse::<toml::Table>() else {
        return vec![format!("{room}/Cargo.toml does not parse")];
    };
    let mut faults = Vec::new();
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        faults.push(format!("{room}/Cargo.toml does not take the lints of the workspace"));
    }
    let banned = MANIFESTS.iter().filter(|(name, _)| *name == room).flat_map(|(_, list)| *list);
    for name in banned {
        if manifest.get("dependencies").is_some_and(|d| d.get(*name).is_some()) {
            faults.push(format!("{room} may not depend on {name}"));
        }
    }
    faults
}

/// Names at the top that are not agreed, and agreed ones that are missing.
pub(crate) fn top_level_faults(names: &[String], agreed: &[&str]) -> Vec<String> {
    let free = |name: &str| name.starts_with('.') || name == "target";
    let strange = names.iter().filter(|name| !free(name) && !agreed.contains(&name.as_str()));
    let missing = agreed.iter().filter(|name| !names.iter().any(|other| other == *name));
    strange
        .map(|name| format!("{name} does not belong at the top"))
        .chain(missing.map(|name| format!("{name} is missing at the top")))
        .collect()
}

/// Files that are too long or not finished.
pub(crate) fn text_faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let generated = path.starts_with("proto/src/wire/");
    let counted = [".rs", ".proto", ".sql", ".html", ".css", ".js", ".sh", "/run"];
    let lines = text.lines().count();
    if !generated && lines > LINES_MAX && counted.iter().any(|end| path.ends_with(end)) {
        faults.push(format!("{path}: {lines} lines, {LINES_MAX} at most"));
    }
    let unfinished = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!")];
    for (number, line) in text.lines().enumerate() {
        if unfinished.iter().any(|word| has_word(line, word)) {
            faults.push(format!("{path}:{}: not finished", number + 1));
        }
    }
    faults
}

fn has_word(line: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(joins) && (!word.ends_with(joins) || !after.is_some_and(joins))
    })
}

/// Bans that .clippy.toml no longer has.
pub(crate) fn clippy_faults(text: &str) -> Vec<String> {
    let missing = |ban: &&&str| !text.contains(&format!("path = \"{ban}\""));
    CLIPPY_BANS.iter().filter(missing).map(|ban| format!("clippy does not ban {ban}")).collect()
}

/// Places that lift a ban and are not on the list, or lift more than the list grants.
pub(crate) fn lifted_faults(files: &[(&str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut used = vec![0; LIFTED.len()];
    for (path, text) in files {
        let count = code_only(text).matches("clippy::disallowed").count();
        match LIFTED.iter().position(|(room, _)| path.starts_with(room)) {
            Some(place) => used[place] += count,
            None if count > 0 => faults.push(format!("{path} lifts a ban")),
            None => {}
        }
    }
    for ((room, most), used) in LIFTED.iter().zip(used) {
        if used > *most {
            faults.push(format!("{room} lifts {used} bans, {most} at most"));
        }
    }
    faults
}

/// Banned crates that the lock file holds.
pub(crate) fn lock_faults(lock: &str) -> Vec<String> {
    let held = |name: &&&str| lock.lines().any(|line| line == format!("name = \"{name}\""));
    BANNED_CRATES.iter().filter(held).map(|name| format!("{name} is locked")).collect()
}
