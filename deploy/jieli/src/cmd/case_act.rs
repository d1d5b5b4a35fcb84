//! The steps of a desk in a leg, as typed. `case show` prints them ready to copy; where it prints
//! "…", a value is still to be filled in.

use super::Fail;
use super::say::date_of;
use clap::{Args, Subcommand};
use jieli_gateway::drafts;
use jieli_proto::section::TABLE;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, DecisionCode, Duty, HandledIn, ProgressStep, ReturnCode, VoidCode};

/// The what-to-bring list, as `--help` tells it; a test compares it with the words.
const BRING_HELP: &str = "\
What to bring (--bring): 1 身份证件 ID card or passport; 2 亲属关系证明 proof of the relation; \
3 居住证或居住登记 residence permit or registration; 4 就读证明 certificate of enrolment; \
5 职业资格证书 skill certificate; 6 社保缴费记录 record of insurance payments; \
7 劳动合同 job contract; 8 监护人身份证件 guardian's ID card; 9 转移申请表 transfer form; \
10 本人手机 own phone.";

/// The grounds of a question.
const GROUND_HELP: &str = "\
Grounds (--ground), each once in a leg: 1 身份证件需核对 identity document; \
2 亲属或监护关系需证明 proof of the relation; 3 居住情况需证明 proof of residence; \
4 就读情况需证明 present enrolment; 5 职业资格需证明 skill certificate; \
6 参保缴费情况需证明 insurance payments; 7 劳动关系需证明 proof of employment; \
8 希望办理日期需确认 date wanted; 9 同住人数需确认 size of the household; \
10 所填内容前后不一致 entries that do not agree.";

/// Where the person goes; what is left out is the office's own of jieli.toml.
#[derive(Args, Debug)]
pub(super) struct Place {
    /// Codes of what to bring, such as 1,3.
    #[arg(long, value_delimiter = ',')]
    bring: Vec<u32>,
    /// The first handler's desk telephone.
    #[arg(long, default_value = "")]
    telephone: String,
    /// Opens, such as 09:00.
    #[arg(long, value_parser = minutes)]
    opens: Option<u32>,
    /// Closes, such as 17:00.
    #[arg(long, value_parser = minutes)]
    closes: Option<u32>,
}

impl Place {
    fn window(self) -> wire::Window {
        wire::Window {
            telephone: self.telephone,
            opens_min: self.opens.unwrap_or(0),
            closes_min: self.closes.unwrap_or(0),
            bring: self.bring,
        }
    }
}

fn minutes(text: &str) -> Result<u32, String> {
    let parsed = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    });
    parsed.ok_or_else(|| "时间格式 09:00 / a time".to_owned())
}

#[derive(Debug, Subcommand)]
pub(super) enum Step {
    /// The office has it on the desk; the legal clock runs. Who enters it is the first handler.
    TakeUp,
    /// Yes; the slot is held. Tells the person where to go and what to bring.
    #[command(after_help = BRING_HELP)]
    Accept {
        /// Last day that the slot is held, such as 2026-12-01.
        #[arg(long, value_parser = date_of)]
        slot_until: Option<u32>,
        #[command(flatten)]
        place: Place,
    },
    /// Asks for something, once for each ground. The other side's clock runs.
    #[command(after_help = format!("{GROUND_HELP}\n{BRING_HELP}"))]
    Clarify {
        /// Code of the ground.
        #[arg(long)]
        ground: String,
        #[command(flatten)]
        place: Place,
    },
    /// Answers the open question.
    Supply {
        /// A field set right, such as home_offer.household_size=3; may be repeated.
        #[arg(long = "field", value_name = "SECTION.FIELD=VALUE")]
        fields: Vec<String>,
        /// The person brought it to the window.
        #[arg(long)]
        at_window: bool,
    },
    /// Not yet: a place in the queue. Renewed before it lapses, or decided.
    Waitlist {
        /// The wait lapses on this day.
        #[arg(long, value_parser = date_of)]
        until: u32,
        /// Band of the queue, from 1.
        #[arg(long)]
        band: String,
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
    /// Sets right what this side stated. Phase A asks for a new decision; who the person is (name,
    /// number, phone) is sent only after the person's own yes to old and new.
    Correct {
        /// A field set right, such as school_offer.grade=4; may be repeated, one section at a time.
        #[arg(long = "field", value_name = "SECTION.FIELD=VALUE")]
        fields: Vec<String>,
        /// A field that is to be empty; may be repeated.
        #[arg(long = "clear", value_name = "SECTION.FIELD")]
        cleared: Vec<String>,
        /// The job terms, as the own vacancy has them by now.
        #[arg(long, conflicts_with_all = ["fields", "cleared"])]
        terms: bool,
        /// What the person asked to have corrected, as the document shows it too.
        #[arg(long, conflicts_with_all = ["fields", "cleared", "terms"])]
        as_asked: bool,
        /// The document does not show what the person asked for: nothing is corrected.
        #[arg(long, conflicts_with_all = ["fields", "cleared", "terms", "as_asked"])]
        not_as_asked: bool,
    },
    /// Hands it to the competent office of the same city; the filing date stays, and the person is
    /// asked anew before any identity travels.
    Redirect {
        /// Credit code of that office; may be left out where there is only one.
        #[arg(long = "to", default_value = "")]
        office: String,
    },
    /// It ended, or was recorded in error. Leaves no mark on the person.
    Return {
        /// JOB_ENDED, FAMILY_LEAVES, SLOT_LOST, HOME_AGAIN or RECORDED_IN_ERROR.
        #[arg(long)]
        code: String,
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
    /// Insurance that is done: from when cover is given. The person is asked with that date, and the yes
    /// sends COMPLETE.
    Cover {
        /// yyyy-mm-dd.
        #[arg(long, value_parser = date_of)]
        from: u32,
    },
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
            Step::Accept { slot_until, place } => {
                let slot_until = slot_until.unwrap_or(0);
                Act::Accept(wire::DeskAccept { slot_until, window: Some(place.window()) })
            }
            Step::Clarify { ground, place } => {
                let ground = number("--ground", &ground)?;
                Act::Clarify(wire::DeskClarify { ground, window: Some(place.window()) })
            }
            Step::Supply { fields, at_window } => {
                Act::Supply(wire::DeskSupply { fields: given(&fields)?, at_window })
            }
            Step::Waitlist { until, band } => {
                Act::Waitlist(wire::DeskWaitlist { until, band: number("--band", &band)? })
            }
            Step::Correct { fields, cleared, terms, as_asked, not_as_asked } => {
                let mut fields = given(&fields)?;
                for name in &cleared {
                    fields.push(empty(name)?);
                }
                Act::Correct(wire::DeskCorrect { fields, terms, as_asked, not_as_asked })
            }
            Step::Cover { from } => Act::Cover(wire::DeskCover { covered_from: from }),
            Step::Redirect { office } => Act::Redirect(wire::DeskRedirect { office }),
            Step::Return { code } => {
                let known = ReturnCode::from_str_name(&format!("RETURN_CODE_{}", upper(&code)));
                let known = known.filter(|known| *known != ReturnCode::Unspecified);
                Act::Return(wire::DeskReturn { code: known.ok_or_else(|| unknown(&code))?.into() })
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
                let handled_in = match &national_reference {
                    Some(_) => HandledIn::NationalPlatform,
                    None => HandledIn::ThisOffice,
                };
                Act::Outcome(wire::DeskOutcome {
                    not_realised: not_realised.into(),
                    fields: given(&fields)?,
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

/// Fields as typed.
fn given(fields: &[String]) -> Result<Vec<wire::DraftField>, Fail> {
    let field = |text: &String| match text.split_once('=') {
        Some((name, value)) if value.trim() == BLANK => Err(blank(name)),
        Some(_) | None => Ok(drafts::field(text)?),
    };
    fields.iter().map(field).collect()
}

/// A field by its name, without a value.
fn empty(name: &str) -> Result<wire::DraftField, Fail> {
    let found = name.split_once('.').and_then(|(section, field)| {
        let kind = TABLE.iter().find(|kind| kind.name == section)?;
        let field = kind.fields.iter().find(|known| known.name == field)?;
        Some((kind, field))
    });
    let (kind, field) = found.ok_or_else(|| {
        Fail::usage(format!("选项 --clear：没有“{name}”。"), format!("--clear: no “{name}”."))
    })?;
    let (section, field) = (u32::from(kind.number), field.number);
    Ok(wire::DraftField { section, field, value: None })
}

fn number(option: &str, text: &str) -> Result<u32, Fail> {
    if text.trim() == BLANK {
        return Err(blank(option));
    }
    text.trim().parse().map_err(|_| {
        Fail::usage(
            format!("选项 {option}：请填编号，编号见 --help。"),
            format!("Option {option}: a number is needed; --help lists them."),
        )
    })
}

/// What `case show` prints for a value that only the desk knows.
const BLANK: &str = "…";

fn blank(what: &str) -> Fail {
    Fail::usage(
        format!("请把“{BLANK}”换成 {what} 的值，可用的值见 --help。"),
        format!("Put a value for {what} in the place of “{BLANK}”: --help lists what can stand."),
    )
}

fn upper(text: &str) -> String {
    text.trim().replace('-', "_").to_uppercase()
}

pub(super) fn decision(text: &str) -> Result<DecisionCode, Fail> {
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
    if text.trim() == BLANK {
        return blank("--code");
    }
    Fail::usage(
        format!("没有代码“{text}”。可用的代码见这一步的 --help。"),
        format!("There is no code “{text}”: --help of this step names them."),
    )
}

#[cfg(test)]
mod tests {
    use super::{BRING_HELP, GROUND_HELP};
    use jieli_proto::words::{BRING, GROUNDS};

    #[test]
    fn help_names_every_code() {
        for (code, word) in (1..).zip(BRING) {
            assert!(BRING_HELP.contains(&format!("{code} {} {}", word.zh, word.en)), "{code}");
        }
        for (code, ground) in (1..).zip(GROUNDS) {
            let word = ground.word;
            assert!(GROUND_HELP.contains(&format!("{code} {} {}", word.zh, word.en)), "{code}");
        }
    }
}
