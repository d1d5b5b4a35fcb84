//! A worker's refusal, withdrawal and silence are one thing at the other city: the same messages, in
//! the same order, of the same fields and lengths.

use jieli_proto::case::Stage;
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_tests::{HOUR_MS, Towns, eventually, people, top_fields};
use prost::Message as _;

/// The WITHDRAW of a leg, as it stands in Ruian's lane of Kunming, and the letter's size.
async fn withdrawal(towns: &Towns, leg: LegId) -> (wire::Message, usize) {
    let digest = towns.ruian.leg(leg).await.latest(MessageType::Withdraw).unwrap().env_digest;
    let sealed = towns.ruian.lane(towns.agreement, 0).await;
    let sealed = sealed.iter().find(|sealed| envelope::env_digest(sealed) == digest).unwrap();
    (envelope::payload(sealed).unwrap(), sealed.encoded_len())
}

/// Numbers of the fields that are there, and how long each is; those of the header too.
fn shape(message: &wire::Message) -> [Vec<(u32, usize)>; 2] {
    let of = |bytes: &[u8]| -> Vec<(u32, usize)> {
        top_fields(bytes).into_iter().map(|(number, field)| (number, field.len())).collect()
    };
    [of(&message.encode_to_vec()), of(&message.header.clone().unwrap().encode_to_vec())]
}

#[tokio::test(flavor = "multi_thread")]
async fn v23_refusal_withdrawal_and_silence_are_the_same_messages_at_the_other_city() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(people::single(3)).await;
    for case in &cases {
        kunming.ask_yes(case).await;
    }
    towns.next_working_day();
    let (mut legs, mut asked) = (Vec::new(), Vec::new());
    for case in &cases {
        let leg = kunming.leg_for(case, Service::Employment).await;
        towns.ruian_accepts(leg).await;
        kunming.reaches(leg, Stage::Accepted).await;
        asked.push(kunming.sms(case, "请至少看一天").await);
        legs.push(leg);
    }
    // Every header quotes a head of the other city, with its cosignature once there is one: from
    // here on there is, whatever the worker does.
    eventually("a cosigned head", async || {
        let sql = "SELECT COUNT(*) FROM cosignature WHERE origin = 'jieli.ruian.zj/log/1'";
        kunming.count(sql).await > 0
    })
    .await;
    // The first says no to the terms, the second stops, the third says nothing.
    for sms in &asked {
        kunming.open(sms).await.unwrap();
    }
    towns.clock.move_on(24 * HOUR_MS);
    kunming.answer(&asked[0], &[]).await.unwrap();
    kunming.withdraw(&asked[1]).await.unwrap();
    ruian.reaches(legs[1], Stage::Withdrawn).await;
    for _ in 0..12 {
        towns.next_working_day();
    }
    let mut seen = Vec::new();
    for leg in &legs {
        ruian.reaches(*leg, Stage::Withdrawn).await;
        ruian.holds(*leg, MessageType::WithdrawEffect).await;
        kunming.holds(*leg, MessageType::WithdrawEffect).await;
    }
    towns.settled().await;
    for leg in &legs {
        let (message, letter_len) = withdrawal(&towns, *leg).await;
        seen.push((ruian.types(*leg).await, shape(&message), letter_len));
        assert_eq!(message.due_date, 0);
        assert!(message.body.is_some() && message.section_digests.is_empty());
    }
    assert_eq!(seen[0], seen[2], "a no and silence");
    assert_eq!(seen[1], seen[2], "a stop and silence");
    towns.stop().await;
}
