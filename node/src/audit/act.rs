//! What a reviewer does: draws a sample, signs off. Both are records of the local log, and nothing
//! of a case changes.

use super::sample::drawn_before;
use super::{Period, bond};
use crate::batch::Batch;
use crate::command::Actor;
use crate::store::StoreError;
use crate::trouble::{Denied, Outcome};
use jieli_proto::envelope;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::wire::{self, Envelope, ReviewFinding};
use serde_json::json;

/// The payload type of a sign-off. It never leaves the house as a message.
pub(crate) const SIGN_OFF_TYPE: &str = "application/vnd.jieli.sign-off.v1+json";

/// What a reviewer asks for.
#[derive(Clone, Debug)]
pub enum AuditCommand {
    /// A sample was drawn, from so many.
    Drawn(wire::SampleRequest, u64),
    /// Signs off.
    SignOff(wire::SignOffRequest),
    /// Answers what the other city has raised.
    AnswerFlag(wire::AnswerFlagRequest),
    /// Has the persons of a sample called back: the legs as they were drawn.
    CallBack(wire::StartCallBackRequest, Vec<LegId>),
}

impl Batch<'_> {
    /// Writes a draw down, whatever is drawn again afterwards.
    pub(crate) async fn drawn(
        &mut self,
        actor: &Actor,
        asked: &wire::SampleRequest,
        population: u64,
    ) -> Outcome<()> {
        let id = bond(&self.directory, &asked.agreement_id)?.id;
        let sample: [u8; 16] = self.random();
        self.conn
            .run(
                "INSERT INTO audit_sample (sample_id, agreement_id, from_on, to_on, seed, size, \
                 population, token, drawn_ms) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
                vec![
                    sample.into(),
                    id.to_vec().into(),
                    asked.from.into(),
                    asked.to.into(),
                    asked.seed.as_str().into(),
                    asked.size.into(),
                    population.into(),
                    actor.token.as_str().into(),
                    self.now_ms.into(),
                ],
            )
            .await?;
        let about = format!(
            "{} {} {} {} {} {} of {population}",
            actor.token,
            id.hex(),
            asked.from,
            asked.to,
            asked.seed,
            asked.size
        );
        self.record("sample drawn", about.as_bytes());
        Ok(())
    }

    /// Signs what a reviewer found, in codes, about a sample that was drawn.
    pub(crate) async fn sign_off(
        &mut self,
        actor: &Actor,
        asked: &wire::SignOffRequest,
    ) -> Outcome<wire::SignOffReply> {
        let period = Period::read(asked.from, asked.to)?;
        let agreement = bond(&self.directory, &asked.agreement_id)?.id;
        let (size, population) = drawn_before(self.conn, agreement, period, &asked.seed).await?;
        let statement = json!({
            "agreement_id": agreement.hex(),
            "city": self.directory.city.as_str(),
            "exchange_log": {
                "origin": self.directory.city.exchange_origin(self.head.id.epoch),
                "root": hex::encode(self.head.root),
                "size": self.head.size,
            },
            "findings": findings(asked)?,
            "from": period.from.to_string(),
            "sample": { "population": population, "seed": asked.seed, "size": size },
            "signed_unix_ms": self.now_ms,
            "to": period.to.to_string(),
            "token": actor.token,
        });
        let payload = statement.to_string().into_bytes();
        let keys = self.directory.newest_message_keys(self.now_ms);
        let signer = self.house.keys.first_of(&keys).ok_or(StoreError::Corrupt("message key"))?;
        let pae = envelope::pae(SIGN_OFF_TYPE, &payload);
        let sig = signer.sign(&pae).await.map_err(|_| StoreError::Corrupt("message key"))?;
        let digest = Digest::of(&[&pae]);
        let dsse = envelope::to_json(&Envelope {
            payload_type: SIGN_OFF_TYPE.to_owned(),
            payload,
            key_fpr: signer.fingerprint().to_vec(),
            sig: sig.to_vec(),
        });
        let id: [u8; 16] = self.random();
        self.conn
            .run(
                "INSERT INTO audit_sign_off (sign_off_id, agreement_id, token, signed_ms, dsse) \
                 VALUES ($1,$2,$3,$4,$5)",
                vec![
                    id.into(),
                    agreement.to_vec().into(),
                    actor.token.as_str().into(),
                    self.now_ms.into(),
                    dsse.as_str().into(),
                ],
            )
            .await?;
        self.record("signed off", &digest.0);
        Ok(wire::SignOffReply { dsse, digest: digest.hex() })
    }
}

/// The codes of the findings, ascending, each once. NONE stands alone.
fn findings(asked: &wire::SignOffRequest) -> Result<Vec<&'static str>, Denied> {
    let mut found: Vec<ReviewFinding> = asked.findings().collect();
    found.sort_unstable();
    found.dedup();
    let alone = found == [ReviewFinding::None] || !found.contains(&ReviewFinding::None);
    if found.is_empty() || !alone || found.contains(&ReviewFinding::Unspecified) {
        return Err(Denied::new(
            "BAD_FINDINGS",
            "请写明结论代码；“无发现”（NONE）只能单独使用。",
            "Name the codes of what was found; NONE stands alone.",
        ));
    }
    Ok(found.iter().map(|one| one.as_str_name().trim_start_matches("REVIEW_FINDING_")).collect())
}
