//! Who asks for erasure, and what is answered: the person, the other city, a legal hold.

use jieli_node::command::{DeskCommand, Done, WorkerCommand};
use jieli_node::world::Clock;
use jieli_proto::bundle::{Gone, GoneBy, SectionVerdict, verify};
use jieli_proto::case::Stage;
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, EffectScope, KeepingDuty, MessageType, Service};
use jieli_tests::people::home;
use jieli_tests::{HOUR_MS, Sms, Town, Towns, eventually};

async fn ask(town: &Town, sms: &Sms) -> wire::EraseReply {
    let request =
        wire::WithdrawRequest { case_number: sms.case(), code: sms.code(), legs: Vec::new() };
    let done = town.worker(WorkerCommand::EraseMine(request)).await.unwrap();
    let Done::Erased(reply) = done else { panic!("{done:?}") };
    reply
}

async fn confirm(town: &Town, leg: LegId) -> wire::EraseConfirm {
    town.holds(leg, MessageType::EraseConfirm).await;
    let file = town.leg(leg).await;
    let messages = file.entries.iter().filter_map(|entry| entry.message.as_ref());
    let mut found = messages.filter_map(|message| {
        let Some(Body::EraseConfirm(body)) = &message.body else { return None };
        Some(body.clone())
    });
    found.next_back().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_asks_and_the_city_that_gave_the_home_says_what_it_keeps_until_when() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    towns.ruian_accepts(leg).await;
    ruian.reaches(leg, Stage::Released).await;
    // Still open: the request stands, and nothing is stopped by it.
    let reply = ask(kunming, &sms).await;
    assert_eq!(reply.lines[0].state, "open");
    assert!(reply.due_on > 0);
    assert_eq!(kunming.stage(leg).await, Some(Stage::Released));
    towns.ruian_reports(leg).await;
    kunming.reaches(leg, Stage::Fulfilled).await;
    let complete = kunming.sms(&case, "说已办成").await;
    kunming.answer(&complete, &[1]).await.unwrap();
    // Closed and settled: what Kunming holds goes by itself, and Ruian is asked.
    let confirm = confirm(kunming, leg).await;
    assert_eq!((confirm.scope(), confirm.duty()), (EffectScope::Kept, KeepingDuty::TenancyRecord));
    assert!(confirm.until > 20_270_501, "{}", confirm.until);
    eventually("Kunming to hold nothing", async || {
        kunming.count("SELECT COUNT(*) FROM section_data").await == 0
    })
    .await;
    assert_eq!(kunming.count("SELECT COUNT(*) FROM erase_request WHERE done_ms > 0").await, 1);
    assert!(ruian.count("SELECT COUNT(*) FROM section_data").await > 0);
    // Its time over, Ruian erases too.
    towns.clock.move_on(800 * 24 * HOUR_MS);
    eventually("Ruian to hold nothing", async || {
        ruian.count("SELECT COUNT(*) FROM section_data").await == 0
    })
    .await;
    // Three years after it closed the consents go too.
    assert!(kunming.count("SELECT COUNT(*) FROM consent").await > 0);
    towns.clock.move_on(400 * 24 * HOUR_MS);
    eventually("the consents to be gone", async || {
        let sql = "SELECT COUNT(*) FROM consent";
        kunming.count(sql).await + ruian.count(sql).await == 0
    })
    .await;
    towns.stop().await;
}

/// A home that was returned after its release; case and leg.
pub(crate) async fn returned(towns: &Towns) -> (String, LegId) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    towns.ruian_accepts(leg).await;
    ruian.reaches(leg, Stage::Released).await;
    let code = wire::ReturnCode::FamilyLeaves.into();
    ruian.act(leg, Act::Return(wire::DeskReturn { code })).await.unwrap();
    kunming.reaches(leg, Stage::Returned).await;
    towns.settled().await;
    (case, leg)
}

/// Kunming's office erases it, and Ruian confirms.
pub(crate) async fn erased(towns: &Towns, case: &str, leg: LegId) -> wire::EraseConfirm {
    let reason = "purpose-over".to_owned();
    let request = wire::EraseRequest { case_number: case.to_owned(), legs: vec![1], reason };
    towns.kunming.desk(DeskCommand::Erase(request)).await.unwrap();
    let said = confirm(&towns.kunming, leg).await;
    assert_eq!(said.scope(), EffectScope::Erased);
    assert!(!said.digests.is_empty());
    towns.settled().await;
    said
}

/// The evidence that a city exports verifies, and names every section that went on that day.
pub(crate) async fn says_when(
    towns: &Towns,
    (town, case): (&Town, &str),
    day: Day,
    said: &wire::EraseConfirm,
) {
    let roots = [towns.kunming.public.root_fpr(), towns.ruian.public.root_fpr()];
    let verdicts = verify(&town.export(case, true).await, &roots).unwrap();
    assert!(verdicts.failures.is_empty(), "{}", verdicts.text());
    let gone = verdicts.records.iter().flat_map(|record| &record.sections).filter(|(_, said)| {
        let SectionVerdict::Erased(all) = said else { return false };
        let ruian = Gone { on: day, city: towns.ruian.id(), by: GoneBy::Confirmed };
        all.contains(&ruian)
    });
    assert_eq!(gone.count(), said.digests.len(), "{}", verdicts.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_erasure_every_proof_verifies_and_the_verifier_says_when_it_was() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg) = returned(&towns).await;
    let said = erased(&towns, &case, leg).await;
    let today = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms());
    says_when(&towns, (kunming, &case), today, &said).await;
    let there = ruian.case_of(&ruian.leg(leg).await).await;
    says_when(&towns, (ruian, &there), today, &said).await;
    assert!(ruian.count("SELECT COUNT(*) FROM tombstone WHERE reason = 5").await > 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legal_hold_keeps_what_was_withdrawn_until_its_day_and_the_person_reads_it() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    towns.ruian_accepts(leg).await;
    ruian.reaches(leg, Stage::Released).await;
    let there = ruian.case_of(&ruian.leg(leg).await).await;
    let request = wire::HoldRequest {
        case_number: there,
        legs: Vec::new(),
        reason: "labour-dispute".to_owned(),
        until_on: 20_270_131,
    };
    let office = ruian.window_office();
    let entered = ruian.desk_as("operator", office, DeskCommand::EnterHold(request)).await.unwrap();
    let Done::Holds(list) = entered else { panic!("{entered:?}") };
    let hold = wire::HoldRef { hold_id: list.holds[0].hold_id.clone() };
    assert!(!list.holds[0].approved);
    // Who entered it does not approve it.
    let same = DeskCommand::ApproveHold(hold.clone());
    assert!(ruian.desk_as("operator", office, same).await.is_err());
    let second = DeskCommand::ApproveHold(hold);
    ruian.desk_as("approver", office, second).await.unwrap();
    let told = ruian.sms(&ruian.case_of(&ruian.leg(leg).await).await, "").await;
    let ask = wire::WorkerRequest { case_number: told.case(), code: told.code() };
    let status = ruian.status(ask).await.unwrap();
    assert!(status.legs[0].say_zh.contains("劳动争议"), "{status:?}");
    kunming.withdraw(&sms).await.unwrap();
    kunming.holds(leg, MessageType::WithdrawEffect).await;
    let file = kunming.leg(leg).await;
    let effect = file.latest(MessageType::WithdrawEffect).unwrap().message.clone().unwrap();
    let Some(Body::WithdrawEffect(effect)) = effect.body else { panic!() };
    assert_eq!((effect.scope(), effect.duty()), (EffectScope::Kept, KeepingDuty::LegalHold));
    assert_eq!(effect.until, 20_270_131);
    assert!(ruian.count("SELECT COUNT(*) FROM section_data").await > 0);
    towns.clock.move_on(80 * 24 * HOUR_MS);
    eventually("the hold to be over and everything erased", async || {
        ruian.count("SELECT COUNT(*) FROM section_data").await == 0
    })
    .await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_leg_is_not_erased_at_a_desk() {
    let towns = Towns::new().await;
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.leg_for(&case, Service::Housing).await;
    towns.ruian_accepts(leg).await;
    let ask = |legs: Vec<u32>| {
        let reason = "recorded-in-error".to_owned();
        DeskCommand::Erase(wire::EraseRequest { case_number: case.clone(), legs, reason })
    };
    assert!(towns.kunming.desk(ask(vec![1])).await.is_err());
    let done = towns.kunming.desk(ask(Vec::new())).await.unwrap();
    let Done::Erased(reply) = done else { panic!("{done:?}") };
    assert_eq!(reply.lines[0].state, "open");
    towns.ruian.act(leg, Act::Return(wire::DeskReturn { code: 2 })).await.ok();
    assert!(towns.kunming.count("SELECT COUNT(*) FROM section_data").await > 0);
    towns.stop().await;
}
