//! Changes as they happen, and taken up again where a stream ended.

use crate::client::{Api, pair, sent};
use anyhow::Result;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_case_leg_and_stage_and_is_taken_up_again() -> Result<()> {
    let pair = pair().await?;
    let them = pair.destination();
    let api = Api::start(them)?;
    let mut homes = api.system(them, "homes")?;
    let schools = api.system(them, "schools")?;
    let mut events = homes.events(None)?;
    let mut others = schools.events(None)?;
    sent(pair.origin(), 1).await?;
    let (first, arrived) = events.next()?;
    assert_eq!(arrived["stage"], "OFFERED", "{arrived}");
    let names: Vec<&String> =
        arrived.as_object().into_iter().flatten().map(|pair| pair.0).collect();
    assert_eq!(names, ["case", "leg", "stage"]);
    drop(events);

    // What changes while nobody listens is told to who comes back, once, as it is by then.
    let case = arrived["case"].as_str().unwrap_or_default().to_owned();
    let path = format!("/api/v1/cases/{case}/legs/{}", arrived["leg"]);
    let tag = homes.get(&path)?.header("etag");
    let done = homes.post(&format!("{path}/acts"), &tag, &json!({ "step": "take-up" }))?;
    assert_eq!(done.status, 200, "{done:?}");
    let mut events = homes.events(Some(&first))?;
    let (second, taken) = events.next()?;
    assert_eq!((&taken["case"], &taken["stage"]), (&json!(case), &json!("TAKEN_UP")));
    assert!(second.parse::<u64>()? > first.parse::<u64>()?);

    // A reader that is ahead of the node is told to list anew; nonsense is refused.
    let (_, again) = homes.events(Some("999999"))?.next()?;
    assert_eq!(again, json!({}));
    let wrong = homes.ask("GET", "/api/v1/events", "Last-Event-ID: x\r\n", "")?;
    assert_eq!(wrong.code(), (400, "BAD_EVENT_ID".to_owned()));

    // Another office hears of its own legs alone: nothing came until the API stops.
    drop(api);
    assert!(others.next().is_err(), "the other office was told something");
    Ok(())
}
