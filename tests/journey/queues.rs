//! The letters that wait, as operators see and steer them: nothing is lost by a hold, and nobody's
//! stop waits for it.

use jieli_node::serve::CODE_KEY;
use jieli_node::serve::operate::OperateDoor;
use jieli_node::tokens::Tokens;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::operate_server::Operate as _;
use jieli_proto::wire::{self, QueueState};
use jieli_tests::people::home;
use jieli_tests::{HOUR_MS, Town, Towns, eventually};
use std::sync::Arc;
use tonic::Status;

const PEER: &str = "ruian.zj";

fn door(town: &Town) -> OperateDoor {
    let node = town.node();
    let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
    OperateDoor::new(node.hand(), node.store(), node.house().clone(), tokens)
}

async fn queue(town: &Town) -> wire::PeerQueue {
    let ask = town.with_token("operator", wire::ListQueuesRequest { peer: PEER.to_owned() });
    let list = door(town).list_queues(ask).await.unwrap().into_inner();
    list.queues.into_iter().next().unwrap()
}

async fn hold(town: &Town, reason: &str, hours: u32) -> Result<(), String> {
    let ask = wire::HoldQueueRequest { peer: PEER.to_owned(), reason: reason.to_owned(), hours };
    let done = door(town).hold_queue(town.with_token("operator", ask)).await;
    done.map(drop).map_err(|status: Status| {
        status.metadata().get(CODE_KEY).unwrap().to_str().unwrap().to_owned()
    })
}

/// A case whose OFFER waits in the queue.
async fn waits(towns: &Towns, serial: u32) -> (String, LegId) {
    let before = queue(&towns.kunming).await.letters;
    let case = towns.kunming.import(vec![home(serial)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    eventually("the OFFER waits", async || queue(&towns.kunming).await.letters > before).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    (case, leg)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_keeps_messages_back_for_a_while_and_loses_none() {
    let towns = Towns::new().await;
    let town = &towns.kunming;
    let case = town.import(vec![home(1)]).await.remove(0);
    town.ask_yes(&case).await;
    let earlier = town.legs(&case).await[0].id;
    towns.ruian.reaches(earlier, Stage::Offered).await;
    towns.settled().await;
    assert_eq!(queue(town).await.state(), QueueState::Empty);
    assert_eq!(hold(town, "because", 4).await.unwrap_err(), "NO_SUCH_REASON");
    for hours in [0, 25] {
        assert_eq!(hold(town, "peer-asked", hours).await.unwrap_err(), "BAD_HOURS");
    }
    hold(town, "peer-asked", 24).await.unwrap();
    let (_, leg) = waits(&towns, 2).await;
    // Trying at once is no way around it; what comes from the other city is taken and receipted.
    let ask = town.with_token("operator", wire::QueueRef { peer: PEER.to_owned() });
    door(town).retry_queue(ask).await.unwrap();
    towns.ruian_acts(earlier, Act::TakeUp(wire::DeskTakeUp {})).await;
    town.reaches(earlier, Stage::TakenUp).await;
    towns.ruian.receipted(earlier).await;
    let seen = queue(town).await;
    let told = seen.hold.clone().unwrap();
    // Beside it the receipt's own letter may stand, until it is noted.
    let messages = seen.lanes.iter().find(|lane| lane.lane <= 1).unwrap();
    assert_eq!((seen.state(), messages.letters), (QueueState::Held, 1));
    assert_eq!((told.reason.as_str(), told.token.as_str()), ("peer-asked", "operator"));
    assert_eq!(town.alarms().await, ["queue-held"]);
    assert!(towns.ruian.find(leg).await.is_none());
    // It ends by itself.
    towns.clock.move_on(24 * HOUR_MS + 1);
    towns.ruian.reaches(leg, Stage::Offered).await;
    assert!(queue(town).await.hold.is_none());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_no_stop_waits_for_an_operator() {
    let towns = Towns::new().await;
    let town = &towns.kunming;
    let case = town.import(vec![home(1)]).await.remove(0);
    let sms = town.ask_yes(&case).await;
    let stopped = town.legs(&case).await[0].id;
    towns.ruian.reaches(stopped, Stage::Offered).await;
    towns.settled().await;
    hold(town, "looking-into", 24).await.unwrap();
    let (_, behind) = waits(&towns, 2).await;
    town.withdraw(&sms).await.unwrap();
    towns.ruian.reaches(stopped, Stage::Withdrawn).await;
    // What stood before it in the lane went with it, in its order, and the hold is over.
    towns.ruian.reaches(behind, Stage::Offered).await;
    assert!(queue(town).await.hold.is_none());
    // A stop that was on its way before anybody thought of a hold is not held either.
    towns.settled().await;
    let sms = town.ask_yes(&town.import(vec![home(3)]).await.remove(0)).await;
    towns.ruian.reaches(town.legs(&sms.case()).await[0].id, Stage::Offered).await;
    towns.settled().await;
    town.tap.set_cut(true);
    town.withdraw(&sms).await.unwrap();
    assert_eq!(hold(town, "looking-into", 24).await.unwrap_err(), "LETTERS_WAIT");
    town.tap.set_cut(false);
    towns.clock.move_on(HOUR_MS);
    towns.ruian.reaches(town.legs(&sms.case()).await[0].id, Stage::Withdrawn).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_cannot_be_reached_is_seen_with_cause_and_next_try() {
    let mut towns = Towns::new().await;
    towns.settled().await;
    towns.ruian.stop().await;
    let (_, leg) = waits(&towns, 1).await;
    eventually("it is put off", async || queue(&towns.kunming).await.state() == QueueState::Paused)
        .await;
    let seen = queue(&towns.kunming).await;
    let lane = seen.lanes.first().unwrap().clone();
    assert!(lane.attempts > 0 && !lane.problem.is_empty(), "{seen:?}");
    assert!(seen.next_try_unix_ms > seen.oldest_unix_ms && !seen.trouble.is_empty(), "{seen:?}");
    let nobody = wire::QueueRef { peer: "nowhere.zz".to_owned() };
    let ask = towns.kunming.with_token("operator", nobody);
    assert!(door(&towns.kunming).retry_queue(ask).await.is_err());
    towns.ruian.start().await;
    let ask = towns.kunming.with_token("operator", wire::QueueRef { peer: PEER.to_owned() });
    door(&towns.kunming).retry_queue(ask).await.unwrap();
    towns.ruian.reaches(leg, Stage::Offered).await;
    towns.stop().await;
}
