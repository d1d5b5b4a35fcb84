//! Own messages and acts that were refused because their key had been revoked: the same content is
//! sent as a new message under a new key, in the old order, unless something stands against it by
//! now.

use super::{Act, Batch, Bond, Conn, Denied, Kind, Lane, Outcome, StoreError, TimerKind};
use super::{ActType, AgreementId, Digest, Envelope, Refusal, envelope, wire};
use crate::legs::{LegFile, Standing};
use crate::receive::decode;
use crate::speak::{Filled, Speech};
use crate::trouble::Trouble;
use crate::vault::Place;
use jieli_proto::day::Day;
use jieli_proto::id::{LegId, MsgId};
use jieli_proto::section::{self, SectionKind};
use jieli_proto::wire::MessageType;
use jieli_proto::wire::message::Body;
use prost::Message as _;

/// How long a message waits for the answers to those before it, in milliseconds.
const WAIT_MS: u64 = 2_000;

/// What came of a try.
enum Said {
    /// Sent again at this place of the lane.
    At(u64),
    /// What was sent after it has no answer yet.
    Later,
}

impl Batch<'_> {
    /// A message of ours was refused for its key, or because it followed one that was.
    pub(crate) async fn again_if_revoked(
        &mut self,
        file: &LegFile,
        digest: &Digest,
        code: u32,
    ) -> Result<bool, StoreError> {
        let of_key =
            |standing: Standing| standing == Standing::Refused(Refusal::KeyRevoked.number());
        let followed =
            file.entries.iter().any(|entry| entry.side == file.our_side && of_key(entry.standing));
        let is_meant = code == Refusal::KeyRevoked.number()
            || (code == Refusal::FollowsRefused.number() && followed);
        let Some(bond) = file.bond.and_then(|id| self.bond(&id)).filter(|_| is_meant) else {
            return Ok(false);
        };
        let lane = Lane::messages(bond.our_side);
        let sql = "SELECT lane_seq FROM envelope WHERE env_digest = $1 AND agreement_id = $2 \
                   AND lane = $3";
        let vals = vec![digest.to_vec().into(), bond.id.to_vec().into(), lane.number().into()];
        let Some(row) = self.conn.maybe(sql, vals).await? else { return Ok(false) };
        self.queue_again(&bond, lane, row.uint(0)?).await?;
        Ok(true)
    }

    /// Notes a place of which the content has to be sent again.
    pub(crate) async fn queue_again(
        &mut self,
        bond: &Bond,
        lane: Lane,
        lane_seq: u64,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO say_again (agreement_id, lane, lane_seq, again_seq) \
                   VALUES ($1,$2,$3,0) ON CONFLICT (agreement_id, lane, lane_seq) DO NOTHING";
        let vals = vec![bond.id.to_vec().into(), lane.number().into(), lane_seq.into()];
        self.conn.run(sql, vals).await?;
        self.timer(self.now_ms, TimerKind::SayAgain, &bond.id.0).await
    }

    /// Sends again what of an agreement was refused for its key, in its order.
    pub(crate) async fn say_again(&mut self, agreement: &[u8]) -> Outcome<()> {
        let bond = AgreementId::from_slice(agreement).and_then(|id| self.bond(&id));
        let bond = bond.ok_or(StoreError::Corrupt("timer.subject"))?;
        for lane in [Lane::acts(bond.our_side), Lane::messages(bond.our_side)] {
            for lane_seq in waiting(self.conn, &bond, lane).await? {
                let said = if lane.kind() == Kind::Act {
                    self.act_again(&bond, lane, lane_seq).await
                } else {
                    self.message_again(&bond, lane, lane_seq).await
                };
                let again = match said {
                    Ok(Said::At(seq)) => seq as i64,
                    Ok(Said::Later) => {
                        let due_ms = self.now_ms + WAIT_MS;
                        self.timer(due_ms, TimerKind::SayAgain, &bond.id.0).await?;
                        break;
                    }
                    Err(Trouble::Store(error)) => return Err(error.into()),
                    Err(Trouble::Denied(denied)) => {
                        let detail = format!("lane {} {lane_seq}: {}", lane.number(), denied.code);
                        self.alarm("not-sent-again", &bond.peer, &detail).await?;
                        -1
                    }
                };
                let sql = "UPDATE say_again SET again_seq = $4 WHERE agreement_id = $1 \
                           AND lane = $2 AND lane_seq = $3";
                let vals = vec![
                    bond.id.to_vec().into(),
                    lane.number().into(),
                    lane_seq.into(),
                    again.into(),
                ];
                self.conn.run(sql, vals).await?;
            }
        }
        Ok(())
    }

    async fn was_said(
        &mut self,
        bond: &Bond,
        lane: Lane,
        lane_seq: u64,
    ) -> Result<Envelope, StoreError> {
        let stored = self.stored(bond, lane, lane_seq).await?;
        stored.ok_or(StoreError::Corrupt("say_again"))
    }

    async fn act_again(&mut self, bond: &Bond, lane: Lane, lane_seq: u64) -> Outcome<Said> {
        let corrupt = || StoreError::Corrupt("envelope.envelope");
        let old = self.was_said(bond, lane, lane_seq).await?;
        let mut act: Act = decode(&old).map_err(|_| corrupt())?;
        if matches!(act.act_type(), ActType::Flag | ActType::AnswerFlag) {
            self.flag_again(bond, &act).await?;
            return Ok(Said::At(self.lane_end(bond.id, lane).await?.last_seq));
        }
        let proposes = [ActType::Propose as i32, ActType::CounterPropose as i32];
        if let Some(carried) = act.carried.as_ref().filter(|_| proposes.contains(&act.act_type)) {
            // Signed by itself, so by a key that counts.
            let draft: wire::Agreement = decode(carried).map_err(|_| corrupt())?;
            let sealed = self.seal_for(&bond.peer, &draft).await?;
            let sql = "UPDATE agreement_version SET envelope = $3 WHERE agreement_id = $1 \
                       AND env_digest = $2";
            let vals = vec![
                bond.id.to_vec().into(),
                envelope::env_digest(&sealed).to_vec().into(),
                sealed.encode_to_vec().into(),
            ];
            self.conn.run(sql, vals).await?;
            act.carried = Some(sealed);
        }
        self.send_act(bond, act).await?;
        Ok(Said::At(self.lane_end(bond.id, lane).await?.last_seq))
    }

    async fn message_again(&mut self, bond: &Bond, lane: Lane, lane_seq: u64) -> Outcome<Said> {
        let old = self.was_said(bond, lane, lane_seq).await?;
        let mut message: wire::Message =
            decode(&old).map_err(|_| StoreError::Corrupt("envelope.envelope"))?;
        let Some(leg) = LegId::from_slice(&message.leg_id) else {
            // No person is in it: a vacancy, or a question for places.
            let header = self.header(bond, lane).await?;
            message.header = Some(header.clone());
            message.msg_id = self.random::<16>().to_vec();
            self.send(bond, &header, &message).await?;
            return Ok(Said::At(header.lane_seq));
        };
        let file = self.take_leg(leg).await?;
        let mut file = file.ok_or_else(|| Denied::not_found(&leg.hex()))?;
        let own = || file.entries.iter().filter(|entry| entry.side == file.our_side);
        let opens = matches!(message.r#type(), MessageType::Offer | MessageType::Request);
        if opens && own().any(|entry| entry.standing == Standing::Provisional) {
            return Ok(Said::Later);
        }
        let speech = self.speech_of(bond, &file, &message).await?;
        let digest = self.say(&mut file, speech).await?;
        let at = file.entry(&digest).map_or(0, |entry| entry.lane_seq);
        Ok(Said::At(at))
    }

    /// What a message said, to be said again. What was disclosed is taken from where it is kept;
    /// what has been erased since stays unsaid, and so does what rests on a consent that has ended.
    async fn speech_of(
        &mut self,
        bond: &Bond,
        file: &LegFile,
        message: &wire::Message,
    ) -> Outcome<Speech> {
        let ty = message.r#type();
        if let Some(Body::Expire(body)) = &message.body {
            return self.expire(bond, file, body.duty()).await;
        }
        let consent = Digest::from_slice(&message.consent_digest);
        if let Some(consent) = consent
            && !is_live(self.conn, &consent).await?
        {
            return Err(Refusal::ConsentInvalid.into());
        }
        let body = message.body.clone().ok_or(Refusal::BadBody)?;
        let mut speech = Speech::plain(ty, body);
        speech.due = Day::from_number(message.due_date);
        speech.consent = consent;
        speech.sections = self.disclosed_before(file, message).await?;
        Ok(speech)
    }

    async fn disclosed_before(
        &mut self,
        file: &LegFile,
        message: &wire::Message,
    ) -> Outcome<Vec<Filled>> {
        let Some(msg) = MsgId::from_slice(&message.msg_id) else { return Ok(Vec::new()) };
        let mut filled = Vec::new();
        for slot in &message.section_digests {
            let kind = SectionKind::of(slot.section);
            let signed = Digest::from_slice(&slot.digest);
            let Some((kind, signed)) = kind.zip(signed) else { continue };
            let place = Place { leg: file.id, slot: kind.number, msg };
            let Some(bytes) = self.reveal(file, &place).await? else { continue };
            let corrupt = || StoreError::Corrupt("section_data");
            let stored = wire::Section::decode(bytes.as_slice()).map_err(|_| corrupt())?;
            let values = section::open(&msg, &stored, &signed).map_err(|_| corrupt())?;
            filled.push((kind, values));
        }
        Ok(filled)
    }
}

/// The places of a lane whose content waits to be sent again, in their order.
async fn waiting(conn: &mut Conn, bond: &Bond, lane: Lane) -> Result<Vec<u64>, StoreError> {
    let sql = "SELECT lane_seq FROM say_again WHERE agreement_id = $1 AND lane = $2 \
               AND again_seq = 0 ORDER BY lane_seq";
    let rows = conn.rows(sql, vec![bond.id.to_vec().into(), lane.number().into()]).await?;
    rows.iter().map(|row| row.uint(0)).collect()
}

async fn is_live(conn: &mut Conn, consent: &Digest) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM consent WHERE env_digest = $1 AND ended_ms = 0";
    Ok(conn.maybe(sql, vec![consent.to_vec().into()]).await?.is_some())
}
