//! What several of them need.

use jieli_node::writer::Failure;
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::wire::{self, Method};
use jieli_tests::Town;
use prost::Message as _;

/// The word of a denial.
pub(crate) fn denied<T: std::fmt::Debug>(done: Result<T, Failure>) -> &'static str {
    match done {
        Err(Failure::Denied(denied)) => denied.code,
        Err(Failure::Busy(why)) => panic!("busy: {why}"),
        Ok(done) => panic!("{done:?}"),
    }
}

/// How the consents to a leg were given, oldest first.
pub(crate) async fn methods(town: &Town, leg: LegId) -> Vec<Method> {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT envelope FROM consent WHERE leg_id = $1 ORDER BY given_ms";
    let rows = conn.rows(sql, vec![leg.to_vec().into()]).await.unwrap();
    let read = |bytes: Vec<u8>| {
        let sealed = wire::Envelope::decode(bytes.as_slice()).unwrap();
        envelope::payload::<wire::Consent>(&sealed).unwrap().method()
    };
    rows.iter().map(|row| read(row.bytes(0).unwrap())).collect()
}

/// Lets what is due be done; nothing may have come of it.
pub(crate) async fn a_while() {
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
}
