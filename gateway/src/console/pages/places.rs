//! Own places with their counters, and what is asked of them.

use super::find::simple;
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{Answer, Frame, Link, Table, TablesPage, show};
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use crate::drafts;
use axum::response::{IntoResponse, Redirect, Response};
use jieli_proto::wire::{self, CapacityState, Service};
use jieli_proto::words;

pub(crate) async fn page(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let ask = wire::ListCapacityRequest { peers: false };
    let list = visitor.desk()?.list_capacity(ask).await.map_err(visitor.sorry())?.into_inner();
    let rows = list.lines.iter().map(|line| {
        let until = match line.expired {
            true => lang.fill("places.expired", &[&lang.day(line.valid_until)]),
            false => lang.day(line.valid_until),
        };
        let free = line.places.saturating_sub(line.held + line.used + line.kept);
        let free = if line.places == 0 { String::new() } else { free.to_string() };
        vec![
            cut_words(line.cut.as_ref(), lang).into(),
            state_word(line.state(), lang).to_owned().into(),
            line.places.to_string().into(),
            line.held.to_string().into(),
            line.used.to_string().into(),
            line.kept.to_string().into(),
            free.into(),
            until.into(),
        ]
    });
    let table = Table {
        heading: String::new(),
        heads: vec![
            lang.w("places.what"),
            lang.w("places.state"),
            lang.w("places.places"),
            lang.w("places.held"),
            lang.w("places.used"),
            lang.w("places.kept"),
            lang.w("places.free"),
            lang.w("places.until"),
        ],
        rows: rows.collect(),
        empty: lang.w("places.none"),
    };
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.w("nav.places")),
        lead: vec![lang.w("places.lead").to_owned()],
        links: vec![Link::new("/places/set", lang.w("places.set"))],
        filters: Vec::new(),
        tables: vec![table],
    }))
}

/// Which places, in words.
pub(super) fn cut_words(cut: Option<&wire::Cut>, lang: Lang) -> String {
    let Some(cut) = cut else { return String::new() };
    let kind = match cut.service() {
        Service::Schooling => words::code(2, 1, cut.stage.into()),
        Service::Housing => words::code(3, 1, cut.home_kind.into()),
        Service::Unspecified
        | Service::Employment
        | Service::SchoolRecord
        | Service::Insurance
        | Service::FundTransfer => None,
    };
    let kind = kind.map_or(cut.reference.clone(), |word| lang.of(word));
    let parts = [lang.of(words::service(cut.service())), kind, cut.district.clone()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

pub(super) fn state_word(state: CapacityState, lang: Lang) -> &'static str {
    match state {
        CapacityState::Unspecified => "",
        CapacityState::Has => lang.w("places.has"),
        CapacityState::None => lang.w("places.full"),
        CapacityState::Waitlist => lang.w("places.waitlist"),
        CapacityState::AssessFirst => lang.w("places.assess"),
    }
}

/// What kind of place: a school stage or a kind of home, in one list.
pub(super) fn cut_inputs(lang: Lang) -> Vec<Input> {
    let of = |service: &'static str, section, field, name: String| {
        (1..).map_while(move |code: u64| {
            let word = words::code(section, field, code)?;
            Some((format!("{service}-{code}"), format!("{name}：{}", lang.of(word))))
        })
    };
    let schools = of("school", 2, 1, lang.of(words::service(Service::Schooling)));
    let homes = of("home", 3, 1, lang.of(words::service(Service::Housing)));
    vec![
        Input::new("cut", lang.w("places.what"), Kind::Choice(schools.chain(homes).collect())),
        Input::new("district", lang.w("places.district"), Kind::Text)
            .hint(lang.w("places.district_hint"))
            .optional(),
    ]
}

pub(super) fn cut_of(form: &Form) -> wire::Cut {
    let (service, code) = form.get("cut").split_once('-').unwrap_or_default();
    let code: u32 = code.parse().unwrap_or(0);
    let school = service == "school";
    wire::Cut {
        service: if school { Service::Schooling } else { Service::Housing }.into(),
        stage: if school { code } else { 0 },
        home_kind: if school { 0 } else { code },
        district: form.get("district").to_owned(),
        reference: String::new(),
    }
}

fn questions(visitor: &Visitor) -> Vec<Input> {
    let lang = visitor.lang;
    let mut inputs = cut_inputs(lang);
    let states = [
        ("", "places.counted"),
        ("none", "places.full"),
        ("waitlist", "places.waitlist"),
        ("assess", "places.assess"),
    ];
    let states = states.map(|(code, key)| (code.to_owned(), key_word(lang, key).to_owned()));
    inputs.extend([
        Input::new("places", lang.w("places.places"), Kind::Number).hint(lang.w("places.whole")),
        Input::new("state", lang.w("places.state"), Kind::Choice(states.to_vec())).optional(),
        Input::new("wait", lang.w("places.wait"), Kind::Number).optional(),
        Input::new("until", lang.w("places.until"), Kind::Date),
    ]);
    inputs
}

fn key_word(lang: Lang, key: &str) -> &'static str {
    lang.w(key)
}

pub(crate) async fn set_page(visitor: Visitor) -> Response {
    let mut page =
        simple(&visitor, visitor.lang.w("places.set"), "/places/set", questions(&visitor));
    page.back = Some(Link::new("/places", visitor.lang.w("form.back")));
    page.show()
}

pub(crate) async fn set(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let mut page = simple(&visitor, lang.w("places.set"), "/places/set", questions(&visitor));
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let state = match form.get("state") {
        "none" => CapacityState::None,
        "waitlist" => CapacityState::Waitlist,
        "assess" => CapacityState::AssessFirst,
        _ => CapacityState::Unspecified,
    };
    let ask = wire::SetCapacityRequest {
        cut: Some(cut_of(&form)),
        state: state.into(),
        places: form.get("places").parse().unwrap_or(0),
        wait_days: form.get("wait").parse().unwrap_or(0),
        valid_until: drafts::date(form.get("until")).map_or(0, |day| day.number()),
        counts_from: 0,
    };
    visitor.desk()?.set_capacity(ask).await.map_err(visitor.sorry())?;
    Ok(Redirect::to("/places").into_response())
}
