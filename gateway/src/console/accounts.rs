//! The gateway's own small database: accounts, sessions, log-ins, and what offices call their
//! columns. One SQLite file, which nobody but the gateway's user may read.

use super::role::Role;
use super::world::{Entropy, random};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow};
use sqlx::{Row, SqlitePool};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) mod password;
pub(crate) mod totp;

const SCHEMA: &str = include_str!("accounts/schema.sql");
const VERSION: i64 = 1;
/// Wrong tries in a row that lock an account.
const WRONG_MAX: i64 = 5;
/// For how long.
const LOCKED_MS: i64 = 15 * 60_000;
/// The longest session, whatever is clicked.
const SESSION_MS: i64 = 10 * 3_600_000;
/// Older log-ins than this are forgotten: two years.
const EVENTS_MS: i64 = 730 * 86_400_000;

/// Why the accounts cannot be used. Never holds a password.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The database said no.
    #[error("accounts: {0}")]
    Store(#[from] sqlx::Error),
    /// The file cannot be made.
    #[error("{path}: {source}", path = .0.display(), source = .1)]
    File(PathBuf, std::io::Error),
    /// Others may read it.
    #[error("{path}: others may read it: chmod 600", path = .0.display())]
    Open(PathBuf),
    /// Made by another version of this program.
    #[error("accounts: unknown version {0}")]
    Version(i64),
    /// There is no account yet.
    #[error("there is no account yet: run `jieli gateway init`")]
    Empty,
}

/// An account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) token: String,
    pub(crate) one_time: bool,
    pub(crate) totp: Option<Vec<u8>>,
    pub(crate) locked_until_ms: i64,
    pub(crate) disabled: bool,
    line: String,
    totp_step: i64,
}

/// A log-in, a failure, or what an administrator did.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) at_ms: i64,
    pub(crate) account: String,
    pub(crate) what: String,
    pub(crate) by: String,
    pub(crate) address: String,
}

/// What came of a try to log in.
#[derive(Debug)]
pub(crate) enum Try {
    /// In.
    In(Account),
    /// Wrong name, password or code: which of them is not said.
    Wrong,
    /// Too many wrong tries.
    Locked,
}

/// The accounts.
#[derive(Clone, Debug)]
pub struct Accounts(SqlitePool);

impl Accounts {
    /// Opens the file; makes it where there is none.
    pub async fn open(path: &Path) -> Result<Accounts, AccountsError> {
        let at = |error| AccountsError::File(path.to_owned(), error);
        let mut made = std::fs::OpenOptions::new();
        let file = made.create(true).append(true).mode(0o600).open(path).map_err(at)?;
        let mode = file.metadata().map_err(at)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(AccountsError::Open(path.to_owned()));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        match sqlx::query_scalar::<_, i64>("PRAGMA user_version").fetch_one(&pool).await? {
            0 => {
                sqlx::raw_sql(SCHEMA).execute(&pool).await?;
            }
            VERSION => {}
            other => return Err(AccountsError::Version(other)),
        }
        Ok(Accounts(pool))
    }

    /// Whether there is any account.
    pub async fn any(&self) -> Result<bool, AccountsError> {
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM account").fetch_one(&self.0).await?;
        Ok(count > 0)
    }

    /// Makes the first account, a security administrator; returns its one-time password.
    pub async fn first(
        &self,
        name: &str,
        entropy: &dyn Entropy,
        now_ms: u64,
    ) -> Result<Option<String>, AccountsError> {
        if self.any().await? {
            return Ok(None);
        }
        let drawn = password::draw(entropy);
        let line = password::line(&drawn, entropy);
        self.add(name, Role::SecurityAdministrator, "", &line, now_ms as i64).await?;
        Ok(Some(drawn))
    }

    /// Makes an account with a one-time password; `false` where the name is taken.
    pub(crate) async fn add(
        &self,
        name: &str,
        role: Role,
        token: &str,
        line: &str,
        now_ms: i64,
    ) -> Result<bool, AccountsError> {
        let done = sqlx::query(
            "INSERT INTO account (name, role, token, password, one_time, made_ms) \
             VALUES ($1, $2, $3, $4, 1, $5) ON CONFLICT (name) DO NOTHING",
        );
        let done = done.bind(name).bind(role.name()).bind(token).bind(line).bind(now_ms);
        Ok(done.execute(&self.0).await?.rows_affected() == 1)
    }

    /// All accounts, by name.
    pub(crate) async fn list(&self) -> Result<Vec<Account>, AccountsError> {
        let rows = sqlx::query("SELECT * FROM account ORDER BY name").fetch_all(&self.0).await?;
        Ok(rows.iter().filter_map(account).collect())
    }

    pub(crate) async fn named(&self, name: &str) -> Result<Option<Account>, AccountsError> {
        let row = sqlx::query("SELECT * FROM account WHERE name = $1").bind(name);
        Ok(row.fetch_optional(&self.0).await?.as_ref().and_then(account))
    }

    /// Tries to log in. A name that nobody has costs as much as one that somebody has.
    pub(crate) async fn try_in(
        &self,
        name: &str,
        given: &str,
        code: &str,
        now_ms: i64,
    ) -> Result<Try, AccountsError> {
        let Some(found) = self.named(name).await? else {
            let nobody = format!("argon2id$19456$2$1${}${}", "0".repeat(32), "0".repeat(64));
            hashed(given, nobody).await;
            return Ok(Try::Wrong);
        };
        let holds = hashed(given, found.line.clone()).await;
        if found.locked_until_ms > now_ms {
            return Ok(Try::Locked);
        }
        let mut good = holds && !found.disabled;
        let mut step = found.totp_step;
        if let Some(secret) = &found.totp {
            let used = found.totp_step as u64;
            let now = totp::step_of(secret, code, now_ms as u64, used);
            good = good && now.is_some();
            step = now.map_or(step, |now| now as i64);
        }
        if !good {
            return self.wrong(found.id, now_ms).await;
        }
        // Of two that show one code at once, one is in.
        let done = sqlx::query(
            "UPDATE account SET wrong = 0, locked_until_ms = 0, totp_step = $2 \
             WHERE id = $1 AND (totp IS NULL OR totp_step < $2)",
        );
        let done = done.bind(found.id).bind(step).execute(&self.0).await?;
        Ok(if done.rows_affected() == 1 { Try::In(found) } else { Try::Wrong })
    }

    /// Whether this is the present password of an account. A wrong one counts as a wrong try.
    pub(crate) async fn proves(
        &self,
        account: &Account,
        given: &str,
        now_ms: i64,
    ) -> Result<bool, AccountsError> {
        let holds = hashed(given, account.line.clone()).await && account.locked_until_ms <= now_ms;
        if !holds {
            self.wrong(account.id, now_ms).await?;
        }
        Ok(holds)
    }

    async fn wrong(&self, id: i64, now_ms: i64) -> Result<Try, AccountsError> {
        let until: i64 = sqlx::query_scalar(
            "UPDATE account SET wrong = (wrong + 1) % $2, \
             locked_until_ms = CASE WHEN wrong + 1 >= $2 THEN $3 ELSE locked_until_ms END \
             WHERE id = $1 RETURNING locked_until_ms",
        )
        .bind(id)
        .bind(WRONG_MAX)
        .bind(now_ms + LOCKED_MS)
        .fetch_one(&self.0)
        .await?;
        Ok(if until > now_ms { Try::Locked } else { Try::Wrong })
    }

    /// Opens a session; returns the value of its cookie.
    pub(crate) async fn open_session(
        &self,
        account: i64,
        entropy: &dyn Entropy,
        now_ms: i64,
    ) -> Result<String, AccountsError> {
        let key = hex::encode(random::<32>(entropy));
        let done = sqlx::query("INSERT INTO session VALUES ($1, $2, $3, $3)");
        done.bind(digest(&key)).bind(account).bind(now_ms).execute(&self.0).await?;
        Ok(key)
    }

    /// Whose session a cookie is, if it still runs; notes that it was used.
    pub(crate) async fn session(
        &self,
        key: &str,
        idle_ms: i64,
        now_ms: i64,
    ) -> Result<Option<Account>, AccountsError> {
        let row = sqlx::query(
            "UPDATE session SET seen_ms = $2 WHERE digest = $1 AND seen_ms > $3 AND made_ms > $4 \
             RETURNING account",
        );
        let row = row.bind(digest(key)).bind(now_ms).bind(now_ms - idle_ms);
        let Some(row) = row.bind(now_ms - SESSION_MS).fetch_optional(&self.0).await? else {
            return Ok(None);
        };
        let id: i64 = row.try_get(0)?;
        let row = sqlx::query("SELECT * FROM account WHERE id = $1 AND disabled = 0").bind(id);
        Ok(row.fetch_optional(&self.0).await?.as_ref().and_then(account))
    }

    /// Whose session a cookie was that has ended by itself; it ends altogether. One that was logged
    /// out of is nobody's.
    pub(crate) async fn lapsed(&self, key: &str) -> Result<Option<i64>, AccountsError> {
        let row = sqlx::query("DELETE FROM session WHERE digest = $1 RETURNING account");
        let row = row.bind(digest(key)).fetch_optional(&self.0).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Ends one session.
    pub(crate) async fn close(&self, key: &str) -> Result<(), AccountsError> {
        let done = sqlx::query("DELETE FROM session WHERE digest = $1").bind(digest(key));
        done.execute(&self.0).await?;
        Ok(())
    }

    /// Ends every session of an account.
    pub(crate) async fn close_all(&self, account: i64) -> Result<(), AccountsError> {
        let done = sqlx::query("DELETE FROM session WHERE account = $1").bind(account);
        done.execute(&self.0).await?;
        Ok(())
    }

    /// Sets a password. A one-time one also opens a locked account and takes its app away.
    pub(crate) async fn set_password(
        &self,
        account: i64,
        line: &str,
        one_time: bool,
    ) -> Result<(), AccountsError> {
        let sql = if one_time {
            "UPDATE account SET password = $2, one_time = 1, wrong = 0, locked_until_ms = 0, \
             totp = NULL, totp_step = 0 WHERE id = $1"
        } else {
            "UPDATE account SET password = $2, one_time = 0 WHERE id = $1"
        };
        sqlx::query(sql).bind(account).bind(line).execute(&self.0).await?;
        Ok(())
    }

    /// Sets the secret of an app, with the step of the code that proved it.
    pub(crate) async fn set_totp(
        &self,
        account: i64,
        secret: &[u8],
        step: u64,
    ) -> Result<(), AccountsError> {
        let done = sqlx::query("UPDATE account SET totp = $2, totp_step = $3 WHERE id = $1");
        done.bind(account).bind(secret).bind(step as i64).execute(&self.0).await?;
        Ok(())
    }

    /// Disables or enables; `false` where it would leave no security administrator.
    pub(crate) async fn disable(&self, account: i64, off: bool) -> Result<bool, AccountsError> {
        let done = sqlx::query(
            "UPDATE account SET disabled = $2 WHERE id = $1 AND ($2 = 0 OR role <> 'security' OR \
             (SELECT COUNT(*) FROM account WHERE role = 'security' AND disabled = 0) > 1)",
        );
        let done = done.bind(account).bind(i64::from(off)).execute(&self.0).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Writes down a log-in, a failure, or what an administrator did.
    pub(crate) async fn note(&self, event: &Event) -> Result<(), AccountsError> {
        sqlx::query("DELETE FROM event WHERE at_ms < $1")
            .bind(event.at_ms - EVENTS_MS)
            .execute(&self.0)
            .await?;
        let done = sqlx::query(
            "INSERT INTO event (at_ms, account, what, by, address) VALUES ($1, $2, $3, $4, $5)",
        );
        let done = done.bind(event.at_ms).bind(&event.account).bind(&event.what);
        done.bind(&event.by).bind(&event.address).execute(&self.0).await?;
        Ok(())
    }

    /// The latest of them, newest first.
    pub(crate) async fn events(&self, most: i64) -> Result<Vec<Event>, AccountsError> {
        let rows = sqlx::query(
            "SELECT at_ms, account, what, by, address FROM event ORDER BY id DESC LIMIT $1",
        );
        let rows = rows.bind(most).fetch_all(&self.0).await?;
        let event = |row: &SqliteRow| {
            Ok(Event {
                at_ms: row.try_get(0)?,
                account: row.try_get(1)?,
                what: row.try_get(2)?,
                by: row.try_get(3)?,
                address: row.try_get(4)?,
            })
        };
        rows.iter().map(event).collect()
    }

    /// What an office calls its columns, as TOML; empty where nothing is remembered.
    pub(crate) async fn headings(&self, office: &str) -> Result<String, AccountsError> {
        let row = sqlx::query_scalar("SELECT mapping FROM headings WHERE office = $1").bind(office);
        Ok(row.fetch_optional(&self.0).await?.unwrap_or_default())
    }

    /// Remembers it; an empty text forgets.
    pub(crate) async fn remember(&self, office: &str, toml: &str) -> Result<(), AccountsError> {
        let sql = if toml.is_empty() {
            "DELETE FROM headings WHERE office = $1"
        } else {
            "INSERT INTO headings VALUES ($1, $2) ON CONFLICT (office) DO UPDATE SET mapping = $2"
        };
        sqlx::query(sql).bind(office).bind(toml).execute(&self.0).await?;
        Ok(())
    }
}

/// Argon2id takes its time: off the threads that answer.
async fn hashed(given: &str, line: String) -> bool {
    let given = given.to_owned();
    tokio::task::spawn_blocking(move || password::holds(&given, &line)).await.unwrap_or(false)
}

fn digest(key: &str) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, key.as_bytes()).as_ref().to_vec()
}

/// A row of a role that is no more is no account.
fn account(row: &SqliteRow) -> Option<Account> {
    let flag = |name: &str| row.try_get::<i64, _>(name).ok().map(|value| value != 0);
    Some(Account {
        id: row.try_get("id").ok()?,
        name: row.try_get("name").ok()?,
        role: Role::of_name(row.try_get("role").ok()?)?,
        token: row.try_get("token").ok()?,
        one_time: flag("one_time")?,
        totp: row.try_get("totp").ok()?,
        locked_until_ms: row.try_get("locked_until_ms").ok()?,
        disabled: flag("disabled")?,
        line: row.try_get("password").ok()?,
        totp_step: row.try_get("totp_step").ok()?,
    })
}
