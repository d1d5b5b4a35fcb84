//! An office that is taken over, and whoever took over taken over again: everything follows to the
//! last one, and a circle that has no last one is refused.

use crate::agreements::{countersign_version, propose_version, version_text};
use jieli_gateway::sealed;
use jieli_node::command::DeskCommand;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, GrievanceKind, MessageType, SealedStep};
use jieli_tests::people::home;
use jieli_tests::{AGREEMENT_DRAFT, Towns, UNION, complaint, eventually};

/// Ruian's housing office, who takes over from it, and who takes over from that one.
const HOMES: [&str; 3] = ["11999999MB0000140P", "11999999MB00009996", "11999999MB00009983"];
/// The same of Kunming's trade union.
const UNIONS: [&str; 3] = [UNION[0], "11999999MB00009970", "11999999MB0000996W"];
const ASKED: &str = "由下面的机构接办";

/// The sample agreement in which both offices have been taken over `step` times. The bodies are left
/// as they were named first.
fn draft(step: usize) -> String {
    let took = |telephone: &str, before: &str| {
        format!("telephone = \"{telephone}\"\nsucceeds = [\"{before}\"]")
    };
    let mut text = AGREEMENT_DRAFT.to_owned();
    for (codes, telephone) in [(HOMES, "0577-60000140"), (UNIONS, "0871-60000060")] {
        let named = |code: &str| format!("credit_code = \"{code}\"");
        text = text
            .replace(&named(codes[0]), &named(codes[step]))
            .replace(&format!("telephone = \"{telephone}\""), &took(telephone, codes[step - 1]));
    }
    text
}

async fn to_version(towns: &Towns, version: u32, draft: &str) {
    let text = version_text(towns, version, draft);
    propose_version(&towns.ruian, &towns.kunming, version, text).await;
    countersign_version(&towns.kunming, towns, version).await;
    let there =
        || towns.ruian.node().hand().published().directory.bonds[&towns.agreement].version();
    eventually("the version in Ruian", async || there() == version).await;
    towns.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_follows_to_the_last_successor() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let mut legs = Vec::new();
    for serial in 1..=2 {
        let case = kunming.import(vec![home(serial)]).await.remove(0);
        let sms = kunming.ask_yes(&case).await;
        let leg = kunming.legs(&case).await[0].id;
        ruian.reaches(leg, Stage::Offered).await;
        legs.push((case, leg, sms));
    }
    let [(released_case, released, sms), (asked_case, asked, _)] = &legs[..] else { panic!() };
    let (released, asked) = (*released, *asked);
    towns.ruian_accepts(released).await;
    ruian.reaches(released, Stage::Released).await;
    towns.ruian_acts(asked, Act::TakeUp(wire::DeskTakeUp {})).await;
    let key = kunming.place_key("body", 1).await.unwrap();
    let said = || complaint(GrievanceKind::FeeTaken, "收了钱");
    let filed = kunming.files(sms, UNIONS[0], &key, said(), 2).await.unwrap();
    to_version(&towns, 2, &draft(1)).await;
    let first = kunming.sms(asked_case, ASKED).await;
    to_version(&towns, 3, &draft(2)).await;
    let twice = async || kunming.phones.about(asked_case, ASKED).len() == 2;
    eventually("the question about the last one", twice).await;
    let last = kunming.sms(asked_case, ASKED).await;
    for leg in [released, asked] {
        assert_eq!(ruian.leg(leg).await.our_office, HOMES[2]);
        assert_eq!(kunming.leg(leg).await.their_office, HOMES[2]);
    }
    // Who was employed at the first one works at the last one, and no window of either is another's.
    let directory = &ruian.node().hand().published().directory;
    assert_eq!(directory.office_now(HOMES[0]), HOMES[2]);
    for pair in [[0, 2], [2, 0], [1, 2], [0, 1]] {
        assert!(directory.is_one_office(HOMES[pair[0]], HOMES[pair[1]]), "{pair:?}");
    }
    assert!(!directory.is_one_office(HOMES[0], UNION[1]));
    let there = ruian.case_of(&ruian.leg(released).await).await;
    ruian.case_seen("homes", &there, "test").await.unwrap();
    let queue = ruian.queue("homes", wire::ListCasesRequest::default()).await;
    assert_eq!(queue.cases.len(), 2, "{queue:?}");
    // A yes to the one between is a yes to nobody; its reply does not tell.
    towns.ruian_acts(asked, Act::Accept(wire::DeskAccept::default())).await;
    kunming.reaches(asked, Stage::Accepted).await;
    kunming.answer(&first, &[1]).await.unwrap();
    towns.quiet().await;
    assert!(!kunming.types(asked).await.contains(&MessageType::Release));
    kunming.answer(&last, &[1]).await.unwrap();
    ruian.reaches(asked, Stage::Released).await;
    // What was sealed to the body is with the body that it is now, and so is its key.
    let bodies = kunming.bodies(sms).await;
    let body = bodies.iter().find(|body| body.office == UNIONS[2]).unwrap();
    assert_eq!(body.public_key, key.public());
    assert!(bodies.iter().all(|body| !UNIONS[..2].contains(&body.office.as_str())), "{bodies:?}");
    let list = kunming.sealed_list("body", "").await;
    assert_eq!((list.records.len(), list.public_key), (1, key.public()));
    let record = filed.record_id();
    assert!(sealed::by_body(&key, &record, &list.records[0].sealed).is_ok());
    kunming.handles("body", &record, SealedStep::Take, Vec::new()).await.unwrap();
    kunming.files(sms, UNIONS[2], &key, said(), 3).await.unwrap();
    // What was released under the first one goes on.
    towns.ruian_reports(released).await;
    kunming.reaches(released, Stage::Fulfilled).await;
    assert!(kunming.phones.about(released_case, ASKED).is_empty());
    for town in [kunming, ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new(), "{town:?}");
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_of_successors_is_refused_before_anybody_signs_it() {
    let towns = Towns::new().await;
    to_version(&towns, 2, &draft(1)).await;
    // The first one again, which takes over from who has taken over from it.
    let back = draft(1)
        .replace(HOMES[0], "x")
        .replace(HOMES[1], HOMES[0])
        .replace("succeeds = [\"x\"]", &format!("succeeds = [\"{}\"]", HOMES[1]));
    let draft_toml = version_text(&towns, 3, &back);
    for town in [&towns.kunming, &towns.ruian] {
        let ask = wire::ProposeRequest { draft_toml: draft_toml.clone() };
        let refused = town.enter(DeskCommand::Propose(ask)).await;
        let Err(Failure::Denied(denied)) = refused else { panic!("{refused:?}") };
        assert_eq!(denied.code, "OFFICES_GO_ROUND");
    }
    towns.stop().await;
}
