//! Legs: what is kept beside the messages is what the messages say, and what is encrypted opens.

use super::{Audit, DIFFERS, MISSING, ROWS_AT_ONCE, UNREADABLE, sealed};
use crate::keyring::KeyId;
use crate::keys::PURPOSE_SECTION;
use crate::legs::{LegFile, Standing, side_number};
use crate::store::{Row, StoreError, desk_queue, legs};
use crate::vault::{self, Place};
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, LegId, MsgId};
use jieli_proto::section::{self, SectionKind};
use jieli_proto::strict;
use jieli_proto::wire;
use prost::Message as _;

/// The refusals that say a step was not legal.
const ILLEGAL: [i64; 2] = [20, 21];

impl Audit<'_> {
    pub(super) async fn legs(&mut self) -> Result<(), StoreError> {
        self.messages().await?;
        self.at("leg");
        let sql = "SELECT l.leg_id, CAST(CASE WHEN c.case_id IS NULL THEN 0 ELSE 1 END AS BIGINT) \
                   FROM leg l LEFT JOIN case_file c ON c.case_id = l.case_id \
                   WHERE l.leg_id > $1 ORDER BY l.leg_id LIMIT $2";
        let mut after = Vec::new();
        loop {
            let rows = self.rows(sql, vec![after.clone().into(), ROWS_AT_ONCE.into()]).await?;
            for row in &rows {
                after = row.bytes(0)?;
                let key = hex::encode(&after);
                let Some(id) = LegId::from_slice(&after) else {
                    self.found_in("leg", key, "leg_id", UNREADABLE);
                    continue;
                };
                if !row.flag(1)? {
                    self.found_in("leg", key.as_str(), "case_id (or case_file)", DIFFERS);
                }
                match legs::load(&mut self.conn, id, &self.house.shelf()).await {
                    Ok(Some(file)) => self.leg(&file).await?,
                    Ok(None) => {}
                    Err(StoreError::Corrupt(what)) => {
                        self.found_in("leg", key, what, UNREADABLE);
                    }
                    Err(error) => return Err(error),
                }
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                break;
            }
        }
        self.at("case_file");
        let sql = "SELECT c.case_id, c.number FROM case_file c WHERE NOT EXISTS \
                   (SELECT 1 FROM leg l WHERE l.case_id = c.case_id) ORDER BY c.case_id";
        for row in self.rows(sql, Vec::new()).await? {
            self.found(hex::encode(row.bytes(0)?), "case_id", ["没有事项", "no leg belongs to it"]);
        }
        self.sections().await
    }

    /// A row of `message` says what its envelope and its receipt say.
    async fn messages(&mut self) -> Result<(), StoreError> {
        self.at("message");
        let sql = "SELECT m.agreement_id, m.lane, m.lane_seq, m.env_digest, m.msg_id, m.leg_id, \
                   m.leg_seq, m.side, m.status, m.code, m.legal, \
                   COALESCE(e.envelope, x.envelope, m.env_digest), \
                   COALESCE(r.item, m.env_digest), \
                   COALESCE(l.our_side, -1) \
                   FROM message m LEFT JOIN envelope e ON e.agreement_id = m.agreement_id \
                   AND e.lane = m.lane AND e.lane_seq = m.lane_seq LEFT JOIN local_envelope x \
                   ON m.agreement_id = $5 AND x.lane = m.lane AND x.lane_seq = m.lane_seq \
                   LEFT JOIN receipt_item r \
                   ON r.agreement_id = m.agreement_id AND r.lane = m.lane \
                   AND r.lane_seq = m.lane_seq LEFT JOIN leg l ON l.leg_id = m.leg_id \
                   WHERE m.agreement_id > $1 OR (m.agreement_id = $1 AND (m.lane > $2 OR \
                   (m.lane = $2 AND m.lane_seq > $3))) \
                   ORDER BY m.agreement_id, m.lane, m.lane_seq LIMIT $4";
        let mut after: (Vec<u8>, i64, u64) = (Vec::new(), 0, 0);
        loop {
            let (id, lane, seq) = after.clone();
            let vals = vec![
                id.into(),
                lane.into(),
                seq.into(),
                ROWS_AT_ONCE.into(),
                AgreementId::LOCAL.to_vec().into(),
            ];
            let rows = self.rows(sql, vals).await?;
            for row in &rows {
                self.message(row)?;
                after = (row.bytes(0)?, row.int(1)?, row.uint(2)?);
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn message(&mut self, row: &Row) -> Result<(), StoreError> {
        let (id, lane, seq) = (hex::encode(row.bytes(0)?), row.int(1)?, row.int(2)?);
        let key = format!("{id}/{lane}/{seq}");
        let Some(sealed) = sealed(&row.bytes(11)?) else {
            self.found(key, "lane_seq", ["没有这个信封", "there is no such envelope"]);
            return Ok(());
        };
        self.expect(row.bytes(3)? == envelope::env_digest(&sealed).0, &key, "env_digest");
        let (status, code, legal) = (row.int(8)?, row.int(9)?, row.int(10)?);
        let item = strict::decode::<wire::Item>(&row.bytes(12)?).ok();
        let said = item.map_or((0, 0), |item| (i64::from(item.status), i64::from(item.code)));
        // A message between two offices of one city has no receipt: it is there at once.
        let is_local = row.bytes(0)? == AgreementId::LOCAL.0;
        let said = if is_local { (1, 0) } else { said };
        self.expect(status == said.0, &key, "status");
        self.expect(code == said.1, &key, "code");
        if status == 3 {
            let right = if ILLEGAL.contains(&code) { legal != 2 } else { legal != 0 };
            self.expect(right && (0..=2).contains(&legal), &key, "legal");
        } else {
            self.expect(legal == 1, &key, "legal");
        }
        let Ok(message) = envelope::payload::<wire::Message>(&sealed) else { return Ok(()) };
        self.expect(row.bytes(4)? == message.msg_id, &key, "msg_id");
        let leg = row.bytes(5)?;
        let named = if message.leg_id.is_empty() { vec![0; 16] } else { message.leg_id.clone() };
        self.expect(leg == named || leg == message.leg_id, &key, "leg_id");
        let place = row.int(6)?;
        let no_place = place == 0 && status == 3;
        self.expect(no_place || place == i64::from(message.leg_seq), &key, "leg_seq");
        Ok(())
    }

    async fn leg(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let key = file.id.hex();
        if let Some(first) = file.entries.iter().find_map(|entry| {
            let opens = entry.seq == 1 && entry.side == jieli_proto::case::Side::Initiator;
            entry.message.as_ref().filter(|_| opens)
        }) {
            let directory = std::sync::Arc::clone(&self.published.directory);
            let bond = file.bond.and_then(|id| directory.bonds.get(&id));
            let (us, them) = match bond.and_then(|bond| file.offices_at(bond, bond.version())) {
                Some(offices) => offices,
                None => {
                    let examiner = file.examiner_office(u32::MAX).to_owned();
                    let ours = side_number(file.our_side) == 0;
                    let initiator = first.from_office.clone();
                    if ours { (initiator, examiner) } else { (examiner, initiator) }
                }
            };
            let bond = file.bond.map(|id| id.to_vec());
            let agreement = first.header.as_ref().map(|header| header.agreement_id.clone());
            let holds = [
                ("our_office", file.our_office == us),
                ("their_office", file.their_office == them),
                ("service", file.service as i32 == first.service),
                ("case_id", file.case.0[..] == first.case_id),
                ("agreement_id", file.is_local() || bond == agreement),
            ];
            for (column, holds) in holds {
                if !holds {
                    self.found_in("leg", key.as_str(), column, DIFFERS);
                }
            }
        }
        let standing = file.entries.iter().any(|entry| entry.standing == Standing::Provisional);
        if let Some((sort_on, turn)) = desk_queue::standing(file).filter(|_| !standing) {
            let sql = "SELECT sort_on, turn FROM leg_due WHERE leg_id = $1";
            let row = self.conn.maybe(sql, vec![file.id.to_vec().into()]).await?;
            self.report.rows += 1;
            match row {
                None => self.found_in("leg_due", key, "leg_id", MISSING),
                Some(row) => {
                    if row.int(0)? != sort_on {
                        self.found_in("leg_due", key.as_str(), "sort_on", DIFFERS);
                    }
                    if row.int(1)? != turn {
                        self.found_in("leg_due", key, "turn", DIFFERS);
                    }
                }
            }
            self.open_leg(file).await?;
        }
        if file.law.is_closed() { self.consents_ended(file).await } else { Ok(()) }
    }

    /// V2: no consent outlives its leg.
    async fn consents_ended(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let sql = "SELECT env_digest FROM consent WHERE leg_id = $1 AND ended_ms = 0";
        for row in self.rows(sql, vec![file.id.to_vec().into()]).await? {
            self.found_in("consent", hex::encode(row.bytes(0)?), "ended_ms", DIFFERS);
        }
        Ok(())
    }

    /// A leg between two cities is among the open ones exactly while it is open.
    async fn open_leg(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let key = file.id.hex();
        let sql = "SELECT agreement_id, service, case_id FROM leg_open WHERE leg_id = $1";
        let row = self.conn.maybe(sql, vec![file.id.to_vec().into()]).await?;
        self.report.rows += 1;
        let is_open = desk_queue::is_open(file) && !file.is_local();
        let Some(row) = row else {
            if is_open {
                self.found_in("leg_open", key, "leg_id", MISSING);
            }
            return Ok(());
        };
        let holds = [
            ("leg_id", is_open),
            ("agreement_id", file.bond.is_some_and(|id| row.bytes(0).is_ok_and(|of| of == id.0))),
            ("service", row.int(1)? == i64::from(file.service as i32)),
            ("case_id", row.bytes(2)? == file.case.0),
        ];
        for (column, holds) in holds {
            if !holds {
                self.found_in("leg_open", key.as_str(), column, DIFFERS);
            }
        }
        Ok(())
    }

    /// Every section that is kept has a key, opens, and is what its message named.
    async fn sections(&mut self) -> Result<(), StoreError> {
        self.at("section_data");
        let sql = "SELECT leg_id, slot, msg_id, key_id FROM section_data \
                   WHERE leg_id > $1 OR (leg_id = $1 AND (slot > $2 OR (slot = $2 \
                   AND msg_id > $3))) ORDER BY leg_id, slot, msg_id LIMIT $4";
        let mut after: (Vec<u8>, i64, Vec<u8>) = (Vec::new(), -1, Vec::new());
        loop {
            let (leg, slot, msg) = after.clone();
            let vals = vec![leg.into(), slot.into(), msg.into(), ROWS_AT_ONCE.into()];
            let rows = self.rows(sql, vals).await?;
            for row in &rows {
                after = (row.bytes(0)?, row.int(1)?, row.bytes(2)?);
                self.section(&after, row.array(3).ok()).await?;
            }
            if (rows.len() as u32) < ROWS_AT_ONCE {
                break;
            }
        }
        self.at("blind_index");
        let sql = "SELECT b.leg_id FROM blind_index b WHERE NOT EXISTS \
                   (SELECT 1 FROM leg l WHERE l.leg_id = b.leg_id)";
        for row in self.rows(sql, Vec::new()).await? {
            let key = hex::encode(row.bytes(0)?);
            self.found(key, "leg_id", ["没有这个事项", "there is no such leg"]);
        }
        Ok(())
    }

    /// Which of the two does not open: the key, or what it locks.
    fn unopened(&mut self, place: &Place, wrapped: &[u8], key: String) {
        match self.house.keys.unwrap_key(PURPOSE_SECTION, place.leg, place.slot, wrapped) {
            Ok(_) => self.found(key, "nonce, ciphertext", UNREADABLE),
            Err(_) => self.found(key, "key_id (or section_key.sealed of the key ring)", UNREADABLE),
        }
    }

    async fn section(
        &mut self,
        (leg, slot, msg): &(Vec<u8>, i64, Vec<u8>),
        id: Option<KeyId>,
    ) -> Result<(), StoreError> {
        let key = format!("{}/{slot}/{}", hex::encode(leg), hex::encode(msg));
        let ids = LegId::from_slice(leg).zip(MsgId::from_slice(msg)).zip(u8::try_from(*slot).ok());
        let wrapped = match id {
            Some(id) => self.house.ring.wrapped(&id).await?,
            None => None,
        };
        let Some((((leg, msg), slot), wrapped)) = ids.zip(wrapped) else {
            let why = ["密钥环中没有它的密钥", "the key ring holds no key of it"];
            self.found(key, "leg_id, slot, key_id", why);
            return Ok(());
        };
        let file = match legs::load(&mut self.conn, leg, &self.house.shelf()).await {
            Ok(Some(file)) => file,
            Ok(None) | Err(StoreError::Corrupt(_)) => {
                self.found(key, "leg_id", ["没有这个事项", "there is no such leg"]);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let place = Place { leg, slot, msg };
        let plain = match vault::reveal(&mut self.conn, self.house, &file, &place).await {
            Ok(plain) => plain,
            Err(StoreError::Corrupt(_)) => {
                self.unopened(&place, &wrapped, key);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let (Some(plain), Some(_)) = (plain, SectionKind::of(u32::from(slot))) else {
            // Taken away meanwhile, or a slot that no message names.
            return Ok(());
        };
        let named = file.entries.iter().filter_map(|entry| entry.message.as_ref());
        let named = named.filter(|message| message.msg_id == msg.0);
        let digest = named
            .flat_map(|message| &message.section_digests)
            .find(|named| named.section == u32::from(slot))
            .map(|named| named.digest.clone());
        let made = wire::Section::decode(plain.as_slice())
            .ok()
            .and_then(|section| section::digest_of(&msg, &section).ok());
        if let Some(digest) = digest {
            let right = made.is_some_and(|made| made.0[..] == digest);
            self.expect(right, &key, "ciphertext");
        }
        Ok(())
    }
}
