//! The key ring: the keys of sections, apart from what they open.
//!
//! It is a database of its own (`keyring.db`, or the one of `keyring.url`), in no backup of the
//! house's. A key is durable here before the data that needs it; what a batch left behind that was
//! rolled back is swept at the next start. To erase: a line in the ledger, the key out of the ring,
//! every backup of the ring made unreadable, and only then the transaction with the tombstone. An
//! erasure that has come as far as the ledger is finished at the next start, whatever happened. The
//! key of a single value that has served goes after the commit instead, for a batch that is rolled
//! back needs the value again.

mod backup;
mod keeper;
mod ledger;
mod replay;

pub use backup::{BACKUP_DIR, BackupError, Kept};
pub use keeper::Keeper;
pub use ledger::{FILE, Ledger, LedgerError, Line, Scope};
pub use replay::{Again, replay};

use crate::config::{Config, Database};
use crate::keys::{KeyRing, KeysError, PURPOSE_SECTION, Secret, WRAPPED_LEN};
use crate::store::{Conn, Store, StoreError, StoreOptions, Val, Writer};
use crate::world::Entropy;
use backup::Backups;
use jieli_proto::id::{CityId, Digest, LegId};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

/// Length in bytes of a key's name: the nonce that its wrapped form begins with.
pub const KEY_ID_LEN: usize = 12;

/// A key's name.
pub type KeyId = [u8; KEY_ID_LEN];

/// Tables of the ring that an erasure touches.
const TABLES: [&str; 1] = ["section_key"];

/// Tables of the house that an erasure touches.
pub(crate) const HOUSE_TABLES: [&str; 6] =
    ["section_data", "blind_index", "phone_index", "section_key_before", "looked", "consent"];

/// Why the ring did not do it.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// Its database refused.
    #[error("the key ring: {0}")]
    Store(#[from] StoreError),
    /// The ledger could not be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A backup could not be read or written.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The ring of another city.
    #[error("the key ring is that of {0}: name the right one in keyring.url")]
    OtherCity(String),
    /// Nothing in the ring opens anything of the database.
    #[error(
        "the key ring opens none of the {0} values in the database: it is another ring or an empty \
         one. Nothing was deleted. Put the ring back, or restore its backup with `jieli keyring \
         restore`"
    )]
    WrongRing(u64),
}

/// What a batch does to the ring: nothing of it is done before [`Ring::settle`].
#[derive(Debug, Default)]
pub struct Work {
    /// Wrapped keys by name.
    made: BTreeMap<KeyId, Vec<u8>>,
    places: BTreeMap<(LegId, u8), KeyId>,
    gone: Vec<Line>,
    /// What goes with [`Ring::finish`].
    used: Vec<Line>,
}

impl Work {
    /// The key that this batch made for a slot.
    pub fn made_for(&self, leg: LegId, slot: u8) -> Option<KeyId> {
        self.places.get(&(leg, slot)).copied()
    }

    /// The wrapped form of a key that this batch made.
    pub fn wrapped(&self, id: &KeyId) -> Option<&[u8]> {
        self.made.get(id).map(Vec::as_slice)
    }

    /// Adds a new key.
    pub fn make(
        &mut self,
        keys: &KeyRing,
        entropy: &dyn Entropy,
        leg: LegId,
        slot: u8,
    ) -> Result<(KeyId, Secret<32>), KeysError> {
        let key = Secret::random(entropy);
        let wrapped = keys.wrap_key(entropy, PURPOSE_SECTION, leg, slot, &key)?;
        let id = *wrapped.first_chunk().ok_or(KeysError::Seal)?;
        self.made.insert(id, wrapped);
        self.places.insert((leg, slot), id);
        Ok((id, key))
    }

    /// Gives keys up. A line is written even when there are none: what else belongs to the scope is
    /// to be destroyed again too.
    pub fn destroy(&mut self, at_ms: u64, leg: LegId, scope: Scope, keys: Vec<KeyId>) {
        let keys = self.stored(keys);
        self.gone.push(Line { at_ms, leg, scope, keys });
    }

    /// Gives the key of a single value up that has served. It goes after the commit: a batch that is
    /// rolled back needs the value again, an act that waits for instance.
    pub fn use_up(&mut self, at_ms: u64, leg: LegId, key: KeyId) {
        let keys = self.stored(vec![key]);
        self.used.push(Line { at_ms, leg, scope: Scope::Slot, keys });
    }

    /// Forgets those that were made in this batch: they were never stored, and no backup can have
    /// them. The others.
    fn stored(&mut self, keys: Vec<KeyId>) -> Vec<KeyId> {
        self.places.retain(|_, id| !keys.contains(id));
        keys.into_iter().filter(|id| self.made.remove(id).is_none()).collect()
    }
}

/// The ring. Cheap to clone.
#[derive(Clone)]
pub struct Ring {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    writer: tokio::sync::Mutex<Writer>,
    ledger: std::sync::Mutex<Ledger>,
    backups: std::sync::Mutex<Backups>,
    /// How often something was destroyed that the files still may show.
    destroyed: AtomicU64,
    /// How far `destroyed` had come when the files were last scrubbed.
    scrubbed: AtomicU64,
}

/// Where the ring of a city is.
pub fn url(config: &Config) -> String {
    match (&config.database, &config.keyring.url) {
        (_, Some(url)) => url.clone(),
        (Database::Sqlite | Database::Postgres(_), None) => {
            format!("sqlite:{}", config.dir.join("keyring.db").display())
        }
    }
}

impl Ring {
    /// Opens the ring, its ledger and its backups, and makes the ring if there is none.
    pub async fn open(
        url: &str,
        options: StoreOptions,
        dir: &Path,
        city: &CityId,
        backup_days: u64,
    ) -> Result<Ring, RingError> {
        let store = Store::open_ring(url, options).await?;
        let mut writer = store.writer();
        let mut tx = writer.begin().await?;
        let sql = "INSERT INTO ring (one, city_id, epoch) VALUES (1, $1, 1) \
                   ON CONFLICT (one) DO NOTHING";
        tx.run(sql, vec![city.as_str().into()]).await?;
        let found = tx.one("SELECT city_id FROM ring WHERE one = 1", Vec::new()).await?.text(0)?;
        tx.commit().await.map_err(lost)?;
        if found != city.as_str() {
            return Err(RingError::OtherCity(found));
        }
        let inner = Inner {
            store,
            writer: tokio::sync::Mutex::new(writer),
            ledger: std::sync::Mutex::new(Ledger::open(&dir.join(FILE))?),
            backups: std::sync::Mutex::new(Backups::open(dir, city, backup_days)?),
            destroyed: AtomicU64::new(1),
            scrubbed: AtomicU64::new(0),
        };
        Ok(Ring { inner: Arc::new(inner) })
    }

    /// The wrapped form of a key; `None` once it is destroyed.
    pub async fn wrapped(&self, id: &KeyId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut conn = self.inner.store.read().await?;
        let sql = "SELECT sealed FROM section_key WHERE key_id = $1";
        let row = conn.maybe(sql, vec![id.as_slice().into()]).await?;
        row.map(|row| Ok([id.as_slice(), &row.bytes(0)?].concat())).transpose()
    }

    /// Does what a batch wants done, before that batch commits: ledger, ring, backups, each
    /// durable before the next. After an error the batch must not commit.
    pub async fn settle(&self, work: &Work) -> Result<(), RingError> {
        let made = work.made.values().map(|wrapped| row_of(wrapped)).collect();
        self.carry_out(made, &work.gone).await
    }

    /// Destroys the keys of what a batch has used up, once that batch has committed. What a crash
    /// leaves out is a key that opens nothing any more: the next start sweeps it.
    pub async fn finish(&self, work: &Work) -> Result<(), RingError> {
        self.carry_out(Vec::new(), &work.used).await
    }

    async fn carry_out(&self, made: Vec<Vec<Val>>, gone: &[Line]) -> Result<(), RingError> {
        let lines: Vec<&Line> = gone.iter().filter(|line| line.is_about_stored()).collect();
        if made.is_empty() && lines.is_empty() {
            return Ok(());
        }
        if !lines.is_empty() {
            let mut ledger = self.inner.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.append(&lines)?;
        }
        self.write(made, &lines).await
    }

    /// Destroys what the lines name and stores these keys, in one transaction; then every backup
    /// from before is made unreadable.
    async fn write(&self, made: Vec<Vec<Val>>, lines: &[&Line]) -> Result<(), RingError> {
        let mut writer = self.inner.writer.lock().await;
        let mut tx = writer.begin().await?;
        tx.insert_many("section_key", &["key_id", "sealed"], made).await?;
        for id in lines.iter().flat_map(|line| &line.keys) {
            tx.run("DELETE FROM section_key WHERE key_id = $1", vec![id.as_slice().into()]).await?;
        }
        for line in lines {
            let sql = "INSERT INTO erasure (line_id, line) VALUES ($1, $2) \
                       ON CONFLICT (line_id) DO NOTHING";
            tx.run(sql, vec![line.id().into(), line.text().into()]).await?;
        }
        let destroys = lines.iter().any(|line| !line.keys.is_empty());
        if destroys {
            tx.run("UPDATE ring SET epoch = epoch + 1 WHERE one = 1", Vec::new()).await?;
        }
        tx.commit().await.map_err(lost)?;
        if destroys {
            self.inner.destroyed.fetch_add(1, Ordering::SeqCst);
            let mut backups = self.inner.backups.lock().unwrap_or_else(PoisonError::into_inner);
            backups.forget()?;
        }
        Ok(())
    }

    /// Writes a backup of the ring as it is now. Returns the file and how many keys are in it.
    pub async fn back_up(
        &self,
        keys: &KeyRing,
        entropy: &dyn Entropy,
        now_ms: u64,
    ) -> Result<Kept, RingError> {
        // Under the writer's lock nothing is destroyed between reading and writing.
        let _writer = self.inner.writer.lock().await;
        let mut conn = self.inner.store.read().await?;
        let epoch = epoch(&mut conn).await?;
        let sql = "SELECT key_id, sealed FROM section_key ORDER BY key_id";
        let mut all = Vec::new();
        for row in conn.rows(sql, Vec::new()).await? {
            all.push([row.bytes(0)?, row.bytes(1)?].concat());
        }
        let mut backups = self.inner.backups.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(backups.write(keys, entropy, epoch, now_ms, &all)?)
    }

    /// Puts keys of a backup back, except those that the ledger names. How many were missing.
    pub async fn restore(&self, keys: &KeyRing, file: &Path) -> Result<u64, RingError> {
        let wrapped = {
            let backups = self.inner.backups.lock().unwrap_or_else(PoisonError::into_inner);
            backups.open_file(keys, file)?
        };
        let destroyed = self.destroyed().await?;
        let mut writer = self.inner.writer.lock().await;
        let mut tx = writer.begin().await?;
        let mut back = 0;
        for wrapped in wrapped {
            let id: KeyId = wrapped.first_chunk().copied().unwrap_or_default();
            if destroyed.contains(&id) {
                continue;
            }
            let sql = "INSERT INTO section_key (key_id, sealed) VALUES ($1, $2) \
                       ON CONFLICT (key_id) DO NOTHING";
            back += tx.run(sql, row_of(&wrapped)).await?;
        }
        tx.commit().await.map_err(lost)?;
        Ok(back)
    }

    /// Every key that the ledger names.
    async fn destroyed(&self) -> Result<BTreeSet<KeyId>, RingError> {
        let lines = self.lines().await?;
        Ok(lines.into_iter().flat_map(|line| line.keys).collect())
    }

    /// All lines of the ledger: of its file and of the ring, which afterwards both hold them all.
    async fn lines(&self) -> Result<Vec<Line>, RingError> {
        let mut writer = self.inner.writer.lock().await;
        let mut tx = writer.begin().await?;
        let mut all: BTreeMap<Vec<u8>, Line> = BTreeMap::new();
        let mut in_ring = BTreeSet::new();
        for row in tx.rows("SELECT line_id, line FROM erasure", Vec::new()).await? {
            let line = Line::parse(&row.text(1)?).ok_or(LedgerError::Malformed)?;
            in_ring.insert(row.bytes(0)?);
            all.insert(row.bytes(0)?, line);
        }
        let in_file = {
            let ledger = self.inner.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.read()?
        };
        let known: BTreeSet<Vec<u8>> = in_file.iter().map(Line::id).collect();
        let news: Vec<&Line> =
            all.iter().filter(|(id, _)| !known.contains(*id)).map(|(_, line)| line).collect();
        if !news.is_empty() {
            let mut ledger = self.inner.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            ledger.append(&news)?;
        }
        let missing = in_file.iter().filter(|line| !in_ring.contains(&line.id()));
        let rows = missing.map(|line| vec![line.id().into(), line.text().into()]).collect();
        tx.insert_many("erasure", &["line_id", "line"], rows).await?;
        tx.commit().await.map_err(lost)?;
        all.extend(in_file.into_iter().map(|line| (line.id(), line)));
        let mut all: Vec<Line> = all.into_values().collect();
        all.sort_by_key(|line| line.at_ms);
        Ok(all)
    }

    /// Closes its read pool; the lock goes with the last clone.
    pub async fn close(self) {
        self.inner.store.clone().close().await;
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ring")
    }
}

/// How often something was destroyed in the ring.
async fn epoch(conn: &mut Conn) -> Result<u64, StoreError> {
    conn.one("SELECT epoch FROM ring WHERE one = 1", Vec::new()).await?.uint(0)
}

/// The row of a key, from its wrapped form.
fn row_of(wrapped: &[u8]) -> Vec<Val> {
    debug_assert_eq!(wrapped.len(), WRAPPED_LEN);
    let (id, sealed) = wrapped.split_at(KEY_ID_LEN.min(wrapped.len()));
    vec![id.into(), sealed.into()]
}

fn lost(error: crate::store::CommitError) -> StoreError {
    match error {
        crate::store::CommitError::RolledBack(error)
        | crate::store::CommitError::Unknown(error) => error,
    }
}

/// The name of a line.
fn line_id(text: &str) -> Vec<u8> {
    Digest::of(&[text.as_bytes()]).0[..16].to_vec()
}
