//! The limits of the peer port (protocol section 9), as a peer meets them.

use crate::forged::client;
use crate::harness::*;
use futures::future::join_all;
use jieli_node::config::Limits;
use jieli_proto::wire::{self, CheckpointRequest};
use tonic::{Code, Request};

/// Ruian with these limits.
async fn limited(limits: Limits) -> (Pair, jieli_proto::id::AgreementId) {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.a().cut(true);
    pair.cities[B].limits = limits;
    pair.cities[B].stop().await;
    pair.cities[B].start().await;
    (pair, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_is_ended() {
    let (pair, _) = limited(Limits { request_s_max: 1, ..Limits::default() }).await;
    let mut client = client(pair.a(), pair.b()).await.unwrap();
    let (_send, frames) = tokio::sync::mpsc::channel::<wire::DeliverFrame>(1);
    let frames = tokio_stream::wrappers::ReceiverStream::new(frames);
    let mut answers = client.deliver(frames).await.unwrap().into_inner();
    assert_eq!(answers.message().await.unwrap_err().code(), Code::DeadlineExceeded);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_peer_has_so_many_requests_a_second() {
    let limits = Limits { requests_per_peer_s_max: 5, ..Limits::default() };
    let (pair, _) = limited(limits).await;
    let client = client(pair.a(), pair.b()).await.unwrap();
    let ask = || {
        let mut client = client.clone();
        async move { client.checkpoint(CheckpointRequest::default()).await.map_err(|s| s.code()) }
    };
    let asked = join_all((0..60).map(|_| ask())).await;
    let refused = asked.iter().filter(|a| matches!(a, Err(Code::ResourceExhausted))).count();
    assert!(refused >= 10 && asked.iter().filter(|a| a.is_ok()).count() >= 30, "{refused}");
    assert!(ask().await.is_ok());
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_shed() {
    let limits = Limits { requests_per_peer_s_max: 1, requests_max: 2, ..Limits::default() };
    let (pair, _) = limited(limits).await;
    let client = client(pair.a(), pair.b()).await.unwrap();
    let ask = || {
        let mut client = client.clone();
        async move { client.checkpoint(CheckpointRequest::default()).await.map_err(|s| s.code()) }
    };
    let asked = join_all((0..10).map(|_| ask())).await;
    let shed = asked.iter().filter(|a| a.is_err()).count();
    assert!(shed >= 5 && asked.iter().any(Result::is_ok), "{asked:?}");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_peer_has_so_many_connections() {
    let limits = Limits { connections_per_peer_max: 2, ..Limits::default() };
    let (pair, _) = limited(limits).await;
    let mut clients = Vec::new();
    for at in 0..4 {
        let asked = match client(pair.a(), pair.b()).await {
            Err(_) => false,
            Ok(mut client) => {
                let asked = client.checkpoint(CheckpointRequest::default()).await.is_ok();
                clients.push(client);
                asked
            }
        };
        assert_eq!(asked, at < 2, "connection {at}");
    }
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_are_short() {
    let (pair, _) = limited(Limits::default()).await;
    let mut client = client(pair.a(), pair.b()).await.unwrap();
    let mut long = Request::new(CheckpointRequest::default());
    long.metadata_mut().insert("x-long", "x".repeat(20_000).parse().unwrap());
    assert!(client.checkpoint(long).await.is_err());
    let mut short = Request::new(CheckpointRequest::default());
    short.metadata_mut().insert("x-short", "x".repeat(2_000).parse().unwrap());
    client.checkpoint(short).await.unwrap();
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_letters_than_the_rate_take_longer_and_all_arrive() {
    let limits = Limits { letters_per_peer_s_max: 50, ..Limits::default() };
    let (pair, id) = limited(limits).await;
    pair.a().announce(0..120).await.unwrap();
    pair.a().cut(false);
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
    assert_eq!(pair.b().lane(id, 0).await.len(), 120);
    pair.stop().await;
}

/// End points are tried in their order.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_end_point_is_passed_over() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = crate::windows::Hands::running();
    let mut cities = [City::new(&folder, A, &clock), City::new(&folder, B, &clock)];
    for city in &mut cities {
        city.start().await;
    }
    let [a, b] = &cities;
    let live = b.address.to_string();
    a.add_peer_at(b, vec!["127.0.0.1:1".to_owned(), "no-such-host.invalid:7400".to_owned(), live])
        .await;
    b.add_peer(a).await;
    let pair = Pair { folder, cities, clock };
    let id = pair.agree().await;
    pair.settled(id).await;
    pair.stop().await;
}

/// Its letters stay in the outbox, and the reason is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_without_an_end_point_is_waited_for() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock = crate::windows::Hands::running();
    let mut cities = [City::new(&folder, A, &clock), City::new(&folder, B, &clock)];
    for city in &mut cities {
        city.start().await;
    }
    cities[A].add_peer_at(&cities[B], Vec::new()).await;
    cities[B].add_peer(&cities[A]).await;
    let pair = Pair { folder, cities, clock };
    pair.propose().await;
    let sql = "SELECT COUNT(*) FROM peer_contact WHERE trouble LIKE '%dials out%'";
    eventually("it is said", async || pair.a().count(sql, Vec::new()).await == 1).await;
    assert_eq!(pair.a().waiting().await, 1);
    pair.stop().await;
}
