//! A leg as this city holds it: the case law's two lanes, and what belongs to each place.

mod heard;
mod offices;
mod stage;
pub use heard::heard;
pub(crate) use stage::{AWAITING, DRAFT, ON_PAPER, stage_word};

use jieli_proto::case::{Act, Direction, Leg, Rules, Side, Verdict};
use jieli_proto::id::{AgreementId, CaseId, Digest, LegId, MsgId};
use jieli_proto::message;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, MessageType, Service};

/// Days after its end that the sender's page of a leg stays open (V20).
const SENDER_DAYS: u64 = 30;

pub use jieli_proto::message::{Context, act_of, direction, duty_of, wire_duty};

/// Where a leg stands before anything has left the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// Entered, nobody asked yet.
    Draft,
    /// The person has been asked; refused, silent and not yet answered look the same.
    Asked,
    /// Its first message exists: the law tells its stage.
    OnTheRoad,
    /// Ended before anything left; its data is gone.
    Dropped,
    /// Carried by the person as a letter to a city without a node; nothing leaves this one.
    OnPaper,
}

impl Local {
    /// The number in the store.
    pub fn number(self) -> i64 {
        match self {
            Local::Draft => 0,
            Local::Asked => 1,
            Local::OnTheRoad => 2,
            Local::Dropped => 3,
            Local::OnPaper => 4,
        }
    }

    /// The state of a number.
    pub fn from_number(number: i64) -> Option<Local> {
        [Local::Draft, Local::Asked, Local::OnTheRoad, Local::Dropped, Local::OnPaper]
            .into_iter()
            .find(|local| local.number() == number)
    }
}

/// What the receipt of a message says, or that there is none yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Own, not receipted.
    Provisional,
    /// Stored by the recipient.
    Stored,
    /// Stored without its sections.
    Withheld,
    /// Refused; keeps its place without effect. 0 when the number is unknown here.
    Refused(u32),
}

impl Standing {
    /// Status and code in the store.
    pub fn numbers(self) -> (i64, i64) {
        match self {
            Standing::Provisional => (0, 0),
            Standing::Stored => (1, 0),
            Standing::Withheld => (2, 0),
            Standing::Refused(code) => (3, i64::from(code)),
        }
    }

    /// The standing of a status and code.
    pub fn from_numbers(status: i64, code: i64) -> Standing {
        match status {
            0 => Standing::Provisional,
            1 => Standing::Stored,
            2 => Standing::Withheld,
            _ => Standing::Refused(code as u32),
        }
    }

    /// Its word in views and `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Provisional => "provisional",
            Standing::Stored => "stored",
            Standing::Withheld => "withheld",
            Standing::Refused(_) => "refused",
        }
    }
}

/// A message of a leg.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub env_digest: Digest,
    /// Its author's side.
    pub side: Side,
    /// Its place in its author's lane of the leg.
    pub seq: u32,
    /// Its place in the agreement's lane.
    pub lane_seq: u64,
    /// Its receipt's word.
    pub standing: Standing,
    /// Its payload; absent where it could not be decoded.
    pub message: Option<wire::Message>,
}

/// A leg with its messages.
#[derive(Clone, Debug)]
pub struct LegFile {
    /// Its id.
    pub id: LegId,
    /// The case it belongs to.
    pub case: CaseId,
    /// Its number within the case, from 1.
    pub number: u32,
    /// The agreement; absent for a draft to a city without one.
    pub bond: Option<AgreementId>,
    /// The service.
    pub service: Service,
    /// Which side we are.
    pub our_side: Side,
    /// Before the road.
    pub local: Local,
    /// Our office.
    pub our_office: String,
    /// Theirs.
    pub their_office: String,
    /// Vacancy reference of a job; empty otherwise.
    pub reference: String,
    /// The law's two lanes.
    pub law: Leg,
    /// All messages with a place, in the order they were taken in.
    pub entries: Vec<Entry>,
    /// The other city refused a WITHDRAW of ours; see [`LegFile::is_stopped`].
    pub stop_refused: bool,
}

impl LegFile {
    /// The rules of a service.
    pub fn rules(service: Service) -> Rules {
        message::rules(service)
    }

    /// The type of its first message.
    pub fn opening(&self) -> MessageType {
        match self.law.rules().direction {
            Direction::Push => MessageType::Offer,
            Direction::Pull => MessageType::Request,
        }
    }

    /// Whether the sender's page of the leg is closed, `SENDER_DAYS` days after its end (V20).
    pub fn is_page_closed(&self, now_ms: u64) -> bool {
        let last = self.entries.iter().filter_map(|entry| entry.message.as_ref()?.header.as_ref());
        let last = last.map(|header| header.created_unix_ms).max().unwrap_or(u64::MAX);
        self.is_sender()
            && self.law.is_closed()
            && now_ms > last.saturating_add(SENDER_DAYS * 86_400_000)
    }

    /// Whether this city sends the person (V20): it sees stages, not the school or the employer.
    pub fn is_sender(&self) -> bool {
        self.our_side == Side::Initiator && self.law.rules().direction == Direction::Push
    }

    /// Whether both offices are of this city.
    pub fn is_local(&self) -> bool {
        self.bond.is_some_and(|id| id.is_local())
    }

    /// Whether this is a local leg as the office sees it that examines it. It is stored as whoever
    /// began it sees it.
    pub fn is_far(&self) -> bool {
        self.is_local() && self.our_side == Side::Examiner
    }

    /// Whether a message has brought the person block to whoever examines the leg.
    pub fn has_the_person(&self) -> bool {
        [MessageType::Release, MessageType::Request].iter().any(|ty| self.latest(*ty).is_some())
    }

    /// The leg as a side sees it. Of a leg between two cities there is one view here.
    pub fn seen_from(&self, side: Side) -> LegFile {
        let mut file = self.clone();
        if self.is_local() && self.our_side != side {
            file.our_side = side;
            std::mem::swap(&mut file.our_office, &mut file.their_office);
        }
        file
    }

    /// The leg as an office sees it. Before anything has left the office that began it, a local leg
    /// does not exist for the other one.
    pub fn seen_by(&self, office: &str) -> LegFile {
        let home = self.home();
        let reached = home.local == Local::OnTheRoad && home.law.exists();
        let is_other = home.their_office == office && home.our_office != office;
        if reached && is_other { home.seen_from(Side::Examiner) } else { home }
    }

    /// The leg as it is stored.
    pub fn home(&self) -> LegFile {
        self.seen_from(Side::Initiator)
    }

    /// Which of the two desks of this city a row beside the leg belongs to: 0, or 1 for the office
    /// that examines a local leg.
    pub fn desk(&self) -> i64 {
        i64::from(self.is_far())
    }

    /// The last message of a side that has a place, or zero bytes.
    pub fn last_of(&self, side: Side) -> Digest {
        self.entries
            .iter()
            .rfind(|entry| entry.side == side)
            .map_or(Digest::ZERO, |entry| entry.env_digest)
    }

    /// The entry of a digest.
    pub fn entry(&self, digest: &Digest) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.env_digest == *digest)
    }

    /// The newest message of a type that takes effect.
    pub fn latest(&self, ty: MessageType) -> Option<&Entry> {
        self.entries.iter().rfind(|entry| {
            let legal = self.law.place(entry.side, entry.seq).is_some_and(|p| p.legal().is_some());
            legal && entry.message.as_ref().is_some_and(|m| m.r#type() == ty)
        })
    }

    /// Takes in a message with its verdict.
    pub fn admit(&mut self, entry: Entry, act: Option<Act>, verdict: Verdict) {
        // What the law cannot place keeps its place all the same: lanes and entries never diverge.
        if act.is_none_or(|act| self.law.admit(act, verdict).is_err()) {
            self.law.admit_unreadable(entry.side);
        }
        let redirects = entry.message.as_ref().is_some_and(is_redirect);
        self.entries.push(entry);
        if redirects {
            self.follow_redirects();
        }
    }

    /// Whether a refusal leaves an own message without a place in this leg, on both sides alike. One
    /// refused for its key before the leg existed over there has none: it will be said again.
    pub fn loses_place(&self, digest: &Digest, standing: Standing) -> bool {
        let Standing::Refused(code) = standing else { return false };
        let opened = self.our_side == Side::Examiner
            || self.entries.iter().any(|entry| {
                let stands = matches!(entry.standing, Standing::Stored | Standing::Withheld);
                entry.side == self.our_side && entry.seq == 1 && stands
            });
        let of_key = code == Refusal::KeyRevoked.number() && self.entry(digest).is_some();
        takes_no_place(code) || (of_key && !opened)
    }

    /// Whether use has stopped, or we said so and the other city refused to hear it: a refused
    /// message has no effect on the law's stages, but what a person stopped stays stopped here.
    pub fn is_stopped(&self) -> bool {
        self.stop_refused || self.law.state().stop.any()
    }

    /// A message of ours was refused.
    pub fn was_refused(&mut self, message: Option<&wire::Message>) {
        self.stop_refused |= message.is_some_and(|found| found.r#type() == MessageType::Withdraw);
    }

    /// Fixes the standing of an own message when its receipt comes; a refused one loses its
    /// effect, so the law is folded anew.
    pub fn settle(&mut self, digest: &Digest, standing: Standing) {
        let Some(at) = self.entries.iter().position(|entry| entry.env_digest == *digest) else {
            return;
        };
        self.entries[at].standing = standing;
        let Standing::Refused(_) = standing else { return };
        let refused = (self.entries[at].side, self.entries[at].seq);
        if self.entries[at].side == self.our_side {
            let message = self.entries[at].message.clone();
            self.was_refused(message.as_ref());
        }
        let redirected = self.entries[at].message.as_ref().is_some_and(is_redirect);
        if self.loses_place(digest, standing) {
            self.entries.remove(at);
        }
        let mut law = Leg::new(self.law.rules());
        for entry in &self.entries {
            let Some(place) = self.law.place(entry.side, entry.seq) else { continue };
            match &place.act {
                None => law.admit_unreadable(entry.side),
                Some(act) => {
                    let gone = (entry.side, entry.seq) == refused;
                    let verdict = if gone { Verdict::Technical } else { place.verdict };
                    // The places are those the law has taken before.
                    let _ = law.admit(act.clone(), verdict);
                }
            }
        }
        self.law = law;
        if redirected {
            self.follow_redirects();
        }
    }
}

fn is_redirect(message: &wire::Message) -> bool {
    message.r#type() == MessageType::Redirect
}

/// Whether a refusal leaves a message without a place in its leg, on both sides alike.
pub fn takes_no_place(code: u32) -> bool {
    Refusal::from_number(code).is_some_and(|refusal| !refusal.takes_leg_place())
}

/// The number of a side in the store.
pub fn side_number(side: Side) -> i64 {
    match side {
        Side::Initiator => 0,
        Side::Examiner => 1,
    }
}

/// The side of a number.
pub fn side_from(number: i64) -> Side {
    if number == 0 { Side::Initiator } else { Side::Examiner }
}

/// The id of a message as typed.
pub fn msg_id(message: &wire::Message) -> Option<MsgId> {
    MsgId::from_slice(&message.msg_id)
}
