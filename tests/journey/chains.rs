//! One correction of a person after another: old is what the last one made of it, the code goes to
//! the number of now, and whoever is named in the end is the one who was named first.

use crate::correction::{ASKED, code, correct, phone, released};
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_tests::people::{self, home, number, text};
use jieli_tests::{HOUR_MS, Towns, eventually};

const NEW_PHONE: &str = "19900019876";
const DAY_MS: u64 = 24 * HOUR_MS;

/// A desk proposes, the person says yes; what the person was shown, and at which number.
async fn corrected(
    towns: &Towns,
    (case, leg): (&str, LegId),
    fields: Vec<wire::DraftField>,
) -> (String, String) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let said = async || {
        let types = ruian.types(leg).await;
        types.iter().filter(|ty| **ty == MessageType::Correct).count()
    };
    let (asked, before) = (kunming.phones.about(case, ASKED).len(), said().await);
    kunming.act(leg, correct(fields)).await.unwrap();
    eventually("the question", async || kunming.phones.about(case, ASKED).len() > asked).await;
    let sms = kunming.sms(case, ASKED).await;
    let shown = kunming.open(&sms).await.unwrap().text;
    kunming.answer(&sms, &[1]).await.unwrap();
    eventually("the correction in Ruian", async || said().await > before).await;
    towns.quiet().await;
    (shown, sms.to)
}

/// A home and a school place of one grown-up, both released.
async fn two_items(towns: &Towns) -> (String, [LegId; 2]) {
    let mut draft = home(1);
    draft.legs.push(wire::DraftLeg {
        service: Service::Schooling.into(),
        relation: 1,
        fields: vec![number(2, 1, 5), number(2, 2, 1), number(2, 3, 1), text(18, 1, "9999990001")],
        ..wire::DraftLeg::default()
    });
    let case = towns.kunming.import(vec![draft]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let home = towns.kunming.leg_for(&case, Service::Housing).await;
    let legs = [home, towns.kunming.leg_for(&case, Service::Schooling).await];
    for leg in legs {
        towns.ruian_accepts(leg).await;
        towns.ruian.reaches(leg, Stage::Released).await;
    }
    towns.quiet().await;
    (case, legs)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_after_a_correction_starts_from_what_the_first_one_said() {
    let towns = Towns::new().await;
    let (case, [home, school]) = two_items(&towns).await;
    let old = people::person(1);
    let (shown, to) = corrected(&towns, (&case, home), vec![text(16, 7, "丙丁")]).await;
    assert!(shown.contains("- → 丙丁") && to == old.phone, "{shown}");
    // The number, in the other item: from here on the two items name it differently.
    let other = people::person(2).number;
    corrected(&towns, (&case, school), vec![text(16, 3, &other)]).await;
    let both = vec![text(16, 4, NEW_PHONE), text(16, 7, "戊己")];
    let (shown, to) = corrected(&towns, (&case, home), both).await;
    assert!(shown.contains("丙丁 → 戊己"), "{shown}");
    assert!(shown.contains(&format!("{} → {NEW_PHONE}", old.phone)) && to == old.phone, "{shown}");
    // It is the phone of both items now, whatever number each of them names.
    let (shown, to) = corrected(&towns, (&case, school), vec![text(16, 8, "19900010077")]).await;
    assert!(shown.contains("- → 19900010077") && to == NEW_PHONE, "{to} {shown}");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_named_is_judged_by_the_whole_chain_and_not_by_its_last_step() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, leg) = released(&towns, 1).await;
    // Seventeen when it was sent, eighteen from the first of January on.
    let young = {
        let mut draft = home(2);
        draft.worker = Some(people::person_born(2, 2009));
        let case = kunming.import(vec![draft]).await.remove(0);
        kunming.ask_yes(&case).await;
        let leg = kunming.legs(&case).await[0].id;
        towns.ruian_accepts(leg).await;
        towns.ruian.reaches(leg, Stage::Released).await;
        (case, leg)
    };
    // A name that nobody confirmed was never said: it stands in nobody's way.
    kunming.act(leg, correct(vec![text(16, 1, "甲乙")])).await.unwrap();
    kunming.sms(&case, ASKED).await;
    towns.clock.move_on(5 * DAY_MS);
    towns.next_working_day();
    let lapsed = "SELECT COUNT(*) FROM question WHERE kind = 'correction' AND closed = 0";
    eventually("the lapse", async || kunming.count(lapsed).await == 0).await;
    let (shown, _) =
        corrected(&towns, (&case, leg), vec![text(16, 3, &people::person(3).number)]).await;
    assert!(shown.contains(&people::person(1).number), "{shown}");
    towns.clock.move_on(91 * DAY_MS);
    towns.next_working_day();
    let (_, to) = corrected(&towns, (&case, leg), vec![text(16, 4, NEW_PHONE)]).await;
    assert_eq!(to, people::person(1).phone);
    // The number was another one two corrections ago.
    let name = correct(vec![text(16, 1, "甲乙")]);
    assert_eq!(code(kunming.act(leg, name).await), "ANOTHER_PERSON");
    // Grown up meanwhile: neither a phone nor a number of those years is another person.
    let (case, leg) = (&young.0, young.1);
    kunming.act(leg, phone("19900019875")).await.unwrap();
    kunming.sms(case, ASKED).await;
    towns.clock.move_on(5 * DAY_MS);
    towns.next_working_day();
    eventually("the lapse", async || kunming.count(lapsed).await == 0).await;
    let same_age = correct(vec![text(16, 3, &people::person_born(5, 2009).number)]);
    kunming.act(leg, same_age).await.unwrap();
    towns.stop().await;
}
