//! Puts a leaf back where it stood, with all that it had set in motion here, and nothing new: no
//! leaf, receipt or number is made. What both cities said of a message decides its standing.

use super::Found;
use super::collect::leaf;
use crate::agreements::check_subject;
use crate::batch::{Batch, ITEM_COLUMNS, item_row};
use crate::directory::{Bond, Peer};
use crate::keyring::Scope;
use crate::legs::{self, Context, Entry, LegFile, Local, Standing};
use crate::receive::{Halt, Incoming, Received, decode};
use crate::speak::message_row;
use crate::store::recovery as rows;
use crate::store::{self, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::case::{Leg, Proof, Side, Verdict};
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CaseId, Digest, LegId, MsgId};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::leaf::Leaf;
use jieli_proto::message::{
    Frame, ItemFacts, ItemVerdict, ReceiptFacts, check_item, check_receipt,
};
use jieli_proto::refusal::Refusal;
use jieli_proto::strict;
use jieli_proto::tombstone::Reason;
use jieli_proto::tree;
use jieli_proto::wire::EffectScope;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, ActType, Header, Letter, MessageType};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What our own receipts, as a peer gave them back, said of that peer's letters.
pub type Answers = BTreeMap<(AgreementId, Lane, u64), Answered>;

/// An item of an own receipt.
#[derive(Clone, Debug)]
pub struct Answered {
    verdict: ItemVerdict,
    /// The log in which the leaf stood, and where.
    origin: String,
    index: u64,
    digest: Digest,
}

/// Reads the items of our own receipts among what was found. An item that its receipt does not
/// bear out counts for nothing.
pub(super) fn answers(found: &[Found]) -> Answers {
    let mut answers = Answers::new();
    for one in found.iter().filter(|one| one.is_ours && one.lane.kind() == Kind::Receipt) {
        let Some(facts) = facts(one) else { continue };
        for (item, _, _) in items(one) {
            let answered = Answered {
                verdict: item.verdict,
                origin: facts.origin.clone(),
                index: item.log_index,
                digest: item.env_digest,
            };
            answers.insert((one.agreement, facts.answers, item.lane_seq), answered);
        }
    }
    answers
}

fn facts(found: &Found) -> Option<ReceiptFacts> {
    check_receipt(&decode::<wire::Receipt>(&found.sealed).ok()?).ok()
}

/// The items that came with a receipt, proved by its root.
fn items(found: &Found) -> Vec<(ItemFacts, Vec<u8>, Vec<u8>)> {
    let Some(facts) = facts(found) else { return Vec::new() };
    let given = found.proof.iter().flat_map(|proof| &proof.items);
    let read = |one: &wire::ItemProof| {
        let path: Option<Vec<tree::Hash>> =
            one.path.iter().map(|hash| hash.as_slice().try_into().ok()).collect();
        let leaf = tree::leaf_hash(&one.item);
        tree::find_inclusion(&leaf, facts.count, &path?, &facts.items_root.0).ok()?;
        let item = check_item(&strict::decode::<wire::Item>(&one.item).ok()?).ok()?;
        Some((item, one.item.clone(), one.path.concat()))
    };
    given.filter_map(read).collect()
}

/// What was found does not fit into the log: nothing of it is kept.
fn unfit(found: &Found, why: &str) -> Trouble {
    let (lane, seq) = (found.lane.number(), found.lane_seq);
    Denied::new(
        "NOT_REBUILT",
        format!("无法还原：通道 {lane} 第 {seq} 条（{why}）。请查看日志，必要时使用 --new-epoch。"),
        format!(
            "Cannot be rebuilt: number {seq} of lane {lane} ({why}). See the log; if need be \
                 use --new-epoch."
        ),
    )
    .into()
}

impl Batch<'_> {
    /// Puts leaves back, in their order.
    pub(crate) async fn rebuild(&mut self, found: &[Found], answers: &Answers) -> Outcome<()> {
        for one in found {
            self.put_back(one, answers).await?;
            // The next one may ask the store for it.
            self.write_rows().await?;
        }
        Ok(())
    }

    async fn put_back(&mut self, found: &Found, answers: &Answers) -> Outcome<()> {
        let peer = self.directory.peers.get(&found.peer).cloned();
        let peer = peer.ok_or_else(|| unfit(found, "peer"))?;
        let bond = match self.bond(&found.agreement) {
            Some(bond) => bond,
            None => self.insert_bond(found.agreement, &peer).await?,
        };
        let index = self.next_index();
        let end = self.lane_end(bond.id, found.lane).await?;
        if bond.peer != found.peer || found.lane_seq != end.last_seq + 1 {
            return Err(unfit(found, "order"));
        }
        let ours = found.lane.side() == bond.our_side;
        let kind = found.lane.kind();
        if kind == Kind::Receipt && ours {
            self.own_receipt_back(&bond, found).await?;
        } else if kind == Kind::Receipt {
            self.their_receipt_back(&bond, &peer, found).await?;
        } else if !ours {
            self.their_letter_back(&bond, &peer, found, index, answers).await?;
        } else if kind == Kind::Act {
            self.own_act_back(&bond, found).await?;
        } else {
            self.own_message_back(&bond, found).await?;
        }
        let put: &Leaf = &leaf(found)?;
        match self.leaves.last() {
            Some(last) if *last == put.to_bytes() && self.next_index() == index + 1 => Ok(()),
            Some(_) | None => Err(unfit(found, "leaf")),
        }
    }

    /// What a payload says of its place; of what does not decode, what the frame does.
    async fn header_of(&mut self, bond: &Bond, found: &Found) -> Result<Header, StoreError> {
        let kind = found.lane.kind();
        let header = if kind == Kind::Message {
            decode::<wire::Message>(&found.sealed).ok().and_then(|m| m.header)
        } else if kind == Kind::Receipt {
            decode::<wire::Receipt>(&found.sealed).ok().and_then(|m| m.header)
        } else {
            decode::<wire::Act>(&found.sealed).ok().and_then(|m| m.header)
        };
        let end = self.lane_end(bond.id, found.lane).await?;
        Ok(header.filter(|header| header.lane_seq == found.lane_seq).unwrap_or(Header {
            lane_seq: found.lane_seq,
            created_unix_ms: end.last_created_ms,
            agreement_version: end.last_version,
            ..Header::default()
        }))
    }

    async fn own_receipt_back(&mut self, bond: &Bond, found: &Found) -> Outcome<()> {
        let header = self.header_of(bond, found).await?;
        let digest = self.log_envelope(bond.id, found.lane, &header, &found.sealed)?;
        let lane = facts(found).ok_or_else(|| unfit(found, "receipt"))?.answers;
        let rows = items(found)
            .into_iter()
            .map(|(item, bytes, path)| item_row(bond.id, lane, item.lane_seq, digest, bytes, path));
        self.conn.insert_many("receipt_item", ITEM_COLUMNS, rows.collect()).await?;
        Ok(())
    }

    async fn their_receipt_back(
        &mut self,
        bond: &Bond,
        peer: &Arc<Peer>,
        found: &Found,
    ) -> Outcome<()> {
        let incoming = incoming(peer, found).ok_or_else(|| unfit(found, "frame"))?;
        match self.receive_receipt(bond, incoming, true).await? {
            Received::Noted => Ok(()),
            Received::Defer(..) | Received::Reject | Received::Receipted => {
                Err(unfit(found, "receipt"))
            }
        }
    }

    /// A letter of the peer stands as our receipt said then.
    async fn their_letter_back(
        &mut self,
        bond: &Bond,
        peer: &Arc<Peer>,
        found: &Found,
        index: u64,
        answers: &Answers,
    ) -> Outcome<()> {
        let incoming = incoming(peer, found).ok_or_else(|| unfit(found, "frame"))?;
        let answered = answers.get(&(found.agreement, found.lane, found.lane_seq));
        let answered = answered.ok_or_else(|| unfit(found, "no receipt"))?;
        // In a new epoch the leaf stands elsewhere than the receipt said.
        let here = self.directory.city.exchange_origin(self.head.id.epoch);
        let moved = answered.origin != here;
        if answered.digest != incoming.digest || (answered.index != index && !moved) {
            return Err(unfit(found, "another receipt"));
        }
        let standing = match answered.verdict {
            ItemVerdict::Refused(number) => {
                let refusal = Refusal::from_number(number).unwrap_or(Refusal::Undecodable);
                return Ok(self.refuse(bond, &incoming, refusal).await?);
            }
            ItemVerdict::Stored => Standing::Stored,
            ItemVerdict::StoredWithheld => Standing::Withheld,
        };
        self.stands = Some(standing);
        let done = if found.lane.kind() == Kind::Act {
            self.receive_act(bond, &incoming, true).await
        } else {
            self.receive_message(bond, &incoming, true).await
        };
        self.stands = None;
        match done {
            Ok(_) => {}
            Err(Halt::Store(error)) => return Err(error.into()),
            Err(Halt::Stop(stop)) => return Err(unfit(found, &format!("{stop:?}"))),
        }
        let message = decode::<wire::Message>(&found.sealed).ok();
        let opened = message.is_some_and(|message| !message.section_digests.is_empty());
        if found.lane.kind() == Kind::Message && standing == Standing::Stored && opened {
            rows::gap(self.conn, bond.id, found.lane, found.lane_seq).await?;
        }
        Ok(())
    }

    async fn own_act_back(&mut self, bond: &Bond, found: &Found) -> Outcome<()> {
        let header = self.header_of(bond, found).await?;
        let digest = self.log_envelope(bond.id, found.lane, &header, &found.sealed)?;
        self.wait_for_receipt(bond, found).await?;
        let act: wire::Act = decode(&found.sealed).map_err(|_| unfit(found, "act"))?;
        let act_type = act.act_type();
        match act_type {
            ActType::Propose | ActType::CounterPropose => {
                let carried = act.carried.as_ref().ok_or_else(|| unfit(found, "act"))?;
                self.own_proposal_back(carried).await?;
            }
            ActType::Countersign => {
                let (version, subject) = check_subject(self.conn, bond, &act.subject)
                    .await?
                    .ok_or_else(|| unfit(found, "subject"))?;
                self.make_live(bond.id, version, &subject).await?;
            }
            ActType::Suspend | ActType::Resume | ActType::Terminate => {
                self.apply_act(bond, bond.our_side, act_type, &digest, act.wind_down_on).await?;
            }
            ActType::Pack => {
                let digest =
                    Digest::from_slice(&act.subject).ok_or_else(|| unfit(found, "subject"))?;
                self.pack_announced(bond, bond.our_side, &digest).await?;
            }
            ActType::Flag => self.own_flag_back(bond, &act, &digest).await?,
            ActType::AnswerFlag => self.own_answer_back(&act, &digest).await?,
            ActType::Manifest => {
                let carried = act.carried.as_ref().ok_or_else(|| unfit(found, "act"))?;
                if !self.own_manifest_back(carried).await? {
                    return Err(unfit(found, "manifest"));
                }
            }
            ActType::Unspecified => {}
        }
        Ok(self.reload().await?)
    }

    /// Own letters wait for their receipt again; it comes later in the log, or by the post.
    async fn wait_for_receipt(&mut self, bond: &Bond, found: &Found) -> Result<(), StoreError> {
        let place = store::queue::Place {
            agreement_id: bond.id,
            lane: found.lane,
            lane_seq: found.lane_seq,
        };
        let now_ms = self.now_ms;
        store::queue::insert(self.conn, &[(place, bond.peer.clone())], now_ms).await?;
        self.wake.insert(bond.peer.clone());
        Ok(())
    }

    async fn own_message_back(&mut self, bond: &Bond, found: &Found) -> Outcome<()> {
        let header = self.header_of(bond, found).await?;
        let digest = self.log_envelope(bond.id, found.lane, &header, &found.sealed)?;
        self.wait_for_receipt(bond, found).await?;
        let message: wire::Message = decode(&found.sealed).map_err(|_| unfit(found, "message"))?;
        let Some(leg) = LegId::from_slice(&message.leg_id) else {
            return Ok(self.own_notice_back(bond, &message, &digest).await?);
        };
        self.own_consents_back(bond, leg, found).await?;
        let mut file = match self.take_leg(leg).await? {
            Some(file) => file,
            None => {
                let made = self.own_leg_back(bond, leg, &message).await?;
                made.ok_or_else(|| unfit(found, "leg"))?
            }
        };
        let side = file.our_side;
        let act = own_act(&file, &message, self).map_err(|_| unfit(found, "law"))?;
        let entry = Entry {
            env_digest: digest,
            side,
            seq: message.leg_seq,
            lane_seq: header.lane_seq,
            standing: Standing::Provisional,
            message: Some(message.clone()),
        };
        let msg = legs::msg_id(&message).unwrap_or(MsgId([0; 16]));
        self.messages.push(message_row(bond, found.lane, &file, &entry, &msg, &Verdict::Legal));
        file.admit(entry, Some(act), Verdict::Legal);
        if file.local != Local::OnTheRoad || file.bond != Some(bond.id) {
            (file.local, file.bond) = (Local::OnTheRoad, Some(bond.id));
            store::legs::update(self.conn, &file).await?;
        }
        if message.r#type() == MessageType::Redirect {
            self.moved(&mut file).await?;
        }
        self.put_leg(file.clone());
        self.questions_are_over(leg, message.r#type()).await?;
        if message.r#type() == MessageType::Withdraw {
            // What the person has taken back must not come back out of a backup.
            self.suppress(&file).await?;
            self.end_consents(leg).await?;
        }
        let erases =
            [MessageType::Withdraw, MessageType::WithdrawEffect, MessageType::EraseConfirm];
        // Who confirms to keep something does.
        let keeps = matches!(&message.body, Some(Body::EraseConfirm(body)) if body.scope() == EffectScope::Kept);
        if erases.contains(&message.r#type()) && !keeps {
            self.erase(leg, Scope::All, Reason::Again).await?;
        }
        Ok(self.end_with_leg(&file).await?)
    }

    /// Questions of the old copy that were answered since, or overtaken: they must not lapse now.
    async fn questions_are_over(&mut self, leg: LegId, ty: MessageType) -> Result<(), StoreError> {
        let ends = [
            MessageType::Offer,
            MessageType::Request,
            MessageType::Release,
            MessageType::Outcome,
            MessageType::Complete,
            MessageType::Withdraw,
        ];
        if !ends.contains(&ty) {
            return Ok(());
        }
        let sql = "DELETE FROM timer WHERE kind = $2 AND subject IN \
                   (SELECT question_id FROM question_leg WHERE leg_id = $1)";
        let lapses = TimerKind::QuestionLapses.word();
        self.conn.run(sql, vec![leg.to_vec().into(), lapses.into()]).await?;
        self.close_questions(leg).await
    }

    /// Own consents are those that a key of ours signed.
    async fn own_consents_back(
        &mut self,
        bond: &Bond,
        leg: LegId,
        found: &Found,
    ) -> Result<(), StoreError> {
        for sealed in &found.consents {
            let by_us =
                self.directory.own.values().any(|m| m.verify(sealed, Kind::Consent).is_ok());
            let peer = self.directory.peers.get(&bond.peer);
            let by_them = peer.and_then(|peer| peer.key_for(sealed, Kind::Consent));
            let by_them = by_them.is_some_and(|(key, _)| envelope::verify(sealed, &key).is_ok());
            let Ok(consent) = decode::<wire::Consent>(sealed) else { continue };
            if by_us || by_them {
                let digest = envelope::env_digest(sealed);
                self.keep_consent(sealed, &digest, leg, consent.given_unix_ms, by_us).await?;
            }
        }
        Ok(())
    }

    /// A leg of ours that the database does not know: what its first message tells of it. Its
    /// draft, and the number that the case had, are gone.
    async fn own_leg_back(
        &mut self,
        bond: &Bond,
        id: LegId,
        message: &wire::Message,
    ) -> Result<Option<LegFile>, StoreError> {
        let opens = matches!(message.r#type(), MessageType::Offer | MessageType::Request);
        let Some(case) = CaseId::from_slice(&message.case_id).filter(|_| opens) else {
            return Ok(None);
        };
        let service = message.service();
        let mut file = LegFile {
            id,
            case,
            number: 0,
            bond: Some(bond.id),
            service,
            our_side: Side::Initiator,
            local: Local::OnTheRoad,
            our_office: message.from_office.clone(),
            their_office: message.to_office.clone(),
            reference: String::new(),
            law: Leg::new(LegFile::rules(service)),
            entries: Vec::new(),
            stop_refused: false,
        };
        self.open_case(bond, &mut file).await?;
        Ok(Some(file))
    }

    /// A message of ours with no person in it.
    async fn own_notice_back(
        &mut self,
        bond: &Bond,
        message: &wire::Message,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        match &message.body {
            Some(Body::VacancyNotice(notice)) => {
                let Some(terms) = notice.terms.clone() else { return Ok(()) };
                let city = self.directory.city.as_str().to_owned();
                let vacancy = wire::Vacancy {
                    city: city.clone(),
                    terms: None,
                    posts: notice.posts,
                    valid_until: notice.valid_until,
                };
                self.keep_vacancy(&city, &vacancy, &terms, true).await
            }
            Some(Body::CapacityQuery(asked)) => {
                self.query_back(bond, message.service(), asked, digest).await
            }
            // That query is answered: the timer behind it would answer it again.
            Some(Body::CapacityAnswer(answer)) => self.unset_answer(&answer.answers).await,
            Some(_) | None => Ok(()),
        }
    }
}

/// The act of an own message that both cities have logged.
fn own_act(
    file: &LegFile,
    message: &wire::Message,
    batch: &Batch<'_>,
) -> Result<jieli_proto::case::Act, Refusal> {
    let made_on = match batch.bond_of(file) {
        Some(bond) => batch.day_at(&bond, bond.our_side, message.header.as_ref()),
        None => batch.today,
    };
    let seen = Digest::from_slice(&message.leg_seen)
        .and_then(|seen| store::legs::seen_seq(file, file.our_side, &seen))
        .ok_or(Refusal::BadChain)?;
    // What stood behind it was judged then; the fold does not ask again.
    let proof = Some(Proof::Silence { received_on: made_on, covers: 0 });
    let context = Context { made_on, consent_live: true, proof };
    let question = |digest: &Digest| file.entry(digest).map(|entry| entry.seq);
    legs::act_of(message, file.our_side, message.leg_seq, seen, context, &question)
}

/// A letter as it came then, without its sections.
fn incoming(peer: &Arc<Peer>, found: &Found) -> Option<Incoming> {
    let message = decode::<wire::Message>(&found.sealed).ok();
    let message = message.filter(|_| found.lane.kind() == Kind::Message);
    let letter = Letter {
        agreement_id: found.agreement.to_vec(),
        lane: u32::from(found.lane.number()),
        lane_seq: found.lane_seq,
        leg_id: message.as_ref().map_or(Vec::new(), |message| message.leg_id.clone()),
        leg_seq: message.as_ref().map_or(0, |message| message.leg_seq),
        envelope: Some(found.sealed.clone()),
        sections: Vec::new(),
        consents: found.consents.clone(),
        proof: found.proof.clone(),
    };
    let frame = Frame::read(&letter).ok()?;
    let digest = envelope::env_digest(&found.sealed);
    Some(Incoming { peer: peer.clone(), frame, letter, sealed: found.sealed.clone(), digest })
}
