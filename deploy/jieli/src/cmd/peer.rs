//! `jieli peer`: other cities, by an invitation and the telephone, or by their public file and the
//! fingerprint on paper.

use super::dial::At;
use super::key::read_signed;
use super::say::{OK, Out, REFUSED, text_of};
use super::{Done, Fail};
use anyhow::Context;
use clap::Subcommand;
use jieli_node::config::DeskRole;
use jieli_node::public::PublicBundle;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::wire;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

mod test;

/// Largest invitation file in bytes.
const INVITE_BYTES_MAX: u64 = 256 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum PeerCommand {
    /// Writes an invitation for another city, to be sent by any means.
    Invite {
        /// Where this city is reached, host:port, instead of what jieli.toml says; may be repeated.
        #[arg(long = "end-point")]
        end_points: Vec<String>,
        /// How many days it may be answered, 1 to 14.
        #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=14))]
        days: u32,
        /// The file to write; it must not exist.
        #[arg(long)]
        out: PathBuf,
    },
    /// Looks at an invitation, or at the answer to one; with the six groups heard on the telephone
    /// its city is accepted.
    #[command(after_help = "\
The groups are typed as the other operator reads them out, never as this screen shows them.")]
    Accept {
        /// The file that the other city sent.
        file: PathBuf,
        /// The six groups of five digits as heard on the telephone.
        #[arg(long)]
        groups: Option<String>,
        /// Where it is reached, host:port, instead of what the file says; may be repeated.
        #[arg(long = "end-point")]
        end_points: Vec<String>,
        /// The answer to write, for the inviter; it must not exist. Default: answer-CITY.json.
        #[arg(long)]
        out: Option<PathBuf>,
    },
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
    /// Takes in the next key manifests of an accepted city, carried by people: where a copy of this
    /// node's database was put back that is older than that city's present connection key.
    #[command(after_help = "\
The other city writes them with `jieli key show --version N --out FILE`, each version that `jieli
key list --peer` here does not name yet.")]
    Manifest {
        /// City id or name.
        city: String,
        /// The manifests, the oldest first.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Lists accepted cities, their six groups and how contact with them goes.
    List,
    /// Calls a city now and says what works: address, TLS, keys, log, clock, agreement, letters.
    #[command(after_help = "Exit code 0: all ok; 1: something is not.")]
    Test {
        /// City id or name.
        city: String,
    },
}

impl PeerCommand {
    pub(super) async fn run(self, at: &At, out: Out) -> Result<Done, Fail> {
        match self {
            PeerCommand::Invite { end_points, days, out: file } => {
                invite(at, out, wire::InvitePeerRequest { end_points, days }, &file).await?;
            }
            PeerCommand::Accept { file, groups, end_points, out: answer } => {
                let invite = Some(read_invite(&file)?);
                let groups = groups.unwrap_or_default();
                let request = wire::AcceptInviteRequest { invite, groups, end_points };
                accept(at, out, request, answer).await?;
            }
            PeerCommand::Add { file, root_fpr, end_points } => {
                let request = request(&file, &root_fpr, end_points)?;
                let mut desk = at.desk(DeskRole::Operator).await?;
                let peer = desk.add_peer(request).await?.into_inner();
                out.show(&peer_json(&peer), || accepted(&peer, out));
            }
            PeerCommand::Manifest { city, files } => {
                let mut desk = at.desk(DeskRole::Operator).await?;
                let mut peer = wire::Peer::default();
                for file in &files {
                    let request = wire::AddPeerRequest {
                        manifest: Some(read_signed(file)?),
                        accepted_city: city.clone(),
                        ..wire::AddPeerRequest::default()
                    };
                    peer = desk.add_peer(request).await?.into_inner();
                }
                out.show(&peer_json(&peer), || {
                    let (name, version) = (&peer.name, peer.manifest_version);
                    let zh = format!("{name}：已收下第 {version} 版密钥清单。");
                    out.say(&zh, &format!("{name}: key manifest {version} was taken in."))
                });
            }
            PeerCommand::List => {
                let mut desk = at.desk(DeskRole::Operator).await?;
                let peers = desk.list_peers(wire::ListPeersRequest {}).await?.into_inner().peers;
                let value = Value::Array(peers.iter().map(peer_json).collect());
                out.show(&value, || {
                    if peers.is_empty() {
                        return out.say("还没有伙伴城市。", "There is no peer.");
                    }
                    peers.iter().map(|peer| line(peer, out)).collect::<Vec<_>>().join("\n\n")
                });
            }
            PeerCommand::Test { city } => return test::run(at, out, city).await,
        }
        Ok(OK)
    }
}

async fn invite(
    at: &At,
    out: Out,
    request: wire::InvitePeerRequest,
    file: &Path,
) -> Result<(), Fail> {
    must_be_new(file)?;
    let mut desk = at.desk(DeskRole::Operator).await?;
    let reply = desk.invite_peer(request).await?.into_inner();
    write_new(file, &reply.invite.unwrap_or_default())?;
    let value = json!({
        "file": file.display().to_string(),
        "spoken": reply.spoken,
        "not_after_unix_ms": reply.not_after,
    });
    let (file, spoken) = (file.display(), &reply.spoken);
    out.show(&value, || {
        out.say(
            &format!(
                "邀请已写入 {file}，请发给对方城市。然后电话联系对方的联络人，把本市的六组数字读给对方：\n  \
                 {spoken}\n对方接受后会发回一份回复文件，同样用 peer accept 接受。\n"
            ),
            &format!(
                "The invitation is in {file}: send it to the other city. Then telephone its \
                 liaison and read out our six groups:\n  {spoken}\nIts answer is a file too: take \
                 it in with `peer accept`."
            ),
        )
    });
    Ok(())
}

async fn accept(
    at: &At,
    out: Out,
    request: wire::AcceptInviteRequest,
    answer: Option<PathBuf>,
) -> Result<(), Fail> {
    let looks = request.groups.trim().is_empty();
    let mut desk = at.desk(DeskRole::Operator).await?;
    // Looked at first, so that no answer is lost because its file could not be written.
    let look = wire::AcceptInviteRequest { groups: String::new(), ..request.clone() };
    let mut reply = desk.accept_invite(look).await?.into_inner();
    let city = reply.peer.clone().unwrap_or_default().city_id;
    let file = answer.unwrap_or_else(|| PathBuf::from(format!("answer-{city}.json")));
    if !looks {
        if !reply.is_answer {
            must_be_new(&file)?;
        }
        reply = desk.accept_invite(request).await?.into_inner();
    }
    let mut written = None;
    if let Some(sealed) = &reply.answer {
        write_new(&file, sealed)?;
        written = Some(file.display().to_string());
    }
    let peer = reply.peer.clone().unwrap_or_default();
    let value = json!({
        "accepted": reply.accepted,
        "peer": peer_json(&peer),
        "own_spoken": reply.own_spoken,
        "not_after_unix_ms": reply.not_after,
        "answer": written,
    });
    out.show(&value, || match (reply.accepted, &written) {
        (false, _) => looked_at(&peer, &reply, out),
        (true, None) => accepted(&peer, out),
        (true, Some(file)) => format!(
            "{}\n{}",
            accepted(&peer, out),
            out.say(
                &format!(
                    "回复已写入 {file}，请发给对方，并把本市的六组数字读给对方：{}。",
                    reply.own_spoken
                ),
                &format!(
                    "The answer is in {file}: send it back, and read out our six groups: {}.",
                    reply.own_spoken
                ),
            )
        ),
    });
    Ok(())
}

fn looked_at(peer: &wire::Peer, reply: &wire::AcceptInviteReply, out: Out) -> String {
    let (name, id, ends) = (&peer.name, &peer.city_id, peer.end_points.join(", "));
    let own = &reply.own_spoken;
    out.say(
        &format!(
            "文件自称来自 {name}（{id}），地址 {ends}。还没有接受。\n请拨打已知的公开电话（不要用文件附带的\
             号码），请对方读出六组数字，并把本市的读给对方：\n  {own}\n用 --groups 键入听到的六组数字再执行一\
             次；与文件不符就不会接受。\n"
        ),
        &format!(
            "The file says it is from {name} ({id}), reached at {ends}. Nothing is accepted yet.\n\
             Telephone that city at a number you know from elsewhere, have its six groups read to \
             you, and read out ours:\n  {own}\nRun this again with --groups and type what you \
             heard; if it is not what the file says, nothing is accepted."
        ),
    )
}

fn accepted(peer: &wire::Peer, out: Out) -> String {
    let (name, id, spoken, fpr) = (&peer.name, &peer.city_id, &peer.spoken, &peer.root_fpr);
    out.say(
        &format!(
            "已接受 {name}（{id}）。六组数字 {spoken}，根密钥指纹 {fpr}。下一步：peer test {id}。\n"
        ),
        &format!(
            "{name} ({id}) is accepted. Six groups {spoken}, root fingerprint {fpr}. Next: peer \
             test {id}."
        ),
    )
}

fn must_be_new(file: &Path) -> Result<(), Fail> {
    if file.symlink_metadata().is_err() {
        return Ok(());
    }
    let file = file.display();
    Err(Fail::usage(
        format!("{file} 已存在，请换一个文件名。"),
        format!("{file} exists: choose another name."),
    ))
}

fn write_new(file: &Path, sealed: &wire::Envelope) -> Result<(), Fail> {
    use std::io::Write as _;
    let write = || {
        let mut open = std::fs::File::create_new(file)?;
        open.write_all(envelope::to_json(sealed).as_bytes())?;
        open.write_all(b"\n")?;
        open.sync_all()
    };
    Ok(write().with_context(|| file.display().to_string())?)
}

fn read_invite(file: &Path) -> Result<wire::Envelope, Fail> {
    let size = std::fs::metadata(file).with_context(|| file.display().to_string())?.len();
    let text = if size > INVITE_BYTES_MAX {
        String::new()
    } else {
        std::fs::read_to_string(file).unwrap_or_default()
    };
    envelope::from_json(text.trim_end()).map_err(|error| {
        let zh = "这不是完整的邀请文件，请对方重新发送。";
        let en = format!("This is no whole invitation ({error}): have it sent again.");
        Fail::new(REFUSED, "BAD_INVITE", zh, en)
    })
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
        accepted_city: String::new(),
    })
}

fn line(peer: &wire::Peer, out: Out) -> String {
    let waiting = peer.letters_waiting;
    let ends = if peer.end_points.is_empty() {
        out.say("没有地址", "no end point")
    } else {
        peer.end_points.join(", ")
    };
    format!(
        "{} {}  {ends}\n  {}\n  {} {}",
        peer.city_id,
        peer.name,
        peer.spoken,
        out.say(&peer.state_zh, &peer.state_en),
        out.say(&format!("待发信件 {waiting} 封。"), &format!("Letters waiting: {waiting}."))
    )
}

fn peer_json(peer: &wire::Peer) -> Value {
    json!({
        "city_id": peer.city_id,
        "name": peer.name,
        "root_fpr": peer.root_fpr,
        "spoken": peer.spoken,
        "manifest_version": peer.manifest_version,
        "end_points": peer.end_points,
        "last_contact_unix_ms": peer.last_contact_unix_ms,
        "letters_waiting": peer.letters_waiting,
        "trouble": peer.trouble,
        "state_zh": peer.state_zh,
        "state_en": peer.state_en,
    })
}
