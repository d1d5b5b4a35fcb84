//! `jieli export` and `jieli verify`.

use super::dial::At;
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
use std::path::PathBuf;

/// Writes the evidence of a case.
#[derive(Args, Debug)]
pub(super) struct Export {
    /// Case number.
    #[arg(long = "case")]
    case_number: String,
    /// Where to; must not exist.
    #[arg(long)]
    out: PathBuf,
    /// With the personal data that this city holds, for the office whose legs they are.
    #[arg(long, requires = "purpose")]
    sections: bool,
    /// Why; it is written into the log.
    #[arg(long, default_value = "")]
    purpose: String,
}

impl Export {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let role = if self.sections { DeskRole::Clerk } else { DeskRole::Compliance };
        let mut desk = at.desk(role).await?;
        let request = wire::CaseRef {
            case_number: self.case_number,
            purpose: self.purpose,
            sections: self.sections,
        };
        let zip = desk.export_case(request).await?.into_inner().zip;
        // Evidence may hold personal data: nobody else on this machine reads it.
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options
            .write(true)
            .create_new(true)
            .open(&self.out)
            .and_then(|mut file| file.write_all(&zip).and_then(|()| file.sync_all()));
        written.map_err(|error| unwritable(&self.out, &error))?;
        let file = self.out.display().to_string();
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
}

/// Checks evidence.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// The ZIP.
    file: PathBuf,
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
        let zip = bytes_of(&self.file)?;
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
