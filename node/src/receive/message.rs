//! A message in lane 0 or 1.

use super::consent::Cited;
use super::{Halt, Incoming, Stop, check_key_time, decode};
use crate::agreements::Opening;
use crate::batch::Batch;
use crate::directory::Bond;
use crate::legs::{self, Context, Entry, LegFile, Local, Standing};
use crate::shelf::Days;
use crate::speak::{self, message_row};
use crate::store::{self, StoreError, Val};
use crate::timer::TimerKind;
use crate::vault::Place;
use jieli_proto::agreement::{Agreement, Asked};
use jieli_proto::case::{Act, Leg, Proof, Side, Verdict};
use jieli_proto::day::Day;
use jieli_proto::id::{Digest, LegId, MsgId};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::message::{LegPlace, MessageFacts, check_message};
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{self, SECTIONS_LEN_MAX, Value};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DeferReason, ItemStatus, MessageType};
use prost::Message as _;

/// The sections of a letter, opened: number, bytes to keep, values.
pub(crate) type Opened = Vec<(u8, wire::Section, Vec<(u32, Value)>)>;

impl Batch<'_> {
    pub(crate) async fn receive_message(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        key_live: bool,
    ) -> Result<ItemStatus, Halt> {
        if !key_live {
            return Err(Refusal::KeyRevoked.into());
        }
        let message: wire::Message = decode(&incoming.sealed)?;
        let facts = check_message(&message)?;
        let leg = facts.place.as_ref().map(|place| (place.leg, place.seq));
        incoming.frame.check(&facts.head, leg)?;
        self.check_head(bond, incoming, &facts.head).await?;
        if self.knows_msg(bond, incoming.frame.lane, &facts.msg_id).await? {
            return Err(Refusal::Equivocation.into());
        }
        let agreement = self.cited(bond, &facts).await?;
        let Some(place) = facts.place else {
            self.authorise(bond, &agreement, &facts, None)?;
            self.cited_days(bond, Side::Examiner, &message)?;
            check_key_time(incoming, &facts.head)?;
            return self.receive_notice(bond, incoming, &message, &facts).await;
        };
        let mut file = self.leg_for(bond, &message, &facts, &place).await?;
        self.authorise(bond, &agreement, &facts, Some(&file))?;
        // What is put back from the logs was counted when it came.
        if opens(facts.kind) && self.stands.is_none() {
            let opening = Opening { case: file.case, service: file.service, is_theirs: true };
            if !self.has_room(bond, &agreement, opening).await? {
                return Err(Refusal::CeilingReached.into());
            }
        }
        if let Some(Body::Redirect(to)) = &message.body
            && !agreement.is_competent(bond.our_side.other(), &to.office, facts.service)
        {
            return Err(Refusal::OfficeNotCovered.into());
        }
        let opened = open_sections(incoming, &facts)?;
        // An answer or a correction opens what its author states, whatever slots it has.
        let by_initiator = file.our_side == Side::Examiner;
        if !section::opens_own(facts.kind, by_initiator, opened.iter().map(|(n, _, _)| *n)) {
            return Err(Refusal::SectionNotCovered.into());
        }
        let on = self.day_of_sender(bond, facts.head.created_unix_ms);
        let person = opened.iter().find(|(number, _, _)| *number == section::PERSON);
        let person = person.map_or(&[][..], |(_, _, values)| values);
        self.check_of_person(&file, &message, file.our_side.other(), person, on).await??;
        let withheld = match self.stands {
            None => opened.is_empty() && always_opens(&message, facts.kind),
            Some(stands) => stands == Standing::Withheld,
        };
        let consent = self.check_consent(bond, incoming, &facts, &file, &opened).await?;
        let days = self.cited_days(bond, file.our_side, &message)?;
        let (act, verdict) = self.judge_theirs(bond, &file, &message, &facts, &days).await?;
        if let Verdict::Illegal(why) = verdict {
            let follows = !file.law.misbehaves(&act, &days);
            tracing::warn!(why = %why, "illegal step of a peer");
            let refusal = if follows { Refusal::FollowsRefused } else { Refusal::IllegalStep };
            return Err(refusal.into());
        }
        check_key_time(incoming, &facts.head)?;
        // Everything was decided; now it is stored and takes effect.
        if let Some(Cited { sealed, digest, given_ms }) = consent {
            self.keep_consent(&sealed, &digest, file.id, given_ms, false).await?;
        }
        if place.seq == 1 && file.entries.is_empty() {
            self.open_case(bond, &mut file).await?;
        }
        let header = message.header.clone().unwrap_or_default();
        self.log_envelope(bond.id, incoming.frame.lane, &header, &incoming.sealed)?;
        let standing = if withheld { Standing::Withheld } else { Standing::Stored };
        let entry = Entry {
            env_digest: incoming.digest,
            side: file.our_side.other(),
            seq: place.seq,
            lane_seq: incoming.frame.lane_seq,
            standing,
            message: Some(message),
        };
        let row = message_row(bond, incoming.frame.lane, &file, &entry, &facts.msg_id, &verdict);
        self.messages.push(row);
        let seq = entry.seq;
        file.admit(entry, Some(act), verdict);
        self.keep_sections(&file, seq, &facts, opened).await?;
        if facts.kind == MessageType::Redirect {
            self.moved(&mut file).await?;
        }
        self.put_leg(file.clone());
        // What is put back comes without its sections: what follows from these, follows with them.
        self.follow(&mut file, facts.kind, withheld || self.stands.is_some()).await?;
        self.end_with_leg(&file).await?;
        Ok(if withheld { ItemStatus::StoredWithheld } else { ItemStatus::Stored })
    }

    /// A refused message keeps its leg place where its place can be told.
    pub(super) async fn keep_leg_place(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        refusal: Refusal,
    ) -> Result<(), StoreError> {
        let Some((leg, seq)) = incoming.frame.leg else { return Ok(()) };
        let no_place = legs::takes_no_place(refusal.number());
        let Some(mut file) = self.take_leg(leg).await? else { return Ok(()) };
        let side = file.our_side.other();
        if no_place || file.bond != Some(bond.id) || seq != file.law.len(side) + 1 {
            return Ok(());
        }
        let message = decode::<wire::Message>(&incoming.sealed).ok();
        let entry = Entry {
            env_digest: incoming.digest,
            side,
            seq,
            lane_seq: incoming.frame.lane_seq,
            standing: Standing::Refused(refusal.number()),
            message: message.clone(),
        };
        // A refused message may bear any id, also a known one: a random one keeps the row unique.
        let lane = incoming.frame.lane;
        let id = match message.as_ref().and_then(legs::msg_id) {
            Some(id) if !self.knows_msg(bond, lane, &id).await? => id,
            Some(_) | None => MsgId(self.random()),
        };
        self.messages.push(message_row(bond, lane, &file, &entry, &id, &Verdict::Technical));
        // As it will be when the leg is loaded again: see store::legs::load.
        let proof = Proof::Silence { received_on: self.today, covers: 0 };
        let act = message.as_ref().and_then(|found| theirs(&file, found, self, Some(proof)).ok());
        let act = act.map(|act| Act { seq, ..act });
        file.admit(entry, act, Verdict::Technical);
        self.put_leg(file);
        Ok(())
    }

    async fn knows_msg(
        &mut self,
        bond: &Bond,
        lane: Lane,
        msg: &MsgId,
    ) -> Result<bool, StoreError> {
        let of_lane = [Val::Bytes(bond.id.to_vec()), Val::Int(i64::from(lane.number()))];
        let id = Val::Bytes(msg.to_vec());
        let pending = self.messages.iter().any(|row| row[1..3] == of_lane && row[4] == id);
        let row = self
            .conn
            .maybe(
                "SELECT 1 FROM message WHERE agreement_id = $1 AND lane = $2 AND msg_id = $3",
                vec![bond.id.to_vec().into(), i64::from(lane.number()).into(), msg.to_vec().into()],
            )
            .await?;
        Ok(pending || row.is_some())
    }

    fn authorise(
        &self,
        bond: &Bond,
        agreement: &Agreement,
        facts: &MessageFacts,
        file: Option<&LegFile>,
    ) -> Result<(), Refusal> {
        let on = self.day_of_sender(bond, facts.head.created_unix_ms);
        if opens(facts.kind) && bond.is_closed_to_theirs(on) {
            return Err(Refusal::Suspended);
        }
        let our_side = match file {
            Some(file) => file.our_side,
            // The city that sends people asks for capacity; the provider answers and announces.
            None if facts.kind == MessageType::CapacityQuery => Side::Examiner,
            None => Side::Initiator,
        };
        agreement.authorise(&Asked {
            sender: bond.our_side.other(),
            message: facts.kind,
            service: facts.service,
            from_office: facts.from_office.as_str(),
            to_office: facts.to_office.as_str(),
            purpose: facts.purpose,
            holder: speak::holder(bond.our_side, our_side, facts.service),
            on,
        })
    }

    /// The civil date of an instant in the zone that the agreement names for the other city.
    pub(crate) fn day_of_sender(&self, bond: &Bond, unix_ms: u64) -> Day {
        let version = bond.version();
        self.directory.shelf.day(bond.id, version, bond.our_side.other(), unix_ms)
    }

    /// The leg a message belongs to, its chain checked; a new one for OFFER and REQUEST.
    async fn leg_for(
        &mut self,
        bond: &Bond,
        message: &wire::Message,
        facts: &MessageFacts,
        place: &LegPlace,
    ) -> Result<LegFile, Halt> {
        let Some(file) = self.take_leg(place.leg).await? else {
            if !opens(facts.kind) || place.seq != 1 {
                return Err(Refusal::NoSuchLeg.into());
            }
            if !place.seen.is_zero() {
                return Err(Refusal::BadChain.into());
            }
            return Ok(new_leg(bond, facts, place, message));
        };
        if file.bond != Some(bond.id) {
            return Err(Refusal::NoSuchLeg.into());
        }
        let side = file.our_side.other();
        let chained = place.seq == file.law.len(side) + 1
            && place.prev == file.last_of(side)
            && place.case == file.case;
        if !chained {
            return Err(Refusal::BadChain.into());
        }
        if let Some(seen) = file.entry(&place.seen)
            && seen.standing == Standing::Provisional
            && seen.side == file.our_side
        {
            // They have seen it, so the receipt exists: it has to come first.
            return Err(Stop::Wait(DeferReason::CitedNotHeld).into());
        }
        let Some(seen) = store::legs::seen_seq(&file, side, &place.seen) else {
            return Err(Refusal::BadChain.into());
        };
        let version = facts.head.agreement_version;
        let fits = file.expected_offices((bond, version), side, place.seq, seen)
            == [facts.from_office.as_str(), facts.to_office.as_str()]
            && facts.service == file.service;
        if fits { Ok(file) } else { Err(Refusal::OfficeNotCovered.into()) }
    }

    async fn judge_theirs(
        &mut self,
        bond: &Bond,
        file: &LegFile,
        message: &wire::Message,
        facts: &MessageFacts,
        days: &Days,
    ) -> Result<(Act, Verdict), Halt> {
        let proof = match &message.body {
            Some(Body::Expire(body)) => Some(self.proof_of(bond, file, body).await?),
            _ => None,
        };
        let act = theirs(file, message, self, proof)?;
        debug_assert_eq!((act.seq, facts.kind), (message.leg_seq, message.r#type()));
        Ok(match file.law.judge(&act, days) {
            Ok(()) => (act, Verdict::Legal),
            Err(why) if !why.takes_place() => return Err(Refusal::BadChain.into()),
            Err(why) => (act, Verdict::Illegal(why)),
        })
    }

    /// What an EXPIRE of the peer cites: a receipt we signed, or a TERMINATE both hold.
    async fn proof_of(
        &mut self,
        bond: &Bond,
        file: &LegFile,
        body: &wire::Expire,
    ) -> Result<Proof, Halt> {
        if let Some(named) = Digest::from_slice(&body.terminate) {
            // One of their own that we lack is a lie or on its way; one of ours we would hold.
            return match bond.wind_down_of(&named) {
                Some(wind_down) => Ok(Proof::Terminated { wind_down }),
                None if bond.acts_of(bond.our_side.other()).terminate.is_some() => {
                    Err(Refusal::BadBody.into())
                }
                None => Err(Stop::Wait(DeferReason::CitedNotHeld).into()),
            };
        }
        let named = Digest::from_slice(&body.receipt).ok_or(Refusal::BadBody)?;
        let found = self.receipt_by_digest(bond, Lane::receipts(bond.our_side), &named).await?;
        let receipt = found.ok_or(Stop::Wait(DeferReason::CitedNotHeld))?;
        let received_on = self.day_of_sender(bond, receipt.received_unix_ms);
        Ok(silence(file, file.our_side, &receipt, received_on))
    }

    pub(crate) async fn open_case(
        &mut self,
        bond: &Bond,
        file: &mut LegFile,
    ) -> Result<(), StoreError> {
        if store::legs::case_by_id(self.conn, file.case).await?.is_none() {
            self.new_case(file.case, bond.peer.as_str(), Some(bond.id)).await?;
        }
        let held = store::legs::legs_of(self.conn, file.case).await?;
        file.number = held.len() as u32 + 1;
        store::legs::insert(self.conn, file).await
    }

    /// A letter whose message was rebuilt after a restore has come again: its sections are kept as
    /// they were then, under the same conditions. At any other place repetition adds nothing.
    pub(super) async fn sections_again(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
    ) -> Result<(), StoreError> {
        let (lane, seq) = (incoming.frame.lane, incoming.frame.lane_seq);
        if lane.kind() != Kind::Message || incoming.letter.sections.is_empty() {
            return Ok(());
        }
        let Ok(message) = decode::<wire::Message>(&incoming.sealed) else { return Ok(()) };
        let Ok(facts) = check_message(&message) else { return Ok(()) };
        let Some(place) = facts.place.as_ref() else { return Ok(()) };
        let Ok(opened) = open_sections(incoming, &facts) else { return Ok(()) };
        if !store::recovery::close_gap(self.conn, bond.id, lane, seq).await? {
            return Ok(());
        }
        let Some(mut file) = self.take_leg(place.leg).await? else { return Ok(()) };
        self.keep_sections(&file, place.seq, &facts, opened).await?;
        let opens = [MessageType::Offer, MessageType::Release, MessageType::Request];
        if opens.contains(&facts.kind) && !file.is_stopped() {
            self.follow(&mut file, facts.kind, false).await?;
        }
        Ok(())
    }

    /// Sections are kept only while nobody has taken them back: not after an own ERASE, not for
    /// an overridden RELEASE, not once a WITHDRAW is here.
    async fn keep_sections(
        &mut self,
        file: &LegFile,
        seq: u32,
        facts: &MessageFacts,
        opened: Opened,
    ) -> Result<(), StoreError> {
        let state = file.law.state();
        let own = file.our_side;
        let erased = *state.erase_notice.of(own) || *state.erase_confirm.of(own);
        let stopped = file.is_stopped() || erased;
        // A correction that crossed a REDIRECT counts at the other office.
        let follows = facts.kind == MessageType::Correct && !file.law.is_closed();
        if stopped || !follows && file.law.overridden(file.our_side.other(), seq) {
            return Ok(());
        }
        for (number, section, values) in opened {
            let place = Place { leg: file.id, slot: number, msg: facts.msg_id };
            self.hide(file, &place, &section.encode_to_vec()).await?;
            if number == section::PERSON {
                self.index_person(file.id, &values).await?;
            }
        }
        Ok(())
    }

    /// Remembers, under a keyed tag, which document a leg names.
    pub(crate) async fn index_person(
        &mut self,
        leg: LegId,
        values: &[(u32, Value)],
    ) -> Result<(), StoreError> {
        let number = |field: u32| values.iter().find(|(n, _)| *n == field).map(|(_, v)| v);
        let (Some(Value::Number(kind)), Some(Value::Text(document))) = (number(2), number(3))
        else {
            return Ok(());
        };
        let tag = self.house.keys.blind_tag(*kind as u32, document);
        self.conn
            .run(
                "INSERT INTO blind_index (tag, leg_id) VALUES ($1,$2) ON CONFLICT DO NOTHING",
                vec![tag.to_vec().into(), leg.to_vec().into()],
            )
            .await?;
        Ok(())
    }
}

/// Whether a message of this type never goes without a section, unless it is withheld. A SUPPLY
/// or CORRECT may have nothing to open, and so may an OUTCOME that was not realised.
fn always_opens(message: &wire::Message, kind: MessageType) -> bool {
    let fulfilled = matches!(&message.body, Some(Body::Outcome(body)) if body.not_realised == 0);
    matches!(kind, MessageType::Offer | MessageType::Request | MessageType::Release) || fulfilled
}

fn opens(kind: MessageType) -> bool {
    matches!(kind, MessageType::Offer | MessageType::Request)
}

fn new_leg(
    bond: &Bond,
    facts: &MessageFacts,
    place: &LegPlace,
    message: &wire::Message,
) -> LegFile {
    // Who has the place by now, where the first message was on its way meanwhile.
    let span = (facts.head.agreement_version, bond.version());
    let now = |side, code: &str| bond.office_at(side, code, span);
    LegFile {
        id: place.leg,
        case: place.case,
        number: 0,
        bond: Some(bond.id),
        service: facts.service,
        our_side: Side::Examiner,
        local: Local::OnTheRoad,
        our_office: now(bond.our_side, &message.to_office),
        their_office: now(bond.our_side.other(), &message.from_office),
        reference: String::new(),
        law: Leg::new(LegFile::rules(facts.service)),
        entries: Vec::new(),
        stop_refused: false,
    }
}

/// The proof of silence a receipt gives about one side's messages in a leg, with the day it was
/// signed in the zone of the city that cites it.
pub(crate) fn silence(
    file: &LegFile,
    of: Side,
    receipt: &wire::Receipt,
    received_on: Day,
) -> Proof {
    let covers = file
        .entries
        .iter()
        .filter(|entry| entry.side == of && entry.lane_seq <= receipt.own_lane_seq)
        .map(|entry| entry.seq)
        .max();
    Proof::Silence { received_on, covers: covers.unwrap_or(0) }
}

/// The act of a message of the other side.
fn theirs(
    file: &LegFile,
    message: &wire::Message,
    batch: &Batch<'_>,
    proof: Option<Proof>,
) -> Result<Act, Refusal> {
    let by = file.our_side.other();
    let header = message.header.as_ref();
    let made_on = match batch.bond_of(file) {
        Some(bond) => batch.day_at(&bond, bond.our_side.other(), header),
        None => batch.today,
    };
    let seen = Digest::from_slice(&message.leg_seen)
        .and_then(|seen| store::legs::seen_seq(file, by, &seen))
        .ok_or(Refusal::BadChain)?;
    // check_consent has refused a RELEASE without one before this is asked.
    let context = Context { made_on, consent_live: true, proof };
    let question = |digest: &Digest| file.entry(digest).map(|entry| entry.seq);
    legs::act_of(message, by, message.leg_seq, seen, context, &question)
}

fn open_sections(incoming: &Incoming, facts: &MessageFacts) -> Result<Opened, Refusal> {
    let letter = &incoming.letter;
    let total: usize = letter.sections.iter().map(wire::Section::encoded_len).sum();
    if total > SECTIONS_LEN_MAX {
        return Err(Refusal::SectionMismatch);
    }
    let mut opened: Opened = Vec::new();
    for found in &letter.sections {
        let number = u8::try_from(found.section).map_err(|_| Refusal::SectionMismatch)?;
        let again = opened.iter().any(|(other, _, _)| *other == number);
        let signed = facts.section(number).filter(|_| !again).ok_or(Refusal::SectionMismatch)?;
        let values =
            section::open(&facts.msg_id, found, &signed).map_err(|_| Refusal::SectionMismatch)?;
        opened.push((number, found.clone(), values));
    }
    Ok(opened)
}

impl Batch<'_> {
    /// A message with no person in it: a vacancy with its terms is kept.
    async fn receive_notice(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        message: &wire::Message,
        facts: &MessageFacts,
    ) -> Result<ItemStatus, Halt> {
        if let Some(Body::VacancyNotice(notice)) = &message.body {
            let terms = notice.terms.clone().ok_or(Refusal::TermsMissing)?;
            let vacancy = wire::Vacancy {
                city: bond.peer.as_str().to_owned(),
                terms: None,
                posts: notice.posts,
                valid_until: notice.valid_until,
            };
            self.keep_vacancy(bond.peer.as_str(), &vacancy, &terms, true).await?;
        }
        match &message.body {
            // In a transaction of its own: the receipt comes first.
            Some(Body::CapacityQuery(_)) => {
                self.timer(self.now_ms, TimerKind::AnswerCapacity, &incoming.digest.0).await?;
            }
            Some(Body::CapacityAnswer(answer)) => self.hear_capacity(bond, answer).await?,
            Some(_) | None => {}
        }
        let header = message.header.clone().unwrap_or_default();
        self.log_envelope(bond.id, incoming.frame.lane, &header, &incoming.sealed)?;
        debug_assert_eq!(facts.head.lane_seq, header.lane_seq);
        Ok(ItemStatus::Stored)
    }
}
