//! Every address of the worker's pages with what opens it. The router is made from this table and
//! from nothing else; `gateway/worker.txt` is the same table on paper. No desk is in it.

use super::Shared;
use super::guest::gate;
use super::pages::{answer, help, helper, mine, paper, proxy, start};
use crate::console::stack;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

/// What opens an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nothing.
    Anyone,
    /// A case number with the code of a slip or of a notice.
    Slip,
    /// A case number with the code of a notice.
    Notice,
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path.
    pub path: &'static str,
    /// What opens it.
    pub who: Who,
}

type Handler = MethodRouter<Shared>;

fn table() -> Vec<(Route, Handler)> {
    let at = |method, path, who, handler: Handler| (Route { method, path, who }, handler);
    let read = |path, who, handler| at("GET", path, who, handler);
    let write = |path, who, handler| at("POST", path, who, handler);
    vec![
        read("/health", Who::Anyone, get(start::health)),
        read("/worker.css", Who::Anyone, get(start::style)),
        read("/icon.svg", Who::Anyone, get(start::icon)),
        write("/language", Who::Anyone, post(start::language)),
        read("/", Who::Anyone, get(start::page)),
        write("/in", Who::Anyone, post(start::enter)),
        read("/stop-now", Who::Anyone, get(start::stop_now_page)),
        write("/stop-now", Who::Anyone, post(start::stop_now)),
        read("/kept", Who::Anyone, get(help::kept_page)),
        write("/kept", Who::Anyone, post(help::kept)),
        read("/call-back", Who::Anyone, get(help::call_back_page)),
        write("/call-back", Who::Anyone, post(help::call_back)),
        write("/call-back/answer", Who::Anyone, post(help::answer_call_back)),
        read("/mine", Who::Slip, get(mine::page)),
        read("/stop", Who::Slip, get(mine::stop_page)),
        write("/stop", Who::Slip, post(mine::stop)),
        write("/leave", Who::Slip, post(start::leave)),
        read("/looked", Who::Notice, get(mine::looked)),
        write("/asked", Who::Notice, post(answer::asked)),
        write("/answer", Who::Notice, post(answer::answer)),
        write("/not-me", Who::Notice, post(answer::not_me)),
        read("/again", Who::Notice, get(answer::again_page)),
        write("/again", Who::Notice, post(answer::again)),
        read("/pin", Who::Notice, get(mine::pin_page)),
        write("/pin", Who::Notice, post(mine::pin)),
        read("/erase", Who::Notice, get(mine::erase_page)),
        write("/erase", Who::Notice, post(mine::erase)),
        read("/help", Who::Notice, get(help::page)),
        write("/help", Who::Notice, post(help::file)),
        read("/helper", Who::Notice, get(helper::page)),
        write("/helper", Who::Notice, post(helper::choose)),
        write("/no-helper", Who::Notice, post(helper::dismiss)),
        read("/proxy", Who::Notice, get(proxy::page)),
        write("/proxy", Who::Notice, post(proxy::name)),
        write("/no-proxy", Who::Notice, post(proxy::end)),
        write("/copy", Who::Notice, post(paper::copy)),
        write("/slip", Who::Notice, post(paper::slip)),
        write("/statement", Who::Notice, post(paper::statement)),
    ]
}

/// The table without what answers.
pub fn routes() -> Vec<Route> {
    table().into_iter().map(|(route, _)| route).collect()
}

/// The router, every route behind the gate.
pub(super) fn router(pages: &Shared) -> Router<Shared> {
    let mut router = Router::new();
    for (route, handler) in table() {
        let gate = from_fn_with_state((pages.clone(), route), gate);
        router = router.route(route.path, handler.route_layer(gate));
    }
    router.fallback(stack::nowhere)
}
