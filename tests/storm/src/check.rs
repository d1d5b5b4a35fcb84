//! What must hold when everything works again: nothing lost, nothing twice, nothing different.

use crate::city::Report;
use crate::op::CITIES;
use crate::windows::lock;
use crate::world::{IDS, Storm};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Rounds of about ten simulated seconds and an hour of the clock after which it must be quiet.
const ROUNDS_MAX: usize = 40;

/// Every so many rounds operators help a city that went back and does not reach another.
const BY_HAND: usize = 3;

/// Heals everything, waits until nothing is on its way, and tells what is wrong.
pub(crate) fn converge(storm: &mut Storm<'_>) -> Result<Vec<String>> {
    storm.heal();
    let mut why = Vec::new();
    for round in 0..ROUNDS_MAX {
        storm.pass(Duration::from_millis(3_000))?;
        let reports = storm.reports(false)?;
        for (at, report) in reports.iter().enumerate() {
            match report {
                None => storm.start(at),
                Some(report) if report.recovering => storm.repair(at),
                Some(_) => {}
            }
        }
        why = unsettled(&reports);
        if round % BY_HAND == BY_HAND - 1 && !why.is_empty() && storm.restored.contains(&true) {
            storm.bring_manifests(&reports);
        }
        if why.is_empty() {
            let reports: Vec<_> = storm.reports(true)?.into_iter().flatten().collect();
            if reports.len() == CITIES {
                return Ok(judge(storm, &reports));
            }
            why.push("a city gave no last report".to_owned());
        }
        storm.later(60);
    }
    Ok(why.into_iter().map(|what| format!("does not come to rest: {what}")).collect())
}

/// What is still on its way.
fn unsettled(reports: &[Option<Report>]) -> Vec<String> {
    let mut why = Vec::new();
    for (at, report) in reports.iter().enumerate() {
        match report {
            None => why.push(format!("{} tells nothing", IDS[at])),
            Some(report) if report.recovering => why.push(format!("{} recovers", IDS[at])),
            Some(report) if report.outbox > 0 => {
                why.push(format!("{} has {} letters waiting", IDS[at], report.outbox));
            }
            Some(_) => {}
        }
    }
    let all: Vec<_> = reports.iter().flatten().collect();
    if why.is_empty() && !differences(&all).is_empty() {
        why.extend(differences(&all));
    }
    why
}

/// Where two cities hold other things about their agreement.
fn differences(reports: &[&Report]) -> Vec<String> {
    let mut why = Vec::new();
    for (a, one) in reports.iter().enumerate() {
        for (b, two) in reports.iter().enumerate().skip(a + 1) {
            for id in one.partners.keys().filter(|id| two.partners.contains_key(*id)) {
                let of = |report: &Report| -> BTreeMap<_, _> {
                    let all = report.lanes.iter().filter(|((of, _, _), _)| of == id);
                    all.map(|(place, digest)| (place.clone(), digest.clone())).collect()
                };
                let (first, second) = (of(one), of(two));
                for place in first.keys().chain(second.keys()) {
                    if first.get(place) != second.get(place) {
                        let (lane, seq) = (place.1, place.2);
                        why.push(format!("lane {lane} at {seq}: {} and {} differ", IDS[a], IDS[b]));
                    }
                }
            }
            for (leg, stands) in &one.legs {
                if let Some(there) = two.legs.get(leg).filter(|there| *there != stands) {
                    let leg = hex::encode(leg);
                    why.push(format!("leg {leg}: {stands} in {}, {there} in {}", IDS[a], IDS[b]));
                }
            }
        }
    }
    why.sort();
    why.dedup();
    why
}

/// What is wrong although nothing is on its way.
fn judge(storm: &Storm<'_>, reports: &[Report]) -> Vec<String> {
    let mut wrongs = Vec::new();
    let any_restored = storm.restored.iter().any(|restored| *restored);
    let mut roots: BTreeMap<(String, u64), String> = BTreeMap::new();
    let mut yes: BTreeSet<Vec<u8>> = BTreeSet::new();
    for city in &storm.cities {
        yes.extend(lock(&city.memory).yes.iter().cloned());
    }
    for (at, report) in reports.iter().enumerate() {
        let memory = lock(&storm.cities[at].memory);
        wrongs.extend(memory.wrongs.iter().cloned());
        for (place, digest) in &memory.kept {
            // What an old copy takes back, and no other city had got, is gone.
            if report.lanes.get(place) != Some(digest) && !storm.restored[at] {
                wrongs.push(format!("{} lost lane {} at {}", IDS[at], place.1, place.2));
            }
        }
        for name in memory.announced.iter().filter(|name| !report.vacancies.contains(*name)) {
            if !storm.restored[at] {
                wrongs.push(format!("{} said that {name} is announced, and lost it", IDS[at]));
            }
        }
        for ((_, name), times) in &report.announced {
            if *times > 1 {
                wrongs.push(format!("{name} is {times} times in {}", IDS[at]));
            }
        }
        for leg in &report.offered {
            if !yes.contains(leg) {
                wrongs.push(format!("leg {} was offered without a yes", hex::encode(leg)));
            }
        }
        for leg in memory.stopped.iter().filter(|leg| report.legs.contains_key(*leg)) {
            if !report.stopped.contains(leg) && !storm.restored[at] {
                wrongs.push(format!("leg {} goes on though it was stopped", hex::encode(leg)));
            }
        }
        if !any_restored {
            wrongs.extend(
                report
                    .alarms
                    .iter()
                    .filter(|alarm| !is_fair(alarm))
                    .map(|alarm| format!("{}: {alarm}", IDS[at])),
            );
        }
        wrongs.extend(report.findings.iter().map(|found| format!("{}: {found}", IDS[at])));
        for (key, root) in &memory.roots {
            let before = roots.insert(key.clone(), root.clone());
            if before.is_some_and(|before| before != *root) {
                wrongs.push(format!("{} has two roots at {}", key.0, key.1));
            }
        }
    }
    wrongs
}

/// What also happens where nothing is wrong: a letter that crossed the end of its agreement.
fn is_fair(alarm: &str) -> bool {
    alarm.starts_with("own-message-refused ")
}
