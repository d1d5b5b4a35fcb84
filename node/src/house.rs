//! What every command needs and no command changes.

use crate::config::Config;
use crate::keyring::Ring;
use crate::keys::KeyRing;
use crate::world::World;
use jieli_proto::calendar::Calendar;
use jieli_proto::pubkey::PublicKey;
use std::fmt;
use std::sync::Arc;

/// The house: windows, keys, calendar, settings.
#[derive(Clone)]
pub struct House {
    /// Time, randomness, post, notices.
    pub world: World,
    /// All keys of this city.
    pub keys: Arc<KeyRing>,
    /// The keys of sections, apart from the data.
    pub ring: Ring,
    /// The calendar pack in force.
    pub calendar: Arc<Calendar>,
    /// The settings.
    pub config: Arc<Config>,
    /// The own root key, which may be offline.
    pub root: PublicKey,
}

impl fmt::Debug for House {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "House({})", self.config.city.id)
    }
}
