//! A receiving office's system does its work; pages; what is sent twice; what has changed meanwhile.

use crate::client::{Api, drafts, pair, sent};
use anyhow::Result;
use jieli_proto::wire;
use jieli_proto::wire::act_request::Act;
use jieli_tests::until;
use serde_json::json;
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread")]
async fn a_system_takes_up_accepts_and_opens_one_section_that_the_person_reads_about() -> Result<()>
{
    let pair = pair().await?;
    let (us, them) = (pair.origin(), pair.destination());
    let (case, code) = sent(us, 1).await?;
    let api = Api::start(them)?;
    let mut homes = api.system(them, "homes")?;
    let (there, leg) = homes.first("OFFERED").await?;
    let path = format!("/api/v1/cases/{there}/legs/{leg}");

    // One leg, without any person, with the steps that are nobody's own word.
    let shown = homes.get(&path)?;
    let tag = shown.header("etag");
    assert!(shown.status == 200 && tag.len() == 34, "{shown:?}");
    let steps = shown.json()["steps"].to_string();
    assert!(steps.contains("take-up") && !steps.contains("withdraw"), "{steps}");
    let same = homes.ask("GET", &path, &format!("If-None-Match: {tag}\r\n"), "")?;
    assert_eq!((same.status, same.text.as_str()), (304, ""));

    // A step needs the leg as it was seen; sent twice it is done once.
    let acts = format!("{path}/acts");
    let take_up = json!({ "step": "take-up" });
    assert_eq!(homes.post(&acts, "", &take_up)?.code(), (428, "MATCH_MISSING".to_owned()));
    assert_eq!(homes.post(&acts, "\"0\"", &take_up)?.code(), (412, "STALE".to_owned()));
    let stop = homes.post(&acts, &tag, &json!({ "step": "withdraw" }))?;
    assert_eq!(stop.code(), (409, "NOT_NOW".to_owned()));
    let done = homes.post_as("one", &acts, &tag, &take_up)?;
    assert_eq!(done.status, 200, "{done:?}");
    let again = homes.post_as("one", &acts, &tag, &take_up)?;
    assert_eq!((again.status, &again.text), (200, &done.text));
    let other = homes.post_as("one", &acts, &tag, &json!({ "step": "accept" }))?;
    assert_eq!(other.code(), (422, "KEY_OTHER_BODY".to_owned()));
    assert_eq!(homes.post(&acts, &tag, &take_up)?.code(), (412, "STALE".to_owned()));

    // The other city's receipt changes the leg too: what is acted on is what stands after it.
    let mut tag = String::new();
    until("the receipt", async || {
        let shown = homes.get(&path)?;
        tag = shown.header("etag");
        Ok(!shown.text.contains("provisional"))
    })
    .await?;
    let bad = homes.post(&acts, &tag, &json!({ "step": "decline", "code": "NONE_OF_THEM" }))?;
    assert!(bad.code() == (422, "BAD_FIELD".to_owned()) && bad.text.contains("\"code\""));
    let bad = homes.post(&acts, &tag, &json!({ "step": "accept", "reference": "1" }))?;
    assert!(bad.code() == (422, "BAD_FIELD".to_owned()) && bad.text.contains("reference"));
    let accept = json!({ "step": "accept", "slot_until": "2026-12-11", "bring": [1] });
    let done = homes.post(&acts, &tag, &accept)?;
    assert_eq!(done.status, 200, "{done:?}");
    homes.first("RELEASED").await?;

    // One section at a time, for a listed purpose.
    let open = format!("{path}/sections/person");
    let asked = json!({ "purpose": "办理业务" });
    assert_eq!(homes.post(&open, "", &json!({ "purpose": "随便看看" }))?.code().0, 422);
    assert_eq!(homes.post(&format!("{path}/sections/x"), "", &asked)?.code().0, 404);
    let person = homes.post_as("two", &open, "", &asked)?;
    assert!(person.status == 200 && person.json()["section"] == "person", "{person:?}");
    let name = jieli_tests::people::home(1).legs[0].person.clone();
    let name = name.or(jieli_tests::people::home(1).worker).unwrap_or_default().name;
    assert!(person.text.contains(&name), "{person:?}");
    // The answer is not kept: it is opened anew, and written down anew.
    assert_eq!(homes.post_as("two", &open, "", &asked)?.text, person.text);

    // The sending office's system does the same, and its person reads which system, when and why.
    let sending = Api::start(us)?;
    let mut rosters = sending.system(us, "rosters")?;
    let mine = format!("/api/v1/cases/{case}/legs/1/sections/person");
    assert_eq!(rosters.post(&mine, "", &asked)?.status, 200);
    let ask = wire::WorkerRequest { code, case_number: case.clone() };
    let node = tonic::transport::Endpoint::from_shared(format!("http://{}", us.doors()[1]))?;
    let mut worker = wire::worker_client::WorkerClient::new(node.connect().await?);
    let looks = worker.who_looked(ask).await?.into_inner().looks;
    let look = looks.first().cloned().unwrap_or_default();
    assert_eq!((look.system.as_str(), look.view.as_str()), ("rosters", "section"), "{looks:?}");
    assert_eq!((look.purpose.as_str(), look.legs), ("办理业务", vec![1]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_still_is_on_one_page_while_pages_are_turned() -> Result<()> {
    let pair = pair().await?;
    let us = pair.origin();
    let before = drafts(us, 1..31).await?;
    let api = Api::start(us)?;
    let rosters = api.system(us, "rosters")?;
    for sort in ["due", "-due"] {
        let (mut seen, mut next, mut turn) = (BTreeMap::new(), String::new(), 0);
        let gone = &before[if sort == "due" { 25 } else { 4 }];
        loop {
            let query = format!("/api/v1/legs?limit=7&sort={sort}&stage=DRAFT{next}");
            let page = rosters.get(&query)?;
            assert_eq!(page.status, 200, "{page:?}");
            for leg in page.json()["legs"].as_array().cloned().unwrap_or_default() {
                *seen.entry(leg["case"].as_str().unwrap_or_default().to_owned()).or_insert(0) += 1;
            }
            turn += 1;
            if turn == 2 {
                // While the pages are turned one draft goes and others come.
                let act = Some(Act::Withdraw(wire::DeskWithdraw {}));
                let ask = wire::ActRequest { case_number: gone.clone(), leg: 1, act };
                us.desk("clerk")?.act(ask).await?;
                let more = if sort == "due" { 40..43 } else { 50..53 };
                drafts(us, more).await?;
            }
            let Some(at) = page.json()["next"].as_str().map(str::to_owned) else { break };
            next = format!("&after={at}");
        }
        let still = before.iter().filter(|case| !before[25..26].contains(case));
        for case in still.filter(|case| *case != gone) {
            assert_eq!(seen.get(case), Some(&1), "{sort} {case}: {seen:?}");
        }
        assert!(seen.values().all(|times| *times == 1), "{sort}: {seen:?}");
    }
    let none = rosters.get("/api/v1/legs?due_before=2020-01-01")?.json();
    assert_eq!(none["legs"].as_array().map(Vec::len), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_announces_its_places() -> Result<()> {
    let pair = pair().await?;
    let them = pair.destination();
    let api = Api::start(them)?;
    let mut homes = api.system(them, "homes")?;
    let asked = json!({
        "service": "HOUSING", "home_kind": 1, "places": 12, "valid_until": "2026-12-31",
    });
    let set = homes.post("/api/v1/capacity", "", &asked)?;
    assert!(set.status == 200 && set.json()["places"] == 12, "{set:?}");
    until("the places", async || Ok(homes.get("/api/v1/capacity")?.text.contains("\"places\":12")))
        .await?;
    let bad = json!({ "service": "HOMES", "places": 1, "valid_until": "2026-12-31" });
    assert_eq!(homes.post("/api/v1/capacity", "", &bad)?.code().0, 422);
    Ok(())
}
