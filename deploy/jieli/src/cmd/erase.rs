//! `jieli erase`, `jieli hold` and `jieli keyring`: what is taken away for good, what must not be
//! yet, and the keys of it all.

use super::dial::At;
use super::say::{OK, Out, date, date_of};
use super::worker::numbers;
use super::{Done, FAILED, Fail};
use crate::ambient::passphrase_places;
use anyhow::Context;
use clap::{Args, Subcommand};
use jieli_node::config::{Config, DeskRole};
use jieli_node::keyring::{self, Ring};
use jieli_node::keys::KeyRing;
use jieli_node::store::StoreOptions;
use jieli_proto::wire;
use jieli_proto::words;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const ERASE_HELP: &str = "\
Erased is erased: there is no undo. Messages, logs and proofs stay, and say what was erased and when.
删除后无法恢复；消息、日志和证明仍在，并写明何时删除了什么。";

/// Erases what this city holds of closed legs, and asks the other city to do the same.
#[derive(Args, Debug)]
#[command(after_help = ERASE_HELP)]
pub(super) struct Erase {
    /// Case number.
    #[arg(long = "case")]
    case_number: String,
    /// Numbers of the legs within the case, such as "1 3"; empty: all that can be erased.
    #[arg(long = "leg", default_value = "")]
    legs: String,
    /// person-asked (answered within 15 working days), recorded-in-error or purpose-over.
    #[arg(long)]
    reason: String,
}

impl Erase {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Clerk).await?;
        let legs = numbers(&self.legs)?;
        let request =
            wire::EraseRequest { case_number: self.case_number, legs, reason: self.reason };
        show(&desk.erase(request).await?.into_inner(), out);
        Ok(OK)
    }
}

/// What became of each leg; for the person in both languages.
pub(super) fn show(reply: &wire::EraseReply, out: Out) {
    let lines: Vec<Value> = reply
        .lines
        .iter()
        .map(|line| {
            json!({
                "number": line.number, "state": line.state, "duty": line.duty,
                "until": date(line.until), "say_zh": line.say_zh, "say_en": line.say_en,
            })
        })
        .collect();
    out.show(&json!({ "legs": lines, "due_on": date(reply.due_on) }), || {
        let mut text: Vec<String> = reply
            .lines
            .iter()
            .map(|line| {
                let word = words::service(line.service());
                let (zh, en) = (&line.say_zh, &line.say_en);
                format!("{}. {} {}：{zh} {en}", line.number, word.zh, word.en)
            })
            .collect();
        if reply.due_on > 0 {
            let due = date(reply.due_on);
            text.push(format!("最晚 {due} 答复完毕。 Answered in full by {due}."));
        }
        text.join("\n")
    });
}

#[derive(Debug, Subcommand)]
pub(super) enum HoldCommand {
    /// Enters a hold: it keeps nothing until an approver confirms it.
    Set {
        /// Case number.
        #[arg(long = "case")]
        case_number: String,
        /// Numbers of the legs within the case; empty: all.
        #[arg(long = "leg", default_value = "")]
        legs: String,
        /// court-order, labour-dispute, wage-claim or grievance.
        #[arg(long)]
        reason: String,
        /// Its last day, 366 days from now at most; it ends by itself.
        #[arg(long, value_parser = date_of)]
        until: u32,
    },
    /// Confirms a hold that another token entered.
    Approve {
        /// Its id.
        hold_id: String,
    },
    /// The holds on a case.
    List {
        /// Case number.
        #[arg(long = "case")]
        case_number: String,
    },
}

impl HoldCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let list = match self {
            HoldCommand::Set { case_number, legs, reason, until } => {
                let (legs, until_on) = (numbers(&legs)?, until);
                let mut desk = at.desk(DeskRole::Operator).await?;
                let request = wire::HoldRequest { case_number, legs, reason, until_on };
                desk.enter_hold(request).await?.into_inner()
            }
            HoldCommand::Approve { hold_id } => {
                let mut desk = at.desk(DeskRole::Approver).await?;
                desk.approve_hold(wire::HoldRef { hold_id }).await?.into_inner()
            }
            HoldCommand::List { case_number } => {
                let mut desk = at.desk(DeskRole::Operator).await?;
                desk.list_holds(wire::HoldsRequest { case_number }).await?.into_inner()
            }
        };
        let holds: Vec<Value> = list
            .holds
            .iter()
            .map(|hold| {
                json!({
                    "hold_id": hold.hold_id, "case_number": hold.case_number, "leg": hold.leg,
                    "reason": hold.reason, "until": date(hold.until_on),
                    "approved": hold.approved, "token": hold.token, "approver": hold.approver,
                })
            })
            .collect();
        out.show(&json!({ "holds": holds }), || {
            let lines: Vec<String> = list.holds.iter().map(|hold| line(hold, out)).collect();
            if lines.is_empty() {
                out.say("没有保全。", "No holds.")
            } else {
                lines.join("\n")
            }
        });
        Ok(OK)
    }
}

fn line(hold: &wire::Hold, out: Out) -> String {
    let wire::Hold { hold_id, case_number, leg, reason, .. } = hold;
    let until = date(hold.until_on);
    let (zh, en) = if hold.approved {
        ("已生效".to_owned(), "in force".to_owned())
    } else {
        let command = format!("jieli hold approve {hold_id}");
        (format!("待批准：{command}"), format!("waits for approval: {command}"))
    };
    out.say(
        &format!("{hold_id} {case_number}/{leg} {reason} 至 {until}，{zh}"),
        &format!("{hold_id} {case_number}/{leg} {reason} until {until}, {en}"),
    )
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyringCommand {
    /// Writes a backup now; the node does so every day, and after every erasure.
    Backup,
    /// Puts keys of a backup back, while the node is stopped. What was erased since stays erased.
    Restore {
        /// The backup, in keyring-backup with its epoch.key.
        file: PathBuf,
    },
}

impl KeyringCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            KeyringCommand::Backup => {
                let mut desk = at.desk(DeskRole::Operator).await?;
                let kept = desk.back_up_keyring(wire::KeyringBackupRequest {}).await?.into_inner();
                let wire::KeyringBackup { file, keys, epoch } = kept;
                out.show(&json!({ "file": file, "keys": keys, "epoch": epoch }), || {
                    out.say(
                        &format!("密钥环备份：{file}（{keys} 把密钥）。下一次删除后即失效。"),
                        &format!("Backup of the key ring: {file} ({keys} keys). It opens until the next erasure."),
                    )
                });
            }
            KeyringCommand::Restore { file } => {
                let back = restore(&at.dir, &file).await?;
                out.show(&json!({ "restored": back }), || {
                    out.say(
                        &format!("放回 {back} 把密钥；已删除的不会回来。"),
                        &format!("{back} keys are back; what was erased stays erased."),
                    )
                });
            }
        }
        Ok(OK)
    }
}

async fn restore(dir: &Path, file: &Path) -> Result<u64, Fail> {
    let failed = |error: String| Fail::new(FAILED, "NOT_RESTORED", "密钥环没有恢复。", error);
    let config = Config::load(dir).map_err(|error| failed(error.to_string()))?;
    let city = config.city.id.clone();
    let passphrase = passphrase_places(Some(&config)).find().context("the passphrase")?;
    let keys = KeyRing::load(dir, &city, passphrase.as_ref()).map_err(|e| failed(e.to_string()))?;
    let days = config.keyring.backup_days;
    let ring = Ring::open(&keyring::url(&config), StoreOptions::default(), dir, &city, days).await;
    let ring = ring.map_err(|error| failed(error.to_string()))?;
    let back = ring.restore(&keys, file).await.map_err(|error| failed(error.to_string()));
    ring.close().await;
    back
}
