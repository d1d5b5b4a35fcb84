//! When a node must not start, and says what to do.

use crate::harness::*;
use jieli_node::boot::{HeadError, Node, StartError};
use jieli_node::highwater;
use std::fs;
use std::path::Path;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

async fn refused(city: &mut City) -> StartError {
    Node::start(city.given(None)).await.unwrap_err()
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for name in ["jieli.db", "jieli.db-wal", "jieli.db-shm"] {
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

fn put_back(from: &Path, to: &Path) {
    for name in ["jieli.db", "jieli.db-wal", "jieli.db-shm"] {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
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
    let error = refused(city).await;
    assert!(matches!(error, StartError::Heads(HeadError::NoFile(_))), "{error}");
    fs::write(&file, &kept[..kept.len() - 1]).unwrap();
    assert!(matches!(refused(city).await, StartError::HighWater(_)));
    fs::write(&file, &kept).unwrap();
    city.start().await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_is_not_served() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.cities[B].stop().await;
    let (dir, backup) = (pair.cities[B].dir.clone(), pair.folder.path().join("backup"));
    copy(&dir, &backup);
    pair.cities[B].start().await;
    pair.a().announce(0..3).await.unwrap();
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
    pair.cities[B].stop().await;
    let newest = pair.folder.path().join("newest");
    copy(&dir, &newest);
    put_back(&backup, &dir);
    let error = refused(&mut pair.cities[B]).await;
    assert!(matches!(error, StartError::Heads(HeadError::Recovering { .. })), "{error}");
    // No database at all is the oldest copy of all.
    put_back(Path::new("/nonexistent"), &dir);
    let error = refused(&mut pair.cities[B]).await;
    assert!(matches!(error, StartError::Heads(HeadError::Recovering { .. })), "{error}");
    put_back(&newest, &dir);
    pair.cities[B].start().await;
    pair.a().announce(3..6).await.unwrap();
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
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
    let line = text.lines().find(|line| line.contains("/log/1")).unwrap();
    let root = line.rsplit(' ').next().unwrap();
    fs::write(&file, text.replace(root, &"ab".repeat(32))).unwrap();
    let error = refused(city).await;
    assert!(matches!(error, StartError::Heads(HeadError::RootDiffers(_))), "{error}");
    fs::write(&file, &text).unwrap();
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
