//! `gateway/access.txt` is the router, and the router answers as it says: every route, every role,
//! a case of the own office and one of another.

use crate::browser::{Browser, Console};
use crate::desks::arrived;
use anyhow::Result;
use jieli_gateway::console::role::Role;
use jieli_gateway::console::routes::{Route, Who, routes};
use jieli_tests::Pair;
use std::collections::{BTreeMap, BTreeSet};

const PAPER: &str = include_str!("../../gateway/access.txt");
/// Columns after the first, which is nobody.
const COLUMNS: [Role; 12] = Role::ALL;

fn paper() -> BTreeMap<(String, String), Vec<String>> {
    let lines = PAPER.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut all = BTreeMap::new();
    for line in lines {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let key = (words[0].clone(), words[1].clone());
        assert_eq!(words.len(), 15, "{line}");
        assert!(all.insert(key, words[2..].to_vec()).is_none(), "{line} stands twice");
    }
    all
}

fn may(route: &Route, role: Option<Role>) -> bool {
    match (route.who, role) {
        (Who::Anyone, _) | (Who::Account, Some(_)) => true,
        (Who::Roles(roles), Some(role)) => roles.contains(&role),
        (Who::Account | Who::Roles(_), None) => false,
    }
}

#[test]
fn the_table_on_paper_is_the_router() {
    let paper = paper();
    let key = |route: &Route| (route.method.to_owned(), route.path.to_owned());
    let routed: BTreeSet<_> = routes().iter().map(key).collect();
    assert_eq!(routed.len(), routes().len(), "a route stands twice");
    assert_eq!(routed, paper.keys().cloned().collect());
    for route in routes() {
        let roles = std::iter::once(None).chain(COLUMNS.map(Some));
        for (role, cell) in roles.zip(&paper[&key(&route)]) {
            assert_eq!(may(&route, role), cell != "-", "{route:?} {role:?}");
        }
    }
}

/// What a form of that route needs, so that it is the node that says no to another office.
fn fields(route: &Route) -> Vec<(&'static str, &'static str)> {
    match (route.method, route.path) {
        ("POST", "/cases/{case}/{leg}/letter") => vec![("what", "ask"), ("office", "某市某局")],
        ("POST", "/cases/{case}") => vec![("purpose", "办理业务")],
        _ => Vec::new(),
    }
}

fn answer(browser: &mut Browser, route: &Route, case: &str) -> Result<(u16, String)> {
    let path = route.path.replace("{case}", case).replace("{leg}", "1");
    let path = path.replace("{step}", "take-up").replace("{file}", "template.xlsx");
    let path = path.replace("{id}", "00").replace("{flag}", "00").replace("{name}", "none");
    let reply = match route.method {
        "GET" => browser.get(&path)?,
        _ => {
            // Any page of the own has a form; without an account the log-in has.
            browser.get("/account")?;
            if browser.token().is_empty() {
                browser.get("/login")?;
            }
            browser.post(&path, &fields(route))?
        }
    };
    Ok((reply.status, reply.location().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_answers_as_it_is_written() -> Result<()> {
    let mut pair = Pair::start(jieli_tests::sqlite(), jieli_tests::sqlite()).await?;
    pair.agree().await?;
    let case = arrived(&pair).await?;
    let console = Console::start(pair.destination(), false)?;
    let paper = paper();
    // Of Ruian's offices the school has the case and the medical office has not.
    let accounts = [
        (None, "none", ""),
        (Some(Role::SendingClerk), "sending", "school"),
        (Some(Role::ReceivingClerk), "receiving", "school"),
        (Some(Role::Approver), "approver", "approver"),
        (Some(Role::StationIntake), "station", "school"),
        (Some(Role::WindowOfficer), "window", "union"),
        (Some(Role::Director), "director", "school"),
        (Some(Role::NamedHelper), "helper", "helper"),
        (Some(Role::Employer), "employer", "employer"),
        (Some(Role::Liaison), "liaison", "liaison"),
        (Some(Role::ComplianceReviewer), "compliance", "compliance"),
        (Some(Role::SecurityAdministrator), "security", ""),
        (Some(Role::SystemAdministrator), "system", "operator"),
        (Some(Role::SendingClerk), "other-sending", "medical"),
        (Some(Role::ReceivingClerk), "other-receiving", "medical"),
    ];
    for (role, name, token) in accounts {
        if let Some(role) = role {
            drop(console.clerk(name, role.name(), token)?);
        }
        let column = role.map_or(0, |role| 1 + COLUMNS.iter().position(|r| *r == role).unwrap());
        let mut browser = console.browser();
        for route in routes() {
            let cell = &paper[&(route.method.to_owned(), route.path.to_owned())][column];
            let gone = browser.get("/account")?.status != 200;
            if role.is_some() && gone {
                browser = console.logged_in(name)?;
            }
            let (status, to) = answer(&mut browser, &route, &case)?;
            let told = format!("{name}: {} {}: {status} {to}", route.method, route.path);
            match (cell.as_str(), role) {
                ("-", None) => assert_eq!((status, to.as_str()), (303, "/login"), "{told}"),
                ("-", Some(_)) => assert_eq!(status, 403, "{told}"),
                ("o", _) if name.starts_with("other") => assert_eq!(status, 404, "{told}"),
                ("o", _) => assert!(!matches!(status, 403 | 404), "{told}"),
                _ => {
                    let logs_out = route.path.starts_with("/logout");
                    assert!(status != 403 && (to != "/login" || logs_out), "{told}");
                    assert!(status < 500, "{told}");
                }
            }
        }
        // What is not listed does not exist.
        for path in
            ["/admin", "/cases", "/accounts/delete", "/sheet/rows", "/api", "/demo/key/security"]
        {
            assert_eq!(browser.get(path)?.status, 404, "{path}");
        }
        assert_eq!(browser.get("/logout")?.status, 405);
    }
    Ok(())
}
