//! Crossings: what a clerk is told when two messages met on the way.

use super::{Act, Effect, Leg, Past, Place, Side, Slot, Stage, Verb};

/// What a receipt of the other side proves about its knowledge at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Heard {
    /// It held this side's lane up to here.
    pub own: u32,
    /// It had by then written its own lane up to here (the `own_lane_seq` of the receipt, counted
    /// in `leg_seq`).
    pub theirs: u32,
}

impl Leg {
    /// Whether a closed stage is settled, seen from one side: the other side has seen it, and this
    /// side holds all that the other side sent before it saw it. After that only
    /// UNCONFIRMED -> COMPLETED and COMPLETED, UNCONFIRMED -> RETURNED can still happen. `heard` is
    /// the latest receipt of the other side, or the default if there is none.
    pub fn settled(&self, side: Side, heard: Heard) -> bool {
        if !self.is_closed() {
            return false;
        }
        let theirs = self.len(side.other());
        let mut known = self.last_seen(side.other());
        if heard.theirs <= theirs {
            known = known.max(heard.own.min(self.len(side)));
        }
        // It has seen this stage, not merely some closed one: an EXPIRE of its own may be about to
        // learn of an OUTCOME, which is open, before it learns of the stop behind it.
        let there = self.at(Past::of(side, known, theirs));
        there.opened && there.is_closed() && there.stage == self.state().stage
    }

    /// Whether a legal message was overridden: it moves stages, is neither WITHDRAW nor OUTCOME
    /// (fulfilled), and is concurrent with the act that decided the stage. Where both sides sent
    /// the deciding act, a message is overridden only if neither of the two had seen it. Two acts
    /// of one kind never override each other.
    pub fn overridden(&self, side: Side, seq: u32) -> bool {
        let Some(act) = self.place(side, seq).and_then(|place| place.legal()) else {
            return false;
        };
        if !self.moves_stages(act.verb()) {
            return false;
        }
        let deciding = self.deciding();
        !deciding.is_empty()
            && deciding.iter().all(|other| other.verb() != act.verb() && concurrent(act, other))
    }

    /// The act that decided the present stage; two where both sides sent it. Told from the set of
    /// messages alone, so that it does not depend on the order of arrival.
    pub fn deciding(&self) -> Vec<&Act> {
        match self.state().stage {
            Stage::Offered => self.last_of(&[Verb::Offer, Verb::Request, Verb::Redirect]),
            Stage::TakenUp => {
                let reconsidered = self.reconsidered();
                if reconsidered.is_empty() { self.last_of(&[Verb::TakeUp]) } else { reconsidered }
            }
            Stage::Waitlisted => self.last_of(&[Verb::Waitlist]),
            Stage::Accepted => self.last_of(&[Verb::Accept]),
            Stage::Released => self.last_of(&[Verb::Release]),
            Stage::Fulfilled => self.last_of(&[Verb::OutcomeFulfilled]),
            Stage::Unconfirmed => self.first_of(Verb::ExpireComplete),
            Stage::Completed => self.first_of(Verb::Complete),
            Stage::Declined => self.first_of(Verb::Decline),
            Stage::NotRealised => self.first_of(Verb::OutcomeNotRealised),
            Stage::Withdrawn => self.first_of(Verb::Withdraw),
            Stage::Returned => self.first_of(Verb::Return),
            Stage::Expired => self.first_of(Verb::Expire),
            Stage::Voided => self.first_of(Verb::Void),
        }
    }

    /// In TAKEN_UP with a slot held, the correction that took the last ACCEPT back.
    fn reconsidered(&self) -> Vec<&Act> {
        if self.state().slot == Slot::Free {
            return Vec::new();
        }
        let accepts = self.last_of(&[Verb::Accept]);
        let corrections = self.legal(Side::Initiator).filter(|act| {
            act.verb() == Verb::CorrectDecisive
                && accepts.iter().all(|accept| accept.seen < act.seq)
        });
        corrections.take(1).collect()
    }

    fn legal(&self, side: Side) -> impl Iterator<Item = &Act> {
        self.lane(side).iter().filter_map(|place| place.legal())
    }

    /// The last of these verbs; they belong to one side or follow each other.
    fn last_of(&self, verbs: &[Verb]) -> Vec<&Act> {
        let of = |side| self.legal(side).filter(|act| verbs.contains(&act.verb())).last();
        of(Side::Examiner).or(of(Side::Initiator)).into_iter().collect()
    }

    /// The first of this verb of each side.
    fn first_of(&self, verb: Verb) -> Vec<&Act> {
        // A WITHDRAW of what was closed already only stops; it decided nothing.
        let decides = |place: &&Place| verb != Verb::Withdraw || place.at.stage.is_live();
        let of = |side| {
            let acts = self.lane(side).iter().filter(decides).filter_map(|place| place.legal());
            acts.into_iter().find(|act| act.verb() == verb)
        };
        Side::BOTH.into_iter().filter_map(of).collect()
    }

    /// A kind of message that moves stages and can be defeated at all.
    fn moves_stages(&self, verb: Verb) -> bool {
        match self.law().row(verb).effect {
            Effect::Move { .. } | Effect::Accept { .. } | Effect::Close(_) | Effect::Return => true,
            Effect::Keep
            | Effect::Open
            | Effect::Withdraw
            | Effect::Fact
            | Effect::Ask
            | Effect::Answer => false,
        }
    }
}

/// Neither author had seen the other's message.
fn concurrent(a: &Act, b: &Act) -> bool {
    a.by != b.by && a.seen < b.seq && b.seen < a.seq
}
