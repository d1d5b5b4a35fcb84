//! `jieli misbehaviour`: proofs that another city has contradicted what it signed.

use super::dial::At;
use super::evidence::write_new;
use super::say::{OK, Out};
use super::{Done, Fail};
use clap::Subcommand;
use jieli_node::config::DeskRole;
use jieli_proto::id::Digest;
use jieli_proto::misbehaviour::{self, Unproved};
use jieli_proto::wire;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum MisbehaviourCommand {
    /// Lists the proofs that this city found or was told.
    List,
    /// Writes one as a file that `jieli verify FILE --root FPR` checks anywhere.
    Export {
        /// Its id, as listed.
        id: String,
        /// Where to; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
}

impl MisbehaviourCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Operator).await?;
        let list = desk.list_findings(wire::ListFindingsRequest {}).await?.into_inner();
        match self {
            MisbehaviourCommand::List => show(&list.findings, out),
            MisbehaviourCommand::Export { id, out: file } => {
                let found = list.findings.into_iter().find(|found| found.finding_id == id);
                let found = found.ok_or_else(|| {
                    Fail::usage("没有这个编号的证明。", "There is no proof of this id.")
                })?;
                write_new(&file, &found.file)?;
                let name = file.display().to_string();
                let value = json!({ "file": name, "bytes": found.file.len() });
                let done = out.say(&format!("已写入 {name}。"), &format!("{name} written."));
                out.show(&value, || done);
            }
        }
        Ok(OK)
    }
}

fn show(findings: &[wire::MisbehaviourProof], out: Out) {
    let value = |found: &wire::MisbehaviourProof| {
        json!({
            "id": found.finding_id, "city": found.city, "say_zh": found.say_zh,
            "say_en": found.say_en, "found_unix_ms": found.found_unix_ms,
            "unreadable": found.unreadable,
        })
    };
    out.show(&Value::Array(findings.iter().map(value).collect()), || {
        if findings.is_empty() {
            return out.say("没有。", "None.");
        }
        let line = |found: &wire::MisbehaviourProof| {
            format!("{}  {}", found.finding_id, out.say(&found.say_zh, &found.say_en))
        };
        findings.iter().map(line).collect::<Vec<_>>().join("\n")
    });
}

/// Checks a file of misbehaviour offline. Exit code 1 where it proves nothing, 2 where it is none.
pub(super) fn check(file: &[u8], roots: &[Digest], out: Out) -> Result<Done, Fail> {
    match misbehaviour::verify(file, roots) {
        Ok((city, what)) => {
            let (zh, en) = what.say(&city);
            let value = json!({
                "proved": true, "city": city.as_str(), "kind": what.word(),
                "say_zh": zh, "say_en": en,
            });
            let said = out.say(&format!("证明成立：{zh}。"), &format!("Proved: {en}."));
            out.show(&value, || said);
            Ok(OK)
        }
        Err(Unproved::Form) => {
            Err(Fail::usage("文件无法读取，不是完整的证明。", Unproved::Form.to_string()))
        }
        Err(error) => {
            let value = json!({ "proved": false, "why": error.to_string() });
            let said = out.say("证明不成立。", &format!("Not proved: {error}."));
            out.show(&value, || said);
            Ok(Done(super::REFUSED))
        }
    }
}
