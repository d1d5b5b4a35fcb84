//! The pack of an agreement and period, from living nodes to a reviewer without an account.

use crate::desk::Doors;
use jieli_proto::bundle::pack::{Pack, PackVerdicts, verify};
use jieli_proto::bundle::{self, zip_read};
use jieli_proto::id::Digest;
use jieli_proto::wire::audit_server::Audit;
use jieli_proto::wire::{self, Service};
use jieli_tests::people::{self, FAMILY};
use jieli_tests::{Town, Towns};
use tonic::{Code, Status};

const PERIOD: (u32, u32) = (20_261_101, 20_261_231);

async fn pack(towns: &Towns, town: &Town, period: (u32, u32)) -> Result<Vec<u8>, Status> {
    town.pack(towns.agreement, period).await
}

fn checked(pack: &[u8], roots: &[Digest]) -> PackVerdicts {
    let mut source = pack;
    verify(Pack::open(&mut source).unwrap().unwrap(), roots, None, &mut |_, _| ())
}

fn roots(towns: &Towns) -> [Digest; 2] {
    [towns.kunming.public.root_fpr(), towns.ruian.public.root_fpr()]
}

#[tokio::test(flavor = "multi_thread")]
async fn both_cities_packs_hold_with_nothing_but_the_roots() {
    let towns = Towns::new().await;
    towns.main_road().await;
    towns.medical().await;
    towns.settled().await;
    let sql = "SELECT COUNT(*) FROM envelope WHERE lane IN (0, 1)";
    for town in [&towns.kunming, &towns.ruian] {
        let zip = pack(&towns, town, PERIOD).await.unwrap();
        let found = checked(&zip, &roots(&towns));
        assert_eq!(found.failures, [], "{}", found.text());
        assert_eq!(found.messages, town.count(sql).await as u64, "{}", found.text());
        assert_eq!((found.legs.iter().sum::<u64>(), found.case_law), (4, [4, 0, 0]));
        assert!(found.lanes.iter().all(|lane| lane.whole && lane.first == 1 && lane.last > 5));
        for fewer in [&roots(&towns)[..1], &[]] {
            assert!(!checked(&zip, fewer).all_hold());
        }
        // Each bundle of it is evidence by itself.
        let mut source = zip.as_slice();
        let mut opened = Pack::open(&mut source).unwrap().unwrap();
        for number in 1..=opened.bundles() {
            let one = opened.bundle(number).unwrap();
            assert_eq!(bundle::verify(&one, &roots(&towns)).unwrap().failures, []);
        }
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_names_nobody() {
    let towns = Towns::new().await;
    towns.main_road().await;
    towns.settled().await;
    let zip = pack(&towns, &towns.kunming, PERIOD).await.unwrap();
    let named = people::secrets(people::people(&people::row(FAMILY)));
    assert!(!named.is_empty());
    for file in zip_read(&zip).unwrap() {
        for secret in &named {
            let found = file.data.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} in {}", file.path);
        }
        assert!(!String::from_utf8_lossy(file.data).contains("\"path\":\"sections/"));
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_is_left_out_and_not_denied() {
    let mut towns = Towns::new().await;
    let case = towns.main_road().await;
    towns.settled().await;
    // What Ruian alone can prove is fetched once and kept.
    pack(&towns, &towns.kunming, PERIOD).await.unwrap();
    // Ruian is silent: what Kunming says now has no receipt.
    towns.ruian.stop().await;
    let other = towns.kunming.import(vec![people::row(FAMILY)]).await.remove(0);
    towns.kunming.ask_yes(&other).await;
    let provisional = "SELECT COUNT(*) FROM message WHERE status = 0";
    jieli_tests::eventually("an offer that waits", async || {
        towns.kunming.count(provisional).await > 0
    })
    .await;
    let zip = pack(&towns, &towns.kunming, PERIOD).await.unwrap();
    let found = checked(&zip, &roots(&towns));
    assert_eq!(found.failures, [], "{}", found.text());
    assert_eq!(found.legs.iter().sum::<u64>(), 3);
    assert!(!towns.kunming.legs(&case).await.is_empty());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_for_compliance_and_for_a_period_with_messages() {
    let towns = Towns::new().await;
    towns.main_road().await;
    towns.settled().await;
    let doors = Doors::of(&towns.kunming);
    let agreement_id = towns.agreement.hex();
    let ask = wire::AuditReportRequest { agreement_id, from: PERIOD.0, to: PERIOD.1 };
    for token in ["clerk", "operator", "approver"] {
        let refused = doors.audit.pack(doors.ask(token, ask.clone())).await.map(drop);
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied, "{token}");
    }
    let before = pack(&towns, &towns.kunming, (20_260_901, 20_260_930)).await;
    assert_eq!(before.unwrap_err().code(), Code::FailedPrecondition);
    let backwards = pack(&towns, &towns.kunming, (20_261_231, 20_261_101)).await;
    assert!(backwards.is_err());
    towns.stop().await;
}

/// A pack is made while messages come and go: each is of one moment, whole and valid.
#[tokio::test(flavor = "multi_thread")]
async fn a_pack_made_in_traffic_is_of_one_moment() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    towns.main_road().await;
    let cases = kunming.import((80..104).map(people::home).collect()).await;
    let over = std::cell::Cell::new(false);
    let traffic = async {
        for case in &cases {
            kunming.ask_yes(case).await;
            let leg = kunming.leg_for(case, Service::Housing).await;
            towns.ruian_accepts(leg).await;
        }
        over.set(true);
    };
    let packs = async {
        let mut made = 0;
        for town in [kunming, ruian].into_iter().cycle() {
            let zip = pack(&towns, town, PERIOD).await.unwrap();
            let found = checked(&zip, &roots(&towns));
            assert_eq!(found.failures, [], "{}", found.text());
            assert!(found.lanes.iter().all(|lane| lane.whole), "{}", found.text());
            made += 1;
            if over.get() {
                break;
            }
        }
        made
    };
    let ((), made) = tokio::join!(traffic, packs);
    assert!(made > 10, "{made}");
    towns.stop().await;
}
