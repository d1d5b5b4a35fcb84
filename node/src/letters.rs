//! Letters are written when they are sent: the envelope is fixed, but sections travel only while
//! nothing has stopped their use, and proofs are made for the newest signed head.

mod proof;
mod shown;

pub(crate) use proof::answer;
pub use shown::FETCH_MAX;

use crate::house::House;
use crate::legs::LegFile;
use crate::store::queue::Place;
use crate::store::{Conn, Store, StoreError, legs, places};
use crate::vault;
use crate::writer::Published;
use jieli_proto::consent::CONSENT_DAYS;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest, LegId, MsgId};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::manifest::Manifest;
use jieli_proto::wire::{self, Letter, MessageType, Role};
use prost::Message as _;
use std::collections::BTreeMap;
use std::fmt;

/// Letters of one delivery together take at most so many bytes, give or take one.
const DELIVERY_BYTES_MAX: usize = 4 << 20;

/// Rows named in one statement.
const KEYS_AT_ONCE: usize = 256;

const DAY_MS: u64 = 86_400_000;

/// Writes letters from what is stored. Cheap to clone.
#[derive(Clone)]
pub struct Letters {
    store: Store,
    house: House,
}

impl Letters {
    /// Letters of this house.
    pub fn new(store: Store, house: House) -> Letters {
        Letters { store, house }
    }

    /// The store they are read from.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The letters of these places, in their order. What no signed head covers yet is left out,
    /// with everything behind it in its lane; so is what the other city cannot verify before it
    /// holds a manifest that is on its way, and what would make a delivery too large.
    pub async fn write(
        &self,
        published: &Published,
        wanted: &[Place],
    ) -> Result<Vec<Letter>, StoreError> {
        let mut conn = self.store.read().await?;
        let mut rows = stored(&mut conn, wanted).await?;
        let mut writing = Writing { letters: self, published, legs: BTreeMap::new() };
        let (mut done, mut bytes) = (Vec::new(), 0);
        let mut ended: Vec<(AgreementId, Lane)> = Vec::new();
        for place in wanted {
            let lane = (place.agreement_id, place.lane);
            let row = rows.remove(place).filter(|row| {
                published.covers(row.epoch, row.index) && can_be_read(published, place, &row.sealed)
            });
            let Some(row) = row.filter(|_| !ended.contains(&lane)) else {
                ended.push(lane);
                continue;
            };
            let letter = writing.write(&mut conn, place, row).await?;
            // A consent is signed anew when its key is revoked, apart from what cites it.
            if !letter.consents.iter().all(|consent| can_be_read(published, place, consent)) {
                ended.push(lane);
                continue;
            }
            bytes += letter.encoded_len();
            done.push(letter);
            if bytes >= DELIVERY_BYTES_MAX {
                break;
            }
        }
        Ok(done)
    }
}

/// An envelope with the index of its leaf.
struct Stored {
    digest: Digest,
    sealed: wire::Envelope,
    epoch: u32,
    index: u64,
}

/// One round of writing: legs are loaded once.
struct Writing<'a> {
    letters: &'a Letters,
    published: &'a Published,
    legs: BTreeMap<LegId, Option<LegFile>>,
}

impl Writing<'_> {
    async fn write(
        &mut self,
        conn: &mut Conn,
        place: &Place,
        row: Stored,
    ) -> Result<Letter, StoreError> {
        let mut letter = Letter {
            agreement_id: place.agreement_id.to_vec(),
            lane: u32::from(place.lane.number()),
            lane_seq: place.lane_seq,
            ..Letter::default()
        };
        // An act carries what it carries.
        if place.lane.kind() == Kind::Receipt {
            letter.proof = Some(proof::of_receipt(conn, self.published, &row.digest).await?);
        } else if place.lane.kind() == Kind::Message {
            let message: wire::Message = envelope::payload(&row.sealed)
                .map_err(|_| StoreError::Corrupt("envelope.envelope"))?;
            letter.leg_id = message.leg_id.clone();
            letter.leg_seq = message.leg_seq;
            self.enclose(conn, &message, &mut letter).await?;
        }
        letter.envelope = Some(row.sealed);
        Ok(letter)
    }

    /// Adds the consent that a message cites, and its sections while they may be used.
    async fn enclose(
        &mut self,
        conn: &mut Conn,
        message: &wire::Message,
        letter: &mut Letter,
    ) -> Result<(), StoreError> {
        let cited = Digest::from_slice(&message.consent_digest);
        let consent = match &cited {
            Some(digest) => consent(conn, digest).await?,
            None => None,
        };
        let lives = match &consent {
            Some(consent) => consent.lives(self.letters.house.world.clock.now_unix_ms()),
            // Phase C rests on no consent of its own.
            None => cited.is_none() && message.r#type() == MessageType::Outcome,
        };
        letter.consents.extend(consent.map(|consent| consent.sealed));
        let (Some(leg), Some(msg)) =
            (LegId::from_slice(&message.leg_id), MsgId::from_slice(&message.msg_id))
        else {
            return Ok(());
        };
        if !lives || message.section_digests.is_empty() {
            return Ok(());
        }
        let Some(file) = self.leg(conn, leg).await? else { return Ok(()) };
        // Nor for a RELEASE that a closing act has overridden meanwhile.
        let overridden = file.law.overridden(file.our_side, message.leg_seq);
        if file.is_stopped() || overridden {
            return Ok(());
        }
        for slot in &message.section_digests {
            let Ok(number) = u8::try_from(slot.section) else { continue };
            let found =
                vault::stored_section(conn, &self.letters.house, &file, msg, number).await?;
            letter.sections.extend(found);
        }
        Ok(())
    }

    async fn leg(&mut self, conn: &mut Conn, id: LegId) -> Result<Option<LegFile>, StoreError> {
        if let Some(known) = self.legs.get(&id) {
            return Ok(known.clone());
        }
        let file = legs::load(conn, id, &self.letters.house.shelf()).await?;
        self.legs.insert(id, file.clone());
        Ok(file)
    }
}

/// Whether the other city can judge what a key of ours signed by the manifests it holds: it knows the
/// key, and nothing revokes it there since. An act goes in any case: it may bring the manifest.
fn can_be_read(published: &Published, place: &Place, sealed: &wire::Envelope) -> bool {
    let directory = &published.directory;
    let held = directory.bonds.get(&place.agreement_id).and_then(|b| directory.held_by(&b.peer));
    let (Some(held), Ok(fpr)) = (held, envelope::key_fpr(sealed)) else { return true };
    let names = |manifest: &Manifest| manifest.key(&fpr, Role::Message).is_some();
    if place.lane.kind() == Kind::Act || !directory.own.values().any(names) {
        return true;
    }
    let is_known = directory.own.range(..=held.version).any(|(_, manifest)| names(manifest));
    // What a revoked key signed would be taken there, and disputed once the manifest comes.
    let mut later = directory.own.range(held.version + 1..);
    is_known && !later.any(|(_, manifest)| manifest.is_revoked(&fpr))
}

/// A consent as stored.
struct Consent {
    sealed: wire::Envelope,
    given_ms: u64,
    has_ended: bool,
}

impl Consent {
    fn lives(&self, now_ms: u64) -> bool {
        let age_ms_max = CONSENT_DAYS.unsigned_abs() * DAY_MS;
        !self.has_ended && now_ms.saturating_sub(self.given_ms) <= age_ms_max
    }
}

async fn consent(conn: &mut Conn, digest: &Digest) -> Result<Option<Consent>, StoreError> {
    let sql = "SELECT envelope, given_ms, ended_ms FROM consent WHERE env_digest = $1";
    let Some(row) = conn.maybe(sql, vec![digest.to_vec().into()]).await? else { return Ok(None) };
    let sealed = decode(&row.bytes(0)?, "consent.envelope")?;
    Ok(Some(Consent { sealed, given_ms: row.uint(1)?, has_ended: row.int(2)? != 0 }))
}

/// The envelopes at these places.
async fn stored(conn: &mut Conn, wanted: &[Place]) -> Result<BTreeMap<Place, Stored>, StoreError> {
    let mut by_lane: BTreeMap<(AgreementId, Lane), Vec<u64>> = BTreeMap::new();
    for place in wanted {
        by_lane.entry((place.agreement_id, place.lane)).or_default().push(place.lane_seq);
    }
    let mut found = BTreeMap::new();
    for ((agreement_id, lane), seqs) in by_lane {
        for seqs in seqs.chunks(KEYS_AT_ONCE) {
            let sql = format!(
                "SELECT lane_seq, env_digest, envelope, leaf_idx, leaf_epoch FROM envelope \
                 WHERE agreement_id = $1 AND lane = $2 AND lane_seq IN ({})",
                places(3, seqs.len())
            );
            let mut vals = vec![agreement_id.to_vec().into(), lane.number().into()];
            vals.extend(seqs.iter().map(|seq| (*seq).into()));
            for row in conn.rows_many(sql, vals).await? {
                let place = Place { agreement_id, lane, lane_seq: row.uint(0)? };
                let digest = Digest(row.array(1)?);
                let sealed = decode(&row.bytes(2)?, "envelope.envelope")?;
                let (index, epoch) = (row.uint(3)?, row.uint(4)? as u32);
                found.insert(place, Stored { digest, sealed, epoch, index });
            }
        }
    }
    Ok(found)
}

fn decode(bytes: &[u8], what: &'static str) -> Result<wire::Envelope, StoreError> {
    wire::Envelope::decode(bytes).map_err(|_| StoreError::Corrupt(what))
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letters")
    }
}
