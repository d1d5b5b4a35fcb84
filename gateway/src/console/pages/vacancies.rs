//! Posts of the own city with their whole terms, and rules that accept while places last. Terms are
//! written once, here; whoever is asked reads all of them, and there is no field for a fee.

use super::find::simple;
use super::partners::finished;
use super::places::{cut_inputs, cut_of, cut_words};
use super::posts::proposals;
use super::review::dashed;
use crate::console::desks::Said;
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{
    Answer, Button, Cell, CheckPage, Failed, FormPage, Frame, Link, Table, TablesPage, show,
};
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use crate::drafts;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jieli_proto::day::Day;
use jieli_proto::message::check_terms;
use jieli_proto::wire::{self, Payer, Service};
use std::collections::BTreeMap;

/// Working days that a place is held, as casework proposes.
const SLOT_DAYS: &str = "10";
/// The lines that the slip prints too.
const PHONES: &str = "12333 12345 12348 12351";

async fn own(visitor: &Visitor) -> Result<Vec<wire::Vacancy>, Failed> {
    let mut desk = visitor.desk()?;
    let status = desk.status(wire::StatusRequest {}).await.map_err(visitor.sorry())?.into_inner();
    let ask = wire::ListVacanciesRequest {};
    let list = desk.list_vacancies(ask).await.map_err(visitor.sorry())?.into_inner();
    Ok(list.vacancies.into_iter().filter(|one| one.city == status.city_id).collect())
}

pub(crate) async fn page(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let all = own(&visitor).await?;
    let ask = wire::ListRulesRequest {};
    let rules = visitor.desk()?.list_rules(ask).await.map_err(visitor.sorry())?.into_inner();
    let proposed = proposals(&visitor).await?;
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.w("nav.vacancies")),
        lead: vec![lang.w("vacancy.lead").to_owned()],
        links: vec![
            Link::new("/vacancies/new", lang.w("vacancy.new")),
            Link::new("/vacancies/rule", lang.w("vacancy.new_rule")),
        ],
        filters: Vec::new(),
        tables: vec![proposed, posts(&all, lang), ruled(&rules.rules, lang)],
    }))
}

fn posts(all: &[wire::Vacancy], lang: Lang) -> Table {
    let rows = all.iter().map(|one| {
        let terms = one.terms.clone().unwrap_or_default();
        let over = Button {
            action: "/vacancies/close".to_owned(),
            label: lang.w("vacancy.close").to_owned(),
            hidden: vec![("reference".to_owned(), terms.reference.clone())],
        };
        let href = format!("/vacancies/new?from={}", terms.reference);
        vec![
            Cell { text: terms.reference, href, ..Cell::default() },
            terms.employer_name.into(),
            one.posts.to_string().into(),
            Cell::whole(lang.day(one.valid_until)),
            Cell { buttons: vec![over], ..Cell::default() },
        ]
    });
    Table {
        heading: lang.fill("partners.vacancies", &[&all.len().to_string()]),
        heads: vec![
            lang.w("partners.reference"),
            lang.w("partners.employer"),
            lang.w("partners.posts"),
            lang.w("places.until"),
            lang.w("accounts.do"),
        ],
        rows: rows.collect(),
        empty: lang.w("partners.no_vacancies"),
    }
}

fn ruled(all: &[wire::AcceptRule], lang: Lang) -> Table {
    let rows = all.iter().map(|rule| {
        let over = Button {
            action: "/vacancies/rule/end".to_owned(),
            label: lang.w("vacancy.end_rule").to_owned(),
            hidden: vec![("number".to_owned(), rule.number.to_string())],
        };
        vec![
            rule.number.to_string().into(),
            cut_words(rule.cut.as_ref(), lang).into(),
            lang.fill("places.days", &[&rule.slot_days.to_string()]).into(),
            Cell { buttons: vec![over], ..Cell::default() },
        ]
    });
    Table {
        heading: lang.w("vacancy.rules").to_owned(),
        heads: vec![
            lang.w("vacancy.number"),
            lang.w("places.what"),
            lang.w("vacancy.slot_days"),
            lang.w("accounts.do"),
        ],
        rows: rows.collect(),
        empty: lang.w("vacancy.no_rules"),
    }
}

fn yuan(fen: u32) -> String {
    match fen % 100 {
        0 => (fen / 100).to_string(),
        rest => format!("{}.{rest:02}", fen / 100),
    }
}

/// An amount in yuan, at most two places behind the point, in fen.
fn fen(text: &str) -> Option<u32> {
    let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || rest.len() > 2 || !digits(whole) || !digits(rest) {
        return None;
    }
    let rest = format!("{rest:0<2}");
    whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(rest.parse().ok()?)
}

fn payers(lang: Lang) -> Kind {
    let all = [
        ("employer", "vacancy.payer_employer"),
        ("agency", "vacancy.payer_agency"),
        ("public", "vacancy.payer_public"),
        ("worker", "vacancy.payer_worker"),
    ];
    Kind::Radio(all.map(|(code, key)| (code.to_owned(), lang.w(key).to_owned())).to_vec())
}

fn payer(text: &str) -> Payer {
    Payer::from_str_name(&format!("PAYER_{}", text.to_uppercase())).unwrap_or_default()
}

/// The whole of the terms, as one already stands if any; each named as the terms name it.
pub(super) fn questions(from: Option<&wire::Vacancy>, lang: Lang) -> Vec<Input> {
    let (known, one) = (from.is_some(), from.cloned().unwrap_or_default());
    let terms = one.terms.unwrap_or_default();
    let text =
        |name: &str, key: &str, value: &str| Input::new(name, lang.w(key), Kind::Text).value(value);
    let count = |name: &str, key: &str, value: u32| {
        let value = if known { value.to_string() } else { String::new() };
        Input::new(name, lang.w(key), Kind::Number).value(value)
    };
    let money = |name: &str, key: &str, fen: u32| {
        text(name, key, &if known { yuan(fen) } else { String::new() })
    };
    let codes: Vec<String> = terms.insurances.iter().map(u32::to_string).collect();
    let cuts = terms.deductions.iter();
    let cuts: Vec<String> = cuts.map(|d| format!("{}:{}", d.code, yuan(d.fen_month))).collect();
    let phones = terms.complaint_phones.join(" ");
    let lodging = ["vacancy.no_lodging", "vacancy.dormitory", "vacancy.allowance"];
    let lodging = (0..).zip(lodging).map(|(at, key): (u32, _)| (at.to_string(), word(lang, key)));
    let word_of = |payer: Payer| payer.as_str_name().trim_start_matches("PAYER_").to_lowercase();
    let travel = |name: &str, key: &str, payer: Payer| {
        Input::new(name, lang.w(key), payers(lang)).value(word_of(payer))
    };
    vec![
        text("reference", "partners.reference", &terms.reference)
            .hint(lang.w("vacancy.reference_hint")),
        count("posts", "partners.posts", one.posts),
        Input::new("valid_until", lang.w("places.until"), Kind::Date)
            .value(dashed(one.valid_until)),
        text("employer_code", "vacancy.employer_code", &terms.employer_code)
            .hint(lang.w("vacancy.code_hint")),
        text("employer_name", "partners.employer", &terms.employer_name),
        text("agency_code", "vacancy.agency_code", &terms.agency_code)
            .hint(lang.w("vacancy.agency_hint"))
            .optional(),
        text("agency_name", "vacancy.agency_name", &terms.agency_name).optional(),
        count("occupation", "vacancy.occupation", terms.occupation)
            .hint(lang.w("vacancy.occupation_hint")),
        text("workplace_division", "vacancy.workplace", &terms.workplace_division)
            .hint(lang.w("vacancy.workplace_hint")),
        money("pay_fen_month_min", "vacancy.pay_min", terms.pay_fen_month_min)
            .hint(lang.w("vacancy.pay_hint")),
        money("pay_fen_month_max", "vacancy.pay_max", terms.pay_fen_month_max),
        count("payday", "vacancy.payday", terms.payday),
        text("deductions", "vacancy.deductions", &cuts.join(" "))
            .hint(lang.w("vacancy.deductions_hint"))
            .optional(),
        money("advances_fen_max", "vacancy.advances", terms.advances_fen_max).optional(),
        count("hours_week", "vacancy.hours", terms.hours_week),
        count("rest_days_month", "vacancy.rest", terms.rest_days_month),
        text("insurances", "vacancy.insurances", &codes.join(" "))
            .hint(lang.w("vacancy.insurances_hint"))
            .optional(),
        Input::new("lodging", lang.w("vacancy.lodging"), Kind::Radio(lodging.collect()))
            .value(if known { terms.lodging.to_string() } else { String::new() }),
        money("lodging_fen_month", "vacancy.lodging_cost", terms.lodging_fen_month).optional(),
        count("term_months", "vacancy.term", terms.term_months).hint(lang.w("vacancy.term_hint")),
        count("probation_months", "vacancy.probation", terms.probation_months),
        count("notice_days", "vacancy.notice", terms.notice_days),
        travel("travel_there", "vacancy.travel_there", terms.travel_there()),
        travel("travel_home", "vacancy.travel_home", terms.travel_home()),
        text("complaint_phones", "vacancy.phones", if known { &phones } else { PHONES })
            .hint(lang.w("vacancy.phones_hint")),
    ]
}

fn word(lang: Lang, key: &str) -> String {
    lang.w(key).to_owned()
}

/// A list of numbers, parted by blanks or commas.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '，', '、']).filter(|part| !part.is_empty())
}

fn deductions(text: &str) -> Option<Vec<wire::Deduction>> {
    let one = |part: &str| {
        let (code, amount) = part.split_once([':', '：'])?;
        Some(wire::Deduction { code: code.parse().ok()?, fen_month: fen(amount)? })
    };
    let all: Option<Vec<_>> = parts(text).map(one).collect();
    all.map(|mut all| {
        all.sort_by_key(|deduction| deduction.code);
        all
    })
}

/// The terms, or the name of the field that cannot be.
fn vacancy(form: &Form, version: u32) -> Result<wire::Vacancy, &'static str> {
    let number = |name: &str| form.get(name).parse::<u32>().unwrap_or(0);
    let text = |name: &str| form.get(name).to_owned();
    let money = |name: &'static str| match form.get(name) {
        "" => Ok(0),
        amount => fen(amount).ok_or(name),
    };
    let codes: Result<Vec<u32>, _> = parts(form.get("insurances")).map(str::parse).collect();
    let mut insurances = codes.map_err(|_| "insurances")?;
    insurances.sort_unstable();
    let terms = wire::Terms {
        reference: text("reference"),
        version,
        employer_code: text("employer_code"),
        employer_name: text("employer_name"),
        agency_code: text("agency_code"),
        agency_name: text("agency_name"),
        occupation: number("occupation"),
        workplace_division: text("workplace_division"),
        pay_fen_month_min: money("pay_fen_month_min")?,
        pay_fen_month_max: money("pay_fen_month_max")?,
        payday: number("payday"),
        deductions: deductions(form.get("deductions")).ok_or("deductions")?,
        advances_fen_max: money("advances_fen_max")?,
        hours_week: number("hours_week"),
        rest_days_month: number("rest_days_month"),
        insurances,
        lodging: number("lodging"),
        lodging_fen_month: money("lodging_fen_month")?,
        term_months: number("term_months"),
        probation_months: number("probation_months"),
        notice_days: number("notice_days"),
        travel_there: payer(form.get("travel_there")).into(),
        travel_home: payer(form.get("travel_home")).into(),
        complaint_phones: parts(form.get("complaint_phones")).map(str::to_owned).collect(),
    };
    check_terms(&terms).map_err(|field| field.trim_start_matches("terms."))?;
    let valid_until = drafts::date(form.get("valid_until")).map_or(0, Day::number);
    // No city: the own one.
    Ok(wire::Vacancy {
        terms: Some(terms),
        posts: number("posts"),
        valid_until,
        city: String::new(),
    })
}

async fn form_of(visitor: &Visitor, from: &str) -> Result<(FormPage, u32), Failed> {
    let lang = visitor.lang;
    let all = own(visitor).await?;
    let known = all.iter().find(|one| one.terms.as_ref().is_some_and(|t| t.reference == from));
    if known.is_none() && !from.is_empty() {
        let said = Said::own(StatusCode::NOT_FOUND, "NO_VACANCY", "vacancy.missing");
        return Err(visitor.failed(said));
    }
    let title = if known.is_some() { "vacancy.change" } else { "vacancy.new" };
    let mut page = simple(visitor, lang.w(title), "/vacancies/new", questions(known, lang));
    page.lead = vec![lang.w("vacancy.new_lead").to_owned()];
    if known.is_some() {
        page.lead.push(lang.w("vacancy.change_lead").to_owned());
    }
    page.hidden = vec![("from".to_owned(), from.to_owned())];
    page.button = lang.w("form.continue").to_owned();
    page.back = Some(Link::new("/vacancies", lang.w("form.back")));
    let before = known.and_then(|one| one.terms.as_ref()).map_or(0, |terms| terms.version);
    Ok((page, before + 1))
}

pub(crate) async fn new_page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let from = query.get("from").map_or("", String::as_str);
    Ok(form_of(&visitor, from).await?.0.show())
}

/// The terms as they were typed; `None` where the page says what is wrong.
pub(super) fn filled(
    page: &mut FormPage,
    form: &Form,
    version: u32,
    lang: Lang,
) -> Option<wire::Vacancy> {
    if !taken(&mut page.inputs, form, lang) {
        return None;
    }
    match vacancy(form, version) {
        Ok(vacancy) => Some(vacancy),
        Err(field) => {
            let at = page.inputs.iter().position(|input| input.name == field).unwrap_or(0);
            page.inputs[at].wrong = lang.fill("vacancy.wrong", &[&page.inputs[at].label]);
            None
        }
    }
}

/// Checks, and announces what was checked to every partner whose agreement covers jobs.
pub(crate) async fn new(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let from = form.get("from");
    let (mut page, version) = form_of(&visitor, from).await?;
    let Some(vacancy) = filled(&mut page, &form, version, lang) else { return Ok(page.show()) };
    if form.get("send") != "yes" {
        return Ok(check(page, &form, lang, [lang.w("vacancy.check"), lang.w("vacancy.announce")]));
    }
    let change = !from.is_empty();
    let ask = wire::AddVacanciesRequest { vacancies: vec![vacancy], announce: true, change };
    match visitor.desk()?.add_vacancies(ask).await {
        Ok(reply) => {
            let told = reply.into_inner().announced.to_string();
            let what = lang.fill("vacancy.announced", &[&told]);
            Ok(finished(&visitor, &what, home(lang)))
        }
        Err(status) => page.blamed(&visitor, 0, status),
    }
}

/// The whole of the terms, to be read once more before they are sent.
pub(super) fn check(
    page: FormPage,
    form: &Form,
    lang: Lang,
    [lead, button]: [&str; 2],
) -> Response {
    let answers = page.inputs.iter().map(|input| (input.label.clone(), input.answer(lang)));
    let hidden = page.inputs.iter().map(|i| (i.name.clone(), form.get(&i.name).to_owned()));
    show(&CheckPage {
        lead: vec![lead.to_owned()],
        answers: answers.filter(|(_, answer)| !answer.is_empty()).collect(),
        hidden: page.hidden.into_iter().chain(hidden).collect(),
        button: button.to_owned(),
        back: page.back.unwrap_or_else(|| home(lang)),
        may_change: true,
        action: page.action,
        f: page.f,
    })
}

fn home(lang: Lang) -> Link {
    Link::new("/vacancies", lang.w("nav.vacancies"))
}

/// Announces a vacancy as over.
pub(crate) async fn close(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let ask = wire::VacancyRef { reference: form.get("reference").to_owned() };
    let reply = visitor.desk()?.close_vacancy(ask).await.map_err(visitor.sorry())?.into_inner();
    let what = lang.fill("vacancy.closed", &[&reply.announced.to_string()]);
    Ok(finished(&visitor, &what, home(lang)))
}

/// Classes of places, and the own posts besides.
async fn rule_form(visitor: &Visitor) -> Result<FormPage, Failed> {
    let lang = visitor.lang;
    let mut inputs = cut_inputs(lang);
    if let Some(Input { kind: Kind::Choice(cuts), .. }) = inputs.first_mut() {
        let all = own(visitor).await?.into_iter().filter_map(|one| one.terms);
        let words = |terms: wire::Terms| {
            let words = format!("{}：{}", terms.reference, terms.employer_name);
            (format!("job-{}", terms.reference), words)
        };
        cuts.extend(all.map(words));
    }
    let days = Input::new("slot_days", lang.w("vacancy.slot_days"), Kind::Number);
    inputs.push(days.hint(lang.w("vacancy.slot_days_hint")).value(SLOT_DAYS));
    let mut page = simple(visitor, lang.w("vacancy.new_rule"), "/vacancies/rule", inputs);
    page.lead = vec![lang.w("vacancy.rule_lead").to_owned()];
    page.back = Some(Link::new("/vacancies", lang.w("form.back")));
    Ok(page)
}

pub(crate) async fn rule_page(visitor: Visitor) -> Answer {
    Ok(rule_form(&visitor).await?.show())
}

/// A rule takes one application at a time, while announced places last; it declines nobody.
pub(crate) async fn rule(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let mut page = rule_form(&visitor).await?;
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let cut = match form.get("cut").strip_prefix("job-") {
        Some(reference) => wire::Cut {
            service: Service::Employment.into(),
            reference: reference.to_owned(),
            ..wire::Cut::default()
        },
        None => cut_of(&form),
    };
    let slot_days = form.get("slot_days").parse().unwrap_or(0);
    let rule = wire::AcceptRule { cut: Some(cut), slot_days, ..wire::AcceptRule::default() };
    match visitor.desk()?.add_rule(rule).await {
        Ok(_) => Ok(Redirect::to("/vacancies").into_response()),
        Err(status) => page.blamed(&visitor, 0, status),
    }
}

pub(crate) async fn end_rule(visitor: Visitor, form: Form) -> Answer {
    let ask = wire::RuleRef { number: form.get("number").parse().unwrap_or(0) };
    visitor.desk()?.remove_rule(ask).await.map_err(visitor.sorry())?;
    Ok(Redirect::to("/vacancies").into_response())
}

#[cfg(test)]
mod tests {
    use super::{deductions, fen, yuan};

    #[test]
    fn amounts_are_exact() {
        for (text, amount) in [("4800", 480_000), ("0.5", 50), ("12.05", 1_205)] {
            assert_eq!(fen(text), Some(amount));
        }
        for text in ["", "4,800", "1.005", "-1", "99999999999", "1e3", "一千"] {
            assert_eq!(fen(text), None, "{text}");
        }
        assert_eq!((yuan(480_000), yuan(1_205)), ("4800".to_owned(), "12.05".to_owned()));
        let all = deductions("7:0.5，1:120").unwrap();
        let all: Vec<_> = all.iter().map(|one| (one.code, one.fen_month)).collect();
        assert_eq!(all, [(1, 12_000), (7, 50)]);
        assert!(deductions("120").is_none());
    }
}
