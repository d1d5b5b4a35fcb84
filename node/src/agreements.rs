//! Agreement acts, ours and theirs: propose, counter-sign, suspend, resume, terminate, manifests.

use crate::batch::Batch;
use crate::directory::{Bond, Directory, Peer};
use crate::receive::{Halt, Incoming, Stop, decode};
use crate::store::{StoreError, Val};
use crate::trouble::{Denied, Outcome};
use jieli_proto::agreement::{Agreement, distinct};
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::manifest::Manifest;
use jieli_proto::message::{ActFacts, Frame, check_act};
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, Act, ActType, DeferReason, ItemStatus};
use prost::Message as _;
use std::collections::BTreeMap;

/// Agreements that one peer may have proposed and nobody has concluded.
const OPEN_BONDS_MAX: usize = 16;

/// What our own approvers decided.
#[derive(Clone, Debug)]
pub enum OwnAct {
    /// Suspend at once.
    Suspend,
    /// Take back our own suspension.
    Resume,
    /// End it, with a wind-down date.
    Terminate(Day),
}

impl Batch<'_> {
    /// Proposes an agreement: signs it, logs the act and sends it.
    pub async fn propose(
        &mut self,
        draft: &wire::Agreement,
        approvers: Vec<String>,
    ) -> Outcome<AgreementId> {
        let agreement = Agreement::check(draft).map_err(|flaw| {
            Denied::new("BAD_DRAFT", format!("协议草案有误：{flaw}"), flaw.to_string())
        })?;
        let us = agreement.side_of(&self.directory.city).ok_or_else(|| not_party("us"))?;
        let them = agreement.cities[us.other() as usize].clone();
        let peer = self.directory.peers.get(&them).cloned().ok_or_else(|| not_party("peer"))?;
        self.check_parties(&agreement, us, &peer).map_err(Denied::refused)?;
        check_approvers(&agreement, us, &approvers)?;
        let known = self.bond(&agreement.id);
        let version = known.as_ref().map_or(0, Bond::version) + 1;
        if draft.version != version {
            let said = format!("version {version} comes next");
            return Err(Denied::new("BAD_VERSION", format!("下一版应为第{version}版"), said).into());
        }
        let sealed = self.seal(draft).await?;
        let bond = match known {
            Some(bond) => bond,
            None => self.insert_bond(agreement.id, &peer).await?,
        };
        let act = wire::Act {
            act_type: ActType::Propose.into(),
            approvers: sorted(approvers),
            carried: Some(sealed.clone()),
            ..Act::default()
        };
        self.send_act(&bond, act).await?;
        let us_id = self.directory.city.as_str().to_owned();
        self.keep_version(&agreement, &sealed, &us_id).await?;
        self.record("agreement proposed", &agreement.id.0);
        self.reload().await?;
        Ok(agreement.id)
    }

    /// Counter-signs what the other city proposed: from here on it is live.
    pub async fn countersign(
        &mut self,
        id: AgreementId,
        version: u32,
        approvers: Vec<String>,
    ) -> Outcome<()> {
        let bond = self.bond(&id).ok_or_else(|| Denied::not_found(&id.hex()))?;
        let row = self
            .conn
            .maybe(
                "SELECT envelope, countersigned_ms FROM agreement_version WHERE agreement_id = $1 \
                 AND version = $2 AND proposed_by = $3 ORDER BY proposed_ms DESC LIMIT 1",
                vec![id.to_vec().into(), version.into(), bond.peer.as_str().into()],
            )
            .await?
            .ok_or_else(|| Denied::not_found(&format!("{} v{version}", id.hex())))?;
        if row.int(1)? > 0 {
            // Repeating an act is a no-op.
            return Ok(());
        }
        let yields = bond.our_side == PartySide::A && self.both_proposed(&bond, version).await?;
        if version <= bond.version() || yields {
            return Err(Denied::new(
                "PROPOSAL_STANDS",
                "同一版本已有生效文本，或以甲方的提案为准。",
                "That version is live already, or the proposal of party A stands instead.",
            )
            .into());
        }
        let sealed = wire::Envelope::decode(row.bytes(0)?.as_slice())
            .map_err(|_| StoreError::Corrupt("agreement_version.envelope"))?;
        let payload: wire::Agreement = decode(&sealed).map_err(Denied::refused)?;
        let agreement =
            Agreement::check(&payload).map_err(|_| StoreError::Corrupt("agreement_version"))?;
        check_approvers(&agreement, bond.our_side, &approvers)?;
        let digest = envelope::env_digest(&sealed);
        let act = wire::Act {
            act_type: ActType::Countersign.into(),
            approvers: sorted(approvers),
            subject: digest.to_vec(),
            ..Act::default()
        };
        self.send_act(&bond, act).await?;
        self.make_live(id, version, &digest).await?;
        self.record("agreement counter-signed", &digest.0);
        self.reload().await?;
        Ok(())
    }

    /// Suspends, resumes or terminates.
    pub async fn own_act(
        &mut self,
        id: AgreementId,
        what: OwnAct,
        approvers: Vec<String>,
    ) -> Outcome<()> {
        let bond = self.bond(&id).ok_or_else(|| Denied::not_found(&id.hex()))?;
        let agreement = bond.in_force().ok_or_else(|| Denied::not_found(&id.hex()))?;
        // Suspending is one-sided and at once: nobody has to wait for a second pair of eyes.
        if !matches!(what, OwnAct::Suspend) {
            check_approvers(agreement, bond.our_side, &approvers)?;
        }
        let mut act = Act { approvers: sorted(approvers), ..Act::default() };
        let facts = match (&what, &bond.suspended) {
            (OwnAct::Suspend, Some(_)) => return Ok(()),
            (OwnAct::Suspend, None) => ActType::Suspend,
            (OwnAct::Resume, Some((side, digest))) if *side == bond.our_side => {
                act.subject = digest.to_vec();
                ActType::Resume
            }
            (OwnAct::Resume, Some(_) | None) => {
                return Err(Denied::new(
                    "NOT_SUSPENDED_BY_US",
                    "只有暂停的一方可以恢复。",
                    "Only the city that suspended can resume.",
                )
                .into());
            }
            (OwnAct::Terminate(_), _) if bond.terminated.is_some() => return Ok(()),
            (OwnAct::Terminate(on), _) => {
                if *on < self.today {
                    return Err(Denied::new(
                        "BAD_DATE",
                        "终止日期不能早于今天。",
                        "The wind-down date lies in the past.",
                    )
                    .into());
                }
                act.wind_down_on = on.number();
                ActType::Terminate
            }
        };
        act.act_type = facts.into();
        let wind_down = act.wind_down_on;
        let digest = self.send_act(&bond, act).await?;
        self.apply_act(&bond, bond.our_side, facts, &digest, wind_down).await?;
        self.record("agreement act", &digest.0);
        self.reload().await?;
        Ok(())
    }

    /// Signs an act at the end of our act lane.
    pub(crate) async fn send_act(
        &mut self,
        bond: &Bond,
        mut act: Act,
    ) -> Result<Digest, StoreError> {
        let theirs = self.lane_end(bond.id, Lane::acts(bond.our_side.other())).await?;
        let header = self.header(bond, Lane::acts(bond.our_side)).await?;
        act.header = Some(header.clone());
        act.act_seen = theirs.last_digest.to_vec();
        self.send(bond, &header, &act).await
    }

    /// An act of the other city.
    pub(crate) async fn receive_act(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        key_live: bool,
    ) -> Result<ItemStatus, Halt> {
        if !key_live {
            return Err(Refusal::KeyRevoked.into());
        }
        let act: Act = decode(&incoming.sealed)?;
        let facts = check_act(&act)?;
        incoming.frame.check(&facts.head, None)?;
        self.check_head(bond, incoming, &facts.head).await?;
        match facts.act {
            ActType::Propose | ActType::CounterPropose => {
                self.receive_proposal(bond, incoming, &facts).await?;
            }
            ActType::Countersign => self.receive_countersign(bond, &facts).await?,
            ActType::Suspend | ActType::Resume | ActType::Terminate => {
                let agreement = bond.in_force().ok_or(Refusal::NoAgreement)?;
                if facts.act != ActType::Suspend {
                    check_approvers(agreement, bond.our_side.other(), &facts.approvers)
                        .map_err(|_| Refusal::BadBody)?;
                }
                self.check_resume(bond, &facts)?;
                let side = bond.our_side.other();
                let wind_down = facts.wind_down_on.map_or(0, Day::number);
                self.apply_act(bond, side, facts.act, &incoming.digest, wind_down).await?;
            }
            ActType::Manifest => self.receive_manifest(incoming, &facts).await?,
            // Announces a pack by digest; the pack itself is imported by its operators.
            ActType::Pack => {}
            ActType::Unspecified => return Err(Refusal::BadBody.into()),
        }
        let header = act.header.unwrap_or_default();
        self.log_envelope(bond.id, incoming.frame.lane, &header, &incoming.sealed)?;
        self.reload().await?;
        Ok(ItemStatus::Stored)
    }

    async fn receive_proposal(
        &mut self,
        bond: &Bond,
        incoming: &Incoming,
        facts: &ActFacts,
    ) -> Result<(), Halt> {
        let sealed = facts.carried.as_ref().ok_or(Refusal::BadBody)?;
        if !incoming.peer.has_signed(sealed, Kind::Agreement) {
            return Err(Refusal::BadBody.into());
        }
        let payload: wire::Agreement = decode(sealed)?;
        let agreement = Agreement::check(&payload).map_err(|_| Refusal::BadBody)?;
        let side = bond.our_side.other();
        self.check_parties(&agreement, bond.our_side, &incoming.peer)?;
        check_approvers(&agreement, side, &facts.approvers).map_err(|_| Refusal::BadBody)?;
        let before = bond.digests.values().next_back().copied().unwrap_or(Digest::ZERO);
        let follows = payload.version == bond.version() + 1 && payload.prev_digest == before.0;
        if agreement.id != bond.id || !follows {
            return Err(Refusal::BadBody.into());
        }
        self.keep_version(&agreement, sealed, bond.peer.as_str()).await?;
        Ok(())
    }

    async fn receive_countersign(&mut self, bond: &Bond, facts: &ActFacts) -> Result<(), Halt> {
        let digest = facts.subject.ok_or(Refusal::BadBody)?;
        let row = self
            .conn
            .maybe(
                "SELECT version, envelope FROM agreement_version WHERE agreement_id = $1 \
                 AND env_digest = $2 AND proposed_by = $3",
                vec![
                    bond.id.to_vec().into(),
                    digest.to_vec().into(),
                    self.directory.city.as_str().into(),
                ],
            )
            .await?
            .ok_or(Stop::Wait(DeferReason::CitedNotHeld))?;
        let sealed = wire::Envelope::decode(row.bytes(1)?.as_slice())
            .map_err(|_| StoreError::Corrupt("agreement_version.envelope"))?;
        let payload: wire::Agreement = decode(&sealed)?;
        let agreement = Agreement::check(&payload).map_err(|_| Refusal::BadBody)?;
        check_approvers(&agreement, bond.our_side.other(), &facts.approvers)
            .map_err(|_| Refusal::BadBody)?;
        let version = row.int(0)? as u32;
        let yields = bond.our_side == PartySide::B && self.both_proposed(bond, version).await?;
        if version <= bond.version() || yields {
            return Err(Refusal::BadBody.into());
        }
        self.make_live(bond.id, version, &digest).await?;
        Ok(())
    }

    /// Of two open proposals for one version A's stands.
    async fn both_proposed(&mut self, bond: &Bond, version: u32) -> Result<bool, StoreError> {
        let row = self
            .conn
            .one(
                "SELECT CAST(COUNT(DISTINCT proposed_by) AS BIGINT) FROM agreement_version \
                 WHERE agreement_id = $1 AND version = $2",
                vec![bond.id.to_vec().into(), version.into()],
            )
            .await?;
        Ok(row.int(0)? > 1)
    }

    fn check_resume(&self, bond: &Bond, facts: &ActFacts) -> Result<(), Refusal> {
        if facts.act != ActType::Resume {
            return Ok(());
        }
        let theirs = bond.suspended.as_ref().filter(|(side, digest)| {
            *side == bond.our_side.other() && Some(*digest) == facts.subject
        });
        if theirs.is_some() { Ok(()) } else { Err(Refusal::BadBody) }
    }

    async fn apply_act(
        &mut self,
        bond: &Bond,
        side: PartySide,
        act: ActType,
        digest: &Digest,
        wind_down: u32,
    ) -> Result<(), StoreError> {
        let suspender: i64 = if side == PartySide::A { 1 } else { 2 };
        let (sql, vals): (_, Vec<Val>) = match act {
            ActType::Suspend => (
                "UPDATE agreement SET suspended_by = $2, suspend_digest = $3 \
                 WHERE agreement_id = $1 AND suspended_by = 0",
                vec![suspender.into(), digest.to_vec().into()],
            ),
            ActType::Resume => (
                "UPDATE agreement SET suspended_by = 0 WHERE agreement_id = $1 \
                 AND suspended_by = $2",
                vec![suspender.into()],
            ),
            ActType::Terminate => (
                "UPDATE agreement SET terminate_digest = $2, wind_down_on = $3 \
                 WHERE agreement_id = $1 AND wind_down_on = 0",
                vec![digest.to_vec().into(), wind_down.into()],
            ),
            ActType::Unspecified
            | ActType::Propose
            | ActType::CounterPropose
            | ActType::Countersign
            | ActType::Manifest
            | ActType::Pack => return Ok(()),
        };
        let mut all: Vec<Val> = vec![bond.id.to_vec().into()];
        all.extend(vals);
        self.conn.run(sql, all).await?;
        Ok(())
    }

    async fn receive_manifest(
        &mut self,
        incoming: &Incoming,
        facts: &ActFacts,
    ) -> Result<(), Halt> {
        let sealed = facts.carried.as_ref().ok_or(Refusal::BadBody)?;
        let held = incoming.peer.newest();
        let digest = envelope::env_digest(sealed);
        let known = incoming.peer.manifests.values().any(|m| m.env_digest == digest);
        if known {
            // The same manifest comes once per agreement.
            return Ok(());
        }
        let manifest = Manifest::open(sealed, &incoming.peer.root, held)
            .map_err(|_| Refusal::ManifestUnknown)?;
        if self.pins_of_another(&manifest) {
            return Err(Refusal::BadBody.into());
        }
        self.keep_manifest(&manifest).await?;
        Ok(())
    }

    /// Whether it claims a TLS key that another city shows: that city's calls would be taken for
    /// this one's.
    pub(crate) fn pins_of_another(&self, manifest: &Manifest) -> bool {
        let claims = |fpr: &Digest| manifest.key(fpr, wire::Role::Tls).is_some();
        let own = self.directory.manifest().into_iter().flat_map(|m| m.keys_of(wire::Role::Tls));
        let others = self.directory.peers.values().filter(|peer| peer.city != manifest.city);
        own.map(|key| key.fpr).chain(others.flat_map(Peer::tls_keys)).any(|fpr| claims(&fpr))
    }

    /// Stores a manifest that was verified.
    pub(crate) async fn keep_manifest(&mut self, manifest: &Manifest) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO manifest (city_id, version, env_digest, envelope) \
                 VALUES ($1,$2,$3,$4)",
                vec![
                    manifest.city.as_str().into(),
                    manifest.version.into(),
                    manifest.env_digest.to_vec().into(),
                    manifest.envelope.encode_to_vec().into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// Whether an act in the act lane carries a manifest that names the key which signed the act.
    pub(crate) fn verified_by_carried_manifest(
        &self,
        peer: &Peer,
        frame: &Frame,
        sealed: &wire::Envelope,
    ) -> bool {
        if frame.lane.kind() != Kind::Act {
            return false;
        }
        let Ok(act) = envelope::payload::<Act>(sealed) else { return false };
        let Some(carried) = act.carried.filter(|_| act.act_type == ActType::Manifest as i32) else {
            return false;
        };
        Manifest::open(&carried, &peer.root, peer.newest())
            .is_ok_and(|manifest| manifest.verify(sealed, Kind::Act).is_ok())
    }

    /// An agreement id not known here is accepted as a proposal of this peer, and as nothing else.
    pub(crate) async fn new_bond(
        &mut self,
        incoming: &Incoming,
    ) -> Result<Option<Bond>, StoreError> {
        let side = PartySide::of(incoming.peer.city.as_str(), self.directory.city.as_str());
        if incoming.frame.lane != Lane::acts(side) || incoming.frame.lane_seq != 1 {
            return Ok(None);
        }
        let Ok(act) = envelope::payload::<Act>(&incoming.sealed) else { return Ok(None) };
        if act.act_type != ActType::Propose as i32 {
            return Ok(None);
        }
        let peer = &incoming.peer.city;
        let bonds = self.directory.bonds.values();
        let open = bonds.filter(|bond| bond.peer == *peer && bond.version() == 0).count();
        if open >= OPEN_BONDS_MAX {
            return Ok(None);
        }
        self.insert_bond(incoming.frame.agreement, &incoming.peer.clone()).await.map(Some)
    }

    async fn insert_bond(&mut self, id: AgreementId, peer: &Peer) -> Result<Bond, StoreError> {
        self.conn
            .run(
                "INSERT INTO agreement (agreement_id, peer, live_version, suspended_by, \
                 suspend_digest, terminate_digest, wind_down_on, changed_ms) \
                 VALUES ($1,$2,0,0,$3,$3,0,$4)",
                vec![
                    id.to_vec().into(),
                    peer.city.as_str().into(),
                    Vec::new().into(),
                    self.now_ms.into(),
                ],
            )
            .await?;
        let bond = Bond {
            id,
            peer: peer.city.clone(),
            our_side: PartySide::of(self.directory.city.as_str(), peer.city.as_str()),
            live: BTreeMap::new(),
            digests: BTreeMap::new(),
            suspended: None,
            terminated: None,
        };
        self.directory.bonds.insert(id, bond.clone());
        self.directory_changed = true;
        Ok(bond)
    }

    async fn keep_version(
        &mut self,
        agreement: &Agreement,
        sealed: &wire::Envelope,
        proposed_by: &str,
    ) -> Result<(), StoreError> {
        self.conn
            .run(
                "INSERT INTO agreement_version (agreement_id, version, env_digest, envelope, \
                 proposed_by, proposed_ms, countersigned_ms) VALUES ($1,$2,$3,$4,$5,$6,0) \
                 ON CONFLICT (agreement_id, version, env_digest) DO NOTHING",
                vec![
                    agreement.id.to_vec().into(),
                    agreement.wire.version.into(),
                    envelope::env_digest(sealed).to_vec().into(),
                    sealed.encode_to_vec().into(),
                    proposed_by.into(),
                    self.now_ms.into(),
                ],
            )
            .await?;
        Ok(())
    }

    async fn make_live(
        &mut self,
        id: AgreementId,
        version: u32,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        self.conn
            .run(
                "UPDATE agreement_version SET countersigned_ms = $4 WHERE agreement_id = $1 \
                 AND version = $2 AND env_digest = $3",
                vec![
                    id.to_vec().into(),
                    version.into(),
                    digest.to_vec().into(),
                    self.now_ms.into(),
                ],
            )
            .await?;
        self.conn
            .run(
                "UPDATE agreement SET live_version = $2, changed_ms = $3 WHERE agreement_id = $1",
                vec![id.to_vec().into(), version.into(), self.now_ms.into()],
            )
            .await?;
        Ok(())
    }

    fn check_parties(
        &self,
        agreement: &Agreement,
        us: PartySide,
        peer: &Peer,
    ) -> Result<(), Refusal> {
        let (ours, theirs) = (agreement.party(us), agreement.party(us.other()));
        let own_root = self.directory.manifest().map(|manifest| manifest.root.fingerprint());
        let fits = ours.city_id == self.directory.city.as_str()
            && theirs.city_id == peer.city.as_str()
            && own_root.is_some_and(|root| ours.root_fpr == root)
            && theirs.root_fpr == peer.root.fingerprint();
        if fits { Ok(()) } else { Err(Refusal::BadBody) }
    }

    /// Reads the directory anew after an act, as the rest of this batch must see it.
    pub(crate) async fn reload(&mut self) -> Result<(), StoreError> {
        self.directory_changed = true;
        let generation = self.directory.generation;
        self.directory = Directory::load(self.conn, &self.house.root, generation).await?;
        Ok(())
    }
}

fn check_approvers(
    agreement: &Agreement,
    side: PartySide,
    approvers: &[String],
) -> Result<(), Denied> {
    let posts = &agreement.party(side).approver_posts;
    let known = approvers.iter().all(|post| posts.contains(post));
    if approvers.len() == 2 && distinct(approvers) == 2 && known {
        return Ok(());
    }
    Err(Denied::new(
        "TWO_APPROVERS",
        format!("需要本方两个不同的批准岗位：{}。", posts.join("、")),
        format!("Two different approver posts of this side are needed: {}.", posts.join(", ")),
    ))
}

fn sorted(mut posts: Vec<String>) -> Vec<String> {
    posts.sort();
    posts
}

fn not_party(who: &str) -> Denied {
    Denied::new(
        "NOT_A_PARTY",
        "协议双方必须是本城市和一个已接受的伙伴城市。",
        format!("The parties must be this city and an accepted peer ({who} not found)."),
    )
}
