//! A peer in plain words: what it may do by now, and what works when it is called.

use super::{Answer, DeskDoor};
use crate::directory::{Bond, Directory, Peer};
use crate::store::queue::{self, Contact};
use crate::store::{Conn, StoreError};
use crate::trouble::Denied;
use crate::witness::{newest_of, open_head};
use crate::world::{Hurdle, Probe, Reached};
use jieli_proto::checkpoint::Checkpoint;
use jieli_proto::day::Day;
use jieli_proto::tree::{Hash, verify_consistency};
use jieli_proto::wire::{self, CheckResult, PeerCheck, Role, prove_request::What};
use std::sync::Arc;

/// Clocks apart by more than this are spoken of, in milliseconds.
const CLOCK_WARN_MS: u64 = 2 * 60_000;
/// By more than this they are wrong.
const CLOCK_BAD_MS: u64 = 15 * 60_000;

/// What a peer may do by now, and how contact goes; Chinese and English.
pub(super) fn peer_state(
    directory: &Directory,
    peer: &Peer,
    today: Day,
    contact: Option<&Contact>,
) -> (String, String) {
    let (agreed_zh, agreed_en) = agreed(directory, peer, today);
    let (zh, en) = match contact {
        Some(contact) if !contact.trouble.is_empty() => (
            format!("最近一次联系失败：{}", contact.trouble),
            format!("the last contact failed: {}", contact.trouble),
        ),
        Some(contact) if contact.last_ms > 0 => ("联系正常".to_owned(), "in contact".to_owned()),
        Some(_) | None => ("还没有联系过".to_owned(), "no contact yet".to_owned()),
    };
    (format!("{agreed_zh}；{zh}。"), format!("{agreed_en}; {en}."))
}

fn agreed(directory: &Directory, peer: &Peer, today: Day) -> (&'static str, &'static str) {
    let states: Vec<&str> = directory
        .bonds
        .values()
        .filter(|bond| bond.peer == peer.city)
        .map(|bond| bond.state(today))
        .collect();
    let any = |state: &str| states.contains(&state);
    if any("ACTIVE") {
        ("协作协议生效中", "an agreement is active")
    } else if any("SUSPENDED") {
        ("协作协议已暂停：不收新办件", "the agreement is suspended: no new cases")
    } else if any("TERMINATED") {
        ("协作协议已终止，过渡期内", "the agreement has ended and is winding down")
    } else if any("PROPOSED") {
        (
            "已接受，协议尚待会签：只能往来协议文书",
            "accepted; a proposal waits: only agreement acts may travel",
        )
    } else {
        (
            "已接受，还没有生效的协议：只能往来协议文书",
            "accepted, without an agreement in force: only agreement acts may travel",
        )
    }
}

/// What one check found.
struct Found {
    name: &'static str,
    result: CheckResult,
    say: (String, String),
    todo: (&'static str, &'static str),
}

fn found(
    name: &'static str,
    result: CheckResult,
    zh: impl Into<String>,
    en: impl Into<String>,
    todo: (&'static str, &'static str),
) -> Found {
    Found { name, result, say: (zh.into(), en.into()), todo }
}

const NOTHING: (&str, &str) = ("", "");

impl DeskDoor {
    /// Calls a peer now and says of each thing whether it works.
    pub(super) async fn peer_test(&self, city: &str) -> Answer<wire::TestPeerReply> {
        let published = self.hand.published();
        let directory = &published.directory;
        let unknown = || Denied::no_such(&format!("伙伴城市 {city}"), &format!("peer {city}"));
        let peer = directory.peer_named(city.trim()).ok_or_else(unknown)?;
        let clock = &self.house.world.clock;
        let asked_ms = clock.now_unix_ms();
        let probe = self.house.world.post.probe(&peer.city).await;
        let answered_ms = clock.now_unix_ms();
        let mut conn = self.store.read().await?;
        let mut checks = vec![address(peer, &probe), tls(&probe), keys(peer)];
        let reply = probe.checkpoint.as_ref().and_then(|reply| reply.as_ref().ok());
        checks.push(self.checkpoint_check(&mut conn, directory, peer, &probe).await?);
        checks.push(clocks(reply, asked_ms + answered_ms.saturating_sub(asked_ms) / 2));
        checks.extend(self.agreement_checks(directory, peer));
        checks.push(letters(&mut conn, peer).await?);
        drop(conn);
        if reply.is_some() {
            // What waits for it need not wait.
            let heard = crate::command::Command::Heard(peer.city.clone());
            self.hand.submit(heard).ok();
        }
        let told = |check: Found| PeerCheck {
            name: check.name.to_owned(),
            result: check.result.into(),
            say_zh: check.say.0,
            say_en: check.say.1,
            todo_zh: check.todo.0.to_owned(),
            todo_en: check.todo.1.to_owned(),
        };
        Ok(wire::TestPeerReply {
            city_id: peer.city.as_str().to_owned(),
            name: peer.name.clone(),
            checks: checks.into_iter().map(told).collect(),
        })
    }

    /// The newest head: signed by its log key, and grown out of the newest one known here.
    async fn checkpoint_check(
        &self,
        conn: &mut Conn,
        directory: &Directory,
        peer: &Peer,
        probe: &Probe,
    ) -> Answer<Found> {
        let name = "checkpoint";
        let reply = match &probe.checkpoint {
            None => return Ok(skipped(name, "日志头", "the log head")),
            Some(Err(error)) => {
                let zh = format!("对方没有给出日志头：{error}。");
                let en = format!("No log head was given: {error}.");
                let todo = (
                    "请对方确认已接受本市（peer list），并查看对方节点的日志。",
                    "Ask whether this city is accepted there (peer list), and for the node's log.",
                );
                return Ok(found(name, CheckResult::Bad, zh, en, todo));
            }
            Some(Ok(reply)) => reply,
        };
        let Some(head) = open_head(peer, &reply.checkpoint) else {
            let zh = "日志头的签名不对，或不是对方日志的。";
            let en = "The log head is not signed by the city's log key, or is of another log.";
            return Ok(found(name, CheckResult::Bad, zh, en, ASK_A_PERSON));
        };
        let Some(seen) = newest_of(conn, head.origin()).await? else {
            let zh = format!("签名正确，共 {} 条；本市此前没有见过它的日志头。", head.size());
            let en = format!("Signed, {} records; no earlier head is known here.", head.size());
            return Ok(found(name, CheckResult::Ok, zh, en, NOTHING));
        };
        let live = directory.bonds.values().any(|b| b.peer == peer.city && b.version() > 0);
        Ok(self.grown(peer, (seen.size, seen.root), &head, live).await)
    }

    async fn grown(
        &self,
        peer: &Peer,
        (size, root): (u64, Hash),
        head: &Checkpoint,
        live: bool,
    ) -> Found {
        let name = "checkpoint";
        let differs = || {
            let zh = format!("日志头与本市此前见过的（{size} 条）不一致。");
            let en = format!("The log head does not extend the one known here ({size} records).");
            found(name, CheckResult::Bad, zh, en, ASK_A_PERSON)
        };
        let extends = |at: u64| {
            let zh = format!("签名正确，共 {at} 条，与本市此前见过的（{size} 条）一致。");
            let en = format!("Signed, {at} records, extends the {size} records known here.");
            found(name, CheckResult::Ok, zh, en, NOTHING)
        };
        if head.size() == size {
            return if *head.root() == root { extends(size) } else { differs() };
        }
        if head.size() < size {
            return differs();
        }
        if !live {
            let zh = format!("签名正确，共 {} 条；协议生效后才能核对是否一致。", head.size());
            let en = format!(
                "Signed, {} records; whether it extends the head known here is told once an \
                 agreement is live.",
                head.size()
            );
            return found(name, CheckResult::Ok, zh, en, NOTHING);
        }
        let ask = wire::ProveRequest { what: Some(What::OldSize(size)) };
        let proof = match self.house.world.post.prove(&peer.city, ask).await {
            Ok(proof) => proof,
            Err(error) => {
                let zh = format!("签名正确，但对方没有给出一致性证明：{error}。");
                let en = format!("Signed, but no proof of consistency was given: {error}.");
                let todo = ("请稍后再试。", "Try again later.");
                return found(name, CheckResult::Bad, zh, en, todo);
            }
        };
        let newest =
            open_head(peer, &proof.checkpoint).filter(|newest| newest.origin() == head.origin());
        let hashes: Option<Vec<Hash>> =
            proof.hashes.iter().map(|hash| hash.as_slice().try_into().ok()).collect();
        let holds = newest.zip(hashes).is_some_and(|(newest, hashes)| {
            verify_consistency(size, newest.size(), &hashes, &root, newest.root()).is_ok()
        });
        if holds { extends(head.size()) } else { differs() }
    }

    fn agreement_checks(&self, directory: &Directory, peer: &Peer) -> Vec<Found> {
        let name = "agreement";
        let today = self.today();
        let bonds = directory.bonds.values().filter(|bond| bond.peer == peer.city);
        let bonds: Vec<&Bond> = bonds.map(Arc::as_ref).collect();
        if bonds.is_empty() {
            let todo = (
                "起草协议后由批准岗位执行 agreement propose。",
                "Draft one; an approver proposes it with `agreement propose`.",
            );
            let (zh, en) = ("还没有协作协议，不能往来办件。", "No agreement: no case may travel.");
            return vec![found(name, CheckResult::Warn, zh, en, todo)];
        }
        bonds.into_iter().map(|bond| agreement_check(bond, today)).collect()
    }
}

const ASK_A_PERSON: (&str, &str) = (
    "停止往来并立即电话联系对方城市的联络人；保留本节点的数据库。",
    "Telephone the other city's liaison at once, send nothing meanwhile, keep the database.",
);

fn agreement_check(bond: &Bond, today: Day) -> Found {
    let (name, id) = ("agreement", bond.id.hex());
    let state = bond.state(today);
    let version = bond.version();
    let show = ("用 agreement show 查看。", "See `agreement show`.");
    match (state, bond.in_force()) {
        ("ACTIVE", Some(agreement)) => {
            let to = agreement.to;
            let zh = format!("协议 {id} 第{version}版生效中，至 {to}。");
            let en = format!("Agreement {id}, version {version}, is active until {to}.");
            found(name, CheckResult::Ok, zh, en, NOTHING)
        }
        ("PROPOSED", _) => {
            let zh = format!("协议 {id} 尚待会签。");
            let en = format!("Agreement {id} waits for a counter-signature.");
            found(name, CheckResult::Warn, zh, en, show)
        }
        (state, _) => {
            let zh = format!("协议 {id} 的状态是 {state}，不收新办件。");
            let en = format!("Agreement {id} is {state}: no new cases.");
            found(name, CheckResult::Warn, zh, en, show)
        }
    }
}

fn address(peer: &Peer, probe: &Probe) -> Found {
    let name = "address";
    if peer.end_points.is_empty() {
        let todo = (
            "信件等对方呼叫本市时才能送达；有地址后请对方另发邀请。",
            "Letters wait until it calls; with an address, it sends a new invitation.",
        );
        let (zh, en) = ("对方没有给出地址：它只能呼叫本市。", "It gave no address: it only calls.");
        return found(name, CheckResult::Bad, zh, en, todo);
    }
    let through = |hurdle: &Hurdle| match hurdle {
        Hurdle::Tls => true,
        Hurdle::Name | Hurdle::Address | Hurdle::Connect | Hurdle::Time => false,
    };
    let reached = probe.tried.iter().find(|(_, reached)| match reached {
        Ok(()) => true,
        Err((hurdle, _)) => through(hurdle),
    });
    if let Some((end_point, _)) = reached {
        let zh = format!("{end_point} 可以解析并连接。");
        let en = format!("{end_point} resolves and takes connections.");
        return found(name, CheckResult::Ok, zh, en, NOTHING);
    }
    let list = |tried: &(String, Reached)| match &tried.1 {
        Ok(()) => tried.0.clone(),
        Err((_, why)) => format!("{}: {why}", tried.0),
    };
    let all = probe.tried.iter().map(list).collect::<Vec<_>>().join("; ");
    let todo = match probe.tried.last() {
        Some((_, Err((Hurdle::Name, _)))) => (
            "核对域名，请网络管理员检查本机的域名解析。",
            "Check the name, and name resolution on this machine.",
        ),
        Some((_, Err((Hurdle::Address, _)))) => (
            "这个地址不允许呼叫（如本机回环、链路本地），请对方给出可达的地址。",
            "This address may not be called (loopback, link-local): ask for one that can be.",
        ),
        Some((_, Err((Hurdle::Connect | Hurdle::Time | Hurdle::Tls, _)) | Ok(()))) | None => (
            "请对方确认节点在运行、端口已对本市开放；检查两边的防火墙。",
            "Ask whether the node runs and its port is open to this city; check both firewalls.",
        ),
    };
    found(
        name,
        CheckResult::Bad,
        format!("连接不上：{all}。"),
        format!("Cannot connect: {all}."),
        todo,
    )
}

fn tls(probe: &Probe) -> Found {
    let name = "tls";
    match probe.tried.last() {
        Some((_, Ok(()))) => {
            let (zh, en) =
                ("TLS 1.3，对方出示的正是已登记的密钥。", "TLS 1.3 with the pinned key.");
            found(name, CheckResult::Ok, zh, en, NOTHING)
        }
        Some((_, Err((Hurdle::Tls, why)))) => {
            let todo = (
                "电话核对六组数字；请对方确认也已接受本市，且其密钥没有更换。",
                "Compare the six groups by telephone; ask whether this city is accepted there and \
                 its keys are the same.",
            );
            let (zh, en) = (format!("握手失败：{why}。"), format!("The handshake failed: {why}."));
            found(name, CheckResult::Bad, zh, en, todo)
        }
        Some((_, Err((Hurdle::Name | Hurdle::Address | Hurdle::Connect | Hurdle::Time, _))))
        | None => skipped(name, "TLS 密钥", "the TLS key"),
    }
}

/// Keys have no last day of their own: they end with a newer manifest.
fn keys(peer: &Peer) -> Found {
    let name = "keys";
    let Some(manifest) = peer.newest() else {
        let (zh, en) = ("没有对方的密钥清单。", "No key manifest is held.");
        return found(name, CheckResult::Bad, zh, en, ASK_A_PERSON);
    };
    let missing: Vec<&str> = [(Role::Message, "message"), (Role::Log, "log"), (Role::Tls, "tls")]
        .into_iter()
        .filter(|(role, _)| manifest.live_keys(*role).is_empty())
        .map(|(_, word)| word)
        .collect();
    let version = manifest.version;
    if missing.is_empty() {
        let zh = format!("密钥清单第 {version} 版，各类密钥有效；清单没有到期日，由新版替换。");
        let en = format!(
            "Key manifest version {version}, all keys in force; it has no last day and is \
             replaced by a newer one."
        );
        return found(name, CheckResult::Ok, zh, en, NOTHING);
    }
    let list = missing.join(", ");
    let zh = format!("密钥清单第 {version} 版缺少有效的密钥：{list}。");
    let en = format!("Key manifest version {version} has no good key for: {list}.");
    let todo = ("请对方发布新的密钥清单。", "Ask the other city for a newer manifest.");
    found(name, CheckResult::Bad, zh, en, todo)
}

fn clocks(reply: Option<&wire::CheckpointReply>, here_ms: u64) -> Found {
    let name = "clock";
    let Some(reply) = reply else { return skipped(name, "对方的时钟", "its clock") };
    if reply.now_unix_ms == 0 {
        let (zh, en) = ("对方没有报时。", "It does not tell its time.");
        return found(name, CheckResult::Skipped, zh, en, NOTHING);
    }
    let apart_ms = reply.now_unix_ms.abs_diff(here_ms);
    let result = match apart_ms {
        0..=CLOCK_WARN_MS => CheckResult::Ok,
        apart_ms if apart_ms <= CLOCK_BAD_MS => CheckResult::Warn,
        _ => CheckResult::Bad,
    };
    let ahead = reply.now_unix_ms > here_ms;
    let apart_s = apart_ms / 1000;
    let (way_zh, way_en) = if ahead { ("快", "ahead of") } else { ("慢", "behind") };
    let zh = format!("对方时钟比本市{way_zh} {apart_s} 秒（对方自述）。");
    let en = format!("Its clock is {apart_s} s {way_en} ours (its own claim).");
    let todo = if result == CheckResult::Ok {
        NOTHING
    } else {
        ("两市都检查时间同步（NTP）。", "Check time synchronisation (NTP) in both cities.")
    };
    found(name, result, zh, en, todo)
}

async fn letters(conn: &mut Conn, peer: &Peer) -> Result<Found, StoreError> {
    let name = "letters";
    let backlogs = queue::backlogs(conn).await?;
    let waiting = backlogs.iter().find(|one| one.peer == peer.city).map_or(0, |one| one.letters);
    let contacts = queue::contacts(conn).await?;
    let trouble = contacts.into_iter().find(|one| one.peer == peer.city);
    let trouble = trouble.map(|one| one.trouble).filter(|trouble| !trouble.is_empty());
    let (zh, en) = match &trouble {
        Some(why) => (format!("；最近一次失败：{why}"), format!("; last trouble: {why}")),
        None => ("；没有失败记录".to_owned(), "; no trouble noted".to_owned()),
    };
    let zh = format!("有 {waiting} 封信件待发{zh}。");
    let en = format!("Letters waiting: {waiting}{en}.");
    if trouble.is_none() {
        return Ok(found(name, CheckResult::Ok, zh, en, NOTHING));
    }
    let todo = (
        "上面各项正常时会自动重发；否则先处理上面的问题。",
        "They are sent again by themselves once all above is ok.",
    );
    Ok(found(name, CheckResult::Warn, zh, en, todo))
}

fn skipped(name: &'static str, zh: &str, en: &str) -> Found {
    let zh = format!("连接不上，无法查看{zh}。");
    let en = format!("Not connected: {en} cannot be seen.");
    found(name, CheckResult::Skipped, zh, en, NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_warned_of_after_two_minutes_and_wrong_after_fifteen() {
        let here_ms = 1_795_399_200_000;
        for (apart_ms, result) in [
            (0, CheckResult::Ok),
            (120_000, CheckResult::Ok),
            (120_001, CheckResult::Warn),
            (900_000, CheckResult::Warn),
            (900_001, CheckResult::Bad),
        ] {
            for now_unix_ms in [here_ms + apart_ms, here_ms - apart_ms] {
                let reply =
                    wire::CheckpointReply { now_unix_ms, ..wire::CheckpointReply::default() };
                assert_eq!(clocks(Some(&reply), here_ms).result, result, "{apart_ms}");
            }
        }
        assert_eq!(clocks(None, here_ms).result, CheckResult::Skipped);
    }

    #[test]
    fn where_a_call_ended_is_told_with_what_to_do() {
        let at = |hurdle| Probe {
            tried: vec![("a:1".to_owned(), Err((hurdle, "why".to_owned())))],
            checkpoint: None,
        };
        assert_eq!(tls(&at(Hurdle::Tls)).result, CheckResult::Bad);
        for hurdle in [Hurdle::Name, Hurdle::Address, Hurdle::Connect, Hurdle::Time] {
            let check = tls(&at(hurdle));
            assert_eq!(check.result, CheckResult::Skipped, "{hurdle:?}");
            assert!(check.say.0.contains("连接不上"));
        }
    }
}
