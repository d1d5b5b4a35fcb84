//! V9: who can be turned to, and who never: an office concerned in the case neither receives nor takes
//! in a grievance about it, and one body reads nothing of another's.

use crate::common::denied;
use crate::v09::{PLANTED, asked_for_a_home, word};
use jieli_gateway::sealed;
use jieli_node::command::Done;
use jieli_node::window::WindowCommand;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::grievance_server::Grievance as _;
use jieli_proto::wire::{self, DecisionCode, GrievanceKind, SealedStep, Service};
use jieli_tests::people::{self, person};
use jieli_tests::{
    AGREEMENT_DRAFT, Towns, UNION, complaint, give_token, in_hand, office, random, sqlite,
};

/// A legal aid office and a labour inspection that no agreement names.
const AID: &str = "11999999MB0000701Q";
const INSPECTION: &str = "11999999MB0000727D";

#[tokio::test(flavor = "multi_thread")]
async fn v09_another_body_neither_lists_nor_opens_nor_answers_it() {
    let mut towns = Towns::new().await;
    towns.kunming.stop().await;
    give_token(&towns.kunming, (AID, "legal-aid"), ("aid", "body"));
    towns.kunming.start().await;
    let sms = asked_for_a_home(&towns, 1).await;
    let kunming = &towns.kunming;
    let union = kunming.place_key("body", 1).await.unwrap();
    let aid = kunming.place_key("aid", 2).await.unwrap();
    let bodies = kunming.bodies(&sms).await;
    let names: Vec<_> = bodies.iter().map(|body| body.office.as_str()).collect();
    assert_eq!(names, [UNION[0], AID, UNION[1]]);
    let said = complaint(GrievanceKind::FeeTaken, PLANTED);
    let code = kunming.files(&sms, UNION[0], &union, said, 3).await.unwrap();
    assert!(kunming.sealed_list("aid", "").await.records.is_empty());
    let record = code.record_id();
    let refused = kunming.handles("aid", &record, SealedStep::Take, Vec::new()).await;
    assert_eq!(word(&refused.unwrap_err()), "WRONG_CODE");
    let line = kunming.sealed_list("body", "").await.records.remove(0);
    assert!(sealed::by_body(&aid, &record, &line.sealed).is_err());
    // No other role opens that door, not even the operators'.
    for token in ["clerk", "approver", "operator", "compliance", "union"] {
        let ask = kunming.with_token(token, wire::ListSealedRequest::default());
        let refused = kunming.body_door().list_sealed(ask).await.unwrap_err();
        assert_eq!(word(&refused), "NOT_FOR_ROLE", "{token}");
    }
    // A new key takes the place of the old one; what came before opens with the old one alone.
    let newer = kunming.place_key("body", 9).await.unwrap();
    let stale = complaint(GrievanceKind::FeeTaken, PLANTED);
    let refused = kunming.files(&sms, UNION[0], &union, stale, 4).await.unwrap_err();
    assert_eq!(word(&refused), "BAD_SEAL");
    assert_eq!(kunming.sealed_list("body", "").await.public_key, newer.public());
    assert!(sealed::by_body(&union, &record, &line.sealed).is_ok());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v09_an_office_concerned_is_never_chosen_and_takes_nothing_at_its_window() {
    // An agreement may name the very office that sends; for its own cases it is no body.
    let named = format!("grievance_bodies = [\"{}\", \"{}\"]", office::KUNMING, UNION[0]);
    let plain = format!("grievance_bodies = [\"{}\"]", UNION[0]);
    let draft = AGREEMENT_DRAFT.replacen(&plain, &named, 1);
    assert_ne!(draft, AGREEMENT_DRAFT);
    let mut towns = Towns::with(sqlite(), sqlite(), &draft).await;
    towns.kunming.stop().await;
    give_token(&towns.kunming, (office::KUNMING, ""), ("labour-body", "body"));
    give_token(&towns.kunming, (AID, "legal-aid"), ("aid", "body"));
    let file = towns.kunming.dir.join("jieli.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let below = format!("office = \"{AID}\"\nanswers_to = [\"{}\"]", office::KUNMING);
    std::fs::write(
        &file,
        text.replace(
            &format!("role = \"body\"\noffice = \"{AID}\""),
            &format!("role = \"body\"\n{below}"),
        ),
    )
    .unwrap();
    towns.kunming.start().await;
    let sms = asked_for_a_home(&towns, 1).await;
    let kunming = &towns.kunming;
    let labour = kunming.place_key("labour-body", 1).await.unwrap();
    let aid = kunming.place_key("aid", 2).await.unwrap();
    let union = kunming.place_key("body", 3).await.unwrap();
    let bodies = kunming.bodies(&sms).await;
    let names: Vec<_> = bodies.iter().map(|body| body.office.as_str()).collect();
    assert_eq!(names, [UNION[0], UNION[1]], "neither the sender nor one subordinate to it");
    for (office, key) in [(office::KUNMING, &labour), (AID, &aid)] {
        let said = complaint(GrievanceKind::FeeTaken, PLANTED);
        let refused = kunming.files(&sms, office, key, said, 4).await.unwrap_err();
        assert_eq!(word(&refused), "CONCERNED_OFFICE", "{office}");
    }
    // A window, with the document on the counter: the union's, not the sender's nor one beneath it.
    let hand = in_hand(&sms.case(), &person(1));
    let said = complaint(GrievanceKind::FeeTaken, PLANTED);
    let (filed, _) = sealed::to_body(UNION[0], &union.public(), said, &mut random(5)).unwrap();
    let file = |in_hand: &wire::InHand| {
        let (in_hand, filed) = (Some(in_hand.clone()), Some(filed.clone()));
        WindowCommand::File(wire::FileAtWindowRequest { in_hand, filed })
    };
    for token in ["own", "below"] {
        let listed = kunming.window(token, WindowCommand::ListBodies(hand.clone())).await;
        assert_eq!(denied(listed), "CONCERNED_OFFICE", "{token}");
        assert_eq!(denied(kunming.window(token, file(&hand)).await), "CONCERNED_OFFICE");
    }
    let wrong = in_hand(&sms.case(), &person(2));
    assert_eq!(denied(kunming.window("union", file(&wrong)).await), "NO_MATCH");
    let before = kunming.node().hand().published().local.size;
    let done = kunming.window("union", file(&hand)).await.unwrap();
    assert!(matches!(done, Done::Filed(_)), "{done:?}");
    assert_eq!(kunming.node().hand().published().local.size, before, "no record of it");
    assert_eq!(kunming.sealed_list("body", "").await.records.len(), 1);
    // A housing office is no body at all, and the coordination window never.
    for (token, code) in
        [("school-body", office::SCHOOLS), ("window-body", kunming.window_office())]
    {
        towns.kunming.stop().await;
        give_token(&towns.kunming, (code, ""), (token, "body"));
        towns.kunming.start().await;
        let refused = towns.kunming.place_key(token, 6).await.unwrap_err();
        assert_eq!(word(&refused), "NOT_A_BODY");
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v09_an_employer_owes_wages_only_after_a_finding() {
    let mut towns = Towns::new().await;
    towns.ruian.stop().await;
    give_token(&towns.ruian, (INSPECTION, "labour-inspection"), ("inspection", "body"));
    towns.ruian.start().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(people::single(1)).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let job = kunming.leg_for(&case, Service::Employment).await;
    towns.ruian_acts(job, Act::TakeUp(wire::DeskTakeUp {})).await;
    let decline = || {
        let decision = DecisionCode::EmployerWageArrears.into();
        Act::Decline(wire::DeskDecline { decision, ..Default::default() })
    };
    assert_eq!(denied(ruian.act(job, decline()).await), "NO_FINDING");
    let said = || {
        let decision = DecisionCode::EmployerWageArrears.into();
        Act::Outcome(wire::DeskOutcome { not_realised: decision, ..Default::default() })
    };
    assert_eq!(denied(ruian.act(job, said()).await), "NO_FINDING");
    let employers: Vec<String> = people::vacancies()
        .into_iter()
        .filter_map(|vacancy| vacancy.terms.map(|terms| terms.employer_code))
        .collect();
    let finding = |employer: &str| wire::WageFinding {
        employer: employer.to_owned(),
        reference: "欠薪2026-17".to_owned(),
        found_on: 20_261_120,
        ..wire::WageFinding::default()
    };
    // The union may not find it, only the inspection.
    let ask = ruian.with_token("body", finding(&employers[0]));
    let refused = ruian.body_door().add_wage_finding(ask).await.unwrap_err();
    assert_eq!(word(&refused), "NOT_THE_INSPECTION");
    let mut numbers = Vec::new();
    for employer in &employers {
        let ask = ruian.with_token("inspection", finding(employer));
        let found = ruian.body_door().add_wage_finding(ask).await.unwrap().into_inner();
        numbers.push(found.number);
    }
    for number in &numbers {
        let lift = wire::WageFindingRef { number: *number };
        let lift = ruian.with_token("inspection", lift);
        ruian.body_door().lift_wage_finding(lift).await.unwrap();
    }
    assert_eq!(denied(ruian.act(job, decline()).await), "NO_FINDING", "lifted ones do not count");
    for employer in &employers {
        let ask = ruian.with_token("inspection", finding(employer));
        ruian.body_door().add_wage_finding(ask).await.unwrap();
    }
    ruian.act(job, decline()).await.unwrap();
    kunming.reaches(job, Stage::Declined).await;
    towns.stop().await;
}
