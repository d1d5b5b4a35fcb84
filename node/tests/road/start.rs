//! When a node must not start, and says what to do.

use crate::harness::*;
use jieli_node::boot::{ENDING, Node, StartError};
use jieli_node::expiry;
use jieli_node::highwater;
use jieli_node::recovery::Cause;
use std::fs;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

async fn refused(city: &mut City) -> StartError {
    Node::start(city.given(None)).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_no_signature() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    let city = &mut pair.cities[B];
    city.stop().await;
    let file = city.dir.join(highwater::FILE);
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    // Nobody can be asked: it starts, and signs nothing.
    city.cut(true);
    city.start().await;
    assert_eq!(city.cause(), Some(Cause::NoFile));
    assert!(city.signs_nothing().await);
    city.stop().await;
    assert!(!file.exists(), "a new file is not made up");
    fs::write(&file, &kept[..kept.len() - 1]).unwrap();
    assert!(matches!(refused(city).await, StartError::HighWater(_)));
    fs::remove_file(&file).unwrap();
    // A peer that is reached says what was signed.
    city.cut(false);
    city.start().await;
    eventually("it signs again", async || pair.b().cause().is_none()).await;
    pair.a().announce(0..3).await.unwrap();
    pair.clock.move_on(3_600_000);
    pair.quiet(id).await;
    let text = fs::read_to_string(&file).unwrap();
    let line = format!("/log/1 {} ", pair.b().node().hand().published().exchange.size);
    assert!(text.contains(&line) && text.contains("/local/2 "), "{text}");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_history_is_not_signed() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    let city = &mut pair.cities[B];
    city.stop().await;
    let file = city.dir.join(highwater::FILE);
    let text = fs::read_to_string(&file).unwrap();
    // This line alone: leaves are the same in both cities, so that what was cosigned of the other
    // log may have the same root.
    let own = "jieli.ruian.zj/log/1 ";
    let line = text.lines().find(|line| line.starts_with(own)).unwrap();
    let (head, _) = line.rsplit_once(' ').unwrap();
    fs::write(&file, text.replace(line, &format!("{head} {}", "ab".repeat(32)))).unwrap();
    city.start().await;
    assert_eq!(city.cause(), Some(Cause::Forked));
    assert!(city.signs_nothing().await);
    let denied = city.repair().await.unwrap_err();
    assert!(denied.contains("FORKED"), "{denied}");
    city.stop().await;
    // The database of another city.
    pair.cities[A].stop().await;
    let other = pair.cities[A].dir.clone();
    put_back(&other, &pair.cities[B].dir);
    let error = refused(&mut pair.cities[B]).await;
    assert!(matches!(error, StartError::OtherCity { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_opened_once() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    let error = refused(&mut pair.cities[B]).await;
    assert!(matches!(error, StartError::Store(_)), "{error}");
    pair.stop().await;
}

/// What ends, an own key or a partner's, is told by name at the desk and by days to balancers.
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_is_told_by_the_health_listener() {
    const DAY_MS: u64 = 86_400_000;
    let pair = Pair::new().await;
    let address = pair.a().node().addresses().health.unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let client = HealthClient::new(endpoint.connect().await.unwrap());
    let says = async |which: usize| {
        let service = ENDING[which].0.to_owned();
        let asked = client.clone().check(HealthCheckRequest { service }).await;
        asked.unwrap().into_inner().status()
    };
    for which in 0..ENDING.len() {
        assert_eq!(says(which).await, ServingStatus::Serving);
    }
    // Keys are looked at after 365 days: 20 are left.
    pair.clock.move_on(345 * DAY_MS);
    eventually("thirty days", async || says(0).await == ServingStatus::NotServing).await;
    assert_eq!((says(1).await, says(2).await), (ServingStatus::Serving, ServingStatus::Serving));
    let node = pair.a().node();
    let published = node.hand().published();
    let today = node.house().calendar().day_of_unix_ms(pair.a().clock_ms());
    let ends = expiry::soon(node.house(), &published.directory, today);
    let told = |what: &str| ends.iter().filter(|end| end.what == what).collect::<Vec<_>>();
    assert_eq!((told("key-review").len(), told("peer-key-review").len()), (4, 1), "{ends:?}");
    let partner = told("peer-key-review")[0];
    assert!(partner.subject.starts_with("ruian.zj "), "{partner:?}");
    assert_eq!((partner.days_left, partner.warn_days), (20, 30));
    pair.clock.move_on(19 * DAY_MS);
    eventually("one day", async || says(2).await == ServingStatus::NotServing).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told() {
    let pair = Pair::new().await;
    let address = pair.a().node().addresses().health.unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = HealthClient::new(endpoint.connect().await.unwrap());
    for service in ["", "jieli.v1.Exchange", "jieli.v1.Desk", "jieli.v1.Worker"] {
        let asked = client.check(HealthCheckRequest { service: service.to_owned() }).await;
        assert_eq!(asked.unwrap().into_inner().status, 1, "{service}");
    }
    pair.stop().await;
}
