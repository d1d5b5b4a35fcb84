//! An employer's narrow window: somebody released to it hands over the number of the case, and it
//! states the day on which work began, or ended. It reads no name, no other item and no reason, and
//! nothing at all once the item is over. What it states goes to the desk here and to the worker, and
//! to no other city (V20).

use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::LegFile;
use crate::questions::purpose::EMPLOYER;
use crate::questions::{Look, View};
use crate::store::{Conn, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::case::{Side, Stage};
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::wire::{self, Service};

mod posts;

pub(crate) use posts::proposals_to;

/// What an employer stated of a leg: yyyymmdd, 0 where it did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    employer: String,
    reference: String,
    /// The first day of work.
    pub(crate) started: u32,
    /// The last one.
    pub(crate) ended: u32,
}

impl Work {
    /// Of a leg; `None` where no employer has a window to it.
    pub(crate) async fn of(conn: &mut Conn, leg: LegId) -> Result<Option<Work>, StoreError> {
        let sql = "SELECT employer, reference, started, ended FROM leg_employer WHERE leg_id = $1";
        let Some(row) = conn.maybe(sql, vec![leg.to_vec().into()]).await? else { return Ok(None) };
        Ok(Some(Work {
            employer: row.text(0)?,
            reference: row.text(1)?,
            started: row.int(2)? as u32,
            ended: row.int(3)? as u32,
        }))
    }
}

impl Batch<'_> {
    /// After a leg has changed: who outside of the desks is shown something of it.
    pub(crate) async fn others_see(&mut self, file: &LegFile) -> Result<(), StoreError> {
        self.help_ends(file).await?;
        self.bind_employer(file).await
    }

    /// The employer of the terms that the worker acknowledged has a window to the leg from RELEASE
    /// until it closes. What another employer stated before goes with that one.
    async fn bind_employer(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let is_here = file.our_side == Side::Examiner || file.is_local();
        let state = file.law.state();
        if file.service != Service::Employment || !is_here || state.acknowledged.is_empty() {
            return Ok(());
        }
        let now = self.employed_by(file).await?;
        let before = Work::of(self.conn, file.id).await?;
        let before = before.map(|work| (work.employer, work.reference));
        // Terms that the same employer changed are being read: it goes on.
        let is_read = now.is_some() && !state.terms_acknowledged();
        if before == now || (is_read && before.is_none()) {
            return Ok(());
        }
        let leg = file.id.to_vec();
        let sql = "DELETE FROM leg_employer WHERE leg_id = $1";
        self.conn.run(sql, vec![leg.clone().into()]).await?;
        let Some((employer, reference)) = now.filter(|_| !is_read) else { return Ok(()) };
        let sql = "INSERT INTO leg_employer (leg_id, employer, reference, started, ended) \
                   VALUES ($1,$2,$3,0,0)";
        self.conn.run(sql, vec![leg.into(), employer.into(), reference.into()]).await.map(drop)
    }

    /// Employer and vacancy of the terms in force, while the person is released.
    async fn employed_by(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<(String, String)>, StoreError> {
        let state = file.law.state();
        let released = matches!(state.stage, Stage::Released | Stage::Fulfilled);
        if !released || file.law.is_closed() || file.is_stopped() {
            return Ok(None);
        }
        let Some(digest) = state.terms else { return Ok(None) };
        let terms = self.terms(&digest[..]).await?;
        Ok(terms.map(|terms| (terms.employer_code, terms.reference)))
    }

    /// What an employer stated, in the words that the worker reads.
    pub(crate) async fn employer_said(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<(String, String)>, StoreError> {
        let work = Work::of(self.conn, file.id).await?.unwrap_or_default();
        let [started, ended] = [work.started, work.ended].map(Day::from_number);
        Ok(match (started, ended) {
            (Some(from), Some(to)) => Some((
                format!("单位说：{from} 到岗，{to} 离岗；不对请告诉窗口。"),
                format!("The employer says: began {from}, ended {to}. If wrong, tell the window."),
            )),
            (Some(from), None) => Some((
                format!("单位说：{from} 到岗；不对请告诉窗口。"),
                format!("The employer says: began {from}. If wrong, tell the window."),
            )),
            (None, _) => None,
        })
    }

    /// The employer whose window a token is.
    fn employer_of(&self, actor: &Actor) -> Outcome<String> {
        let tokens = &self.house.config.desk.tokens;
        let token = tokens.iter().find(|one| one.name() == actor.token);
        let code = token.and_then(|token| token.employer.as_ref());
        Ok(code.ok_or_else(|| Denied::not_found(&actor.token))?.as_str().to_owned())
    }

    /// The leg that the worker handed the number of, if it is released to this employer.
    async fn released(
        &mut self,
        actor: &Actor,
        case_number: &str,
        leg: u32,
    ) -> Outcome<(LegFile, Work)> {
        let employer = self.employer_of(actor)?;
        let name = format!("{}/{leg}", case_number.trim());
        let file = self.leg_of(case_number.trim(), leg).await;
        let file = file.map_err(|_| Denied::not_found(&name))?;
        let work = Work::of(self.conn, file.id).await?.filter(|work| work.employer == employer);
        let work = work.ok_or_else(|| Denied::not_found(&name))?;
        let look = Look {
            case_number: case_number.trim().to_owned(),
            view: View::Employer,
            purpose: EMPLOYER.both(),
            legs: vec![file.id],
        };
        self.looked(actor, &look).await?;
        Ok((file, work))
    }

    /// One item of an employer; that it looked is written down with it.
    pub(crate) async fn show_released(
        &mut self,
        actor: &Actor,
        asked: &wire::ReleasedRef,
    ) -> Outcome<wire::Released> {
        let (file, work) = self.released(actor, &asked.case_number, asked.leg).await?;
        Ok(shown(&asked.case_number, &file, work))
    }

    /// The employer's word on when work began or ended.
    pub(crate) async fn state_work(
        &mut self,
        actor: &Actor,
        asked: &wire::StateWorkRequest,
    ) -> Outcome<wire::Released> {
        let (file, mut work) = self.released(actor, &asked.case_number, asked.leg).await?;
        if asked.started_on == 0 && asked.ended_on == 0 {
            return Err(wrong_day("started_on", "请填到岗或离岗的日期", "give the day").into());
        }
        if asked.started_on > 0 {
            work.started = self.day_of_work("started_on", asked.started_on)?;
        }
        if asked.ended_on > 0 {
            work.ended = self.day_of_work("ended_on", asked.ended_on)?;
        }
        if work.started == 0 {
            let (zh, en) = ("先填到岗日期，才有离岗日期", "work that ended began first");
            return Err(wrong_day("started_on", zh, en).into());
        }
        if work.ended > 0 && work.ended < work.started {
            let (zh, en) = ("离岗早于到岗", "work ended before it began");
            return Err(wrong_day("ended_on", zh, en).into());
        }
        let sql = "UPDATE leg_employer SET started = $1, ended = $2 WHERE leg_id = $3";
        let vals = vec![work.started.into(), work.ended.into(), file.id.to_vec().into()];
        self.conn.run(sql, vals).await?;
        let what = format!("{} {} {} {}", file.id.hex(), actor.token, work.started, work.ended);
        self.record("employer's word", what.as_bytes());
        Ok(shown(&asked.case_number, &file, work))
    }

    /// A day that is not to come.
    fn day_of_work(&self, field: &str, number: u32) -> Outcome<u32> {
        let day = Day::from_number(number);
        match day {
            None => Err(wrong_day(field, "日期写作 20261201", "a day is yyyymmdd").into()),
            Some(day) if day > self.today => {
                Err(wrong_day(field, "这一天还没有到", "that day has not come").into())
            }
            Some(_) => Ok(number),
        }
    }
}

fn shown(case_number: &str, file: &LegFile, work: Work) -> wire::Released {
    wire::Released {
        case_number: case_number.trim().to_owned(),
        leg: file.number,
        reference: work.reference,
        started_on: work.started,
        ended_on: work.ended,
    }
}

fn wrong_day(field: &str, zh: &str, en: &str) -> Denied {
    Denied::new("BAD_DAY", format!("{field}：{zh}。"), format!("{field}: {en}."))
}
