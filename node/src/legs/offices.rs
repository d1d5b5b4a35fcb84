//! The offices of a leg: the examiner's changes with a REDIRECT.

use super::LegFile;
use jieli_proto::case::Side;
use jieli_proto::message::examiner_office;
use jieli_proto::wire::message::Body;

impl LegFile {
    /// The office that examines the leg, by what is known of so many places of the examiner's lane.
    pub fn examiner_office(&self, known: u32) -> &str {
        let first = |side| self.entries.iter().find(move |e| e.side == side && e.seq == 1);
        let opening = first(Side::Initiator).and_then(|entry| entry.message.as_ref());
        let stored = match self.our_side {
            Side::Initiator => self.their_office.as_str(),
            Side::Examiner => self.our_office.as_str(),
        };
        let opened = opening.map_or(stored, |message| message.to_office.as_str());
        examiner_office(opened, self.redirects(), known)
    }

    /// Place and office of every REDIRECT that takes effect.
    fn redirects(&self) -> impl Iterator<Item = (u32, &str)> {
        self.entries.iter().filter_map(|entry| {
            let body = entry.message.as_ref()?.body.as_ref()?;
            let Body::Redirect(redirect) = body else { return None };
            self.law.place(entry.side, entry.seq)?.legal()?;
            Some((entry.seq, redirect.office.as_str()))
        })
    }

    /// Every office that the leg has been with, the one that began it first.
    pub fn offices(&self) -> Vec<&str> {
        let (initiator, examiner) = match self.our_side {
            Side::Initiator => (&self.our_office, &self.their_office),
            Side::Examiner => (&self.their_office, &self.our_office),
        };
        let mut all = vec![initiator.as_str(), self.examiner_office(0)];
        all.extend(self.redirects().map(|(_, office)| office));
        all.push(examiner);
        all.dedup();
        all
    }

    /// From where and to where a message of a side goes: the examiner says it by all that side said
    /// before, the initiator by the `seen` places of the examiner that were known.
    pub(crate) fn expected_offices(&self, author: Side, seq: u32, seen: u32) -> [&str; 2] {
        let initiator = match self.our_side {
            Side::Initiator => self.our_office.as_str(),
            Side::Examiner => self.their_office.as_str(),
        };
        match author {
            Side::Initiator => [initiator, self.examiner_office(seen)],
            Side::Examiner => [self.examiner_office(seq.saturating_sub(1)), initiator],
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
