//! Keys as operators see them: what is in use, who holds which manifest, what is disputed.

use super::{Answer, DeskDoor};
use crate::command::{DeskCommand, Done};
use crate::directory::Directory;
use crate::rotation::disputed::{self, Disputed};
use crate::serve::access::Caller;
use crate::store::log::{self, Log};
use crate::store::{Conn, StoreError};
use crate::trouble::Denied;
use crate::witness::{self, open_head};
use jieli_proto::id::{CityId, Digest};
use jieli_proto::manifest::{Key, Manifest, cosigner_number};
use jieli_proto::wire::{self, Role};

/// Disputed records listed at once.
const DISPUTED_MAX: usize = 1_000;

impl DeskDoor {
    pub(super) async fn key_list(&self, city: &str, version: u32) -> Answer<wire::KeyList> {
        let published = self.hand.published();
        let directory = &published.directory;
        let is_own = city.is_empty() || city == directory.city.as_str();
        let unknown = || Denied::no_such(&format!("伙伴城市 {city}"), &format!("peer {city}"));
        let chain = match is_own {
            true => &directory.own,
            false => &directory.peer_named(city).ok_or_else(unknown)?.manifests,
        };
        let newest = chain.values().next_back().ok_or_else(unknown)?;
        let no_version = || {
            let (zh, en) =
                (format!("第 {version} 版密钥清单"), format!("manifest version {version}"));
            Denied::no_such(&zh, &en)
        };
        let given = match version {
            0 => newest,
            _ => chain.get(&version).ok_or_else(no_version)?,
        };
        let line = |key: &Key| {
            let state =
                if is_own { self.own_state(directory, newest, key) } else { of_peer(newest, key) };
            let cosigns = key.roles.contains(&Role::Cosigner);
            let number = cosigner_number(chain.values(), &key.fpr).filter(|_| cosigns);
            let (say_zh, say_en) = words(state);
            wire::KeyLine {
                fpr: key.fpr.hex(),
                roles: key.roles.iter().map(|role| (*role).into()).collect(),
                not_before: key.not_before_unix_ms,
                state: state.to_owned(),
                number: number.unwrap_or(0),
                say_zh: say_zh.to_owned(),
                say_en: say_en.to_owned(),
            }
        };
        let revoked = newest.revocations.iter().map(|revoked| wire::RevokedKey {
            fpr: hex::encode(&revoked.fingerprint),
            reason: revoked.reason,
            last_good: revoked.last_good.clone(),
        });
        let holders = if is_own { self.holders(directory) } else { Vec::new() };
        Ok(wire::KeyList {
            city_id: newest.city.as_str().to_owned(),
            version: newest.version,
            manifest: Some(given.envelope.clone()),
            keys: newest.keys.iter().map(line).collect(),
            revoked: revoked.collect(),
            holders,
        })
    }

    fn holders(&self, directory: &Directory) -> Vec<wire::HolderLine> {
        let reached: Vec<&CityId> = directory.reached(self.now_ms()).collect();
        let line = |city: &CityId| wire::HolderLine {
            city_id: city.as_str().to_owned(),
            version: directory.held_by(city).map_or(0, |held| held.version),
            reached: reached.contains(&city),
        };
        directory.peers.keys().map(line).collect()
    }

    fn now_ms(&self) -> u64 {
        self.house.world.clock.now_unix_ms()
    }

    fn own_state(&self, directory: &Directory, newest: &Manifest, key: &Key) -> &'static str {
        let now_ms = self.now_ms();
        if newest.is_revoked(&key.fpr) {
            return "revoked";
        }
        if self.house.keys.signer(&key.fpr).is_none() {
            return "no-file";
        }
        if key.not_before_unix_ms > now_ms {
            return "before-its-time";
        }
        let is_first = |keys: Vec<Digest>| {
            let held = keys.into_iter().find(|fpr| self.house.keys.signer(fpr).is_some());
            held == Some(key.fpr)
        };
        let everywhere = |role| directory.is_known_to_all(&key.fpr, role, now_ms);
        let used = key.roles.iter().any(|role| match role {
            Role::Message => {
                everywhere(Role::Message) && is_first(directory.newest_message_keys(now_ms))
            }
            Role::Log => newest.live_keys(Role::Log).len() == 1,
            Role::Cosigner => {
                is_first(directory.cosigner_keys(now_ms).into_iter().map(|(fpr, _)| fpr).collect())
            }
            Role::Tls => is_first(directory.tls_keys_shown(now_ms)),
            Role::Unspecified | Role::Root => false,
        });
        let waits = !key.roles.iter().all(|role| everywhere(*role));
        match (used, key.roles.contains(&Role::Log), waits) {
            (true, _, _) => "in-use",
            (false, true, _) => "signs-too",
            (false, false, true) => "waits",
            (false, false, false) => "held",
        }
    }

    /// Up to where a key of ours was used, as the logs of the other cities stand now.
    pub(super) async fn key_positions(&self, fpr: &str) -> Answer<wire::KeyPositions> {
        let published = self.hand.published();
        let directory = &published.directory;
        let named = Digest::from_hex(fpr.trim());
        let found = directory
            .own
            .values()
            .rev()
            .find_map(|own| own.keys.iter().find(|key| Some(key.fpr) == named).cloned());
        let unknown = || Denied::no_such(&format!("密钥 {fpr}"), &format!("key {fpr}"));
        let key = found.ok_or_else(unknown)?;
        let mut last_good = Vec::new();
        if key.roles.contains(&Role::Log) {
            let (exchange, local) = (&published.exchange, &published.local);
            last_good.push(good(directory.city.exchange_origin(exchange.id.epoch), exchange.size));
            last_good.push(good(directory.city.local_origin(local.id.epoch), local.size));
            // What it signed of epochs that ended counts up to their ends.
            let mut conn = self.store.read().await?;
            for head in log::closed(&mut conn, Log::Exchange).await? {
                last_good.push(good(directory.city.exchange_origin(head.id.epoch), head.size));
            }
            for head in log::closed(&mut conn, Log::Local).await? {
                last_good.push(good(directory.city.local_origin(head.id.epoch), head.size));
            }
        }
        if key.roles.contains(&Role::Message) {
            let sizes = self.sizes_there(directory).await?.into_iter();
            last_good.extend(sizes.map(|(origin, size)| good(origin, size.saturating_sub(1))));
        }
        if key.roles.contains(&Role::Cosigner) {
            let mut conn = self.store.read().await?;
            for (origin, size) in witness::cosigned_sizes(&mut conn).await? {
                if last_good.iter().all(|known| known.origin != origin) {
                    last_good.push(good(origin, size));
                }
            }
        }
        last_good.sort_by(|a, b| a.origin.cmp(&b.origin));
        Ok(wire::KeyPositions { last_good })
    }

    /// How large each other city's log is: asked now where its manifests are waited for, else what
    /// was last seen.
    async fn sizes_there(&self, directory: &Directory) -> Answer<Vec<(String, u64)>> {
        let reached: Vec<CityId> = directory.reached(self.now_ms()).cloned().collect();
        let mut conn = self.store.read().await?;
        let mut sizes = known_sizes(&mut conn).await?;
        drop(conn);
        for city in &reached {
            let Some(peer) = directory.peers.get(city) else { continue };
            let probe = self.house.world.post.probe(city).await;
            let reply = probe.checkpoint.and_then(Result::ok).unwrap_or_default();
            let head = open_head(peer, &reply.checkpoint).ok_or_else(|| {
                Denied::new(
                    "PEER_UNREACHABLE",
                    format!("现在联系不上 {city}，无法确定密钥使用到哪里，请稍后再试。"),
                    format!("{city} cannot be reached, so it cannot be told up to where the key was used: try later."),
                )
            })?;
            sizes.retain(|(known, _)| *known != head.origin());
            sizes.push((head.origin().to_owned(), head.size()));
        }
        Ok(sizes)
    }

    /// The next manifest: the key files first, then the manifest, then it is written down.
    pub(super) async fn install(
        &self,
        caller: &Caller,
        request: wire::InstallManifestRequest,
    ) -> Answer<wire::InstallManifestReply> {
        let sealed = Box::new(request.manifest.unwrap_or_default());
        self.read_key_files().await?;
        let done = self.perform(caller, DeskCommand::InstallManifest(sealed)).await?;
        if let Done::Second(waits) = done {
            return Ok(wire::InstallManifestReply { keys: None, waits: Some(waits) });
        }
        Ok(wire::InstallManifestReply { keys: Some(self.installed().await?), waits: None })
    }

    /// Takes in the key files that were made since.
    pub(super) async fn read_key_files(&self) -> Answer<()> {
        let ring = std::sync::Arc::clone(&self.house.keys);
        let read = self.house.world.apart(move || ring.reload()).await;
        if !matches!(read, Ok(Ok(()))) {
            let what = read.map_or(String::new(), |read| {
                read.err().map_or(String::new(), |error| error.to_string())
            });
            return Err(Denied::new(
                "NO_KEY_FILE",
                "keys 目录中的密钥文件无法读取，没有接受新清单。",
                format!("The key files cannot be read ({what}); nothing was installed."),
            )
            .into());
        }
        Ok(())
    }

    /// Writes the manifest that was taken in where the next start looks for it.
    pub(super) async fn installed(&self) -> Answer<wire::KeyList> {
        let published = self.hand.published();
        if let Some(newest) = published.directory.manifest() {
            let written = crate::public::write_own(&self.house.config, newest);
            // The next start writes them again from the database.
            if let Err(error) = written {
                tracing::error!(%error, "the new manifest was taken in but not written down");
            }
        }
        self.key_list("", 0).await
    }

    pub(super) async fn disputed_list(&self) -> Answer<wire::DisputedList> {
        let published = self.hand.published();
        let mut conn = self.store.read().await?;
        let (directory, epoch) = (&published.directory, published.exchange.id.epoch);
        let mut found = disputed::all(&mut conn, directory, epoch, DISPUTED_MAX).await?;
        let more = found.len() > DISPUTED_MAX;
        found.truncate(DISPUTED_MAX);
        found.sort_by_key(|d| (d.city.clone(), d.key, d.agreement, d.lane, d.lane_seq));
        let mut lines = Vec::new();
        for disputed in found {
            let case_number = case_of(&mut conn, &disputed).await?;
            lines.push(line(disputed, case_number));
        }
        Ok(wire::DisputedList { lines, more })
    }
}

fn line(found: Disputed, case_number: String) -> wire::DisputedLine {
    wire::DisputedLine {
        city_id: found.city.as_str().to_owned(),
        fpr: found.key.hex(),
        reason: found.reason.into(),
        agreement_id: found.agreement.hex(),
        lane: found.lane.number().into(),
        lane_seq: found.lane_seq,
        env_digest: found.env_digest.hex(),
        origin: found.origin,
        index: found.index,
        case_number,
    }
}

fn good(origin: String, index: u64) -> wire::LastGood {
    wire::LastGood { origin, index }
}

fn of_peer(newest: &Manifest, key: &Key) -> &'static str {
    if newest.is_revoked(&key.fpr) { "revoked" } else { "held" }
}

fn words(state: &str) -> (&'static str, &'static str) {
    match state {
        "in-use" => ("使用中", "in use"),
        "signs-too" => ("与另一把日志密钥同时签名", "signs every head beside the other log key"),
        "waits" => ("等待各伙伴城市收到清单", "waits until every partner holds the manifest"),
        "before-its-time" => ("未到启用时间", "before its first day"),
        "no-file" => ("本节点没有密钥文件", "its file is not here"),
        "revoked" => ("已停用", "revoked"),
        _ => ("有效，现不使用", "in force, not used now"),
    }
}

/// The largest head seen of each other log.
async fn known_sizes(conn: &mut Conn) -> Result<Vec<(String, u64)>, StoreError> {
    let sql = "SELECT origin, MAX(size) FROM peer_head GROUP BY origin ORDER BY origin";
    let rows = conn.rows(sql, Vec::new()).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.uint(1)?))).collect()
}

async fn case_of(conn: &mut Conn, found: &Disputed) -> Result<String, StoreError> {
    let sql = "SELECT c.number FROM message m JOIN leg l ON l.leg_id = m.leg_id \
               JOIN case_file c ON c.case_id = l.case_id WHERE m.agreement_id = $1 \
               AND m.lane = $2 AND m.lane_seq = $3";
    let vals =
        vec![found.agreement.to_vec().into(), found.lane.number().into(), found.lane_seq.into()];
    let row = conn.maybe(sql, vals).await?;
    row.map_or(Ok(String::new()), |row| row.text(0))
}
