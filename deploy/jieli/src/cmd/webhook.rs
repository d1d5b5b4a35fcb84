//! `jieli webhook`: where other systems of an office are told of changes, and what came of it.

use super::dial::At;
use super::say::{OK, Out, time};
use super::{Done, Fail};
use clap::Subcommand;
use jieli_proto::wire;
use serde_json::{Value, json};

const ADD: &str = "\
密钥只显示这一次：系统用它核验 webhook-signature（Standard Webhooks）。
The secret is shown this once: the system checks webhook-signature with it (Standard Webhooks).";

#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Every address, and how it goes.
    List,
    /// Tells a system of changes in its office's legs: case number, leg and stage.
    #[command(after_help = ADD)]
    Add {
        /// Name of a token of the role system.
        system: String,
        /// https; plain http only to 127.0.0.1 or [::1].
        url: String,
    },
    /// Ends one; what waits is not sent any more.
    Remove {
        /// Its id.
        id: String,
    },
    /// A new secret. For a day the one before signs beside it.
    #[command(after_help = ADD)]
    Rotate {
        /// Its id.
        id: String,
    },
    /// What was sent when, and what came of it; no case is named.
    Log {
        /// Id of one address; else all.
        id: Option<String>,
        /// Lines, at most 500.
        #[arg(long, default_value_t = 50)]
        most: u32,
    },
    /// Sends at once what waits, and again what was given up.
    Retry {
        /// Its id.
        id: String,
    },
}

impl WebhookCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut node = at.operate().await?;
        let found = match self {
            WebhookCommand::List => node.list_webhooks(wire::ListWebhooksRequest {}).await,
            WebhookCommand::Remove { id } => node.remove_webhook(wire::WebhookRef { id }).await,
            WebhookCommand::Retry { id } => node.retry_webhook(wire::WebhookRef { id }).await,
            WebhookCommand::Add { system, url } => {
                let made = node.add_webhook(wire::AddWebhookRequest { system, url }).await?;
                return Ok(show_secret(&made.into_inner(), out));
            }
            WebhookCommand::Rotate { id } => {
                let made = node.rotate_webhook(wire::WebhookRef { id }).await?;
                return Ok(show_secret(&made.into_inner(), out));
            }
            WebhookCommand::Log { id, most } => {
                let webhook = id.unwrap_or_default();
                let ask = wire::ListDeliveriesRequest { webhook, most };
                let lines = node.list_deliveries(ask).await?.into_inner().deliveries;
                return Ok(show_log(&lines, out));
            }
        };
        let hooks = found?.into_inner().webhooks;
        out.show(&Value::Array(hooks.iter().map(json_of).collect()), || {
            if hooks.is_empty() {
                return out.say("还没有推送地址。", "There is no webhook yet.");
            }
            hooks.iter().map(|hook| text_of(hook, out)).collect::<Vec<_>>().join("\n")
        });
        Ok(OK)
    }
}

fn state_words(state: &str) -> (&'static str, &'static str) {
    match state {
        "failing" => ("上次没有送到，稍后再试", "the last try failed, the next one is later"),
        "dead" => ("已放弃一些，对方没有再接收", "some were given up, none was taken since"),
        "no-system" => ("配置中没有这个系统了", "the configuration names no such system any more"),
        _ => ("正常", "well"),
    }
}

fn text_of(hook: &wire::Webhook, out: Out) -> String {
    let (zh, en) = state_words(&hook.state);
    let mut text = format!("{}  {} → {}  {}", hook.id, hook.system, hook.url, out.say(zh, en));
    if hook.waiting > 0 {
        let (count, oldest) = (hook.waiting, time(hook.oldest_unix_ms));
        let next = time(hook.next_try_unix_ms.max(hook.oldest_unix_ms));
        text += "\n  ";
        text += &out.say(
            &format!("待送 {count} 条，最早 {oldest}，下次不早于 {next}"),
            &format!("{count} waiting, the oldest since {oldest}, next try not before {next}"),
        );
    }
    if hook.taken_unix_ms > 0 {
        let at = time(hook.taken_unix_ms);
        text += "\n  ";
        text += &out.say(&format!("最近送达 {at}"), &format!("last taken {at}"));
    }
    text
}

fn json_of(hook: &wire::Webhook) -> Value {
    json!({
        "id": hook.id, "system": hook.system, "office": hook.office, "url": hook.url,
        "state": hook.state, "made_unix_ms": hook.made_unix_ms, "waiting": hook.waiting,
        "old_secret_until_unix_ms": hook.old_secret_until_unix_ms,
        "oldest_unix_ms": hook.oldest_unix_ms, "next_try_unix_ms": hook.next_try_unix_ms,
        "taken_unix_ms": hook.taken_unix_ms,
    })
}

fn show_secret(made: &wire::WebhookSecret, out: Out) -> Done {
    let hook = made.webhook.clone().unwrap_or_default();
    let mut shown = json_of(&hook);
    shown["secret"] = made.secret.clone().into();
    out.show(&shown, || {
        let text = text_of(&hook, out);
        let what = out.say("密钥（只显示这一次）：", "Secret (shown this once): ");
        format!("{text}\n  {what}{}", made.secret)
    });
    OK
}

fn show_log(lines: &[wire::Delivery], out: Out) -> Done {
    let values = lines.iter().map(|line| {
        json!({
            "id": line.id, "webhook": line.webhook, "system": line.system, "state": line.state,
            "attempts": line.attempts, "status": line.status, "problem": line.problem,
            "made_unix_ms": line.made_unix_ms, "done_unix_ms": line.done_unix_ms,
        })
    });
    out.show(&Value::Array(values.collect()), || {
        let texts = lines.iter().map(|line| {
            let (zh, en) = match line.state.as_str() {
                "taken" => ("已送达", "taken"),
                "given-up" => ("已放弃", "given up"),
                _ => ("待送", "waiting"),
            };
            let (made, tries, status) = (time(line.made_unix_ms), line.attempts, line.status);
            let went = out.say(
                &format!("{zh}，已试 {tries} 次，最近答复 {status}"),
                &format!("{en}, {tries} tries, last answer {status}"),
            );
            format!("{made}  {}  {}  {went}  {}", line.id, line.system, line.problem)
        });
        if lines.is_empty() {
            return out.say("还没有推送过。", "Nothing was sent yet.");
        }
        texts.collect::<Vec<_>>().join("\n")
    });
    OK
}
