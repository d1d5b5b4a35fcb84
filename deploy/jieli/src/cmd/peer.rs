//! `jieli peer`: other cities, by their public file and the fingerprint on paper.

use super::dial::At;
use super::say::{OK, Out, REFUSED, text_of};
use super::{Done, Fail};
use clap::Subcommand;
use jieli_node::config::DeskRole;
use jieli_node::public::PublicBundle;
use jieli_proto::id::Digest;
use jieli_proto::wire;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum PeerCommand {
    /// Accepts a city: its public.json, and its root fingerprint as it stands on paper.
    Add {
        /// The public.json that the other city gave.
        file: PathBuf,
        /// Its root fingerprint from the paper agreement, 64 hex digits; spaces are ignored.
        #[arg(long)]
        root_fpr: String,
        /// Where it is reached, host:port, instead of what the file says; may be repeated.
        #[arg(long = "end-point")]
        end_points: Vec<String>,
    },
    /// Lists accepted cities and how contact with them goes.
    List,
}

impl PeerCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            PeerCommand::Add { file, root_fpr, end_points } => {
                let request = request(&file, &root_fpr, end_points)?;
                let mut desk = at.desk(DeskRole::Operator).await?;
                let peer = desk.add_peer(request).await?.into_inner();
                out.show(&peer_json(&peer), || {
                    let (name, id) = (&peer.name, &peer.city_id);
                    out.say(
                        &format!("已接受 {name}（{id}）。"),
                        &format!("{name} ({id}) is accepted."),
                    )
                });
            }
            PeerCommand::List => {
                let mut desk = at.desk(DeskRole::Operator).await?;
                let peers = desk.list_peers(wire::ListPeersRequest {}).await?.into_inner().peers;
                let value = Value::Array(peers.iter().map(peer_json).collect());
                out.show(&value, || peers.iter().map(line).collect::<Vec<_>>().join("\n"));
            }
        }
        Ok(OK)
    }
}

fn request(
    file: &Path,
    root_fpr: &str,
    end_points: Vec<String>,
) -> Result<wire::AddPeerRequest, Fail> {
    let text = text_of(file)?;
    let digits: String = root_fpr.chars().filter(|c| !matches!(c, ' ' | ':')).collect();
    let fpr = Digest::from_hex(&digits).ok_or_else(|| {
        Fail::usage("根密钥指纹应为 64 位十六进制。", "A root fingerprint is 64 hex digits.")
    })?;
    let bundle = PublicBundle::parse(&text, &fpr).map_err(|error| {
        let zh = "公开文件与纸质指纹不符，或文件有误，请电话核对。";
        Fail::new(REFUSED, "BAD_PUBLIC_FILE", zh, error.to_string())
    })?;
    Ok(wire::AddPeerRequest {
        manifest: Some(bundle.manifest.envelope.clone()),
        root_fpr: fpr.hex(),
        name: bundle.name,
        end_points: if end_points.is_empty() { bundle.end_points } else { end_points },
        root_spki: bundle.manifest.root.to_spki().to_vec(),
    })
}

fn line(peer: &wire::Peer) -> String {
    let trouble = if peer.trouble.is_empty() { "正常 ok" } else { &peer.trouble };
    format!(
        "{} {}  {}  待发 waiting {}  {}",
        peer.city_id,
        peer.name,
        peer.end_points.join(","),
        peer.letters_waiting,
        trouble
    )
}

fn peer_json(peer: &wire::Peer) -> Value {
    json!({
        "city_id": peer.city_id,
        "name": peer.name,
        "root_fpr": peer.root_fpr,
        "manifest_version": peer.manifest_version,
        "end_points": peer.end_points,
        "last_contact_unix_ms": peer.last_contact_unix_ms,
        "letters_waiting": peer.letters_waiting,
        "trouble": peer.trouble,
    })
}
