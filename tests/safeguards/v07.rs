//! V7: after a refusal, a stop or silence no office of the city asks again for 90 days, unless the
//! person opens it; the memory is a keyed tag.

use crate::common::{a_while, denied};
use jieli_node::command::{DeskCommand, Done, WorkerCommand};
use jieli_node::window::WindowCommand;
use jieli_proto::case::Stage;
use jieli_proto::wire::{self, Service};
use jieli_tests::people::{self, home, person};
use jieli_tests::{HOMES_HERE, HOUR_MS, SCHOOLS, Town, Towns, office};

const DAY_MS: u64 = 24 * HOUR_MS;

async fn imported(town: &Town, office: &str, draft: wire::Draft) -> String {
    let request = wire::ImportRequest { file_name: String::new(), drafts: vec![draft] };
    let done = town.desk_of(office, DeskCommand::Import(request)).await.unwrap();
    let Done::Imported(reply) = done else { panic!("{done:?}") };
    reply.rows[0].code.clone()
}

/// A home that was asked for and stopped by its worker with the code, which is returned.
async fn stopped(towns: &Towns) -> jieli_tests::Sms {
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    let sms = towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.kunming.withdraw(&sms).await.unwrap();
    towns.ruian.reaches(leg, Stage::Withdrawn).await;
    sms
}

#[tokio::test(flavor = "multi_thread")]
async fn v07_no_other_office_of_the_city_may_ask_either() {
    let towns = Towns::new().await;
    stopped(&towns).await;
    let kunming = &towns.kunming;
    for office in [office::KUNMING, SCHOOLS[0]] {
        assert_eq!(imported(kunming, office, home(1)).await, "NOT_NOW", "{office}");
    }
    // The memory names nobody.
    assert_eq!(kunming.count("SELECT COUNT(*) FROM suppression WHERE length(tag) = 32").await, 1);
    towns.clock.move_on(91 * DAY_MS);
    assert_eq!(imported(kunming, SCHOOLS[0], home(1)).await, "draft");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v07_what_was_refused_at_one_office_another_one_asks_in_vain() {
    let towns = Towns::with_two_senders().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![home(1)]).await.remove(0);
    assert_eq!(kunming.ask(std::slice::from_ref(&case)).await.asked, 1);
    let sms = kunming.sms(&case, "逐项回答").await;
    kunming.answer(&sms, &[]).await.unwrap();
    // The draft is taken in and asked about, as far as that office can see.
    let other = kunming.import_as(HOMES_HERE, vec![home(1)]).await.remove(0);
    let reply = kunming.ask(std::slice::from_ref(&other)).await;
    assert_eq!((reply.asked, reply.not_ready), (1, 0), "{reply:?}");
    a_while().await;
    assert!(kunming.phones.about(&other, "逐项回答").is_empty(), "nobody was asked");
    let leg = kunming.legs(&other).await.remove(0);
    assert_eq!(leg.local, jieli_node::legs::Local::Asked);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v07_a_pull_is_not_asked_for_again_either() {
    let towns = Towns::new().await;
    let ruian = &towns.ruian;
    let case = towns.pull_medical().await;
    let sms = ruian.ask_yes(&case).await;
    let leg = ruian.legs(&case).await[0].id;
    towns.kunming.reaches(leg, Stage::Offered).await;
    ruian.withdraw(&sms).await.unwrap();
    towns.kunming.reaches(leg, Stage::Withdrawn).await;
    assert_eq!(imported(ruian, office::MEDICAL, people::medical()).await, "NOT_NOW");
    assert_eq!(imported(ruian, office::LABOUR, people::medical()).await, "NOT_NOW");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v07_the_person_opens_it_again_at_a_window_that_could_not_ask() {
    let towns = Towns::new().await;
    stopped(&towns).await;
    let kunming = &towns.kunming;
    let reopen = |service: Service| {
        let in_hand = wire::InHand {
            document: person(1).document,
            number: person(1).number,
            ..wire::InHand::default()
        };
        let ask = wire::ReopenAtWindowRequest { in_hand: Some(in_hand), service: service.into() };
        WindowCommand::Reopen(ask)
    };
    for token in ["own", "below"] {
        let refused = kunming.window(token, reopen(Service::Housing)).await;
        assert_eq!(denied(refused), "SAME_KIND", "{token}");
    }
    // Another service opens nothing here.
    kunming.window("union", reopen(Service::Schooling)).await.unwrap();
    assert_eq!(imported(kunming, office::KUNMING, home(1)).await, "NOT_NOW");
    kunming.window("union", reopen(Service::Housing)).await.unwrap();
    assert_eq!(imported(kunming, office::KUNMING, home(1)).await, "draft");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v07_the_person_opens_it_again_with_the_own_code() {
    let towns = Towns::new().await;
    let sms = stopped(&towns).await;
    let kunming = &towns.kunming;
    let reopen = |code: String, serial: u32| {
        WorkerCommand::Reopen(wire::ReopenRequest {
            code,
            case_number: sms.case(),
            leg: 1,
            document: 1,
            number: person(serial).number,
        })
    };
    let wrong = if sms.code() == "00000000" { "00000001" } else { "00000000" };
    assert_eq!(denied(kunming.worker(reopen(wrong.to_owned(), 1)).await), "WRONG_CODE");
    // Somebody else's number does nothing, and is answered the same.
    let done = kunming.worker(reopen(sms.code(), 2)).await.unwrap();
    assert!(matches!(done, Done::Answered(reply) if reply.say_zh == "已收到"));
    assert_eq!(imported(kunming, office::KUNMING, home(1)).await, "NOT_NOW");
    kunming.worker(reopen(sms.code(), 1)).await.unwrap();
    assert_eq!(imported(kunming, office::KUNMING, home(1)).await, "draft");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v07_nobody_opens_what_another_person_closed() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let first = stopped(&towns).await;
    let case = kunming.import(vec![home(2)]).await.remove(0);
    assert_eq!(kunming.ask(std::slice::from_ref(&case)).await.asked, 1);
    let second = kunming.sms(&case, "逐项回答").await;
    let reopen = |sms: &jieli_tests::Sms| {
        let (code, case_number) = (sms.code(), sms.case());
        let (document, number) = (1, person(1).number);
        let ask = wire::ReopenRequest { code, case_number, leg: 1, document, number };
        WorkerCommand::Reopen(ask)
    };
    // A good code of another person's case, and the document of the one who stopped.
    let done = kunming.worker(reopen(&second)).await.unwrap();
    assert!(matches!(done, Done::Answered(reply) if reply.say_zh == "已收到"));
    assert_eq!(imported(kunming, office::KUNMING, home(1)).await, "NOT_NOW");
    // What is kept for it tells neither of whom nor which leg a memory belongs to.
    let joined = "SELECT COUNT(*) FROM asked_about a JOIN suppression s ON s.tag = a.tag";
    assert_eq!(kunming.count(joined).await, 0);
    kunming.worker(reopen(&first)).await.unwrap();
    assert_eq!(imported(kunming, office::KUNMING, home(1)).await, "draft");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v07_a_yes_at_a_window_is_the_persons_own_opening() {
    let towns = Towns::with_two_senders().await;
    let kunming = &towns.kunming;
    // Two drafts of one person at two offices: refused by phone at the first.
    let case = kunming.import(vec![home(1)]).await.remove(0);
    let other = kunming.import_as(HOMES_HERE, vec![home(1)]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    kunming.withdraw(&sms).await.unwrap();
    let sitting = kunming.sit("union", &other, &person(1), false).await.unwrap();
    kunming.types_in("union", &sitting, &[1], "").await.unwrap();
    let leg = kunming.legs(&other).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.stop().await;
}
