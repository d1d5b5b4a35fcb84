//! V14: somebody of 16 or 17 goes to a job only after the guardian was told, on a phone of the own.

use crate::common::{a_while, denied};
use jieli_node::command::{DeskCommand, Done};
use jieli_node::window::WindowCommand;
use jieli_node::world::{Clock, NoticeResult};
use jieli_proto::case::Stage;
use jieli_proto::wire::{self, Service};
use jieli_tests::people::{self, person, person_born};
use jieli_tests::{HOUR_MS, Towns, eventually, in_hand};

pub(crate) const GUARDIAN: &str = "19900029999";
/// The worker's own phone.
pub(crate) const PHONE: &str = "19900010001";
/// The age of 17 at the date of the rehearsal.
pub(crate) const BORN: u32 = 2009;

/// Somebody of 17 who asks for the job of a row of the demo, with or without a phone.
pub(crate) fn youth(phone: &str, guardian: [&str; 2]) -> wire::Draft {
    let mut draft = people::single(1).remove(0);
    let [name, guardian] = guardian.map(str::to_owned);
    draft.worker = Some(wire::DraftPerson {
        phone: phone.to_owned(),
        guardian_name: name,
        guardian_phone: guardian,
        ..person_born(1, BORN)
    });
    draft
}

#[tokio::test(flavor = "multi_thread")]
async fn v14_without_a_guardian_to_tell_the_row_is_refused_and_says_which_cell() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let own = PHONE;
    let cases = [
        (["", ""], "Guardian name"),
        (["", GUARDIAN], "Guardian name"),
        // A notice to the worker's own phone tells no guardian.
        (["吕明", own], "Guardian phone"),
    ];
    for (guardian, cell) in cases {
        let drafts = vec![youth(own, guardian)];
        let request = wire::ImportRequest { file_name: String::new(), drafts };
        let done = kunming.desk(DeskCommand::Import(request)).await;
        let Ok(Done::Imported(reply)) = done else { panic!("{done:?}") };
        assert_eq!(reply.rows[0].code, "NO_GUARDIAN");
        assert!(reply.rows[0].say_en.starts_with(cell), "{}", reply.rows[0].say_en);
    }
    assert_eq!(kunming.count("SELECT COUNT(*) FROM leg").await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v14_the_guardian_is_told_what_is_asked_and_how_to_stop_it() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![youth(PHONE, ["吕明", GUARDIAN])]).await.remove(0);
    kunming.ask_yes(&case).await;
    let told = kunming.sms(&case, "您监护的").await;
    assert_eq!(told.to, GUARDIAN);
    for word in ["瑞安", "用工条件告知单", "随时可以停止", "12333"] {
        assert!(told.text.contains(word), "{word}: {}", told.text);
    }
    // The number may be a stranger's: nobody is named, and no code opens anything.
    let worker = person_born(1, BORN);
    for secret in [worker.name.as_str(), worker.number.as_str(), "吕明", "确认码"] {
        assert!(!told.text.contains(secret), "{secret}");
    }
    towns.next_working_day();
    let leg = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v14_no_yes_counts_before_the_guardian_was_told() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![youth("", ["吕明", GUARDIAN])]).await.remove(0);
    kunming.phones.say(Some(NoticeResult::Later));
    let sitting = kunming.sit("union", &case, &person_born(1, BORN), false).await.unwrap();
    kunming.types_in("union", &sitting, &[1], "").await.unwrap();
    towns.next_working_day();
    let next = "SELECT MAX(due_ms) FROM timer WHERE kind = 'yes-takes-effect'";
    let later = towns.clock.now_unix_ms() as i64 + 30 * 60_000;
    eventually("the yes was tried", async || kunming.count(next).await > later).await;
    a_while().await;
    assert_eq!(towns.sent().await, 0);
    kunming.phones.say(None);
    towns.clock.move_on(HOUR_MS);
    assert_eq!(kunming.sms(&case, "您监护的").await.to, GUARDIAN);
    towns.clock.move_on(HOUR_MS);
    let leg = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v14_a_guardian_without_a_telephone_is_told_at_the_window_of_another_office() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![youth(PHONE, ["吕明", ""])]).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    a_while().await;
    assert_eq!(towns.sent().await, 0, "nobody told the guardian");
    let worker = person_born(1, BORN);
    let elder = person(9);
    let tell = async |token: &str, name: &str, who: &wire::DraftPerson, told: bool| {
        let ask = wire::TellGuardianRequest {
            in_hand: Some(in_hand(&case, &worker)),
            guardian_name: name.to_owned(),
            document: who.document,
            number: who.number.clone(),
            told,
        };
        kunming.window(token, WindowCommand::TellGuardian(ask)).await
    };
    // Not at the office that sends, not by another name, not by the worker's own document.
    assert_eq!(denied(tell("own", "吕明", &elder, true).await), "SENDING_OFFICE");
    assert!(tell("union", "吕亮", &elder, true).await.is_err());
    assert!(tell("union", "吕明", &worker, true).await.is_err());
    let child = person_born(8, 2012);
    assert_eq!(denied(tell("union", "吕明", &child, true).await), "GUARDIAN_UNDER_AGE");
    // To be read is not to be told.
    let done = tell("union", "吕明", &elder, false).await.unwrap();
    let Done::GuardianTold(shown) = done else { panic!("{done:?}") };
    assert!(shown.texts[0].contains("用工条件告知单"), "{}", shown.texts[0]);
    towns.clock.move_on(HOUR_MS);
    a_while().await;
    assert_eq!(towns.sent().await, 0);
    tell("union", "吕明", &elder, true).await.unwrap();
    towns.clock.move_on(2 * HOUR_MS);
    let leg = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v14_for_a_child_under_14_the_guardian_is_asked() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let child = wire::DraftPerson { phone: String::new(), ..person_born(2, 2015) };
    let mut draft = people::home(1);
    let mut of_child = draft.legs[0].clone();
    of_child.person = Some(child.clone());
    draft.legs.push(of_child);
    for relation in [1, 2, 5] {
        draft.legs[1].relation = relation;
        let drafts = vec![draft.clone()];
        let request = wire::ImportRequest { file_name: String::new(), drafts };
        let done = kunming.desk(DeskCommand::Import(request)).await;
        let Ok(Done::Imported(reply)) = done else { panic!("{done:?}") };
        assert_eq!(reply.rows[0].code, "NO_GUARDIAN", "{relation}");
    }
    draft.legs[1].relation = 3;
    let case = kunming.import(vec![draft]).await.remove(0);
    kunming.ask(std::slice::from_ref(&case)).await;
    let sms = kunming.sms(&case, "逐项回答").await;
    assert_eq!(sms.to, people::person(1).phone);
    assert!(sms.text.contains("孩子"), "{}", sms.text);
    towns.stop().await;
}
