//! `jieli queue`: the letters that wait for other cities, why, and until when.

use super::dial::At;
use super::say::{OK, Out, time};
use super::{Done, Fail};
use clap::Subcommand;
use jieli_node::queues::REASONS;
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::wire::{self, QueueState};
use serde_json::{Value, json};

const HOLD: &str = "\
暂停只管办件消息：协议行为、密钥和回执照常发出；有人撤回、退回或要求删除时，暂停立即结束。到时自动结束。
信件不能丢弃：双方的日志都为它留着位置，跳过一封，后面的就再也送不到。
A hold is for messages about cases alone: acts, keys and receipts go all the same, and a withdrawal, \
a return or an erasure ends it at once. It ends by itself.
No letter can be dropped: both cities' logs keep its place, and what stands behind it would never \
arrive.";

#[derive(Debug, Subcommand)]
pub(super) enum QueueCommand {
    /// What waits for every city, since when, and when it is tried next.
    List,
    /// The same of one city, lane by lane, with what went wrong.
    Show {
        /// City id.
        city: String,
    },
    /// Tries at once what waits for a city.
    Retry {
        /// City id.
        city: String,
    },
    /// Keeps messages about cases from going to a city for some hours.
    #[command(after_help = HOLD)]
    Hold {
        /// City id.
        city: String,
        /// peer-asked, looking-into or maintenance.
        #[arg(long)]
        reason: String,
        /// 1 to 24.
        #[arg(long)]
        hours: u32,
    },
    /// Ends a hold.
    Release {
        /// City id.
        city: String,
    },
}

impl QueueCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut node = at.operate().await?;
        let with_lanes = !matches!(self, QueueCommand::List);
        let found = match self {
            QueueCommand::List => node.list_queues(wire::ListQueuesRequest::default()).await,
            QueueCommand::Show { city } => {
                node.list_queues(wire::ListQueuesRequest { peer: city }).await
            }
            QueueCommand::Retry { city } => node.retry_queue(wire::QueueRef { peer: city }).await,
            QueueCommand::Hold { city, reason, hours } => {
                node.hold_queue(wire::HoldQueueRequest { peer: city, reason, hours }).await
            }
            QueueCommand::Release { city } => {
                node.release_queue(wire::QueueRef { peer: city }).await
            }
        };
        let queues = found?.into_inner().queues;
        out.show(&Value::Array(queues.iter().map(json_of).collect()), || {
            if queues.is_empty() {
                return out.say("还没有伙伴城市。", "There is no partner city yet.");
            }
            let lines = queues.iter().map(|queue| text_of(queue, with_lanes, out));
            lines.collect::<Vec<_>>().join("\n")
        });
        Ok(OK)
    }
}

fn state_words(state: QueueState) -> (&'static str, &'static str) {
    match state {
        QueueState::Unspecified => ("", ""),
        QueueState::Empty => ("没有待发", "nothing waits"),
        QueueState::Flowing => ("正在发送", "on its way"),
        QueueState::Paused => {
            ("上次没有送到，稍后再试", "the last try failed, the next one is later")
        }
        QueueState::Held => ("由运维暂停", "held by an operator"),
        QueueState::Quarantined => (
            "对方日志曾回退，等对方证明后再收发",
            "its log went back: nothing goes until it has proved itself",
        ),
    }
}

fn kind_words(lane: u32) -> (&'static str, &'static str) {
    match Lane::from_number(lane).map(|lane| lane.kind()) {
        Some(Kind::Receipt) => ("回执", "receipts"),
        Some(Kind::Act) => ("协议行为", "acts"),
        Some(_) | None => ("办件消息", "messages"),
    }
}

fn text_of(queue: &wire::PeerQueue, with_lanes: bool, out: Out) -> String {
    let (zh, en) = state_words(queue.state());
    let mut text = format!("{} ({})  {}", queue.name, queue.peer, out.say(zh, en));
    if queue.letters > 0 {
        let (letters, oldest) = (queue.letters, time(queue.oldest_unix_ms));
        let next = time(queue.next_try_unix_ms);
        text += "\n  ";
        text += &out.say(
            &format!("待发 {letters} 封，最早 {oldest}，下次发送 {next}"),
            &format!("{letters} waiting, the oldest since {oldest}, next try {next}"),
        );
    }
    if let Some(hold) = &queue.hold {
        let (until, token) = (time(hold.until_unix_ms), &hold.token);
        let known = REASONS.iter().find(|(code, _, _)| *code == hold.reason);
        let (_, zh, en) = known.copied().unwrap_or(("", "", ""));
        text += "\n  ";
        text += &out.say(
            &format!("{token} 暂停至 {until}：{zh}"),
            &format!("{token} holds messages until {until}: {en}"),
        );
    }
    if !queue.trouble.is_empty() {
        text += &format!("\n  {}", queue.trouble);
    }
    if with_lanes {
        for lane in &queue.lanes {
            let (zh, en) = kind_words(lane.lane);
            let (id, letters, first) = (&lane.agreement_id, lane.letters, lane.first_seq);
            let (attempts, next) = (lane.attempts, time(lane.next_try_unix_ms));
            text += &format!("\n  {id} ");
            text += &out.say(
                &format!("{zh} {letters} 封，从第 {first} 号起，已试 {attempts} 次，下次 {next}"),
                &format!(
                    "{letters} {en} from number {first} on, tried {attempts} times, next {next}"
                ),
            );
            if !lane.problem.is_empty() {
                text += &format!("\n    {}", lane.problem);
            }
        }
    }
    text
}

fn json_of(queue: &wire::PeerQueue) -> Value {
    let lanes: Vec<Value> = queue
        .lanes
        .iter()
        .map(|lane| {
            json!({
                "agreement_id": lane.agreement_id, "lane": lane.lane, "letters": lane.letters,
                "first_seq": lane.first_seq, "since_unix_ms": lane.since_unix_ms,
                "next_try_unix_ms": lane.next_try_unix_ms, "attempts": lane.attempts,
                "problem": lane.problem,
            })
        })
        .collect();
    let hold = queue.hold.as_ref().map(|hold| {
        json!({
            "reason": hold.reason, "token": hold.token,
            "since_unix_ms": hold.since_unix_ms, "until_unix_ms": hold.until_unix_ms,
        })
    });
    let state = queue.state().as_str_name().trim_start_matches("QUEUE_STATE_").to_lowercase();
    json!({
        "peer": queue.peer, "name": queue.name, "state": state, "letters": queue.letters,
        "oldest_unix_ms": queue.oldest_unix_ms, "next_try_unix_ms": queue.next_try_unix_ms,
        "last_contact_unix_ms": queue.last_contact_unix_ms, "trouble": queue.trouble,
        "hold": hold, "lanes": lanes,
    })
}
