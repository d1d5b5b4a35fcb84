//! The window of another office than the one that sends: the person stands there with the document
//! and answers on a screen turned round. The officer reads that something was typed, and never what.

use super::find::{kinds, simple};
use crate::console::desks::Keypad;
use crate::console::form::{Input, Kind, taken};
use crate::console::frame::{Answer, DonePage, Failed, FormPage, Frame, Link, show, show_as};
use crate::console::posted::Form;
use crate::console::visitor::Visitor;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use jieli_proto::wire::{self, Service};
use jieli_proto::words;

/// What can be done for whoever stands there, in the order in which it is shown: its name in forms,
/// its words, and what is said above what is still to be typed for it.
const ERRANDS: [(&str, &str, &str); 10] = [
    ("ask", "seat.ask", ""),
    ("waive", "seat.waive", ""),
    ("proxy", "seat.proxy", "seat.proxy_lead"),
    ("guardian", "seat.guardian", "seat.guardian_lead"),
    ("stop", "seat.stop", "seat.stop_lead"),
    ("pin", "seat.pin", "seat.pin_lead"),
    ("helper", "seat.helper", ""),
    ("reopen", "seat.reopen", "seat.reopen_lead"),
    ("correct", "seat.correct", "seat.correct_lead"),
    ("erase", "seat.erase", "seat.erase_lead"),
];

/// What of the person may be said to be wrong: fields of the person section.
const WRONG: [(&str, &str); 3] =
    [("1", "seat.field_name"), ("3", "seat.field_number"), ("4", "seat.field_phone")];

/// Questions on the screen that is turned to the person: no name of the officer, no menu.
#[derive(Template)]
#[template(path = "sitting.html")]
struct SittingPage {
    f: Frame,
    lead: String,
    sitting: String,
    items: Vec<Shown>,
    numbers: String,
    pin: Option<Input>,
}

/// One question in full, and where it can be answered today.
struct Shown {
    text: String,
    answer: Option<Input>,
    later: String,
}

impl Visitor {
    /// The keypad of the office, at the node.
    fn keypad(&self) -> Result<Keypad, Failed> {
        let account = self.account.as_ref();
        let found = account.and_then(|a| self.console.desks.keypad(&a.token, a.role));
        found.ok_or_else(|| self.no_token())
    }
}

fn first_form(visitor: &Visitor) -> FormPage {
    let lang = visitor.lang;
    let errands = ERRANDS.map(|(name, word, _)| (name.to_owned(), lang.w(word).to_owned()));
    let inputs = vec![
        Input::new("case", lang.w("case.number"), Kind::Text).optional(),
        Input::new("document", lang.w("find.document"), Kind::Choice(kinds(lang))).value("1"),
        Input::new("number", lang.w("find.number"), Kind::Password)
            .hint(lang.w("seat.number_hint"))
            .optional(),
        Input::new("slip", lang.w("seat.slip"), Kind::Text)
            .hint(lang.w("seat.slip_hint"))
            .optional(),
        Input::new("errand", lang.w("seat.errand"), Kind::Radio(errands.to_vec())),
    ];
    let mut page = simple(visitor, lang.w("nav.window"), "/window", inputs);
    page.lead = vec![lang.w("seat.lead").to_owned()];
    lang.w("form.continue").clone_into(&mut page.button);
    page
}

pub(crate) async fn page(visitor: Visitor) -> Response {
    first_form(&visitor).show()
}

/// The document in hand, as it was typed.
fn in_hand(form: &Form) -> wire::InHand {
    wire::InHand {
        case_number: form.get("case").to_owned(),
        document: form.get("document").parse().unwrap_or(0),
        number: form.get("number").to_owned(),
        slip_leg: form.get("slip").trim().to_owned(),
    }
}

/// The same on the way to the next page.
fn carried(form: &Form) -> Vec<(String, String)> {
    let names = ["case", "document", "number", "slip", "errand"];
    names.map(|name| (name.to_owned(), form.get(name).to_owned())).to_vec()
}

/// Goes on with what was chosen.
pub(crate) async fn choose(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let mut page = first_form(&visitor);
    let mut good = taken(&mut page.inputs, &form, lang);
    let errand = form.get("errand");
    let named = !form.get("case").is_empty() && !form.get("number").is_empty();
    // Who wants to be asked again may have no case any more.
    let named = named || errand == "reopen" && !form.get("number").is_empty();
    if good && !named && form.get("slip").is_empty() {
        page.inputs[0].wrong = lang.w("seat.either").to_owned();
        good = false;
    }
    if !good {
        return Ok(page.show());
    }
    match errand {
        "ask" => open(&visitor, &form, false, None).await,
        "waive" => open(&visitor, &form, true, None).await,
        "helper" => helper(&visitor, &form).await,
        other => Ok(next_form(&visitor, other, &form).unwrap_or(page).show()),
    }
}

/// What is still to be typed for an errand.
fn next_form(visitor: &Visitor, errand: &str, form: &Form) -> Option<FormPage> {
    let lang = visitor.lang;
    let known = |(name, _, lead): &&(&str, &str, &str)| *name == errand && !lead.is_empty();
    let (_, word, lead) = ERRANDS.iter().find(known)?;
    let paper = || {
        [
            Input::new("their_document", lang.w("find.document"), Kind::Choice(kinds(lang)))
                .value("1"),
            Input::new("their_number", lang.w("find.number"), Kind::Password),
        ]
    };
    let items = || {
        let hint = lang.w("seat.items_hint");
        Input::new("items", lang.w("seat.items"), Kind::Text).hint(hint).optional()
    };
    let inputs = match errand {
        "proxy" => paper().to_vec(),
        "guardian" => {
            let name = Input::new("name", lang.w("seat.guardian_name"), Kind::Text);
            [vec![name], paper().to_vec()].concat()
        }
        "pin" => vec![
            Input::new("pin", lang.w("seat.new_pin"), Kind::Password).hint(lang.w("seat.pin_hint")),
            Input::new("again", lang.w("seat.again"), Kind::Password),
        ],
        "reopen" => {
            let all = (1..).map_while(|number| Service::try_from(number).ok());
            let all = all.map(|one| (i32::from(one).to_string(), lang.of(words::service(one))));
            vec![Input::new("service", lang.w("queue.service"), Kind::Radio(all.collect()))]
        }
        "correct" => {
            let fields = WRONG.map(|(field, key)| (field.to_owned(), lang.w(key).to_owned()));
            vec![
                Input::new("item", lang.w("case.leg"), Kind::Number).value("1"),
                Input::new("field", lang.w("seat.field"), Kind::Radio(fields.to_vec())),
                Input::new("value", lang.w("seat.value"), Kind::Text),
            ]
        }
        _ => vec![items()],
    };
    let mut page = simple(visitor, lang.w(word), "/window/do", inputs);
    page.lead = vec![lang.w(lead).to_owned()];
    page.hidden = carried(form);
    page.back = Some(Link::new("/window", lang.w("form.back")));
    Some(page)
}

/// Does what was chosen, with what was typed for it.
pub(crate) async fn perform(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let errand = form.get("errand");
    if errand == "helper" {
        return helper(&visitor, &form).await;
    }
    let Some(mut page) = next_form(&visitor, errand, &form) else {
        return Ok(first_form(&visitor).show());
    };
    if !taken(&mut page.inputs, &form, lang) {
        return Ok(page.show());
    }
    let theirs = (form.get("their_document").parse().unwrap_or(0), form.get("their_number"));
    let hand = Some(in_hand(&form));
    let mut keypad = visitor.keypad()?;
    let said = match errand {
        "proxy" => {
            let proxy = wire::Proxy { document: theirs.0, number: theirs.1.to_owned() };
            return open(&visitor, &form, false, Some(proxy)).await;
        }
        "guardian" => return guardian(&visitor, &form, page).await,
        "pin" if form.get("pin") != form.get("again") => {
            page.inputs[1].wrong = lang.w("seat.differ").to_owned();
            return Ok(page.show());
        }
        "pin" => {
            let ask = wire::SetWindowPinRequest { in_hand: hand, pin: form.get("pin").to_owned() };
            keypad.set_window_pin(ask).await
        }
        "reopen" => {
            let service = form.get("service").parse().unwrap_or(0);
            keypad.reopen_at_window(wire::ReopenAtWindowRequest { in_hand: hand, service }).await
        }
        "correct" => {
            let ask = wire::CorrectionAtWindowRequest {
                in_hand: hand,
                leg: form.get("item").parse().unwrap_or(0),
                field: form.get("field").parse().unwrap_or(0),
                value: form.get("value").to_owned(),
            };
            keypad.correction_at_window(ask).await
        }
        other => {
            let Some(legs) = numbers(form.get("items")) else {
                page.inputs[0].wrong = lang.fill("error.number", &[&page.inputs[0].label]);
                return Ok(page.show());
            };
            let ask = wire::StopRequest { in_hand: hand, legs };
            if other == "erase" {
                let said = keypad.erase_at_window(ask).await.map_err(visitor.sorry())?.into_inner();
                return Ok(erased(&visitor, &said));
            }
            keypad.stop(ask).await
        }
    };
    match said {
        Ok(reply) => {
            let said = reply.into_inner();
            Ok(received(&visitor, lang.pick(&said.say_zh, &said.say_en)))
        }
        Err(status) => page.blamed(&visitor, 0, status),
    }
}

/// `1 3`; nothing is no number at all.
fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split([' ', ',', '，', '、'])
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect()
}

/// Whom the person names to help, on the screen that is turned round; nobody is chosen before.
async fn helper(visitor: &Visitor, form: &Form) -> Answer {
    let lang = visitor.lang;
    let ask = wire::HelperAtWindowRequest { in_hand: Some(in_hand(form)), ..Default::default() };
    let mut keypad = visitor.keypad()?;
    let list = match keypad.helper_at_window(ask.clone()).await {
        Ok(list) => list.into_inner().helpers,
        Err(status) => {
            let mut page = first_form(visitor);
            taken(&mut page.inputs, form, lang);
            return page.blamed(visitor, 0, status);
        }
    };
    let line = |one: &wire::HelperLine| {
        let legs: Vec<String> = one.legs.iter().map(u32::to_string).collect();
        let name = format!("{} · {}", one.helper, one.office_name);
        match legs.is_empty() {
            true => (one.helper.clone(), name),
            false => (one.helper.clone(), lang.fill("seat.helps", &[&name, &legs.join(" ")])),
        }
    };
    let nobody = ("-".to_owned(), lang.w("seat.no_helper").to_owned());
    let all: Vec<_> = list.iter().map(line).chain([nobody]).collect();
    let inputs = vec![
        Input::new("item", lang.w("case.leg"), Kind::Number).value("1"),
        Input::new("helper", lang.w("seat.helper"), Kind::Radio(all)),
        pin_input(visitor),
    ];
    let mut page = simple(visitor, lang.w("seat.helper"), "/window/do", inputs);
    turned(&mut page.f);
    page.lead = vec![lang.w("seat.helper_lead").to_owned()];
    page.hidden = carried(form);
    page.back = Some(Link::new("/window", lang.w("form.back")));
    if form.get("helper").is_empty() && form.get("item").is_empty() {
        return Ok(page.show());
    }
    if !taken(&mut page.inputs, form, lang) {
        return Ok(page.show());
    }
    let dismiss = form.get("helper") == "-";
    let helper = if dismiss { String::new() } else { form.get("helper").to_owned() };
    let leg = form.get("item").parse().unwrap_or(0);
    let pin = form.get("pin").to_owned();
    let ask = wire::HelperAtWindowRequest { leg, helper, dismiss, pin, ..ask };
    match keypad.helper_at_window(ask).await {
        Ok(_) => Ok(received(visitor, lang.w("seat.helper_done"))),
        Err(status) => page.blamed(visitor, 1, status),
    }
}

/// What the guardian reads, and then that it was read.
async fn guardian(visitor: &Visitor, form: &Form, page: FormPage) -> Answer {
    let lang = visitor.lang;
    let told = form.get("told") == "yes";
    let ask = wire::TellGuardianRequest {
        in_hand: Some(in_hand(form)),
        guardian_name: form.get("name").to_owned(),
        document: form.get("their_document").parse().unwrap_or(0),
        number: form.get("their_number").to_owned(),
        told,
    };
    let said = match visitor.keypad()?.tell_guardian(ask).await {
        Ok(reply) => reply.into_inner(),
        Err(status) => return page.blamed(visitor, 0, status),
    };
    let say = lang.pick(&said.say_zh, &said.say_en);
    if told {
        return Ok(received(visitor, say));
    }
    let mut page = simple(visitor, lang.w("seat.guardian"), "/window/do", Vec::new());
    turned(&mut page.f);
    page.lead = said.texts;
    page.lead.push(say.to_owned());
    page.hidden = carried(form);
    for name in ["name", "their_document", "their_number"] {
        page.hidden.push((name.to_owned(), form.get(name).to_owned()));
    }
    page.hidden.push(("told".to_owned(), "yes".to_owned()));
    lang.w("seat.was_told").clone_into(&mut page.button);
    page.back = Some(Link::new("/window", lang.w("form.back")));
    Ok(page.show())
}

/// The screen is turned round: nothing of the officer stands on it.
fn turned(f: &mut Frame) {
    f.nav.clear();
    f.name.clear();
}

/// Opens a sitting; the page is the person's.
async fn open(
    visitor: &Visitor,
    form: &Form,
    waive_day: bool,
    proxy: Option<wire::Proxy>,
) -> Answer {
    let lang = visitor.lang;
    let by_proxy = proxy.is_some();
    let in_hand = Some(in_hand(form));
    let ask = wire::OpenSittingRequest { in_hand, waive_day, proxy, ..Default::default() };
    let opened = match visitor.keypad()?.open_sitting(ask).await {
        Ok(reply) => reply.into_inner(),
        Err(status) => {
            let mut page = match next_form(visitor, form.get("errand"), form) {
                Some(page) => page,
                None => first_form(visitor),
            };
            taken(&mut page.inputs, form, lang);
            return page.blamed(visitor, 0, status);
        }
    };
    if opened.items.is_empty() {
        return Ok(done(visitor, lang.w("seat.nothing"), Vec::new()));
    }
    let choice = |number: u32| {
        let yes_no = [("yes", "seat.yes"), ("no", "seat.no")];
        let yes_no = yes_no.map(|(value, key)| (value.to_owned(), lang.w(key).to_owned()));
        let label = lang.fill("seat.item", &[&number.to_string()]);
        Input::new(&format!("say-{number}"), label, Kind::Radio(yes_no.to_vec())).optional()
    };
    let items = opened.items.iter().map(|item| Shown {
        text: item.text.clone(),
        answer: (item.number > 0).then(|| choice(item.number)),
        later: lang.fill("seat.later", &[&lang.time(item.answer_from_unix_ms)]),
    });
    let numbers = opened.items.iter().filter(|item| item.number > 0);
    let numbers: Vec<String> = numbers.map(|item| item.number.to_string()).collect();
    let mut f = Frame::new(visitor, lang.w("seat.title"));
    turned(&mut f);
    Ok(show(&SittingPage {
        f,
        lead: lang.w(if by_proxy { "seat.by_proxy" } else { "seat.by_person" }).to_owned(),
        sitting: opened.sitting,
        items: items.collect(),
        numbers: numbers.join(" "),
        pin: opened.pin_needed.then(|| pin_input(visitor)),
    }))
}

fn pin_input(visitor: &Visitor) -> Input {
    Input::new("pin", visitor.lang.w("seat.pin_of_person"), Kind::Password).optional()
}

/// What was typed: yes to what says yes, no to all else; and the same page after every answer.
pub(crate) async fn answer(visitor: Visitor, form: Form) -> Answer {
    let lang = visitor.lang;
    let asked = numbers(form.get("numbers")).unwrap_or_default();
    let says_yes = |number: &u32| form.get(&format!("say-{number}")) == "yes";
    let ask = wire::AnswerSittingRequest {
        sitting: form.get("sitting").to_owned(),
        yes: asked.iter().copied().filter(says_yes).collect(),
        pin: form.get("pin").to_owned(),
    };
    match visitor.keypad()?.answer_sitting(ask).await {
        Ok(reply) => {
            let said = reply.into_inner();
            Ok(received(&visitor, lang.pick(&said.say_zh, &said.say_en)))
        }
        Err(status) => {
            // The PIN again, and no question: what was chosen goes along unseen.
            let mut page =
                simple(&visitor, lang.w("seat.title"), "/window/answer", vec![pin_input(&visitor)]);
            turned(&mut page.f);
            page.hidden = ["sitting", "numbers"]
                .map(|name| (name.to_owned(), form.get(name).to_owned()))
                .to_vec();
            page.hidden.extend(asked.iter().map(|number| {
                let name = format!("say-{number}");
                let said = form.get(&name).to_owned();
                (name, said)
            }));
            page.blamed(&visitor, 0, status)
        }
    }
}

/// What went, what is kept and why, item by item.
fn erased(visitor: &Visitor, said: &wire::EraseReply) -> Response {
    let lang = visitor.lang;
    let line = |line: &wire::EraseLine| {
        format!("{}. {}", line.number, lang.pick(&line.say_zh, &line.say_en))
    };
    let mut lines: Vec<String> = said.lines.iter().map(line).collect();
    if said.due_on > 0 {
        lines.push(lang.fill("seat.erase_due", &[&lang.day(said.due_on)]));
    }
    done(visitor, lang.w("seat.erase_done"), lines)
}

fn received(visitor: &Visitor, said: &str) -> Response {
    done(visitor, said, vec![visitor.lang.w("seat.turn_back").to_owned()])
}

fn done(visitor: &Visitor, said: &str, lead: Vec<String>) -> Response {
    let lang = visitor.lang;
    let mut f = Frame::new(visitor, said.to_owned());
    turned(&mut f);
    let page = DonePage {
        f,
        reference: String::new(),
        lead,
        buttons: Vec::new(),
        links: vec![Link::new("/window", lang.w("seat.next"))],
    };
    show_as(StatusCode::OK, &page)
}
