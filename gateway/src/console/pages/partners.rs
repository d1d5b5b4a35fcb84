//! Partner cities on one screen: agreements, vacancies, and what they answered about places.

use super::agreements::approval;
use super::find::simple;
use super::places::{cut_inputs, cut_of, cut_words, state_word};
use crate::console::desks::Cities;
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{Answer, Cell, DonePage, Frame, Link, Table, TablesPage, show};
use crate::console::posted::Form;
use crate::console::role::Role;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use axum::extract::Query;
use axum::response::Response;
use jieli_proto::wire;
use std::collections::BTreeMap;

/// Agreements by what is to be done with them: the choice of a list, the states of a view.
const FILTERS: [(&str, &str, &[&str]); 5] = [
    ("", "queue.all", &[]),
    ("proposed", "agreement.proposed", &["DRAFT", "PROPOSED"]),
    ("active", "agreement.active", &["ACTIVE"]),
    ("suspended", "agreement.suspended", &["SUSPENDED"]),
    ("over", "agreement.over", &["LAPSED", "TERMINATED", "CLOSED"]),
];

pub(crate) async fn page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let lang = visitor.lang;
    let role = visitor.account.as_ref().map(|account| account.role);
    let mut desk = visitor.desk()?;
    let cities = visitor.cities(&mut desk).await?;
    let ask = wire::ListAgreementsRequest {};
    let found = desk.list_agreements(ask).await.map_err(visitor.sorry())?.into_inner();
    let may_approve = role == Some(Role::Approver);
    let asked = query.get("state").map_or("", String::as_str);
    let (chosen, _, states) = FILTERS.into_iter().find(|one| one.0 == asked).unwrap_or(FILTERS[0]);
    let is_shown =
        |one: &wire::AgreementView| states.is_empty() || states.contains(&one.state.as_str());
    let shown: Vec<_> = found.agreements.into_iter().filter(is_shown).collect();
    let mut tables = vec![agreements(&shown, may_approve, &cities, lang)];
    let ask = wire::ListVacanciesRequest {};
    let found = desk.list_vacancies(ask).await.map_err(visitor.sorry())?.into_inner();
    tables.push(vacancies(&found.vacancies, &cities, lang));
    if role != Some(Role::Approver) {
        let ask = wire::ListCapacityRequest { peers: true };
        let found = desk.list_capacity(ask).await.map_err(visitor.sorry())?.into_inner();
        tables.push(heard(&found.heard, &cities, lang));
    }
    let links = match role {
        Some(Role::SendingClerk) => vec![Link::new("/partners/ask", lang.w("partners.ask"))],
        Some(Role::Approver) => vec![Link::new("/agreements/new", lang.w("agreement.new"))],
        Some(_) | None => Vec::new(),
    };
    let words = FILTERS.map(|(code, key, _)| (code.to_owned(), lang.w(key).to_owned()));
    let filters = vec![
        Input::new("state", lang.w("agreement.which"), Kind::Choice(words.to_vec())).value(chosen),
    ];
    let f = Frame::new(&visitor, lang.w("nav.partners"));
    Ok(show(&TablesPage { f, lead: Vec::new(), links, filters, tables }))
}

fn agreements(
    all: &[wire::AgreementView],
    may_approve: bool,
    cities: &Cities,
    lang: Lang,
) -> Table {
    let rows = all.iter().map(|one| {
        let waiting = || one.waiting.iter().filter(|_| may_approve);
        let buttons = waiting().map(|act| approval(act, lang));
        let href = format!("/agreements/{}", one.agreement_id);
        let state = lang.pick(&one.state_zh, &one.state_en);
        let says = waiting().map(|act| lang.pick(&act.say_zh, &act.say_en));
        // What a button would approve stands before it.
        let state = std::iter::once(state).chain(says).collect::<Vec<_>>().join(" · ");
        vec![
            Cell { text: cities.of(&one.peer), href, ..Cell::default() },
            Cell { text: state, buttons: buttons.collect(), ..Cell::default() },
            Cell::whole(lang.day(one.valid_from)),
            Cell::whole(lang.day(one.valid_to)),
        ]
    });
    Table {
        heading: lang.fill("partners.agreements", &[&all.len().to_string()]),
        heads: vec![
            lang.w("partners.city"),
            lang.w("places.state"),
            lang.w("partners.from"),
            lang.w("places.until"),
        ],
        rows: rows.collect(),
        empty: lang.w("partners.no_agreements"),
    }
}

fn vacancies(all: &[wire::Vacancy], cities: &Cities, lang: Lang) -> Table {
    let rows = all.iter().map(|one| {
        let terms = one.terms.clone().unwrap_or_default();
        let yuan = |fen: u32| (fen / 100).to_string();
        let pay = match terms.pay_fen_month_max {
            0 => String::new(),
            most => lang.fill("partners.yuan", &[&yuan(terms.pay_fen_month_min), &yuan(most)]),
        };
        vec![
            cities.of(&one.city).into(),
            terms.reference.into(),
            terms.employer_name.into(),
            pay.into(),
            one.posts.to_string().into(),
            Cell::whole(lang.day(one.valid_until)),
        ]
    });
    Table {
        heading: lang.fill("partners.vacancies", &[&all.len().to_string()]),
        heads: vec![
            lang.w("partners.city"),
            lang.w("partners.reference"),
            lang.w("partners.employer"),
            lang.w("partners.pay"),
            lang.w("partners.posts"),
            lang.w("places.until"),
        ],
        rows: rows.collect(),
        empty: lang.w("partners.no_vacancies"),
    }
}

fn heard(all: &[wire::CapacityHeard], cities: &Cities, lang: Lang) -> Table {
    let rows = all.iter().map(|one| {
        let answer = match (one.pending, one.expired) {
            (true, _) => lang.w("partners.pending").to_owned(),
            (false, true) => lang.fill("places.expired", &[&lang.day(one.valid_until)]),
            (false, false) => state_word(one.state(), lang).to_owned(),
        };
        let days = one.wait_days.to_string();
        let wait =
            if one.wait_days == 0 { String::new() } else { lang.fill("places.days", &[&days]) };
        vec![
            cities.of(&one.city).into(),
            cut_words(one.cut.as_ref(), lang).into(),
            answer.into(),
            wait.into(),
            Cell::whole(lang.day(one.as_of)),
            Cell::whole(lang.day(one.valid_until)),
        ]
    });
    Table {
        heading: lang.w("partners.heard").to_owned(),
        heads: vec![
            lang.w("partners.city"),
            lang.w("places.what"),
            lang.w("partners.answer"),
            lang.w("places.wait"),
            lang.w("partners.as_of"),
            lang.w("places.until"),
        ],
        rows: rows.collect(),
        empty: lang.w("partners.no_heard"),
    }
}

async fn questions(visitor: &Visitor) -> Result<Vec<Input>, crate::console::frame::Failed> {
    let lang = visitor.lang;
    let cities = visitor.cities(&mut visitor.desk()?).await?.all();
    let mut inputs = vec![Input::new("city", lang.w("partners.city"), Kind::Choice(cities))];
    inputs.extend(cut_inputs(lang));
    Ok(inputs)
}

pub(crate) async fn ask_page(visitor: Visitor) -> Answer {
    let inputs = questions(&visitor).await?;
    let mut page = simple(&visitor, visitor.lang.w("partners.ask"), "/partners/ask", inputs);
    page.lead = vec![visitor.lang.w("partners.ask_lead").to_owned()];
    page.back = Some(Link::new("/partners", visitor.lang.w("form.back")));
    Ok(page.show())
}

/// Asks another city whether it has places. No person is in it.
pub(crate) async fn ask(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let inputs = questions(&visitor).await?;
    let mut page = simple(&visitor, lang.w("partners.ask"), "/partners/ask", inputs);
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let cut = Some(cut_of(&form));
    let request = wire::AskCapacityRequest { city: form.get("city").to_owned(), cut };
    visitor.desk()?.ask_capacity(request).await.map_err(visitor.sorry())?;
    Ok(finished(&visitor, lang.w("partners.asked"), home(lang)))
}

/// The second pair of eyes; whether it is another one, the node says.
pub(crate) async fn approve(visitor: Visitor, form: Form) -> Answer {
    let request = wire::ApproveRequest { draft_id: form.get("draft").to_owned() };
    let done = visitor.desk()?.approve(request).await.map_err(visitor.sorry())?.into_inner();
    let lang = visitor.lang;
    Ok(finished(&visitor, lang.pick(&done.state_zh, &done.state_en), home(lang)))
}

fn home(lang: Lang) -> Link {
    Link::new("/partners", lang.w("nav.partners"))
}

/// What was done, and where to go on.
pub(super) fn finished(visitor: &Visitor, what: &str, link: Link) -> Response {
    let lang = visitor.lang;
    show(&DonePage {
        f: Frame::new(visitor, lang.w("act.done")),
        reference: String::new(),
        lead: vec![what.to_owned()],
        buttons: Vec::new(),
        links: vec![link],
    })
}
