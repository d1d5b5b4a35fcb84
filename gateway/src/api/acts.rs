//! A step in one leg, and one section of one leg. Both are the node's: what a system may not do, it
//! refuses there.

use super::Shared;
use super::caller::Caller;
use super::legs::{Place, find, names, read, tag};
use super::once::{Keep, Posted, once};
use super::problem::{Problem, Wrong};
use super::views::{self, SectionAsked, StepAsked, StepDone};
use crate::console::form::taken;
use crate::console::posted::Form;
use crate::console::steps::Offered;
use crate::console::words::Lang;
use axum::extract::State;
use axum::response::Response;
use jieli_proto::section::{SectionKind, TABLE};
use jieli_proto::wire;

/// A section by its name.
fn kind(name: &str, lang: Lang) -> Result<&'static SectionKind, Wrong> {
    let found = TABLE.iter().find(|kind| kind.name == name);
    found.ok_or_else(|| Wrong::own(Problem::NoSection, lang))
}

pub(super) async fn section(
    State(api): State<Shared>,
    caller: Caller,
    place: Place,
    posted: Posted,
) -> Response {
    let node = caller.clone();
    once(&api, &caller, posted, Keep::Nothing, |asked: SectionAsked| async move {
        let (mut caller, lang) = (node.clone(), node.lang);
        let kind = kind(place.get("section"), lang)?;
        let ask = wire::SectionRequest {
            case_number: place.get("case").to_owned(),
            leg: place.leg(lang)?,
            section: u32::from(kind.number),
            purpose: asked.purpose,
        };
        let opened = caller.node.open_section(ask).await.map_err(Wrong::node(lang))?;
        Ok(views::section(kind, &opened.into_inner().fields))
    })
    .await
}

impl StepAsked {
    /// As a desk's form has it.
    fn form(&self) -> Form {
        let text = [
            ("slot_until", &self.slot_until),
            ("telephone", &self.telephone),
            ("opens", &self.opens),
            ("closes", &self.closes),
            ("until", &self.until),
            ("code", &self.code),
            ("office", &self.office),
            ("how", &self.how),
            ("reference", &self.reference),
        ];
        let number = [("ground", self.ground), ("band", self.band)];
        let mut all: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: String| all.push((name.to_owned(), value));
        text.into_iter().for_each(|(name, value)| {
            value.iter().for_each(|value| add(name, value.clone()));
        });
        number.into_iter().for_each(|(name, value)| {
            value.iter().for_each(|value| add(name, value.to_string()));
        });
        self.bring.iter().flatten().for_each(|code| add("bring", code.to_string()));
        if self.terms == Some(true) {
            add("terms", "yes".to_owned());
        }
        for (name, value) in self.fields.iter().flatten() {
            add(&format!("f.{name}"), value.clone());
        }
        Form::of(all)
    }
}

/// What the step comes to, by the same questions that a desk's form asks.
fn planned(
    leg: &wire::LegView,
    asked: &StepAsked,
    lang: Lang,
) -> Result<wire::act_request::Act, Wrong> {
    let offered = Offered::of(leg, &asked.step);
    let offered = offered.ok_or_else(|| Wrong::own(Problem::NotNow, lang))?;
    let (form, mut inputs) = (asked.form(), offered.inputs(lang));
    let unknown = form.fields().filter(|(name, _)| !inputs.iter().any(|input| input.name == *name));
    let unknown: Vec<_> =
        unknown.map(|(name, _)| (name.to_owned(), lang.w("error.not_asked").to_owned())).collect();
    if !unknown.is_empty() {
        return Err(Wrong::fields(lang, unknown));
    }
    if !taken(&mut inputs, &form, lang) {
        let wrong = inputs.into_iter().filter(|input| !input.wrong.is_empty());
        return Err(Wrong::fields(lang, wrong.map(|input| (input.name, input.wrong)).collect()));
    }
    offered
        .act(&form)
        .map_err(|name| Wrong::fields(lang, vec![(name, lang.w("error.entry").to_owned())]))
}

pub(super) async fn step(
    State(api): State<Shared>,
    caller: Caller,
    place: Place,
    posted: Posted,
) -> Response {
    let (node, seen) = (caller.clone(), posted.if_match.clone());
    once(&api, &caller, posted, Keep::Answer, |asked: StepAsked| async move {
        let (mut caller, lang) = (node.clone(), node.lang);
        let number = place.leg(lang)?;
        let seen = seen.ok_or_else(|| Wrong::own(Problem::MatchMissing, lang))?;
        let view = read(&mut caller, place.get("case")).await?;
        let leg = find(&view, number, lang)?;
        if !names(&seen, &tag(leg)) {
            return Err(Wrong::own(Problem::Stale, lang));
        }
        let act = Some(planned(leg, &asked, lang)?);
        let case_number = place.get("case").to_owned();
        let ask = wire::ActRequest { case_number, leg: number, act };
        let done = caller.node.take_step(ask).await.map_err(Wrong::node(lang))?.into_inner();
        Ok(StepDone { say_zh: done.say_zh, say_en: done.say_en })
    })
    .await
}
