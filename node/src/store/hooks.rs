//! Where other systems are told of changes by HTTP, what they are still to be told, and what became
//! of it.

use super::{Conn, Row, StoreError};
use std::fmt;

/// Nobody took it yet.
const WAITING: i64 = 0;
/// A 2xx answer came.
const TAKEN: i64 = 1;
/// Nobody took it in time.
const GIVEN_UP: i64 = 2;

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its id.
    pub id: [u8; 16],
    /// The office whose legs it is told of.
    pub office: String,
    /// The system.
    pub token: String,
    /// Where.
    pub url: String,
}

/// What a system is told: the whole of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Case number.
    pub case_number: String,
    /// Number of the leg in it.
    pub leg: u32,
    /// Its stage at that time.
    pub stage: String,
}

/// How the deliveries of one go.
#[derive(Clone, Debug)]
pub struct HookState {
    /// Who is told, and where.
    pub hook: Hook,
    /// Since when.
    pub made_ms: u64,
    /// Until when the secret before signs too; 0 where there is none.
    pub old_until_ms: u64,
    /// Tries in a row that failed.
    pub failed: u64,
    /// Not before then.
    pub due_ms: u64,
    /// When the last one was taken; 0: never.
    pub taken_ms: u64,
    /// Since when something is given up and nothing taken; 0: nothing.
    pub dead_ms: u64,
    /// How many wait, and since when the oldest does.
    pub waiting: (u64, u64),
}

/// The next delivery of one, with what signs it.
pub struct NextUp {
    /// Its own id, which no repetition changes.
    pub id: [u8; 16],
    /// Who is told.
    pub hook: Hook,
    /// What.
    pub told: Told,
    /// Not before then.
    pub due_ms: u64,
    /// The wrapped secret.
    pub secret: Vec<u8>,
    /// The wrapped one before it, and until when it signs.
    pub old_secret: (Vec<u8>, u64),
}

impl fmt::Debug for NextUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NextUp({})", self.hook.token)
    }
}

/// A line of the delivery log.
#[derive(Clone, Debug)]
pub struct Line {
    /// The delivery.
    pub id: [u8; 16],
    /// Whose it is.
    pub hook: [u8; 16],
    /// The system.
    pub token: String,
    /// What was told.
    pub told: Told,
    /// `waiting`, `taken` or `given-up`.
    pub state: &'static str,
    /// Tries.
    pub attempts: u64,
    /// The last answer's HTTP status.
    pub status: u64,
    /// Why the last try failed.
    pub problem: String,
    /// When the leg changed.
    pub made_ms: u64,
    /// When it was taken or given up.
    pub done_ms: u64,
}

fn hook(row: &Row, at: usize) -> Result<Hook, StoreError> {
    Ok(Hook {
        id: row.array(at)?,
        office: row.text(at + 1)?,
        token: row.text(at + 2)?,
        url: row.text(at + 3)?,
    })
}

fn told(row: &Row, at: usize) -> Result<Told, StoreError> {
    Ok(Told { case_number: row.text(at)?, leg: row.int(at + 1)? as u32, stage: row.text(at + 2)? })
}

/// All of them, in the order of their systems.
pub async fn all(conn: &mut Conn) -> Result<Vec<Hook>, StoreError> {
    let sql = "SELECT hook_id, office, token, url FROM webhook ORDER BY token, made_ms, hook_id";
    conn.rows(sql, Vec::new()).await?.iter().map(|row| hook(row, 0)).collect()
}

/// The same with how they go.
pub async fn states(conn: &mut Conn) -> Result<Vec<HookState>, StoreError> {
    let sql = "SELECT h.hook_id, h.office, h.token, h.url, h.made_ms, h.old_until_ms, h.failed, \
               h.due_ms, h.taken_ms, h.dead_ms, COUNT(d.seq), COALESCE(MIN(d.made_ms), 0) \
               FROM webhook h LEFT JOIN webhook_delivery d ON d.hook_id = h.hook_id AND d.state = 0 \
               GROUP BY h.hook_id, h.office, h.token, h.url, h.made_ms, h.old_until_ms, h.failed, \
               h.due_ms, h.taken_ms, h.dead_ms ORDER BY h.token, h.made_ms, h.hook_id";
    let rows = conn.rows(sql, Vec::new()).await?;
    rows.iter()
        .map(|row| {
            Ok(HookState {
                hook: hook(row, 0)?,
                made_ms: row.uint(4)?,
                old_until_ms: row.uint(5)?,
                failed: row.uint(6)?,
                due_ms: row.uint(7)?,
                taken_ms: row.uint(8)?,
                dead_ms: row.uint(9)?,
                waiting: (row.uint(10)?, row.uint(11)?),
            })
        })
        .collect()
}

/// Adds one.
pub async fn add(
    conn: &mut Conn,
    hook: &Hook,
    secret: Vec<u8>,
    now_ms: u64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO webhook (hook_id, office, token, url, secret, old_secret, old_until_ms, \
               made_ms, failed, due_ms, taken_ms, dead_ms) VALUES ($1,$2,$3,$4,$5,$6,0,$7,0,0,0,0)";
    let vals = vec![
        (&hook.id).into(),
        hook.office.as_str().into(),
        hook.token.as_str().into(),
        hook.url.as_str().into(),
        secret.into(),
        Vec::new().into(),
        now_ms.into(),
    ];
    conn.run(sql, vals).await.map(drop)
}

/// Removes one with all that it was and was to be told.
pub async fn remove(conn: &mut Conn, id: &[u8; 16]) -> Result<(), StoreError> {
    conn.run("DELETE FROM webhook_delivery WHERE hook_id = $1", vec![id.into()]).await?;
    conn.run("DELETE FROM webhook WHERE hook_id = $1", vec![id.into()]).await.map(drop)
}

/// Gives one a new secret; the one before signs beside it until then.
pub async fn rotate(
    conn: &mut Conn,
    id: &[u8; 16],
    secret: Vec<u8>,
    until_ms: u64,
) -> Result<(), StoreError> {
    let sql = "UPDATE webhook SET old_secret = secret, old_until_ms = $2, secret = $3 \
               WHERE hook_id = $1";
    conn.run(sql, vec![id.into(), until_ms.into(), secret.into()]).await.map(drop)
}

/// Lets everything that waits, or was given up, go at once.
pub async fn retry(conn: &mut Conn, id: &[u8; 16], now_ms: u64) -> Result<(), StoreError> {
    let sql = "UPDATE webhook_delivery SET state = $2, since_ms = $3, done_ms = 0 \
               WHERE hook_id = $1 AND state = $4";
    let vals = vec![id.into(), WAITING.into(), now_ms.into(), GIVEN_UP.into()];
    conn.run(sql, vals).await?;
    let sql = "UPDATE webhook SET failed = 0, due_ms = 0 WHERE hook_id = $1";
    conn.run(sql, vec![id.into()]).await.map(drop)
}

/// What one is to be told, behind all that it is to be told already.
pub async fn tell(
    conn: &mut Conn,
    hook: &[u8; 16],
    id: [u8; 16],
    told: &Told,
    now_ms: u64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO webhook_delivery (delivery_id, hook_id, seq, case_number, leg, stage, \
               made_ms, since_ms, state, attempts, status, problem, done_ms) VALUES ($1, $2, \
               (SELECT COALESCE(MAX(seq), 0) + 1 FROM webhook_delivery WHERE hook_id = $2), \
               $3, $4, $5, $6, $6, 0, 0, 0, '', 0)";
    let vals = vec![
        id.into(),
        hook.into(),
        told.case_number.as_str().into(),
        told.leg.into(),
        told.stage.as_str().into(),
        now_ms.into(),
    ];
    conn.run(sql, vals).await.map(drop)
}

/// The first delivery that waits, of each: none overtakes another.
pub async fn next_up(conn: &mut Conn) -> Result<Vec<NextUp>, StoreError> {
    let sql = "SELECT h.hook_id, h.office, h.token, h.url, h.due_ms, h.secret, h.old_secret, \
               h.old_until_ms, d.delivery_id, d.case_number, d.leg, d.stage FROM webhook h \
               JOIN webhook_delivery d ON d.hook_id = h.hook_id AND d.seq = (SELECT MIN(x.seq) \
               FROM webhook_delivery x WHERE x.hook_id = h.hook_id AND x.state = 0) \
               ORDER BY h.due_ms, h.hook_id";
    let rows = conn.rows(sql, Vec::new()).await?;
    rows.iter()
        .map(|row| {
            Ok(NextUp {
                hook: hook(row, 0)?,
                due_ms: row.uint(4)?,
                secret: row.bytes(5)?,
                old_secret: (row.bytes(6)?, row.uint(7)?),
                id: row.array(8)?,
                told: told(row, 9)?,
            })
        })
        .collect()
}

/// Whose delivery that is, how often in a row it has failed, and since when it waits; `None` where
/// it does not wait any more.
pub async fn waiting(
    conn: &mut Conn,
    id: &[u8; 16],
) -> Result<Option<([u8; 16], u64, u64)>, StoreError> {
    let sql = "SELECT d.hook_id, h.failed, d.since_ms FROM webhook_delivery d \
               JOIN webhook h ON h.hook_id = d.hook_id WHERE d.delivery_id = $1 AND d.state = 0";
    let row = conn.maybe(sql, vec![id.into()]).await?;
    row.map(|row| Ok((row.array(0)?, row.uint(1)?, row.uint(2)?))).transpose()
}

/// One was taken.
pub async fn taken(
    conn: &mut Conn,
    hook: &[u8; 16],
    id: &[u8; 16],
    status: u16,
    now_ms: u64,
) -> Result<(), StoreError> {
    let sql = "UPDATE webhook_delivery SET state = $2, attempts = attempts + 1, status = $3, \
               problem = '', done_ms = $4 WHERE delivery_id = $1";
    let vals = vec![id.into(), TAKEN.into(), i64::from(status).into(), now_ms.into()];
    conn.run(sql, vals).await?;
    let sql = "UPDATE webhook SET failed = 0, due_ms = 0, taken_ms = $2, dead_ms = 0 \
               WHERE hook_id = $1";
    conn.run(sql, vec![hook.into(), now_ms.into()]).await.map(drop)
}

/// One was not taken, and is tried again then.
pub async fn failed(
    conn: &mut Conn,
    hook: &[u8; 16],
    id: &[u8; 16],
    (status, problem): (u16, &str),
    due_ms: u64,
) -> Result<(), StoreError> {
    let sql = "UPDATE webhook_delivery SET attempts = attempts + 1, status = $2, problem = $3 \
               WHERE delivery_id = $1";
    conn.run(sql, vec![id.into(), i64::from(status).into(), problem.into()]).await?;
    let sql = "UPDATE webhook SET failed = failed + 1, due_ms = $2 WHERE hook_id = $1";
    conn.run(sql, vec![hook.into(), due_ms.into()]).await.map(drop)
}

/// Gives up what has waited since before that instant; whether that is the first time since
/// something was taken, and how many there are.
pub async fn give_up(
    conn: &mut Conn,
    hook: &[u8; 16],
    before_ms: u64,
    now_ms: u64,
) -> Result<(bool, u64), StoreError> {
    let sql = "UPDATE webhook_delivery SET state = $2, done_ms = $3 \
               WHERE hook_id = $1 AND state = $4 AND since_ms <= $5";
    let vals = vec![hook.into(), GIVEN_UP.into(), now_ms.into(), WAITING.into(), before_ms.into()];
    let count = conn.run(sql, vals).await?;
    if count == 0 {
        return Ok((false, 0));
    }
    let sql = "UPDATE webhook SET dead_ms = $2 WHERE hook_id = $1 AND dead_ms = 0";
    let first = conn.run(sql, vec![hook.into(), now_ms.into()]).await? > 0;
    Ok((first, count))
}

/// Forgets what was taken or given up before that instant.
pub async fn forget(conn: &mut Conn, before_ms: u64) -> Result<(), StoreError> {
    let sql = "DELETE FROM webhook_delivery WHERE done_ms > 0 AND done_ms < $1";
    conn.run(sql, vec![before_ms.into()]).await.map(drop)
}

/// The delivery log, the newest first; of one or of all, of one system or of all.
pub async fn lines(
    conn: &mut Conn,
    hook: Option<[u8; 16]>,
    token: &str,
    most: u32,
) -> Result<Vec<Line>, StoreError> {
    let sql = "SELECT d.delivery_id, d.hook_id, h.token, d.case_number, d.leg, d.stage, d.state, \
               d.attempts, d.status, d.problem, d.made_ms, d.done_ms FROM webhook_delivery d \
               JOIN webhook h ON h.hook_id = d.hook_id WHERE (d.hook_id = $1 OR $2 = 1) \
               AND (h.token = $3 OR $3 = '') ORDER BY d.made_ms DESC, d.hook_id, d.seq DESC \
               LIMIT $4";
    let vals =
        vec![hook.unwrap_or_default().into(), hook.is_none().into(), token.into(), most.into()];
    let rows = conn.rows(sql, vals).await?;
    rows.iter()
        .map(|row| {
            Ok(Line {
                id: row.array(0)?,
                hook: row.array(1)?,
                token: row.text(2)?,
                told: told(row, 3)?,
                state: match row.int(6)? {
                    WAITING => "waiting",
                    TAKEN => "taken",
                    GIVEN_UP => "given-up",
                    _ => return Err(StoreError::Corrupt("webhook_delivery.state")),
                },
                attempts: row.uint(7)?,
                status: row.uint(8)?,
                problem: row.text(9)?,
                made_ms: row.uint(10)?,
                done_ms: row.uint(11)?,
            })
        })
        .collect()
}

/// Takes a chore for this holder until then, where nobody else has it now; whether it did. The row
/// is the lock: on a second replica this waits at it, and then finds it taken.
pub async fn lease(
    conn: &mut Conn,
    chore: &str,
    holder: &[u8; 16],
    now_ms: u64,
    until_ms: u64,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO chore_lease (chore, holder, until_ms) VALUES ($1,$2,$3) \
               ON CONFLICT (chore) DO UPDATE SET holder = excluded.holder, \
               until_ms = excluded.until_ms \
               WHERE chore_lease.holder = excluded.holder OR chore_lease.until_ms <= $4";
    let vals = vec![chore.into(), holder.into(), until_ms.into(), now_ms.into()];
    Ok(conn.run(sql, vals).await? > 0)
}
