//! Agreements as a desk sees them: their state, and the whole of each in plain words.

use super::{Answer, DeskDoor};
use crate::agreements::standing::{self, Proposal, Said};
use crate::agreements::waiting::{self, Waiting};
use crate::directory::{Bond, Directory};
use crate::draft;
use crate::store::{Conn, StoreError};
use crate::trouble::Denied;
use crate::witness::{Ages, policy};
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::PartySide;
use jieli_proto::wire::{self, ActType, Envelope};
use prost::Message as _;

mod differences;
mod state;
mod text;

/// A version of an agreement as stored.
struct Version {
    number: u32,
    digest: Digest,
    agreement: wire::Agreement,
    proposed_by: String,
    is_live: bool,
}

/// Everything that is held of one agreement.
struct Held {
    versions: Vec<Version>,
    proposals: Vec<Proposal>,
    said: Vec<Said>,
}

impl Held {
    async fn read(conn: &mut Conn, id: AgreementId) -> Result<Held, StoreError> {
        let versions = versions(conn, id).await?;
        let said = standing::stored(conn, id).await?;
        let kept = standing::kept(conn, id).await?;
        let proposals = standing::proposals(&said, &kept);
        Ok(Held { versions, proposals, said })
    }

    /// The version in force.
    fn live(&self) -> Option<&Version> {
        self.versions.iter().rfind(|version| version.is_live)
    }

    /// The proposal that stands for the next version, with its text.
    fn pending(&self) -> Option<(&Proposal, &Version)> {
        let next = self.live().map_or(0, |live| live.number) + 1;
        let proposal = standing::standing(&self.proposals, next, [u64::MAX; 2])?;
        let version = self.versions.iter().find(|version| version.digest == proposal.digest)?;
        Some((proposal, version))
    }

    /// The version in force, or the one proposed where none is.
    fn shown(&self) -> Option<&Version> {
        self.live().or(self.pending().map(|(_, version)| version))
    }

    /// The posts that approved a version: of its proposer, and of who counter-signed it.
    fn posts_of(&self, version: &Version) -> Option<(PartySide, Vec<String>, Vec<String>)> {
        let proposal = self.proposals.iter().rfind(|one| one.digest == version.digest)?;
        let signed = self.said.iter().find(|one| {
            one.side != proposal.side
                && one.act.act_type() == ActType::Countersign
                && one.act.subject == version.digest.0
        });
        let signers = signed.map_or(Vec::new(), |one| one.act.approvers.clone());
        Some((proposal.side, proposal.posts.clone(), signers))
    }
}

impl DeskDoor {
    pub(super) async fn agreement_list(&self) -> Answer<wire::AgreementList> {
        let published = self.hand.published();
        let directory = &published.directory;
        let mut conn = self.store.read().await?;
        let waiting = waiting::all(&mut conn).await?;
        let mut agreements = Vec::new();
        let ages = Ages::read(&mut conn, &self.log_origin()).await?;
        for bond in directory.bonds.values() {
            let held = Held::read(&mut conn, bond.id).await?;
            let view = self.view(directory, bond, &held, &waiting);
            agreements.extend(view.map(|view| self.cosigned(directory, bond, &ages, view)));
        }
        let new = waiting.iter().filter(|one| !directory.bonds.contains_key(&one.agreement));
        agreements.extend(new.filter_map(|one| self.draft_view(directory, one, &waiting)));
        Ok(wire::AgreementList { agreements })
    }

    pub(super) async fn agreement_view(&self, id: AgreementId) -> Answer<wire::AgreementView> {
        let published = self.hand.published();
        let directory = &published.directory;
        let mut conn = self.store.read().await?;
        let waiting = waiting::all(&mut conn).await?;
        let view = match directory.bonds.get(&id) {
            Some(bond) => {
                let held = Held::read(&mut conn, id).await?;
                let ages = Ages::read(&mut conn, &self.log_origin()).await?;
                let view = self.view(directory, bond, &held, &waiting);
                let draft_toml = held.shown().and_then(|shown| draft::copy(&shown.agreement));
                let draft_toml = draft_toml.unwrap_or_default();
                let view = view.map(|view| wire::AgreementView { draft_toml, ..view });
                view.map(|view| self.cosigned(directory, bond, &ages, view))
            }
            None => {
                let draft = waiting.iter().find(|one| one.agreement == id);
                draft.and_then(|one| self.draft_view(directory, one, &waiting))
            }
        };
        Ok(view.ok_or_else(|| Denied::no_agreement(Some(id)))?)
    }

    /// The version in force, or the one proposed where none is. A newer proposal and what waits for
    /// a second approver are added to the text, for they are read before they are signed.
    fn view(
        &self,
        directory: &Directory,
        bond: &Bond,
        held: &Held,
        waiting: &[Waiting],
    ) -> Option<wire::AgreementView> {
        let told = state::Told::new(directory, &self.house, bond, held);
        let pending = held.pending();
        let shown = held.shown()?;
        let (mut text_zh, mut text_en) = (text::zh(&shown.agreement), text::en(&shown.agreement));
        if let Some((proposal, version)) = pending.filter(|(_, v)| v.digest != shown.digest) {
            let (zh, en) = told.pending(proposal);
            let before = Some(&shown.agreement);
            add(&mut text_zh, &mut text_en, (&zh, &en), &version.agreement, before);
        }
        let (state, state_zh, state_en) = told.state(pending);
        let mine: Vec<&Waiting> = waiting.iter().filter(|one| one.agreement == bond.id).collect();
        let before = held.live().map(|live| &live.agreement);
        for one in &mine {
            let Some(draft) = &one.draft else { continue };
            // What is countered is what one compares with.
            let other = pending.map(|(_, version)| &version.agreement).or(before);
            let words = state::waiting(&self.house, one);
            add(&mut text_zh, &mut text_en, (&words.0, &words.1), draft, other);
        }
        Some(wire::AgreementView {
            agreement_id: bond.id.hex(),
            version: shown.number,
            state: state.to_owned(),
            peer: bond.peer.as_str().to_owned(),
            env_digest: shown.digest.hex(),
            proposed_by: shown.proposed_by.clone(),
            valid_from: shown.agreement.valid_from,
            valid_to: shown.agreement.valid_to,
            text_zh,
            text_en,
            state_zh,
            state_en,
            waiting: mine.into_iter().map(|one| self.waiting_view(one)).collect(),
            ..wire::AgreementView::default()
        })
    }

    fn log_origin(&self) -> String {
        let published = self.hand.published();
        published.directory.city.exchange_origin(published.exchange.id.epoch)
    }

    /// Adds how old the cosignatures are, and by whom the policy wants them.
    fn cosigned(
        &self,
        directory: &Directory,
        bond: &Bond,
        ages: &Ages,
        view: wire::AgreementView,
    ) -> wire::AgreementView {
        let at_ms = ages.of(bond);
        let now_ms = self.house.world.clock.now_unix_ms();
        let minutes = at_ms.map(|at_ms| now_ms.saturating_sub(at_ms) / 60_000);
        let (by_zh, by_en) = match ages.has_third(bond) {
            true => ("对方和一座不相关的城市", "the other city and an uninvolved one"),
            false => ("仅对方城市", "the other city alone"),
        };
        let (cosigned_zh, cosigned_en) = match minutes {
            None => ("本市日志还没有联署。".to_owned(), "The log is not cosigned yet.".to_owned()),
            Some(minutes) => (
                format!("本市日志 {minutes} 分钟前联署（{by_zh}）。"),
                format!("The log was cosigned {minutes} minutes ago ({by_en})."),
            ),
        };
        wire::AgreementView {
            cosigned_unix_ms: at_ms.unwrap_or(0),
            cosigned_zh,
            cosigned_en,
            policy: policy(directory, bond, &self.log_origin()),
            ..view
        }
    }

    /// A new agreement that nobody but this house knows of.
    fn draft_view(
        &self,
        directory: &Directory,
        one: &Waiting,
        waiting: &[Waiting],
    ) -> Option<wire::AgreementView> {
        let draft = one.draft.as_ref()?;
        let (state_zh, state_en) = state::waiting(&self.house, one);
        let mine = waiting.iter().filter(|other| other.agreement == one.agreement);
        Some(wire::AgreementView {
            agreement_id: one.agreement.hex(),
            version: draft.version,
            state: "DRAFT".to_owned(),
            peer: one.peer.as_str().to_owned(),
            env_digest: String::new(),
            proposed_by: directory.city.as_str().to_owned(),
            valid_from: draft.valid_from,
            valid_to: draft.valid_to,
            text_zh: text::zh(draft),
            text_en: text::en(draft),
            state_zh,
            state_en,
            waiting: mine.map(|one| self.waiting_view(one)).collect(),
            ..wire::AgreementView::default()
        })
    }

    fn waiting_view(&self, one: &Waiting) -> wire::WaitingAct {
        let (say_zh, say_en) = state::waiting(&self.house, one);
        wire::WaitingAct {
            draft_id: hex::encode(one.id),
            act: one.word().to_owned(),
            post: one.post.clone(),
            lapses_unix_ms: one.lapses_ms,
            say_zh,
            say_en,
        }
    }
}

/// Adds another text: what it is, what differs from the one before, and the whole of it.
fn add(
    text_zh: &mut String,
    text_en: &mut String,
    what: (&str, &str),
    agreement: &wire::Agreement,
    before: Option<&wire::Agreement>,
) {
    let (zh, en) = before.map_or((Vec::new(), Vec::new()), |old| differences::of(old, agreement));
    *text_zh += &format!("\n\n{}\n", what.0);
    *text_en += &format!("\n\n{}\n", what.1);
    if before.is_some() {
        *text_zh += &format!("与上一版相比：\n{}\n\n", zh.join("\n"));
        *text_en += &format!("Compared with the text before:\n{}\n\n", en.join("\n"));
    }
    *text_zh += &text::zh(agreement);
    *text_en += &text::en(agreement);
}

/// All versions of an agreement, by number; of several proposals of one number the live one last.
async fn versions(conn: &mut Conn, id: AgreementId) -> Result<Vec<Version>, StoreError> {
    let rows = conn
        .rows(
            "SELECT version, envelope, proposed_by, countersigned_ms FROM agreement_version \
             WHERE agreement_id = $1 ORDER BY version, countersigned_ms, proposed_ms",
            vec![id.to_vec().into()],
        )
        .await?;
    let corrupt = || StoreError::Corrupt("agreement_version.envelope");
    let mut all = Vec::new();
    for row in rows {
        let sealed = Envelope::decode(row.bytes(1)?.as_slice()).map_err(|_| corrupt())?;
        all.push(Version {
            number: row.int(0)? as u32,
            digest: envelope::env_digest(&sealed),
            agreement: envelope::payload(&sealed).map_err(|_| corrupt())?,
            proposed_by: row.text(2)?,
            is_live: row.int(3)? > 0,
        });
    }
    Ok(all)
}
