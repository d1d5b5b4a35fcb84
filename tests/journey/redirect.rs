//! REDIRECT: a leg goes to the competent office of the same city. The person's yes names an office,
//! so it is asked for anew; and a pull that went to the wrong office is opened again elsewhere.

use jieli_node::command::{DeskCommand, Done};
use jieli_node::writer::Failure;
use jieli_proto::bundle::{exit_code, verify};
use jieli_proto::case::{Illegal, Stage};
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DecisionCode, ItemStatus, MessageType, Service};
use jieli_tests::people::{self, home, number};
use jieli_tests::{
    AGREEMENT_DRAFT, Forger, HOMES, HOMES_TOO, HOUR_MS, HOUSING, LABOUR_HERE, SCHOOLS_TOO, Sms,
    TestPg, Town, Towns, Within, eventually, sqlite,
};

/// Kunming's second office for medical security.
const MEDICAL_TOO: &str = "11999999MB0000741W";

/// The sample with one more office for housing in Ruian, and one for medical security in Kunming.
fn draft() -> String {
    let more = |code: &str, kind: &str, name: &str| {
        format!(
            "[[party.office]]\ncredit_code = \"{code}\"\nkind = \"{kind}\"\nname = \"{name}\"\n\
             telephone = \"0577-60000733\"\n\n"
        )
    };
    let home = more(HOMES_TOO, "housing", "瑞安市塘下镇住房保障所");
    let medical = more(MEDICAL_TOO, "medical-security", "昆明市盘龙区医疗保障局");
    let (first, second) = AGREEMENT_DRAFT.split_once("[[party]]").unwrap();
    let (one, two) = second.split_once("[[party]]").unwrap();
    let (offices, services) = two.split_once("[[service]]").unwrap();
    format!("{first}[[party]]{one}{medical}[[party]]{offices}{home}[[service]]{services}")
}

async fn towns() -> Towns {
    Towns::with(sqlite(), sqlite(), &draft()).await
}

fn redirect(office: &str) -> Act {
    Act::Redirect(wire::DeskRedirect { office: office.to_owned() })
}

fn take_up() -> Act {
    Act::TakeUp(wire::DeskTakeUp {})
}

fn accept() -> Act {
    Act::Accept(wire::DeskAccept::default())
}

fn code<T: std::fmt::Debug>(result: Result<T, Failure>) -> &'static str {
    let Err(Failure::Denied(denied)) = result else { panic!("{result:?}") };
    denied.code
}

/// A home that Kunming offers and Ruian has taken up; its case, leg and first notice.
async fn taken_up(towns: &Towns, serial: u32) -> (String, LegId, Sms) {
    let case = towns.kunming.import(vec![home(serial)]).await.remove(0);
    let sms = towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian_acts(leg, take_up()).await;
    towns.kunming.reaches(leg, Stage::TakenUp).await;
    (case, leg, sms)
}

/// With the district, in both cities.
async fn handed_over(towns: &Towns, leg: LegId) {
    towns.ruian.act_of(HOMES, leg, redirect(HOMES_TOO)).await.unwrap();
    towns.kunming.holds(leg, MessageType::Redirect).await;
    towns.quiet().await;
}

fn is_illegal<T: std::fmt::Debug>(result: Result<T, Failure>, why: Illegal) {
    let Err(Failure::Denied(denied)) = result else { panic!("{result:?}") };
    assert!(denied.en.contains(&why.to_string()), "{denied:?}");
}

async fn nobody_misbehaved(towns: &Towns) {
    for town in [&towns.kunming, &towns.ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new(), "{town:?}");
    }
}

async fn verifies(towns: &Towns, town: &Town, case: &str) {
    let roots = [towns.kunming.public.root_fpr(), towns.ruian.public.root_fpr()];
    let verdicts = verify(&town.export(case, true).await, &roots);
    assert_eq!(exit_code(&verdicts), 0, "{verdicts:#?}");
}

async fn handed_on(towns: Towns) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg, _) = taken_up(&towns, 1).await;
    let there = ruian.case_of(&ruian.leg(leg).await).await;
    // Only another office of this city, to which the agreement gives the service.
    for office in [HOMES, kunming.window_office(), ruian.window_office(), "11999999MB0000123Y"] {
        assert_eq!(
            code(ruian.act_of(HOMES, leg, redirect(office)).await),
            "BAD_OPTION",
            "{office}"
        );
    }
    assert_eq!(code(kunming.act(leg, redirect(HOMES_TOO)).await), "BAD_OPTION");
    ruian.hand_over(leg, "window").await.unwrap();
    assert_eq!(ruian.desk_view(leg).await.handed_to, "window");
    handed_over(&towns, leg).await;
    assert_eq!(ruian.desk_view(leg).await.handed_to, "", "it is to be taken up there");
    // It has left the first office's queue and stands in the other's, to be taken up.
    assert_eq!(code(ruian.act_of(HOMES, leg, take_up()).await), "NOT_FOUND");
    assert_eq!(ruian.leg(leg).await.our_office, HOMES_TOO);
    assert_eq!(kunming.leg(leg).await.their_office, HOMES_TOO);
    for town in [kunming, ruian] {
        assert_eq!(town.stage(leg).await, Some(Stage::Offered));
        let view = town.view(leg).await;
        let said = view.messages.iter().find(|line| line.r#type == "REDIRECT").unwrap();
        assert_eq!(said.handed_to, "瑞安市塘下镇住房保障所");
    }
    let queue =
        async |token| ruian.queue(token, wire::ListCasesRequest::default()).await.cases.len();
    assert_eq!((queue("homes").await, queue("district-homes").await), (0, 1));
    // Until it is taken up there, who had it here answers for it; nobody skips the taking up.
    assert_eq!(ruian.desk_view(leg).await.handler, "test");
    assert_eq!(code(ruian.hand_over(leg, "window").await), "NOT_TAKEN_UP");
    ruian.act_of(HOMES_TOO, leg, take_up()).await.unwrap();
    ruian.act_of(HOMES_TOO, leg, accept()).await.unwrap();
    kunming.reaches(leg, Stage::Accepted).await;
    towns.quiet().await;
    // The yes was given for the first office: nothing is released under it.
    assert_eq!(kunming.stage(leg).await, Some(Stage::Accepted));
    let question = kunming.sms(&case, "转给同城的").await;
    let shown = kunming.open(&question).await.unwrap();
    for office in ["瑞安市住房和城乡建设局", "瑞安市塘下镇住房保障所"] {
        assert!(shown.text.contains(office), "{}", shown.text);
    }
    let fields = vec![number(3, 2, 5)];
    let correct = Act::Correct(wire::DeskCorrect { fields, terms: false, ..Default::default() });
    is_illegal(kunming.act(leg, correct).await, Illegal::ConsentMissing);
    kunming.answer(&question, &[1]).await.unwrap();
    ruian.reaches(leg, Stage::Released).await;
    let file = ruian.leg(leg).await;
    let released = file.latest(MessageType::Release).unwrap().message.clone().unwrap();
    assert_eq!(released.to_office, HOMES_TOO);
    let opening = file.latest(MessageType::Offer).unwrap().message.clone().unwrap();
    let Some(Body::Opening(opening)) = opening.body else { panic!() };
    assert_eq!(opening.filed_on, 20_261_123, "the filing date is kept");
    assert_eq!(opening.supersedes, Vec::<u8>::new(), "it is the same leg");
    towns.settled().await;
    verifies(&towns, kunming, &case).await;
    verifies(&towns, ruian, &there).await;
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_is_handed_to_the_competent_office_and_the_person_asked_anew() {
    handed_on(towns().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_is_handed_to_the_competent_office_on_postgres() {
    let (a, b) =
        (TestPg::create("redirect_a").await.unwrap(), TestPg::create("redirect_b").await.unwrap());
    handed_on(Towns::with(a.database(), b.database(), &draft()).await).await;
}

/// No and silence about the other office, each ended by the same WITHDRAW at the same hour.
#[tokio::test(flavor = "multi_thread")]
async fn v23_no_and_silence_about_another_office_are_one_withdrawal() {
    let towns = towns().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let mut legs = Vec::new();
    for serial in [1, 2] {
        let (case, leg, _) = taken_up(&towns, serial).await;
        handed_over(&towns, leg).await;
        legs.push((case, leg));
    }
    let asked = kunming.sms(&legs[0].0, "转给同城的").await;
    kunming.answer(&asked, &[]).await.unwrap();
    kunming.sms(&legs[1].0, "转给同城的").await;
    towns.quiet().await;
    for (_, leg) in &legs {
        assert_eq!(kunming.stage(*leg).await, Some(Stage::Offered));
    }
    assert_eq!(kunming.desk_view(legs[0].1).await, kunming.desk_view(legs[1].1).await);
    // Four days and more: the question is over, and silence would be said.
    towns.clock.move_on(5 * 24 * HOUR_MS);
    towns.next_working_day();
    for (_, leg) in &legs {
        ruian.reaches(*leg, Stage::Withdrawn).await;
    }
    towns.quiet().await;
    let mut said = Vec::new();
    for (_, leg) in &legs {
        let file = ruian.leg(*leg).await;
        let mut last = file.latest(MessageType::Withdraw).unwrap().message.clone().unwrap();
        assert_eq!(last.to_office, HOMES_TOO);
        let head = last.header.take().unwrap();
        let day = towns.calendar().day_of_unix_ms(head.created_unix_ms);
        let len = prost::Message::encoded_len(&last);
        said.push((day, len, last.r#type, last.body, file.entries.len()));
    }
    assert_eq!(said[0], said[1]);
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_goes_back_once_and_no_further_and_an_old_yes_is_no_yes() {
    let towns = towns().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg, _) = taken_up(&towns, 1).await;
    handed_over(&towns, leg).await;
    let first = kunming.sms(&case, "已把申请转给同城的瑞安市塘下镇住房保障所").await;
    ruian.act_of(HOMES_TOO, leg, redirect("")).await.unwrap();
    towns.quiet().await;
    kunming.sms(&case, "已把申请转给同城的瑞安市住房和城乡建设局").await;
    ruian.act_of(HOMES, leg, take_up()).await.unwrap();
    is_illegal(ruian.act_of(HOMES, leg, redirect(HOMES_TOO)).await, Illegal::RedirectsUsed);
    ruian.act_of(HOMES, leg, accept()).await.unwrap();
    kunming.reaches(leg, Stage::Accepted).await;
    towns.quiet().await;
    // It is with the office of the very first yes: that yes was ended all the same.
    assert_eq!(kunming.stage(leg).await, Some(Stage::Accepted));
    assert_eq!(code(kunming.answer(&first, &[1]).await), "WRONG_CODE");
    // Said at another office's window, as well as with the code.
    let sitting = kunming.sit("union", &case, &people::person(1), false).await.unwrap();
    let text = &sitting.items[0].text;
    assert!(text.contains("瑞安市住房和城乡建设局") && text.contains("塘下镇"), "{text}");
    kunming.types_in("union", &sitting, &[1], "").await.unwrap();
    ruian.reaches(leg, Stage::Released).await;
    towns.settled().await;
    verifies(&towns, kunming, &case).await;
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}

/// What Kunming says while the leg is on its way to another office over there.
fn crossing(kind: MessageType) -> Option<Act> {
    let size = |value| vec![number(3, 2, value)];
    let supply = wire::DeskSupply { fields: size(5), at_window: false };
    let correct = wire::DeskCorrect { fields: size(4), ..Default::default() };
    [(MessageType::Supply, Act::Supply(supply)), (MessageType::Correct, Act::Correct(correct))]
        .into_iter()
        .find_map(|(of, act)| (of == kind).then_some(act))
}

/// REDIRECT and an act of the sending side, neither of which has seen the other; the one that
/// arrives first is that of the city whose line comes back first.
async fn crosses(kind: MessageType, redirect_first: bool, serial: u32, towns: &Towns) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg, sms) = taken_up(towns, serial).await;
    if kind == MessageType::Supply {
        let window = Some(wire::Window { telephone: "0577-1".to_owned(), ..Default::default() });
        ruian.act(leg, Act::Clarify(wire::DeskClarify { ground: 9, window })).await.unwrap();
        kunming.holds(leg, MessageType::Clarify).await;
    }
    towns.quiet().await;
    for town in [kunming, ruian] {
        town.tap.set_cut(true);
    }
    ruian.act_of(HOMES, leg, redirect(HOMES_TOO)).await.unwrap();
    match crossing(kind) {
        Some(act) => drop(kunming.act(leg, act).await.unwrap()),
        None => drop(kunming.withdraw(&sms).await.unwrap()),
    }
    let (first, second) = if redirect_first { (ruian, kunming) } else { (kunming, ruian) };
    let there = if redirect_first { (kunming, MessageType::Redirect) } else { (ruian, kind) };
    first.tap.set_cut(false);
    towns.clock.move_on(2 * HOUR_MS);
    there.0.holds(leg, there.1).await;
    // What was taken up to be sent before it came is over: the next try knows of it.
    let tried = second.tap.refused();
    towns.clock.move_on(2 * HOUR_MS);
    eventually("another try", async || second.tap.refused() > tried).await;
    second.tap.set_cut(false);
    towns.clock.move_on(2 * HOUR_MS);
    for town in [kunming, ruian] {
        town.holds(leg, kind).await;
        town.holds(leg, MessageType::Redirect).await;
    }
    towns.quiet().await;
    let stage = if kind == MessageType::Withdraw { Stage::Withdrawn } else { Stage::Offered };
    for town in [kunming, ruian] {
        let file = town.leg(leg).await;
        assert_eq!(file.law.state().stage, stage, "{kind:?} {redirect_first} {town:?}");
        assert_eq!(file.examiner_office(u32::MAX), HOMES_TOO);
        assert!(file.law.state().question.is_none());
        let entry = file.latest(kind).unwrap().message.clone().unwrap();
        // Its author had not seen the REDIRECT: it names the first office, and counts all the same.
        assert_eq!(entry.to_office, HOMES);
    }
    if kind == MessageType::Withdraw {
        kunming.holds(leg, MessageType::WithdrawEffect).await;
        assert!(kunming.phones.about(&case, "转给同城的").is_empty());
    } else {
        assert_eq!(ruian.leg(leg).await.our_office, HOMES_TOO);
        kunming.sms(&case, "转给同城的").await;
        let there = ruian.case_of(&ruian.leg(leg).await).await;
        assert!(ruian.case_seen("homes", &there, "test").await.is_err());
        let seen = ruian.case_seen("district-homes", &there, "test").await.unwrap();
        let fields = &seen.legs[0].fields;
        // Once the REDIRECT is known where it was said, no consent opens it to the other office.
        let size = match (redirect_first, kind) {
            (true, _) => "2",
            (false, MessageType::Supply) => "5",
            (false, _) => "4",
        };
        let found =
            fields.iter().find(|f| (f.section, f.field) == (3, 2)).map(|f| f.value.as_str());
        assert_eq!(found, Some(size), "{kind:?}, REDIRECT first: {redirect_first}");
        // Either way the desk that sent it is told to state it again, and is told no more once it has.
        assert!(kunming.desk_view(leg).await.value_unsure);
        assert!(!ruian.desk_view(leg).await.value_unsure);
        kunming.answer(&kunming.sms(&case, "转给同城的").await, &[1]).await.unwrap();
        let again = crossing(MessageType::Correct).unwrap();
        eventually("the value again", async || kunming.act(leg, again.clone()).await.is_ok()).await;
        assert!(!kunming.desk_view(leg).await.value_unsure);
        let value = async || {
            let seen = ruian.case_seen("district-homes", &there, "test").await.unwrap();
            let mut fields = seen.legs[0].fields.clone().into_iter();
            fields.find(|f| (f.section, f.field) == (3, 2)).map(|f| f.value)
        };
        eventually("the value at the new office", async || value().await.as_deref() == Some("4"))
            .await;
    }
    verifies(towns, kunming, &case).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_crosses_a_redirect_follows_the_leg_in_both_orders_of_arrival() {
    let towns = towns().await;
    let mut serial = 0;
    for kind in [MessageType::Supply, MessageType::Correct, MessageType::Withdraw] {
        for redirect_first in [true, false] {
            serial += 1;
            crosses(kind, redirect_first, serial, &towns).await;
        }
    }
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}

/// A value that the other desk had read before it handed the leg on is not said to be unsure.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_before_a_redirect_is_not_said_to_be_unsure() {
    let towns = towns().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (_, leg, _) = taken_up(&towns, 1).await;
    kunming.act(leg, crossing(MessageType::Correct).unwrap()).await.unwrap();
    ruian.holds(leg, MessageType::Correct).await;
    towns.quiet().await;
    ruian.act_of(HOMES, leg, redirect(HOMES_TOO)).await.unwrap();
    kunming.holds(leg, MessageType::Redirect).await;
    assert!(!kunming.desk_view(leg).await.value_unsure);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_to_the_wrong_office_is_opened_again_with_its_filing_date() {
    let towns = towns().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = towns.pull_medical().await;
    ruian.ask_yes(&case).await;
    let old = ruian.legs(&case).await[0].id;
    kunming.reaches(old, Stage::Offered).await;
    kunming.act(old, take_up()).await.unwrap();
    let again = async |office: &str| {
        let request =
            wire::OpenAgainRequest { case_number: case.clone(), leg: 1, office: office.to_owned() };
        ruian.desk_of(ruian.window_office(), DeskCommand::OpenAgain(request)).await
    };
    assert_eq!(code(again("").await), "NOT_WRONG_OFFICE");
    is_illegal(kunming.act(old, redirect(MEDICAL_TOO)).await, Illegal::WrongDirection);
    let decision = DecisionCode::WrongOffice.into();
    let decline = Act::Decline(wire::DeskDecline { decision, ..Default::default() });
    kunming.act(old, decline).await.unwrap();
    ruian.reaches(old, Stage::Declined).await;
    towns.next_working_day();
    let next = ruian.view(old).await.next;
    assert!(next.contains(&"again".to_owned()), "{next:?}");
    assert_eq!(code(again("11999999MB0000019T").await), "BAD_OPTION");
    let Done::Acted(_) = again(MEDICAL_TOO).await.unwrap() else { panic!() };
    assert_eq!(code(again(MEDICAL_TOO).await), "OPENED_AGAIN");
    // Nothing goes before the person's yes, which names the other office.
    let new = ruian.legs(&case).await.into_iter().find(|file| file.id != old).unwrap();
    assert!(kunming.find(new.id).await.is_none());
    let asked = ruian.ask(std::slice::from_ref(&case)).await;
    assert_eq!(asked.asked, 1, "{asked:?}");
    let sms = ruian.sms(&case, "昆明市盘龙区医疗保障局").await;
    ruian.answer(&sms, &[1]).await.unwrap();
    kunming.reaches(new.id, Stage::Offered).await;
    let file = kunming.leg(new.id).await;
    assert_eq!((file.our_office.as_str(), file.service), (MEDICAL_TOO, Service::Insurance));
    let opening = file.latest(MessageType::Request).unwrap().message.clone().unwrap();
    let Some(Body::Opening(opening)) = opening.body else { panic!() };
    assert_eq!(opening.supersedes, old.to_vec());
    assert_eq!(opening.filed_on, 20_261_123, "of the first request, not of today");
    towns.settled().await;
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_leg_is_handed_on_within_the_city() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let case = city.school().await;
    let leg = town.leg_for(&case, Service::Schooling).await;
    town.ask_yes(&case).await;
    let first = town.leg(leg).await.their_office;
    city.acts(&first, leg, take_up()).await;
    // Not back to the office that began it, and not to one of another kind.
    for office in [LABOUR_HERE, HOUSING] {
        assert_eq!(code(town.act_of(&first, leg, redirect(office)).await), "BAD_OPTION");
    }
    city.acts(&first, leg, redirect(SCHOOLS_TOO)).await;
    assert!(town.case_seen("school-clerk", &case, "").await.is_err(), "gone from the first office");
    assert!(town.case_seen("school-clerk-2", &case, "").await.is_ok());
    let queue = town.queue("school-clerk-2", wire::ListCasesRequest::default()).await;
    assert_eq!(queue.cases.len(), 1);
    assert!(town.queue("school-clerk", wire::ListCasesRequest::default()).await.cases.is_empty());
    city.acts(SCHOOLS_TOO, leg, take_up()).await;
    city.acts(SCHOOLS_TOO, leg, accept()).await;
    assert_eq!(town.stage(leg).await, Some(Stage::Accepted), "no yes names this office");
    let sms = town.sms(&case, "转给同城的").await;
    town.answer(&sms, &[1]).await.unwrap();
    town.reaches(leg, Stage::Released).await;
    let mut town = city.town;
    town.stop().await;
}

/// A modified node over here that releases under the yes to the first office.
#[tokio::test(flavor = "multi_thread")]
async fn v02_a_release_under_the_first_offices_yes_is_refused() {
    let towns = towns().await;
    let (_, leg, _) = taken_up(&towns, 1).await;
    handed_over(&towns, leg).await;
    towns.kunming.tap.set_cut(true);
    towns.ruian.act_of(HOMES_TOO, leg, take_up()).await.unwrap();
    towns.ruian.act_of(HOMES_TOO, leg, accept()).await.unwrap();
    let forger = Forger::beside(towns);
    let ruian = &forger.towns.ruian;
    ruian.receipted(leg).await;
    for (office, expected) in
        [(HOMES, Err(Refusal::ConsentInvalid)), (HOMES_TOO, Ok(ItemStatus::StoredWithheld))]
    {
        let body = Body::Release(wire::Release::default());
        let mut forged = forger.next_in(leg, MessageType::Release, body).await;
        forged.message.due_date = 20_261_222;
        let consent = forger.consent(leg, office, Service::Housing).await;
        let sealed = forger.seal(&consent).await;
        forged.message.consent_digest = envelope::env_digest(&sealed).to_vec();
        forged.consents = vec![sealed];
        assert_eq!(forger.say(&forged).await, expected, "{office}");
    }
    // What names an office that the leg is not with has no place in it either.
    let body = Body::Void(wire::Void { code: wire::VoidCode::SentInError.into() });
    let mut forged = forger.next_in(leg, MessageType::Void, body).await;
    forged.message.to_office = HOMES.to_owned();
    assert_eq!(forger.say(&forged).await, Err(Refusal::OfficeNotCovered));
    forger.towns.stop().await;
}
