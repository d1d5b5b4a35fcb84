//! The offices of a leg: the examiner's changes with a REDIRECT.

use super::{Entry, LegFile};
use crate::directory::Bond;
use jieli_proto::case::Side;
use jieli_proto::message::examiner_office;
use jieli_proto::wire;
use jieli_proto::wire::message::Body;

impl LegFile {
    /// The office that examines the leg, by what is known of so many places of the examiner's lane,
    /// as the leg names it.
    pub fn examiner_office(&self, known: u32) -> &str {
        self.examiner_named(known).0
    }

    /// The same with the agreement version under which it was named.
    fn examiner_named(&self, known: u32) -> (&str, u32) {
        let stored = match self.our_side {
            Side::Initiator => self.their_office.as_str(),
            Side::Examiner => self.our_office.as_str(),
        };
        let opening = self.first_message();
        let opened = opening.map_or((stored, u32::MAX), |m| (m.to_office.as_str(), version_of(m)));
        examiner_office(opened, self.redirects(), known)
    }

    /// The office that began the leg, and under which agreement version.
    fn initiator_named(&self) -> (&str, u32) {
        let stored = match self.our_side {
            Side::Initiator => self.our_office.as_str(),
            Side::Examiner => self.their_office.as_str(),
        };
        let opening = self.first_message();
        opening.map_or((stored, u32::MAX), |m| (m.from_office.as_str(), version_of(m)))
    }

    fn first_message(&self) -> Option<&wire::Message> {
        let first = |e: &&Entry| e.side == Side::Initiator && e.seq == 1;
        self.entries.iter().find(first)?.message.as_ref()
    }

    /// The item of the catalogue that the first message names; 0 where it names none.
    pub(crate) fn item_named(&self) -> u32 {
        let body = self.first_message().and_then(|message| message.body.as_ref());
        let Some(Body::Opening(opening)) = body else { return 0 };
        opening.item_code
    }

    /// Place of every REDIRECT that takes effect, its office, and the version it cites.
    fn redirects(&self) -> impl Iterator<Item = (u32, (&str, u32))> {
        self.entries.iter().filter_map(|entry| {
            let message = entry.message.as_ref()?;
            let Body::Redirect(redirect) = message.body.as_ref()? else { return None };
            self.law.place(entry.side, entry.seq)?.legal()?;
            Some((entry.seq, (redirect.office.as_str(), version_of(message))))
        })
    }

    /// Our office and theirs under a version of the agreement: those that the leg names, or who has
    /// taken over from them. `None` before there is a first message.
    pub fn offices_at(&self, bond: &Bond, version: u32) -> Option<(String, String)> {
        self.first_message()?;
        let [initiator, examiner] = self.both_at(bond, version, u32::MAX);
        Some(match self.our_side {
            Side::Initiator => (initiator, examiner),
            Side::Examiner => (examiner, initiator),
        })
    }

    /// The initiator's office and the examiner's under a version, by so many known places.
    fn both_at(&self, bond: &Bond, version: u32, known: u32) -> [String; 2] {
        let initiators = match self.our_side {
            Side::Initiator => bond.our_side,
            Side::Examiner => bond.our_side.other(),
        };
        let at = |side, (code, since): (&str, u32)| bond.office_at(side, code, (since, version));
        let initiator = at(initiators, self.initiator_named());
        [initiator, at(initiators.other(), self.examiner_named(known))]
    }

    /// Every office that the leg has been with, the one that began it first.
    pub fn offices(&self) -> Vec<&str> {
        let (initiator, examiner) = match self.our_side {
            Side::Initiator => (&self.our_office, &self.their_office),
            Side::Examiner => (&self.their_office, &self.our_office),
        };
        let mut all = vec![initiator.as_str(), self.examiner_office(0)];
        all.extend(self.redirects().map(|(_, (office, _))| office));
        all.push(examiner);
        all.dedup();
        all
    }

    /// From where and to where a message of a side goes under a version of the agreement: the
    /// examiner says it by all that side said before, the initiator by the `seen` places of the
    /// examiner that were known.
    pub(crate) fn expected_offices(
        &self,
        (bond, version): (&Bond, u32),
        author: Side,
        seq: u32,
        seen: u32,
    ) -> [String; 2] {
        match author {
            Side::Initiator => self.both_at(bond, version, seen),
            Side::Examiner => {
                let [initiator, examiner] = self.both_at(bond, version, seq.saturating_sub(1));
                [examiner, initiator]
            }
        }
    }

    /// The leg is with the office that the last REDIRECT names.
    pub(super) fn follow_redirects(&mut self) {
        let now = self.examiner_office(u32::MAX).to_owned();
        match self.our_side {
            Side::Initiator => self.their_office = now,
            Side::Examiner => self.our_office = now,
        }
    }
}

/// The agreement version that a message cites; none is 0, and nobody takes over from then on.
fn version_of(message: &wire::Message) -> u32 {
    message.header.as_ref().map_or(0, |header| header.agreement_version)
}
