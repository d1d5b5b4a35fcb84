//! Fifty planted personal values. Once erased they are nowhere: not in a file, not in a log, not in
//! a backup taken afterwards, not in an older backup once it serves; and no image of before opens
//! with all the keys there are. Without the erasure every one of them is found the same way.

#![allow(clippy::unwrap_used)]

#[path = "erasure/afterwards.rs"]
mod afterwards;
#[path = "erasure/asked.rs"]
mod asked;
#[path = "erasure/image.rs"]
mod image;
#[path = "erasure/shown.rs"]
mod shown;

use image::{Image, Needles};
use jieli_node::command::DeskCommand;
use jieli_node::config::Database;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_tests::people::{self, home};
use jieli_tests::{AGREEMENT_DRAFT, HOUR_MS, Sms, TestPg, Town, Towns, eventually};
use std::collections::BTreeSet;
use std::path::Path;

const HOMES: u32 = 15;

/// What is planted, and who can take it away again.
struct Planted {
    values: Vec<String>,
    legs: Vec<(String, LegId, Sms)>,
    family: Sms,
}

async fn plant(towns: &Towns) -> Planted {
    let mut drafts: Vec<wire::Draft> = (1..=HOMES).map(home).collect();
    drafts.push(people::row(people::FAMILY));
    let values = people::secrets(drafts.iter().flat_map(people::people));
    assert!(values.len() >= 50, "{} values", values.len());
    let cases = towns.kunming.import(drafts).await;
    let mut legs = Vec::new();
    for case in &cases[..HOMES as usize] {
        let sms = towns.kunming.ask_yes(case).await;
        let leg = towns.kunming.leg_for(case, Service::Housing).await;
        legs.push((case.clone(), leg, sms));
    }
    for (_, leg, _) in &legs {
        towns.ruian_accepts(*leg).await;
    }
    for (_, leg, _) in &legs {
        towns.kunming.reaches(*leg, Stage::Released).await;
        towns.ruian.reaches(*leg, Stage::Released).await;
    }
    let family = towns.kunming.ask_yes(&cases[HOMES as usize]).await;
    let school = towns.kunming.leg_for(&cases[HOMES as usize], Service::Schooling).await;
    towns.ruian_accepts(school).await;
    towns.ruian.reaches(school, Stage::Released).await;
    towns.settled().await;
    Planted { values, legs, family }
}

/// Every way in which something is erased.
async fn erase(towns: &Towns, planted: &Planted) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let (stopped, rest) = planted.legs.split_at(5);
    let (asked, kept) = rest.split_at(5);
    for (_, _, sms) in stopped {
        kunming.withdraw(sms).await.unwrap();
    }
    kunming.withdraw(&planted.family).await.unwrap();
    for (_, leg, _) in rest {
        let code = wire::ReturnCode::FamilyLeaves.into();
        ruian.act(*leg, Act::Return(wire::DeskReturn { code })).await.unwrap();
        kunming.reaches(*leg, Stage::Returned).await;
    }
    towns.settled().await;
    for (case, leg, _) in asked {
        let request = wire::EraseRequest {
            case_number: case.clone(),
            legs: Vec::new(),
            reason: "purpose-over".to_owned(),
        };
        kunming.desk(DeskCommand::Erase(request)).await.unwrap();
        ruian.holds(*leg, MessageType::EraseNotice).await;
        kunming.holds(*leg, MessageType::EraseConfirm).await;
    }
    // The others nobody asks for: their thirty days are over, and the 72 hours of all of them.
    assert!(kunming.count("SELECT COUNT(*) FROM section_data").await > 0);
    for (_, leg, _) in kept {
        assert_eq!(ruian.stage(*leg).await, Some(Stage::Returned));
    }
    towns.clock.move_on(32 * 24 * HOUR_MS);
    for town in [kunming, ruian] {
        eventually("everything to be erased", async || {
            town.count("SELECT COUNT(*) FROM section_data").await == 0
        })
        .await;
        eventually("the files to be scrubbed", async || !town.node().house().ring.is_dirty()).await;
    }
}

/// What is still to be found, in each of the ways.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Planted values in the clear.
    plain: BTreeSet<String>,
    /// Recorded ciphertexts.
    ciphertexts: usize,
    /// Recorded wrapped keys.
    wrapped: usize,
    /// Planted values that an image of before gives up.
    opened: BTreeSet<String>,
    /// Values that a restored image of before serves.
    served: i64,
}

async fn story(first: Database, erases: bool) -> (Found, usize) {
    let logs = tempfile::NamedTempFile::new().unwrap();
    let log = logs.reopen().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(std::sync::Mutex::new(log));
    // A second one in this process is refused, and reads the first one's file.
    let _ = tracing::subscriber::set_global_default(subscriber.finish());
    let mut towns = Towns::with(first, Database::Sqlite, AGREEMENT_DRAFT).await;
    let planted = plant(&towns).await;
    let mut needles = Needles::of(&towns).await;
    let mut found = Found::default();
    found.plain.extend(shown::in_packs(&towns, &planted.values, false).await);
    let first = &planted.legs[0].0;
    let disclosed = shown::in_bundle(&towns.kunming, first, &planted.values).await;
    assert!(!disclosed.is_empty(), "a search that finds nothing proves nothing");
    back_up_rings(&towns).await;
    let folder = tempfile::tempdir().unwrap();
    let before = Image::take(&mut towns, &folder.path().join("before")).await;
    if erases {
        erase(&towns, &planted).await;
        shown::says_what_went(&towns, &planted).await;
        found.plain.extend(shown::in_packs(&towns, &planted.values, true).await);
    }
    back_up_rings(&towns).await;
    let values = &planted.values;
    let mut look = |text: Vec<Vec<u8>>, needles: &Needles| {
        for bytes in text {
            found.plain.extend(image::planted_in(&bytes, values));
            found.ciphertexts += needles.ciphertexts_in(&bytes);
            found.wrapped += needles.wrapped_in(&bytes);
        }
    };
    look(image::everything(&towns).await, &needles);
    look(vec![std::fs::read(logs.path()).unwrap()], &needles);
    let after = Image::take(&mut towns, &folder.path().join("after")).await;
    look(after.bytes(), &needles);
    let opened = before.opened(&towns, values, erases).await;
    before.restore(&mut towns).await;
    found.opened = opened;
    for town in [&towns.kunming, &towns.ruian] {
        found.served += town.count("SELECT COUNT(*) FROM section_data").await;
        eventually("the files to be scrubbed", async || !town.node().house().ring.is_dirty()).await;
    }
    let mut look = |text: Vec<Vec<u8>>, needles: &Needles| {
        for bytes in text {
            found.plain.extend(image::planted_in(&bytes, values));
            found.ciphertexts += needles.ciphertexts_in(&bytes);
            found.wrapped += needles.wrapped_in(&bytes);
        }
    };
    look(image::everything(&towns).await, &needles);
    needles.clear();
    towns.stop().await;
    (found, planted.values.len())
}

async fn back_up_rings(towns: &Towns) {
    for town in [&towns.kunming, &towns.ruian] {
        back_up(town).await;
    }
}

async fn back_up(town: &Town) {
    let house = town.node().house();
    let now_ms = house.world.clock.now_unix_ms();
    house.ring.back_up(&house.keys, house.world.entropy.as_ref(), now_ms).await.unwrap();
}

async fn fifty_values(first: Database) {
    let (found, _) = story(first, true).await;
    assert_eq!(found, Found::default());
}

/// The same search, where nothing was erased: it finds what there is.
async fn fifty_values_without_erasing(first: Database) {
    let (found, planted) = story(first, false).await;
    assert!(found.plain.is_empty(), "in the clear: {:?}", found.plain);
    assert!(found.ciphertexts > 100 && found.wrapped > 100, "{found:?}");
    assert_eq!(found.opened.len(), planted, "the image opens");
    assert!(found.served > 100, "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_planted_values_are_gone_everywhere() {
    fifty_values(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_erasure_all_fifty_are_found() {
    fifty_values_without_erasing(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_planted_values_are_gone_everywhere_on_postgres() {
    fifty_values(TestPg::create("erased").await.unwrap().database()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_erasure_all_fifty_are_found_on_postgres() {
    fifty_values_without_erasing(TestPg::create("kept").await.unwrap().database()).await;
}

#[test]
fn the_search_finds_what_is_there_in_every_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let value = "买买提·试验甲".to_owned();
    let wide: Vec<u8> = value.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let little: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for spelt in [value.clone().into_bytes(), wide, little, hex::encode(&value).into_bytes()] {
        let file = folder.path().join("x");
        std::fs::write(&file, [b"abc".as_slice(), &spelt, b"def"].concat()).unwrap();
        let all = image::files(Path::new(folder.path()));
        let found: BTreeSet<String> = all
            .iter()
            .flat_map(|bytes| image::planted_in(bytes, std::slice::from_ref(&value)))
            .collect();
        assert_eq!(found.len(), 1);
    }
    let phone = vec!["19900010007".to_owned()];
    for spelt in [
        "1990001 0007",
        "1-990-001-0007",
        "\u{ff11}\u{ff19}\u{ff19}\u{ff10}\u{ff10}\u{ff10}\u{ff11}\u{ff10}\u{ff10}\u{ff10}\u{ff17}",
    ] {
        assert_eq!(image::planted_in(spelt.as_bytes(), &phone).len(), 1, "{spelt}");
    }
}
