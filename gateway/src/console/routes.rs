//! Every route with those who may take it. The router is made from this table and from nothing
//! else; `gateway/access.txt` is the same table on paper.

use super::pages::review::{check, flags, pack, report, sample, timeline};
use super::pages::{
    account, admin, agreements, case, delays, figures, find, given, home, oidc as provider, packs,
    partners, places, posts, queue, rota, sheet, step, system, vacancies, window,
};
use super::role::Role;
use super::visitor::gate;
use super::{Shared, oidc, stack};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

/// Who may take a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    Anyone,
    /// Everybody who is logged in, the password still to be changed or not.
    Account,
    /// Accounts of these roles.
    Roles(&'static [Role]),
}

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path, its variables in braces.
    pub path: &'static str,
    /// Who may take it.
    pub who: Who,
}

impl Route {
    /// Whether a form with a file comes here.
    pub(crate) fn takes_file(self) -> bool {
        matches!(self.path, "/sheet" | "/verify")
    }

    /// Whether what was typed here is worth keeping when a session ends: long forms, none of which
    /// asks for a password, a code or the number of a document.
    pub(crate) fn keeps(self) -> bool {
        matches!(
            self.path,
            "/cases/{case}/{leg}/act/{step}"
                | "/vacancies/new"
                | "/vacancies/rule"
                | "/posts/new"
                | "/places/set"
                | "/partners/ask"
                | "/agreements/draft"
                | "/agreements/{id}/act/{step}"
        )
    }
}

use Role::{
    Approver, ComplianceReviewer, Director, Employer, Liaison, NamedHelper, ReceivingClerk,
    SecurityAdministrator, SendingClerk, StationIntake, SystemAdministrator, WindowOfficer,
};

const ALL: &[Role] = &Role::ALL;
const CASES: &[Role] = &[SendingClerk, ReceivingClerk];
const SENDING: &[Role] = &[SendingClerk];
const RECEIVING: &[Role] = &[ReceivingClerk];
const SHEETS: &[Role] = &[SendingClerk, StationIntake];
const PARTNERS: &[Role] = &[SendingClerk, Approver, Director, ComplianceReviewer];
const FIGURES: &[Role] = &[SendingClerk, Director];
const REVIEWS: &[Role] = &[ComplianceReviewer];
const APPROVES: &[Role] = &[Approver];
const EMPLOYER: &[Role] = &[Employer];
const LIAISON: &[Role] = &[Liaison];
const HELPER: &[Role] = &[NamedHelper];
const WINDOW: &[Role] = &[WindowOfficer];
const PACKS: &[Role] = &[ComplianceReviewer, SystemAdministrator];
const SYSTEM: &[Role] = &[SystemAdministrator];
const SECURITY: &[Role] = &[SecurityAdministrator];

type Handler = MethodRouter<Shared>;

fn table() -> Vec<(Route, Handler)> {
    let at = |method, path, who, handler: Handler| (Route { method, path, who }, handler);
    let read = |path, who, handler| at("GET", path, who, handler);
    let write = |path, who, handler| at("POST", path, who, handler);
    let to = Who::Roles;
    vec![
        read("/health", Who::Anyone, get(home::health)),
        read("/console.css", Who::Anyone, get(home::style)),
        read("/icon.svg", Who::Anyone, get(home::icon)),
        write("/language", Who::Anyone, post(account::language)),
        read("/login", Who::Anyone, get(account::login_page)),
        write("/login", Who::Anyone, post(account::login)),
        read(oidc::BEGIN, Who::Anyone, get(provider::begin)),
        read(oidc::BACK, Who::Anyone, get(provider::back)),
        write("/logout", Who::Account, post(account::logout)),
        write("/logout/everywhere", Who::Account, post(account::logout_everywhere)),
        read("/account", Who::Account, get(account::page)),
        read("/account/password", Who::Account, get(account::password_page)),
        write("/account/password", Who::Account, post(account::password)),
        read("/account/app", Who::Account, get(account::app_page)),
        write("/account/app", Who::Account, post(account::app)),
        read("/", to(ALL), get(home::page)),
        read("/resume", to(ALL), get(home::resume)),
        read("/given", to(HELPER), get(given::list)),
        read("/given/{case}/{leg}", to(HELPER), get(given::one)),
        read("/posts", to(EMPLOYER), get(posts::page)),
        write("/posts/released", to(EMPLOYER), post(posts::released)),
        write("/posts/work", to(EMPLOYER), post(posts::work)),
        read("/posts/new", to(EMPLOYER), get(posts::new_page)),
        write("/posts/new", to(EMPLOYER), post(posts::new)),
        read("/delays", to(LIAISON), get(delays::page)),
        read("/window", to(WINDOW), get(window::page)),
        write("/window", to(WINDOW), post(window::choose)),
        write("/window/do", to(WINDOW), post(window::perform)),
        write("/window/answer", to(WINDOW), post(window::answer)),
        read("/accounts", to(SECURITY), get(admin::list)),
        read("/accounts/new", to(SECURITY), get(admin::new_page)),
        write("/accounts/new", to(SECURITY), post(admin::new)),
        write("/accounts/reset", to(SECURITY), post(admin::reset)),
        write("/accounts/disable", to(SECURITY), post(admin::disable)),
        read("/accounts/events", to(SECURITY), get(admin::events)),
        read("/queue", to(CASES), get(queue::page)),
        write("/ask", to(SENDING), post(queue::ask)),
        read("/cases/{case}", to(CASES), get(case::page)),
        write("/cases/{case}", to(CASES), post(case::open)),
        write("/cases/{case}/slip", to(CASES), post(case::slip)),
        write("/cases/{case}/ask", to(SENDING), post(case::ask)),
        read("/cases/{case}/{leg}/done", to(CASES), get(step::done)),
        write("/cases/{case}/{leg}/undo", to(CASES), post(step::undo)),
        read("/cases/{case}/{leg}/act/{step}", to(CASES), get(step::page)),
        write("/cases/{case}/{leg}/act/{step}", to(CASES), post(step::act)),
        read("/cases/{case}/{leg}/hand-over", to(CASES), get(rota::hand_page)),
        write("/cases/{case}/{leg}/hand-over", to(CASES), post(rota::hand)),
        write("/cases/{case}/{leg}/take-over", to(CASES), post(rota::take)),
        read("/cases/{case}/{leg}/statement", to(CASES), get(rota::statement_page)),
        write("/cases/{case}/{leg}/statement", to(CASES), post(rota::statement)),
        read("/stand-ins", to(CASES), get(rota::page)),
        write("/stand-ins", to(CASES), post(rota::name)),
        write("/stand-ins/end", to(CASES), post(rota::end)),
        read("/cases/{case}/{leg}/bring", to(CASES), get(case::bring)),
        read("/cases/{case}/{leg}/letter", to(SENDING), get(case::letter_page)),
        write("/cases/{case}/{leg}/letter", to(SENDING), post(case::letter)),
        read("/figures", to(FIGURES), get(figures::page)),
        read("/figures/csv", to(FIGURES), get(figures::csv)),
        read("/find", to(CASES), get(find::page)),
        write("/find", to(CASES), post(find::find)),
        write("/find/slip", to(CASES), post(find::slip)),
        read("/places", to(RECEIVING), get(places::page)),
        read("/places/set", to(RECEIVING), get(places::set_page)),
        write("/places/set", to(RECEIVING), post(places::set)),
        read("/vacancies", to(RECEIVING), get(vacancies::page)),
        read("/vacancies/new", to(RECEIVING), get(vacancies::new_page)),
        write("/vacancies/new", to(RECEIVING), post(vacancies::new)),
        write("/vacancies/close", to(RECEIVING), post(vacancies::close)),
        read("/vacancies/proposed", to(RECEIVING), get(posts::proposed)),
        write("/vacancies/proposed", to(RECEIVING), post(posts::answer)),
        read("/vacancies/rule", to(RECEIVING), get(vacancies::rule_page)),
        write("/vacancies/rule", to(RECEIVING), post(vacancies::rule)),
        write("/vacancies/rule/end", to(RECEIVING), post(vacancies::end_rule)),
        read("/partners", to(PARTNERS), get(partners::page)),
        read("/partners/ask", to(SENDING), get(partners::ask_page)),
        write("/partners/ask", to(SENDING), post(partners::ask)),
        write("/partners/approve", to(APPROVES), post(partners::approve)),
        read("/agreements/new", to(APPROVES), get(agreements::new_page)),
        write("/agreements/new", to(APPROVES), post(agreements::new)),
        read("/agreements/draft", to(APPROVES), get(agreements::draft_page)),
        write("/agreements/draft", to(APPROVES), post(agreements::draft)),
        read("/agreements/{id}", to(PARTNERS), get(agreements::page)),
        read("/agreements/{id}/act/{step}", to(APPROVES), get(agreements::act_page)),
        write("/agreements/{id}/act/{step}", to(APPROVES), post(agreements::act)),
        read("/packs", to(PACKS), get(packs::page)),
        read("/packs/{name}", to(PACKS), get(packs::pack)),
        read("/system", to(SYSTEM), get(system::page)),
        write("/system/test", to(SYSTEM), post(system::test)),
        write("/system/retry", to(SYSTEM), post(system::retry)),
        write("/system/webhook", to(SYSTEM), post(system::webhook)),
        read("/system/hold", to(SYSTEM), get(system::hold_page)),
        write("/system/hold", to(SYSTEM), post(system::hold)),
        write("/system/release", to(SYSTEM), post(system::release)),
        write("/system/backup", to(SYSTEM), post(system::backup)),
        read("/review", to(REVIEWS), get(report::choose)),
        read("/review/report", to(REVIEWS), get(report::page)),
        read("/review/pack", to(REVIEWS), get(pack::download)),
        read("/review/looks", to(REVIEWS), get(pack::looks)),
        write("/review/reconcile", to(REVIEWS), post(pack::reconcile)),
        read("/review/sample", to(REVIEWS), get(sample::page)),
        write("/review/sample", to(REVIEWS), post(sample::draw)),
        write("/review/call-back", to(REVIEWS), post(sample::call_back)),
        write("/review/sign-off", to(REVIEWS), post(sample::sign_off)),
        read("/review/cases/{case}", to(REVIEWS), get(timeline::page)),
        read("/review/flags", to(REVIEWS), get(flags::page)),
        read("/review/flags/{flag}", to(REVIEWS), get(flags::answer_page)),
        write("/review/flags/{flag}", to(REVIEWS), post(flags::answer)),
        read("/verify", to(REVIEWS), get(check::page)),
        write("/verify", to(REVIEWS), post(check::verify)),
        read("/sheet", to(SHEETS), get(sheet::page)),
        write("/sheet", to(SHEETS), post(sheet::upload)),
        read("/sheet/check", to(SHEETS), get(sheet::check)),
        write("/sheet/map", to(SHEETS), post(sheet::map)),
        write("/sheet/forget", to(SHEETS), post(sheet::forget)),
        write("/sheet/send", to(SHEETS), post(sheet::send)),
        read("/sheet/done", to(SHEETS), get(sheet::done)),
        read("/sheet/files/{file}", to(SHEETS), get(sheet::file)),
    ]
}

/// The table without what answers.
pub fn routes() -> Vec<Route> {
    table().into_iter().map(|(route, _)| route).collect()
}

/// The router, every route behind the gate.
pub(super) fn router(console: &Shared) -> Router<Shared> {
    let mut router = Router::new();
    for (route, handler) in table() {
        let gate = from_fn_with_state((console.clone(), route), gate);
        router = router.route(route.path, handler.route_layer(gate));
    }
    if console.demo.is_some() {
        router = router.route("/demo/{key}/{account}", get(account::demo));
    }
    router.fallback(stack::nowhere)
}
