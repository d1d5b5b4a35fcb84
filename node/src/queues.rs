//! The letters that wait for other cities, as operators see and steer them. Nothing is ever taken
//! out of a queue by hand: both cities' logs hold its place.

use crate::batch::Batch;
use crate::command::Actor;
use crate::directory::{Directory, Peer};
use crate::store::queue::{self, Waiting};
use crate::store::{Conn, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::id::CityId;
use jieli_proto::wire::{self, MessageType, QueueState};

/// The longest hold, in hours; a longer one is entered anew.
const HOURS_MAX: u32 = 24;

const HOUR_MS: u64 = 3_600_000;

/// Why messages are held back: code, Chinese, English.
pub const REASONS: [(&str, &str, &str); 3] = [
    ("peer-asked", "对方城市请求暂停", "the other city asked for it"),
    ("looking-into", "正在核查", "something is being looked into"),
    ("maintenance", "对方维护", "the other city is under maintenance"),
];

/// What an operator asks for.
#[derive(Clone, Debug)]
pub enum OperateCommand {
    /// Tries at once what waits.
    Retry(CityId),
    /// Holds messages back.
    Hold(CityId, wire::HoldQueueRequest),
    /// Ends a hold.
    Release(CityId),
}

/// The peer of that id, which must be an accepted one.
pub fn peer(directory: &Directory, id: &str) -> Result<CityId, Denied> {
    let known = CityId::parse(id.trim()).filter(|city| directory.peers.contains_key(city));
    known.ok_or_else(|| Denied::no_such(&format!("伙伴城市 {id}"), &format!("peer {id}")))
}

/// Whether a message ends a hold: nobody's stop, and no erasure, waits for an operator.
fn ends_a_hold(ty: MessageType) -> bool {
    matches!(
        ty,
        MessageType::Withdraw
            | MessageType::WithdrawEffect
            | MessageType::Return
            | MessageType::EraseNotice
            | MessageType::EraseConfirm
    )
}

impl Batch<'_> {
    /// Does what an operator asks for.
    pub(crate) async fn operate(&mut self, actor: &Actor, command: OperateCommand) -> Outcome<()> {
        match command {
            OperateCommand::Retry(city) => {
                queue::hurry(self.conn, &city, self.now_ms).await?;
                self.record("queue tried", format!("{} {}", actor.token, city.as_str()).as_bytes());
                self.wake.insert(city);
            }
            OperateCommand::Hold(city, asked) => self.hold_queue(actor, city, &asked).await?,
            OperateCommand::Release(city) => {
                if !queue::release(self.conn, &city).await? {
                    let (zh, en) = ("没有暂停可以结束。", "There is no hold to end.");
                    return Err(Denied::new("NOT_HELD", zh, en).into());
                }
                self.hold_ended(&city, &actor.token);
            }
        }
        Ok(())
    }

    async fn hold_queue(
        &mut self,
        actor: &Actor,
        city: CityId,
        asked: &wire::HoldQueueRequest,
    ) -> Outcome<()> {
        let known = REASONS.iter().find(|(code, _, _)| *code == asked.reason.trim());
        let (reason, _, en) = known.ok_or_else(no_such_reason)?;
        if asked.hours == 0 || asked.hours > HOURS_MAX {
            return Err(Denied::new(
                "BAD_HOURS",
                format!("暂停 1 至 {HOURS_MAX} 小时。"),
                format!("A hold lasts 1 to {HOURS_MAX} hours."),
            )
            .into());
        }
        // One of them may be a stop: what is on its way already is never held.
        if queue::messages_wait(self.conn, &city).await? {
            return Err(Denied::new(
                "LETTERS_WAIT",
                "还有消息等待送达，其中可能有本人的撤回，不能暂停。送达后再试。",
                "Messages are still on their way, and a stop may be among them: no hold before \
                 they have arrived.",
            )
            .into());
        }
        let hold = queue::QueueHold {
            reason: (*reason).to_owned(),
            token: actor.token.clone(),
            since_ms: self.now_ms,
            until_ms: self.now_ms + u64::from(asked.hours) * HOUR_MS,
        };
        queue::hold(self.conn, &city, &hold).await?;
        let about = format!("{} {} {reason} {}", actor.token, city.as_str(), asked.hours);
        self.record("queue held", about.as_bytes());
        let told = format!("messages wait for {} h at most: {en}", asked.hours);
        self.alarm("queue-held", &city, &told).await?;
        self.wake.insert(city);
        Ok(())
    }

    fn hold_ended(&mut self, city: &CityId, by: &str) {
        self.record("queue hold ended", format!("{by} {}", city.as_str()).as_bytes());
        self.wake.insert(city.clone());
    }

    /// A message was put in the outbox: a stop or an erasure goes whatever an operator holds back.
    pub(crate) async fn let_pass(
        &mut self,
        city: &CityId,
        ty: MessageType,
    ) -> Result<(), StoreError> {
        if ends_a_hold(ty) && queue::release(self.conn, city).await? {
            self.hold_ended(city, "by a stop or an erasure");
        }
        Ok(())
    }
}

fn no_such_reason() -> Denied {
    let codes = REASONS.map(|(code, zh, en)| (format!("{code} {zh}"), format!("{code} ({en})")));
    let (zh, en): (Vec<_>, Vec<_>) = codes.into_iter().unzip();
    Denied::new(
        "NO_SUCH_REASON",
        format!("暂停须说明原因：{}。", zh.join("、")),
        format!("A hold needs a reason: {}.", en.join(", ")),
    )
}

/// What waits for one city, or for every peer.
pub async fn list(
    conn: &mut Conn,
    directory: &Directory,
    only: Option<&CityId>,
    now_ms: u64,
) -> Result<wire::QueueList, StoreError> {
    let (backlogs, contacts) = (queue::backlogs(conn).await?, queue::contacts(conn).await?);
    let (heads, counts) = (queue::heads(conn).await?, queue::lane_counts(conn).await?);
    let mut queues = Vec::new();
    for peer in directory.peers.values().filter(|peer| only.is_none_or(|city| peer.city == *city)) {
        let hold = queue::held(conn, &peer.city, now_ms).await?;
        let of_peer = |head: &&Waiting| head.peer == peer.city;
        let lanes: Vec<_> = heads
            .iter()
            .filter(of_peer)
            .map(|head| wire::LaneQueue {
                agreement_id: head.place.agreement_id.hex(),
                lane: u32::from(head.place.lane.number()),
                letters: counts
                    .get(&(head.place.agreement_id, head.place.lane))
                    .copied()
                    .unwrap_or_default(),
                first_seq: head.place.lane_seq,
                since_unix_ms: head.since_ms,
                next_try_unix_ms: head.due_ms,
                attempts: u32::try_from(head.attempts).unwrap_or(u32::MAX),
                problem: head.problem.clone(),
            })
            .collect();
        let backlog = backlogs.iter().find(|backlog| backlog.peer == peer.city);
        let contact = contacts.iter().find(|contact| contact.peer == peer.city);
        queues.push(wire::PeerQueue {
            peer: peer.city.as_str().to_owned(),
            name: peer.name.clone(),
            state: state(peer, &lanes, hold.is_some()).into(),
            letters: backlog.map_or(0, |backlog| backlog.letters),
            oldest_unix_ms: backlog.map_or(0, |backlog| backlog.oldest_ms),
            next_try_unix_ms: lanes.iter().map(|lane| lane.next_try_unix_ms).min().unwrap_or(0),
            last_contact_unix_ms: contact.map_or(0, |contact| contact.last_ms),
            trouble: contact.map_or(String::new(), |contact| contact.trouble.clone()),
            hold: hold.map(|hold| wire::QueueHold {
                reason: hold.reason,
                token: hold.token,
                since_unix_ms: hold.since_ms,
                until_unix_ms: hold.until_ms,
            }),
            lanes,
        });
    }
    Ok(wire::QueueList { queues })
}

fn state(peer: &Peer, lanes: &[wire::LaneQueue], is_held: bool) -> QueueState {
    if peer.quarantine.is_some() {
        QueueState::Quarantined
    } else if is_held {
        QueueState::Held
    } else if lanes.is_empty() {
        QueueState::Empty
    } else if lanes.iter().all(|lane| lane.attempts == 0) {
        QueueState::Flowing
    } else {
        QueueState::Paused
    }
}
