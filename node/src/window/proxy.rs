//! Somebody whom the person named says yes in that person's place, with an own document in hand: never
//! to a job, never for a child under 14, and for one worker alone. The person is told on the own phone
//! and can say no before the yes counts.

use super::standing::Standing;
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::store::StoreError;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::wire::{self, Method, Service};

/// Days in which one document stands in for one worker alone.
const PROXY_DAYS: u64 = 90;

const DAY_MS: u64 = 86_400_000;
/// Age band code of somebody under 14.
const UNDER_14: u32 = 1;

/// Who stands at the counter in a worker's place, as keyed tags.
#[derive(Clone, Copy)]
pub(super) struct StandsIn {
    proxy: [u8; 32],
    worker: [u8; 32],
}

impl Batch<'_> {
    /// Of the legs that this window may ask about, those that the proxy may say yes to; if there is
    /// none, why.
    pub(super) async fn fit_for_proxy(
        &mut self,
        fit: Vec<(LegFile, Standing)>,
        proxy: &wire::Proxy,
    ) -> Outcome<(Vec<(LegFile, Standing)>, StandsIn)> {
        let proxy = self.tag_of_document(proxy.document, &proxy.number)?;
        let (mut may, mut who) = (Vec::new(), None);
        let mut why = Denied::new(
            "NOTHING_FOR_A_PROXY",
            "没有可以由代办人代为确认的事项。",
            "There is nothing here that a proxy could say yes to.",
        );
        for (file, standing) in fit {
            match self.may_stand_in(&file, standing, &proxy).await {
                Ok(worker) => {
                    who = Some(StandsIn { proxy, worker });
                    may.push((file, Standing { method: Method::Proxy, may_waive: false }));
                }
                Err(Trouble::Denied(denied)) => why = denied,
                Err(error) => return Err(error),
            }
        }
        who.map(|who| (may, who)).ok_or_else(|| why.into())
    }

    /// The worker's tag, if the proxy may say yes to this leg here.
    async fn may_stand_in(
        &mut self,
        file: &LegFile,
        standing: Standing,
        proxy: &[u8; 32],
    ) -> Outcome<[u8; 32]> {
        let worker = self.contact(file).await?.unwrap_or_default();
        let tag = self.house.keys.blind_tag(worker.document, &worker.number);
        if tag == *proxy {
            return Err(Denied::new(
                "PROXY_IS_THE_PERSON",
                "代办人的证件就是本人的证件：本人在场，请按本人办理。",
                "The proxy's document is the person's own: the person is here, so open the sitting \
                 without a proxy.",
            )
            .into());
        }
        if file.service == Service::Employment {
            return Err(Denied::new(
                "NO_PROXY_FOR_A_JOB",
                "就业须由本人确认，任何人不得代办；代办人可以查询进度，也可以代为停止。",
                "To a job only the worker says yes. A proxy may ask how it stands, and may stop it.",
            )
            .into());
        }
        let person = self.draft(file).await?.and_then(|draft| draft.person);
        if person.is_some_and(|person| person.age_band == UNDER_14) {
            return Err(Denied::new(
                "NO_PROXY_FOR_A_CHILD",
                "未满 14 周岁的人须由监护人本人同意，不能由代办人代为确认。",
                "For somebody under 14 the guardian agrees, and no proxy in the guardian's place.",
            )
            .into());
        }
        if standing.method != Method::OtherOffice {
            return Err(Denied::new(
                "PROXY_ELSEWHERE",
                "代办人只能在转出城市其他机构的窗口代为确认，由本节点通知本人。",
                "A proxy says yes at another office's window of the sending city, whose node tells \
                 the person.",
            )
            .into());
        }
        if !self.is_named_proxy(&tag, proxy).await? {
            return Err(Denied::new(
                "PROXY_NOT_NAMED",
                "本人没有指定持此证件的人为代办人：请本人用手机短信里的码指定，或由本人确认。",
                "The worker has named nobody with this document: the worker names a proxy with the \
                 code in a message of the own phone, or confirms in person.",
            )
            .into());
        }
        // The person is told, or it does not count.
        self.is_own_phone(file).await?;
        let sql = "SELECT 1 FROM proxy_word WHERE proxy = $1 AND worker <> $2 \
                   AND until_ms > $3 LIMIT 1";
        let values = vec![proxy.as_slice().into(), tag.into(), self.now_ms.into()];
        if self.conn.maybe(sql, values).await?.is_some() {
            return Err(Denied::new(
                "PROXY_OF_ANOTHER",
                "该证件 90 天内已为另一人代办，一人只能代办一户；请本人或其他代办人前来。",
                "This document has stood in for another worker within 90 days, and one stands in for \
                 one alone: the person comes, or another proxy.",
            )
            .into());
        }
        Ok(tag)
    }

    /// Holds the proxy to that worker while the sitting is open.
    pub(super) async fn seat_proxy(
        &mut self,
        question: &[u8],
        who: StandsIn,
        until_ms: u64,
    ) -> Result<(), StoreError> {
        let sql = "DELETE FROM proxy_word WHERE until_ms <= $1";
        self.conn.run(sql, vec![self.now_ms.into()]).await?;
        let sql = "INSERT INTO proxy_word (question_id, proxy, worker, until_ms) \
                   VALUES ($1,$2,$3,$4)";
        let values = vec![
            question.into(),
            who.proxy.as_slice().into(),
            who.worker.as_slice().into(),
            until_ms.into(),
        ];
        self.conn.run(sql, values).await?;
        Ok(())
    }

    /// A yes was typed: from now on one document stands in for this worker alone, and the worker is
    /// told.
    pub(super) async fn proxy_has_answered(
        &mut self,
        question: &crate::questions::Question,
        office: &str,
    ) -> Outcome<()> {
        self.conn
            .run(
                "UPDATE proxy_word SET until_ms = $2 WHERE question_id = $1",
                vec![question.id.clone().into(), (self.now_ms + PROXY_DAYS * DAY_MS).into()],
            )
            .await?;
        self.tell_of_proxy(question, office).await
    }
}
