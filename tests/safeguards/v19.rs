//! V19: the worker holds a complete signed copy. With it, what V1 says of a print-out: its code
//! looks and stops, and confirms nothing.

use jieli_node::command::{Done, WorkerCommand};
use jieli_node::legs::Local;
use jieli_node::writer::Failure;
use jieli_proto::bundle::{exit_code, verify, zip_read};
use jieli_proto::case::Stage;
use jieli_proto::id::Digest;
use jieli_proto::paper::{self, Content};
use jieli_proto::wire::worker_server::Worker;
use jieli_proto::wire::{self, Service};
use jieli_tests::{Towns, people};
use tonic::Request;

fn denied(result: Result<Done, Failure>) -> &'static str {
    match result {
        Err(Failure::Denied(denied)) => denied.code,
        other => panic!("not denied: {other:?}"),
    }
}

fn use_of(case: &str, code: &str) -> wire::SlipUse {
    wire::SlipUse { case_number: case.to_owned(), slip_code: code.to_owned(), legs: Vec::new() }
}

fn open(case: &str, code: &str) -> wire::OpenRequest {
    wire::OpenRequest { case_number: case.to_owned(), code: code.to_owned() }
}

/// Files of a kind in a bundle, by path.
fn sections(zip: &[u8]) -> Vec<String> {
    let files = zip_read(zip).unwrap();
    let of_sections = files.iter().filter(|file| file.path.starts_with("sections/"));
    of_sections.map(|file| file.path.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_slip_code_cannot_confirm() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![people::home(1)]).await.remove(0);
    kunming.ask(std::slice::from_ref(&case)).await;
    let sms = kunming.sms(&case, "逐项回答").await;
    let slip = kunming.slip(&case).await;
    let code = &slip.slip_code;
    assert_ne!(*code, sms.code());
    // It opens no question, answers none, and gets neither a slip nor a copy.
    let answer =
        wire::AnswerRequest { case_number: case.clone(), code: code.clone(), yes: vec![1] };
    for command in [
        WorkerCommand::Open(open(&case, code)),
        WorkerCommand::Answer(answer),
        WorkerCommand::Slip(open(&case, code)),
        WorkerCommand::Copy(open(&case, code)),
    ] {
        assert_eq!(denied(kunming.worker(command).await), "WRONG_CODE");
    }
    let leg = kunming.leg_for(&case, Service::Housing).await;
    assert_eq!(kunming.leg(leg).await.local, Local::Asked);
    assert_eq!(kunming.count("SELECT COUNT(*) FROM consent").await, 0);
    // The person's own yes still counts; then the slip stops it, in both cities.
    kunming.answer(&sms, &[1]).await.unwrap();
    kunming.reaches(leg, Stage::Offered).await;
    let done = kunming.worker(WorkerCommand::StopBySlip(use_of(&case, code))).await.unwrap();
    let Done::Answered(reply) = done else { panic!("{done:?}") };
    assert_eq!(reply.say_zh, "已收到");
    kunming.reaches(leg, Stage::Withdrawn).await;
    towns.ruian.reaches(leg, Stage::Withdrawn).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_guesses_lock_looking_and_never_stopping() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![people::home(2)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    let old = kunming.slip(&case).await.slip_code;
    let look =
        async |code: &str| kunming.worker(WorkerCommand::LookBySlip(use_of(&case, code))).await;
    assert!(look(&old).await.is_ok());
    // A new slip about the same legs ends the old code.
    let code = kunming.slip(&case).await.slip_code;
    assert_eq!(denied(look(&old).await), "WRONG_CODE");
    assert_eq!(kunming.count("SELECT COUNT(*) FROM slip WHERE replaced_ms > 0").await, 1);
    let Done::SlipStatus(status) = look(&code).await.unwrap() else { panic!() };
    assert_eq!(status.legs[0].stage_en, "sent; waits to be taken up");
    let wrong = if code == "00000000" { "11111111" } else { "00000000" };
    for _ in 0..4 {
        assert_eq!(denied(look(wrong).await), "WRONG_CODE");
    }
    assert_eq!(denied(look(&code).await), "WRONG_CODE");
    // The guesses did not touch the codes of the phone, and stopping works: where it is asked for
    // with a slip, and where it is asked for with any code.
    let request = wire::WithdrawRequest { code, legs: Vec::new(), case_number: case.clone() };
    kunming.worker(WorkerCommand::Withdraw(request)).await.unwrap();
    kunming.reaches(leg, Stage::Withdrawn).await;
    assert_eq!(kunming.count("SELECT MAX(tries) FROM question").await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v19_the_own_copy_holds_all_and_verifies_with_no_account() {
    let towns = Towns::new().await;
    let case = towns.main_road().await;
    towns.settled().await;
    let kunming = &towns.kunming;
    let roots = [kunming.public.root_fpr(), towns.ruian.public.root_fpr()];
    let code = kunming.sms(&case, "逐项回答").await.code();
    let copy = kunming.worker_door().copy(Request::new(open(&case, &code))).await.unwrap();
    let copy = copy.into_inner();
    let verdicts = verify(&copy.zip, &roots);
    assert_eq!(exit_code(&verdicts), 0, "{}", verdicts.unwrap().text());
    // More than any desk gets: the sender's desk does not read the school and the employer.
    let desk = kunming.export(&case, true).await;
    let (own, theirs) = (sections(&copy.zip), sections(&desk));
    assert!(theirs.iter().all(|path| own.contains(path)));
    for outcome in [".32.json", ".33.json", ".36.json"] {
        assert!(own.iter().any(|path| path.ends_with(outcome)), "{own:?}");
        assert!(!theirs.iter().any(|path| path.ends_with(outcome)), "{theirs:?}");
    }
    // The slip beside it holds too, by the root alone.
    let slip = copy.slip.unwrap();
    let checked = paper::open(&slip.qr, &roots[..1], None).unwrap();
    let Content::Slip(facts) = checked.content else { panic!() };
    assert_eq!((facts.case_number.as_str(), facts.legs.len()), (case.as_str(), 3));
    assert!(facts.legs.iter().all(|leg| leg.last.is_some()));
    assert!(paper::open(&slip.qr, &[Digest([9; 32]), roots[1]], None).is_err());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v19_a_copy_is_of_the_own_legs_only() {
    let towns = Towns::new().await;
    let case = towns.main_road().await;
    towns.settled().await;
    // In Ruian the family is several people, each told under the own telephone.
    let job = towns.kunming.leg_for(&case, Service::Employment).await;
    let here = towns.ruian.case_of(&towns.ruian.leg(job).await).await;
    let ballot = towns.ruian.sms(&here, "私下问您").await;
    let request = Request::new(open(&here, &ballot.code()));
    let copy = towns.ruian.worker_door().copy(request).await.unwrap().into_inner();
    let roots = [towns.kunming.public.root_fpr(), towns.ruian.public.root_fpr()];
    let verdicts = verify(&copy.zip, &roots).unwrap();
    let own: Vec<_> = copy.slip.unwrap().legs.iter().map(wire::SlipLine::service).collect();
    assert!(own.contains(&Service::Employment) && own.len() == verdicts.legs.len(), "{own:?}");
    // Another case's code opens nothing here.
    let other = towns.kunming.sms(&case, "逐项回答").await.code();
    let refused = towns.ruian.worker_door().copy(Request::new(open(&here, &other))).await;
    assert!(refused.is_err());
    towns.stop().await;
}
