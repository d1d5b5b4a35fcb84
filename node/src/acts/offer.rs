//! What a desk is offered: every step, planned as if it were asked for with sample values. What can
//! be planned is offered; nothing else is.

use super::decide::SLOT_DAYS;
use crate::batch::Batch;
use crate::legs::{LegFile, Local};
use crate::questions::Told;
use crate::store::StoreError;
use crate::trouble::Trouble;
use jieli_proto::case::{Direction, Side};
use jieli_proto::section::{
    self, Field, FieldType, PERSON, PERSON_NAME, Phase, SUPPORT_NEED, TABLE,
};
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::draft_field::Value;
use jieli_proto::wire::{self, DecisionCode, MessageType, ProgressStep, ReturnCode, VoidCode};
use jieli_proto::words;

/// Stands for a value that the desk fills in.
const BLANK: &str = "…";

/// A step with the options it needs.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// As `jieli case act` takes it.
    pub(crate) step: &'static str,
    /// What follows it.
    pub(crate) options: String,
}

impl Batch<'_> {
    /// The steps that can be taken in a leg today, in the order in which a leg goes.
    pub(crate) async fn offers(&mut self, file: &LegFile) -> Result<Vec<Offer>, StoreError> {
        if file.local != Local::OnTheRoad {
            return Ok(Vec::new());
        }
        let mut offers = Vec::new();
        let at_window = self.told(file).await? == Told::AtTheWindow;
        for (mut act, mut options) in self.samples(file) {
            // V22: the only way left where no notice can reach the person.
            if let Act::Outcome(asked) = &mut act
                && at_window
                && asked.not_realised() == DecisionCode::Unspecified
            {
                asked.told_in_person = true;
                options += " --told-in-person";
            }
            match self.plan(file, &act).await {
                Ok(_) => offers.push(Offer { step: super::step_word(&act), options }),
                Err(Trouble::Denied(_)) => {}
                Err(Trouble::Store(error)) => return Err(error),
            }
        }
        Ok(offers)
    }

    /// Every act with values as favourable as can be, and its options as they are typed.
    fn samples(&self, file: &LegFile) -> Vec<(Act, String)> {
        let pull = file.law.rules().direction == Direction::Pull;
        let later = self.house.calendar().add_working_days(self.today, SLOT_DAYS);
        let none = String::new;
        let slot = if pull { none() } else { format!("--slot-until {later}") };
        let mut all = vec![
            (Act::TakeUp(wire::DeskTakeUp {}), none()),
            (Act::Accept(wire::DeskAccept { slot_until: later.number(), window: None }), slot),
        ];
        let asked = &file.law.state().grounds;
        let ground = (1..=words::GROUNDS.len() as u32).find(|ground| !asked.contains(ground));
        if let Some(ground) = ground {
            let clarify = wire::DeskClarify { ground, window: None };
            all.push((Act::Clarify(clarify), format!("--ground {BLANK}")));
        }
        let waitlist = wire::DeskWaitlist { until: later.number(), band: 1 };
        all.push((Act::Waitlist(waitlist), format!("--until {later} --band {BLANK}")));
        let decision = DecisionCode::Capacity.into();
        let decline = wire::DeskDecline { decision, appeal_office: String::new() };
        all.push((Act::Decline(decline), format!("--code {BLANK}")));
        let able = self.bond_of(file).map(|bond| self.competent(&bond, file));
        for office in able.unwrap_or_default() {
            let to = format!("--to {}", office.credit_code);
            all.push((Act::Redirect(wire::DeskRedirect { office: office.credit_code }), to));
        }
        let supply = wire::DeskSupply { fields: Vec::new(), at_window: true };
        all.push((Act::Supply(supply), "--at-window".to_owned()));
        let progress = wire::DeskProgress { step: ProgressStep::InProgress.into() };
        all.push((Act::Progress(progress), none()));
        all.extend(self.outcomes(file));
        all.extend(self.corrections(file));
        let code = ReturnCode::RecordedInError.into();
        all.push((Act::Return(wire::DeskReturn { code }), format!("--code {BLANK}")));
        let code = VoidCode::SentInError.into();
        all.push((Act::Void(wire::DeskVoid { code }), "--code SENT_IN_ERROR".to_owned()));
        let covered_from = self.today.number();
        let from = format!("--from {}", self.today);
        all.push((Act::Cover(wire::DeskCover { covered_from }), from));
        all.push((Act::Remind(wire::DeskRemind { duty: 0 }), none()));
        all.push((Act::Expire(wire::DeskExpire { duty: 0 }), none()));
        all.push((Act::Withdraw(wire::DeskWithdraw {}), none()));
        all
    }

    fn outcomes(&self, file: &LegFile) -> [(Act, String); 2] {
        let (mut fields, mut options) = (Vec::new(), Vec::new());
        for kind in section::slots(MessageType::Outcome, file.service) {
            for field in kind.fields.iter().filter(|field| field.required) {
                fields.push(self.sample(kind.number, field));
                options.push(format!("--field {}.{}={BLANK}", kind.name, field.name));
            }
        }
        let done = wire::DeskOutcome { fields, ..wire::DeskOutcome::default() };
        let not_realised = DecisionCode::Capacity.into();
        let undone = wire::DeskOutcome { not_realised, ..wire::DeskOutcome::default() };
        [
            (Act::Outcome(done), options.join(" ")),
            (Act::Outcome(undone), format!("--not-realised {BLANK}")),
        ]
    }

    fn corrections(&self, file: &LegFile) -> Vec<(Act, String)> {
        let own = |phase: Phase| match file.our_side {
            Side::Initiator => phase != Phase::C,
            Side::Examiner => phase == Phase::C,
        };
        let mut all = Vec::new();
        for kind in TABLE.iter().filter(|kind| kind.serves(file.service) && own(kind.phase)) {
            if kind.number == SUPPORT_NEED {
                continue;
            }
            // The first field names a vacancy, which is another leg.
            let first = match kind.number {
                1 => kind.field(2),
                PERSON => kind.field(PERSON_NAME),
                _ => kind.fields.first(),
            };
            let Some(field) = first else { continue };
            let mut sample = self.sample(kind.number, field);
            if kind.number == PERSON {
                sample.value = Some(Value::Text("某某".to_owned()));
            }
            let fields = vec![sample];
            let act = Act::Correct(wire::DeskCorrect { fields, ..wire::DeskCorrect::default() });
            all.push((act, format!("--field {}.{}={BLANK}", kind.name, field.name)));
        }
        let as_asked = wire::DeskCorrect { as_asked: true, ..wire::DeskCorrect::default() };
        all.push((Act::Correct(as_asked), "--as-asked".to_owned()));
        let terms = wire::DeskCorrect { terms: true, ..wire::DeskCorrect::default() };
        all.push((Act::Correct(terms), "--terms".to_owned()));
        all
    }

    fn sample(&self, section: u8, field: &Field) -> wire::DraftField {
        let value = match field.ty {
            FieldType::Text => Value::Text("S-1".to_owned()),
            FieldType::Number | FieldType::Code(_) => Value::Number(1),
            FieldType::Date => Value::Number(u64::from(self.today.number())),
            FieldType::Flag => Value::Flag(true),
        };
        let (section, field) = (u32::from(section), field.number);
        wire::DraftField { section, field, value: Some(value) }
    }
}
