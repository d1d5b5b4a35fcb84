//! Acts of the other city.

use super::check_approvers;
use super::standing::{PROPOSAL_MS_MAX, seen_by};
use crate::batch::Batch;
use crate::directory::{Bond, Peer};
use crate::receive::{Halt, Incoming, Stop, check_key_time, decode};
use crate::store::StoreError;
use jieli_proto::agreement::Agreement;
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::kinds::{Kind, Lane, PartySide};
use jieli_proto::manifest::Manifest;
use jieli_proto::message::{ActFacts, Frame, check_act};
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, Act, ActType, DeferReason, ItemStatus};
use prost::Message as _;
use std::sync::Arc;

/// Agreements that one peer may have proposed and nobody has concluded.
const OPEN_BONDS_MAX: u64 = 16;

impl Batch<'_> {
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
        check_key_time(incoming, &facts.head)?;
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
            ActType::Pack => {
                let digest = facts.subject.ok_or(Refusal::BadBody)?;
                self.pack_announced(bond, bond.our_side.other(), &digest).await?;
            }
            ActType::Flag => self.receive_flag(bond, incoming, &facts).await?,
            ActType::AnswerFlag => self.receive_flag_answer(bond, incoming, &facts).await?,
            ActType::Unspecified => return Err(Refusal::BadBody.into()),
        }
        let header = act.header.unwrap_or_default();
        self.log_envelope(bond.id, incoming.frame.lane, &header, &incoming.sealed)?;
        match facts.act {
            ActType::Manifest | ActType::Pack => self.reload().await?,
            ActType::Propose
            | ActType::CounterPropose
            | ActType::Countersign
            | ActType::Suspend
            | ActType::Resume
            | ActType::Terminate
            | ActType::Flag
            | ActType::AnswerFlag => self.reload_bond(bond.id).await?,
            ActType::Unspecified => {}
        }
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
        agreement.follows(bond.in_force()).map_err(|_| Refusal::BadBody)?;
        agreement.goes_on(bond.live.values()).map_err(|_| Refusal::BadBody)?;
        self.check_parties(&agreement, bond.our_side, &incoming.peer)?;
        check_approvers(&agreement, side, &facts.approvers).map_err(|_| Refusal::BadBody)?;
        if agreement.id != bond.id {
            return Err(Refusal::BadBody.into());
        }
        let before = bond.digests.values().next_back().copied().unwrap_or(Digest::ZERO);
        let follows = payload.version == bond.version() + 1 && payload.prev_digest == before.0;
        if !follows {
            // Our counter-signature of an earlier proposal was on its way: this one comes too late,
            // and its author could not know.
            let said = self.said(bond).await?;
            let seen = seen_by(&said, bond.our_side, &facts.act_seen);
            let crossed = payload.version <= bond.version()
                && said.iter().any(|act| {
                    let countersigned = act.act.act_type() == ActType::Countersign;
                    act.side == bond.our_side && countersigned && act.seq > seen
                });
            return if crossed { Ok(()) } else { Err(Refusal::BadBody.into()) };
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
        // Judged by what its author had seen, as everything is.
        let said = self.said(bond).await?;
        let mut past = [0; 2];
        past[bond.our_side as usize] = seen_by(&said, bond.our_side, &facts.act_seen);
        past[bond.our_side.other() as usize] = facts.head.lane_seq - 1;
        let standing = self.standing_at(bond, version, past).await?;
        let stands = standing.is_some_and(|proposal| {
            proposal.digest == digest && proposal.is_open_at(facts.head.created_unix_ms)
        });
        if version != bond.version() + 1 || !stands {
            return Err(Refusal::BadBody.into());
        }
        self.make_live(bond.id, version, &digest).await?;
        Ok(())
    }

    fn check_resume(&self, bond: &Bond, facts: &ActFacts) -> Result<(), Refusal> {
        if facts.act != ActType::Resume {
            return Ok(());
        }
        let theirs = bond.acts_of(bond.our_side.other()).suspend;
        if theirs.is_some() && theirs == facts.subject { Ok(()) } else { Err(Refusal::BadBody) }
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
        let manifest = match Manifest::open(sealed, &incoming.peer.root, held) {
            Ok(manifest) => manifest,
            // One from before the first contact: nothing that it names has been used towards us.
            Err(_) if is_before_contact(incoming, sealed) => return Ok(()),
            Err(_) => return Err(Refusal::ManifestUnknown.into()),
        };
        if self.pins_of_another(&manifest) {
            return Err(Refusal::BadBody.into());
        }
        self.keep_manifest(&manifest).await?;
        self.tell_revoked(held, &manifest).await?;
        Ok(())
    }

    /// Whether it claims a TLS key that another city shows: that city's calls would be taken for
    /// this one's.
    pub(crate) fn pins_of_another(&self, manifest: &Manifest) -> bool {
        let claims = |fpr: &Digest| manifest.key(fpr, wire::Role::Tls).is_some();
        let own = self.directory.manifest().into_iter().flat_map(|m| m.keys_of(wire::Role::Tls));
        let others = self.directory.peers.values().filter(|peer| peer.city != manifest.city);
        own.map(|key| key.fpr)
            .chain(others.flat_map(|peer| peer.tls_keys()))
            .any(|fpr| claims(&fpr))
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
        self.uncount_cosignatures(manifest).await
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
    ) -> Result<Option<Arc<Bond>>, StoreError> {
        let side = PartySide::of(incoming.peer.city.as_str(), self.directory.city.as_str());
        if incoming.frame.lane != Lane::acts(side) || incoming.frame.lane_seq != 1 {
            return Ok(None);
        }
        let Ok(act) = envelope::payload::<Act>(&incoming.sealed) else { return Ok(None) };
        if act.act_type != ActType::Propose as i32 {
            return Ok(None);
        }
        let peer = &incoming.peer.city;
        // What lapsed no longer counts.
        let row = self
            .conn
            .one(
                "SELECT CAST(COUNT(*) AS BIGINT) FROM agreement WHERE peer = $1 \
                 AND live_version = 0 AND changed_ms > $2",
                vec![peer.as_str().into(), self.now_ms.saturating_sub(PROPOSAL_MS_MAX).into()],
            )
            .await?;
        if row.uint(0)? >= OPEN_BONDS_MAX {
            return Ok(None);
        }
        self.insert_bond(incoming.frame.agreement, &incoming.peer.clone()).await.map(Some)
    }
}

fn is_before_contact(incoming: &Incoming, sealed: &wire::Envelope) -> bool {
    let first = incoming.peer.manifests.keys().next().copied().unwrap_or(0);
    let older = Manifest::open(sealed, &incoming.peer.root, None);
    older.is_ok_and(|older| older.city == incoming.peer.city && older.version < first)
}
