//! What an operator does against the ordinary course needs a second person; what a thief would gain
//! time by does not wait, and is there to be read.

use crate::desk::Doors;
use jieli_node::keys::{KeyName, KeyRing, Signer as _};
use jieli_node::serve::CODE_KEY;
use jieli_node::serve::desk::DeskDoor;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::wire::audit_server::Audit;
use jieli_proto::wire::desk_server::Desk;
use jieli_proto::wire::{self, Revocation, RevocationReason};
use jieli_tests::{HOUR_MS, TestPg, Town, Towns, eventually, good};
use std::fs;
use std::path::Path;
use tonic::Status;

fn code(status: &Status) -> String {
    let word = status.metadata().get(CODE_KEY);
    word.map_or(String::new(), |word| word.to_str().unwrap().to_owned())
}

/// What compliance reads of it: kind, who asked, who approved, whether it was done.
async fn overridden(towns: &Towns, town: &Town) -> Vec<(String, String, bool, bool)> {
    let doors = Doors::of(town);
    let agreement_id = towns.agreement.hex();
    let ask = wire::AuditReportRequest { agreement_id, from: 20_261_101, to: 20_261_231 };
    let report = doors.audit.report(doors.ask("compliance", ask)).await.unwrap().into_inner();
    let line = |one: wire::AuditOverride| {
        (one.kind, one.token, !one.approver_post.is_empty(), one.done_unix_ms > 0)
    };
    report.overrides.into_iter().map(line).collect()
}

fn said(kind: &str, token: &str, approved: bool, done: bool) -> (String, String, bool, bool) {
    (kind.to_owned(), token.to_owned(), approved, done)
}

/// How often the local log says this.
async fn recorded(town: &Town, what: &str) -> usize {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT data FROM log_leaf WHERE log = 'local'";
    let rows = conn.rows(sql, Vec::new()).await.unwrap();
    let says = |bytes: Vec<u8>| bytes.windows(what.len()).any(|part| part == what.as_bytes());
    rows.iter().filter(|row| says(row.bytes(0).unwrap())).count()
}

async fn may_not(doors: &Doors, token: &str, id: &str) -> String {
    let request = doors.ask(token, wire::SecondRef { id: id.to_owned() });
    code(&DeskDoor::carry_out(&doors.desk, request).await.unwrap_err())
}

async fn keys_change_with_two_people(towns: Towns) {
    let town = &towns.kunming;
    let doors = Doors::of(town);
    let before = town.manifest().version;
    let next = town.next_manifest(vec![town.make_key(KeyName::Message)], Vec::new());
    let waits = town.ask_install(next.clone()).await.unwrap().waits.unwrap();
    assert_eq!(waits.kind, "keys");
    let named = envelope::env_digest(&next).hex();
    assert!(waits.shown.contains(&named), "{}", waits.shown);
    // The same once more is the same request; nothing is in force.
    assert_eq!(town.ask_install(next.clone()).await.unwrap().waits.unwrap().id, waits.id);
    assert_eq!(town.manifest().version, before);
    assert_eq!(code(&town.carry_out(&waits.id).await.unwrap_err()), "NOT_APPROVED");
    let wrong = wire::SecondView { shown_digest: "0".repeat(64), ..waits.clone() };
    assert_eq!(code(&town.approve_second(&wrong).await.unwrap_err()), "NOT_WHAT_WAS_SHOWN");
    let own = wire::ApproveSecondRequest {
        id: waits.id.clone(),
        shown_digest: waits.shown_digest.clone(),
    };
    let own = doors.desk.approve_second(doors.ask("operator", own)).await.unwrap_err();
    assert_eq!(code(&own), "NOT_FOR_ROLE");
    town.approve_second(&waits).await.unwrap();
    assert_eq!(town.manifest().version, before, "an approval changes nothing by itself");
    for (token, why) in [("clerk", "NOT_FOR_ROLE"), ("approver", "NOT_FOR_ROLE")] {
        assert_eq!(may_not(&doors, token, &waits.id).await, why);
    }
    let keys = town.carry_out(&waits.id).await.unwrap().keys.unwrap();
    assert_eq!(keys.version, before + 1);
    assert_eq!(code(&town.carry_out(&waits.id).await.unwrap_err()), "NOT_FOUND", "once");
    assert_eq!(overridden(&towns, town).await, [said("keys", "operator", true, true)]);
    for what in ["second eyes asked", "second eyes approved", "second eyes used"] {
        assert_eq!(recorded(town, what).await, 1, "{what}");
    }
    // What was approved is what is done: another manifest came first.
    let late = town.next_manifest(vec![town.make_key(KeyName::Log)], Vec::new());
    let late = town.ask_install(late).await.unwrap().waits.unwrap();
    town.approve_second(&late).await.unwrap();
    town.is_held_by(&towns.ruian.id()).await;
    town.rotate(KeyName::Tls).await;
    assert_eq!(code(&town.carry_out(&late.id).await.unwrap_err()), "BAD_MANIFEST");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_when_another_post_approved_what_was_shown() {
    keys_change_with_two_people(Towns::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_postgres() {
    let a = TestPg::create("overrides_a").await.unwrap();
    let b = TestPg::create("overrides_b").await.unwrap();
    let draft = jieli_tests::AGREEMENT_DRAFT;
    keys_change_with_two_people(Towns::with(a.database(), b.database(), draft).await).await;
}

/// The operator who also holds an approver's token is one person.
#[tokio::test(flavor = "multi_thread")]
async fn one_person_with_two_tokens_is_one_pair_of_eyes() {
    let mut towns = Towns::new().await;
    towns.kunming.stop().await;
    let file = towns.kunming.dir.join("jieli.toml");
    let text = fs::read_to_string(&file).unwrap();
    let both = text
        .replace("role = \"operator\"", "role = \"operator\"\nofficer = \"0077\"")
        .replacen("role = \"approver\"", "role = \"approver\"\nofficer = \"0077\"", 1);
    assert_eq!(both.matches("0077").count(), 2, "{text}");
    fs::write(&file, both).unwrap();
    towns.kunming.start().await;
    let town = &towns.kunming;
    let next = town.next_manifest(vec![town.make_key(KeyName::Message)], Vec::new());
    let waits = town.ask_install(next).await.unwrap().waits.unwrap();
    assert_eq!(code(&town.approve_second(&waits).await.unwrap_err()), "SAME_PERSON");
    towns.stop().await;
}

fn gone(fpr: Digest, reason: RevocationReason, there: &Town) -> Revocation {
    let last_good = vec![good(&there.id().exchange_origin(1), 1)];
    Revocation { fingerprint: fpr.to_vec(), last_good, reason: reason.into() }
}

/// A stolen key is revoked at once, by whoever holds the root key and the operator; whatever else is
/// in the same manifest would slip in with it, so that one waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_waits_for_nobody_and_nothing_slips_in_with_it() {
    let towns = Towns::new().await;
    let town = &towns.kunming;
    let stolen = town.key(KeyName::Message);
    let revoked = || vec![gone(stolen, RevocationReason::Compromised, &towns.ruian)];
    let new = town.make_key(KeyName::Message);
    let more = vec![new.clone(), town.make_key(KeyName::Tls)];
    let slipped = town.ask_install(town.next_manifest(more, revoked())).await.unwrap();
    assert!(slipped.waits.is_some() && slipped.keys.is_none());
    let planned = vec![gone(stolen, RevocationReason::Retired, &towns.ruian)];
    let planned = town.next_manifest(vec![new.clone()], planned);
    assert!(town.ask_install(planned).await.is_err(), "a planned one is not urgent either");
    assert_eq!(town.key(KeyName::Message), stolen);
    let urgent = town.next_manifest(vec![new], revoked());
    let done = town.ask_install(urgent).await.unwrap();
    assert!(done.waits.is_none() && done.keys.is_some());
    assert_ne!(town.key(KeyName::Message), stolen);
    assert_eq!(recorded(town, "done without second eyes").await, 1);
    assert_eq!(
        overridden(&towns, town).await,
        [said("keys", "operator", false, false), said("keys-emergency", "operator", false, true)]
    );
    towns.stop().await;
}

/// Copies a stopped city's database.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in ["jieli.db", "jieli.db-wal", "jieli.db-shm"] {
        let _ = fs::remove_file(to.join(name));
        let _ = fs::copy(from.join(name), to.join(name));
    }
}

/// Kunming behind what it signed, and out of reach of Ruian.
async fn behind() -> Towns {
    let mut towns = Towns::new().await;
    towns.settled().await;
    let folder = tempfile::tempdir().unwrap();
    towns.kunming.stop().await;
    copy(&towns.kunming.dir, folder.path());
    towns.kunming.start().await;
    towns.main_road().await;
    towns.settled().await;
    eventually("the mirror", async || {
        let head = towns.kunming.node().hand().published().exchange.clone();
        let mut conn = towns.ruian.node().store().read().await.unwrap();
        let held = jieli_node::store::mirror::head(&mut conn, "jieli.kunming.yn/log/1").await;
        held.unwrap().is_some_and(|held| held.size == head.size)
    })
    .await;
    towns.kunming.stop().await;
    copy(folder.path(), &towns.kunming.dir);
    towns.kunming.tap.set_cut(true);
    towns.kunming.start().await;
    assert!(!is_whole(&towns.kunming));
    towns
}

fn is_whole(town: &Town) -> bool {
    town.node().hand().published().directory.recovering.is_none()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_by_hand_needs_two_people_and_may_be_tried_again() {
    let towns = behind().await;
    let town = &towns.kunming;
    assert!(town.ask_repair(true, None).await.unwrap().waits.is_none(), "a look needs nobody");
    let waits = town.ask_repair(false, None).await.unwrap().waits.unwrap();
    assert_eq!(code(&town.carry_out(&waits.id).await.unwrap_err()), "NOT_APPROVED");
    town.approve_second(&waits).await.unwrap();
    // Nobody can be reached: nothing is changed, and the approval stands.
    let tried = town.carry_out(&waits.id).await.unwrap().repair.unwrap();
    assert!(!tried.done && !is_whole(town), "{tried:?}");
    town.tap.set_cut(false);
    let done = town.carry_out(&waits.id).await.unwrap().repair.unwrap();
    assert!(done.done && is_whole(town), "{done:?}");
    assert_eq!(code(&town.carry_out(&waits.id).await.unwrap_err()), "NOT_FOUND", "once");
    assert!(town.ask_repair(false, None).await.unwrap().waits.is_none(), "nothing to repair");
    assert_eq!(overridden(&towns, town).await, [said("repair", "operator", true, true)]);
    // What nothing could be signed for then is in the log now.
    for (what, times) in [("eyes asked", 1), ("eyes approved", 1), ("eyes acted on", 2)] {
        assert_eq!(recorded(town, what).await, times, "{what}");
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_needs_the_root_and_a_second_person() {
    let towns = behind().await;
    let town = &towns.kunming;
    let planned = town.ask_repair(true, None).await.unwrap().successor.unwrap();
    let root = KeyRing::load(&town.dir, &town.id(), None).unwrap().root().unwrap();
    let seal = |said: &wire::Successor, key: &dyn Fn(&[u8]) -> [u8; 64]| {
        envelope::seal(said, Digest(root.public().fingerprint()), |pae| key(pae))
    };
    let forged = seal(&planned, &|_| [7; 64]);
    let refused = town.ask_repair(false, Some(forged)).await.unwrap_err();
    assert_eq!(code(&refused), "BAD_SUCCESSOR");
    let sealed = seal(&planned, &|pae| root.sign_now(pae));
    let waits = town.ask_repair(false, Some(sealed.clone())).await.unwrap().waits.unwrap();
    assert_eq!(waits.kind, "new-epoch");
    assert!(waits.shown.contains(&envelope::env_digest(&sealed).hex()), "{}", waits.shown);
    assert!(!is_whole(town));
    town.approve_second(&waits).await.unwrap();
    let done = town.carry_out(&waits.id).await.unwrap().repair.unwrap();
    assert!(done.done && done.origin == "jieli.kunming.yn/log/2", "{done:?}");
    assert_eq!(overridden(&towns, town).await, [said("new-epoch", "operator", true, true)]);
    towns.stop().await;
}

/// An approval stands three working days.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_carried_out_lapses() {
    let towns = Towns::new().await;
    let town = &towns.kunming;
    let next = town.next_manifest(vec![town.make_key(KeyName::Message)], Vec::new());
    let waits = town.ask_install(next).await.unwrap().waits.unwrap();
    town.approve_second(&waits).await.unwrap();
    towns.clock.move_on(8 * 24 * HOUR_MS);
    assert_eq!(code(&town.carry_out(&waits.id).await.unwrap_err()), "NOT_FOUND");
    eventually("it to lapse", async || town.count("SELECT COUNT(*) FROM seconded").await == 0)
        .await;
    towns.stop().await;
}
