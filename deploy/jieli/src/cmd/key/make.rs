//! The next manifest: drafted from the one in force, signed by the root from wherever it is kept.

use super::super::Fail;
use super::super::say::{REFUSED, text_of, unwritable};
use crate::ambient::{SystemClock, SystemEntropy, passphrase_places};
use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use jieli_node::config::Config;
use jieli_node::keys::{
    FileSigner, KeyName, KeysError, Passphrase, Places, ROTATING, Signer, load_root, make_beside,
};
use jieli_node::public;
use jieli_node::rotation::is_emergency;
use jieli_node::world::Clock;
use jieli_proto::envelope;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::kinds::SUITE;
use jieli_proto::manifest::Manifest;
use jieli_proto::strict;
use jieli_proto::wire::{Envelope, KeyManifest, KeyRecord, LastGood, Revocation, RevocationReason};
use prost::Message as _;
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The root key, wherever it is kept.
#[derive(Args, Debug)]
pub(in super::super) struct RootArgs {
    /// The root key file; else keys/root.key in the city's directory.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// A file (mode 0600) with the passphrase of the root key file; else where the passphrase of the
    /// other key files is found.
    #[arg(long, value_name = "FILE")]
    root_passphrase_file: Option<PathBuf>,
}

impl RootArgs {
    fn path(&self, dir: &Path) -> PathBuf {
        self.root.clone().unwrap_or_else(|| KeyName::Root.path(dir))
    }

    fn open(&self, dir: &Path, city: &CityId, config: Option<&Config>) -> Result<FileSigner, Fail> {
        let places = match &self.root_passphrase_file {
            Some(file) => Places { file: Some(file.clone()), ..Places::default() },
            None => passphrase_places(config),
        };
        let passphrase = places.find().map_err(bad_keys)?;
        load_root(&self.path(dir), city, passphrase.as_ref()).map_err(bad_keys)
    }
}

/// The next manifest in the making.
pub(super) struct Draft {
    dir: PathBuf,
    config: Config,
    held: Manifest,
    add: Vec<(KeyName, KeyRecord)>,
    revoke: Vec<Revocation>,
}

impl Draft {
    /// Drafts from the manifest in the city's directory.
    pub(super) fn new(dir: &Path, config: Config) -> Result<Draft, Fail> {
        let held = public::own_manifest(dir, &config.city.id).map_err(bad_manifest)?;
        Ok(Draft { dir: dir.to_owned(), config, held, add: Vec::new(), revoke: Vec::new() })
    }

    /// Finds out now whether the root key can be opened, before a key is made for nothing.
    pub(super) fn root_must_be(&self, root: &RootArgs) -> Result<(), Fail> {
        let signer = root.open(&self.dir, &self.config.city.id, Some(&self.config))?;
        if signer.public() == self.held.root { Ok(()) } else { Err(other_root()) }
    }

    /// Makes a key of this name beside the others.
    pub(super) fn add(&mut self, name: KeyName) -> Result<(), Fail> {
        let passphrase = passphrase(&self.config)?;
        let entropy = SystemEntropy::new();
        let city = &self.config.city.id;
        let public = make_beside(&self.dir, city, name, passphrase.as_ref(), &entropy);
        let record = KeyRecord {
            spki: public.map_err(bad_keys)?.to_spki().to_vec(),
            suite: u32::from(SUITE),
            roles: name.role().into_iter().map(Into::into).collect(),
            not_before: SystemClock.now_unix_ms(),
        };
        self.add.push((name, record));
        Ok(())
    }

    pub(super) fn revoke(&mut self, revocation: Revocation) -> Result<(), Fail> {
        let mut known = self.held.keys.iter().map(|key| key.fpr.0.to_vec());
        let revoked = self.held.revocations.iter().any(|r| r.fingerprint == revocation.fingerprint);
        // A revocation may be made stricter; a key that is out of use cannot be retired again.
        let is_stricter = revoked && revocation.reason() != RevocationReason::Retired;
        if !is_stricter && !known.any(|fpr| fpr == revocation.fingerprint) {
            return Err(Fail::new(
                REFUSED,
                "NOT_FOUND",
                "现行清单中没有这个指纹的密钥，请核对 `jieli key list`。",
                "The manifest in force lists no key of this fingerprint: see `jieli key list`.",
            ));
        }
        self.revoke.push(revocation);
        Ok(())
    }

    /// A city needs a key of every kind: makes one where the last is being revoked.
    pub(super) fn replace_last(&mut self) -> Result<(), Fail> {
        for name in ROTATING {
            let role = name.role().unwrap_or_default();
            let gone = |fpr: &Digest| self.revoke.iter().any(|r| r.fingerprint == fpr.0);
            let left = self.held.live_keys(role).iter().any(|key| !gone(&key.fpr));
            if !left && !self.add.iter().any(|(added, _)| *added == name) {
                self.add(name)?;
            }
        }
        Ok(())
    }

    pub(super) fn payload(&self) -> KeyManifest {
        let add = self.add.iter().map(|(_, record)| record.clone()).collect();
        self.held.next(add, self.revoke.clone())
    }

    pub(super) fn sign(&self, root: &RootArgs) -> Result<Envelope, Fail> {
        let signer = root.open(&self.dir, &self.config.city.id, Some(&self.config))?;
        Ok(seal(&self.payload(), &signer))
    }
}

fn seal(payload: &KeyManifest, root: &FileSigner) -> Envelope {
    envelope::seal(payload, root.fingerprint(), |bytes| root.sign_now(bytes))
}

/// The passphrase of the key files of a running city.
pub(super) fn passphrase(config: &Config) -> Result<Option<Passphrase>, Fail> {
    passphrase_places(Some(config)).find().map_err(bad_keys)
}

/// A request as it travels to the root: the payload to be signed, and nothing secret.
pub(super) fn request_json(payload: &KeyManifest) -> String {
    let bytes = payload.encode_to_vec();
    let request = json!({
        "city_id": payload.city_id,
        "jieli_key_request": 1,
        "payload": STANDARD.encode(bytes),
        "version": payload.version,
    });
    format!("{request:#}\n")
}

pub(super) fn read_request(file: &Path) -> Result<KeyManifest, Fail> {
    let text = text_of(file)?;
    let bad = || {
        Fail::usage(
            format!("{} 不是 jieli key request 写出的文件，或已被改动。", file.display()),
            format!("{} is not what `jieli key request` wrote, or was changed.", file.display()),
        )
    };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|_| bad())?;
    let is_one = value["jieli_key_request"] == 1;
    let payload = value["payload"].as_str().filter(|_| is_one).ok_or_else(bad)?;
    let bytes = STANDARD.decode(payload).map_err(|_| bad())?;
    let payload: KeyManifest = strict::decode(&bytes).map_err(|_| bad())?;
    // What is shown is what is signed.
    if value["city_id"] != payload.city_id.as_str() || value["version"] != payload.version {
        return Err(bad());
    }
    Ok(payload)
}

/// Signs a request where the root is kept.
pub(super) fn sign_request(
    payload: &KeyManifest,
    dir: &Path,
    root: &RootArgs,
) -> Result<Envelope, Fail> {
    let city = CityId::parse(&payload.city_id).context("the city id")?;
    let signer = root.open(dir, &city, None)?;
    let sealed = seal(payload, &signer);
    // Whatever no city would take is not signed.
    Manifest::open(&sealed, &signer.public(), None).map_err(bad_manifest)?;
    Ok(sealed)
}

/// A signed manifest.
pub(in crate::cmd) fn read_signed(file: &Path) -> Result<Envelope, Fail> {
    envelope::from_json(text_of(file)?.trim_end()).map_err(|error| {
        Fail::usage(
            format!("{} 不是签过名的密钥清单。", file.display()),
            format!("{} is no signed key manifest: {error}.", file.display()),
        )
    })
}

pub(super) fn payload_of(sealed: &Envelope) -> Result<KeyManifest, Fail> {
    envelope::payload(sealed).map_err(bad_manifest)
}

/// Writes the next manifest into the directory of a stopped node.
pub(super) fn leave_for_start(config: Config, sealed: &Envelope) -> Result<u32, Fail> {
    let held = public::own_manifest(&config.dir, &config.city.id).map_err(bad_manifest)?;
    let next = Manifest::open(sealed, &held.root, Some(&held)).map_err(bad_manifest)?;
    if !is_emergency(&held, &next) {
        return Err(Fail::new(
            REFUSED,
            "NEEDS_SECOND",
            "节点停止时只能采用停用丢失或失窃密钥的清单；其他清单请在节点运行时采用，由另一岗位批准。",
            "A node that is stopped takes in only what revokes a lost or stolen key: install any \
             other manifest while it runs, where another post approves it.",
        ));
    }
    public::write_own(&config, &next).map_err(bad_manifest)?;
    Ok(next.version)
}

/// `ORIGIN=INDEX`.
pub(super) fn last_good(text: &str) -> Result<LastGood, String> {
    let bad = || "格式 jieli.city/log/1=123 / ORIGIN=INDEX".to_owned();
    let (origin, index) = text.rsplit_once('=').ok_or_else(bad)?;
    let index = index.parse().map_err(|_| bad())?;
    if origin.is_empty() { Err(bad()) } else { Ok(LastGood { origin: origin.to_owned(), index }) }
}

pub(super) fn fingerprint(text: &str) -> Result<Digest, Fail> {
    Digest::from_hex(&text.trim().to_lowercase()).ok_or_else(|| {
        Fail::usage(
            "指纹应为 64 位十六进制数字，见 `jieli key list`。",
            "A fingerprint has 64 hex digits: see `jieli key list`.",
        )
    })
}

pub(super) fn write_new(file: &Path, text: &str) -> Result<(), Fail> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).open(file);
    made.and_then(|mut open| open.write_all(text.as_bytes()).and_then(|()| open.sync_all()))
        .map_err(|error| unwritable(file, &error))
}

pub(super) fn bad_keys(error: KeysError) -> Fail {
    Fail::new(
        REFUSED,
        "KEYS",
        "密钥文件无法打开或写入：请核对文件、权限和口令。",
        format!("{error}."),
    )
}

fn bad_manifest(error: impl std::fmt::Display) -> Fail {
    Fail::new(REFUSED, "BAD_MANIFEST", "密钥清单有误或不衔接，没有采用。", format!("{error}."))
}

fn other_root() -> Fail {
    Fail::new(
        REFUSED,
        "OTHER_ROOT",
        "这把根密钥不是本市清单的根密钥。",
        "This root key is not the one of the city's manifest.",
    )
}
