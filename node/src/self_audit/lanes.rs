//! Lanes, place by place: signature, digest, leaf, order; receipts and their items; lane ends.

use super::{Audit, DIFFERS, MISSING, ROWS_AT_ONCE, UNREADABLE, UNSIGNED, sealed};
use crate::batch::leaf_of;
use crate::lanes::header_of;
use crate::store::{Row, StoreError};
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::leaf::Leaf;
use jieli_proto::message::{check_item, check_receipt};
use jieli_proto::strict;
use jieli_proto::tree::{self, Hash};
use jieli_proto::wire;

/// What the walk over a lane knows at its present end.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    seq: u64,
    digest: Digest,
    created_ms: u64,
    version: u32,
}

impl Audit<'_> {
    pub(super) async fn lanes(&mut self) -> Result<(), StoreError> {
        self.at("envelope");
        let sql = "SELECT DISTINCT agreement_id, lane FROM lane ORDER BY agreement_id, lane";
        for row in self.rows(sql, Vec::new()).await? {
            let id = AgreementId::from_slice(&row.bytes(0)?);
            let lane = u32::try_from(row.int(1)?).ok().and_then(Lane::from_number);
            match id.zip(lane) {
                Some((AgreementId::LOCAL, _)) => {}
                Some((id, lane)) => self.lane(id, lane).await?,
                None => self.found_in("lane", hex::encode(row.bytes(0)?), "lane", UNREADABLE),
            }
        }
        self.receipts().await?;
        self.local_lanes().await
    }

    /// What two offices of this city said to each other.
    async fn local_lanes(&mut self) -> Result<(), StoreError> {
        self.at("local_envelope");
        let sql = "SELECT lane, lane_seq, env_digest, envelope, place, created_ms \
                   FROM local_envelope WHERE place > $1 ORDER BY place LIMIT $2";
        let (mut place, mut ends) = (0, [(0, Digest::ZERO); 2]);
        loop {
            let rows = self.rows(sql, vec![place.into(), ROWS_AT_ONCE.into()]).await?;
            for row in &rows {
                let (lane, seq) = (row.int(0)?, row.uint(1)?);
                let key = format!("{lane}/{seq}");
                self.expect(row.uint(4)? == place + 1, &key, "place");
                place = row.uint(4)?;
                let Some(end) = usize::try_from(lane).ok().and_then(|lane| ends.get_mut(lane))
                else {
                    self.found(key, "lane", DIFFERS);
                    continue;
                };
                let before = std::mem::replace(end, (seq, Digest(row.array(2)?)));
                self.expect(seq == before.0 + 1, &key, "lane_seq");
                self.local_message(row, &key, before.1)?;
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn local_message(&mut self, row: &Row, key: &str, prev: Digest) -> Result<(), StoreError> {
        let sealed = sealed(&row.bytes(3)?).filter(|sealed| self.is_signed(sealed, Kind::Message));
        let Some(sealed) = sealed else {
            self.found(key, "envelope", UNSIGNED);
            return Ok(());
        };
        self.expect(row.bytes(2)? == envelope::env_digest(&sealed).0, key, "env_digest");
        let message = envelope::payload::<wire::Message>(&sealed).ok();
        let header = message.and_then(|message| message.header).unwrap_or_default();
        self.expect(header.lane_prev == prev.0, key, "envelope");
        self.expect(row.uint(5).ok() == Some(header.created_unix_ms), key, "created_ms");
        Ok(())
    }

    async fn lane(&mut self, id: AgreementId, lane: Lane) -> Result<(), StoreError> {
        let sql = "SELECT e.lane_seq, e.env_digest, e.envelope, e.leaf_idx, e.stored_ms, \
                   COALESCE(l.data, e.env_digest), COALESCE(r.item, e.env_digest) \
                   FROM envelope e LEFT JOIN log_leaf l ON l.log = 'exchange' \
                   AND l.epoch = e.leaf_epoch AND l.idx = e.leaf_idx LEFT JOIN receipt_item r \
                   ON r.agreement_id = e.agreement_id AND r.lane = e.lane \
                   AND r.lane_seq = e.lane_seq \
                   WHERE e.agreement_id = $1 AND e.lane = $2 AND e.lane_seq > $3 \
                   ORDER BY e.lane_seq LIMIT $4";
        let mut end = End::default();
        loop {
            let vals =
                vec![id.to_vec().into(), lane.number().into(), end.seq.into(), ROWS_AT_ONCE.into()];
            let rows = self.rows(sql, vals).await?;
            for row in &rows {
                self.place(id, lane, row, &mut end).await?;
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                break;
            }
        }
        self.lane_row(id, lane, end).await
    }

    async fn place(
        &mut self,
        id: AgreementId,
        lane: Lane,
        row: &Row,
        end: &mut End,
    ) -> Result<(), StoreError> {
        let seq = row.uint(0)?;
        let key = place_key(id, lane, seq);
        if seq != end.seq + 1 {
            self.found(place_key(id, lane, end.seq + 1), "lane_seq", MISSING);
        }
        let stored: Vec<u8> = row.bytes(1)?;
        let before = (end.digest, seq == end.seq + 1);
        end.seq = seq;
        end.digest = Digest::from_slice(&stored).unwrap_or(Digest::ZERO);
        let Some(sealed) = sealed(&row.bytes(2)?) else {
            self.found(key, "envelope", UNREADABLE);
            return Ok(());
        };
        let digest = envelope::env_digest(&sealed);
        let signed = self.is_signed(&sealed, lane.kind());
        let bytes = leaf_of(id, lane, seq, &sealed).ok();
        let leaf_row = row.bytes(5)?;
        let is_leaf = bytes.is_some_and(|bytes| leaf_row == bytes);
        if !signed {
            self.found(key.as_str(), "envelope", UNSIGNED);
        } else if digest.0[..] != stored {
            self.found(key.as_str(), "env_digest", DIFFERS);
        }
        if signed && !is_leaf {
            // Another leaf stands at that index, or this leaf was changed, which the log tells.
            let there = Leaf::from_bytes(&leaf_row).ok();
            let own = there.is_some_and(|leaf| {
                (leaf.agreement_id, leaf.lane, leaf.lane_seq) == (id.0, lane.number(), seq)
            });
            let torn = self.report.findings.iter().any(|found| found.table == "log_leaf");
            if !own && !torn {
                self.found(key.as_str(), "leaf_idx", DIFFERS);
            }
        }
        self.expect(row.int(4)? > 0, &key, "stored_ms");
        let item = strict::decode::<wire::Item>(&row.bytes(6)?).ok();
        // A refused letter of the other city leaves no time and no version behind; our own goes on
        // from what we said last, whatever was answered to it.
        let bond = self.published.directory.bonds.get(&id);
        let is_ours = bond.is_some_and(|bond| lane.side() == bond.our_side);
        let refused = !is_ours && item.is_some_and(|item| item.code != 0);
        let Some(header) = header_of(lane, &sealed).filter(|_| signed && !refused) else {
            return Ok(());
        };
        end.digest = digest;
        (end.created_ms, end.version) = (header.created_unix_ms, header.agreement_version);
        let (prev, next) = before;
        let follows = !next || header.lane_prev == prev.0 || prev.is_zero() && seq > 1;
        // A receipt that was wrong keeps its place and says what it likes.
        if !follows && lane.kind() != Kind::Receipt {
            self.found(key, "envelope", ["与前一条不连续", "it does not follow the one before"]);
        }
        Ok(())
    }

    /// The row of a lane says where the lane ends.
    async fn lane_row(&mut self, id: AgreementId, lane: Lane, end: End) -> Result<(), StoreError> {
        let sql = "SELECT n.last_seq, n.last_digest, n.last_created_ms, n.last_version, \
                   (SELECT CAST(COALESCE(MAX(e.lane_seq), 0) AS BIGINT) FROM envelope e \
                    WHERE e.agreement_id = n.agreement_id AND e.lane = n.lane) \
                   FROM lane n WHERE n.agreement_id = $1 AND n.lane = $2";
        let vals = vec![id.to_vec().into(), lane.number().into()];
        let Some(row) = self.rows(sql, vals).await?.into_iter().next() else { return Ok(()) };
        let name = format!("{}/{}", id.hex(), lane.number());
        let here: (u64, u64) = (row.uint(0).unwrap_or(0), row.uint(4)?);
        if here.0 != here.1 {
            self.found_in("lane", name, "last_seq", DIFFERS);
            return Ok(());
        }
        if here.0 != end.seq {
            // Something came while the lane was walked.
            return Ok(());
        }
        let holds = [
            ("last_digest", row.bytes(1)? == end.digest.0),
            ("last_created_ms", end.created_ms == 0 || row.uint(2).ok() == Some(end.created_ms)),
            ("last_version", row.uint(3).ok() == Some(u64::from(end.version))),
        ];
        for (column, holds) in holds {
            // A last one that was refused leaves no time and no version behind.
            if !holds && (column == "last_digest" || end.created_ms > 0) {
                self.found_in("lane", name.as_str(), column, DIFFERS);
            }
        }
        Ok(())
    }

    /// Every item is of a receipt that is here, for an envelope that is here.
    async fn receipts(&mut self) -> Result<(), StoreError> {
        self.at("receipt_item");
        let sql = "SELECT r.agreement_id, r.lane, r.lane_seq, r.receipt_digest, r.item, r.path, \
                   COALESCE(e.env_digest, r.receipt_digest), \
                   COALESCE((SELECT x.envelope FROM envelope x \
                   WHERE x.env_digest = r.receipt_digest ORDER BY x.lane_seq LIMIT 1), \
                   r.receipt_digest) \
                   FROM receipt_item r LEFT JOIN envelope e ON e.agreement_id = r.agreement_id \
                   AND e.lane = r.lane AND e.lane_seq = r.lane_seq \
                   WHERE r.agreement_id > $1 OR (r.agreement_id = $1 AND (r.lane > $2 OR \
                   (r.lane = $2 AND r.lane_seq > $3))) \
                   ORDER BY r.agreement_id, r.lane, r.lane_seq LIMIT $4";
        let mut after: (Vec<u8>, i64, u64) = (Vec::new(), 0, 0);
        loop {
            let (id, lane, seq) = after.clone();
            let vals = vec![id.into(), lane.into(), seq.into(), ROWS_AT_ONCE.into()];
            let rows = self.rows(sql, vals).await?;
            for row in &rows {
                self.item(row)?;
                after = (row.bytes(0)?, row.int(1)?, row.uint(2)?);
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn item(&mut self, row: &Row) -> Result<(), StoreError> {
        let (lane, seq) = (row.int(1)?, row.uint(2)?);
        let key = format!("{}/{lane}/{seq}", hex::encode(row.bytes(0)?));
        let receipt = sealed(&row.bytes(7)?)
            .and_then(|sealed| envelope::payload::<wire::Receipt>(&sealed).ok())
            .and_then(|receipt| check_receipt(&receipt).ok());
        let Some(receipt) = receipt else {
            self.found(key, "receipt_digest", ["没有这份回执", "there is no such receipt"]);
            return Ok(());
        };
        let bytes = row.bytes(4)?;
        let item = strict::decode::<wire::Item>(&bytes).ok();
        let item = item.and_then(|item| check_item(&item).ok());
        let digest = row.bytes(6)?;
        let names = item
            .as_ref()
            .is_some_and(|item| item.lane_seq == seq && item.env_digest.0[..] == digest);
        if !names || i64::from(receipt.answers.number()) != lane {
            self.found(key, "item", DIFFERS);
            return Ok(());
        }
        let path = row.bytes(5)?;
        let (path, rest) = path.as_chunks::<32>();
        let path: Vec<Hash> = path.to_vec();
        let leaf = tree::leaf_hash(&bytes);
        let leads = tree::find_inclusion(&leaf, receipt.count, &path, &receipt.items_root.0);
        if leads.is_err() || !rest.is_empty() {
            self.found(key, "path (or item)", DIFFERS);
        }
        Ok(())
    }
}

/// A place of a lane, as findings name it.
fn place_key(id: AgreementId, lane: Lane, seq: u64) -> String {
    format!("{}/{}/{seq}", id.hex(), lane.number())
}
