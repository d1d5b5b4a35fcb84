//! Schemathesis makes requests of its own from what the OpenAPI says, and holds the answers to it.

use crate::client::{Api, pair, sent};
use anyhow::Result;
use jieli::demo::city::City;
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
    tried(&first, home, "rosters")?;
    tried(&second, away, "homes")?;
    tried(&second, away, "schools")
}

/// With the token of one system; the same seed tries the same.
fn tried(api: &Api, city: &City, system: &str) -> Result<()> {
    let python = std::env::var_os("JIELI_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let said = Command::new(python)
        .args(["-m", "schemathesis.cli", "run", DESCRIPTION, "--no-color", "--seed", "1"])
        .args(["--url", &api.url(), "--checks", CHECKS, "--max-examples", "12"])
        .args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure"])
        .args(["--suppress-health-check", "all", "--request-timeout", "10"])
        // A stream of changes has no end.
        .args(["--exclude-path", "/api/v1/events"])
        .args(["-H", &format!("Authorization: Bearer {}", city.token(system)?.trim())])
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("PYTHONIOENCODING", "utf-8")
        .output()?;
    let text = String::from_utf8_lossy(&said.stdout);
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{system}: {text}\n{words}");
    // Whatever a refused token or an empty description would be: some hundred were asked.
    let cases = text.lines().find_map(|line| line.trim().split_once(" generated"));
    let cases = cases.and_then(|(count, _)| count.parse::<u32>().ok());
    assert!(cases.is_some_and(|count| count >= 100), "{system}: {text}");
    Ok(())
}
