//! How many places: the figure an office announces, and what the legs take of it.

use super::cut::{CUT, Cut};
use crate::legs::LegFile;
use crate::shelf::Shelf;
use crate::store::{self, Conn, Row, StoreError};
use jieli_proto::case::{Slot, Stage};
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::wire::{self, CapacityState, MessageType, Service};
use std::collections::BTreeMap;

/// The office's own word about a cut.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Credit code; empty for a vacancy, which is the city's.
    pub office: String,
    /// What it is about.
    pub cut: Cut,
    /// What the office says.
    pub state: CapacityState,
    /// The whole figure since `counts_from`; 0 where nothing is counted.
    pub places: u32,
    /// Estimate, in days.
    pub wait_days: u32,
    /// Results from this day on are counted, `yyyymmdd`.
    pub counts_from: u32,
    /// When it was said, `yyyymmdd`.
    pub as_of: u32,
    /// Until when it counts, `yyyymmdd`.
    pub valid_until: u32,
}

/// What is taken of a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// ACCEPT, and the slot has not lapsed.
    pub held: u32,
    /// Fulfilled.
    pub used: u32,
    /// After a WITHDRAW, for a leg that supersedes it.
    pub kept: u32,
}

impl Figure {
    /// Whether it still counts.
    pub fn is_live(&self, today: Day) -> bool {
        self.valid_until >= today.number()
    }

    /// Whether its places are counted, so that they can run out.
    pub fn is_counted(&self, today: Day) -> bool {
        self.is_live(today) && self.places > 0 && self.state == CapacityState::Has
    }

    /// Places that nobody has.
    pub fn left(&self, count: Count) -> u32 {
        self.places.saturating_sub(count.held + count.used + count.kept)
    }

    /// What a query is answered now: a state and, with a waiting list, the estimate. Never a number
    /// of places.
    pub fn answer(&self, count: Count, today: Day) -> (CapacityState, u32) {
        let state = if !self.is_live(today) {
            CapacityState::AssessFirst
        } else if !self.is_counted(today) || self.left(count) > 0 {
            self.state
        } else if self.wait_days > 0 {
            CapacityState::Waitlist
        } else {
            CapacityState::None
        };
        (state, if state == CapacityState::Waitlist { self.wait_days } else { 0 })
    }
}

/// A leg that was offered, by its cut.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    pub(super) leg: LegId,
    pub(super) cut: Cut,
    pub(super) supersedes: Option<LegId>,
}

/// The figures of an office for a service; of a job, the city's own vacancies.
pub async fn figures(
    conn: &mut Conn,
    city: &str,
    office: &str,
    service: Service,
) -> Result<Vec<Figure>, StoreError> {
    if service == Service::Employment {
        let sql = "SELECT reference, posts, valid_until FROM vacancy WHERE city = $1 \
                   ORDER BY reference";
        let rows = conn.rows(sql, vec![city.into()]).await?;
        let vacancy = |row: &Row| {
            Ok(Figure {
                office: String::new(),
                cut: Cut { reference: row.text(0)?, ..Cut::whole(service) },
                state: CapacityState::Has,
                places: row.int(1)? as u32,
                wait_days: 0,
                counts_from: 0,
                as_of: 0,
                valid_until: row.int(2)? as u32,
            })
        };
        return rows.iter().map(vacancy).collect();
    }
    let rows = conn
        .rows(
            "SELECT office, service, stage, home_kind, district, '', state, places, wait_days, \
             counts_from, as_of, valid_until FROM capacity WHERE office = $1 AND service = $2 \
             ORDER BY stage, home_kind, district",
            vec![office.into(), i64::from(service as i32).into()],
        )
        .await?;
    let figure = |row: &Row| {
        let state = CapacityState::try_from(row.int(6)? as i32);
        Ok(Figure {
            office: row.text(0)?,
            cut: Cut::of_row(row, 1)?,
            state: state.map_err(|_| StoreError::Corrupt("capacity.state"))?,
            places: row.int(7)? as u32,
            wait_days: row.int(8)? as u32,
            counts_from: row.int(9)? as u32,
            as_of: row.int(10)? as u32,
            valid_until: row.int(11)? as u32,
        })
    };
    rows.iter().map(figure).collect()
}

/// The figure a cut is counted under: the one for its district, else the one for the whole city.
pub fn figure_for<'a>(figures: &'a [Figure], cut: &Cut) -> Option<&'a Figure> {
    let fits = figures.iter().filter(|figure| figure.cut.holds(cut));
    fits.max_by_key(|figure| !figure.cut.district.is_empty())
}

/// Where legs are looked up: those of this transaction first.
#[derive(Debug)]
pub struct Legs<'a> {
    /// The store.
    pub conn: &'a mut Conn,
    /// What this transaction has changed.
    pub changed: &'a BTreeMap<LegId, LegFile>,
    /// Legs met that were closed without a result: they will never take a place.
    pub over: Vec<LegId>,
    /// For the dates of what is loaded.
    pub shelf: &'a Shelf,
    /// The date of the count.
    pub today: Day,
}

impl Legs<'_> {
    /// Counts what is taken of one of these figures.
    pub async fn count(
        &mut self,
        figures: &[Figure],
        figure: &Figure,
    ) -> Result<Count, StoreError> {
        self.count_for(figures, figure, None).await
    }

    /// The same for a leg that wants a place: neither what it holds itself is in the way, nor what
    /// is kept for it.
    pub(super) async fn count_for(
        &mut self,
        figures: &[Figure],
        figure: &Figure,
        wants: Option<&Offered>,
    ) -> Result<Count, StoreError> {
        let is_it = |cut: &Cut| figure_for(figures, cut).is_some_and(|it| it.cut == figure.cut);
        let cut = &figure.cut;
        let class = vec![
            i64::from(cut.service as i32).into(),
            cut.stage.into(),
            cut.home_kind.into(),
            cut.reference.as_str().into(),
            figure.office.as_str().into(),
        ];
        let of_class = "service = $1 AND stage = $2 AND home_kind = $3 AND reference = $4 \
                        AND (office = $5 OR $5 = '')";
        let sql = format!("SELECT {CUT}, leg_id, supersedes FROM leg_cut WHERE {of_class}");
        let rows = self.conn.rows(sqlx::AssertSqlSafe(sql), class.clone()).await?;
        let (mut count, mut superseded) = (Count::default(), Vec::new());
        for row in rows {
            let leg = LegId(row.array(5)?);
            if !is_it(&Cut::of_row(&row, 0)?) || wants.is_some_and(|wants| wants.leg == leg) {
                continue;
            }
            let Some(file) = self.leg(leg).await? else { continue };
            match file.law.state().slot {
                // Only the examiner, which is this city, could still have said otherwise.
                Slot::Free if file.law.is_closed() => {
                    self.over.push(leg);
                    continue;
                }
                Slot::Free => continue,
                Slot::Held { until } => {
                    let stands = file.law.state().stage == Stage::Released;
                    let lapsed = !stands && until.is_some_and(|until| until < self.today);
                    count.held += u32::from(!lapsed);
                }
                Slot::Used => count.used += u32::from(self.used_on(&file) >= figure.counts_from),
            }
            superseded.extend(LegId::from_slice(&row.bytes(6)?));
        }
        superseded.extend(wants.and_then(|wants| wants.supersedes));
        let sql = format!("SELECT {CUT}, leg_id, until_on FROM kept_place WHERE {of_class}");
        for row in self.conn.rows(sqlx::AssertSqlSafe(sql), class).await? {
            let (leg, until) = (LegId(row.array(5)?), row.int(6)? as u32);
            let waits = until >= self.today.number() && !superseded.contains(&leg);
            count.kept += u32::from(waits && is_it(&Cut::of_row(&row, 0)?));
        }
        Ok(count)
    }

    async fn leg(&mut self, id: LegId) -> Result<Option<LegFile>, StoreError> {
        match self.changed.get(&id) {
            Some(file) => Ok(Some(file.clone())),
            None => store::legs::load(self.conn, id, self.shelf).await,
        }
    }

    /// The date of a leg's OUTCOME, `yyyymmdd`.
    fn used_on(&self, file: &LegFile) -> u32 {
        let outcome = file.latest(MessageType::Outcome).and_then(|entry| entry.message.as_ref());
        let header = outcome.and_then(|message| message.header.as_ref());
        header.map_or(0, |header| self.shelf.home().day_of_unix_ms(header.created_unix_ms).number())
    }
}

/// A figure with its counters, as a desk sees it.
pub fn line(figure: &Figure, count: Count, today: Day) -> wire::CapacityLine {
    let (state, wait_days) = figure.answer(count, today);
    wire::CapacityLine {
        office: figure.office.clone(),
        cut: Some(figure.cut.wire()),
        state: state.into(),
        places: figure.places,
        held: count.held,
        used: count.used,
        kept: count.kept,
        wait_days,
        counts_from: figure.counts_from,
        as_of: figure.as_of,
        valid_until: figure.valid_until,
        expired: !figure.is_live(today),
    }
}
