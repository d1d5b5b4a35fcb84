//! What every command needs and no command changes.

use crate::config::Config;
use crate::keyring::Ring;
use crate::keys::KeyRing;
use crate::shelf::{Shelf, Shelves};
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
    /// The packs in force, and by which calendars cities count.
    pub shelves: Shelves,
    /// The calendar that the configuration names, or the built-in one.
    pub configured: Arc<Calendar>,
    /// The settings.
    pub config: Arc<Config>,
    /// The own root key, which may be offline.
    pub root: PublicKey,
}

impl House {
    /// This city's own calendar: the newest version held.
    pub fn calendar(&self) -> Arc<Calendar> {
        Arc::clone(self.shelves.get().home())
    }

    /// The packs in force.
    pub fn shelf(&self) -> Arc<Shelf> {
        self.shelves.get()
    }
}

impl fmt::Debug for House {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "House({})", self.config.city.id)
    }
}
