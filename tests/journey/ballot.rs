//! V3: nobody is told that a worker said no in the private ballot.

use jieli_proto::case::Stage;
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::wire::{self, MessageType};
use jieli_tests::people;
use jieli_tests::{Towns, eventually};
use prost::Message as _;

/// The WITHDRAW of a leg as Ruian signed it.
async fn withdrawal(towns: &Towns, leg: LegId) -> wire::Message {
    let file = towns.kunming.leg(leg).await;
    let digest = file.latest(MessageType::Withdraw).unwrap().env_digest;
    let sealed = towns.ruian.lane(towns.agreement, 1).await;
    let sealed = sealed.iter().find(|sealed| envelope::env_digest(sealed) == digest).unwrap();
    envelope::payload(sealed).unwrap()
}

/// The numbers of the fields that are present, with those of the header.
fn fields(message: &wire::Message) -> (Vec<u32>, Vec<u32>) {
    let header = message.header.clone().unwrap().encode_to_vec();
    (numbers(&message.encode_to_vec()), numbers(&header))
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    jieli_tests::top_fields(bytes).into_iter().map(|(number, _)| number).collect()
}

/// What is left of a message when what every message differs in is taken out.
fn bare(mut message: wire::Message) -> wire::Message {
    message.header = None;
    for random in [&mut message.msg_id, &mut message.case_id, &mut message.leg_id] {
        random.fill(0);
    }
    message.leg_prev.fill(0);
    message.leg_seen.fill(0);
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn v03_no_outcome_of_a_job_before_the_ballot_and_a_no_ends_it_like_silence() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(people::single(3)).await;
    let mut jobs = Vec::new();
    for case in &cases {
        kunming.ask_yes(case).await;
    }
    towns.next_working_day();
    for case in &cases {
        jobs.push(towns.job_to_released(case).await);
    }
    let [yes, no, silent] = [jobs[0], jobs[1], jobs[2]];
    let mut ballots = Vec::new();
    for leg in &jobs {
        towns.ruian_reports(*leg).await;
        let here = ruian.case_of(&ruian.leg(*leg).await).await;
        ballots.push(ruian.sms(&here, "私下问您").await);
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    for leg in &jobs {
        assert_eq!(ruian.stage(*leg).await, Some(Stage::Released), "no OUTCOME before the ballot");
    }
    let said_yes = ruian.answer(&ballots[0], &[1]).await.unwrap();
    let said_no = ruian.answer(&ballots[1], &[]).await.unwrap();
    assert_eq!(said_yes, said_no);
    kunming.reaches(yes, Stage::Fulfilled).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(ruian.types(no).await, ruian.types(silent).await, "a no sends nothing");
    // Past the due date of the outcome, at nine of a working day, both end alike.
    for _ in 0..25 {
        towns.next_working_day();
    }
    for leg in [no, silent] {
        kunming.reaches(leg, Stage::Withdrawn).await;
        ruian.reaches(leg, Stage::Withdrawn).await;
        kunming.holds(leg, MessageType::WithdrawEffect).await;
        assert!(!kunming.types(leg).await.contains(&MessageType::Outcome));
    }
    let (one, other) = (withdrawal(&towns, no).await, withdrawal(&towns, silent).await);
    assert_eq!(fields(&one), fields(&other));
    assert_eq!(one.encoded_len(), other.encoded_len());
    assert_eq!(bare(one), bare(other));
    assert_eq!(kunming.types(no).await, kunming.types(silent).await);
    // Both are in one batch: not even the time tells them apart.
    towns.settled().await;
    eventually("nothing of the ballot is kept", async || {
        ruian.count("SELECT COUNT(*) FROM held_outcome").await == 0
    })
    .await;
    towns.stop().await;
}
