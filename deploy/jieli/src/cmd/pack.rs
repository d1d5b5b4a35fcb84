//! `jieli pack`: calendars, code lists, item catalogues and languages, as signed data.

use super::dial::At;
use super::evidence::write_new;
use super::say::{OK, Out, REFUSED, bytes_of, date};
use super::{Done, Fail};
use clap::Subcommand;
use jieli_node::config::DeskRole;
use jieli_proto::calendar::Calendar;
use jieli_proto::envelope::{self, ENVELOPE_LEN_MAX};
use jieli_proto::pack::{Content, PackError, Title};
use jieli_proto::wire::{self, PackKind};
use prost::Message as _;
use serde_json::{Value, json};
use std::path::PathBuf;

const IMPORT: &str = "\
文件是 JSON 形式：检查后由本市签名，并告知所有协议伙伴；文件是他市已签名的 DSSE JSON：核对签名后保存。
A file in JSON form is checked, signed by this city and announced to all partners. A file that
another city has signed (DSSE JSON) is kept once its signature holds. Nothing is half done.";
const SHOW: &str = "\
NAME 是名称（如 items-cn）或摘要的前几位。 NAME is a name such as items-cn, or how its digest begins.";

#[derive(Debug, Subcommand)]
pub(super) enum PackCommand {
    /// Lists what is held: built in, signed here, or another city's.
    List,
    /// Shows a pack with its content.
    #[command(after_help = SHOW)]
    Show {
        /// Its name, or the first digits of its digest.
        name: String,
        /// Another version than the newest.
        #[arg(long, default_value_t = 0)]
        version: u32,
        /// Writes the signed pack (DSSE JSON) to a file that must not exist: for another city.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Takes a pack in.
    #[command(after_help = IMPORT)]
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Checks a file without a node: names what is wrong and where. Stores nothing.
    Check {
        /// The file.
        file: PathBuf,
    },
}

impl PackCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            PackCommand::List => {
                let mut desk = at.desk(DeskRole::Operator).await?;
                let list = desk.list_packs(wire::ListPacksRequest {}).await?.into_inner();
                let value = Value::Array(list.packs.iter().map(line_json).collect());
                out.show(&value, || {
                    list.packs.iter().map(|l| line_text(l, out)).collect::<Vec<_>>().join("\n")
                });
            }
            PackCommand::Show { name, version, out: file } => {
                let mut desk = at.desk(DeskRole::Operator).await?;
                let view = desk.show_pack(wire::PackRef { name, version }).await?.into_inner();
                show(&view, file, out)?;
            }
            PackCommand::Import { file } => {
                let request = wire::ImportPackRequest { file: bytes_of(&file)? };
                let mut desk = at.desk(DeskRole::Operator).await?;
                let line = desk.import_pack(request).await?.into_inner();
                out.show(&line_json(&line), || line_text(&line, out));
            }
            PackCommand::Check { file } => check(&bytes_of(&file)?, out)?,
        }
        Ok(OK)
    }
}

fn show(view: &wire::PackView, file: Option<PathBuf>, out: Out) -> Result<(), Fail> {
    let line = view.line.clone().unwrap_or_default();
    if let Some(file) = file {
        let Some(sealed) = &view.envelope else {
            return Err(Fail::new(
                REFUSED,
                "BUILT_IN",
                "内置的数据包每个节点都有，没有签名，不必另发。",
                "A built-in pack is in every node and has no signature: it need not be sent.",
            ));
        };
        write_new(&file, envelope::to_json(sealed).as_bytes())?;
    }
    let content: Value = serde_json::from_str(&view.content).unwrap_or_default();
    let mut value = line_json(&line);
    value["content"] = content.clone();
    out.show(&value, || {
        let content = serde_json::to_string_pretty(&content).unwrap_or_default();
        format!("{}\n{content}", line_text(&line, out))
    });
    Ok(())
}

/// What can be said of a file without a node: its form, not whose signature counts.
fn check(file: &[u8], out: Out) -> Result<(), Fail> {
    let bad = |what: &str| {
        Fail::new(
            REFUSED,
            "BAD_PACK",
            format!("不是可用的数据包：{what}。"),
            format!("This is no pack: {what}."),
        )
    };
    let text = std::str::from_utf8(file).map_err(|_| bad("the file is not UTF-8 text"))?;
    let (content, signed) = match envelope::from_json(text) {
        Ok(sealed) if sealed.encoded_len() > ENVELOPE_LEN_MAX => {
            return Err(bad(&format!(
                "{} bytes; {ENVELOPE_LEN_MAX} at most",
                sealed.encoded_len()
            )));
        }
        Ok(sealed) => (Content::of_envelope(&sealed), Some(envelope::env_digest(&sealed).hex())),
        Err(_) => (Content::guess(text), None),
    };
    let content = content.map_err(|error| match (&error, error.line(text)) {
        // It says its line itself.
        (PackError::Form { .. }, _) | (_, None) => bad(&error.to_string()),
        (_, Some(line)) => bad(&format!("line {line}: {error}")),
    })?;
    let Title { name, version, valid_from, valid_to } = content.title();
    let kind = kind_words(content.kind());
    let value = json!({
        "kind": kind.0, "name": name, "version": version,
        "valid_from": valid_from.to_string(), "valid_to": valid_to.to_string(),
        "env_digest": signed,
    });
    out.show(&value, || {
        let mut text = out.say(
            &format!("{} {name} 第{version}版，{valid_from} 至 {valid_to}：形式正确。", kind.1),
            &format!(
                "{} {name}, version {version}, {valid_from} to {valid_to}: well-formed.",
                kind.2
            ),
        );
        if let Content::Calendar(calendar) = &content {
            text += "\n  ";
            text += &working_days(calendar, out);
        }
        text += "\n  ";
        text += &match &signed {
            Some(digest) => out.say(
                &format!("已签名，摘要 {digest}；由谁签名在导入时核对。"),
                &format!("Signed, digest {digest}; whose signature it is, importing tells."),
            ),
            None => out.say(
                "尚未签名：导入时由本市签名。",
                "Not signed: importing signs it as this city's.",
            ),
        };
        text
    });
    Ok(())
}

fn working_days(calendar: &Calendar, out: Out) -> String {
    let (from, to) = (calendar.published_from(), calendar.published_to());
    let days = calendar.working_days_between(from.plus(-1), to);
    out.say(&format!("其间 {days} 个工作日。"), &format!("{days} working days in between."))
}

/// For `--json`, in Chinese, in English.
fn kind_words(kind: PackKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        PackKind::Unspecified => ("", "", ""),
        PackKind::Calendar => ("calendar", "日历", "calendar"),
        PackKind::CodeList => ("code-list", "代码表", "code list"),
        PackKind::ItemCatalogue => ("item-catalogue", "事项目录", "item catalogue"),
        PackKind::Language => ("language", "语言", "language"),
    }
}

fn line_text(line: &wire::PackLine, out: Out) -> String {
    let kind = kind_words(line.kind());
    let (from, to) = (date(line.valid_from), date(line.valid_to));
    let (name, version) = (&line.name, line.version);
    let whose = match (line.city.as_str(), line.is_fetched) {
        ("", _) => out.say("内置", "built in"),
        (city, false) => out.say(&format!("{city} 签名"), &format!("signed by {city}")),
        (city, true) => out.say(
            &format!("{city} 签名，由节点取得"),
            &format!("signed by {city}, fetched by the node"),
        ),
    };
    let title = out.say(
        &format!("{} {name} 第{version}版，{from} 至 {to}", kind.1),
        &format!("{} {name}, version {version}, {from} to {to}", kind.2),
    );
    let old = if line.in_force {
        String::new()
    } else {
        format!("  {}", out.say("（已有更新的版本）", "(a newer version is held)"))
    };
    let digest: String = line.env_digest.chars().take(16).collect();
    format!("{title}  {whose}{old}  {digest}").trim_end().to_owned()
}

fn line_json(line: &wire::PackLine) -> Value {
    json!({
        "kind": kind_words(line.kind()).0,
        "name": line.name,
        "version": line.version,
        "valid_from": date(line.valid_from),
        "valid_to": date(line.valid_to),
        "city": line.city,
        "env_digest": line.env_digest,
        "fetched": line.is_fetched,
        "in_force": line.in_force,
    })
}
