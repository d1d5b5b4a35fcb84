//! Legal holds: what has to be kept for a while, by whose word, until when. An operator enters one,
//! an approver confirms it, the person can read it, and it ends by itself.

use crate::batch::Batch;
use crate::command::Actor;
use crate::store::{self, Conn, Row, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::wire;

/// The longest hold; a longer one is entered anew.
const DAYS_MAX: i64 = 366;

/// Days until what no approver has confirmed can no longer be.
const CONFIRM_MS: u64 = 14 * 86_400_000;

/// Why something is held: code, Chinese, English.
pub const REASONS: [(&str, &str, &str); 4] = [
    ("court-order", "法院要求", "a court asks for it"),
    ("labour-dispute", "劳动争议", "a labour dispute"),
    ("wage-claim", "欠薪追讨", "a claim for wages"),
    ("grievance", "投诉办理", "a complaint is being dealt with"),
];

const COLUMNS: &str = "SELECT h.hold_id, c.number, l.number, h.reason, h.until_on, h.approved_ms, \
                       h.token, h.approver FROM legal_hold h JOIN leg l ON l.leg_id = h.leg_id \
                       JOIN case_file c ON c.case_id = l.case_id";

impl Batch<'_> {
    /// Enters a hold on legs of a case: it has no effect until an approver confirms it.
    pub(crate) async fn enter_hold(
        &mut self,
        actor: &Actor,
        asked: &wire::HoldRequest,
    ) -> Outcome<wire::HoldList> {
        let reason = REASONS.iter().find(|(code, _, _)| *code == asked.reason.trim());
        let (reason, _, _) = reason.ok_or_else(no_such_reason)?;
        let until = Day::from_number(asked.until_on).filter(|until| {
            *until > self.today && until.number() <= self.today.plus(DAYS_MAX).number()
        });
        let until = until.ok_or_else(|| bad_end(self.today))?;
        let case = store::legs::case(self.conn, asked.case_number.trim()).await?;
        let case = case.ok_or_else(|| Denied::not_found(&asked.case_number))?;
        let mut legs = Vec::new();
        for leg in store::legs::legs_of(self.conn, case.id).await? {
            let Some(file) = self.take_leg(leg).await? else { continue };
            if asked.legs.is_empty() || asked.legs.contains(&file.number) {
                legs.push(leg);
            }
        }
        if legs.is_empty() || (!asked.legs.is_empty() && legs.len() != asked.legs.len()) {
            return Err(Denied::not_found(&asked.case_number).into());
        }
        let until_ms = until.plus(1).start_unix_ms(self.house.calendar().zone_offset_min());
        for leg in legs {
            let id: [u8; 8] = self.random();
            let sql = "INSERT INTO legal_hold (hold_id, leg_id, reason, until_on, until_ms, token, \
                       made_ms, approver, approved_ms) VALUES ($1,$2,$3,$4,$5,$6,$7,'',0)";
            let vals = vec![
                id.into(),
                leg.to_vec().into(),
                (*reason).into(),
                until.number().into(),
                until_ms.into(),
                actor.token.as_str().into(),
                self.now_ms.into(),
            ];
            self.conn.run(sql, vals).await?;
        }
        let about = format!("{} {} {reason} {}", actor.token, case.number, until.number());
        self.record("legal hold entered", about.as_bytes());
        Ok(list(self.conn, &case.number).await?)
    }

    /// The second pair of eyes: from now on it holds.
    pub(crate) async fn approve_hold(
        &mut self,
        actor: &Actor,
        asked: &wire::HoldRef,
    ) -> Outcome<wire::HoldList> {
        let unknown = || {
            Denied::no_such(
                &format!("待批准的保全 {}", asked.hold_id),
                &format!("a hold {} that waits", asked.hold_id),
            )
        };
        let id = hex::decode(asked.hold_id.trim()).map_err(|_| unknown())?;
        let sql = "SELECT token, made_ms, until_ms, approved_ms FROM legal_hold WHERE hold_id = $1";
        let row = self.conn.maybe(sql, vec![id.as_slice().into()]).await?.ok_or_else(unknown)?;
        let is_late = self.now_ms > row.uint(1)? + CONFIRM_MS || self.now_ms >= row.uint(2)?;
        if row.uint(3)? == 0 {
            if is_late {
                return Err(unknown().into());
            }
            if row.text(0)? == actor.token {
                return Err(Denied::new(
                    "SAME_APPROVER",
                    "录入和批准不能是同一个令牌。",
                    "Who entered it cannot approve it.",
                )
                .into());
            }
            self.never_stood_in(&row.text(0)?, &actor.token, row.uint(1)?).await?;
            let sql = "UPDATE legal_hold SET approver = $2, approved_ms = $3 WHERE hold_id = $1";
            let vals = vec![id.as_slice().into(), actor.token.as_str().into(), self.now_ms.into()];
            self.conn.run(sql, vals).await?;
            let about = [actor.token.as_bytes(), b" ", &id].concat();
            self.record("legal hold approved", &about);
        }
        let sql = format!("{COLUMNS} WHERE h.hold_id = $1");
        let row = self.conn.one(sqlx::AssertSqlSafe(sql), vec![id.into()]).await?;
        Ok(wire::HoldList { holds: vec![read(&row)?] })
    }

    /// What the person is told of holds on a leg: Chinese and English, empty where there is none.
    pub(crate) async fn hold_sentence(
        &mut self,
        leg: LegId,
    ) -> Result<Option<(String, String)>, StoreError> {
        let sql = "SELECT reason, until_on FROM legal_hold WHERE leg_id = $1 AND approved_ms > 0 \
                   AND until_ms > $2 ORDER BY until_ms DESC LIMIT 1";
        let row = self.conn.maybe(sql, vec![leg.to_vec().into(), self.now_ms.into()]).await?;
        let Some(row) = row else { return Ok(None) };
        let (code, until) = (row.text(0)?, row.int(1)?);
        let until = u32::try_from(until).ok().and_then(Day::from_number);
        let until = until.ok_or(StoreError::Corrupt("legal_hold.until_on"))?;
        let known = REASONS.iter().find(|(reason, _, _)| *reason == code);
        let (_, zh, en) = known.ok_or(StoreError::Corrupt("legal_hold.reason"))?;
        Ok(Some((format!("资料因{zh}保留至 {until}。"), format!("Kept until {until}: {en}."))))
    }
}

/// Holds on the legs of a case that wait or have not ended, newest first.
pub async fn list(conn: &mut Conn, case_number: &str) -> Result<wire::HoldList, StoreError> {
    let sql = format!("{COLUMNS} WHERE c.number = $1 ORDER BY h.made_ms DESC, l.number");
    let rows = conn.rows(sqlx::AssertSqlSafe(sql), vec![case_number.into()]).await?;
    let holds: Result<_, StoreError> = rows.iter().map(read).collect();
    Ok(wire::HoldList { holds: holds? })
}

fn read(row: &Row) -> Result<wire::Hold, StoreError> {
    Ok(wire::Hold {
        hold_id: hex::encode(row.bytes(0)?),
        case_number: row.text(1)?,
        leg: row.int(2)? as u32,
        reason: row.text(3)?,
        until_on: row.int(4)? as u32,
        approved: row.int(5)? > 0,
        token: row.text(6)?,
        approver: row.text(7)?,
    })
}

fn no_such_reason() -> Denied {
    let codes = REASONS.map(|(code, _, _)| code);
    Denied::new(
        "NO_SUCH_REASON",
        format!("理由只能是：{}。", codes.join("、")),
        format!("The reason is one of: {}.", codes.join(", ")),
    )
}

fn bad_end(today: Day) -> Denied {
    let last = today.plus(DAYS_MAX);
    Denied::new(
        "BAD_END",
        format!("截止日期须在今天之后、{last} 之前；届时仍需要的，重新录入。"),
        format!("A hold ends after today and by {last}; enter a new one if it is still needed."),
    )
}
