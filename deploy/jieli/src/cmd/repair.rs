//! `jieli repair`: after a restored backup or a lossy fail-over.

use super::dial::At;
use super::say::{OK, Out, REFUSED, WRONG_USE};
use super::{Done, Fail, second};
use crate::ambient::passphrase_places;
use anyhow::Context;
use clap::Args;
use jieli_node::config::DeskRole;
use jieli_node::keys::{KeyName, KeyRing, Signer as _};
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::wire::{self, RepairReply, RepairRequest};
use serde_json::{Value, json};

const STEPS: &str = "\
平时不需要这个命令：启动时发现数据库比已签署的旧，节点会自己尝试还原；联系不上伙伴城市时，等能联系再运行它。\
它只提出申请：另一岗位用 jieli second approve 批准后，由 jieli second carry-out 执行。--new-epoch 只用于确实无法还原时：需要根密钥，伙伴城市核对根签名后在新的日志期继续。步骤见 deploy/runbook.md。
Usually not needed: a node that finds its database older than what it signed tries by itself at its start; \
where no peer could be reached, run it when one can. It asks for the repair: once another post has \
approved it (`jieli second approve`), `jieli second carry-out` does it. --new-epoch is for what cannot be rebuilt at all: it \
needs the root key, and peers go on in the new epoch of the log once they have checked the root's \
signature. The steps are in deploy/runbook.md.";

/// See the module.
#[derive(Debug, Args)]
#[command(after_help = STEPS)]
pub(super) struct Repair {
    /// Only says what would come of it.
    #[arg(long, conflicts_with = "new_epoch")]
    dry_run: bool,
    /// The history cannot be rebuilt: the log goes on in a new epoch, signed by the root key, which
    /// has to lie in the directory for this command.
    #[arg(long)]
    new_epoch: bool,
}

impl Repair {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Operator).await?;
        let plan = RepairRequest { plan: true, successor: None };
        let reply = match (self.dry_run, self.new_epoch) {
            (true, _) => desk.repair(plan).await?,
            (false, false) => desk.repair(RepairRequest::default()).await?,
            (false, true) => {
                let planned = desk.repair(plan).await?.into_inner();
                let Some(successor) = planned.successor.filter(|_| !planned.done) else {
                    return Err(not_needed());
                };
                let successor = Some(sign(at, &successor)?);
                desk.repair(RepairRequest { plan: false, successor }).await?
            }
        };
        show(&reply.into_inner(), out);
        Ok(OK)
    }
}

/// What a repair came to, or would come to, with what waits for another post.
pub(super) fn show(reply: &RepairReply, out: Out) {
    let waits = reply.waits.as_ref();
    let mut shown = value(reply);
    shown["waits"] = waits.map_or(Value::Null, second::value);
    out.show(&shown, || {
        let waits = waits.map(|waits| second::text(waits, out));
        std::iter::once(text(reply, out)).chain(waits).collect::<Vec<_>>().join("\n\n")
    });
}

/// The successor statement, signed by the root key of the directory.
fn sign(at: &At, successor: &wire::Successor) -> Result<wire::Envelope, Fail> {
    let config = at.config()?;
    let passphrase = passphrase_places(Some(&config)).find().context("the passphrase")?;
    let keys = KeyRing::load(&at.dir, &config.city.id, passphrase.as_ref()).context("the keys")?;
    let Some(root) = keys.root() else {
        return Err(Fail::new(
            WRONG_USE,
            "ROOT_KEY",
            format!(
                "需要根密钥：请把它从离线介质放到 {}，用完再移走。",
                KeyName::Root.path(&at.dir).display()
            ),
            format!(
                "The root key is needed: put it at {} from its offline medium, and take it away \
                 again afterwards.",
                KeyName::Root.path(&at.dir).display()
            ),
        ));
    };
    let fpr = Digest(root.public().fingerprint());
    Ok(envelope::seal(successor, fpr, |pae| root.sign_now(pae)))
}

fn not_needed() -> Fail {
    Fail::new(
        REFUSED,
        "NOT_NEEDED",
        "日志完整，不需要新的日志期。",
        "The log is whole: no new epoch is needed.",
    )
}

fn text(reply: &RepairReply, out: Out) -> String {
    let mut lines = vec![out.say(&reply.say_zh, &reply.say_en)];
    if !reply.origin.is_empty() {
        let (found, known, now) = (reply.found_size, reply.known_size, reply.rebuilt_size);
        lines.push(out.say(
            &format!(
                "{}：数据库原有 {found} 条，已签署 {known} 条，可还原到 {now} 条，根 {}",
                reply.origin, reply.rebuilt_root
            ),
            &format!(
                "{}: found {found} records, signed {known}, rebuilt to {now}, root {}",
                reply.origin, reply.rebuilt_root
            ),
        ));
    }
    if !reply.sources.is_empty() {
        let from = reply.sources.join(", ");
        lines.push(out.say(&format!("来自 {from}"), &format!("From {from}")));
    }
    lines.extend(reply.notes.iter().map(|note| format!("- {}", out.part(note))));
    lines.join("\n")
}

fn value(reply: &RepairReply) -> Value {
    json!({
        "done": reply.done,
        "zh": reply.say_zh,
        "en": reply.say_en,
        "origin": reply.origin,
        "found_size": reply.found_size,
        "known_size": reply.known_size,
        "rebuilt_size": reply.rebuilt_size,
        "rebuilt_root": reply.rebuilt_root,
        "sources": reply.sources,
        "notes": reply.notes,
    })
}
