//! The keys of a city, changed while it runs, as its operators do it.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::stuck::eventually;
use crate::town::Town;
use crate::world::Seeded;
use jieli_node::keys::{KeyName, KeyRing, Signer, make_beside};
use jieli_node::world::Clock;
use jieli_proto::envelope;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::manifest::Manifest;
use jieli_proto::wire::desk_server::Desk as _;
use jieli_proto::wire::{self, Envelope, KeyRecord, LastGood, Revocation, RevocationReason};
use tonic::Status;

/// A place in a log.
pub fn good(origin: &str, index: u64) -> LastGood {
    LastGood { origin: origin.to_owned(), index }
}

impl Town {
    /// The newest own manifest in force.
    pub fn manifest(&self) -> Manifest {
        self.node().hand().published().directory.manifest().unwrap().clone()
    }

    /// The newest key of a kind in force.
    pub fn key(&self, name: KeyName) -> Digest {
        self.manifest().live_keys(name.role().unwrap())[0].fpr
    }

    /// Makes a key beside the others; nothing uses it yet.
    pub fn make_key(&self, name: KeyName) -> KeyRecord {
        let seed = u64::from_be_bytes(self.manifest().env_digest.0[..8].try_into().unwrap());
        let entropy = Seeded::new(seed ^ name as u64);
        let public = make_beside(&self.dir, &self.id(), name, None, &entropy).unwrap();
        KeyRecord {
            spki: public.to_spki().to_vec(),
            suite: 1,
            roles: vec![name.role().unwrap().into()],
            not_before: self.clock.now_unix_ms(),
        }
    }

    /// The next manifest, signed by the root.
    pub fn next_manifest(&self, add: Vec<KeyRecord>, revoke: Vec<Revocation>) -> Envelope {
        let root = KeyRing::load(&self.dir, &self.id(), None).unwrap().root().unwrap();
        let payload = self.manifest().next(add, revoke);
        envelope::seal(&payload, root.fingerprint(), |bytes| root.sign_now(bytes))
    }

    /// Hands a manifest to the running node, as `jieli key install` does.
    pub async fn ask_install(
        &self,
        manifest: Envelope,
    ) -> Result<wire::InstallManifestReply, Status> {
        let request = wire::InstallManifestRequest { manifest: Some(manifest) };
        let request = self.signed("operator", request);
        Ok(self.door().install_manifest(request).await?.into_inner())
    }

    /// The same, approved by another post and carried out where it has to be.
    pub async fn install(&self, manifest: Envelope) -> Result<wire::KeyList, Status> {
        let reply = self.ask_install(manifest).await?;
        let Some(waits) = reply.waits else { return Ok(reply.keys.unwrap()) };
        self.approve_second(&waits).await?;
        Ok(self.carry_out(&waits.id).await?.keys.unwrap())
    }

    /// Another post approves what it was shown.
    pub async fn approve_second(
        &self,
        waits: &wire::SecondView,
    ) -> Result<wire::SecondView, Status> {
        let (id, shown_digest) = (waits.id.clone(), waits.shown_digest.clone());
        let request = self.signed("approver", wire::ApproveSecondRequest { id, shown_digest });
        Ok(self.door().approve_second(request).await?.into_inner())
    }

    /// The operator carries out what was approved.
    pub async fn carry_out(&self, id: &str) -> Result<wire::CarryOutReply, Status> {
        let request = self.signed("operator", wire::SecondRef { id: id.to_owned() });
        Ok(self.door().carry_out(request).await?.into_inner())
    }

    /// What `jieli repair` asks for; with the root's statement a new epoch.
    pub async fn ask_repair(
        &self,
        plan: bool,
        successor: Option<Envelope>,
    ) -> Result<wire::RepairReply, Status> {
        let request = self.signed("operator", wire::RepairRequest { plan, successor });
        Ok(self.door().repair(request).await?.into_inner())
    }

    /// A new key beside the old one.
    pub async fn rotate(&self, name: KeyName) {
        let manifest = self.next_manifest(vec![self.make_key(name)], Vec::new());
        self.install(manifest).await.unwrap();
    }

    /// What retiring a key comes to: up to where it was used, as the node finds it.
    pub async fn retirement(&self, fpr: Digest) -> Result<Revocation, Status> {
        let request = self.signed("operator", wire::KeyPositionsRequest { fpr: fpr.hex() });
        let found = self.door().place_key(request).await?.into_inner();
        let reason = RevocationReason::Retired.into();
        Ok(Revocation { fingerprint: fpr.to_vec(), last_good: found.last_good, reason })
    }

    /// Retires a key as planned.
    pub async fn retire(&self, fpr: Digest) -> Result<wire::KeyList, Status> {
        let revocation = self.retirement(fpr).await?;
        self.install(self.next_manifest(Vec::new(), vec![revocation])).await
    }

    /// What operators see of the keys.
    pub async fn keys(&self) -> wire::KeyList {
        let request = self.signed("operator", wire::ListKeysRequest::default());
        self.door().list_keys(request).await.unwrap().into_inner()
    }

    /// What is disputed here.
    pub async fn disputed(&self) -> Vec<wire::DisputedLine> {
        let request = self.signed("operator", wire::ListDisputedRequest {});
        self.door().list_disputed(request).await.unwrap().into_inner().lines
    }

    /// What ends soon.
    pub async fn ends(&self) -> Vec<wire::Expiry> {
        let request = self.signed("operator", wire::StatusRequest {});
        self.door().status(request).await.unwrap().into_inner().expiries
    }

    /// Waits until another city has receipted the newest manifest.
    pub async fn is_held_by(&self, city: &CityId) {
        eventually("the manifest is held there", async || {
            let published = self.node().hand().published();
            let newest = published.directory.manifest().map(|manifest| manifest.version);
            published.directory.held_by(city).map(|held| held.version) == newest
        })
        .await;
    }
}
