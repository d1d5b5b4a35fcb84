//! Whole legs, through the same door a city uses: every message judged on arrival, refused ones
//! kept in their place, and the same messages delivered in other orders.

use jieli_proto::case::{Act, Heard, Law, Leg, Past, Rules, Side, Slot, Stage, Verb, Verdict};
use proptest::prelude::*;

use crate::world::{E, I, PULL, PUSH, next_act, opened, patient, replay};

/// Every legal history of three messages after the opening, of every verb, with every choice of what
/// its author had seen; each in every order causality allows.
#[test]
fn three_messages_in_every_order() {
    for rules in [PUSH, PULL] {
        let count = grow(&opened(&Law::V1, rules), 3);
        assert!(count > 3_000, "only {count} histories");
    }
}

fn grow(leg: &Leg, more: usize) -> usize {
    if more == 0 {
        in_every_order(leg);
        return 1;
    }
    let mut count = 0;
    for by in Side::BOTH {
        let least = leg.lane(by).iter().filter_map(|place| Some(place.act.as_ref()?.seen)).max();
        let least = least.unwrap_or(0).max(u32::from(by == E));
        for seen in least..=leg.len(by.other()) {
            for verb in Verb::ALL {
                let act = next_act(leg, by, verb, seen);
                if act.verb() != verb || leg.judge(&act, &patient).is_err() {
                    continue;
                }
                let mut longer = leg.clone();
                longer.admit(act, Verdict::Legal).unwrap();
                count += grow(&longer, more - 1);
            }
        }
    }
    count
}

fn in_every_order(leg: &Leg) {
    let mut lanes = [I, E].map(|side| acts(leg, side)).into_iter();
    let (initiator, examiner) = (lanes.next().unwrap(), lanes.next().unwrap());
    extend(leg, &initiator, &examiner, &Leg::new(leg.rules()));
}

fn extend(want: &Leg, initiator: &[Act], examiner: &[Act], sofar: &Leg) {
    if initiator.is_empty() && examiner.is_empty() {
        assert_eq!(sofar.state(), want.state());
        return;
    }
    for (lane, rest) in [(initiator, examiner), (examiner, initiator)] {
        let Some((act, later)) = lane.split_first() else { continue };
        if act.seen > sofar.len(act.by.other()) {
            continue;
        }
        let mut next = sofar.clone();
        assert_eq!(next.receive(act.clone(), &patient), Ok(Verdict::Legal));
        let (i, e) = if act.by == I { (later, rest) } else { (rest, later) };
        extend(want, i, e, &next);
    }
}

fn acts(leg: &Leg, side: Side) -> Vec<Act> {
    leg.lane(side).iter().filter_map(|place| place.act.clone()).collect()
}

/// One random step: who, what, how much of the unseen he takes in, and whether it may be illegal.
type Step = (bool, usize, usize, bool);

/// Builds a leg of random messages. Most steps pick among what is legal, else a leg would soon be
/// closed by accident; some pick anything, and are refused.
fn random_leg(law: &'static Law, rules: Rules, steps: &[Step]) -> Leg {
    let mut leg = opened(law, rules);
    for (examiner, pick, look, wild) in steps {
        let by = if *examiner { E } else { I };
        let least = acts(&leg, by).last().map_or(u32::from(by == E), |act| act.seen);
        let new = leg.len(by.other()) - least;
        let seen = least + (*look as u32).min(new);
        let all = Verb::ALL.map(|verb| next_act(&leg, by, verb, seen));
        // Most steps leave the leg open, so that it lives long enough to be of interest.
        let ends = |act: &&Act| {
            let closing = [
                Verb::Withdraw,
                Verb::Void,
                Verb::Decline,
                Verb::OutcomeNotRealised,
                Verb::Return,
                Verb::Expire,
            ];
            !closing.contains(&act.verb()) || pick % 16 == 0
        };
        let legal = |act: &&Act| leg.judge(act, &patient).is_ok();
        let choice: Vec<&Act> = if *wild {
            all.iter().collect()
        } else {
            all.iter().filter(ends).filter(legal).collect()
        };
        if let Some(act) = choice.get(pick / 16 % choice.len().max(1)) {
            let act = (*act).clone();
            leg.receive(act, &patient).unwrap();
        }
    }
    leg
}

/// One of the orders causality allows; `coins` says whose message comes next where both may.
fn shuffled(leg: &Leg, coins: &[bool]) -> Vec<Act> {
    let lanes = [acts(leg, I), acts(leg, E)];
    let mut at = [0, 0];
    let mut order = Vec::new();
    for coin in coins.iter().cycle() {
        let ready = |side: usize| {
            lanes[side].get(at[side]).is_some_and(|act| act.seen as usize <= at[1 - side])
        };
        let side = match (ready(0), ready(1)) {
            (true, true) => usize::from(*coin),
            (true, false) => 0,
            (false, true) => 1,
            (false, false) => return order,
        };
        order.push(lanes[side][at[side]].clone());
        at[side] += 1;
    }
    order
}

fn verdicts(leg: &Leg) -> [Vec<Verdict>; 2] {
    [I, E].map(|side| leg.lane(side).iter().map(|place| place.verdict).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    /// Thirty messages, refused ones among them: one verdict each and one state in any order.
    #[test]
    fn thirty_messages_in_many_orders(
        push: bool,
        steps in prop::collection::vec((any::<bool>(), 0usize..4096, 0usize..6, prop::bool::weighted(0.08)), 30),
        coins in prop::collection::vec(any::<bool>(), 64),
    ) {
        let rules = if push { PUSH } else { PULL };
        let leg = random_leg(&Law::V1, rules, &steps);
        for flip in [false, true] {
            let coins: Vec<bool> = coins.iter().map(|coin| coin ^ flip).collect();
            let order = shuffled(&leg, &coins);
            prop_assert_eq!(order.len(), leg.places().count());
            let (again, _) = replay(&Law::V1, rules, &order);
            prop_assert_eq!(again.state(), leg.state());
            prop_assert_eq!(verdicts(&again), verdicts(&leg));
            for (side, seq, _) in leg.places() {
                prop_assert_eq!(again.overridden(side, seq), leg.overridden(side, seq));
            }
        }
        promises(&leg)?;
        for side in Side::BOTH {
            for own in 1..=leg.len(side) {
                settled_stays(&leg, side, own)?;
            }
        }
    }
}

/// The promises at the end of the page, on every prefix of a leg as it grew.
fn promises(leg: &Leg) -> Result<(), TestCaseError> {
    let mut sofar = Leg::new(leg.rules());
    let mut releases = 0;
    for (_, _, place) in leg.places() {
        let (act, before) = (place.act.clone().unwrap(), sofar.state().clone());
        let (saw, legal) = (sofar.at(Past::before(&act)), place.legal().is_some());
        sofar.admit(act.clone(), place.verdict).unwrap();
        let after = sofar.state();
        if legal && act.verb() == Verb::Release {
            releases += 1;
            prop_assert!(saw.stage == Stage::Accepted && !saw.stop.any());
        }
        prop_assert!(releases <= 1);
        prop_assert!(!before.fact || after.fact);
        let held = matches!(after.slot, Slot::Held { .. });
        prop_assert!(!held || !after.is_closed());
        prop_assert!(legal || *after == before);
        // What was never refused is never misbehaviour.
        if legal {
            let mut again = Leg::new(leg.rules());
            for (_, _, earlier) in sofar.places().take(sofar.places().count() - 1) {
                again.admit(earlier.act.clone().unwrap(), earlier.verdict).unwrap();
            }
            prop_assert!(!again.misbehaves(&act, &patient));
        }
    }
    Ok(())
}

/// What one side was told was settled, when it had said `own` messages, stays: whatever is on its
/// way or still to be said.
fn settled_stays(leg: &Leg, side: Side, own: u32) -> Result<(), TestCaseError> {
    let seen = leg.place(side, own).and_then(|place| Some(place.act.as_ref()?.seen)).unwrap();
    let view = Past::of(side, own, seen);
    let (held, later): (Vec<_>, Vec<_>) =
        leg.places().partition(|(by, seq, _)| *seq <= view.depth(*by));
    let mut sofar = Leg::new(leg.rules());
    for (_, _, place) in held {
        sofar.admit(place.act.clone().unwrap(), place.verdict).unwrap();
    }
    if !sofar.settled(side, Heard::default()) {
        return Ok(());
    }
    for (_, _, place) in later {
        let before = sofar.state().stage;
        sofar.admit(place.act.clone().unwrap(), place.verdict).unwrap();
        let after = sofar.state().stage;
        let allowed = before == after
            || matches!(
                (before, after),
                (Stage::Unconfirmed, Stage::Completed | Stage::Returned)
                    | (Stage::Completed, Stage::Returned)
            );
        prop_assert!(allowed, "settled, yet {:?} to {:?}", before, after);
    }
    Ok(())
}
