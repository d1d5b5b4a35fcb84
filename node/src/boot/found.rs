//! What the database holds before the first command, and whether its heads may be signed.

use super::StartError;
use crate::config::Config;
use crate::highwater::{Disk, FILE, HighWater, Start as Rule, start_rule};
use crate::store::log::{self, Head, Log, LogId};
use crate::store::{Conn, Store, StoreError, Tx};
use crate::witness;
use jieli_proto::envelope;
use jieli_proto::id::CityId;
use jieli_proto::manifest::Manifest;
use jieli_proto::wire::Envelope;
use prost::Message as _;

/// Why no head may be signed.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// Nobody can tell what was signed before.
    #[error(
        "there is no high-water file, or no line of {0} in it, so it cannot be told what was \
         signed before: put the file back from where it was moved. It is not part of the database \
         or its backup, and a new one must not be made by hand"
    )]
    NoFile(String),
    /// The database is older than what was signed.
    #[error(
        "{origin} has {head_size} records in the database, but a head of {file_size} was signed: \
         the database is an old copy. Nothing is signed and nobody is served. Put the newest \
         database back; if there is none, the log has to be rebuilt from the partner cities"
    )]
    Recovering {
        /// The log.
        origin: String,
        /// Size signed.
        file_size: u64,
        /// Size found.
        head_size: u64,
    },
    /// The database is another one than that which was signed for.
    #[error(
        "{0} has other records than those that were signed for: nothing is signed. Do not start \
         again before a person has found out which of the two is right"
    )]
    RootDiffers(String),
}

/// Reads the high-water file.
pub(super) fn highwater(config: &Config) -> Result<HighWater, StartError> {
    let path = config.dir.join(FILE);
    let origin = config.city.id.exchange_origin(1);
    HighWater::open(&path, Box::new(Disk))?.ok_or(HeadError::NoFile(origin).into())
}

/// Finds this city in the database, or on the first start makes it with its two logs.
pub(super) async fn found(
    config: &Config,
    store: &Store,
    highwater: &HighWater,
    now_ms: u64,
) -> Result<(), StartError> {
    let mut writer = store.writer();
    let mut tx = writer.begin().await?;
    let city = &config.city.id;
    let known = tx.maybe("SELECT city_id FROM city", Vec::new()).await?;
    match known {
        Some(row) if row.text(0)? != city.as_str() => {
            let other = row.text(0)?;
            Err(StartError::OtherCity { found: other, stated: city.clone() })
        }
        Some(_) => Ok(tx.rollback().await?),
        None => {
            for origin in [city.exchange_origin(1), city.local_origin(1)] {
                match highwater.mark(&origin) {
                    None => return Err(HeadError::NoFile(origin).into()),
                    Some((0, _)) => {}
                    Some((file_size, _)) => {
                        return Err(
                            HeadError::Recovering { origin, file_size, head_size: 0 }.into()
                        );
                    }
                }
            }
            create(&mut tx, config, now_ms).await?;
            tx.commit().await.map_err(|error| StartError::Commit(error.to_string()))
        }
    }
}

async fn create(tx: &mut Tx<'_>, config: &Config, now_ms: u64) -> Result<(), StoreError> {
    let sql = "INSERT INTO city (one, city_id, name, created_ms) VALUES (1, $1, $2, $3)";
    let (id, name) = (config.city.id.as_str(), config.city.name.as_str());
    tx.run(sql, vec![id.into(), name.into(), now_ms.into()]).await?;
    log::create(tx, LogId { log: Log::Exchange, epoch: 1 }).await?;
    log::create(tx, LogId { log: Log::Local, epoch: 1 }).await?;
    Ok(())
}

/// Takes in the own manifest of the directory, if it is newer than what the database has. Only on
/// heads that were checked.
pub(super) async fn keep_manifest(
    store: &Store,
    city: &CityId,
    manifest: &Manifest,
) -> Result<(), StartError> {
    let mut writer = store.writer();
    let mut tx = writer.begin().await?;
    let sql = "SELECT envelope FROM manifest WHERE city_id = $1 ORDER BY version";
    let mut newest: Option<Manifest> = None;
    for row in tx.rows(sql, vec![city.as_str().into()]).await? {
        let sealed = Envelope::decode(row.bytes(0)?.as_slice())
            .map_err(|_| StoreError::Corrupt("manifest.envelope"))?;
        newest = Some(Manifest::open(&sealed, &manifest.root, newest.as_ref())?);
    }
    let digest = envelope::env_digest(&manifest.envelope);
    if newest.as_ref().is_some_and(|newest| newest.env_digest == digest) {
        return Ok(tx.rollback().await?);
    }
    // It must follow the one before.
    let manifest = Manifest::open(&manifest.envelope, &manifest.root, newest.as_ref())?;
    let sql =
        "INSERT INTO manifest (city_id, version, env_digest, envelope) VALUES ($1, $2, $3, $4)";
    let sealed = manifest.envelope.encode_to_vec();
    let vals =
        vec![city.as_str().into(), manifest.version.into(), digest.to_vec().into(), sealed.into()];
    tx.run(sql, vals).await?;
    // Replicas reload.
    tx.run("UPDATE log_head SET generation = generation + 1 WHERE log = 'exchange'", Vec::new())
        .await?;
    tx.commit().await.map_err(|error| StartError::Commit(error.to_string()))
}

/// A database that was restored has forgotten heads it cosigned: the high-water file tells them
/// again, so that no other root of their sizes is ever cosigned.
pub(super) async fn keep_cosigned(store: &Store, highwater: &HighWater) -> Result<(), StartError> {
    let marks = highwater.cosigned();
    if marks.is_empty() {
        return Ok(());
    }
    let mut writer = store.writer();
    let mut tx = writer.begin().await?;
    for (origin, size, root) in marks {
        witness::remember_cosigned(&mut tx, &origin, size, &root, "").await?;
        let kept = witness::last_cosigned(&mut tx, &origin).await?;
        if kept.is_some_and(|kept| kept.size == size && kept.root != root) {
            return Err(HeadError::RootDiffers(origin).into());
        }
    }
    tx.commit().await.map_err(|error| StartError::Commit(error.to_string()))
}

/// The start rule, for both logs: what the file says was signed must be there, and the file goes
/// forward to what is there.
pub(super) async fn check_heads(
    city: &CityId,
    store: &Store,
    highwater: &mut HighWater,
) -> Result<(), StartError> {
    let mut conn = store.read().await?;
    for which in [Log::Exchange, Log::Local] {
        let missing = StoreError::Corrupt("log_head");
        let head = log::head(&mut conn, which).await?.ok_or(missing)?;
        let origin = match which {
            Log::Exchange => city.exchange_origin(head.id.epoch),
            Log::Local => city.local_origin(head.id.epoch),
        };
        let mark = highwater.mark(&origin);
        let root = match mark {
            Some((size, _)) if size <= head.size => Some(recomputed(&mut conn, &head, size).await?),
            Some(_) | None => None,
        };
        match start_rule(mark, head.size, root) {
            Rule::Good => {}
            Rule::Advance => highwater.advance(&origin, head.size, &head.root)?,
            Rule::Recovering { file_size, head_size } => {
                return Err(HeadError::Recovering { origin, file_size, head_size }.into());
            }
            Rule::RootDiffers => return Err(HeadError::RootDiffers(origin).into()),
            Rule::NoFile => return Err(HeadError::NoFile(origin).into()),
        }
    }
    Ok(())
}

async fn recomputed(conn: &mut Conn, head: &Head, size: u64) -> Result<[u8; 32], StoreError> {
    log::recompute(conn, head, size).await
}
