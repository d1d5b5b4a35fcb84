//! A step in a leg: questions, the answers to be checked, the confirmation, Undo.

use crate::console::desks::Said;
use crate::console::form::{Input, taken};
use crate::console::frame::{
    Answer, Button, CheckPage, DonePage, Failed, FormPage, Frame, Link, show,
};
use crate::console::posted::Form;
use crate::console::steps::{self, Offered};
use crate::console::visitor::Visitor;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jieli_proto::wire;
use jieli_proto::words;

type Place = Path<(String, u32, String)>;

async fn leg(visitor: &Visitor, case: &str, number: u32) -> Result<wire::LegView, Failed> {
    let ask = wire::CaseRef { case_number: case.to_owned(), ..Default::default() };
    let view = visitor.desk()?.show_case(ask).await.map_err(visitor.sorry())?.into_inner();
    let is_it = |leg: &wire::LegView| leg.line.as_ref().is_some_and(|line| line.number == number);
    view.legs
        .into_iter()
        .find(is_it)
        .ok_or_else(|| visitor.failed(Said::own(StatusCode::NOT_FOUND, "NO_LEG", "error.no_leg")))
}

fn not_now(visitor: &Visitor) -> Failed {
    visitor.failed(Said::own(StatusCode::CONFLICT, "NOT_NOW", "error.not_now"))
}

fn title(visitor: &Visitor, step: &str, service: wire::Service) -> String {
    let lang = visitor.lang;
    format!("{}：{}", steps::word(step, lang), lang.of(words::service(service)))
}

fn questions(visitor: &Visitor, case: &str, number: u32, offered: &Offered<'_>) -> FormPage {
    let lang = visitor.lang;
    let f = Frame::new(visitor, title(visitor, offered.step, offered.service));
    let action = format!("/cases/{case}/{number}/act/{}", offered.step);
    let mut page = FormPage::new(f, action, lang.w("form.continue"));
    page.lead = vec![lang.fill("act.lead", &[case, &number.to_string()])];
    page.inputs = offered.inputs(lang);
    page.back = Some(Link::new(format!("/cases/{case}"), lang.w("form.back")));
    page
}

/// Asks; a step that needs nothing is to be confirmed at once.
pub(crate) async fn page(visitor: Visitor, Path((case, number, step)): Place) -> Answer {
    let view = leg(&visitor, &case, number).await?;
    let offered = Offered::of(&view, &step).ok_or_else(|| not_now(&visitor))?;
    let page = questions(&visitor, &case, number, &offered);
    if page.inputs.is_empty() {
        return Ok(check(&visitor, page, &case, number, &Form::default()));
    }
    Ok(page.show())
}

fn check(visitor: &Visitor, page: FormPage, case: &str, number: u32, form: &Form) -> Response {
    let lang = visitor.lang;
    // The person's stop waits for nobody.
    let at_once = page.action.ends_with("/withdraw");
    let lead = if at_once { lang.w("act.check_stop") } else { lang.w("act.check") };
    let given = page.inputs.iter().map(|input| (input.label.clone(), input.answer(lang)));
    let given = given.filter(|(_, answer)| !answer.is_empty());
    let mut answers = vec![
        (lang.w("case.number").to_owned(), case.to_owned()),
        (lang.w("case.leg").to_owned(), number.to_string()),
    ];
    answers.extend(given);
    let ours = |name: &str| page.inputs.iter().any(|input| input.name == name);
    let mut hidden: Vec<(String, String)> = form
        .fields()
        .filter(|(name, _)| ours(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    hidden.retain(|(_, value)| !value.is_empty());
    show(&CheckPage {
        f: page.f,
        lead: vec![lead.to_owned()],
        answers,
        hidden,
        button: lang.w("act.send").to_owned(),
        back: Link::new(format!("/cases/{case}"), lang.w("form.back")),
        may_change: !page.inputs.is_empty(),
        action: page.action,
    })
}

/// Checks, and sends what was checked.
pub(crate) async fn act(visitor: Visitor, Path((case, number, step)): Place, form: Form) -> Answer {
    let view = leg(&visitor, &case, number).await?;
    let offered = Offered::of(&view, &step).ok_or_else(|| not_now(&visitor))?;
    let lang = visitor.lang;
    let mut page = questions(&visitor, &case, number, &offered);
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let act = match offered.act(&form) {
        Ok(act) => act,
        Err(name) => {
            let label =
                page.inputs.iter().find(|input| input.name == name && input.value.is_empty());
            let what = label.map(|input| lang.fill("error.missing", &[&input.label]));
            blame(&mut page.inputs, &name, &what.unwrap_or(lang.w("error.entry").to_owned()));
            return Ok(page.show());
        }
    };
    if form.get("send") != "yes" {
        return Ok(check(&visitor, page, &case, number, &form));
    }
    let request = wire::ActRequest { case_number: case.clone(), leg: number, act: Some(act) };
    match visitor.desk()?.act(request).await {
        Ok(_) => Ok(Redirect::to(&format!("/cases/{case}/{number}/done")).into_response()),
        Err(status) => {
            let said = Said::from(status);
            if page.inputs.is_empty() || !said.is_denial() {
                return Err(visitor.failed(said));
            }
            let first = page.inputs[0].name.clone();
            blame(&mut page.inputs, &first, &said.text(lang));
            Ok(page.show())
        }
    }
}

/// What is wrong is said at the field of that name, or at the first.
fn blame(inputs: &mut [Input], name: &str, what: &str) {
    let at = inputs.iter().position(|input| input.name == name).unwrap_or(0);
    if let Some(input) = inputs.get_mut(at) {
        input.wrong = what.to_owned();
    }
}

/// The confirmation, with Undo while there is time.
pub(crate) async fn done(visitor: Visitor, Path((case, number)): Path<(String, u32)>) -> Answer {
    let lang = visitor.lang;
    let view = leg(&visitor, &case, number).await?;
    let desk = view.line.and_then(|line| line.desk).unwrap_or_default();
    let (lead, buttons) = match &desk.pending {
        Some(pending) => {
            let step = steps::word(&pending.step, lang);
            let undo = Button {
                action: format!("/cases/{case}/{number}/undo"),
                label: lang.fill("act.undo", &[step]),
                hidden: Vec::new(),
            };
            (lang.fill("act.pending", &[step, &pending.goes_out_at]), vec![undo])
        }
        None => (lang.w("act.gone").to_owned(), Vec::new()),
    };
    Ok(show(&DonePage {
        f: Frame::new(&visitor, lang.w("act.done")),
        reference: format!("{case} / {number}"),
        lead: vec![lead],
        buttons,
        links: links(&visitor, &case),
    }))
}

fn links(visitor: &Visitor, case: &str) -> Vec<Link> {
    let lang = visitor.lang;
    vec![
        Link::new(format!("/cases/{case}"), lang.fill("case.title", &[case])),
        Link::new("/queue", lang.w("nav.queue")),
    ]
}

pub(crate) async fn undo(
    visitor: Visitor,
    Path((case, leg)): Path<(String, u32)>,
    _: Form,
) -> Answer {
    let ask = wire::UndoRequest { case_number: case.clone(), leg };
    let said = visitor.desk()?.undo_act(ask).await.map_err(visitor.sorry())?.into_inner();
    Ok(told(&visitor, &case, visitor.lang.pick(&said.say_zh, &said.say_en)))
}

/// What the node said to something that was done in a case.
pub(super) fn told(visitor: &Visitor, case: &str, what: &str) -> Response {
    show(&DonePage {
        f: Frame::new(visitor, visitor.lang.w("act.done")),
        reference: case.to_owned(),
        lead: vec![what.to_owned()],
        buttons: Vec::new(),
        links: links(visitor, case),
    })
}
