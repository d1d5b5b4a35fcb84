//! V20: after COMPLETED nothing about the person is legal but correction, return, the person's own
//! stop and erasure. (The sender's page, and its end: `tests/views.rs`.)

use crate::common::denied;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, Duty, ProgressStep, Service};
use jieli_tests::Towns;
use jieli_tests::people::{home, outcome};

#[tokio::test(flavor = "multi_thread")]
async fn v20_after_completed_no_desk_says_anything_more_of_the_person() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    towns.ruian_accepts(leg).await;
    ruian.reaches(leg, Stage::Released).await;
    let progress = wire::DeskProgress { step: ProgressStep::Scheduled.into() };
    ruian.act(leg, Act::Progress(progress)).await.unwrap();
    towns.ruian_reports(leg).await;
    kunming.reaches(leg, Stage::Fulfilled).await;
    let done = kunming.sms(&case, "说已办成").await;
    kunming.answer(&done, &[1]).await.unwrap();
    ruian.reaches(leg, Stage::Completed).await;
    towns.settled().await;
    for town in [kunming, ruian] {
        for step in town.view(leg).await.next {
            let may = ["correct", "return", "withdraw"].contains(&step.as_str());
            assert!(may, "{step} is offered after COMPLETED");
        }
        let decline = DecisionCode::Capacity.into();
        for act in [
            Act::TakeUp(wire::DeskTakeUp {}),
            Act::Accept(wire::DeskAccept::default()),
            Act::Progress(progress),
            Act::Outcome(outcome(Service::Housing, "")),
            Act::Decline(wire::DeskDecline { decision: decline, ..Default::default() }),
            Act::Clarify(wire::DeskClarify { ground: 9, window: None }),
            Act::Remind(wire::DeskRemind { duty: Duty::Outcome.into() }),
            Act::Expire(wire::DeskExpire { duty: Duty::Complete.into() }),
        ] {
            let named = format!("{act:?}");
            let word = denied(town.act(leg, act).await);
            assert!(!word.is_empty(), "{named}");
        }
    }
    towns.stop().await;
}
