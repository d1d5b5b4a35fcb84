//! Keys change while letters travel: none is lost, none is receipted twice, and the evidence of
//! before and after still holds. A stolen key is revoked by position, and what was on its way is
//! said again under another.

#![allow(clippy::unwrap_used)]

#[path = "rotation/cli.rs"]
mod cli;
#[path = "rotation/cosigner.rs"]
mod cosigner;
#[path = "rotation/stolen.rs"]
mod stolen;

use jieli_node::command::{DeskCommand, Done};
use jieli_node::keys::{KeyName, ROTATING};
use jieli_proto::bundle::{exit_code, verify};
use jieli_proto::case::Stage;
use jieli_proto::id::Digest;
use jieli_proto::paper;
use jieli_proto::wire::{self, Service};
use jieli_tests::{Town, Towns, eventually, people};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Announces a vacancy of its own: a message with no person in it.
pub(crate) async fn announce(town: &Town, number: u32) {
    let mut vacancy = people::vacancies().remove(0);
    if let Some(terms) = &mut vacancy.terms {
        terms.reference = format!("R-{number}");
    }
    let vacancies = vec![vacancy];
    let request = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
    let done = town.desk(DeskCommand::AddVacancies(request)).await.unwrap();
    assert!(matches!(done, Done::Vacancies(reply) if reply.announced == 1), "announced");
}

/// Kunming asks Ruian for places: one letter that is about nobody.
pub(crate) async fn ask(kunming: &Town) {
    let cut = wire::Cut { service: Service::Schooling.into(), stage: 2, ..wire::Cut::default() };
    let asked = wire::AskCapacityRequest { city: "瑞安".to_owned(), cut: Some(cut) };
    kunming.desk(DeskCommand::AskCapacity(asked)).await.unwrap();
}

/// Letters of lanes 0, 1, 4, 5, and the items of receipts that answer them.
pub(crate) async fn receipted_once(towns: &Towns) {
    for town in [&towns.kunming, &towns.ruian] {
        let letters = town.count("SELECT COUNT(*) FROM envelope WHERE lane IN (0,1,4,5)").await;
        let items = town.count("SELECT COUNT(*) FROM receipt_item").await;
        assert_eq!(letters, items, "each letter has one receipt");
        let refused = town.count("SELECT COUNT(*) FROM message WHERE status = 3").await;
        assert_eq!(refused, 0);
    }
}

/// That the evidence of a case holds, whoever exports it.
pub(crate) async fn holds(towns: &Towns, case: &str) {
    let roots = [towns.kunming.public.root_fpr(), towns.ruian.public.root_fpr()];
    let leg = towns.kunming.legs(case).await[0].id;
    let there = towns.ruian.case_of(&towns.ruian.leg(leg).await).await;
    for zip in [towns.kunming.export(case, false).await, towns.ruian.export(&there, false).await] {
        let verdicts = verify(&zip, &roots);
        assert_eq!(exit_code(&verdicts), 0, "{}", verdicts.unwrap().text());
    }
}

/// A home, from the sheet until it is there; the number of its case.
async fn home(towns: &Towns, serial: u32) -> String {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![people::home(serial)]).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let leg = kunming.leg_for(&case, Service::Housing).await;
    towns.ruian_accepts(leg).await;
    kunming.reaches(leg, Stage::Released).await;
    ruian.reaches(leg, Stage::Released).await;
    towns.ruian_reports(leg).await;
    kunming.reaches(leg, Stage::Fulfilled).await;
    case
}

/// Rotates a key and retires the old one, as soon as the node lets it.
async fn roll(town: &Town, other: &Town, name: KeyName) {
    let old = town.key(name);
    town.rotate(name).await;
    assert_ne!(town.key(name), old);
    town.is_held_by(&other.id()).await;
    eventually("the old key may be retired", async || town.retire(old).await.is_ok()).await;
    town.is_held_by(&other.id()).await;
    assert!(town.manifest().is_revoked(&old));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_changes_while_letters_travel_and_none_is_lost() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let before = towns.main_road().await;
    let slip = kunming.slip(&before).await.qr;
    let (done, sent) = (AtomicBool::new(false), AtomicU32::new(0));
    let load = async {
        while !done.load(Ordering::SeqCst) {
            let number = sent.fetch_add(1, Ordering::SeqCst);
            announce(ruian, number).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let change = async {
        for name in ROTATING {
            roll(kunming, ruian, name).await;
            roll(ruian, kunming, name).await;
        }
        done.store(true, Ordering::SeqCst);
    };
    tokio::join!(load, change);
    assert!(sent.load(Ordering::SeqCst) > 20, "there was load: {sent:?}");
    let after = home(&towns, 71).await;
    towns.settled().await;
    receipted_once(&towns).await;
    let vacancies = "SELECT COUNT(*) FROM vacancy WHERE reference LIKE 'R-%'";
    assert_eq!(kunming.count(vacancies).await, i64::from(sent.load(Ordering::SeqCst)));
    for town in [kunming, ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new());
        let keys = town.keys().await;
        assert_eq!((keys.version, keys.keys.len(), keys.revoked.len()), (9, 4, 4));
        assert!(keys.keys.iter().all(|key| key.state == "in-use"), "{keys:?}");
        assert!(
            keys.keys.iter().any(|key| key.number == 2),
            "the cosigner key has the next number"
        );
        assert!(town.disputed().await.is_empty());
    }
    for case in [&before, &after] {
        holds(&towns, case).await;
    }
    // A slip from before the change is as good as it was, and a reader is told.
    let (root, newest) = (kunming.public.root_fpr(), kunming.manifest().envelope.clone());
    let retired = |newer| paper::open(&slip, &[root], newer).map(|checked| checked.is_retired);
    assert_eq!((retired(None), retired(Some(&newest))), (Ok(false), Ok(true)));
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_during_a_change_finds_its_way_back() {
    let mut towns = Towns::new().await;
    let before = towns.main_road().await;
    towns.settled().await;
    towns.ruian.stop().await;
    let old: Vec<Digest> = ROTATING.iter().map(|name| towns.kunming.key(*name)).collect();
    for name in ROTATING {
        towns.kunming.rotate(name).await;
    }
    // Nobody holds the new keys yet: the old ones speak, and none of them may go.
    for fpr in &old {
        let refused = towns.kunming.retire(*fpr).await.unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("cannot be reached") || said.contains("do not hold"), "{said}");
    }
    towns.ruian.start().await;
    towns.clock.move_on(3_600_000);
    towns.kunming.is_held_by(&towns.ruian.id()).await;
    let after = home(&towns, 71).await;
    towns.settled().await;
    for fpr in old {
        eventually("it may be retired now", async || towns.kunming.retire(fpr).await.is_ok()).await;
    }
    towns.kunming.is_held_by(&towns.ruian.id()).await;
    towns.settled().await;
    receipted_once(&towns).await;
    for case in [&before, &after] {
        holds(&towns, case).await;
    }
    towns.stop().await;
}
