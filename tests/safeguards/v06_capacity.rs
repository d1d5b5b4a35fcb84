//! V6: after a WITHDRAW the node that gave the place keeps it five working days, outside the leg,
//! for a leg that supersedes the one withdrawn, and for no other.

use jieli_node::capacity::{Legs, figures, line};
use jieli_node::command::DeskCommand;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{
    self, CapacityState, ItemStatus, LegalBasis, MessageType, Purpose, Service,
};
use jieli_tests::{Forged, Forger, HOUR_MS, office};
use std::collections::BTreeMap;

const DAY_MS: u64 = 24 * HOUR_MS;

/// What Forger's OFFERs ask for: a kindergarten, anywhere in the city.
fn kindergarten() -> wire::Cut {
    wire::Cut { service: Service::Schooling.into(), stage: 1, ..wire::Cut::default() }
}

async fn announce(forger: &Forger, places: u32) {
    let asked = wire::SetCapacityRequest {
        cut: Some(kindergarten()),
        state: CapacityState::Has.into(),
        places,
        valid_until: 20_261_231,
        ..wire::SetCapacityRequest::default()
    };
    let ruian = &forger.towns.ruian;
    ruian.desk_of(office::SCHOOLS, DeskCommand::SetCapacity(asked)).await.unwrap();
}

async fn counters(forger: &Forger) -> wire::CapacityLine {
    let node = forger.towns.ruian.node();
    let (house, mut conn) = (node.house(), node.store().read().await.unwrap());
    let today = house.calendar().day_of_unix_ms(house.world.clock.now_unix_ms());
    let known = figures(&mut conn, "ruian.zj", office::SCHOOLS, Service::Schooling).await.unwrap();
    let changed = BTreeMap::new();
    let (over, shelf) = (Vec::new(), &house.shelf());
    let mut legs = Legs { conn: &mut conn, changed: &changed, over, shelf, today };
    let count = legs.count(&known, &known[0]).await.unwrap();
    line(&known[0], count, today)
}

async fn offer(forger: &Forger, supersedes: Option<LegId>) -> LegId {
    let mut offer = forger.offer().await;
    if let (Some(leg), Some(Body::Opening(opening))) = (supersedes, &mut offer.message.body) {
        opening.supersedes = leg.to_vec();
    }
    assert_eq!(forger.say(&offer).await, Ok(ItemStatus::Stored));
    offer.leg()
}

async fn withdraw(forger: &Forger, leg: LegId) {
    let body = Body::Withdraw(wire::Withdraw {});
    let Forged { mut message, .. } = forger.next_in(leg, MessageType::Withdraw, body).await;
    message.purpose = Purpose::Unspecified.into();
    message.legal_basis = LegalBasis::Unspecified.into();
    // Its author has not seen what Ruian said: the two crossed.
    message.leg_seen = vec![0; 32];
    (message.calendar_version, message.codelist_version) = (0, 0);
    let forged = Forged { message, sections: Vec::new(), consents: Vec::new() };
    assert_eq!(forger.say(&forged).await, Ok(ItemStatus::Stored));
}

async fn accept(forger: &Forger, leg: LegId) -> Result<(), &'static str> {
    let done = forger.towns.ruian.act(leg, Act::Accept(wire::DeskAccept::default())).await;
    match done {
        Ok(_) => Ok(()),
        Err(Failure::Denied(denied)) => Err(denied.code),
        Err(Failure::Busy(why)) => panic!("busy: {why}"),
    }
}

async fn take_up(forger: &Forger, leg: LegId) {
    forger.towns.ruian.act(leg, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_capacity_is_kept_five_working_days() {
    let forger = Forger::new().await;
    let ruian = &forger.towns.ruian;
    announce(&forger, 1).await;
    let first = offer(&forger, None).await;
    take_up(&forger, first).await;
    accept(&forger, first).await.unwrap();
    withdraw(&forger, first).await;
    ruian.reaches(first, Stage::Withdrawn).await;
    let now = counters(&forger).await;
    assert_eq!((now.held, now.kept, now.state()), (0, 1, CapacityState::None));
    // Nobody else gets it, whatever leg they say they continue.
    let other = offer(&forger, None).await;
    take_up(&forger, other).await;
    assert_eq!(accept(&forger, other).await, Err("NO_PLACE_LEFT"));
    let wrong = offer(&forger, Some(other)).await;
    take_up(&forger, wrong).await;
    assert_eq!(accept(&forger, wrong).await, Err("NO_PLACE_LEFT"));
    // The person changes their mind, or never said it: the leg that continues the first has it.
    let again = offer(&forger, Some(first)).await;
    take_up(&forger, again).await;
    accept(&forger, again).await.unwrap();
    let now = counters(&forger).await;
    assert_eq!((now.held, now.kept), (1, 0), "one place, not two");
    // Withdrawn again, and nobody comes: five working days, and not a day more.
    withdraw(&forger, again).await;
    ruian.reaches(again, Stage::Withdrawn).await;
    assert_eq!(counters(&forger).await.kept, 1);
    // Monday to the Monday after, which is the fifth working day.
    forger.towns.clock.move_on(7 * DAY_MS);
    assert_eq!(accept(&forger, other).await, Err("NO_PLACE_LEFT"));
    forger.towns.clock.move_on(DAY_MS);
    assert_eq!(counters(&forger).await.kept, 0);
    accept(&forger, other).await.unwrap();
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_capacity_is_not_kept_for_who_never_had_a_place() {
    let forger = Forger::new().await;
    announce(&forger, 1).await;
    let first = offer(&forger, None).await;
    take_up(&forger, first).await;
    withdraw(&forger, first).await;
    forger.towns.ruian.reaches(first, Stage::Withdrawn).await;
    let now = counters(&forger).await;
    assert_eq!((now.held, now.kept, now.state()), (0, 0, CapacityState::Has));
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_capacity_is_kept_when_the_person_stops_at_the_receiving_city() {
    let forger = Forger::new().await;
    announce(&forger, 1).await;
    let first = offer(&forger, None).await;
    take_up(&forger, first).await;
    accept(&forger, first).await.unwrap();
    forger.towns.ruian.act(first, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    let now = counters(&forger).await;
    assert_eq!((now.held, now.kept), (0, 1));
    forger.towns.stop().await;
}
