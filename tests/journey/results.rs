//! The result: who examined a leg states and corrects it, whoever began the leg hears it, and who would
//! never hear it begins nothing.

use crate::correction::{correct, released};
use jieli_proto::bundle::{exit_code, verify};
use jieli_proto::case::Stage;
use jieli_proto::envelope;
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{self, SectionKind, Value};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, ItemStatus, MessageType, Service};
use jieli_tests::people::{home, number};
use jieli_tests::{Forger, HOMES_HERE, SCHOOLS, Towns};

#[tokio::test(flavor = "multi_thread")]
async fn an_examiner_corrects_what_it_reported_to_an_office_of_another_kind() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (case, leg) = released(&towns, 1).await;
    towns.ruian_reports(leg).await;
    kunming.reaches(leg, Stage::Fulfilled).await;
    // Kunming's labour office reads the result of a home and nothing else of it.
    ruian.act(leg, correct(vec![number(36, 3, 24)])).await.unwrap();
    kunming.holds(leg, MessageType::Correct).await;
    towns.quiet().await;
    let file = kunming.leg(leg).await;
    let said = file.latest(MessageType::Correct).unwrap();
    assert_eq!(said.side, jieli_proto::case::Side::Examiner);
    for town in [kunming, ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new(), "{town:?}");
    }
    let roots = [kunming, ruian].map(|town| town.public.root_fpr());
    let verdicts =
        verify(&ruian.export(&ruian.case_of(&ruian.leg(leg).await).await, true).await, &roots);
    assert_eq!(exit_code(&verdicts), 0, "{verdicts:#?}");
    let verdicts = verify(&kunming.export(&case, true).await, &roots);
    assert_eq!(exit_code(&verdicts), 0, "{verdicts:#?}");
    towns.stop().await;
}

/// A modified node over here that states the result itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_side_states_is_opened_by_nobody_else() {
    let towns = Towns::new().await;
    let (_, leg) = released(&towns, 1).await;
    towns.kunming.tap.set_cut(true);
    let forger = Forger::beside(towns);
    let file = forger.towns.ruian.leg(leg).await;
    let consent = forger.consent(leg, &file.our_office, Service::Housing).await;
    let sealed = forger.seal(&consent).await;
    let forged = async |of: u32, field: u32| {
        let body = wire::Correct {
            corrects: file.latest(MessageType::Release).unwrap().env_digest.to_vec(),
            section: of,
            fields: vec![field],
            ..Default::default()
        };
        let mut forged = forger.next_in(leg, MessageType::Correct, Body::Correct(body)).await;
        let kind = SectionKind::of(of).unwrap();
        let values = [(field, Value::Number(2))];
        let built = section::build(kind, &values, &mut |salt: &mut [u8]| salt.fill(7)).unwrap();
        let digest = section::digest_of(&forged.msg(), &built).unwrap();
        let slots = &mut forged.message.section_digests;
        slots.iter_mut().find(|slot| slot.section == of).unwrap().digest = digest.to_vec();
        forged.sections = vec![built];
        forged.message.consent_digest = envelope::env_digest(&sealed).to_vec();
        forged.consents = vec![sealed.clone()];
        forged
    };
    assert_eq!(forger.say(&forged(36, 3).await).await, Err(Refusal::SectionNotCovered));
    assert_eq!(forger.say(&forged(3, 2).await).await, Ok(ItemStatus::Stored));
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_would_never_hear_the_result_asks_nobody() {
    let towns = Towns::with_two_senders().await;
    let kunming = &towns.kunming;
    // A school's office asks for a home: its result is opened to housing and labour offices.
    let case = kunming.import_as(SCHOOLS[0], vec![home(1)]).await.remove(0);
    let reply = kunming.ask(std::slice::from_ref(&case)).await;
    assert_eq!(reply.asked, 0, "{reply:?}");
    assert!(reply.why[0].contains("never tells this kind of office"), "{reply:?}");
    assert!(kunming.phones.about(&case, "逐项回答").is_empty());
    assert_eq!(towns.sent().await, 0);
    // A housing office is told.
    let case = kunming.import_as(HOMES_HERE, vec![home(2)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.stop().await;
}
