//! `jieli employer`: an employer's narrow window; and the office's answer to what it proposes.

use super::dial::At;
use super::say::{OK, Out, date, date_of, text_of, time};
use super::{Done, Fail};
use clap::Subcommand;
use jieli_gateway::drafts;
use jieli_proto::wire::{self, DecisionCode};
use jieli_proto::words;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum EmployerCommand {
    /// Asks the office to announce the posts of a TOML file, with their whole terms.
    Propose {
        /// The file, in the form of `vacancy add`.
        file: PathBuf,
    },
    /// What was proposed, and this employer's posts: how many are expected and how many began.
    Posts,
    /// Whether the number that a worker hands over is of somebody released here. The worker reads
    /// that you looked.
    Show {
        #[command(flatten)]
        item: Item,
    },
    /// States the first day of work, and the last one. Until the item closes it can be stated anew.
    State {
        #[command(flatten)]
        item: Item,
        /// The first day.
        #[arg(long, value_parser = date_of)]
        began: Option<u32>,
        /// The last day.
        #[arg(long, value_parser = date_of)]
        ended: Option<u32>,
    },
}

/// What a worker hands over.
#[derive(Debug, clap::Args)]
pub(super) struct Item {
    /// Case number.
    case: String,
    /// Number of the item within the case.
    leg: u32,
}

impl EmployerCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut employ = at.employ().await?;
        match self {
            EmployerCommand::Propose { file } => {
                let vacancies = drafts::vacancies(&text_of(&file)?)?;
                let mut sent = Vec::new();
                for vacancy in vacancies {
                    sent.push(employ.propose_posts(vacancy).await?.into_inner());
                }
                show_proposals(&sent, out);
            }
            EmployerCommand::Posts => {
                let list = employ.list_posts(wire::ListPostsRequest {}).await?.into_inner();
                let value = json!({
                    "proposals": list.proposals.iter().map(proposal_json).collect::<Vec<_>>(),
                    "posts": list.posts.iter().map(post_json).collect::<Vec<_>>(),
                });
                out.show(&value, || {
                    let proposals = list.proposals.iter().map(|one| proposal_text(one, out));
                    let posts = list.posts.iter().map(|one| post_text(one, out));
                    proposals.chain(posts).collect::<Vec<_>>().join("\n")
                });
            }
            EmployerCommand::Show { item } => {
                let ask = wire::ReleasedRef { case_number: item.case, leg: item.leg };
                show_released(&employ.show_released(ask).await?.into_inner(), out);
            }
            EmployerCommand::State { item, began, ended } => {
                let ask = wire::StateWorkRequest {
                    case_number: item.case,
                    leg: item.leg,
                    started_on: began.unwrap_or_default(),
                    ended_on: ended.unwrap_or_default(),
                };
                show_released(&employ.state_work(ask).await?.into_inner(), out);
            }
        }
        Ok(OK)
    }
}

/// `jieli vacancy proposals`.
pub(super) async fn list_proposals(at: &At, out: Out) -> Result<Done, Fail> {
    let mut posts = at.posts().await?;
    let list = posts.list_proposals(wire::ListPostsRequest {}).await?.into_inner();
    show_proposals(&list.proposals, out);
    Ok(OK)
}

/// `jieli vacancy answer`: without a code it is announced.
pub(super) async fn answer(
    at: &At,
    out: Out,
    employer: String,
    reference: String,
    code: Option<DecisionCode>,
) -> Result<Done, Fail> {
    let mut posts = at.posts().await?;
    let declined = code.unwrap_or_default().into();
    let ask = wire::AnswerProposalRequest { employer, reference, declined };
    show_proposals(&[posts.answer_proposal(ask).await?.into_inner()], out);
    Ok(OK)
}

fn show_proposals(all: &[wire::Proposal], out: Out) {
    out.show(&Value::Array(all.iter().map(proposal_json).collect()), || {
        if all.is_empty() {
            return out.say("没有用人单位提出岗位。", "No employer has proposed posts.");
        }
        all.iter().map(|one| proposal_text(one, out)).collect::<Vec<_>>().join("\n")
    });
}

fn proposal_json(one: &wire::Proposal) -> Value {
    let vacancy = one.vacancy.clone().unwrap_or_default();
    let terms = vacancy.terms.unwrap_or_default();
    let declined = Some(one.declined()).filter(|code| *code != DecisionCode::Unspecified);
    json!({
        "employer_code": terms.employer_code,
        "employer_name": terms.employer_name,
        "reference": terms.reference,
        "posts": vacancy.posts,
        "valid_until": date(vacancy.valid_until),
        "state": one.state,
        "declined": declined.map(|code| words::decision(code).en),
        "proposed_at": time(one.proposed_unix_ms),
        "answered_at": time(one.answered_unix_ms),
    })
}

fn proposal_text(one: &wire::Proposal, out: Out) -> String {
    let vacancy = one.vacancy.clone().unwrap_or_default();
    let terms = vacancy.terms.unwrap_or_default();
    let word = words::decision(one.declined());
    let state = match one.state.as_str() {
        "waiting" => out.say("等待窗口答复", "waits for the office"),
        "announced" => out.say("已公布", "announced"),
        _ => out.say(&format!("未公布：{}", word.zh), &format!("not announced: {}", word.en)),
    };
    let (posts, until) = (vacancy.posts, date(vacancy.valid_until));
    let what = out
        .say(&format!("{posts} 个岗位，有效至 {until}"), &format!("{posts} posts until {until}"));
    let (employer, name) = (&terms.employer_code, &terms.employer_name);
    format!("{employer} {}  {name}  {what}  {state}", terms.reference)
}

fn post_json(one: &wire::PostLine) -> Value {
    let vacancy = one.vacancy.clone().unwrap_or_default();
    json!({
        "reference": vacancy.terms.unwrap_or_default().reference,
        "posts": vacancy.posts,
        "valid_until": date(vacancy.valid_until),
        "expected": one.expected,
        "began": one.started,
    })
}

fn post_text(one: &wire::PostLine, out: Out) -> String {
    let vacancy = one.vacancy.clone().unwrap_or_default();
    let reference = vacancy.terms.unwrap_or_default().reference;
    let (posts, expected, began) = (vacancy.posts, one.expected, one.started);
    out.say(
        &format!("{reference}  {posts} 个岗位，{expected} 人将到岗，{began} 人已到岗"),
        &format!("{reference}  {posts} posts, {expected} expected, {began} began"),
    )
}

fn show_released(one: &wire::Released, out: Out) {
    let [began, ended] = [one.started_on, one.ended_on].map(date);
    let value = json!({
        "case": one.case_number,
        "leg": one.leg,
        "reference": one.reference,
        "began": began,
        "ended": ended,
    });
    out.show(&value, || {
        let (case, leg, reference) = (&one.case_number, one.leg, &one.reference);
        let not = |day: &str, zh: &str, en: &str| match day {
            "" => out.say(zh, en),
            day => day.to_owned(),
        };
        let began = not(&began, "未填", "not stated");
        let ended = not(&ended, "未填", "not stated");
        out.say(
            &format!("{case}/{leg}  岗位 {reference}  到岗：{began}  离岗：{ended}"),
            &format!("{case}/{leg}  post {reference}  began: {began}  ended: {ended}"),
        )
    });
}
