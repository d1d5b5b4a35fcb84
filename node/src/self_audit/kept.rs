//! What this city keeps beside its traffic and was signed or named by a digest: statements about
//! logs, sign-offs of reviewers, requests that wait for a second pair of eyes,
//! erasures.

use super::{Audit, DIFFERS, MISSING, UNREADABLE, UNSIGNED, sealed};
use crate::audit::act::SIGN_OFF_TYPE;
use crate::store::{Row, StoreError};
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::kinds::Kind;
use jieli_proto::pubkey::PublicKey;
use jieli_proto::recovery::{check_recovery, check_successor};
use jieli_proto::tombstone::Tombstone;
use jieli_proto::tree::Hash;
use jieli_proto::wire::{self, Envelope, Role};

/// City, epoch, head and next epoch of a statement.
type Said = (String, u32, (u64, Hash), u32);

impl Audit<'_> {
    pub(super) async fn kept(&mut self) -> Result<(), StoreError> {
        self.at("log_statement");
        let sql = "SELECT env_digest, city_id, epoch, size, root, next_epoch, envelope \
                   FROM log_statement ORDER BY env_digest";
        for row in self.rows(sql, Vec::new()).await? {
            self.log_statement(&row)?;
        }
        self.at("audit_sign_off");
        let sql = "SELECT sign_off_id, dsse FROM audit_sign_off ORDER BY sign_off_id";
        for row in self.rows(sql, Vec::new()).await? {
            let signed = envelope::from_json(&row.text(1)?).ok();
            let signed = signed.is_some_and(|sealed| self.is_own_sign_off(&sealed));
            if !signed {
                self.found(hex::encode(row.bytes(0)?), "dsse", UNSIGNED);
            }
        }
        self.at("seconded");
        let sql =
            "SELECT request_id, shown, shown_digest, payload FROM seconded ORDER BY request_id";
        for row in self.rows(sql, Vec::new()).await? {
            let (key, shown) = (hex::encode(row.bytes(0)?), row.text(1)?);
            if row.bytes(2)? != Digest::of(&[shown.as_bytes()]).0 {
                self.found(key.as_str(), "shown (or shown_digest)", DIFFERS);
            }
            let payload = row.maybe_bytes(3)?.unwrap_or_default();
            // What was shown names the envelope that is to be used.
            let is_named = sealed(&payload)
                .is_some_and(|sealed| shown.contains(&envelope::env_digest(&sealed).hex()));
            self.expect(payload.is_empty() || is_named, &key, "payload");
        }
        self.tombstones().await
    }

    /// Every row of an erasure says what the local log says at its place.
    async fn tombstones(&mut self) -> Result<(), StoreError> {
        self.at("tombstone");
        let sql = "SELECT t.leg_id, t.log_epoch, t.log_idx, t.erased_ms, t.reason, \
                   t.section_digests, COALESCE(l.data, k.record, t.leg_id) FROM tombstone t \
                   LEFT JOIN log_leaf l ON l.log = 'local' AND l.epoch = t.log_epoch \
                   AND l.idx = t.log_idx LEFT JOIN kept_record k ON t.log_epoch = 0 \
                   AND k.number = t.log_idx ORDER BY t.leg_id, t.log_epoch, t.log_idx";
        for row in self.rows(sql, Vec::new()).await? {
            let key = format!("{}/{}/{}", hex::encode(row.bytes(0)?), row.int(1)?, row.int(2)?);
            let Some(stone) = Tombstone::parse(&row.bytes(6)?) else {
                self.found(key, "log_epoch, log_idx", MISSING);
                continue;
            };
            self.expect(row.bytes(0)? == stone.leg.0, &key, "leg_id");
            self.expect(row.uint(3).ok() == Some(stone.at_unix_ms), &key, "erased_ms");
            self.expect(row.int(4)? == i64::from(stone.reason.number()), &key, "reason");
            let digests: Vec<u8> = stone.sections.iter().flat_map(|digest| digest.0).collect();
            self.expect(row.bytes(5)? == digests, &key, "section_digests");
        }
        Ok(())
    }

    fn log_statement(&mut self, row: &Row) -> Result<(), StoreError> {
        let key = hex::encode(row.bytes(0)?);
        let Some(sealed) = sealed(&row.bytes(6)?) else {
            self.found(key, "envelope", UNREADABLE);
            return Ok(());
        };
        let Some((city, epoch, head, next)) = self.said_of_log(&sealed) else {
            self.found(key, "envelope", UNSIGNED);
            return Ok(());
        };
        self.expect(row.bytes(0)? == envelope::env_digest(&sealed).0, &key, "env_digest");
        self.expect(row.text(1)? == city, &key, "city_id");
        self.expect(row.int(2)? == i64::from(epoch), &key, "epoch");
        self.expect(row.uint(3).ok() == Some(head.0), &key, "size");
        self.expect(row.bytes(4)? == head.1, &key, "root");
        self.expect(row.int(5)? == i64::from(next), &key, "next_epoch");
        Ok(())
    }

    /// A recovery is signed with a log key, a successor by the root of its city.
    fn said_of_log(&self, sealed: &Envelope) -> Option<Said> {
        if let Ok(said) = envelope::payload::<wire::Recovery>(sealed) {
            let said =
                check_recovery(&said).ok().filter(|_| self.is_signed(sealed, Kind::Recovery))?;
            let head = (said.rebuilt.size, said.rebuilt.root.0);
            return Some((said.city.as_str().to_owned(), said.epoch, head, 0));
        }
        let said = check_successor(&envelope::payload::<wire::Successor>(sealed).ok()?).ok()?;
        let root = self.root_of(said.city.as_str())?;
        envelope::verify(sealed, &root).ok()?;
        let head = (said.old.size, said.old.root.0);
        Some((said.city.as_str().to_owned(), said.old_epoch, head, said.new_epoch))
    }

    fn root_of(&self, city: &str) -> Option<PublicKey> {
        let directory = &self.published.directory;
        if directory.city.as_str() == city {
            return Some(self.house.root);
        }
        directory.peers.values().find(|peer| peer.city.as_str() == city).map(|peer| peer.root)
    }

    /// Whether a message key of this city signed what a reviewer found.
    fn is_own_sign_off(&self, sealed: &Envelope) -> bool {
        let Ok(fpr) = envelope::key_fpr(sealed) else { return false };
        let mut own = self.published.directory.own.values();
        sealed.payload_type == SIGN_OFF_TYPE
            && own.any(|manifest| {
                let key = manifest.key(&fpr, Role::Message);
                key.is_some_and(|key| envelope::verify(sealed, &key.public).is_ok())
            })
    }
}
