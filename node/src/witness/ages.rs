//! How old the cosignatures are that an agreement rests on: the counterparty's and, where another
//! city has cosigned at all, one of an uninvolved city.

use crate::batch::Batch;
use crate::directory::{Bond, Directory};
use crate::store::{Conn, StoreError};
use crate::timer::TimerKind;
use jieli_proto::checkpoint::LogName;
use jieli_proto::id::{CityId, Digest};
use jieli_proto::note::{KeyKind, VKey};
use jieli_proto::wire::Role;
use std::collections::BTreeMap;
use std::fmt::Write;

const HOUR_MS: u64 = 3_600_000;

/// From this age on it is said.
pub(crate) const WARN_MS: u64 = HOUR_MS;
/// From this age on it is red.
pub(crate) const RED_MS: u64 = 24 * HOUR_MS;
/// From this age on no new OFFER goes out.
pub(crate) const PAUSE_MS: u64 = 72 * HOUR_MS;

/// When each city last cosigned the own exchange log, Unix milliseconds by the own clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ages(BTreeMap<CityId, u64>);

impl Ages {
    /// Those of a log.
    pub(crate) async fn read(conn: &mut Conn, origin: &str) -> Result<Ages, StoreError> {
        let sql = "SELECT city, at_ms FROM cosign_last WHERE origin = $1";
        let rows = conn.rows(sql, vec![origin.into()]).await?;
        let read = |row: &crate::store::Row| {
            let city = CityId::parse(&row.text(0)?).ok_or(StoreError::Corrupt("cosign_last"))?;
            Ok((city, row.uint(1)?))
        };
        Ok(Ages(rows.iter().map(read).collect::<Result<_, StoreError>>()?))
    }

    /// When the policy of an agreement was last satisfied; `None` before its first time.
    pub(crate) fn of(&self, bond: &Bond) -> Option<u64> {
        let counterparty = *self.0.get(&bond.peer)?;
        let others = self.0.iter().filter(|(city, _)| **city != bond.peer);
        let third = others.map(|(_, at_ms)| *at_ms).max();
        Some(third.map_or(counterparty, |third| third.min(counterparty)))
    }

    /// Whether a city's cosignatures stopped so long ago that OFFERs may wait for them.
    pub(crate) fn is_paused(&self, city: &CityId, now_ms: u64) -> bool {
        self.0.get(city).is_some_and(|at_ms| now_ms.saturating_sub(*at_ms) >= PAUSE_MS)
    }

    /// Whether an uninvolved city is among those who cosign.
    pub(crate) fn has_third(&self, bond: &Bond) -> bool {
        self.0.keys().any(|city| *city != bond.peer)
    }
}

/// In plain words, Chinese and English; nothing while the age is young.
pub(crate) fn warning(peer: &str, age_ms: u64) -> Option<(String, String)> {
    let hours = age_ms / HOUR_MS;
    let (zh, en) = match age_ms {
        PAUSE_MS.. => (
            "新的办件申请暂停发出，联署后自动发出",
            "new OFFERs wait and go out once it is cosigned",
        ),
        RED_MS.. => ("请电话联系联署的城市", "telephone the cities that cosign"),
        WARN_MS.. => ("系统会继续请求", "it is asked for again and again"),
        _ => return None,
    };
    Some((
        format!("与 {peer} 的协议：日志已 {hours} 小时没有新的联署，{zh}。"),
        format!("Agreement with {peer}: no new cosignature on the log for {hours} hours; {en}."),
    ))
}

/// The policy of an agreement for the own log, as C2SP tlog-policy: the log's keys, the
/// counterparty and, where there are other cities, one of them.
pub(crate) fn policy(directory: &Directory, bond: &Bond, origin: &str) -> String {
    let mut text = String::new();
    let own = directory.manifest().into_iter().flat_map(|m| m.live_keys(Role::Log));
    for key in own.filter_map(|key| VKey::new(origin, KeyKind::Ed25519, key.public).ok()) {
        let _ = writeln!(text, "log {key}");
    }
    let (mut partner, mut third) = (Vec::new(), Vec::new());
    for (city, peer) in &directory.peers {
        let is_live = |key: &VKey| {
            let fpr = Digest(key.key().fingerprint());
            peer.newest().is_some_and(|newest| !newest.is_revoked(&fpr))
        };
        for key in super::cosigner_keys(city, &peer.manifests).into_iter().filter(is_live) {
            let _ = writeln!(text, "witness {} {key}", key.name());
            let members = if *city == bond.peer { &mut partner } else { &mut third };
            members.push(key.name().to_owned());
        }
    }
    let mut all = vec!["counterparty"];
    let _ = writeln!(text, "group counterparty 1 {}", partner.join(" "));
    if !third.is_empty() {
        let _ = writeln!(text, "group uninvolved 1 {}", third.join(" "));
        all.push("uninvolved");
    }
    let _ = writeln!(text, "group both {} {}\nquorum both", all.len(), all.join(" "));
    text
}

impl Batch<'_> {
    /// Whether new OFFERs of an agreement wait for a cosignature. Only where it was ever cosigned.
    pub(crate) async fn waits_for_cosigners(&mut self, bond: &Bond) -> Result<bool, StoreError> {
        let origin = self.directory.city.exchange_origin(self.head.id.epoch);
        let at_ms = Ages::read(self.conn, &origin).await?.of(bond);
        Ok(at_ms.is_some_and(|at_ms| self.now_ms.saturating_sub(at_ms) >= PAUSE_MS))
    }

    /// OFFERs that waited are tried again at once.
    pub(super) async fn offers_go_on(&mut self) -> Result<(), StoreError> {
        let sql = "UPDATE timer SET due_ms = $1 WHERE kind = $2 AND due_ms > $1";
        let vals = vec![self.now_ms.into(), TimerKind::OfferWaits.word().into()];
        self.conn.run(sql, vals).await.map(drop)
    }
}

/// The cosigner's city of a key name.
pub(crate) fn cosigner_city(name: &str) -> Option<CityId> {
    match LogName::parse(name)? {
        LogName::Cosigner { city, .. } => CityId::parse(&city),
        LogName::Exchange { .. } | LogName::Local { .. } => None,
    }
}
