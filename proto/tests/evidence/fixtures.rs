//! One message of every type, with fixed identifiers. No person, city or office in it exists.

use jieli_proto::agreement::purpose_of;
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::message::terms_digest;
use jieli_proto::section;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, Duty, MessageType, Service};
use ring::signature::{Ed25519KeyPair, KeyPair};

pub(crate) const CITY_A: &str = "city-a";
pub(crate) const CITY_B: &str = "city-b";
/// Offices of A: labour, education. Offices of B: labour, education.
pub(crate) const OFFICE_A: [&str; 2] = ["119999990000000A16", "119999990000000A29"];
pub(crate) const OFFICE_B: [&str; 2] = ["119999990000000B17", "119999990000000B2A"];
pub(crate) const EMPLOYER: &str = "919999990000000E12";
pub(crate) const AGREEMENT: [u8; 16] = [0xa0; 16];
pub(crate) const CASE: [u8; 16] = [0xc0; 16];
pub(crate) const LEG: [u8; 16] = [0xe0; 16];
/// 2026-11-21 09:00 in UTC+8.
pub(crate) const NINE: u64 = 1_795_190_400_000 + 9 * 3_600_000;

/// A signing key whose Ed25519 seed is one byte 32 times.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    pub(crate) seed: u8,
    pub(crate) public: jieli_proto::pubkey::PublicKey,
}

impl Signer {
    pub(crate) fn new(seed: u8) -> Signer {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = jieli_proto::pubkey::PublicKey::from_bytes(pair.public_key().as_ref());
        Signer { seed, public: public.unwrap(), pair }
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.pair.sign(bytes).as_ref().try_into().unwrap()
    }

    pub(crate) fn fpr(&self) -> jieli_proto::id::Digest {
        jieli_proto::id::Digest(self.public.fingerprint())
    }

    pub(crate) fn seal<M: jieli_proto::strict::Payload>(&self, payload: &M) -> wire::Envelope {
        jieli_proto::envelope::seal(payload, self.fpr(), |bytes| self.sign(bytes))
    }
}

pub(crate) fn header(side: PartySide, lane: Lane, lane_seq: u64, prev: &[u8]) -> wire::Header {
    let (sender, recipient) = match side {
        PartySide::A => (CITY_A, CITY_B),
        PartySide::B => (CITY_B, CITY_A),
    };
    wire::Header {
        suite: 1,
        agreement_id: AGREEMENT.to_vec(),
        agreement_version: 1,
        manifest_version: 1,
        sender: sender.to_owned(),
        recipient: recipient.to_owned(),
        lane: u32::from(lane.number()),
        lane_seq,
        lane_prev: prev.to_vec(),
        created_unix_ms: NINE + lane_seq * 60_000,
        seen_head: None,
    }
}

/// The types with a leg, in a service where each can occur.
pub(crate) const TYPES: [(MessageType, Service); 26] = [
    (MessageType::Offer, Service::Schooling),
    (MessageType::Request, Service::Insurance),
    (MessageType::TakeUp, Service::Schooling),
    (MessageType::Clarify, Service::Schooling),
    (MessageType::Supply, Service::Housing),
    (MessageType::Accept, Service::Employment),
    (MessageType::Waitlist, Service::Schooling),
    (MessageType::Decline, Service::Schooling),
    (MessageType::Release, Service::Employment),
    (MessageType::Progress, Service::Insurance),
    (MessageType::Outcome, Service::Schooling),
    (MessageType::Complete, Service::Insurance),
    (MessageType::Correct, Service::Schooling),
    (MessageType::Redirect, Service::Schooling),
    (MessageType::Withdraw, Service::Schooling),
    (MessageType::WithdrawEffect, Service::Schooling),
    (MessageType::Return, Service::Schooling),
    (MessageType::Expire, Service::Schooling),
    (MessageType::Void, Service::Schooling),
    (MessageType::Remind, Service::Schooling),
    (MessageType::EraseNotice, Service::Schooling),
    (MessageType::EraseConfirm, Service::Schooling),
    (MessageType::Consent, Service::Employment),
    (MessageType::CapacityQuery, Service::Schooling),
    (MessageType::CapacityAnswer, Service::Schooling),
    (MessageType::VacancyNotice, Service::Employment),
];

/// A first message of A to B, of a right form.
pub(crate) fn message(kind: MessageType, service: Service) -> wire::Message {
    let office = usize::from(service != Service::Employment);
    let is_bare = kind == MessageType::Withdraw;
    let cites = matches!(kind, MessageType::Request | MessageType::Release | MessageType::Consent);
    let has_due = matches!(
        kind,
        MessageType::Offer
            | MessageType::Request
            | MessageType::TakeUp
            | MessageType::Clarify
            | MessageType::Supply
            | MessageType::Release
            | MessageType::Redirect
            | MessageType::Outcome
    );
    let digests = section::slots(kind, service).into_iter().map(|slot| wire::SectionDigest {
        section: u32::from(slot.number),
        digest: vec![slot.number + 0x50; 32],
    });
    let mut message = wire::Message {
        header: Some(header(PartySide::A, Lane::messages(PartySide::A), 1, &[0; 32])),
        msg_id: vec![0xd0; 16],
        case_id: CASE.to_vec(),
        leg_id: LEG.to_vec(),
        leg_seq: 1,
        leg_prev: vec![0; 32],
        leg_seen: vec![0; 32],
        r#type: kind.into(),
        service: service.into(),
        from_office: OFFICE_A[office].to_owned(),
        to_office: OFFICE_B[office].to_owned(),
        purpose: if is_bare { 0 } else { purpose_of(service).into() },
        legal_basis: u32::from(!is_bare) as i32,
        consent_digest: if cites { vec![0xcc; 32] } else { Vec::new() },
        due_date: if has_due { 20_261_201 } else { 0 },
        calendar_version: u32::from(!is_bare),
        codelist_version: u32::from(!is_bare),
        section_digests: digests.collect(),
        body: Some(body(kind, service)),
    };
    if jieli_proto::message::is_without_person(kind) {
        for bytes in [&mut message.case_id, &mut message.leg_id, &mut message.leg_prev] {
            bytes.clear();
        }
        message.leg_seen.clear();
        message.leg_seq = 0;
    }
    message
}

pub(crate) fn window() -> wire::Window {
    wire::Window {
        telephone: "000-12333".to_owned(),
        opens_min: 540,
        closes_min: 1_020,
        bring: vec![1, 3],
    }
}

pub(crate) fn terms() -> wire::Terms {
    wire::Terms {
        reference: "V-2026-7".to_owned(),
        version: 1,
        employer_code: EMPLOYER.to_owned(),
        employer_name: "例示电子有限公司".to_owned(),
        occupation: 62_000,
        workplace_division: "999999".to_owned(),
        pay_fen_month_min: 450_000,
        pay_fen_month_max: 520_000,
        payday: 10,
        deductions: vec![wire::Deduction { code: 1, fen_month: 12_000 }],
        hours_week: 40,
        rest_days_month: 8,
        insurances: vec![110, 310, 390],
        lodging: 1,
        lodging_fen_month: 10_000,
        term_months: 24,
        probation_months: 1,
        notice_days: 30,
        travel_there: wire::Payer::Employer.into(),
        travel_home: wire::Payer::Public.into(),
        complaint_phones: vec!["12333".to_owned(), "12348".to_owned()],
        ..wire::Terms::default()
    }
}

fn body(kind: MessageType, service: Service) -> Body {
    let job = service == Service::Employment;
    let named = if job { terms_digest(&terms()).to_vec() } else { Vec::new() };
    match kind {
        MessageType::Unspecified => unreachable!(),
        MessageType::Offer | MessageType::Request => Body::Opening(wire::Opening {
            filed_on: 20_261_121,
            supersedes: Vec::new(),
            item_code: if service == Service::Insurance { 12 } else { 0 },
        }),
        MessageType::TakeUp => Body::TakeUp(window()),
        MessageType::Clarify => Body::Clarify(wire::Clarify { ground: 4, window: Some(window()) }),
        MessageType::Supply => Body::Supply(wire::Supply { answers: vec![0xab; 32] }),
        MessageType::Accept => Body::Accept(wire::Accept {
            slot_until: 20_261_209,
            window: Some(window()),
            terms_digest: named,
            terms: job.then(terms),
        }),
        MessageType::Waitlist => Body::Waitlist(wire::Waitlist { until: 20_270_120, band: 2 }),
        MessageType::Decline => Body::Decline(wire::Decline {
            decision: wire::DecisionCode::Capacity.into(),
            appeal_office: OFFICE_B[0].to_owned(),
        }),
        MessageType::Release => Body::Release(wire::Release { terms_digest: named }),
        MessageType::Progress => {
            Body::Progress(wire::Progress { step: wire::ProgressStep::Scheduled.into() })
        }
        MessageType::Outcome => Body::Outcome(wire::Outcome {
            not_realised: 0,
            handled_in: wire::HandledIn::ThisOffice.into(),
            reference: String::new(),
        }),
        MessageType::Complete => Body::Complete(wire::Complete { covered_from: 20_261_201 }),
        MessageType::Correct => Body::Correct(wire::Correct {
            corrects: vec![0xab; 32],
            section: 2,
            fields: vec![2, 5],
            ..wire::Correct::default()
        }),
        MessageType::Redirect => {
            Body::Redirect(wire::Redirect { office: OFFICE_A[0].to_owned(), window: None })
        }
        MessageType::Withdraw => Body::Withdraw(wire::Withdraw {}),
        MessageType::WithdrawEffect => Body::WithdrawEffect(wire::WithdrawEffect {
            scope: wire::EffectScope::Kept.into(),
            duty: wire::KeepingDuty::SchoolRoll.into(),
            until: 20_281_231,
        }),
        MessageType::Return
        | MessageType::Expire
        | MessageType::Void
        | MessageType::Remind
        | MessageType::EraseNotice
        | MessageType::EraseConfirm
        | MessageType::Consent
        | MessageType::CapacityQuery
        | MessageType::CapacityAnswer
        | MessageType::VacancyNotice => later_body(kind, service, named),
    }
}

/// The bodies of the types after WITHDRAW EFFECT.
#[allow(clippy::wildcard_enum_match_arm)] // the others are in `body`
fn later_body(kind: MessageType, service: Service, named: Vec<u8>) -> Body {
    match kind {
        MessageType::Return => {
            Body::Return(wire::Return { code: wire::ReturnCode::FamilyLeaves.into() })
        }
        MessageType::Expire => Body::Expire(wire::Expire {
            duty: Duty::TakeUp.into(),
            receipt: vec![0xab; 32],
            terminate: Vec::new(),
        }),
        MessageType::Void => Body::Void(wire::Void { code: wire::VoidCode::SentInError.into() }),
        MessageType::Remind => Body::Remind(wire::Remind { duty: Duty::Decide.into() }),
        MessageType::EraseNotice => Body::EraseNotice(wire::EraseNotice { sections: vec![16, 18] }),
        MessageType::EraseConfirm => Body::EraseConfirm(wire::EraseConfirm {
            scope: wire::EffectScope::Erased.into(),
            digests: vec![vec![0x60; 32]],
            ..wire::EraseConfirm::default()
        }),
        MessageType::Consent => Body::ConsentTaken(wire::ConsentTaken { terms_digest: named }),
        MessageType::CapacityQuery => Body::CapacityQuery(wire::CapacityQuery {
            asks: service.into(),
            stage: 2,
            ..wire::CapacityQuery::default()
        }),
        MessageType::CapacityAnswer => Body::CapacityAnswer(wire::CapacityAnswer {
            answers: vec![0xab; 32],
            state: wire::CapacityState::Has.into(),
            wait_days: 0,
            as_of: 20_261_120,
            valid_until: 20_261_220,
        }),
        MessageType::VacancyNotice => Body::VacancyNotice(wire::VacancyNotice {
            terms: Some(terms()),
            posts: 12,
            valid_until: 20_261_231,
        }),
        _ => unreachable!(),
    }
}
