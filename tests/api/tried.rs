//! Schemathesis makes requests of its own from what the OpenAPI says, and holds the answers to it.

use crate::client::{Api, pair, sent};
use anyhow::{Context, Result};
use jieli::demo::city::City;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const DESCRIPTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/openapi.json");
/// Server errors, undocumented statuses and types, answers that are not what the schema says.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

#[tokio::test(flavor = "multi_thread")]
async fn others_try_every_route() -> Result<()> {
    let pair = pair().await?;
    sent(pair.origin(), 1).await?;
    let (home, away) = (pair.origin(), pair.destination());
    let (first, second) = (Api::start(home)?, Api::start(away)?);
    let whole = Path::new(DESCRIPTION);
    for (api, city, system) in
        [(&first, home, "rosters"), (&second, away, "homes"), (&second, away, "schools")]
    {
        // A token that opens nothing would find nothing wrong.
        assert_eq!(api.system(city, system)?.get("/api/v1/legs")?.status, 200);
        let (good, said) = tried(api, city, system, whole)?;
        assert!(good, "{system}: {said}");
        let count = |line: &str| line.trim().split_once(" generated")?.0.parse::<u32>().ok();
        assert!(said.lines().find_map(count).is_some_and(|cases| cases >= 100), "{said}");
    }
    // It does notice: a status that the description keeps quiet about.
    let mut less: Value = serde_json::from_slice(&std::fs::read(whole)?)?;
    let answers = less.pointer_mut("/paths/~1api~1v1~1cases~1{case}/get/responses");
    answers.and_then(Value::as_object_mut).and_then(|all| all.remove("404")).context("a 404")?;
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("openapi.json");
    std::fs::write(&file, serde_json::to_vec(&less)?)?;
    let (good, said) = tried(&first, home, "rosters", &file)?;
    assert!(!good && said.contains("Undocumented status code"), "{said}");
    Ok(())
}

/// With the token of one system; the same seed tries the same. Whether all was well, and what it
/// says.
fn tried(api: &Api, city: &City, system: &str, description: &Path) -> Result<(bool, String)> {
    let python = std::env::var_os("JIELI_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let said = Command::new(python)
        .args(["-m", "schemathesis.cli", "run", "--no-color", "--seed", "1"])
        .arg(description)
        .args(["--url", &api.url(), "--checks", CHECKS, "--max-examples", "12"])
        .args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure"])
        .args(["--suppress-health-check", "all", "--request-timeout", "10"])
        // A stream of changes has no end.
        .args(["--exclude-path", "/api/v1/events"])
        .args(["-H", &format!("Authorization: Bearer {}", city.token(system)?.trim())])
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("PYTHONIOENCODING", "utf-8")
        .output()?;
    let words = [said.stdout, said.stderr].concat();
    Ok((said.status.success(), String::from_utf8_lossy(&words).into_owned()))
}
