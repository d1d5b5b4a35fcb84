//! What ends by itself: a consent after 180 days, a draft after 14, the memory of a refusal.

use jieli_node::command::{DeskCommand, Done};
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, ReturnCode, VoidCode};
use jieli_tests::people::home;
use jieli_tests::{HOUR_MS, Town, Towns, eventually};

const DAY_MS: u64 = 24 * HOUR_MS;

/// The body of the newest message of a type.
async fn body(town: &Town, leg: jieli_proto::id::LegId, ty: MessageType) -> Body {
    let file = town.leg(leg).await;
    file.latest(ty).and_then(|entry| entry.message.clone()?.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_longer_than_the_consent_lives_goes_withheld_and_is_taken_back() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(vec![home(1), home(2)]).await;
    kunming.ask_yes(&cases[0]).await;
    let released = kunming.legs(&cases[0]).await[0].id;
    towns.ruian_acts(released, Act::TakeUp(wire::DeskTakeUp {})).await;
    kunming.receipted(released).await;
    kunming.tap.set_cut(true);
    towns.ruian_acts(released, Act::Accept(wire::DeskAccept::default())).await;
    kunming.reaches(released, Stage::Released).await;
    kunming.ask_yes(&cases[1]).await;
    let offered = kunming.legs(&cases[1]).await[0].id;
    kunming.reaches(offered, Stage::Offered).await;
    towns.clock.move_on(181 * DAY_MS);
    kunming.tap.set_cut(false);
    towns.clock.move_on(2 * HOUR_MS);
    let returned = Body::Return(wire::Return { code: ReturnCode::ConsentEnded.into() });
    let voided = Body::Void(wire::Void { code: VoidCode::ConsentEnded.into() });
    for (leg, ty, stage, said) in [
        (released, MessageType::Return, Stage::Returned, returned),
        (offered, MessageType::Void, Stage::Voided, voided),
    ] {
        ruian.reaches(leg, stage).await;
        kunming.reaches(leg, stage).await;
        assert_eq!(body(ruian, leg, ty).await, said);
    }
    assert!(ruian.phones.all().is_empty());
    let person = jieli_tests::people::person(1);
    for secret in jieli_tests::people::secrets([&person]) {
        assert!(!crate::capture::holds(&towns.from_kunming(), &secret), "{secret}");
    }
    towns.stop().await;
}

/// What an import says about one draft.
async fn imported(town: &Town, draft: wire::Draft) -> String {
    let request = wire::ImportRequest { file_name: String::new(), drafts: vec![draft] };
    let done = town.desk(DeskCommand::Import(request)).await.unwrap();
    let Done::Imported(reply) = done else { panic!("{done:?}") };
    reply.rows[0].code.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn v07_after_a_withdrawal_nobody_asks_the_person_again_for_90_days() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![home(1)]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    kunming.withdraw(&sms).await.unwrap();
    towns.ruian.reaches(leg, Stage::Withdrawn).await;
    assert_eq!(imported(kunming, home(1)).await, "NOT_NOW");
    assert_eq!(imported(kunming, home(2)).await, "draft", "it is about that person alone");
    towns.clock.move_on(89 * DAY_MS);
    assert_eq!(imported(kunming, home(1)).await, "NOT_NOW");
    towns.clock.move_on(2 * DAY_MS);
    assert_eq!(imported(kunming, home(1)).await, "draft");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v07_a_draft_that_nobody_confirmed_is_erased_after_14_days() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![home(1)]).await.remove(0);
    assert_eq!(kunming.ask(std::slice::from_ref(&case)).await.asked, 1);
    let sms = kunming.sms(&case, "逐项回答").await;
    towns.clock.move_on(14 * DAY_MS + HOUR_MS);
    eventually("the draft to be erased", async || {
        kunming.count("SELECT COUNT(*) FROM section_data").await == 0
    })
    .await;
    assert_eq!(kunming.count("SELECT COUNT(*) FROM blind_index").await, 0);
    assert!(kunming.answer(&sms, &[1]).await.is_err());
    assert_eq!(imported(kunming, home(1)).await, "NOT_NOW", "silence is a no");
    assert_eq!(towns.sent().await, 0);
    towns.stop().await;
}
