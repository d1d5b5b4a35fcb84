//! What makes an agreement worth a look: flags of the other city to answer, and those of this one.
//! A flag is about an agreement and a month, never about a person.

use super::ReviewPage;
use crate::console::desks::{Cities, Said};
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{Answer, Cell, Failed, FormPage, Frame, Link, Table};
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use jieli_proto::wire::{self, RiskFlagAnswer};
use jieli_proto::words;

async fn all(visitor: &Visitor) -> Result<(wire::FlagList, Cities), Failed> {
    let ask = wire::ListFlagsRequest::default();
    let list = visitor.audit()?.list_flags(ask).await.map_err(visitor.sorry())?.into_inner();
    Ok((list, visitor.cities(&mut visitor.desk()?).await?))
}

fn is_to_answer(flag: &wire::FlagLine) -> bool {
    !flag.ours && !flag.refused && flag.answer() == RiskFlagAnswer::Unspecified
}

fn month(number: u32, lang: Lang) -> String {
    let (year, month) = (number / 100, number % 100);
    lang.fill("flag.month", &[&year.to_string(), &format!("{month:02}")])
}

pub(crate) async fn page(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let (list, cities) = all(&visitor).await?;
    let (to_answer, others): (Vec<_>, Vec<_>) = list.flags.iter().partition(|f| is_to_answer(f));
    let mut page = ReviewPage::new(&visitor, lang.w("nav.flags"));
    page.lead = vec![lang.w("flag.lead").to_owned()];
    let heads = |keys: [&str; 5]| keys.map(|key| word(lang, key)).to_vec();
    page.tables = vec![
        Table {
            heading: lang.fill("flag.to_answer", &[&to_answer.len().to_string()]),
            heads: heads(["partners.city", "flag.what", "flag.when", "flag.by", "flag.state"]),
            rows: to_answer.iter().map(|flag| row(flag, &cities, lang)).collect(),
            empty: lang.w("flag.none"),
        },
        Table {
            heading: lang.w("flag.others").to_owned(),
            heads: heads(["partners.city", "flag.what", "flag.when", "flag.by", "flag.state"]),
            rows: others.iter().map(|flag| row(flag, &cities, lang)).collect(),
            empty: lang.w("flag.no_others"),
        },
        counted(&list.figures, lang),
    ];
    Ok(page.show())
}

fn word(lang: Lang, key: &str) -> &'static str {
    lang.w(key)
}

fn row(flag: &wire::FlagLine, cities: &Cities, lang: Lang) -> Vec<Cell> {
    let what = lang.of(words::flag(flag.kind()));
    let href = match is_to_answer(flag) {
        true => format!("/review/flags/{}", flag.flag_id),
        false => String::new(),
    };
    let answer = lang.of(words::flag_answer(flag.answer()));
    let state = match (flag.refused, flag.suspends) {
        (true, _) => lang.w("flag.refused").to_owned(),
        (false, true) => format!("{answer} · {}", lang.w("flag.suspends")),
        (false, false) => answer,
    };
    let by = if flag.ours { lang.w("flag.theirs") } else { lang.w("flag.ours") };
    vec![
        cities.of(&flag.peer).into(),
        Cell { text: what, href, ..Cell::default() },
        month(flag.month, lang).into(),
        format!("{by} {}", lang.day(flag.answer_by)).into(),
        state.into(),
    ]
}

fn counted(figures: &[wire::FlagFigure], lang: Lang) -> Table {
    let row = |one: &wire::FlagFigure| {
        let of = if one.of == 0 { String::new() } else { format!(" / {}", one.of) };
        vec![
            lang.of(words::flag(one.kind())).into(),
            month(one.month, lang).into(),
            format!("{}{of}", one.count).into(),
        ]
    };
    Table {
        heading: lang.w("flag.figures").to_owned(),
        heads: vec![lang.w("flag.what"), lang.w("flag.when"), lang.w("flag.count")],
        rows: figures.iter().map(row).collect(),
        empty: lang.w("flag.no_figures"),
    }
}

async fn question(visitor: &Visitor, id: &str) -> Result<FormPage, Failed> {
    let lang = visitor.lang;
    let (list, cities) = all(visitor).await?;
    let found = list.flags.iter().find(|flag| flag.flag_id == id && is_to_answer(flag));
    let flag = found.ok_or_else(|| {
        visitor.failed(Said::own(StatusCode::NOT_FOUND, "NO_FLAG", "flag.missing"))
    })?;
    let answers = (1..).map_while(|code| RiskFlagAnswer::try_from(code).ok());
    let answers = answers.map(|a| ((a as i32).to_string(), lang.of(words::flag_answer(a))));
    let f = Frame::new(visitor, lang.of(words::flag(flag.kind())));
    let mut page = FormPage::new(f, format!("/review/flags/{id}"), lang.w("flag.send"));
    let about = [cities.of(&flag.peer), month(flag.month, lang), lang.day(flag.answer_by)];
    let [city, month, day] = about.each_ref().map(String::as_str);
    page.lead = vec![lang.fill("flag.about", &[city, month, day])];
    let answers = Kind::Radio(answers.collect());
    page.inputs = vec![Input::new("answer", lang.w("flag.answer"), answers)];
    page.back = Some(Link::new("/review/flags", lang.w("form.back")));
    Ok(page)
}

pub(crate) async fn answer_page(visitor: Visitor, Path(id): Path<String>) -> Answer {
    Ok(question(&visitor, &id).await?.show())
}

/// The answer is a code: it travels to the other city, and no word about anybody with it.
pub(crate) async fn answer(visitor: Visitor, Path(id): Path<String>, form: Form) -> Answer {
    let mut page = question(&visitor, &id).await?;
    if !taken(&mut page.inputs, &form, visitor.lang) {
        return Ok(page.show());
    }
    let answer = form.get("answer").parse().unwrap_or(0);
    let ask = wire::AnswerFlagRequest { flag_id: id, answer };
    visitor.audit()?.answer_flag(ask).await.map_err(visitor.sorry())?;
    Ok(Redirect::to("/review/flags").into_response())
}
