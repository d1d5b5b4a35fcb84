//! Correcting who a person is: nothing is said before the person has seen old and new and said yes;
//! no and silence change nothing and look alike.

use jieli_node::command::{Done, WorkerCommand};
use jieli_node::window::WindowCommand;
use jieli_node::writer::Failure;
use jieli_proto::bundle::{exit_code, verify};
use jieli_proto::case::{Illegal, Side, Stage};
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{self, SectionKind, Value};
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, ItemStatus, MessageType, Service};
use jieli_tests::people::{self, home, text};
use jieli_tests::{AGREEMENT_DRAFT, Forger, HOUR_MS, TestPg, Town, Towns, in_hand};

const NEW_PHONE: &str = "19900019876";
pub(crate) const ASKED: &str = "经办单位要更正";

pub(crate) fn correct(fields: Vec<wire::DraftField>) -> Act {
    Act::Correct(wire::DeskCorrect { fields, terms: false, ..Default::default() })
}

pub(crate) fn phone(new: &str) -> Act {
    correct(vec![text(16, 4, new)])
}

pub(crate) fn code(result: Result<wire::ActReply, Failure>) -> &'static str {
    let Err(Failure::Denied(denied)) = result else { panic!("{result:?}") };
    denied.code
}

/// A home whose person has gone to Ruian.
pub(crate) async fn released(towns: &Towns, serial: u32) -> (String, LegId) {
    let case = towns.kunming.import(vec![home(serial)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian_accepts(leg).await;
    towns.ruian.reaches(leg, Stage::Released).await;
    towns.quiet().await;
    (case, leg)
}

/// What the desk that has the leg reads of the person block.
async fn read(town: &Town, leg: LegId) -> Vec<String> {
    let file = town.leg(leg).await;
    let case = town.case_of(&file).await;
    let token = if file.our_side == Side::Examiner { "homes" } else { "clerk" };
    let seen = town.case_seen(token, &case, "test").await.unwrap();
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
    let Err(Failure::Denied(denied)) = ruian.act(leg, phone(NEW_PHONE)).await else { panic!() };
    assert!(denied.en.contains(&Illegal::NotYourStep.to_string()), "{denied:?}");
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
    let (code_of, case_number) = (told.code(), told.case());
    let pin = wire::SetPinRequest { code: code_of, case_number, pin: "8264".to_owned() };
    let set = ruian.worker(WorkerCommand::SetPin(pin)).await;
    assert!(matches!(&set, Err(Failure::Denied(denied)) if denied.code == "WRONG_CODE"), "{set:?}");
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

/// A modified node over here that gives Ruian another phone under a yes to something else.
#[tokio::test(flavor = "multi_thread")]
async fn v02_a_correction_of_the_person_needs_a_yes_of_its_own() {
    let towns = Towns::new().await;
    let (_, leg) = released(&towns, 1).await;
    towns.kunming.tap.set_cut(true);
    let forger = Forger::beside(towns);
    let ruian = &forger.towns.ruian;
    let before = ruian.leg(leg).await;
    let release = before.latest(MessageType::Release).unwrap().message.clone().unwrap();
    let old = release.consent_digest.clone();
    let consent = forger.consent(leg, &before.our_office, Service::Housing).await;
    let fresh = forger.seal(&consent).await;
    let forged = async |fields: Vec<u32>, values: Vec<(u32, Value)>, consent: Vec<u8>| {
        let body = wire::Correct {
            corrects: before.latest(MessageType::Release).unwrap().env_digest.to_vec(),
            section: 16,
            fields,
            ..Default::default()
        };
        let mut forged = forger.next_in(leg, MessageType::Correct, Body::Correct(body)).await;
        let kind = SectionKind::of(16).unwrap();
        let built = section::build(kind, &values, &mut |salt: &mut [u8]| salt.fill(7)).unwrap();
        let digest = section::digest_of(&forged.msg(), &built).unwrap();
        let slots = &mut forged.message.section_digests;
        slots.iter_mut().find(|slot| slot.section == 16).unwrap().digest = digest.to_vec();
        forged.sections = vec![built];
        forged.message.consent_digest = consent;
        forged
    };
    let said = |field: u32, value: &str| vec![(field, Value::Text(value.to_owned()))];
    let under_the_old = forged(vec![4], said(4, NEW_PHONE), old).await;
    assert_eq!(forger.say(&under_the_old).await, Err(Refusal::ConsentInvalid));
    let digest = envelope::env_digest(&fresh).to_vec();
    // Nor is anybody made another person, whatever was agreed to.
    let child = people::person_born(3, 2015).number;
    for (fields, values) in [
        (vec![1, 3, 4], said(4, NEW_PHONE)),
        (vec![3], said(3, &child)),
        (vec![4], said(1, "甲乙")),
    ] {
        let mut another = forged(fields.clone(), values, digest.clone()).await;
        another.consents = vec![fresh.clone()];
        assert_eq!(forger.say(&another).await, Err(Refusal::BadBody), "{fields:?}");
    }
    let mut own = forged(vec![3, 4], said(4, NEW_PHONE), digest).await;
    own.consents = vec![fresh];
    assert_eq!(forger.say(&own).await, Ok(ItemStatus::Stored));
    let told = ruian.sms(&ruian.case_of(&before).await, "换了手机号").await;
    assert_eq!(told.to, people::person(1).phone, "the person hears of it at the number known");
    // Nor by and by, under one more yes.
    let again = forger.consent(leg, &before.our_office, Service::Housing).await;
    let again = forger.seal(&again).await;
    let mut name = forged(vec![1], said(1, "甲乙"), envelope::env_digest(&again).to_vec()).await;
    name.consents = vec![again];
    assert_eq!(forger.say(&name).await, Err(Refusal::BadBody));
    forger.towns.stop().await;
}

/// The worker's own request: the desk sees what it is about, and answers it.
#[tokio::test(flavor = "multi_thread")]
async fn the_worker_asks_for_a_correction_and_is_answered() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    let code_of = kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian_accepts(leg).await;
    ruian.reaches(leg, Stage::Released).await;
    towns.quiet().await;
    let as_asked = || Act::Correct(wire::DeskCorrect { as_asked: true, ..Default::default() });
    let not = || Act::Correct(wire::DeskCorrect { not_as_asked: true, ..Default::default() });
    assert_eq!(code(kunming.act(leg, as_asked()).await), "NOTHING_ASKED");
    let ask = async |field, value: &str| {
        let ask = wire::CorrectionRequest {
            case_number: case.clone(),
            code: code_of.code(),
            leg: 1,
            field,
            value: value.to_owned(),
        };
        kunming.worker(WorkerCommand::AskCorrection(ask)).await
    };
    let Err(Failure::Denied(denied)) = ask(6, "4").await else { panic!() };
    assert_eq!(denied.code, "BAD_OPTION");
    let Done::Answered(_) = ask(1, "甲乙").await.unwrap() else { panic!() };
    let asked = kunming.desk_view(leg).await.correction.unwrap();
    assert_eq!(asked.name_zh, "姓名");
    // What is right stands nowhere in the clear, and is read for a purpose alone.
    assert!(!read(kunming, leg).await.is_empty());
    assert!(read(kunming, leg).await.contains(&"甲乙".to_owned()));
    let bare = kunming.case_seen("clerk", &case, "").await.unwrap();
    assert!(bare.legs[0].fields.is_empty());
    kunming.act(leg, not()).await.unwrap();
    kunming.sms(&case, "没有更正").await;
    assert!(kunming.desk_view(leg).await.correction.is_none());
    // At a window with the document, and this time the document shows it.
    let asked = wire::CorrectionAtWindowRequest {
        in_hand: Some(in_hand(&case, &people::person(1))),
        leg: 1,
        field: 1,
        value: "甲乙".to_owned(),
    };
    let done = kunming.window("union", WindowCommand::Correction(asked)).await.unwrap();
    let Done::Answered(_) = done else { panic!("{done:?}") };
    kunming.act(leg, as_asked()).await.unwrap();
    assert!(kunming.desk_view(leg).await.correction.is_none(), "it is answered");
    let sms = kunming.sms(&case, ASKED).await;
    kunming.answer(&sms, &[1]).await.unwrap();
    ruian.holds(leg, MessageType::Correct).await;
    towns.quiet().await;
    assert!(read(ruian, leg).await.contains(&"甲乙".to_owned()));
    // A third one is left lying: the operators hear of it after its last day.
    ask(4, NEW_PHONE).await.unwrap();
    towns.clock.move_on(30 * 24 * HOUR_MS);
    jieli_tests::eventually("the alarm", async || {
        kunming.alarms().await.contains(&"correction-asked-and-not-answered".to_owned())
    })
    .await;
    towns.stop().await;
}
