//! `jieli export` and `jieli verify`.

use super::dial::At;
use super::paper_check::{self, Paper};
use super::say::{OK, Out, bytes_of, unwritable};
use super::{Done, Fail};
use clap::Args;
use jieli_node::config::DeskRole;
use jieli_proto::bundle;
use jieli_proto::id::Digest;
use jieli_proto::wire;
use jieli_proto::words::NOT_PROOF_OF_FREEDOM;
use serde_json::json;
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
        let zip = desk.export_case(request).await?.into_inner().zip;
        written(&zip, &self.out, out)
    }
}

/// Writes a bundle where there is no file yet, and says so.
pub(super) fn written(zip: &[u8], path: &Path, out: Out) -> Result<Done, Fail> {
    write_new(path, zip)?;
    let file = path.display().to_string();
    let caveat = NOT_PROOF_OF_FREEDOM;
    let value = json!({
        "file": file, "bytes": zip.len(), "caveat": { "zh": caveat.zh, "en": caveat.en },
    });
    out.show(&value, || {
        let bytes = zip.len();
        let done = out.say(
            &format!("已写入 {file}，{bytes} 字节。"),
            &format!("{file} written, {bytes} bytes."),
        );
        format!("{done}\n{}\n{}", caveat.zh, caveat.en)
    });
    Ok(OK)
}

/// Writes a file that must not exist yet. It may hold personal data: nobody else on this machine
/// reads it.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Fail> {
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|error| unwritable(path, &error))
}

/// Checks evidence, a slip or a letter.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["file", "slip", "letter"]))]
pub(super) struct Verify {
    /// The ZIP.
    file: Option<PathBuf>,
    /// A slip: the text of its QR code, or a file with it, such as the page itself.
    #[arg(long, value_name = "TEXT_OR_FILE")]
    slip: Option<String>,
    /// A letter: the text of its QR code, or a file with it.
    #[arg(long, value_name = "TEXT_OR_FILE")]
    letter: Option<String>,
    /// The city's newest public.json: a slip or letter signed with a key that it revokes is false.
    #[arg(long, value_name = "PUBLIC_JSON", conflicts_with = "file")]
    manifest: Option<PathBuf>,
    /// Root fingerprint of a city that takes part, 64 hex digits; once for each.
    #[arg(long = "root", value_name = "FPR", required = true)]
    roots: Vec<String>,
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
        if let Some(slip) = &self.slip {
            return paper_check::run(Paper::Slip, slip, &roots, manifest, out);
        }
        if let Some(letter) = &self.letter {
            return paper_check::run(Paper::Letter, letter, &roots, manifest, out);
        }
        let file = self.file.unwrap_or_default();
        let zip = bytes_of(&file)?;
        let found = bundle::verify(&zip, &roots);
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
