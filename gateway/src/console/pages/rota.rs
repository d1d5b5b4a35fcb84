//! Who has an item on the desk: handed to a colleague, taken over, somebody standing in; and a
//! statement that the person asked for.

use super::case::stays;
use super::find::simple;
use super::review::{Ask, ReviewPage};
use super::step::told;
use crate::console::desks::{Rota, Said};
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{Answer, Button, Cell, Failed, FormPage, Link, Table};
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use crate::drafts;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use jieli_proto::day::Day;
use jieli_proto::wire::{self, StatementFact};
use jieli_proto::words;

impl Visitor {
    /// Who stands in for whom, at the node.
    fn rota(&self) -> Result<Rota, Failed> {
        let account = self.account.as_ref();
        let found = account.and_then(|a| self.console.desks.rota(&a.token, a.role));
        found.ok_or_else(|| self.no_token())
    }

    /// The other tokens of the own office and role.
    fn colleagues(&self) -> Result<Vec<(String, String)>, Failed> {
        let (own, _) = self.office()?;
        let all = self.console.desks.tokens();
        let others = all
            .filter(|one| one.name != own.name && one.role == own.role && one.office == own.office);
        Ok(others.map(|one| (one.name.clone(), one.name.clone())).collect())
    }
}

fn list(found: &wire::StandInList, lang: Lang) -> Table {
    let rows = found.stand_ins.iter().map(|one| {
        let end = Button {
            action: "/stand-ins/end".to_owned(),
            label: lang.w("rota.end").to_owned(),
            hidden: vec![("id".to_owned(), one.id.clone())],
        };
        let now = if one.now { lang.w("rota.now") } else { lang.w("rota.later") };
        vec![
            one.absent.clone().into(),
            one.stand_in.clone().into(),
            Cell::whole(lang.day(one.from)),
            Cell::whole(lang.day(one.to)),
            now.to_owned().into(),
            Cell { buttons: vec![end], ..Cell::default() },
        ]
    });
    Table {
        heading: lang.w("rota.now_and_later").to_owned(),
        heads: vec![
            lang.w("rota.absent"),
            lang.w("rota.stand_in"),
            lang.w("review.from"),
            lang.w("review.to"),
            lang.w("places.state"),
            lang.w("accounts.do"),
        ],
        rows: rows.collect(),
        empty: lang.w("rota.nobody"),
    }
}

fn inputs(visitor: &Visitor) -> Result<Vec<Input>, Failed> {
    let lang = visitor.lang;
    let colleagues = Kind::Choice(visitor.colleagues()?);
    Ok(vec![
        Input::new("stand_in", lang.w("rota.stand_in"), colleagues),
        Input::new("from", lang.w("review.from"), Kind::Date),
        Input::new("to", lang.w("review.to"), Kind::Date),
    ])
}

async fn shown(visitor: &Visitor, inputs: Vec<Input>) -> Answer {
    let lang = visitor.lang;
    let found = visitor.rota()?.list_stand_ins(wire::ListStandInsRequest {}).await;
    let found = found.map_err(visitor.sorry())?.into_inner();
    let mut page = ReviewPage::new(visitor, lang.w("nav.stand_ins"));
    page.lead = vec![lang.w("rota.lead").to_owned()];
    page.tables = vec![list(&found, lang)];
    if visitor.colleagues()?.is_empty() {
        page.lead.push(lang.w("rota.alone").to_owned());
        return Ok(page.show());
    }
    page.forms = vec![Ask {
        heading: lang.w("rota.name").to_owned(),
        lead: Vec::new(),
        method: "post",
        action: "/stand-ins",
        hidden: Vec::new(),
        inputs,
        button: lang.w("form.send"),
    }];
    Ok(page.show())
}

pub(crate) async fn page(visitor: Visitor) -> Answer {
    shown(&visitor, inputs(&visitor)?).await
}

/// The number of a day that a form has checked.
fn day(form: &Form, name: &str) -> u32 {
    drafts::date(form.get(name)).map_or(0, Day::number)
}

/// Somebody stands in for who asks; whether that may be, the node says.
pub(crate) async fn name(visitor: Visitor, form: Form) -> Answer {
    let mut inputs = inputs(&visitor)?;
    if !taken(&mut inputs, &form, visitor.lang) {
        return shown(&visitor, inputs).await;
    }
    let ask = wire::StandInRequest {
        absent: String::new(),
        stand_in: form.get("stand_in").to_owned(),
        from: day(&form, "from"),
        to: day(&form, "to"),
    };
    match visitor.rota()?.name_stand_in(ask).await {
        Ok(_) => Ok(Redirect::to("/stand-ins").into_response()),
        Err(status) => {
            let said = Said::from(status);
            if !said.is_denial() {
                return Err(visitor.failed(said));
            }
            inputs[2].wrong = said.text(visitor.lang);
            shown(&visitor, inputs).await
        }
    }
}

pub(crate) async fn end(visitor: Visitor, form: Form) -> Answer {
    let ask = wire::StandInRef { id: form.get("id").to_owned() };
    visitor.rota()?.end_stand_in(ask).await.map_err(visitor.sorry())?;
    Ok(Redirect::to("/stand-ins").into_response())
}

fn hand_form(visitor: &Visitor, case: &str, leg: u32) -> Result<FormPage, Failed> {
    let lang = visitor.lang;
    let all = Kind::Choice(visitor.colleagues()?);
    let inputs = vec![Input::new("to", lang.w("rota.colleague"), all)];
    let action = format!("/cases/{case}/{leg}/hand-over");
    let mut page = simple(visitor, lang.w("rota.hand_over"), &action, inputs);
    page.lead = vec![lang.w("rota.hand_over_lead").to_owned()];
    page.back = Some(Link::new(format!("/cases/{case}"), lang.w("form.back")));
    Ok(page)
}

pub(crate) async fn hand_page(visitor: Visitor, Path((case, leg)): Path<(String, u32)>) -> Answer {
    stays(&visitor, &case).await?;
    Ok(hand_form(&visitor, &case, leg)?.show())
}

/// Until the colleague takes it over, who hands it over answers for it.
pub(crate) async fn hand(
    visitor: Visitor,
    Path((case, leg)): Path<(String, u32)>,
    form: Form,
) -> Answer {
    let lang = visitor.lang;
    stays(&visitor, &case).await?;
    let mut page = hand_form(&visitor, &case, leg)?;
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let to_token = form.get("to").to_owned();
    let ask = wire::HandOverRequest { case_number: case.clone(), leg, to_token };
    match visitor.desk()?.hand_over(ask).await {
        Ok(reply) => {
            let said = reply.into_inner();
            Ok(told(&visitor, &case, lang.pick(&said.say_zh, &said.say_en)))
        }
        Err(status) => page.blamed(&visitor, 0, status),
    }
}

pub(crate) async fn take(
    visitor: Visitor,
    Path((case, leg)): Path<(String, u32)>,
    _: Form,
) -> Answer {
    let ask = wire::TakeOverRequest { case_number: case.clone(), leg };
    let said = visitor.rota()?.take_over(ask).await.map_err(visitor.sorry())?.into_inner();
    Ok(told(&visitor, &case, visitor.lang.pick(&said.say_zh, &said.say_en)))
}

/// What can be stated, with a day or a number of months.
const FACTS: [StatementFact; 4] = [
    StatementFact::InsuredMonths,
    StatementFact::CourseFinished,
    StatementFact::ResidenceRegisteredSince,
    StatementFact::EnrolledSince,
];

fn statement_form(visitor: &Visitor, case: &str, leg: u32) -> FormPage {
    let lang = visitor.lang;
    let fact =
        |fact: StatementFact| (fact.as_str_name().to_owned(), lang.of(words::statement_fact(fact)));
    let inputs = vec![
        Input::new("fact", lang.w("rota.fact"), Kind::Radio(FACTS.map(fact).to_vec())),
        Input::new("months", lang.w("rota.months"), Kind::Number).optional(),
        Input::new("since", lang.w("rota.since"), Kind::Date).optional(),
    ];
    let action = format!("/cases/{case}/{leg}/statement");
    let mut page = simple(visitor, lang.w("rota.statement"), &action, inputs);
    page.lead = vec![lang.w("rota.statement_lead").to_owned()];
    page.back = Some(Link::new(format!("/cases/{case}"), lang.w("form.back")));
    page
}

pub(crate) async fn statement_page(
    visitor: Visitor,
    Path((case, leg)): Path<(String, u32)>,
) -> Answer {
    stays(&visitor, &case).await?;
    Ok(statement_form(&visitor, &case, leg).show())
}

/// The person is asked on the own phone and alone gets the statement: no desk can print it.
pub(crate) async fn statement(
    visitor: Visitor,
    Path((case, leg)): Path<(String, u32)>,
    form: Form,
) -> Answer {
    let lang = visitor.lang;
    stays(&visitor, &case).await?;
    let mut page = statement_form(&visitor, &case, leg);
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let fact = StatementFact::from_str_name(form.get("fact")).unwrap_or_default();
    let ask = wire::StatementRequest {
        case_number: case.clone(),
        leg,
        fact: fact.into(),
        months: form.get("months").parse().unwrap_or(0),
        since: day(&form, "since"),
    };
    match visitor.desk()?.ask_statement(ask).await {
        Ok(reply) => {
            let said = reply.into_inner();
            Ok(told(&visitor, &case, lang.pick(&said.say_zh, &said.say_en)))
        }
        Err(status) => page.blamed(&visitor, 0, status),
    }
}
