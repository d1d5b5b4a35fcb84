//! What was signed by others and is kept: heads, proofs, mirrors, consents, statements; and texts
//! that are named by their digest.

use super::{Audit, DIFFERS, ROWS_AT_ONCE, UNREADABLE, UNSIGNED, sealed};
use crate::store::{Row, StoreError, mirror};
use crate::witness::open_head;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::kinds::Kind;
use jieli_proto::pack::Content;
use jieli_proto::tree::{self, Hash};
use jieli_proto::wire::{self, ReconcileReport};
use prost::Message as _;

const PEER_HEADS: &str = "SELECT origin, size, root, note FROM peer_head \
    WHERE origin > $1 OR (origin = $1 AND size > $2) ORDER BY origin, size LIMIT $3";

impl Audit<'_> {
    pub(super) async fn papers(&mut self) -> Result<(), StoreError> {
        self.signed_heads("peer_head", PEER_HEADS, |audit, origin, note| {
            audit.open_note(origin, note)
        })
        .await?;
        self.proofs().await?;
        self.mirrors().await?;
        self.consents().await?;
        self.terms().await?;
        self.packs().await?;
        self.statements().await
    }

    fn open_note(&self, origin: &str, note: &str) -> Option<Checkpoint> {
        let peers = self.published.directory.peers.values();
        let mut opened = peers.filter_map(|peer| open_head(peer, note));
        opened.find(|head| head.origin() == origin)
    }

    /// Each proof leads from the leaf of its envelope to a head that is kept.
    async fn proofs(&mut self) -> Result<(), StoreError> {
        self.at("peer_proof");
        let sql = "SELECT p.env_digest, p.log_index, p.head_size, p.hashes, \
                   COALESCE(h.root, p.env_digest), COALESCE(l.hash, p.env_digest), \
                   CAST(CASE WHEN h.root IS NULL THEN 0 ELSE 1 END AS BIGINT), \
                   CAST(CASE WHEN l.hash IS NULL THEN 0 ELSE 1 END AS BIGINT) \
                   FROM peer_proof p LEFT JOIN peer_head h ON h.origin = p.origin \
                   AND h.size = p.head_size LEFT JOIN envelope e ON e.env_digest = p.env_digest \
                   LEFT JOIN log_leaf l ON l.log = 'exchange' AND l.epoch = e.leaf_epoch \
                   AND l.idx = e.leaf_idx WHERE p.env_digest > $1 ORDER BY p.env_digest LIMIT $2";
        let mut after = Vec::new();
        loop {
            let vals = vec![after.clone().into(), ROWS_AT_ONCE.into()];
            let rows = self.rows(sql, vals).await?;
            for row in &rows {
                after = row.bytes(0)?;
                let key = hex::encode(&after);
                if !row.flag(6)? {
                    self.found(key, "origin, head_size", ["没有这个树头", "there is no such head"]);
                    continue;
                }
                if !row.flag(7)? {
                    self.found(key, "env_digest", ["没有这个信封", "there is no such envelope"]);
                    continue;
                }
                let hashes = row.bytes(3)?;
                let (hashes, rest) = hashes.as_chunks::<32>();
                let (leaf, root): (Hash, Hash) = (row.array(5)?, row.array(4)?);
                let size = row.uint(2)?;
                let index = row.uint(1).unwrap_or(u64::MAX);
                let leads = tree::verify_inclusion(&leaf, index, size, hashes, &root);
                let torn = self.report.findings.iter().any(|found| found.table == "log_leaf");
                let holds = leads.is_ok() && rest.is_empty();
                self.expect(holds || torn, &key, "hashes (or log_index)");
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    /// The hashes of peers' logs lead to the heads that were signed.
    async fn mirrors(&mut self) -> Result<(), StoreError> {
        self.at("mirror_head");
        let sql = "SELECT origin, size, root, note FROM mirror_head ORDER BY origin";
        for row in self.rows(sql, Vec::new()).await? {
            let (origin, size) = (row.text(0)?, row.uint(1)?);
            let root: Hash = row.array(2).unwrap_or_default();
            let note = row.text(3)?;
            let signed = self.open_note(&origin, &note);
            if !note.is_empty() && signed.is_none() {
                self.found(origin.as_str(), "note (or origin)", UNSIGNED);
            }
            let signed = signed.filter(|head| head.size() == size).map(|head| *head.root());
            self.expect(signed.is_none_or(|signed| signed == root), &origin, "root");
            let root = signed.unwrap_or(root);
            self.mirror(&origin, size, root).await?;
        }
        Ok(())
    }

    async fn mirror(&mut self, origin: &str, size: u64, root: Hash) -> Result<(), StoreError> {
        let mut hashes = tree::Frontier::new();
        let before = self.report.findings.len();
        let mut level = 0_u8;
        loop {
            let nodes = size.checked_shr(u32::from(level) * 8).unwrap_or(0);
            if nodes == 0 {
                break;
            }
            for index in 0..nodes.div_ceil(tree::TILE_WIDTH) {
                self.report.rows += 1;
                let tile = tree::Tile { level, index };
                let here = mirror::tile(&mut self.conn, origin, tile, size).await;
                let key = format!("{origin}/{level}/{index}");
                let Ok(here) = here else {
                    self.found_in("mirror_tile", key, "hashes", UNREADABLE);
                    return Ok(());
                };
                if level == 0 {
                    for hash in here {
                        hashes.append(hash)?;
                    }
                } else {
                    let holds = self.above(origin, tile, &here, size).await?;
                    if !holds {
                        self.found_in("mirror_tile", key, "hashes", DIFFERS);
                    }
                }
            }
            level += 1;
        }
        if hashes.root() != root && self.report.findings.len() == before {
            // One level alone can be wrong only together with its root.
            self.found_in(
                "mirror_tile",
                format!("{origin}/0"),
                "hashes (or mirror_head.root)",
                DIFFERS,
            );
        }
        Ok(())
    }

    /// Whether the entries of an upper tile are the roots of the tiles below.
    async fn above(
        &mut self,
        origin: &str,
        tile: tree::Tile,
        entries: &[Hash],
        size: u64,
    ) -> Result<bool, StoreError> {
        for (at, entry) in (0_u64..).zip(entries) {
            let index = tile.index * tree::TILE_WIDTH + at;
            let below = tree::Tile { level: tile.level - 1, index };
            let hashes = mirror::tile(&mut self.conn, origin, below, size).await?;
            if tree::root(&hashes) != *entry {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn consents(&mut self) -> Result<(), StoreError> {
        self.at("consent");
        let sql = "SELECT env_digest, leg_id, envelope, given_ms, ended_ms FROM consent \
                   WHERE env_digest > $1 ORDER BY env_digest LIMIT $2";
        let mut after = Vec::new();
        loop {
            let rows = self.rows(sql, vec![after.clone().into(), ROWS_AT_ONCE.into()]).await?;
            for row in &rows {
                after = row.bytes(0)?;
                self.consent(row).await?;
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    async fn consent(&mut self, row: &Row) -> Result<(), StoreError> {
        let key = hex::encode(row.bytes(0)?);
        let sealed = sealed(&row.bytes(2)?).filter(|sealed| self.is_signed(sealed, Kind::Consent));
        let Some(sealed) = sealed else {
            self.found(key, "envelope", UNSIGNED);
            return Ok(());
        };
        self.expect(envelope::env_digest(&sealed).hex() == key, &key, "env_digest");
        let Ok(said) = envelope::payload::<wire::Consent>(&sealed) else {
            self.found(key, "envelope", UNREADABLE);
            return Ok(());
        };
        self.expect(row.bytes(1)? == said.leg_id, &key, "leg_id");
        self.expect(row.uint(3).ok() == Some(said.given_unix_ms), &key, "given_ms");
        let ended = row.int(4)?;
        self.expect(ended == 0 || ended as u64 >= said.given_unix_ms, &key, "ended_ms");
        Ok(())
    }

    /// Job terms and questions are named by the digest of their text.
    async fn terms(&mut self) -> Result<(), StoreError> {
        self.at("terms");
        let sql = "SELECT digest, bytes, reference FROM terms ORDER BY digest";
        for row in self.rows(sql, Vec::new()).await? {
            let key = hex::encode(row.bytes(0)?);
            let bytes = row.bytes(1)?;
            let terms = wire::Terms::decode(bytes.as_slice()).ok();
            let is_named = Digest::of(&[&bytes]).hex() == key;
            self.expect(is_named, &key, "bytes (or digest)");
            let reference = terms.map(|terms| terms.reference).unwrap_or_default();
            self.expect(!is_named || reference == row.text(2)?, &key, "reference");
        }
        self.at("vacancy");
        let sql = "SELECT v.city, v.reference, CAST(CASE WHEN t.digest IS NULL THEN 0 ELSE 1 END AS BIGINT) \
                   FROM vacancy v LEFT JOIN terms t ON t.digest = v.terms_digest \
                   AND t.reference = v.reference ORDER BY v.city, v.reference";
        for row in self.rows(sql, Vec::new()).await? {
            let key = format!("{}/{}", row.text(0)?, row.text(1)?);
            self.expect(row.flag(2)?, &key, "terms_digest (or reference)");
        }
        self.at("question");
        let sql = "SELECT question_id, text, text_digest FROM question ORDER BY question_id";
        for row in self.rows(sql, Vec::new()).await? {
            let text = row.text(1)?;
            let made = Digest::of(&[text.as_bytes()]);
            let key = hex::encode(row.bytes(0)?);
            self.expect(text.is_empty() || row.bytes(2)? == made.0, &key, "text (or text_digest)");
        }
        Ok(())
    }

    /// Each pack is signed by the city it is said to be of, and its columns say what it says.
    async fn packs(&mut self) -> Result<(), StoreError> {
        self.at("pack");
        let sql = "SELECT env_digest, city_id, kind, name, version, valid_from, valid_to, envelope \
                   FROM pack ORDER BY env_digest";
        for row in self.rows(sql, Vec::new()).await? {
            let key = hex::encode(row.bytes(0)?);
            let city = row.text(1)?;
            let signed = sealed(&row.bytes(7)?).filter(|s| self.is_of(&city, s));
            let content = signed.as_ref().and_then(|s| Content::of_envelope(s).ok());
            let Some((signed, content)) = signed.as_ref().zip(content) else {
                self.found(key, "envelope (or city_id)", UNSIGNED);
                continue;
            };
            self.expect(envelope::env_digest(signed).hex() == key, &key, "env_digest");
            let title = content.title();
            let said = (
                i64::from(i32::from(content.kind())),
                title.name,
                i64::from(title.version),
                i64::from(title.valid_from.number()),
                i64::from(title.valid_to.number()),
            );
            let row = (row.int(2)?, row.text(3)?, row.int(4)?, row.int(5)?, row.int(6)?);
            self.expect(said == row, &key, "kind, name, version, valid_from, valid_to");
        }
        Ok(())
    }

    /// Whether a city has signed a pack, with a key that counts or did.
    fn is_of(&self, city: &str, pack: &wire::Envelope) -> bool {
        let directory = &self.published.directory;
        if city == directory.city.as_str() {
            return self.is_signed(pack, Kind::Pack);
        }
        let peer = directory.peers.values().find(|peer| peer.city.as_str() == city);
        let key = peer.and_then(|peer| peer.key_for(pack, Kind::Pack));
        key.is_some_and(|(key, _)| envelope::verify(pack, &key).is_ok())
    }

    async fn statements(&mut self) -> Result<(), StoreError> {
        self.at("leg_statement");
        let sql = "SELECT leg_id, stated_ms, env_digest, envelope FROM leg_statement \
                   ORDER BY leg_id";
        for row in self.rows(sql, Vec::new()).await? {
            let key = hex::encode(row.bytes(0)?);
            let signed = sealed(&row.bytes(3)?).filter(|s| self.is_signed(s, Kind::LegStatement));
            let said =
                signed.as_ref().and_then(|s| envelope::payload::<wire::LegStatement>(s).ok());
            let Some((signed, said)) = signed.as_ref().zip(said) else {
                self.found(key, "envelope", UNSIGNED);
                continue;
            };
            self.expect(said.leg_id == row.bytes(0)?, &key, "leg_id");
            self.expect(Some(said.stated_unix_ms) == row.uint(1).ok(), &key, "stated_ms");
            self.expect(row.bytes(2)? == envelope::env_digest(signed).0, &key, "env_digest");
        }
        self.at("reconciled");
        let sql = "SELECT report_id, agreement_id, period, made_ms, agree, report \
                   FROM reconciled ORDER BY report_id";
        for row in self.rows(sql, Vec::new()).await? {
            let key = hex::encode(row.bytes(0)?);
            let report = ReconcileReport::decode(row.bytes(5)?.as_slice()).ok();
            let Some(report) = report.filter(|report| self.are_signed(report)) else {
                self.found(key, "report", ["签名不成立", "its signatures do not hold"]);
                continue;
            };
            let holds = [
                ("agreement_id", hex::encode(row.bytes(1)?) == report.agreement_id),
                ("period", row.int(2)? == i64::from(report.period)),
                ("made_ms", row.uint(3).ok() == Some(report.made_unix_ms)),
                ("agree", row.int(4)? == i64::from(report.agree)),
            ];
            for (column, holds) in holds {
                self.expect(holds, &key, column);
            }
        }
        Ok(())
    }

    /// Whether every statement in a report is signed, and says what the report says.
    fn are_signed(&self, report: &ReconcileReport) -> bool {
        let sides = report.lanes.iter().flat_map(|lane| [&lane.ours, &lane.theirs]);
        sides.flatten().all(|side| {
            let Some(sealed) = &side.statement else { return false };
            let said = envelope::payload::<wire::LaneStatement>(sealed);
            self.is_signed(sealed, Kind::LaneStatement)
                && said.is_ok_and(|said| {
                    hex::encode(said.root) == side.root && said.count == side.count
                })
        })
    }
}
