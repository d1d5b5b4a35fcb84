//! The access table on paper, in the code and in the services: one and the same.

#![allow(clippy::unwrap_used)]

use jieli_node::config::DeskRole;
use jieli_node::serve::access::TABLE;
use std::collections::BTreeMap;
use std::path::Path;

const PAPER: &str = include_str!("access.txt");

/// Call and who may make it, as words.
type Rows = BTreeMap<String, Vec<String>>;

fn paper() -> Rows {
    let mut rows = Rows::new();
    for line in PAPER.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let mut words = line.split_whitespace().map(str::to_owned);
        let call = words.next().unwrap();
        let is_new = rows.insert(call.clone(), words.collect()).is_none();
        assert!(is_new, "{call} stands twice");
    }
    rows
}

/// Every call of every service.
fn services() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let files = [
        "desk",
        "window",
        "audit",
        "grievance",
        "operate",
        "rota",
        "systems",
        "helper",
        "employer",
        "liaison",
        "exchange",
    ]
    .map(|name| root.join(format!("jieli/v1/{name}.proto")));
    let set = protox::compile(files, [root]).unwrap();
    let services = set.file.iter().flat_map(|file| &file.service);
    services
        .flat_map(|service| {
            service.method.iter().map(|method| format!("{}.{}", service.name(), method.name()))
        })
        .collect()
}

#[test]
fn every_call_has_its_row_and_every_row_its_call() {
    let (mut services, paper) = (services(), paper());
    services.sort();
    assert!(services.len() >= 20, "{services:?}");
    assert_eq!(services, paper.into_keys().collect::<Vec<_>>());
}

#[test]
fn the_desk_rows_are_what_the_node_does() {
    let desk: Rows = paper().into_iter().filter(|(call, _)| call.starts_with("Desk.")).collect();
    let code: Rows = TABLE
        .iter()
        .map(|(call, _)| {
            let may = DeskRole::AT_DESKS.map(|role| if call.is_open_to(role) { "y" } else { "-" });
            (format!("Desk.{}", call.name()), may.map(str::to_owned).to_vec())
        })
        .collect();
    assert_eq!(code.len(), TABLE.len(), "a call stands twice");
    assert_eq!(desk, code);
}

#[test]
fn the_role_of_a_window_opens_the_keypad_and_no_desk() {
    for (call, who) in paper().iter().filter(|(call, _)| call.starts_with("Keypad.")) {
        assert_eq!(who, &["window"], "{call}");
    }
    for (call, roles) in TABLE {
        assert!(!roles.contains(&DeskRole::Window), "{call:?}");
    }
}

#[test]
fn the_audit_service_is_for_compliance() {
    let rows = paper();
    let audit = || rows.iter().filter(|(call, _)| call.starts_with("Audit."));
    assert!(audit().count() > 0);
    for (call, who) in audit() {
        assert_eq!(who, &["compliance"], "{call}");
    }
}

#[test]
fn the_grievance_service_is_for_bodies_and_bodies_open_nothing_else() {
    let rows = paper();
    let own = || rows.iter().filter(|(call, _)| call.starts_with("Grievance."));
    assert!(own().count() > 0);
    for (call, who) in own() {
        assert_eq!(who, &["body"], "{call}");
    }
    for (call, roles) in TABLE {
        assert!(!roles.contains(&DeskRole::Body), "{call:?}");
    }
}

#[test]
fn the_systems_service_is_for_systems_and_systems_open_nothing_else() {
    let rows = paper();
    let own = || rows.iter().filter(|(call, _)| call.starts_with("Systems."));
    assert!(own().count() > 0);
    for (call, who) in own() {
        assert_eq!(who, &["system"], "{call}");
        for word in ["Confirm", "Release", "Withdraw", "Answer", "Find", "Export", "Import", "Ask"]
        {
            assert!(!call.contains(word), "{call}");
        }
    }
    for (call, roles) in TABLE {
        assert!(!roles.contains(&DeskRole::System), "{call:?}");
    }
}

#[test]
fn the_help_service_is_for_helpers_and_helpers_open_nothing_else() {
    let rows = paper();
    let own = || rows.iter().filter(|(call, _)| call.starts_with("Help."));
    // To list and to show: a helper confirms, releases, stops and withdraws nothing.
    assert!(own().map(|(call, _)| call.as_str()).eq(["Help.ListGiven", "Help.ShowGiven"]));
    for (call, who) in &rows {
        assert_eq!(who.contains(&"helper".to_owned()), call.starts_with("Help."), "{call}");
    }
    for (call, roles) in TABLE {
        assert!(!roles.contains(&DeskRole::Helper), "{call:?}");
    }
}

#[test]
fn employers_and_liaison_posts_open_their_own_service_and_nothing_else() {
    let rows = paper();
    // An employer proposes, looks at one number and states days; a liaison post reads.
    let employ =
        ["Employ.ListPosts", "Employ.ProposePosts", "Employ.ShowReleased", "Employ.StateWork"];
    let own = |name: &'static str| rows.keys().filter(move |call| call.starts_with(name)).cloned();
    assert!(own("Employ.").eq(employ));
    assert!(own("Liaise.").eq(["Liaise.ListDelays"]));
    for (call, who) in &rows {
        assert_eq!(who.contains(&"employer".to_owned()), call.starts_with("Employ."), "{call}");
        assert_eq!(who.contains(&"liaison".to_owned()), call.starts_with("Liaise."), "{call}");
        assert!(!call.starts_with("Posts.") || *who == ["clerk"], "{call}");
    }
    for (call, roles) in TABLE {
        let outer = [DeskRole::Employer, DeskRole::Liaison];
        assert!(!outer.iter().any(|role| roles.contains(role)), "{call:?}");
    }
}

#[test]
fn the_operate_service_is_for_operators() {
    let rows = paper();
    let own = || rows.iter().filter(|(call, _)| call.starts_with("Operate."));
    assert!(own().count() > 0);
    for (call, who) in own() {
        assert_eq!(who, &["operator"], "{call}");
    }
}

#[test]
fn the_rota_service_is_for_clerks_and_about_absences_for_approvers() {
    let rows = paper();
    let own = || rows.iter().filter(|(call, _)| call.starts_with("Rota."));
    assert!(own().count() > 0);
    for (call, who) in own() {
        let both = call.contains("StandIn");
        let roles: &[&str] = if both { &["clerk", "approver"] } else { &["clerk"] };
        assert_eq!(who, roles, "{call}");
    }
}

#[test]
fn no_desk_role_answers_for_the_worker() {
    for (call, who) in paper().iter().filter(|(call, _)| call.starts_with("Worker.")) {
        assert_eq!(who, &["code"], "{call}");
    }
    for (call, who) in paper().iter().filter(|(call, _)| call.starts_with("Exchange.")) {
        assert_eq!(who, &["peer"], "{call}");
    }
}
