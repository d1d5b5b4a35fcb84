//! Opening, schema, and the writer's transaction.

use crate::support::{EXCHANGE, head, on_both, open_batch, with_option};
use jieli_node::store::{
    AssertSqlSafe, CommitError, Engine, Fault, Store, StoreError, StoreOptions, Val,
};
use std::process::Command;

const TIMER: [&str; 4] = ["timer_id", "due_ms", "kind", "subject"];

fn timer(id: u8) -> Vec<Val> {
    vec![[id; 16].into(), 5u8.into(), "k".into(), Vec::new().into()]
}

#[test]
fn opening_again_changes_nothing_and_a_newer_schema_is_refused() {
    on_both(async |scratch| {
        scratch.house().await.close().await;
        let store = scratch.open().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        let count = "SELECT CAST(COUNT(*) AS BIGINT) FROM schema_version";
        assert_eq!(tx.one(count, vec![]).await.unwrap().int(0).unwrap(), 35);
        assert_eq!(head(&mut tx).await.id, EXCHANGE);
        tx.run("INSERT INTO schema_version VALUES (52, $1)", vec![[1; 32].into()]).await.unwrap();
        tx.commit().await.unwrap();
        drop(writer);
        store.close().await;
        let error = Store::open(&scratch.url, StoreOptions::default()).await.unwrap_err();
        assert!(matches!(error, StoreError::NewerSchema { found: 52, known: 51 }), "{error}");
    });
}

#[test]
fn a_changed_step_is_refused() {
    on_both(async |scratch| {
        let store = scratch.open().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        tx.run("UPDATE schema_version SET digest = $1", vec![[1; 32].into()]).await.unwrap();
        tx.commit().await.unwrap();
        drop(writer);
        store.close().await;
        let error = Store::open(&scratch.url, StoreOptions::default()).await.unwrap_err();
        assert!(matches!(error, StoreError::ChangedSchema(1)), "{error}");
    });
}

#[test]
fn a_sqlite_file_has_one_owner() {
    on_both(async |scratch| {
        if scratch.engine != Engine::Sqlite {
            return;
        }
        let store = scratch.open().await;
        let second = Store::open(&scratch.url, StoreOptions::default()).await.unwrap_err();
        assert!(matches!(second, StoreError::Locked(_)), "{second}");
        // Another spelling of the same path, in another process.
        let folder = scratch.folder.path();
        let path = folder.join("..").join(folder.file_name().unwrap()).join("a b.db");
        let other = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "open::opens_what_it_is_told", "--nocapture"])
            .env("JIELI_TEST_OPEN", format!("sqlite:{}", path.display()))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&other.stdout);
        assert!(said.contains("held by another process"), "{said}");
        store.close().await;
        scratch.open().await.close().await;
    });
}

/// The other process of the test above; alone it does nothing.
#[test]
fn opens_what_it_is_told() {
    let Ok(url) = std::env::var("JIELI_TEST_OPEN") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match runtime.block_on(Store::open(&url, StoreOptions::default())) {
        Ok(_) => println!("opened"),
        Err(error) => println!("{error}"),
    }
}

#[test]
fn replicas_that_start_at_once_bring_the_schema_up_once() {
    on_both(async |scratch| {
        if scratch.engine == Engine::Sqlite {
            return;
        }
        let starts = (0..8).map(|_| {
            let url = scratch.url.clone();
            async move { Store::open(&url, StoreOptions::default()).await }
        });
        for start in futures::future::join_all(starts).await {
            start.unwrap().close().await;
        }
    });
}

/// A pooler hands out sessions as it likes: one that a reader has set up must not bind a writer.
#[test]
fn a_writer_writes_in_a_session_that_only_reads() {
    on_both(async |scratch| {
        if scratch.engine == Engine::Sqlite {
            return;
        }
        let store = scratch.house().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        let spoilt = "SET default_transaction_read_only = on; SET lock_timeout = 0; \
                      SET idle_in_transaction_session_timeout = 0";
        for set in spoilt.split("; ") {
            tx.run(AssertSqlSafe(set.to_owned()), vec![]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut tx = writer.begin().await.unwrap();
        for (setting, promised) in
            [("lock_timeout", "20s"), ("idle_in_transaction_session_timeout", "10s")]
        {
            let asked = "SELECT current_setting($1)";
            let said = tx.one(asked, vec![setting.into()]).await.unwrap().text(0).unwrap();
            assert_eq!(said, promised, "{setting}");
        }
        tx.insert_many("timer", &TIMER, vec![timer(1)]).await.unwrap();
        tx.commit().await.unwrap();
    });
}

#[test]
fn what_the_sessions_promise() {
    on_both(async |scratch| {
        let store = scratch.open().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        let asked: &[(&'static str, &str)] = match scratch.engine {
            Engine::Sqlite => &[
                ("SELECT journal_mode FROM pragma_journal_mode", "wal"),
                ("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous", "2"),
                ("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys", "1"),
                ("SELECT CAST(secure_delete AS TEXT) FROM pragma_secure_delete", "1"),
                ("SELECT CAST(timeout AS TEXT) FROM pragma_busy_timeout", "20000"),
            ],
            Engine::Postgres => &[
                ("SELECT current_setting('statement_timeout')", "30s"),
                ("SELECT current_setting('lock_timeout')", "20s"),
                ("SELECT current_setting('idle_in_transaction_session_timeout')", "10s"),
                ("SELECT current_setting('tcp_keepalives_idle')", "3"),
                ("SELECT current_setting('tcp_user_timeout')", "5000"),
            ],
        };
        for (sql, expected) in asked {
            let value = tx.one(*sql, vec![]).await.unwrap().text(0).unwrap();
            assert_eq!(value, *expected, "{sql}");
        }
        if scratch.engine == Engine::Sqlite {
            let version = tx.one("SELECT sqlite_version()", vec![]).await.unwrap();
            assert!(version.text(0).unwrap().as_str() >= "3.51.3");
        }
        tx.rollback().await.unwrap();
        let mut reader = store.read().await.unwrap();
        let write = reader.run("DELETE FROM timer", vec![]).await;
        assert!(write.is_err());
        assert!(store.scrub(&[]).await.unwrap());
        if scratch.engine == Engine::Postgres {
            let url = with_option(&scratch.url, "synchronous_commit", "off");
            let error = Store::open(&url, StoreOptions::default()).await.unwrap_err();
            assert!(error.to_string().contains("synchronous_commit=off"), "{error}");
        }
    });
}

#[test]
fn many_rows_and_a_taken_key() {
    on_both(async |scratch| {
        let store = scratch.open().await;
        let mut writer = store.writer();
        let mut tx = writer.begin().await.unwrap();
        let row = |id: u64| {
            let id = [0u64.to_be_bytes(), id.to_be_bytes()].concat();
            vec![id.into(), 5u8.into(), "字".into(), vec![0, 255].into()]
        };
        tx.insert_many("timer", &TIMER, (0..5000).map(row).collect()).await.unwrap();
        tx.insert_many("timer", &TIMER, Vec::new()).await.unwrap();
        tx.commit().await.unwrap();
        let mut conn = store.read().await.unwrap();
        let sql = "SELECT CAST(COUNT(*) AS BIGINT), CAST(SUM(due_ms) AS BIGINT), MAX(kind) \
                   FROM timer";
        let sums = conn.one(sql, vec![]).await.unwrap();
        assert_eq!((sums.int(0).unwrap(), sums.int(1).unwrap()), (5000, 25_000));
        assert_eq!(sums.text(2).unwrap(), "字");
        // One row more, and then one that is there: the transaction is spoilt on both engines.
        let mut tx = writer.begin().await.unwrap();
        tx.insert_many("timer", &TIMER, vec![timer(9)]).await.unwrap();
        let error = tx.insert_many("timer", &TIMER, vec![row(7)]).await.unwrap_err();
        assert!(error.is_unique_violation() && error.fault() == Some(Fault::Unique), "{error}");
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, CommitError::RolledBack(StoreError::Failed)), "{error}");
        let mut tx = writer.begin().await.unwrap();
        tx.insert_many("timer", &TIMER, vec![timer(9)]).await.unwrap();
        tx.rollback().await.unwrap();
        // Dropped half-way: gone as well.
        let mut tx = writer.begin().await.unwrap();
        tx.insert_many("timer", &TIMER, vec![timer(9)]).await.unwrap();
        drop(tx);
        let mut tx = writer.begin().await.unwrap();
        tx.insert_many("timer", &TIMER, vec![timer(9)]).await.unwrap();
        tx.commit().await.unwrap();
    });
}

#[test]
fn two_writers_take_turns() {
    on_both(async |scratch| {
        let store = scratch.house().await;
        let (mut first, mut second) = (store.writer(), store.writer());
        let mut tx = first.begin().await.unwrap();
        open_batch(&mut tx, 1, &[vec![1]]).await;
        let other = async {
            let mut tx = second.begin().await.unwrap();
            let (claim, _) = open_batch(&mut tx, 2, &[vec![2]]).await;
            tx.commit().await.unwrap();
            claim
        };
        let commit = async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            tx.commit().await.unwrap();
        };
        let (claim, ()) = tokio::join!(other, commit);
        assert_eq!((claim.number, claim.head.size), (2, 1));
        let mut conn = store.read().await.unwrap();
        assert_eq!(head(&mut conn).await.size, 2);
    });
}
