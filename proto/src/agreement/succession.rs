//! An office that was merged or renamed: a later version names who takes over, of the same city and
//! the same kind, so that what was begun goes on there.

use super::{Agreement, Flaw, flaw};
use crate::kinds::PartySide;
use crate::number::CreditCode;
use crate::wire;
use std::collections::{BTreeMap, BTreeSet};

/// The form of what a party says of its offices' predecessors; what they were is for
/// [`Agreement::follows`].
pub(super) fn check(party: &wire::Party) -> Result<(), Flaw> {
    let mut taken = BTreeSet::new();
    for office in &party.offices {
        if office.succeeds.windows(2).any(|pair| pair[0] >= pair[1]) {
            return flaw(
                &office.credit_code,
                "offices it takes over from are listed once, by code",
            );
        }
        for code in &office.succeeds {
            if CreditCode::parse(code).is_err() {
                return flaw(code, "not a credit code of GB 32100");
            }
            if party.offices.iter().any(|other| other.credit_code == *code) {
                return flaw(code, "an office that is still there has no successor");
            }
            if !taken.insert(code) {
                return flaw(code, "an office has one successor");
            }
        }
    }
    Ok(())
}

impl Agreement {
    /// Whether the offices that this version says were taken over stood in the version before, with
    /// the kind of who takes over; what that version said of them may be said again.
    pub fn follows(&self, before: Option<&Agreement>) -> Result<(), Flaw> {
        for side in [PartySide::A, PartySide::B] {
            for office in &self.party(side).offices {
                for code in &office.succeeds {
                    let was = before.and_then(|before| before.office(side, code));
                    let again = before
                        .and_then(|before| before.office(side, &office.credit_code))
                        .is_some_and(|same| same.succeeds.contains(code));
                    if !again && was.is_none_or(|was| was.kind() != office.kind()) {
                        return flaw(code, "the version before names no such office of that kind");
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether nobody takes over in this version from an office that has itself, in `earlier` versions
    /// and by however many steps, taken over from that one: a circle has no last successor.
    pub fn goes_on<'a>(&self, earlier: impl Iterator<Item = &'a Agreement>) -> Result<(), Flaw> {
        let earlier: Vec<&Agreement> = earlier.collect();
        for side in [PartySide::A, PartySide::B] {
            let before = earlier.iter().flat_map(|version| version.taken_over(side));
            let before: Vec<(&str, &str)> = before.collect();
            for (heir, code) in self.taken_over(side) {
                let (mut reached, mut next) = (BTreeSet::from([heir]), vec![heir]);
                while let Some(from) = next.pop() {
                    let after = before.iter().filter(|(_, gone)| *gone == from);
                    next.extend(after.map(|(to, _)| *to).filter(|to| reached.insert(to)));
                }
                if reached.contains(code) {
                    return flaw(code, "it has itself taken over from this office: a circle");
                }
            }
        }
        Ok(())
    }

    /// Every office that takes over, with the one it takes over from.
    pub fn taken_over(&self, side: PartySide) -> impl Iterator<Item = (&str, &str)> {
        self.party(side).offices.iter().flat_map(|office| {
            office.succeeds.iter().map(|code| (office.credit_code.as_str(), code.as_str()))
        })
    }

    /// Who takes over from an office that this version no longer names.
    fn successor(&self, side: PartySide, code: &str) -> Option<&str> {
        if self.office(side, code).is_some() {
            return None;
        }
        let mut offices = self.party(side).offices.iter();
        let heir = offices.find(|office| office.succeeds.iter().any(|other| other == code));
        heir.map(|office| office.credit_code.as_str())
    }
}

/// The office that has the place, under version `at`, of one that was named under version `since`:
/// itself, or who took over in a version between. `live`: the versions that were in force.
pub fn office_at<'a>(
    live: &'a BTreeMap<u32, Agreement>,
    side: PartySide,
    code: &'a str,
    (since, at): (u32, u32),
) -> &'a str {
    let between = live.iter().filter(|(version, _)| **version > since && **version <= at);
    between.fold(code, |code, (_, agreement)| agreement.successor(side, code).unwrap_or(code))
}
