//! The node as its operators see it: partner cities, what waits for them and why, keys, what ends
//! soon. No case and no person. What the operators' own machine alone may do (first contact, keys,
//! repair) is done there, by the program.

use super::find::simple;
use super::partners::finished;
use super::review::ReviewPage;
use crate::console::desks::Operate;
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{
    Answer, Button, Cell, Failed, FormPage, Frame, Link, Table, TablesPage, show,
};
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use crate::console::words::Lang;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use jieli_proto::wire::{self, CheckResult, QueueState};
use jieli_proto::words;
use std::collections::BTreeMap;

/// The node's closed list of reasons.
const REASONS: [(&str, &str); 3] = [
    ("peer-asked", "system.peer_asked"),
    ("looking-into", "system.looking_into"),
    ("maintenance", "system.maintenance"),
];

impl Visitor {
    /// What operators do at the node.
    fn operate(&self) -> Result<Operate, Failed> {
        let account = self.account.as_ref();
        let found = account.and_then(|a| self.console.desks.operate(&a.token, a.role));
        found.ok_or_else(|| self.no_token())
    }
}

pub(crate) async fn page(visitor: Visitor) -> Answer {
    let lang = visitor.lang;
    let mut desk = visitor.desk()?;
    let status = desk.status(wire::StatusRequest {}).await.map_err(visitor.sorry())?.into_inner();
    let peers = desk.list_peers(wire::ListPeersRequest {}).await;
    let peers = peers.map_err(visitor.sorry())?.into_inner().peers;
    let queues = visitor.operate()?.list_queues(wire::ListQueuesRequest::default()).await;
    let queues = queues.map_err(visitor.sorry())?.into_inner().queues;
    let hooks = visitor.operate()?.list_webhooks(wire::ListWebhooksRequest {}).await;
    let hooks = hooks.map_err(visitor.sorry())?.into_inner().webhooks;
    let keys = desk.list_keys(wire::ListKeysRequest::default()).await;
    let keys = keys.map_err(visitor.sorry())?.into_inner();
    let mut page = ReviewPage::new(&visitor, lang.w("nav.system"));
    page.lead = vec![lang.pick(&status.state_zh, &status.state_en).to_owned()];
    page.lead.push(lang.w("system.elsewhere").to_owned());
    let size = |log: Option<wire::LogStatus>| log.map_or(0, |log| log.size).to_string();
    page.figures = vec![
        (lang.w("system.waiting"), status.letters_waiting.to_string()),
        (lang.w("system.oldest"), age(status.oldest_waiting_ms, lang)),
        (lang.w("system.exchange"), size(status.exchange.clone())),
        (lang.w("system.local"), size(status.local.clone())),
    ];
    page.links = vec![Link::new("/packs", lang.w("nav.packs"))];
    page.buttons = vec![Button {
        action: "/system/backup".to_owned(),
        label: lang.w("system.backup").to_owned(),
        hidden: Vec::new(),
    }];
    page.tables = vec![
        raised(&status.raised, lang),
        alarms(&status.alarms, lang),
        waiting(&queues, lang),
        partners(&peers, lang),
        told(&hooks, lang),
        ending(&status.expiries, lang),
        used(&keys, lang),
    ];
    Ok(page.show())
}

/// How long something has waited; a dash where nothing does.
fn age(ms: u64, lang: Lang) -> String {
    match ms / 60_000 {
        0 => "–".to_owned(),
        minutes @ 1..=119 => lang.fill("system.minutes", &[&minutes.to_string()]),
        minutes => lang.fill("system.hours", &[&(minutes / 60).to_string()]),
    }
}

fn state(state: QueueState, lang: Lang) -> &'static str {
    match state {
        QueueState::Unspecified => "",
        QueueState::Empty => lang.w("system.empty"),
        QueueState::Flowing => lang.w("system.flowing"),
        QueueState::Paused => lang.w("system.paused"),
        QueueState::Held => lang.w("system.held"),
        QueueState::Quarantined => lang.w("system.quarantined"),
    }
}

fn button(action: &str, label: &'static str, city: &str) -> Button {
    let hidden = vec![("city".to_owned(), city.to_owned())];
    Button { action: action.to_owned(), label: label.to_owned(), hidden }
}

fn waiting(all: &[wire::PeerQueue], lang: Lang) -> Table {
    let rows = all.iter().map(|queue| {
        let held = queue.hold.as_ref().map(|hold| {
            let known = REASONS.iter().find(|(code, _)| *code == hold.reason);
            let why = known.map_or("", |(_, key)| lang.w(key));
            lang.fill("system.until", &[&hold.token, &lang.time(hold.until_unix_ms), why])
        });
        let cause = held.unwrap_or_else(|| queue.trouble.clone());
        let problems = queue.lanes.iter().filter(|lane| !lane.problem.is_empty());
        let more = problems.map(|lane| {
            let tries = lane.attempts.to_string();
            lang.fill("system.lane", &[&lane.letters.to_string(), &tries, &lane.problem])
        });
        let action = match queue.hold {
            Some(_) => Cell {
                buttons: vec![button("/system/release", lang.w("system.release"), &queue.peer)],
                ..Cell::default()
            },
            None => Cell {
                text: lang.w("system.hold").to_owned(),
                href: format!("/system/hold?city={}", queue.peer),
                buttons: vec![button("/system/retry", lang.w("system.retry"), &queue.peer)],
                ..Cell::default()
            },
        };
        vec![
            queue.name.clone().into(),
            state(queue.state(), lang).to_owned().into(),
            queue.letters.to_string().into(),
            lang.time(queue.oldest_unix_ms).into(),
            lang.time(queue.next_try_unix_ms).into(),
            Cell { text: cause, more: more.collect(), ..Cell::default() },
            action,
        ]
    });
    Table {
        heading: lang.w("system.queues").to_owned(),
        heads: vec![
            lang.w("partners.city"),
            lang.w("places.state"),
            lang.w("system.letters"),
            lang.w("system.since"),
            lang.w("system.next"),
            lang.w("system.cause"),
            lang.w("accounts.do"),
        ],
        rows: rows.collect(),
        empty: lang.w("system.no_peers"),
    }
}

fn alarms(all: &[String], lang: Lang) -> Table {
    Table {
        heading: lang.w("system.alarms").to_owned(),
        heads: vec![lang.w("system.what")],
        rows: all.iter().map(|alarm| vec![alarm.clone().into()]).collect(),
        empty: lang.w("system.no_alarms"),
    }
}

/// What was raised: what it means and what to do; below it, for who looks into it, its kind and detail.
fn raised(all: &[wire::Alarm], lang: Lang) -> Table {
    let rows = all.iter().map(|one| {
        let word = words::alarm(&one.kind);
        let text = word.map_or(one.kind.as_str(), |word| lang.pick(word.zh, word.en));
        let more = vec![format!("{} · {}", one.kind, one.detail)];
        let what = Cell { text: text.to_owned(), more, ..Cell::default() };
        vec![lang.time(one.raised_unix_ms).into(), one.city.clone().into(), what]
    });
    Table {
        heading: lang.w("system.raised").to_owned(),
        heads: vec![lang.w("system.since"), lang.w("partners.city"), lang.w("system.what")],
        rows: rows.collect(),
        empty: lang.w("system.no_alarms"),
    }
}

fn partners(all: &[wire::Peer], lang: Lang) -> Table {
    let rows = all.iter().map(|peer| {
        let test = button("/system/test", lang.w("system.test"), &peer.city_id);
        vec![
            format!("{}（{}）", peer.name, peer.city_id).into(),
            lang.pick(&peer.state_zh, &peer.state_en).to_owned().into(),
            lang.time(peer.last_contact_unix_ms).into(),
            peer.trouble.clone().into(),
            Cell { buttons: vec![test], ..Cell::default() },
        ]
    });
    Table {
        heading: lang.w("nav.partners").to_owned(),
        heads: vec![
            lang.w("partners.city"),
            lang.w("places.state"),
            lang.w("system.contact"),
            lang.w("system.cause"),
            lang.w("accounts.do"),
        ],
        rows: rows.collect(),
        empty: lang.w("system.no_peers"),
    }
}

/// What other systems of the offices are sent over HTTP, and how that goes.
fn told(all: &[wire::Webhook], lang: Lang) -> Table {
    let rows = all.iter().map(|hook| {
        let state = match hook.state.as_str() {
            "failing" => lang.w("system.hook_failing"),
            "dead" => lang.w("system.hook_dead"),
            "no-system" => lang.w("system.hook_no_system"),
            _ => lang.w("system.hook_well"),
        };
        let hidden = vec![("id".to_owned(), hook.id.clone())];
        let retry = Button {
            action: "/system/webhook".to_owned(),
            label: lang.w("system.retry").to_owned(),
            hidden,
        };
        vec![
            format!("{}（{}）", hook.system, hook.office_name).into(),
            hook.url.clone().into(),
            state.to_owned().into(),
            hook.waiting.to_string().into(),
            lang.time(hook.oldest_unix_ms).into(),
            lang.time(hook.taken_unix_ms).into(),
            Cell { buttons: vec![retry], ..Cell::default() },
        ]
    });
    Table {
        heading: lang.w("system.hooks").to_owned(),
        heads: vec![
            lang.w("system.hook_system"),
            lang.w("system.hook_url"),
            lang.w("places.state"),
            lang.w("system.hook_waiting"),
            lang.w("system.since"),
            lang.w("system.hook_taken"),
            lang.w("accounts.do"),
        ],
        rows: rows.collect(),
        empty: lang.w("system.no_hooks"),
    }
}

/// Sends at once what waits for an address, and again what was given up.
pub(crate) async fn webhook(visitor: Visitor, form: Form) -> Answer {
    let ask = wire::WebhookRef { id: form.get("id").to_owned() };
    visitor.operate()?.retry_webhook(ask).await.map_err(visitor.sorry())?;
    Ok(Redirect::to("/system").into_response())
}

fn ending(all: &[wire::Expiry], lang: Lang) -> Table {
    let rows = all.iter().map(|one| {
        vec![Cell::whole(lang.day(one.on)), lang.pick(&one.say_zh, &one.say_en).to_owned().into()]
    });
    Table {
        heading: lang.w("system.ending").to_owned(),
        heads: vec![lang.w("places.until"), lang.w("system.what")],
        rows: rows.collect(),
        empty: lang.w("system.nothing_ends"),
    }
}

fn used(keys: &wire::KeyList, lang: Lang) -> Table {
    let rows = keys.keys.iter().map(|key| {
        // Enough to be compared with the paper; the whole stands in the program's own list.
        let begin: String = key.fpr.chars().take(16).collect();
        vec![
            begin.into(),
            lang.pick(&key.say_zh, &key.say_en).to_owned().into(),
            lang.time(key.not_before).into(),
        ]
    });
    Table {
        heading: lang.fill("system.keys", &[&keys.version.to_string()]),
        heads: vec![lang.w("system.key"), lang.w("places.state"), lang.w("partners.from")],
        rows: rows.collect(),
        empty: lang.w("system.no_keys"),
    }
}

/// Calls a partner city now and says what works.
pub(crate) async fn test(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let ask = wire::TestPeerRequest { city: form.get("city").to_owned() };
    let found = visitor.desk()?.test_peer(ask).await.map_err(visitor.sorry())?.into_inner();
    let rows = found.checks.iter().map(|check| {
        let result = match check.result() {
            CheckResult::Unspecified => "",
            CheckResult::Ok => lang.w("system.ok"),
            CheckResult::Warn => lang.w("system.warn"),
            CheckResult::Bad => lang.w("system.bad"),
            CheckResult::Skipped => lang.w("system.skipped"),
        };
        vec![
            result.to_owned().into(),
            lang.pick(&check.say_zh, &check.say_en).to_owned().into(),
            lang.pick(&check.todo_zh, &check.todo_en).to_owned().into(),
        ]
    });
    let table = Table {
        heading: String::new(),
        heads: vec![lang.w("system.result"), lang.w("system.what"), lang.w("queue.to_do")],
        rows: rows.collect(),
        empty: lang.w("system.no_peers"),
    };
    Ok(show(&TablesPage {
        f: Frame::new(&visitor, lang.fill("system.tested", &[&found.name])),
        lead: Vec::new(),
        links: vec![Link::new("/system", lang.w("nav.system"))],
        filters: Vec::new(),
        tables: vec![table],
    }))
}

fn named(form: &Form) -> wire::QueueRef {
    wire::QueueRef { peer: form.get("city").to_owned() }
}

pub(crate) async fn retry(visitor: Visitor, form: Form) -> Answer {
    visitor.operate()?.retry_queue(named(&form)).await.map_err(visitor.sorry())?;
    Ok(Redirect::to("/system").into_response())
}

pub(crate) async fn release(visitor: Visitor, form: Form) -> Answer {
    visitor.operate()?.release_queue(named(&form)).await.map_err(visitor.sorry())?;
    Ok(Redirect::to("/system").into_response())
}

async fn hold_form(visitor: &Visitor) -> Result<FormPage, Failed> {
    let lang = visitor.lang;
    let cities = visitor.cities(&mut visitor.desk()?).await?.all();
    let reasons = REASONS.map(|(code, key)| (code.to_owned(), lang.w(key).to_owned()));
    let inputs = vec![
        Input::new("city", lang.w("partners.city"), Kind::Choice(cities)),
        Input::new("reason", lang.w("act.reason"), Kind::Radio(reasons.to_vec())),
        Input::new("hours", lang.w("system.for_hours"), Kind::Number).value("2"),
    ];
    let mut page = simple(visitor, lang.w("system.hold"), "/system/hold", inputs);
    page.lead = vec![lang.w("system.hold_lead").to_owned()];
    page.back = Some(Link::new("/system", lang.w("form.back")));
    Ok(page)
}

pub(crate) async fn hold_page(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let mut page = hold_form(&visitor).await?;
    page.inputs[0].value = query.get("city").cloned().unwrap_or_default();
    Ok(page.show())
}

/// Keeps messages about cases back for some hours; whether that may be, the node says.
pub(crate) async fn hold(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let mut page = hold_form(&visitor).await?;
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let ask = wire::HoldQueueRequest {
        peer: form.get("city").to_owned(),
        reason: form.get("reason").to_owned(),
        hours: form.get("hours").parse().unwrap_or(0),
    };
    match visitor.operate()?.hold_queue(ask).await {
        Ok(_) => Ok(Redirect::to("/system").into_response()),
        Err(status) => page.blamed(&visitor, 2, status),
    }
}

/// Writes a backup of the keys that sections are under, beside the node.
pub(crate) async fn backup(visitor: Visitor, _: Form) -> Answer {
    let lang = visitor.lang;
    let ask = wire::KeyringBackupRequest {};
    let done = visitor.desk()?.back_up_keyring(ask).await.map_err(visitor.sorry())?.into_inner();
    let what = lang.fill("system.backed_up", &[&done.file, &done.keys.to_string()]);
    Ok(finished(&visitor, &what, Link::new("/system", lang.w("nav.system"))))
}
