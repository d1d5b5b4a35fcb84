//! PostgreSQL databases made for a run, and dropped after it.

use anyhow::{Context, Result};
use jieli_node::config::{Database, KEYRING_ENDING};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

/// Three databases on a server, named after this process, each with one for its key ring.
#[derive(Debug)]
pub struct ScratchPg {
    server: String,
    names: [String; 3],
}

impl ScratchPg {
    /// Creates them. `server` is `postgres://user:password@host:port/database`, of a role that may
    /// create databases.
    pub async fn create(server: &str) -> Result<ScratchPg> {
        sqlx::any::install_default_drivers();
        let id = std::process::id();
        let names = ["a", "b", "c"].map(|name| format!("jieli_bench_{id}_{name}"));
        let made = ScratchPg { server: server.to_owned(), names };
        for name in &made.names {
            made.run(format!("CREATE DATABASE {name}")).await?;
            made.run(format!("CREATE DATABASE {name}{KEYRING_ENDING}")).await?;
        }
        Ok(made)
    }

    /// As settings of nodes.
    pub fn databases(&self) -> Result<[Database; 3]> {
        let (base, query) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (base, _) = base.rsplit_once('/').context("the URL names no database")?;
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        Ok(self.names.each_ref().map(|name| Database::Postgres(format!("{base}/{name}{query}"))))
    }

    /// Drops them.
    pub async fn drop_all(self) -> Result<()> {
        for name in &self.names {
            self.run(format!("DROP DATABASE IF EXISTS {name}")).await?;
            self.run(format!("DROP DATABASE IF EXISTS {name}{KEYRING_ENDING}")).await?;
        }
        Ok(())
    }

    async fn run(&self, sql: String) -> Result<()> {
        let mut conn = AnyConnection::connect(&self.server).await.context("PostgreSQL")?;
        sqlx::query(AssertSqlSafe(sql)).execute(&mut conn).await?;
        Ok(conn.close().await?)
    }
}
