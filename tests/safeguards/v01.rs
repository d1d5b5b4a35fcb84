//! V1: nothing leaves without the person's own confirmation over a channel that the sending clerk
//! does not hold.

use crate::common::{a_while, denied, methods};
use jieli_node::command::{Actor, Command, DeskCommand, Done};
use jieli_node::window::{MISSES_PER_DAY, WindowCommand};
use jieli_proto::case::Stage;
use jieli_proto::envelope;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, Method};
use jieli_tests::people::{self, home, person};
use jieli_tests::{Forger, HOUR_MS, Towns, UNION, in_hand, office};

const DAY_MS: u64 = 24 * HOUR_MS;

#[tokio::test(flavor = "multi_thread")]
async fn v01_the_window_of_another_office_takes_the_persons_own_yes() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let cases = kunming.import(vec![home(1), home(2)]).await;
    let asked = kunming.sit("union", &cases[0], &person(1), false).await.unwrap();
    assert_eq!(asked.items.len(), 1);
    assert!(asked.items[0].text.contains("瑞安市住房和城乡建设局"), "{}", asked.items[0].text);
    let yes = kunming.types_in("union", &asked, &[1], "").await.unwrap();
    let leg = kunming.legs(&cases[0]).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    assert_eq!(methods(kunming, leg).await, [Method::OtherOffice]);
    // No telephone had a part in it, and no is answered like yes.
    assert!(kunming.phones.all().is_empty());
    let asked = kunming.sit("union", &cases[1], &person(2), false).await.unwrap();
    let no = kunming.types_in("union", &asked, &[], "").await.unwrap();
    assert_eq!((yes.say_zh.as_str(), &yes), ("已收到", &no));
    // A sitting is answered once.
    assert_eq!(denied(kunming.types_in("union", &asked, &[1], "").await), "NO_SITTING");
    a_while().await;
    assert_eq!(towns.sent().await, 1);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_no_window_of_the_sender_takes_it() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![home(1)]).await.remove(0);
    for (token, why) in [
        ("own", "SENDING_OFFICE"),
        // Subordinate to the sender; and held by an officer who works at the sender too.
        ("below", "SUBORDINATE"),
        ("schools", "OFFICER_OF_SENDER"),
        // A clerk's token is none, whatever door it comes through.
        ("clerk", "NOT_A_WINDOW"),
    ] {
        assert_eq!(denied(kunming.sit(token, &case, &person(1), false).await), why, "{token}");
    }
    assert_eq!(kunming.count("SELECT COUNT(*) FROM sitting").await, 0);
    kunming.sit("union", &case, &person(1), false).await.unwrap();
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_an_officer_with_a_role_at_the_sender_waits_90_days() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let labour = Actor { office: office::KUNMING.to_owned(), token: "union".to_owned() };
    let worked = Command::Desk(labour, DeskCommand::Viewed("x".to_owned()));
    kunming.node().hand().perform(worked).await.unwrap();
    let case = kunming.import(vec![home(1)]).await.remove(0);
    let refused = kunming.sit("union", &case, &person(1), false).await;
    assert_eq!(denied(refused), "OFFICER_OF_SENDER");
    towns.clock.move_on(89 * DAY_MS);
    let case = kunming.import(vec![home(2)]).await.remove(0);
    let refused = kunming.sit("union", &case, &person(2), false).await;
    assert_eq!(denied(refused), "OFFICER_OF_SENDER");
    towns.clock.move_on(2 * DAY_MS);
    kunming.sit("union", &case, &person(2), false).await.unwrap();
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_the_document_in_hand_is_that_of_the_case_and_misses_are_counted() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![home(1)]).await.remove(0);
    for at in 0..MISSES_PER_DAY {
        // An unknown case and a wrong document are one answer.
        let number = if at % 2 == 0 { case.as_str() } else { "2026-999999" };
        assert_eq!(denied(kunming.sit("union", number, &person(9), false).await), "NO_MATCH");
    }
    assert_eq!(kunming.count("SELECT misses FROM window_miss").await, MISSES_PER_DAY);
    let right = kunming.sit("union", &case, &person(1), false).await;
    assert_eq!(denied(right), "MISSES_SPENT");
    towns.clock.move_on(DAY_MS);
    kunming.sit("union", &case, &person(1), false).await.unwrap();
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_one_phone_for_two_households_is_for_the_window_only() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let mut second = home(2);
    second.worker.as_mut().unwrap().phone = person(1).phone;
    let cases = kunming.import(vec![home(1), second]).await;
    let reply = kunming.ask(&cases).await;
    assert_eq!((reply.asked, reply.not_ready), (0, 2), "{reply:?}");
    assert!(reply.why[0].contains("WINDOW_ONLY"), "{reply:?}");
    assert!(!reply.why[0].contains(&person(1).phone));
    a_while().await;
    assert!(kunming.phones.all().is_empty());
    let asked = kunming.sit("union", &cases[1], &person(2), false).await.unwrap();
    kunming.types_in("union", &asked, &[1], "").await.unwrap();
    let leg = kunming.legs(&cases[1]).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    // Nor is anything asked later by that phone: whether the home was given is asked at a window too.
    towns.ruian_accepts(leg).await;
    towns.ruian.reaches(leg, Stage::Released).await;
    towns.ruian_reports(leg).await;
    kunming.reaches(leg, Stage::Fulfilled).await;
    towns.settled().await;
    a_while().await;
    let all = kunming.phones.all();
    assert!(all.is_empty(), "{all:?}");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_pull_without_a_phone_needs_a_second_office() {
    let towns = Towns::new().await;
    let ruian = &towns.ruian;
    let mut draft = people::medical();
    draft.worker.as_mut().unwrap().phone.clear();
    let worker = draft.worker.clone().unwrap();
    let case = ruian.import_as(office::MEDICAL, vec![draft]).await.remove(0);
    let reply = ruian.ask(std::slice::from_ref(&case)).await;
    assert!(reply.why[0].contains("NO_CONTACT"), "{reply:?}");
    // The asking office's own window, alone: no. With the union's officer beside it: yes.
    assert_eq!(denied(ruian.sit("medical", &case, &worker, false).await), "SENDING_OFFICE");
    let ask = wire::OpenSittingRequest {
        in_hand: Some(in_hand(&case, &worker)),
        ..wire::OpenSittingRequest::default()
    };
    let second = |office: &str, token: &str| {
        Some(Actor { office: office.to_owned(), token: token.to_owned() })
    };
    let same = WindowCommand::OpenSitting(ask.clone(), second(office::MEDICAL, "medical"));
    assert_eq!(denied(ruian.window("medical", same).await), "SENDING_OFFICE");
    let both = WindowCommand::OpenSitting(ask, second(UNION[1], "union"));
    let done = ruian.window("medical", both).await.unwrap();
    let Done::Sitting(asked) = done else { panic!("{done:?}") };
    ruian.types_in("medical", &asked, &[1], "").await.unwrap();
    let leg = ruian.legs(&case).await[0].id;
    towns.kunming.reaches(leg, Stage::Offered).await;
    assert_eq!(methods(ruian, leg).await, [Method::OwnKeypad]);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_modified_node_cannot_leave_out_how_the_yes_was_given() {
    let forger = Forger::new().await;
    let mut forged = forger.offer().await;
    let sealed = &forged.consents[0];
    let mut consent: wire::Consent = envelope::payload(sealed).unwrap();
    consent.method = Method::Unspecified.into();
    let sealed = forger.seal(&consent).await;
    forged.message.consent_digest = envelope::env_digest(&sealed).to_vec();
    forged.consents = vec![sealed];
    assert_eq!(forger.say(&forged).await, Err(Refusal::ConsentInvalid));
    assert!(forger.towns.ruian.find(forged.leg()).await.is_none());
    forger.towns.stop().await;
}
