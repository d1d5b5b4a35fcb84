//! Receipts, their items, and agreement acts.

use super::{Fault, Head, date, digest, fault, require};
use crate::checkpoint::LogName;
use crate::day::Day;
use crate::id::Digest;
use crate::kinds::{Kind, Lane};
use crate::refusal::Refusal;
use crate::tree::{BATCH_MAX, SIZE_MAX};
use crate::wire::{self, ActType, Envelope, ItemStatus};

/// A receipt of a right form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptFacts {
    /// The header.
    pub head: Head,
    /// The lane it answers: the other side's messages or acts.
    pub answers: Lane,
    /// How many items, 1 to [`BATCH_MAX`].
    pub count: u64,
    /// RFC 6962 root over the encoded items.
    pub items_root: Digest,
    /// The exchange log of its signer.
    pub origin: String,
    /// When they were stored by its signer's clock, Unix milliseconds: a claim.
    pub received_unix_ms: u64,
    /// Last sequence of its signer's message lane at that commit.
    pub own_lane_seq: u64,
}

/// Checks the form of a receipt.
pub fn check_receipt(found: &wire::Receipt) -> Result<ReceiptFacts, Fault> {
    let bad = |field| Fault { refusal: Refusal::BadBody, field };
    let head =
        found.header.as_ref().ok_or(Fault { refusal: Refusal::BadHeader, field: "header" })?;
    let head = Head::read(head, Kind::Receipt)?;
    let answers = Lane::from_number(found.answers_lane);
    let answers = answers.filter(|lane| lane.answered_in() == Some(head.lane));
    let answers = answers.ok_or(bad("answers_lane"))?;
    let count = u64::from(found.count);
    require((1..=BATCH_MAX).contains(&count), Refusal::BadBody, "count")?;
    let is_own_log = matches!(
        LogName::parse(&found.origin),
        Some(LogName::Exchange { city, .. }) if city == head.sender.as_str()
    );
    require(is_own_log, Refusal::BadBody, "origin")?;
    let time = (1..=super::head::UNIX_MS_MAX).contains(&found.received_unix_ms);
    require(time, Refusal::BadBody, "received_unix_ms")?;
    require(found.own_lane_seq <= SIZE_MAX, Refusal::BadBody, "own_lane_seq")?;
    Ok(ReceiptFacts {
        head,
        answers,
        count,
        items_root: Digest::from_slice(&found.items_root).ok_or(bad("items_root"))?,
        origin: found.origin.clone(),
        received_unix_ms: found.received_unix_ms,
        own_lane_seq: found.own_lane_seq,
    })
}

/// What a receipt says of one envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemVerdict {
    /// Stored with its sections, if it had any.
    Stored,
    /// Stored; its sections stayed behind.
    StoredWithheld,
    /// Keeps its place and has no effect. The number is a [`Refusal`]'s, or one of a later list.
    Refused(u32),
}

/// An item of a right form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemFacts {
    /// Its place in the lane answered.
    pub lane_seq: u64,
    /// The envelope answered.
    pub env_digest: Digest,
    /// Index of its leaf in the exchange log of the receipt's signer.
    pub log_index: u64,
    /// What became of it.
    pub verdict: ItemVerdict,
}

/// Checks the form of a receipt's item.
pub fn check_item(found: &wire::Item) -> Result<ItemFacts, Fault> {
    require((1..=SIZE_MAX).contains(&found.lane_seq), Refusal::BadBody, "lane_seq")?;
    require(found.log_index < SIZE_MAX, Refusal::BadBody, "log_index")?;
    let verdict = match (found.status(), found.code) {
        (ItemStatus::Stored, 0) => ItemVerdict::Stored,
        (ItemStatus::StoredWithheld, 0) => ItemVerdict::StoredWithheld,
        (ItemStatus::Refused, code) if code > 0 => ItemVerdict::Refused(code),
        (ItemStatus::Stored | ItemStatus::StoredWithheld | ItemStatus::Refused, _) => {
            return fault(Refusal::BadBody, "code");
        }
        (ItemStatus::Unspecified, _) => return fault(Refusal::BadBody, "status"),
    };
    Ok(ItemFacts {
        lane_seq: found.lane_seq,
        env_digest: digest(&found.env_digest, "env_digest")?,
        log_index: found.log_index,
        verdict,
    })
}

/// An act of a right form.
#[derive(Clone, Debug, PartialEq)]
pub struct ActFacts {
    /// The header.
    pub head: Head,
    /// Last act of the other side its author had seen; zero if none.
    pub act_seen: Digest,
    /// What it does.
    pub act: ActType,
    /// The posts that approved it.
    pub approvers: Vec<String>,
    /// COUNTERSIGN: the agreement; RESUME: the SUSPEND; PACK: the pack; ANSWER FLAG: the FLAG.
    pub subject: Option<Digest>,
    /// TERMINATE: the wind-down date.
    pub wind_down_on: Option<Day>,
    /// PROPOSE, COUNTER PROPOSE: the agreement; MANIFEST: the manifest; FLAG, ANSWER FLAG: the
    /// flag.
    pub carried: Option<Envelope>,
}

/// Checks the form of an act. The envelope it carries is looked at, not opened.
pub fn check_act(found: &wire::Act) -> Result<ActFacts, Fault> {
    let head =
        found.header.as_ref().ok_or(Fault { refusal: Refusal::BadHeader, field: "header" })?;
    let head = Head::read(head, Kind::Act)?;
    let act_seen = Digest::from_slice(&found.act_seen)
        .ok_or(Fault { refusal: Refusal::BadBody, field: "act_seen" })?;
    let act = found.act_type();
    let (carries, names) = match act {
        ActType::Unspecified => return fault(Refusal::UnknownType, "act_type"),
        ActType::Propose | ActType::CounterPropose => (Some(Kind::Agreement), false),
        ActType::Manifest => (Some(Kind::Manifest), false),
        ActType::Countersign | ActType::Resume | ActType::Pack => (None, true),
        ActType::Suspend | ActType::Terminate => (None, false),
        ActType::Flag => (Some(Kind::Flag), false),
        ActType::AnswerFlag => (Some(Kind::Flag), true),
    };
    match (carries, &found.carried) {
        (None, None) => {}
        (Some(kind), Some(envelope)) => {
            let fits = envelope.payload_type == kind.payload_type()
                && envelope.key_fpr.len() == 32
                && envelope.sig.len() == 64;
            require(fits, Refusal::BadBody, "carried")?;
        }
        (None, Some(_)) | (Some(_), None) => return fault(Refusal::BadBody, "carried"),
    }
    require(names != found.subject.is_empty(), Refusal::BadBody, "subject")?;
    let subject = names.then(|| digest(&found.subject, "subject")).transpose()?;
    let terminates = act == ActType::Terminate;
    require(terminates || found.wind_down_on == 0, Refusal::BadBody, "wind_down_on")?;
    let wind_down_on = terminates.then(|| date(found.wind_down_on, "wind_down_on")).transpose()?;
    approvers(act, &found.approvers)?;
    Ok(ActFacts {
        head,
        act_seen,
        act,
        approvers: found.approvers.clone(),
        subject,
        wind_down_on,
        carried: found.carried.clone(),
    })
}

/// What binds a city to an agreement needs two posts; stopping at once, keys, packs and flags do
/// not.
fn approvers(act: ActType, posts: &[String]) -> Result<(), Fault> {
    let binds = match act {
        ActType::Propose
        | ActType::CounterPropose
        | ActType::Countersign
        | ActType::Resume
        | ActType::Terminate => true,
        ActType::Unspecified
        | ActType::Suspend
        | ActType::Manifest
        | ActType::Pack
        | ActType::Flag
        | ActType::AnswerFlag => false,
    };
    let ascending = posts.windows(2).all(|pair| pair[0] < pair[1]);
    let named = posts.iter().all(|post| !post.is_empty() && !post.contains(char::is_control));
    let enough = posts.len() == 2 || !binds && posts.len() < 2;
    require(ascending && named && enough, Refusal::BadBody, "approvers")
}
