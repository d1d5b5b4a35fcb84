//! A pull that went to the wrong office is opened again at the right one: a new leg that supersedes
//! the old one and keeps its filing date. The person is asked about the new office like about any.

use super::{told, wrong_option};
use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::{LegFile, Local};
use crate::trouble::{Denied, Outcome};
use jieli_proto::case::{Direction, Side, Stage};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, DecisionCode, MessageType};

impl Batch<'_> {
    /// Makes the draft of the new leg.
    pub(crate) async fn open_again(
        &mut self,
        actor: &Actor,
        asked: &wire::OpenAgainRequest,
    ) -> Outcome<wire::ActReply> {
        let file = self.leg_of(&asked.case_number, asked.leg).await?;
        let file = file.seen_by(&actor.office);
        let name = format!("{}/{}", asked.case_number, asked.leg);
        self.is_theirs(actor, &file, &name)?;
        self.present(actor, &file.our_office).await?;
        let able = self.may_open_again(&file).await?;
        let named = asked.office.trim();
        let found = match able.as_slice() {
            [only] if named.is_empty() => Some(only),
            all => all.iter().find(|office| office.credit_code == named),
        };
        let office = found.ok_or_else(|| {
            let listed: Vec<String> = able
                .iter()
                .map(|office| format!("{} {}", office.credit_code, office.name))
                .collect();
            let listed = listed.join("；");
            wrong_option(
                "--to",
                &format!("请填写对方另一家机构的代码（可选：{listed}）"),
                &format!("name another office over there; there is: {listed}"),
            )
        })?;
        let draft = self.draft(&file).await?.ok_or_else(not_any_more)?;
        let contact = self.contact(&file).await?.ok_or_else(not_any_more)?;
        let there = LegFile { their_office: office.credit_code.clone(), ..file.clone() };
        let new = self.supersede(&there, &draft, &contact, false).await?;
        self.record("opened again", format!("{} {name} {}", actor.token, new.number).as_bytes());
        let (case, number, office) = (&asked.case_number, new.number, &office.name);
        Ok(told(
            format!(
                "已建新事项 {case}/{number}，交给{office}，提交日期不变。请询问本人：case ask {case}"
            ),
            format!(
                "{case}/{number} is a new draft to {office} and keeps the filing date. Ask the \
                 person: case ask {case}"
            ),
        ))
    }

    /// The offices over there to which a leg can be opened again; denied where it cannot be.
    pub(crate) async fn may_open_again(&mut self, file: &LegFile) -> Outcome<Vec<wire::Office>> {
        let decision = file.latest(MessageType::Decline).and_then(|entry| {
            let Body::Decline(body) = entry.message.as_ref()?.body.as_ref()? else { return None };
            Some(body.decision())
        });
        let wrong = file.local == Local::OnTheRoad
            && file.our_side == Side::Initiator
            && file.law.rules().direction == Direction::Pull
            && file.law.state().stage == Stage::Declined
            && !file.is_stopped()
            && decision == Some(DecisionCode::WrongOffice);
        if !wrong {
            return Err(Denied::new(
                "NOT_WRONG_OFFICE",
                "只有因“应由其他机构办理”（WRONG_OFFICE）而不予接收的转入申请可以改交。",
                "Only a request that was declined as WRONG_OFFICE is opened again elsewhere.",
            )
            .into());
        }
        let taken = self
            .conn
            .maybe("SELECT 1 FROM superseding WHERE supersedes = $1", vec![file.id.to_vec().into()])
            .await?;
        if taken.is_some() {
            return Err(Denied::new(
                "OPENED_AGAIN",
                "这个事项已经另建新事项。",
                "Another leg has taken the place of this one already.",
            )
            .into());
        }
        let bond = self.bond_of(file).ok_or_else(|| Denied::no_agreement(file.bond))?;
        let Some(agreement) = bond.in_force() else {
            return Err(Denied::no_agreement(file.bond).into());
        };
        let side = bond.our_side.other();
        let mut able = Vec::new();
        for office in &agreement.party(side).offices {
            let code = office.credit_code.as_str();
            let same = code == file.their_office || code == file.our_office;
            if !same && agreement.is_competent(side, code, file.service) {
                able.push(office.clone());
            }
        }
        Ok(able)
    }
}

fn not_any_more() -> Denied {
    Denied::new(
        "ERASED",
        "所填信息已删除，请重新录入。",
        "What was entered is erased: enter it anew.",
    )
}
