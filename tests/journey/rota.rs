//! Who has a leg on the desk: handed over, taken over, and never with nobody.

use jieli_node::command::DeskCommand;
use jieli_node::serve::CODE_KEY;
use jieli_node::serve::rota::RotaDoor;
use jieli_node::tokens::Tokens;
use jieli_node::world::Clock as _;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::rota_server::Rota as _;
use jieli_tests::people::home;
use jieli_tests::{HOMES, HOUR_MS, Town, Towns, eventually};
use std::sync::Arc;
use tonic::Status;

fn door(town: &Town) -> RotaDoor {
    let node = town.node();
    let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
    RotaDoor::new(node.hand(), node.store(), node.house().clone(), tokens)
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
    let command = DeskCommand::Act(ask);
    town.desk_as(token, HOMES, command).await.unwrap();
}

async fn take_over(town: &Town, token: &str, leg: LegId) -> Result<wire::ActReply, String> {
    let case_number = town.case_of(&town.leg(leg).await).await;
    let ask = town.with_token(token, wire::TakeOverRequest { case_number, leg: 0 });
    let done = door(town).take_over(ask).await;
    done.map(tonic::Response::into_inner).map_err(word)
}

fn word(status: Status) -> String {
    assert!(!status.message().is_empty());
    status.metadata().get(CODE_KEY).unwrap().to_str().unwrap().to_owned()
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

async fn stand_ins(
    town: &Town,
    token: &str,
    ask: wire::StandInRequest,
) -> Result<Vec<wire::StandIn>, String> {
    let done = door(town).name_stand_in(town.with_token(token, ask)).await;
    done.map(|reply| reply.into_inner().stand_ins).map_err(word)
}

fn period(absent: &str, stand_in: &str, from: u32, to: u32) -> wire::StandInRequest {
    let (absent, stand_in) = (absent.to_owned(), stand_in.to_owned());
    wire::StandInRequest { absent, stand_in, from, to }
}

/// A number of days from the clock's own day on.
fn days(towns: &Towns, town: &Town, more: i64) -> u32 {
    let calendar = town.node().house().calendar();
    calendar.day_of_unix_ms(towns.clock.now_unix_ms()).plus(more).number()
}

async fn mine(town: &Town, token: &str) -> usize {
    let ask = wire::ListCasesRequest { mine: true, ..Default::default() };
    town.queue(token, ask).await.cases.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stand_in_has_the_work_of_who_is_absent_for_its_days_and_under_its_own_name() {
    let (towns, legs) = taken_up(1).await;
    let (ruian, leg) = (&towns.ruian, legs[0]);
    ruian.hand_over(leg, "window").await.unwrap();
    take_over(ruian, "window", leg).await.unwrap();
    let day = |more: i64| days(&towns, ruian, more);
    // Another office's clerk, another role, oneself, somebody else's absence, days gone by.
    for (token, ask, code) in [
        ("window", period("", "homes", day(0), day(3)), "BAD_STAND_IN"),
        ("window", period("", "below", day(0), day(3)), "BAD_STAND_IN"),
        ("window", period("", "window", day(0), day(3)), "BAD_STAND_IN"),
        ("test", period("window", "test", day(0), day(3)), "NOT_YOURS_TO_NAME"),
        ("approver", period("window", "test", day(0), day(3)), "NOT_YOURS_TO_NAME"),
        ("window", period("", "test", day(-1), day(3)), "BAD_PERIOD"),
        ("window", period("", "test", day(3), day(2)), "BAD_PERIOD"),
        ("window", period("", "test", day(0), day(92)), "BAD_PERIOD"),
    ] {
        assert_eq!(stand_ins(ruian, token, ask.clone()).await.unwrap_err(), code, "{ask:?}");
    }
    let named = stand_ins(ruian, "window", period("", "test", day(1), day(2))).await.unwrap();
    assert!(named.len() == 1 && !named[0].now && named[0].absent == "window", "{named:?}");
    let again = period("", "test", day(2), day(5));
    assert_eq!(stand_ins(ruian, "window", again).await.unwrap_err(), "STOOD_IN_FOR");
    assert_eq!((mine(ruian, "window").await, mine(ruian, "test").await), (1, 0), "not yet");
    towns.clock.move_on(24 * HOUR_MS);
    assert_eq!((mine(ruian, "window").await, mine(ruian, "test").await), (1, 1));
    assert_eq!(ruian.desk_view(leg).await.stand_in, "test");
    let list = door(ruian).list_stand_ins(ruian.with_token("test", Default::default())).await;
    assert!(list.unwrap().into_inner().stand_ins[0].now);
    // What it does is written down for whom; what the absent one does is not.
    for (token, more) in [("test", 1), ("window", 0)] {
        let before = ruian.count(LOCAL_LEAVES).await;
        let file = ruian.leg(leg).await;
        let case_number = ruian.case_of(&file).await;
        let act = Act::Clarify(wire::DeskClarify { ground: 3 + more, window: None });
        let ask = wire::ActRequest { case_number, leg: file.number, act: Some(act) };
        let command = DeskCommand::Act(ask);
        if more == 0 {
            let supply = wire::DeskSupply { at_window: true, ..Default::default() };
            towns.kunming.act(leg, Act::Supply(supply)).await.unwrap();
            towns.quiet().await;
        }
        ruian.desk_as(token, ruian.window_office(), command).await.unwrap();
        assert_eq!(ruian.count(LOCAL_LEAVES).await, before + i64::from(more), "{token}");
        towns.quiet().await;
    }
    // What is handed over to the absent one can be taken by who stands in for it.
    ruian.hand_over(leg, "homes").await.unwrap();
    take_over(ruian, "homes", leg).await.unwrap();
    ruian.hand_over(leg, "window").await.unwrap();
    assert_eq!((to_take(ruian, "test").await, to_take(ruian, "homes").await), (1, 0));
    take_over(ruian, "test", leg).await.unwrap();
    assert_eq!(has(ruian, leg).await, who("test", "", false), "under its own name");
    ruian.hand_over(leg, "window").await.unwrap();
    take_over(ruian, "window", leg).await.unwrap();
    assert_eq!(mine(ruian, "test").await, 1);
    towns.clock.move_on(48 * HOUR_MS);
    assert_eq!((mine(ruian, "window").await, mine(ruian, "test").await), (1, 0), "it has ended");
    assert_eq!(ruian.desk_view(leg).await.stand_in, "");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_in_for_another_is_not_its_second_pair_of_eyes() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let id = towns.agreement.hex();
    let suspend = |act: &str| {
        let act = act.to_owned();
        let ask = wire::AgreementActRequest { agreement_id: id.clone(), act, wind_down_on: 0 };
        DeskCommand::ActOnAgreement(ask)
    };
    let last = days(&towns, kunming, 2);
    let named = stand_ins(kunming, "approver", period("", "approver-2", 0, last)).await.unwrap();
    // A clerk of the same office is absent as its approver says.
    assert_eq!(
        stand_ins(kunming, "approver", period("clerk", "window", 0, last)).await.unwrap_err(),
        "BAD_STAND_IN"
    );
    kunming.enter(suspend("suspend")).await.unwrap();
    let draft = kunming.drafts().await.remove(0);
    let refused = async |token| match kunming.approve(token, &draft).await {
        Err(Failure::Denied(denied)) => denied.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("approver-2").await, "STANDS_IN");
    // To end it does not make two pairs of eyes of what was entered meanwhile.
    let ask = wire::StandInRef { id: named[0].id.clone() };
    let ended = door(kunming).end_stand_in(kunming.with_token("approver-2", ask)).await;
    assert!(ended.unwrap().into_inner().stand_ins.is_empty());
    assert_eq!(refused("approver-2").await, "STANDS_IN");
    // What is entered after it is.
    towns.clock.move_on(20 * 24 * HOUR_MS);
    kunming.enter(suspend("suspend")).await.unwrap();
    let draft = kunming.drafts().await.pop().unwrap();
    kunming.approve("approver-2", &draft).await.unwrap();
    towns.stop().await;
}
