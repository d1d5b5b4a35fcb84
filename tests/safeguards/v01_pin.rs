//! V1: the PIN is the worker's; nobody at the sending office resets it, and it never stands
//! between a person and stopping.

use crate::common::{a_while, denied};
use jieli_node::command::{Done, WorkerCommand};
use jieli_node::window::WindowCommand;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::wire;
use jieli_tests::people::{home, person};
use jieli_tests::{HOUR_MS, Sms, Town, Towns, in_hand};

async fn set_by_code(town: &Town, sms: &Sms, pin: &str) -> Result<Done, Failure> {
    let (case_number, code, pin) = (sms.case(), sms.code(), pin.to_owned());
    town.worker(WorkerCommand::SetPin(wire::SetPinRequest { code, case_number, pin })).await
}

async fn set_at(town: &Town, token: &str, case: &str, pin: &str) -> Result<Done, Failure> {
    let in_hand = Some(in_hand(case, &person(1)));
    let ask = wire::SetWindowPinRequest { in_hand, pin: pin.to_owned() };
    town.window(token, WindowCommand::SetPin(ask)).await
}

/// A home asked for by one person, who has a code.
async fn asked(towns: &Towns) -> (String, Sms) {
    let case = towns.kunming.import(vec![home(1)]).await.remove(0);
    assert_eq!(towns.kunming.ask(std::slice::from_ref(&case)).await.asked, 1);
    let sms = towns.kunming.sms(&case, "逐项回答").await;
    (case, sms)
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_window_asks_for_the_pin_whatever_is_answered() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, sms) = asked(&towns).await;
    for bad in ["123", "123456789", "12a4"] {
        assert_eq!(denied(set_by_code(kunming, &sms, bad).await), "BAD_PIN", "{bad}");
    }
    set_by_code(kunming, &sms, "8264").await.unwrap();
    let sitting = kunming.sit("union", &case, &person(1), false).await.unwrap();
    assert!(sitting.pin_needed);
    for (yes, pin) in [(vec![1], ""), (vec![], "1111"), (vec![1], "8265"), (vec![], "")] {
        assert_eq!(denied(kunming.types_in("union", &sitting, &yes, pin).await), "WRONG_PIN");
    }
    kunming.types_in("union", &sitting, &[1], "8264").await.unwrap();
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    // The PIN is nowhere but under an HMAC, and no notice tells it.
    assert!(!kunming.phones.all().iter().any(|sms| sms.text.contains("8264")));
    let stored = "SELECT COUNT(*) FROM worker_pin WHERE length(hmac) = 32 AND tries = 0";
    assert_eq!(kunming.count(stored).await, 1);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_five_wrong_pins_lock_it_until_it_is_replaced_elsewhere() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, _) = asked(&towns).await;
    set_at(kunming, "union", &case, "8264").await.unwrap();
    let sitting = kunming.sit("union", &case, &person(1), false).await.unwrap();
    for _ in 0..5 {
        let tried = kunming.types_in("union", &sitting, &[1], "0000").await;
        assert_eq!(denied(tried), "WRONG_PIN");
    }
    let right = kunming.types_in("union", &sitting, &[1], "8264").await;
    assert_eq!(denied(right), "PIN_LOCKED");
    // Never at the sending office, and not by one of its officers.
    assert_eq!(denied(set_at(kunming, "own", &case, "5555").await), "SENDING_OFFICE");
    assert_eq!(denied(set_at(kunming, "schools", &case, "5555").await), "OFFICER_OF_SENDER");
    set_at(kunming, "union", &case, "5555").await.unwrap();
    kunming.sms(&case, "您的密码已更换").await;
    a_while().await;
    assert_eq!(towns.sent().await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_replaced_pin_stops_confirming_for_72_hours_and_never_stopping() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, sms) = asked(&towns).await;
    set_by_code(kunming, &sms, "8264").await.unwrap();
    towns.clock.move_on(HOUR_MS);
    set_by_code(kunming, &sms, "9999").await.unwrap();
    assert_eq!(denied(kunming.answer(&sms, &[1]).await), "PIN_REPLACED");
    assert_eq!(denied(kunming.sit("union", &case, &person(1), false).await), "PIN_REPLACED");
    towns.clock.move_on(72 * HOUR_MS);
    let sitting = kunming.sit("union", &case, &person(1), false).await.unwrap();
    kunming.types_in("union", &sitting, &[1], "9999").await.unwrap();
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    // Replaced once more, and stopped at once: at the sender's own window, without a PIN.
    set_at(kunming, "union", &case, "1234").await.unwrap();
    let stop = wire::StopRequest { in_hand: Some(in_hand(&case, &person(1))), legs: Vec::new() };
    kunming.window("own", WindowCommand::Stop(stop)).await.unwrap();
    towns.ruian.reaches(leg, Stage::Withdrawn).await;
    towns.stop().await;
}
