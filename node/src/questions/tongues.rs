//! What a person is read before saying yes, from reviewed language packs: in the person's own
//! language where this city has a pack of it, then in Chinese and English. The consent names the
//! language and the digest of the whole text; packs are never removed, so the version that a text
//! was rendered from is the one that gives this digest again.

use super::{Put, Topic};
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::shelf::Shelf;
use crate::store::StoreError;
use jieli_proto::day::Day;
use jieli_proto::pack::Language;
use jieli_proto::wire::{self, Payer, Service};
use std::sync::Arc;

/// The languages that follow a person's own.
const COMMON: [&str; 2] = ["zh-CN", "en"];

/// A text to be asked, with the tag of the language that the person reads it in. An empty tag: the
/// text is in Chinese and English alone.
pub(crate) struct Spoken {
    pub(crate) text: String,
    pub(crate) language: String,
}

impl From<String> for Spoken {
    fn from(text: String) -> Spoken {
        Spoken { text, language: String::new() }
    }
}

impl Spoken {
    /// The question that puts it.
    pub(crate) fn put<'a>(&'a self, topic: Topic, subject: &'a [u8], deadline_ms: u64) -> Put<'a> {
        Put { topic, text: &self.text, subject, deadline_ms, language: &self.language }
    }

    /// The tag that a consent names for somebody with that contact language.
    pub(super) fn tag(&self, contact: &str) -> String {
        match self.language.as_str() {
            "" if contact.split('-').next() == Some(COMMON[1]) => COMMON[1].to_owned(),
            "" => COMMON[0].to_owned(),
            tag => tag.to_owned(),
        }
    }
}

/// The packs that the texts for one person are rendered from.
pub(crate) struct Tongues {
    shelf: Arc<Shelf>,
    contact: String,
    today: Day,
}

impl Batch<'_> {
    /// Those of the person of a leg.
    pub(crate) async fn tongues_of(&mut self, file: &LegFile) -> Result<Tongues, StoreError> {
        let contact = self.contact(file).await?.unwrap_or_default().language;
        Ok(Tongues { shelf: Arc::clone(&self.directory.shelf), contact, today: self.today })
    }
}

impl Tongues {
    /// Each language once, the person's own first.
    fn all(&self) -> Vec<&Language> {
        let mut all: Vec<&Language> = Vec::new();
        let tags = [self.contact.as_str(), COMMON[0], COMMON[1]];
        for found in tags.iter().filter_map(|tag| self.shelf.language(tag, self.today)) {
            // Somebody who reads English has it after the Chinese, as on everything printed.
            let is_common = found.language == COMMON[1] && all.is_empty();
            if !is_common && all.iter().all(|known| known.language != found.language) {
                all.push(found);
            }
        }
        all
    }

    /// A text in these languages, with the one that the person reads.
    pub(crate) fn spoken(&self, text: String) -> Spoken {
        let own = self.shelf.language(&self.contact, self.today);
        let language = own.map_or(COMMON[0], |own| &own.language).to_owned();
        Spoken { text, language }
    }

    /// One leg of a consent question.
    pub(crate) fn consent_line(
        &self,
        number: u32,
        service: Service,
        for_child: bool,
        [city, office]: [&str; 2],
    ) -> String {
        let key = if for_child { "consent.child" } else { "consent.own" };
        let line = |pack: &Language| {
            let office = match office.starts_with(city) {
                true => office.to_owned(),
                false => pack.say("place.office", &[("city", city), ("office", office)])?,
            };
            let service = pack.say(&format!("service.{}", name_of(service)?), &[])?;
            pack.say(key, &[("office", &apart(pack, &office)), ("service", &service)])
        };
        let lines: Vec<String> = self.all().into_iter().filter_map(line).collect();
        format!("{number}. {}", lines.join("\n   "))
    }

    /// The question about several legs.
    pub(crate) fn consent(&self, lines: &[String]) -> String {
        let mut ask: Vec<String> =
            self.all().iter().filter_map(|pack| pack.say("consent.ask", &[])).collect();
        let last = ask.pop().unwrap_or_default();
        ask.extend_from_slice(lines);
        ask.push(last);
        ask.join("\n")
    }

    /// Job terms in plain words.
    pub(crate) fn terms(&self, terms: &wire::Terms) -> String {
        let all = self.all();
        all.iter().map(|pack| terms_in(pack, terms)).collect::<Vec<_>>().join("\n")
    }

    /// The question about terms, after what an ACCEPT told.
    pub(crate) fn acknowledge(&self, told: &str, terms: &wire::Terms, until: Day) -> Spoken {
        let until = until.to_string();
        let mut text = format!("{told}{}", self.terms(terms));
        for pack in self.all() {
            let until = apart(pack, &until);
            text += "\n1. ";
            text += &pack.say("terms.answer", &[("until", &until)]).unwrap_or_default();
        }
        self.spoken(text)
    }
}

/// A value in a text of the other direction stands apart (UAX #9 isolates).
fn apart(pack: &Language, value: &str) -> String {
    match pack.right_to_left {
        true => format!("\u{2068}{value}\u{2069}"),
        false => value.to_owned(),
    }
}

fn terms_in(pack: &Language, terms: &wire::Terms) -> String {
    let yuan = |fen: u64| format!("{}.{:02}", fen / 100, fen % 100);
    let say = |key: &str, values: &[(&str, String)]| {
        let apart: Vec<(&str, String)> =
            values.iter().map(|(place, value)| (*place, apart(pack, value))).collect();
        let filled: Vec<(&str, &str)> =
            apart.iter().map(|(place, value)| (*place, value.as_str())).collect();
        pack.say(key, &filled).unwrap_or_default()
    };
    let word = |key: &str| say(key, &[]);
    let number = |value: u32| value.to_string();
    let agency = match terms.agency_name.is_empty() {
        true => word("terms.agency.none"),
        false => say("terms.agency", &[("agency", terms.agency_name.clone())]),
    };
    let lodging = word(match terms.lodging {
        1 => "lodging.dormitory",
        2 => "lodging.allowance",
        _ => "lodging.none",
    });
    let deductions = terms.deductions.iter().map(|d| u64::from(d.fen_month)).sum();
    let pays = |payer: Payer| word(payer_key(payer));
    [
        say("terms.title", &[("reference", terms.reference.clone())]),
        say("terms.employer", &[("employer", terms.employer_name.clone())]),
        agency,
        say(
            "terms.pay",
            &[
                ("low", yuan(terms.pay_fen_month_min.into())),
                ("high", yuan(terms.pay_fen_month_max.into())),
                ("payday", number(terms.payday)),
            ],
        ),
        say("terms.deductions", &[("yuan", yuan(deductions))]),
        say(
            "terms.hours",
            &[("hours", number(terms.hours_week)), ("rest", number(terms.rest_days_month))],
        ),
        say(
            "terms.lodging",
            &[("lodging", lodging), ("yuan", yuan(terms.lodging_fen_month.into()))],
        ),
        say(
            "terms.term",
            &[("term", number(terms.term_months)), ("probation", number(terms.probation_months))],
        ),
        say("terms.notice", &[("notice", number(terms.notice_days))]),
        say(
            "terms.travel",
            &[("there", pays(terms.travel_there())), ("home", pays(terms.travel_home()))],
        ),
        word("terms.no_fee"),
    ]
    .join("\n")
}

fn payer_key(payer: Payer) -> &'static str {
    match payer {
        Payer::Unspecified => "payer.unstated",
        Payer::Employer => "payer.employer",
        Payer::Agency => "payer.agency",
        Payer::Public => "payer.public",
        Payer::Worker => "payer.worker",
    }
}

/// A service as the keys of a pack name it.
fn name_of(service: Service) -> Option<&'static str> {
    Some(match service {
        Service::Unspecified => return None,
        Service::Employment => "employment",
        Service::Schooling => "schooling",
        Service::SchoolRecord => "school_record",
        Service::Insurance => "insurance",
        Service::Housing => "housing",
        Service::FundTransfer => "fund_transfer",
    })
}
