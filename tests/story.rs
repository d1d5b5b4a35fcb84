//! The main road over two processes, one on SQLite and one on PostgreSQL, each way round: what
//! `cargo demo` tells has to be true on both databases.

#![allow(clippy::unwrap_used)]

use anyhow::Result;
use jieli::demo::begin;
use jieli::demo::narrate::Narrator;
use jieli_tests::{TestPg, program, sqlite};

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_told_with_the_receiving_city_on_postgres() -> Result<()> {
    let pg = TestPg::create("story_b").await?;
    let dir = tempfile::tempdir()?;
    let cities = [sqlite(), pg.database()];
    begin(dir.path(), &program()?, cities, Narrator::new(true)).await?.tell().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_told_with_the_sending_city_on_postgres() -> Result<()> {
    let pg = TestPg::create("story_a").await?;
    let dir = tempfile::tempdir()?;
    let cities = [pg.database(), sqlite()];
    begin(dir.path(), &program()?, cities, Narrator::new(true)).await?.tell().await
}
