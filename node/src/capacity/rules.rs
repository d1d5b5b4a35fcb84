//! Rules that accept against announced capacity: one OFFER at a time, by the node, with the same
//! messages a desk would send. A rule never declines; what it does not accept waits for the desk.

use super::{CUT, Cut, figure_for, figures};
use crate::acts::SLOT_DAYS_MIN;
use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::LegFile;
use crate::store::{Conn, StoreError, Val};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use jieli_proto::case::{Side, Stage};
use jieli_proto::wire;

/// Working days a slot given by a rule is held at most. At least as many as for a job: time to read,
/// for everybody.
const SLOT_DAYS_MAX: u32 = 60;

impl Batch<'_> {
    /// Makes a rule of an office.
    pub(crate) async fn add_rule(
        &mut self,
        actor: &Actor,
        asked: &wire::AcceptRule,
    ) -> Outcome<wire::AcceptRule> {
        let cut = Cut::read(asked.cut.as_ref())?;
        let office = self.office_for(actor, cut.service)?;
        if !(SLOT_DAYS_MIN..=SLOT_DAYS_MAX).contains(&asked.slot_days) {
            return Err(Denied::new(
                "BAD_SLOT",
                format!("名额须保留 {SLOT_DAYS_MIN} 至 {SLOT_DAYS_MAX} 个工作日。"),
                format!("A slot is held {SLOT_DAYS_MIN} to {SLOT_DAYS_MAX} working days."),
            )
            .into());
        }
        let known = figures(self.conn, self.directory.city.as_str(), &office, cut.service).await?;
        if !figure_for(&known, &cut).is_some_and(|figure| figure.is_counted(self.today)) {
            return Err(Denied::new(
                "NO_FIGURE",
                "还没有公布这一类的名额数，规则无从依据。请先用 jieli capacity set 或 \
                 jieli vacancy add 公布。",
                "No figure is announced for these places, so there is nothing to accept against: \
                 announce one first with `jieli capacity set` or `jieli vacancy add`.",
            )
            .into());
        }
        let row = self
            .conn
            .one("SELECT CAST(COALESCE(MAX(number), 0) AS BIGINT) FROM accept_rule", Vec::new())
            .await?;
        let rule = wire::AcceptRule {
            number: row.int(0)? as u32 + 1,
            office,
            cut: Some(cut.wire()),
            slot_days: asked.slot_days,
            made_unix_ms: self.now_ms,
        };
        let mut vals: Vec<Val> = cut.vals();
        vals.extend([
            rule.number.into(),
            rule.office.as_str().into(),
            rule.slot_days.into(),
            self.now_ms.into(),
        ]);
        let sql = format!(
            "INSERT INTO accept_rule ({CUT}, number, office, slot_days, made_ms, removed_ms) \
             VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,0)"
        );
        self.conn.run(sqlx::AssertSqlSafe(sql), vals).await?;
        self.record("rule made", format!("{} {}", actor.token, rule.number).as_bytes());
        Ok(rule)
    }

    /// Ends a rule; what it accepted stays accepted.
    pub(crate) async fn remove_rule(&mut self, actor: &Actor, number: u32) -> Outcome<()> {
        let all = rules(self.conn).await?;
        let coordinates = self.directory.coordinates(&actor.office);
        let theirs = |rule: &&wire::AcceptRule| coordinates || rule.office == actor.office.as_str();
        if !all.iter().filter(theirs).any(|rule| rule.number == number) {
            return Err(Denied::not_found(&number.to_string()).into());
        }
        self.conn
            .run(
                "UPDATE accept_rule SET removed_ms = $2 WHERE number = $1",
                vec![number.into(), self.now_ms.into()],
            )
            .await?;
        self.record("rule removed", format!("{} {number}", actor.token).as_bytes());
        Ok(())
    }

    /// Whether a rule, or a district, is to look at an OFFER that has just come: in a transaction of
    /// its own.
    pub(super) async fn look_for_rule(
        &mut self,
        file: &LegFile,
        cut: &Cut,
    ) -> Result<(), StoreError> {
        let bond = self.bond_of(file);
        let elsewhere =
            bond.is_some_and(|bond| self.office_of_district(&bond, file, cut).is_some());
        if elsewhere || self.rule_for(file, cut).await?.is_some() {
            self.timer(self.now_ms, TimerKind::AcceptByRule, &file.id.0).await?;
        }
        Ok(())
    }

    /// TAKE UP and ACCEPT of one OFFER, if a rule says so and an announced place is left.
    pub(crate) async fn accept_by_rule(&mut self, file: &mut LegFile) -> Outcome<()> {
        let state = file.law.state();
        if file.our_side != Side::Examiner || state.stage != Stage::Offered || state.is_closed() {
            return Ok(());
        }
        let Some(offered) = self.offered(file.id).await? else { return Ok(()) };
        let bond = self.bond_of(file);
        let bond = bond.ok_or_else(|| Denied::not_found("agreement"))?;
        if self.hand_to_district(&bond, file, &offered.cut).await? {
            return Ok(());
        }
        let Some(rule) = self.rule_for(file, &offered.cut).await? else { return Ok(()) };
        let (known, count) = self.counted(&file.our_office, &offered.cut, Some(&offered)).await?;
        let figure = figure_for(&known, &offered.cut);
        let left = figure
            .filter(|figure| figure.is_counted(self.today))
            .is_some_and(|figure| figure.left(count) > 0);
        if !left {
            // It waits for the desk.
            return Ok(());
        }
        let taken = self.take_up(&bond, file).await?;
        self.say(file, taken).await?;
        let calendar = self.calendar_of(&bond, file.our_side, Side::Initiator)?;
        let slot = calendar.add_working_days(calendar.day_of_unix_ms(self.now_ms), rule.slot_days);
        let accept = wire::DeskAccept { slot_until: slot.number(), ..wire::DeskAccept::default() };
        let accepted = self.accept(&bond, file, &accept).await?;
        self.say(file, accepted).await?;
        let told = format!("rule {} leg {}", rule.number, file.id.hex());
        self.record("accepted by rule", told.as_bytes());
        Ok(())
    }

    async fn rule_for(
        &mut self,
        file: &LegFile,
        cut: &Cut,
    ) -> Result<Option<wire::AcceptRule>, StoreError> {
        let fits = |rule: &wire::AcceptRule| {
            let of = rule.cut.as_ref().and_then(|found| Cut::read(Some(found)).ok());
            rule.office == file.our_office && of.is_some_and(|of| of.holds(cut))
        };
        Ok(rules(self.conn).await?.into_iter().find(|rule| fits(rule)))
    }
}

/// The rules in force, by number.
pub async fn rules(conn: &mut Conn) -> Result<Vec<wire::AcceptRule>, StoreError> {
    let sql = format!(
        "SELECT {CUT}, number, office, slot_days, made_ms FROM accept_rule \
         WHERE removed_ms = 0 ORDER BY number"
    );
    let mut all = Vec::new();
    for row in conn.rows(sqlx::AssertSqlSafe(sql), Vec::new()).await? {
        all.push(wire::AcceptRule {
            cut: Some(Cut::of_row(&row, 0)?.wire()),
            number: row.int(5)? as u32,
            office: row.text(6)?,
            slot_days: row.int(7)? as u32,
            made_unix_ms: row.uint(8)?,
        });
    }
    Ok(all)
}
