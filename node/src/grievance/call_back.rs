//! The call-back (回访) of a sample: a trade union or legal aid asks, the answers are sealed to it,
//! and the reviewer reads counts. Who was asked is known, for anybody can draw the sample again; no
//! row says who answered.

use super::{figures, is_body, is_concerned, no_such_record};
use crate::audit::{Period, bond};
use crate::batch::Batch;
use crate::command::Actor;
use crate::directory::{Bond, Directory};
use crate::legs::LegFile;
use crate::store::{Conn, Row, StoreError, Val};
use crate::trouble::{Denied, Outcome};
use jieli_proto::day::Day;
use jieli_proto::id::{AgreementId, LegId};
use jieli_proto::sealed::FIGURE_MIN;
use jieli_proto::wire::{self, OfficeKind};
use std::collections::BTreeSet;

/// Days for answers, where nothing else is said.
const DAYS: u32 = 14;
const DAYS_RANGE: std::ops::RangeInclusive<u32> = 3..=60;

const LINE: &str = "SELECT call_back_id, agreement_id, from_on, to_on, seed, office, until_on, \
                    drawn, asked, answered FROM call_back";

impl Batch<'_> {
    /// Asks the persons of a sample, in an order that tells nothing.
    pub(crate) async fn start_call_back(
        &mut self,
        actor: &Actor,
        asked: &wire::StartCallBackRequest,
        drawn: &[LegId],
    ) -> Outcome<wire::CallBackCounts> {
        let period = Period::read(asked.from, asked.to)?;
        let agreement = bond(&self.directory, &asked.agreement_id)?.id;
        self.may_call_back(&asked.office).await?;
        let days = if asked.days == 0 { DAYS } else { asked.days };
        if !DAYS_RANGE.contains(&days) {
            return Err(Denied::new(
                "BAD_DAYS",
                "作答期限为 3 至 60 天。",
                "There are 3 to 60 days for answers.",
            )
            .into());
        }
        self.is_new(agreement, period, &asked.seed).await?;
        let files = self.reachable(&asked.office, drawn).await?;
        if files.len() < FIGURE_MIN as usize {
            return Err(Denied::new(
                "TOO_FEW",
                "样本中能联系到本人的不足五人，不能回访：人太少，答复会认出个人。请抽更大的样本。",
                "Fewer than five persons of this sample can be reached: so few answers would give \
                 them away. Draw a larger sample.",
            )
            .into());
        }
        let until = self.today.plus(i64::from(days));
        let counts = [drawn.len() as u32, files.len() as u32];
        let id = self.keep_call_back(asked, (agreement, period), until, counts).await?;
        let mut tickets = BTreeSet::new();
        for file in &files {
            let sql = "INSERT INTO call_back_leg (leg_id, call_back_id) VALUES ($1,$2)";
            self.conn.run(sql, vec![file.id.to_vec().into(), id.into()]).await?;
            let code = format!("{}{}", self.fresh_code(), self.fresh_code());
            tickets.insert(self.ticket(&id, &code));
            self.send_call_back(file, &asked.office, &code, until).await?;
        }
        for ticket in tickets {
            let sql = "INSERT INTO call_back_ticket (code_hmac, call_back_id) VALUES ($1,$2)";
            self.conn.run(sql, vec![ticket.into(), id.into()]).await?;
        }
        let about = format!(
            "{} {} {} {} {} {} asked {} of {}",
            actor.token,
            agreement.hex(),
            asked.from,
            asked.to,
            asked.seed,
            asked.office,
            files.len(),
            drawn.len()
        );
        self.record("call-back", about.as_bytes());
        let today = self.today;
        let found = by_id(self.conn, &self.directory, today, &id).await?;
        Ok(found.ok_or(StoreError::Corrupt("call_back"))?)
    }

    /// The row of a call-back; the numbers of those drawn and asked.
    async fn keep_call_back(
        &mut self,
        asked: &wire::StartCallBackRequest,
        (agreement, period): (AgreementId, Period),
        until: Day,
        [drawn, reached]: [u32; 2],
    ) -> Result<[u8; 16], StoreError> {
        let id: [u8; 16] = self.random();
        let row: Vec<Val> = vec![
            id.into(),
            agreement.to_vec().into(),
            period.from.number().into(),
            period.to.number().into(),
            asked.seed.as_str().into(),
            asked.office.as_str().into(),
            self.today.number().into(),
            until.number().into(),
            drawn.into(),
            reached.into(),
        ];
        let sql = "INSERT INTO call_back (call_back_id, agreement_id, from_on, to_on, seed, office, \
                   started_on, until_on, drawn, asked, answered) \
                   VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,0)";
        self.conn.run(sql, row).await?;
        Ok(id)
    }

    /// A sample is called back once.
    async fn is_new(&mut self, agreement: AgreementId, period: Period, seed: &str) -> Outcome<()> {
        let sql = "SELECT 1 FROM call_back WHERE agreement_id = $1 AND from_on = $2 \
                   AND to_on = $3 AND seed = $4";
        let vals: Vec<Val> = vec![
            agreement.to_vec().into(),
            period.from.number().into(),
            period.to.number().into(),
            seed.into(),
        ];
        if self.conn.maybe(sql, vals).await?.is_none() {
            return Ok(());
        }
        Err(Denied::new(
            "ALREADY_CALLED_BACK",
            "这个样本已经回访过，结果见 jieli audit call-back list。",
            "This sample was called back before: see jieli audit call-back list.",
        )
        .into())
    }

    /// Not a desk of sender or receiver: a trade union or legal aid that holds a key.
    async fn may_call_back(&mut self, office: &str) -> Outcome<()> {
        let own = self.directory.own_office(office);
        let fits = own
            .is_some_and(|own| matches!(own.kind(), OfficeKind::TradeUnion | OfficeKind::LegalAid));
        let key = self.conn.maybe(super::KEY, vec![office.into()]).await?;
        if fits && is_body(&self.directory, office) && key.is_some() {
            return Ok(());
        }
        Err(Denied::new(
            "NO_SUCH_BODY",
            "回访由本市的工会或法律援助机构进行，它须已放置公钥（jieli grievance key place）。",
            "A trade union or legal aid of this city calls back, once it has placed its key \
             (jieli grievance key place).",
        )
        .into())
    }

    /// One leg for each person who can be reached, was not called back before, has not stopped, and
    /// in whose case the body has no part.
    async fn reachable(&mut self, office: &str, drawn: &[LegId]) -> Outcome<Vec<LegFile>> {
        let (mut files, mut phones) = (Vec::new(), BTreeSet::new());
        for leg in drawn {
            let sql = "SELECT 1 FROM call_back_leg WHERE leg_id = $1";
            let before = self.conn.maybe(sql, vec![leg.to_vec().into()]).await?.is_some();
            let Some(file) = self.take_leg(*leg).await?.filter(|_| !before) else { continue };
            let concerned = is_concerned(
                &self.house.config,
                &self.directory,
                office,
                std::slice::from_ref(&file),
            );
            if concerned || file.is_stopped() {
                continue;
            }
            let Some(contact) = self.contact(&file).await? else { continue };
            let own = match self.is_own_phone(&file).await {
                Ok(()) => true,
                Err(crate::trouble::Trouble::Denied(_)) => false,
                Err(error) => return Err(error),
            };
            if own && phones.insert(contact.phone) {
                files.push(file);
            }
        }
        Ok(files)
    }

    /// What a call-back asks.
    pub(crate) async fn open_call_back(&mut self, code: &str) -> Outcome<wire::OpenCallBackReply> {
        let (row, _) = self.call_back_of(code).await?;
        let office = row.text(5)?;
        let own = self.directory.own_office(&office).cloned().unwrap_or_default();
        let key = self.conn.maybe(super::KEY, vec![office.as_str().into()]).await?;
        let key = key.ok_or(StoreError::Corrupt("grievance_key"))?.bytes(0)?;
        let text = crate::questions::call_back_text(&own.name);
        let body = super::line(&office, own, self.directory.name.clone(), key);
        let until = row.int(6)? as u32;
        Ok(wire::OpenCallBackReply { text, body: Some(body), until })
    }

    /// Keeps an answer, and uses its ticket up.
    pub(crate) async fn answer_call_back(
        &mut self,
        asked: &wire::AnswerCallBackRequest,
    ) -> Outcome<wire::FiledReply> {
        let (row, ticket) = self.call_back_of(&asked.code).await?;
        let filed = asked.filed.clone().unwrap_or_default();
        if filed.office != row.text(5)? {
            return Err(no_such_record().into());
        }
        let id = row.bytes(0)?;
        let reply = self.keep_sealed(&filed, &id).await?;
        let sql = "DELETE FROM call_back_ticket WHERE code_hmac = $1";
        self.conn.run(sql, vec![ticket.into()]).await?;
        let sql = "UPDATE call_back SET answered = answered + 1 WHERE call_back_id = $1";
        self.conn.run(sql, vec![id.into()]).await?;
        Ok(reply)
    }

    /// The call-back that a code is for, and its ticket.
    async fn call_back_of(&mut self, code: &str) -> Outcome<(Row, [u8; 32])> {
        let folded = code.chars().map(jieli_proto::number::fold_char);
        let code: String = folded.filter(char::is_ascii_digit).collect();
        let sql = format!("{LINE} WHERE until_on >= $1");
        for row in self.conn.rows_many(sql, vec![self.today.number().into()]).await? {
            let ticket = self.ticket(&row.bytes(0)?, &code);
            let sql = "SELECT 1 FROM call_back_ticket WHERE code_hmac = $1";
            if self.conn.maybe(sql, vec![ticket.into()]).await?.is_some() {
                return Ok((row, ticket));
            }
        }
        Err(Denied::new(
            "WRONG_CODE",
            "回访码不对、已经用过或已过期。",
            "The code is wrong, was used, or is over.",
        )
        .into())
    }

    fn ticket(&self, call_back: &[u8], code: &str) -> [u8; 32] {
        self.house.keys.code_hmac(&format!("call-back:{}:{code}", hex::encode(call_back)))
    }
}

/// Those of an agreement whose sample lies in a period.
pub(crate) async fn of_period(
    conn: &mut Conn,
    directory: &Directory,
    today: Day,
    bond: &Bond,
    period: Period,
) -> Result<Vec<wire::CallBackCounts>, StoreError> {
    let sql = format!(
        "{LINE} WHERE agreement_id = $1 AND from_on >= $2 AND to_on <= $3 \
         ORDER BY until_on, call_back_id"
    );
    let vals: Vec<Val> =
        vec![bond.id.to_vec().into(), period.from.number().into(), period.to.number().into()];
    counts(conn, directory, today, sql, vals).await
}

/// Those of a body.
pub(super) async fn of_body(
    conn: &mut Conn,
    directory: &Directory,
    today: Day,
    office: &str,
) -> Result<Vec<wire::CallBackCounts>, StoreError> {
    let sql = format!("{LINE} WHERE office = $1 ORDER BY until_on, call_back_id");
    counts(conn, directory, today, sql, vec![office.into()]).await
}

async fn by_id(
    conn: &mut Conn,
    directory: &Directory,
    today: Day,
    id: &[u8],
) -> Result<Option<wire::CallBackCounts>, StoreError> {
    let sql = format!("{LINE} WHERE call_back_id = $1");
    Ok(counts(conn, directory, today, sql, vec![id.into()]).await?.pop())
}

async fn counts(
    conn: &mut Conn,
    directory: &Directory,
    today: Day,
    sql: String,
    vals: Vec<Val>,
) -> Result<Vec<wire::CallBackCounts>, StoreError> {
    let mut found = Vec::new();
    for row in conn.rows_many(sql, vals).await? {
        let (id, office, until) = (row.bytes(0)?, row.text(5)?, row.int(6)? as u32);
        let sql = "SELECT 1 FROM body_report WHERE office = $1 AND month = 0 AND call_back = $2";
        let vals = vec![office.as_str().into(), id.as_slice().into()];
        let reported = conn.maybe(sql, vals).await?.is_some();
        let lines = figures::lines(conn, &office, 0, &id).await?;
        found.push(wire::CallBackCounts {
            id: hex::encode(&id),
            office_name: directory.own_office_name(&office),
            office,
            agreement_id: hex::encode(row.bytes(1)?),
            from: row.int(2)? as u32,
            to: row.int(3)? as u32,
            seed: row.text(4)?,
            drawn: row.int(7)? as u32,
            asked: row.int(8)? as u32,
            answered: row.int(9)? as u32,
            until,
            ended: today.number() > until,
            reported,
            lines,
        });
    }
    Ok(found)
}
