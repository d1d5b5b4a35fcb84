//! The report of a walked road, at both cities.

use crate::desk::Doors;
use jieli_node::config::DeskRole;
use jieli_node::serve::CODE_KEY;
use jieli_proto::wire::audit_server::Audit;
use jieli_proto::wire::{self, Duty, MessageType};
use jieli_tests::{Town, Towns};
use tonic::{Code, Request};

const PERIOD: (u32, u32) = (20_261_101, 20_261_231);

async fn report(towns: &Towns, town: &Town, period: (u32, u32)) -> wire::AuditReport {
    let doors = Doors::of(town);
    let agreement_id = towns.agreement.hex();
    let ask = wire::AuditReportRequest { agreement_id, from: period.0, to: period.1 };
    doors.audit.report(doors.ask("compliance", ask)).await.unwrap().into_inner()
}

fn messages(report: &wire::AuditReport, ty: MessageType, ours: bool) -> u64 {
    let found = report.messages.iter().find(|one| one.r#type() == ty && one.ours == ours);
    found.map_or(0, |one| one.count)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_cities_report_the_same_road_from_their_own_sides() {
    let towns = Towns::new().await;
    towns.main_road().await;
    towns.medical().await;
    towns.settled().await;
    for town in [&towns.kunming, &towns.ruian] {
        town.cosigned_anew().await;
    }
    let kunming = report(&towns, &towns.kunming, PERIOD).await;
    let ruian = report(&towns, &towns.ruian, PERIOD).await;
    for (one, ours) in [(&kunming, true), (&ruian, false)] {
        assert_eq!(one.legs, 4);
        assert_eq!(messages(one, MessageType::Offer, ours), 3);
        assert_eq!(messages(one, MessageType::Request, !ours), 1);
        assert_eq!(messages(one, MessageType::Release, ours), 3);
        assert_eq!(messages(one, MessageType::Outcome, !ours), 3);
        // Vacancies and questions for places belong to no leg, and stand as their receipts say.
        assert!(messages(one, MessageType::VacancyNotice, !ours) > 0);
        assert!(one.messages.iter().all(|line| (line.refused, line.withheld) == (0, 0)), "{one:?}");
        // Three RELEASEs and a REQUEST, each under a consent that lived.
        let consents = one.consents.clone().unwrap();
        assert_eq!((consents.opened, consents.covered), (4, 4), "{consents:?}");
        assert!(one.alarms.is_empty() && one.misbehaviour.is_empty());
        assert!(!one.heads.is_empty());
        let by: Vec<_> =
            one.cosigned.iter().map(|found| (&*found.city, found.of_agreement)).collect();
        assert_eq!(by, [(&*one.peer, true)]);
        let [found] = one.cosigned.as_slice() else { panic!("{:?}", one.cosigned) };
        assert!(found.size > 0 && found.at_unix_ms <= one.made_unix_ms);
        // Ruian decides about what Kunming sends.
        let is_decide =
            |line: &&wire::AuditDeadline| line.duty() == Duty::Decide && line.ours != ours;
        let decide = one.deadlines.iter().find(is_decide).unwrap();
        assert_eq!((decide.met, decide.late, decide.missed, decide.overdue), (3, 0, 0, 0));
        for line in &one.deadlines {
            assert_eq!((line.waiting, line.overdue), (0, 0), "{line:?}");
        }
        // What became of the four, by who opened them, and how soon they were taken up.
        let of = |sent: bool| one.flows.iter().filter(move |flow| flow.ours == sent);
        assert_eq!((of(ours).count(), of(!ours).count()), (3, 1), "{:?}", one.flows);
        let sum = |flow: &wire::AuditFlow| flow.open + flow.fulfilled + flow.not_given + flow.ended;
        assert_eq!(one.flows.iter().map(sum).sum::<u64>(), one.legs);
        let is_taken = |pace: &&wire::AuditPace| pace.r#type() == MessageType::TakeUp;
        let taken = one.paces.iter().filter(is_taken);
        let taken: Vec<_> = taken.map(|pace| (pace.ours, pace.within_1 + pace.within_5)).collect();
        assert_eq!(taken.iter().map(|(_, count)| count).sum::<u64>(), 4, "{:?}", one.paces);
        assert!(taken.iter().any(|(by_us, count)| *by_us != ours && *count == 3), "{taken:?}");
    }
    // Nothing of it lies in another month.
    let before = report(&towns, &towns.kunming, (20_260_901, 20_260_930)).await;
    assert_eq!((before.legs, before.messages.len(), before.deadlines.len()), (0, 0, 0));
    assert!(before.flows.is_empty() && before.paces.is_empty());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_late_declined_or_without_consent_is_counted_as_such() {
    use jieli_proto::wire::act_request::Act;
    let towns = Towns::new().await;
    let drafts = (1..=3).map(jieli_tests::people::home).collect();
    let cases = towns.kunming.import(drafts).await;
    let mut legs = Vec::new();
    for case in &cases {
        towns.kunming.ask_yes(case).await;
        legs.push(towns.kunming.legs(case).await[0].id);
    }
    for leg in &legs {
        towns.ruian.reaches(*leg, jieli_proto::case::Stage::Offered).await;
    }
    // The first is taken up and declined in time, the second far too late, the third not at all.
    let decline = |decision: wire::DecisionCode| {
        Act::Decline(wire::DeskDecline { decision: decision.into(), ..Default::default() })
    };
    towns.ruian_acts(legs[0], Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.ruian_acts(legs[0], decline(wire::DecisionCode::Capacity)).await;
    towns.clock.move_on(40 * 24 * jieli_tests::HOUR_MS);
    towns.ruian_acts(legs[1], Act::TakeUp(wire::DeskTakeUp {})).await;
    towns.settled().await;
    let whole = (20_261_101, 20_270_331);
    let found = report(&towns, &towns.ruian, whole).await;
    let take_up = found.deadlines.iter().find(|line| line.duty() == Duty::TakeUp).unwrap();
    assert_eq!((take_up.met, take_up.late, take_up.overdue), (1, 1, 1), "{take_up:?}");
    assert!(take_up.ours);
    let declined: Vec<_> = found.decisions.iter().map(|one| (one.code(), one.count)).collect();
    assert_eq!(declined, [(wire::DecisionCode::Capacity, 1)]);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_service_is_for_compliance_alone() {
    let towns = Towns::new().await;
    let doors = Doors::of(&towns.kunming);
    let ask = wire::AuditReportRequest::default;
    for token in ["clerk", "approver", "operator", "union"] {
        let refused = doors.audit.report(doors.ask(token, ask())).await.unwrap_err();
        assert_eq!(refused.metadata().get(CODE_KEY).unwrap(), "NOT_FOR_ROLE", "{token}");
    }
    let nobody = doors.audit.report(Request::new(ask())).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    let role = DeskRole::Compliance.as_str();
    let unknown = doors.audit.report(doors.ask(role, ask())).await.unwrap_err();
    assert_eq!(unknown.metadata().get(CODE_KEY).unwrap(), "BAD_PERIOD");
    towns.stop().await;
}
