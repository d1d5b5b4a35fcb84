//! Epochs of exchange logs: where one ended, by the word of the city's root. What was signed for it
//! beyond counts for nothing, and an epoch that nobody announced neither.

use super::super::code::{Code, Failures};
use super::super::layout;
use super::super::parts::Sealed;
use super::super::verdict::EpochVerdict;
use crate::envelope;
use crate::id::{CityId, Digest};
use crate::pubkey::PublicKey;
use crate::recovery::{Succeeded, check_successor};
use crate::tree::Hash;
use crate::wire::{self, Envelope};
use std::collections::BTreeMap;

/// The epoch in which every log begins.
const FIRST: u64 = 1;

/// The statements that hold, by city and the epoch that ended.
#[derive(Default)]
pub(in super::super) struct Epochs(BTreeMap<(CityId, u64), (Succeeded, EpochVerdict)>);

impl Epochs {
    /// Verifies the statements. `root_of` gives the city of a root that was given.
    pub(super) fn load<'r>(
        statements: &Sealed,
        root_of: &dyn Fn(&Digest) -> Option<(CityId, &'r PublicKey)>,
        failures: &mut Failures,
    ) -> Epochs {
        let mut found = BTreeMap::new();
        for (digest, envelope) in statements {
            let path = layout::dsse("keys/", digest);
            match open(envelope, root_of) {
                Ok((succeeded, verdict)) => {
                    let key = (succeeded.city.clone(), u64::from(succeeded.old_epoch));
                    if found.insert(key, (succeeded, verdict)).is_some() {
                        let what = "two statements about one epoch";
                        failures.add(Code::SuccessorFalse, path, what);
                    }
                }
                Err(why) => failures.add(Code::SuccessorFalse, path, why),
            }
        }
        Epochs(found)
    }

    /// Whether a signed head of a log counts.
    pub(super) fn check(
        &self,
        city: &CityId,
        epoch: u64,
        (size, root): (u64, &Hash),
    ) -> Result<(), &'static str> {
        if !self.is_announced(city, epoch) {
            return Err("an epoch that no statement of the city's root announces");
        }
        match self.0.get(&(city.clone(), epoch)) {
            Some((ended, _)) if size > ended.old.size => {
                Err("beyond the size at which the city's root says that this epoch ended")
            }
            Some((ended, _)) if size == ended.old.size && *root != ended.old.root.0 => {
                Err("another root than the one with which this epoch ended")
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether what a city had logged at an index of one log stands in a later one since: beyond
    /// the end of the old epoch all was logged again.
    pub(super) fn has_moved(&self, from: &str, index: u64, to: &str) -> bool {
        let (Some((city, old)), Some((same, new))) = (layout::exchange(from), layout::exchange(to))
        else {
            return false;
        };
        let ended = self.0.get(&(city.clone(), old));
        city == same && new > old && ended.is_some_and(|(ended, _)| index >= ended.old.size)
    }

    /// What is said of them.
    pub(super) fn verdicts(&self) -> Vec<EpochVerdict> {
        self.0.values().map(|(_, verdict)| verdict.clone()).collect()
    }

    fn is_announced(&self, city: &CityId, epoch: u64) -> bool {
        let mut at = FIRST;
        while at < epoch {
            let Some((ended, _)) = self.0.get(&(city.clone(), at)) else { return false };
            at = u64::from(ended.new_epoch);
        }
        at == epoch
    }
}

fn open<'r>(
    envelope: &Envelope,
    root_of: &dyn Fn(&Digest) -> Option<(CityId, &'r PublicKey)>,
) -> Result<(Succeeded, EpochVerdict), String> {
    let fpr = envelope::key_fpr(envelope).map_err(|error| error.to_string())?;
    let (city, root) = root_of(&fpr).ok_or("not signed by a root that was given")?;
    let found: wire::Successor =
        envelope::open(envelope, root).map_err(|error| error.to_string())?;
    let succeeded = check_successor(&found).map_err(|error| error.to_string())?;
    if succeeded.city != city {
        return Err(format!("signed by the root of {city}"));
    }
    let verdict = EpochVerdict {
        city,
        size: found.old_size,
        reason: found.reason(),
        ended: found.old_origin,
        next: found.new_origin,
        declared_unix_ms: found.declared_unix_ms,
    };
    Ok((succeeded, verdict))
}
