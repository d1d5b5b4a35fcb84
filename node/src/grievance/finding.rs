//! Employers found to owe wages: without such a finding nobody is told that an employer does.

use super::body::GrievanceCommand;
use crate::batch::Batch;
use crate::command::{Actor, Done};
use crate::legs::LegFile;
use crate::store::{Conn, Row, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::day::Day;
use jieli_proto::number::CreditCode;
use jieli_proto::wire::{self, DecisionCode, OfficeKind, Service};

const REFERENCE_MAX: usize = 64;
const LINE: &str = "SELECT number, employer, reference, found_on, lifted_on FROM wage_finding";

impl Batch<'_> {
    /// What the desk of a body asks for.
    pub(crate) async fn grievance(
        &mut self,
        actor: &Actor,
        command: &GrievanceCommand,
    ) -> Outcome<Done> {
        Ok(match command {
            GrievanceCommand::PlaceKey(r) => Done::GrievanceKey(self.place_key(actor, r).await?),
            GrievanceCommand::Handle(r) => {
                Done::Sealed(Box::new(self.handle_sealed(actor, r).await?))
            }
            GrievanceCommand::Report(r) => Done::Figures(self.report_figures(actor, r).await?),
            GrievanceCommand::AddFinding(r) => Done::Finding(self.add_finding(actor, r).await?),
            GrievanceCommand::LiftFinding(r) => {
                Done::Finding(self.lift_finding(actor, r.number).await?)
            }
        })
    }

    async fn add_finding(
        &mut self,
        actor: &Actor,
        asked: &wire::WageFinding,
    ) -> Outcome<wire::WageFinding> {
        self.is_inspection(actor)?;
        let employer =
            CreditCode::parse(&asked.employer).map_err(|error| bad(&error.to_string()))?;
        let reference = asked.reference.trim();
        if reference.is_empty() || reference.chars().count() > REFERENCE_MAX {
            return Err(bad("its reference has 1 to 64 characters").into());
        }
        let found_on = Day::from_number(asked.found_on).filter(|day| *day <= self.today);
        let found_on = found_on.ok_or_else(|| bad("the day is one that has been"))?;
        let sql = "SELECT COALESCE(MAX(number), 0) FROM wage_finding";
        let number = self.conn.one(sql, Vec::new()).await?.int(0)? + 1;
        self.conn
            .run(
                "INSERT INTO wage_finding (number, office, employer, reference, found_on, \
                 lifted_on) VALUES ($1,$2,$3,$4,$5,0)",
                vec![
                    number.into(),
                    actor.office.as_str().into(),
                    employer.as_str().into(),
                    reference.into(),
                    found_on.number().into(),
                ],
            )
            .await?;
        let about = format!("{} {number} {} {reference}", actor.token, employer.as_str());
        self.record("wage finding", about.as_bytes());
        self.finding(number).await
    }

    async fn lift_finding(&mut self, actor: &Actor, number: u32) -> Outcome<wire::WageFinding> {
        self.is_inspection(actor)?;
        self.conn
            .run(
                "UPDATE wage_finding SET lifted_on = $2 WHERE number = $1 AND lifted_on = 0",
                vec![number.into(), self.today.number().into()],
            )
            .await?;
        let found = self.finding(i64::from(number)).await?;
        self.record("wage finding lifted", format!("{} {number}", actor.token).as_bytes());
        Ok(found)
    }

    async fn finding(&mut self, number: i64) -> Outcome<wire::WageFinding> {
        let sql = format!("{LINE} WHERE number = $1");
        let rows = self.conn.rows_many(sql, vec![number.into()]).await?;
        let row = rows.first().ok_or_else(|| Denied::not_found(&number.to_string()))?;
        Ok(line(row)?)
    }

    fn is_inspection(&self, actor: &Actor) -> Outcome<()> {
        let own = self.directory.own_office(&actor.office);
        if own.is_some_and(|office| office.kind() == OfficeKind::LabourInspection) {
            return Ok(());
        }
        Err(Denied::new(
            "NOT_THE_INSPECTION",
            "只有劳动保障监察机构可以登记或撤销欠薪认定。",
            "Only a labour inspection enters or lifts a finding of arrears.",
        )
        .into())
    }

    /// EMPLOYER_WAGE_ARREARS is said only of an employer that was found to owe wages.
    pub(crate) async fn arrears_were_found(
        &mut self,
        file: &LegFile,
        code: DecisionCode,
    ) -> Outcome<()> {
        if code != DecisionCode::EmployerWageArrears {
            return Ok(());
        }
        let employer = match file.service {
            Service::Employment => self.terms_for_offer(file).await?.1.employer_code,
            Service::Unspecified
            | Service::Schooling
            | Service::SchoolRecord
            | Service::Insurance
            | Service::Housing
            | Service::FundTransfer => String::new(),
        };
        self.arrears_of(&employer, code).await
    }

    /// The same of an employer itself.
    pub(crate) async fn arrears_of(&mut self, employer: &str, code: DecisionCode) -> Outcome<()> {
        if code != DecisionCode::EmployerWageArrears {
            return Ok(());
        }
        let sql = "SELECT 1 FROM wage_finding WHERE employer = $1 AND lifted_on = 0 LIMIT 1";
        if self.conn.maybe(sql, vec![employer.into()]).await?.is_some() {
            return Ok(());
        }
        Err(Denied::new(
            "NO_FINDING",
            "没有劳动保障监察机构对该用人单位的欠薪认定，不能以“用人单位欠薪”为由。认定由监察机构用 \
             jieli grievance finding add 登记。",
            "No labour inspection has found that this employer owes wages, so it cannot be the \
             reason. The inspection enters a finding with jieli grievance finding add.",
        )
        .into())
    }
}

/// All findings, the newest first.
pub(crate) async fn findings(conn: &mut Conn) -> Result<wire::WageFindingList, StoreError> {
    let rows = conn.rows_many(format!("{LINE} ORDER BY number DESC"), Vec::new()).await?;
    let findings = rows.iter().map(line).collect::<Result<_, StoreError>>()?;
    Ok(wire::WageFindingList { findings })
}

fn line(row: &Row) -> Result<wire::WageFinding, StoreError> {
    Ok(wire::WageFinding {
        number: row.int(0)? as u32,
        employer: row.text(1)?,
        reference: row.text(2)?,
        found_on: row.int(3)? as u32,
        lifted_on: row.int(4)? as u32,
    })
}

fn bad(what: &str) -> Denied {
    Denied::new("BAD_FINDING", format!("认定填写有误：{what}。"), format!("The finding: {what}."))
}
