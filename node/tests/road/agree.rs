//! What must work between two cities that can reach each other.

use crate::harness::*;
use jieli_node::command::DeskCommand;
use jieli_proto::wire;

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_becomes_live_in_both_cities() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    assert_eq!(pair.a().lane(id, 4).await.len(), 1);
    assert_eq!(pair.a().lane(id, 5).await.len(), 1);
    assert_eq!(pair.a().lane(id, 2).await.len() + pair.a().lane(id, 3).await.len(), 2);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_window_goes_both_ways() {
    let (pair, id) = Pair::agreed().await;
    for at in 0..3 {
        pair.a().announce(at * 200..at * 200 + 200).await.unwrap();
        pair.b().announce(at * 200..at * 200 + 200).await.unwrap();
    }
    pair.settled(id).await;
    assert_eq!(pair.a().lane(id, 0).await.len(), 600);
    assert_eq!(pair.b().lane(id, 1).await.len(), 600);
    // Every letter has its item, and ours the proof of the other city's log.
    let items = "SELECT COUNT(*) FROM receipt_item WHERE lane IN (0, 1)";
    for city in &pair.cities {
        assert_eq!(city.count(items, Vec::new()).await, 1200);
        assert_eq!(city.count("SELECT COUNT(*) FROM peer_proof", Vec::new()).await, 601);
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_and_a_start_change_nothing() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    for at in [A, B] {
        pair.cities[at].stop().await;
        pair.cities[at].start().await;
    }
    pair.a().announce(0..3).await.unwrap();
    pair.settled(id).await;
    let act = |act: &str| wire::AgreementActRequest {
        agreement_id: id.hex(),
        act: act.to_owned(),
        ..wire::AgreementActRequest::default()
    };
    pair.a().two_approve(DeskCommand::ActOnAgreement(act("suspend"))).await.unwrap();
    eventually("the suspension", async || {
        let published = pair.b().node().hand().published();
        !published.directory.bonds[&id].suspenders().is_empty()
    })
    .await;
    pair.settled(id).await;
    pair.stop().await;
}
