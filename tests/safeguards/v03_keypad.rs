//! V3 for who has no phone: the ballot on a turned keypad, and nobody can tell a no from silence.

use crate::common::{a_while, denied};
use jieli_node::command::DeskCommand;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_tests::{Towns, office, people};

/// Jobs of people without a phone, until RELEASED: all that Kunming asks is asked at the union's
/// window.
async fn released(towns: &Towns, drafts: &[wire::Draft]) -> Vec<LegId> {
    let kunming = &towns.kunming;
    let cases = kunming.import(drafts.to_vec()).await;
    let mut legs = Vec::new();
    for (case, draft) in cases.iter().zip(drafts) {
        let sitting = kunming.sit("union", case, draft.worker.as_ref().unwrap(), false).await;
        kunming.types_in("union", &sitting.unwrap(), &[1], "").await.unwrap();
    }
    towns.next_working_day();
    for case in &cases {
        let leg = kunming.leg_for(case, Service::Employment).await;
        towns.ruian_accepts(leg).await;
        kunming.reaches(leg, Stage::Accepted).await;
        legs.push(leg);
    }
    for (case, draft) in cases.iter().zip(drafts) {
        let sitting = kunming.sit("union", case, draft.worker.as_ref().unwrap(), true).await;
        kunming.types_in("union", &sitting.unwrap(), &[1], "").await.unwrap();
    }
    towns.next_working_day();
    for leg in &legs {
        towns.ruian.reaches(*leg, Stage::Released).await;
    }
    legs
}

/// The result of a job, entered by the holder of a window token of the labour office.
async fn reported(towns: &Towns, leg: LegId) -> String {
    let file = towns.ruian.leg(leg).await;
    let case_number = towns.ruian.case_of(&file).await;
    let mut outcome = people::outcome(Service::Employment, &towns.terms(leg).await);
    let entered = |outcome: wire::DeskOutcome| {
        let act = Some(Act::Outcome(outcome));
        let request = wire::ActRequest { case_number: case_number.clone(), leg: file.number, act };
        towns.ruian.desk_as("own", office::LABOUR, DeskCommand::Act(request))
    };
    assert_eq!(denied(entered(outcome.clone()).await), "TELL_IN_PERSON");
    outcome.told_in_person = true;
    entered(outcome).await.unwrap();
    case_number
}

#[tokio::test(flavor = "multi_thread")]
async fn v03_without_a_phone_the_ballot_is_typed_at_a_window_and_a_no_is_like_silence() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let mut drafts = people::single(3);
    for draft in &mut drafts {
        draft.worker.as_mut().unwrap().phone.clear();
    }
    let legs = released(&towns, &drafts).await;
    let mut cases = Vec::new();
    for leg in &legs {
        cases.push(reported(&towns, *leg).await);
    }
    let [yes, no, silent] = [legs[0], legs[1], legs[2]];
    let person = |at: usize| drafts[at].worker.as_ref().unwrap();
    // Not before the officer who entered the result, nor at an office that has no part in it.
    for token in ["own", "medical"] {
        let shown = ruian.sit(token, &cases[0], person(0), false).await.unwrap();
        assert!(shown.items.is_empty(), "{token}: {shown:?}");
    }
    assert_eq!(denied(ruian.sit("union", &cases[0], person(1), false).await), "NO_MATCH");
    let mut said = Vec::new();
    for (at, typed) in [(0, &[1][..]), (1, &[])] {
        let shown = ruian.sit("union", &cases[at], person(at), false).await.unwrap();
        assert_eq!(shown.items.len(), 1);
        assert!(shown.items[0].text.contains("私下问您"), "{}", shown.items[0].text);
        said.push(ruian.types_in("union", &shown, typed, "").await.unwrap());
    }
    assert_eq!(said[0], said[1]);
    a_while().await;
    for leg in &legs {
        let sent = ruian.types(*leg).await;
        assert!(!sent.contains(&MessageType::Outcome), "nothing moves while they stand there");
        assert_eq!(sent, ruian.types(silent).await);
    }
    towns.next_working_day();
    kunming.reaches(yes, Stage::Fulfilled).await;
    assert_eq!(ruian.types(no).await, ruian.types(silent).await);
    for _ in 0..25 {
        towns.next_working_day();
    }
    for leg in [no, silent] {
        kunming.reaches(leg, Stage::Withdrawn).await;
        kunming.holds(leg, MessageType::WithdrawEffect).await;
    }
    assert_eq!(kunming.types(no).await, kunming.types(silent).await);
    towns.settled().await;
    // By the time they cannot be told apart either.
    let mut minutes = Vec::new();
    for leg in [no, silent] {
        let file = kunming.leg(leg).await;
        let stop = file.latest(MessageType::Withdraw).unwrap().message.clone().unwrap();
        minutes.push(stop.header.unwrap().created_unix_ms / 60_000);
    }
    assert_eq!(minutes[0], minutes[1]);
    // The city counts it, of the agreement and month, and tells it nowhere while they are few.
    let counted = "SELECT CAST(SUM(counted) AS BIGINT) FROM risk_count WHERE kind = 3";
    assert_eq!(ruian.count(counted).await, 1);
    assert_eq!(kunming.count("SELECT COUNT(*) FROM risk_count WHERE kind = 3").await, 0);
    assert_eq!(kunming.count("SELECT COUNT(*) FROM risk_flag").await, 0);
    towns.stop().await;
}
