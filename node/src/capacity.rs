//! Capacity: what an office announces, and how much of it is left. The figure is the office's own
//! word; what is held, used and kept is counted from the legs each time somebody asks.

use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::{LegFile, msg_id};
use crate::store::{self, Conn, Row, StoreError, Val};
use crate::trouble::{Denied, Outcome, Trouble};
use crate::vault::Place;
use jieli_proto::calendar::Calendar;
use jieli_proto::case::{Slot, Stage};
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::section::{self, SectionKind, Value};
use jieli_proto::wire::{self, CapacityState, MessageType, Service};
use jieli_proto::words;
use prost::Message as _;
use std::collections::BTreeMap;

mod kept;
mod peers;
mod rules;

pub use peers::heard;
pub use rules::rules;

/// A class of places that is announced and counted by itself: an own column each, so that nothing
/// but what an OFFER says can ever be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The service.
    pub service: Service,
    /// School stage; 0 for other services.
    pub stage: u32,
    /// Kind of home; 0 for other services.
    pub home_kind: u32,
    /// District; empty for the whole city.
    pub district: String,
    /// Vacancy reference; empty for other services.
    pub reference: String,
}

/// The columns of a cut, in the order of [`Cut::vals`].
const CUT: &str = "service, stage, home_kind, district, reference";

impl Cut {
    /// The cut an OFFER falls into, from the values of its section. `None` for a service that is
    /// not announced, or where the section is not there.
    pub fn of_offer(service: Service, values: &[(u32, Value)]) -> Option<Cut> {
        let text = |field: u32| match values.iter().find(|(number, _)| *number == field) {
            Some((_, Value::Text(text))) => text.trim().to_owned(),
            Some((_, Value::Number(_) | Value::Flag(_))) | None => String::new(),
        };
        let code = match values.iter().find(|(number, _)| *number == 1) {
            Some((_, Value::Number(code))) => *code as u32,
            Some((_, Value::Text(_) | Value::Flag(_))) | None => 0,
        };
        let cut = match service {
            Service::Employment => Cut { reference: text(1), ..Cut::whole(service) },
            Service::Schooling => Cut { stage: code, district: text(5), ..Cut::whole(service) },
            Service::Housing => Cut { home_kind: code, district: text(4), ..Cut::whole(service) },
            Service::Unspecified
            | Service::SchoolRecord
            | Service::Insurance
            | Service::FundTransfer => return None,
        };
        (code > 0 || !cut.reference.is_empty()).then_some(cut)
    }

    /// As a desk names it, checked: exactly the code that belongs to the service.
    pub fn read(found: Option<&wire::Cut>) -> Outcome<Cut> {
        let found = found.cloned().unwrap_or_default();
        let service = found.service();
        let cut = Cut {
            service,
            stage: found.stage,
            home_kind: found.home_kind,
            district: found.district.trim().to_owned(),
            reference: found.reference.trim().to_owned(),
        };
        let known = |section: u8, code: u32| words::code(section, 1, u64::from(code)).is_some();
        let fits = match service {
            Service::Employment => {
                let none = cut.stage == 0 && cut.home_kind == 0 && cut.district.is_empty();
                none && !cut.reference.is_empty()
            }
            Service::Schooling => {
                known(2, cut.stage) && cut.home_kind == 0 && cut.reference.is_empty()
            }
            Service::Housing => {
                known(3, cut.home_kind) && cut.stage == 0 && cut.reference.is_empty()
            }
            Service::Unspecified
            | Service::SchoolRecord
            | Service::Insurance
            | Service::FundTransfer => false,
        };
        let is_line = |text: &str| text.len() <= 64 && !text.chars().any(char::is_control);
        if fits && is_line(&cut.district) && is_line(&cut.reference) {
            return Ok(cut);
        }
        Err(Denied::new(
            "BAD_CUT",
            "请写明：入学用学段，住房用住房类型（都可加片区），就业用岗位编号。",
            "Name the stage of a school place or the kind of a home, each with or without a \
             district, or the reference of a vacancy.",
        )
        .into())
    }

    /// As the wire carries it to a desk.
    pub fn wire(&self) -> wire::Cut {
        wire::Cut {
            service: self.service.into(),
            stage: self.stage,
            home_kind: self.home_kind,
            district: self.district.clone(),
            reference: self.reference.clone(),
        }
    }

    /// Everything of a service.
    fn whole(service: Service) -> Cut {
        Cut { service, stage: 0, home_kind: 0, district: String::new(), reference: String::new() }
    }

    /// Whether a place for the other is a place of this cut.
    fn holds(&self, other: &Cut) -> bool {
        let district = self.district.is_empty() || self.district == other.district;
        district && *self == Cut { district: self.district.clone(), ..other.clone() }
    }

    fn vals(&self) -> Vec<Val> {
        vec![
            i64::from(self.service as i32).into(),
            self.stage.into(),
            self.home_kind.into(),
            self.district.as_str().into(),
            self.reference.as_str().into(),
        ]
    }

    /// From the columns of [`CUT`], the first at `at`.
    fn of_row(row: &Row, at: usize) -> Result<Cut, StoreError> {
        let service = Service::try_from(row.int(at)? as i32);
        Ok(Cut {
            service: service.map_err(|_| StoreError::Corrupt("service"))?,
            stage: row.int(at + 1)? as u32,
            home_kind: row.int(at + 2)? as u32,
            district: row.text(at + 3)?,
            reference: row.text(at + 4)?,
        })
    }
}

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
    leg: LegId,
    cut: Cut,
    supersedes: Option<LegId>,
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
    pub calendar: &'a Calendar,
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
    async fn count_for(
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
            None => store::legs::load(self.conn, id, self.calendar).await,
        }
    }

    /// The date of a leg's OUTCOME, `yyyymmdd`.
    fn used_on(&self, file: &LegFile) -> u32 {
        let outcome = file.latest(MessageType::Outcome).and_then(|entry| entry.message.as_ref());
        let header = outcome.and_then(|message| message.header.as_ref());
        header.map_or(0, |header| self.calendar.day_of_unix_ms(header.created_unix_ms).number())
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

impl Batch<'_> {
    /// Announces a figure, or a word without one, for a cut.
    pub(crate) async fn set_capacity(
        &mut self,
        actor: &Actor,
        asked: &wire::SetCapacityRequest,
    ) -> Outcome<wire::CapacityLine> {
        let cut = Cut::read(asked.cut.as_ref())?;
        if cut.service == Service::Employment {
            return Err(Denied::new(
                "BY_VACANCY",
                "就业名额随岗位登记，请用 jieli vacancy change 修改岗位数。",
                "Posts are announced with their vacancy: use `jieli vacancy change`.",
            )
            .into());
        }
        let office = self.office_for(actor, cut.service)?;
        let known = figures(self.conn, self.directory.city.as_str(), &office, cut.service).await?;
        let before = known.iter().find(|figure| figure.cut == cut).map(|figure| figure.counts_from);
        let from = Day::from_number(asked.counts_from).map(Day::number).or(before);
        let figure = Figure {
            office,
            state: match asked.state() {
                CapacityState::Unspecified => CapacityState::Has,
                CapacityState::Has
                | CapacityState::None
                | CapacityState::Waitlist
                | CapacityState::AssessFirst => asked.state(),
            },
            places: asked.places,
            wait_days: asked.wait_days,
            counts_from: from.unwrap_or(self.today.number()),
            as_of: self.today.number(),
            valid_until: asked.valid_until,
            cut,
        };
        check(&figure, self.today)?;
        self.keep_figure(&figure).await?;
        let told = format!("{} {} {:?}", actor.token, figure.office, figure.cut);
        self.record("capacity set", told.as_bytes());
        let (known, count) = self.counted(&figure.office, &figure.cut, None).await?;
        let figure = figure_for(&known, &figure.cut).unwrap_or(&figure);
        Ok(line(figure, count, self.today))
    }

    async fn keep_figure(&mut self, figure: &Figure) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO capacity (office, service, stage, home_kind, district, state, \
                 places, wait_days, counts_from, as_of, valid_until) \
                 VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11) \
                 ON CONFLICT (office, service, stage, home_kind, district) DO UPDATE SET \
                 state = excluded.state, places = excluded.places, \
                 wait_days = excluded.wait_days, counts_from = excluded.counts_from, \
                 as_of = excluded.as_of, valid_until = excluded.valid_until",
                vec![
                    figure.office.as_str().into(),
                    i64::from(figure.cut.service as i32).into(),
                    figure.cut.stage.into(),
                    figure.cut.home_kind.into(),
                    figure.cut.district.as_str().into(),
                    i64::from(figure.state as i32).into(),
                    figure.places.into(),
                    figure.wait_days.into(),
                    figure.counts_from.into(),
                    figure.as_of.into(),
                    figure.valid_until.into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// The office a clerk speaks for: the own one where it handles the service; the coordination
    /// window for the one that does.
    fn office_for(&self, actor: &Actor, service: Service) -> Outcome<String> {
        let kind = words::kind_of_service(service);
        let ours = || {
            let bonds = self.directory.bonds.values();
            bonds.filter_map(|bond| Some((bond.our_side, bond.in_force()?)))
        };
        let handles = ours().any(|(side, agreement)| {
            agreement.office(side, &actor.office).is_some_and(|office| office.kind() == kind)
        });
        if handles {
            return Ok(actor.office.clone());
        }
        let of_kind = ours().find_map(|(side, agreement)| agreement.office_of_kind(side, kind));
        let found = of_kind.filter(|_| self.directory.coordinates(&actor.office));
        found.map(|office| office.credit_code.clone()).ok_or_else(|| {
            Trouble::Denied(Denied::new(
                "NOT_YOUR_SERVICE",
                "在生效的协议中，本机构不是办理该服务的机构，不能公布其名额或订立规则；请由主管机构或\
                 综合窗口办理。",
                "No agreement in force names this office as the one that handles that service: \
                 the office that does, or the coordination window, announces places and rules.",
            ))
        })
    }

    /// The figures of an office for a service, and what is taken of the one for a cut.
    async fn counted(
        &mut self,
        office: &str,
        cut: &Cut,
        wants: Option<&Offered>,
    ) -> Result<(Vec<Figure>, Count), StoreError> {
        let known = figures(self.conn, self.directory.city.as_str(), office, cut.service).await?;
        let Some(figure) = figure_for(&known, cut) else { return Ok((known, Count::default())) };
        let mut legs = Legs {
            conn: &mut *self.conn,
            changed: &self.legs,
            over: Vec::new(),
            calendar: &self.house.calendar,
            today: self.today,
        };
        let count = legs.count_for(&known, figure, wants).await?;
        for leg in legs.over {
            // The next count need not look at it again.
            let sql = "DELETE FROM leg_cut WHERE leg_id = $1";
            self.conn.run(sql, vec![leg.to_vec().into()]).await?;
        }
        Ok((known, count))
    }

    /// No desk gives away what is announced as taken or kept for somebody: where an office counts
    /// its places, an ACCEPT needs one.
    pub(crate) async fn place_is_left(&mut self, file: &LegFile) -> Outcome<()> {
        let Some(offered) = self.offered(file.id).await? else { return Ok(()) };
        let (known, count) = self.counted(&file.our_office, &offered.cut, Some(&offered)).await?;
        let figure = figure_for(&known, &offered.cut);
        match figure.filter(|figure| figure.is_counted(self.today)) {
            Some(figure) if figure.left(count) == 0 => {
                let (Count { held, used, kept }, places) = (count, figure.places);
                Err(Denied::new(
                    "NO_PLACE_LEFT",
                    format!(
                        "公布的 {places} 个名额已用完：已留 {held}，已用 {used}，撤回后保留 \
                         {kept}。确有名额请先修改公布数，再同意接收。"
                    ),
                    format!(
                        "All {places} announced places are taken: {held} held, {used} used, \
                         {kept} kept after a withdrawal. Where there are more, announce the new \
                         figure first."
                    ),
                )
                .into())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What an OFFER says beside the person: the values of its one section.
    pub(crate) async fn offer_values(
        &mut self,
        file: &LegFile,
    ) -> Result<Vec<(u32, Value)>, StoreError> {
        let offer = file.latest(MessageType::Offer).and_then(|entry| entry.message.as_ref());
        let slot = section::slots(MessageType::Offer, file.service).first().copied();
        let (Some(msg), Some(SectionKind { number, .. })) = (offer.and_then(msg_id), slot) else {
            return Ok(Vec::new());
        };
        let place = Place { leg: file.id, slot: *number, msg };
        let Some(bytes) = self.reveal(file, &place).await? else { return Ok(Vec::new()) };
        let values = wire::Section::decode(bytes.as_slice()).ok().and_then(|found| {
            let digest = section::digest_of(&msg, &found).ok()?;
            section::open(&msg, &found, &digest).ok()
        });
        Ok(values.unwrap_or_default())
    }

    async fn offered(&mut self, leg: LegId) -> Result<Option<Offered>, StoreError> {
        let sql = format!("SELECT {CUT}, supersedes FROM leg_cut WHERE leg_id = $1");
        let row = self.conn.maybe(sqlx::AssertSqlSafe(sql), vec![leg.to_vec().into()]).await?;
        let Some(row) = row else { return Ok(None) };
        let supersedes = LegId::from_slice(&row.bytes(5)?);
        Ok(Some(Offered { leg, cut: Cut::of_row(&row, 0)?, supersedes }))
    }
}

fn check(figure: &Figure, today: Day) -> Outcome<()> {
    let waits = figure.state == CapacityState::Waitlist;
    let bad = |zh: &str, en: &str| Err(Denied::new("BAD_FIGURE", zh, en).into());
    if Day::from_number(figure.valid_until).is_none_or(|until| until < today) {
        return bad("有效期须是今天或以后的日期。", "It is valid until a day that has not passed.");
    }
    if figure.state != CapacityState::Has && figure.places > 0 {
        return bad("只有“有名额”才写名额数。", "A figure goes with “has” only.");
    }
    if waits && figure.wait_days == 0 {
        return bad("轮候须写预计天数。", "A waiting list needs an estimate in days.");
    }
    Ok(())
}
