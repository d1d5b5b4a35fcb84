//! Own keys change while the node runs: the next manifest is taken in, sent to every partner on the
//! act lane of each agreement, and followed up. What a key signed that is revoked before it was
//! receipted is signed again by the one that replaces it.

mod again;
pub(crate) mod disputed;
mod own;

use crate::batch::Batch;
use crate::directory::Bond;
use crate::receive::decode;
use crate::store::{Conn, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::manifest::Manifest;
use jieli_proto::message::ItemVerdict;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, Act, ActType, Envelope, RevocationReason, Role};
use prost::Message as _;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Batch<'_> {
    /// Takes in the next own manifest, which the root has signed, and sends it to every partner.
    /// The newest one again changes nothing.
    pub(crate) async fn install_manifest(&mut self, sealed: &Envelope) -> Outcome<()> {
        let Some(manifest) = self.next_manifest(sealed)? else { return Ok(()) };
        self.may_install(&manifest).await?;
        let newest = self.in_force()?;
        self.keep_own_manifest(&newest, &manifest).await?;
        self.record("key manifest installed", &manifest.env_digest.0);
        self.reload().await?;
        let gone = newly_revoked(&newest, &manifest, Role::Message);
        if !gone.is_empty() {
            self.seal_consents_again(&gone).await?;
            self.seal_packs_again(&gone).await?;
            self.receipt_again(&gone).await?;
        }
        let bonds: Vec<Arc<Bond>> = self.directory.bonds.values().cloned().collect();
        for bond in bonds {
            if bond.state(self.today) != "CLOSED" {
                self.send_manifest(&bond, &manifest).await?;
            }
        }
        Ok(())
    }

    /// An own manifest that a partner gave back: it was installed after the copy was made that this
    /// database is, and own letters are signed with its keys. Who does not hold it yet is sent it
    /// when traffic goes on. `false` where it does not follow the one in force.
    pub(crate) async fn own_manifest_back(&mut self, sealed: &Envelope) -> Outcome<bool> {
        let digest = envelope::env_digest(sealed);
        if self.directory.own.values().any(|own| own.env_digest == digest) {
            return Ok(true);
        }
        let newest = self.in_force()?;
        let Ok(manifest) = Manifest::open(sealed, &self.house.root, Some(&newest)) else {
            return Ok(false);
        };
        self.keep_own_manifest(&newest, &manifest).await?;
        self.record("key manifest given back", &manifest.env_digest.0);
        self.reload().await?;
        let bonds: Vec<AgreementId> = self.directory.bonds.keys().copied().collect();
        for id in bonds {
            self.timer(self.now_ms, TimerKind::SendManifests, &id.0).await?;
        }
        Ok(true)
    }

    /// Keeps the manifest that follows the newest, and what each city holds until it receipts it.
    async fn keep_own_manifest(
        &mut self,
        newest: &Manifest,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        for city in self.directory.peers.keys() {
            let sql = "INSERT INTO manifest_held (city_id, version) VALUES ($1,$2) \
                       ON CONFLICT (city_id) DO NOTHING";
            let vals = vec![city.as_str().into(), newest.version.into()];
            self.conn.run(sql, vals).await?;
        }
        self.keep_manifest(manifest).await
    }

    fn in_force(&self) -> Result<Manifest, StoreError> {
        self.directory.manifest().cloned().ok_or(StoreError::Corrupt("manifest"))
    }

    /// The manifest that follows the one in force; `None` if it is that one.
    pub(crate) fn next_manifest(&self, sealed: &Envelope) -> Outcome<Option<Manifest>> {
        let newest = self.in_force()?;
        if envelope::env_digest(sealed) == newest.env_digest {
            return Ok(None);
        }
        let next = Manifest::open(sealed, &self.house.root, Some(&newest));
        Ok(Some(next.map_err(|error| {
            Denied::new(
                "BAD_MANIFEST",
                format!(
                    "密钥清单未被接受：须由本市根密钥签名，并紧接现行第 {} 版。",
                    newest.version
                ),
                format!("The manifest is not taken: {error}."),
            )
        })?))
    }

    /// Whether this city can do with it what it says now.
    pub(crate) async fn may_install(&mut self, manifest: &Manifest) -> Outcome<()> {
        let newest = self.in_force()?;
        let claimed = manifest.keys_of(Role::Tls).find(|key| {
            self.directory.peers.values().any(|peer| peer.tls_keys().contains(&key.fpr))
        });
        if claimed.is_some() {
            return Err(Denied::new(
                "TLS_KEY_OF_ANOTHER",
                "清单中的连接密钥属于另一城市。",
                "A TLS key of the manifest is another city's.",
            )
            .into());
        }
        self.house.keys.check(manifest).map_err(|error| {
            Denied::new(
                "NO_KEY_FILE",
                "清单列出的密钥在本节点的 keys 目录中没有可用的文件，没有接受。",
                format!("{error}; nothing was installed."),
            )
        })?;
        for revoked in &manifest.revocations {
            let is_new =
                !newest.is_revoked(&Digest::from_slice(&revoked.fingerprint).unwrap_or_default());
            if is_new && revoked.reason() == RevocationReason::Retired {
                self.may_retire(&newest, manifest, &revoked.fingerprint).await?;
            }
        }
        Ok(())
    }

    /// A key is retired only when nobody needs it any more; a revocation waits for nothing.
    async fn may_retire(&mut self, newest: &Manifest, next: &Manifest, fpr: &[u8]) -> Outcome<()> {
        let Some(key) = newest.keys.iter().find(|key| key.fpr.0[..] == *fpr) else { return Ok(()) };
        for role in &key.roles {
            let replaced = |city: &&jieli_proto::id::CityId| {
                let held = self.directory.held_by(city);
                next.live_keys(*role)
                    .iter()
                    .any(|key| held.is_some_and(|held| held.key(&key.fpr, *role).is_some()))
            };
            let behind: Vec<String> = self
                .directory
                .reached(self.now_ms)
                .filter(|city| !replaced(city))
                .map(ToString::to_string)
                .collect();
            if !behind.is_empty() {
                let cities = behind.join(", ");
                return Err(Denied::new(
                    "NOT_HELD_YET",
                    format!("这些城市还没有收到替换密钥的清单：{cities}。请等待；密钥失窃时改用 key revoke。"),
                    format!(
                        "These cities do not hold the key that replaces it: {cities}. Wait; if the \
                         key was stolen, use `key revoke`."
                    ),
                )
                .into());
            }
        }
        let waiting = self.outbox_signed_by(&BTreeSet::from([key.fpr])).await?.len();
        if waiting > 0 {
            return Err(Denied::new(
                "LETTERS_WAIT",
                format!("还有 {waiting} 封用该密钥签名的信件没有得到回执，请等待。"),
                format!(
                    "{waiting} letters signed with this key wait for a receipt: wait for them."
                ),
            )
            .into());
        }
        Ok(())
    }

    /// Sends a manifest on the act lane of an agreement.
    async fn send_manifest(&mut self, bond: &Bond, manifest: &Manifest) -> Result<(), StoreError> {
        let act = Act {
            act_type: ActType::Manifest.into(),
            carried: Some(manifest.envelope.clone()),
            ..Act::default()
        };
        self.send_act(bond, act).await.map(drop)
    }

    /// Sends what a city that has just become a partner does not hold yet.
    pub(crate) async fn send_missing_manifests(&mut self, agreement: &[u8]) -> Outcome<()> {
        let bond = AgreementId::from_slice(agreement).and_then(|id| self.bond(&id));
        let bond = bond.ok_or(StoreError::Corrupt("timer.subject"))?;
        let held = self.directory.held_by(&bond.peer).map_or(0, |manifest| manifest.version);
        let missing: Vec<Manifest> =
            self.directory.own.range(held + 1..).map(|(_, manifest)| manifest.clone()).collect();
        for manifest in &missing {
            self.send_manifest(&bond, manifest).await?;
        }
        Ok(())
    }

    /// The receipt of an own act: a manifest that is stored there is held there.
    pub(crate) async fn settle_act(
        &mut self,
        bond: &Bond,
        lane: Lane,
        lane_seq: u64,
        verdict: &ItemVerdict,
    ) -> Result<(), StoreError> {
        let Some(sealed) = self.stored(bond, lane, lane_seq).await? else { return Ok(()) };
        if *verdict == ItemVerdict::Refused(Refusal::KeyRevoked.number()) {
            return self.queue_again(bond, lane, lane_seq).await;
        }
        let Ok(act) = decode::<Act>(&sealed) else { return Ok(()) };
        if matches!(act.act_type(), ActType::Flag | ActType::AnswerFlag) {
            let digest = envelope::env_digest(&sealed);
            return self.settle_flag(bond, &act, &digest, verdict).await;
        }
        let Some(carried) = act.carried.filter(|_| act.act_type == ActType::Manifest as i32) else {
            return Ok(());
        };
        let digest = envelope::env_digest(&carried);
        let own = self.directory.own.values().find(|own| own.env_digest == digest);
        let Some(version) = own.map(|own| own.version) else { return Ok(()) };
        if let ItemVerdict::Refused(code) = verdict {
            let detail = format!("key manifest {version} refused there: {code}");
            return self.alarm("manifest-refused", &bond.peer, &detail).await;
        }
        let held = self.directory.peers.get(&bond.peer).and_then(|peer| peer.holds);
        if held.is_some_and(|held| held < version) {
            let sql = "UPDATE manifest_held SET version = $2 WHERE city_id = $1 AND version < $2";
            let vals = vec![bond.peer.as_str().into(), version.into()];
            self.conn.run(sql, vals).await?;
            self.reload().await?;
            // What it could not have verified before may go now.
            self.wake.insert(bond.peer.clone());
        }
        Ok(())
    }

    /// A manifest of a peer with new revocations was taken in: operators are told how much of what
    /// is stored is disputed from now on.
    pub(crate) async fn tell_revoked(
        &mut self,
        before: Option<&Manifest>,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        let known = |fpr: &Digest| before.is_some_and(|before| before.is_revoked(fpr));
        let origin = self.directory.city.exchange_origin(self.head.id.epoch);
        for revoked in &manifest.revocations {
            let fpr = Digest::from_slice(&revoked.fingerprint).unwrap_or_default();
            if known(&fpr) {
                continue;
            }
            let last = manifest.last_good(&fpr, &origin);
            let found = disputed::count(self, &manifest.city, &fpr, last).await?;
            let reason = revoked.reason().as_str_name();
            if found > 0 || revoked.reason() != RevocationReason::Retired {
                let detail = format!("{} {reason}: {found} disputed", fpr.hex());
                self.alarm("key-revoked", &manifest.city, &detail).await?;
            }
        }
        Ok(())
    }

    /// The letters of ours that still wait for their answer and are signed by one of these keys.
    async fn outbox_signed_by(
        &mut self,
        keys: &BTreeSet<Digest>,
    ) -> Result<Vec<(AgreementId, Lane, u64, Envelope)>, StoreError> {
        let sql = "SELECT e.agreement_id, e.lane, e.lane_seq, e.envelope FROM outbox o \
                   JOIN envelope e ON e.agreement_id = o.agreement_id AND e.lane = o.lane \
                   AND e.lane_seq = o.lane_seq ORDER BY e.agreement_id, e.lane, e.lane_seq";
        let mut found = Vec::new();
        for row in self.conn.rows(sql, Vec::new()).await? {
            let sealed = sealed(&row.bytes(3)?)?;
            if envelope::key_fpr(&sealed).is_ok_and(|fpr| keys.contains(&fpr)) {
                let lane = Lane::from_number(row.int(1)? as u32);
                let lane = lane.ok_or(StoreError::Corrupt("outbox.lane"))?;
                found.push((AgreementId(row.array(0)?), lane, row.uint(2)?, sealed));
            }
        }
        Ok(found)
    }
}

/// Whether a manifest does nothing but revoke what is lost or stolen: keys are added only where the
/// last of a role goes, one each.
pub fn is_emergency(newest: &Manifest, next: &Manifest) -> bool {
    let mut gone = next.revocations.iter().filter(|gone| !newest.revocations.contains(gone));
    let is_urgent = |reason| match reason {
        RevocationReason::Lost | RevocationReason::Compromised => true,
        RevocationReason::Unspecified | RevocationReason::Retired => false,
    };
    let mut added = next.keys.iter().filter(|key| newest.keys.iter().all(|k| k.fpr != key.fpr));
    gone.clone().next().is_some()
        && gone.all(|gone| is_urgent(gone.reason()))
        && added.all(|key| {
            key.roles.iter().all(|role| {
                let left = newest.live_keys(*role).iter().any(|key| !next.is_revoked(&key.fpr));
                !left && next.live_keys(*role).len() == 1
            })
        })
}

/// Keys of a role that one manifest lists and the next one revokes.
fn newly_revoked(before: &Manifest, next: &Manifest, role: Role) -> BTreeSet<Digest> {
    let gone = |fpr: &Digest| next.is_revoked(fpr) && !before.is_revoked(fpr);
    before.keys_of(role).map(|key| key.fpr).filter(gone).collect()
}

fn sealed(bytes: &[u8]) -> Result<Envelope, StoreError> {
    Envelope::decode(bytes).map_err(|_| StoreError::Corrupt("envelope.envelope"))
}
