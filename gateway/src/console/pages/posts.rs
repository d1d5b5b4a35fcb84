//! An employer's narrow window, and the desk that answers what it proposes. The employer reads no
//! name: whoever comes to begin work shows the number of the case.

use super::find::simple;
use super::partners::finished;
use super::review::{Ask, ReviewPage, dashed};
use super::vacancies::{check, filled, questions};
use crate::console::desks::{Employ, Posts, Said};
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{Answer, Cell, Failed, FormPage, Link, Table};
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use crate::drafts;
use axum::extract::Query;
use axum::http::StatusCode;
use jieli_proto::day::Day;
use jieli_proto::wire::{self, DecisionCode};
use jieli_proto::words;
use std::collections::BTreeMap;

impl Visitor {
    fn employ(&self) -> Result<Employ, Failed> {
        let account = self.account.as_ref();
        let found = account.and_then(|a| self.console.desks.employ(&a.token, a.role));
        found.ok_or_else(|| self.no_token())
    }

    fn posts(&self) -> Result<Posts, Failed> {
        let account = self.account.as_ref();
        let found = account.and_then(|a| self.console.desks.posts(&a.token, a.role));
        found.ok_or_else(|| self.no_token())
    }
}

fn state(one: &wire::Proposal, lang: Lang) -> String {
    match one.state.as_str() {
        "waiting" => lang.w("posts.waiting").to_owned(),
        "announced" => lang.w("posts.announced").to_owned(),
        _ => lang.fill("posts.declined", &[&lang.of(words::decision(one.declined()))]),
    }
}

fn of_employer(all: &[wire::Proposal], lang: Lang) -> Table {
    let rows = all.iter().map(|one| {
        let vacancy = one.vacancy.clone().unwrap_or_default();
        vec![
            vacancy.terms.unwrap_or_default().reference.into(),
            vacancy.posts.to_string().into(),
            Cell::whole(lang.day(vacancy.valid_until)),
            state(one, lang).into(),
        ]
    });
    Table {
        heading: lang.w("posts.proposals").to_owned(),
        heads: vec![
            lang.w("partners.reference"),
            lang.w("partners.posts"),
            lang.w("places.until"),
            lang.w("posts.state"),
        ],
        rows: rows.collect(),
        empty: lang.w("posts.none_proposed"),
    }
}

fn announced(all: &[wire::PostLine], lang: Lang) -> Table {
    let rows = all.iter().map(|one| {
        let vacancy = one.vacancy.clone().unwrap_or_default();
        let reference = vacancy.terms.unwrap_or_default().reference;
        let href = format!("/posts/new?from={reference}");
        vec![
            Cell { text: reference, href, ..Cell::default() },
            vacancy.posts.to_string().into(),
            Cell::whole(lang.day(vacancy.valid_until)),
            one.expected.to_string().into(),
            one.started.to_string().into(),
        ]
    });
    Table {
        heading: lang.w("posts.own").to_owned(),
        heads: vec![
            lang.w("partners.reference"),
            lang.w("partners.posts"),
            lang.w("places.until"),
            lang.w("posts.expected"),
            lang.w("posts.started"),
        ],
        rows: rows.collect(),
        empty: lang.w("posts.none_own"),
    }
}

fn item(lang: Lang) -> Vec<Input> {
    vec![
        Input::new("case", lang.w("case.number"), Kind::Text),
        Input::new("leg", lang.w("posts.item"), Kind::Number).value("1"),
    ]
}

async fn own(visitor: &Visitor) -> Result<wire::PostList, Failed> {
    let list = visitor.employ()?.list_posts(wire::ListPostsRequest {}).await;
    Ok(list.map_err(visitor.sorry())?.into_inner())
}

async fn shown(visitor: &Visitor, inputs: Vec<Input>) -> Answer {
    let lang = visitor.lang;
    let list = own(visitor).await?;
    let mut page = ReviewPage::new(visitor, lang.w("nav.posts"));
    page.lead = vec![lang.w("posts.lead").to_owned()];
    page.links = vec![Link::new("/posts/new", lang.w("posts.new"))];
    page.tables = vec![announced(&list.posts, lang), of_employer(&list.proposals, lang)];
    page.forms = vec![Ask {
        heading: lang.w("posts.released").to_owned(),
        lead: vec![lang.w("posts.released_lead").to_owned()],
        method: "post",
        action: "/posts/released",
        hidden: Vec::new(),
        inputs,
        button: lang.w("posts.look"),
    }];
    Ok(page.show())
}

pub(crate) async fn page(visitor: Visitor) -> Answer {
    shown(&visitor, item(visitor.lang)).await
}

/// Whether the number that was handed over is of somebody released here.
pub(crate) async fn released(visitor: Visitor, form: Form) -> Answer {
    let mut inputs = item(visitor.lang);
    if !taken(&mut inputs, &form, visitor.lang) {
        return shown(&visitor, inputs).await;
    }
    let ask = wire::ReleasedRef { case_number: form.get("case").to_owned(), leg: leg(&form) };
    match visitor.employ()?.show_released(ask).await {
        Ok(found) => Ok(work_form(&visitor, &found.into_inner()).show()),
        Err(status) => {
            let said = Said::from(status);
            if !said.is_denial() {
                return Err(visitor.failed(said));
            }
            inputs[0].wrong = said.text(visitor.lang);
            shown(&visitor, inputs).await
        }
    }
}

fn leg(form: &Form) -> u32 {
    form.get("leg").parse().unwrap_or(0)
}

fn work_form(visitor: &Visitor, found: &wire::Released) -> FormPage {
    let lang = visitor.lang;
    let day = |name: &str, key: &str, value: u32| {
        Input::new(name, lang.w(key), Kind::Date).value(dashed(value)).optional()
    };
    let inputs = vec![
        day("began", "posts.began_on", found.started_on),
        day("ended", "posts.ended_on", found.ended_on),
    ];
    let title = format!("{} / {}", found.case_number, found.leg);
    let mut page = simple(visitor, &title, "/posts/work", inputs);
    page.lead = vec![
        lang.fill("posts.is_released", &[&found.reference]),
        lang.w("posts.work_lead").to_owned(),
    ];
    page.hidden = vec![
        ("case".to_owned(), found.case_number.clone()),
        ("leg".to_owned(), found.leg.to_string()),
    ];
    page.button = lang.w("posts.state_work").to_owned();
    page.back = Some(Link::new("/posts", lang.w("form.back")));
    page
}

/// The day on which work began, or ended.
pub(crate) async fn work(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let known = wire::Released {
        case_number: form.get("case").to_owned(),
        leg: leg(&form),
        ..wire::Released::default()
    };
    let mut page = work_form(&visitor, &known);
    // What has no reference yet says nothing of one.
    page.lead.remove(0);
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let day = |name: &str| drafts::date(form.get(name)).map_or(0, Day::number);
    let ask = wire::StateWorkRequest {
        case_number: known.case_number,
        leg: known.leg,
        started_on: day("began"),
        ended_on: day("ended"),
    };
    match visitor.employ()?.state_work(ask).await {
        Ok(done) => {
            let done = done.into_inner();
            let days = [("posts.began_on", done.started_on), ("posts.ended_on", done.ended_on)];
            let said = days.map(|(key, day)| match day {
                0 => format!("{}：{}", lang.w(key), lang.w("posts.not_stated")),
                day => format!("{}：{}", lang.w(key), lang.day(day)),
            });
            let what = said.join(lang.pick("；", "; "));
            Ok(finished(&visitor, &what, Link::new("/posts", lang.w("nav.posts"))))
        }
        Err(status) => page.blamed(&visitor, 0, status),
    }
}

async fn terms_form(visitor: &Visitor, from: &str) -> Result<(FormPage, u32), Failed> {
    let lang = visitor.lang;
    let list = own(visitor).await?;
    let waiting = list.proposals.into_iter().filter_map(|one| one.vacancy);
    let all = list.posts.into_iter().filter_map(|one| one.vacancy).chain(waiting);
    let is_it = |one: &wire::Vacancy| one.terms.as_ref().is_some_and(|t| t.reference == from);
    let known = all.rev().find(|one| !from.is_empty() && is_it(one));
    let before = known.as_ref().and_then(|one| one.terms.as_ref()).map_or(0, |t| t.version);
    let inputs = questions(known.as_ref(), lang);
    let mut page = simple(visitor, lang.w("posts.new"), "/posts/new", inputs);
    page.lead = vec![lang.w("posts.new_lead").to_owned()];
    page.hidden = vec![("from".to_owned(), from.to_owned())];
    page.button = lang.w("form.continue").to_owned();
    page.back = Some(Link::new("/posts", lang.w("form.back")));
    Ok((page, before + 1))
}

pub(crate) async fn new_page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let from = query.get("from").map_or("", String::as_str);
    Ok(terms_form(&visitor, from).await?.0.show())
}

/// Checks, and hands to the office what was checked.
pub(crate) async fn new(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let (mut page, version) = terms_form(&visitor, form.get("from")).await?;
    let Some(vacancy) = filled(&mut page, &form, version, lang) else { return Ok(page.show()) };
    if form.get("send") != "yes" {
        return Ok(check(page, &form, lang, [lang.w("posts.check"), lang.w("posts.propose")]));
    }
    match visitor.employ()?.propose_posts(vacancy).await {
        Ok(_) => {
            let back = Link::new("/posts", lang.w("nav.posts"));
            Ok(finished(&visitor, lang.w("posts.proposed"), back))
        }
        Err(status) => page.blamed(&visitor, 0, status),
    }
}

async fn waiting(visitor: &Visitor) -> Result<Vec<wire::Vacancy>, Failed> {
    let list = visitor.posts()?.list_proposals(wire::ListPostsRequest {}).await;
    let all = list.map_err(visitor.sorry())?.into_inner().proposals;
    Ok(all.into_iter().filter(|one| one.state == "waiting").filter_map(|one| one.vacancy).collect())
}

/// What waits for an answer of this desk.
pub(super) async fn proposals(visitor: &Visitor) -> Result<Table, Failed> {
    let lang = visitor.lang;
    let all = waiting(visitor).await?;
    let rows = all.iter().map(|one| {
        let terms = one.terms.clone().unwrap_or_default();
        let (employer, reference) = (&terms.employer_code, &terms.reference);
        let href = format!("/vacancies/proposed?employer={employer}&reference={reference}");
        vec![
            Cell { text: reference.clone(), href, ..Cell::default() },
            terms.employer_name.into(),
            one.posts.to_string().into(),
            Cell::whole(lang.day(one.valid_until)),
        ]
    });
    Ok(Table {
        heading: lang.fill("posts.waiting_here", &[&all.len().to_string()]),
        heads: vec![
            lang.w("partners.reference"),
            lang.w("partners.employer"),
            lang.w("partners.posts"),
            lang.w("places.until"),
        ],
        rows: rows.collect(),
        empty: lang.w("posts.none_waiting"),
    })
}

async fn answer_form(
    visitor: &Visitor,
    employer: &str,
    reference: &str,
) -> Result<FormPage, Failed> {
    let lang = visitor.lang;
    let is_it = |one: &wire::Vacancy| {
        let terms = one.terms.as_ref();
        terms.is_some_and(|t| t.employer_code == employer && t.reference == reference)
    };
    let found = waiting(visitor).await?.into_iter().find(is_it);
    let Some(found) = found else {
        let said = Said::own(StatusCode::NOT_FOUND, "NO_PROPOSAL", "posts.missing");
        return Err(visitor.failed(said));
    };
    let announce = ("announce".to_owned(), lang.w("posts.announce").to_owned());
    let decline = words::POSTS_DECLINED.map(|code| {
        let word = lang.of(words::decision(code)).to_owned();
        (code.as_str_name().to_owned(), lang.fill("posts.declined", &[&word]))
    });
    let all = std::iter::once(announce).chain(decline).collect();
    let inputs = vec![Input::new("reply", lang.w("posts.reply"), Kind::Radio(all))];
    let mut page = simple(visitor, lang.w("posts.answer"), "/vacancies/proposed", inputs);
    let terms = questions(Some(&found), lang).into_iter().filter_map(|input| {
        let answer = input.answer(lang);
        (!answer.is_empty()).then(|| format!("{}：{answer}", input.label))
    });
    page.lead = std::iter::once(lang.w("posts.answer_lead").to_owned()).chain(terms).collect();
    page.hidden = vec![
        ("employer".to_owned(), employer.to_owned()),
        ("reference".to_owned(), reference.to_owned()),
    ];
    page.back = Some(Link::new("/vacancies", lang.w("form.back")));
    Ok(page)
}

/// The whole terms that an employer proposes, and the answer to it.
pub(crate) async fn proposed(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let named = |name: &str| query.get(name).map_or("", String::as_str);
    Ok(answer_form(&visitor, named("employer"), named("reference")).await?.show())
}

pub(crate) async fn answer(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let (employer, reference) = (form.get("employer"), form.get("reference"));
    let mut page = answer_form(&visitor, employer, reference).await?;
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let declined = DecisionCode::from_str_name(form.get("reply")).unwrap_or_default();
    let ask = wire::AnswerProposalRequest {
        employer: employer.to_owned(),
        reference: reference.to_owned(),
        declined: declined.into(),
    };
    match visitor.posts()?.answer_proposal(ask).await {
        Ok(done) => {
            let what = state(&done.into_inner(), lang);
            Ok(finished(&visitor, &what, Link::new("/vacancies", lang.w("nav.vacancies"))))
        }
        Err(status) => page.blamed(&visitor, 0, status),
    }
}
