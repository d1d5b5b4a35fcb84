//! Everything that is opened before the node listens.

use super::faces::{Faces, Facing};
use super::{Start, found};
use crate::config::{Config, Database};
use crate::directory::Directory;
use crate::disk::{self, DiskError};
use crate::highwater::{HighWater, HighWaterError};
use crate::house::House;
use crate::keyring::{self, Again, Ring, RingError};
use crate::keys::{KeyRing, KeysError};
use crate::peers::{Peers, Pinboard, RoadLimits};
use crate::public::{self, PublicError};
use crate::shelf::{CALENDAR, Shelves};
use crate::store::log::{self, Log};
use crate::store::{Store, StoreError, StoreOptions};
use crate::tls::{AddressRule, ClockMs, Connections, Dialer, Identity, TlsError};
use crate::tokens::TokenError;
use crate::webhook::WebhookError;
use crate::world::{Clock, Post, World, apart, random};
use jieli_proto::calendar::{Calendar, CalendarError};
use jieli_proto::id::CityId;
use jieli_proto::manifest::{Manifest, ManifestError};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

const CALENDAR_BYTES_MAX: u64 = 256 * 1024;

/// Resolving, connecting and shaking hands together.
const CONNECT_MS_MAX: u64 = 10_000;

/// Why a node did not start: what is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Keys cannot be read, or are not this city's.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The own manifest cannot be read.
    #[error(transparent)]
    Public(#[from] PublicError),
    /// The own manifest does not follow the one before.
    #[error("the own key manifest: {0}")]
    Manifest(#[from] ManifestError),
    /// The calendar cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The calendar is none.
    #[error("{file}: {error}; name a calendar pack in `calendar`, or remove the key", file = .file.display())]
    Calendar {
        /// File.
        file: PathBuf,
        /// What is wrong.
        error: CalendarError,
    },
    /// The database does not do what it must.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key ring, its ledger or its backups.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// The first rows could not be committed.
    #[error("the database did not take this city: {0}; start again")]
    Commit(String),
    /// The database belongs to another city.
    #[error("the database is that of {found}, not of {stated}: name the right one")]
    OtherCity {
        /// City in the database.
        found: String,
        /// City of the configuration.
        stated: CityId,
    },
    /// The high-water file cannot be read or written.
    #[error("{0}; see the runbook before anything is moved")]
    HighWater(#[from] HighWaterError),
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A desk token cannot be read.
    #[error(transparent)]
    Tokens(#[from] TokenError),
    /// Delivery reports cannot be checked.
    #[error(transparent)]
    Reports(#[from] WebhookError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} (listen.{what}): {error}")]
    Listen {
        /// Key in table `listen`.
        what: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

/// What is open.
pub(super) struct Opened {
    pub(super) house: House,
    pub(super) store: Store,
    /// What an old copy had brought back.
    pub(super) again: Vec<Again>,
    pub(super) highwater: HighWater,
    pub(super) board: Arc<Pinboard>,
    pub(super) peers: Arc<Peers>,
    pub(super) identity: Identity,
    pub(super) connections: Connections,
    pub(super) faces: Facing,
    /// A manifest that was left for this start.
    pub(super) next: Option<Manifest>,
}

/// Opens keys, calendar, database and the road; checks that the heads may be signed.
pub(super) async fn open(start: Start) -> Result<Opened, StartError> {
    let Start { config, passphrase, clock, entropy, sleep, notices, wrap_post, net, crash_at: _ } =
        start;
    let in_place = net.is_some();
    let config = Arc::new(config);
    let city = config.city.id.clone();
    let (dir, id) = (config.dir.clone(), city.clone());
    // Deriving the wrapping key takes a good part of a second.
    let keys = apart(in_place, move || KeyRing::start(&dir, &id, passphrase));
    let keys = Arc::new(keys.await.map_err(|_| KeysError::BadSeed)??);
    let written = public::own_manifest(&config.dir, &city)?;
    let calendar = Arc::new(calendar(&config)?);
    let mut highwater = found::highwater(&config)?;
    let options = if in_place { StoreOptions::in_place() } else { StoreOptions::default() };
    let store = Store::open(&database_url(&config), options.clone()).await?;
    let days = config.keyring.backup_days;
    let ring = Ring::open(&keyring::url(&config), options, &config.dir, &city, days).await?;
    let now_ms = clock.now_unix_ms();
    found::found(&config, &store, now_ms).await?;
    // Before anything else is believed or opened: an old copy may be here.
    let again = keyring::replay(&ring, &store, &random(entropy.as_ref())).await?;
    let (manifest, next) = found::keep_manifest(&store, &city, &written).await?;
    keys.check(&manifest)?;
    if manifest.version > written.version {
        // A crash came between taking it in and writing it down.
        public::write_own(&config, &manifest)?;
    }
    let board = Arc::new(Pinboard::new(Arc::new(
        directory(&store, &manifest.root, &config, &calendar).await?,
    )));
    let mut faces = Faces::new(Arc::clone(&keys), city.clone());
    let identity = faces.first(&board.directory(), clock.as_ref(), entropy.as_ref())?;
    let connections = Connections::new();
    let dialer = Dialer::new(
        identity.clone(),
        Arc::clone(&board) as Arc<dyn crate::tls::Pins>,
        clock_ms(&clock),
        address_rule(&config),
        connections.clone(),
        CONNECT_MS_MAX,
    );
    let dialer = net.map_or(dialer.clone(), |net| dialer.over(net));
    let peers = Arc::new(Peers::new(dialer, Arc::clone(&board), road_limits(&config)));
    let post: Arc<dyn Post> = Arc::clone(&peers) as Arc<dyn Post>;
    let post = wrap_post.map_or(Arc::clone(&post), |wrap| wrap(post));
    let world = World { clock, entropy, sleep, post, notices, in_place };
    let root = manifest.root;
    let shelves = Shelves::new(&board.directory().shelf);
    let house = House { world, keys, ring, shelves, configured: calendar, config, root };
    // Before anything is signed: what the file says, and what the peers have seen.
    found::stand(&house, &store, &mut highwater, &board.directory(), now_ms).await?;
    found::keep_cosigned(&store, &highwater).await?;
    board.replace(directory(&store, &house.root, &house.config, &house.configured).await?);
    let faces = faces.of(house.clone(), identity.clone(), connections.clone());
    Ok(Opened { house, store, again, highwater, board, peers, identity, connections, faces, next })
}

fn calendar(config: &Config) -> Result<Calendar, StartError> {
    let Some(file) = config.calendar_file() else {
        let file = PathBuf::from("cn");
        return Calendar::from_json(CALENDAR).map_err(|error| StartError::Calendar { file, error });
    };
    let bytes = disk::read(&file, CALENDAR_BYTES_MAX)?;
    // What is not UTF-8 is no calendar either.
    let text = String::from_utf8_lossy(&bytes);
    Calendar::from_json(&text).map_err(|error| StartError::Calendar { file, error })
}

fn database_url(config: &Config) -> String {
    match &config.database {
        Database::Sqlite => format!("sqlite:{}", config.sqlite_file().display()),
        Database::Postgres(url) => url.clone(),
    }
}

async fn directory(
    store: &Store,
    root: &jieli_proto::pubkey::PublicKey,
    config: &Config,
    calendar: &Arc<Calendar>,
) -> Result<Directory, StoreError> {
    let mut conn = store.read().await?;
    let missing = StoreError::Corrupt("log_head");
    let head = log::head(&mut conn, Log::Exchange).await?.ok_or(missing)?;
    let generation = head.generation as i64;
    Directory::load(&mut conn, root, &config.own_offices(), calendar, generation).await
}

pub(super) fn clock_ms(clock: &Arc<dyn Clock>) -> ClockMs {
    let clock = Arc::clone(clock);
    Arc::new(move || clock.now_unix_ms())
}

/// A node that itself can only be reached on this machine may call others on it.
fn address_rule(config: &Config) -> AddressRule {
    AddressRule { loopback: config.listen.peer.ip().is_loopback(), private: true }
}

fn road_limits(config: &Config) -> RoadLimits {
    let limits = &config.limits;
    RoadLimits {
        answer_max: limits.request_max(),
        keep_alive: limits.keep_alive(),
        keep_alive_answer_max: limits.keep_alive_answer_max(),
    }
}
