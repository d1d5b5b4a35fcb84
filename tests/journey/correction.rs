//! Correcting who a person is: nothing is said before the person has seen old and new and said yes;
//! no and silence change nothing and look alike.

use jieli_node::writer::Failure;
use jieli_proto::bundle::{exit_code, verify};
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType};
use jieli_tests::people::{self, home, text};
use jieli_tests::{HOUR_MS, TestPg, Town, Towns, AGREEMENT_DRAFT};

const NEW_PHONE: &str = "19900019876";
const ASKED: &str = "经办单位要更正";

fn correct(fields: Vec<wire::DraftField>) -> Act {
    Act::Correct(wire::DeskCorrect { fields, terms: false })
}

fn phone(new: &str) -> Act {
    correct(vec![text(16, 4, new)])
}

fn code(result: Result<wire::ActReply, Failure>) -> &'static str {
    let Err(Failure::Denied(denied)) = result else { panic!("{result:?}") };
    denied.code
}

/// A home whose person has gone to Ruian.
async fn released(towns: &Towns, serial: u32) -> (String, LegId) {
    let case = towns.kunming.import(vec![home(serial)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian_accepts(leg).await;
    towns.ruian.reaches(leg, Stage::Released).await;
    towns.quiet().await;
    (case, leg)
}

/// What a city's window reads of the person block.
async fn read(town: &Town, leg: LegId) -> Vec<String> {
    let case = town.case_of(&town.leg(leg).await).await;
    let seen = town.case_seen("window", &case, "test").await.unwrap();
    let of_person = seen.legs[0].fields.iter().filter(|field| field.section == 16);
    of_person.map(|field| field.value.clone()).collect()
}

/// Whether any table that nothing encrypts holds a text.
async fn stands_in_questions(town: &Town, what: &str) -> bool {
    let mut conn = town.node().store().read().await.unwrap();
    let rows = conn.rows("SELECT text FROM question", Vec::new()).await.unwrap();
    rows.iter().any(|row| row.text(0).unwrap().contains(what))
}

async fn by_the_old_number(towns: Towns) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg) = released(&towns, 1).await;
    let old = people::person(1);
    // Name and number together are another person, and so is another age band.
    let both = vec![text(16, 1, "甲乙"), text(16, 3, &people::person(2).number)];
    assert_eq!(code(kunming.act(leg, correct(both)).await), "ANOTHER_PERSON");
    let child = people::person_born(3, 2015).number;
    assert_eq!(code(kunming.act(leg, correct(vec![text(16, 3, &child)])).await), "ANOTHER_PERSON");
    // Only who stated it corrects it, and an answer to a question says nothing of who it is.
    assert_eq!(code(ruian.act(leg, phone(NEW_PHONE)).await), "NOT_YOUR_STEP");
    kunming.act(leg, phone(NEW_PHONE)).await.unwrap();
    towns.quiet().await;
    assert!(!ruian.types(leg).await.contains(&MessageType::Correct), "not before the yes");
    assert_eq!(code(kunming.act(leg, phone("19900019875")).await), "CORRECTION_ASKED");
    let sms = kunming.sms(&case, ASKED).await;
    assert_eq!(sms.to, old.phone, "at the number known until now");
    assert!(!stands_in_questions(kunming, NEW_PHONE).await, "not in the clear");
    let shown = kunming.open(&sms).await.unwrap().text;
    assert!(shown.contains(&old.phone) && shown.contains(NEW_PHONE), "{shown}");
    kunming.answer(&sms, &[1]).await.unwrap();
    ruian.holds(leg, MessageType::Correct).await;
    towns.quiet().await;
    for town in [kunming, ruian] {
        let fields = read(town, leg).await;
        assert!(fields.contains(&NEW_PHONE.to_owned()), "{town:?} {fields:?}");
        assert!(fields.contains(&old.number) && !fields.contains(&old.phone), "{fields:?}");
    }
    // A yes of its own, and the old number hears of it in the other city too.
    let file = ruian.leg(leg).await;
    let cited = |ty| file.latest(ty).unwrap().message.clone().unwrap().consent_digest;
    assert_ne!(cited(MessageType::Correct), cited(MessageType::Release));
    let there = ruian.case_of(&file).await;
    let told = ruian.sms(&there, "换了手机号").await;
    assert_eq!(told.to, old.phone);
    // From here on messages go to the new one.
    towns.ruian_reports(leg).await;
    assert_eq!(kunming.sms(&case, "说已办成").await.to, NEW_PHONE);
    towns.settled().await;
    let roots = [kunming, ruian].map(|town| town.public.root_fpr());
    let verdicts = verify(&kunming.export(&case, true).await, &roots);
    assert_eq!(exit_code(&verdicts), 0, "{verdicts:#?}");
    for town in [kunming, ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new(), "{town:?}");
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_corrected_by_the_old_number() {
    by_the_old_number(Towns::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_corrected_by_the_old_number_on_postgres() {
    let (a, b) =
        (TestPg::create("correct_a").await.unwrap(), TestPg::create("correct_b").await.unwrap());
    by_the_old_number(Towns::with(a.database(), b.database(), AGREEMENT_DRAFT).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v23_no_and_silence_about_a_correction_change_nothing_and_look_alike() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (refuses, silent) = (released(&towns, 1).await, released(&towns, 2).await);
    for (_, leg) in [&refuses, &silent] {
        kunming.act(*leg, correct(vec![text(16, 1, "甲乙")])).await.unwrap();
    }
    let sms = kunming.sms(&refuses.0, ASKED).await;
    kunming.answer(&sms, &[]).await.unwrap();
    kunming.sms(&silent.0, ASKED).await;
    // Neither then nor after the last day can the desk tell them apart.
    for asked_again in ["CORRECTION_ASKED", ""] {
        for (_, leg) in [&refuses, &silent] {
            let again = kunming.act(*leg, correct(vec![text(16, 1, "丙丁")])).await;
            match asked_again {
                "" => drop(again.unwrap()),
                word => assert_eq!(code(again), word),
            }
        }
        let [one, other] = [refuses.1, silent.1].map(|leg| kunming.desk_view(leg));
        assert_eq!(one.await, other.await);
        towns.clock.move_on(5 * 24 * HOUR_MS);
        towns.next_working_day();
        let lapsed = "SELECT COUNT(*) FROM question WHERE kind = 'correction' AND closed = 0";
        jieli_tests::eventually("the lapse", async || kunming.count(lapsed).await == 0).await;
    }
    // Twice in 90 days, and no more.
    for (_, leg) in [&refuses, &silent] {
        let again = kunming.act(*leg, correct(vec![text(16, 1, "丙丁")])).await;
        assert_eq!(code(again), "ASKED_TWICE");
        assert!(!ruian.types(*leg).await.contains(&MessageType::Correct));
        assert_eq!(ruian.stage(*leg).await, Some(Stage::Released), "nobody withdrew");
        let name = people::person(if *leg == refuses.1 { 1 } else { 2 }).name;
        assert!(read(ruian, *leg).await.contains(&name));
    }
    assert_eq!(kunming.count("SELECT COUNT(*) FROM section_data WHERE slot = 250").await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_corrected_at_another_offices_window() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg) = released(&towns, 1).await;
    kunming.act(leg, correct(vec![text(16, 1, "甲乙")])).await.unwrap();
    let sitting = kunming.sit("union", &case, &people::person(1), false).await.unwrap();
    let shown = &sitting.items[0].text;
    assert!(shown.contains("甲乙") && shown.contains(&people::person(1).name), "{shown}");
    kunming.types_in("union", &sitting, &[1], "").await.unwrap();
    ruian.holds(leg, MessageType::Correct).await;
    towns.quiet().await;
    assert!(read(ruian, leg).await.contains(&"甲乙".to_owned()));
    // The number too, by and by, would be somebody else.
    let number = correct(vec![text(16, 3, &people::person(2).number)]);
    assert_eq!(code(kunming.act(leg, number).await), "ANOTHER_PERSON");
    towns.stop().await;
}
