//! V6, V23: whoever changes their mind is heard, and no desk can tell a no from silence.

use jieli_node::command::{Command, Done, WorkerCommand};
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::wire::{self, Service};
use jieli_tests::Towns;
use jieli_tests::people::home;

fn code(done: Result<Done, Failure>) -> &'static str {
    match done {
        Err(Failure::Denied(denied)) => denied.code,
        Err(Failure::Busy(why)) => panic!("busy: {why}"),
        Ok(done) => panic!("{done:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_a_locked_code_still_stops() {
    let towns = Towns::new().await;
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    let sms = towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.leg_for(&case, Service::Housing).await;
    towns.kunming.reaches(leg, Stage::Offered).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    let wrong = if sms.code() == "00000000" { "00000001" } else { "00000000" };
    for _ in 0..12 {
        assert!(towns.kunming.answer_with(&case, wrong, &[1]).await.is_err());
    }
    assert!(towns.kunming.open(&sms).await.is_err(), "guesses lock it against answering");
    towns.kunming.withdraw(&sms).await.unwrap();
    towns.kunming.reaches(leg, Stage::Withdrawn).await;
    towns.ruian.reaches(leg, Stage::Withdrawn).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_a_no_after_a_yes_stops_what_is_on_the_road() {
    let towns = Towns::new().await;
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    let sms = towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.leg_for(&case, Service::Housing).await;
    towns.kunming.reaches(leg, Stage::Offered).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    // A number that was not asked stops nothing and says so.
    let ask = wire::WithdrawRequest { case_number: case.clone(), code: sms.code(), legs: vec![9] };
    let hand = towns.kunming.node().hand();
    let done = hand.perform(Command::Worker(WorkerCommand::Withdraw(ask))).await;
    assert_eq!(code(done), "NO_SUCH_NUMBER");
    assert_eq!(towns.kunming.stage(leg).await, Some(Stage::Offered));
    towns.kunming.answer(&sms, &[]).await.unwrap();
    towns.kunming.reaches(leg, Stage::Withdrawn).await;
    towns.ruian.reaches(leg, Stage::Withdrawn).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v23_a_stop_before_sending_looks_like_silence_at_the_desk() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let cases = kunming.import(vec![home(1), home(2)]).await;
    assert_eq!(kunming.ask(&cases).await.asked, 2);
    let stopped = kunming.sms(&cases[0], "逐项回答").await;
    kunming.withdraw(&stopped).await.unwrap();
    let phones = kunming.phones.all().len();
    let mut seen = Vec::new();
    for (case, person) in [(&cases[0], home(1)), (&cases[1], home(2))] {
        let again = kunming.ask(std::slice::from_ref(case)).await;
        let third = kunming.ask(std::slice::from_ref(case)).await;
        let request = wire::ImportRequest { file_name: String::new(), drafts: vec![person] };
        let done = kunming.desk(jieli_node::command::DeskCommand::Import(request)).await.unwrap();
        let Done::Imported(reply) = done else { panic!("{done:?}") };
        let row = &reply.rows[0];
        assert_eq!(&row.case_number, case);
        let why: Vec<String> = third.why.iter().map(|why| why.replace(case, "CASE")).collect();
        seen.push((again.asked, again.not_ready, third.asked, why, row.code.clone()));
    }
    assert_eq!(seen[0], seen[1], "the one who stopped and the silent one");
    // Only the silent one was written to a second time.
    kunming.sms(&cases[1], "逐项回答").await;
    for _ in 0..200 {
        if kunming.phones.all().len() > phones {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!(kunming.phones.all().len(), phones + 1);
    assert_eq!(kunming.phones.about(&cases[0], "逐项回答").len(), 1);
    towns.stop().await;
}
