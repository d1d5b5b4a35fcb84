//! A database of its own on the test server.

use anyhow::{Context, Result};
use jieli_node::config::{Database, KEYRING_ENDING};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};

/// A fresh PostgreSQL database, named after the test.
#[derive(Debug)]
pub struct TestPg {
    url: String,
}

impl TestPg {
    /// Creates it on the server of `JIELI_TEST_PG`; `tests/run` starts one.
    pub async fn create(name: &str) -> Result<TestPg> {
        sqlx::any::install_default_drivers();
        let server = std::env::var("JIELI_TEST_PG")
            .context("JIELI_TEST_PG names no PostgreSQL server; tests/run starts one")?;
        let database = format!("jieli_{name}_{}", std::process::id());
        let mut conn = AnyConnection::connect(&server).await?;
        let drop = format!("DROP DATABASE IF EXISTS {database}");
        sqlx::query(AssertSqlSafe(drop)).execute(&mut conn).await?;
        let create = format!("CREATE DATABASE {database}");
        sqlx::query(AssertSqlSafe(create)).execute(&mut conn).await?;
        // The keys of sections lie in a database of their own.
        let ring = format!("{database}{KEYRING_ENDING}");
        let drop = format!("DROP DATABASE IF EXISTS {ring}");
        sqlx::query(AssertSqlSafe(drop)).execute(&mut conn).await?;
        let create = format!("CREATE DATABASE {ring}");
        sqlx::query(AssertSqlSafe(create)).execute(&mut conn).await?;
        conn.close().await?;
        let (base, query) = server.split_once('?').unwrap_or((&server, ""));
        let (base, _) = base.rsplit_once('/').context("a database in the URL")?;
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        Ok(TestPg { url: format!("{base}/{database}{query}") })
    }

    /// As a city's setting.
    pub fn database(&self) -> Database {
        Database::Postgres(self.url.clone())
    }
}
