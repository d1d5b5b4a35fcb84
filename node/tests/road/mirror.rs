//! A peer keeps the hashes of this city's log, and gives them back to this city alone.

use crate::harness::*;
use jieli_node::store::mirror;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::id::CityId;
use jieli_proto::note::Note;
use jieli_proto::tree::{Hash, Tile, root};
use jieli_proto::wire::{CheckpointRequest, TilesRequest};
use std::sync::atomic::Ordering;

const ORIGIN: &str = "jieli.kunming.yn/log/1";

/// What the other city has not heard of is mirrored at the next sweep: within a minute.
async fn is_mirrored(pair: &Pair) -> bool {
    let mut conn = pair.b().node().store().read().await.unwrap();
    let held = mirror::head(&mut conn, ORIGIN).await.unwrap();
    let head = pair.a().node().hand().published().exchange.clone();
    held.is_some_and(|held| (held.size, held.root) == (head.size, head.root))
}

fn ask(level: u32, index: u64) -> TilesRequest {
    TilesRequest { level, index, origin: ORIGIN.to_owned() }
}

/// What Ruian gives back of Kunming's leaves.
async fn given_back(pair: &Pair, size: u64) -> Vec<Hash> {
    let (post, ruian) = (pair.a().post(), pair.b().id());
    let mut all: Vec<Hash> = Vec::new();
    for index in 0..size.div_ceil(256) {
        let reply = post.tiles(&ruian, ask(0, index)).await.unwrap();
        all.extend(reply.hashes.as_chunks::<32>().0);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_city_gets_its_own_hashes_back() {
    let (pair, id) = Pair::agreed().await;
    pair.a().announce(0..300).await.unwrap();
    pair.settled(id).await;
    within(90, "the mirror", async || is_mirrored(&pair).await).await;
    let head = pair.a().node().hand().published().exchange.clone();
    assert!(head.size > 300);
    assert_eq!(root(&given_back(&pair, head.size).await), head.root);
    let (post, ruian) = (pair.a().post(), pair.b().id());
    // The level above, too.
    let full = given_back(&pair, head.size).await[..256].to_vec();
    let above = post.tiles(&ruian, ask(1, 0)).await.unwrap().hashes;
    assert_eq!(above, root(&full));
    let seen = CheckpointRequest { origin: ORIGIN.to_owned() };
    let reply = post.checkpoint(&ruian, seen).await.unwrap();
    for note in [&reply.checkpoint, &reply.mirrored] {
        let note = Note::parse(note.as_bytes()).unwrap();
        let seen = Checkpoint::parse(note.text()).unwrap();
        assert_eq!((seen.size(), *seen.root()), (head.size, head.root));
    }
    pair.stop().await;
}

/// Other logs, the answerer's own by name among them, are one answer with tiles that are not there.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_the_hashes_of_another() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    within(90, "the mirror", async || is_mirrored(&pair).await).await;
    let third = City::named(&pair.folder, "dali.yn", "91530100MA00000020", &pair.clock);
    pair.b().add_peer(&third).await;
    let mut client = crate::forged::client(&third, pair.b()).await.unwrap();
    let tile = |origin: &str| TilesRequest { origin: origin.to_owned(), ..TilesRequest::default() };
    for origin in [
        ORIGIN,
        "jieli.ruian.zj/log/1",
        "jieli.dali.yn/log/1",
        "jieli.dali.yn/local/1",
        "jieli.dali.yn/log/01",
        "x",
    ] {
        let status = client.tiles(tile(origin)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (tonic::Code::PermissionDenied, ""));
    }
    for origin in [ORIGIN, "jieli.ruian.zj/log/1", "jieli.dali.yn/local/1", "x"] {
        let ask = CheckpointRequest { origin: origin.to_owned() };
        let status = client.checkpoint(ask).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (tonic::Code::PermissionDenied, ""));
    }
    let own = CheckpointRequest { origin: "jieli.dali.yn/log/1".to_owned() };
    let reply = client.checkpoint(own).await.unwrap().into_inner();
    assert_eq!((reply.checkpoint, reply.mirrored), (String::new(), String::new()));
    pair.stop().await;
}

/// A mirror that is far behind comes up in several turns; each ends at a root that is proved.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_stretch_is_mirrored_in_turns() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.b().cut(true);
    for from in (0..2400).step_by(200) {
        pair.a().announce(from..from + 200).await.unwrap();
    }
    eventually("the log is long", async || pair.a().node().hand().published().exchange.size > 2400)
        .await;
    pair.b().cut(false);
    within(90, "the mirror", async || is_mirrored(&pair).await).await;
    let mut conn = pair.b().node().store().read().await.unwrap();
    let tile = mirror::tile(&mut conn, ORIGIN, Tile { level: 1, index: 0 }, 2400).await.unwrap();
    assert_eq!(tile.len(), 2400 / 256);
    drop(conn);
    pair.settled(id).await;
    pair.stop().await;
}

/// Hashes that do not lead to what was signed are not stored, and the operators are told.
#[tokio::test(flavor = "multi_thread")]
async fn hashes_that_do_not_lead_to_the_head_are_not_kept() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    within(90, "the mirror", async || is_mirrored(&pair).await).await;
    pair.b().tap.twist.store(true, Ordering::SeqCst);
    pair.a().announce(0..3).await.unwrap();
    eventually("the alarm", async || {
        pair.b().alarms().await.iter().any(|said| said.starts_with("mirror-differs"))
    })
    .await;
    assert!(!is_mirrored(&pair).await);
    pair.b().tap.twist.store(false, Ordering::SeqCst);
    within(90, "the mirror", async || is_mirrored(&pair).await).await;
    let city = CityId::parse("kunming.yn").unwrap();
    assert!(pair.b().node().hand().published().directory.peers.contains_key(&city));
    pair.stop().await;
}
