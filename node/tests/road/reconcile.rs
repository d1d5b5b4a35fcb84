//! Both cities' lanes compared: what differs is named, and what it is.

use crate::forged::client;
use crate::harness::*;
use jieli_node::reconcile::{Failed, reconcile};
use jieli_node::statements::{RANGES_MAX, open_lane};
use jieli_node::store::{AssertSqlSafe, Val, checks};
use jieli_node::{keys, lanes};
use jieli_proto::envelope;
use jieli_proto::id::AgreementId;
use jieli_proto::kinds::Lane;
use jieli_proto::wire::{self, Envelope, LaneRange, ReconcileReport, StateRequest};
use prost::Message as _;
use std::sync::Mutex;
use tonic::Code;

async fn compared(city: &City, id: AgreementId, period: u32) -> ReconcileReport {
    try_compared(city, id, period).await.unwrap()
}

async fn try_compared(
    city: &City,
    id: AgreementId,
    period: u32,
) -> Result<ReconcileReport, Failed> {
    let (node, rounds) = (city.node(), Mutex::new(Vec::new()));
    let told = |lane, round| rounds.lock().unwrap().push((lane, round));
    let report = reconcile(&node.hand(), &node.store(), node.house(), (id, period), &told).await?;
    assert_eq!(
        rounds.lock().unwrap().len() as u32,
        report.lanes.iter().map(|l| l.rounds).sum::<u32>()
    );
    Ok(report)
}

/// Lane, place and class of every difference.
fn named(report: &ReconcileReport) -> Vec<(u32, u64, &str)> {
    report.differences.iter().map(|d| (d.lane, d.lane_seq, d.class.as_str())).collect()
}

/// Changes a city's tables behind its back.
async fn tamper(city: &City, sql: &str, vals: Vec<Val>) {
    let mut writer = city.node().store().writer();
    let mut tx = writer.begin().await.unwrap();
    assert_eq!(tx.run(AssertSqlSafe(sql.to_owned()), vals).await.unwrap(), 1, "{sql}");
    tx.commit().await.unwrap();
}

async fn lose(city: &City, lane: u8, seq: u64) {
    let sql = "DELETE FROM envelope WHERE lane = $1 AND lane_seq = $2";
    tamper(city, sql, vec![lane.into(), seq.into()]).await;
}

async fn stored(city: &City, lane: u8, seq: u64) -> (Envelope, u64) {
    let mut conn = city.node().store().read().await.unwrap();
    let sql = "SELECT envelope, leaf_idx FROM envelope WHERE lane = $1 AND lane_seq = $2";
    let row = conn.one(sql, vec![lane.into(), seq.into()]).await.unwrap();
    (Envelope::decode(row.bytes(0).unwrap().as_slice()).unwrap(), row.uint(1).unwrap())
}

async fn put(city: &City, lane: u8, seq: u64, sealed: &Envelope) {
    let sql = "UPDATE envelope SET envelope = $1 WHERE lane = $2 AND lane_seq = $3";
    tamper(city, sql, vec![sealed.encode_to_vec().into(), lane.into(), seq.into()]).await;
}

/// Messages from both, all receipted.
async fn traffic(pair: &Pair, id: AgreementId, each: u32) {
    for city in &pair.cities {
        city.announce(0..each.min(256)).await.unwrap();
        if each > 256 {
            city.announce(256..each).await.unwrap();
        }
    }
    pair.settled(id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_lanes_agree_in_one_round_and_both_statements_are_kept() {
    let (pair, id) = Pair::agreed().await;
    traffic(&pair, id, 40).await;
    let report = compared(pair.a(), id, 0).await;
    assert!(report.agree && report.differences.is_empty() && !report.more, "{report:?}");
    assert_eq!((report.lanes.len(), report.rounds, report.requests), (6, 1, 6));
    let directory = pair.a().node().hand().published();
    let peer = &directory.directory.peers[&pair.b().id()];
    for line in &report.lanes {
        let lane = Lane::from_number(line.lane).unwrap();
        let at = lanes::LaneAt { agreement: id, lane, size: u64::MAX };
        let range = lanes::Range { from: 1, to: line.to };
        let [ours, theirs] = [&line.ours, &line.theirs].map(|side| side.clone().unwrap());
        assert_eq!((ours.to, ours.count, &ours.root), (theirs.to, theirs.count, &theirs.root));
        let sealed = theirs.statement.unwrap();
        let (said, held) = open_lane(peer, &at, range, &sealed).unwrap();
        assert_eq!((said, hex::encode(held.root)), (range, theirs.root));
        // Signed by nobody else, for nothing else.
        assert!(open_lane(peer, &at, range, &ours.statement.unwrap()).is_none());
        let other = lanes::LaneAt { agreement: AgreementId([9; 16]), ..at };
        assert!(open_lane(peer, &other, range, &sealed).is_none());
    }
    let mut conn = pair.a().node().store().read().await.unwrap();
    assert_eq!(checks::reports(&mut conn, id, 5).await.unwrap(), [report]);
    drop(conn);
    assert_eq!(pair.a().alarms().await, Vec::<String>::new());
    pair.stop().await;
}

/// Ranges of one round go in as many requests as they need, and only what differs is named.
#[tokio::test(flavor = "multi_thread")]
async fn three_differences_of_many_are_named_and_no_others() {
    let (pair, id) = Pair::agreed().await;
    traffic(&pair, id, 500).await;
    lose(pair.b(), 0, 3).await;
    let (mut changed, _) = stored(pair.b(), 0, 300).await;
    changed.payload[20] ^= 1;
    put(pair.b(), 0, 300, &changed).await;
    lose(pair.a(), 1, 257).await;
    let report = compared(pair.a(), id, 0).await;
    let all = [(0, 3, "erased-there"), (0, 300, "damaged-there"), (1, 257, "erased-here")];
    assert_eq!(named(&report), all);
    assert!(!report.agree);
    // 500 places: the whole, sixteen parts of 256, of 16, of 1.
    assert_eq!(report.rounds, 4);
    assert!(report.requests < 24, "{}", report.requests);
    let alarms = pair.a().alarms().await;
    assert_eq!(alarms.len(), 3, "{alarms:?}");
    assert!(alarms.iter().all(|alarm| alarm.starts_with("reconcile: ")), "{alarms:?}");
    // The other city finds the same from its side.
    let report = compared(pair.b(), id, 0).await;
    let all = [(0, 3, "erased-here"), (0, 300, "damaged-here"), (1, 257, "erased-there")];
    assert_eq!(named(&report), all);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_log_holds_and_what_was_signed_twice_are_told_apart() {
    let (pair, id) = Pair::agreed().await;
    traffic(&pair, id, 20).await;
    // B's log never had these two: neither envelope nor leaf.
    for (lane, seq) in [(0_u8, 5_u64), (1, 6)] {
        let (_, index) = stored(pair.b(), lane, seq).await;
        lose(pair.b(), lane, seq).await;
        let sql = "UPDATE log_leaf SET data = $1 WHERE log = 'exchange' AND idx = $2";
        tamper(pair.b(), sql, vec![vec![0_u8; 168].into(), index.into()]).await;
    }
    // A has signed something else for place 9 and given it to B.
    let (sealed, _) = stored(pair.a(), 0, 9).await;
    let mut message: wire::Message = envelope::payload(&sealed).unwrap();
    message.msg_id = vec![7; 16];
    let signer = pair.a().node().house().keys.message();
    let other = keys::seal_envelope(&message, signer.as_ref()).await.unwrap();
    put(pair.b(), 0, 9, &other).await;
    let report = compared(pair.a(), id, 0).await;
    let all = [(0, 5, "not-logged-there"), (0, 9, "forked"), (1, 6, "not-logged-there")];
    assert_eq!(named(&report), all);
    let fork = &report.differences[1];
    assert_eq!(fork.ours, envelope::env_digest(&sealed).hex());
    assert_eq!(fork.theirs, envelope::env_digest(&other).hex());
    let sql = "SELECT COUNT(*) FROM evidence WHERE kind = 'forked' AND lane_seq = 9";
    assert_eq!(pair.a().count(sql, Vec::new()).await, 1);
    let report = compared(pair.b(), id, 0).await;
    // B's own leaf says what it had logged first, so it is B's row that is wrong.
    let all = [(0, 5, "not-logged-here"), (0, 9, "damaged-here"), (1, 6, "not-logged-here")];
    assert_eq!(named(&report), all);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_agrees_and_a_receipt_that_stays_away_is_lost() {
    let (pair, id) = Pair::agreed().await;
    traffic(&pair, id, 5).await;
    pair.a().cut(true);
    pair.a().announce(5..8).await.unwrap();
    let report = compared(pair.a(), id, 0).await;
    let on_its_way = [(0, 6, "in-flight"), (0, 7, "in-flight"), (0, 8, "in-flight")];
    assert!(report.agree);
    assert_eq!(named(&report), on_its_way);
    assert_eq!(pair.a().alarms().await, Vec::<String>::new());
    // B stores them; its receipt gets lost on both of its ways.
    pair.b().cut(true);
    pair.a().tap.deaf.store(true, std::sync::atomic::Ordering::SeqCst);
    pair.a().cut(false);
    pair.clock.move_on(60_000);
    // A statement is about what is signed, a moment after it is stored.
    eventually("B holds them", async || {
        let sql = "SELECT COUNT(*) FROM log_leaf WHERE log = 'exchange'";
        let stored = pair.b().count(sql, Vec::new()).await as u64;
        let signed = pair.b().node().hand().published().exchange.size;
        pair.b().lane(id, 0).await.len() == 8 && signed == stored
    })
    .await;
    let report = compared(pair.a(), id, 0).await;
    assert!(report.agree, "{report:?}");
    assert!(named(&report).iter().all(|(lane, _, class)| (*lane, *class) == (3, "in-flight")));
    assert!(!report.differences.is_empty());
    pair.clock.move_on(660_000);
    let report = compared(pair.a(), id, 0).await;
    assert!(!report.agree);
    assert!(named(&report).iter().all(|(lane, _, class)| (*lane, *class) == (3, "lost-receipt")));
    // The road mends it.
    pair.a().tap.deaf.store(false, std::sync::atomic::Ordering::SeqCst);
    pair.b().cut(false);
    pair.clock.move_on(3_600_000);
    eventually("the receipts", async || pair.a().waiting().await == 0).await;
    eventually("B knows", async || pair.b().waiting().await == 0).await;
    pair.clock.move_on(61_000);
    assert!(compared(pair.a(), id, 0).await.differences.is_empty());
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_compared_by_the_clocks_that_were_signed() {
    let (pair, id) = Pair::agreed().await;
    traffic(&pair, id, 300).await;
    let calendar = &pair.a().node().house().calendar();
    let month = calendar.day_of_unix_ms(pair.a().clock_ms()).number() / 100;
    pair.clock.move_on(40 * 86_400_000);
    pair.a().announce(300..303).await.unwrap();
    pair.settled(id).await;
    let later = calendar.day_of_unix_ms(pair.a().clock_ms()).number() / 100;
    assert!(later > month);
    lose(pair.b(), 0, 2).await;
    let first = compared(pair.a(), id, month).await;
    assert_eq!(named(&first), [(0, 2, "erased-there")]);
    assert_eq!((first.lanes[0].from, first.lanes[0].to), (1, 300));
    let second = compared(pair.a(), id, later).await;
    assert!(second.agree && second.differences.is_empty());
    // From the beginning of a block: a few of the month before are in it.
    assert_eq!((second.lanes[0].lane, second.lanes[0].from, second.lanes[0].to), (0, 257, 303));
    assert!(second.lanes.iter().all(|line| line.lane != 1), "B said nothing then");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_city_is_no_difference() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.cities[B].stop().await;
    assert!(matches!(try_compared(pair.a(), id, 0).await, Err(Failed::Unreachable(_))));
    let unknown = try_compared(pair.a(), AgreementId([1; 16]), 0).await;
    assert!(matches!(unknown, Err(Failed::Unknown)));
    let sql = "SELECT COUNT(*) FROM reconciled";
    assert_eq!(pair.a().count(sql, Vec::new()).await, 0);
    pair.cities[A].stop().await;
}

/// Section 9: what a peer may ask of lanes, and who may ask at all.
#[tokio::test(flavor = "multi_thread")]
async fn statements_have_limits() {
    let (mut pair, id) = Pair::agreed().await;
    traffic(&pair, id, 300).await;
    let mut asking = client(pair.a(), pair.b()).await.unwrap();
    let range = |lane, from, to| LaneRange { lane, from, to };
    let ask = |agreement: AgreementId, ranges: Vec<LaneRange>| StateRequest {
        agreement_id: agreement.to_vec(),
        ranges,
        leg_id: Vec::new(),
    };
    let given = asking.state(ask(id, vec![range(0, 1, 0); RANGES_MAX])).await.unwrap();
    assert_eq!(given.into_inner().statements.len(), RANGES_MAX);
    let leg = StateRequest { leg_id: vec![1; 16], ..ask(id, Vec::new()) };
    let both = StateRequest { leg_id: vec![1; 16], ..ask(id, vec![range(0, 1, 0)]) };
    for wrong in [
        ask(id, vec![range(0, 1, 0); RANGES_MAX + 1]),
        ask(id, Vec::new()),
        ask(id, vec![range(6, 1, 0)]),
        ask(id, vec![range(0, 0, 5)]),
        ask(id, vec![range(0, 5, 4)]),
        // Long, and not from the beginning of a block.
        ask(id, vec![range(0, 2, 300)]),
        ask(AgreementId([1; 16]), vec![range(0, 1, 0)]),
        leg,
        both,
    ] {
        let refused = asking.state(wrong.clone()).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::PermissionDenied, ""), "{wrong:?}");
    }
    // A peer of B's that is no party.
    let mut third = City::named(&pair.folder, "chengdu.sc", OFFICES[A][0], &pair.clock);
    third.start().await;
    pair.b().add_peer(&third).await;
    let mut stranger = client(&third, pair.b()).await.unwrap();
    let refused = stranger.state(ask(id, vec![range(0, 1, 0)])).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    third.stop().await;
    for city in &mut pair.cities {
        city.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_over_is_compared_by_the_nodes_themselves() {
    let (pair, id) = Pair::agreed().await;
    traffic(&pair, id, 3).await;
    let calendar = &pair.a().node().house().calendar();
    let month = calendar.day_of_unix_ms(pair.a().clock_ms()).number() / 100;
    pair.clock.move_on(31 * 86_400_000);
    for city in &pair.cities {
        let store = city.node().store();
        eventually("the report", async || {
            let mut conn = store.read().await.unwrap();
            checks::has_report(&mut conn, id, month).await.unwrap()
        })
        .await;
        let mut conn = store.read().await.unwrap();
        let reports = checks::reports(&mut conn, id, 9).await.unwrap();
        assert!(matches!(reports.as_slice(), [report] if report.agree), "{reports:?}");
    }
    pair.stop().await;
}
