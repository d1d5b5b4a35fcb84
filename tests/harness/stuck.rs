//! Waiting, and what there is to know of a node where something does not come.

#![allow(clippy::unwrap_used)] // a helper that cannot go on ends the test

use crate::town::Town;
use crate::towns::Towns;
use jieli_node::world::Clock as _;
use std::fmt::Write as _;
use std::sync::Once;
use std::time::Duration;

/// What waits in a node's tables: a line each, with the milliseconds until its time.
const WAITING: [&str; 3] = [
    "SELECT kind, due_ms FROM timer ORDER BY due_ms LIMIT 20",
    "SELECT peer || ' ' || problem, due_ms FROM outbox ORDER BY due_ms LIMIT 20",
    "SELECT 'notice', due_ms FROM notice WHERE state = 0 ORDER BY due_ms LIMIT 20",
];

/// What the nodes warn of, and what their timers did, goes where a failing test shows it.
pub(crate) fn logged() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("warn,jieli_node::sweeper=info")
            .with_ansi(false)
            .with_test_writer()
            .finish();
        // A test may have set its own.
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
}

impl Town {
    /// Why its node may not come any further: alarms, the writer's end, and what waits for when.
    pub(crate) async fn stuck(&self) -> String {
        let mut text = format!("writer {:?}", self.node().why());
        let now_ms = self.clock.now_unix_ms() as i64;
        let mut conn = self.node().store().read().await.unwrap();
        let alarms = "SELECT kind, detail FROM alarm ORDER BY raised_ms";
        for row in conn.rows(alarms, Vec::new()).await.unwrap() {
            let (kind, detail) = (row.text(0).unwrap(), row.text(1).unwrap());
            write!(text, "\nalarm {kind}: {detail}").unwrap();
        }
        for sql in WAITING {
            for row in conn.rows(sql, Vec::new()).await.unwrap() {
                let (what, at_ms) = (row.text(0).unwrap(), row.int(1).unwrap());
                write!(text, "\n{what} in {} ms", at_ms - now_ms).unwrap();
            }
        }
        text
    }
}

impl Towns {
    /// Waits up to half a minute for something between the two cities.
    pub async fn come_to(&self, what: &str, holds: impl AsyncFnMut() -> bool) {
        if !soon(holds).await {
            let (a, b) = (self.kunming.stuck().await, self.ruian.stuck().await);
            panic!("waited too long for {what}; kunming: {a}\nruian: {b}");
        }
    }
}

/// Waits up to half a minute.
pub async fn eventually(what: &str, holds: impl AsyncFnMut() -> bool) {
    assert!(soon(holds).await, "waited too long for {what}");
}

/// Whether something comes to hold within half a minute.
pub(crate) async fn soon(mut holds: impl AsyncFnMut() -> bool) -> bool {
    for _ in 0..600 {
        if holds().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
