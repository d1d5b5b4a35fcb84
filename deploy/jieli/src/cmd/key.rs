//! `jieli key`: the city's keys, replaced while the node runs. Every change is the next version of
//! the key manifest, signed by the root: at once where the root key is at hand, or in three steps
//! (`request`, `sign` on the machine that keeps the root, `install`).

use super::dial::At;
use super::say::{OK, Out};
use super::{Done, Fail, second};
use clap::{Subcommand, ValueEnum};
use jieli_node::config::DeskRole;
use jieli_node::keys::{KeyName, destroy};
use jieli_proto::id::Digest;
use jieli_proto::wire::{self, Revocation, RevocationReason};
use serde_json::json;
use std::path::PathBuf;

mod make;
mod tell;

pub(super) use make::read_signed;
use make::{Draft, RootArgs};

const STEPS: &str = "\
根密钥不在本机时分三步：request 写出请求文件；在保存根密钥的机器上 sign；回来 install。\n\
Where the root key is elsewhere: `request` writes a file, `sign` signs it on the machine that keeps \
the root, `install` takes it in. The order of a planned change is rotate, wait until `key list` says \
that every partner holds the manifest, retire.";

/// A key that is replaced while the city runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// Signs what is said to other cities.
    Message,
    /// Signs checkpoints.
    Log,
    /// Cosigns others' checkpoints.
    Cosigner,
    /// Proves the city on the wire.
    Tls,
}

impl Role {
    fn name(self) -> KeyName {
        match self {
            Role::Message => KeyName::Message,
            Role::Log => KeyName::Log,
            Role::Cosigner => KeyName::Cosigner,
            Role::Tls => KeyName::Tls,
        }
    }
}

/// Why a key is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Reason {
    /// Its owner does not use it any more, and cannot wait for a planned retirement.
    Retired,
    /// Nobody has it any more.
    Lost,
    /// Somebody else may have it.
    Compromised,
}

impl Reason {
    fn wire(self) -> RevocationReason {
        match self {
            Reason::Retired => RevocationReason::Retired,
            Reason::Lost => RevocationReason::Lost,
            Reason::Compromised => RevocationReason::Compromised,
        }
    }
}

#[derive(Debug, Subcommand)]
#[command(after_help = STEPS)]
pub(super) enum KeyCommand {
    /// Lists the keys, what each of them does, and which partner holds which manifest.
    List {
        /// The keys of another city, by id or name.
        #[arg(long)]
        peer: Option<String>,
    },
    /// Shows the newest manifest, or another version of it.
    Show {
        /// That of another city, by id or name.
        #[arg(long)]
        peer: Option<String>,
        /// Another version than the newest.
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        version: u32,
        /// A file to write it to; it must not exist.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Makes a new key beside the old one; both count until the old one is retired.
    Rotate {
        /// Which key.
        #[arg(long)]
        key: Role,
        #[command(flatten)]
        root: RootArgs,
    },
    /// Writes what `rotate`, `retire` or `revoke` would have the root sign; makes the keys named.
    Request {
        /// Keys to make beside the old ones; may be repeated.
        #[arg(long = "key")]
        keys: Vec<Role>,
        /// Fingerprint of a key to retire as planned; may be repeated.
        #[arg(long = "retire", value_name = "FPR")]
        retire: Vec<String>,
        /// The file to write; it must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Signs a request with the root key; needs no node, network or configuration.
    Sign {
        /// What `request` or `revoke --out` wrote.
        file: PathBuf,
        #[command(flatten)]
        root: RootArgs,
        /// The signed manifest to write; it must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Takes a signed manifest in: the running node uses it at once and sends it to every partner.
    Install {
        /// What `sign` wrote.
        file: PathBuf,
        /// The node is stopped, and is to take it in at its next start before it signs anything.
        #[arg(long)]
        stopped: bool,
    },
    /// Ends the overlap: the old key signs no more, what it signed goes on to count.
    Retire {
        /// Its fingerprint, 64 hex digits.
        #[arg(long)]
        key: String,
        #[command(flatten)]
        root: RootArgs,
    },
    /// Revokes a key by position: what it signed past these places is disputed. Makes a new key if
    /// it was the last of its kind.
    Revoke {
        /// Its fingerprint, 64 hex digits.
        #[arg(long)]
        key: String,
        /// ORIGIN=INDEX: the last place in that log at which it counts (for a log or cosigner key a
        /// size); may be repeated. In a log that is not named nothing of it counts.
        #[arg(long = "last-good", value_name = "ORIGIN=INDEX", value_parser = make::last_good)]
        last_good: Vec<wire::LastGood>,
        /// Why.
        #[arg(long)]
        reason: Reason,
        #[command(flatten)]
        root: RootArgs,
        /// Write a request for `sign` instead of signing here; it must not exist.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Lists what is stored past the last good place of a revoked key. It keeps its effect.
    Disputed,
}

impl KeyCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            KeyCommand::List { peer } => {
                let list = list(at, peer, 0).await?;
                out.show(&tell::list_json(&list), || tell::list_text(&list, out));
            }
            KeyCommand::Show { peer, version, out: file } => {
                let list = list(at, peer, version).await?;
                let sealed = list.manifest.unwrap_or_default();
                if let Some(file) = &file {
                    make::write_new(file, &jieli_proto::envelope::to_json(&sealed))?;
                }
                let payload = make::payload_of(&sealed)?;
                out.show(&tell::manifest_json(&payload), || tell::manifest_text(&payload, out));
            }
            KeyCommand::Rotate { key, root } => {
                let mut draft = Draft::new(&at.dir, at.config()?)?;
                draft.root_must_be(&root)?;
                draft.add(key.name())?;
                install(at, out, draft.sign(&root)?).await?;
            }
            KeyCommand::Request { keys, retire, out: file } => {
                let mut draft = Draft::new(&at.dir, at.config()?)?;
                for fpr in &retire {
                    draft.revoke(retired(at, fpr).await?)?;
                }
                for key in keys {
                    draft.add(key.name())?;
                }
                requested(draft, &file, out)?;
            }
            KeyCommand::Sign { file, root, out: signed } => {
                let payload = make::read_request(&file)?;
                let sealed = make::sign_request(&payload, &at.dir, &root)?;
                make::write_new(&signed, &jieli_proto::envelope::to_json(&sealed))?;
                out.show(&tell::manifest_json(&payload), || tell::manifest_text(&payload, out));
            }
            KeyCommand::Install { file, stopped: false } => {
                install(at, out, read_signed(&file)?).await?;
            }
            KeyCommand::Install { file, stopped: true } => {
                let version = make::leave_for_start(at.config()?, &read_signed(&file)?)?;
                out.show(&json!({ "version": version, "at_next_start": true }), || {
                    out.say(
                        &format!(
                            "已写入第 {version} 版清单；节点下次启动时先采用它，再签任何东西。"
                        ),
                        &format!(
                            "Version {version} is written; the node takes it in at its next start, \
                             before it signs anything."
                        ),
                    )
                });
            }
            KeyCommand::Retire { key, root } => {
                let mut draft = Draft::new(&at.dir, at.config()?)?;
                draft.root_must_be(&root)?;
                draft.revoke(retired(at, &key).await?)?;
                install(at, out, draft.sign(&root)?).await?;
            }
            KeyCommand::Revoke { key, last_good, reason, root, out: file } => {
                let mut draft = Draft::new(&at.dir, at.config()?)?;
                if file.is_none() {
                    draft.root_must_be(&root)?;
                }
                let fingerprint = make::fingerprint(&key)?.to_vec();
                let reason = reason.wire().into();
                draft.revoke(Revocation { fingerprint, last_good, reason })?;
                draft.replace_last()?;
                match &file {
                    Some(file) => requested(draft, file, out)?,
                    None => install(at, out, draft.sign(&root)?).await?,
                }
            }
            KeyCommand::Disputed => {
                let mut desk = at.desk(DeskRole::Operator).await?;
                let found = desk.list_disputed(wire::ListDisputedRequest {}).await?.into_inner();
                out.show(&tell::disputed_json(&found), || tell::disputed_text(&found, out));
            }
        }
        Ok(OK)
    }
}

async fn list(at: &At, peer: Option<String>, version: u32) -> Result<wire::KeyList, Fail> {
    let mut desk = at.desk(DeskRole::Operator).await?;
    let request = wire::ListKeysRequest { city: peer.unwrap_or_default(), version };
    Ok(desk.list_keys(request).await?.into_inner())
}

/// A planned retirement, up to where the node finds the key used.
async fn retired(at: &At, fpr: &str) -> Result<Revocation, Fail> {
    let fingerprint = make::fingerprint(fpr)?;
    let mut desk = at.desk(DeskRole::Operator).await?;
    let request = wire::KeyPositionsRequest { fpr: fingerprint.hex() };
    let found = desk.place_key(request).await?.into_inner();
    Ok(Revocation {
        fingerprint: fingerprint.to_vec(),
        last_good: found.last_good,
        reason: RevocationReason::Retired.into(),
    })
}

fn requested(draft: Draft, file: &std::path::Path, out: Out) -> Result<(), Fail> {
    let payload = draft.payload();
    make::write_new(file, &make::request_json(&payload))?;
    out.show(&tell::manifest_json(&payload), || {
        let name = file.display();
        let next = out.say(
            &format!("请把 {name} 带到保存根密钥的机器上，用 jieli key sign 签名，再带回来 install。"),
            &format!(
                "Take {name} to the machine that keeps the root key, sign it with `jieli key sign`, \
                 and bring the signed file back to `jieli key install`."
            ),
        );
        format!("{}\n{next}", tell::manifest_text(&payload, out))
    });
    Ok(())
}

/// Hands the next manifest to the node, which takes it in or has another post approve it.
async fn install(at: &At, out: Out, manifest: wire::Envelope) -> Result<(), Fail> {
    let mut desk = at.desk(DeskRole::Operator).await?;
    let request = wire::InstallManifestRequest { manifest: Some(manifest) };
    let reply = desk.install_manifest(request).await?.into_inner();
    if let Some(waits) = &reply.waits {
        let value = json!({ "waits": second::value(waits) });
        out.show(&value, || second::text(waits, out));
    }
    reply.keys.map_or(Ok(()), |keys| installed(at, out, &keys))
}

/// Tells what is in force now. A key that is retired signs no more: the fewer copies of it there
/// are, the better.
pub(super) fn installed(at: &At, out: Out, list: &wire::KeyList) -> Result<(), Fail> {
    let retired = list.revoked.iter().filter(|key| key.reason() == RevocationReason::Retired);
    let retired: Vec<Digest> = retired.filter_map(|key| Digest::from_hex(&key.fpr)).collect();
    if !retired.is_empty() {
        let config = at.config()?;
        let passphrase = make::passphrase(&config)?;
        let gone = destroy(&at.dir, &config.city.id, &retired, passphrase.as_ref());
        gone.map_err(make::bad_keys)?;
    }
    out.show(&tell::list_json(list), || tell::list_text(list, out));
    Ok(())
}
