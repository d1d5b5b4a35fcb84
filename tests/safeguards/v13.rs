//! V13: no search but by the exact document in hand, written down and few.

use crate::common::denied;
use jieli_node::command::{DeskCommand, Done};
use jieli_node::lookup::LOOKUPS_PER_DAY;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::wire;
use jieli_tests::people::{self, home};
use jieli_tests::{Town, Towns, office};

async fn find(town: &Town, office: &str, number: &str) -> Result<wire::FindCasesReply, Failure> {
    let (number, purpose) = (number.to_owned(), "办理业务".to_owned());
    let asked = wire::FindCasesRequest { document: 1, number, purpose };
    let done = town.desk_of(office, DeskCommand::FindCases(asked)).await?;
    let Done::Found(reply) = done else { panic!("{done:?}") };
    Ok(reply)
}

fn local_records(town: &Town) -> u64 {
    town.node().hand().published().local.size
}

#[tokio::test(flavor = "multi_thread")]
async fn v13_the_exact_document_finds_the_own_offices_cases_and_nothing_else_does() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let draft = home(1);
    let number = draft.legs[0].person.clone().or(draft.worker.clone()).unwrap().number;
    let case = kunming.import(vec![draft]).await.remove(0);
    let own = kunming.legs(&case).await[0].our_office.clone();
    // A draft: whether its person has answered is not to be read from here.
    assert!(find(kunming, &own, &number).await.unwrap().case_numbers.is_empty());
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    ruian.reaches(leg, Stage::Offered).await;
    let before = local_records(kunming);
    let found = find(kunming, &own, &format!(" {number} ")).await.unwrap();
    assert_eq!(found.case_numbers, std::slice::from_ref(&case));
    assert_eq!(local_records(kunming), before + 2, "the look-up and the look");
    // Part of a number, another document, another office: nothing, and that is written down too.
    for (office, number) in [
        (own.as_str(), &number[..17]),
        (own.as_str(), people::person(7).number.as_str()),
        (office::SCHOOLS, number.as_str()),
    ] {
        let before = local_records(kunming);
        assert!(find(kunming, office, number).await.unwrap().case_numbers.is_empty());
        assert_eq!(local_records(kunming), before + 1);
    }
    // Ruian does not know the person before RELEASE.
    let window = ruian.leg(leg).await.our_office.clone();
    assert!(find(ruian, &window, &number).await.unwrap().case_numbers.is_empty());
    towns.ruian_accepts(leg).await;
    ruian.reaches(leg, Stage::Released).await;
    let there = find(ruian, &window, &number).await.unwrap().case_numbers;
    assert_eq!(there, [ruian.case_of(&ruian.leg(leg).await).await]);
    // The person reads who looked.
    let code = sms.code();
    let ask = wire::WorkerRequest { code, case_number: case };
    let looks = kunming.who_looked(ask).await.unwrap();
    assert!(looks.looks.iter().any(|look| look.view == "find" && look.purpose == "办理业务"));
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v13_a_clerk_looks_up_twenty_documents_a_day() {
    let towns = Towns::new().await;
    let (kunming, number) = (&towns.kunming, people::person(7).number);
    let own = office::KUNMING;
    for left in (0..LOOKUPS_PER_DAY).rev() {
        let reply = find(kunming, own, &number).await.unwrap();
        assert_eq!(u64::from(reply.left_today), left);
    }
    let spent = find(kunming, own, &number).await;
    assert_eq!(denied(spent), "LOOKUPS_SPENT");
    towns.next_working_day();
    find(kunming, own, &number).await.unwrap();
    towns.stop().await;
}
