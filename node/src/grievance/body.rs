//! The desk of a body: it lists what is sealed to it, and says what it does with it. What it reads
//! it reads elsewhere, with a key that is not here.

use super::{ARREARS_DAYS, CLOSED_DAYS, TAKE_DAYS, is_body, no_such_record, stage_number};
use crate::batch::Batch;
use crate::command::Actor;
use crate::directory::Directory;
use crate::store::{Conn, Row, StoreError, Val};
use crate::trouble::{Denied, Outcome};
use jieli_proto::calendar::Calendar;
use jieli_proto::day::Day;
use jieli_proto::sealed::SEALED_BYTES;
use jieli_proto::wire::{self, SealedStage, SealedStep};

/// Records of one page.
const PAGE: usize = 200;
/// Answers to one record.
const ANSWERS_MAX: i64 = 20;

/// What the desk of a body asks for.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // named after the calls of the Grievance service
pub enum GrievanceCommand {
    PlaceKey(wire::GrievanceKey),
    Handle(wire::HandleSealedRequest),
    Report(wire::FiguresRequest),
    AddFinding(wire::WageFinding),
    LiftFinding(wire::WageFindingRef),
}

/// Columns that make a line.
const LINE: &str = "SELECT record_id, office, call_back, public_key, received_on, stage, sealed \
                    FROM sealed_record WHERE ";

impl Batch<'_> {
    /// The public key of a body, from now on.
    pub(super) async fn place_key(
        &mut self,
        actor: &Actor,
        asked: &wire::GrievanceKey,
    ) -> Outcome<wire::GrievanceKey> {
        if !is_body(&self.directory, &actor.office) {
            return Err(Denied::new(
                "NOT_A_BODY",
                "本机构不是投诉受理机构：它须为劳动保障监察、法律援助或工会，或在生效协议的 grievance_bodies \
                 中列出，且不是综合窗口。",
                "This office is no grievance body: it is a labour inspection, legal aid or trade \
                 union, or an agreement in force names it under grievance_bodies; and it is no \
                 coordination window.",
            )
            .into());
        }
        if asked.public_key.len() != 32 || asked.public_key.iter().all(|byte| *byte == 0) {
            return Err(Denied::new(
                "BAD_KEY",
                "不是公钥文件里的公钥（32 字节）。",
                "That is not the public key of a key file (32 bytes).",
            )
            .into());
        }
        let vals = vec![actor.office.as_str().into()];
        let sql = "SELECT placed, public_key, placed_on FROM grievance_key WHERE office = $1 \
                   ORDER BY placed DESC LIMIT 1";
        let newest = self.conn.maybe(sql, vals).await?;
        let number = newest.as_ref().map_or(Ok(0), |row| row.int(0))?;
        if let Some(row) = newest
            && row.bytes(1)? == asked.public_key
        {
            return Ok(wire::GrievanceKey { placed_on: row.int(2)? as u32, ..asked.clone() });
        }
        let today = self.today.number();
        self.conn
            .run(
                "INSERT INTO grievance_key (office, placed, public_key, placed_on) \
                 VALUES ($1,$2,$3,$4)",
                vec![
                    actor.office.as_str().into(),
                    (number + 1).into(),
                    asked.public_key.clone().into(),
                    today.into(),
                ],
            )
            .await?;
        let about = format!("{} {} {}", actor.token, actor.office, hex::encode(&asked.public_key));
        self.record("grievance key", about.as_bytes());
        Ok(wire::GrievanceKey { placed_on: today, ..asked.clone() })
    }

    /// Takes, answers or closes a record of this body.
    pub(super) async fn handle_sealed(
        &mut self,
        actor: &Actor,
        asked: &wire::HandleSealedRequest,
    ) -> Outcome<wire::SealedLine> {
        self.purge_closed().await?;
        let row = own(self.conn, &asked.record_id, Some(&actor.office)).await?;
        let row = row.ok_or_else(no_such_record)?;
        let stage = stage_of(&row)?;
        match (asked.step(), stage) {
            (SealedStep::Take, SealedStage::Waiting) => {
                self.move_to(&asked.record_id, SealedStage::Taken).await?;
            }
            (SealedStep::Answer, SealedStage::Taken) => self.answer_sealed(asked).await?,
            (SealedStep::Close, SealedStage::Taken) => {
                self.move_to(&asked.record_id, SealedStage::Closed).await?;
            }
            (SealedStep::Unspecified, _)
            | (SealedStep::Take, _)
            | (SealedStep::Answer | SealedStep::Close, _) => {
                return Err(Denied::new(
                    "WRONG_STAGE",
                    "现在不能办这一步：先受理（take），再答复（answer），最后办结（close）。",
                    "Not now: first take it, then answer, at last close.",
                )
                .into());
            }
        }
        let row = own(self.conn, &asked.record_id, Some(&actor.office)).await?;
        let row = row.ok_or_else(no_such_record)?;
        let (directory, calendar) = (&self.directory, &self.house.calendar());
        Ok(line(self.conn, directory, calendar, self.today, &row).await?)
    }

    async fn move_to(&mut self, record: &[u8], stage: SealedStage) -> Result<(), StoreError> {
        let closed_on = if stage == SealedStage::Closed { self.today.number() } else { 0 };
        self.conn
            .run(
                "UPDATE sealed_record SET stage = $2, closed_on = $3 WHERE record_id = $1",
                vec![record.into(), stage_number(stage).into(), closed_on.into()],
            )
            .await?;
        Ok(())
    }

    async fn answer_sealed(&mut self, asked: &wire::HandleSealedRequest) -> Outcome<()> {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM sealed_answer WHERE record_id = $1";
        let number = self.conn.one(sql, vec![asked.record_id.clone().into()]).await?.int(0)? + 1;
        if asked.sealed.len() != SEALED_BYTES || number > ANSWERS_MAX {
            return Err(Denied::new(
                "BAD_SEAL",
                "答复没有封好，或者答复次数已满。",
                "The answer is not sealed, or there are as many as there can be.",
            )
            .into());
        }
        self.conn
            .run(
                "INSERT INTO sealed_answer (record_id, number, answered_on, sealed) \
                 VALUES ($1,$2,$3,$4)",
                vec![
                    asked.record_id.clone().into(),
                    number.into(),
                    self.today.number().into(),
                    asked.sealed.clone().into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// What has been closed for long enough is not kept.
    async fn purge_closed(&mut self) -> Result<(), StoreError> {
        let before = self.today.plus(-CLOSED_DAYS).number();
        let old = "SELECT record_id FROM sealed_record WHERE stage = 3 AND closed_on < $1";
        for row in self.conn.rows(old, vec![before.into()]).await? {
            let record: Val = row.bytes(0)?.into();
            let sql = "DELETE FROM sealed_answer WHERE record_id = $1";
            self.conn.run(sql, vec![record.clone()]).await?;
            let sql = "DELETE FROM sealed_record WHERE record_id = $1";
            self.conn.run(sql, vec![record]).await?;
        }
        Ok(())
    }
}

/// One page of the records of a body, and what it has to know besides.
pub(crate) async fn list(
    conn: &mut Conn,
    directory: &Directory,
    calendar: &Calendar,
    today: Day,
    office: &str,
    asked: &wire::ListSealedRequest,
) -> Outcome<wire::SealedList> {
    let call_back = hex::decode(asked.call_back.trim()).unwrap_or_default();
    let (after_on, after) = asked.after.split_at_checked(4).unwrap_or_default();
    let after_on = after_on.try_into().map_or(0, u32::from_be_bytes);
    let (first, last) = match asked.month {
        0 => (0, 99_999_999),
        month => (month.saturating_mul(100), month.saturating_mul(100) + 99),
    };
    let most_stage = if asked.open { SealedStage::Taken } else { SealedStage::Closed };
    let sql = format!(
        "{LINE} office = $1 AND call_back = $2 AND received_on >= $3 AND received_on <= $4 \
         AND stage <= $5 AND (received_on > $6 OR (received_on = $6 AND record_id > $7)) \
         ORDER BY received_on, record_id LIMIT {PAGE}"
    );
    let vals: Vec<Val> = vec![
        office.into(),
        call_back.into(),
        first.into(),
        last.into(),
        stage_number(most_stage).into(),
        after_on.into(),
        after.into(),
    ];
    let rows = conn.rows_many(sql, vals).await?;
    let mut found = wire::SealedList::default();
    for row in &rows {
        found.records.push(line(conn, directory, calendar, today, row).await?);
    }
    if let Some(last) = found.records.last().filter(|_| rows.len() == PAGE) {
        found.next = [&last.received_on.to_be_bytes()[..], &last.record_id].concat();
    }
    if let Some(row) = conn.maybe(super::KEY, vec![office.into()]).await? {
        found.public_key = row.bytes(0)?;
    }
    found.overdue = super::counts::waiting(conn, calendar, today, office).await?.1;
    found.call_backs = super::call_back::of_body(conn, directory, today, office).await?;
    Ok(found)
}

/// A record as the person of its code sees it.
pub(crate) async fn look(
    conn: &mut Conn,
    directory: &Directory,
    calendar: &Calendar,
    today: Day,
    record: &[u8],
) -> Outcome<wire::SealedLine> {
    let row = own(conn, record, None).await?.ok_or_else(no_such_record)?;
    let mut found = line(conn, directory, calendar, today, &row).await?;
    found.sealed.clear();
    Ok(found)
}

async fn own(
    conn: &mut Conn,
    record: &[u8],
    office: Option<&str>,
) -> Result<Option<Row>, StoreError> {
    let sql = format!("{LINE} record_id = $1");
    let rows = conn.rows_many(sql, vec![record.into()]).await?;
    for row in rows {
        let of = row.text(1)?;
        if office.is_none_or(|office| office == of) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn stage_of(row: &Row) -> Result<SealedStage, StoreError> {
    let corrupt = StoreError::Corrupt("sealed_record.stage");
    SealedStage::try_from(row.int(5)? as i32).map_err(|_| corrupt)
}

async fn line(
    conn: &mut Conn,
    directory: &Directory,
    calendar: &Calendar,
    today: Day,
    row: &Row,
) -> Result<wire::SealedLine, StoreError> {
    let record_id = row.bytes(0)?;
    let received_on = row.int(4)? as u32;
    let received =
        Day::from_number(received_on).ok_or(StoreError::Corrupt("sealed_record.received_on"))?;
    let two = calendar.add_working_days(received, TAKE_DAYS);
    let call_back = row.bytes(2)?;
    let stage = stage_of(row)?;
    let sql = "SELECT number, answered_on, sealed FROM sealed_answer WHERE record_id = $1 \
               ORDER BY number";
    let mut answers = Vec::new();
    for row in conn.rows(sql, vec![record_id.clone().into()]).await? {
        let (number, on) = (row.int(0)? as u32, row.int(1)? as u32);
        answers.push(wire::SealedAnswer { number, on, sealed: row.bytes(2)? });
    }
    let office = row.text(1)?;
    let body = directory.own_office(&office).cloned().unwrap_or_default();
    Ok(wire::SealedLine {
        record_id,
        received_on,
        stage: stage.into(),
        take_by: two.number(),
        overdue: call_back.is_empty() && stage == SealedStage::Waiting && today > two,
        two_days_on: two.number(),
        five_days_on: calendar.add_working_days(received, ARREARS_DAYS).number(),
        public_key: row.bytes(3)?,
        sealed: row.bytes(6)?,
        answers,
        call_back: hex::encode(call_back),
        office,
        office_name: body.name,
        telephone: body.telephone,
    })
}
