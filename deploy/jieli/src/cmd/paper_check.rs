//! `jieli verify --slip`, `--letter` and `--statement`: paper, checked by anybody without a node or a network.

use super::say::{OK, Out, REFUSED};
use super::{Done, Fail};
use jieli_node::public::PublicBundle;
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::paper::{
    self, Checked, Content, LETTER_DAYS, LetterFacts, PaperError, SlipFacts, StatementFacts,
};
use jieli_proto::section::{PERSON, SectionKind};
use jieli_proto::wire::Envelope;
use jieli_proto::words::{self, NOT_PROOF_OF_FREEDOM};
use serde_json::{Value, json};
use std::path::Path;

/// What the paper is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paper {
    Slip,
    Letter,
    Statement,
}

/// Verifies a paper and shows what was signed. `text` is the text of the QR code, or names a file
/// with it.
pub(super) fn run(
    what: Paper,
    text: &str,
    roots: &[Digest],
    manifest: Option<&Path>,
    now_unix_s: u64,
    out: Out,
) -> Result<Done, Fail> {
    let text = text_of(text)?;
    let newer = manifest.map(|path| newest(path, roots)).transpose()?;
    let checked = match paper::open(&text, roots, newer.as_ref()) {
        Ok(checked) => checked,
        Err(PaperError::Text(_) | PaperError::Frame(_) | PaperError::TooLong(_)) => {
            return Err(unreadable());
        }
        Err(error) => return Err(false_paper(&error)),
    };
    let is_it = match &checked.content {
        Content::Slip(_) => what == Paper::Slip,
        Content::Letter(_) => what == Paper::Letter,
        Content::Statement(_) => what == Paper::Statement,
    };
    if !is_it {
        return Err(Fail::usage(
            "种类不对：回单用 --slip，信用 --letter，证明用 --statement。",
            "It is another kind of paper: --slip for a slip, --letter for a letter, --statement for \
             a statement.",
        ));
    }
    if let Content::Statement(statement) = &checked.content
        && statement.valid_until < Day::of_unix_ms(now_unix_s * 1_000, ZONE_MIN)
    {
        return Err(run_out(statement.valid_until));
    }
    out.show(&as_json(&checked), || as_text(&checked));
    Ok(OK)
}

fn unreadable() -> Fail {
    Fail::usage(
        "没有读到完整的二维码文字（以 JIELI1: 开头）。请重新扫码，或给出回单、信、证明的 HTML 文件。",
        "No complete text of a QR code (it begins with JIELI1:) was read: scan again, or name the \
         HTML file of the slip, letter or statement.",
    )
}

fn run_out(until: Day) -> Fail {
    Fail::new(
        REFUSED,
        "RUN_OUT",
        format!("签名无误，但有效期到 {until} 为止，已过期。请本人向出具机构重新要一份。"),
        format!(
            "It was signed, and counted until {until}: it has run out. The person asks the office for a new one."
        ),
    )
}

fn false_paper(error: &PaperError) -> Fail {
    Fail::new(
        REFUSED,
        "PAPER_FALSE",
        "核验不通过：这张纸不能相信。请核对根指纹，或电话询问该城市。",
        format!("It does not hold: {error}. Compare the root fingerprint, or telephone the city."),
    )
}

/// The text itself, or what a file holds.
fn text_of(text: &str) -> Result<String, Fail> {
    let text = text.trim();
    if text.starts_with(paper::PREFIX) {
        return Ok(text.to_owned());
    }
    let bytes = std::fs::read(text)
        .map_err(|error| Fail::usage(format!("{text} 无法读取。"), format!("{text}: {error}")))?;
    let page = String::from_utf8(bytes).map_err(|_| unreadable())?;
    paper::find(&page).map(str::to_owned).ok_or_else(unreadable)
}

/// The manifest of a public.json whose root is one of those given.
fn newest(path: &Path, roots: &[Digest]) -> Result<Envelope, Fail> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let en = format!("{}: {error}", path.display());
        Fail::usage("public.json 无法读取。", en)
    })?;
    if let Ok(sealed) = envelope::from_json(text.trim_end()) {
        return Ok(sealed);
    }
    let opened = roots.iter().map(|root| PublicBundle::parse(&text, root));
    let mut last = None;
    for found in opened {
        match found {
            Ok(bundle) => return Ok(bundle.manifest.envelope),
            Err(error) => last = Some(error.to_string()),
        }
    }
    Err(Fail::new(
        REFUSED,
        "MANIFEST_FALSE",
        "public.json 与给出的根指纹不符。",
        last.unwrap_or_default(),
    ))
}

/// Minutes by which days are ahead of UTC where they are shown; the signed time itself has no zone.
const ZONE_MIN: i32 = 480;

/// The day on which it was made, as the city claims; a statement says none.
fn made_on(checked: &Checked) -> Option<Day> {
    checked.issued_unix_ms.map(|issued| Day::of_unix_ms(issued, ZONE_MIN))
}

/// Until when a letter counts.
fn good_until(checked: &Checked) -> String {
    made_on(checked).map_or(String::new(), |day| day.plus(LETTER_DAYS).to_string())
}

fn as_json(checked: &Checked) -> Value {
    let caveat = NOT_PROOF_OF_FREEDOM;
    let mut value = json!({
        "holds": true,
        "city": checked.city.as_str(),
        "root": checked.root.hex(),
        "manifest_version": checked.manifest_version,
        "key_retired_since": checked.is_retired,
        "issued_unix_ms": checked.issued_unix_ms,
        "issued_on": made_on(checked).map(|day| day.to_string()),
        "env_digest": checked.env_digest.hex(),
        "caveat": { "zh": caveat.zh, "en": caveat.en },
    });
    match &checked.content {
        Content::Slip(slip) => value["slip"] = slip_json(slip),
        Content::Letter(letter) => {
            value["letter"] = letter_json(letter);
            value["good_until"] = json!(good_until(checked));
        }
        Content::Statement(statement) => {
            value["statement"] = statement_json(statement);
            value["good_until"] = json!(statement.valid_until.to_string());
        }
    }
    value
}

fn slip_json(slip: &SlipFacts) -> Value {
    let legs = slip.legs.iter().map(|leg| {
        json!({
            "leg_id": leg.leg.hex(),
            "service": words::service(leg.service).en,
            "office": leg.office.as_ref().map(|office| office.as_str()),
            "last_env_digest": leg.last.map(|digest| digest.hex()),
        })
    });
    json!({
        "case_number": slip.case_number,
        "case_id": slip.case.hex(),
        "legs": legs.collect::<Vec<_>>(),
    })
}

fn letter_json(letter: &LetterFacts) -> Value {
    let fields: Vec<Value> = fields(&letter.sections)
        .into_iter()
        .map(|(zh, en, value)| json!({ "name_zh": zh, "name_en": en, "value": value }))
        .collect();
    json!({
        "letter_id": letter.letter.hex(),
        "to_office": letter.to_office,
        "service": words::service(letter.service).en,
        "consent_digest": letter.consent.hex(),
        "fields": fields,
    })
}

fn statement_json(statement: &StatementFacts) -> Value {
    let person = [(PERSON, statement.person.clone())];
    let fields: Vec<Value> = fields(&person)
        .into_iter()
        .map(|(zh, en, value)| json!({ "name_zh": zh, "name_en": en, "value": value }))
        .collect();
    json!({
        "statement_id": statement.statement.hex(),
        "fact": words::statement_fact(statement.fact).en,
        "months": statement.months,
        "since": statement.since.map(|day| day.to_string()),
        "office": statement.office.as_str(),
        "fields": fields,
    })
}

type Disclosed = (u8, Vec<(u32, jieli_proto::section::Value)>);

fn fields(sections: &[Disclosed]) -> Vec<(&'static str, &'static str, String)> {
    let mut all = Vec::new();
    for (section, values) in sections {
        let Some(kind) = SectionKind::of(u32::from(*section)) else { continue };
        for (number, value) in values {
            let Some(field) = kind.field(*number) else { continue };
            all.push((field.zh, field.en, words::value(*section, field, value)));
        }
    }
    all
}

/// One line for each value that is disclosed.
fn said(sections: &[Disclosed]) -> Vec<String> {
    let all = fields(sections).into_iter();
    all.map(|(zh, en, value)| format!("  {zh} {en}：{value}")).collect()
}

fn as_text(checked: &Checked) -> String {
    let day =
        made_on(checked).map_or(String::new(), |day| format!("，{day}（自述 its own clock）"));
    let mut lines = vec![
        "核验通过。 It holds.".to_owned(),
        format!(
            "出具 made by：{}{day}，密钥清单第 {} 版 key manifest version {1}",
            checked.city.as_str(),
            checked.manifest_version
        ),
        format!("根密钥指纹 root fingerprint：{}", checked.root),
    ];
    if checked.is_retired {
        lines.push(
            "签名密钥其后已正常更换；是否在更换之前签署，纸面上看不出来。 Its key has been replaced since; \
             paper does not show whether it was signed before that."
                .to_owned(),
        );
    }
    match &checked.content {
        Content::Slip(slip) => {
            lines.push(format!("办件 case：{}", slip.case_number));
            for (at, leg) in slip.legs.iter().enumerate() {
                let word = words::service(leg.service);
                let office = leg.office.as_ref().map_or("—", |office| office.as_str());
                let last =
                    leg.last.map_or("尚未发出 nothing sent".to_owned(), |last| last.hex());
                lines.push(format!("  {}. {} {}  {office}  {last}", at + 1, word.zh, word.en));
            }
        }
        Content::Letter(letter) => {
            let word = words::service(letter.service);
            lines.push(format!(
                "致 to：{}；事项 about：{} {}；有效至 good until {}",
                letter.to_office,
                word.zh,
                word.en,
                good_until(checked)
            ));
            lines.extend(said(&letter.sections));
        }
        Content::Statement(statement) => {
            let [zh, en] = words::stated(statement.fact, statement.months, statement.since);
            lines.push(format!("{zh}。 {en}."));
            lines.push(format!(
                "出自机构 from the books of：{}；有效至 good until {}",
                statement.office.as_str(),
                statement.valid_until
            ));
            if statement.person.is_empty() {
                lines.push(
                    "未随附姓名和证件，不能看出是谁的。 Name and document are cut off: it does not show \
                     whose it is."
                        .to_owned(),
                );
            }
            lines.extend(said(&[(PERSON, statement.person.clone())]));
        }
    }
    let caveat = NOT_PROOF_OF_FREEDOM;
    lines.extend([caveat.zh.to_owned(), caveat.en.to_owned()]);
    lines.join("\n")
}
