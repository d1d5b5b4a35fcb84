//! How the node is: heads, waiting letters, alarms, and what each lane holds.

use super::partners::peer_state;
use super::{Answer, DeskDoor};
use crate::batch::leaf_of;
use crate::expiry;
use crate::recovery::Recovering;
use crate::store::{self, Conn, StoreError, queue};
use crate::witness::{self, Ages, warning};
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::invite::spoken;
use jieli_proto::kinds::Lane;
use jieli_proto::misbehaviour;
use jieli_proto::tree::{Frontier, leaf_hash};
use jieli_proto::wire::{self, Envelope};
use prost::Message as _;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Alarms shown at once; the newest.
const ALARMS_MAX: u32 = 50;
/// Envelopes read at once.
const ENVELOPES_AT_ONCE: u32 = 512;

/// RFC 6962 tree over a lane's leaf hashes in lane order, kept so that a lane is read once.
/// Lanes only grow, so what was read stays right.
#[derive(Debug, Default)]
pub(super) struct LaneRoots(Mutex<BTreeMap<(AgreementId, Lane), Frontier>>);

impl LaneRoots {
    fn get(&self, key: (AgreementId, Lane)) -> Frontier {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&key).cloned().unwrap_or_default()
    }

    fn put(&self, key: (AgreementId, Lane), frontier: Frontier) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let old = held.entry(key).or_default();
        if old.size() < frontier.size() {
            *old = frontier;
        }
    }
}

impl DeskDoor {
    pub(super) async fn status_view(&self) -> Answer<wire::StatusReply> {
        let published = self.hand.published();
        let now_unix_ms = self.house.world.clock.now_unix_ms();
        let directory = &published.directory;
        let mut conn = self.store.read().await?;
        let backlogs = queue::backlogs(&mut conn).await?;
        let oldest = backlogs.iter().map(|backlog| backlog.oldest_ms).min();
        let oldest_waiting_ms = oldest.map_or(0, |since| now_unix_ms.saturating_sub(since));
        let mut alarms = self.warnings(oldest_waiting_ms);
        let origin = directory.city.exchange_origin(published.exchange.id.epoch);
        let ages = Ages::read(&mut conn, &origin).await?;
        for bond in directory.bonds.values().filter(|bond| bond.state(self.today()) == "ACTIVE") {
            let age_ms = ages.of(bond).map(|at_ms| now_unix_ms.saturating_sub(at_ms));
            let said = age_ms.and_then(|age_ms| warning(bond.peer.as_str(), age_ms));
            alarms.extend(said.map(|(zh, en)| format!("{zh} {en}")));
        }
        let raised = raised(&mut conn).await?;
        let (exchange, local) = (&published.exchange, &published.local);
        let lanes = self.lane_counts(&mut conn).await?;
        let mut stops = 0;
        if directory.recovering.is_some() {
            stops = store::recovery::stops(&mut conn).await?;
        }
        let [state_zh, state_en] = in_words(directory.recovering.as_ref(), stops);
        Ok(wire::StatusReply {
            recovering: directory.recovering.is_some(),
            state_zh,
            state_en,
            city_id: directory.city.as_str().to_owned(),
            name: directory.name.clone(),
            root_fpr: hex::encode(self.house.root.fingerprint()),
            exchange: Some(wire::LogStatus {
                origin: directory.city.exchange_origin(exchange.id.epoch),
                size: exchange.size,
                root: hex::encode(exchange.root),
                checkpoint: published.checkpoint.clone(),
            }),
            local: Some(wire::LogStatus {
                origin: directory.city.local_origin(local.id.epoch),
                size: local.size,
                root: hex::encode(local.root),
                checkpoint: published.local_checkpoint.clone(),
            }),
            letters_waiting: backlogs.iter().map(|backlog| backlog.letters).sum(),
            oldest_waiting_ms,
            alarms,
            raised,
            now_unix_ms,
            lanes,
            expiries: expiry::soon(&self.house, directory, self.today()),
        })
    }

    /// What is not wrong yet, but should be looked at.
    fn warnings(&self, oldest_waiting_ms: u64) -> Vec<String> {
        let mut all = self.house.config.warnings();
        for key in self.house.keys.unprotected() {
            all.push(format!("密钥 {key} 没有口令保护。 The {key} key has no passphrase."));
        }
        let waiting_s = oldest_waiting_ms / 1000;
        let courier = &self.house.config.courier;
        let hours = waiting_s / 3600;
        if waiting_s >= courier.person_after_s {
            all.push(format!(
                "有信件已等待 {hours} 小时，请电话联系对方城市。 A letter has waited for {hours} \
                 hours: telephone the other city."
            ));
        } else if waiting_s >= courier.warn_after_s {
            all.push(format!(
                "有信件已等待 {hours} 小时，系统会继续发送。 A letter has waited for {hours} \
                 hours; it is sent again and again."
            ));
        }
        all
    }

    async fn lane_counts(&self, conn: &mut Conn) -> Answer<Vec<wire::LaneCount>> {
        let rows = conn
            .rows(
                "SELECT agreement_id, lane FROM lane WHERE last_seq > 0 \
                 ORDER BY agreement_id, lane",
                Vec::new(),
            )
            .await?;
        let mut counts = Vec::new();
        for row in rows {
            let id = AgreementId(row.array(0)?);
            let lane = Lane::from_number(row.int(1)? as u32);
            let lane = lane.ok_or(StoreError::Corrupt("lane.lane"))?;
            let frontier = self.lane_frontier(conn, id, lane).await?;
            counts.push(wire::LaneCount {
                agreement_id: id.hex(),
                lane: u32::from(lane.number()),
                count: frontier.size(),
                leaves_root: hex::encode(frontier.root()),
            });
        }
        Ok(counts)
    }

    async fn lane_frontier(
        &self,
        conn: &mut Conn,
        id: AgreementId,
        lane: Lane,
    ) -> Result<Frontier, StoreError> {
        let mut frontier = self.lanes.get((id, lane));
        loop {
            let rows = conn
                .rows(
                    "SELECT lane_seq, envelope FROM envelope \
                     WHERE agreement_id = $1 AND lane = $2 AND lane_seq > $3 \
                     ORDER BY lane_seq LIMIT $4",
                    vec![
                        id.to_vec().into(),
                        lane.number().into(),
                        frontier.size().into(),
                        ENVELOPES_AT_ONCE.into(),
                    ],
                )
                .await?;
            for row in &rows {
                let sealed = Envelope::decode(row.bytes(1)?.as_slice())
                    .map_err(|_| StoreError::Corrupt("envelope.envelope"))?;
                let leaf = leaf_of(id, lane, row.uint(0)?, &sealed)?;
                frontier
                    .append(leaf_hash(&leaf))
                    .map_err(|_| StoreError::Corrupt("a lane is too long"))?;
            }
            // Kept page by page: a caller who gives up on a long lane has not asked in vain.
            self.lanes.put((id, lane), frontier.clone());
            if rows.len() < ENVELOPES_AT_ONCE as usize {
                return Ok(frontier);
            }
        }
    }

    pub(super) async fn peer_list(&self) -> Answer<wire::PeerList> {
        let mut conn = self.store.read().await?;
        let contacts = queue::contacts(&mut conn).await?;
        let backlogs = queue::backlogs(&mut conn).await?;
        let published = self.hand.published();
        let today = self.today();
        let peers = published.directory.peers.values().map(|peer| {
            let contact = contacts.iter().find(|contact| contact.peer == peer.city);
            let backlog = backlogs.iter().find(|backlog| backlog.peer == peer.city);
            let (state_zh, state_en) = peer_state(&published.directory, peer, today, contact);
            wire::Peer {
                city_id: peer.city.as_str().to_owned(),
                name: peer.name.clone(),
                root_fpr: hex::encode(peer.root.fingerprint()),
                manifest_version: peer.newest().map_or(0, |manifest| manifest.version),
                end_points: peer.end_points.clone(),
                last_contact_unix_ms: contact.map_or(0, |contact| contact.last_ms),
                letters_waiting: backlog.map_or(0, |backlog| backlog.letters),
                trouble: contact.map_or(String::new(), |contact| contact.trouble.clone()),
                spoken: spoken(&Digest(peer.root.fingerprint())).join(" "),
                state_zh,
                state_en,
            }
        });
        Ok(wire::PeerList { peers: peers.collect() })
    }
}

impl DeskDoor {
    pub(super) async fn finding_list(&self) -> Answer<wire::MisbehaviourList> {
        let mut conn = self.store.read().await?;
        let roots = |city: &str| {
            let published = self.hand.published();
            let peer = published.directory.peers.values().find(|peer| peer.city.as_str() == city);
            peer.map(|peer| Digest(peer.root.fingerprint()))
        };
        let sql = "SELECT evidence_id, peer, found_ms, bytes FROM evidence \
                   WHERE kind = 'misbehaviour' ORDER BY found_ms, evidence_id";
        let mut findings = Vec::new();
        for row in conn.rows(sql, Vec::new()).await? {
            let (city, file) = (row.text(1)?, row.bytes(3)?);
            let (finding_id, found_unix_ms) = (hex::encode(row.bytes(0)?), row.uint(2)?);
            // Checked again: a changed row must not accuse anybody.
            let proved = roots(&city).and_then(|root| misbehaviour::verify(&file, &[root]).ok());
            let Some((by, what)) = proved else {
                findings.push(unreadable(finding_id, city, found_unix_ms, file));
                continue;
            };
            let (mut say_zh, mut say_en) = what.say(&by);
            if witness::ended(&mut conn, &by, &what).await? {
                say_zh += "；该市根密钥其后声明日志在此之前已止，其后所签不算";
                say_en += "; its root has stated since that this log ended before, and what was \
                           signed beyond does not count";
            }
            findings.push(wire::MisbehaviourProof {
                finding_id,
                city,
                say_zh,
                say_en,
                found_unix_ms,
                file,
                unreadable: false,
            });
        }
        Ok(wire::MisbehaviourList { findings })
    }
}

/// A row that has been changed since it was kept: it is named, and says nothing about anybody.
fn unreadable(
    finding_id: String,
    city: String,
    found_unix_ms: u64,
    file: Vec<u8>,
) -> wire::MisbehaviourProof {
    let say_zh =
        "这条记录已损坏，什么也不能证明；请从备份或其他城市取回（jieli self-audit）".to_owned();
    let say_en =
        "this row is damaged and proves nothing: get it back from a backup or from another \
                  city (jieli self-audit)"
            .to_owned();
    wire::MisbehaviourProof {
        finding_id,
        city,
        say_zh,
        say_en,
        found_unix_ms,
        file,
        unreadable: true,
    }
}

/// Whether the city signs, in words: Chinese, English.
fn in_words(state: Option<&Recovering>, stops: u64) -> [String; 2] {
    let Some(state) = state else {
        return ["运行正常。".to_owned(), "In order.".to_owned()];
    };
    let [mut zh, mut en] = state.words();
    if stops > 0 {
        zh += &format!("已记下 {stops} 项停止请求。");
        en += &format!(" {stops} stops are taken down.");
    }
    [zh, en]
}

/// Alarms that were raised, newest first.
async fn raised(conn: &mut Conn) -> Result<Vec<wire::Alarm>, StoreError> {
    let rows = conn
        .rows(
            "SELECT kind, peer, detail, raised_ms FROM alarm ORDER BY raised_ms DESC, alarm_id LIMIT $1",
            vec![ALARMS_MAX.into()],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let (kind, city, detail) = (row.text(0)?, row.text(1)?, row.text(2)?);
            Ok(wire::Alarm { kind, city, detail, raised_unix_ms: row.uint(3)? })
        })
        .collect()
}
