//! Agreement acts, ours and theirs: propose, counter-propose, counter-sign, suspend, resume,
//! terminate, manifests. An act of ours waits in `waiting` until two tokens of two posts stand
//! behind it; only then is it signed here.

mod ceiling;
mod cited;
mod ending;
mod receive;
pub(crate) mod standing;
pub(crate) mod succession;
pub(crate) mod waiting;

use crate::batch::Batch;
use crate::directory::{Bond, Directory, Peer};
use crate::receive::decode;
use crate::store::{StoreError, Val};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
pub(crate) use ceiling::Opening;
use jieli_proto::agreement::{Agreement, distinct};
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, Act, ActType};
use prost::Message as _;
use standing::Proposal;
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// An agreement that may be proposed as it is, and with whom.
struct Proposable {
    agreement: Agreement,
    us: PartySide,
    peer: Arc<Peer>,
    bond: Option<Arc<Bond>>,
}

impl Batch<'_> {
    /// Everything that must hold of a proposal, as it is entered and again as it is signed.
    async fn proposable(&mut self, draft: &wire::Agreement, act: ActType) -> Outcome<Proposable> {
        let agreement = Agreement::check(draft).map_err(|flaw| {
            Denied::new("BAD_DRAFT", format!("协议草案有误：{flaw}"), flaw.to_string())
        })?;
        let in_force = self.directory.bonds.get(&agreement.id).and_then(|bond| bond.in_force());
        agreement.follows(in_force).map_err(|flaw| {
            Denied::new("BAD_DRAFT", format!("协议草案有误：{flaw}"), flaw.to_string())
        })?;
        let us = agreement.side_of(&self.directory.city).ok_or_else(|| not_party("us"))?;
        self.offices_go_on(&agreement, us)?;
        let them = agreement.cities[us.other() as usize].clone();
        let peer = self.directory.peers.get(&them).cloned().ok_or_else(|| not_party("peer"))?;
        self.check_parties(&agreement, us, &peer).map_err(Denied::refused)?;
        let bond = self.bond(&agreement.id);
        let version = bond.as_ref().map_or(0, |bond| bond.version()) + 1;
        if draft.version != version {
            let said = format!("Version {version} comes next, the draft says {}.", draft.version);
            let zh = format!("下一版应为第{version}版，草案写的是第{}版。", draft.version);
            return Err(Denied::new("BAD_VERSION", zh, said).into());
        }
        let before = bond.as_ref().and_then(|b| b.digests.values().next_back().copied());
        if draft.prev_digest != before.unwrap_or(Digest::ZERO).0 {
            return Err(Denied::new(
                "BAD_VERSION",
                "草案所依据的上一版已不是现行版本，请重新起草。",
                "The draft follows a version that is no longer in force: draft it again.",
            )
            .into());
        }
        let standing = match &bond {
            Some(bond) => self.proposal_standing(bond, version).await?,
            None => None,
        };
        let open = standing.filter(|p| p.side != us && p.is_open_at(self.now_ms));
        match (act == ActType::CounterPropose, open.is_some()) {
            (true, true) | (false, false) => {}
            (true, false) => return Err(nothing_to_counter(&agreement.id).into()),
            (false, true) => {
                return Err(Denied::new(
                    "USE_COUNTER",
                    format!("对方已提出第{version}版。请会签，或用 counter 提出修改稿。"),
                    format!(
                        "The other city has proposed version {version}: countersign it, or send \
                         a counter-proposal with `counter`."
                    ),
                )
                .into());
            }
        }
        self.holds_own_calendar(&agreement, us)?;
        Ok(Proposable { agreement, us, peer, bond })
    }

    /// Signs a proposal or counter-proposal, logs the act and sends it.
    async fn send_proposal(
        &mut self,
        draft: &wire::Agreement,
        act_type: ActType,
        approvers: Vec<String>,
    ) -> Outcome<()> {
        let Proposable { agreement, us, peer, bond } = self.proposable(draft, act_type).await?;
        check_approvers(&agreement, us, &approvers)?;
        let sealed = self.seal_for(&peer.city, draft).await?;
        let bond = match bond {
            Some(bond) => bond,
            None => self.insert_bond(agreement.id, &peer).await?,
        };
        let act = Act {
            act_type: act_type.into(),
            approvers: sorted(approvers),
            carried: Some(sealed.clone()),
            ..Act::default()
        };
        self.send_act(&bond, act).await?;
        let us_id = self.directory.city.as_str().to_owned();
        self.keep_version(&agreement, &sealed, &us_id).await?;
        self.record("agreement proposed", &agreement.id.0);
        self.reload_bond(agreement.id).await?;
        Ok(())
    }

    /// The proposal of the other city that may be counter-signed now; `None` where that version is
    /// live already.
    async fn signable(
        &mut self,
        bond: &Bond,
        version: u32,
    ) -> Outcome<Option<(Proposal, Agreement)>> {
        let id = bond.id.hex();
        let unknown = || {
            Denied::no_such(
                &format!("协议 {id} 第{version}版的提案"),
                &format!("a proposal of version {version} of agreement {id}"),
            )
        };
        let standing = self.proposal_standing(bond, version).await?;
        if version > 0 && version <= bond.version() {
            // Repeating an act is a no-op; a version that is over cannot be made live again.
            return Ok(None);
        }
        let proposal = standing.ok_or_else(unknown)?;
        if proposal.side == bond.our_side {
            return Err(Denied::new(
                "PROPOSAL_STANDS",
                format!("第{version}版以本市的提案为准，应由对方会签或修改。"),
                format!(
                    "Our own proposal of version {version} stands: the other city countersigns \
                     or counters it."
                ),
            )
            .into());
        }
        if !proposal.is_open_at(self.now_ms) {
            return Err(Denied::new(
                "PROPOSAL_LAPSED",
                format!("第{version}版的提案已逾期作废，请重新提出。"),
                format!("The proposal of version {version} has lapsed: it has to be made again."),
            )
            .into());
        }
        let payload = self.text_of(bond, &proposal.digest).await?;
        let agreement =
            Agreement::check(&payload).map_err(|_| StoreError::Corrupt("agreement_version"))?;
        self.holds_own_calendar(&agreement, bond.our_side)?;
        self.offices_go_on(&agreement, bond.our_side)?;
        Ok(Some((proposal, agreement)))
    }

    /// No office of this city may come to take over from itself, in whatever agreements that is said.
    fn offices_go_on(&self, agreement: &Agreement, us: PartySide) -> Outcome<()> {
        let bonds = self.directory.bonds.get(&agreement.id);
        let round = agreement.goes_on(bonds.into_iter().flat_map(|bond| bond.live.values()));
        let round = round.err().map(|flaw| flaw.to_string());
        let own =
            agreement.taken_over(us).find(|(heir, code)| self.directory.is_before(heir, code));
        let round = round.or_else(|| own.map(|(heir, code)| format!("{heir} <- {code}")));
        match round {
            None => Ok(()),
            Some(what) => Err(Denied::new(
                "OFFICES_GO_ROUND",
                format!("机构承接成了循环，找不到最后的承接机构：{what}。请写明现在由谁办理。"),
                format!(
                    "Offices take over from one another in a circle, and nobody is the last: \
                         {what}. Name who handles it now."
                ),
            )
            .into()),
        }
    }

    /// A text that is held.
    async fn text_of(&mut self, bond: &Bond, digest: &Digest) -> Outcome<wire::Agreement> {
        let row = self
            .conn
            .one(
                "SELECT envelope FROM agreement_version WHERE agreement_id = $1 AND env_digest = $2",
                vec![bond.id.to_vec().into(), digest.to_vec().into()],
            )
            .await?;
        let sealed = wire::Envelope::decode(row.bytes(0)?.as_slice())
            .map_err(|_| StoreError::Corrupt("agreement_version.envelope"))?;
        Ok(decode(&sealed).map_err(Denied::refused)?)
    }

    /// Counter-signs what the other city proposed: from here on it is live.
    async fn send_countersign(
        &mut self,
        id: AgreementId,
        version: u32,
        read: &Digest,
        approvers: Vec<String>,
    ) -> Outcome<()> {
        let bond = self.bond(&id).ok_or_else(|| Denied::no_agreement(Some(id)))?;
        let Some((proposal, agreement)) = self.signable(&bond, version).await? else {
            return Ok(());
        };
        if proposal.digest != *read {
            return Err(Denied::new(
                "PROPOSAL_CHANGED",
                "对方在此期间提出了新的文本，请重新阅读并重新会签。",
                "The other city has proposed another text since: read it and begin again.",
            )
            .into());
        }
        check_approvers(&agreement, bond.our_side, &approvers)?;
        let act = Act {
            act_type: ActType::Countersign.into(),
            approvers: sorted(approvers),
            subject: proposal.digest.to_vec(),
            ..Act::default()
        };
        self.send_act(&bond, act).await?;
        self.make_live(id, version, &proposal.digest).await?;
        self.record("agreement counter-signed", &proposal.digest.0);
        Ok(())
    }

    /// What an own act would say; `None` where it would change nothing.
    fn own_act(&self, bond: &Bond, what: &OwnAct) -> Outcome<Option<Act>> {
        let mut act = Act::default();
        let ours = bond.acts_of(bond.our_side);
        let act_type = match (what, ours.suspend) {
            (OwnAct::Suspend, Some(_)) => return Ok(None),
            (OwnAct::Suspend, None) => ActType::Suspend,
            (OwnAct::Resume, Some(digest)) => {
                act.subject = digest.to_vec();
                ActType::Resume
            }
            (OwnAct::Resume, None) if bond.suspenders().is_empty() => return Ok(None),
            (OwnAct::Resume, None) => {
                return Err(Denied::new(
                    "NOT_SUSPENDED_BY_US",
                    "只有暂停的一方可以恢复。",
                    "Only the city that suspended can resume.",
                )
                .into());
            }
            (OwnAct::Terminate(_), _) if ours.terminate.is_some() => return Ok(None),
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
        act.act_type = act_type.into();
        Ok(Some(act))
    }

    /// Suspends, resumes or terminates.
    async fn send_own_act(
        &mut self,
        id: AgreementId,
        what: &OwnAct,
        approvers: Vec<String>,
    ) -> Outcome<()> {
        let bond = self.bond(&id).ok_or_else(|| Denied::no_agreement(Some(id)))?;
        let agreement = bond.in_force().ok_or_else(|| not_live(&id))?;
        check_approvers(agreement, bond.our_side, &approvers)?;
        let Some(mut act) = self.own_act(&bond, what)? else { return Ok(()) };
        act.approvers = sorted(approvers);
        let (act_type, wind_down) = (act.act_type(), act.wind_down_on);
        let digest = self.send_act(&bond, act).await?;
        self.apply_act(&bond, bond.our_side, act_type, &digest, wind_down).await?;
        self.record("agreement act", &digest.0);
        self.reload_bond(id).await?;
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

    pub(crate) async fn apply_act(
        &mut self,
        bond: &Bond,
        side: PartySide,
        act: ActType,
        digest: &Digest,
        wind_down: u32,
    ) -> Result<(), StoreError> {
        let (sql, vals): (_, Vec<Val>) = match act {
            ActType::Suspend => (
                "INSERT INTO agreement_side (agreement_id, side, suspend_digest, \
                 terminate_digest, wind_down_on) VALUES ($1,$2,$3,$4,0) \
                 ON CONFLICT (agreement_id, side) DO UPDATE \
                 SET suspend_digest = excluded.suspend_digest \
                 WHERE agreement_side.suspend_digest = $4",
                vec![digest.to_vec().into(), Vec::new().into()],
            ),
            ActType::Resume => (
                "UPDATE agreement_side SET suspend_digest = $3 \
                 WHERE agreement_id = $1 AND side = $2",
                vec![Vec::new().into()],
            ),
            ActType::Terminate => (
                "INSERT INTO agreement_side (agreement_id, side, suspend_digest, \
                 terminate_digest, wind_down_on) VALUES ($1,$2,$3,$4,$5) \
                 ON CONFLICT (agreement_id, side) DO UPDATE \
                 SET terminate_digest = excluded.terminate_digest, \
                 wind_down_on = excluded.wind_down_on \
                 WHERE agreement_side.wind_down_on = 0",
                vec![Vec::new().into(), digest.to_vec().into(), wind_down.into()],
            ),
            ActType::Unspecified
            | ActType::Propose
            | ActType::CounterPropose
            | ActType::Countersign
            | ActType::Manifest
            | ActType::Pack
            | ActType::Flag
            | ActType::AnswerFlag => return Ok(()),
        };
        let mut all: Vec<Val> = vec![bond.id.to_vec().into(), (side as i64).into()];
        all.extend(vals);
        self.conn.run(sql, all).await?;
        if let Some(on) = Day::from_number(wind_down).filter(|_| act == ActType::Terminate) {
            self.wind_down_ends(bond.id, on).await?;
        }
        Ok(())
    }

    pub(crate) async fn insert_bond(
        &mut self,
        id: AgreementId,
        peer: &Peer,
    ) -> Result<Arc<Bond>, StoreError> {
        self.conn
            .run(
                "INSERT INTO agreement (agreement_id, peer, live_version, changed_ms) \
                 VALUES ($1,$2,0,$3)",
                vec![id.to_vec().into(), peer.city.as_str().into(), self.now_ms.into()],
            )
            .await?;
        let bond = Arc::new(Bond {
            id,
            peer: peer.city.clone(),
            our_side: PartySide::of(self.directory.city.as_str(), peer.city.as_str()),
            live: BTreeMap::new(),
            digests: BTreeMap::new(),
            said_by: Default::default(),
            flags: Vec::new(),
        });
        self.directory.bonds.insert(id, bond.clone());
        self.directory_changed = true;
        let newest = self.directory.manifest().map_or(0, |manifest| manifest.version);
        if peer.holds.is_some_and(|held| held < newest) {
            self.timer(self.now_ms, TimerKind::SendManifests, &id.0).await?;
        }
        Ok(bond)
    }

    /// An own proposal that both cities have logged.
    pub(crate) async fn own_proposal_back(
        &mut self,
        carried: &wire::Envelope,
    ) -> Result<(), StoreError> {
        let payload: Result<wire::Agreement, _> = decode(carried);
        let Some(agreement) = payload.ok().and_then(|text| Agreement::check(&text).ok()) else {
            return Err(StoreError::Corrupt("an agreement of our own"));
        };
        let us = self.directory.city.as_str().to_owned();
        self.keep_version(&agreement, carried, &us).await
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

    pub(crate) async fn make_live(
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
        self.announce_later(id).await?;
        self.reload_bond(id).await?;
        self.offices_move(id).await
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

    /// Reads one agreement anew after an act about it: of hundreds, no other has changed.
    pub(crate) async fn reload_bond(&mut self, id: AgreementId) -> Result<(), StoreError> {
        self.directory_changed = true;
        self.directory.reload_bond(self.conn, id).await
    }

    /// Reads the directory anew after an act, as the rest of this batch must see it.
    pub(crate) async fn reload(&mut self) -> Result<(), StoreError> {
        self.directory_changed = true;
        let generation = self.directory.generation;
        self.directory = Directory::load(
            self.conn,
            &self.house.root,
            &self.directory.offices.clone(),
            &self.house.configured,
            generation,
        )
        .await?;
        Ok(())
    }
}

/// Version and digest of the proposal that a counter-signature names, if it is held.
pub(crate) async fn check_subject(
    conn: &mut crate::store::Conn,
    bond: &Bond,
    subject: &[u8],
) -> Result<Option<(u32, Digest)>, StoreError> {
    let sql = "SELECT version FROM agreement_version WHERE agreement_id = $1 AND env_digest = $2";
    let row = conn.maybe(sql, vec![bond.id.to_vec().into(), subject.into()]).await?;
    let version = row.map(|row| row.int(0)).transpose()?;
    Ok(version.map(|version| version as u32).zip(Digest::from_slice(subject)))
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

fn not_live(id: &AgreementId) -> Denied {
    Denied::new(
        "NOT_LIVE",
        format!("协议 {} 尚未生效，没有可以暂停、恢复或终止的版本。", id.hex()),
        format!("Agreement {} is not live: there is nothing to suspend, resume or end.", id.hex()),
    )
}

fn nothing_to_counter(id: &AgreementId) -> Denied {
    Denied::new(
        "NOTHING_TO_COUNTER",
        format!("协议 {} 没有对方提出而待会签的版本；新版本请用 propose。", id.hex()),
        format!(
            "Agreement {} has no open proposal of the other city; use `propose` for a new version.",
            id.hex()
        ),
    )
}

fn not_party(who: &str) -> Denied {
    Denied::new(
        "NOT_A_PARTY",
        "协议双方必须是本城市和一个已接受的伙伴城市。",
        format!("The parties must be this city and an accepted peer ({who} not found)."),
    )
}
