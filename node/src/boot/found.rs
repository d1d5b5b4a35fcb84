//! What the database holds before the first command, and whether its heads may be signed.

use super::StartError;
use crate::config::Config;
use crate::directory::Directory;
use crate::highwater::{Disk, FILE, HighWater, Start as Rule, start_rule};
use crate::house::House;
use crate::plant;
use crate::recovery;
use crate::store::log::{self, Head, Log, LogId};
use crate::store::{self, Conn, Store, StoreError, Tx};
use crate::witness;
use jieli_proto::envelope;
use jieli_proto::id::CityId;
use jieli_proto::manifest::Manifest;
use jieli_proto::wire::Envelope;
use prost::Message as _;

/// Reads the high-water file, if there is one.
pub(super) fn highwater(config: &Config) -> Result<HighWater, StartError> {
    let path = config.dir.join(FILE);
    let found = HighWater::open(&path, Box::new(Disk))?;
    Ok(found.unwrap_or_else(|| HighWater::lost(&path, Box::new(Disk))))
}

/// Finds this city in the database, or makes it with its two logs where there is none: on the first
/// start, or because the database was lost, which the high-water file then tells.
pub(super) async fn found(config: &Config, store: &Store, now_ms: u64) -> Result<(), StartError> {
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

/// The newest own manifest of the database, on the first start that of the directory. Also the one
/// of the directory where it is newer: it was left there for a node that was stopped, and is taken
/// in by a command like any other. Only on heads that were checked.
pub(super) async fn keep_manifest(
    store: &Store,
    city: &CityId,
    manifest: &Manifest,
) -> Result<(Manifest, Option<Manifest>), StartError> {
    let mut writer = store.writer();
    let mut tx = writer.begin().await?;
    let sql = "SELECT envelope FROM manifest WHERE city_id = $1 ORDER BY version";
    let mut newest: Option<Manifest> = None;
    let mut known = Vec::new();
    for row in tx.rows(sql, vec![city.as_str().into()]).await? {
        let sealed = Envelope::decode(row.bytes(0)?.as_slice())
            .map_err(|_| StoreError::Corrupt("manifest.envelope"))?;
        newest = Some(Manifest::open(&sealed, &manifest.root, newest.as_ref())?);
        known.push(envelope::env_digest(&sealed));
    }
    let digest = envelope::env_digest(&manifest.envelope);
    if known.contains(&digest)
        && let Some(newest) = newest
    {
        tx.rollback().await?;
        return Ok((newest, None));
    }
    // It must follow the one before.
    let manifest = Manifest::open(&manifest.envelope, &manifest.root, newest.as_ref())?;
    if let Some(newest) = newest {
        tx.rollback().await?;
        return Ok((newest, Some(manifest)));
    }
    let sql =
        "INSERT INTO manifest (city_id, version, env_digest, envelope) VALUES ($1, $2, $3, $4)";
    let sealed = manifest.envelope.encode_to_vec();
    let vals =
        vec![city.as_str().into(), manifest.version.into(), digest.to_vec().into(), sealed.into()];
    tx.run(sql, vals).await?;
    tx.commit().await.map_err(|error| StartError::Commit(error.to_string()))?;
    Ok((manifest, None))
}

/// The start rule, for both logs, and what the peers have seen of the exchange log: everything that
/// was signed must be there, and the file goes forward to what is there. Otherwise the node starts,
/// and signs nothing.
pub(super) async fn stand(
    house: &House,
    store: &Store,
    highwater: &mut HighWater,
    directory: &Directory,
    now_ms: u64,
) -> Result<(), StartError> {
    if directory.recovering.is_some() || plant::believes_old_copies() {
        return Ok(());
    }
    let mut conn = store.read().await?;
    let missing = || StoreError::Corrupt("log_head");
    let exchange = log::head(&mut conn, Log::Exchange).await?.ok_or_else(missing)?;
    let local = log::head(&mut conn, Log::Local).await?.ok_or_else(missing)?;
    let city = &directory.city;
    let origins = [city.exchange_origin(exchange.id.epoch), city.local_origin(local.id.epoch)];
    let rules = (
        rule(&mut conn, highwater, &origins[0], &exchange).await?,
        rule(&mut conn, highwater, &origins[1], &local).await?,
    );
    let said = recovery::greet_all(house, &mut conn, directory, &exchange).await?;
    let mark = highwater.mark(&origins[0]);
    let heads = (&exchange, &local);
    let state = recovery::standing(&mut conn, directory, heads, rules, mark, &said, now_ms).await?;
    let Some(state) = state else {
        let [first, second] = [exchange, local];
        let heads = [
            (origins[0].as_str(), first.size, first.root),
            (origins[1].as_str(), second.size, second.root),
        ];
        return Ok(highwater.advance_all(&heads)?);
    };
    tracing::error!(state = state.words()[1], "the log is not whole");
    let mut writer = store.writer();
    let mut tx = writer.begin().await?;
    store::recovery::enter(&mut tx, &state).await?;
    tx.run("UPDATE log_head SET generation = generation + 1 WHERE log = 'exchange'", Vec::new())
        .await?;
    tx.commit().await.map_err(|error| StartError::Commit(error.to_string()))
}

/// A database that was restored has forgotten heads it cosigned: the high-water file tells them
/// again, so that no other root of their sizes is ever cosigned. Done in recovery too.
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
            return Err(StoreError::Corrupt("cosigned, or the high-water file").into());
        }
    }
    tx.commit().await.map_err(|error| StartError::Commit(error.to_string()))
}

/// The start rule for one log.
pub(crate) async fn rule(
    conn: &mut Conn,
    highwater: &HighWater,
    origin: &str,
    head: &Head,
) -> Result<Rule, StoreError> {
    let prefix = origin.trim_end_matches(|c: char| c.is_ascii_digit());
    if highwater.last_epoch(prefix) > head.id.epoch {
        // It went on in an epoch that the database knows nothing of.
        return Ok(Rule::RootDiffers);
    }
    let mark = highwater.mark(origin);
    let root = match mark {
        Some((size, _)) if size <= head.size => Some(log::recompute(conn, head, size).await?),
        Some(_) | None => None,
    };
    Ok(start_rule(mark, head.size, root))
}
