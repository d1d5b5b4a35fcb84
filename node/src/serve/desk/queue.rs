//! One queue for a desk: what waits, by due date.

use super::cases::check_stage;
use super::legs::Scene;
use super::{Answer, DeskDoor};
use crate::config::DeskRole;
use crate::legs::{AWAITING, stage_word};
use crate::rota;
use crate::serve::access::Caller;
use crate::store::desk_queue::{self, Cursor, Filter, Order};
use crate::store::legs::load;
use crate::trouble::Denied;
use jieli_proto::day::Day;
use jieli_proto::wire;

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 1_000;
/// Legs read at once.
const ROWS_AT_ONCE: u32 = 200;
/// Legs looked through for one page of a list that is filtered by stage.
const SCANNED_MAX: u32 = 5_000;
/// Days after today that belong to a week.
const WEEK: i64 = 6;

/// The days that a word means.
fn due_range(word: &str, today: Day) -> Result<Option<(Day, Day)>, Denied> {
    let long_ago = Day::from_epoch_days(0);
    match word {
        "" => Ok(None),
        "overdue" => Ok(Some((long_ago, today.plus(-1)))),
        "today" => Ok(Some((today, today))),
        "week" => Ok(Some((today, today.plus(WEEK)))),
        _ => Err(Denied::new(
            "BAD_OPTION",
            "选项 --due：只能是 overdue（逾期）、today（今天）或 week（七天内）。",
            "Option --due: it is overdue, today or week.",
        )),
    }
}

/// The same, and before a day.
fn due_before(range: Option<(Day, Day)>, day: u32) -> Result<Option<(Day, Day)>, Denied> {
    if day == 0 {
        return Ok(range);
    }
    let before = Day::from_number(day).ok_or_else(|| {
        Denied::new(
            "BAD_OPTION",
            format!("选项 due_before：没有 {day} 这一天。"),
            format!("Option due_before: there is no day {day}."),
        )
    })?;
    let (from, to) = range.unwrap_or((Day::from_epoch_days(0), before));
    Ok(Some((from, to.min(before.plus(-1)))))
}

impl DeskDoor {
    pub(super) async fn case_list(
        &self,
        caller: &Caller,
        request: &wire::ListCasesRequest,
    ) -> Answer<wire::CaseList> {
        let stage = request.stage.trim().to_uppercase();
        check_stage(&stage)?;
        let most = if request.most == 0 { PAGE_DEFAULT } else { request.most.min(PAGE_MAX) };
        let mut after = Cursor::parse(request.after.trim()).ok_or_else(bad_page)?;
        let published = self.hand.published();
        let eyes = self.eyes(caller, &published.directory);
        let today = self.house.calendar().day_of_unix_ms(eyes.now_ms);
        let every = eyes.coordinates || caller.role == DeskRole::Compliance;
        let filter = Filter {
            office: caller.actor.office.clone(),
            every,
            due: due_before(due_range(request.due.trim(), today)?, request.due_before)?,
            order: if request.latest_first { Order::LatestFirst } else { Order::EarliestFirst },
            service: request.service,
            handler: if request.mine { caller.actor.token.clone() } else { String::new() },
            today,
        };
        let mut conn = self.store.read().await?;
        let [overdue, due_today, ours, theirs] =
            desk_queue::counts(&mut conn, &filter.office, every, today).await?;
        let mut list = wire::CaseList {
            awaiting: super::cases::awaiting(&mut conn, &eyes).await?,
            counts: Some(wire::QueueCounts { overdue, due_today, ours, theirs }),
            today: today.number(),
            ..wire::CaseList::default()
        };
        let names = rota::work_of(&mut conn, &caller.actor.token, today).await?;
        let (mut scanned, mut shown) = (0, 0);
        while scanned < SCANNED_MAX {
            let page = desk_queue::page(&mut conn, &filter, &after, ROWS_AT_ONCE).await?;
            let is_last = (page.len() as u32) < ROWS_AT_ONCE;
            for queued in page {
                scanned += 1;
                after = queued.at;
                let found = load(&mut conn, queued.leg, &self.house.shelf()).await?;
                let found = found.map(|file| eyes.view(&file));
                let Some(file) = found.filter(|file| eyes.see(file)) else { continue };
                let word = stage_word(&file);
                if word == AWAITING || !(stage.is_empty() || word == stage) {
                    continue;
                }
                let mut scene = Scene::new(&mut conn, &self.house, &published);
                let leg = scene.leg_line(&file).await?;
                if request.to_take && !waits_for(&leg, &names) {
                    continue;
                }
                // Legs of one case that are due together stand together.
                match list.cases.last_mut() {
                    Some(line) if line.case_number == queued.case.number => line.legs.push(leg),
                    Some(_) | None => {
                        let mut line = super::cases::case_line(&queued.case);
                        line.legs.push(leg);
                        list.cases.push(line);
                    }
                }
                shown += 1;
                if shown >= most {
                    list.next = after.text();
                    return Ok(list);
                }
            }
            if is_last {
                return Ok(list);
            }
        }
        list.next = after.text();
        Ok(list)
    }
}

/// Whether one of these tokens is to take a leg over, or may because nobody has it.
fn waits_for(leg: &wire::LegLine, names: &[String]) -> bool {
    leg.desk.as_ref().is_some_and(|desk| desk.needs_taker || names.contains(&desk.handed_to))
}

fn bad_page() -> Denied {
    Denied::new(
        "BAD_OPTION",
        "选项 --after：请用上一页给出的值。",
        "Option --after: use the value that the page before gave.",
    )
}
