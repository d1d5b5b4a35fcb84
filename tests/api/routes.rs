//! `gateway/api.txt` is the router, and the router answers as it says.

use crate::client::{Api, pair, sent};
use anyhow::Result;
use jieli_gateway::api::routes::{Route, Who, routes};
use serde_json::json;
use std::collections::BTreeMap;

const PAPER: &str = include_str!("../../gateway/api.txt");

fn paper() -> BTreeMap<(String, String), Vec<String>> {
    let lines = PAPER.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut all = BTreeMap::new();
    for line in lines {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        assert_eq!(words.len(), 5, "{line}");
        let key = (words[0].clone(), words[1].clone());
        assert!(all.insert(key, words[2..].to_vec()).is_none(), "{line} stands twice");
    }
    all
}

fn cells(route: &Route) -> [&'static str; 3] {
    match route.who {
        Who::Anyone => ["y", "y", "y"],
        Who::System => ["-", "y", "y"],
        Who::OwnOffice => ["-", "y", "o"],
    }
}

#[test]
fn the_table_on_paper_is_the_router() {
    let code: BTreeMap<_, _> = routes()
        .iter()
        .map(|route| {
            let key = (route.method.to_owned(), route.path.to_owned());
            (key, cells(route).map(str::to_owned).to_vec())
        })
        .collect();
    assert_eq!(code.len(), routes().len(), "a route stands twice");
    assert_eq!(code, paper());
    for route in routes() {
        for word in ["confirm", "release", "withdraw", "persons", "export", "find"] {
            assert!(!route.path.contains(word), "{route:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_answers_as_it_is_written() -> Result<()> {
    let pair = pair().await?;
    let them = pair.destination();
    sent(pair.origin(), 1).await?;
    let api = Api::start(them)?;
    let (mut own, mut other) = (api.system(them, "homes")?, api.system(them, "schools")?);
    let (case, leg) = own.first("OFFERED").await?;
    let mut nobody = api.nobody();
    for (column, caller) in [&mut nobody, &mut own, &mut other].into_iter().enumerate() {
        for route in routes().iter().filter(|route| !route.path.ends_with("/events")) {
            let path = route.path.replace("{case}", &case).replace("{leg}", &leg.to_string());
            let path = path.replace("{section}", "home_offer");
            let body = match route.path.rsplit('/').next() {
                Some("{section}") => json!({ "purpose": "办理业务" }),
                Some("acts") => json!({ "step": "progress" }),
                _ => json!({}),
            };
            let reply = match route.method {
                "GET" => caller.get(&path)?,
                _ => caller.post(&path, "*", &body)?,
            };
            let told = format!("{column} {route:?}: {reply:?}");
            match cells(route)[column] {
                "-" => assert_eq!(reply.code(), (401, "NO_TOKEN".to_owned()), "{told}"),
                "o" => assert_eq!(reply.status, 404, "{told}"),
                _ => assert!(![401, 403].contains(&reply.status) && reply.status < 500, "{told}"),
            }
        }
    }
    // What is not listed does not exist, and a clerk's token is no system's.
    assert_eq!(own.get("/api/v1/persons")?.code(), (404, "NO_ROUTE".to_owned()));
    let wrong = own.ask("DELETE", "/api/v1/legs", "", "")?;
    assert_eq!(wrong.code(), (405, "NO_METHOD".to_owned()));
    let clerk = api.system(them, "home")?;
    assert_eq!(clerk.get("/api/v1/legs")?.code().0, 401);
    let english = own.ask("GET", "/api/v1/x", "Accept-Language: en\r\n", "")?;
    assert!(english.json()["detail"].as_str().unwrap_or_default().contains("no such address"));
    Ok(())
}
