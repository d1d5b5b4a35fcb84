//! Every history, not samples of them.
//!
//! A [`Knot`] is all that can still matter of a history: the fold at every cut from which either
//! side may yet act, and the acts the other side has not seen. Two histories with equal knots have
//! equal futures, so each knot is visited once. Exhaustive here means: all acts by either side whose
//! verb is in [`VERBS`], with every choice of how much the author had seen. PROGRESS, REMIND,
//! CONSENT and the ordinary CORRECT are left out because they change nothing that is checked here
//! (`extensions` has them); illegal acts are left out because they change nothing at all.
//!
//! That all linear extensions of causality fold to one state is checked by its induction step: the
//! last act of any order is the last of one lane, so wherever two acts are concurrent both orders of
//! the two must lead from the smaller cuts to the same state.

use std::collections::BTreeSet;

use jieli_proto::case::{Act, At, Both, Law, Rules, Side, Slot, Stage, Stages, State, Verb};

use crate::world::{Found, PULL, PUSH, day, kind, patient};

const VERBS: [Verb; 20] = [
    Verb::TakeUp,
    Verb::Clarify,
    Verb::Supply,
    Verb::Accept,
    Verb::Waitlist,
    Verb::Decline,
    Verb::Release,
    Verb::OutcomeFulfilled,
    Verb::OutcomeNotRealised,
    Verb::Complete,
    Verb::CorrectDecisive,
    Verb::Redirect,
    Verb::Withdraw,
    Verb::WithdrawEffect,
    Verb::Return,
    Verb::Expire,
    Verb::ExpireComplete,
    Verb::Void,
    Verb::EraseNotice,
    Verb::EraseConfirm,
];

/// Every history of six messages after the opening, whatever its author had seen.
#[test]
fn six_messages_in_any_order_push() {
    depth(&Law::V1, PUSH, 6).unwrap();
}

#[test]
fn six_messages_in_any_order_pull() {
    depth(&Law::V1, PULL, 6).unwrap();
}

/// Histories of any length without ERASE, explored until nothing new turns up, in which each side
/// has at most one message on its way: it speaks again when a message of the other side has seen its
/// last one.
#[test]
fn no_end_of_messages_push() {
    fixpoint(&Law::V1, PUSH, 1).unwrap();
}

#[test]
fn no_end_of_messages_pull() {
    fixpoint(&Law::V1, PULL, 1).unwrap();
}

/// The same with two on their way: some two million knots.
#[test]
#[ignore = "takes a quarter of an hour; by hand: cargo test -p jieli-proto --test case_law -- --ignored"]
fn no_end_of_messages_two_on_their_way() {
    fixpoint(&Law::V1, PUSH, 2).unwrap();
    fixpoint(&Law::V1, PULL, 2).unwrap();
}

/// Histories of any length in which everybody has always seen everything.
#[test]
fn no_end_of_messages_one_after_the_other() {
    for rules in [PUSH, PULL] {
        let first = Knot::first().merged().clone();
        let mut known = BTreeSet::from([first.clone()]);
        let mut open = vec![first];
        while let Some(state) = open.pop() {
            check_state(&Law::V1, rules, &state).unwrap();
            for after in following(&Law::V1, rules, &state, &Side::BOTH, &VERBS) {
                if known.insert(after.clone()) {
                    open.push(after);
                }
            }
        }
        assert!(known.len() > 100, "only {} states", known.len());
    }
}

pub(crate) fn depth(law: &Law, rules: Rules, messages: usize) -> Result<usize, String> {
    explore(law, rules, messages, usize::MAX, &VERBS)
}

pub(crate) fn fixpoint(law: &Law, rules: Rules, window: usize) -> Result<usize, String> {
    explore(law, rules, usize::MAX, window, &VERBS[..18])
}

fn explore(
    law: &Law,
    rules: Rules,
    messages: usize,
    window: usize,
    verbs: &[Verb],
) -> Result<usize, String> {
    let first = Knot::first();
    let mut known = BTreeSet::from([first.clone()]);
    let mut merged = BTreeSet::new();
    let mut layer = vec![first];
    let mut depth = 0;
    while depth < messages && !layer.is_empty() {
        let mut next = Vec::new();
        for knot in &layer {
            for by in Side::BOTH {
                if knot.unseen.of(by).len() >= window {
                    continue;
                }
                for (verb, seen) in
                    verbs.iter().flat_map(|v| (0..knot.cuts.of(by).len()).map(move |k| (*v, k)))
                {
                    let Some(after) = knot.act(law, rules, by, verb, seen)? else { continue };
                    // The last layer is checked by its making; only its merged states are kept.
                    if !merged.contains(after.merged()) {
                        merged.insert(after.merged().clone());
                    }
                    if depth + 1 == messages {
                        continue;
                    }
                    // Who looks can act on less than before; it matters only for what is settled.
                    let sides = Side::BOTH.into_iter().filter(|_| after.merged().is_closed());
                    let looked: Vec<Knot> =
                        sides.map(|side| after.looked(side)).filter(|knot| knot.settled).collect();
                    for knot in looked.into_iter().chain([after]) {
                        if known.insert(knot.clone()) {
                            next.push(knot);
                        }
                    }
                }
            }
        }
        layer = next;
        depth += 1;
    }
    for state in &merged {
        check_state(law, rules, state)?;
    }
    Ok(known.len())
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Knot {
    /// It was settled once.
    settled: bool,
    /// For each side, its acts that no act of the other side has seen.
    unseen: Both<Vec<(Act, At)>>,
    /// For each side, the fold of its whole lane with the first 0, 1, .. of the other side's unseen
    /// acts; the last one is the fold of everything.
    cuts: Both<Vec<State>>,
}

impl Knot {
    fn first() -> Knot {
        // Every duty has its date from the start, so that dates tell no two histories apart.
        let state = State { opened: true, due: [Some(day(0)); 8], ..State::default() };
        Knot {
            cuts: Both { initiator: vec![state.clone()], examiner: vec![state] },
            unseen: Both::default(),
            settled: false,
        }
    }

    fn merged(&self) -> &State {
        self.cuts.initiator.last().unwrap()
    }

    /// The knot after one more act, if that is legal.
    fn act(
        &self,
        law: &Law,
        rules: Rules,
        by: Side,
        verb: Verb,
        seen: usize,
    ) -> Result<Option<Knot>, String> {
        let saw = &self.cuts.of(by)[seen];
        // Only a question's number is ever named again.
        let seq = if verb == Verb::Clarify { self.fresh() } else { 0 };
        let kind = kind(rules, saw, verb, seq, day(1));
        let act = Act { by, seq, seen: 0, made_on: day(1), due: Some(day(0)), kind };
        if act.verb() != verb || law.judge(rules, saw, &act, &patient).is_err() {
            return Ok(None);
        }
        let at = saw.at();
        check_act(verb, saw).map_err(|why| self.tell(&why, &act))?;

        let others = self.unseen.of(by.other());
        let mut cuts: Vec<State> = Vec::new();
        for (k, before) in self.cuts.of(by).iter().enumerate().skip(seen) {
            let after = applied(law, rules, before, &act, at);
            if k > seen {
                // The other order of two concurrent acts.
                let (other, other_at) = &others[k - 1];
                let crossed = applied(law, rules, cuts.last().unwrap(), other, *other_at);
                if crossed != after {
                    let why =
                        format!("{:?} crosses {verb:?}: {crossed:?} or {after:?}", other.kind);
                    return Err(self.tell(&why, &act));
                }
            }
            cuts.push(after);
        }
        let mut next = self.clone();
        let merged = cuts.last().unwrap().clone();
        *next.cuts.of_mut(by) = cuts;
        next.cuts.of_mut(by.other()).push(merged);
        next.unseen.of_mut(by.other()).drain(..seen);
        next.unseen.of_mut(by).push((act.clone(), at));
        self.check_step(&next).map_err(|why| self.tell(&why, &act))?;
        next.settled |= next.settles();
        next.normalise();
        Ok(Some(next))
    }

    fn check_step(&self, next: &Knot) -> Found {
        let (before, after) = (self.merged(), next.merged());
        if before.fact && !after.fact {
            return Err("a fact is lost".to_owned());
        }
        let late =
            Stages::of(&[Stage::Fulfilled, Stage::Unconfirmed, Stage::Completed, Stage::Returned]);
        if after.fact && (!late.has(after.stage) || after.slot != Slot::Used) {
            return Err(format!("a fact stands in {:?} with {:?}", after.stage, after.slot));
        }
        if !self.settled {
            return Ok(());
        }
        let allowed = matches!(
            (before.stage, after.stage),
            (Stage::Unconfirmed, Stage::Completed | Stage::Returned)
                | (Stage::Completed, Stage::Returned)
        );
        if before.stage != after.stage && !allowed {
            return Err(format!("settled, yet {:?} to {:?}", before.stage, after.stage));
        }
        Ok(())
    }

    /// As `Leg::settled` for a side that holds everything ([`Knot::looked`]): closed, and whatever
    /// either side signs from now on is judged where the leg is closed in the same stage.
    fn settles(&self) -> bool {
        let merged = self.merged();
        let same = |cut: &State| cut.is_closed() && cut.stage == merged.stage;
        merged.is_closed() && Side::BOTH.iter().all(|side| same(&self.cuts.of(*side)[0]))
    }

    /// The knot in which one side has taken in everything, without a message of its own.
    fn looked(&self, side: Side) -> Knot {
        let mut knot = self.clone();
        *knot.cuts.of_mut(side) = vec![self.merged().clone()];
        knot.unseen.of_mut(side.other()).clear();
        knot.settled |= knot.settles();
        knot.normalise();
        knot
    }

    /// The smallest number no open question and no act on its way uses.
    fn fresh(&self) -> u32 {
        let used = |n: u32| {
            let in_cut = |state: &State| state.question == Some(n);
            let on_way = |(act, _): &(Act, At)| act.seq == n || act.kind.question() == Some(n);
            self.cuts.initiator.iter().chain(&self.cuts.examiner).any(in_cut)
                || self.unseen.initiator.iter().chain(&self.unseen.examiner).any(on_way)
        };
        (2..).find(|n| !used(*n)).unwrap()
    }

    /// Forgets what cannot matter any more: the size of the correction count, as only equality of
    /// two counts is ever asked, and the grounds used, as every new question here has a new one.
    fn normalise(&mut self) {
        let Both { initiator: ic, examiner: ec } = &mut self.cuts;
        let Both { initiator: iu, examiner: eu } = &mut self.unseen;
        let mut counts: Vec<&mut u32> = Vec::new();
        for state in ic.iter_mut().chain(ec.iter_mut()) {
            state.grounds.clear();
            counts.push(&mut state.corrections);
        }
        for (_, at) in iu.iter_mut().chain(eu.iter_mut()) {
            counts.push(&mut at.corrections);
        }
        let least = counts.iter().map(|count| **count).min().unwrap_or(0);
        counts.into_iter().for_each(|count| *count -= least);
    }

    fn tell(&self, why: &str, act: &Act) -> String {
        format!("{why}\nafter {:?} {:?}\nin {self:#?}", act.by, act.kind)
    }
}

fn applied(law: &Law, rules: Rules, state: &State, act: &Act, at: At) -> State {
    let mut after = state.clone();
    law.apply(rules, &mut after, act, at);
    after.grounds.clear();
    after
}

/// What must be true of the past of an act, whatever the table says.
fn check_act(verb: Verb, saw: &State) -> Found {
    if verb == Verb::Release {
        if saw.stage != Stage::Accepted || saw.stop.any() {
            return Err("RELEASE without ACCEPT or after WITHDRAW".to_owned());
        }
        if saw.released {
            return Err("RELEASE twice".to_owned());
        }
    }
    let answers = matches!(verb, Verb::WithdrawEffect | Verb::EraseNotice | Verb::EraseConfirm);
    if saw.stop.any() && !answers {
        return Err(format!("{verb:?} after WITHDRAW"));
    }
    if verb == Verb::Redirect && saw.redirects >= 2 {
        return Err("a third REDIRECT".to_owned());
    }
    Ok(())
}

/// What must be true of every state two cities can agree on.
fn check_state(law: &Law, rules: Rules, state: &State) -> Found {
    if state.is_closed() && matches!(state.slot, Slot::Held { .. }) {
        return Err(format!("a closed leg holds a slot: {state:?}"));
    }
    if state.question.is_some() && !state.stage.is_live() {
        return Err(format!("a question is open in {state:?}"));
    }
    if state.stage == Stage::Withdrawn && !state.stop.any() {
        return Err(format!("withdrawn by nobody: {state:?}"));
    }
    if state.is_closed() {
        return Ok(());
    }
    let person = [Verb::Withdraw];
    for side in Side::BOTH {
        if !reaches(law, rules, state, &[side], &person, State::is_closed) {
            return Err(format!("{side:?} alone cannot withdraw from {state:?}"));
        }
        // Nor does an office need the person or the other city's receipt to end it.
        let office: Vec<Verb> = VERBS
            .into_iter()
            .filter(|v| !matches!(v, Verb::Withdraw | Verb::Expire | Verb::ExpireComplete))
            .collect();
        if !reaches(law, rules, state, &[side], &office, State::is_closed) {
            return Err(format!("{side:?} alone cannot close {state:?}"));
        }
    }
    // No dead state: everything still open can end well.
    let done = |state: &State| state.stage == Stage::Completed;
    if !reaches(law, rules, state, &Side::BOTH, &VERBS[..11], done) {
        return Err(format!("a dead end: {state:?}"));
    }
    Ok(())
}

/// Whether these sides, each having seen everything, can lead a state to a goal.
fn reaches(
    law: &Law,
    rules: Rules,
    from: &State,
    sides: &[Side],
    verbs: &[Verb],
    goal: impl Fn(&State) -> bool,
) -> bool {
    let mut known = BTreeSet::from([from.clone()]);
    let mut open = vec![from.clone()];
    while let Some(state) = open.pop() {
        if goal(&state) {
            return true;
        }
        for after in following(law, rules, &state, sides, verbs) {
            if known.insert(after.clone()) {
                open.push(after);
            }
        }
    }
    false
}

/// The states one legal act leads to, its author having seen everything.
fn following(law: &Law, rules: Rules, state: &State, by: &[Side], verbs: &[Verb]) -> Vec<State> {
    let steps = by.iter().flat_map(|by| verbs.iter().map(move |verb| (*by, *verb)));
    let after = |(by, verb)| {
        let kind = kind(rules, state, verb, 2, day(1));
        let act = Act { by, seq: 2, seen: 0, made_on: day(1), due: Some(day(0)), kind };
        let legal = act.verb() == verb && law.judge(rules, state, &act, &patient).is_ok();
        let mut after = applied(law, rules, state, &act, state.at());
        // Everybody knows of every correction, so their number tells nothing.
        after.corrections = 0;
        legal.then_some(after)
    };
    steps.filter_map(after).collect()
}
