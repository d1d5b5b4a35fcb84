//! Our side of a leg: a message is authorised, judged, signed, logged and put in the outbox, or
//! denied before anything is added.

use crate::batch::Batch;
use crate::directory::Bond;
use crate::legs::{self, Context, Entry, LegFile, Local, Standing};
use crate::store::{self, StoreError, Val};
use crate::trouble::{Denied, Outcome};
use crate::vault::Place;
use jieli_proto::agreement::{Asked, purpose_of};
use jieli_proto::case::{self, Direction, Illegal, Law, Proof, Side, Verdict};
use jieli_proto::day::Day;
use jieli_proto::id::{Digest, LegId, MsgId};
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::message::{Fault, check_local, check_message, counted_by};
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{self, PERSON, SectionKind, Value};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, Duty, LegalBasis, MessageType, Purpose, Service};
use prost::Message as _;

/// What a section is filled with.
pub type Filled = (&'static SectionKind, Vec<(u32, Value)>);

/// A message to be said in a leg.
#[derive(Clone, Debug)]
pub struct Speech {
    /// Its type.
    pub ty: MessageType,
    /// Its body.
    pub body: Body,
    /// The date of the duty it sets, if it sets one.
    pub due: Option<Day>,
    /// Sections to be opened.
    pub sections: Vec<Filled>,
    /// The consent they are opened under.
    pub consent: Option<Digest>,
    /// What stands behind an EXPIRE.
    pub proof: Option<Proof>,
}

impl Speech {
    /// A message with nothing but its body.
    pub fn plain(ty: MessageType, body: Body) -> Speech {
        Speech { ty, body, due: None, sections: Vec::new(), consent: None, proof: None }
    }

    /// With the date of the duty it sets.
    pub fn due(mut self, due: Day) -> Speech {
        self.due = Some(due);
        self
    }

    /// WITHDRAW: the same bytes' worth whoever and whatever caused it.
    pub fn withdraw() -> Speech {
        Speech::plain(MessageType::Withdraw, Body::Withdraw(wire::Withdraw {}))
    }
}

/// A message that nothing can be said against.
#[derive(Debug)]
pub(crate) struct Prepared {
    bond: Bond,
    lane: Lane,
    header: wire::Header,
    msg: MsgId,
    message: wire::Message,
    sections: Vec<wire::Section>,
    act: jieli_proto::case::Act,
}

impl Batch<'_> {
    /// Takes a leg out of the overlay, loading it first; put it back with [`Batch::put_leg`].
    pub async fn take_leg(&mut self, id: LegId) -> Result<Option<LegFile>, StoreError> {
        if let Some(file) = self.legs.get(&id) {
            return Ok(Some(file.clone()));
        }
        store::legs::load(self.conn, id, &self.directory.shelf).await
    }

    /// Puts a leg into the overlay, as later commands of this batch will see it.
    pub fn put_leg(&mut self, file: LegFile) {
        self.legs.insert(file.id, file.home());
    }

    /// The due date of a duty from now on, by the agreement's service level and the calendar of the
    /// city that owes it.
    pub fn due(&self, bond: &Bond, file: &LegFile, duty: Duty) -> Outcome<Day> {
        let days = match bond.in_force() {
            Some(agreement) => agreement.working_days(file.service, duty),
            None => jieli_proto::agreement::default_days(file.service, duty),
        };
        let debtor = legs::duty_of(duty).and_then(case::Duty::debtor);
        let side = debtor.unwrap_or(file.our_side.other());
        let calendar = self.calendar_of(bond, file.our_side, side)?;
        Ok(calendar.add_working_days(calendar.day_of_unix_ms(self.now_ms), days))
    }

    /// Says something in a leg.
    pub async fn say(&mut self, file: &mut LegFile, speech: Speech) -> Outcome<Digest> {
        let Prepared { bond, lane, header, msg, message, sections, act } =
            self.prepare(file, &speech).await?;
        // From here on nothing is denied.
        for section in &sections {
            let place = Place { leg: file.id, slot: section.section as u8, msg };
            self.hide(file, &place, &section.encode_to_vec()).await?;
        }
        let (digest, standing) = if file.is_local() {
            (self.keep_local(&header, &message).await?, Standing::Stored)
        } else {
            let digest = self.send(&bond, &header, &message).await?;
            self.let_pass(&bond.peer, speech.ty).await?;
            (digest, Standing::Provisional)
        };
        let entry = Entry {
            env_digest: digest,
            side: file.our_side,
            seq: message.leg_seq,
            lane_seq: header.lane_seq,
            standing,
            message: Some(message),
        };
        self.messages.push(message_row(&bond, lane, file, &entry, &msg, &Verdict::Legal));
        file.admit(entry, Some(act), Verdict::Legal);
        if file.local != Local::OnTheRoad {
            file.local = Local::OnTheRoad;
            store::legs::update(self.conn, file).await?;
        }
        if speech.ty == MessageType::Redirect {
            self.moved(file).await?;
        }
        self.put_leg(file.clone());
        self.end_with_leg(file).await?;
        if file.is_local() {
            self.reach_other_office(file, speech.ty).await?;
        }
        Ok(digest)
    }

    /// Everything that can be said against a message, before anything is added: agreement, form
    /// and law. Reads only, so that it also tells a desk what it may do.
    pub(crate) async fn prepare(&mut self, file: &LegFile, speech: &Speech) -> Outcome<Prepared> {
        let bond = self.bond_of(file).ok_or_else(no_agreement)?;
        self.may_say(&bond, file, speech.ty)?;
        if speech.ty == file.opening() && !file.is_local() {
            self.below_ceiling(&bond, file).await?;
        }
        let lane = Lane::messages(bond.our_side);
        let header = self.header(&bond, lane).await?;
        let msg = MsgId(self.random());
        let (digests, sections) = self.sections(file, speech, &msg)?;
        let mut message = compose(file, speech, header.clone(), msg, digests);
        if speech.ty != MessageType::Withdraw {
            let counted_by = counted_by(&message, file.our_side);
            let calendar = self.calendar_of(&bond, file.our_side, counted_by)?;
            message.calendar_version = calendar.version();
        }
        let check = if file.is_local() { check_local } else { check_message };
        check(&message).map_err(|fault| wrong_form(&fault))?;
        let made_on = self.day_at(&bond, bond.our_side, Some(&header));
        let person = speech.sections.iter().find(|(kind, _)| kind.number == PERSON);
        let person = person.map_or(&[][..], |(_, values)| values);
        self.check_of_person(file, &message, file.our_side, person, made_on).await??;
        let act = self.judge(&bond, file, &message, speech, made_on)?;
        Ok(Prepared { bond, lane, header, msg, message, sections, act })
    }

    /// The sender's own node asks the agreement the same as the receiver's will.
    pub(crate) fn may_say(&self, bond: &Bond, file: &LegFile, ty: MessageType) -> Outcome<()> {
        let agreement = bond.in_force().ok_or_else(no_agreement)?;
        let opens = matches!(ty, MessageType::Offer | MessageType::Request);
        if opens && bond.is_closed_to_new(self.today) {
            return Err(Refusal::Suspended.into());
        }
        agreement.authorise(&Asked {
            sender: bond.our_side,
            message: ty,
            service: file.service,
            from_office: &file.our_office,
            to_office: &file.their_office,
            purpose: purpose(file.service, ty),
            holder: holder(bond.our_side, file.our_side, file.service),
            on: self.today,
        })?;
        if opens && !agreement.hears_result(bond.our_side, &file.our_office, file.service) {
            return Err(no_result_here().into());
        }
        Ok(())
    }

    fn sections(
        &self,
        file: &LegFile,
        speech: &Speech,
        msg: &MsgId,
    ) -> Outcome<(Vec<wire::SectionDigest>, Vec<wire::Section>)> {
        let (mut digests, mut sections) = (Vec::new(), Vec::new());
        let entropy = &self.house.world.entropy;
        for kind in section::slots(speech.ty, file.service) {
            let filled = speech.sections.iter().find(|(other, _)| other.number == kind.number);
            let digest = match filled {
                // An empty slot is random, so that nobody can tell it from a filled one.
                None => Digest(self.random()),
                Some((_, values)) => {
                    // A CORRECT opens the fields that it names, and no others.
                    if speech.ty != MessageType::Correct {
                        kind.filled_by(values).map_err(|field| missing(kind, field))?;
                    }
                    let mut random = |buffer: &mut [u8]| entropy.fill(buffer);
                    let built = section::build(kind, values, &mut random)
                        .map_err(|_| Denied::refused(Refusal::BadBody))?;
                    let digest = section::digest_of(msg, &built)
                        .map_err(|_| Denied::refused(Refusal::BadBody))?;
                    sections.push(built);
                    digest
                }
            };
            let number = u32::from(kind.number);
            digests.push(wire::SectionDigest { section: number, digest: digest.to_vec() });
        }
        Ok((digests, sections))
    }

    fn judge(
        &self,
        bond: &Bond,
        file: &LegFile,
        message: &wire::Message,
        speech: &Speech,
        made_on: Day,
    ) -> Outcome<jieli_proto::case::Act> {
        let context =
            Context { made_on, consent_live: speech.consent.is_some(), proof: speech.proof };
        let seen = file.law.len(file.our_side.other());
        let question = |digest: &Digest| file.entry(digest).map(|entry| entry.seq);
        let act = legs::act_of(message, file.our_side, message.leg_seq, seen, context, &question)?;
        // Not the law's answer alone: a stop that the other city refused to hear holds here.
        if file.is_stopped() && !Law::V1.row(act.verb()).after_stop {
            return Err(Illegal::Stopped.into());
        }
        file.law.judge(&act, &self.days(bond, file.our_side))?;
        Ok(act)
    }
}

fn no_agreement() -> Denied {
    Denied::new(
        "NO_AGREEMENT",
        "与该城市没有生效的协作协议，办件保留为草稿。请先签订协议。",
        "There is no live agreement with that city: the case stays a draft. Conclude one first.",
    )
}

/// What began here could never end with a result: nobody is asked about it.
fn no_result_here() -> Denied {
    Denied::new(
        "NO_RESULT_HERE",
        "协议不向本类机构反馈这项服务的结果：没有询问本人，什么也没有发出。请由办理这项服务的机构或人社机构发起。",
        "The agreement never tells this kind of office how this service ends: nobody is asked and \
         nothing is sent. The office that handles the service, or the labour office, can begin it.",
    )
}

fn missing(kind: &SectionKind, field: &section::Field) -> Denied {
    Denied::new(
        "FIELD_MISSING",
        format!("“{}”缺少或格式不对，请补齐。", field.zh),
        format!("“{}” of {} is missing or has a wrong form: fill it in.", field.en, kind.name),
    )
}

fn wrong_form(fault: &Fault) -> Denied {
    Denied::new(
        "FIELD_MISSING",
        format!("缺少或填错一项，请补齐：{}（{}）。", option_of(fault.field), fault.field),
        format!("An option is missing or wrong: {} ({}).", option_of(fault.field), fault.field),
    )
}

/// The option of `jieli case act` behind a field of a message.
fn option_of(field: &str) -> String {
    let last = field.rsplit('.').next().unwrap_or(field);
    let option = match last {
        "decision" | "not_realised" => "code",
        "appeal_office" => "appeal",
        "opens_min" => "opens",
        "closes_min" => "closes",
        "reference" => "national-reference",
        "section" | "fields" => "field",
        other => other,
    };
    format!("--{}", option.replace('_', "-"))
}

/// The purpose a message cites: that of its service, absent where the person takes things back.
pub fn purpose(service: Service, ty: MessageType) -> Purpose {
    if ty == MessageType::Withdraw { Purpose::Unspecified } else { purpose_of(service) }
}

/// Which party holds the record or sends the person.
pub fn holder(our_party: PartySide, our_side: Side, service: Service) -> PartySide {
    let we_hold = match legs::direction(service) {
        Direction::Push => our_side == Side::Initiator,
        Direction::Pull => our_side == Side::Examiner,
    };
    if we_hold { our_party } else { our_party.other() }
}

fn compose(
    file: &LegFile,
    speech: &Speech,
    header: wire::Header,
    msg: MsgId,
    section_digests: Vec<wire::SectionDigest>,
) -> wire::Message {
    let side = file.our_side;
    let bare = speech.ty == MessageType::Withdraw;
    let basis = if bare { LegalBasis::Unspecified } else { LegalBasis::Consent };
    wire::Message {
        header: Some(header),
        msg_id: msg.to_vec(),
        case_id: file.case.to_vec(),
        leg_id: file.id.to_vec(),
        leg_seq: file.law.len(side) + 1,
        leg_prev: file.last_of(side).to_vec(),
        leg_seen: file.last_of(side.other()).to_vec(),
        r#type: speech.ty.into(),
        service: file.service.into(),
        from_office: file.our_office.clone(),
        to_office: file.their_office.clone(),
        purpose: purpose(file.service, speech.ty).into(),
        legal_basis: basis.into(),
        consent_digest: speech.consent.map_or(Vec::new(), |digest| digest.to_vec()),
        due_date: speech.due.map_or(0, Day::number),
        calendar_version: 0,
        codelist_version: if bare { 0 } else { CODELIST_VERSION },
        section_digests,
        body: Some(speech.body.clone()),
    }
}

/// Version of the code lists built in: decision, return, void and refusal codes.
pub const CODELIST_VERSION: u32 = 1;

/// A row of `message`.
pub fn message_row(
    bond: &Bond,
    lane: Lane,
    file: &LegFile,
    entry: &Entry,
    msg: &MsgId,
    verdict: &Verdict,
) -> Vec<Val> {
    let (status, code) = entry.standing.numbers();
    vec![
        Val::Bytes(entry.env_digest.to_vec()),
        Val::Bytes(bond.id.to_vec()),
        Val::Int(i64::from(lane.number())),
        Val::Int(entry.lane_seq as i64),
        Val::Bytes(msg.to_vec()),
        Val::Bytes(file.id.to_vec()),
        Val::Int(i64::from(entry.seq)),
        Val::Int(legs::side_number(entry.side)),
        Val::Int(status),
        Val::Int(code),
        Val::Int(store::legs::verdict_number(verdict)),
    ]
}

impl Batch<'_> {
    /// Says something with no person in it: capacity and vacancies.
    pub(crate) async fn tell(
        &mut self,
        bond: &Bond,
        ty: MessageType,
        service: Service,
        body: Body,
        offices: (String, String),
    ) -> Outcome<Digest> {
        let agreement = bond.in_force().ok_or_else(no_agreement)?;
        let asks = ty == MessageType::CapacityQuery;
        agreement.authorise(&Asked {
            sender: bond.our_side,
            message: ty,
            service,
            from_office: &offices.0,
            to_office: &offices.1,
            purpose: purpose_of(service),
            // The city that sends people asks; the provider answers and announces.
            holder: if asks { bond.our_side } else { bond.our_side.other() },
            on: self.today,
        })?;
        let header = self.header(bond, Lane::messages(bond.our_side)).await?;
        let message = wire::Message {
            header: Some(header.clone()),
            msg_id: self.random::<16>().to_vec(),
            r#type: ty.into(),
            service: service.into(),
            from_office: offices.0,
            to_office: offices.1,
            purpose: purpose_of(service).into(),
            legal_basis: LegalBasis::StatutoryDuty.into(),
            calendar_version: self.calendar_of(bond, Side::Initiator, Side::Initiator)?.version(),
            codelist_version: CODELIST_VERSION,
            body: Some(body),
            ..wire::Message::default()
        };
        Ok(self.send(bond, &header, &message).await?)
    }
}
