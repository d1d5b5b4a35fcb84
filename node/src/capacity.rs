//! Capacity: what an office announces, and how much of it is left. The figure is the office's own
//! word; what is held, used and kept is counted from the legs each time somebody asks.

use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::{LegFile, msg_id};
use crate::store::StoreError;
use crate::trouble::{Denied, Outcome, Trouble};
use crate::vault::Place;
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::section::{self, SectionKind, Value};
use jieli_proto::wire::{self, CapacityState, MessageType, Service};
use jieli_proto::words;
use prost::Message as _;

mod cut;
mod district;
mod figure;
mod kept;
mod peers;
mod rules;

use cut::CUT;
pub use cut::Cut;
use figure::Offered;
pub use figure::{Count, Figure, Legs, figure_for, figures, line};
pub use peers::heard;
pub use rules::rules;

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
        let own = self.directory.own_office(&actor.office);
        if own.is_some_and(|office| office.kind() == kind) {
            return Ok(actor.office.clone());
        }
        let of_kind = self.directory.own_office_of_kind(kind);
        let found = of_kind.filter(|_| self.directory.coordinates(&actor.office));
        found.map(|office| office.credit_code.clone()).ok_or_else(|| {
            Trouble::Denied(Denied::new(
                "NOT_YOUR_SERVICE",
                "在生效的协议和 jieli.toml 的 [[office]] 中，本机构都不是办理该服务的机构，不能公布其名额或\
                 订立规则；请由主管机构或综合窗口办理。",
                "Neither an agreement in force nor [[office]] of jieli.toml names this office as the \
                 one that handles that service: the office that does, or the coordination window, \
                 announces places and rules.",
            ))
        })
    }

    /// As [`Batch::taken`]; the next count need not look again at legs that can take no place any
    /// more.
    async fn counted(
        &mut self,
        office: &str,
        cut: &Cut,
        wants: Option<&Offered>,
    ) -> Result<(Vec<Figure>, Count), StoreError> {
        let (known, count, over) = self.taken(office, cut, wants).await?;
        for leg in over {
            let sql = "DELETE FROM leg_cut WHERE leg_id = $1";
            self.conn.run(sql, vec![leg.to_vec().into()]).await?;
        }
        Ok((known, count))
    }

    /// The figures of an office for a service, what is taken of the one for a cut, and legs that can
    /// take no place any more. Reads only: it stands behind the steps that a desk is offered.
    async fn taken(
        &mut self,
        office: &str,
        cut: &Cut,
        wants: Option<&Offered>,
    ) -> Result<(Vec<Figure>, Count, Vec<LegId>), StoreError> {
        let known = figures(self.conn, self.directory.city.as_str(), office, cut.service).await?;
        let Some(figure) = figure_for(&known, cut) else {
            return Ok((known, Count::default(), Vec::new()));
        };
        let mut legs = Legs {
            conn: &mut *self.conn,
            changed: &self.legs,
            over: Vec::new(),
            shelf: &self.directory.shelf,
            today: self.today,
        };
        let count = legs.count_for(&known, figure, wants).await?;
        let over = legs.over;
        Ok((known, count, over))
    }

    /// No desk gives away what is announced as taken or kept for somebody: where an office counts
    /// its places, an ACCEPT needs one.
    pub(crate) async fn place_is_left(&mut self, file: &LegFile) -> Outcome<()> {
        let Some(offered) = self.offered(file.id).await? else { return Ok(()) };
        let taken = self.taken(&file.our_office, &offered.cut, Some(&offered)).await?;
        let (known, count, _) = taken;
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
