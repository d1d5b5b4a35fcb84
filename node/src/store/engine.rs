//! What differs between the two databases: how they are opened, and what they must promise.

use super::StoreOptions;
use super::conn::Conn;
use super::error::StoreError;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, ConnectOptions, Executor};
use std::fs::{File, OpenOptions, TryLockError};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The oldest SQLite whose WAL mode does not corrupt a file that two connections use.
const SQLITE_MIN: (u32, u32, u32) = (3, 51, 3);

/// What the house waits for an answer beyond the server's own limit, in milliseconds.
const DEADLINE_GRACE_MS: u64 = 5_000;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// One file, one process.
    Sqlite,
    /// A server, one or more replicas of the house.
    Postgres,
}

/// Where the database is.
pub(super) enum Target {
    Sqlite { path: PathBuf, url: AnyConnectOptions },
    Postgres { url: AnyConnectOptions },
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Target, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let url = url.parse().map_err(|_| StoreError::BadUrl("not a URL"))?;
            return Ok(Target::Postgres { url });
        }
        let path = url.strip_prefix("sqlite:").ok_or(StoreError::BadUrl("unknown scheme"))?;
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.contains('?') || path.contains(":memory:") {
            return Err(StoreError::BadUrl("a SQLite database is a plain file path"));
        }
        let path = absolute(Path::new(path))?;
        let url = format!("sqlite://{}?mode=rwc", escaped(&path)?);
        let url = url.parse().map_err(|_| StoreError::BadUrl("not a file path"))?;
        Ok(Target::Sqlite { path, url })
    }

    pub(super) fn engine(&self) -> Engine {
        match self {
            Target::Sqlite { .. } => Engine::Sqlite,
            Target::Postgres { .. } => Engine::Postgres,
        }
    }

    /// Takes the lock file beside a SQLite database, and makes sure that only the owner can read
    /// the database.
    pub(super) fn lock(&self) -> Result<Option<Lock>, StoreError> {
        let lock = self.lock_alone()?;
        if let Target::Sqlite { path, .. } = self {
            private_file(path)?;
        }
        Ok(lock)
    }

    /// Takes the lock file beside a SQLite database, which need not be there.
    pub(super) fn lock_alone(&self) -> Result<Option<Lock>, StoreError> {
        let Target::Sqlite { path, .. } = self else { return Ok(None) };
        let mut name = path.clone().into_os_string();
        name.push(".lock");
        let lock = private_file(Path::new(&name))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(path.clone())),
            Err(TryLockError::Error(error)) => return Err(StoreError::Io(error)),
        }
        Ok(Some(Lock(lock)))
    }

    /// Opens a connection that may write.
    pub(super) async fn connect_writer(&self, options: &StoreOptions) -> Result<Conn, StoreError> {
        let manner = Manner::of(self.engine(), options);
        let conn = manner.answer(self.url().connect()).await?;
        let mut conn = Conn::own(conn, self.engine(), manner);
        conn.script(AssertSqlSafe(self.session(options, false))).await?;
        if self.engine() == Engine::Postgres {
            conn.set_begin(format!("BEGIN READ WRITE; {}", limits("SET LOCAL", options)));
        }
        Ok(conn)
    }

    /// Opens a SQLite file that nobody writes: it is taken as it lies there, and nothing is made
    /// beside it.
    pub(super) async fn connect_still(&self) -> Result<Conn, StoreError> {
        let Target::Sqlite { path, .. } = self else {
            return Err(StoreError::BadUrl("only SQLite has its database in one file"));
        };
        let url = format!("sqlite://{}?mode=ro&immutable=true", escaped(path)?);
        let url: AnyConnectOptions =
            url.parse().map_err(|_| StoreError::BadUrl("not a file path"))?;
        let conn = url.disable_statement_logging().connect().await?;
        Ok(Conn::own(conn, Engine::Sqlite, Manner::Patient))
    }

    /// Opens a connection that cannot write, outside of the pool.
    pub(super) async fn connect_reader(
        &self,
        options: &StoreOptions,
    ) -> Result<AnyConnection, StoreError> {
        let manner = Manner::of(self.engine(), options);
        let mut conn = manner.answer(self.url().connect()).await?;
        let session = AssertSqlSafe(self.session(options, true));
        manner.answer(conn.execute(session)).await?;
        Ok(conn)
    }

    /// A pool of connections that cannot write, opened on demand.
    pub(super) fn read_pool(&self, options: &StoreOptions) -> Result<AnyPool, StoreError> {
        let session = self.session(options, true);
        let pool = AnyPoolOptions::new()
            .max_connections(options.read_connections_max.max(1))
            .after_connect(move |conn, _| {
                let session = AssertSqlSafe(session.clone());
                Box::pin(async move { conn.execute(session).await.map(drop) })
            });
        Ok(pool.connect_lazy_with(self.url()))
    }

    /// Refuses a database whose commits would not last.
    pub(super) async fn check_promises(&self, conn: &mut Conn) -> Result<(), StoreError> {
        match self.engine() {
            Engine::Sqlite => {
                let version = conn.one("SELECT sqlite_version()", vec![]).await?.text(0)?;
                if is_new_enough(&version) { Ok(()) } else { Err(StoreError::OldSqlite(version)) }
            }
            Engine::Postgres => {
                let settings = "SELECT current_setting('fsync'), \
                                current_setting('synchronous_commit')";
                let row = conn.one(settings, vec![]).await?;
                is_durable(&row.text(0)?, &row.text(1)?)
            }
        }
    }

    fn url(&self) -> AnyConnectOptions {
        let (Target::Sqlite { url, .. } | Target::Postgres { url }) = self;
        url.clone().disable_statement_logging()
    }

    /// What every new session is told. The keep-alives let the server notice within five seconds
    /// that a writer is gone, and free the head row.
    fn session(&self, options: &StoreOptions, is_read_only: bool) -> String {
        match self.engine() {
            Engine::Sqlite => format!(
                "PRAGMA busy_timeout = {}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; \
                 PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 67108864; \
                 PRAGMA query_only = {};",
                options.lock_ms_max,
                u8::from(is_read_only),
            ),
            Engine::Postgres => format!(
                "{} SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; \
                 SET tcp_keepalives_count = 2; SET tcp_user_timeout = 5000; \
                 SET default_transaction_read_only = {};",
                limits("SET", options),
                if is_read_only { "on" } else { "off" },
            ),
        }
    }
}

/// How long things may take on PostgreSQL. A writer says it again at every BEGIN, and that it writes:
/// a pooler may have handed it a session that another connection has set up.
fn limits(set: &str, options: &StoreOptions) -> String {
    format!(
        "{set} statement_timeout = {}; {set} lock_timeout = {}; \
         {set} idle_in_transaction_session_timeout = {};",
        options.statement_ms_max, options.lock_ms_max, options.idle_in_transaction_ms_max,
    )
}

/// The right to a SQLite file. It is given back in so many words: a program that is just being
/// started holds, until it runs, a copy of every open file, and closing ours would not end the lock.
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock file of the database could not be unlocked");
        }
    }
}

/// How the house waits for any one answer of a database.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// As long as it takes: SQLite is in the same process and has its own busy time-out.
    Patient,
    /// At most so long.
    Within(Duration),
    /// With its thread.
    InPlace,
}

impl Manner {
    pub(super) fn of(engine: Engine, options: &StoreOptions) -> Manner {
        match engine {
            _ if options.in_place => Manner::InPlace,
            Engine::Sqlite => Manner::Patient,
            Engine::Postgres => {
                Manner::Within(Duration::from_millis(options.statement_ms_max + DEADLINE_GRACE_MS))
            }
        }
    }

    pub(super) async fn answer<T>(
        self,
        answer: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        match self {
            Manner::Patient => Ok(answer.await?),
            Manner::InPlace => Ok(futures::executor::block_on(answer)?),
            Manner::Within(limit) => match tokio::time::timeout(limit, answer).await {
                Ok(answer) => Ok(answer?),
                Err(_) => Err(StoreError::Deadline),
            },
        }
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let mut next = || parts.next().flatten();
    match (next(), next(), next()) {
        (Some(major), Some(minor), Some(patch)) => (major, minor, patch) >= SQLITE_MIN,
        _ => false,
    }
}

fn is_durable(fsync: &str, synchronous_commit: &str) -> Result<(), StoreError> {
    for (setting, value) in [("fsync", fsync), ("synchronous_commit", synchronous_commit)] {
        if value == "off" {
            return Err(StoreError::NotDurable { setting, value: value.to_owned() });
        }
    }
    Ok(())
}

/// Opens or makes a file that only its owner can read.
fn private_file(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(options.open(path)?)
}

/// The path with its directory resolved, so that two spellings take the same lock.
fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    let name = path.file_name().ok_or(StoreError::BadUrl("no file name"))?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    Ok(folder.canonicalize()?.join(name))
}

/// A path as a URL holds it.
fn escaped(path: &Path) -> Result<String, StoreError> {
    let path = path.to_str().ok_or(StoreError::BadUrl("the path is not UTF-8"))?;
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_are_refused() {
        for good in ["3.51.3", "3.51.10", "3.52.0", "4.0.0"] {
            assert!(is_new_enough(good), "{good}");
        }
        for bad in ["3.51.2", "3.9.9", "2.99.99", "", "3.51", "3.x.1"] {
            assert!(!is_new_enough(bad), "{bad}");
        }
    }

    #[test]
    fn a_lock_ends_though_a_program_being_started_still_holds_a_copy_of_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("a.db").display());
        let target = Target::parse(&url).unwrap();
        let held = target.lock().unwrap().unwrap();
        let copy = held.0.try_clone().unwrap();
        assert!(matches!(target.lock(), Err(StoreError::Locked(_))));
        drop(held);
        assert!(target.lock().is_ok());
        drop(copy);
    }

    #[test]
    fn a_server_without_fsync_is_refused() {
        assert!(is_durable("on", "on").is_ok());
        assert!(is_durable("on", "remote_apply").is_ok());
        let error = is_durable("off", "on").unwrap_err().to_string();
        assert!(error.contains("fsync=off"), "{error}");
        let error = is_durable("on", "off").unwrap_err().to_string();
        assert!(error.contains("synchronous_commit=off"), "{error}");
    }

    #[test]
    fn a_database_is_named_by_a_plain_path() {
        for bad in ["", "sqlite:", "sqlite::memory:", "sqlite:a?mode=ro", "mysql://a/b", "sqlite:/"]
        {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(escaped(Path::new("/a b/瑞.db")).unwrap(), "/a%20b/%E7%91%9E.db");
    }
}
