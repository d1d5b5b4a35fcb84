//! An agreement that changes, ends, or is full, while legs are on their way.

use jieli_node::command::DeskCommand;
use jieli_node::config::Database;
use jieli_node::world::Clock as _;
use jieli_proto::bundle::verify;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Duty, MessageType, Service};
use jieli_tests::people::{self, home};
use jieli_tests::{AGREEMENT_DRAFT, HOUR_MS, TestPg, Town, Towns, eventually, sqlite};

const DAY_MS: u64 = 24 * HOUR_MS;
/// Ruian's housing office, and who takes over from it.
const HOUSING: &str = "11999999MB0000140P";
const HEIR: &str = "11999999MB00009996";

fn next(towns: &Towns, text: &str) -> String {
    version_text(towns, 2, text)
}

/// The draft of a later version.
pub(crate) fn version_text(towns: &Towns, version: u32, text: &str) -> String {
    format!("agreement_id = \"{}\"\nversion = {version}\n{text}", towns.agreement.hex())
}

/// One city proposes version 2; returns once the other holds it.
async fn propose(by: &Town, other: &Town, draft_toml: String) {
    propose_version(by, other, 2, draft_toml).await;
}

/// The same of any later version.
pub(crate) async fn propose_version(by: &Town, other: &Town, version: u32, draft_toml: String) {
    by.two_approve(DeskCommand::Propose(wire::ProposeRequest { draft_toml })).await.unwrap();
    let sql = "SELECT COUNT(*) FROM agreement_version";
    eventually("the proposal", async || other.count(sql).await == i64::from(version)).await;
}

async fn countersign(by: &Town, towns: &Towns) {
    countersign_version(by, towns, 2).await;
}

pub(crate) async fn countersign_version(by: &Town, towns: &Towns, number: u32) {
    let sign = wire::CountersignRequest { agreement_id: towns.agreement.hex(), version: number };
    by.two_approve(DeskCommand::Countersign(sign)).await.unwrap();
    assert_eq!(version(by, towns), number);
}

fn version(town: &Town, towns: &Towns) -> u32 {
    town.node().hand().published().directory.bonds[&towns.agreement].version()
}

fn cut(towns: &Towns, is_cut: bool) {
    for town in [&towns.kunming, &towns.ruian] {
        town.tap.set_cut(is_cut);
    }
    if !is_cut {
        towns.clock.move_on(2 * HOUR_MS);
    }
}

async fn offered(towns: &Towns, n: u32) -> (String, LegId) {
    let case = towns.kunming.import(vec![home(n)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    (case, leg)
}

/// The agreement versions that the messages of a leg cite, in the order taken in.
async fn cites(town: &Town, leg: LegId) -> Vec<u32> {
    let file = town.leg(leg).await;
    let of = |e: &jieli_node::legs::Entry| e.message.clone().unwrap().header.unwrap();
    file.entries.iter().map(|e| of(e).agreement_version).collect()
}

pub(crate) async fn nobody_misbehaved(towns: &Towns) {
    for town in [&towns.kunming, &towns.ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new(), "{town:?}");
    }
}

fn later(text: &str) -> String {
    text.replace("2029-10-31", "2028-10-31")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_crosses_an_amendment_is_judged_by_the_version_it_cites() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (_, before) = offered(&towns, 1).await;
    ruian.reaches(before, Stage::Offered).await;
    towns.settled().await;
    propose(kunming, ruian, next(&towns, &later(AGREEMENT_DRAFT))).await;
    towns.settled().await;
    cut(&towns, true);
    // Kunming writes under version 1; in Ruian version 2 comes into force and is cited.
    let (_, crossing) = offered(&towns, 2).await;
    countersign(ruian, &towns).await;
    ruian.act(before, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
    assert_eq!((version(kunming, &towns), version(ruian, &towns)), (1, 2));
    cut(&towns, false);
    // The old one arrives under the new version, the new one waits for its COUNTERSIGN.
    ruian.reaches(crossing, Stage::Offered).await;
    kunming.reaches(before, Stage::TakenUp).await;
    assert_eq!(cites(ruian, crossing).await, [1]);
    assert_eq!(cites(kunming, before).await, [1, 2]);
    // From here on both cite version 2.
    ruian.act(crossing, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
    kunming.reaches(crossing, Stage::TakenUp).await;
    let void = wire::DeskVoid { code: wire::VoidCode::SentInError.into() };
    kunming.act(crossing, Act::Void(void)).await.unwrap();
    ruian.reaches(crossing, Stage::Voided).await;
    assert_eq!(cites(ruian, crossing).await, [1, 2, 2]);
    towns.settled().await;
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_countersigned_is_believed_the_version_before_until_the_day_is_over() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    propose(ruian, kunming, next(&towns, &later(AGREEMENT_DRAFT))).await;
    towns.settled().await;
    cut(&towns, true);
    let (_, leg) = offered(&towns, 1).await;
    countersign(kunming, &towns).await;
    cut(&towns, false);
    // Its own COUNTERSIGN comes first; the OFFER was written before and counts.
    ruian.reaches(leg, Stage::Offered).await;
    assert_eq!(cites(ruian, leg).await, [1]);
    towns.settled().await;
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}

/// The sample agreement in which another office takes over housing in Ruian.
fn merged() -> String {
    AGREEMENT_DRAFT
        .replace(HOUSING, HEIR)
        .replace("瑞安市住房和城乡建设局", "瑞安市住房保障中心")
        .replace(
            "telephone = \"0577-60000140\"",
            &format!("telephone = \"0577-60000140\"\nsucceeds = [\"{HOUSING}\"]"),
        )
}

async fn a_merged_office(first: Database, second: Database) {
    let towns = Towns::with(first, second, AGREEMENT_DRAFT).await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let mut legs = Vec::new();
    for n in 1..=4 {
        legs.push(offered(&towns, n).await);
        ruian.reaches(legs[legs.len() - 1].1, Stage::Offered).await;
    }
    let [released, asked, silent, _] = [legs[0].1, legs[1].1, legs[2].1, legs[3].1];
    towns.ruian_accepts(released).await;
    for town in [kunming, ruian] {
        town.reaches(released, Stage::Released).await;
    }
    for leg in [asked, silent] {
        towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    }
    towns.settled().await;
    propose(ruian, kunming, next(&towns, &merged())).await;
    towns.settled().await;
    cut(&towns, true);
    // One OFFER still goes to the office that was.
    let (late_case, late) = offered(&towns, 5).await;
    countersign(kunming, &towns).await;
    cut(&towns, false);
    eventually("version 2 in Ruian", async || version(ruian, &towns) == 2).await;
    ruian.reaches(late, Stage::Offered).await;
    for leg in [released, asked, silent, late] {
        assert_eq!(ruian.leg(leg).await.our_office, HEIR);
        assert_eq!(kunming.leg(leg).await.their_office, HEIR);
    }
    // Its desk has the queue.
    let accept = |leg| towns.ruian_acts(leg, Act::Accept(wire::DeskAccept::default()));
    accept(asked).await;
    kunming.reaches(asked, Stage::Accepted).await;
    // V2: a yes to the other office is none to this one. Whose identity is over there already is
    // not asked.
    let sms = kunming.sms(&legs[1].0, "由下面的机构接办").await;
    assert!(kunming.open(&sms).await.unwrap().text.contains("瑞安市住房保障中心"));
    assert!(kunming.phones.about(&legs[0].0, "由下面的机构接办").is_empty());
    towns.settled().await;
    assert!(!kunming.types(asked).await.contains(&MessageType::Release));
    kunming.answer(&sms, &[1]).await.unwrap();
    for town in [kunming, ruian] {
        town.reaches(asked, Stage::Released).await;
    }
    // What was released before goes on.
    towns.ruian_reports(released).await;
    kunming.reaches(released, Stage::Fulfilled).await;
    kunming.sms(&late_case, "由下面的机构接办").await;
    // Who does not answer withdraws, like everybody who is silent.
    towns.clock.move_on(4 * DAY_MS);
    towns.next_working_day();
    for town in [kunming, ruian] {
        town.reaches(silent, Stage::Withdrawn).await;
    }
    towns.settled().await;
    nobody_misbehaved(&towns).await;
    let roots = [kunming.public.root_fpr(), ruian.public.root_fpr()];
    for case in [&legs[0].0, &legs[1].0, &late_case] {
        let verdicts = verify(&kunming.export(case, false).await, &roots).unwrap();
        assert!(verdicts.failures.is_empty(), "{}", verdicts.text());
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_go_on_at_the_office_that_takes_over_and_the_person_is_asked_anew() {
    a_merged_office(sqlite(), sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_go_on_at_the_office_that_takes_over_on_postgresql() {
    let (a, b) = (TestPg::create("heir_a").await.unwrap(), TestPg::create("heir_b").await.unwrap());
    a_merged_office(a.database(), b.database()).await;
}

pub(crate) fn denied(
    done: Result<impl std::fmt::Debug, jieli_node::writer::Failure>,
) -> &'static str {
    match done {
        Err(jieli_node::writer::Failure::Denied(denied)) => denied.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_has_to_take_over_from_an_office_that_was_there() {
    let towns = Towns::new().await;
    for wrong in [
        merged()
            .replace(&format!("succeeds = [\"{HOUSING}\"]"), "succeeds = [\"11999999MB0000027M\"]"),
        merged().replace("kind = \"housing\"\nname", "kind = \"labour\"\nname"),
        AGREEMENT_DRAFT.replace(
            "telephone = \"0577-60000158\"",
            &format!("telephone = \"0577-60000158\"\nsucceeds = [\"{HOUSING}\"]"),
        ),
    ] {
        let draft_toml = next(&towns, &wrong);
        let done = towns.kunming.enter(DeskCommand::Propose(wire::ProposeRequest { draft_toml }));
        assert_eq!(denied(done.await), "BAD_DRAFT", "{wrong}");
    }
    towns.stop().await;
}

/// The sample agreement with a ceiling for a service.
fn ceiling(service: &str, most: u32) -> String {
    let line = format!("kind = \"{service}\"\nholders");
    assert!(AGREEMENT_DRAFT.contains(&line));
    AGREEMENT_DRAFT
        .replace(&line, &format!("kind = \"{service}\"\nceiling_open_cases = {most}\nholders"))
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_ceiling_nobody_is_asked_and_a_yes_waits_for_room() {
    let towns = Towns::with(sqlite(), sqlite(), &ceiling("housing", 2)).await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import((1..=4).map(home).collect()).await;
    // All three are asked while there is room; two yeses fill it.
    let mut codes = Vec::new();
    assert_eq!(kunming.ask(&cases[..3]).await.asked, 3);
    for case in &cases[..3] {
        let sms = kunming.sms(case, "逐项回答").await;
        kunming.open(&sms).await.unwrap();
        kunming.answer(&sms, &[1]).await.unwrap();
        codes.push(sms);
    }
    let mut legs = Vec::new();
    for case in &cases {
        legs.push(kunming.legs(case).await[0].id);
    }
    for leg in &legs[..2] {
        ruian.reaches(*leg, Stage::Offered).await;
    }
    towns.settled().await;
    assert!(ruian.find(legs[2]).await.is_none(), "the third waits");
    let reply = kunming.ask(&cases[3..]).await;
    assert_eq!(reply.asked, 0, "{reply:?}");
    assert!(kunming.phones.about(&cases[3], "逐项回答").is_empty());
    // One ends: the yes that waited goes.
    kunming.withdraw(&codes[0]).await.unwrap();
    ruian.reaches(legs[0], Stage::Withdrawn).await;
    towns.clock.move_on(2 * HOUR_MS);
    ruian.reaches(legs[2], Stage::Offered).await;
    towns.settled().await;
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}

/// A REQUEST of one city's medical office to the other.
async fn requested(town: &Town, office: &str, city: &str, serial: u32) -> LegId {
    let mut draft = people::medical();
    draft.city = city.to_owned();
    draft.worker = Some(people::person(serial));
    let case = town.import_as(office, vec![draft]).await.remove(0);
    town.ask_yes(&case).await;
    town.leg_for(&case, Service::Insurance).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_openings_that_cross_at_the_ceiling_that_of_party_a_stands() {
    let towns = Towns::with(sqlite(), sqlite(), &ceiling("insurance", 1)).await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    cut(&towns, true);
    let of_a = requested(kunming, "11999999MB0000035G", "ruian.zj", 7).await;
    let of_b = requested(ruian, "11999999MB0000131R", "kunming.yn", 8).await;
    cut(&towns, false);
    ruian.reaches(of_a, Stage::Offered).await;
    let code = jieli_node::legs::Standing::Refused(Refusal::CeilingReached.number());
    eventually("the refusal", async || {
        ruian.leg(of_b).await.entries.iter().any(|entry| entry.standing == code)
    })
    .await;
    towns.settled().await;
    assert!(kunming.find(of_b).await.is_none());
    for town in [kunming, ruian] {
        assert_eq!(town.count("SELECT COUNT(*) FROM leg_open").await, 1);
    }
    towns.stop().await;
}

fn state(town: &Town, towns: &Towns) -> &'static str {
    let today = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms());
    town.node().hand().published().directory.bonds[&towns.agreement].state(today)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_ended_with_forty_open_legs_closes_with_none() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import((1..=40).map(home).collect()).await;
    let mut legs = Vec::new();
    for case in &cases {
        kunming.ask_yes(case).await;
        legs.push(kunming.legs(case).await[0].id);
    }
    for leg in &legs[..20] {
        towns.ruian_acts(*leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    }
    for leg in &legs[..10] {
        towns.ruian_acts(*leg, Act::Accept(wire::DeskAccept::default())).await;
    }
    for leg in &legs[..10] {
        ruian.reaches(*leg, Stage::Released).await;
    }
    towns.ruian_reports(legs[0]).await;
    kunming.reaches(legs[0], Stage::Fulfilled).await;
    towns.settled().await;
    let today = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms());
    let request = wire::AgreementActRequest {
        agreement_id: towns.agreement.hex(),
        act: "terminate".to_owned(),
        wind_down_on: today.plus(6).number(),
    };
    ruian.two_approve(DeskCommand::ActOnAgreement(request)).await.unwrap();
    for town in [kunming, ruian] {
        eventually("the end", async || state(town, &towns) == "TERMINATED").await;
    }
    // At once before ACCEPTED, by either side, whoever owes what; after it not yet.
    let expire = || Act::Expire(wire::DeskExpire { duty: Duty::Unspecified.into() });
    ruian.act(legs[39], expire()).await.unwrap();
    kunming.act(legs[38], expire()).await.unwrap();
    for town in [kunming, ruian] {
        town.reaches(legs[39], Stage::Expired).await;
        town.reaches(legs[38], Stage::Expired).await;
    }
    assert!(kunming.act(legs[1], expire()).await.is_err(), "it winds down");
    assert_eq!(kunming.count("SELECT COUNT(*) FROM leg_open").await, 38);
    // The wind-down date is over.
    towns.clock.move_on(7 * DAY_MS);
    for town in [kunming, ruian] {
        for (at, leg) in legs.iter().enumerate() {
            let stage = if at == 0 { Stage::Unconfirmed } else { Stage::Expired };
            town.reaches(*leg, stage).await;
        }
    }
    towns.clock.move_on(2 * HOUR_MS);
    for town in [kunming, ruian] {
        eventually("no open leg", async || town.count("SELECT COUNT(*) FROM leg_open").await == 0)
            .await;
        assert_eq!(state(town, &towns), "CLOSED");
    }
    towns.settled().await;
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_ends_with_the_agreement_and_reviews_are_told() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let request = wire::AgreementActRequest {
        agreement_id: towns.agreement.hex(),
        act: "suspend".to_owned(),
        wind_down_on: 0,
    };
    ruian.two_approve(DeskCommand::ActOnAgreement(request)).await.unwrap();
    eventually("the suspension", async || state(kunming, &towns) == "SUSPENDED").await;
    let directory = kunming.node().hand().published().directory.clone();
    let on = |number| jieli_proto::day::Day::from_number(number).unwrap();
    let told = |day| {
        let all = jieli_node::expiry::soon(kunming.node().house(), &directory, on(day));
        let of = all.into_iter().filter(|found| found.what == "agreement-review");
        of.map(|found| found.days_left).collect::<Vec<_>>()
    };
    assert_eq!(told(20_271_001), Vec::<u32>::new());
    assert_eq!(told(20_271_002), [30]);
    assert_eq!(told(20_271_031), [1]);
    assert_eq!(told(20_271_102), Vec::<u32>::new());
    for town in [kunming, ruian] {
        let bond = town.node().hand().published().directory.bonds[&towns.agreement].clone();
        assert_eq!(bond.state(on(20_291_031)), "SUSPENDED");
        assert_eq!(bond.state(on(20_291_101)), "CLOSED");
    }
    towns.stop().await;
}

/// One more agreement between the two, in force in both.
async fn one_more(towns: &Towns) {
    one_more_of(towns, AGREEMENT_DRAFT).await;
}

/// The same by a draft.
pub(crate) async fn one_more_of(towns: &Towns, draft: &str) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let request = wire::ProposeRequest { draft_toml: draft.to_owned() };
    let id = kunming.two_approve(DeskCommand::Propose(request)).await.unwrap();
    let sign = wire::CountersignRequest { agreement_id: id.hex(), version: 1 };
    eventually("the proposal", async || {
        ruian.two_approve(DeskCommand::Countersign(sign.clone())).await.is_ok()
    })
    .await;
    eventually("the counter-signature", async || {
        let published = kunming.node().hand().published();
        published.directory.bonds.get(&id).is_some_and(|bond| bond.version() == 1)
    })
    .await;
}

/// `JIELI_MANY_AGREEMENTS=300` makes as many as a large node has: what one more costs is then the
/// difference of two runs.
#[tokio::test(flavor = "multi_thread")]
async fn many_agreements_stand_beside_each_other() {
    let towns = Towns::new().await;
    let many = std::env::var("JIELI_MANY_AGREEMENTS").ok().and_then(|text| text.parse().ok());
    let many = many.unwrap_or(40);
    for _ in 0..many {
        one_more(&towns).await;
    }
    for town in [&towns.kunming, &towns.ruian] {
        let held = town.count("SELECT COUNT(*) FROM agreement WHERE live_version = 1").await;
        assert_eq!(held, many + 1);
    }
    let (_, leg) = offered(&towns, 1).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}
