//! Stolen keys: revoked by position, replaced, and what was on its way said again.

use crate::{announce, ask, holds};
use jieli_node::audit::act::AuditCommand;
use jieli_node::command::{Actor, Command};
use jieli_node::flags::Measured;
use jieli_node::keys::KeyName;
use jieli_node::letters::Letters;
use jieli_node::store::queue;
use jieli_proto::bundle::{exit_code, verify};
use jieli_proto::case::Stage;
use jieli_proto::id::Digest;
use jieli_proto::kinds::Lane;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, Revocation, RevocationReason, Service};
use jieli_tests::{AGREEMENT_DRAFT, TestPg, Town, Towns, eventually, good, people};
use std::time::Duration;

fn revoked(fpr: Digest, last_good: Vec<wire::LastGood>) -> Revocation {
    let reason = RevocationReason::Compromised.into();
    Revocation { fingerprint: fpr.to_vec(), last_good, reason }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_message_key_is_revoked_by_position_and_what_was_on_its_way_is_said_again() {
    said_again(Towns::new().await, false).await;
}

/// Neither the old letter nor the consent signed anew may get there before the manifest.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_overtakes_the_manifest_that_revokes_a_stolen_key() {
    said_again(Towns::new().await, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_postgres() {
    let (a, b) = (TestPg::create("keys_a").await.unwrap(), TestPg::create("keys_b").await.unwrap());
    said_again(Towns::with(a.database(), b.database(), AGREEMENT_DRAFT).await, false).await;
}

async fn said_again(towns: Towns, manifest_last: bool) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let before = towns.main_road().await;
    towns.settled().await;
    let stolen = kunming.key(KeyName::Message);
    let there = ruian.node().hand().published().exchange.size;
    // An OFFER that cannot get out, signed by the key that is about to go.
    kunming.tap.set_cut(true);
    let case = kunming.import(vec![people::home(72)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.leg_for(&case, Service::Housing).await;
    eventually("the OFFER is made", async || kunming.stage(leg).await == Some(Stage::Offered))
        .await;
    let offers = kunming.lane(towns.agreement, 0).await.len();
    let add = vec![kunming.make_key(KeyName::Message)];
    let last_good = vec![good(&ruian.id().exchange_origin(1), there - 1)];
    let manifest = kunming.next_manifest(add, vec![revoked(stolen, last_good)]);
    kunming.install(manifest).await.unwrap();
    assert_ne!(kunming.key(KeyName::Message), stolen);
    kunming.tap.hold_acts(manifest_last);
    kunming.tap.set_cut(false);
    towns.clock.move_on(3_600_000);
    if manifest_last {
        for _ in 0..20 {
            towns.clock.move_on(60_000);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(kunming.item(towns.agreement, 0, offers as u64).await.is_none());
        kunming.tap.hold_acts(false);
        towns.clock.move_on(3_600_000);
    }
    kunming.is_held_by(&ruian.id()).await;
    // It was refused there, and comes again under the new key, with a consent signed anew; what was
    // said before Ruian held the new key waits for its next try.
    let again = async || {
        towns.clock.move_on(5_000);
        ruian.stage(leg).await == Some(Stage::Offered)
    };
    towns.come_to("the OFFER under the new key", again).await;
    towns.settled().await;
    // The question for places before it too.
    let mut refused = 0;
    for seq in 1..=offers as u64 {
        let item = kunming.item(towns.agreement, 0, seq).await.unwrap();
        refused += usize::from(item.code == Refusal::KeyRevoked.number());
    }
    assert!(refused >= 1);
    assert_eq!(kunming.lane(towns.agreement, 0).await.len(), offers + refused);
    let open = "SELECT COUNT(*) FROM say_again WHERE again_seq <= 0";
    assert_eq!(kunming.count(open).await, 0);
    towns.ruian_accepts(leg).await;
    kunming.reaches(leg, Stage::Released).await;
    ruian.reaches(leg, Stage::Released).await;
    towns.ruian_reports(leg).await;
    kunming.reaches(leg, Stage::Fulfilled).await;
    towns.settled().await;
    for case in [&before, &case] {
        holds(&towns, case).await;
    }
    for town in [kunming, ruian] {
        assert!(town.disputed().await.is_empty());
    }
    assert_eq!(kunming.alarms().await, Vec::<String>::new());
    assert_eq!(ruian.alarms().await, ["key-revoked"]);
    let none = "SELECT COUNT(*) FROM alarm WHERE detail LIKE '%COMPROMISED: 0 disputed'";
    assert_eq!(ruian.count(none).await, 1);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_past_the_last_good_place_is_disputed_and_keeps_its_effect() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = towns.main_road().await;
    towns.settled().await;
    let stolen = kunming.key(KeyName::Message);
    let leg = kunming.legs(&case).await[0].id;
    let before = ruian.view(leg).await;
    assert!(before.messages.iter().all(|line| !line.disputed));
    // The first record of the case in Ruian's log is the last that surely is Kunming's.
    let sql = "SELECT MIN(e.leaf_idx) FROM envelope e JOIN message m ON \
               m.agreement_id = e.agreement_id AND m.lane = e.lane AND m.lane_seq = e.lane_seq";
    let last = ruian.count(sql).await as u64;
    let add = vec![kunming.make_key(KeyName::Message)];
    let last_good = vec![good(&ruian.id().exchange_origin(1), last)];
    let manifest = kunming.next_manifest(add, vec![revoked(stolen, last_good)]);
    kunming.install(manifest).await.unwrap();
    kunming.is_held_by(&ruian.id()).await;
    // Both cities list the same messages and acts; who received them also the receipts.
    let key = |line: &wire::DisputedLine| (line.lane, line.lane_seq, line.index);
    let letters = |lines: &[wire::DisputedLine]| -> Vec<(u32, u64, u64)> {
        lines.iter().filter(|line| line.lane != 2).map(key).collect()
    };
    let (ours, theirs) = (kunming.disputed().await, ruian.disputed().await);
    assert!(ours.len() > 3, "{ours:?}");
    assert_eq!(letters(&ours), letters(&theirs));
    assert!(theirs.len() > ours.len());
    assert!(theirs.iter().all(|line| line.fpr == stolen.hex() && line.index > last));
    assert!(ours.iter().filter(|line| line.lane == 0).all(|line| line.case_number == case));
    // What they did stays done, and the desk sees which they are.
    let after = ruian.view(leg).await;
    assert_eq!(after.line.as_ref().unwrap().stage, before.line.as_ref().unwrap().stage);
    let from_kunming = after.messages.iter().filter(|line| line.from == kunming.id().as_str());
    assert!(from_kunming.filter(|line| line.disputed).count() > 0);
    assert!(
        after.messages.iter().filter(|line| line.from == ruian.id().as_str()).all(|l| !l.disputed)
    );
    // A stranger is told so too.
    let roots = [kunming.public.root_fpr(), ruian.public.root_fpr()];
    let verdicts = verify(&kunming.export(&case, false).await, &roots);
    assert_eq!(exit_code(&verdicts), 1);
    let codes: Vec<_> =
        verdicts.unwrap().failures.iter().map(|failure| failure.code.name()).collect();
    assert!(codes.contains(&"KEY_REVOKED"), "{codes:?}");
    assert_eq!(ruian.alarms().await, ["key-revoked"]);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_tls_key_is_shut_out_and_letters_go_on() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    towns.settled().await;
    let stolen = kunming.key(KeyName::Tls);
    let add = vec![kunming.make_key(KeyName::Tls)];
    let manifest = kunming.next_manifest(add, vec![revoked(stolen, Vec::new())]);
    kunming.install(manifest).await.unwrap();
    // Over the old key, the only one that Ruian takes, it hears of the new.
    kunming.is_held_by(&ruian.id()).await;
    let published = ruian.node().hand().published();
    let pinned = published.directory.peers[&kunming.id()].tls_keys();
    assert_eq!(pinned, [kunming.key(KeyName::Tls)]);
    for number in 0..5 {
        announce(ruian, number).await;
        ask(kunming).await;
        towns.clock.move_on(60_000);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    towns.clock.move_on(3_600_000);
    towns.settled().await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_log_key_counts_up_to_a_size_and_heads_go_on() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let before = towns.main_road().await;
    towns.settled().await;
    let stolen = kunming.key(KeyName::Log);
    let size = kunming.node().hand().published().exchange.size;
    let add = vec![kunming.make_key(KeyName::Log)];
    let last_good = vec![good(&kunming.id().exchange_origin(1), size)];
    let manifest = kunming.next_manifest(add, vec![revoked(stolen, last_good)]);
    kunming.install(manifest).await.unwrap();
    kunming.is_held_by(&ruian.id()).await;
    let peer = ruian.node().hand().published().directory.peers[&kunming.id()].clone();
    let origin = kunming.id().exchange_origin(1);
    assert_eq!(peer.log_keys_at(&origin, size).len(), 2);
    assert_eq!(peer.log_keys_at(&origin, size + 1).len(), 1, "a head of the thief is none");
    announce(ruian, 1).await;
    towns.settled().await;
    // Heads of before, signed by the old key, are in the proofs and count.
    holds(&towns, &before).await;
    towns.stop().await;
}

/// A receipt given under a key that is revoked before the other city has it is given again.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_was_on_its_way_is_given_again() {
    let towns = Towns::new().await;
    towns.settled().await;
    let stolen = towns.kunming.key(KeyName::Message);
    // A letter of Ruian is stored in Kunming, and the answer does not get back.
    towns.kunming.tap.set_cut(true);
    towns.ruian.tap.set_cut(true);
    announce(&towns.ruian, 1).await;
    let lane = Lane::from_number(1).unwrap();
    let lane_seq = towns.ruian.lane(towns.agreement, 1).await.len() as u64;
    let place = queue::Place { agreement_id: towns.agreement, lane, lane_seq };
    let node = towns.ruian.node();
    let letters = Letters::new(node.store(), node.house().clone());
    let letter = letters.write(&node.hand().published(), &[place]).await.unwrap().remove(0);
    let command = Command::Receive(towns.ruian.id(), Box::new(letter));
    towns.kunming.node().hand().perform(command).await.unwrap();
    let waits = "SELECT COUNT(*) FROM outbox WHERE lane = 2";
    assert_eq!(towns.kunming.count(waits).await, 1);
    let receipts = towns.kunming.lane(towns.agreement, 2).await.len();
    let add = vec![towns.kunming.make_key(KeyName::Message)];
    let last_good = vec![good(&towns.ruian.id().exchange_origin(1), 1_000)];
    let manifest = towns.kunming.next_manifest(add, vec![revoked(stolen, last_good)]);
    towns.kunming.install(manifest).await.unwrap();
    towns.kunming.tap.set_cut(false);
    towns.ruian.tap.set_cut(false);
    towns.clock.move_on(3_600_000);
    towns.kunming.is_held_by(&towns.ruian.id()).await;
    towns.settled().await;
    assert!(towns.kunming.lane(towns.agreement, 2).await.len() > receipts);
    let open = "SELECT COUNT(*) FROM envelope e WHERE e.lane = 1 AND NOT EXISTS (SELECT 1 FROM \
                receipt_item r WHERE r.agreement_id = e.agreement_id AND r.lane = e.lane \
                AND r.lane_seq = e.lane_seq)";
    assert_eq!(towns.ruian.count(open).await, 0);
    towns.stop().await;
}

/// Whatever ends is told of 30, 7 and 1 days before, and once each.
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_is_told_once_per_threshold() {
    const DAY_MS: u64 = 86_400_000;
    let draft = AGREEMENT_DRAFT.replace("2029-10-31", "2027-01-15");
    let towns = Towns::with(jieli_tests::sqlite(), jieli_tests::sqlite(), &draft).await;
    let kunming = &towns.kunming;
    assert!(kunming.ends().await.is_empty());
    let raised = "SELECT COUNT(*) FROM alarm WHERE kind LIKE 'expires-%'";
    let mut told = 0;
    // From 2026-11-23: 53 days before the end.
    for (days, left, alarms) in
        [(24, 29, 1), (1, 28, 1), (21, 7, 2), (1, 6, 2), (5, 1, 3), (1, 0, 3)]
    {
        towns.clock.move_on(days * DAY_MS);
        told += days;
        eventually("the alarm", async || kunming.count(raised).await == alarms).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(kunming.count(raised).await, alarms, "after {told} days");
        let ends = kunming.ends().await;
        let found = ends.iter().find(|end| end.what == "agreement").unwrap();
        assert_eq!(found.days_left, left, "{ends:?}");
        assert_eq!(ends.len(), 1, "the certificate is renewed by itself: {ends:?}");
    }
    towns.stop().await;
}

/// A flag, and the answer to one, whose key is revoked before the other city has them.
#[tokio::test(flavor = "multi_thread")]
async fn a_flag_on_its_way_is_raised_again_and_answered_under_the_new_key() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    towns.settled().await;
    let there = ruian.node().hand().published().exchange.size;
    kunming.tap.set_cut(true);
    let raised = Measured {
        agreement: towns.agreement,
        kind: wire::RiskFlagKind::OnePhone,
        month: 202_611,
        counted: 9,
        out_of: 0,
        raised: true,
    };
    kunming.node().hand().perform(Command::Measured(vec![raised])).await.unwrap();
    let stolen = kunming.key(KeyName::Message);
    let add = vec![kunming.make_key(KeyName::Message)];
    let last_good = vec![good(&ruian.id().exchange_origin(1), there - 1)];
    let manifest = kunming.next_manifest(add, vec![revoked(stolen, last_good)]);
    kunming.install(manifest).await.unwrap();
    kunming.tap.set_cut(false);
    towns.clock.move_on(3_600_000);
    let flag = async |town: &Town| {
        let mut conn = town.node().store().read().await.unwrap();
        let sql = "SELECT flag_digest, answered_ms FROM risk_flag";
        let row = conn.maybe(sql, Vec::new()).await.unwrap();
        row.map(|row| (hex::encode(row.bytes(0).unwrap()), row.int(1).unwrap() > 0))
    };
    let same = async || {
        towns.clock.move_on(5_000);
        let there = flag(ruian).await;
        there.is_some() && there == flag(kunming).await
    };
    towns.come_to("the flag under the new key, one and the same in both", same).await;
    let flag_id = flag(ruian).await.unwrap().0;
    let actor = Actor { office: String::new(), token: "compliance".to_owned() };
    let asked = wire::AnswerFlagRequest { flag_id, answer: 1 };
    let command = Command::Audit(actor, AuditCommand::AnswerFlag(asked));
    ruian.node().hand().perform(command).await.unwrap();
    towns.come_to("the answer", async || flag(kunming).await.unwrap().1).await;
    towns.stop().await;
}
