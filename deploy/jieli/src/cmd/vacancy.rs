//! `jieli vacancy`: posts with their whole terms.

use super::case_act::decision;
use super::dial::At;
use super::say::{OK, Out, date, text_of};
use super::{Done, Fail, employer};
use clap::Subcommand;
use jieli_gateway::drafts;
use jieli_node::config::DeskRole;
use jieli_proto::wire;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum VacancyCommand {
    /// Registers the vacancies of a TOML file.
    Add {
        /// The file.
        file: PathBuf,
        /// Send them to every partner whose agreement covers jobs.
        #[arg(long)]
        announce: bool,
    },
    /// Changes vacancies that this city has registered, and announces them again. Changed terms need
    /// a higher version, and every worker acknowledges them anew.
    Change {
        /// The file, in the form of `add`.
        file: PathBuf,
    },
    /// Announces a vacancy as over; what was accepted stays accepted.
    Close {
        /// Its reference.
        reference: String,
    },
    /// Lists known vacancies, own and announced ones.
    List,
    /// Posts that employers asked this office to announce, those that wait first.
    Proposals,
    /// Announces what an employer proposed, as this office's vacancy; with a code it is declined.
    Answer {
        /// Credit code of the employer.
        employer: String,
        /// The reference that it proposed.
        reference: String,
        /// Why it is not announced: CAPACITY, POST_FILLED, EMPLOYER_CLOSED, EMPLOYER_UNVERIFIED,
        /// EMPLOYER_WAGE_ARREARS (after a finding), TERMS_DIFFER, LAW.
        #[arg(long)]
        decline: Option<String>,
    },
}

impl VacancyCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            VacancyCommand::Add { file, announce } => {
                return register(at, out, &file, announce, false).await;
            }
            VacancyCommand::Change { file } => return register(at, out, &file, true, true).await,
            VacancyCommand::Close { reference } => {
                let mut desk = at.desk(DeskRole::Clerk).await?;
                let request = wire::VacancyRef { reference };
                let announced = desk.close_vacancy(request).await?.into_inner().announced;
                out.show(&json!({ "announced": announced }), || {
                    out.say(
                        &format!("岗位已关闭，发出 {announced} 份岗位信息。已同意接收的不受影响。"),
                        &format!(
                            "Closed, {announced} notices on their way. What was accepted stays."
                        ),
                    )
                });
            }
            VacancyCommand::Proposals => return employer::list_proposals(at, out).await,
            VacancyCommand::Answer { employer, reference, decline } => {
                let code = decline.map(|text| decision(&text)).transpose()?;
                return employer::answer(at, out, employer, reference, code).await;
            }
            VacancyCommand::List => {
                let mut desk = at.desk(DeskRole::Clerk).await?;
                let request = wire::ListVacanciesRequest {};
                let all = desk.list_vacancies(request).await?.into_inner().vacancies;
                let value = Value::Array(all.iter().map(vacancy_json).collect());
                out.show(&value, || {
                    all.iter().map(|one| line(one, out)).collect::<Vec<_>>().join("\n")
                });
            }
        }
        Ok(OK)
    }
}

async fn register(
    at: &At,
    out: Out,
    file: &Path,
    announce: bool,
    change: bool,
) -> Result<Done, Fail> {
    let vacancies = drafts::vacancies(&text_of(file)?)?;
    let mut desk = at.desk(DeskRole::Clerk).await?;
    let request = wire::AddVacanciesRequest { vacancies, announce, change };
    let reply = desk.add_vacancies(request).await?.into_inner();
    let wire::AddVacanciesReply { added, announced } = reply;
    out.show(&json!({ "added": added, "announced": announced }), || {
        out.say(
            &format!("登记 {added} 个岗位，发出 {announced} 份岗位信息。"),
            &format!("{added} added, {announced} notices on their way."),
        )
    });
    Ok(OK)
}

fn line(vacancy: &wire::Vacancy, out: Out) -> String {
    let terms = vacancy.terms.clone().unwrap_or_default();
    let (posts, until) = (vacancy.posts, date(vacancy.valid_until));
    let rest = out
        .say(&format!("{posts} 个岗位，有效至 {until}"), &format!("{posts} posts until {until}"));
    format!("{}  {}  {}  {rest}", terms.reference, vacancy.city, terms.employer_name)
}

fn vacancy_json(vacancy: &wire::Vacancy) -> Value {
    let terms = vacancy.terms.clone().unwrap_or_default();
    json!({
        "reference": terms.reference,
        "city": vacancy.city,
        "posts": vacancy.posts,
        "valid_until": date(vacancy.valid_until),
        "employer_code": terms.employer_code,
        "employer_name": terms.employer_name,
        "agency_code": terms.agency_code,
        "agency_name": terms.agency_name,
        "pay_fen_month_min": terms.pay_fen_month_min,
        "pay_fen_month_max": terms.pay_fen_month_max,
        "hours_week": terms.hours_week,
        "rest_days_month": terms.rest_days_month,
        "terms_digest": jieli_proto::message::terms_digest(&terms).hex(),
    })
}
