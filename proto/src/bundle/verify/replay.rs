//! The case law, asked once more: every message of a leg is judged on what its author had seen, as
//! both cities judged it. The law itself lives in [`crate::case`], never here.
//!
//! A message that was not refused must be legal. One that was refused by the case law must not be:
//! who refuses a legal step takes the effect of a signed message away, a WITHDRAW's too. Technical
//! refusals are not this module's business; they keep their place and have no effect.

use super::super::records::Record;
use super::super::verdict::CaseVerdict;
use super::Scene;
use super::agreements::Agreements;
use super::content::{cited, made_on};
use super::legs::{Lane, Step};
use crate::case::{Act, Both, Calendar, Leg, Proof, Side, Verdict};
use crate::day::Day;
use crate::id::{AgreementId, CityId, Digest};
use crate::message::{Context, act_of, rules};
use crate::refusal::Refusal;
use crate::wire::message::Body;
use crate::wire::{self, Service};
use crate::words;
use std::collections::BTreeMap;

mod places;
pub(super) use places::Unread;
use places::{Held, places};

/// A leg whose lanes have no hole.
pub(super) struct LegHistory<'a> {
    /// Who opened it.
    pub(super) initiator: &'a CityId,
    /// The agreement, as the opening names it.
    pub(super) agreement: AgreementId,
    /// The service, as the opening names it.
    pub(super) service: Service,
    /// Its two lanes: the messages that can be read, refused ones too.
    pub(super) lanes: &'a BTreeMap<CityId, Lane<'a>>,
    /// What fills the places between them.
    pub(super) unread: &'a Unread,
}

/// What a replay finds, and the file that is to blame for an illegal leg.
pub(super) struct Replayed {
    pub(super) verdict: CaseVerdict,
    pub(super) file: String,
}

/// Takes in the messages of a leg in an order that respects causality and judges each.
pub(super) fn replay(scene: &Scene<'_>, agreed: &Agreements, history: &LegHistory<'_>) -> Replayed {
    let told = Replay::new(scene, agreed, history).and_then(Replay::run);
    // What cannot be told has its own failure elsewhere: a signature, a gap, what is not here.
    told.unwrap_or(Replayed { verdict: CaseVerdict::NotReplayed, file: String::new() })
}

/// Where a leg stands, in a word.
pub(super) fn stage_of(leg: &Leg) -> String {
    if !leg.exists() {
        return "NOT_OPENED".to_owned();
    }
    let state = leg.state();
    let stop = if state.stop.any() { " + stop" } else { "" };
    format!("{}{stop}", words::stage(state.stage).en)
}

struct Replay<'a> {
    scene: &'a Scene<'a>,
    agreed: &'a Agreements,
    agreement: AgreementId,
    cities: Both<&'a CityId>,
    lanes: Both<Vec<Held<'a>>>,
    /// Where each message stands.
    known: BTreeMap<Digest, (Side, u32)>,
    leg: Leg,
    /// The first fault, and its file.
    fault: Option<(String, String)>,
}

impl<'a> Replay<'a> {
    /// `None` if not every place of the leg can be told, or not every message is signed.
    fn new(
        scene: &'a Scene<'a>,
        agreed: &'a Agreements,
        history: &LegHistory<'a>,
    ) -> Option<Replay<'a>> {
        let mut signed = history.lanes.values().flat_map(BTreeMap::values);
        if !signed.all(|(_, record)| scene.signed.contains(&record.digest)) {
            return None;
        }
        let other = history.lanes.keys().find(|city| *city != history.initiator)?;
        let cities = Both { initiator: history.initiator, examiner: other };
        let of =
            |side: Side| places(history.unread, history.agreement, history.lanes, cities.of(side));
        let lanes = Both { initiator: of(Side::Initiator)?, examiner: of(Side::Examiner)? };
        let mut known = BTreeMap::new();
        for side in Side::BOTH {
            for (held, seq) in lanes.of(side).iter().zip(1..) {
                known.insert(held.digest, (side, seq));
            }
        }
        let (agreement, leg) = (history.agreement, Leg::new(rules(history.service)));
        Some(Replay { scene, agreed, agreement, cities, lanes, known, leg, fault: None })
    }

    fn run(mut self) -> Option<Replayed> {
        let whole = self.take_in_all();
        // A fault stays one, whatever cannot be told of later messages.
        if let Some((what, file)) = self.fault {
            return Some(Replayed { verdict: CaseVerdict::Illegal(what), file });
        }
        whole?;
        Some(Replayed { verdict: CaseVerdict::Legal(stage_of(&self.leg)), file: String::new() })
    }

    /// `None` if a message cannot be judged.
    fn take_in_all(&mut self) -> Option<()> {
        while let Some(side) = Side::BOTH.into_iter().find(|side| self.is_ready(*side)) {
            self.take_in(side)?;
        }
        let total = self.lanes.initiator.len() + self.lanes.examiner.len();
        (self.known.len() == total && self.leg.places().count() == total).then_some(())
    }

    /// The next place of a side.
    fn next(&self, side: Side) -> Option<&Held<'a>> {
        self.lanes.of(side).get(self.leg.len(side) as usize)
    }

    /// Whether all that the next message of a side had seen is taken in.
    fn is_ready(&self, side: Side) -> bool {
        let Some(held) = self.next(side) else { return false };
        let seen = held.step.and_then(|step| self.seen(side, step)).unwrap_or(0);
        seen <= self.leg.len(side.other())
    }

    /// The place in the other lane that a message has seen; `None` if it names nothing there.
    fn seen(&self, by: Side, (place, _): Step<'_>) -> Option<u32> {
        if place.seen.is_zero() {
            return Some(0);
        }
        let (side, seq) = self.known.get(&place.seen)?;
        (*side == by.other()).then_some(*seq)
    }

    /// Judges the next message of a side and takes it in. `None` if it cannot be judged.
    fn take_in(&mut self, side: Side) -> Option<()> {
        let step = self.next(side)?.step;
        let read = step.and_then(|step| Some((step, step.1.message()?)));
        let Some((step, (facts, message))) = read else {
            self.leg.admit_unreadable(side);
            return Some(());
        };
        let on = cited(self.agreed, facts).map(|agreement| made_on(agreement, facts));
        let Some(code) = step.1.refused() else {
            return self.effective(side, step, message, on?);
        };
        let by_law = [Refusal::IllegalStep, Refusal::FollowsRefused];
        if let (true, Some(on)) = (by_law.iter().any(|law| law.number() == code), on) {
            self.refused_by_law(side, step, message, on);
        }
        // The fold asks for no more of it than its place and what it had seen.
        let made_on = Day::of_unix_ms(facts.head.created_unix_ms, 0);
        let proof = Some(Proof::Silence { received_on: made_on, covers: 0 });
        let context = Context { made_on, consent_live: true, proof };
        let seen = self.seen(side, step);
        match seen.and_then(|seen| self.act(side, message, seen, context)) {
            Some(act) => self.leg.admit(act, Verdict::Technical).ok(),
            None => {
                self.leg.admit_unreadable(side);
                Some(())
            }
        }
    }

    /// A message that was not refused: it must be legal.
    fn effective(
        &mut self,
        side: Side,
        step: Step<'_>,
        message: &wire::Message,
        on: (Day, i32),
    ) -> Option<()> {
        let Some(seen) = self.seen(side, step) else {
            // What is not here at all is a gap; what is here and elsewhere was never there to see.
            self.scene.records.get(&step.0.seen)?;
            self.baseless(side, step.1, "its leg_seen is not in the other lane");
            return Some(());
        };
        let context = self.context(side, message, on)?;
        let Some(act) = self.act(side, message, seen, context) else {
            self.baseless(side, step.1, "what it cites proves nothing");
            return Some(());
        };
        let verdict = match self.leg.judge(&act, &Packless { made_on: on.0, strict: false }) {
            Ok(()) => Verdict::Legal,
            Err(why) => {
                self.blame(side, step.1, &format!("{} {why}", why.number()));
                Verdict::Illegal(why)
            }
        };
        self.leg.admit(act, verdict).ok()
    }

    /// A message that was not refused and is no act of the law.
    fn baseless(&mut self, side: Side, record: &Record<'_>, why: &str) {
        self.blame(side, record, why);
        self.leg.admit_unreadable(side);
    }

    /// A message that the other city refused by the case law: it must not be legal.
    fn refused_by_law(
        &mut self,
        side: Side,
        step: Step<'_>,
        message: &wire::Message,
        on: (Day, i32),
    ) {
        let act = self.context(side, message, on).and_then(|context| {
            let seen = self.seen(side, step)?;
            self.act(side, message, seen, context)
        });
        let calendar = Packless { made_on: on.0, strict: true };
        if act.is_some_and(|act| self.leg.judge(&act, &calendar).is_ok()) {
            self.blame(side, step.1, "refused by the case law, which allows it");
        }
    }

    fn act(&self, side: Side, message: &wire::Message, seen: u32, context: Context) -> Option<Act> {
        let question = |digest: &Digest| self.known.get(digest).map(|(_, seq)| *seq);
        act_of(message, side, self.leg.len(side) + 1, seen, context, &question).ok()
    }

    /// What the law asks and the payload does not tell. `None` if a thing cited is not here.
    fn context(
        &self,
        by: Side,
        message: &wire::Message,
        (made_on, zone_offset_min): (Day, i32),
    ) -> Option<Context> {
        let proof = match &message.body {
            Some(Body::Expire(expire)) => self.behind(by, expire, zone_offset_min)?,
            Some(_) | None => None,
        };
        // That the consent is here and covers what it opens is checked beside the law.
        let consent_live = !message.consent_digest.is_empty();
        Some(Context { made_on, consent_live, proof })
    }

    /// What stands behind an EXPIRE: the outer `None` if it is not here, the inner one if it is no
    /// TERMINATE of this agreement, or no receipt of the other city in it.
    fn behind(
        &self,
        by: Side,
        expire: &wire::Expire,
        zone_offset_min: i32,
    ) -> Option<Option<Proof>> {
        let ends = !expire.terminate.is_empty();
        let named = Digest::from_slice(if ends { &expire.terminate } else { &expire.receipt })?;
        let record = self.scene.records.get(&named)?;
        let signed = self.scene.signed.contains(&named) && record.refused().is_none();
        if !signed || record.head().is_none_or(|head| head.agreement != self.agreement) {
            return Some(None);
        }
        if ends {
            let wind_down = record.act().and_then(|act| act.wind_down_on);
            return Some(wind_down.map(|wind_down| Proof::Terminated { wind_down }));
        }
        let other = by.other();
        let receipt = record.receipt().filter(|found| found.head.sender == **self.cities.of(other));
        Some(receipt.map(|receipt| Proof::Silence {
            received_on: Day::of_unix_ms(receipt.received_unix_ms, zone_offset_min),
            covers: self.spoken(other, receipt.own_lane_seq),
        }))
    }

    /// The last place in the leg that a side had filled up to a place in its lane.
    fn spoken(&self, side: Side, lane_seq: u64) -> u32 {
        let places = self.lanes.of(side).iter().zip(1..);
        places.filter(|(held, _)| held.lane_seq <= lane_seq).map(|(_, seq)| seq).max().unwrap_or(0)
    }

    fn blame(&mut self, side: Side, record: &Record<'_>, why: &str) {
        let kind = record.message().map_or("", |(facts, _)| words::message(facts.kind).en);
        let who = match side {
            Side::Initiator => "initiator",
            Side::Examiner => "examiner",
        };
        let (city, seq) = (self.cities.of(side), self.leg.len(side) + 1);
        let what = format!("{who} {city}, leg_seq {seq}, {kind}: {why}");
        self.fault.get_or_insert((what, record.path.clone()));
    }
}

/// Working days where no calendar pack can be relied on: a bundle need not hold the version that the
/// office counted by which is to answer. So a REMIND is refused
/// only where every calendar refuses it, and a refusal is false only where every calendar allows
/// the REMIND. Between two dates a calendar finds no working day, or all days, or a number between.
pub(super) struct Packless {
    pub(super) made_on: Day,
    /// Counts against the REMIND, not for it.
    pub(super) strict: bool,
}

impl Calendar for Packless {
    fn working_days(&self, _of: Side, after: Day, to: Day) -> u32 {
        // From the REMIND to the due date few days are in its favour, since the last one many.
        let is_ahead = after == self.made_on;
        if is_ahead != self.strict {
            return 0;
        }
        u32::try_from(to.since_epoch() - after.since_epoch()).unwrap_or(0)
    }
}
