//! The newest signed heads that cities tell each other with every exchange.

use crate::wire_limits::{FINDINGS_BYTES_MAX, FINDINGS_MAX, HEADS_BYTES_MAX, HEADS_MAX};
use crate::writer::Published;
use jieli_proto::checkpoint::LogName;
use jieli_proto::id::CityId;
use jieli_proto::wire;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What this city tells: its own newest head, its newest cosigned one, and of each other exchange
/// log the newest that it knows, with those that it cannot hold against that one itself.
fn known_heads(published: &Published) -> wire::Heads {
    let own = std::iter::once(&published.checkpoint);
    let cosigned = published.cosigned.iter().map(|seen| &seen.note);
    let others = published.heads.values().flat_map(|heads| heads.all()).map(|seen| &seen.note);
    let mut heads = wire::Heads::default();
    let mut bytes = 0;
    // In recovery nothing is signed.
    let signed = own.chain(cosigned).chain(others).filter(|note| !note.is_empty());
    for note in signed.take(HEADS_MAX) {
        bytes += note.len();
        if bytes > HEADS_BYTES_MAX {
            break;
        }
        heads.notes.push(note.clone());
    }
    heads
}

/// Findings that each peer was told, and until when they need not be told again, Unix
/// milliseconds. Kept while the process runs: telling twice is harmless.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<BTreeMap<CityId, BTreeMap<[u8; 16], u64>>>);

impl Told {
    /// What travels to a peer now, and the ids of the findings in it.
    pub(crate) fn heads_for(
        &self,
        published: &Published,
        to: &CityId,
        now_ms: u64,
    ) -> (wire::Heads, Vec<[u8; 16]>) {
        let mut heads = known_heads(published);
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until_ms = |id: &[u8; 16]| told.get(to).and_then(|told| told.get(id)).copied();
        let (mut ids, mut bytes) = (Vec::new(), 0);
        for finding in published.findings.iter().filter(|finding| finding.city != *to) {
            let is_told = until_ms(&finding.id).is_some_and(|until_ms| now_ms < until_ms);
            let fits = bytes + finding.file.len() <= FINDINGS_BYTES_MAX;
            if !is_told && fits && ids.len() < FINDINGS_MAX {
                bytes += finding.file.len();
                heads.findings.push(finding.file.clone());
                ids.push(finding.id);
            }
        }
        (heads, ids)
    }

    /// These were told.
    pub(crate) fn mark(&self, to: &CityId, ids: Vec<[u8; 16]>, until_ms: u64) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = told.entry(to.clone()).or_default();
        of.extend(ids.into_iter().map(|id| (id, until_ms)));
    }
}

/// Whether heads that came are within their limits.
pub(crate) fn fits(heads: &wire::Heads) -> bool {
    let bytes: usize = heads.notes.iter().map(String::len).sum();
    let files: usize = heads.findings.iter().map(Vec::len).sum();
    heads.notes.len() <= HEADS_MAX
        && bytes <= HEADS_BYTES_MAX
        && heads.findings.len() <= FINDINGS_MAX
        && files <= FINDINGS_BYTES_MAX
}

/// Those that tell something new about the log of a peer. Whether they are signed is looked at
/// where they are taken in.
pub(crate) fn news(published: &Published, notes: &[String]) -> Vec<(CityId, String)> {
    let is_new = |note: &&String| {
        let origin = note.lines().next().unwrap_or_default();
        let known = published.heads.get(origin);
        !known.is_some_and(|known| known.all().any(|seen| seen.note == **note))
    };
    let of_peer = |note: &String| {
        let owner = LogName::parse(note.lines().next()?)?.city().to_owned();
        let city = CityId::parse(&owner)?;
        published.directory.peers.contains_key(&city).then(|| (city, note.clone()))
    };
    notes.iter().filter(is_new).filter_map(of_peer).collect()
}
