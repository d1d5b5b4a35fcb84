//! How strangers become partners: invitations, and agreements behind which two tokens of two posts
//! stand on either side.

use crate::harness::*;
use jieli_node::command::{DeskCommand, Done};
use jieli_node::config::Config;
use jieli_node::keys::{KeyName, KeyRing, Signer as _, make_beside};
use jieli_node::serve::desk::DeskDoor;
use jieli_node::store::{Store, StoreOptions};
use jieli_node::tokens::Tokens;
use jieli_node::writer::Failure;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::invite::spoken;
use jieli_proto::manifest::Manifest;
use jieli_proto::wire;
use jieli_proto::wire::desk_server::Desk as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tempfile::TempDir;

const DAY_MS: u64 = 86_400_000;

/// Two cities that do not know each other.
async fn strangers() -> Pair {
    let folder = TempDir::new().unwrap();
    let clock = crate::windows::Hands::running();
    let mut cities = [City::new(&folder, A, &clock), City::new(&folder, B, &clock)];
    for city in &mut cities {
        city.start().await;
    }
    Pair { folder, cities, clock }
}

fn code(failure: Result<impl std::fmt::Debug, Failure>) -> &'static str {
    match failure {
        Err(Failure::Denied(denied)) => {
            assert!(!denied.zh.is_empty() && !denied.en.is_empty());
            denied.code
        }
        other => panic!("{other:?}"),
    }
}

fn groups(city: &City) -> String {
    spoken(&city.public.root_fpr()).join(" ")
}

impl City {
    async fn invite(&self, days: u32) -> wire::Envelope {
        let ask = wire::InvitePeerRequest { end_points: Vec::new(), days };
        let Done::Invited(reply) = self.perform(DeskCommand::InvitePeer(ask)).await else {
            panic!("no invitation")
        };
        reply.invite.unwrap()
    }

    async fn accept(
        &self,
        invite: &wire::Envelope,
        groups: &str,
    ) -> Result<wire::AcceptInviteReply, Failure> {
        let (invite, groups) = (Some(invite.clone()), groups.to_owned());
        let ask = wire::AcceptInviteRequest { invite, groups, end_points: Vec::new() };
        let done = self.try_perform(DeskCommand::AcceptInvite(ask)).await?;
        let Done::InviteAccepted(reply) = done else { panic!("{done:?}") };
        Ok(*reply)
    }

    async fn peers(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM peer", Vec::new()).await
    }

    fn version(&self, id: &AgreementId) -> u32 {
        let published = self.node().hand().published();
        published.directory.bonds.get(id).map_or(0, |bond| bond.version())
    }

    async fn proposals(&self, id: &AgreementId) -> i64 {
        let sql = "SELECT COUNT(*) FROM agreement_version WHERE agreement_id = $1";
        self.count(sql, vec![id.to_vec().into()]).await
    }
}

fn counter(id: AgreementId, draft_toml: String) -> DeskCommand {
    DeskCommand::CounterPropose(wire::CounterProposeRequest { agreement_id: id.hex(), draft_toml })
}

fn countersign(id: AgreementId, version: u32) -> DeskCommand {
    DeskCommand::Countersign(wire::CountersignRequest { agreement_id: id.hex(), version })
}

fn propose(draft_toml: String) -> DeskCommand {
    DeskCommand::Propose(wire::ProposeRequest { draft_toml })
}

/// The draft with another end.
fn until(year: u32) -> String {
    draft().replace("2028-12-31", &format!("{year}-12-31"))
}

/// The public file of a city with another manifest than its first.
fn by_hand(of: &City, manifest: &wire::Envelope) -> DeskCommand {
    DeskCommand::AddPeer(wire::AddPeerRequest {
        manifest: Some(manifest.clone()),
        root_fpr: of.public.root_fpr().hex(),
        name: of.public.name.clone(),
        end_points: vec![of.address.to_string()],
        root_spki: of.public.manifest.root.to_spki().to_vec(),
        accepted_city: String::new(),
    })
}

/// A manifest of a city, signed by its root.
fn sealed_by(of: &City, payload: &wire::KeyManifest) -> (wire::Envelope, Option<Manifest>) {
    let root = KeyRing::load(&of.dir, &of.id(), None).unwrap().root().unwrap();
    let fpr = Digest(root.public().fingerprint());
    let sealed = envelope::seal(payload, fpr, |pae| root.sign_now(pae));
    let opened = Manifest::open(&sealed, &root.public(), None).ok();
    (sealed, opened)
}

/// A known city's next manifest comes by hand where no letter reaches it: version by version, of one
/// chain, and with every key that goes revoked.
#[tokio::test(flavor = "multi_thread")]
async fn a_known_peers_next_manifest_is_taken_in_by_hand() {
    let pair = strangers().await;
    let (a, b) = (pair.a(), pair.b());
    a.add_peer(b).await;
    let entropy = crate::windows::Counter(AtomicU64::new(0), 77);
    let new_key = || {
        let made = make_beside(&b.dir, &b.id(), KeyName::Message, None, &entropy).unwrap();
        let roles = vec![wire::Role::Message.into()];
        wire::KeyRecord { spki: made.to_spki().to_vec(), suite: 1, roles, not_before: 1 }
    };
    let first = &b.public.manifest;
    let old = first.live_keys(wire::Role::Message)[0].fpr;
    let gone = |reason: wire::RevocationReason| {
        let last_good = Vec::new();
        vec![wire::Revocation { fingerprint: old.to_vec(), last_good, reason: reason.into() }]
    };
    let (second, opened) = sealed_by(b, &first.next(vec![new_key()], Vec::new()));
    let opened = opened.unwrap();
    let (other, _) = sealed_by(b, &first.next(vec![new_key()], Vec::new()));
    let third = opened.next(Vec::new(), gone(wire::RevocationReason::Compromised));
    let dropped = wire::KeyManifest { revocations: Vec::new(), ..third.clone() };
    let (third, dropped) = (sealed_by(b, &third).0, sealed_by(b, &dropped).0);
    let held = || a.node().hand().published().directory.peers[&b.id()].newest().unwrap().version;
    let refused = async |sealed: &wire::Envelope| {
        assert_eq!(code(a.try_perform(by_hand(b, sealed)).await), "BAD_FIELD");
    };
    refused(&third).await;
    assert_eq!(held(), 1, "the one between is missing");
    a.perform(by_hand(b, &second)).await;
    assert_eq!(held(), 2);
    // An older one is known and changes nothing; another second one is of another chain.
    a.perform(by_hand(b, &first.envelope)).await;
    refused(&other).await;
    refused(&dropped).await;
    assert_eq!(held(), 2);
    // Alone, without the public file: of the city that is named, and of no other.
    let alone = |city: &str, sealed: &wire::Envelope| {
        DeskCommand::AddPeer(wire::AddPeerRequest {
            manifest: Some(sealed.clone()),
            accepted_city: city.to_owned(),
            ..wire::AddPeerRequest::default()
        })
    };
    assert_eq!(code(a.try_perform(alone("nobody.xx", &third)).await), "NOT_FOUND");
    let own = &a.public.manifest.envelope;
    for wrong in [own, &other, &dropped] {
        assert_eq!(code(a.try_perform(alone(IDS[B], wrong)).await), "BAD_FIELD");
    }
    assert_eq!(held(), 2);
    a.perform(alone(IDS[B], &third)).await;
    assert_eq!(held(), 3);
    let peer = a.node().hand().published().directory.peers[&b.id()].clone();
    assert!(peer.newest().unwrap().is_revoked(&old));
    assert!(a.alarms().await.iter().any(|alarm| alarm.starts_with("key-revoked")));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_and_its_answer_make_two_peers() {
    let pair = strangers().await;
    let (a, b) = (pair.a(), pair.b());
    let invite = a.invite(14).await;
    let look = b.accept(&invite, "").await.unwrap();
    assert!(!look.accepted && look.answer.is_none());
    let shown = look.peer.unwrap();
    // The groups are heard on the telephone, not read off the file.
    assert_eq!((shown.city_id.as_str(), shown.spoken.as_str()), (IDS[A], ""));
    assert_eq!(shown.root_fpr, "");
    assert_eq!(look.own_spoken, groups(b));
    assert_eq!(b.peers().await, 0);
    let answer = b.accept(&invite, &groups(a)).await.unwrap().answer.unwrap();
    let back = a.accept(&answer, &groups(b)).await.unwrap();
    assert!(back.accepted && back.is_answer && back.answer.is_none());
    assert_eq!((a.peers().await, b.peers().await), (1, 1));
    // Each was good once.
    assert_eq!(code(b.accept(&invite, &groups(a)).await), "INVITE_USED");
    assert_eq!(code(a.accept(&answer, &groups(b)).await), "INVITE_USED");
    let id = pair.agree().await;
    pair.settled(id).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_invitation_adds_nothing() {
    let pair = strangers().await;
    let (a, b) = (pair.a(), pair.b());
    let invite = a.invite(3).await;
    let mut wrong: Vec<String> = spoken(&a.public.root_fpr()).to_vec();
    wrong[3] = format!("{:05}", (wrong[3].parse::<u32>().unwrap() + 1) % 100_000);
    let refused = b.accept(&invite, &wrong.join(" ")).await;
    let Err(Failure::Denied(denied)) = &refused else { panic!("{refused:?}") };
    assert!(denied.zh.contains("第 4 组") && denied.en.contains("Group 4"), "{denied:?}");
    assert_eq!(code(refused), "WRONG_GROUPS");
    assert_eq!(code(b.accept(&invite, &groups(b)).await), "WRONG_GROUPS");
    assert_eq!(code(b.accept(&invite, "12345").await), "BAD_GROUPS");
    // Every byte that is flipped is found.
    for at in (0..invite.payload.len()).step_by(7) {
        let mut flipped = invite.clone();
        flipped.payload[at] ^= 1;
        let refused = code(b.accept(&flipped, &groups(a)).await);
        assert!(matches!(refused, "BAD_INVITE" | "BAD_FIELD"), "{at}: {refused}");
    }
    for at in 0..64 {
        let mut flipped = invite.clone();
        flipped.sig[at] ^= 0x10;
        assert_eq!(code(b.accept(&flipped, &groups(a)).await), "BAD_INVITE");
    }
    // Signed by another key of the same city than its message key.
    let root = pair.a().node().house().keys.log();
    let mut other = invite.clone();
    other.key_fpr = root.fingerprint().to_vec();
    assert_eq!(code(b.accept(&other, &groups(a)).await), "BAD_INVITE");
    assert_eq!(code(a.accept(&invite, &groups(a)).await), "BAD_FIELD");
    pair.clock.move_on(3 * DAY_MS + 1_000);
    assert_eq!(code(b.accept(&invite, &groups(a)).await), "INVITE_OVER");
    // An answer that comes after the invitation is over.
    let invite = a.invite(2).await;
    let answer = b.accept(&invite, &groups(a)).await.unwrap().answer.unwrap();
    pair.clock.move_on(2 * DAY_MS + 1_000);
    assert_eq!(code(a.accept(&answer, &groups(b)).await), "INVITE_OVER");
    assert_eq!((a.peers().await, b.peers().await), (0, 1));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_or_one_post_is_not_two_approvers() {
    let pair = Pair::new().await;
    let a = pair.a();
    let id = a.as_token("approver", propose(draft())).await.unwrap();
    let waiting = a.drafts().await;
    // Entering the same again changes nothing, whoever does it.
    assert_eq!(a.as_token("approver", propose(draft())).await.unwrap(), id);
    assert_eq!(a.as_token("approver-2", propose(draft())).await.unwrap(), id);
    assert_eq!(a.drafts().await, waiting);
    assert_eq!(code(a.approve("approver", &waiting[0]).await), "SAME_TOKEN");
    assert_eq!(code(a.approve("approver-3", &waiting[0]).await), "NO_POST");
    assert_eq!(code(a.approve("clerk", &waiting[0]).await), "NO_POST");
    assert_eq!(code(a.approve("approver-2", "0011223344556677").await), "NOT_FOUND");
    assert_eq!(a.proposals(&id).await, 0);
    assert_eq!(a.approve("approver-2", &waiting[0]).await.unwrap(), id);
    // Approving again is a no-op.
    assert_eq!(a.approve("approver-2", &waiting[0]).await.unwrap(), id);
    // So is entering what was proposed already.
    assert_eq!(a.as_token("approver", propose(draft())).await.unwrap(), id);
    assert_eq!(a.drafts().await, Vec::<String>::new());
    assert_eq!(a.lane(id, 4).await.len(), 1);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_of_one_post_are_one_approver() {
    let mut pair = Pair::new().await;
    let file = pair.a().dir.join("jieli.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("post = \"法制科科长\"", "post = \"局长\"")).unwrap();
    pair.cities[A].stop().await;
    pair.cities[A].start().await;
    let a = pair.a();
    a.as_token("approver", propose(draft())).await.unwrap();
    let waiting = a.drafts().await;
    assert_eq!(code(a.approve("approver-2", &waiting[0]).await), "SAME_POST");
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_approves_lapses_after_ten_working_days() {
    let pair = Pair::new().await;
    let a = pair.a();
    a.as_token("approver", propose(draft())).await.unwrap();
    let waiting = a.drafts().await.remove(0);
    let calendar = Arc::clone(&a.node().house().calendar());
    let today = calendar.day_of_unix_ms(a.clock_ms());
    let end = calendar.add_working_days(today, 10).plus(1);
    let end_ms = end.start_unix_ms(calendar.zone_offset_min());
    pair.clock.move_on(end_ms - a.clock_ms() - 60_000);
    assert_eq!(a.drafts().await.len(), 1);
    pair.clock.move_on(61_000);
    assert_eq!(code(a.approve("approver-2", &waiting).await), "NOT_FOUND");
    eventually("the draft to lapse", async || a.drafts().await.is_empty()).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_that_nobody_countersigns_lapses_and_may_be_made_again() {
    let pair = Pair::new().await;
    let (a, b) = (pair.a(), pair.b());
    let id = pair.propose().await;
    eventually("the proposal", async || b.proposals(&id).await == 1).await;
    b.as_token("approver", countersign(id, 1)).await.unwrap();
    let waiting = b.drafts().await.remove(0);
    pair.clock.move_on(30 * DAY_MS + 60_000);
    assert_eq!(code(b.as_token("approver", countersign(id, 1)).await), "PROPOSAL_LAPSED");
    assert_eq!(code(b.approve("approver-2", &waiting).await), "NOT_FOUND");
    let named = format!("agreement_id = \"{}\"\n{}", id.hex(), draft());
    a.two_approve(propose(named)).await.unwrap();
    eventually("the same again", async || b.two_approve(countersign(id, 1)).await.is_ok()).await;
    pair.live(&id).await;
    pair.settled(id).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_proposal_is_countersigned_by_who_proposed_first() {
    let pair = Pair::new().await;
    let (a, b) = (pair.a(), pair.b());
    let id = pair.propose().await;
    let other = counter(id, until(2027));
    assert_eq!(code(a.as_token("approver", other).await), "NOTHING_TO_COUNTER");
    eventually("the proposal", async || b.proposals(&id).await == 1).await;
    let named = format!("agreement_id = \"{}\"\n{}", id.hex(), until(2027));
    assert_eq!(code(b.as_token("approver", propose(named)).await), "USE_COUNTER");
    b.two_approve(counter(id, until(2027))).await.unwrap();
    // What was countered no longer stands, here at once, there when it is known.
    assert_eq!(code(b.as_token("approver", countersign(id, 1)).await), "PROPOSAL_STANDS");
    eventually("the counter-proposal", async || a.two_approve(countersign(id, 1)).await.is_ok())
        .await;
    pair.live(&id).await;
    for city in &pair.cities {
        let published = city.node().hand().published();
        let agreement = published.directory.bonds[&id].in_force().unwrap().clone();
        assert_eq!(agreement.wire.valid_to, 20_271_231);
    }
    pair.settled(id).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn proposals_that_cross_leave_one_and_a_countersignature_that_crosses_wins() {
    let pair = Pair::new().await;
    let (a, b) = (pair.a(), pair.b());
    let id = pair.propose().await;
    eventually("the proposal", async || b.proposals(&id).await == 1).await;
    pair.settled(id).await;
    // A proposes another text while B counters the first one: they cross, and A's stands.
    a.cut(true);
    b.cut(true);
    let named = format!("agreement_id = \"{}\"\n{}", id.hex(), until(2027));
    a.two_approve(propose(named.clone())).await.unwrap();
    b.two_approve(counter(id, until(2026))).await.unwrap();
    a.cut(false);
    b.cut(false);
    pair.clock.move_on(10_000);
    eventually("both at both", async || a.proposals(&id).await == 3 && b.proposals(&id).await == 3)
        .await;
    assert_eq!(code(a.as_token("approver", countersign(id, 1)).await), "PROPOSAL_STANDS");
    // B countersigns it while A makes a third: what B signed counts in both cities.
    a.cut(true);
    b.cut(true);
    a.two_approve(propose(named.replace("2027", "2028-11-30\" #"))).await.unwrap();
    b.two_approve(countersign(id, 1)).await.unwrap();
    a.cut(false);
    b.cut(false);
    pair.clock.move_on(10_000);
    pair.live(&id).await;
    for city in &pair.cities {
        let published = city.node().hand().published();
        let agreement = published.directory.bonds[&id].in_force().unwrap().clone();
        assert_eq!(agreement.wire.valid_to, 20_271_231);
    }
    pair.settled(id).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_version_and_a_suspension_take_two_as_well() {
    let (pair, id) = Pair::agreed().await;
    let (a, b) = (pair.a(), pair.b());
    let next = format!("agreement_id = \"{}\"\nversion = 2\n{}", id.hex(), until(2027));
    b.two_approve(propose(next)).await.unwrap();
    eventually("version 2", async || a.two_approve(countersign(id, 2)).await.is_ok()).await;
    eventually("it is live", async || a.version(&id) == 2 && b.version(&id) == 2).await;
    // Countersigning it again is a no-op.
    a.two_approve(countersign(id, 2)).await.unwrap();
    assert_eq!(a.drafts().await, Vec::<String>::new());
    let act = |act: &str| {
        let act = act.to_owned();
        DeskCommand::ActOnAgreement(wire::AgreementActRequest {
            agreement_id: id.hex(),
            act,
            wind_down_on: 0,
        })
    };
    b.as_token("approver", act("suspend")).await.unwrap();
    let suspended = |city: &City| {
        let published = city.node().hand().published();
        !published.directory.bonds[&id].suspenders().is_empty()
    };
    assert!(!suspended(b));
    let waiting = b.drafts().await.remove(0);
    assert_eq!(code(b.approve("approver", &waiting).await), "SAME_TOKEN");
    b.approve("approver-2", &waiting).await.unwrap();
    eventually("the suspension", async || suspended(a) && suspended(b)).await;
    assert_eq!(code(a.as_token("approver", act("resume")).await), "NOT_SUSPENDED_BY_US");
    b.two_approve(act("resume")).await.unwrap();
    eventually("its end", async || !suspended(a) && !suspended(b)).await;
    pair.settled(id).await;
    pair.stop().await;
}

/// What a test call from one city to another finds: name and result of each check.
async fn tested(from: &City, to: &str) -> Vec<(String, wire::CheckResult)> {
    let (node, config) = (from.node(), Config::load(&from.dir).unwrap());
    let tokens = Arc::new(Tokens::load(&config).unwrap());
    let door = DeskDoor::new(node.hand(), node.store(), node.house().clone(), tokens);
    let mut ask = tonic::Request::new(wire::TestPeerRequest { city: to.to_owned() });
    let token = std::fs::read_to_string(from.dir.join("tokens/operator.token")).unwrap();
    let bearer = format!("Bearer {}", token.trim()).parse().unwrap();
    ask.metadata_mut().insert("authorization", bearer);
    let reply = door.test_peer(ask).await.unwrap().into_inner();
    let told = |check: &wire::PeerCheck| {
        assert!(!check.say_zh.is_empty() && !check.say_en.is_empty());
        let is_bad = check.result() == wire::CheckResult::Bad;
        assert!(!is_bad || !(check.todo_zh.is_empty() || check.todo_en.is_empty()), "{check:?}");
        (check.name.clone(), check.result())
    };
    reply.checks.iter().map(told).collect()
}

fn result(checks: &[(String, wire::CheckResult)], name: &str) -> wire::CheckResult {
    checks.iter().find(|(found, _)| found == name).unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_call_names_what_is_wrong() {
    let folder = TempDir::new().unwrap();
    let (clock, ahead) = (crate::windows::Hands::running(), crate::windows::Hands::running());
    ahead.move_on(20 * 60_000);
    let mut a = City::new(&folder, A, &clock);
    let mut b = City::new(&folder, B, &ahead);
    a.start().await;
    b.start().await;
    a.add_peer(&b).await;
    // B does not know A: its keys are right, but nothing is answered.
    let checks = tested(&a, IDS[B]).await;
    assert_eq!(result(&checks, "address"), wire::CheckResult::Ok);
    assert_eq!(result(&checks, "checkpoint"), wire::CheckResult::Bad);
    assert_eq!(result(&checks, "clock"), wire::CheckResult::Skipped);
    b.add_peer(&a).await;
    let checks = tested(&a, IDS[B]).await;
    for name in ["address", "tls", "keys", "checkpoint"] {
        assert_eq!(result(&checks, name), wire::CheckResult::Ok, "{name}");
    }
    assert_eq!(result(&checks, "clock"), wire::CheckResult::Bad);
    assert_eq!(result(&checks, "agreement"), wire::CheckResult::Warn);
    // A head of B's log that B's present one does not extend.
    a.stop().await;
    let url = format!("sqlite:{}", a.dir.join("jieli.db").display());
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    let mut writer = store.writer();
    let mut tx = writer.begin().await.unwrap();
    let sql = "INSERT INTO peer_head (origin, size, root, note, seen_ms) VALUES ($1, 0, $2, '', 1)";
    let origin = b.id().exchange_origin(1);
    tx.run(sql, vec![origin.into(), [7; 32].into()]).await.unwrap();
    tx.commit().await.unwrap();
    drop(writer);
    store.close().await;
    a.start().await;
    assert_eq!(result(&tested(&a, IDS[B]).await, "checkpoint"), wire::CheckResult::Bad);
    // Nobody is there.
    b.stop().await;
    let checks = tested(&a, IDS[B]).await;
    assert_eq!(result(&checks, "address"), wire::CheckResult::Bad);
    assert_eq!(result(&checks, "tls"), wire::CheckResult::Skipped);
    a.stop().await;
}
