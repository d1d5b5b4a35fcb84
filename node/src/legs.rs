//! A leg as this city holds it: the case law's two lanes, and what belongs to each place.

use jieli_proto::calendar::Calendar;
use jieli_proto::case::Direction;
use jieli_proto::case::{Act, Duty, Kind, Leg, Proof, Rules, Side, Verdict};
use jieli_proto::day::Day;
use jieli_proto::id::{AgreementId, CaseId, Digest, LegId, MsgId};
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{self, Phase, SectionKind};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Service};

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
}

impl Local {
    /// The number in the store.
    pub fn number(self) -> i64 {
        match self {
            Local::Draft => 0,
            Local::Asked => 1,
            Local::OnTheRoad => 2,
            Local::Dropped => 3,
        }
    }

    /// The state of a number.
    pub fn from_number(number: i64) -> Option<Local> {
        [Local::Draft, Local::Asked, Local::OnTheRoad, Local::Dropped]
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
}

impl LegFile {
    /// The rules of a service.
    pub fn rules(service: Service) -> Rules {
        Rules { direction: direction(service), employment: service == Service::Employment }
    }

    /// The type of its first message.
    pub fn opening(&self) -> MessageType {
        match self.law.rules().direction {
            Direction::Push => MessageType::Offer,
            Direction::Pull => MessageType::Request,
        }
    }

    /// Whether this city sends the person (V20): it sees stages, not the school or the employer.
    pub fn is_sender(&self) -> bool {
        self.our_side == Side::Initiator && self.law.rules().direction == Direction::Push
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
        match act {
            // The caller checked the chain: a place that does not follow never gets here.
            Some(act) => {
                let _ = self.law.admit(act, verdict);
            }
            None => self.law.admit_unreadable(entry.side),
        }
        self.entries.push(entry);
    }

    /// Fixes the standing of an own message when its receipt comes; a refused one loses its
    /// effect, so the law is folded anew.
    pub fn settle(&mut self, digest: &Digest, standing: Standing) {
        let Some(at) = self.entries.iter().position(|entry| entry.env_digest == *digest) else {
            return;
        };
        self.entries[at].standing = standing;
        if !matches!(standing, Standing::Refused(_)) {
            return;
        }
        let refused = (self.entries[at].side, self.entries[at].seq);
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
    }
}

/// Who starts a leg of a service.
pub fn direction(service: Service) -> Direction {
    if section::is_pull(service) { Direction::Pull } else { Direction::Push }
}

/// What of a message the law needs and the payload alone does not tell.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// `created_unix_ms` as a civil date.
    pub made_on: Day,
    /// Whether a live consent that names the accepting office stands behind a RELEASE.
    pub consent_live: bool,
    /// What stands behind an EXPIRE.
    pub proof: Option<Proof>,
}

/// Reduces a message to what the law looks at. `question` finds the leg_seq of a CLARIFY.
pub fn act_of(
    message: &wire::Message,
    by: Side,
    seq: u32,
    seen: u32,
    context: Context,
    question: &dyn Fn(&Digest) -> Option<u32>,
) -> Result<Act, Refusal> {
    let body = message.body.as_ref().ok_or(Refusal::BadBody)?;
    let kind = kind_of(message.r#type(), body, context, question).ok_or(Refusal::BadBody)?;
    let due = Day::from_number(message.due_date);
    Ok(Act { by, seq, seen, made_on: context.made_on, due, kind })
}

fn kind_of(
    ty: MessageType,
    body: &Body,
    context: Context,
    question: &dyn Fn(&Digest) -> Option<u32>,
) -> Option<Kind> {
    let digest = |bytes: &[u8]| Digest::from_slice(bytes).map(|d| d.0);
    Some(match body {
        Body::Opening(_) if ty == MessageType::Request => Kind::Request,
        Body::Opening(_) => Kind::Offer,
        Body::TakeUp(_) => Kind::TakeUp,
        Body::Clarify(body) => Kind::Clarify { ground: body.ground },
        Body::Supply(body) => {
            // An unknown question is judged as one that is not open.
            let named = Digest::from_slice(&body.answers).and_then(|d| question(&d));
            Kind::Supply { question: named.unwrap_or(0) }
        }
        Body::Accept(body) => Kind::Accept {
            slot_until: Day::from_number(body.slot_until),
            terms: digest(&body.terms_digest),
        },
        Body::Waitlist(body) => Kind::Waitlist { until: Day::from_number(body.until) },
        Body::Decline(_) => Kind::Decline,
        Body::Release(body) => {
            Kind::Release { consent_live: context.consent_live, terms: digest(&body.terms_digest) }
        }
        Body::Progress(_) => Kind::Progress,
        Body::Outcome(body) if body.not_realised == 0 => Kind::OutcomeFulfilled,
        Body::Outcome(_) => Kind::OutcomeNotRealised,
        Body::Complete(_) => Kind::Complete,
        Body::Correct(body) => Kind::Correct {
            relevant: is_decision_relevant(body.section),
            terms: digest(&body.terms_digest),
        },
        Body::Redirect(_) => Kind::Redirect,
        Body::Withdraw(_) => Kind::Withdraw,
        Body::WithdrawEffect(_) => Kind::WithdrawEffect,
        Body::Return(_) => Kind::Return,
        Body::Expire(body) => Kind::Expire { duty: duty_of(body.duty())?, proof: context.proof? },
        Body::Void(_) => Kind::Void,
        Body::Remind(body) => Kind::Remind { duty: duty_of(body.duty())? },
        Body::EraseNotice(_) => Kind::EraseNotice,
        Body::EraseConfirm(_) => Kind::EraseConfirm,
        Body::ConsentTaken(body) => Kind::Consent { terms: digest(&body.terms_digest) },
        Body::CapacityQuery(_) | Body::CapacityAnswer(_) | Body::VacancyNotice(_) => return None,
    })
}

/// What the examiner decided on is phase A; a correction of it asks for a new decision.
fn is_decision_relevant(section: u32) -> bool {
    SectionKind::of(section).is_some_and(|kind| kind.phase == Phase::A)
}

/// The law's duty of a wire duty.
pub fn duty_of(duty: wire::Duty) -> Option<Duty> {
    Some(match duty {
        wire::Duty::Unspecified => return None,
        wire::Duty::TakeUp => Duty::TakeUp,
        wire::Duty::Decide => Duty::Decide,
        wire::Duty::Supply => Duty::Supply,
        wire::Duty::Release => Duty::Release,
        wire::Duty::Outcome => Duty::Outcome,
        wire::Duty::Complete => Duty::Complete,
        wire::Duty::WithdrawEffect => Duty::WithdrawEffect,
    })
}

/// The wire duty of the law's.
pub fn wire_duty(duty: Duty) -> wire::Duty {
    match duty {
        Duty::TakeUp => wire::Duty::TakeUp,
        Duty::Decide => wire::Duty::Decide,
        Duty::Supply => wire::Duty::Supply,
        Duty::Release => wire::Duty::Release,
        Duty::Outcome => wire::Duty::Outcome,
        Duty::Complete => wire::Duty::Complete,
        Duty::WithdrawEffect => wire::Duty::WithdrawEffect,
        // Nothing on the wire gives this duty a date.
        Duty::EraseConfirm => wire::Duty::Unspecified,
    }
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

/// Working days by one calendar for both sides.
#[derive(Debug)]
pub struct OneCalendar<'a>(pub &'a Calendar);

impl jieli_proto::case::Calendar for OneCalendar<'_> {
    fn working_days(&self, _of: Side, after: Day, to: Day) -> u32 {
        self.0.working_days_between(after, to)
    }
}

/// The id of a message as typed.
pub fn msg_id(message: &wire::Message) -> Option<MsgId> {
    MsgId::from_slice(&message.msg_id)
}
