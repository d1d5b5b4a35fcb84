//! Random histories, run on both databases: the same answers, and at the end the same tables.

use crate::support::{EXCHANGE, LOCAL, Scratch, head, results_of, vals};
use jieli_node::store::log::{self, Edge, Log};
use jieli_node::store::queue::{self, Place, Timer};
use jieli_node::store::{AssertSqlSafe, Conn, StoreError, Tx, Val, Writer};
use jieli_proto::id::{AgreementId, CityId};
use jieli_proto::kinds::Lane;
use jieli_proto::tree::{self, leaf_hash};
use proptest::prelude::*;
use std::collections::BTreeMap;

const SCHEMA: &str = concat!(
    include_str!("../../src/store/schema/sqlite/0001_road.sql"),
    include_str!("../../src/store/schema/sqlite/0002_partners.sql"),
    include_str!("../../src/store/schema/sqlite/0003_window.sql"),
    include_str!("../../src/store/schema/sqlite/0004_capacity.sql"),
    include_str!("../../src/store/schema/sqlite/0005_desk.sql"),
    include_str!("../../src/store/schema/sqlite/0006_paper.sql"),
    include_str!("../../src/store/schema/sqlite/0007_notices.sql"),
    include_str!("../../src/store/schema/sqlite/0008_witness.sql"),
    include_str!("../../src/store/schema/sqlite/0009_recovery.sql"),
    include_str!("../../src/store/schema/sqlite/0010_keys.sql"),
    include_str!("../../src/store/schema/sqlite/0011_erasure.sql"),
    include_str!("../../src/store/schema/sqlite/0012_access.sql"),
    include_str!("../../src/store/schema/sqlite/0013_reconcile.sql"),
    include_str!("../../src/store/schema/sqlite/0014_local.sql"),
    include_str!("../../src/store/schema/sqlite/0015_sides.sql"),
    include_str!("../../src/store/schema/sqlite/0016_lookup.sql"),
    include_str!("../../src/store/schema/sqlite/0017_cosign.sql"),
    include_str!("../../src/store/schema/sqlite/0018_self_audit.sql"),
    include_str!("../../src/store/schema/sqlite/0019_grievance.sql"),
    include_str!("../../src/store/schema/sqlite/0020_call_back.sql"),
    include_str!("../../src/store/schema/sqlite/0022_overrides.sql"),
    include_str!("../../src/store/schema/sqlite/0023_packs.sql"),
    include_str!("../../src/store/schema/sqlite/0024_agreements.sql"),
    include_str!("../../src/store/schema/sqlite/0025_desk_acts.sql"),
    include_str!("../../src/store/schema/sqlite/0026_flags.sql"),
    include_str!("../../src/store/schema/sqlite/0028_queue.sql"),
    include_str!("../../src/store/schema/sqlite/0032_hand_over.sql"),
    include_str!("../../src/store/schema/sqlite/0033_stand_in.sql"),
    include_str!("../../src/store/schema/sqlite/0034_systems.sql"),
    include_str!("../../src/store/schema/sqlite/0035_leg_helper.sql"),
    include_str!("../../src/store/schema/sqlite/0039_vacancy_office.sql"),
    include_str!("../../src/store/schema/sqlite/0044_webhooks.sql"),
    include_str!("../../src/store/schema/sqlite/0049_proxy.sql"),
    include_str!("../../src/store/schema/sqlite/0050_cover.sql"),
    include_str!("../../src/store/schema/sqlite/0051_employer.sql"),
);

#[derive(Clone, Debug)]
enum Op {
    Leaves(u8),
    LocalLeaf,
    Timers(Vec<u8>),
    ClearTimer(u8),
    TimersDue(u8),
    Letters(Vec<(u8, u8)>),
    Due(u8, u8),
    PutOffFirst(u8, u64),
    Hurry(u8),
    Done(u8, u8),
    Contact(u8),
    Trouble(u8),
}

#[derive(Clone, Debug)]
enum End {
    Commit,
    Rollback,
    /// The process stops before COMMIT is sent.
    Crash,
    /// COMMIT arrives, its answer does not.
    Lost,
}

#[derive(Clone, Debug)]
struct Batch {
    claims: bool,
    ops: Vec<Op>,
    end: End,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (0..120u8).prop_map(Op::Leaves),
        1 => Just(Op::LocalLeaf),
        2 => prop::collection::vec(0..40u8, 0..5).prop_map(Op::Timers),
        1 => (0..40u8).prop_map(Op::ClearTimer),
        1 => any::<u8>().prop_map(Op::TimersDue),
        3 => prop::collection::vec((0..6u8, 0..40u8), 0..6).prop_map(Op::Letters),
        2 => (0..3u8, 1..5u8).prop_map(|(peer, limit)| Op::Due(peer, limit)),
        2 => (0..6u8, any::<u64>()).prop_map(|(nth, random)| Op::PutOffFirst(nth, random)),
        1 => (0..3u8).prop_map(Op::Hurry),
        2 => (0..6u8, 0..40u8).prop_map(|(lane, seq)| Op::Done(lane, seq)),
        1 => (0..3u8).prop_map(Op::Contact),
        1 => (0..3u8).prop_map(Op::Trouble),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    let end = prop_oneof![
        5 => Just(End::Commit),
        1 => Just(End::Rollback),
        1 => Just(End::Crash),
        1 => Just(End::Lost),
    ];
    (prop::bool::weighted(0.8), prop::collection::vec(op(), 0..6), end)
        .prop_map(|(claims, ops, end)| Batch { claims, ops, end })
}

/// Two agreements with each peer, three lanes used in each.
fn place(lane: u8, seq: u8) -> (Place, CityId) {
    let number = Lane::from_number(u32::from(lane % 3) * 2).unwrap();
    let agreement_id = AgreementId([lane / 3; 16]);
    (Place { agreement_id, lane: number, lane_seq: u64::from(seq) }, peer(lane / 3))
}

fn peer(number: u8) -> CityId {
    CityId::parse(["city-b", "city.c", "city0"][usize::from(number)]).unwrap()
}

async fn perform(
    tx: &mut Tx<'_>,
    edge: &mut Edge,
    op: &Op,
    now: u64,
) -> Result<String, StoreError> {
    let told = match op {
        Op::Leaves(count) => {
            let from = edge.size();
            for index in from..from + u64::from(*count) {
                edge.push([index.to_be_bytes(), now.to_be_bytes()].concat())?;
            }
            edge.write(tx).await?;
            format!("{}", edge.size())
        }
        Op::LocalLeaf => {
            let old = log::head(tx, Log::Local).await?.unwrap();
            let mut local = Edge::load(tx, &old).await?;
            let index = local.push(now.to_be_bytes().to_vec())?;
            local.write(tx).await?;
            log::store_head(tx, &old, &local.head(old.generation)).await?;
            format!("{index}")
        }
        Op::Timers(ids) => {
            let timer = |id: &u8| {
                let due_ms = now / 2 + u64::from(*id);
                Timer { timer_id: [*id; 16], due_ms, kind: "k".into(), subject: vec![*id] }
            };
            format!("{:?}", queue::set_timers(tx, ids.iter().map(timer).collect()).await?)
        }
        Op::ClearTimer(id) => format!("{:?}", queue::clear_timer(tx, &[*id; 16]).await?),
        Op::TimersDue(at) => {
            let due = queue::timers_due(tx, u64::from(*at), 5).await?;
            format!("{due:?} {:?}", queue::next_timer_ms(tx, 0).await?)
        }
        Op::Letters(letters) => {
            let letters: Vec<_> = letters.iter().map(|(lane, seq)| place(*lane, *seq)).collect();
            format!("{:?}", queue::insert(tx, &letters, now).await?)
        }
        Op::Due(at, limit) => {
            let due = queue::due(tx, &peer(*at), now, u32::from(*limit)).await?;
            format!("{due:?}")
        }
        Op::PutOffFirst(nth, random) => {
            let heads = queue::heads(tx).await?;
            match heads.get(usize::from(*nth)) {
                Some(head) => format!("{:?}", queue::put_off(tx, head, now, *random, "p").await?),
                None => format!("{heads:?}"),
            }
        }
        Op::Hurry(at) => format!("{:?}", queue::hurry(tx, &peer(*at), now).await?),
        Op::Done(lane, seq) => {
            let done = [place(*lane, *seq).0, place(*lane, seq + 1).0, place(1, *seq).0];
            format!("{:?} {:?}", queue::done(tx, &done).await?, queue::backlogs(tx).await?)
        }
        Op::Contact(at) => format!("{:?}", queue::contact(tx, &peer(*at), now).await?),
        Op::Trouble(at) => {
            queue::trouble(tx, &peer(*at), "no answer").await?;
            format!("{:?}", queue::contacts(tx).await?)
        }
    };
    Ok(told)
}

/// Runs one batch; tells what happened.
async fn run(writer: &mut Writer, batch: &Batch, at: u8) -> Vec<String> {
    let store = writer.store().clone();
    let now = u64::from(at) * 7_000;
    let mut told = Vec::new();
    let mut tx = writer.begin().await.unwrap();
    let claim = match batch.claims {
        true => Some(log::claim(&mut tx, &[at; 16]).await.unwrap()),
        false => None,
    };
    let old = head(&mut tx).await;
    let mut edge = Edge::load(&mut tx, &old).await.unwrap();
    for op in &batch.ops {
        match perform(&mut tx, &mut edge, op, now).await {
            Ok(line) => told.push(line),
            Err(error) => {
                // Broken: whatever the batch wanted, it is rolled back.
                let is_rolled_back = tx.commit().await.is_err();
                told.push(format!("{:?} {is_rolled_back}", error.fault()));
                return told;
            }
        }
    }
    log::store_head(&mut tx, &old, &edge.head(old.generation)).await.unwrap();
    match batch.end {
        End::Commit => tx.commit().await.unwrap(),
        End::Rollback => tx.rollback().await.unwrap(),
        End::Crash => drop(tx),
        End::Lost => {
            tx.run("COMMIT", vec![]).await.unwrap();
            drop(tx);
        }
    }
    if let Some(claim) = claim {
        let is_committed = log::was_committed(&store, &claim).await.unwrap();
        assert_eq!(is_committed, matches!(batch.end, End::Commit | End::Lost));
    }
    told
}

type Dump = BTreeMap<String, Vec<Vec<Val>>>;

/// All rows of all tables, sorted here.
/// Tables and their columns, as the steps leave them.
fn tables() -> BTreeMap<String, Vec<String>> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // Comments go first: a semicolon in one ends no statement.
    let lines = SCHEMA.lines().filter(|line| !line.trim_start().starts_with("--"));
    let bare = lines.collect::<Vec<_>>().join("\n");
    for text in bare.split(';') {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["CREATE", "TABLE", name, ..] => {
                let columns = text.lines().filter(|line| line.starts_with("    "));
                let first = columns.map(|line| line.trim_start().split(' ').next().unwrap());
                let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
                tables
                    .insert((*name).to_owned(), first.filter(is_name).map(str::to_owned).collect());
            }
            ["DROP", "TABLE", name] => drop(tables.remove(*name).unwrap()),
            ["ALTER", "TABLE", old, "RENAME", "TO", new] => {
                let columns = tables.remove(*old).unwrap();
                tables.insert((*new).to_owned(), columns);
            }
            ["ALTER", "TABLE", name, "DROP", "COLUMN", column] => {
                tables.get_mut(*name).unwrap().retain(|known| known != column);
            }
            ["ALTER", "TABLE", name, "ADD", "COLUMN", column, ..] => {
                tables.get_mut(*name).unwrap().push((*column).to_owned());
            }
            ["ALTER", ..] => panic!("{text}"),
            _ => {}
        }
    }
    tables
}

async fn dump(conn: &mut Conn) -> Dump {
    let mut dump = Dump::new();
    for (name, columns) in tables() {
        let sql = format!("SELECT {} FROM {name}", columns.join(", "));
        let rows = conn.rows(AssertSqlSafe(sql), vec![]).await.unwrap();
        let mut rows: Vec<Vec<Val>> = rows.iter().map(|row| vals(row, columns.len())).collect();
        rows.sort();
        dump.insert(name, rows);
    }
    dump
}

async fn history(scratch: &Scratch, batches: &[Batch]) -> (Vec<Vec<String>>, Dump) {
    let store = scratch.house().await;
    let mut writer = store.writer();
    let mut told = Vec::new();
    for (batch, at) in batches.iter().zip(1u8..) {
        told.push(run(&mut writer, batch, at).await);
    }
    drop(writer);
    let mut conn = store.read().await.unwrap();
    for id in [EXCHANGE, LOCAL] {
        let head = log::head(&mut conn, id.log).await.unwrap().unwrap();
        let leaves = log::leaves(&mut conn, id, 0, u64::MAX).await.unwrap();
        let hashes: Vec<_> = leaves.iter().map(|leaf| leaf_hash(&leaf.data)).collect();
        assert_eq!((head.size, head.root), (hashes.len() as u64, tree::root(&hashes)));
        assert_eq!(log::recompute(&mut conn, &head, head.size).await.unwrap(), head.root);
        let middle = head.size / 2;
        let root = log::root_at(&mut conn, id, middle).await.unwrap();
        assert_eq!(root, tree::root(&hashes[..middle as usize]));
    }
    let dump = dump(&mut conn).await;
    drop(conn);
    store.close().await;
    (told, dump)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn both_databases_tell_the_same(batches in prop::collection::vec(batch(), 1..14)) {
        let mut results = results_of(async |scratch| history(scratch, &batches).await);
        while let [(told, dump), (other_told, other_dump), ..] = results.as_slice() {
            prop_assert_eq!(told, other_told);
            prop_assert_eq!(dump.len(), 118);
            for (table, rows) in dump {
                prop_assert!(other_dump.get(table) == Some(rows), "table {} differs", table);
            }
            results.pop();
        }
    }
}
