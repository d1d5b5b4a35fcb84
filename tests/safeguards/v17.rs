//! V17: flags on agreements, never on persons: counted by both cities, answered by the other one's
//! reviewer; unanswered they stop what is new and nothing else.

use crate::common::{a_while, denied};
use jieli_node::audit::act::AuditCommand;
use jieli_node::command::{Actor, Command, Done};
use jieli_node::expiry;
use jieli_node::flags::Measured;
use jieli_node::store::AssertSqlSafe;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, RiskFlagAnswer, RiskFlagKind};
use jieli_tests::people::home;
use jieli_tests::{Town, Towns, eventually};

const ALL: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM risk_flag";

/// What a modified node does to its own tables.
async fn behind(town: &Town, sql: &str) {
    let mut writer = town.node().store().writer();
    let mut tx = writer.begin().await.unwrap();
    tx.run(AssertSqlSafe(sql.to_owned()), Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
}

/// Flags of a side: kind and id.
async fn raised_by(town: &Town, side: i64) -> Vec<(i64, String)> {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT kind, flag_digest FROM risk_flag WHERE side = $1 ORDER BY kind";
    let rows = conn.rows(sql, vec![side.into()]).await.unwrap();
    let read =
        |row: &jieli_node::store::Row| (row.int(0).unwrap(), hex::encode(row.bytes(1).unwrap()));
    rows.iter().map(read).collect()
}

async fn answer(
    town: &Town,
    flag_id: &str,
    answer: RiskFlagAnswer,
) -> Result<wire::FlagLine, Failure> {
    let actor = Actor { office: String::new(), token: "compliance".to_owned() };
    let asked = wire::AnswerFlagRequest { flag_id: flag_id.to_owned(), answer: answer.into() };
    let command = Command::Audit(actor, AuditCommand::AnswerFlag(asked));
    let done = town.node().hand().perform(command).await?;
    let Done::Flag(line) = done else { panic!("{done:?}") };
    Ok(line)
}

fn state(towns: &Towns, town: &Town) -> &'static str {
    let node = town.node();
    let today = node.house().calendar().day_of_unix_ms(node.house().world.clock.now_unix_ms());
    node.hand().published().directory.bonds[&towns.agreement].state(today)
}

/// What ends soon, as status and healthcheck tell it.
fn told(town: &Town) -> Vec<String> {
    let node = town.node();
    let today = node.house().calendar().day_of_unix_ms(node.house().world.clock.now_unix_ms());
    let soon = expiry::soon(node.house(), &node.hand().published().directory, today);
    soon.into_iter().map(|end| end.what).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn v17_sixty_workers_on_one_phone_within_five_minutes_are_flagged_and_new_offers_stop() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let on_one_phone = |serial: u32| {
        let mut draft = home(serial);
        draft.worker.as_mut().unwrap().phone = "19900010000".to_owned();
        draft
    };
    let cases = kunming.import((1..=60).map(on_one_phone).collect()).await;
    // V1 stands in the way of an honest node: this one forgets whose phone is whose.
    assert_eq!(kunming.ask(&cases).await.asked, 0);
    behind(kunming, "DELETE FROM phone_index").await;
    assert_eq!(kunming.ask(&cases).await.asked, 60);
    let mut first = None;
    for (at, case) in cases.iter().enumerate() {
        let sms = kunming.sms(case, "逐项回答").await;
        kunming.answer(&sms, &[1]).await.unwrap();
        first.get_or_insert(sms);
        if at % 12 == 11 {
            towns.clock.move_on(60_000);
        }
    }
    eventually("sixty OFFERs in Ruian", async || {
        ruian.count("SELECT CAST(COUNT(*) AS BIGINT) FROM leg").await == 60
    })
    .await;
    towns.next_working_day();
    // Kunming holds the phones, Ruian the consents.
    for town in [kunming, ruian] {
        eventually("the flags", async || town.count(ALL).await == 3).await;
        let kinds = |flags: Vec<(i64, String)>| -> Vec<i64> {
            flags.into_iter().map(|(kind, _)| kind).collect()
        };
        assert_eq!(kinds(raised_by(town, 0).await), [4, 5]);
        assert_eq!(kinds(raised_by(town, 1).await), [5]);
        assert_eq!(state(&towns, town), "ACTIVE", "ten working days to answer");
        assert!(told(town).contains(&"flag-here".to_owned()), "{:?}", told(town));
    }
    let early = kunming.import(vec![home(101)]).await.remove(0);
    kunming.ask_yes(&early).await;
    ruian.reaches(kunming.legs(&early).await[0].id, Stage::Offered).await;
    for _ in 0..11 {
        towns.next_working_day();
    }
    for town in [kunming, ruian] {
        eventually("the alarm", async || {
            town.alarms().await.iter().any(|alarm| alarm.starts_with("flag-suspends"))
        })
        .await;
        assert_eq!(state(&towns, town), "SUSPENDED");
    }
    let later = kunming.import(vec![home(102)]).await;
    let reply = kunming.ask(&later).await;
    assert_eq!(reply.asked, 0);
    assert!(reply.why[0].contains("The agreement is suspended"), "{reply:?}");
    // Stopping is as free as ever.
    let leg = kunming.legs(&cases[0]).await[0].id;
    kunming.withdraw(&first.unwrap()).await.unwrap();
    ruian.reaches(leg, Stage::Withdrawn).await;
    // Each city answers what the other one raised, and nothing else.
    let (ours, theirs) = (raised_by(kunming, 0).await, raised_by(kunming, 1).await);
    let own = answer(kunming, &ours[0].1, RiskFlagAnswer::Explained).await;
    assert_eq!(denied(own), "NOT_YOURS");
    for (_, flag) in &ours {
        answer(ruian, flag, RiskFlagAnswer::CallBack).await.unwrap();
    }
    eventually("Ruian's answers", async || {
        kunming.count("SELECT CAST(COUNT(*) AS BIGINT) FROM risk_flag WHERE answered_ms > 0").await
            == 2
    })
    .await;
    assert_eq!(state(&towns, kunming), "SUSPENDED", "one is not answered");
    answer(kunming, &theirs[0].1, RiskFlagAnswer::OfficeInstructed).await.unwrap();
    for town in [kunming, ruian] {
        eventually("it goes on by itself", async || state(&towns, town) == "ACTIVE").await;
    }
    assert!(told(kunming).iter().all(|what| !what.starts_with("flag")));
    kunming.ask_yes(&later[0]).await;
    ruian.reaches(kunming.legs(&later[0]).await[0].id, Stage::Offered).await;
    towns.settled().await;
    towns.stop().await;
}

fn measured(towns: &Towns, kind: RiskFlagKind, counted: u64) -> Command {
    let agreement = towns.agreement;
    let (month, out_of) = (202_611, counted + 10);
    let one = Measured { agreement, kind, month, counted, out_of, raised: true };
    Command::Measured(vec![one])
}

#[tokio::test(flavor = "multi_thread")]
async fn v17_a_modified_sender_that_forgets_a_flag_is_refused() {
    let mut towns = Towns::new().await;
    let flag = measured(&towns, RiskFlagKind::SameMinute, 60);
    towns.ruian.node().hand().perform(flag).await.unwrap();
    eventually("the flag", async || towns.kunming.count(ALL).await == 1).await;
    for _ in 0..11 {
        towns.next_working_day();
    }
    behind(&towns.kunming, "DELETE FROM risk_flag").await;
    towns.kunming.stop().await;
    towns.kunming.start().await;
    let kunming = &towns.kunming;
    assert_eq!(state(&towns, kunming), "ACTIVE");
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let refused = "SELECT CAST(COUNT(*) AS BIGINT) FROM message WHERE status = 3 AND code = 10";
    assert_eq!(Refusal::Suspended.number(), 10);
    eventually("the refusal", async || kunming.count(refused).await == 1).await;
    assert_eq!(towns.ruian.count("SELECT CAST(COUNT(*) AS BIGINT) FROM leg").await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v17_what_rests_on_the_ballot_never_travels() {
    let towns = Towns::new().await;
    let acts = async |town: &Town| town.lane(towns.agreement, 5).await.len();
    let before = acts(&towns.ruian).await;
    let ballots = measured(&towns, RiskFlagKind::NotByChoice, 40);
    towns.ruian.node().hand().perform(ballots).await.unwrap();
    a_while().await;
    assert_eq!(acts(&towns.ruian).await, before);
    for town in [&towns.kunming, &towns.ruian] {
        assert_eq!(town.count(ALL).await, 0);
    }
    assert_eq!(towns.kunming.count("SELECT COUNT(*) FROM risk_count WHERE kind = 3").await, 0);
    towns.stop().await;
}

/// Kind, answer and act of every flag, and whether its answer is held by both.
async fn flags(town: &Town) -> Vec<(i64, i64, String, bool)> {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT kind, answer, flag_digest, answered_ms FROM risk_flag ORDER BY side, kind";
    let rows = conn.rows(sql, Vec::new()).await.unwrap();
    let read = |row: &jieli_node::store::Row| {
        let digest = hex::encode(row.bytes(2).unwrap());
        (row.int(0).unwrap(), row.int(1).unwrap(), digest, row.int(3).unwrap() > 0)
    };
    rows.iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn v17_an_answer_that_crosses_a_flag_raised_again_is_no_answer_to_it() {
    let mut towns = Towns::new().await;
    let raise = || measured(&towns, RiskFlagKind::SameMinute, 60);
    towns.kunming.node().hand().perform(raise()).await.unwrap();
    // The other city counts the same and raises its own: each waits for its own answer.
    towns.ruian.node().hand().perform(raise()).await.unwrap();
    for town in [&towns.kunming, &towns.ruian] {
        eventually("both flags", async || town.count(ALL).await == 2).await;
    }
    let first = raised_by(&towns.ruian, 0).await.remove(0).1;
    towns.settled().await;
    towns.ruian.tap.set_cut(true);
    answer(&towns.ruian, &first, RiskFlagAnswer::Explained).await.unwrap();
    // Kunming has lost its table of flags, not its lane, and raises again.
    let again = raise();
    behind(&towns.kunming, "DELETE FROM risk_flag WHERE side = 0").await;
    towns.kunming.stop().await;
    towns.kunming.start().await;
    towns.kunming.node().hand().perform(again).await.unwrap();
    let second = raised_by(&towns.kunming, 0).await.remove(0).1;
    assert_ne!(first, second);
    let holds = async || raised_by(&towns.ruian, 0).await[0].1 == second;
    eventually("the later flag in Ruian", holds).await;
    towns.ruian.tap.set_cut(false);
    towns.clock.move_on(jieli_tests::HOUR_MS);
    towns.settled().await;
    for town in [&towns.kunming, &towns.ruian] {
        let found = flags(town).await;
        assert_eq!(found[0], (5, 0, second.clone(), false), "the older answer answers nothing");
        assert!(!found[1].3, "nor the other city's flag");
        let alarms = town.alarms().await;
        assert!(alarms.iter().all(|alarm| !alarm.starts_with("flag-refused")), "{alarms:?}");
    }
    answer(&towns.ruian, &second, RiskFlagAnswer::CallBack).await.unwrap();
    for town in [&towns.kunming, &towns.ruian] {
        eventually("one state", async || flags(town).await[0].3).await;
        let found = flags(town).await;
        assert_eq!((found[0].1, found[1].3), (4, false));
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v17_an_answered_flag_stops_nothing_while_the_receipt_of_the_answer_is_on_its_way() {
    let mut towns = Towns::new().await;
    let flag = measured(&towns, RiskFlagKind::SameMinute, 60);
    towns.kunming.node().hand().perform(flag).await.unwrap();
    eventually("the flag", async || towns.ruian.count(ALL).await == 1).await;
    for _ in 0..11 {
        towns.next_working_day();
    }
    towns.settled().await;
    let id = raised_by(&towns.ruian, 0).await.remove(0).1;
    towns.ruian.tap.set_cut(true);
    answer(&towns.ruian, &id, RiskFlagAnswer::Explained).await.unwrap();
    assert_eq!(state(&towns, &towns.ruian), "SUSPENDED", "it sends nothing before the receipt");
    // Kunming has the answer; its word about that has not come back.
    behind(&towns.kunming, "UPDATE risk_flag SET answer = 1, answered_ms = 1").await;
    towns.kunming.stop().await;
    towns.kunming.start().await;
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.stop().await;
}
