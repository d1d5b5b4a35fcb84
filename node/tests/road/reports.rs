//! The carrier's delivery reports: believed when signed, and told to the desk as one thing alone.

use crate::cases::{asked, draft};
use crate::harness::*;
use jieli_node::command::{DeskCommand, Done};
use jieli_node::webhook::{HEADERS, SharedSecret};
use jieli_proto::wire;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn signed(secret: &str, pair: &Pair, body: &str) -> String {
    let secret = SharedSecret::parse(secret).unwrap();
    let values = secret.headers("msg_1", pair.a().clock_ms() / 1000, body.as_bytes());
    HEADERS.iter().zip(values).map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

/// Sends a request and gives the status of its answer.
async fn post(to: SocketAddr, method: &str, headers: &str, body: &str) -> u16 {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let head = format!(
        "{method} /reports HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // It may have been answered before the whole was read.
    let _ = stream.write_all(body.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0)
}

async fn undeliverable(city: &City) -> Vec<String> {
    let request = wire::AskRequest::default();
    let Done::Asked(reply) = city.perform(DeskCommand::Ask(request)).await else { panic!() };
    reply.undeliverable
}

fn report(id: &str, status: &str) -> String {
    format!("{{\"id\":\"{id}\",\"status\":\"{status}\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_report_is_believed_and_no_other() {
    let (pair, _) = Pair::agreed().await;
    let (case, _) = asked(&pair).await;
    let city = pair.a();
    let to = city.node().addresses().report.unwrap();
    let id = city.phones.0.lock().unwrap()[0].id.clone();
    let handed = "SELECT COUNT(*) FROM notice WHERE state = 1";
    eventually("it is noted", async || city.count(handed, Vec::new()).await == 1).await;
    let (bad, good) = (report(&id, "undeliverable"), report(&id, "delivered"));
    let right = signed(REPORT_SECRET, &pair, &bad);
    let wrong = signed("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &pair, &bad);
    assert_eq!(post(to, "POST", &wrong, &bad).await, 401);
    assert_eq!(post(to, "POST", "", &bad).await, 401);
    // A signature for another body.
    assert_eq!(post(to, "POST", &right, &good).await, 401);
    assert_eq!(post(to, "GET", &right, &bad).await, 405);
    let long = report(&id, &"x".repeat(5_000));
    assert_eq!(post(to, "POST", &signed(REPORT_SECRET, &pair, &long), &long).await, 413);
    for other in [report("00", "undeliverable"), report(&"7".repeat(32), "undeliverable")] {
        assert_eq!(post(to, "POST", &signed(REPORT_SECRET, &pair, &other), &other).await, 204);
    }
    let odd = report(&id, "read");
    assert_eq!(post(to, "POST", &signed(REPORT_SECRET, &pair, &odd), &odd).await, 400);
    assert!(undeliverable(city).await.is_empty(), "none of these was a report");
    // Twice the same is once.
    for _ in 0..2 {
        assert_eq!(post(to, "POST", &right, &bad).await, 204);
        assert_eq!(undeliverable(city).await, [case.as_str()]);
    }
    // Five minutes later the same bytes say nothing any more.
    pair.clock.move_on(301_000);
    assert_eq!(post(to, "POST", &right, &bad).await, 401);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_phone_has_confirmed_stays_delivered() {
    let (pair, _) = Pair::agreed().await;
    asked(&pair).await;
    assert_eq!(draft().legs.len(), 1);
    let city = pair.a();
    let to = city.node().addresses().report.unwrap();
    let id = city.phones.0.lock().unwrap()[0].id.clone();
    let handed = "SELECT COUNT(*) FROM notice WHERE state = 1";
    eventually("it is noted", async || city.count(handed, Vec::new()).await == 1).await;
    for status in ["delivered", "undeliverable"] {
        let body = report(&id, status);
        assert_eq!(post(to, "POST", &signed(REPORT_SECRET, &pair, &body), &body).await, 204);
    }
    assert!(undeliverable(city).await.is_empty());
    pair.stop().await;
}
