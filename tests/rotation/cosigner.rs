//! A cosigner key changes, and a stolen one counts no longer.

use crate::{ask, holds, roll};
use jieli_node::command::Command;
use jieli_node::keys::{KeyName, KeyRing};
use jieli_node::store::Val;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::note::{KeyKind, Note, VKey};
use jieli_proto::wire::{LastGood, Revocation, RevocationReason};
use jieli_tests::{Town, Towns, eventually, good};

const OLD: &str = "jieli.ruian.zj/cosigner/1";
const NEW: &str = "jieli.ruian.zj/cosigner/2";

/// Heads of its own exchange log that a cosigner has cosigned, as a city holds it.
async fn by(town: &Town, cosigner: &str) -> i64 {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM cosignature WHERE cosigner = $1 \
               AND origin = $2";
    let vals: Vec<Val> = vec![cosigner.into(), town.id().exchange_origin(1).into()];
    let mut conn = town.node().store().read().await.unwrap();
    conn.one(sql, vals).await.unwrap().int(0).unwrap()
}

/// Waits until the newest own head is cosigned by a key.
async fn newest_is_by(town: &Town, cosigner: &str) {
    eventually(cosigner, async || {
        let published = town.node().hand().published();
        published.cosigned.as_ref().is_some_and(|seen| {
            seen.size == published.exchange.size && seen.note.contains(cosigner)
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_cosigner_key_keeps_what_it_cosigned_and_the_next_number_goes_on() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = towns.main_road().await;
    towns.settled().await;
    newest_is_by(kunming, OLD).await;
    let before = by(kunming, OLD).await;
    roll(ruian, kunming, KeyName::Cosigner).await;
    ask(kunming).await;
    newest_is_by(kunming, NEW).await;
    assert!(by(kunming, OLD).await >= before, "what it cosigned up to its end still counts");
    assert_eq!(kunming.alarms().await, Vec::<String>::new());
    holds(&towns, &case).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_cosigner_key_counts_no_longer() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    ask(kunming).await;
    towns.settled().await;
    newest_is_by(kunming, OLD).await;
    let signer = KeyRing::load(&ruian.dir, &ruian.id(), None).unwrap().cosigner();
    let origin = kunming.id().exchange_origin(1);
    let sql = "SELECT MIN(size) FROM cosignature WHERE cosigner = 'jieli.ruian.zj/cosigner/1' \
               AND origin = 'jieli.kunming.yn/log/1'";
    let first = kunming.count(sql).await as u64;
    // The announcement is written when it is sent: what is waited for is the longer log.
    ask(kunming).await;
    eventually("a longer log", async || kunming.node().hand().published().exchange.size > first)
        .await;
    newest_is_by(kunming, OLD).await;
    assert!(by(kunming, OLD).await > 1, "two heads are cosigned");
    // Its first cosignature surely is Ruian's; then none is.
    let mut stolen = ruian.key(KeyName::Cosigner);
    for (last, kept, next) in [(vec![good(&origin, first)], 1, NEW), (Vec::new(), 0, "/3")] {
        revoke(ruian, stolen, last).await;
        ruian.is_held_by(&kunming.id()).await;
        ask(kunming).await;
        newest_is_by(kunming, next).await;
        let name = if next == NEW { OLD } else { NEW };
        assert_eq!(by(kunming, name).await, kept, "{name}");
        stolen = ruian.key(KeyName::Cosigner);
    }
    // What the thief signs now is as if it were not there.
    let published = kunming.node().hand().published();
    let note = Note::parse(published.checkpoint.as_bytes()).unwrap();
    let text = Checkpoint::parse(note.text()).unwrap().text();
    let key = VKey::new(OLD, KeyKind::CosignatureV1, signer.public()).unwrap();
    let sig = signer.sign(&key.message(&text, 1_800_000_000)).await.unwrap();
    let line = key.line(1_800_000_000, &sig).to_string();
    let got = Command::CosignatureGot(ruian.id(), published.checkpoint.clone(), line);
    kunming.node().hand().perform(got).await.unwrap();
    assert_eq!(by(kunming, OLD).await, 1);
    assert!(!kunming.alarms().await.contains(&"bad-cosignature".to_owned()));
    towns.stop().await;
}

/// Revokes a key as stolen, with another one in its place.
async fn revoke(town: &Town, fpr: jieli_proto::id::Digest, last_good: Vec<LastGood>) {
    let reason = RevocationReason::Compromised.into();
    let gone = Revocation { fingerprint: fpr.to_vec(), last_good, reason };
    let add = vec![town.make_key(KeyName::Cosigner)];
    town.install(town.next_manifest(add, vec![gone])).await.unwrap();
}
