//! One transaction in the making: what commands have decided, before it is written.
//!
//! Commands read through the overlay and add to it; the writer writes it all at once. A command
//! that is denied has added nothing, because every command decides first and adds after.

use crate::directory::{Bond, Directory};
use crate::house::House;
use crate::keyring::Work;
use crate::legs::{LegFile, Standing};
use crate::plant;
use crate::store::log::Head;
use crate::store::{Conn, StoreError, Val};
use crate::witness::{Finding, Seen};
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CityId, Digest, LegId};
use jieli_proto::kinds::{Kind, Lane, SUITE};
use jieli_proto::leaf::{Leaf, payload_type_tag};
use jieli_proto::strict::Payload;
use jieli_proto::tree::{self, Hash};
use jieli_proto::wire::{self, Envelope, Header, Item, ItemStatus};
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The end of a lane.
#[derive(Clone, Copy, Debug, Default)]
pub struct LaneEnd {
    /// Last sequence taken, 0 if none.
    pub last_seq: u64,
    /// Its env_digest, zero bytes if none.
    pub last_digest: Digest,
    /// Its created_unix_ms.
    pub last_created_ms: u64,
    /// The agreement version it cited.
    pub last_version: u32,
}

/// A letter taken in by this batch, to be answered by the batch's receipt.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its place in the lane.
    pub lane_seq: u64,
    /// Its name.
    pub env_digest: Digest,
    /// Index of its leaf.
    pub index: u64,
    /// What the receipt will say.
    pub status: ItemStatus,
    /// Refusal code, 0 if none.
    pub code: u32,
}

/// See the module.
pub struct Batch<'a> {
    /// The open transaction.
    pub conn: &'a mut Conn,
    /// Keys, clock, calendar, settings.
    pub house: &'a House,
    /// Peers and agreements as of this batch.
    pub directory: Directory,
    /// The instant of the batch, Unix milliseconds.
    pub now_ms: u64,
    /// Its civil date.
    pub today: Day,
    /// The exchange log's head at the start of the batch.
    pub head: Head,
    /// Whether the directory must be reloaded by everyone.
    pub directory_changed: bool,
    /// Peers that have something to fetch or send.
    pub wake: BTreeSet<CityId>,
    /// Heads of peers' logs that this batch has accepted, in their order.
    pub(crate) heads: BTreeMap<String, Vec<Seen>>,
    /// How far this batch has mirrored logs.
    pub(crate) mirrored: BTreeMap<String, u64>,
    /// Heads of peers' logs that this batch has cosigned: into the high-water file before anybody
    /// sees the cosignature.
    pub(crate) cosigned: Vec<(String, u64, Hash)>,
    /// Proofs of misbehaviour that this batch has kept.
    pub(crate) findings: Vec<Finding>,
    /// The largest own head with all cosignatures on it, or none, where this batch has changed it.
    pub(crate) own_cosigned: Option<Option<Seen>>,
    /// What payloads to a peer quote, until a head or a cosignature comes.
    pub(crate) quoted: BTreeMap<CityId, Option<wire::SeenHead>>,
    pub(crate) lanes: BTreeMap<(AgreementId, Lane), LaneEnd>,
    pub(crate) legs: BTreeMap<LegId, LegFile>,
    pub(crate) leaves: Vec<Vec<u8>>,
    pub(crate) records: Vec<Vec<u8>>,
    /// Epoch and size of the local log at the start of the batch.
    pub(crate) local_head: (u32, u64),
    /// What is to be done to the key ring before this batch commits.
    pub(crate) ring: Work,
    taken: BTreeMap<(AgreementId, Lane), Vec<Taken>>,
    envelopes: Vec<Vec<Val>>,
    /// What two offices of this city said to each other.
    pub(crate) local: Vec<Vec<Val>>,
    /// The same by place, for who asks before they are written.
    pub(crate) logged: BTreeMap<(AgreementId, Lane, u64), Envelope>,
    pub(crate) messages: Vec<Vec<Val>>,
    outbox: Vec<Vec<Val>>,
    /// While a leaf is put back: what was said of it then.
    pub(crate) stands: Option<Standing>,
    /// The epochs that come next for the two logs, at least: none was ever used before.
    pub(crate) epochs: (u32, u32),
    /// What the high-water file says of the local log.
    pub(crate) local_mark: Option<(u64, tree::Hash)>,
    /// The epochs that this batch opens.
    pub(crate) exchange_epoch: Option<u32>,
    pub(crate) local_epoch: Option<u32>,
    /// Whether this batch ends a recovery.
    pub(crate) resumed: bool,
}

impl<'a> Batch<'a> {
    /// Opens a batch on a claimed head.
    pub fn new(
        conn: &'a mut Conn,
        house: &'a House,
        directory: Directory,
        head: Head,
        now_ms: u64,
    ) -> Batch<'a> {
        Batch {
            conn,
            house,
            today: directory.shelf.home().day_of_unix_ms(now_ms),
            directory,
            now_ms,
            head,
            directory_changed: false,
            wake: BTreeSet::new(),
            heads: BTreeMap::new(),
            mirrored: BTreeMap::new(),
            cosigned: Vec::new(),
            findings: Vec::new(),
            own_cosigned: None,
            quoted: BTreeMap::new(),
            lanes: BTreeMap::new(),
            legs: BTreeMap::new(),
            leaves: Vec::new(),
            records: Vec::new(),
            local_head: (1, 0),
            ring: Work::default(),
            taken: BTreeMap::new(),
            envelopes: Vec::new(),
            local: Vec::new(),
            logged: BTreeMap::new(),
            messages: Vec::new(),
            outbox: Vec::new(),
            stands: None,
            epochs: (1, 1),
            local_mark: None,
            exchange_epoch: None,
            local_epoch: None,
            resumed: false,
        }
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        crate::world::random(self.house.world.entropy.as_ref())
    }

    /// An agreement by id.
    pub fn bond(&self, id: &AgreementId) -> Option<Arc<Bond>> {
        self.directory.bonds.get(id).cloned()
    }

    /// What a leg goes by, as its view's side sees it.
    pub fn bond_of(&self, file: &LegFile) -> Option<Bond> {
        self.directory.bond_of(file).map(std::borrow::Cow::into_owned)
    }

    /// The end of a lane, with what this batch has added.
    pub async fn lane_end(
        &mut self,
        agreement: AgreementId,
        lane: Lane,
    ) -> Result<LaneEnd, StoreError> {
        if let Some(end) = self.lanes.get(&(agreement, lane)) {
            return Ok(*end);
        }
        if agreement.is_local() {
            let end = crate::local::lane_end(self.conn, lane).await?;
            self.lanes.insert((agreement, lane), end);
            return Ok(end);
        }
        let row = self
            .conn
            .maybe(
                "SELECT last_seq, last_digest, last_created_ms, last_version FROM lane \
             WHERE agreement_id = $1 AND lane = $2",
                vec![agreement.to_vec().into(), i64::from(lane.number()).into()],
            )
            .await?;
        let end = match row {
            None => LaneEnd::default(),
            Some(row) => LaneEnd {
                last_seq: row.int(0)? as u64,
                last_digest: Digest::from_slice(&row.bytes(1)?)
                    .ok_or(StoreError::Corrupt("lane.last_digest"))?,
                last_created_ms: row.int(2)? as u64,
                last_version: row.int(3)? as u32,
            },
        };
        self.lanes.insert((agreement, lane), end);
        Ok(end)
    }

    /// The header of our next payload in a lane.
    pub async fn header(&mut self, bond: &Bond, lane: Lane) -> Result<Header, StoreError> {
        let end = self.lane_end(bond.id, lane).await?;
        let seen_head = self.seen_head(&bond.peer).await?;
        let voice = self.directory.message_keys(&bond.peer, self.now_ms);
        Ok(Header {
            suite: u32::from(SUITE),
            agreement_id: bond.id.to_vec(),
            agreement_version: bond.version().max(end.last_version),
            manifest_version: voice.version,
            sender: self.directory.city.as_str().to_owned(),
            recipient: bond.peer.as_str().to_owned(),
            lane: u32::from(lane.number()),
            lane_seq: end.last_seq + 1,
            lane_prev: end.last_digest.to_vec(),
            // Never goes back within a lane, whatever the clock does.
            created_unix_ms: self.now_ms.max(end.last_created_ms),
            seen_head,
        })
    }

    /// Signs a payload whose header came from [`Batch::header`], logs it and puts it in the outbox.
    pub async fn send<M: Payload>(
        &mut self,
        bond: &Bond,
        header: &Header,
        payload: &M,
    ) -> Result<Digest, StoreError> {
        let sealed = self.seal_for(&bond.peer, payload).await?;
        let lane = Lane::from_number(header.lane).ok_or(StoreError::Corrupt("lane"))?;
        let digest = self.log_envelope(bond.id, lane, header, &sealed)?;
        // A receipt also travels as the answer on the stream that brought the letter; its own
        // letter is the safety net behind it.
        let wait_ms = if lane.kind() == Kind::Receipt { 5_000 } else { 0 };
        if plant::is(plant::Fault::ForgetOutbox) && digest.0[0].is_multiple_of(16) {
            return Ok(digest);
        }
        self.outbox.push(vec![
            Val::Bytes(bond.id.to_vec()),
            Val::Int(i64::from(lane.number())),
            Val::Int(header.lane_seq as i64),
            Val::Text(bond.peer.as_str().to_owned()),
            Val::Int((self.now_ms + wait_ms) as i64),
            Val::Int(0),
            Val::Int(0),
            Val::Int(self.now_ms as i64),
            Val::Text(String::new()),
        ]);
        self.wake.insert(bond.peer.clone());
        Ok(digest)
    }

    /// Signs a payload for a city, with a message key that it knows; it stays in the house unless
    /// it is carried.
    pub async fn seal_for<M: Payload>(
        &mut self,
        city: &CityId,
        payload: &M,
    ) -> Result<Envelope, StoreError> {
        let voice = self.directory.message_keys(city, self.now_ms);
        self.seal_with(&voice.keys, payload).await
    }

    /// Signs a payload for whoever reads it, with the newest message key.
    pub async fn seal<M: Payload>(&mut self, payload: &M) -> Result<Envelope, StoreError> {
        let keys = self.directory.newest_message_keys(self.now_ms);
        self.seal_with(&keys, payload).await
    }

    async fn seal_with<M: Payload>(
        &mut self,
        keys: &[Digest],
        payload: &M,
    ) -> Result<Envelope, StoreError> {
        let sealed = self.house.keys.seal(keys, payload).await;
        sealed.map_err(|_| StoreError::Corrupt("message key"))
    }

    /// Stores an envelope verbatim at the end of its lane and appends its leaf.
    pub fn log_envelope(
        &mut self,
        agreement: AgreementId,
        lane: Lane,
        frame: &Header,
        sealed: &Envelope,
    ) -> Result<Digest, StoreError> {
        let digest = envelope::env_digest(sealed);
        let index = self.next_index();
        self.leaves.push(leaf_of(agreement, lane, frame.lane_seq, sealed)?.to_vec());
        self.envelopes.push(vec![
            Val::Bytes(agreement.to_vec()),
            Val::Int(i64::from(lane.number())),
            Val::Int(frame.lane_seq as i64),
            Val::Bytes(digest.to_vec()),
            Val::Bytes(sealed.encode_to_vec()),
            Val::Int(index as i64),
            Val::Int(self.now_ms as i64),
            Val::Int(i64::from(self.head.id.epoch)),
        ]);
        self.logged.insert((agreement, lane, frame.lane_seq), sealed.clone());
        let end = LaneEnd {
            last_seq: frame.lane_seq,
            last_digest: digest,
            last_created_ms: frame.created_unix_ms,
            last_version: frame.agreement_version,
        };
        self.lanes.insert((agreement, lane), end);
        Ok(digest)
    }

    /// The index of the next leaf.
    pub(crate) fn next_index(&self) -> u64 {
        self.head.size + self.leaves.len() as u64
    }

    /// Notes a letter that this batch's receipt will answer.
    pub fn take(&mut self, agreement: AgreementId, lane: Lane, taken: Taken) {
        if plant::is(plant::Fault::NoReceipt) && taken.env_digest.0[0].is_multiple_of(16) {
            return;
        }
        self.taken.entry((agreement, lane)).or_default().push(taken);
    }

    /// Adds a record to the local log: what happened, with 32 random bytes so that its hash tells
    /// nothing to who does not hold it.
    pub fn record(&mut self, what: &str, about: &[u8]) {
        let salt: [u8; 32] = self.random();
        let at = self.now_ms.to_be_bytes();
        let len = (what.len() as u16).to_be_bytes();
        self.records.push([b"JL-LOCAL1", &salt[..], &at, &len, what.as_bytes(), about].concat());
    }

    /// Raises an alarm for the operators. The same one is raised once a day, however often a peer
    /// gives cause for it.
    pub async fn alarm(
        &mut self,
        kind: &str,
        peer: &CityId,
        detail: &str,
    ) -> Result<(), StoreError> {
        debug_assert!(jieli_proto::words::alarm(kind).is_some(), "{kind}: no words for operators");
        let day = self.today.number().to_be_bytes();
        let parts: [&[u8]; 6] =
            [kind.as_bytes(), b"\0", peer.as_str().as_bytes(), b"\0", &day, detail.as_bytes()];
        let id = Digest::of(&parts);
        self.conn
            .run(
                "INSERT INTO alarm (alarm_id, raised_ms, kind, peer, detail) \
                 VALUES ($1,$2,$3,$4,$5) ON CONFLICT (alarm_id) DO NOTHING",
                vec![
                    id.0[..16].into(),
                    self.now_ms.into(),
                    kind.into(),
                    peer.as_str().into(),
                    detail.into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// Sets a timer: the node will perform `kind` on `subject` at that time.
    pub async fn timer(
        &mut self,
        due_ms: u64,
        kind: crate::timer::TimerKind,
        subject: &[u8],
    ) -> Result<(), StoreError> {
        let row = self.timer_row(due_ms, kind, subject);
        let sql = "INSERT INTO timer (timer_id, due_ms, kind, subject) VALUES ($1,$2,$3,$4)";
        self.conn.run(sql, row).await?;
        Ok(())
    }

    /// A row of `timer`: id, due_ms, kind, subject.
    pub(crate) fn timer_row(
        &mut self,
        due_ms: u64,
        kind: crate::timer::TimerKind,
        subject: &[u8],
    ) -> Vec<Val> {
        let id: [u8; 16] = self.random();
        let word = kind.word().to_owned();
        vec![id.to_vec().into(), (due_ms as i64).into(), word.into(), subject.to_vec().into()]
    }

    /// Makes the receipts of all letters taken in and writes everything that was added. Returns
    /// the places to answer.
    pub async fn flush(&mut self) -> Result<Vec<(AgreementId, Lane, u64)>, StoreError> {
        let taken = std::mem::take(&mut self.taken);
        let mut items = Vec::new();
        let mut places = Vec::new();
        for ((agreement, lane), letters) in taken {
            places.extend(letters.iter().map(|letter| (agreement, lane, letter.lane_seq)));
            items.extend(self.receipt(agreement, lane, &letters).await?);
        }
        // What stays in the house has no row of its own for the end of its lanes.
        let lanes = self.lanes.iter().filter(|((id, _), end)| end.last_seq > 0 && !id.is_local());
        let lanes: Vec<_> =
            lanes.map(|((agreement, lane), end)| (*agreement, *lane, *end)).collect();
        for (agreement, lane, end) in lanes {
            self.store_lane(agreement, lane, end).await?;
        }
        let touched = std::mem::take(&mut self.legs);
        for file in touched.values() {
            self.note_standing(file).await?;
        }
        self.write_rows().await?;
        self.conn.insert_many("receipt_item", ITEM_COLUMNS, items).await?;
        // Receipts of this very batch may have settled a leg.
        for file in touched.values() {
            self.note_closing(file).await?;
            self.others_see(file).await?;
        }
        Ok(places)
    }

    /// Writes the envelopes, messages and letters added since the last time.
    pub(crate) async fn write_rows(&mut self) -> Result<(), StoreError> {
        let conn = &mut *self.conn;
        conn.insert_many(
            "envelope",
            &[
                "agreement_id",
                "lane",
                "lane_seq",
                "env_digest",
                "envelope",
                "leaf_idx",
                "stored_ms",
                "leaf_epoch",
            ],
            std::mem::take(&mut self.envelopes),
        )
        .await?;
        conn.insert_many("local_envelope", crate::local::COLUMNS, std::mem::take(&mut self.local))
            .await?;
        conn.insert_many("message", MESSAGE_COLUMNS, std::mem::take(&mut self.messages)).await?;
        conn.insert_many(
            "outbox",
            &[
                "agreement_id",
                "lane",
                "lane_seq",
                "peer",
                "due_ms",
                "attempts",
                "tried_ms",
                "since_ms",
                "problem",
            ],
            std::mem::take(&mut self.outbox),
        )
        .await
    }

    async fn store_lane(
        &mut self,
        agreement: AgreementId,
        lane: Lane,
        end: LaneEnd,
    ) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO lane (agreement_id, lane, last_seq, last_digest, last_created_ms, \
             last_version) VALUES ($1,$2,$3,$4,$5,$6) \
             ON CONFLICT (agreement_id, lane) DO UPDATE SET last_seq = excluded.last_seq, \
             last_digest = excluded.last_digest, last_created_ms = excluded.last_created_ms, \
             last_version = excluded.last_version",
                vec![
                    agreement.to_vec().into(),
                    i64::from(lane.number()).into(),
                    (end.last_seq as i64).into(),
                    end.last_digest.to_vec().into(),
                    (end.last_created_ms as i64).into(),
                    i64::from(end.last_version).into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// One receipt for all letters of one lane in this batch.
    async fn receipt(
        &mut self,
        agreement: AgreementId,
        lane: Lane,
        letters: &[Taken],
    ) -> Result<Vec<Vec<Val>>, StoreError> {
        let bond = self.bond(&agreement).ok_or(StoreError::Corrupt("agreement"))?;
        let answers = lane.answered_in().ok_or(StoreError::Corrupt("lane"))?;
        let own = self.lane_end(agreement, Lane::messages(bond.our_side)).await?;
        let items: Vec<Vec<u8>> =
            letters.iter().map(|letter| item(letter).encode_to_vec()).collect();
        let (root, paths) = tree::items_root(&items);
        let header = self.header(&bond, answers).await?;
        let receipt = wire::Receipt {
            header: Some(header.clone()),
            answers_lane: u32::from(lane.number()),
            count: letters.len() as u32,
            items_root: root.to_vec(),
            origin: self.directory.city.exchange_origin(self.head.id.epoch),
            received_unix_ms: self.now_ms,
            own_lane_seq: own.last_seq,
        };
        let digest = self.send(&bond, &header, &receipt).await?;
        let rows = letters.iter().zip(items).zip(paths).map(|((letter, item), path)| {
            item_row(agreement, lane, letter.lane_seq, digest, item, path.concat())
        });
        Ok(rows.collect())
    }
}

/// Columns of `message`, in the order of the rows pushed.
pub const MESSAGE_COLUMNS: &[&str] = &[
    "env_digest",
    "agreement_id",
    "lane",
    "lane_seq",
    "msg_id",
    "leg_id",
    "leg_seq",
    "side",
    "status",
    "code",
    "legal",
];

/// Columns of `receipt_item`, in the order of [`item_row`].
pub const ITEM_COLUMNS: &[&str] =
    &["agreement_id", "lane", "lane_seq", "receipt_digest", "item", "path"];

/// A row of `receipt_item`.
pub fn item_row(
    agreement: AgreementId,
    lane: Lane,
    lane_seq: u64,
    receipt: Digest,
    item: Vec<u8>,
    path: Vec<u8>,
) -> Vec<Val> {
    vec![
        Val::Bytes(agreement.to_vec()),
        Val::Int(i64::from(lane.number())),
        Val::Int(lane_seq as i64),
        Val::Bytes(receipt.to_vec()),
        Val::Bytes(item),
        Val::Bytes(path),
    ]
}

fn item(letter: &Taken) -> Item {
    Item {
        lane_seq: letter.lane_seq,
        env_digest: letter.env_digest.to_vec(),
        log_index: letter.index,
        status: letter.status.into(),
        code: letter.code,
    }
}

/// The 168 bytes that both cities log for an envelope at a place. It is the same whether or not
/// the payload decodes.
pub fn leaf_of(
    agreement: AgreementId,
    lane: Lane,
    lane_seq: u64,
    sealed: &Envelope,
) -> Result<[u8; 168], StoreError> {
    let kind = envelope::kind(sealed).map_or(0, Kind::number);
    let fixed = |bytes: &[u8]| bytes.try_into().map_err(|_| StoreError::Corrupt("envelope"));
    let leaf = Leaf {
        kind,
        suite: SUITE,
        lane: lane.number(),
        agreement_id: agreement.0,
        lane_seq,
        env_digest: envelope::env_digest(sealed).0,
        key_fpr: fixed(&sealed.key_fpr)?,
        sig: sealed.sig.as_slice().try_into().map_err(|_| StoreError::Corrupt("envelope"))?,
        payload_type_tag: payload_type_tag(&sealed.payload_type),
    };
    Ok(leaf.to_bytes())
}

impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batch(at {}, {} leaves)", self.now_ms, self.leaves.len())
    }
}
