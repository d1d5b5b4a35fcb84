//! Own places, and vacancies.

use super::Shared;
use super::caller::Caller;
use super::legs::{Answer, service, shown};
use super::once::{Keep, Posted, once};
use super::problem::Wrong;
use super::views::{self, PlacesAsked, PlacesBody, PlacesLine, VacanciesBody, VacancyBody};
use crate::console::words::Lang;
use crate::drafts;
use axum::extract::State;
use axum::response::Response;
use jieli_proto::wire::{self, CapacityState};

fn line(line: &wire::CapacityLine) -> PlacesLine {
    let cut = line.cut.clone().unwrap_or_default();
    PlacesLine {
        service: views::service(cut.service()),
        stage: cut.stage,
        home_kind: cut.home_kind,
        district: cut.district,
        reference: cut.reference,
        state: line.state().as_str_name().trim_start_matches("CAPACITY_STATE_").to_owned(),
        places: line.places,
        held: line.held,
        used: line.used,
        kept: line.kept,
        valid_until: views::date(line.valid_until),
        expired: line.expired,
    }
}

pub(super) async fn list(mut caller: Caller) -> Answer {
    let ask = wire::ListCapacityRequest { peers: false };
    let list = caller.node.read_capacity(ask).await.map_err(Wrong::node(caller.lang))?;
    Ok(shown(&PlacesBody { lines: list.into_inner().lines.iter().map(line).collect() }))
}

fn announced(asked: PlacesAsked, lang: Lang) -> Result<wire::SetCapacityRequest, Wrong> {
    let wrong =
        |name: &str| Wrong::fields(lang, vec![(name.to_owned(), lang.w("error.entry").to_owned())]);
    let state = asked.state.map_or(Ok(CapacityState::Has), |state| {
        let state = CapacityState::from_str_name(&format!("CAPACITY_STATE_{state}"));
        state.filter(|state| *state != CapacityState::Unspecified).ok_or_else(|| wrong("state"))
    })?;
    let cut = wire::Cut {
        service: service(&asked.service, || wrong("service"))?.into(),
        stage: asked.stage.unwrap_or_default(),
        home_kind: asked.home_kind.unwrap_or_default(),
        district: asked.district.unwrap_or_default(),
        reference: String::new(),
    };
    let until = drafts::date(&asked.valid_until).ok_or_else(|| wrong("valid_until"))?;
    Ok(wire::SetCapacityRequest {
        cut: Some(cut),
        state: state.into(),
        places: asked.places,
        wait_days: asked.wait_days.unwrap_or_default(),
        valid_until: until.number(),
        counts_from: 0,
    })
}

pub(super) async fn announce(
    State(api): State<Shared>,
    caller: Caller,
    posted: Posted,
) -> Response {
    let mut node = caller.node.clone();
    let lang = caller.lang;
    once(&api, &caller, posted, Keep::Answer, |asked: PlacesAsked| async move {
        let ask = announced(asked, lang)?;
        let set = node.announce_capacity(ask).await.map_err(Wrong::node(lang))?;
        Ok(line(&set.into_inner()))
    })
    .await
}

pub(super) async fn vacancies(mut caller: Caller) -> Answer {
    let ask = wire::ListVacanciesRequest {};
    let list = caller.node.read_vacancies(ask).await.map_err(Wrong::node(caller.lang))?;
    let vacancies = list.into_inner().vacancies.into_iter().map(|vacancy| {
        let terms = vacancy.terms.unwrap_or_default();
        VacancyBody {
            reference: terms.reference,
            city: vacancy.city,
            employer_name: terms.employer_name,
            posts: vacancy.posts,
            valid_until: views::date(vacancy.valid_until),
        }
    });
    Ok(shown(&VacanciesBody { vacancies: vacancies.collect() }))
}
