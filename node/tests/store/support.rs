//! A scratch database of each engine.

use jieli_node::store::log::{self, Claim, Edge, Head, Log, LogId};
use jieli_node::store::{AssertSqlSafe, Conn, Engine, Row, Store, StoreOptions, Tx, Val, Writer};
use sqlx::{AnyConnection, Connection, Executor};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const EXCHANGE: LogId = LogId { log: Log::Exchange, epoch: 1 };
pub(crate) const LOCAL: LogId = LogId { log: Log::Local, epoch: 1 };

/// A database that is thrown away.
pub(crate) struct Scratch {
    pub(crate) engine: Engine,
    pub(crate) url: String,
    pub(crate) folder: TempDir,
    server: Option<(String, String)>,
}

impl Scratch {
    async fn sqlite() -> Scratch {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite:{}", folder.path().join("a b.db").display());
        Scratch { engine: Engine::Sqlite, url, folder, server: None }
    }

    async fn postgres(server: &str) -> Scratch {
        sqlx::any::install_default_drivers();
        let folder = TempDir::new().unwrap();
        let name = folder.path().file_name().unwrap().to_str().unwrap();
        let schema = format!("t{}", hex::encode(name));
        let mut conn = AnyConnection::connect(server).await.unwrap();
        conn.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.unwrap();
        let url = with_option(server, "search_path", &schema);
        Scratch { engine: Engine::Postgres, url, folder, server: Some((server.into(), schema)) }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url, StoreOptions::default()).await.unwrap()
    }

    /// Opened, with both logs created.
    pub(crate) async fn house(&self) -> Store {
        let store = self.open().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        log::create(&mut tx, EXCHANGE).await.unwrap();
        log::create(&mut tx, LOCAL).await.unwrap();
        tx.commit().await.unwrap();
        store
    }

    async fn gone(self) {
        if let Some((server, schema)) = &self.server {
            let mut conn = AnyConnection::connect(server).await.unwrap();
            let drop = format!("DROP SCHEMA {schema} CASCADE");
            conn.execute(AssertSqlSafe(drop)).await.unwrap();
        }
    }
}

/// The server's URL with a setting for each session.
pub(crate) fn with_option(url: &str, name: &str, value: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}options[{name}]={value}")
}

/// The PostgreSQL server of the tests, if there is one.
fn server() -> Option<String> {
    let server = std::env::var("JIELI_TEST_PG").ok();
    if server.is_none() {
        assert!(std::env::var_os("CI").is_none(), "JIELI_TEST_PG is not set");
        println!("JIELI_TEST_PG is not set: SQLite only");
    }
    server
}

/// Runs a test on every engine at hand.
pub(crate) fn on_both(test: impl AsyncFn(&Scratch)) {
    results_of(async |scratch| test(scratch).await);
}

/// Runs a test on every engine at hand and returns what each gave.
pub(crate) fn results_of<T>(test: impl AsyncFn(&Scratch) -> T) -> Vec<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let results = runtime.block_on(async {
        let scratch = Scratch::sqlite().await;
        let mut results = vec![test(&scratch).await];
        scratch.gone().await;
        if let Some(server) = server() {
            let scratch = Scratch::postgres(&server).await;
            results.push(test(&scratch).await);
            scratch.gone().await;
        }
        results
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    results
}

/// One committed batch that adds these leaves to the exchange log.
pub(crate) async fn batch(writer: &mut Writer, id: u8, leaves: &[Vec<u8>]) -> (Claim, Edge) {
    let mut tx = writer.begin().await.unwrap();
    let (claim, edge) = open_batch(&mut tx, id, leaves).await;
    tx.commit().await.unwrap();
    (claim, edge)
}

/// The same up to the commit.
pub(crate) async fn open_batch(tx: &mut Tx<'_>, id: u8, leaves: &[Vec<u8>]) -> (Claim, Edge) {
    let claim = log::claim(tx, &[id; 16]).await.unwrap();
    let mut edge = Edge::load(tx, &claim.head).await.unwrap();
    for leaf in leaves {
        edge.push(leaf.clone()).unwrap();
    }
    edge.write(tx).await.unwrap();
    let new = edge.head(claim.head.generation);
    log::store_head(tx, &claim.head, &new).await.unwrap();
    (claim, edge)
}

/// The head of the exchange log.
pub(crate) async fn head(conn: &mut Conn) -> Head {
    log::head(conn, Log::Exchange).await.unwrap().unwrap()
}

/// A row as values, whatever its columns are.
pub(crate) fn vals(row: &Row, width: usize) -> Vec<Val> {
    let val = |at| match (row.int(at), row.text(at)) {
        (Ok(int), _) => Val::Int(int),
        (_, Ok(text)) => Val::Text(text),
        _ => Val::Bytes(row.bytes(at).unwrap()),
    };
    (0..width).map(val).collect()
}
