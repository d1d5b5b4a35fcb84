//! Where the cities of a test keep their data, and copies of it, made and put back as an operator
//! does.

use crate::harness::{City, copy, put_back};
use jieli_node::config::Database;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Sqlite,
    Postgres,
}

/// The PostgreSQL server of the tests, if there is one.
fn server() -> Option<String> {
    std::env::var("JIELI_TEST_PG").ok()
}

/// Whether a test can run on PostgreSQL here.
pub(crate) fn is_here() -> bool {
    let is = server().is_some();
    assert!(is || std::env::var_os("CI").is_none(), "JIELI_TEST_PG is not set");
    if !is {
        println!("JIELI_TEST_PG is not set: not tried");
    }
    is
}

/// An empty place for a city's data. Databases stay until the next run that needs their names.
pub(crate) async fn fresh(on: On) -> Database {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    if on == On::Sqlite {
        return Database::Sqlite;
    }
    let server = server().unwrap();
    let (base, query) = server.split_once('?').unwrap_or((&server, ""));
    let (base, _) = base.rsplit_once('/').unwrap();
    let name =
        format!("jieli_road_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mark = if query.is_empty() { "" } else { "?" };
    let database = Database::Postgres(format!("{base}/{name}{mark}{query}"));
    let ring = name_in(&database.keyring_beside().unwrap());
    for name in [&name, &ring] {
        run(&[drop_of(name), format!("CREATE DATABASE {name}")]).await;
    }
    database
}

/// Copies the database of a stopped city, and nothing else.
pub(crate) async fn back_up(city: &City, to: &Path) {
    match live(city) {
        None => copy(&city.dir, to),
        Some(live) => {
            let kept = kept(&live);
            run(&[drop_of(&kept), alone(&live), format!("CREATE DATABASE {kept} TEMPLATE {live}")])
                .await;
        }
    }
}

/// Puts the copy in its place.
pub(crate) async fn restore(city: &City, from: &Path) {
    match live(city) {
        None => put_back(from, &city.dir),
        Some(live) => {
            let kept = kept(&live);
            run(&[drop_of(&live), format!("CREATE DATABASE {live} TEMPLATE {kept}")]).await;
        }
    }
}

/// No database is left.
pub(crate) async fn lose(city: &City) {
    match live(city) {
        None => put_back(Path::new("/nonexistent"), &city.dir),
        Some(live) => run(&[drop_of(&live), format!("CREATE DATABASE {live}")]).await,
    }
}

fn live(city: &City) -> Option<String> {
    match &city.database {
        Database::Sqlite => None,
        Database::Postgres(url) => Some(name_in(url)),
    }
}

fn kept(live: &str) -> String {
    format!("{live}_kept")
}

fn name_in(url: &str) -> String {
    let base = url.split('?').next().unwrap();
    base.rsplit('/').next().unwrap().to_owned()
}

fn drop_of(name: &str) -> String {
    format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")
}

/// Ends what a stopped node may have left open.
fn alone(name: &str) -> String {
    format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
}

/// Makes databases one after the other: only one of them can be copied at a time.
async fn run(statements: &[String]) {
    sqlx::any::install_default_drivers();
    let mut conn = AnyConnection::connect(&server().unwrap()).await.unwrap();
    for statement in statements {
        let mut tries = 0;
        while let Err(error) = conn.execute(AssertSqlSafe(statement.clone())).await {
            tries += 1;
            assert!(tries < 100, "{statement}: {error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    conn.close().await.unwrap();
}
