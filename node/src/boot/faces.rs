//! The certificates the city shows: of which key, to whom, and how old they may get. Peers pin the
//! key, so a new certificate of the same key needs nobody's consent; another key is shown to a city
//! once that city holds the manifest that names it.

use crate::courier::TICK;
use crate::directory::Directory;
use crate::house::House;
use crate::keys::KeyRing;
use crate::peers::Peers;
use crate::tls::{Connections, Identity, TlsError, Validity};
use crate::world::{Clock, Entropy, random};
use crate::writer::Hand;
use jieli_proto::id::{CityId, Digest};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A certificate is good from an hour before it is written ...
const BEFORE_MS: u64 = 3_600_000;
/// ... and for 90 days.
const AFTER_MS: u64 = 90 * 86_400_000;

/// A certificate of one key, and when it was written.
struct Made {
    identity: Identity,
    written_ms: u64,
}

/// See the module.
pub(super) struct Faces {
    keys: Arc<KeyRing>,
    city: CityId,
    made: BTreeMap<Digest, Made>,
    /// The key shown to whoever calls.
    shown: Digest,
}

/// The same, at work.
pub(super) struct Facing {
    faces: Faces,
    identity: Identity,
    house: House,
    connections: Connections,
}

impl Faces {
    pub(super) fn new(keys: Arc<KeyRing>, city: CityId) -> Faces {
        Faces { keys, city, made: BTreeMap::new(), shown: Digest::ZERO }
    }

    /// What the node starts with.
    pub(super) fn first(
        &mut self,
        directory: &Directory,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Identity, TlsError> {
        let shown = directory.tls_keys_shown(clock.now_unix_ms());
        let (fpr, identity) = self.of_keys(&shown, clock, entropy)?;
        self.shown = fpr;
        Ok(identity)
    }

    pub(super) fn of(self, house: House, identity: Identity, connections: Connections) -> Facing {
        Facing { faces: self, identity, house, connections }
    }

    /// A certificate that is not old, of the first of these keys that is here.
    fn of_keys(
        &mut self,
        keys: &[Digest],
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<(Digest, Identity), TlsError> {
        let found = keys.iter().find_map(|fpr| Some((*fpr, self.keys.tls_seed(fpr)?)));
        let (fpr, seed) = found.ok_or(TlsError::BadValidity)?;
        let now_ms = clock.now_unix_ms();
        if let Some(made) = self.made.get(&fpr)
            && !is_stale(made.written_ms, now_ms)
        {
            return Ok((fpr, made.identity.clone()));
        }
        let validity = Validity {
            not_before_unix_ms: now_ms.saturating_sub(BEFORE_MS),
            not_after_unix_ms: now_ms.saturating_add(AFTER_MS),
            serial: random(entropy),
        };
        let identity = Identity::self_signed(seed.expose(), self.city.as_str(), validity)?;
        let made = Made { identity: identity.clone(), written_ms: now_ms };
        self.made.insert(fpr, made);
        Ok((fpr, identity))
    }
}

/// Whether a certificate written then should be replaced: half its time is over, or the clock went
/// back behind it.
fn is_stale(written_ms: u64, now_ms: u64) -> bool {
    now_ms > written_ms.saturating_add(AFTER_MS / 2)
        || now_ms.saturating_add(BEFORE_MS / 2) < written_ms
}

impl Facing {
    /// Shows what is to be shown, until it is stopped.
    pub(super) async fn run(mut self, hand: Hand, peers: Arc<Peers>, stop: CancellationToken) {
        let mut seen = None;
        loop {
            let directory = Arc::clone(&hand.published().directory);
            let is_new = seen != Some(directory.generation);
            let now_ms = self.house.world.clock.now_unix_ms();
            let is_old = self.faces.made.values().any(|made| is_stale(made.written_ms, now_ms));
            if is_new || is_old {
                seen = Some(directory.generation);
                self.have_keys(&directory).await;
                if let Err(error) = self.look(&directory, &peers) {
                    tracing::error!(%error, "the certificate was not renewed");
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.house.world.sleep.sleep(TICK) => {}
            }
        }
    }

    /// Another node of this city may have taken a manifest in: its key files have to be here too.
    async fn have_keys(&self, directory: &Directory) {
        let keys = &self.house.keys;
        let named = directory.manifest().into_iter().flat_map(|manifest| &manifest.keys);
        if named.map(|key| &key.fpr).all(|fpr| keys.signer(fpr).is_some()) {
            return;
        }
        let ring = Arc::clone(keys);
        let read = self.house.world.apart(move || ring.reload()).await;
        if let Ok(Err(error)) = read {
            tracing::error!(%error, "a key of the manifest is not at hand");
        }
    }

    fn look(&mut self, directory: &Directory, peers: &Peers) -> Result<(), TlsError> {
        let world = self.house.world.clone();
        let (clock, entropy) = (world.clock.as_ref(), world.entropy.as_ref());
        let now_ms = clock.now_unix_ms();
        let shown = directory.tls_keys_shown(now_ms);
        let (fpr, all) = self.faces.of_keys(&shown, clock, entropy)?;
        let (mut some, mut used) = (Vec::new(), vec![fpr]);
        for city in directory.peers.keys() {
            let keys = directory.tls_keys_to(city, now_ms);
            let (other, identity) = self.faces.of_keys(&keys, clock, entropy)?;
            if other != fpr {
                some.push((city.as_str().to_owned(), identity));
                used.push(other);
            }
        }
        self.faces.made.retain(|made, _| used.contains(made));
        self.identity.turn(&all, &some);
        let until = self.faces.made.get(&fpr).map_or(0, |made| made.written_ms + AFTER_MS);
        self.house.keys.set_certificate_until(until);
        let before = std::mem::replace(&mut self.faces.shown, fpr);
        let is_revoked = directory.manifest().is_some_and(|newest| newest.is_revoked(&before));
        if before != fpr && is_revoked {
            // Nothing goes on over what a revoked key of ours has opened.
            peers.hang_up();
            for city in directory.peers.keys() {
                self.connections.close_city(city.as_str());
            }
        }
        Ok(())
    }
}
