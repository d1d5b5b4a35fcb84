//! Which of our own keys signs, and which certificate is shown. A new key is used towards a city
//! once that city holds a manifest that names it; until then the old one is, and both count.

use super::{Bond, Directory};
use jieli_proto::day::Day;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::manifest::{Manifest, cosigner_number};
use jieli_proto::wire::Role;

/// Keys to sign with, and the manifest version to cite with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// The manifest version that the recipient holds, and by which it verifies.
    pub version: u32,
    /// Fingerprints, the preferred one first.
    pub keys: Vec<Digest>,
}

impl Directory {
    /// With which message key to speak to a city. Never with one that we have revoked: where the
    /// city holds no other, the newest manifest is cited, which is on its way to it.
    pub fn message_keys(&self, to: &CityId, now_ms: u64) -> Voice {
        let newest = self.manifest();
        let voice = |manifest: &Manifest| Voice {
            version: manifest.version,
            keys: self.usable(manifest, Role::Message, now_ms),
        };
        let held = self.held_by(to).map(voice).filter(|voice| !voice.keys.is_empty());
        let nothing = Voice { version: 0, keys: Vec::new() };
        held.or(newest.map(voice)).unwrap_or(nothing)
    }

    /// With which message key to sign what is for no city in particular.
    pub fn newest_message_keys(&self, now_ms: u64) -> Vec<Digest> {
        self.manifest().map_or(Vec::new(), |newest| self.usable(newest, Role::Message, now_ms))
    }

    /// Every log key in force: while two overlap, both sign each head.
    pub fn log_keys(&self) -> Vec<Digest> {
        let live = self.manifest().map_or(Vec::new(), |newest| newest.live_keys(Role::Log));
        live.iter().rev().map(|key| key.fpr).collect()
    }

    /// The cosigner keys to use, the preferred one first, each with the number of its name.
    pub fn cosigner_keys(&self, now_ms: u64) -> Vec<(Digest, u32)> {
        let keys = self.known_to_all(Role::Cosigner, now_ms);
        let number = |fpr: &Digest| cosigner_number(self.own.values(), fpr);
        keys.into_iter().filter_map(|fpr| number(&fpr).map(|number| (fpr, number))).collect()
    }

    /// The TLS keys to show to whoever calls, the preferred one first.
    pub fn tls_keys_shown(&self, now_ms: u64) -> Vec<Digest> {
        self.known_to_all(Role::Tls, now_ms)
    }

    /// The TLS keys to call a city with, the preferred one first. Where it holds none that is not
    /// revoked, an old one is all it takes: with that it is told of the new.
    pub fn tls_keys_to(&self, to: &CityId, now_ms: u64) -> Vec<Digest> {
        let Some(held) = self.held_by(to) else { return self.tls_keys_shown(now_ms) };
        let live = self.usable(held, Role::Tls, now_ms);
        let revoked = held.live_keys(Role::Tls).into_iter().map(|key| key.fpr);
        let revoked: Vec<Digest> = revoked.filter(|fpr| !live.contains(fpr)).collect();
        live.into_iter().chain(revoked).collect()
    }

    /// The newest own manifest that a city is known to hold.
    pub fn held_by(&self, city: &CityId) -> Option<&Manifest> {
        let version = self.peers.get(city).and_then(|peer| peer.holds);
        version.map_or_else(|| self.manifest(), |version| self.own.get(&version))
    }

    /// Cities that a new key waits for: those with an agreement in force. One that has only been
    /// proposed, has ended or was terminated carries manifests too, but holds nothing up.
    pub fn reached(&self, now_ms: u64) -> impl Iterator<Item = &CityId> {
        let today = Day::of_unix_ms(now_ms, 0);
        let binds = move |bond: &Bond| {
            bond.terminated().is_none() && bond.in_force().is_some_and(|found| found.to >= today)
        };
        let bound =
            move |city: &CityId| self.bonds.values().any(|bond| bond.peer == *city && binds(bond));
        self.peers.keys().filter(move |city| bound(city))
    }

    /// The keys of a role in force, those first that every city reached knows.
    fn known_to_all(&self, role: Role, now_ms: u64) -> Vec<Digest> {
        let Some(newest) = self.manifest() else { return Vec::new() };
        let (known, unknown): (Vec<Digest>, Vec<Digest>) = self
            .usable(newest, role, now_ms)
            .into_iter()
            .partition(|fpr| self.is_known_to_all(fpr, role, now_ms));
        known.into_iter().chain(unknown.into_iter().rev()).collect()
    }

    /// Whether every city that manifests travel to holds one that names this key.
    pub fn is_known_to_all(&self, fpr: &Digest, role: Role, now_ms: u64) -> bool {
        let mut reached = self.reached(now_ms);
        reached.all(|city| self.held_by(city).is_some_and(|held| held.key(fpr, role).is_some()))
    }

    /// Keys of a role that a manifest lists, the newest first, without those whose time has not
    /// come and those that our newest manifest revokes.
    fn usable(&self, manifest: &Manifest, role: Role, now_ms: u64) -> Vec<Digest> {
        let newest = self.manifest();
        let is_revoked = |fpr: &Digest| newest.is_some_and(|newest| newest.is_revoked(fpr));
        let live = manifest.live_keys(role).into_iter();
        live.filter(|key| key.not_before_unix_ms <= now_ms && !is_revoked(&key.fpr))
            .map(|key| key.fpr)
            .collect()
    }
}
