//! Local legs: both offices in this city. The same law, judge and vault; no agreement, no peer, no
//! letter and no receipt. What one office says, the other has at once: it is signed, stored, and its
//! leaf goes into the local log, never into the exchange log.

use crate::batch::{Batch, LaneEnd, leaf_of};
use crate::legs::{LegFile, duty_of};
use crate::store::{Conn, StoreError, Val};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use jieli_proto::case::{Kind, Proof, Side};
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, Digest};
use jieli_proto::kinds::{Lane, PartySide};
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, Header, MessageType};
use jieli_proto::words;
use prost::Message as _;

/// Columns of `local_envelope`, in the order of the rows pushed.
pub(crate) const COLUMNS: &[&str] =
    &["lane", "lane_seq", "env_digest", "envelope", "place", "created_ms", "stored_ms"];

/// The end of a local lane.
pub(crate) async fn lane_end(conn: &mut Conn, lane: Lane) -> Result<LaneEnd, StoreError> {
    let sql = "SELECT lane_seq, env_digest, created_ms FROM local_envelope WHERE lane = $1 \
               ORDER BY lane_seq DESC LIMIT 1";
    let row = conn.maybe(sql, vec![i64::from(lane.number()).into()]).await?;
    let Some(row) = row else { return Ok(LaneEnd::default()) };
    Ok(LaneEnd {
        last_seq: row.uint(0)?,
        last_digest: Digest(row.array(1)?),
        last_created_ms: row.uint(2)?,
        last_version: 0,
    })
}

impl Batch<'_> {
    /// Signs a message between two offices of this city and keeps it: its row, and its 168-byte leaf
    /// as a record of the local log.
    pub(crate) async fn keep_local(
        &mut self,
        header: &Header,
        message: &wire::Message,
    ) -> Result<Digest, StoreError> {
        let lane = Lane::from_number(header.lane).ok_or(StoreError::Corrupt("lane"))?;
        let sealed = self.seal(message).await?;
        let digest = envelope::env_digest(&sealed);
        let leaf = leaf_of(AgreementId::LOCAL, lane, header.lane_seq, &sealed)?;
        self.record("local-message", &leaf);
        let other = Lane::messages(lane.side().other());
        let other = self.lane_end(AgreementId::LOCAL, other).await?;
        self.local.push(vec![
            Val::Int(i64::from(lane.number())),
            Val::Int(header.lane_seq as i64),
            Val::Bytes(digest.to_vec()),
            Val::Bytes(sealed.encode_to_vec()),
            Val::Int((header.lane_seq + other.last_seq) as i64),
            Val::Int(header.created_unix_ms as i64),
            Val::Int(self.now_ms as i64),
        ]);
        let end = LaneEnd {
            last_seq: header.lane_seq,
            last_digest: digest,
            last_created_ms: header.created_unix_ms,
            last_version: 0,
        };
        self.lanes.insert((AgreementId::LOCAL, lane), end);
        Ok(digest)
    }

    /// The other office has it at once: what it sets in motion there.
    pub(crate) async fn reach_other_office(
        &mut self,
        file: &mut LegFile,
        ty: MessageType,
    ) -> Result<(), StoreError> {
        let mut other = file.seen_from(file.our_side.other());
        Box::pin(self.follow(&mut other, ty, false)).await?;
        if let Some(now) = self.take_leg(file.id).await? {
            *file = now.seen_from(file.our_side);
        }
        Ok(())
    }

    /// Where a draft to this city itself would go: to the first other office of the kind that
    /// handles the service.
    pub(crate) fn bound_in_city(&self, file: &LegFile) -> Outcome<LegFile> {
        let bond = self.directory.within_city(Side::Initiator);
        let kind = words::kind_of_service(file.service);
        let law = bond.in_force().ok_or_else(|| Denied::refused(Refusal::OfficeNotCovered))?;
        let offices = &law.party(PartySide::B).offices;
        let fits =
            |office: &&wire::Office| office.kind() == kind && office.credit_code != file.our_office;
        let theirs = offices.iter().find(fits).ok_or_else(no_other_office)?;
        let mut bound = file.clone();
        bound.bond = Some(AgreementId::LOCAL);
        bound.their_office = theirs.credit_code.clone();
        Ok(bound)
    }
}

/// The side of a local leg whose matter a timer is.
pub(crate) fn whose(file: LegFile, kind: TimerKind) -> LegFile {
    let side = match kind {
        TimerKind::SendOutcome | TimerKind::AcceptByRule => Side::Examiner,
        TimerKind::Effect if file.law.state().owes_effect(Side::Examiner) => Side::Examiner,
        TimerKind::Effect
        | TimerKind::Release
        | TimerKind::AskTerms
        | TimerKind::AskComplete
        | TimerKind::WentWithheld
        | TimerKind::EraseDraft
        | TimerKind::SendAct
        | TimerKind::YesTakesEffect
        | TimerKind::OfferWaits
        | TimerKind::QuestionLapses
        | TimerKind::DraftLapses
        | TimerKind::AnswerCapacity
        | TimerKind::RenewCode
        | TimerKind::Retention
        | TimerKind::ForgetMetadata
        | TimerKind::EraseAsked
        | TimerKind::RequestDue
        | TimerKind::SayAgain
        | TimerKind::SendManifests
        | TimerKind::SendPacks
        | TimerKind::SecondLapses
        | TimerKind::FlagDue
        | TimerKind::WindDownOver
        | TimerKind::EndLeg
        | TimerKind::AskAnew
        | TimerKind::CoverGap => Side::Initiator,
    };
    file.seen_from(side)
}

/// What stands behind an EXPIRE of a local leg in place of a receipt of another city: an own REMIND
/// of that duty, made after its due date. The other office had it at once, and whatever that office
/// said before stands in the same log. Returns the REMIND's digest and the proof.
pub(crate) fn silence(file: &LegFile, duty: wire::Duty) -> Outcome<(Digest, Proof)> {
    let duty = duty_of(duty);
    let due = duty.and_then(|duty| file.law.state().due(duty));
    let found = file.entries.iter().rev().find_map(|entry| {
        let act = file.law.place(entry.side, entry.seq)?.legal()?;
        let is_own = entry.side == file.our_side;
        let late = due.is_some_and(|due| act.made_on > due);
        let reminds = matches!(act.kind, Kind::Remind { duty: named } if Some(named) == duty);
        let proof = Proof::Silence { received_on: act.made_on, covers: act.seen };
        (is_own && reminds && late).then_some((entry.env_digest, proof))
    });
    found.ok_or_else(|| {
        Denied::new(
            "REMIND_FIRST",
            "本市内的事项：期限过后先催办（remind），仍无答复，再逾期关闭（expire）。",
            "Within one city: after the due date remind the other office first; if it still says \
             nothing, let the leg expire.",
        )
        .into()
    })
}

fn no_other_office() -> Denied {
    Denied::new(
        "NO_SUCH_OFFICE",
        "本市没有登记办理这项服务的另一家机构：请在 jieli.toml 的 [[office]] 里登记。",
        "No other office of this city that handles this service is known: name it under [[office]] \
         in jieli.toml.",
    )
}
