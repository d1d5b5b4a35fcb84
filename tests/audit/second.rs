//! An export with persons in it needs two people, and what they approved is what leaves.

use crate::desk::Doors;
use jieli_node::serve::CODE_KEY;
use jieli_proto::case::Stage;
use jieli_proto::wire::desk_server::Desk;
use jieli_proto::wire::{self, SecondView};
use jieli_tests::people::{home, person};
use jieli_tests::{HOUR_MS, Towns, eventually};
use tonic::Status;

fn code(status: &Status) -> String {
    let word = status.metadata().get(CODE_KEY);
    word.map_or(String::new(), |word| word.to_str().unwrap().to_owned())
}

async fn ask(doors: &Doors, case: &str, purpose: &str) -> Result<SecondView, Status> {
    let (case_number, purpose) = (case.to_owned(), purpose.to_owned());
    let request = wire::CaseRef { case_number, purpose, sections: true };
    doors.desk.ask_second(doors.ask("clerk", request)).await.map(tonic::Response::into_inner)
}

async fn approve(doors: &Doors, token: &str, id: &str, shown: &str) -> Result<SecondView, Status> {
    let request = wire::ApproveSecondRequest { id: id.to_owned(), shown_digest: shown.to_owned() };
    let done = doors.desk.approve_second(doors.ask(token, request)).await;
    done.map(tonic::Response::into_inner)
}

async fn export(doors: &Doors, id: &str) -> Result<Vec<u8>, Status> {
    let request = wire::SecondRef { id: id.to_owned() };
    let done = doors.desk.export_approved(doors.ask("clerk", request)).await;
    done.map(|reply| reply.into_inner().zip)
}

async fn sent(towns: &Towns, serial: u32) -> (String, String) {
    let case = towns.kunming.import(vec![home(serial)]).await.remove(0);
    let sms = towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    (case, sms.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_with_a_person_leaves_before_another_post_approved_what_was_shown() {
    let towns = Towns::new().await;
    let doors = Doors::of(&towns.kunming);
    let (case, code_of_case) = sent(&towns, 1).await;
    let direct =
        wire::CaseRef { case_number: case.clone(), purpose: "审计".to_owned(), sections: true };
    let refused = doors.desk.export_case(doors.ask("clerk", direct)).await.unwrap_err();
    assert_eq!(code(&refused), "NEEDS_SECOND");
    // Own words could hold a name, which the second person is not to read.
    let own = ask(&doors, &case, &format!("给{}", person(1).name)).await.unwrap_err();
    assert_eq!(code(&own), "LISTED_PURPOSE");
    let asked = ask(&doors, &case, "答复投诉").await.unwrap();
    assert_eq!(ask(&doors, &case, "答复投诉").await.unwrap().id, asked.id, "the same once more");
    assert!(asked.shown.contains(&case) && asked.shown.contains("home_offer"), "{}", asked.shown);
    for value in [person(1).name, person(1).number, person(1).phone] {
        assert!(!asked.shown.contains(&value));
    }
    assert_eq!(code(&export(&doors, &asked.id).await.unwrap_err()), "NOT_APPROVED");
    let other = "0".repeat(64);
    let wrong = approve(&doors, "approver", &asked.id, &other).await.unwrap_err();
    assert_eq!(code(&wrong), "NOT_WHAT_WAS_SHOWN");
    let clerk = approve(&doors, "clerk", &asked.id, &asked.shown_digest).await.unwrap_err();
    assert_eq!(code(&clerk), "NOT_FOR_ROLE");
    let done = approve(&doors, "approver", &asked.id, &asked.shown_digest).await.unwrap();
    assert!(!done.approver_post.is_empty());
    let zip = export(&doors, &asked.id).await.unwrap();
    assert!(zip.windows(9).any(|part| part == b"sections/"));
    // Once, and the person reads it.
    assert_eq!(code(&export(&doors, &asked.id).await.unwrap_err()), "NOT_FOUND");
    let who = wire::WorkerRequest { case_number: case, code: code_of_case };
    let looks = towns.kunming.who_looked(who).await.unwrap().looks;
    let told: Vec<_> =
        looks.iter().map(|look| (look.view.as_str(), look.purpose.as_str())).collect();
    assert_eq!(told, [("export", "答复投诉")]);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_since_or_waited_too_long_is_not_approved_any_more() {
    let towns = Towns::new().await;
    let doors = Doors::of(&towns.kunming);
    let (case, _) = sent(&towns, 1).await;
    let asked = ask(&doors, &case, "审计").await.unwrap();
    approve(&doors, "approver", &asked.id, &asked.shown_digest).await.unwrap();
    // Identity travels: another section is held now.
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian_accepts(leg).await;
    towns.kunming.reaches(leg, Stage::Released).await;
    assert_eq!(code(&export(&doors, &asked.id).await.unwrap_err()), "CHANGED_SINCE");
    // Approved anew it goes; but not after its days are over.
    let again = ask(&doors, &case, "审计").await.unwrap();
    assert_ne!(again.shown_digest, asked.shown_digest);
    approve(&doors, "approver", &again.id, &again.shown_digest).await.unwrap();
    towns.clock.move_on(8 * 24 * HOUR_MS);
    assert_eq!(code(&export(&doors, &again.id).await.unwrap_err()), "NOT_FOUND");
    eventually("both requests to lapse", async || {
        towns.kunming.count("SELECT CAST(COUNT(*) AS BIGINT) FROM seconded").await == 0
    })
    .await;
    towns.stop().await;
}
