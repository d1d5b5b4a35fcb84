//! The steps that the node offers in a leg, as questions to a clerk, and the answers as the node
//! takes them. What is legal the node has said; here is only what a step needs to be told.

use super::form::{Input, Kind, minutes};
use super::posted::Form;
use super::words::Lang;
use crate::drafts;
use jieli_proto::section::{
    self, Field, FieldType, PERSON, PERSON_CORRECTABLE, SUPPORT_NEED, SectionKind, TABLE,
};
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{
    self, DecisionCode, Duty, HandledIn, MessageType, ProgressStep, ReturnCode, Service, VoidCode,
};
use jieli_proto::words;

/// A step with what the node said about it.
pub(crate) struct Offered<'a> {
    pub(crate) step: &'a str,
    pub(crate) service: Service,
    /// The options of each of its commands.
    commands: Vec<&'a str>,
}

impl<'a> Offered<'a> {
    /// The step of that name, if the node offers it for this leg now.
    pub(crate) fn of(leg: &'a wire::LegView, step: &'a str) -> Option<Offered<'a>> {
        let commands = leg.steps.iter().filter(|offer| offer.step == step);
        let commands: Vec<&str> = commands.map(|offer| offer.command.as_str()).collect();
        let service = leg.line.as_ref().map_or(Service::Unspecified, wire::LegLine::service);
        (!commands.is_empty()).then_some(Offered { step, service, commands })
    }

    fn has(&self, option: &str) -> bool {
        self.commands.iter().any(|command| command.split(' ').any(|word| word == option))
    }

    /// The value that the node proposes for an option.
    fn proposed(&self, option: &str) -> String {
        let mut words = self.commands.iter().flat_map(|command| command.split(' '));
        let found = words.by_ref().find(|word| *word == option);
        found.and_then(|_| words.next()).unwrap_or_default().to_owned()
    }

    /// What has to be asked; nothing for steps that need nothing.
    pub(crate) fn inputs(&self, lang: Lang) -> Vec<Input> {
        let input = |name: &str, key: &str, kind| Input::new(name, lang.w(key), kind);
        match self.step {
            "accept" => {
                let mut all = Vec::new();
                if self.has("--slot-until") {
                    let slot = input("slot_until", "act.slot_until", Kind::Date);
                    all.push(slot.value(self.proposed("--slot-until")));
                }
                all.extend(window(lang));
                all
            }
            "clarify" => {
                let grounds = (1..).zip(words::GROUNDS.iter());
                let grounds =
                    grounds.map(|(code, g): (u32, _)| (code.to_string(), lang.of(g.word)));
                let ground = input("ground", "act.ground", Kind::Radio(grounds.collect()));
                std::iter::once(ground).chain(window(lang)).collect()
            }
            "waitlist" => vec![
                input("until", "act.until", Kind::Date).value(self.proposed("--until")),
                input("band", "act.band", Kind::Number).value("1"),
            ],
            "decline" => {
                vec![input("code", "act.reason", Kind::Radio(decisions(lang)))]
            }
            "redirect" => {
                let words = self.commands.iter().filter_map(|command| command.rsplit(' ').next());
                let offices = words.map(|code| (code.to_owned(), code.to_owned()));
                vec![input("office", "act.redirect_to", Kind::Radio(offices.collect()))]
            }
            "supply" => self.supplied(lang),
            "correct" => self.corrected(lang),
            "return" => {
                let codes = RETURNS.map(|(code, key)| (code.to_owned(), lang.w(key).to_owned()));
                vec![input("code", "act.reason", Kind::Radio(codes.to_vec()))]
            }
            "void" => {
                let codes = VOIDS.map(|(code, key)| (code.to_owned(), lang.w(key).to_owned()));
                vec![input("code", "act.reason", Kind::Radio(codes.to_vec()))]
            }
            "progress" => {
                let codes = PROGRESS.map(|(code, key)| (code.to_owned(), lang.w(key).to_owned()));
                vec![input("code", "act.progress", Kind::Radio(codes.to_vec()))]
            }
            "cover" => {
                let from = input("covered_from", "act.covered_from", Kind::Date);
                vec![from.value(self.proposed("--from"))]
            }
            "outcome" => self.outcome(lang),
            _ => Vec::new(),
        }
    }

    fn supplied(&self, lang: Lang) -> Vec<Input> {
        let yes = vec![("yes".to_owned(), lang.w("act.at_window_yes").to_owned())];
        let at_window = Input::new("at_window", lang.w("act.at_window"), Kind::Checks(yes));
        let kinds = TABLE.iter().filter(|kind| kind.phase == section::Phase::A);
        let kinds = kinds.filter(|kind| kind.serves(self.service));
        let fields = kinds.flat_map(|kind| kind.fields.iter().map(move |field| (kind, field)));
        let fields = fields.map(|(kind, field)| asked(kind, field, lang).optional());
        std::iter::once(at_window.optional()).chain(fields).collect()
    }

    fn corrected(&self, lang: Lang) -> Vec<Input> {
        let mut all = Vec::new();
        if self.has("--terms") {
            let yes = vec![("yes".to_owned(), lang.w("act.terms_yes").to_owned())];
            all.push(Input::new("terms", lang.w("act.terms"), Kind::Checks(yes)).optional());
        }
        let named = |kind: &&SectionKind| {
            let begin = format!("{}.", kind.name);
            self.commands
                .iter()
                .flat_map(|command| command.split(' '))
                .any(|w| w.starts_with(&begin))
        };
        for kind in TABLE.iter().filter(named) {
            let open = |field: &&Field| match kind.number {
                PERSON => PERSON_CORRECTABLE.contains(&field.number),
                number => number != SUPPORT_NEED,
            };
            let fields = kind.fields.iter().filter(open);
            all.extend(fields.map(|field| asked(kind, field, lang).optional()));
        }
        // What must be there is asked for, and never cleared.
        let may_go: Vec<(String, String)> = TABLE
            .iter()
            .flat_map(|kind| kind.fields.iter().map(move |field| (kind, field)))
            .filter(|(_, field)| !field.required)
            .map(|(kind, field)| (entry_name((kind, field)), field))
            .filter(|(name, _)| all.iter().any(|input| input.name == *name))
            .map(|(name, field)| (name, lang.pick(field.zh, field.en).to_owned()))
            .collect();
        if !may_go.is_empty() {
            let clear = Input::new("clear", lang.w("act.clear"), Kind::Checks(may_go));
            all.push(clear.hint(lang.w("act.clear_hint")).optional());
        }
        if self.has("--as-asked") {
            let answers = [("as", "act.as_asked"), ("not", "act.not_as_asked")];
            let answers = answers.map(|(code, key)| (code.to_owned(), lang.w(key).to_owned()));
            let asked = Input::new("asked", lang.w("act.asked"), Kind::Radio(answers.to_vec()));
            all.insert(0, asked.hint(lang.w("act.asked_hint")).optional());
        }
        all
    }

    fn outcome(&self, lang: Lang) -> Vec<Input> {
        let how = [("done", "act.outcome_done"), ("not", "act.outcome_not")];
        let how = how.map(|(code, key)| (code.to_owned(), lang.w(key).to_owned()));
        let mut all = vec![Input::new("how", lang.w("act.outcome"), Kind::Radio(how.to_vec()))];
        for kind in section::slots(MessageType::Outcome, self.service) {
            all.extend(kind.fields.iter().map(|field| asked(kind, field, lang).optional()));
        }
        if self.has("--told-in-person") {
            let yes = vec![("yes".to_owned(), lang.w("act.told_yes").to_owned())];
            all.push(Input::new("told", lang.w("act.told"), Kind::Checks(yes)).optional());
        }
        let reference = Input::new("reference", lang.w("act.reference"), Kind::Text).optional();
        all.push(reference.hint(lang.w("act.reference_hint")));
        let none = std::iter::once((String::new(), lang.w("form.choose").to_owned()));
        let codes = Kind::Choice(none.chain(decisions(lang)).collect());
        all.push(Input::new("code", lang.w("act.not_reason"), codes).optional());
        all
    }

    /// As the node takes it; the name of the field that cannot be, if any.
    pub(crate) fn act(&self, form: &Form) -> Result<Act, String> {
        Ok(match self.step {
            "take-up" => Act::TakeUp(wire::DeskTakeUp {}),
            "accept" => {
                let slot_until = day(form.get("slot_until"));
                Act::Accept(wire::DeskAccept { slot_until, window: Some(place(form)) })
            }
            "clarify" => {
                let ground = number(form, "ground");
                Act::Clarify(wire::DeskClarify { ground, window: Some(place(form)) })
            }
            "supply" => Act::Supply(wire::DeskSupply {
                fields: fields(form)?,
                at_window: form.get("at_window") == "yes",
            }),
            "waitlist" => Act::Waitlist(wire::DeskWaitlist {
                until: day(form.get("until")),
                band: number(form, "band"),
            }),
            "decline" => Act::Decline(wire::DeskDecline {
                decision: decision(form.get("code")).into(),
                appeal_office: String::new(),
            }),
            "correct" => Act::Correct(wire::DeskCorrect {
                fields: fields(form)?
                    .into_iter()
                    .chain(form.all("clear").filter_map(empty))
                    .collect(),
                terms: form.get("terms") == "yes",
                as_asked: form.get("asked") == "as",
                not_as_asked: form.get("asked") == "not",
            }),
            "redirect" => {
                Act::Redirect(wire::DeskRedirect { office: form.get("office").to_owned() })
            }
            "return" => {
                let code = ReturnCode::from_str_name(&format!("RETURN_CODE_{}", form.get("code")));
                Act::Return(wire::DeskReturn { code: code.unwrap_or_default().into() })
            }
            "void" => {
                let code = VoidCode::from_str_name(&format!("VOID_CODE_{}", form.get("code")));
                Act::Void(wire::DeskVoid { code: code.unwrap_or_default().into() })
            }
            "progress" => {
                let name = format!("PROGRESS_STEP_{}", form.get("code"));
                let step = ProgressStep::from_str_name(&name).unwrap_or_default().into();
                Act::Progress(wire::DeskProgress { step })
            }
            "cover" => {
                let covered_from = day(form.get("covered_from"));
                Act::Cover(wire::DeskCover { covered_from })
            }
            "outcome" => self.reported(form)?,
            "withdraw" => Act::Withdraw(wire::DeskWithdraw {}),
            "remind" => Act::Remind(wire::DeskRemind { duty: Duty::Unspecified.into() }),
            "expire" => Act::Expire(wire::DeskExpire { duty: Duty::Unspecified.into() }),
            _ => return Err(String::new()),
        })
    }

    fn reported(&self, form: &Form) -> Result<Act, String> {
        if form.get("how") == "not" {
            let not_realised = decision(form.get("code"));
            if not_realised == DecisionCode::Unspecified {
                return Err("code".to_owned());
            }
            let not_realised = not_realised.into();
            return Ok(Act::Outcome(wire::DeskOutcome { not_realised, ..Default::default() }));
        }
        // What only a result must say is asked for at its own field.
        let asked = section::slots(MessageType::Outcome, self.service);
        let asked =
            asked.into_iter().flat_map(|kind| kind.fields.iter().map(move |field| (kind, field)));
        let mut needed = asked.filter(|(_, field)| field.required).map(entry_name);
        if let Some(name) = needed.find(|name| form.get(name).trim().is_empty()) {
            return Err(name);
        }
        let reference = form.get("reference").to_owned();
        let handled_in = match reference.is_empty() {
            true => HandledIn::ThisOffice,
            false => HandledIn::NationalPlatform,
        };
        Ok(Act::Outcome(wire::DeskOutcome {
            fields: fields(form)?,
            handled_in: handled_in.into(),
            reference,
            told_in_person: form.get("told") == "yes",
            not_realised: DecisionCode::Unspecified.into(),
        }))
    }
}

const RETURNS: [(&str, &str); 5] = [
    ("JOB_ENDED", "act.return_job_ended"),
    ("FAMILY_LEAVES", "act.return_family_leaves"),
    ("SLOT_LOST", "act.return_slot_lost"),
    ("HOME_AGAIN", "act.return_home_again"),
    ("RECORDED_IN_ERROR", "act.return_error"),
];
const VOIDS: [(&str, &str); 2] =
    [("SENT_IN_ERROR", "act.void_error"), ("DUPLICATE", "act.void_duplicate")];
const PROGRESS: [(&str, &str); 2] =
    [("SCHEDULED", "act.progress_scheduled"), ("IN_PROGRESS", "act.progress_going")];

/// Where the person goes; what is left empty is the office's own.
fn window(lang: Lang) -> [Input; 4] {
    let bring = (1..).zip(words::BRING);
    let bring = bring.map(|(code, word): (u32, _)| (code.to_string(), lang.of(word))).collect();
    let own = lang.w("act.own_hint");
    [
        Input::new("bring", lang.w("act.bring"), Kind::Checks(bring)).optional(),
        Input::new("telephone", lang.w("act.telephone"), Kind::Text).optional().hint(own),
        Input::new("opens", lang.w("act.opens"), Kind::Time).optional().hint(own),
        Input::new("closes", lang.w("act.closes"), Kind::Time).optional().hint(own),
    ]
}

fn place(form: &Form) -> wire::Window {
    wire::Window {
        telephone: form.get("telephone").to_owned(),
        opens_min: minutes(form.get("opens")).unwrap_or(0),
        closes_min: minutes(form.get("closes")).unwrap_or(0),
        bring: form.all("bring").filter_map(|code| code.parse().ok()).collect(),
    }
}

fn decisions(lang: Lang) -> Vec<(String, String)> {
    let all = (1..).map_while(|code| DecisionCode::try_from(code).ok());
    all.map(|code| (short(code).to_owned(), lang.of(words::decision(code)))).collect()
}

fn short(code: DecisionCode) -> &'static str {
    code.as_str_name().trim_start_matches("DECISION_CODE_")
}

fn decision(text: &str) -> DecisionCode {
    DecisionCode::from_str_name(&format!("DECISION_CODE_{text}")).unwrap_or_default()
}

/// What a field of a section is called in a form.
fn entry_name((kind, field): (&SectionKind, &Field)) -> String {
    format!("f.{}.{}", kind.name, field.name)
}

/// A field of a section as a question.
fn asked(kind: &SectionKind, field: &Field, lang: Lang) -> Input {
    let name = entry_name((kind, field));
    let label = lang.pick(field.zh, field.en);
    let choose = || (String::new(), lang.w("form.choose").to_owned());
    let entry = match field.ty {
        FieldType::Text => Kind::Text,
        FieldType::Number => Kind::Number,
        FieldType::Date => Kind::Date,
        FieldType::Flag => {
            let yes = ("yes".to_owned(), lang.w("form.yes").to_owned());
            Kind::Choice(vec![choose(), yes, ("no".to_owned(), lang.w("form.no").to_owned())])
        }
        FieldType::Code(top) => {
            let word = |code| words::code(kind.number, field.number, code);
            let word = |code: u64| word(code).map_or(code.to_string(), |word| lang.of(word));
            let codes = (1..=top).map(|code| (code.to_string(), word(code)));
            Kind::Choice(std::iter::once(choose()).chain(codes).collect())
        }
    };
    let input = Input::new(&name, label, entry);
    if field.required { input.hint(lang.w("form.needed")) } else { input }
}

/// The fields that were filled in.
fn fields(form: &Form) -> Result<Vec<wire::DraftField>, String> {
    let given = form.fields().filter_map(|(name, value)| {
        let place = name.strip_prefix("f.")?;
        (!value.trim().is_empty()).then_some((name, place, value))
    });
    given
        .map(|(name, place, value)| {
            drafts::field(&format!("{place}={value}")).map_err(|_| name.to_owned())
        })
        .collect()
}

/// A field by its name, without a value: it is cleared.
fn empty(name: &str) -> Option<wire::DraftField> {
    let (section, field) = name.strip_prefix("f.")?.split_once('.')?;
    let kind = TABLE.iter().find(|kind| kind.name == section)?;
    let field = kind.fields.iter().find(|known| known.name == field)?;
    Some(wire::DraftField { section: u32::from(kind.number), field: field.number, value: None })
}

fn day(text: &str) -> u32 {
    drafts::date(text).map_or(0, |day| day.number())
}

fn number(form: &Form, name: &str) -> u32 {
    form.get(name).parse().unwrap_or(0)
}

/// A step in words.
pub(crate) fn word(step: &str, lang: Lang) -> &'static str {
    let key = match step {
        "take-up" => "step.take_up",
        "accept" => "step.accept",
        "clarify" => "step.clarify",
        "supply" => "step.supply",
        "waitlist" => "step.waitlist",
        "decline" => "step.decline",
        "correct" => "step.correct",
        "return" => "step.return",
        "outcome" => "step.outcome",
        "withdraw" => "step.withdraw",
        "void" => "step.void",
        "remind" => "step.remind",
        "expire" => "step.expire",
        "progress" => "step.progress",
        "redirect" => "step.redirect",
        "cover" => "step.cover",
        "ask" => "step.ask",
        "undo" => "step.undo",
        _ => return "",
    };
    lang.w(key)
}

#[cfg(test)]
mod tests {
    use super::{Lang, word};

    #[test]
    fn every_step_has_a_word() {
        for step in [
            "take-up", "accept", "clarify", "supply", "waitlist", "decline", "correct", "return",
            "outcome", "withdraw", "void", "remind", "expire", "progress", "ask", "undo",
            "redirect", "cover",
        ] {
            assert!(!word(step, Lang::Zh).is_empty() && !word(step, Lang::En).is_empty(), "{step}");
        }
    }
}
