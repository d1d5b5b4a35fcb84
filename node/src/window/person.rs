//! The person at the counter: the document in hand is that of the case, or nothing is shown.

use super::{Case, MISSES_PER_DAY, standing::kind_of_service_sender};
use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::LegFile;
use crate::lookup::one_spelling;
use crate::questions::received;
use crate::store;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::wire;
use subtle::ConstantTimeEq;

impl Batch<'_> {
    /// The case and those of its legs whose worker holds this document. A miss is written down and
    /// counted; unknown case and wrong document are one answer.
    pub(crate) async fn legs_in_hand(
        &mut self,
        actor: &Actor,
        in_hand: &wire::InHand,
    ) -> Outcome<(Case, Vec<LegFile>)> {
        if self.misses_today(actor).await? >= MISSES_PER_DAY {
            return Err(Denied::new(
                "MISSES_SPENT",
                "今天证件与编号不符的次数已满，明天再办，或请管理员查看记录。",
                "Too many documents did not match today. Tomorrow again, or ask the operators to \
                 look at the log.",
            )
            .into());
        }
        if !in_hand.slip_leg.is_empty() {
            let found = self.leg_of_slip(&in_hand.slip_leg).await?;
            return match found {
                Some((case, file)) => Ok((case, vec![file])),
                None => Err(self.miss(actor).await?),
            };
        }
        let tag = self
            .house
            .keys
            .blind_tag(in_hand.document, &one_spelling(in_hand.document, &in_hand.number));
        let mut found = Vec::new();
        let case = store::legs::case(self.conn, in_hand.case_number.trim()).await?;
        if let Some(case) = &case {
            for leg in store::legs::legs_of(self.conn, case.id).await? {
                let Some(file) = self.take_leg(leg).await? else { continue };
                let Some(worker) = self.contact(&file).await? else { continue };
                let own = self.house.keys.blind_tag(worker.document, &worker.number);
                if bool::from(own.ct_eq(&tag)) {
                    found.push(file);
                }
            }
        }
        match case {
            Some(case) if !found.is_empty() => Ok((case, found)),
            Some(_) | None => Err(self.miss(actor).await?),
        }
    }

    /// The person stops, in every state, at every window, without a PIN.
    pub(crate) async fn stop_at_window(
        &mut self,
        actor: &Actor,
        asked: &wire::StopRequest,
    ) -> Outcome<wire::AnswerReply> {
        self.is_window(actor)?;
        let in_hand = asked.in_hand.clone().unwrap_or_default();
        let (_, files) = self.legs_in_hand(actor, &in_hand).await?;
        for file in files {
            if asked.legs.is_empty() || asked.legs.contains(&file.number) {
                self.stop_leg(file.id).await?;
            }
        }
        self.record("stopped at a window", actor.token.as_bytes());
        Ok(received())
    }

    /// The person sets a PIN: never at the office that sends any item of the case.
    pub(crate) async fn set_pin_at_window(
        &mut self,
        actor: &Actor,
        asked: &wire::SetWindowPinRequest,
    ) -> Outcome<wire::AnswerReply> {
        self.is_window(actor)?;
        let in_hand = asked.in_hand.clone().unwrap_or_default();
        let (_, files) = self.legs_in_hand(actor, &in_hand).await?;
        for file in &files {
            self.standing(actor, None, file).await?;
        }
        if let Some(file) = files.first() {
            self.set_pin(file, &asked.pin).await?;
        }
        Ok(received())
    }

    /// V7: the person opens again what must not be asked for 90 days. Not at an office that could
    /// ask for it; the reply is the same whether anything was kept in mind or not.
    pub(crate) async fn reopen_at_window(
        &mut self,
        actor: &Actor,
        asked: &wire::ReopenAtWindowRequest,
    ) -> Outcome<wire::AnswerReply> {
        self.is_window(actor)?;
        let kind = self.kind_of_own_office(&actor.office)?;
        if kind_of_service_sender(asked.service(), kind) {
            return Err(Denied::new(
                "SAME_KIND",
                "本窗口所属机构可能就是提出申请的机构，请本人到工会、法律援助等其他机构的窗口。",
                "This office could be the one that asks: the person goes to another kind of \
                 office, such as the union or legal aid.",
            )
            .into());
        }
        let in_hand = asked.in_hand.clone().unwrap_or_default();
        let number = one_spelling(in_hand.document, &in_hand.number);
        self.lift_suppression(asked.service(), in_hand.document, &number).await?;
        self.record("opened again at a window", actor.token.as_bytes());
        Ok(received())
    }

    async fn misses_today(&mut self, actor: &Actor) -> Result<i64, store::StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT misses FROM window_miss WHERE token = $1 AND day = $2",
                vec![actor.token.as_str().into(), self.today.number().into()],
            )
            .await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// The count must survive: the writer commits what this denial leaves.
    pub(super) async fn miss(&mut self, actor: &Actor) -> Result<Trouble, store::StoreError> {
        self.conn
            .run(
                "DELETE FROM window_miss WHERE token = $1 AND day < $2",
                vec![actor.token.as_str().into(), self.today.number().into()],
            )
            .await?;
        self.conn
            .run(
                "INSERT INTO window_miss (token, day, misses) VALUES ($1,$2,1) \
                 ON CONFLICT (token, day) DO UPDATE SET misses = window_miss.misses + 1",
                vec![actor.token.as_str().into(), self.today.number().into()],
            )
            .await?;
        self.record("window miss", actor.token.as_bytes());
        Ok(Denied::new(
            "NO_MATCH",
            "编号与证件不符，或没有可办的事项。已记录；请核对编号和证件。",
            "The number and the document do not belong together, or there is nothing to be done. \
             It was written down; check both.",
        )
        .into())
    }
}
