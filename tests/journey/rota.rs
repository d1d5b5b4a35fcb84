//! Who has a leg on the desk: handed over, taken over, and never with nobody.

use jieli_node::serve::CODE_KEY;
use jieli_node::serve::rota::RotaDoor;
use jieli_node::tokens::Tokens;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::rota_server::Rota as _;
use jieli_tests::people::home;
use jieli_tests::{HOMES, Town, Towns, eventually};
use std::sync::Arc;

fn door(town: &Town) -> RotaDoor {
    let node = town.node();
    let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
    RotaDoor::new(node.hand(), node.house().clone(), tokens)
}

/// Homes asked for in Ruian, whose housing office has taken them up; the clerk there.
async fn taken_up(homes: u32) -> (Towns, Vec<LegId>) {
    let towns = Towns::new().await;
    let mut legs = Vec::new();
    for serial in 1..=homes {
        let case = towns.kunming.import(vec![home(serial)]).await.remove(0);
        towns.kunming.ask_yes(&case).await;
        let leg = towns.kunming.legs(&case).await[0].id;
        towns.ruian.reaches(leg, Stage::Offered).await;
        act_as(&towns.ruian, "homes", leg, Act::TakeUp(wire::DeskTakeUp {})).await;
        legs.push(leg);
    }
    (towns, legs)
}

/// An act of a clerk of the housing office.
async fn act_as(town: &Town, token: &str, leg: LegId, act: Act) {
    let file = town.leg(leg).await;
    let case_number = town.case_of(&file).await;
    let ask = wire::ActRequest { case_number, leg: file.number, act: Some(act) };
    let command = jieli_node::command::DeskCommand::Act(ask);
    town.desk_as(token, HOMES, command).await.unwrap();
}

async fn take_over(town: &Town, token: &str, leg: LegId) -> Result<wire::ActReply, String> {
    let case_number = town.case_of(&town.leg(leg).await).await;
    let ask = town.with_token(token, wire::TakeOverRequest { case_number, leg: 0 });
    let done = door(town).take_over(ask).await;
    done.map(tonic::Response::into_inner).map_err(|status| {
        assert!(!status.message().is_empty());
        status.metadata().get(CODE_KEY).unwrap().to_str().unwrap().to_owned()
    })
}

/// The cases that wait for a token to be taken over.
async fn to_take(town: &Town, token: &str) -> usize {
    let ask = wire::ListCasesRequest { to_take: true, ..Default::default() };
    town.queue(token, ask).await.cases.len()
}

async fn has(town: &Town, leg: LegId) -> (String, String, bool) {
    let desk = town.desk_view(leg).await;
    (desk.handler, desk.handed_to, desk.needs_taker)
}

fn who(handler: &str, handed_to: &str, needs_taker: bool) -> (String, String, bool) {
    (handler.to_owned(), handed_to.to_owned(), needs_taker)
}

const LOCAL_LEAVES: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM log_leaf WHERE log = 'local'";

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_is_handed_over_and_stays_with_its_handler_until_it_is_taken_over() {
    let (towns, legs) = taken_up(1).await;
    let (ruian, leg) = (&towns.ruian, legs[0]);
    assert_eq!(has(ruian, leg).await, who("homes", "", false));
    assert_eq!(take_over(ruian, "window", leg).await.unwrap_err(), "NOT_HANDED_OVER");
    for nobody in ["nobody", "operator", "district-homes"] {
        let denied = ruian.hand_over(leg, nobody).await.unwrap_err();
        assert!(matches!(denied, Failure::Denied(denied) if denied.code == "BAD_OPTION"));
    }
    let before = ruian.count(LOCAL_LEAVES).await;
    ruian.hand_over(leg, "window").await.unwrap();
    assert_eq!(has(ruian, leg).await, who("homes", "window", false));
    assert_eq!((to_take(ruian, "window").await, to_take(ruian, "homes").await), (1, 0));
    // Another one cannot take what was not handed to it; an office that has no part sees nothing.
    assert_eq!(take_over(ruian, "homes", leg).await.unwrap_err(), "NOT_HANDED_OVER");
    assert_eq!(take_over(ruian, "district-homes", leg).await.unwrap_err(), "NOT_HANDED_OVER");
    let said = take_over(ruian, "window", leg).await.unwrap();
    assert!(said.say_zh.contains("window") && said.say_en.contains("before it was homes"));
    assert_eq!(has(ruian, leg).await, who("window", "", false));
    assert_eq!(take_over(ruian, "window", leg).await.unwrap_err(), "NOT_HANDED_OVER");
    assert_eq!(to_take(ruian, "window").await, 0);
    assert_eq!(ruian.count(LOCAL_LEAVES).await, before + 2, "each step is written down");
    // Handed over and taken back.
    ruian.hand_over(leg, "homes").await.unwrap();
    ruian.hand_over(leg, "window").await.unwrap();
    assert_eq!(has(ruian, leg).await, who("window", "", false));
    assert_eq!(take_over(ruian, "homes", leg).await.unwrap_err(), "NOT_HANDED_OVER");
    towns.stop().await;
}

/// Takes a token out of a city's configuration; its node starts again without it.
async fn revoke(town: &mut Town, token: &str) {
    town.stop().await;
    let file = town.dir.join("jieli.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let name = format!("name = \"{token}\"\n");
    let left: Vec<&str> =
        text.split("[[desk.tokens]]\n").filter(|entry| !entry.starts_with(&name)).collect();
    assert!(left.len() < text.split("[[desk.tokens]]\n").count());
    std::fs::write(&file, left.join("[[desk.tokens]]\n")).unwrap();
    town.start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_revoked_token_leaves_behind_needs_a_taker_and_the_operators_are_told() {
    let (mut towns, legs) = taken_up(2).await;
    let closed = legs[1];
    let decision = wire::DecisionCode::Capacity.into();
    let decline = wire::DeskDecline { decision, appeal_office: HOMES.to_owned() };
    act_as(&towns.ruian, "homes", closed, Act::Decline(decline)).await;
    towns.kunming.reaches(closed, Stage::Declined).await;
    assert_eq!(towns.ruian.alarms().await, Vec::<String>::new());
    revoke(&mut towns.ruian, "homes").await;
    let ruian = &towns.ruian;
    eventually("the alarm", async || ruian.alarms().await == ["needs-taker"]).await;
    let mut conn = ruian.node().store().read().await.unwrap();
    let row = conn.one("SELECT detail FROM alarm", Vec::new()).await.unwrap();
    let told = row.text(0).unwrap();
    drop(conn);
    let case = ruian.case_of(&ruian.leg(legs[0]).await).await;
    let other = ruian.case_of(&ruian.leg(closed).await).await;
    assert!(told.contains(&case) && told.contains("homes") && told.contains(HOMES), "{told}");
    assert!(!told.contains(&other), "what is closed needs nobody: {told}");
    assert!(told.contains("Nobody else of that office"), "{told}");
    // It stands in the queue and is nobody's until it is taken: not another office's to take.
    assert_eq!(has(ruian, legs[0]).await, who("homes", "", true));
    assert_eq!(has(ruian, closed).await, who("homes", "", false));
    assert_eq!((to_take(ruian, "window").await, to_take(ruian, "district-homes").await), (1, 0));
    assert_eq!(take_over(ruian, "district-homes", legs[0]).await.unwrap_err(), "NOT_HANDED_OVER");
    take_over(ruian, "window", legs[0]).await.unwrap();
    assert_eq!(has(ruian, legs[0]).await, who("window", "", false));
    assert_eq!(to_take(ruian, "window").await, 0);
    towns.stop().await;
}
