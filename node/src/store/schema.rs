//! The steps of the schema. They are only ever added to: a step that some house has run never
//! changes again, and boot refuses a database that says otherwise.

use super::conn::{Conn, Val};
use super::engine::Engine;
use super::error::StoreError;
use super::tx;
use jieli_proto::id::Digest;

/// One step: its number from 1, and its text.
pub(super) type Step = (i64, &'static str);

macro_rules! steps_of {
    ($engine:literal: $($number:literal $name:literal,)*) => {
        vec![$(($number, include_str!(concat!("schema/", $engine, "/", $name, ".sql")))),*]
    };
}

/// The steps of a key ring, in order.
pub(super) fn ring_steps(engine: Engine) -> Vec<Step> {
    match engine {
        Engine::Sqlite => steps_of!("sqlite": 1 "ring/0001_ring",),
        Engine::Postgres => steps_of!("postgres": 1 "ring/0001_ring",),
    }
}

/// The steps of one engine, in order.
pub(super) fn steps(engine: Engine) -> Vec<Step> {
    macro_rules! all {
        ($engine:literal) => {
            steps_of!($engine:
                1 "0001_road",
                2 "0002_partners",
                3 "0003_window",
                4 "0004_capacity",
                5 "0005_desk",
                6 "0006_paper",
                7 "0007_notices",
                8 "0008_witness",
                9 "0009_recovery",
                10 "0010_keys",
                11 "0011_erasure",
                12 "0012_access",
                13 "0013_reconcile",
                14 "0014_local",
                15 "0015_sides",
                16 "0016_lookup",
                17 "0017_cosign",
                18 "0018_self_audit",
                19 "0019_grievance",
                20 "0020_call_back",
                22 "0022_overrides",
                23 "0023_packs",
                24 "0024_agreements",
                25 "0025_desk_acts",
                26 "0026_flags",
                28 "0028_queue",
                32 "0032_hand_over",
                33 "0033_stand_in",
                34 "0034_systems",
                35 "0035_leg_helper",
                39 "0039_vacancy_office",
                44 "0044_webhooks",
                49 "0049_proxy",
                50 "0050_cover",
                51 "0051_employer",
            )
        };
    }
    match engine {
        Engine::Sqlite => all!("sqlite"),
        Engine::Postgres => all!("postgres"),
    }
}

/// Runs the steps that are missing, each in a transaction of its own. Replicas that start at once
/// may all come here: whoever writes the row of a step first runs it, the others wait at that row.
pub(super) async fn bring_up(conn: &mut Conn, steps: &[Step]) -> Result<(), StoreError> {
    make_table(conn).await?;
    while one_step(conn, steps).await? {}
    Ok(())
}

async fn make_table(conn: &mut Conn) -> Result<(), StoreError> {
    let bytes = match conn.engine() {
        Engine::Sqlite => "BLOB",
        Engine::Postgres => "BYTEA",
    };
    let table = format!(
        "CREATE TABLE IF NOT EXISTS schema_version \
         (version BIGINT NOT NULL PRIMARY KEY, digest {bytes} NOT NULL)"
    );
    match conn.script(sqlx::AssertSqlSafe(table.clone())).await {
        // On PostgreSQL another replica may have made it in the same moment: it is there now.
        Err(_) => conn.script(sqlx::AssertSqlSafe(table)).await,
        Ok(()) => Ok(()),
    }
}

/// The last step that a database went through; refuses a database with steps that are not ours.
pub(super) async fn last_step(conn: &mut Conn, steps: &[Step]) -> Result<i64, StoreError> {
    next_step(conn, steps).await?;
    let query = "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM schema_version";
    conn.one(query, vec![]).await?.int(0)
}

/// Runs the first missing step, if there is one; `false` if there is none. The row of the step is
/// written before the step is run: its key is the lock.
async fn one_step(conn: &mut Conn, steps: &[Step]) -> Result<bool, StoreError> {
    tx::begin(conn).await?;
    let Some((version, text)) = next_step(conn, steps).await? else {
        conn.script("ROLLBACK").await?;
        return Ok(false);
    };
    let insert = "INSERT INTO schema_version (version, digest) VALUES ($1, $2)";
    match conn.run(insert, vec![Val::Int(version), digest(text)]).await {
        Err(error) if error.is_unique_violation() => conn.script("ROLLBACK").await?,
        done => {
            done?;
            conn.script(text).await?;
            conn.script("COMMIT").await?;
        }
    }
    Ok(true)
}

/// Compares what the database went through with what this program knows.
async fn next_step(conn: &mut Conn, steps: &[Step]) -> Result<Option<Step>, StoreError> {
    let query = "SELECT version, digest FROM schema_version ORDER BY version";
    let done = conn.rows(query, vec![]).await?;
    let known = steps.last().map_or(0, |step| step.0);
    for (at, row) in done.iter().enumerate() {
        let found = row.int(0)?;
        let Some((version, text)) = steps.get(at) else {
            return Err(StoreError::NewerSchema { found: done[done.len() - 1].int(0)?, known });
        };
        if found != *version || Val::Bytes(row.bytes(1)?) != digest(text) {
            return Err(StoreError::ChangedSchema(*version));
        }
    }
    Ok(steps.get(done.len()).copied())
}

fn digest(text: &str) -> Val {
    Val::Bytes(Digest::of(&[text.as_bytes()]).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_differ_only_in_the_name_of_bytes() {
        for of in [steps, ring_steps] {
            let (sqlite, postgres) = (of(Engine::Sqlite), of(Engine::Postgres));
            assert_eq!(sqlite.len(), postgres.len());
            assert!(sqlite.windows(2).all(|pair| pair[0].0 < pair[1].0), "steps go up");
            for (sqlite, postgres) in sqlite.iter().zip(&postgres) {
                assert_eq!(sqlite.0, postgres.0);
                assert_eq!(sqlite.1.replace("BLOB", "BYTEA"), postgres.1, "step {}", sqlite.0);
            }
        }
    }
}
