//! V18: RETURN is always possible after RELEASE, WITHDRAW at any time; neither leaves a mark.

use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType, ReturnCode, Service};
use jieli_tests::people::home;
use jieli_tests::{Sms, Towns};

/// Somebody's home, until a stage.
async fn until(towns: &Towns, draft: wire::Draft, stage: Stage) -> (String, LegId, Sms) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![draft]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    ruian.reaches(leg, Stage::Offered).await;
    if stage != Stage::Offered {
        towns.ruian_accepts(leg).await;
        ruian.reaches(leg, Stage::Released).await;
    }
    if matches!(stage, Stage::Fulfilled | Stage::Completed) {
        towns.ruian_reports(leg).await;
        kunming.reaches(leg, Stage::Fulfilled).await;
    }
    if stage == Stage::Completed {
        let done = kunming.sms(&case, "说已办成").await;
        kunming.answer(&done, &[1]).await.unwrap();
    }
    for town in [kunming, ruian] {
        town.reaches(leg, stage).await;
    }
    (case, leg, sms)
}

#[tokio::test(flavor = "multi_thread")]
async fn v18_a_return_is_possible_whenever_the_person_was_handed_over() {
    let towns = Towns::new().await;
    let stages = [Stage::Released, Stage::Fulfilled, Stage::Completed];
    for (serial, (stage, by_ruian)) in
        stages.into_iter().flat_map(|stage| [(stage, true), (stage, false)]).enumerate()
    {
        let (_, leg, _) = until(&towns, home(serial as u32 + 1), stage).await;
        let (by, other) = match by_ruian {
            true => (&towns.ruian, &towns.kunming),
            false => (&towns.kunming, &towns.ruian),
        };
        let code = ReturnCode::FamilyLeaves.into();
        by.act(leg, Act::Return(wire::DeskReturn { code })).await.unwrap();
        other.reaches(leg, Stage::Returned).await;
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v18_a_stop_is_possible_at_any_time() {
    let towns = Towns::new().await;
    let stages = [Stage::Offered, Stage::Released, Stage::Fulfilled];
    for (serial, stage) in stages.into_iter().enumerate() {
        let (_, leg, sms) = until(&towns, home(serial as u32 + 1), stage).await;
        towns.kunming.withdraw(&sms).await.unwrap();
        // What was done stays a fact; nothing more is said of it, and it is told what went.
        towns.ruian.holds(leg, MessageType::Withdraw).await;
        towns.kunming.holds(leg, MessageType::WithdrawEffect).await;
        assert!(towns.ruian.leg(leg).await.is_stopped());
    }
    towns.stop().await;
}

/// The other city's desk reads of somebody who came back, or had stopped, what it reads of anybody.
#[tokio::test(flavor = "multi_thread")]
async fn v18_neither_leaves_a_mark_on_the_person() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (_, returned, _) = until(&towns, home(1), Stage::Released).await;
    let code = ReturnCode::FamilyLeaves.into();
    ruian.act(returned, Act::Return(wire::DeskReturn { code })).await.unwrap();
    kunming.reaches(returned, Stage::Returned).await;
    let (_, stopped, sms) = until(&towns, home(2), Stage::Released).await;
    kunming.withdraw(&sms).await.unwrap();
    ruian.reaches(stopped, Stage::Withdrawn).await;
    towns.settled().await;
    // Ninety days later both ask again; a third person asks for the first time.
    towns.clock.move_on(91 * 24 * jieli_tests::HOUR_MS);
    kunming.cosigned_anew().await;
    ruian.cosigned_anew().await;
    let mut seen = Vec::new();
    for serial in [1, 2, 3] {
        let (_, leg, _) = until(&towns, home(serial), Stage::Released).await;
        let file = ruian.leg(leg).await;
        let number = ruian.case_of(&file).await;
        let mut view = ruian.view(leg).await;
        view.messages.iter_mut().for_each(|line| {
            line.env_digest.clear();
            line.created_unix_ms = 0;
        });
        view.line.as_mut().unwrap().leg_id.clear();
        let fields = ruian.case_seen("homes", &number, "test").await.unwrap().legs.remove(0).fields;
        let fields: Vec<(u32, u32)> = fields.iter().map(|f| (f.section, f.field)).collect();
        seen.push((format!("{view:?}").replace(&number, "CASE"), fields));
    }
    assert_eq!(seen[0], seen[2], "who came back reads as anybody");
    assert_eq!(seen[1], seen[2], "who had stopped reads as anybody");
    towns.stop().await;
}
