//! Cosigning, and three cities of which one lies.

use crate::forged::client;
use crate::harness::*;
use crate::recovery::{goes_on, with_backup};
use jieli_node::keys::KeyRing;
use jieli_node::store::{Val, log, mirror};
use jieli_node::writer::{CrashAt, Step, Stopped};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::id::Digest;
use jieli_proto::misbehaviour::{self, Unproved, What};
use jieli_proto::note::{KeyKind, Note, VKey};
use jieli_proto::policy::Policy;
use jieli_proto::tree::Hash;
use jieli_proto::wire::answer::Answer;
use jieli_proto::wire::{self, CosignRequest, DeliverFrame, Heads, deliver_frame::Frame};
use std::sync::Arc;
use tonic::Code;

const A_LOG: &str = "jieli.kunming.yn/log/1";
const B_COSIGNER: &str = "jieli.ruian.zj/cosigner/1";

/// A note of a city's log with any size and root, signed with its log key.
async fn signed(city: &City, origin: &str, size: u64, root: Hash) -> String {
    let keys = KeyRing::load(&city.dir, &city.id(), None).unwrap();
    let text = Checkpoint::new(origin, size, root).unwrap().text();
    let key = VKey::new(origin, KeyKind::Ed25519, keys.log().public()).unwrap();
    let sig = keys.log().sign(&key.message(&text, 0)).await.unwrap();
    Note::new(&text, key.line(0, &sig)).unwrap().to_string()
}

/// How many own heads of that log a peer has cosigned.
async fn cosigned(city: &City, origin: &str) -> i64 {
    let sql = "SELECT COUNT(*) FROM own_head h JOIN cosignature c ON c.origin = h.origin \
               AND c.size = h.size WHERE h.origin = $1";
    city.count(sql, vec![origin.into()]).await
}

/// The largest head that Ruian has cosigned of Kunming.
async fn held(pair: &Pair) -> u64 {
    let sql = "SELECT COALESCE(MAX(size), 0) FROM cosigned WHERE origin = $1";
    pair.b().count(sql, vec![A_LOG.into()]).await as u64
}

/// What each of the two has newest is cosigned by the other.
pub(crate) async fn quiet_both(pair: &Pair) {
    for city in [pair.a(), pair.b()] {
        eventually("the newest head is cosigned", async || {
            let published = city.node().hand().published();
            let cosigned = published.cosigned.as_ref();
            cosigned.is_some_and(|seen| seen.size == published.exchange.size)
        })
        .await;
    }
}

/// Neither holds a proof against the other.
pub(crate) async fn nobody_is_accused(pair: &Pair) {
    for city in [pair.a(), pair.b()] {
        assert!(findings(city).await.is_empty(), "{:?}", city.alarms().await);
    }
}

/// Ruian's root has stated that its first epoch ended at a size: what is signed beyond counts for
/// nothing and accuses nobody; what is signed up to there still does.
pub(crate) async fn what_an_ended_epoch_says(pair: &Pair, end: u64) {
    let origin = "jieli.ruian.zj/log/1";
    let heads = "SELECT COUNT(*) FROM peer_head WHERE origin = $1 AND size > $2";
    let before = pair.a().count(heads, vec![origin.into(), end.into()]).await;
    for root in [[3; 32], [4; 32]] {
        whisper(pair.b(), pair.a(), signed(pair.b(), origin, end + 1, root).await).await;
    }
    let sql = "SELECT COALESCE(MAX(size), 0) FROM peer_head WHERE origin = $1 AND size <= $2";
    let size = pair.a().count(sql, vec![origin.into(), end.into()]).await as u64;
    whisper(pair.b(), pair.a(), signed(pair.b(), origin, size, [3; 32]).await).await;
    eventually("the proof", async || !findings(pair.a()).await.is_empty()).await;
    let [file] = findings(pair.a()).await.try_into().unwrap();
    let (_, what) = misbehaviour::verify(&file, &[pair.b().public.root_fpr()]).unwrap();
    assert_eq!(what, What::SplitView { origin: origin.to_owned(), size });
    assert_eq!(pair.a().count(heads, vec![origin.into(), end.into()]).await, before);
}

/// Nothing moves, and Ruian has cosigned Kunming's newest head.
async fn quiet(pair: &Pair) -> u64 {
    eventually("the newest head is cosigned", async || {
        pair.a().node().hand().published().exchange.size == held(pair).await
    })
    .await;
    pair.a().node().hand().published().exchange.size
}

#[tokio::test(flavor = "multi_thread")]
async fn both_logs_of_both_cities_are_cosigned() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    for (city, name) in [(pair.a(), "kunming.yn"), (pair.b(), "ruian.zj")] {
        for log in ["log", "local"] {
            let origin = format!("jieli.{name}/{log}/1");
            eventually("a cosignature", async || cosigned(city, &origin).await > 0).await;
        }
    }
    quiet(&pair).await;
    eventually("it is published", async || {
        let published = pair.a().node().hand().published();
        published.cosigned.as_ref().is_some_and(|seen| seen.size == published.exchange.size)
    })
    .await;
    // A stranger with a tlog-policy finds the quorum.
    let note = pair.a().node().hand().published().cosigned.as_ref().unwrap().note.clone();
    let key = |city: &City, role, name: &str, kind| {
        let key = city.public.manifest.keys_of(role).next().unwrap().public;
        VKey::new(name, kind, key).unwrap()
    };
    let log = key(pair.a(), wire::Role::Log, A_LOG, KeyKind::Ed25519);
    let by = key(pair.b(), wire::Role::Cosigner, B_COSIGNER, KeyKind::CosignatureV1);
    let policy = Policy::new(vec![log], vec![by], 1).unwrap();
    let checked = policy.check(&Note::parse(note.as_bytes()).unwrap()).unwrap();
    assert_eq!(checked.cosigned.len(), 1);
    // The file outside of the database remembers it.
    let file = std::fs::read_to_string(pair.b().dir.join("high-water")).unwrap();
    assert!(file.contains(&format!("cosigned:{A_LOG} {} ", checked.checkpoint.size())), "{file}");
    assert_eq!(pair.a().alarms().await, Vec::<String>::new());
    pair.stop().await;
}

/// Every status of the table in PROTOCOL.md.
#[tokio::test(flavor = "multi_thread")]
async fn a_cosigner_answers_as_a_witness_does() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    let size = quiet(&pair).await;
    pair.a().cut(true);
    let checkpoint = pair.a().node().hand().published().checkpoint.clone();
    let mut client = client(pair.a(), pair.b()).await.unwrap();
    let good = CosignRequest { old_size: size, checkpoint, ..CosignRequest::default() };
    let again = client.cosign(good.clone()).await.unwrap().into_inner();
    assert!(again.cosignature.contains(B_COSIGNER));
    assert!(again.heads.unwrap().notes.len() >= 2, "its own head and what it knows of ours");
    let root = pair.a().node().hand().published().exchange.root;
    let foreign = signed(pair.b(), A_LOG, size, root).await;
    let other = signed(pair.a(), A_LOG, size, [7; 32]).await;
    let larger = signed(pair.a(), A_LOG, size + 1, [8; 32]).await;
    let stranger = signed(pair.a(), "jieli.dali.yn/log/1", size, root).await;
    let cosigner = signed(pair.a(), "jieli.kunming.yn/cosigner/1", size, root).await;
    let ask = |old_size, checkpoint: &str| CosignRequest {
        old_size,
        checkpoint: checkpoint.to_owned(),
        ..CosignRequest::default()
    };
    let many = CosignRequest { hashes: vec![vec![0; 32]; 64], ..good.clone() };
    let short = CosignRequest { hashes: vec![vec![0; 31]], ..good.clone() };
    let notes = vec![String::new(); 65];
    let heads = Some(Heads { notes, findings: Vec::new() });
    let loud = CosignRequest { heads, ..good.clone() };
    let held = size.to_string();
    for (what, ask, code, message) in [
        ("no note", ask(size, "x"), Code::InvalidArgument, ""),
        ("64 hashes", many, Code::InvalidArgument, ""),
        ("a hash of 31 bytes", short, Code::InvalidArgument, ""),
        ("65 heads", loud, Code::InvalidArgument, ""),
        ("going back", ask(size + 2, &larger), Code::InvalidArgument, ""),
        ("another city's log", ask(size, &stranger), Code::NotFound, ""),
        ("no log", ask(size, &cosigner), Code::NotFound, ""),
        ("another city's key", ask(size, &foreign), Code::PermissionDenied, ""),
        ("another old size", ask(size - 1, &good.checkpoint), Code::Aborted, held.as_str()),
        ("another root", ask(size, &other), Code::Aborted, held.as_str()),
        ("no proof", ask(size, &larger), Code::FailedPrecondition, ""),
    ] {
        let status = client.cosign(ask).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, message), "{what}");
    }
    let sql = "SELECT COUNT(*) FROM cosigned WHERE origin = $1 AND size >= $2";
    let rows = pair.b().count(sql, vec![A_LOG.into(), size.into()]).await;
    assert_eq!(rows, 1, "nothing but the true head was cosigned");
    // A failing proof is an alarm that says it proves nothing; two roots are a finding.
    let alarms = pair.b().alarms().await;
    let said = |word: &str| alarms.iter().any(|alarm| alarm.contains(word));
    assert!(said("by itself this proves nothing") && said("split-view"), "{alarms:?}");
    pair.stop().await;
}

/// Each asking is a batch, and each batch is published: a cosigner that looked again whenever
/// something was published would wake itself, and write without end.
#[tokio::test(flavor = "multi_thread")]
async fn a_cosigner_that_waits_for_its_mirror_rests_meanwhile() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    let size = quiet(&pair).await;
    // Ruian can fetch nothing of Kunming's log, which grows.
    pair.b().cut(true);
    pair.a().announce(0..3).await.unwrap();
    eventually("a longer log", async || pair.a().node().hand().published().exchange.size > size)
        .await;
    let client = client(pair.a(), pair.b()).await.unwrap();
    let published = pair.a().node().hand().published();
    let mut conn = pair.a().node().store().read().await.unwrap();
    let proof = log::consistency(&mut conn, published.exchange.id, size, published.exchange.size);
    let hashes = proof.await.unwrap().iter().map(|hash| hash.to_vec()).collect();
    drop(conn);
    let checkpoint = published.checkpoint.clone();
    let ask = CosignRequest { old_size: size, checkpoint, hashes, heads: None };
    let again = ask.clone();
    let mut batches = pair.b().node().hand().watch();
    let mut count = 0;
    let mut first = client.clone();
    let asked = first.cosign(ask);
    tokio::pin!(asked);
    let status = loop {
        tokio::select! {
            answer = &mut asked => break answer.unwrap_err(),
            changed = batches.changed() => changed.unwrap(),
        }
        batches.borrow_and_update();
        count += 1;
    };
    assert_eq!(status.code(), Code::Unavailable);
    assert!(count < 50, "{count} batches while it waited");
    // Nor do many wait: who waits holds one of the listener's places.
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (mut client, ask) = (client.clone(), again.clone());
        asked.spawn(async move { client.cosign(ask).await });
    }
    let mut answered = 0;
    eventually("answers at once", async || {
        while asked.try_join_next().is_some() {
            answered += 1;
        }
        answered >= 4
    })
    .await;
    assert!(answered < 6, "two wait, or one beside that of the city itself");
    pair.stop().await;
}

/// Dies at a step whenever it has cosigned something.
fn crash_at(step: Step) -> CrashAt {
    Arc::new(move |at| at == step)
}

/// Whatever a cosigner forgets when it dies, it never signs another root of a size.
#[tokio::test(flavor = "multi_thread")]
async fn a_cosigner_that_dies_signs_no_second_root() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    quiet(&pair).await;
    pair.a().cut(true);
    let root = [1; 32];
    for step in Step::ALL {
        let size = held(&pair).await;
        let next = pair.a().node().hand().published().exchange.size + 1;
        pair.cities[B].stop().await;
        pair.cities[B].start_to_crash(Some(crash_at(step))).await;
        let mut asked = client(pair.a(), pair.b()).await.unwrap();
        let checkpoint = pair.a().node().hand().published().checkpoint.clone();
        let ask = CosignRequest { old_size: size, checkpoint, ..CosignRequest::default() };
        assert!(asked.cosign(ask.clone()).await.is_err(), "{step:?}");
        let why = pair.cities[B].stop().await;
        assert!(matches!(why, Stopped::Crashed(at) if at == step), "{why}");
        pair.cities[B].start().await;
        let mut client = client(pair.a(), pair.b()).await.unwrap();
        assert!(client.cosign(ask).await.is_ok(), "the same head again, after {step:?}");
        let forged = signed(pair.a(), A_LOG, size, root).await;
        let ask = CosignRequest { old_size: size, checkpoint: forged, ..CosignRequest::default() };
        assert_eq!(client.cosign(ask).await.unwrap_err().code(), Code::Aborted);
        assert!(next > size);
    }
    pair.stop().await;
}

/// A database that was restored from before has forgotten what it cosigned; the file has not.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_cosigner_remembers_from_its_file() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    let size = quiet(&pair).await;
    pair.a().cut(true);
    let store = pair.b().node().store();
    let mut writer = store.writer();
    pair.cities[B].stop().await;
    let url = format!("sqlite:{}", pair.b().dir.join("jieli.db").display());
    let restored = jieli_node::store::Store::open(&url, Default::default()).await;
    if let Ok(restored) = restored {
        writer = restored.writer();
    }
    let mut tx = writer.begin().await.unwrap();
    tx.run("DELETE FROM cosigned", Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    drop((writer, store));
    pair.cities[B].start().await;
    assert_eq!(held(&pair).await, size);
    let forged = signed(pair.a(), A_LOG, size, [1; 32]).await;
    let ask = CosignRequest { old_size: size, checkpoint: forged, ..CosignRequest::default() };
    let mut client = client(pair.a(), pair.b()).await.unwrap();
    assert_eq!(client.cosign(ask).await.unwrap_err().code(), Code::Aborted);
    pair.stop().await;
}

/// The files of misbehaviour that a city holds.
async fn findings(city: &City) -> Vec<Vec<u8>> {
    let published = city.node().hand().published();
    published.findings.iter().map(|finding| finding.file.clone()).collect()
}

/// Says a head to a city as another one.
async fn whisper(from: &City, to: &City, note: String) {
    let mut client = client(from, to).await.unwrap();
    let heads = Heads { notes: vec![note], findings: Vec::new() };
    let frame = DeliverFrame { frame: Some(Frame::Heads(heads)) };
    let mut answers = client.deliver(tokio_stream::iter([frame])).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_some());
}

/// Kunming, which will lie, Ruian, which knows its true log, and Dali, which does not yet.
async fn three() -> (Pair, City) {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    quiet(&pair).await;
    pair.cities[A].stop().await;
    let mut dali = City::named(&pair.folder, "dali.yn", "91530100MA00000020", &pair.clock);
    dali.start().await;
    dali.add_peer(pair.a()).await;
    dali.add_peer(pair.b()).await;
    (pair, dali)
}

async fn stop(mut pair: Pair, mut dali: City) {
    pair.cities[B].stop().await;
    dali.stop().await;
}

/// Each of the two honest cities holds the same file, which a stranger with Kunming's root confirms.
async fn both_prove(pair: &Pair, dali: &City) -> What {
    for city in [pair.b(), dali] {
        eventually("the proof", async || !findings(city).await.is_empty()).await;
    }
    let (at_b, at_c) = (findings(pair.b()).await, findings(dali).await);
    assert_eq!(at_b, at_c);
    let [file] = at_b.try_into().unwrap();
    let root = pair.a().public.root_fpr();
    let (city, what) = misbehaviour::verify(&file, &[root]).unwrap();
    assert_eq!(city, pair.a().id());
    let other = Digest([9; 32]);
    assert_eq!(misbehaviour::verify(&file, &[other]), Err(Unproved::Root(root)));
    what
}

#[tokio::test(flavor = "multi_thread")]
async fn two_roots_of_one_size_are_proved_by_both_honest_cities() {
    let (pair, dali) = three().await;
    let size = held(&pair).await;
    let forged = signed(pair.a(), A_LOG, size, [3; 32]).await;
    whisper(pair.a(), &dali, forged).await;
    assert!(findings(&dali).await.is_empty());
    // One exchange: Ruian asks Dali to cosign its head.
    pair.b().add_peer(&dali).await;
    let what = both_prove(&pair, &dali).await;
    assert_eq!(what, What::SplitView { origin: A_LOG.to_owned(), size });
    stop(pair, dali).await;
}

/// Who brings the other half of a contradiction is told the proof in the answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_answer_tells_what_its_own_heads_have_proved() {
    let (pair, dali) = three().await;
    let size = held(&pair).await;
    pair.b().add_peer(&dali).await;
    let forged = signed(pair.a(), A_LOG, size, [3; 32]).await;
    let mut client = client(&dali, pair.b()).await.unwrap();
    let heads = Heads { notes: vec![forged], findings: Vec::new() };
    let frame = DeliverFrame { frame: Some(Frame::Heads(heads)) };
    let mut answers = client.deliver(tokio_stream::iter([frame])).await.unwrap().into_inner();
    let told = answers.message().await.unwrap().unwrap().answer;
    let Some(Answer::Heads(told)) = told else { panic!("{told:?}") };
    let [file] = told.findings.try_into().unwrap();
    let (city, what) = misbehaviour::verify(&file, &[pair.a().public.root_fpr()]).unwrap();
    assert_eq!((city, what), (pair.a().id(), What::SplitView { origin: A_LOG.to_owned(), size }));
    stop(pair, dali).await;
}

/// Sizes that never meet do not help a liar: a smaller head that is no beginning of a larger one is
/// proved by the larger one's hashes.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_at_another_size_is_proved_too() {
    let (pair, dali) = three().await;
    let size = held(&pair).await;
    let sql = "SELECT COUNT(*) FROM peer_head WHERE origin = $1 AND size = $2";
    let mut old = size - 1;
    while pair.b().count(sql, vec![A_LOG.into(), Val::from(old)]).await > 0 {
        old -= 1;
    }
    let forged = signed(pair.a(), A_LOG, old, [3; 32]).await;
    whisper(pair.a(), &dali, forged).await;
    pair.b().add_peer(&dali).await;
    let what = both_prove(&pair, &dali).await;
    let (origin, new_size) = (A_LOG.to_owned(), {
        let mut conn = pair.b().node().store().read().await.unwrap();
        mirror::head(&mut conn, A_LOG).await.unwrap().unwrap().size
    });
    assert_eq!(what, What::Fork { origin, old_size: old, new_size });
    stop(pair, dali).await;
}

/// Kunming really forks: after a while it takes its database of before, file and all, greets nobody,
/// and goes on with Dali, who knows nothing of the first history.
#[tokio::test(flavor = "multi_thread")]
async fn a_city_that_forks_its_log_is_proved_by_both_honest_cities() {
    let (mut pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.cities[A].stop().await;
    let (dir, backup) = (pair.a().dir.clone(), pair.folder.path().join("backup"));
    copy(&dir, &backup);
    let file = dir.join(jieli_node::highwater::FILE);
    let mark = std::fs::read(&file).unwrap();
    pair.cities[A].start().await;
    pair.a().announce(0..2).await.unwrap();
    pair.settled(id).await;
    let true_size = quiet(&pair).await;
    pair.cities[A].stop().await;
    put_back(&backup, &dir);
    std::fs::write(&file, mark).unwrap();
    // The honest node would greet Ruian, find out and stop: neither reaches the other.
    pair.a().cut(true);
    pair.b().cut(true);
    pair.cities[A].start().await;
    assert_eq!(pair.a().cause(), None);
    let mut dali = City::named(&pair.folder, "dali.yn", "91530100MA00000020", &pair.clock);
    dali.start().await;
    pair.a().add_peer(&dali).await;
    pair.a().announce(5..9).await.unwrap();
    dali.add_peer(pair.a()).await;
    dali.add_peer(pair.b()).await;
    let forked = pair.a().node().hand().published().exchange.clone();
    eventually("Dali mirrors the other history", async || {
        let mut conn = dali.node().store().read().await.unwrap();
        let held = mirror::head(&mut conn, A_LOG).await.unwrap();
        held.is_some_and(|held| (held.size, held.root) == (forked.size, forked.root))
    })
    .await;
    pair.cities[A].stop().await;
    assert!(findings(pair.b()).await.is_empty() && findings(&dali).await.is_empty());
    // One exchange between the honest two.
    pair.b().cut(false);
    pair.b().add_peer(&dali).await;
    let what = both_prove(&pair, &dali).await;
    let origin = A_LOG.to_owned();
    let fork = What::Fork { origin, old_size: true_size, new_size: forked.size };
    assert_eq!((what, true_size < forked.size), (fork, true));
    stop(pair, dali).await;
}

/// A city that is behind its own log cosigns nothing, and knows from its file what it has cosigned.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_cosigned_in_recovery_and_nobody_is_accused_after_it() {
    let (mut pair, id) = Pair::agreed().await;
    with_backup(&mut pair, id, B, 10).await;
    pair.b().cut(true);
    pair.cities[B].start().await;
    assert!(pair.b().cause().is_some());
    let file = std::fs::read_to_string(pair.b().dir.join("high-water")).unwrap();
    let size = held(&pair).await;
    assert!(file.contains(&format!("cosigned:{A_LOG} {size} ")), "{file}");
    let published = pair.a().node().hand().published();
    let checkpoint = published.checkpoint.clone();
    let ask = CosignRequest { old_size: size, checkpoint, ..CosignRequest::default() };
    let mut client = client(pair.a(), pair.b()).await.unwrap();
    assert_eq!(client.cosign(ask.clone()).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(held(&pair).await, size);
    pair.b().cut(false);
    assert!(pair.b().repair().await.unwrap().done);
    goes_on(&pair, id, 10).await;
    let forged = signed(pair.a(), A_LOG, size, [1; 32]).await;
    let ask = CosignRequest { checkpoint: forged, ..ask };
    assert_eq!(client.cosign(ask).await.unwrap_err().code(), Code::Aborted);
    pair.stop().await;
}
