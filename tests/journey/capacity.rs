//! Places are asked for before anybody's data travels, and accepted by rule one by one while they
//! last.

use jieli_node::capacity::{Legs, figures, heard, line};
use jieli_node::command::{DeskCommand, Done};
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::message::terms_digest;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, CapacityState, MessageType, Service};
use jieli_tests::people::{self, home};
use jieli_tests::{AGREEMENT_DRAFT, HOUR_MS, TestPg, Town, Towns, eventually};
use std::collections::BTreeMap;

/// Ruian's housing office.
const HOMES: &str = "11999999MB0000140P";
/// Ruian's labour office.
const LABOUR: &str = "11999999MB00001154";
/// A date within the agreement.
const LATE: u32 = 20_261_231;

fn public_rental() -> wire::Cut {
    wire::Cut { service: Service::Housing.into(), home_kind: 1, ..wire::Cut::default() }
}

async fn set(towns: &Towns, asked: wire::SetCapacityRequest) -> wire::CapacityLine {
    let done = towns.ruian.desk_of(HOMES, DeskCommand::SetCapacity(asked)).await.unwrap();
    let Done::Capacity(line) = done else { panic!("{done:?}") };
    line
}

fn figure(state: CapacityState, places: u32) -> wire::SetCapacityRequest {
    wire::SetCapacityRequest {
        cut: Some(public_rental()),
        state: state.into(),
        places,
        wait_days: u32::from(state == CapacityState::Waitlist) * 60,
        valid_until: LATE,
        counts_from: 0,
    }
}

/// What Ruian's housing desk sees of its one figure.
async fn counters(town: &Town) -> wire::CapacityLine {
    let (house, mut conn) = (town.node().house(), town.node().store().read().await.unwrap());
    let today = house.calendar().day_of_unix_ms(house.world.clock.now_unix_ms());
    let known = figures(&mut conn, "ruian.zj", HOMES, Service::Housing).await.unwrap();
    let changed = BTreeMap::new();
    let (over, shelf) = (Vec::new(), &house.shelf());
    let mut legs = Legs { conn: &mut conn, changed: &changed, over, shelf, today };
    let count = legs.count(&known, &known[0]).await.unwrap();
    line(&known[0], count, today)
}

/// All messages that left Kunming, with or without a person.
async fn messages(towns: &Towns) -> usize {
    towns.kunming.lane(towns.agreement, 0).await.len()
}

/// Kunming asks, and waits for the answer to that very query.
async fn ask(towns: &Towns, cut: wire::Cut) -> wire::CapacityHeard {
    let asked = wire::AskCapacityRequest { city: "瑞安".to_owned(), cut: Some(cut) };
    let done = towns.kunming.desk(DeskCommand::AskCapacity(asked)).await.unwrap();
    let Done::CapacityAsked(reply) = done else { panic!("{done:?}") };
    let mut found = None;
    eventually("the answer", async || {
        found = answers(&towns.kunming).await.into_iter().find(|heard| heard.query == reply.query);
        found.as_ref().is_some_and(|heard| !heard.pending)
    })
    .await;
    found.unwrap()
}

async fn answers(town: &Town) -> Vec<wire::CapacityHeard> {
    let (house, mut conn) = (town.node().house(), town.node().store().read().await.unwrap());
    let today = house.calendar().day_of_unix_ms(house.world.clock.now_unix_ms());
    heard(&mut conn, today).await.unwrap()
}

fn denied(done: Result<impl std::fmt::Debug, Failure>) -> &'static str {
    match done {
        Err(Failure::Denied(denied)) => denied.code,
        Err(Failure::Busy(why)) => panic!("busy: {why}"),
        Ok(done) => panic!("{done:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_data_travels_to_a_city_that_answered_none() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(vec![home(1), home(2)]).await;
    // What nobody announced is to be assessed first, and in nobody's way.
    assert_eq!(ask(&towns, public_rental()).await.state(), CapacityState::AssessFirst);
    // Another service's office announces nothing here.
    let asked = DeskCommand::SetCapacity(figure(CapacityState::Has, 1));
    assert_eq!(denied(ruian.desk_of(LABOUR, asked).await), "NOT_YOUR_SERVICE");
    let before = messages(&towns).await;
    // The first worker is asked, and says yes after Ruian has said that there is no place left.
    assert_eq!(kunming.ask(&cases[..1]).await.asked, 1);
    let sms = kunming.sms(&cases[0], "逐项回答").await;
    assert_eq!(messages(&towns).await, before, "an answer that is known is not asked for again");
    set(&towns, figure(CapacityState::None, 0)).await;
    let none = ask(&towns, public_rental()).await;
    assert_eq!((none.state(), none.valid_until, none.expired), (CapacityState::None, LATE, false));
    let sent = messages(&towns).await;
    kunming.answer(&sms, &[1]).await.unwrap();
    // The second is not even asked, and the clerk is told why and what to do.
    let reply = kunming.ask(&cases[1..]).await;
    assert_eq!((reply.asked, reply.not_ready), (0, 1), "{reply:?}");
    assert!(reply.why[0].contains("[NO_PLACES]"), "{reply:?}");
    assert!(reply.why[0].contains("jieli capacity ask"), "{reply:?}");
    assert!(kunming.phones.about(&cases[1], "逐项回答").is_empty());
    towns.clock.move_on(2 * HOUR_MS);
    towns.settled().await;
    assert_eq!(messages(&towns).await, sent, "nothing of anybody left");
    assert_eq!(ruian.count("SELECT COUNT(*) FROM leg").await, 0);
    // A new answer opens the way for both: for the yes that was given, and for the one not asked.
    set(&towns, figure(CapacityState::Waitlist, 0)).await;
    let waits = ask(&towns, public_rental()).await;
    assert_eq!((waits.state(), waits.wait_days), (CapacityState::Waitlist, 60));
    towns.clock.move_on(2 * HOUR_MS);
    let first = kunming.leg_for(&cases[0], Service::Housing).await;
    ruian.reaches(first, Stage::Offered).await;
    kunming.ask_yes(&cases[1]).await;
    let second = kunming.leg_for(&cases[1], Service::Housing).await;
    ruian.reaches(second, Stage::Offered).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_expired_is_said_so_and_stops_nobody() {
    let towns = Towns::new().await;
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    let short =
        wire::SetCapacityRequest { valid_until: 20_261_124, ..figure(CapacityState::None, 0) };
    set(&towns, short).await;
    assert_eq!(ask(&towns, public_rental()).await.state(), CapacityState::None);
    assert_eq!(towns.kunming.ask(std::slice::from_ref(&case)).await.asked, 0);
    towns.clock.move_on(48 * HOUR_MS);
    let old = answers(&towns.kunming).await.remove(0);
    assert!(old.expired && old.state() == CapacityState::None, "{old:?}");
    assert!(counters(&towns.ruian).await.expired);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.leg_for(&case, Service::Housing).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    // An expired figure is no figure: it is to be assessed first.
    assert_eq!(ask(&towns, public_rental()).await.state(), CapacityState::AssessFirst);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_asks_for_places_when_a_worker_is_asked_and_heeds_the_answer() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    set(&towns, figure(CapacityState::None, 0)).await;
    let cases = kunming.import(vec![home(1), home(2)]).await;
    assert_eq!(kunming.ask(&cases).await.asked, 2);
    eventually("the answer", async || {
        answers(kunming).await.first().is_some_and(|heard| !heard.pending)
    })
    .await;
    assert_eq!(messages(&towns).await, 1, "one query for both, and nothing of either");
    let sms = kunming.sms(&cases[0], "逐项回答").await;
    kunming.answer(&sms, &[1]).await.unwrap();
    towns.clock.move_on(2 * HOUR_MS);
    towns.settled().await;
    assert_eq!((messages(&towns).await, ruian.count("SELECT COUNT(*) FROM leg").await), (1, 0));
    // The yes is not lost: it goes when the city answers otherwise.
    set(&towns, figure(CapacityState::AssessFirst, 0)).await;
    ask(&towns, public_rental()).await;
    towns.clock.move_on(2 * HOUR_MS);
    let leg = kunming.leg_for(&cases[0], Service::Housing).await;
    ruian.reaches(leg, Stage::Offered).await;
    towns.stop().await;
}

async fn rule(towns: &Towns, office: &str, cut: wire::Cut, slot_days: u32) -> Result<u32, Failure> {
    let asked = wire::AcceptRule { cut: Some(cut), slot_days, ..wire::AcceptRule::default() };
    let done = towns.ruian.desk_of(office, DeskCommand::AddRule(asked)).await?;
    let Done::Rule(rule) = done else { panic!("{done:?}") };
    Ok(rule.number)
}

/// The person of a row says yes; the leg, once its OFFER is in Ruian.
async fn offered(towns: &Towns, serial: u32) -> LegId {
    let case = towns.kunming.import(vec![home(serial)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.leg_for(&case, Service::Housing).await;
    eventually("the OFFER", async || towns.ruian.find(leg).await.is_some()).await;
    leg
}

#[tokio::test(flavor = "multi_thread")]
async fn v12_a_rule_accepts_one_by_one_while_announced_places_last() {
    by_rule(Towns::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v12_a_rule_accepts_one_by_one_on_postgres() {
    let (first, second) = (TestPg::create("rule_a").await, TestPg::create("rule_b").await);
    let databases = (first.unwrap().database(), second.unwrap().database());
    by_rule(Towns::with(databases.0, databases.1, AGREEMENT_DRAFT).await).await;
}

async fn by_rule(towns: Towns) {
    let ruian = &towns.ruian;
    // A rule needs a figure to accept against, and time to read.
    assert_eq!(denied(rule(&towns, HOMES, public_rental(), 6).await), "NO_FIGURE");
    set(&towns, figure(CapacityState::Has, 2)).await;
    assert_eq!(denied(rule(&towns, HOMES, public_rental(), 3).await), "BAD_SLOT");
    let number = rule(&towns, HOMES, public_rental(), 6).await.unwrap();
    let (first, second) = (offered(&towns, 1).await, offered(&towns, 2).await);
    for leg in [first, second] {
        ruian.reaches(leg, Stage::Released).await;
        let types = ruian.types(leg).await;
        let order = [MessageType::Offer, MessageType::TakeUp, MessageType::Accept];
        assert_eq!(types[..3], order, "its own messages");
    }
    let now = counters(ruian).await;
    assert_eq!((now.places, now.held, now.used, now.state()), (2, 2, 0, CapacityState::None));
    assert_eq!(ask(&towns, public_rental()).await.state(), CapacityState::None);
    // What was counted is good for five working days. A third OFFER, after them, waits for the
    // desk, which gives away no place that is not there.
    towns.clock.move_on(8 * 24 * HOUR_MS);
    // After eight days no OFFER goes out before its log is cosigned anew.
    towns.kunming.cosigned_anew().await;
    // Its yes is there before the answer to the query that goes out with it.
    towns.kunming.tap.set_cut(true);
    let case = towns.kunming.import(vec![home(3)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let third = towns.kunming.leg_for(&case, Service::Housing).await;
    towns.kunming.reaches(third, Stage::Offered).await;
    towns.kunming.tap.set_cut(false);
    towns.clock.move_on(2 * HOUR_MS);
    ruian.reaches(third, Stage::Offered).await;
    towns.settled().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(ruian.stage(third).await, Some(Stage::Offered));
    towns.ruian_acts(third, Act::TakeUp(wire::DeskTakeUp {})).await;
    let accept = Act::Accept(wire::DeskAccept::default());
    assert_eq!(denied(ruian.act(third, accept.clone()).await), "NO_PLACE_LEFT");
    // A result uses the place; the figure is the whole one, so there is still none left.
    towns.ruian_reports(first).await;
    let now = counters(ruian).await;
    assert_eq!((now.held, now.used), (1, 1));
    assert_eq!(denied(ruian.act(third, accept.clone()).await), "NO_PLACE_LEFT");
    let more = set(&towns, figure(CapacityState::Has, 4)).await;
    assert_eq!((more.places, more.held, more.used, more.state()), (4, 1, 1, CapacityState::Has));
    ruian.act(third, accept).await.unwrap();
    // Without the rule the next one waits, although there is a place.
    let gone = DeskCommand::RemoveRule(wire::RuleRef { number });
    ruian.desk_of(HOMES, gone).await.unwrap();
    assert_eq!(ask(&towns, public_rental()).await.state(), CapacityState::Has);
    let fourth = offered(&towns, 4).await;
    towns.settled().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(ruian.stage(fourth).await, Some(Stage::Offered));
    towns.stop().await;
}

fn vacancy() -> wire::Vacancy {
    let leg = people::single(1).remove(0).legs.remove(0);
    let reference = leg.fields.iter().find_map(|field| match &field.value {
        Some(wire::draft_field::Value::Text(text)) if (field.section, field.field) == (1, 1) => {
            Some(text.clone())
        }
        _ => None,
    });
    let named = |vacancy: &wire::Vacancy| {
        vacancy.terms.as_ref().map(|terms| &terms.reference) == reference.as_ref()
    };
    people::vacancies().into_iter().find(named).unwrap()
}

async fn change(towns: &Towns, vacancy: wire::Vacancy) -> Result<Done, Failure> {
    let vacancies = vec![vacancy];
    let request = wire::AddVacanciesRequest { vacancies, announce: false, change: true };
    towns.ruian.desk(DeskCommand::AddVacancies(request)).await
}

/// Until Kunming holds these terms, and until when they are announced.
async fn announced(towns: &Towns, digest: &[u8]) -> u32 {
    let mut until = 0;
    eventually("the notice", async || {
        let mut conn = towns.kunming.node().store().read().await.unwrap();
        let sql = "SELECT valid_until FROM vacancy WHERE terms_digest = $1";
        let row = conn.maybe(sql, vec![digest.into()]).await.unwrap();
        until = row.map_or(0, |row| row.int(0).unwrap() as u32);
        until > 0
    })
    .await;
    until
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_changed_terms_are_acknowledged_anew_and_a_closed_vacancy_is_not_offered_for() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(people::single(1)).await;
    let mut vacancy = vacancy();
    let reference = vacancy.terms.clone().unwrap().reference;
    // The worker is asked with the first terms, and says yes.
    kunming.ask_yes(&cases[0]).await;
    // Other terms under the same version are no other terms.
    let terms = vacancy.terms.as_mut().unwrap();
    terms.pay_fen_month_min -= 1;
    assert_eq!(denied(change(&towns, vacancy.clone()).await), "TERMS_VERSION");
    let terms = vacancy.terms.as_mut().unwrap();
    terms.version += 1;
    let digest = terms_digest(terms);
    change(&towns, vacancy.clone()).await.unwrap();
    announced(&towns, &digest.0).await;
    // A rule accepts for a vacancy with posts left, and names the terms in force.
    let cut = wire::Cut {
        service: Service::Employment.into(),
        reference: reference.clone(),
        ..wire::Cut::default()
    };
    rule(&towns, LABOUR, cut, 8).await.unwrap();
    towns.next_working_day();
    let leg = kunming.leg_for(&cases[0], Service::Employment).await;
    kunming.reaches(leg, Stage::Accepted).await;
    assert_eq!(ruian.leg(leg).await.law.state().terms, Some(digest.0));
    // The day of reading begins anew with the new terms.
    let sms = kunming.sms(&cases[0], "请至少看一天").await;
    kunming.open(&sms).await.unwrap();
    assert_eq!(denied(kunming.answer(&sms, &[1]).await), "READ_FIRST");
    towns.clock.move_on(24 * HOUR_MS);
    kunming.answer(&sms, &[1]).await.unwrap();
    towns.next_working_day();
    kunming.reaches(leg, Stage::Released).await;
    // Closed, by the office that announced it alone: nobody else is asked about it.
    let named = wire::VacancyRef { reference: reference.clone() };
    let other = ruian.desk_of(HOMES, DeskCommand::CloseVacancy(named)).await;
    assert_eq!(denied(other), "VACANCY_OF_ANOTHER_OFFICE");
    let closed = DeskCommand::CloseVacancy(wire::VacancyRef { reference: reference.clone() });
    ruian.desk(closed).await.unwrap();
    let today = ruian
        .node()
        .house()
        .calendar()
        .day_of_unix_ms(ruian.node().house().world.clock.now_unix_ms());
    eventually("the end", async || announced(&towns, &digest.0).await < today.number()).await;
    let more = people::single(20);
    let same = more.into_iter().skip(1).find(|draft| {
        draft.legs[0]
            .fields
            .iter()
            .any(|field| field.value == Some(wire::draft_field::Value::Text(reference.clone())))
    });
    let case = kunming.import(vec![same.unwrap()]).await.remove(0);
    let reply = kunming.ask(&[case]).await;
    assert!(reply.asked == 0 && reply.why[0].contains("[VACANCY_OVER]"), "{reply:?}");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_sends_workers_announces_own_posts_to_nobody_who_sends_none() {
    let towns = Towns::new().await;
    let vacancies = vec![wire::Vacancy { city: String::new(), ..vacancy() }];
    let request = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
    let done = towns.kunming.desk(DeskCommand::AddVacancies(request)).await.unwrap();
    let Done::Vacancies(reply) = done else { panic!("{done:?}") };
    assert_eq!((reply.added, reply.announced), (1, 0));
    towns.stop().await;
}
