//! V1, V2, V4: nothing leaves without the person's own yes, and nobody at a desk can say it.

use jieli_node::command::DeskCommand;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Duty, Service};
use jieli_tests::people::{self, home};
use jieli_tests::{HOUR_MS, Sms, Towns};

fn denied<T: std::fmt::Debug>(done: Result<T, Failure>) -> &'static str {
    match done {
        Err(Failure::Denied(denied)) => denied.code,
        Err(Failure::Busy(why)) => panic!("busy: {why}"),
        Ok(done) => panic!("{done:?}"),
    }
}

/// A job is asked for by one worker, who was asked and has not answered.
async fn asked(towns: &Towns) -> (String, Sms) {
    let case = towns.kunming.import(people::single(1)).await.remove(0);
    let reply = towns.kunming.ask(std::slice::from_ref(&case)).await;
    assert_eq!(reply.asked, 1, "{reply:?}");
    let sms = towns.kunming.sms(&case, "逐项回答").await;
    (case, sms)
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_an_import_of_300_rows_sends_0_messages() {
    let towns = Towns::new().await;
    let cases = towns.kunming.import(people::roster().to_vec()).await;
    assert_eq!(cases.len(), 300);
    // A day and a week later still nothing: silence is a no.
    for _ in 0..6 {
        towns.next_working_day();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(towns.sent().await, 0);
    assert!(towns.kunming.phones.all().is_empty(), "nobody was asked");
    assert_eq!(towns.ruian.count("SELECT COUNT(*) FROM leg").await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_no_command_of_a_clerk_can_confirm() {
    let towns = Towns::new().await;
    let (case, sms) = asked(&towns).await;
    let leg = towns.kunming.leg_for(&case, Service::Employment).await;
    let acts = [
        Act::TakeUp(wire::DeskTakeUp {}),
        Act::Accept(wire::DeskAccept::default()),
        Act::Decline(wire::DeskDecline::default()),
        Act::Outcome(people::outcome(Service::Employment, "")),
        Act::Void(wire::DeskVoid::default()),
        Act::Remind(wire::DeskRemind { duty: Duty::TakeUp.into() }),
        Act::Expire(wire::DeskExpire { duty: Duty::TakeUp.into() }),
        Act::Progress(wire::DeskProgress::default()),
    ];
    for act in acts {
        let shown = format!("{act:?}");
        assert_eq!(denied(towns.kunming.act(leg, act).await), "NOT_SENT", "{shown}");
    }
    // Asking again, once, only sends another notice; a third time is refused.
    let again = std::slice::from_ref(&case);
    assert_eq!(towns.kunming.ask(again).await.asked, 1);
    let third = towns.kunming.ask(again).await;
    assert_eq!((third.asked, third.not_ready), (0, 1));
    assert!(third.why[0].contains("ASKED_TWICE"), "{third:?}");
    // The code is on the phone alone: no answer of the node to a desk shows it.
    let viewed = towns.kunming.desk(DeskCommand::Viewed("x".to_owned())).await.unwrap();
    assert!(!format!("{viewed:?}").contains(&sms.code()));
    towns.next_working_day();
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(towns.sent().await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_five_wrong_codes_lock_the_question() {
    let towns = Towns::new().await;
    let (case, sms) = asked(&towns).await;
    let wrong = if sms.code() == "00000000" { "00000001" } else { "00000000" };
    for _ in 0..5 {
        let tried = towns.kunming.answer_with(&case, wrong, &[1]).await;
        assert_eq!(denied(tried), "WRONG_CODE");
    }
    assert_eq!(denied(towns.kunming.answer(&sms, &[1]).await), "WRONG_CODE");
    // Four do not.
    let other = towns.kunming.import(vec![home(1)]).await.remove(0);
    towns.kunming.ask(std::slice::from_ref(&other)).await;
    let sms = towns.kunming.sms(&other, "逐项回答").await;
    for _ in 0..4 {
        assert_eq!(denied(towns.kunming.answer_with(&other, wrong, &[1]).await), "WRONG_CODE");
    }
    towns.kunming.answer(&sms, &[1]).await.unwrap();
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v02_a_code_is_good_for_72_hours_and_for_its_own_case() {
    let towns = Towns::new().await;
    let cases = towns.kunming.import(vec![home(1), home(2)]).await;
    assert_eq!(towns.kunming.ask(&cases).await.asked, 2);
    let sms = towns.kunming.sms(&cases[0], "逐项回答").await;
    assert_eq!(denied(towns.kunming.answer_with(&cases[1], &sms.code(), &[1]).await), "WRONG_CODE");
    towns.clock.move_on(72 * HOUR_MS);
    assert_eq!(denied(towns.kunming.answer(&sms, &[1]).await), "WRONG_CODE");
    assert_eq!(towns.sent().await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_a_yes_to_a_job_counts_from_nine_next_working_day_and_can_be_taken_back_unseen() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let cases = kunming.import(people::single(2)).await;
    let (stays, thinks_again) = (&cases[0], &cases[1]);
    kunming.ask_yes(stays).await;
    let sms = kunming.ask_yes(thinks_again).await;
    let legs = [
        kunming.leg_for(stays, Service::Employment).await,
        kunming.leg_for(thinks_again, Service::Employment).await,
    ];
    towns.clock.next_working_day(&towns.calendar(), 8, 58);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(towns.sent().await, 0, "before nine nothing has left");
    kunming.answer(&sms, &[]).await.unwrap();
    towns.clock.move_on(7 * 60_000);
    towns.ruian.reaches(legs[0], Stage::Offered).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(towns.sent().await, 1, "the one that was taken back never leaves");
    assert!(towns.ruian.find(legs[1]).await.is_none());
    // The desk sees of the second what it sees of anybody who has not answered.
    assert_eq!(kunming.leg(legs[1]).await.local, jieli_node::legs::Local::Asked);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_yes_and_no_get_the_same_answer() {
    let towns = Towns::new().await;
    let cases = towns.kunming.import(people::single(2)).await;
    towns.kunming.ask(&cases).await;
    let yes = towns.kunming.sms(&cases[0], "逐项回答").await;
    let no = towns.kunming.sms(&cases[1], "逐项回答").await;
    let yes = towns.kunming.answer(&yes, &[1]).await.unwrap();
    let no = towns.kunming.answer(&no, &[]).await.unwrap();
    assert_eq!(yes, no);
    assert_eq!(yes.say_zh, "已收到");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v04_terms_are_not_acknowledged_before_they_were_open_for_a_day() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, sms) = asked(&towns).await;
    // Answered from the text of the notice; the terms in it were not opened.
    kunming.answer(&sms, &[1]).await.unwrap();
    towns.next_working_day();
    let leg = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_accepts(leg).await;
    let sms = kunming.sms(&case, "请至少看一天").await;
    // A day passes, and it is still too soon.
    towns.clock.move_on(25 * HOUR_MS);
    assert_eq!(denied(kunming.answer(&sms, &[1]).await), "READ_FIRST");
    let shown = kunming.open(&sms).await.unwrap();
    towns.clock.move_on(24 * HOUR_MS - 60_000);
    assert_eq!(denied(kunming.answer(&sms, &[1]).await), "READ_FIRST");
    // Opening it again does not start the day anew.
    assert_eq!(kunming.open(&sms).await.unwrap().answer_from_unix_ms, shown.answer_from_unix_ms);
    towns.clock.move_on(60_000);
    kunming.answer(&sms, &[1]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(kunming.stage(leg).await, Some(Stage::Accepted), "not before nine");
    towns.next_working_day();
    ruian.reaches(leg, Stage::Released).await;
    towns.settled().await;
    towns.stop().await;
}
