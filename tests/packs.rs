//! Packs over real nodes: an own one is signed, announced and fetched; each city's days are counted
//! by its own calendar; what is not held is waited for; a bad one leaves nothing behind.

#![allow(clippy::unwrap_used)]

use jieli_node::command::{DeskCommand, Done};
use jieli_node::config::Database;
use jieli_node::keys::KeyName;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::pack::Content;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_tests::{AGREEMENT_DRAFT, TestPg, Town, Towns, eventually, good, people};

const FRI_SAT: &str = include_str!("../proto/packs/calendar-fri-sat.json");
const EU_LIKE: &str = include_str!("../proto/packs/calendar-eu-like.json");
const SPANISH: &str = include_str!("../proto/packs/language-es.json");

/// The sample agreement; Ruian counts by a calendar of its own.
fn draft(calendar: &str, zone_offset_min: i32) -> String {
    let lines = format!("calendar = \"{calendar}\"\nzone_offset_min = {zone_offset_min}\n");
    let at = AGREEMENT_DRAFT.find("city = \"ruian.zj\"").unwrap();
    let mut text = AGREEMENT_DRAFT.to_owned();
    text.insert_str(at, &lines);
    text
}

async fn counting(databases: [Database; 2], days: &str, name: &str, zone: i32) -> Towns {
    let [first, second] = databases;
    Towns::counting(first, second, &draft(name, zone), days).await
}

fn china(year: i32, month: u32, day: u32, hour: u64) -> u64 {
    let day = Day::from_number(year as u32 * 10_000 + month * 100 + day).unwrap();
    day.start_unix_ms(480) + hour * jieli_tests::HOUR_MS
}

async fn import(town: &Town, file: &str) -> Result<wire::PackLine, Failure> {
    let file = file.as_bytes().to_vec();
    let command = DeskCommand::ImportPack(wire::ImportPackRequest { file });
    let Done::Pack(line) = town.desk(command).await? else { panic!("no pack") };
    Ok(line)
}

fn code(done: Result<wire::PackLine, Failure>) -> (&'static str, String) {
    match done {
        Err(Failure::Denied(denied)) => (denied.code, denied.en),
        other => panic!("{other:?}"),
    }
}

/// How many packs of a name a town holds.
async fn held(town: &Town, name: &str) -> i64 {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM pack WHERE name = $1";
    conn.one(sql, vec![name.into()]).await.unwrap().int(0).unwrap()
}

/// The newest message of a type in a leg, as a town holds it.
async fn said(town: &Town, leg: LegId, ty: MessageType) -> wire::Message {
    let file = town.leg(leg).await;
    let found = file.latest(ty).and_then(|entry| entry.message.clone());
    found.unwrap()
}

/// A home for a new person, offered by Kunming now.
async fn offered(towns: &Towns, serial: u32) -> LegId {
    let case = towns.kunming.import(vec![people::home(serial)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.leg_for(&case, Service::Housing).await;
    eventually("the offer", async || towns.ruian.find(leg).await.is_some()).await;
    leg
}

/// A Chinese city and one with its week-end on Friday and Saturday, three hours east of Greenwich.
async fn each_counts_its_own_days(databases: [Database; 2]) {
    let towns = counting(databases, FRI_SAT, "fri-sat", 180).await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    // Announced by an act and fetched, without anybody's doing; its vacancies came only after it.
    assert_eq!((held(ruian, "fri-sat").await, held(kunming, "fri-sat").await), (1, 1));
    let acts = ruian.lane(towns.agreement, 5).await;
    let acts = acts.iter().map(|act| envelope::payload::<wire::Act>(act).unwrap());
    assert_eq!(acts.filter(|act| act.act_type() == wire::ActType::Pack).count(), 1);

    // On a Wednesday two working days of Ruian lead over its Friday and Saturday to Sunday.
    towns.clock.move_to(china(2026, 11, 25, 11));
    let leg = offered(&towns, 41).await;
    let offer = said(kunming, leg, MessageType::Offer).await;
    assert_eq!((offer.due_date, offer.calendar_version), (20_261_129, 1));
    // On a Thursday six of Kunming lead over its Saturday and Sunday: the home is held for RELEASE,
    // which Kunming owes. Ruian reckons it, and never by its own days (the 6th).
    towns.clock.move_to(china(2026, 11, 26, 11));
    towns.ruian_accepts(leg).await;
    let accept = said(ruian, leg, MessageType::Accept).await;
    assert_eq!((accept.due_date, accept.calendar_version), (20_261_204, 1));
    kunming.reaches(leg, Stage::Released).await;
    ruian.reaches(leg, Stage::Released).await;
    // Twenty of Ruian from there on, still within what its calendar publishes.
    let release = said(kunming, leg, MessageType::Release).await;
    assert_eq!(release.due_date, 20_261_224);
    let desk = kunming.view(leg).await.line.unwrap().desk.unwrap();
    assert_eq!((desk.due_calendar.as_str(), desk.due_provisional), ("fri-sat 1", false));

    // A new version holds for what is counted from then on; what was said stays.
    let second = FRI_SAT
        .replace("\"version\": 1", "\"version\": 2")
        .replace("20260530\n  ]", "20260530, 20261129\n  ]")
        .replace("\"valid_to\": 20261231", "\"valid_to\": 20261210");
    let line = import(ruian, &second).await.unwrap();
    assert_eq!((line.version, line.in_force, line.city.as_str()), (2, true, "ruian.zj"));
    eventually("the new version", async || held(kunming, "fri-sat").await == 2).await;
    let later = offered(&towns, 42).await;
    let offer = said(kunming, later, MessageType::Offer).await;
    assert_eq!((offer.due_date, offer.calendar_version), (20_261_201, 2));
    assert_eq!(
        kunming.leg(leg).await.law.state().due(jieli_proto::case::Duty::Outcome),
        Day::from_number(20_261_224)
    );
    // Past the last published day a date is provisional, and the desk is told so.
    towns.ruian_accepts(later).await;
    kunming.reaches(later, Stage::Released).await;
    let desk = kunming.view(later).await.line.unwrap().desk.unwrap();
    assert_eq!((desk.due_calendar.as_str(), desk.due_provisional), ("fri-sat 2", true));
    towns.settled().await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_with_another_week_end_counts_its_own_days() {
    each_counts_its_own_days([Database::Sqlite, Database::Sqlite]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_with_another_week_end_counts_its_own_days_on_postgresql() {
    let [a, b] = [TestPg::create("packs_a").await, TestPg::create("packs_b").await];
    let (a, b) = (a.unwrap(), b.unwrap());
    each_counts_its_own_days([a.database(), b.database()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_with_christmas_off_counts_its_own_days() {
    let sqlite = [Database::Sqlite, Database::Sqlite];
    let towns = counting(sqlite, EU_LIKE, "eu-like", 60).await;
    towns.clock.move_to(china(2026, 12, 23, 16));
    let leg = offered(&towns, 43).await;
    let offer = said(&towns.kunming, leg, MessageType::Offer).await;
    // The 24th and, over Friday the 25th and the week-end, the 28th.
    assert_eq!((offer.due_date, offer.calendar_version), (20_261_228, 1));
    towns.stop().await;
}

/// A message that cites a version which is not held waits until it is; nothing is refused.
#[tokio::test(flavor = "multi_thread")]
async fn what_cites_a_calendar_that_is_not_held_waits_for_it() {
    let sqlite = [Database::Sqlite, Database::Sqlite];
    let towns = counting(sqlite, FRI_SAT, "fri-sat", 180).await;
    let leg = offered(&towns, 44).await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    // Kunming can fetch nothing now, but Ruian still reaches it.
    kunming.tap.set_cut(true);
    let second = FRI_SAT.replace("\"version\": 1", "\"version\": 2");
    import(ruian, &second).await.unwrap();
    eventually("the announcement", async || {
        kunming.count("SELECT COUNT(*) FROM pack_said").await == 2
    })
    .await;
    ruian.act(leg, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
    let sql = "SELECT COUNT(*) FROM outbox WHERE lane = 1";
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(held(kunming, "fri-sat").await, 1);
    assert!(ruian.count(sql).await > 0, "it is put off");
    assert_eq!(kunming.leg(leg).await.law.state().stage, Stage::Offered);
    // By hand, as where a city can never be called: the file that Ruian wrote out.
    let sealed = {
        let mut conn = ruian.node().store().read().await.unwrap();
        let sql = "SELECT envelope FROM pack WHERE version = 2";
        let row = conn.one(sql, Vec::new()).await.unwrap();
        prost::Message::decode(row.bytes(0).unwrap().as_slice()).unwrap()
    };
    let line = import(kunming, &envelope::to_json(&sealed)).await.unwrap();
    assert_eq!((line.city.as_str(), line.is_fetched), ("ruian.zj", false));
    kunming.tap.set_cut(false);
    towns.clock.move_on(jieli_tests::HOUR_MS);
    kunming.reaches(leg, Stage::TakenUp).await;
    assert_eq!(said(kunming, leg, MessageType::TakeUp).await.calendar_version, 2);
    towns.settled().await;
    towns.stop().await;
}

/// Everything is checked first: what is wrong is named with its line, and nothing is stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_pack_leaves_nothing_behind() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    towns.settled().await;
    let size = kunming.node().hand().published().exchange.size;
    let bad = [
        (FRI_SAT.replace("[4, 5]", "[4, 9]"), "line 5: calendar: week-end"),
        (FRI_SAT.replace("20260319,", "20260318,"), "line 7: calendar: 2026-03-18 is out of order"),
        (FRI_SAT.replace("\"version\": 1,", ""), "line 13, column 1: missing field `version`"),
        (SPANISH.replace("{employer}", "{boss}"), "terms.employer"),
        ("no pack".to_owned(), "line 1"),
    ];
    for (file, what) in bad {
        let (code, said) = code(import(kunming, &file).await);
        assert_eq!(code, "BAD_PACK");
        assert!(said.contains(what), "{said}: {what}");
    }
    // Signed by nobody known here, and by a city that is known, with other bytes.
    let stranger =
        jieli_proto::wire::Envelope { sig: vec![7; 64], ..sealed_by(ruian, SPANISH).await };
    assert_eq!(code(import(kunming, &envelope::to_json(&stranger)).await).0, "UNKNOWN_SIGNER");
    assert_eq!(kunming.count("SELECT COUNT(*) FROM pack").await, 0);
    assert_eq!(kunming.node().hand().published().exchange.size, size);

    // The same twice is one; other words under one version are refused; so is a lower version.
    import(kunming, SPANISH).await.unwrap();
    import(kunming, SPANISH).await.unwrap();
    assert_eq!(held(kunming, "language-es").await, 1);
    let other = SPANISH.replace("\"valid_to\": 20281231", "\"valid_to\": 20281230");
    assert_eq!(code(import(kunming, &other).await).0, "VERSION_TAKEN");
    let cn = include_str!("../proto/packs/calendar-cn-2026.json");
    let moved = cn.replace("\"version\": 1", "\"version\": 2").replace("480", "540");
    // The agreement has written down the zone of that calendar.
    assert_eq!(code(import(kunming, &moved).await).0, "ZONE_DIFFERS");
    eventually("it in Ruian", async || held(ruian, "language-es").await == 1).await;
    towns.settled().await;
    towns.stop().await;
}

async fn sealed_by(town: &Town, file: &str) -> wire::Envelope {
    let pack = Content::guess(file).unwrap().to_wire();
    let keys = &town.node().house().keys;
    jieli_node::keys::seal_envelope(&pack, keys.message().as_ref()).await.unwrap()
}

/// A pack is given only where it was announced: a digest opens nothing in another agreement.
#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_was_not_announced_is_unknown() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let line = import(ruian, SPANISH).await.unwrap();
    let digest = hex::decode(&line.env_digest).unwrap();
    let ask = |pack: Vec<u8>| wire::FetchRequest {
        agreement_id: towns.agreement.to_vec(),
        pack,
        ..wire::FetchRequest::default()
    };
    let post = &kunming.node().house().world.post;
    let found = post.fetch(&ruian.id(), ask(digest.clone())).await.unwrap();
    let sealed = found[0].envelope.clone().unwrap();
    assert_eq!(envelope::env_digest(&sealed).to_vec(), digest);
    // A key that is revoked takes no pack with it: the same one comes under the new key.
    let stolen = ruian.key(KeyName::Message);
    let revocation = wire::Revocation {
        fingerprint: stolen.to_vec(),
        last_good: vec![good(&kunming.id().exchange_origin(1), 0)],
        reason: wire::RevocationReason::Compromised.into(),
    };
    let manifest = ruian.next_manifest(vec![ruian.make_key(KeyName::Message)], vec![revocation]);
    ruian.install(manifest).await.unwrap();
    ruian.is_held_by(&kunming.id()).await;
    let found = post.fetch(&ruian.id(), ask(digest.clone())).await.unwrap();
    let sealed = found[0].envelope.clone().unwrap();
    assert_eq!(envelope::env_digest(&sealed).to_vec(), digest);
    assert_eq!(envelope::key_fpr(&sealed).unwrap(), ruian.key(KeyName::Message));
    let unknown = post.fetch(&ruian.id(), ask(vec![9; 32])).await;
    assert!(unknown.is_err() || unknown.unwrap().is_empty());
    towns.stop().await;
}
