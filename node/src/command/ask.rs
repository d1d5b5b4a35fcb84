//! A clerk has the workers of cases asked.

use super::Actor;
use crate::batch::Batch;
use crate::store::StoreError;
use crate::trouble::{Outcome, Trouble};
use jieli_proto::wire;
use std::collections::BTreeMap;

/// Asks the workers of cases; what cannot be asked yet is told without a name.
pub(super) async fn ask(
    batch: &mut Batch<'_>,
    actor: &Actor,
    request: wire::AskRequest,
) -> Outcome<wire::AskReply> {
    let mut reply = wire::AskReply::default();
    let mut why: BTreeMap<String, wire::NotReady> = BTreeMap::new();
    let all = request.case_numbers.is_empty();
    let numbers = if all { batch.unasked(actor).await? } else { request.case_numbers };
    for number in numbers {
        let not_ready = match batch.ask_consent(actor, &number).await {
            Ok(sitting) => {
                reply.asked += u32::from(sitting.asked);
                sitting.not_ready
            }
            Err(Trouble::Denied(denied)) => vec![denied],
            Err(error) => return Err(error),
        };
        reply.not_ready += u32::from(!not_ready.is_empty());
        for denied in not_ready {
            let reason = why.entry(denied.to_string()).or_insert_with(|| wire::NotReady {
                case_numbers: Vec::new(),
                code: denied.code.to_string(),
                say_zh: denied.zh.clone(),
                say_en: denied.en.clone(),
            });
            if reason.case_numbers.last() != Some(&number) {
                reason.case_numbers.push(number.clone());
            }
        }
    }
    // Each reason once, with the cases it is about.
    let line =
        |(why, one): (&String, &wire::NotReady)| format!("{}: {why}", one.case_numbers.join(" "));
    reply.why = why.iter().map(line).collect();
    reply.reasons = why.into_values().collect();
    reply.undeliverable = batch.undeliverable(actor).await?;
    Ok(reply)
}

impl Batch<'_> {
    /// Cases of an office with drafts nobody was asked about.
    async fn unasked(&mut self, actor: &Actor) -> Result<Vec<String>, StoreError> {
        let rows = self
            .conn
            .rows(
                "SELECT DISTINCT c.number FROM case_file c JOIN leg l ON l.case_id = c.case_id \
                 WHERE l.local_state = 0 AND (l.our_office = $1 OR $2 = 1) ORDER BY c.number",
                vec![
                    actor.office.as_str().into(),
                    self.directory.coordinates(&actor.office).into(),
                ],
            )
            .await?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    /// V23: the only thing told by case is that a number does not work.
    async fn undeliverable(&mut self, actor: &Actor) -> Result<Vec<String>, StoreError> {
        let rows = self
            .conn
            .rows(
                "SELECT DISTINCT c.number FROM case_file c JOIN leg l ON l.case_id = c.case_id \
                 JOIN notice n ON n.leg_id = l.leg_id \
                 JOIN notice_road r ON r.notice_id = n.notice_id WHERE n.state = 2 \
                 AND NOT EXISTS (SELECT 1 FROM notice m \
                 JOIN notice_road o ON o.notice_id = m.notice_id WHERE m.leg_id = n.leg_id \
                 AND (CASE WHEN o.question_id = $3 THEN 1 ELSE 0 END) = \
                 (CASE WHEN r.question_id = $3 THEN 1 ELSE 0 END) \
                 AND m.state = 1 AND m.due_ms > n.due_ms) \
                 AND (l.our_office = $1 OR $2 = 1) ORDER BY c.number",
                vec![
                    actor.office.as_str().into(),
                    self.directory.coordinates(&actor.office).into(),
                    // A guardian's number is another one than the worker's.
                    crate::questions::TO_GUARDIAN.into(),
                ],
            )
            .await?;
        rows.iter().map(|row| row.text(0)).collect()
    }
}
