//! One agreement on a page, and what an approver enters about it: drafted, proposed, answered,
//! suspended, resumed, ended. The node signs nothing before a second post has approved it.

use super::find::simple;
use super::partners::finished;
use crate::console::desks::Said;
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{Answer, Button, CheckPage, Failed, FormPage, Frame, Link, show};
use crate::console::posted::Form;
use crate::console::role::Role;
use crate::console::visitor::Visitor;
use crate::console::words::{Lang, ZONE_MIN};
use crate::drafts;
use crate::drafts::agreements::{copied, empty};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jieli_proto::day::Day;
use jieli_proto::wire;
use std::collections::BTreeMap;

/// What one approver has entered and another has to approve.
struct Waiting {
    say: String,
    until: String,
    button: Option<Button>,
}

#[derive(Template)]
#[template(path = "agreement.html")]
struct AgreementPage {
    f: Frame,
    state: String,
    facts: Vec<(&'static str, String)>,
    waiting: Vec<Waiting>,
    steps: Vec<Link>,
    text: String,
}

async fn found(visitor: &Visitor, id: &str) -> Result<wire::AgreementView, Failed> {
    let ask = wire::AgreementRef { agreement_id: id.to_owned() };
    let view = visitor.desk()?.show_agreement(ask).await.map_err(visitor.sorry())?;
    Ok(view.into_inner())
}

/// The own city's id and name.
async fn own_city(visitor: &Visitor) -> Result<(String, String), Failed> {
    let status = visitor.desk()?.status(wire::StatusRequest {}).await;
    let status = status.map_err(visitor.sorry())?.into_inner();
    Ok((status.city_id, status.name))
}

async fn city(visitor: &Visitor, view: &wire::AgreementView) -> Result<String, Failed> {
    Ok(visitor.cities(&mut visitor.desk()?).await?.of(&view.peer))
}

pub(crate) async fn page(visitor: Visitor, Path(id): Path<String>) -> Answer {
    let lang = visitor.lang;
    let view = found(&visitor, &id).await?;
    let own = own_city(&visitor).await?;
    let cities = visitor.cities(&mut visitor.desk()?).await?.and(own.0.clone(), own.1);
    let may = visitor.account.as_ref().is_some_and(|a| a.role == Role::Approver);
    let waiting = view.waiting.iter().map(|act| Waiting {
        say: lang.pick(&act.say_zh, &act.say_en).to_owned(),
        until: lang.fill("agreement.lapses", &[&act.post, &lang.time(act.lapses_unix_ms)]),
        // What it is stands above it.
        button: may.then(|| approval(act, lang)),
    });
    let steps = if may { steps(&view, &own.0, lang) } else { Vec::new() };
    let title = lang.fill("agreement.title", &[&cities.of(&view.peer)]);
    Ok(show(&AgreementPage {
        f: Frame::new(&visitor, title),
        state: lang.pick(&view.state_zh, &view.state_en).to_owned(),
        facts: vec![
            (lang.w("agreement.version"), view.version.to_string()),
            (lang.w("agreement.proposer"), cities.of(&view.proposed_by)),
            (lang.w("partners.from"), lang.day(view.valid_from)),
            (lang.w("places.until"), lang.day(view.valid_to)),
            (
                lang.w("agreement.record"),
                lang.pick(&view.cosigned_zh, &view.cosigned_en).to_owned(),
            ),
        ],
        waiting: waiting.collect(),
        steps,
        text: lang.pick(&view.text_zh, &view.text_en).trim().to_owned(),
    }))
}

/// The button with which another approver says yes to what waits.
pub(super) fn approval(act: &wire::WaitingAct, lang: Lang) -> Button {
    Button {
        action: "/partners/approve".to_owned(),
        label: lang.w("agreement.approve").to_owned(),
        hidden: vec![("draft".to_owned(), act.draft_id.clone())],
    }
}

/// What an approver may try in this state; whether it is legal, the node says.
fn steps(view: &wire::AgreementView, own: &str, lang: Lang) -> Vec<Link> {
    let theirs = view.proposed_by != own;
    let steps: &[&str] = match view.state.as_str() {
        "PROPOSED" if theirs => &["countersign", "counter", "copy"],
        "ACTIVE" => &["next", "countersign", "suspend", "terminate", "copy"],
        "SUSPENDED" => &["resume", "next", "countersign", "terminate", "copy"],
        "DRAFT" => &[],
        _ => &["copy"],
    };
    let id = &view.agreement_id;
    let link = |step: &&str| {
        let href = match *step {
            "copy" => format!("/agreements/new?from={id}"),
            "next" | "counter" => format!("/agreements/draft?from={id}&as={step}"),
            act => format!("/agreements/{id}/act/{act}"),
        };
        // What usually comes next is the one that stands out.
        let here = matches!(*step, "countersign" if view.state == "PROPOSED") || *step == "resume";
        Link { here, ..Link::new(href, word(step, lang)) }
    };
    steps.iter().map(link).collect()
}

fn word(step: &str, lang: Lang) -> &'static str {
    match step {
        "countersign" => lang.w("agreement.countersign"),
        "counter" => lang.w("agreement.counter"),
        "suspend" => lang.w("agreement.suspend"),
        "resume" => lang.w("agreement.resume"),
        "terminate" => lang.w("agreement.terminate"),
        "next" => lang.w("agreement.next"),
        "copy" => lang.w("agreement.copy"),
        _ => "",
    }
}

/// What an act on an agreement has to be told.
fn questions(step: &str, view: &wire::AgreementView, lang: Lang) -> Vec<Input> {
    match step {
        "countersign" => {
            let version = if view.state == "PROPOSED" { view.version } else { view.version + 1 };
            let input = Input::new("version", lang.w("agreement.version"), Kind::Number);
            vec![input.hint(lang.w("agreement.version_hint")).value(version.to_string())]
        }
        "terminate" => {
            let input = Input::new("on", lang.w("agreement.last_day"), Kind::Date);
            vec![input.hint(lang.w("agreement.last_day_hint"))]
        }
        _ => Vec::new(),
    }
}

async fn act_form(visitor: &Visitor, id: &str, step: &str) -> Result<FormPage, Failed> {
    let lang = visitor.lang;
    if !matches!(step, "countersign" | "suspend" | "resume" | "terminate") {
        let said = Said::own(StatusCode::NOT_FOUND, "NO_STEP", "error.not_now");
        return Err(visitor.failed(said));
    }
    let view = found(visitor, id).await?;
    let title = format!("{}：{}", word(step, lang), city(visitor, &view).await?);
    let action = format!("/agreements/{id}/act/{step}");
    let mut page = simple(visitor, &title, &action, questions(step, &view, lang));
    page.button = lang.w("form.continue").to_owned();
    page.lead = vec![
        match step {
            "countersign" => lang.w("agreement.countersign_lead"),
            "suspend" => lang.w("agreement.suspend_lead"),
            "resume" => lang.w("agreement.resume_lead"),
            _ => lang.w("agreement.terminate_lead"),
        }
        .to_owned(),
    ];
    page.back = Some(Link::new(format!("/agreements/{id}"), lang.w("form.back")));
    Ok(page)
}

fn check(visitor: &Visitor, page: FormPage, id: &str, form: &Form) -> Response {
    let lang = visitor.lang;
    let given = page.inputs.iter().map(|input| (input.label.clone(), input.answer(lang)));
    let hidden = page.inputs.iter().map(|i| (i.name.clone(), form.get(&i.name).to_owned()));
    let mut lead = page.lead;
    lead.push(lang.w("agreement.two").to_owned());
    show(&CheckPage {
        lead,
        answers: given.collect(),
        hidden: hidden.collect(),
        may_change: !page.inputs.is_empty(),
        button: lang.w("agreement.enter").to_owned(),
        back: Link::new(format!("/agreements/{id}"), lang.w("form.back")),
        action: page.action,
        f: page.f,
    })
}

pub(crate) async fn act_page(visitor: Visitor, Path((id, step)): Path<(String, String)>) -> Answer {
    let page = act_form(&visitor, &id, &step).await?;
    if page.inputs.is_empty() {
        return Ok(check(&visitor, page, &id, &Form::default()));
    }
    Ok(page.show())
}

/// Checks, and enters what was checked.
pub(crate) async fn act(
    visitor: Visitor,
    Path((id, step)): Path<(String, String)>,
    form: Form,
) -> Answer {
    let mut page = act_form(&visitor, &id, &step).await?;
    if !taken(&mut page.inputs, &form, visitor.lang) {
        return Ok(page.show());
    }
    if form.get("send") != "yes" {
        return Ok(check(&visitor, page, &id, &form));
    }
    let mut desk = visitor.desk()?;
    let done = if step == "countersign" {
        let version = form.get("version").parse().unwrap_or(0);
        desk.countersign(wire::CountersignRequest { agreement_id: id.clone(), version }).await
    } else {
        let wind_down_on = drafts::date(form.get("on")).map_or(0, Day::number);
        let ask = wire::AgreementActRequest { agreement_id: id.clone(), act: step, wind_down_on };
        desk.act_on_agreement(ask).await
    };
    match done {
        Ok(view) => Ok(entered(&visitor, &view.into_inner())),
        Err(status) => page.blamed(&visitor, 0, status),
    }
}

fn entered(visitor: &Visitor, view: &wire::AgreementView) -> Response {
    let lang = visitor.lang;
    let lapses = view.waiting.iter().map(|act| act.lapses_unix_ms).max().unwrap_or(0);
    let what = lang.fill("agreement.entered", &[&lang.time(lapses)]);
    let link = Link::new(format!("/agreements/{}", view.agreement_id), lang.w("agreement.read"));
    finished(visitor, &what, link)
}

async fn new_form(visitor: &Visitor) -> Result<FormPage, Failed> {
    let lang = visitor.lang;
    let mut desk = visitor.desk()?;
    let cities = visitor.cities(&mut desk).await?;
    let ask = wire::ListAgreementsRequest {};
    let all = desk.list_agreements(ask).await.map_err(visitor.sorry())?.into_inner().agreements;
    let with_text = all.iter().filter(|one| one.state != "DRAFT");
    let from = with_text.map(|one| {
        let version = one.version.to_string();
        let words = lang.fill("agreement.like", &[&cities.of(&one.peer), &version]);
        (one.agreement_id.clone(), words)
    });
    let blank = (String::new(), lang.w("agreement.blank").to_owned());
    let inputs = vec![
        Input::new("city", lang.w("partners.city"), Kind::Choice(cities.all())),
        Input::new(
            "from",
            lang.w("agreement.template"),
            Kind::Choice(std::iter::once(blank).chain(from).collect()),
        )
        .hint(lang.w("agreement.template_hint"))
        .optional(),
    ];
    let mut page = simple(visitor, lang.w("agreement.new"), "/agreements/new", inputs);
    page.button = lang.w("form.continue").to_owned();
    page.back = Some(Link::new("/partners", lang.w("form.back")));
    Ok(page)
}

/// With which city, and like which agreement.
pub(crate) async fn new_page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let mut page = new_form(&visitor).await?;
    page.inputs[1].value = query.get("from").cloned().unwrap_or_default();
    Ok(page.show())
}

pub(crate) async fn new(visitor: Visitor, form: Form) -> Answer {
    let mut page = new_form(&visitor).await?;
    if !taken(&mut page.inputs, &form, visitor.lang) {
        return Ok(page.show());
    }
    // Both were chosen from lists: they need no writing for an address.
    let (city, from) = (form.get("city"), form.get("from"));
    let to = format!("/agreements/draft?city={city}&from={from}&as=copy");
    Ok(Redirect::to(&to).into_response())
}

fn draft_form(visitor: &Visitor, kind: &str, from: &str, text: String) -> FormPage {
    let lang = visitor.lang;
    let title = match kind {
        "next" => lang.w("agreement.next"),
        "counter" => lang.w("agreement.counter"),
        _ => lang.w("agreement.new"),
    };
    let input = Input::new("text", lang.w("agreement.draft"), Kind::Words).value(text);
    let inputs = vec![input.hint(lang.w("agreement.draft_hint"))];
    let mut page = simple(visitor, title, "/agreements/draft", inputs);
    page.lead = vec![lang.w("agreement.draft_lead").to_owned()];
    page.button = lang.w("agreement.enter").to_owned();
    let hidden = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    page.hidden = vec![hidden("as", kind), hidden("from", from)];
    page.back = Some(Link::new("/partners", lang.w("form.back")));
    page
}

/// The text to start from: another agreement's, the same one's, or an empty one.
pub(crate) async fn draft_page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let get = |name: &str| query.get(name).map_or("", String::as_str);
    let (kind, from, peer) = (get("as"), get("from"), get("city"));
    let text = if from.is_empty() {
        let own = own_city(&visitor).await?.0;
        let cities = visitor.cities(&mut visitor.desk()?).await?.all();
        let known = cities.iter().find(|(id, _)| id == peer).map_or("", |(id, _)| id);
        let today = Day::of_unix_ms(visitor.now_ms() as u64, ZONE_MIN);
        empty(&own, known, today)
    } else {
        let view = found(&visitor, from).await?;
        let partner = Some(peer).filter(|city| !city.is_empty() && *city != view.peer);
        let text = match kind {
            "counter" => copied(&view, false, None),
            _ => copied(&view, kind == "next", partner),
        };
        text.map_err(|_| {
            visitor.failed(Said::own(StatusCode::CONFLICT, "NO_TEXT", "agreement.no_text"))
        })?
    };
    Ok(draft_form(&visitor, kind, from, text).show())
}

/// Enters the draft; what is wrong with it is said beside it, and nothing typed is lost.
pub(crate) async fn draft(visitor: Visitor, form: Form) -> Answer {
    let (kind, from) = (form.get("as"), form.get("from"));
    let mut page = draft_form(&visitor, kind, from, String::new());
    if !taken(&mut page.inputs, &form, visitor.lang) {
        return Ok(page.show());
    }
    let draft_toml = form.get("text").replace("\r\n", "\n");
    let mut desk = visitor.desk()?;
    let done = if kind == "counter" {
        let agreement_id = from.to_owned();
        desk.counter_propose(wire::CounterProposeRequest { agreement_id, draft_toml }).await
    } else {
        desk.propose(wire::ProposeRequest { draft_toml }).await
    };
    match done {
        Ok(view) => Ok(entered(&visitor, &view.into_inner())),
        Err(status) => page.blamed(&visitor, 0, status),
    }
}
