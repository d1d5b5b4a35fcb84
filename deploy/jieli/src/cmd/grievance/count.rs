//! Counts a body's own records, and leaves out what could give anybody away before anything is told.

use super::super::Fail;
use super::super::dial::At;
use super::key::Keys;
use super::listed;
use super::show::answer_by;
use crate::ambient::SystemClock;
use jieli_gateway::sealed::figures;
use jieli_node::world::Clock as _;
use jieli_proto::day::Day;
use jieli_proto::wire;

/// The zone of the days, minutes east of UTC.
const ZONE_MIN: i32 = 480;

/// The grievances of a month by kind, and how many of those with a clock were answered late.
pub(super) async fn month(at: &At, keys: &Keys, month: u32) -> Result<wire::FiguresRequest, Fail> {
    let ask = wire::ListSealedRequest { month, ..wire::ListSealedRequest::default() };
    let found = listed(at, ask).await?;
    let today = Day::of_unix_ms(SystemClock.now_unix_ms(), ZONE_MIN).number();
    let (mut kinds, mut late) = (Vec::new(), 0);
    for line in &found.records {
        let kind = keys.open(line)?.kind();
        kinds.push(kind);
        let answered_on = line.answers.first().map_or(today, |first| first.on);
        late += u32::from(answer_by(line, kind).is_some_and(|by| answered_on > by));
    }
    let lines = figures::by_kind(&kinds);
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
    let answers = found.records.iter();
    let answers = answers.map(|line| Ok(keys.open(line)?.call_back.unwrap_or_default()));
    let lines = figures::said_against(&answers.collect::<Result<Vec<_>, Fail>>()?);
    Ok(wire::FiguresRequest { month: 0, call_back, lines, late: 0 })
}
