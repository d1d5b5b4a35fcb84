//! The two lanes of a leg, with the verdict on every message.

use super::{Act, At, Both, Calendar, Illegal, Law, Rules, Side, State};

/// What was decided about a message, once, when it arrived. Both cities decide the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It takes effect.
    Legal,
    /// Refused by the case law. It keeps its place and has no effect.
    Illegal(Illegal),
    /// Refused for a technical reason (a section that does not match its digest, a revoked key, an
    /// undecodable payload). It keeps its place and has no effect.
    Technical,
}

/// One place in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The message; absent if it could not be decoded.
    pub act: Option<Act>,
    /// The verdict on it.
    pub verdict: Verdict,
    /// What its author saw when making it.
    pub at: At,
}

impl Place {
    /// The message, if it takes effect.
    pub fn legal(&self) -> Option<&Act> {
        self.act.as_ref().filter(|_| self.verdict == Verdict::Legal)
    }
}

/// A cut through a leg: so many messages of each lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Past {
    /// Messages of the initiator.
    pub initiator: u32,
    /// Messages of the examiner.
    pub examiner: u32,
}

impl Past {
    /// The cut that holds `own` messages of `side` and `others` of the other side.
    pub fn of(side: Side, own: u32, others: u32) -> Past {
        match side {
            Side::Initiator => Past { initiator: own, examiner: others },
            Side::Examiner => Past { initiator: others, examiner: own },
        }
    }

    /// What the author of an act had before it.
    pub fn before(act: &Act) -> Past {
        Past::of(act.by, act.seq.saturating_sub(1), act.seen)
    }

    /// How many messages of one side it holds.
    pub fn depth(self, side: Side) -> u32 {
        match side {
            Side::Initiator => self.initiator,
            Side::Examiner => self.examiner,
        }
    }
}

/// All messages of a leg that one city holds, in the order it took them in. Any order in which
/// every message comes after its past gives the same verdicts and the same state.
#[derive(Clone, Debug)]
pub struct Leg {
    law: &'static Law,
    rules: Rules,
    lanes: Both<Vec<Place>>,
    /// The authors, in the order of admission.
    order: Vec<Side>,
    /// The fold of everything, kept because it is what is asked for most.
    state: State,
}

impl Leg {
    /// A leg without a message, under the law in force.
    pub fn new(rules: Rules) -> Leg {
        Leg::under(&Law::V1, rules)
    }

    /// A leg under another law. Only tests have another.
    pub fn under(law: &'static Law, rules: Rules) -> Leg {
        Leg { law, rules, lanes: Both::default(), order: Vec::new(), state: State::default() }
    }

    /// The law the leg is judged by.
    pub fn law(&self) -> &'static Law {
        self.law
    }

    /// Direction and service.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// The places of one lane; `leg_seq` n is at index n - 1.
    pub fn lane(&self, side: Side) -> &[Place] {
        self.lanes.of(side)
    }

    /// How many places one lane has.
    pub fn len(&self, side: Side) -> u32 {
        self.lanes.of(side).len() as u32
    }

    /// Whether no message has arrived.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The place of one message; `seq` from 1.
    pub fn place(&self, side: Side, seq: u32) -> Option<&Place> {
        self.lanes.of(side).get(seq.checked_sub(1)? as usize)
    }

    /// Every message with its side, in the order of admission.
    pub fn places(&self) -> impl Iterator<Item = (Side, u32, &Place)> {
        let mut reached = Both::<u32>::default();
        self.order.iter().filter_map(move |side| {
            let seq = reached.of_mut(*side);
            *seq += 1;
            Some((*side, *seq, self.place(*side, *seq)?))
        })
    }

    /// The fold of all legal messages held.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// An OFFER or REQUEST was legal: the leg exists.
    pub fn exists(&self) -> bool {
        self.state.opened
    }

    /// Closed, by its stage or by a stop. See also [`Leg::settled`].
    pub fn is_closed(&self) -> bool {
        self.state.is_closed()
    }

    /// The fold of the legal messages within a cut.
    pub fn at(&self, past: Past) -> State {
        if past == self.all() {
            return self.state.clone();
        }
        let mut state = State::default();
        for (side, seq, place) in self.places() {
            if let Some(act) = place.legal()
                && seq <= past.depth(side)
            {
                self.law.apply(self.rules, &mut state, act, place.at);
            }
        }
        state
    }

    /// The cut that holds everything.
    pub fn all(&self) -> Past {
        Past { initiator: self.len(Side::Initiator), examiner: self.len(Side::Examiner) }
    }

    /// The verdict on the next message of a lane, on its past alone.
    pub fn judge(&self, act: &Act, calendar: &dyn Calendar) -> Result<(), Illegal> {
        self.check_place(act)?;
        let last_seen = self.last_seen(act.by);
        if act.seen < last_seen {
            return Err(Illegal::SeenWentBack);
        }
        self.law.judge(self.rules, &self.at(Past::before(act)), act, calendar)
    }

    /// Takes in the next message of a lane under its verdict: a fresh one, or the one stored beside
    /// the message. Fails, and changes nothing, if the message has no place here
    /// ([`Illegal::takes_place`]).
    pub fn admit(&mut self, act: Act, verdict: Verdict) -> Result<(), Illegal> {
        self.check_place(&act)?;
        let at = self.at(Past::before(&act)).at();
        if verdict == Verdict::Legal {
            self.law.apply(self.rules, &mut self.state, &act, at);
        }
        self.push(act.by, Place { act: Some(act), verdict, at });
        Ok(())
    }

    /// Takes in a message that could not be decoded: it takes the place its frame named.
    pub fn admit_unreadable(&mut self, by: Side) {
        let at = self.state.at();
        self.push(by, Place { act: None, verdict: Verdict::Technical, at });
    }

    /// Judges and takes in. `Err` only where the message has no place here.
    pub fn receive(&mut self, act: Act, calendar: &dyn Calendar) -> Result<Verdict, Illegal> {
        let verdict = match self.judge(&act, calendar) {
            Ok(()) => Verdict::Legal,
            Err(reason) => Verdict::Illegal(reason),
        };
        self.admit(act, verdict)?;
        Ok(verdict)
    }

    /// Whether an illegal message is misbehaviour: it is, unless it would be legal with its
    /// author's earlier refused messages counted. Who did not know of a refusal acted in good
    /// faith; and where an earlier message of his cannot be read, nobody can say that he did not.
    pub fn misbehaves(&self, act: &Act, calendar: &dyn Calendar) -> bool {
        let Err(reason) = self.judge(act, calendar) else {
            return false;
        };
        // A missing leg or a wrong place is the business of the chain, not of the law.
        if reason == Illegal::NoSuchLeg || !reason.takes_place() {
            return false;
        }
        let own = self.lanes.of(act.by).iter();
        if own.clone().any(|place| place.act.is_none()) {
            return false;
        }
        let believed = self.as_believed(Past::before(act), act.by);
        believed.judge(act, calendar).is_err()
    }

    /// The leg within a cut, with every readable message of one side counted as legal.
    fn as_believed(&self, past: Past, by: Side) -> Leg {
        let mut believed = Leg::under(self.law, self.rules);
        for (side, seq, place) in self.places() {
            if seq > past.depth(side) {
                continue;
            }
            let verdict = if side == by { Verdict::Legal } else { place.verdict };
            match &place.act {
                // Within a causal cut every message finds its place again.
                Some(act) => {
                    let _placed = believed.admit(act.clone(), verdict);
                }
                None => believed.admit_unreadable(side),
            }
        }
        believed
    }

    fn push(&mut self, by: Side, place: Place) {
        self.lanes.of_mut(by).push(place);
        self.order.push(by);
    }

    /// The highest place of the other lane that messages of this side name.
    pub(super) fn last_seen(&self, side: Side) -> u32 {
        let acts = self.lanes.of(side).iter().filter_map(|place| place.act.as_ref());
        acts.map(|act| act.seen).max().unwrap_or(0)
    }

    fn check_place(&self, act: &Act) -> Result<(), Illegal> {
        if act.seq != self.len(act.by) + 1 {
            return Err(Illegal::BadChain);
        }
        if act.seen > self.len(act.by.other()) {
            return Err(Illegal::SeenUnknown);
        }
        Ok(())
    }
}
