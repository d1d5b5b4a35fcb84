//! What a body counts of what it has opened, as it may be told: nothing under five, and nothing from
//! which the others could be known. Once told it stays, so that no two tellings give a difference.

use super::no_such_record;
use crate::batch::Batch;
use crate::command::Actor;
use crate::store::{Conn, StoreError, Val};
use crate::trouble::{Denied, Outcome};
use jieli_proto::sealed::is_figure;
use jieli_proto::wire::{self, GrievanceKind};

impl Batch<'_> {
    /// Takes in what a body counted of a month that is over, or of a call-back that has ended.
    pub(super) async fn report_figures(
        &mut self,
        actor: &Actor,
        asked: &wire::FiguresRequest,
    ) -> Outcome<wire::FiguresReply> {
        let call_back = hex::decode(asked.call_back.trim()).unwrap_or_default();
        let total = if call_back.is_empty() {
            self.received_in(actor, asked.month).await?
        } else {
            self.ended_call_back(actor, &call_back).await?
        };
        check(asked, total)?;
        let place = |rest: Vec<Val>| -> Vec<Val> {
            let mut vals: Vec<Val> =
                vec![actor.office.as_str().into(), asked.month.into(), call_back.as_slice().into()];
            vals.extend(rest);
            vals
        };
        let (late, today) = (asked.late.into(), self.today.number().into());
        let told = self
            .conn
            .run(
                "INSERT INTO body_report (office, month, call_back, late, reported_on) \
                 VALUES ($1,$2,$3,$4,$5) ON CONFLICT DO NOTHING",
                place(vec![late, today]),
            )
            .await?;
        if told == 0 {
            return Err(Denied::new(
                "ALREADY_REPORTED",
                "这一期已经报过，不能再报，以免从两次的差额认出个人。",
                "This was reported before and stays as it is: a difference of two reports could \
                 give a person away.",
            )
            .into());
        }
        for one in &asked.lines {
            self.conn
                .run(
                    "INSERT INTO body_figure (office, month, call_back, kind, count, or_more) \
                     VALUES ($1,$2,$3,$4,$5,$6)",
                    place(vec![i64::from(one.kind).into(), one.count.into(), one.or_more.into()]),
                )
                .await?;
        }
        self.record("figures", format!("{} {}", actor.token, actor.office).as_bytes());
        Ok(wire::FiguresReply { lines: asked.lines.clone(), late: asked.late })
    }

    /// Grievances of a month that is over.
    async fn received_in(&mut self, actor: &Actor, month: u32) -> Outcome<u32> {
        if !(200_001..=999_912).contains(&month) || month >= self.today.number() / 100 {
            return Err(Denied::new(
                "BAD_MONTH",
                "请填写已经过完的月份，例如 2026-11。",
                "Name a month that is over, such as 2026-11.",
            )
            .into());
        }
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM sealed_record WHERE office = $1 \
                   AND call_back = $2 AND received_on >= $3 AND received_on <= $4";
        let vals: Vec<Val> = vec![
            actor.office.as_str().into(),
            Vec::new().into(),
            (month * 100).into(),
            (month * 100 + 99).into(),
        ];
        Ok(self.conn.one(sql, vals).await?.int(0)? as u32)
    }

    /// Answers to a call-back of this body to which nobody can answer any more.
    async fn ended_call_back(&mut self, actor: &Actor, id: &[u8]) -> Outcome<u32> {
        let sql = "SELECT answered, until_on FROM call_back WHERE call_back_id = $1 \
                   AND office = $2";
        let row = self.conn.maybe(sql, vec![id.into(), actor.office.as_str().into()]).await?;
        let row = row.ok_or_else(no_such_record)?;
        if row.int(1)? >= i64::from(self.today.number()) {
            return Err(Denied::new(
                "CALL_BACK_OPEN",
                "回访还在进行，截止之后才能报数，只报一次。",
                "The call-back is still open: its counts are reported after it, once.",
            )
            .into());
        }
        let sql = "DELETE FROM call_back_ticket WHERE call_back_id = $1";
        self.conn.run(sql, vec![id.into()]).await?;
        Ok(row.int(0)? as u32)
    }
}

/// Whole, in order, and nothing in it that could give anybody away.
fn check(asked: &wire::FiguresRequest, total: u32) -> Result<(), Denied> {
    let of_month = asked.call_back.is_empty();
    let known = |one: &wire::FigureLine| match one.kind() {
        GrievanceKind::Unspecified => false,
        // What a call-back asks about.
        GrievanceKind::FeeTaken
        | GrievanceKind::IdWithheld
        | GrievanceKind::NotByMyChoice
        | GrievanceKind::TermsDiffer => true,
        GrievanceKind::WageArrears
        | GrievanceKind::WorkInjury
        | GrievanceKind::Lodging
        | GrievanceKind::NeverConfirmed
        | GrievanceKind::LegalHelp => of_month,
    };
    let rising = asked.lines.windows(2).all(|pair| pair[0].kind < pair[1].kind);
    let fit = |one: &wire::FigureLine| known(one) && is_figure(one.count, one.or_more, total);
    let late_fits = asked.late <= if of_month { total } else { 0 };
    if rising && late_fits && asked.lines.iter().all(fit) && (of_month || asked.month == 0) {
        return Ok(());
    }
    Err(Denied::new(
        "BAD_FIGURES",
        "数目不合规则：少于五人的不报，会暴露其余各人的只报“五人或更多”。请用 jieli grievance report 统计。",
        "These counts could give somebody away or do not fit: fewer than five is not told, and where \
         the others would be known only “five or more”. Let jieli grievance report count.",
    ))
}

/// The figures of one report.
pub(super) async fn lines(
    conn: &mut Conn,
    office: &str,
    month: u32,
    call_back: &[u8],
) -> Result<Vec<wire::FigureLine>, StoreError> {
    let sql = "SELECT kind, count, or_more FROM body_figure WHERE office = $1 AND month = $2 \
               AND call_back = $3 ORDER BY kind";
    let rows = conn.rows(sql, vec![office.into(), month.into(), call_back.into()]).await?;
    rows.iter()
        .map(|row| {
            let (kind, count) = (row.int(0)? as i32, row.int(1)? as u32);
            Ok(wire::FigureLine { kind, count, or_more: row.flag(2)? })
        })
        .collect()
}
