//! Webhooks from the command line to a receiver, across a power cut.

use crate::client::{Api, pair, sent};
use anyhow::{Result, ensure};
use jieli::demo::city::City;
use jieli::demo::clock::FileClock;
use jieli_node::webhook::SharedSecret;
use jieli_node::world::Clock;
use jieli_tests::{Receiver, Say, program, until};
use serde_json::Value;
use std::process::Command;

/// Longer than a lease.
const MINUTES_2: u64 = 120_000;

fn webhook(city: &City, words: &[&str]) -> Result<Value> {
    let mut program = Command::new(program()?);
    program.args(["--json", "--as", "operator", "--dir"]).arg(&city.dir).arg("webhook");
    let done = program.args(words).output()?;
    ensure!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    Ok(serde_json::from_slice(&done.stdout)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_loses_nothing_and_the_system_reads_what_it_was_told() -> Result<()> {
    let pair = pair().await?;
    let (them, clock) = (pair.destination(), pair.dir().join("clock"));
    let receiver = Receiver::start().await;
    receiver.says([Say::Nothing]);
    let made = webhook(them, &["add", "homes", &receiver.url()])?;
    let (id, secret) = (made["id"].as_str().unwrap_or_default(), made["secret"].as_str());
    let secret = SharedSecret::parse(secret.unwrap_or_default())?;
    assert_eq!(webhook(them, &["list"])?[0]["state"], "well");
    sent(pair.origin(), 1).await?;
    until("a post that is not answered", async || Ok(!receiver.got().is_empty())).await?;
    them.crash_and_restart().await?;
    let now_ms = || FileClock::open(&clock).now_unix_ms();
    FileClock::set(&clock, now_ms() + MINUTES_2)?;
    until("it again", async || Ok(receiver.got().len() > 1)).await?;
    let got = receiver.got();
    assert_eq!((got[0].id(), &got[0].body), (got[1].id(), &got[1].body));
    assert_eq!(secret.verify(got[1].headers(), &got[1].body, now_ms() / 1000), Ok(()));
    assert_eq!(got[1].json()["stage"], "OFFERED");

    // The command line tells how it went, and of no case; the system itself reads what it was told.
    until("it is noted", async || Ok(webhook(them, &["list"])?[0]["waiting"] == 0)).await?;
    let case = got[1].json()["case"].as_str().unwrap_or_default().to_owned();
    let seen = webhook(them, &["log", id])?;
    assert!(seen[0]["state"] == "taken" && !seen.to_string().contains(&case), "{seen}");
    let api = Api::start(them)?;
    let own = api.system(them, "homes")?.get("/api/v1/deliveries")?;
    assert_eq!(own.status, 200, "{own:?}");
    let own = own.json();
    let lines = own["deliveries"].as_array().map_or(0, Vec::len);
    assert!(lines > 0 && own["deliveries"][lines - 1]["case"] == case.as_str(), "{own}");
    let other = api.system(them, "schools")?.get("/api/v1/deliveries")?.json();
    assert_eq!(other["deliveries"].as_array().map(Vec::len), Some(0));
    assert_eq!(api.nobody().get("/api/v1/deliveries")?.code().0, 401);

    let again = webhook(them, &["rotate", id])?;
    assert_ne!(again["secret"], made["secret"]);
    webhook(them, &["retry", id])?;
    assert_eq!(webhook(them, &["remove", id])?.as_array().map(Vec::len), Some(0));
    Ok(())
}
