//! The steps of a desk in a leg, as typed.

use super::Fail;
use super::say::date_of;
use clap::Subcommand;
use jieli_gateway::drafts;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, Duty, HandledIn, ProgressStep, VoidCode};

#[derive(Debug, Subcommand)]
pub(super) enum Step {
    /// The office has it on the desk; the legal clock runs.
    TakeUp,
    /// Yes; the slot is held.
    Accept {
        /// Last day that the slot is held, such as 2026-12-01.
        #[arg(long, value_parser = date_of)]
        slot_until: Option<u32>,
    },
    /// No, with its reason.
    Decline {
        /// CAPACITY, OUT_OF_WINDOW, RESIDENCE_RULE, INSURANCE_RULE, DUPLICATE, ALREADY_SERVED,
        /// SCOPE_NOT_COVERED, AGREEMENT_LIMIT, NO_VALID_CONSENT, EVIDENCE_MISSING, POST_FILLED,
        /// EMPLOYER_CLOSED, EMPLOYER_UNVERIFIED, EMPLOYER_WAGE_ARREARS, UNDER_MIN_AGE,
        /// TERMS_DIFFER, LAW or WRONG_OFFICE.
        #[arg(long)]
        code: String,
        /// Credit code of the body that hears an appeal; else the own office.
        #[arg(long, default_value = "")]
        appeal: String,
    },
    /// The result. A job's goes out only after the worker's own private yes.
    Outcome {
        /// A fact, such as school_outcome.enrolled_on=2026-12-01; may be repeated.
        #[arg(long = "field", value_name = "SECTION.FIELD=VALUE")]
        fields: Vec<String>,
        /// It came to nothing, for this reason: a code of decline.
        #[arg(long, conflicts_with = "fields")]
        not_realised: Option<String>,
        /// Done over the national platform, under this reference.
        #[arg(long)]
        national_reference: Option<String>,
        /// No notice can reach the person, who was told at the window; this is logged.
        #[arg(long, conflicts_with = "not_realised")]
        told_in_person: bool,
    },
    /// The person said at the window that it should stop. No reason is asked.
    Withdraw,
    /// Sent in error.
    Void {
        /// SENT_IN_ERROR, DUPLICATE or CONSENT_ENDED.
        #[arg(long, default_value = "SENT_IN_ERROR")]
        code: String,
    },
    /// Reminds of what the other side owes.
    Remind {
        /// TAKE_UP, DECIDE, SUPPLY, RELEASE, OUTCOME or COMPLETE; else the one that is owed.
        #[arg(long)]
        duty: Option<String>,
    },
    /// Closes it because an office missed its date; needs proof of silence.
    Expire {
        /// TAKE_UP, DECIDE, SUPPLY, RELEASE, OUTCOME or COMPLETE; else the one that is owed.
        #[arg(long)]
        duty: Option<String>,
    },
    /// Says how far it is.
    Progress {
        /// SCHEDULED or IN_PROGRESS.
        #[arg(long, default_value = "IN_PROGRESS")]
        step: String,
    },
}

impl Step {
    /// As the node takes it.
    pub(super) fn act(self) -> Result<Act, Fail> {
        Ok(match self {
            Step::TakeUp => Act::TakeUp(wire::DeskTakeUp {}),
            Step::Accept { slot_until } => {
                let slot_until = slot_until.unwrap_or(0);
                Act::Accept(wire::DeskAccept { slot_until, window: None })
            }
            Step::Decline { code, appeal } => {
                let decision = decision(&code)?.into();
                Act::Decline(wire::DeskDecline { decision, appeal_office: appeal })
            }
            Step::Outcome { fields, not_realised, national_reference, told_in_person } => {
                let not_realised = match not_realised {
                    Some(code) => decision(&code)?,
                    None => DecisionCode::Unspecified,
                };
                let fields = fields.iter().map(|field| drafts::field(field));
                let handled_in = match &national_reference {
                    Some(_) => HandledIn::NationalPlatform,
                    None => HandledIn::ThisOffice,
                };
                Act::Outcome(wire::DeskOutcome {
                    not_realised: not_realised.into(),
                    fields: fields.collect::<Result<_, _>>()?,
                    handled_in: handled_in.into(),
                    reference: national_reference.unwrap_or_default(),
                    told_in_person,
                })
            }
            Step::Withdraw => Act::Withdraw(wire::DeskWithdraw {}),
            Step::Void { code } => {
                let known = VoidCode::from_str_name(&format!("VOID_CODE_{}", upper(&code)));
                let known = known.filter(|known| *known != VoidCode::Unspecified);
                Act::Void(wire::DeskVoid { code: known.ok_or_else(|| unknown(&code))?.into() })
            }
            Step::Remind { duty } => Act::Remind(wire::DeskRemind { duty: duty_of(duty)?.into() }),
            Step::Expire { duty } => Act::Expire(wire::DeskExpire { duty: duty_of(duty)?.into() }),
            Step::Progress { step } => {
                let known = ProgressStep::from_str_name(&format!("PROGRESS_STEP_{}", upper(&step)));
                let known = known.filter(|known| *known != ProgressStep::Unspecified);
                let step = known.ok_or_else(|| unknown(&step))?.into();
                Act::Progress(wire::DeskProgress { step })
            }
        })
    }
}

fn upper(text: &str) -> String {
    text.trim().replace('-', "_").to_uppercase()
}

fn decision(text: &str) -> Result<DecisionCode, Fail> {
    DecisionCode::from_str_name(&format!("DECISION_CODE_{}", upper(text)))
        .filter(|code| *code != DecisionCode::Unspecified)
        .ok_or_else(|| unknown(text))
}

fn duty_of(text: Option<String>) -> Result<Duty, Fail> {
    let Some(text) = text else { return Ok(Duty::Unspecified) };
    Duty::from_str_name(&format!("DUTY_{}", upper(&text)))
        .filter(|duty| *duty != Duty::Unspecified)
        .ok_or_else(|| unknown(&text))
}

fn unknown(text: &str) -> Fail {
    Fail::usage(
        format!("没有代码“{text}”。可用的代码见这一步的 --help。"),
        format!("There is no code “{text}”: --help of this step names them."),
    )
}
