//! `jieli export` and `jieli verify`.

use super::audit::pack::FileSource;
use super::dial::At;
use super::misbehaviour;
use super::paper_check::{self, Paper};
use super::say::{OK, Out, bytes_of, unwritable};
use super::{Done, Fail};
use crate::ambient::SystemClock;
use clap::Args;
use indicatif::ProgressBar;
use jieli_node::config::DeskRole;
use jieli_node::world::Clock as _;
use jieli_proto::bundle;
use jieli_proto::bundle::pack::{self, Pack};
use jieli_proto::id::Digest;
use jieli_proto::wire;
use jieli_proto::words::NOT_PROOF_OF_FREEDOM;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes the evidence of a case, naming no person; with persons: `jieli second`.
#[derive(Args, Debug)]
pub(super) struct Export {
    /// Case number.
    #[arg(long = "case")]
    case_number: String,
    /// Where to; must not exist.
    #[arg(long)]
    out: PathBuf,
}

impl Export {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let mut desk = at.desk(DeskRole::Compliance).await?;
        let request = wire::CaseRef { case_number: self.case_number, ..Default::default() };
        let reply = desk.export_case(request).await?.into_inner();
        written(&reply, &self.out, out)
    }
}

/// Writes a bundle where there is no file yet, and says so.
pub(super) fn written(reply: &wire::ExportReply, path: &Path, out: Out) -> Result<Done, Fail> {
    let wire::ExportReply { zip, notes, .. } = reply;
    write_new(path, zip)?;
    let file = path.display().to_string();
    let caveat = NOT_PROOF_OF_FREEDOM;
    let value = json!({
        "file": file, "bytes": zip.len(), "notes": notes, "caveat": { "zh": caveat.zh, "en": caveat.en },
    });
    out.show(&value, || {
        let bytes = zip.len();
        let done = out.say(
            &format!("已写入 {file}，{bytes} 字节。"),
            &format!("{file} written, {bytes} bytes."),
        );
        let notes: String = notes.iter().map(|note| format!("\n{}", out.part(note))).collect();
        format!("{done}{notes}\n{}\n{}", caveat.zh, caveat.en)
    });
    Ok(OK)
}

/// Writes a file that must not exist yet. It may hold personal data: nobody else on this machine
/// reads it.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Fail> {
    let mut file = create_new(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| unwritable(path, &error))
}

/// A file that must not exist yet, for its owner alone.
pub(super) fn create_new(path: &Path) -> Result<File, Fail> {
    let mut options = File::options();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let created = options.write(true).create_new(true).open(path);
    created.map_err(|error| unwritable(path, &error))
}

/// Checks evidence, a pack, a slip, a letter or a statement.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["file", "slip", "letter", "statement"]))]
pub(super) struct Verify {
    /// The ZIP: a bundle, or a pack of an agreement and period.
    file: Option<PathBuf>,
    /// A slip: the text of its QR code, or a file with it, such as the page itself.
    #[arg(long, value_name = "TEXT_OR_FILE")]
    slip: Option<String>,
    /// A letter: the text of its QR code, or a file with it.
    #[arg(long, value_name = "TEXT_OR_FILE")]
    letter: Option<String>,
    /// A statement: the text of its QR code, or a file with it.
    #[arg(long, value_name = "TEXT_OR_FILE")]
    statement: Option<String>,
    /// The city's newest public.json: a paper signed with a key that it revokes is false.
    #[arg(long, value_name = "PUBLIC_JSON", conflicts_with = "file")]
    manifest: Option<PathBuf>,
    /// Root fingerprint of a city that takes part, 64 hex digits; once for each.
    #[arg(long = "root", value_name = "FPR", required = true)]
    roots: Vec<String>,
    /// Judges as of this instant, POSIX seconds, in place of this machine's clock: evidence of a
    /// trial whose clock ran ahead bears times that are not here yet, and is refused before them.
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["slip", "letter"])]
    at: Option<u64>,
}

impl Verify {
    pub(super) fn run(self, out: Out) -> Result<Done, Fail> {
        let mut roots = Vec::new();
        for root in &self.roots {
            let digits: String = root.chars().filter(|c| !matches!(c, ' ' | ':')).collect();
            roots.push(Digest::from_hex(&digits).ok_or_else(|| {
                Fail::usage("根密钥指纹应为 64 位十六进制。", "A root is 64 hex digits.")
            })?);
        }
        let manifest = self.manifest.as_deref();
        let now_unix_s = self.at.unwrap_or_else(|| SystemClock.now_unix_ms() / 1_000);
        let papers = [
            (Paper::Slip, &self.slip),
            (Paper::Letter, &self.letter),
            (Paper::Statement, &self.statement),
        ];
        for (what, text) in papers {
            if let Some(text) = text {
                return paper_check::run(what, text, &roots, manifest, now_unix_s, out);
            }
        }
        let file = self.file.unwrap_or_default();
        let mut source = FileSource::open(&file)?;
        if let Ok(Some(pack)) = Pack::open(&mut source) {
            return Ok(checked_pack(pack, &roots, now_unix_s, out));
        }
        let bytes = bytes_of(&file)?;
        if bytes.starts_with(b"{") {
            return misbehaviour::check(&bytes, &roots, out);
        }
        let found = bundle::verify_at(&bytes, &roots, Some(now_unix_s));
        let exit = bundle::exit_code(&found);
        match found {
            Ok(verdicts) if out.json => println!("{}", verdicts.to_json()),
            Ok(verdicts) => println!("{}", verdicts.text().trim_end()),
            Err(error) => {
                let zh = "证据包无法读取，不是完整的证据文件。";
                return Err(Fail::usage(zh, error.to_string()));
            }
        }
        Ok(Done(exit))
    }
}

/// Checks a pack, with a bar for who waits at a terminal.
fn checked_pack(pack: Pack<'_>, roots: &[Digest], now_unix_s: u64, out: Out) -> Done {
    let bar = ProgressBar::new(0);
    let found = pack::verify(pack, roots, Some(now_unix_s), &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    if out.json {
        println!("{}", found.to_json());
    } else {
        println!("{}", found.text());
    }
    Done(found.exit_code())
}
