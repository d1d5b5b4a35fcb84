//! REDIRECT: the leg goes to the competent office of the same city, with its filing date. It leaves
//! one queue and stands in the other; until it is taken up there, who had it here answers for it.

use super::wrong_option;
use crate::batch::Batch;
use crate::config::DeskRole;
use crate::directory::Bond;
use crate::legs::LegFile;
use crate::speak::Speech;
use crate::store::{self, StoreError};
use crate::trouble::{Denied, Outcome};
use jieli_proto::case::Side;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, Duty, MessageType};

impl Batch<'_> {
    /// The act, to the office named, or to the only one there is.
    pub(crate) fn redirect(
        &self,
        bond: &Bond,
        file: &LegFile,
        asked: &wire::DeskRedirect,
    ) -> Outcome<Speech> {
        let able = self.competent(bond, file);
        let named = asked.office.trim();
        let found = match able.as_slice() {
            [only] if named.is_empty() => Some(only),
            all => all.iter().find(|office| office.credit_code == named),
        };
        let office = found.ok_or_else(|| {
            let all = |text: fn(&wire::Office) -> String| {
                able.iter().map(text).collect::<Vec<_>>().join("；")
            };
            let listed = all(|office| format!("{} {}", office.credit_code, office.name));
            wrong_option(
                "--to",
                &format!("请填写本市能办这类事项的另一家机构的代码（可选：{listed}）"),
                &format!(
                    "name another office of this city that handles this service; there is: {listed}"
                ),
            )
        })?;
        if !self.has_a_desk(&office.credit_code) {
            return Err(Denied::new(
                "NOBODY_THERE",
                format!("{} 在本节点没有经办人，转去就没有人办。请先为它设经办令牌。", office.name),
                format!(
                    "{} has no clerk at this node, so that nobody would have the leg: make a \
                     clerk's token for it first.",
                    office.name
                ),
            )
            .into());
        }
        let there = LegFile { our_office: office.credit_code.clone(), ..file.clone() };
        let window = Some(self.window(bond, &there)).filter(|found| !found.telephone.is_empty());
        let body = wire::Redirect { office: office.credit_code.clone(), window };
        let due = self.due(bond, file, Duty::TakeUp)?;
        Ok(Speech::plain(MessageType::Redirect, Body::Redirect(body)).due(due))
    }

    /// The other offices of this city to which the agreement gives this service.
    pub(crate) fn competent(&self, bond: &Bond, file: &LegFile) -> Vec<wire::Office> {
        let Some(agreement) = bond.in_force() else { return Vec::new() };
        let here = agreement.party(bond.our_side).offices.iter();
        here.filter(|office| {
            let code = office.credit_code.as_str();
            ![&file.our_office, &file.their_office].into_iter().any(|party| party == code)
                && agreement.is_competent(bond.our_side, code, file.service)
        })
        .cloned()
        .collect()
    }

    /// Whether somebody at this node can take up what an office gets.
    fn has_a_desk(&self, office: &str) -> bool {
        self.house.config.desk.tokens.iter().any(|token| {
            let of = token.office.as_str();
            token.role == DeskRole::Clerk && (of == office || self.directory.coordinates(of))
        })
    }

    /// What was being asked at the first office's window is over: its words name that office.
    pub(crate) async fn leaves_office(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if file.is_local() { Ok(()) } else { self.close_questions(file.id).await }
    }

    /// The leg is with the office that the last REDIRECT in effect names: the rows beside it follow.
    pub(crate) async fn moved(&mut self, file: &mut LegFile) -> Result<(), StoreError> {
        let bond = file.bond.and_then(|id| self.bond(&id));
        if let Some(now) = bond.and_then(|bond| file.offices_at(&bond, bond.version())) {
            (file.our_office, file.their_office) = now;
        }
        store::legs::update(self.conn, file).await?;
        let sql = "UPDATE leg_cut SET office = $2 WHERE leg_id = $1";
        let office = match file.our_side {
            Side::Initiator => file.their_office.as_str(),
            Side::Examiner => file.our_office.as_str(),
        };
        self.conn.run(sql, vec![file.id.to_vec().into(), office.into()]).await?;
        Ok(())
    }
}
