//! What must not get in, and what nobody else may see.

use crate::harness::*;
use jieli_node::keys::KeyRing;
use jieli_node::tls::{AddressRule, Connections, Dialer, Identity, Pins, Validity};
use jieli_node::wire_limits;
use jieli_proto::wire::answer::Answer;
use jieli_proto::wire::exchange_client::ExchangeClient;
use jieli_proto::wire::{self, prove_request::What};
use prost::Message as _;
use std::sync::Arc;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

struct All(Vec<([u8; 32], String)>);

impl Pins for All {
    fn city_of(&self, fpr: &[u8; 32]) -> Option<String> {
        self.0.iter().find(|(pin, _)| pin == fpr).map(|(_, city)| city.clone())
    }
}

/// A client with the TLS key of one city, at the door of another.
pub(crate) async fn client(from: &City, to: &City) -> Result<ExchangeClient<Channel>, String> {
    let keys = KeyRing::load(&from.dir, &from.id(), None).unwrap();
    let seed = keys.tls_seed(&keys.tls().fingerprint()).unwrap();
    let seed: [u8; 32] = *seed.expose();
    let now = from.clock_ms();
    let validity = Validity {
        not_before_unix_ms: now - 1000,
        not_after_unix_ms: now + 3_600_000,
        serial: [1; 16],
    };
    let identity = Identity::self_signed(&seed, from.id().as_str(), validity).unwrap();
    let theirs = to.public.manifest.keys_of(wire::Role::Tls).next().unwrap().fpr;
    let pins = Arc::new(All(vec![(theirs.0, to.id().as_str().to_owned())]));
    let rule = AddressRule { loopback: true, private: false };
    let clock = Arc::new(move || now);
    let dialer = Dialer::new(identity, pins, clock, rule, Connections::new(), 5000);
    let connector = dialer.connector(to.id().as_str(), &to.address.to_string()).unwrap();
    let channel = Endpoint::from_shared(connector.uri()).unwrap();
    let channel = channel.connect_with_connector(connector).await;
    Ok(ExchangeClient::new(channel.map_err(|error| error.to_string())?)
        .max_decoding_message_size(wire_limits::ANSWER_BYTES_MAX)
        .max_encoding_message_size(8 << 20))
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_letters_leave_no_trace() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.a().cut(true);
    pair.a().announce(0..2).await.unwrap();
    let good = pair.a().letters(id, 0, 1..=1).await.remove(0);
    let before = pair.b().node().hand().published().exchange.clone();
    let changed = |change: &dyn Fn(&mut wire::Letter)| {
        let mut letter = good.clone();
        change(&mut letter);
        letter
    };
    let sealed = |change: &dyn Fn(&mut wire::Envelope)| {
        changed(&|letter| change(letter.envelope.as_mut().unwrap()))
    };
    let forged = [
        sealed(&|envelope| envelope.sig[5] ^= 1),
        sealed(&|envelope| envelope.payload[9] ^= 1),
        sealed(&|envelope| envelope.key_fpr[0] ^= 1),
        sealed(&|envelope| envelope.payload_type.push('x')),
        sealed(&|envelope| envelope.payload.resize(70_000, 0)),
        changed(&|letter| letter.envelope = None),
        changed(&|letter| letter.agreement_id = vec![3; 16]),
        changed(&|letter| letter.lane = 1),
        changed(&|letter| letter.lane_seq = 0),
        changed(&|letter| {
            let disclosures = vec![vec![7; 70_000]];
            letter.sections =
                vec![wire::Section { section: 1, disclosures, ..wire::Section::default() }];
        }),
        changed(&|letter| letter.consents = vec![good.envelope.clone().unwrap(); 300]),
        changed(&|letter| letter.proof = Some(wire::ReceiptProof::default())),
    ];
    let (post, to) = (pair.a().post(), pair.b().id());
    for (at, letter) in forged.into_iter().enumerate() {
        let done = post.deliver(&to, vec![letter], Vec::new()).await.unwrap();
        assert!(matches!(only(done), Answer::Reject(_)), "letter {at}");
    }
    let after = pair.b().node().hand().published().exchange.clone();
    assert_eq!((before.size, before.root), (after.size, after.root));
    pair.a().cut(false);
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
    pair.stop().await;
}

/// Signed, but not what its frame says: it keeps its place and has no effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_lies_is_refused_with_a_receipt() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.a().cut(true);
    pair.a().announce(0..2).await.unwrap();
    let mut letter = pair.a().letters(id, 0, 2..=2).await.remove(0);
    letter.lane_seq = 1;
    let done = pair.a().post().deliver(&pair.b().id(), vec![letter], Vec::new()).await.unwrap();
    let Answer::Receipt(receipt) = only(done) else { panic!() };
    let item = receipt.proof.unwrap().items.remove(0).item;
    let item = wire::Item::decode(item.as_slice()).unwrap();
    assert_eq!(item.status(), wire::ItemStatus::Refused);
    assert_eq!(item.code, jieli_proto::refusal::Refusal::FrameMismatch.number());
    assert_eq!(pair.b().lane(id, 0).await.len(), 1);
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_is_too_large_ends_the_stream() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    let mut letter = pair.a().letters(id, 4, 1..=1).await.remove(0);
    letter.envelope.as_mut().unwrap().payload.resize(wire_limits::LETTER_BYTES_MAX + 1, 0);
    let frame = wire::DeliverFrame { frame: Some(wire::deliver_frame::Frame::Letter(letter)) };
    let mut client = client(pair.a(), pair.b()).await.unwrap();
    let done = client.deliver(tokio_stream::iter([frame])).await;
    let status = match done {
        Err(status) => status,
        Ok(stream) => stream.into_inner().message().await.unwrap_err(),
    };
    assert_eq!(status.code(), Code::OutOfRange);
    // The city goes on.
    pair.a().announce(0..1).await.unwrap();
    pair.settled(id).await;
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_no_connection() {
    let (pair, id) = Pair::agreed().await;
    let stranger = City::named(&pair.folder, "dali.yn", "91530100MA00000020", &pair.clock);
    let asked = match client(&stranger, pair.b()).await {
        Err(error) => error,
        Ok(mut client) => {
            let asked = client.checkpoint(wire::CheckpointRequest::default()).await;
            asked.unwrap_err().to_string()
        }
    };
    assert!(!asked.is_empty());
    pair.settled(id).await;
    pair.stop().await;
}

/// An accepted peer without an agreement sees checkpoint and tiles, and nothing of the others.
#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_peer_sees_nothing_of_the_others() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    pair.a().announce(0..3).await.unwrap();
    pair.settled(id).await;
    let third = City::named(&pair.folder, "dali.yn", "91530100MA00000020", &pair.clock);
    pair.b().add_peer(&third).await;
    let mut client = client(&third, pair.b()).await.unwrap();
    let note = client.checkpoint(wire::CheckpointRequest::default()).await.unwrap().into_inner();
    assert!(note.checkpoint.starts_with("jieli.ruian.zj/log/1\n"));
    let tile = |level, index| wire::TilesRequest { level, index, ..wire::TilesRequest::default() };
    let hashes = client.tiles(tile(0, 0)).await.unwrap().into_inner().hashes;
    assert_eq!(hashes.len() % 32, 0);
    let mut refused = Vec::new();
    for ask in [tile(0, 900), tile(300, 0), tile(9, u64::MAX)] {
        refused.push(client.tiles(ask).await.unwrap_err());
    }
    for what in [What::LeafIndex(0), What::LeafIndex(9999), What::OldSize(1), What::OldSize(9999)] {
        refused.push(client.prove(wire::ProveRequest { what: Some(what) }).await.unwrap_err());
    }
    for agreement_id in [id.to_vec(), vec![9; 16], Vec::new()] {
        let ask =
            wire::FetchRequest { agreement_id, lane: 0, from_seq: 1, most: 10, pack: Vec::new() };
        refused.push(client.fetch(ask).await.unwrap_err());
    }
    for status in refused {
        // Unknown and not yours are one answer.
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, ""));
    }
    // Its own letters, in an agreement of others: rejected.
    let letter = pair.a().letters(id, 0, 1..=1).await.remove(0);
    let frame = wire::DeliverFrame { frame: Some(wire::deliver_frame::Frame::Letter(letter)) };
    let mut answers = client.deliver(tokio_stream::iter([frame])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    assert!(matches!(answer.answer, Some(Answer::Reject(_))));
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_partner_may_fetch_and_prove() {
    let (pair, id) = Pair::agreed().await;
    pair.a().announce(0..40).await.unwrap();
    pair.settled(id).await;
    let post = pair.b().post();
    let ask = |lane, from_seq, most| wire::FetchRequest {
        agreement_id: id.to_vec(),
        lane,
        from_seq,
        most,
        ..wire::FetchRequest::default()
    };
    let to = pair.a().id();
    let all = post.fetch(&to, ask(0, 1, 1000)).await.unwrap();
    assert_eq!(all.iter().map(|r| r.lane_seq).collect::<Vec<_>>(), (1..=40).collect::<Vec<_>>());
    assert_eq!(post.fetch(&to, ask(0, 39, 256)).await.unwrap().len(), 2);
    assert_eq!(post.fetch(&to, ask(0, 5, 7)).await.unwrap().len(), 7);
    assert_eq!(post.fetch(&to, ask(0, 41, 7)).await.unwrap().len(), 0);
    // Receipts come with the items they answer.
    let receipts = post.fetch(&to, ask(2, 1, 256)).await.unwrap();
    assert!(receipts.iter().all(|r| r.proof.as_ref().is_some_and(|p| !p.items.is_empty())));
    let leaves = pair.a().lane(id, 0).await;
    for (reply, leaf) in all.iter().zip(leaves) {
        let mut lines = reply.checkpoint.lines().skip(1);
        let size: u64 = lines.next().unwrap().parse().unwrap();
        let root = jieli_proto::note::Note::parse(reply.checkpoint.as_bytes()).unwrap();
        let root = jieli_proto::checkpoint::Checkpoint::parse(root.text()).unwrap();
        let path: Vec<[u8; 32]> =
            reply.inclusion.iter().map(|hash| hash.as_slice().try_into().unwrap()).collect();
        let hash = jieli_proto::tree::leaf_hash(&leaf);
        let (index, root) = (reply.log_index, root.root());
        jieli_proto::tree::verify_inclusion(&hash, index, size, &path, root).unwrap();
    }
    let what = Some(What::OldSize(3));
    let proof = post.prove(&to, wire::ProveRequest { what }).await.unwrap();
    assert!(!proof.hashes.is_empty() && proof.hashes.len() <= 63);
    let what = Some(What::LeafIndex(0));
    assert!(post.prove(&to, wire::ProveRequest { what }).await.is_ok());
    let what = Some(What::LeafIndex(100_000));
    assert!(post.prove(&to, wire::ProveRequest { what }).await.is_err());
    pair.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_peer_has_so_many_streams() {
    let (pair, id) = Pair::agreed().await;
    pair.settled(id).await;
    let mut client = client(pair.a(), pair.b()).await.unwrap();
    let mut open = Vec::new();
    let refused = loop {
        let (send, frames) = tokio::sync::mpsc::channel::<wire::DeliverFrame>(1);
        match client.deliver(tokio_stream::wrappers::ReceiverStream::new(frames)).await {
            Ok(stream) => open.push((send, stream)),
            Err(status) => break status,
        }
        assert!(open.len() < 20);
    };
    assert_eq!(refused.code(), Code::ResourceExhausted);
    drop((open, client));
    pair.a().announce(0..1).await.unwrap();
    pair.clock.move_on(3_600_000);
    pair.settled(id).await;
    pair.stop().await;
}
