//! V6: stopping works in every state; stopped at a desk, the person is told and may say "not me".

use crate::common::{a_while, denied};
use jieli_node::command::{Done, WorkerCommand};
use jieli_node::window::WindowCommand;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_tests::people::{self, home, person};
use jieli_tests::{HOUR_MS, Sms, Town, Towns, eventually, in_hand};

const DAY_MS: u64 = 24 * HOUR_MS;

async fn not_me(town: &Town, sms: &Sms) -> Result<Done, Failure> {
    let ask = wire::NotMeRequest { case_number: sms.case(), code: sms.code() };
    town.worker(WorkerCommand::NotMe(ask)).await
}

async fn opening(town: &Town, leg: LegId) -> wire::Opening {
    let file = town.leg(leg).await;
    let offer = file.latest(MessageType::Offer).unwrap();
    let Some(Body::Opening(opening)) = offer.message.as_ref().unwrap().body.clone() else {
        panic!("{offer:?}")
    };
    opening
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_not_me_opens_the_leg_again_and_keeps_the_filing_date() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let old = kunming.legs(&case).await[0].id;
    ruian.reaches(old, Stage::Offered).await;
    let filed_on = opening(ruian, old).await.filed_on;
    towns.clock.move_on(5 * DAY_MS);
    // A clerk stops it, without the person.
    kunming.act(old, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    ruian.reaches(old, Stage::Withdrawn).await;
    let sms = kunming.sms(&case, "不是我").await;
    assert!(sms.text.contains("昆明市综合服务窗口"), "{}", sms.text);
    assert!(sms.text.contains("瑞安市住房和城乡建设局"), "{}", sms.text);
    // Stopping it twice at a desk does not take the person's word away.
    kunming.act(old, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    not_me(kunming, &sms).await.unwrap();
    eventually("the new leg", async || kunming.legs(&case).await.len() == 2).await;
    let new = kunming.legs(&case).await[1].id;
    ruian.reaches(new, Stage::Offered).await;
    let said = opening(ruian, new).await;
    assert_eq!(said.supersedes, old.to_vec());
    assert_eq!(said.filed_on, filed_on);
    // Said twice, it is one leg; and that leg goes its way.
    not_me(kunming, &sms).await.unwrap();
    towns.ruian_accepts(new).await;
    ruian.reaches(new, Stage::Released).await;
    assert_eq!(kunming.legs(&case).await.len(), 2);
    assert_eq!(ruian.stage(old).await, Some(Stage::Withdrawn), "what was stopped stays stopped");
    towns.settled().await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_not_me_about_a_job_counts_from_nine_next_working_day() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(people::single(1)).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let old = kunming.leg_for(&case, Service::Employment).await;
    ruian.reaches(old, Stage::Offered).await;
    kunming.act(old, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    ruian.reaches(old, Stage::Withdrawn).await;
    let sms = kunming.sms(&case, "不是我").await;
    not_me(kunming, &sms).await.unwrap();
    a_while().await;
    let new = kunming.legs(&case).await[1].id;
    assert!(ruian.find(new).await.is_none());
    towns.next_working_day();
    ruian.reaches(new, Stage::Offered).await;
    assert_eq!(opening(ruian, new).await.supersedes, old.to_vec());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_whoever_is_silent_stays_stopped_and_is_forgotten() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    ruian.reaches(leg, Stage::Offered).await;
    kunming.act(leg, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    let sms = kunming.sms(&case, "不是我").await;
    // What is kept is what was entered here, under its key; nothing that was disclosed.
    let disclosed = "SELECT COUNT(*) FROM section_data WHERE slot BETWEEN 1 AND 254";
    assert_eq!(kunming.count(disclosed).await, 0);
    assert_eq!(kunming.count("SELECT COUNT(*) FROM blind_index").await, 0);
    towns.clock.move_on(73 * HOUR_MS);
    eventually("all of it to be erased", async || {
        kunming.count("SELECT COUNT(*) FROM section_data").await == 0
    })
    .await;
    assert_eq!(denied(not_me(kunming, &sms).await), "WRONG_CODE");
    assert_eq!(kunming.legs(&case).await.len(), 1);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_a_stop_by_the_other_city_is_told_too_but_for_a_job() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    ruian.reaches(leg, Stage::Offered).await;
    ruian.act(leg, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    let sms = kunming.sms(&case, "不是我").await;
    assert!(sms.text.contains("瑞安"), "{}", sms.text);
    not_me(kunming, &sms).await.unwrap();
    eventually("the new leg", async || kunming.legs(&case).await.len() == 2).await;
    ruian.reaches(kunming.legs(&case).await[1].id, Stage::Offered).await;
    // A job may have been stopped by the worker's own no in the private ballot.
    let job = kunming.import(people::single(1)).await.remove(0);
    kunming.ask_yes(&job).await;
    towns.next_working_day();
    let leg = kunming.leg_for(&job, Service::Employment).await;
    ruian.reaches(leg, Stage::Offered).await;
    ruian.act(leg, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    kunming.reaches(leg, Stage::Withdrawn).await;
    a_while().await;
    assert!(kunming.phones.about(&job, "不是我").is_empty());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_every_window_stops_and_no_desk_can_tell_who_did() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(vec![home(1), home(2)]).await;
    kunming.ask_yes(&cases[0]).await;
    let sent = kunming.legs(&cases[0]).await[0].id;
    ruian.reaches(sent, Stage::Offered).await;
    for (token, serial) in [("own", 1), ("schools", 2)] {
        let in_hand = Some(in_hand(&cases[serial as usize - 1], &person(serial)));
        let stop = wire::StopRequest { in_hand, legs: Vec::new() };
        kunming.window(token, WindowCommand::Stop(stop)).await.unwrap();
    }
    ruian.reaches(sent, Stage::Withdrawn).await;
    a_while().await;
    assert!(kunming.phones.about(&cases[0], "不是我").is_empty(), "the person said it");
    // The one that had not been sent looks like any other that waits.
    let draft = kunming.legs(&cases[1]).await.remove(0);
    assert_ne!(draft.local, jieli_node::legs::Local::Dropped);
    assert_eq!(kunming.ask(&cases[1..]).await.asked, 1, "asked, as after silence");
    a_while().await;
    assert!(kunming.phones.about(&cases[1], "逐项回答").is_empty());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_not_me_opens_nothing_that_the_person_refused_elsewhere() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    // Two offices have a draft of one person; a clerk of the second gave a telephone of the own.
    let case = kunming.import(vec![home(1)]).await.remove(0);
    let mut draft = home(1);
    draft.worker.as_mut().unwrap().phone = person(9).phone;
    let other = kunming.import_as(jieli_tests::SCHOOLS[0], vec![draft]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    kunming.withdraw(&sms).await.unwrap();
    let leg = kunming.legs(&other).await[0].id;
    kunming.act(leg, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    a_while().await;
    assert!(kunming.phones.about(&other, "不是我").is_empty());
    assert_eq!(kunming.count("SELECT COUNT(*) FROM suppression").await, 1);
    towns.stop().await;
}

/// A home that a clerk stopped after it had been sent, and the notice about it.
async fn stopped_at_desk(towns: &Towns) -> (String, Sms) {
    let kunming = &towns.kunming;
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    kunming.act(leg, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    towns.ruian.reaches(leg, Stage::Withdrawn).await;
    let sms = kunming.sms(&case, "不是我").await;
    (case, sms)
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_an_answer_in_the_wrong_place_does_not_use_up_the_not_me() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, sms) = stopped_at_desk(&towns).await;
    for yes in [vec![], vec![1]] {
        assert_eq!(denied(kunming.answer(&sms, &yes).await), "USE_NOT_ME", "{yes:?}");
    }
    not_me(kunming, &sms).await.unwrap();
    eventually("the new leg", async || kunming.legs(&case).await.len() == 2).await;
    towns.ruian.reaches(kunming.legs(&case).await[1].id, Stage::Offered).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_not_me_waits_like_any_yes_after_the_pin_was_replaced() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, sms) = stopped_at_desk(&towns).await;
    for pin in ["8264", "9999"] {
        let (code, case_number) = (sms.code(), sms.case());
        let set = wire::SetPinRequest { code, case_number, pin: pin.to_owned() };
        kunming.worker(WorkerCommand::SetPin(set)).await.unwrap();
    }
    assert_eq!(denied(not_me(kunming, &sms).await), "PIN_REPLACED");
    towns.clock.move_on(71 * HOUR_MS);
    assert_eq!(denied(not_me(kunming, &sms).await), "PIN_REPLACED");
    assert_eq!(kunming.legs(&case).await.len(), 1);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_windows_and_not_me_on_postgres() {
    let pg = jieli_tests::TestPg::create("windows").await.unwrap();
    let sqlite = jieli_tests::sqlite();
    let towns = Towns::with(pg.database(), sqlite, jieli_tests::AGREEMENT_DRAFT).await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(vec![home(1), home(2)]).await;
    assert_eq!(denied(kunming.sit("union", &cases[0], &person(9), false).await), "NO_MATCH");
    let sitting = kunming.sit("union", &cases[0], &person(1), false).await.unwrap();
    kunming.types_in("union", &sitting, &[1], "").await.unwrap();
    let old = kunming.legs(&cases[0]).await[0].id;
    ruian.reaches(old, Stage::Offered).await;
    kunming.act(old, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    let sms = kunming.sms(&cases[0], "不是我").await;
    not_me(kunming, &sms).await.unwrap();
    eventually("the new leg", async || kunming.legs(&cases[0]).await.len() == 2).await;
    let new = kunming.legs(&cases[0]).await[1].id;
    towns.ruian_accepts(new).await;
    ruian.reaches(new, Stage::Released).await;
    let sms = kunming.sms(&cases[0], "不是我").await;
    let pin =
        wire::SetPinRequest { code: sms.code(), case_number: sms.case(), pin: "8264".to_owned() };
    kunming.worker(WorkerCommand::SetPin(pin)).await.unwrap();
    assert!(kunming.sit("union", &cases[0], &person(1), false).await.unwrap().pin_needed);
    assert_eq!(kunming.ask(&cases[1..]).await.asked, 1);
    towns.settled().await;
    towns.stop().await;
}
