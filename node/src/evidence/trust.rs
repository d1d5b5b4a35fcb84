//! What a reader's trust rests on: roots, manifests, where epochs ended, and whose keys sign and
//! cosign the logs.

use super::Export;
use crate::directory::Peer;
use crate::store::recovery;
use crate::trouble::Outcome;
use crate::witness;
use jieli_proto::id::CityId;
use jieli_proto::manifest::Manifest;
use jieli_proto::note::{KeyKind, VKey};
use jieli_proto::policy::Policy;
use jieli_proto::wire::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Export<'_> {
    /// Roots, manifests, successor statements and policies of both cities; root and manifests of
    /// third cities that have cosigned their logs.
    pub(super) async fn trust(&mut self) -> Outcome<()> {
        let directory = &self.published.directory;
        let (city, peer) = (directory.city.clone(), self.peer.city.clone());
        self.bundle.roots = vec![self.house.root, self.peer.root];
        let manifests = directory.own.values().chain(self.peer.manifests.values());
        self.bundle.manifests = manifests.map(|manifest| manifest.envelope.clone()).collect();
        let mut logs = vec![(city.clone(), 1), (peer.clone(), 1)];
        for of in [&city, &peer] {
            let stated = recovery::statements(self.conn, of).await?;
            for ended in stated.into_iter().filter(|stated| stated.next_epoch > 0) {
                self.ends.insert(of.exchange_origin(ended.epoch), ended.head.0);
                logs.push((of.clone(), ended.next_epoch));
                self.bundle.successors.push(ended.sealed);
            }
        }
        // Both parties' cosigners first.
        let mut cosigners = witness::cosigner_keys(&city, &directory.own);
        cosigners.extend(witness::cosigner_keys(&peer, &self.peer.manifests));
        for third in self.thirds(&logs).await? {
            cosigners.extend(witness::cosigner_keys(&third.city, &third.manifests));
            self.bundle.roots.push(third.root);
            let manifests = third.manifests.values();
            self.bundle.manifests.extend(manifests.map(|manifest| manifest.envelope.clone()));
        }
        for (of, epoch) in logs {
            let manifests = if of == city { &directory.own } else { &self.peer.manifests };
            let keys = log_keys(&of.exchange_origin(epoch), manifests);
            // No quorum, for heads quoted in messages may have none.
            if let Ok(policy) = Policy::new(keys, cosigners.clone(), 0) {
                self.bundle.policies.push((of, policy));
            }
        }
        Ok(())
    }

    /// Cities that are no party and have cosigned these logs.
    async fn thirds(&mut self, logs: &[(CityId, u32)]) -> Outcome<Vec<Arc<Peer>>> {
        let mut found: BTreeSet<CityId> = BTreeSet::new();
        for (city, epoch) in logs {
            let sql = "SELECT DISTINCT cosigner FROM cosignature WHERE origin = $1";
            let origin = city.exchange_origin(*epoch);
            for row in self.conn.rows(sql, vec![origin.into()]).await? {
                found.extend(witness::cosigner_city(&row.text(0)?));
            }
        }
        found.remove(&self.peer.city);
        let peers = &self.published.directory.peers;
        Ok(found.iter().filter_map(|city| peers.get(city)).cloned().collect())
    }
}

/// All log keys of a city under an origin: heads that are kept may be signed with one that was
/// replaced since.
fn log_keys(origin: &str, manifests: &BTreeMap<u32, Manifest>) -> Vec<VKey> {
    let mut keys: Vec<VKey> = Vec::new();
    for key in manifests.values().rev().flat_map(|manifest| manifest.keys_of(Role::Log)) {
        if let Ok(key) = VKey::new(origin, KeyKind::Ed25519, key.public)
            && !keys.contains(&key)
        {
            keys.push(key);
        }
    }
    keys
}
