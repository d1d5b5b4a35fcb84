//! The start page of the demo: the cities live, the clock, the phones, and a story told step by
//! step. It speaks to each city as its own desks and workers do, over gRPC, and to a [`Stage`].
//! Plain forms do everything; a small script only brings changes without a reload. Nothing comes
//! from outside, and nothing is kept when the page ends.

use axum::extract::{Form, Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, extract::DefaultBodyLimit};
use futures::{Stream, stream};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

mod board;
mod html;
mod look;
mod page;
mod parts;
pub mod stage;
mod story;

use board::Board;
use stage::{Stage, Wish};

/// Most bytes of a form.
const FORM_BYTES_MAX: usize = 16 * 1024;

/// Everything may come from here and nothing from elsewhere; nobody may frame it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

type Fields = Form<Vec<(String, String)>>;

/// What answers.
#[derive(Clone)]
struct Desk {
    board: Arc<Board>,
    hosts: Arc<[String; 2]>,
}

/// Serves the page on a listener of this machine until it fails. `token` stands in every form: 32
/// random characters or more, new at each start.
pub async fn serve(
    listener: tokio::net::TcpListener,
    stage: Arc<dyn Stage>,
    token: String,
) -> std::io::Result<()> {
    let (router, board) = app(stage, listener.local_addr()?.port(), token);
    tokio::select! {
        done = axum::serve(listener, router).into_future() => done,
        () = board.keep_fresh() => Ok(()),
    }
}

fn app(stage: Arc<dyn Stage>, port: u16, token: String) -> (Router, Arc<Board>) {
    let board = Arc::new(Board::new(stage, token));
    let hosts = Arc::new([format!("127.0.0.1:{port}"), format!("localhost:{port}")]);
    let desk = Desk { board: Arc::clone(&board), hosts };
    let router = Router::new()
        .route("/", get(page))
        .route("/events", get(events))
        .route(story::CLEANED, get(cleaned))
        .route("/do/{wish}", post(wish))
        .route("/power/{way}", post(power))
        .route("/phone/{act}", post(phone))
        .route("/enter/{city}/{at}", get(enter))
        .route("/style.css", get(|| file("text/css; charset=utf-8", page::STYLE)))
        .route("/live.js", get(|| file("text/javascript; charset=utf-8", page::SCRIPT)))
        .route("/icon.svg", get(|| file("image/svg+xml", page::ICON)))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn_with_state(desk.clone(), guard))
        .with_state(desk);
    (router, board)
}

/// Answers only to this machine's own names, so that no other site can reach it by a name of its
/// own; and sets what a browser must hold to.
async fn guard(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let mut response = match host {
        Some(host) if desk.hosts.iter().any(|own| own == host) => next.run(request).await,
        _ => refusal(StatusCode::MISDIRECTED_REQUEST, "wrong host"),
    };
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn refusal(status: StatusCode, why: &'static str) -> Response {
    (status, why).into_response()
}

async fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}

async fn page(State(desk): State<Desk>) -> impl IntoResponse {
    desk.board.refresh().await;
    let parts = desk.board.listen().borrow().clone();
    let html = page::page(&parts, &desk.board.stage().steps());
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html)
}

/// Goes into a city's pages. The way leads through here, so that this page names no other place.
async fn enter(State(desk): State<Desk>, Path((city, at)): Path<(String, usize)>) -> Response {
    let doors = desk.board.stage().cities();
    let door = doors.iter().find(|door| door.id == city);
    match door.and_then(|door| door.entrances.get(at)) {
        Some(entrance) => Redirect::to(&entrance.url).into_response(),
        None => refusal(StatusCode::NOT_FOUND, "no such entrance"),
    }
}

/// The cleaned copy, made in memory, to be saved by the browser.
async fn cleaned(State(desk): State<Desk>) -> Response {
    let Some(copy) = desk.board.stage().cleaned() else {
        return refusal(StatusCode::NOT_FOUND, "还没有这个文件。 There is no such file yet.");
    };
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let save = "attachment; filename=\"cleaned.xlsx\"";
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, save)];
    (headers, copy.to_vec()).into_response()
}

/// Sends every part that has changed since it was last sent to this browser.
async fn events(State(desk): State<Desk>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let begin = (desk.board.listen(), BTreeMap::<String, String>::new(), VecDeque::new(), true);
    let stream = stream::unfold(begin, async |(mut news, mut sent, mut queue, mut first)| {
        loop {
            if let Some((id, html)) = queue.pop_front() {
                let event = Event::default().event("part").id(id).data(html);
                return Some((Ok(event), (news, sent, queue, first)));
            }
            if !first && news.changed().await.is_err() {
                return None;
            }
            first = false;
            let parts = news.borrow_and_update().clone();
            for (id, html) in parts.iter() {
                if sent.get(id) != Some(html) {
                    sent.insert(id.clone(), html.clone());
                    queue.push_back((id.clone(), html.clone()));
                }
            }
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// Whether a form is one of ours: another site cannot know the token.
fn is_ours(desk: &Desk, fields: &[(String, String)]) -> bool {
    let (given, own) = (field(fields, "token").as_bytes(), desk.board.token.as_bytes());
    let differs = given.iter().zip(own).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == own.len() && differs == 0
}

fn not_ours() -> Response {
    refusal(
        StatusCode::FORBIDDEN,
        "表单已过期，请重新打开本页。 The form is out of date: open the page again.",
    )
}

async fn wish(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Form(fields): Fields,
) -> Response {
    if !is_ours(&desk, &fields) {
        return not_ours();
    }
    let (wish, back) = match name.as_str() {
        "continue" => (Wish::Continue, "/#story"),
        "all" => (Wish::PlayAll, "/#story"),
        "day" => (Wish::NextWorkingDay, "/#clock"),
        "hour" => (Wish::HourLater, "/#clock"),
        "ask" => (Wish::AskOneMore, "/#phones"),
        "verify" => (Wish::Verify, "/#proof"),
        "change" => (Wish::ChangeByte, "/#proof"),
        "start-over" => (Wish::StartOver, "/#story"),
        _ => return refusal(StatusCode::NOT_FOUND, "no such wish"),
    };
    done(&desk, wish, back).await
}

async fn power(
    State(desk): State<Desk>,
    Path(way): Path<String>,
    Form(fields): Fields,
) -> Response {
    if !is_ours(&desk, &fields) {
        return not_ours();
    }
    let city = field(&fields, "city").to_owned();
    let back = format!("/#city-{city}");
    match way.as_str() {
        "off" => done(&desk, Wish::PowerOff(city), &back).await,
        "on" => done(&desk, Wish::PowerOn(city), &back).await,
        _ => refusal(StatusCode::NOT_FOUND, "no such wish"),
    }
}

async fn done(desk: &Desk, wish: Wish, back: &str) -> Response {
    let over = wish == Wish::StartOver;
    desk.board.say(None);
    desk.board.look_soon();
    if let Err(unable) = desk.board.stage().perform(wish).await {
        desk.board.say(Some(unable.0));
    }
    if over {
        desk.board.forget();
    }
    desk.board.look_soon();
    Redirect::to(back).into_response()
}

async fn phone(
    State(desk): State<Desk>,
    Path(act): Path<String>,
    Form(fields): Fields,
) -> Response {
    if !is_ours(&desk, &fields) {
        return not_ours();
    }
    let get = |name: &str| field(&fields, name).to_owned();
    let (city, case, code) = (get("city"), get("case"), get("code"));
    let yours = desk.board.stage().phones().into_iter().any(|phone| {
        let has = |m: &stage::PhoneMessage| m.case == case && m.code == code;
        phone.yours && phone.city == city && phone.messages.iter().any(has)
    });
    if !yours {
        return refusal(StatusCode::NOT_FOUND, "no such message");
    }
    let ticked = fields.iter().filter(|(name, _)| name == "yes");
    let yes = ticked.filter_map(|(_, value)| value.parse().ok()).collect();
    match act.as_str() {
        "open" => desk.board.open((city, case, code)).await,
        "answer" => desk.board.answer((city, case, code), Some(yes)).await,
        "stop" => desk.board.answer((city, case, code), None).await,
        _ => return refusal(StatusCode::NOT_FOUND, "no such wish"),
    }
    desk.board.look_soon();
    Redirect::to("/#phones").into_response()
}
