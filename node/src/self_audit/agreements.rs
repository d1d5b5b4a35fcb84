//! Who this city deals with: the city itself, peers, key manifests, agreements and their parties.

use super::{Audit, DIFFERS, UNREADABLE, UNSIGNED, sealed};
use crate::store::{Row, StoreError};
use jieli_proto::agreement::Agreement;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::manifest::Manifest;
use jieli_proto::pubkey::PublicKey;
use jieli_proto::wire::{self, ActType};
use std::collections::BTreeMap;

impl Audit<'_> {
    pub(super) async fn agreements(&mut self) -> Result<(), StoreError> {
        self.at("city");
        let configured = self.house.config.city.id.clone();
        for row in self.rows("SELECT city_id, name FROM city", Vec::new()).await? {
            self.expect(row.text(0)? == configured.as_str(), "1", "city_id");
            let name = self.published.directory.name.clone();
            self.expect(row.text(1)? == name, "1", "name");
        }
        let mut roots = BTreeMap::from([(configured.as_str().to_owned(), self.house.root)]);
        self.at("peer");
        let sql = "SELECT city_id, root_spki, name, end_points FROM peer ORDER BY city_id";
        for row in self.rows(sql, Vec::new()).await? {
            let city = row.text(0)?;
            let held = self.published.directory.peers.values().find(|p| p.city.as_str() == city);
            let held = held.cloned();
            let Ok(root) = PublicKey::from_spki(&row.bytes(1)?) else {
                self.found(city, "root_spki", UNREADABLE);
                continue;
            };
            // What the node works with was checked when it was loaded; the row must still say it.
            match held {
                None => self.found(city.as_str(), "city_id", DIFFERS),
                Some(held) => {
                    self.expect(held.root == root, &city, "root_spki");
                    self.expect(held.name == row.text(2)?, &city, "name");
                    let same = held.end_points.join("\n") == row.text(3)?.trim_end();
                    self.expect(same, &city, "end_points");
                    roots.insert(city, held.root);
                }
            }
        }
        self.manifests(&roots).await?;
        self.versions().await?;
        self.bonds().await
    }

    async fn manifests(&mut self, roots: &BTreeMap<String, PublicKey>) -> Result<(), StoreError> {
        self.at("manifest");
        let sql = "SELECT city_id, version, env_digest, envelope FROM manifest \
                   ORDER BY city_id, version";
        let mut before: Option<(String, Manifest)> = None;
        for row in self.rows(sql, Vec::new()).await? {
            let (city, version) = (row.text(0)?, row.int(1)?);
            let key = format!("{city}/{version}");
            let Some(root) = roots.get(&city) else {
                self.found(key, "city_id", DIFFERS);
                continue;
            };
            let sealed = sealed(&row.bytes(3)?);
            let last = before.as_ref().filter(|(of, _)| *of == city).map(|(_, manifest)| manifest);
            let opened = sealed.and_then(|sealed| Manifest::open(&sealed, root, last).ok());
            let Some(manifest) = opened else {
                self.found(
                    key,
                    "envelope",
                    ["签名或次序不成立", "its signature or order does not hold"],
                );
                continue;
            };
            self.expect(i64::from(manifest.version) == version, &key, "version");
            let digest = envelope::env_digest(&manifest.envelope);
            self.expect(row.bytes(2)? == digest.0, &key, "env_digest");
            before = Some((city, manifest));
        }
        Ok(())
    }

    async fn versions(&mut self) -> Result<(), StoreError> {
        self.at("agreement_version");
        let sql = "SELECT v.agreement_id, v.version, v.env_digest, v.envelope, v.proposed_by, \
                   v.countersigned_ms, v.proposed_ms FROM agreement_version v \
                   ORDER BY v.agreement_id, v.version";
        for row in self.rows(sql, Vec::new()).await? {
            let key = format!("{}/{}", hex::encode(row.bytes(0)?), row.int(1)?);
            let sealed = sealed(&row.bytes(3)?);
            let Some(sealed) = sealed.filter(|sealed| self.is_signed(sealed, Kind::Agreement))
            else {
                self.found(key, "envelope", UNSIGNED);
                continue;
            };
            let payload = envelope::payload::<wire::Agreement>(&sealed).ok();
            let agreement = payload.and_then(|payload| Agreement::check(&payload).ok());
            let Some(agreement) = agreement else {
                self.found(key, "envelope", UNREADABLE);
                continue;
            };
            self.expect(row.bytes(2)? == envelope::env_digest(&sealed).0, &key, "env_digest");
            self.expect(row.int(1)? == i64::from(agreement.wire.version), &key, "version");
            let by = row.text(4)?;
            let is_party = agreement.cities.iter().any(|city| city.as_str() == by);
            self.expect(is_party, &key, "proposed_by");
            let (countersigned, proposed) = (row.int(5)?, row.int(6)?);
            self.expect(countersigned == 0 || countersigned >= proposed, &key, "countersigned_ms");
        }
        Ok(())
    }

    async fn bonds(&mut self) -> Result<(), StoreError> {
        self.at("agreement");
        let sql = "SELECT a.agreement_id, a.peer, a.live_version, \
                   (SELECT CAST(COALESCE(MAX(v.version), 0) AS BIGINT) FROM agreement_version v \
                    WHERE v.agreement_id = a.agreement_id AND v.countersigned_ms > 0) \
                   FROM agreement a ORDER BY a.agreement_id";
        for row in self.rows(sql, Vec::new()).await? {
            let key = hex::encode(row.bytes(0)?);
            let (peer, live) = (row.text(1)?, row.int(2)?);
            let bonds = &self.published.directory.bonds;
            let held = bonds.values().find(|bond| bond.id.hex() == key).cloned();
            match held {
                // It may be new; what is there twice is found by its second audit.
                None => self.found(key.as_str(), "agreement_id", DIFFERS),
                Some(held) => self.expect(held.peer.as_str() == peer, &key, "peer"),
            }
            self.expect(live == row.int(3)?, &key, "live_version");
        }
        self.at("agreement_side");
        let sql = "SELECT agreement_id, side, suspend_digest, terminate_digest, wind_down_on \
                   FROM agreement_side ORDER BY agreement_id, side";
        for row in self.rows(sql, Vec::new()).await? {
            self.side(&row).await?;
        }
        self.at("risk_flag");
        let sql = "SELECT agreement_id, side, kind, month, flag_digest, answer_by, answer, \
                   answer_digest, answered_ms FROM risk_flag ORDER BY agreement_id, side, kind, \
                   month";
        for row in self.rows(sql, Vec::new()).await? {
            self.flag(&row).await?;
        }
        Ok(())
    }

    /// What was raised, and what was answered, are acts of the two lanes.
    async fn flag(&mut self, row: &Row) -> Result<(), StoreError> {
        let (id, number) = (row.bytes(0)?, row.int(1)?);
        let key = format!("{}/{number}/{}/{}", hex::encode(&id), row.int(2)?, row.int(3)?);
        self.expect((0..2).contains(&number), &key, "side");
        let side = if number == 0 { PartySide::A } else { PartySide::B };
        let said = self.flag_act(&id, side, row.bytes(4)?, ActType::Flag).await?;
        self.expect(said.is_some(), &key, "flag_digest");
        if let Some((_, flag)) = said {
            let fits = row.int(2)? == i64::from(flag.kind);
            self.expect(fits, &key, "kind");
            self.expect(row.int(3)? == i64::from(flag.month), &key, "month");
            self.expect(row.int(5)? == i64::from(flag.answer_by), &key, "answer_by");
        }
        let answer = row.int(6)?;
        if answer == 0 {
            self.expect(row.int(8)? == 0, &key, "answered_ms");
            return Ok(());
        }
        let said = self.flag_act(&id, side.other(), row.bytes(7)?, ActType::AnswerFlag).await?;
        let fits = said.is_some_and(|(subject, flag)| {
            row.bytes(4).is_ok_and(|digest| digest == subject) && answer == i64::from(flag.answer)
        });
        self.expect(fits, &key, "answer_digest");
        Ok(())
    }

    /// What an act of one side about a flag names, and the flag it carries.
    async fn flag_act(
        &mut self,
        agreement: &[u8],
        side: PartySide,
        digest: Vec<u8>,
        ty: ActType,
    ) -> Result<Option<(Vec<u8>, wire::RiskFlag)>, StoreError> {
        let act = self.act_of(agreement, side, digest).await?;
        let Some(act) = act.filter(|act| act.act_type() == ty) else { return Ok(None) };
        let flag = act.carried.and_then(|sealed| envelope::payload::<wire::RiskFlag>(&sealed).ok());
        Ok(flag.map(|flag| (act.subject, flag)))
    }

    /// An act of one side by its digest.
    async fn act_of(
        &mut self,
        agreement: &[u8],
        side: PartySide,
        digest: Vec<u8>,
    ) -> Result<Option<wire::Act>, StoreError> {
        let sql = "SELECT envelope FROM envelope WHERE env_digest = $1 AND agreement_id = $2 \
                   AND lane = $3";
        let lane = Lane::acts(side).number();
        let vals = vec![digest.into(), agreement.into(), lane.into()];
        let Some(row) = self.conn.maybe(sql, vals).await? else { return Ok(None) };
        let act = sealed(&row.bytes(0)?);
        Ok(act.and_then(|act| envelope::payload::<wire::Act>(&act).ok()))
    }

    /// What a side said to hold an agreement up or to end it is an act of its lane.
    async fn side(&mut self, row: &Row) -> Result<(), StoreError> {
        let (id, number) = (row.bytes(0)?, row.int(1)?);
        let key = format!("{}/{number}", hex::encode(&id));
        let side = if number == 0 { PartySide::A } else { PartySide::B };
        self.expect((0..2).contains(&number), &key, "side");
        let said = [
            ("suspend_digest", ActType::Suspend, row.bytes(2)?),
            ("terminate_digest", ActType::Terminate, row.bytes(3)?),
        ];
        for (column, ty, digest) in said {
            if Digest::from_slice(&digest).is_none_or(|digest| digest.is_zero()) {
                self.expect(digest.is_empty() || digest.len() == 32, &key, column);
                continue;
            }
            let act = self.act_of(&id, side, digest).await?;
            let right = act.as_ref().is_some_and(|act| act.act_type() == ty);
            self.expect(right, &key, column);
            if ty == ActType::Terminate {
                let on = act.map_or(0, |act| i64::from(act.wind_down_on));
                self.expect(!right || on == row.int(4)?, &key, "wind_down_on");
            }
        }
        Ok(())
    }
}
