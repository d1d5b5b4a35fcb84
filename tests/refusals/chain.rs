//! Places, chains, times, signatures.

use jieli_node::receive::Received;
use jieli_proto::case::Stage;
use jieli_proto::envelope;
use jieli_proto::misbehaviour::{self, Misbehaviour, Parts};
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DeferReason, MessageType};
use jieli_tests::{Forged, Forger};

type Change = Box<dyn Fn(&mut Forged)>;

/// A right OFFER with one thing changed.
async fn offer(forger: &Forger, change: impl FnOnce(&mut Forged)) -> Forged {
    let mut forged = forger.offer().await;
    change(&mut forged);
    forged
}

#[tokio::test(flavor = "multi_thread")]
async fn one_place_with_two_contents_is_kept_as_evidence_and_the_first_stands() {
    let forger = Forger::new().await;
    let ruian = &forger.towns.ruian;
    let first = forger.good().await;
    let seq = first.message.header.as_ref().unwrap().lane_seq;
    let letter = forger.letter(&first).await;
    let before = forger.trace().await;
    let item = ruian.item(forger.towns.agreement, 0, seq).await;
    // The same bytes again: the same answer, and nothing else.
    assert_eq!(forger.post(letter).await, Received::Receipted);
    assert_eq!(forger.trace().await, before);
    let second = offer(&forger, |forged| *forged.header() = first.message.header.clone().unwrap());
    let second = second.await;
    assert_eq!(forger.post(forger.letter(&second).await).await, Received::Receipted);
    assert_eq!(ruian.item(forger.towns.agreement, 0, seq).await, item, "the first bytes' receipt");
    assert!(ruian.find(second.leg()).await.is_none());
    assert_eq!(forger.trace().await, (before.0, before.1 + 1, before.2 + 1, before.3));
    assert_eq!(ruian.alarms().await, ["lane-equivocation"]);
    // The evidence is what they signed, in a file that convinces anybody.
    let mut conn = ruian.node().store().read().await.unwrap();
    let row = conn.one("SELECT bytes FROM evidence", Vec::new()).await.unwrap();
    let file = row.bytes(0).unwrap();
    let root = forger.towns.kunming.public.root_fpr();
    let (city, what) = misbehaviour::verify(&file, &[root]).unwrap();
    assert_eq!((city, what.word()), (forger.towns.kunming.id(), "lane-equivocation"));
    let Parts::Envelopes(kept) = Misbehaviour::parse(&file).unwrap().parts else { panic!() };
    let kept = kept.map(|sealed| envelope::payload::<wire::Message>(&sealed).unwrap());
    assert!(kept.contains(&first.message) && kept.contains(&second.message));
    drop(conn);
    forger.good().await;
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_id_at_a_new_place_is_equivocation() {
    let forger = Forger::new().await;
    let first = forger.good().await;
    let mut again = first.clone();
    *again.header() = forger.header().await;
    assert_eq!(forger.say(&again).await, Err(Refusal::Equivocation));
    assert_eq!(forger.towns.ruian.alarms().await, ["misbehaviour"]);
    assert_eq!(forger.towns.ruian.stage(first.leg()).await, Some(Stage::Offered));
    forger.good().await;
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_follow_is_refused() {
    let forger = Forger::new().await;
    forger.good().await;
    let other = forger.nothing();
    let changes: [(&str, Refusal, Change); 9] = [
        ("lane_prev", Refusal::BadChain, Box::new(move |f| f.header().lane_prev = other.to_vec())),
        ("created", Refusal::TimeWentBack, Box::new(|f| f.header().created_unix_ms -= 3_600_000)),
        ("sender", Refusal::BadHeader, Box::new(|f| f.header().sender = "other.yn".to_owned())),
        ("to us", Refusal::BadHeader, Box::new(|f| f.header().recipient = "kunming.yn".to_owned())),
        ("suite", Refusal::BadHeader, Box::new(|f| f.header().suite = 2)),
        ("leg_seen", Refusal::BadChain, Box::new(move |f| f.message.leg_seen = other.to_vec())),
        ("leg_seq", Refusal::BadChain, Box::new(|f| f.message.leg_seq = 2)),
        ("purpose", Refusal::BadBody, Box::new(|f| f.message.purpose = 1)),
        ("slots", Refusal::BadBody, Box::new(|f| f.message.section_digests.clear())),
    ];
    for (what, refusal, change) in changes {
        let forged = offer(&forger, |forged| change(forged)).await;
        assert_eq!(forger.say(&forged).await, Err(refusal), "{what}");
        assert!(forger.towns.ruian.find(forged.leg()).await.is_none(), "{what}");
        forger.good().await;
    }
    // What follows a first message that was refused has no leg to go to.
    let broken = offer(&forger, |forged| forged.message.section_digests.clear()).await;
    assert_eq!(forger.say(&broken).await, Err(Refusal::BadBody));
    let mut next = forger.good().await;
    let prev = envelope::env_digest(&forger.seal(&broken.message).await);
    next.message.leg_id = broken.message.leg_id.clone();
    next.message.case_id = broken.message.case_id.clone();
    next.message.msg_id = forger.random::<16>().to_vec();
    next.message.leg_seq = 2;
    next.message.leg_prev = prev.to_vec();
    next.message.r#type = MessageType::Void.into();
    next.message.consent_digest = Vec::new();
    next.message.due_date = 0;
    next.message.section_digests.clear();
    next.message.body = Some(Body::Void(wire::Void { code: wire::VoidCode::SentInError.into() }));
    *next.header() = forger.header().await;
    next.sections.clear();
    assert_eq!(forger.say(&next).await, Err(Refusal::NoSuchLeg));
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_frame_and_the_sections_must_be_those_that_were_signed() {
    let forger = Forger::new().await;
    let forged = forger.offer().await;
    let mut letter = forger.letter(&forged).await;
    letter.leg_id = vec![9; 16];
    assert_eq!(forger.say_letter(letter).await, Err(Refusal::FrameMismatch));
    let spoilt: [fn(&mut Vec<wire::Section>); 5] = [
        |sections| sections[0].field_digests[0][0] ^= 1,
        |sections| sections[0].disclosures[0][3] ^= 1,
        |sections| sections[0].section = 3,
        |sections| sections.push(sections[0].clone()),
        |sections| {
            sections[0].disclosures.pop();
            sections[0].field_digests.pop();
        },
    ];
    for spoil in spoilt {
        let mut forged = forger.offer().await;
        spoil(&mut forged.sections);
        assert_eq!(forger.say(&forged).await, Err(Refusal::SectionMismatch));
        assert!(forger.towns.ruian.find(forged.leg()).await.is_none());
        forger.good().await;
    }
    // Withheld as a whole is no lie.
    let mut forged = forger.offer().await;
    forged.sections.clear();
    assert_eq!(forger.say(&forged).await, Ok(wire::ItemStatus::StoredWithheld));
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_signature_leaves_no_trace() {
    let forger = Forger::new().await;
    forger.good().await;
    let before = forger.trace().await;
    let forged = forger.offer().await;
    let right = forger.letter(&forged).await;
    let spoilt: [fn(&mut wire::Envelope); 5] = [
        |sealed| sealed.sig[10] ^= 1,
        |sealed| sealed.payload[40] ^= 1,
        |sealed| sealed.key_fpr[0] ^= 1,
        |sealed| sealed.sig.truncate(63),
        |sealed| sealed.payload_type.push('x'),
    ];
    for spoil in spoilt {
        let mut letter = right.clone();
        spoil(letter.envelope.as_mut().unwrap());
        assert_eq!(forger.post(letter).await, Received::Reject);
    }
    // Another key of the same city is none that may sign a message.
    let mut letter = right.clone();
    let sealed = letter.envelope.as_mut().unwrap();
    let pae = envelope::pae(&sealed.payload_type, &sealed.payload);
    sealed.sig = forger.keys.log().sign(&pae).await.unwrap().to_vec();
    sealed.key_fpr = forger.keys.log().fingerprint().to_vec();
    assert_eq!(forger.post(letter).await, Received::Reject);
    // Nor does Ruian take its own lane from a peer, or an agreement it does not know.
    let mut letter = right.clone();
    letter.lane = 1;
    assert_eq!(forger.post(letter).await, Received::Reject);
    let mut letter = right.clone();
    letter.agreement_id = vec![3; 16];
    assert_eq!(forger.post(letter).await, Received::Reject);
    assert_eq!(forger.trace().await, before);
    assert_eq!(forger.post(right).await, Received::Receipted);
    forger.towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_put_off_and_consumes_nothing() {
    let forger = Forger::new().await;
    forger.good().await;
    let first = forger.offer().await;
    let seq = first.message.header.as_ref().unwrap().lane_seq;
    let digest = envelope::env_digest(&forger.seal(&first.message).await);
    let before = forger.trace().await;
    let second = offer(&forger, |forged| {
        forged.header().lane_seq = seq + 1;
        forged.header().lane_prev = digest.to_vec();
    });
    let second = second.await;
    let letter = forger.letter(&second).await;
    let gap = Received::Defer(DeferReason::Gap, seq);
    assert_eq!(forger.post(letter.clone()).await, gap);
    assert_eq!(forger.post(letter.clone()).await, gap);
    assert_eq!(forger.trace().await, before);
    assert_eq!(forger.say(&first).await, Ok(wire::ItemStatus::Stored));
    assert_eq!(forger.say_letter(letter).await, Ok(wire::ItemStatus::Stored));
    forger.towns.stop().await;
}
