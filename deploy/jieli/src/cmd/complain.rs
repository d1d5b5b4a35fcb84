//! What a worker seals, on the own phone or on the keypad of a window: everything is typed, nothing
//! is an option, and it is sealed before it leaves this process.

use super::dial::At;
use super::grievance::key::fingerprint;
use super::grievance::{stage, unsealed};
use super::say::{OK, Out, date};
use super::worker::Key;
use super::{Done, Fail, keypad};
use crate::ambient::SystemEntropy;
use clap::Subcommand;
use jieli_gateway::sealed;
use jieli_node::world::Entropy as _;
use jieli_proto::sealed::KeptCode;
use jieli_proto::wire::{self, CallBackWord, GrievanceKind, SealedBox, SealedWords};
use jieli_proto::words;
use serde_json::json;
use std::io::Write as _;

#[derive(Debug, Subcommand)]
pub(super) enum ComplainCommand {
    /// To whom you can turn: never an office that is concerned in the case.
    Bodies {
        #[command(flatten)]
        key: Key,
    },
    /// Seals what you type to the body you choose. Nobody else can read it, and no record says that
    /// it is from you. The code that is shown once opens status and answers.
    File {
        #[command(flatten)]
        key: Key,
    },
    /// How it stands, and what was answered; asks for the code that was shown once.
    Status,
}

#[derive(Debug, Subcommand)]
pub(super) enum CallBackCommand {
    /// What a call-back asks.
    Open {
        /// The code of its notice.
        #[arg(long)]
        code: String,
    },
    /// Seals your answers to the body that asks; once.
    Answer {
        /// The code of its notice.
        #[arg(long)]
        code: String,
    },
}

impl ComplainCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut worker = at.worker().await?;
        match self {
            ComplainCommand::Bodies { key } => {
                let found = worker.list_bodies(key.request()).await?.into_inner();
                show_bodies(&found.bodies, out);
            }
            ComplainCommand::File { key } => {
                let request = key.request();
                let found = worker.list_bodies(request.clone()).await?.into_inner();
                let (filed, code) = typed(&found.bodies, &request.case_number)?;
                let wire::WorkerRequest { case_number, code: own } = request;
                let asked =
                    wire::FileGrievanceRequest { case_number, code: own, filed: Some(filed) };
                let reply = worker.file_grievance(asked).await?.into_inner();
                show_filed(&reply, &code, out);
            }
            ComplainCommand::Status => {
                let typed = keypad::ask("查询码（24 位数字）：", "The code (24 digits):")?;
                let code = KeptCode::parse(&typed)
                    .ok_or_else(|| Fail::usage("查询码是 24 位数字。", "The code is 24 digits."))?;
                let asked = wire::SealedRef { record_id: code.record_id().to_vec() };
                let line = worker.look_at_grievance(asked).await?.into_inner();
                show_line(&line, &code, out)?;
            }
        }
        Ok(OK)
    }
}

impl CallBackCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut worker = at.worker().await?;
        match self {
            CallBackCommand::Open { code } => {
                let asked = wire::OpenCallBackRequest { code };
                let found = worker.open_call_back(asked).await?.into_inner();
                let until = date(found.until);
                out.show(&json!({ "text": found.text, "until": until }), || {
                    format!("{}\n{until} 前回答。 Answer before {until}.", found.text)
                });
            }
            CallBackCommand::Answer { code } => {
                let asked = wire::OpenCallBackRequest { code: code.clone() };
                let found = worker.open_call_back(asked).await?.into_inner();
                let body = found.body.unwrap_or_default();
                let _ = writeln!(std::io::stderr(), "{}", found.text);
                let said = wire::CallBackWords {
                    own_choice: yes_or_no(1)?.into(),
                    money_taken: yes_or_no(2)?.into(),
                    document_kept: yes_or_no(3)?.into(),
                    terms_as_told: yes_or_no(4)?.into(),
                };
                let words = SealedWords { call_back: Some(said), ..SealedWords::default() };
                let (filed, kept) = seal(&body, words)?;
                let asked = wire::AnswerCallBackRequest { code, filed: Some(filed) };
                let reply = worker.answer_call_back(asked).await?.into_inner();
                show_filed(&reply, &kept, out);
            }
        }
        Ok(OK)
    }
}

/// At a window: the document lies on the counter, the person types.
pub(super) async fn at_window(at: &At, in_hand: wire::InHand, out: Out) -> Result<Done, Fail> {
    let mut window = at.window().await?;
    let found = window.list_bodies_at_window(in_hand.clone()).await?.into_inner();
    let (filed, code) = typed(&found.bodies, &in_hand.case_number)?;
    let asked = wire::FileAtWindowRequest { in_hand: Some(in_hand), filed: Some(filed) };
    let reply = window.file_at_window(asked).await?.into_inner();
    show_filed(&reply, &code, out);
    Ok(OK)
}

fn yes_or_no(number: u32) -> Result<CallBackWord, Fail> {
    let said = keypad::ask(
        &format!("第 {number} 题：1 是，2 不是，不想回答就直接回车"),
        &format!("Question {number}: 1 yes, 2 no, just Enter to leave it out"),
    )?;
    match said.as_str() {
        "" => Ok(CallBackWord::Unspecified),
        "1" => Ok(CallBackWord::Yes),
        "2" => Ok(CallBackWord::No),
        _ => Err(Fail::usage("只能输入 1、2 或直接回车。", "Type 1, 2, or just Enter.")),
    }
}

/// What the person types: body, kind, own words, and whether the case is named.
fn typed(bodies: &[wire::GrievanceBody], case: &str) -> Result<(SealedBox, KeptCode), Fail> {
    let here: Vec<_> = bodies.iter().filter(|body| !body.public_key.is_empty()).collect();
    let kinds: Vec<GrievanceKind> =
        (1..).map_while(|number| GrievanceKind::try_from(number).ok()).collect();
    let mut shown: Vec<String> = here.iter().enumerate().map(|(at, body)| row(at, body)).collect();
    shown.extend(bodies.iter().filter(|body| body.public_key.is_empty()).map(elsewhere));
    shown.extend(kinds.iter().map(|kind| {
        let word = words::grievance(*kind);
        format!("{} {} {}", i32::from(*kind), word.zh, word.en)
    }));
    let _ = writeln!(std::io::stderr(), "{}", shown.join("\n"));
    let body = keypad::ask("向哪个机构？请输入序号：", "To which body? Its number:")?;
    let body = body.parse::<usize>().ok().and_then(|number| here.get(number.checked_sub(1)?));
    let body = body.ok_or_else(|| {
        Fail::usage("没有这个序号，什么也没有发出。", "No such number: nothing was sent.")
    })?;
    let kind = keypad::ask("什么事？请输入序号：", "What is it? Its number:")?;
    let kind = kind.parse::<i32>().ok().filter(|number| *number > 0);
    let kind = kind.and_then(|number| GrievanceKind::try_from(number).ok()).ok_or_else(|| {
        Fail::usage("没有这个序号，什么也没有发出。", "No such number: nothing was sent.")
    })?;
    let own = keypad::ask(
        "想说的话（可以不写，直接回车）：",
        "In your own words (just Enter for none):",
    )?;
    let named = keypad::ask(
        "是否告诉该机构您的办件编号，方便找到您？1 是，直接回车为不告诉：",
        "May that body know your case number, to find you? 1 yes, just Enter for no:",
    )?;
    let case_number = if named == "1" { case.to_owned() } else { String::new() };
    let words =
        SealedWords { kind: kind.into(), words: own, case_number, ..SealedWords::default() };
    seal(body, words)
}

fn seal(body: &wire::GrievanceBody, words: SealedWords) -> Result<(SealedBox, KeptCode), Fail> {
    let entropy = SystemEntropy::new();
    sealed::to_body(&body.office, &body.public_key, words, &mut |bytes| entropy.fill(bytes))
        .map_err(|error| unsealed(&error))
}

fn row(at: usize, body: &wire::GrievanceBody) -> String {
    let fingerprint = fingerprint(&body.public_key);
    format!("{} {} {} {} [{fingerprint}]", at + 1, body.city, body.name, body.telephone)
}

fn elsewhere(body: &wire::GrievanceBody) -> String {
    let (city, name, telephone) = (&body.city, &body.name, &body.telephone);
    format!(
        "- {city} {name} {telephone}（请打电话，或到那里的窗口 by telephone or at its own window）"
    )
}

fn show_bodies(bodies: &[wire::GrievanceBody], out: Out) {
    let values = bodies.iter().map(|body| {
        let here = !body.public_key.is_empty();
        json!({
            "office": body.office, "name": body.name, "city": body.city,
            "telephone": body.telephone, "here": here,
            "fingerprint": here.then(|| fingerprint(&body.public_key)),
        })
    });
    out.show(&json!({ "bodies": values.collect::<Vec<_>>() }), || {
        let here = bodies.iter().filter(|body| !body.public_key.is_empty());
        let mut lines: Vec<String> = here.enumerate().map(|(at, body)| row(at, body)).collect();
        lines.extend(bodies.iter().filter(|body| body.public_key.is_empty()).map(elsewhere));
        if lines.is_empty() {
            lines.push(
                "没有机构在这里收件，请拨打回单上的电话。 No body takes it here: the telephones stand on \
                 the slip."
                    .to_owned(),
            );
        }
        lines.join("\n")
    });
}

/// What a worker reads is always in both languages. The code is shown this once.
fn show_filed(reply: &wire::FiledReply, code: &KeptCode, out: Out) {
    let (code, by) = (code.spoken(), date(reply.take_by));
    out.show(&json!({ "code": code, "take_by": by }), || {
        format!(
            "已收到，{by} 前受理。查询码 {code}，只显示这一次，请抄下来，不要告诉别人；不会发短信给您。\n\
             Received; taken by {by}. The code {code} is shown this once: write it down, tell it to \
             nobody. No text message will be sent about it."
        )
    });
}

fn show_line(line: &wire::SealedLine, code: &KeptCode, out: Out) -> Result<(), Fail> {
    let mut answers = Vec::new();
    for answer in &line.answers {
        let opened = sealed::by_person(code, &answer.sealed).map_err(|error| unsealed(&error))?;
        answers.push((date(answer.on), opened));
    }
    let (zh, en) = stage(line.stage());
    let value = json!({
        "stage": en, "received_on": date(line.received_on), "take_by": date(line.take_by),
        "office": line.office, "office_name": line.office_name,
        "answers": answers.iter().map(|(on, text)| json!({ "on": on, "text": text }))
            .collect::<Vec<_>>(),
    });
    out.show(&value, || {
        let (name, telephone) = (&line.office_name, &line.telephone);
        let mut lines = vec![format!("{name} {telephone}：{zh} {en}")];
        lines.extend(answers.iter().map(|(on, text)| format!("{on} {text}")));
        lines.join("\n")
    });
    Ok(())
}
