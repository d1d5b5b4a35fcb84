//! Help and complaint, its answers, and a call-back. What is typed is sealed here, at once, to the
//! body that was chosen; what goes on to the node only that body can open (V9).

use crate::console::form::{Input, Kind};
use crate::console::frame::{Answer, Failed};
use crate::console::posted::Form;
use crate::sealed::{self, SealError};
use crate::worker::guest::Guest;
use crate::worker::page::{Ask, Block, Page, taken, yes_or_no};
use crate::worker::sessions::Typed;
use crate::worker::tongue::Para;
use axum::http::StatusCode;
use axum::response::Response;
use jieli_proto::sealed::{KeptCode, WORDS_MAX};
use jieli_proto::wire::{self, CallBackWord, GrievanceKind, SealedBox, SealedStage, SealedWords};
use jieli_proto::words;

/// The questions of a call-back, in the order of its text.
const CALL_BACK: [&str; 4] = ["own_choice", "money_taken", "document_kept", "terms_as_told"];

async fn bodies(guest: &Guest) -> Result<Vec<wire::GrievanceBody>, Failed> {
    let Typed { case, code, .. } = guest.typed()?;
    let asked = wire::WorkerRequest { case_number: case.clone(), code: code.clone() };
    let found = guest.pages.node().list_bodies(asked).await.map_err(guest.sorry())?;
    Ok(found.into_inner().bodies)
}

/// To whom one can turn, by telephone and at its own window; and the form, where the city has it.
fn form(guest: &Guest, bodies: &[wire::GrievanceBody]) -> Page {
    let mut page = Page::new(guest, guest.w("help.title"));
    page.blocks.push(Block::text(guest.w("help.lead")));
    let line = |body: &wire::GrievanceBody| {
        let kind = words::office(body.kind());
        let kind = guest.tongue.of(kind.zh, kind.en);
        let name = format!("{} {}", body.city, body.name);
        Para::own(guest.tongue.fill("help.body", &[&name, &kind, &body.telephone]))
    };
    page.blocks.push(Block {
        class: "item",
        heading: guest.w("help.telephones").to_owned(),
        paras: bodies.iter().map(line).collect(),
        ..Block::default()
    });
    let here: Vec<_> = bodies.iter().filter(|body| !body.public_key.is_empty()).collect();
    if guest.pages.config.complaints && !here.is_empty() {
        let named = |body: &&wire::GrievanceBody| {
            (body.office.clone(), format!("{} {}", body.city, body.name))
        };
        let kinds = (1..).map_while(|number| GrievanceKind::try_from(number).ok());
        let kinds = kinds.map(|kind| {
            let word = words::grievance(kind);
            (i32::from(kind).to_string(), guest.tongue.of(word.zh, word.en))
        });
        let case = [("yes".to_owned(), guest.w("help.name_case").to_owned())];
        let most = WORDS_MAX.to_string();
        let inputs = vec![
            Input::new("body", guest.w("help.to"), Kind::Radio(here.iter().map(named).collect())),
            Input::new("kind", guest.w("help.kind"), Kind::Radio(kinds.collect())),
            Input::new("words", guest.w("help.words"), Kind::Words)
                .hint(guest.tongue.fill("help.words_hint", &[&most]))
                .optional(),
            Input::new("case", guest.w("help.case"), Kind::Checks(case.to_vec())).optional(),
        ];
        let button = guest.w("help.button");
        page.blocks.push(Block {
            heading: guest.w("help.here").to_owned(),
            paras: vec![Para::own(guest.w("help.sealed"))],
            asks: vec![Ask { action: "/help", button, inputs, ..Ask::default() }],
            ..Block::default()
        });
    }
    if !guest.pages.config.complaints {
        page.blocks.push(Block::text(guest.w("help.elsewhere")));
    }
    page.blocks.push(Block::link("/mine", guest.w("page.back")));
    page
}

pub(crate) async fn page(guest: Guest) -> Answer {
    let bodies = bodies(&guest).await?;
    Ok(form(&guest, &bodies).show())
}

/// Seals what was typed, and files it. The code is shown this once.
pub(crate) async fn file(guest: Guest, sent: Form) -> Answer {
    let bodies = bodies(&guest).await?;
    let mut page = form(&guest, &bodies);
    let ask = page.blocks.iter_mut().flat_map(|block| &mut block.asks).next();
    let Some(ask) = ask else { return Ok(page.show()) };
    let good = taken(&mut ask.inputs, &sent, guest.tongue);
    let body = bodies.iter().find(|body| body.office == sent.get("body"));
    let kind =
        sent.get("kind").parse::<i32>().ok().and_then(|kind| GrievanceKind::try_from(kind).ok());
    let (true, Some(body), Some(kind)) = (good, body, kind) else { return Ok(page.show()) };
    let Typed { case, code, .. } = guest.typed()?;
    let named = if sent.get("case") == "yes" { case.clone() } else { String::new() };
    let words = SealedWords {
        kind: kind.into(),
        words: sent.get("words").to_owned(),
        case_number: named,
        ..SealedWords::default()
    };
    let (filed, kept) = match seal(&guest, body, words) {
        Ok(sealed) => sealed,
        Err(SealError::TooLong) => {
            if let Some(words) = ask.inputs.iter_mut().find(|input| input.name == "words") {
                let most = WORDS_MAX.to_string();
                words.wrong = guest.tongue.fill("help.too_long", &[&most]);
            }
            return Ok(page.show());
        }
        Err(SealError::Key | SealError::Closed) => {
            return Err(guest.denied(StatusCode::BAD_GATEWAY, "error.me_page"));
        }
    };
    let asked = wire::FileGrievanceRequest {
        case_number: case.clone(),
        code: code.clone(),
        filed: Some(filed),
    };
    let reply = guest.pages.node().file_grievance(asked).await.map_err(guest.sorry())?;
    Ok(filed_page(&guest, &reply.into_inner(), &kept))
}

fn seal(
    guest: &Guest,
    body: &wire::GrievanceBody,
    words: SealedWords,
) -> Result<(SealedBox, KeptCode), SealError> {
    let entropy = &guest.pages.outside.entropy;
    sealed::to_body(&body.office, &body.public_key, words, &mut |bytes| entropy.fill(bytes))
}

fn filed_page(guest: &Guest, reply: &wire::FiledReply, kept: &KeptCode) -> Response {
    let mut page = Page::new(guest, guest.w("help.done"));
    let back = if guest.typed.is_some() { "/mine" } else { "/" };
    page.blocks = vec![
        Block {
            class: "good",
            paras: vec![
                Para::own(guest.w("help.code")),
                Para { text: kept.spoken(), tag: "zxx" },
                Para::own(guest.w("help.code_note")),
            ],
            ..Block::default()
        },
        Block::text(guest.tongue.fill("help.by", &[&guest.tongue.day(reply.take_by)])),
        Block::link(back, guest.w("page.back")),
    ];
    page.show()
}

fn kept_form(guest: &Guest) -> Page {
    let mut page = Page::new(guest, guest.w("kept.title"));
    let input = Input::new("kept", guest.w("kept.code"), Kind::Digits).hint(guest.w("kept.hint"));
    let button = guest.w("kept.button");
    let ask = Ask { action: "/kept", button, inputs: vec![input], ..Ask::default() };
    page.blocks =
        vec![Block { asks: vec![ask], ..Block::default() }, Block::link("/", guest.w("page.back"))];
    page
}

pub(crate) async fn kept_page(guest: Guest) -> Response {
    kept_form(&guest).show()
}

/// How a complaint stands, and what was answered: opened here, with the code alone.
pub(crate) async fn kept(guest: Guest, sent: Form) -> Answer {
    let tongue = guest.tongue;
    let mut page = kept_form(&guest);
    let Some(code) = KeptCode::parse(sent.get("kept")) else {
        if let Some(input) = page.blocks.first_mut().and_then(|block| block.asks.first_mut())
            && let Some(input) = input.inputs.first_mut()
        {
            input.wrong = guest.w("kept.wrong").to_owned();
        }
        return Ok(page.show());
    };
    let asked = wire::SealedRef { record_id: code.record_id().to_vec() };
    let line = guest.pages.node().look_at_grievance(asked).await.map_err(guest.sorry())?;
    let line = line.into_inner();
    let stage = match line.stage() {
        SealedStage::Taken => "kept.taken",
        SealedStage::Closed => "kept.closed",
        SealedStage::Unspecified | SealedStage::Waiting => "kept.waiting",
    };
    let mut page = Page::new(&guest, guest.w("kept.title"));
    let received = tongue.day(line.received_on);
    page.blocks.push(Block {
        class: "item",
        heading: tongue.w(stage).to_owned(),
        paras: vec![
            Para::own(tongue.fill("kept.at", &[&line.office_name, &line.telephone])),
            Para::own(tongue.fill("kept.received", &[&received])),
        ],
        ..Block::default()
    });
    for answer in &line.answers {
        let opened = sealed::by_person(&code, &answer.sealed)
            .map_err(|_| guest.denied(StatusCode::BAD_GATEWAY, "error.me_page"))?;
        page.blocks.push(Block {
            class: "item",
            heading: tongue.fill("kept.answer", &[&tongue.day(answer.on)]),
            paras: vec![Para { text: opened, tag: "zh-CN" }],
            ..Block::default()
        });
    }
    page.blocks.push(Block::link("/", guest.w("page.back")));
    Ok(page.show())
}

pub(crate) async fn call_back_page(guest: Guest) -> Response {
    let mut page = Page::new(&guest, guest.w("called.title"));
    let input =
        Input::new("code", guest.w("called.code"), Kind::Digits).hint(guest.w("called.hint"));
    let button = guest.w("start.open");
    let ask = Ask { action: "/call-back", button, inputs: vec![input], ..Ask::default() };
    page.blocks = vec![
        Block::text(guest.w("called.lead")),
        Block { asks: vec![ask], ..Block::default() },
        Block::link("/", guest.w("page.back")),
    ];
    page.show()
}

async fn opened(guest: &Guest, code: &str) -> Result<wire::OpenCallBackReply, Failed> {
    let asked = wire::OpenCallBackRequest { code: code.to_owned() };
    let found = guest.pages.node().open_call_back(asked).await.map_err(guest.sorry())?;
    Ok(found.into_inner())
}

/// The four questions; each may be left out.
pub(crate) async fn call_back(guest: Guest, sent: Form) -> Answer {
    let found = opened(&guest, sent.get("code")).await?;
    let mut page = Page::new(&guest, guest.w("called.title"));
    let text = Para { text: found.text.clone(), tag: "zh-CN" };
    page.blocks.push(Block { class: "asked", paras: vec![text], ..Block::default() });
    let body = found.body.unwrap_or_default();
    if guest.pages.config.complaints {
        let inputs = CALL_BACK.iter().enumerate().map(|(at, name)| {
            let number = (at + 1).to_string();
            let label = guest.tongue.fill("called.question", &[&number]);
            yes_or_no(name, label, guest.tongue)
        });
        let inputs = inputs.collect();
        let hidden = vec![("code".to_owned(), sent.get("code").to_owned())];
        let button = guest.w("called.button");
        page.blocks.push(Block {
            paras: vec![Para::own(guest.w("help.sealed"))],
            asks: vec![Ask {
                action: "/call-back/answer",
                button,
                inputs,
                hidden,
                ..Ask::default()
            }],
            ..Block::default()
        });
    }
    let name = format!("{} {}", body.city, body.name);
    page.blocks.push(Block::text(guest.tongue.fill("kept.at", &[&name, &body.telephone])));
    page.blocks.push(Block::link("/", guest.w("page.back")));
    Ok(page.show())
}

pub(crate) async fn answer_call_back(guest: Guest, sent: Form) -> Answer {
    if !guest.pages.config.complaints {
        return Err(guest.denied(StatusCode::FORBIDDEN, "help.elsewhere"));
    }
    let found = opened(&guest, sent.get("code")).await?;
    let said = |name: &str| match sent.get(name) {
        "yes" => CallBackWord::Yes.into(),
        "no" => CallBackWord::No.into(),
        _ => CallBackWord::Unspecified.into(),
    };
    let [own_choice, money_taken, document_kept, terms_as_told] = CALL_BACK.map(said);
    let said = wire::CallBackWords { own_choice, money_taken, document_kept, terms_as_told };
    let words = SealedWords { call_back: Some(said), ..SealedWords::default() };
    let body = found.body.unwrap_or_default();
    let (filed, kept) = seal(&guest, &body, words)
        .map_err(|_| guest.denied(StatusCode::BAD_GATEWAY, "error.me_page"))?;
    let code = sent.get("code").to_owned();
    let asked = wire::AnswerCallBackRequest { code, filed: Some(filed) };
    let reply = guest.pages.node().answer_call_back(asked).await.map_err(guest.sorry())?;
    Ok(filed_page(&guest, &reply.into_inner(), &kept))
}
