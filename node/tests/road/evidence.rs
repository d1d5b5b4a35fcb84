//! What a stranger verifies of the cities on the road: third cities' cosignatures, and logs that go
//! on in another epoch.

use crate::harness::*;
use jieli_node::serve::audit::AuditDoor;
use jieli_node::tokens::{self, Tokens};
use jieli_proto::bundle::pack::{Pack, PackVerdicts, verify};
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::wire::AuditReportRequest;
use jieli_proto::wire::audit_server::Audit as _;
use std::sync::Arc;
use tokio_stream::StreamExt as _;
use tonic::Request;

async fn pack(city: &City, id: AgreementId) -> Vec<u8> {
    let node = city.node();
    let tokens = Arc::new(Tokens::load(&node.house().config).unwrap());
    let door = AuditDoor::new(node.hand(), node.store(), node.house().clone(), tokens);
    let (agreement_id, from, to) = (id.hex(), 20_260_101, 20_281_231);
    let mut ask = Request::new(AuditReportRequest { agreement_id, from, to });
    let token = std::fs::read_to_string(tokens::path(&city.dir, "compliance")).unwrap();
    let value = format!("Bearer {}", token.trim()).parse().unwrap();
    ask.metadata_mut().insert("authorization", value);
    let mut parts = door.pack(ask).await.unwrap().into_inner();
    let mut all = Vec::new();
    while let Some(part) = parts.next().await {
        all.extend(part.unwrap().data);
    }
    all
}

fn checked(zip: &[u8], roots: &[Digest]) -> PackVerdicts {
    let mut source = zip;
    let found = verify(Pack::open(&mut source).unwrap().unwrap(), roots, None, &mut |_, _| ());
    assert_eq!(found.failures, [], "{}", found.text());
    found
}

fn roots(pair: &Pair) -> Vec<Digest> {
    pair.cities.iter().map(|city| city.public.root_fpr()).collect()
}

/// Both cities' packs hold although a log of one of them ended and goes on.
pub(crate) async fn verifies_across_epochs(pair: &Pair, id: AgreementId) {
    for city in &pair.cities {
        let found = checked(&pack(city, id).await, &roots(pair));
        assert_eq!(found.epochs.len(), 1, "{}", found.text());
        assert!(found.messages >= 10, "{}", found.text());
        assert!(found.lanes.iter().all(|lane| lane.whole), "{}", found.text());
    }
}

/// What was said before a third city cosigned for the first time is covered by its later
/// cosignatures: with its root a reader finds them, and without it everything else holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_third_citys_cosignatures_are_in_the_pack_of_both() {
    let (pair, id) = Pair::agreed().await;
    pair.a().announce(0..3).await.unwrap();
    pair.b().announce(3..6).await.unwrap();
    pair.settled(id).await;
    let mut dali = City::named(&pair.folder, "dali.yn", "91530100MA00000020", &pair.clock);
    dali.start().await;
    for city in &pair.cities {
        city.add_peer(&dali).await;
        dali.add_peer(city).await;
    }
    pair.a().announce(6..8).await.unwrap();
    pair.b().announce(8..10).await.unwrap();
    pair.settled(id).await;
    for city in &pair.cities {
        let origin = format!("jieli.{}/log/1", city.id());
        let sql = "SELECT COUNT(*) FROM own_head h JOIN cosignature c ON c.origin = h.origin \
                   AND c.size = h.size WHERE h.origin = $1 AND h.size >= $2 AND c.cosigner = $3";
        let size = city.node().hand().published().exchange.size;
        let partner = pair.cities.iter().find(|other| other.id() != city.id()).unwrap();
        for other in [&dali, partner] {
            let cosigner = format!("jieli.{}/cosigner/1", other.id());
            eventually(&cosigner, async || {
                let vals = vec![origin.as_str().into(), size.into(), cosigner.as_str().into()];
                city.count(sql, vals).await > 0
            })
            .await;
        }
    }
    let third = dali.public.root_fpr();
    for city in &pair.cities {
        let zip = pack(city, id).await;
        let two = checked(&zip, &roots(&pair));
        assert_eq!((two.messages > 9, two.cosigned), (true, 0), "{}", two.text());
        assert_eq!(two.not_judged.len(), 1, "{}", two.text());
        assert_eq!((two.not_judged[0].city.as_str(), two.not_judged[0].root), ("dali.yn", third));
        let all = checked(&zip, &[roots(&pair), vec![third]].concat());
        assert_eq!((all.messages, all.cosigned), (two.messages, two.messages), "{}", all.text());
        assert!(all.not_judged.is_empty());
        let own = &all.policies[&city.id()];
        assert_eq!(own["counterparty_and_uninvolved"], all.messages, "{own:?}");
    }
    dali.stop().await;
    pair.stop().await;
}
