//! The evidence of a case: everything a stranger needs to check it, and no personal data unless
//! it is asked for.

use crate::directory::{Bond, Peer};
use crate::house::House;
use crate::legs::{Entry, LegFile};
use crate::statements::open_leg;
use crate::store::{self, Conn, Store, StoreError};
use crate::trouble::{Denied, Outcome};
use crate::writer::Published;
use jieli_proto::bundle::{Bundle, BundledItem, build};
use jieli_proto::envelope;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::pack::Content;
use jieli_proto::section::{Phase, SectionKind};
use jieli_proto::strict::Payload;
use jieli_proto::tree::Hash;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, Envelope};
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

mod collect;
mod erased;
mod pack;
mod parts;
mod proofs;
mod trust;
mod within;
pub use collect::{ask_peer, next_missing};
pub(crate) use pack::pack;

/// The program's name in REPORT.txt.
const PRODUCT: &str = concat!("jieli ", env!("CARGO_PKG_VERSION"));

/// A bundle, and what its verifier will not find complete.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The ZIP.
    pub zip: Vec<u8>,
    /// `中文。 English.`, one for each leg without a statement of the other city.
    pub notes: Vec<String>,
}

/// What is being gathered.
struct Export<'a> {
    conn: &'a mut Conn,
    house: &'a House,
    published: &'a Published,
    bond: Arc<Bond>,
    peer: Arc<Peer>,
    bundle: Bundle,
    notes: Vec<String>,
    /// Where each record stands in our own log.
    own: BTreeMap<Digest, (u32, u64)>,
    /// By the origin of an epoch that ended: up to which size it counts.
    ends: BTreeMap<String, u64>,
    /// Heads that were linked to those with further cosignatures.
    linked: BTreeSet<(String, u64)>,
}

/// What of a case is exported.
#[derive(Clone, Debug)]
pub enum Part {
    /// Every leg, naming no person.
    Bare,
    /// Every leg, with the personal data that this city still holds and its desks may read.
    Sections,
    /// These legs, with all that this city holds about the person: the person's own copy.
    Own(Vec<LegId>),
}

/// Builds the bundle of a case. `sections` adds the personal data this city still holds.
pub async fn export(
    store: &Store,
    house: &House,
    published: &Published,
    case_number: &str,
    sections: bool,
) -> Outcome<Exported> {
    let part = if sections { Part::Sections } else { Part::Bare };
    export_part(store, house, published, case_number, part).await
}

/// Builds the bundle of a part of a case.
pub async fn export_part(
    store: &Store,
    house: &House,
    published: &Published,
    case_number: &str,
    part: Part,
) -> Outcome<Exported> {
    let mut conn = store.read().await?;
    let case = store::legs::case(&mut conn, case_number)
        .await?
        .ok_or_else(|| Denied::not_found(case_number))?;
    let mut files = Vec::new();
    for leg in store::legs::legs_of(&mut conn, case.id).await? {
        if let Some(file) = store::legs::load(&mut conn, leg, &house.shelf()).await?
            && !file.entries.is_empty()
            && part.holds(leg)
        {
            files.push(file);
        }
    }
    if files.iter().any(LegFile::is_local) {
        return match &part {
            Part::Bare | Part::Own(_) => {
                within::copy(&mut conn, house, published, &files, &part).await
            }
            Part::Sections => Err(local_case().into()),
        };
    }
    let directory = &published.directory;
    let bond = files.first().and_then(|file| file.bond).and_then(|id| directory.bonds.get(&id));
    let bond = bond.ok_or_else(nothing_sent)?.clone();
    let peer = directory.peers.get(&bond.peer).cloned().ok_or_else(nothing_sent)?;
    let mut export = Export::new(&mut conn, house, published, (bond, peer));
    export.trust().await?;
    export.acts().await?;
    for file in &files {
        export.leg(file, &part).await?;
        export.statement(file).await?;
    }
    export.own_proofs().await?;
    build_bundle(&export.bundle, export.notes)
}

fn build_bundle(bundle: &Bundle, notes: Vec<String>) -> Outcome<Exported> {
    let zip = build(bundle).map_err(|error| {
        Denied::new(
            "NOT_COMPLETE",
            "证据包还不完整。",
            format!("The bundle is not complete: {error}"),
        )
    })?;
    Ok(Exported { zip, notes })
}

/// Signs something about what is exported with the newest message key.
async fn seal<M: Payload>(
    house: &House,
    published: &Published,
    now_ms: u64,
    payload: &M,
) -> Outcome<Envelope> {
    let keys = published.directory.newest_message_keys(now_ms);
    let sealed = house.keys.seal(&keys, payload).await;
    Ok(sealed.map_err(|_| StoreError::Corrupt("message key"))?)
}

impl Part {
    fn holds(&self, leg: LegId) -> bool {
        match self {
            Part::Bare | Part::Sections => true,
            Part::Own(legs) => legs.contains(&leg),
        }
    }
}

impl<'a> Export<'a> {
    fn new(
        conn: &'a mut Conn,
        house: &'a House,
        published: &'a Published,
        (bond, peer): (Arc<Bond>, Arc<Peer>),
    ) -> Export<'a> {
        Export {
            conn,
            house,
            published,
            bond,
            peer,
            bundle: Bundle { product: PRODUCT.to_owned(), ..Bundle::default() },
            notes: Vec::new(),
            own: BTreeMap::new(),
            ends: BTreeMap::new(),
            linked: BTreeSet::new(),
        }
    }

    /// The acts that made the agreement, and the agreement versions themselves.
    async fn acts(&mut self) -> Outcome<()> {
        for side in [PartySide::A, PartySide::B] {
            let lane = Lane::acts(side);
            let rows = self
                .conn
                .rows(
                    "SELECT envelope, leaf_idx, lane_seq, leaf_epoch FROM envelope \
                     WHERE agreement_id = $1 AND lane = $2 ORDER BY lane_seq",
                    vec![self.bond.id.to_vec().into(), lane.number().into()],
                )
                .await?;
            for row in rows {
                let sealed = decode(&row.bytes(0)?)?;
                let leaf = (row.uint(3)? as u32, row.uint(1)?);
                // It came after what is exported here was signed for.
                if self.published.covers(leaf.0, leaf.1) {
                    self.record(sealed, lane, row.uint(2)?, leaf).await?;
                }
            }
        }
        let rows = self
            .conn
            .rows(
                "SELECT envelope FROM agreement_version WHERE agreement_id = $1 \
                 AND countersigned_ms > 0 ORDER BY version",
                vec![self.bond.id.to_vec().into()],
            )
            .await?;
        for row in rows {
            self.bundle.agreements.push(decode(&row.bytes(0)?)?);
        }
        Ok(())
    }

    /// The messages of a leg with their consents.
    async fn leg(&mut self, file: &LegFile, part: &Part) -> Outcome<()> {
        for entry in &file.entries {
            let lane = self.lane_of(file, entry);
            let row = self
                .conn
                .one(
                    "SELECT envelope, leaf_idx, leaf_epoch FROM envelope \
                     WHERE agreement_id = $1 AND lane = $2 AND lane_seq = $3",
                    vec![self.bond.id.to_vec().into(), lane.number().into(), entry.lane_seq.into()],
                )
                .await?;
            let sealed = decode(&row.bytes(0)?)?;
            let leaf = (row.uint(2)? as u32, row.uint(1)?);
            if !self.published.covers(leaf.0, leaf.1) {
                return Err(on_its_way().into());
            }
            self.record(sealed, lane, entry.lane_seq, leaf).await?;
            let Some(message) = &entry.message else { continue };
            parts::consent(self.conn, &mut self.bundle, &message.consent_digest).await?;
            let seen = message.header.as_ref().and_then(|header| header.seen_head.as_ref());
            self.quoted(seen).await?;
            if let Some(Body::Expire(expire)) = &message.body {
                // Signed by the side that was silent.
                if let Some(answers) = lane.answered_in() {
                    self.receipt(&expire.receipt, answers).await?;
                }
            }
            erased::confirmed(&mut self.bundle, file, entry, message);
            // V20: who sent the person does not read the school or the employer.
            let reads = |kind: &SectionKind| match part {
                Part::Bare => false,
                Part::Sections => kind.phase != Phase::C || !file.is_sender(),
                Part::Own(_) => true,
            };
            parts::sections(self.conn, self.house, &mut self.bundle, (file, entry), &reads).await?;
        }
        let erased = erased::tombstones(self.conn, self.house, self.published, file).await?;
        self.bundle.tombstones.extend(erased);
        Ok(())
    }

    /// Our word on how many messages of a leg we have sent, and the other city's.
    async fn statement(&mut self, file: &LegFile) -> Outcome<()> {
        let bundle = &mut self.bundle;
        parts::statement(self.house, self.published, bundle, (file, file.our_side)).await?;
        self.their_statement(file).await
    }

    /// What the other city says it has sent, where that is what is here: a bundle with both
    /// statements is complete.
    async fn their_statement(&mut self, file: &LegFile) -> Outcome<()> {
        let sealed = store::checks::leg_statement(self.conn, file.id).await?;
        let said = sealed.as_ref().and_then(|sealed| open_leg(&self.peer, file.id, sealed));
        let last = file.entries.iter().rfind(|entry| entry.side != file.our_side);
        let here = (
            last.map_or(0, |entry| entry.seq),
            last.map_or(Digest::ZERO, |entry| entry.env_digest).to_vec(),
        );
        let (number, city) = (file.number, &self.peer.name);
        match said.zip(sealed) {
            Some((said, sealed)) if (said.last_leg_seq, said.last_env_digest.clone()) == here => {
                self.bundle.envelopes.push(sealed);
            }
            Some((said, _)) if said.last_leg_seq > here.0 => self.notes.push(format!(
                "第 {number} 项：{city} 说还有消息没有到达这里，请稍后再导出。 Leg {number}: {city} \
                 says that it has sent more than has arrived: export again later."
            )),
            Some(_) | None => self.notes.push(format!(
                "第 {number} 项：没有 {city} 最新的声明（可能联系不上），核验时会显示之后可能还有消息。 \
                 Leg {number}: there is no new statement of {city}, which may be out of reach: the \
                 verifier will say that later messages may exist."
            )),
        }
        Ok(())
    }

    fn lane_of(&self, file: &LegFile, entry: &Entry) -> Lane {
        let ours = entry.side == file.our_side;
        Lane::messages(if ours { self.bond.our_side } else { self.bond.our_side.other() })
    }

    /// A message or act with its item, its receipt, and its proof in the other city's log.
    async fn record(
        &mut self,
        sealed: Envelope,
        lane: Lane,
        lane_seq: u64,
        leaf: (u32, u64),
    ) -> Outcome<()> {
        let digest = envelope::env_digest(&sealed);
        self.own.insert(digest, leaf);
        if lane.kind() == Kind::Act {
            self.calendar_announced(&sealed).await?;
        }
        self.bundle.envelopes.push(sealed);
        let row = self
            .conn
            .maybe(
                "SELECT receipt_digest, item, path FROM receipt_item \
                 WHERE agreement_id = $1 AND lane = $2 AND lane_seq = $3",
                vec![self.bond.id.to_vec().into(), lane.number().into(), lane_seq.into()],
            )
            .await?
            .ok_or_else(on_its_way)?;
        let receipt: [u8; 32] = row.array(0)?;
        self.bundle.items.push(BundledItem {
            answers: digest,
            receipt: Digest(receipt),
            item: row.bytes(1)?,
            path: hashes(&row.bytes(2)?),
        });
        if let Some(answers) = lane.answered_in() {
            self.receipt(&receipt, answers).await?;
        }
        self.peer_proof(&digest).await
    }

    /// The calendar that an act announces: what dates were counted by. One whose key is revoked by
    /// now cannot be judged by whoever holds nothing but the bundle.
    async fn calendar_announced(&mut self, sealed: &Envelope) -> Result<(), StoreError> {
        let Ok(act) = envelope::payload::<wire::Act>(sealed) else { return Ok(()) };
        if act.act_type() != wire::ActType::Pack {
            return Ok(());
        }
        let Some(named) = Digest::from_slice(&act.subject) else { return Ok(()) };
        let Some(pack) = store::packs::by_digest(self.conn, &named).await? else { return Ok(()) };
        let fpr = envelope::key_fpr(&pack).unwrap_or_default();
        let newest = [self.published.directory.manifest(), self.peer.newest()];
        let revoked = newest.into_iter().flatten().any(|manifest| manifest.is_revoked(&fpr));
        let is_calendar = matches!(Content::of_envelope(&pack), Ok(Content::Calendar(_)));
        if is_calendar && !revoked {
            self.bundle.packs.push(pack);
        }
        Ok(())
    }

    async fn receipt(&mut self, digest: &[u8], lane: Lane) -> Outcome<()> {
        let known = self
            .bundle
            .envelopes
            .iter()
            .any(|sealed| envelope::env_digest(sealed).0[..] == *digest);
        if digest.is_empty() || known {
            return Ok(());
        }
        let row = self
            .conn
            .maybe(
                "SELECT envelope, leaf_idx, leaf_epoch FROM envelope WHERE env_digest = $1 \
                 AND agreement_id = $2 AND lane = $3",
                vec![digest.into(), self.bond.id.to_vec().into(), lane.number().into()],
            )
            .await?
            .ok_or_else(on_its_way)?;
        let sealed = decode(&row.bytes(0)?)?;
        let fpr = envelope::key_fpr(&sealed).unwrap_or_default();
        let name = envelope::env_digest(&sealed);
        self.bundle.envelopes.push(sealed);
        // Signed by a key that is revoked by now: its place in the other log tells that it counts.
        let ours = lane.side() == self.bond.our_side;
        let newest = if ours { self.published.directory.manifest() } else { self.peer.newest() };
        match newest.is_some_and(|newest| newest.is_revoked(&fpr)) {
            true if ours => self.peer_proof(&name).await?,
            true => drop(self.own.insert(name, (row.uint(2)? as u32, row.uint(1)?))),
            false => {}
        }
        Ok(())
    }
}

fn decode(bytes: &[u8]) -> Result<Envelope, StoreError> {
    Envelope::decode(bytes).map_err(|_| StoreError::Corrupt("envelope.envelope"))
}

fn hashes(bytes: &[u8]) -> Vec<Hash> {
    bytes.as_chunks::<32>().0.to_vec()
}

fn local_case() -> Denied {
    Denied::new(
        "LOCAL_CASE",
        "这个办件的两家机构同在本市：带个人信息的副本只给本人（jieli worker copy）；不带个人信息的用 jieli export。",
        "Both offices of this case are in this city: the copy with personal data is the person's own \
         (`jieli worker copy`); `jieli export` makes the one that names nobody.",
    )
}

fn nothing_sent() -> Denied {
    Denied::new(
        "NOTHING_SENT",
        "该办件还没有发出任何内容，没有可导出的存证。",
        "Nothing of this case has been sent, so there is no evidence to export.",
    )
}

fn consent_is_over() -> Denied {
    Denied::new(
        "KEPT_NO_LONGER",
        "该办件关闭已满三年，同意书已删除，不能再导出完整存证。",
        "Three years after it closed the consents of this case are gone: no complete evidence any \
         more.",
    )
}

fn on_its_way() -> Denied {
    Denied::new(
        "ON_ITS_WAY",
        "有消息还没有收到对方回执，请稍后再导出。",
        "A message has no receipt yet: export again when it has arrived.",
    )
}

fn no_peer_proof() -> Denied {
    Denied::new(
        "PEER_PROOF_MISSING",
        "还缺对方城市日志的存在证明，且现在联系不上对方，请稍后再导出。",
        "A proof from the other city's log is missing and that city cannot be reached: try later.",
    )
}
