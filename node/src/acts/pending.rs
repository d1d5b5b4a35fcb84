//! Undo: what a desk enters waits a few minutes before it goes out. What waits stands in the
//! database, its contents in the vault; a timer sends it after judging it again. Whatever stops the
//! process, it is sent once or not at all, and the desk is told when it is not.

use super::{step_word, told};
use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::LegFile;
use crate::store::{Conn, StoreError, Val};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome, Trouble};
use crate::vault::Place;
use jieli_proto::calendar::Calendar;
use jieli_proto::case::{Illegal, Side};
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, ActRequest};
use prost::Message as _;

/// Slot of an act that waits.
const PENDING: u8 = 253;
/// The same at the office that examines a local leg.
const PENDING_FAR: u8 = 251;
const MINUTE_MS: u64 = 60_000;

/// An act that waits, without its contents.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) step: String,
    pub(crate) token: String,
    pub(crate) due_ms: u64,
}

/// An act that waited and was not sent.
#[derive(Clone, Debug)]
pub(crate) struct Unsent {
    pub(crate) step: String,
    pub(crate) code: String,
    pub(crate) say_zh: String,
    pub(crate) say_en: String,
}

fn place_of(file: &LegFile) -> Place {
    Place::of_leg(file.id, if file.is_far() { PENDING_FAR } else { PENDING })
}

/// Whose row it is.
fn key(file: &LegFile) -> Vec<Val> {
    vec![file.id.to_vec().into(), file.desk().into()]
}

/// The act of this desk that waits in a leg.
pub(crate) async fn waiting(
    conn: &mut Conn,
    file: &LegFile,
) -> Result<Option<Waiting>, StoreError> {
    let sql = "SELECT step, token, due_ms FROM pending_act WHERE leg_id = $1 AND desk = $2";
    let row = conn.maybe(sql, key(file)).await?;
    row.map(|row| Ok(Waiting { step: row.text(0)?, token: row.text(1)?, due_ms: row.uint(2)? }))
        .transpose()
}

impl Unsent {
    /// The act of this desk that was not sent in a leg, until it has taken note.
    pub(crate) async fn load(
        conn: &mut Conn,
        file: &LegFile,
    ) -> Result<Option<Unsent>, StoreError> {
        let sql =
            "SELECT step, code, say_zh, say_en FROM unsent_act WHERE leg_id = $1 AND desk = $2";
        let row = conn.maybe(sql, key(file)).await?;
        row.map(|row| {
            Ok(Unsent {
                step: row.text(0)?,
                code: row.text(1)?,
                say_zh: row.text(2)?,
                say_en: row.text(3)?,
            })
        })
        .transpose()
    }
}

impl Batch<'_> {
    /// Stores an act that was planned; the timer sends it.
    pub(super) async fn put_off_act(
        &mut self,
        actor: &Actor,
        file: &LegFile,
        act: Act,
        minutes: u64,
        name: &str,
    ) -> Outcome<wire::ActReply> {
        let step = step_word(&act);
        let due_ms = self.now_ms + minutes * MINUTE_MS;
        // It may hold fields of the person: nothing of it stands in the clear.
        let request = ActRequest { act: Some(act), ..ActRequest::default() };
        self.hide(file, &place_of(file), &request.encode_to_vec()).await?;
        self.conn
            .run(
                "INSERT INTO pending_act (leg_id, step, office, token, entered_ms, due_ms, desk) \
                 VALUES ($1,$2,$3,$4,$5,$6,$7)",
                vec![
                    file.id.to_vec().into(),
                    step.into(),
                    actor.office.as_str().into(),
                    actor.token.as_str().into(),
                    self.now_ms.into(),
                    due_ms.into(),
                    file.desk().into(),
                ],
            )
            .await?;
        self.timer(due_ms, TimerKind::SendAct, &file.id.0).await?;
        let (at, undo) = (time_of(&self.house.calendar(), due_ms), undo_command(name));
        Ok(told(
            format!("已录入 {step}，{at} 发出；在此之前可以撤销：{undo}"),
            format!("Entered {step}; it goes out at {at}. Undo it until then: {undo}"),
        ))
    }

    /// What a desk is told that wants to do more in a leg while an act waits.
    pub(super) fn is_pending(&self, pending: &Waiting, name: &str) -> Denied {
        let (step, at) = (&pending.step, time_of(&self.house.calendar(), pending.due_ms));
        let undo = undo_command(name);
        Denied::new(
            "ACT_PENDING",
            format!(
                "{step} 已录入，{at} 发出。请等它发出，或先撤销：{undo}（本人要求停止随时可办）。"
            ),
            format!(
                "{step} was entered and goes out at {at}. Wait for it, or undo it first: {undo} \
                 (withdraw, on the person's word, works at any time)."
            ),
        )
    }

    /// Takes back what waits; without such, takes note of what was not sent.
    pub(crate) async fn undo_act(
        &mut self,
        actor: &Actor,
        request: &wire::UndoRequest,
    ) -> Outcome<wire::ActReply> {
        let file = self.leg_of(&request.case_number, request.leg).await?;
        let file = file.seen_by(&actor.office);
        let name = format!("{}/{}", request.case_number, request.leg);
        self.is_theirs(actor, &file, &name)?;
        if let Some(pending) = waiting(self.conn, &file).await? {
            self.drop_pending(&file).await?;
            self.record("undone", format!("{} {name} {}", actor.token, pending.step).as_bytes());
            let step = &pending.step;
            return Ok(told(
                format!("已撤销 {step}，没有发出。"),
                format!("Undone: {step} was not sent."),
            ));
        }
        if let Some(unsent) = Unsent::load(self.conn, &file).await? {
            self.drop_unsent(&file).await?;
            let step = &unsent.step;
            return Ok(told(
                format!("已知悉：{step} 没有发出。"),
                format!("Noted: {step} was not sent."),
            ));
        }
        Err(Denied::new(
            "NOTHING_TO_UNDO",
            format!("{name} 没有待发的步骤：没有录入，或已经发出。已发出的请用 correct、return 或 void。"),
            format!(
                "Nothing waits in {name}: nothing was entered, or it has gone out. For what has \
                 gone out there are correct, return and void."
            ),
        )
        .into())
    }

    /// The time to undo is over: judged again, and sent.
    pub(crate) async fn send_pending(&mut self, file: &mut LegFile) -> Outcome<()> {
        for mut view in views(file) {
            self.send_pending_of(&mut view).await?;
        }
        Ok(())
    }

    async fn send_pending_of(&mut self, file: &mut LegFile) -> Outcome<()> {
        // An older timer may ring for an act that was undone and entered anew.
        let Some(pending) = waiting(self.conn, file).await? else { return Ok(()) };
        if pending.due_ms > self.now_ms {
            return Ok(());
        }
        let Some(bytes) = self.reveal(file, &place_of(file)).await? else {
            // Erased with the leg's data: there is nothing to send, and the desk is told.
            return Ok(self.stop_pending(file.id).await?);
        };
        // What the other desk of a local leg said meanwhile counts.
        if let Some(now) = self.take_leg(file.id).await? {
            *file = now.seen_from(file.our_side);
        }
        let request =
            ActRequest::decode(bytes.as_slice()).map_err(|_| StoreError::Corrupt("pending_act"))?;
        let act = request.act.ok_or(StoreError::Corrupt("pending_act"))?;
        self.drop_pending(file).await?;
        // All denials come from the plan: who carries it out has nothing to take back.
        match self.plan(file, &act).await {
            Ok(planned) => {
                self.carry_out(&pending.token, file, &act, planned).await?;
                Ok(())
            }
            Err(Trouble::Denied(denied)) => {
                Ok(self.note_unsent(file, &pending.step, &denied).await?)
            }
            Err(error) => Err(error),
        }
    }

    /// Nothing more goes out in a leg whose data is erased; the desks are told.
    pub(crate) async fn stop_pending(&mut self, leg: LegId) -> Result<(), StoreError> {
        let Some(file) = self.take_leg(leg).await? else { return Ok(()) };
        for view in views(&file) {
            if let Some(pending) = waiting(self.conn, &view).await? {
                self.drop_pending(&view).await?;
                let why = Denied::illegal(Illegal::Stopped);
                self.note_unsent(&view, &pending.step, &why).await?;
            }
        }
        Ok(())
    }

    /// Removes what waits, its contents and its timer.
    pub(super) async fn drop_pending(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let sql = "DELETE FROM pending_act WHERE leg_id = $1 AND desk = $2";
        self.conn.run(sql, key(file)).await?;
        // A timer may be that of the other desk of a local leg.
        self.conn
            .run(
                "DELETE FROM timer WHERE kind = $1 AND subject = $2 \
                 AND NOT EXISTS (SELECT 1 FROM pending_act p WHERE p.leg_id = $2)",
                vec![TimerKind::SendAct.word().into(), file.id.to_vec().into()],
            )
            .await?;
        self.unhide(file.id, place_of(file).slot).await
    }

    pub(super) async fn drop_unsent(&mut self, file: &LegFile) -> Result<(), StoreError> {
        let sql = "DELETE FROM unsent_act WHERE leg_id = $1 AND desk = $2";
        self.conn.run(sql, key(file)).await?;
        Ok(())
    }

    async fn note_unsent(
        &mut self,
        file: &LegFile,
        step: &str,
        why: &Denied,
    ) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO unsent_act (leg_id, desk, step, failed_ms, code, say_zh, say_en) \
                 VALUES ($1,$2,$3,$4,$5,$6,$7) ON CONFLICT (leg_id, desk) DO UPDATE SET \
                 step = excluded.step, failed_ms = excluded.failed_ms, code = excluded.code, \
                 say_zh = excluded.say_zh, say_en = excluded.say_en",
                vec![
                    file.id.to_vec().into(),
                    file.desk().into(),
                    step.into(),
                    self.now_ms.into(),
                    why.code.into(),
                    why.zh.as_str().into(),
                    why.en.as_str().into(),
                ],
            )
            .await?;
        Ok(())
    }
}

/// The desks of this city that have a leg: both, where it is a local one.
fn views(file: &LegFile) -> Vec<LegFile> {
    let mut all = vec![file.home()];
    if file.is_local() {
        all.push(file.seen_from(Side::Examiner));
    }
    all
}

/// The time of day of an instant, in the zone of the calendar.
pub(crate) fn time_of(calendar: &Calendar, unix_ms: u64) -> String {
    let local = unix_ms as i64 / 60_000 + i64::from(calendar.zone_offset_min());
    let minute = local.rem_euclid(24 * 60);
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// The command that takes it back; `name` is CASE/LEG.
fn undo_command(name: &str) -> String {
    format!("jieli case undo {}", name.replace('/', " "))
}
