//! Two processes, one on SQLite and one on PostgreSQL, killed at random points: nothing is lost,
//! nothing is doubled, and no city ever signs two roots for one size.

#![allow(clippy::unwrap_used)]

use anyhow::Result;
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::kinds::PartySide;
use jieli_proto::note::Note;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, Terms, Vacancy};
use jieli_tests::{Pair, TestPg};
use std::collections::BTreeMap;
use std::time::Duration;

const MESSAGES: usize = 2_000;
const KILLS: usize = 30;
/// Vacancies announced with one call: as many messages in one batch.
const A_CALL: usize = 20;

/// References that the desk was told are announced, and those of calls nobody answered.
#[derive(Default)]
struct Sent {
    answered: Vec<String>,
    unanswered: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_thirty_times_on_sqlite_and_postgres_loses_and_doubles_nothing() -> Result<()> {
    let pg = TestPg::create("storm").await?;
    let mut pair = Pair::start(jieli_tests::sqlite(), pg.database()).await?;
    pair.agree().await?;
    let mut roots: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut sent = Sent::default();
    let mut number = 0_usize;
    let mut random = jieli_tests::Random::new(20_261_121);
    let mut kills = 0;
    while sent.answered.len() < MESSAGES || kills < KILLS {
        let vacancies: Vec<Vacancy> = (0..A_CALL).map(|_| vacancy(&mut number)).collect();
        let names: Vec<String> =
            vacancies.iter().filter_map(|v| Some(v.terms.as_ref()?.reference.clone())).collect();
        let call = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
        let mut desk = pair.destination().desk("clerk")?;
        let work = tokio::time::timeout(Duration::from_secs(20), desk.add_vacancies(call));
        if kills < KILLS && random.below(3) == 0 {
            // Dies somewhere inside the call, or while its letters are on the way.
            let delay = Duration::from_micros(random.below(60_000));
            let (done, killed) = tokio::join!(work, pair.kill_after(delay, random.below(2) == 0));
            killed?;
            kills += 1;
            match done {
                Ok(Ok(_)) => sent.answered.extend(names),
                Ok(Err(_)) | Err(_) => sent.unanswered.extend(names),
            }
            pair.revive().await?;
        } else {
            match work.await {
                Ok(Ok(_)) => sent.answered.extend(names),
                Ok(Err(_)) | Err(_) => sent.unanswered.extend(names),
            }
        }
        pair.note_roots(&mut roots).await?;
    }
    pair.settle().await?;
    pair.note_roots(&mut roots).await?;
    println!(
        "{kills} kills, {} messages answered, {} calls' messages unanswered, {} signed roots seen",
        sent.answered.len(),
        sent.unanswered.len(),
        roots.len()
    );
    pair.crash()?;
    for side in [PartySide::A, PartySide::B] {
        let held = pair.held(side).await?;
        held.no_gaps();
        let seen = references(&held.messages(PartySide::B));
        for name in &sent.answered {
            assert_eq!(seen.get(name), Some(&1), "{name} in the log of {side:?}");
        }
        assert!(seen.values().all(|count| *count == 1), "something is doubled");
        let known = sent.answered.len() + sent.unanswered.len();
        assert!(seen.len() <= known);
        held.every_message_is_receipted();
        // Every root anybody was ever shown is a root of the history that is there now.
        for (origin, size, note) in held.accepted_heads() {
            let note = Note::parse(note.as_bytes())?;
            let head = Checkpoint::parse(note.text())?;
            let before = roots.insert((origin.clone(), *size), hex::encode(head.root()));
            assert!(before.is_none_or(|root| root == hex::encode(head.root())), "{origin} {size}");
        }
    }
    for ((origin, size), root) in &roots {
        assert_eq!(&pair.root_at(origin, *size).await?, root, "{origin} at {size}");
    }
    assert_eq!(pair.lane_roots(PartySide::A).await?, pair.lane_roots(PartySide::B).await?);
    Ok(())
}

fn references(messages: &[wire::Message]) -> BTreeMap<String, usize> {
    let mut seen = BTreeMap::new();
    for message in messages {
        if let Some(Body::VacancyNotice(notice)) = &message.body {
            let reference = notice.terms.as_ref().map_or(String::new(), |t| t.reference.clone());
            *seen.entry(reference).or_insert(0) += 1;
        }
    }
    seen
}

fn vacancy(number: &mut usize) -> Vacancy {
    *number += 1;
    let mut terms: Terms = jieli_tests::terms();
    terms.reference = format!("V-STORM-{number:06}");
    Vacancy { city: String::new(), terms: Some(terms), posts: 3, valid_until: 20_271_231 }
}
