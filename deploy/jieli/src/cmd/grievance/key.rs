//! The key file of a body: JSON with both halves, mode 0600, on a medium that lies with the body.

use super::super::dial::At;
use super::super::say::{OK, Out, date};
use super::super::{Done, Fail};
use crate::ambient::SystemEntropy;
use clap::Subcommand;
use jieli_gateway::sealed::{self, KeyPair, SealError};
use jieli_node::disk;
use jieli_node::public::spoken;
use jieli_node::world::Entropy as _;
use jieli_proto::id::Digest;
use jieli_proto::wire;
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const FILE_BYTES_MAX: u64 = 4096;

#[derive(Debug, Subcommand)]
pub(in super::super) enum KeyCommand {
    /// Makes a key file. Keep it outside the node's machine; without it nothing can be opened again.
    New {
        /// The file; must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Gives the node the public half: workers seal to it from now on.
    Place {
        /// The key file.
        file: PathBuf,
    },
    /// The fingerprint, to be put up where the body is visited: a worker compares it.
    Show {
        /// The key file.
        file: PathBuf,
    },
}

impl KeyCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        let (public, placed_on) = match self {
            KeyCommand::New { out: path } => {
                let entropy = SystemEntropy::new();
                let pair = KeyPair::make(&mut |bytes| entropy.fill(bytes));
                write(&path, &pair)?;
                (pair.public(), 0)
            }
            KeyCommand::Show { file } => (read(&file)?.public(), 0),
            KeyCommand::Place { file } => {
                let public_key = read(&file)?.public();
                let key = wire::GrievanceKey { public_key, placed_on: 0 };
                let placed = at.body().await?.place_grievance_key(key).await?.into_inner();
                (placed.public_key, placed.placed_on)
            }
        };
        let told = fingerprint(&public);
        let placed = (placed_on > 0).then(|| date(placed_on));
        let value = json!({
            "public_key": hex::encode(&public), "fingerprint": told, "placed_on": placed,
        });
        out.show(&value, || {
            out.say(
                &format!("公钥指纹 {told}。请张贴在受理窗口，来访者可以核对。"),
                &format!(
                    "Fingerprint {told}. Put it up at the window, so that it can be compared."
                ),
            )
        });
        Ok(OK)
    }
}

/// A public key in six groups of five digits, as fingerprints are read out.
pub(in super::super) fn fingerprint(public_key: &[u8]) -> String {
    spoken(&Digest::of(&[public_key])).join(" ")
}

/// No Debug: it holds the private half.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    public: String,
    private: String,
}

fn write(path: &Path, pair: &KeyPair) -> Result<(), Fail> {
    let private = Zeroizing::new(hex::encode(pair.private().as_slice()));
    let text = json!({ "public": hex::encode(pair.public()), "private": private.as_str() });
    let text = Zeroizing::new(format!("{text}\n"));
    disk::write_new(path, text.as_bytes(), disk::PRIVATE)
        .map_err(|error| Fail::usage("密钥文件无法写入，文件不能已存在。", error.to_string()))
}

fn read(path: &Path) -> Result<KeyPair, Fail> {
    let wrong = |why: String| {
        let zh = format!("密钥文件 {} 无法读取。", path.display());
        Fail::usage(zh, format!("{}: {why}", path.display()))
    };
    let bytes =
        disk::read_private(path, FILE_BYTES_MAX).map_err(|error| wrong(error.to_string()))?;
    let bytes = Zeroizing::new(bytes);
    let file: KeyFile =
        serde_json::from_slice(&bytes).map_err(|_| wrong("not a key file".to_owned()))?;
    let private = Zeroizing::new(file.private);
    let private = hex::decode(private.as_bytes()).map(Zeroizing::new);
    let private = private.map_err(|_| wrong("not a key file".to_owned()))?;
    let pair = KeyPair::from_private(&private).map_err(|error| wrong(error.to_string()))?;
    if hex::encode(pair.public()) != file.public {
        return Err(wrong("its two halves do not belong together".to_owned()));
    }
    Ok(pair)
}

/// Key files of one body.
pub(super) struct Keys(Vec<KeyPair>);

impl Keys {
    pub(super) fn read(files: &[PathBuf]) -> Result<Keys, Fail> {
        Ok(Keys(files.iter().map(|file| read(file)).collect::<Result<_, Fail>>()?))
    }

    pub(super) fn has_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is this public key.
    pub(super) fn hold(&self, public_key: &[u8]) -> bool {
        self.0.iter().any(|pair| pair.public() == public_key)
    }

    /// What was sealed.
    pub(super) fn open(&self, line: &wire::SealedLine) -> Result<wire::SealedWords, Fail> {
        let pair = self.0.iter().find(|pair| pair.public() == line.public_key);
        let opened = pair
            .ok_or(SealError::Key)
            .and_then(|pair| sealed::by_body(pair, &line.record_id, &line.sealed));
        opened.map_err(|error| {
            Fail::usage(
                "打不开：不是封给这把密钥的，或者内容被改过。请用当时的密钥文件（--key 可以写几次）。",
                format!("{error}: name the key file of that time; --key may be repeated."),
            )
        })
    }
}
