//! EXPIRE with proof of silence, and VOID.

use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Duty, MessageType};
use jieli_tests::people::home;
use jieli_tests::{Town, Towns};

fn expire() -> Act {
    Act::Expire(wire::DeskExpire { duty: Duty::TakeUp.into() })
}

fn remind() -> Act {
    Act::Remind(wire::DeskRemind { duty: Duty::TakeUp.into() })
}

async fn is_illegal(town: &Town, leg: jieli_proto::id::LegId, act: Act) {
    let done = town.act(leg, act).await;
    let illegal = matches!(&done, Err(Failure::Denied(denied)) if denied.code == "ILLEGAL_STEP");
    assert!(illegal, "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_expires_only_with_a_signed_proof_of_its_silence() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    ruian.reaches(leg, Stage::Offered).await;
    kunming.receipted(leg).await;
    is_illegal(kunming, leg, expire()).await;
    is_illegal(kunming, leg, remind()).await;
    for _ in 0..4 {
        towns.next_working_day();
    }
    // The date is past, but no receipt says that Ruian was there and silent after it.
    is_illegal(kunming, leg, expire()).await;
    kunming.act(leg, remind()).await.unwrap();
    kunming.receipted(leg).await;
    is_illegal(kunming, leg, remind()).await;
    kunming.act(leg, expire()).await.unwrap();
    kunming.reaches(leg, Stage::Expired).await;
    ruian.reaches(leg, Stage::Expired).await;
    let types = ruian.types(leg).await;
    assert_eq!(types, [MessageType::Offer, MessageType::Remind, MessageType::Expire]);
    towns.settled().await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_in_time_cannot_be_crossed_and_a_void_ends_what_was_sent_in_error() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(vec![home(1), home(2)]).await;
    for case in &cases {
        kunming.ask_yes(case).await;
    }
    let (taken, wrong) = (kunming.legs(&cases[0]).await[0].id, kunming.legs(&cases[1]).await[0].id);
    towns.ruian_acts(taken, Act::TakeUp(wire::DeskTakeUp {})).await;
    kunming.reaches(taken, Stage::TakenUp).await;
    for _ in 0..4 {
        towns.next_working_day();
    }
    is_illegal(kunming, taken, expire()).await;
    let code = wire::VoidCode::SentInError.into();
    kunming.act(wrong, Act::Void(wire::DeskVoid { code })).await.unwrap();
    ruian.reaches(wrong, Stage::Voided).await;
    kunming.reaches(wrong, Stage::Voided).await;
    towns.settled().await;
    towns.stop().await;
}
