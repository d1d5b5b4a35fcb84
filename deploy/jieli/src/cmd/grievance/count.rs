//! Counts a body's own records, and leaves out what could give anybody away before anything is told.

use super::super::Fail;
use super::super::dial::At;
use super::key::Keys;
use super::listed;
use super::show::answer_by;
use crate::ambient::SystemClock;
use jieli_node::world::Clock as _;
use jieli_proto::day::Day;
use jieli_proto::sealed::figure;
use jieli_proto::wire::{self, CallBackWord, GrievanceKind};
use std::collections::BTreeMap;

/// The zone of the days, minutes east of UTC.
const ZONE_MIN: i32 = 480;

/// What a call-back asks about, in the words of a grievance.
const ASKED: [GrievanceKind; 4] = [
    GrievanceKind::FeeTaken,
    GrievanceKind::IdWithheld,
    GrievanceKind::NotByMyChoice,
    GrievanceKind::TermsDiffer,
];

/// The grievances of a month by kind, and how many of those with a clock were answered late.
pub(super) async fn month(at: &At, keys: &Keys, month: u32) -> Result<wire::FiguresRequest, Fail> {
    let ask = wire::ListSealedRequest { month, ..wire::ListSealedRequest::default() };
    let found = listed(at, ask).await?;
    let today = Day::of_unix_ms(SystemClock.now_unix_ms(), ZONE_MIN).number();
    let (mut kinds, mut late) = (BTreeMap::new(), 0);
    for line in &found.records {
        let kind = keys.open(line)?.kind();
        *kinds.entry(i32::from(kind)).or_insert(0) += 1;
        let answered_on = line.answers.first().map_or(today, |first| first.on);
        late += u32::from(answer_by(line, kind).is_some_and(|by| answered_on > by));
    }
    kinds.remove(&i32::from(GrievanceKind::Unspecified));
    let lines = lines(kinds, found.records.len());
    Ok(wire::FiguresRequest { month, call_back: String::new(), lines, late })
}

/// What was said against it in a call-back.
pub(super) async fn call_back(
    at: &At,
    keys: &Keys,
    call_back: String,
) -> Result<wire::FiguresRequest, Fail> {
    let ask = wire::ListSealedRequest { call_back: call_back.clone(), ..Default::default() };
    let found = listed(at, ask).await?;
    let mut kinds: BTreeMap<i32, u32> = ASKED.map(|kind| (i32::from(kind), 0)).into();
    for line in &found.records {
        let said = keys.open(line)?.call_back.unwrap_or_default();
        let against = [
            said.money_taken() == CallBackWord::Yes,
            said.document_kept() == CallBackWord::Yes,
            said.own_choice() == CallBackWord::No,
            said.terms_as_told() == CallBackWord::No,
        ];
        for (kind, is_said) in ASKED.into_iter().zip(against) {
            *kinds.entry(i32::from(kind)).or_insert(0) += u32::from(is_said);
        }
    }
    let lines = lines(kinds, found.records.len());
    Ok(wire::FiguresRequest { month: 0, call_back, lines, late: 0 })
}

fn lines(kinds: BTreeMap<i32, u32>, total: usize) -> Vec<wire::FigureLine> {
    let total = u32::try_from(total).unwrap_or(u32::MAX);
    let line = |(kind, count)| {
        let (count, or_more) = figure(count, total);
        wire::FigureLine { kind, count, or_more }
    };
    kinds.into_iter().map(line).collect()
}
