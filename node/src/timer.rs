//! What the node does by itself. A timer is a row written by the transaction that makes it
//! necessary, so that no crash can lose it.

use crate::batch::Batch;
use crate::follow;
use crate::store::StoreError;
use crate::trouble::Outcome;
use jieli_proto::id::LegId;

/// What a timer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// Send RELEASE if everything holds by now.
    Release,
    /// Answer a WITHDRAW of the other side.
    Effect,
    /// Ask the worker to look at the job's terms.
    AskTerms,
    /// A worker's yes takes effect.
    YesTakesEffect,
    /// A worker's yes whose OFFER waits for a cosignature on the own log.
    OfferWaits,
    /// A question was not answered with yes: it lapses.
    QuestionLapses,
    /// A letter went without its sections: take the message back.
    WentWithheld,
    /// Ask the worker to confirm an outcome.
    AskComplete,
    /// A draft that nobody confirmed is erased.
    EraseDraft,
    /// The ballot before an employment OUTCOME was a yes: send it.
    SendOutcome,
    /// An act on an agreement found no second approver.
    DraftLapses,
    /// The time in which a desk act could be undone is over: send it.
    SendAct,
    /// Answer a CAPACITY QUERY.
    AnswerCapacity,
    /// Accept an OFFER if a rule says so and a place is left.
    AcceptByRule,
    /// A question outlives its code: send another one.
    RenewCode,
    /// The time for which a closed leg is kept is over.
    Retention,
    /// The time for which consents and notes about a closed leg are kept is over.
    ForgetMetadata,
    /// The person or the other city has asked for erasure, or a RELEASE met a closing act.
    EraseAsked,
    /// The days in which a person's request is to be answered are over.
    RequestDue,
    /// Send again what was refused because its key had been revoked.
    SayAgain,
    /// Send the key manifests that a new partner does not hold.
    SendManifests,
    /// Announce the own packs in an agreement that has come into force.
    SendPacks,
    /// What needed a second pair of eyes was not done in time.
    SecondLapses,
    /// The date by which a flag was to be answered is over.
    FlagDue,
    /// The wind-down date of an agreement is over.
    WindDownOver,
    /// Close a leg with its agreement.
    EndLeg,
    /// The office that the person agreed to is another one now: ask about it.
    AskAnew,
    /// Days without insurance cover have come to a number that is warned of.
    CoverGap,
}

impl TimerKind {
    const ALL: [TimerKind; 28] = [
        TimerKind::Release,
        TimerKind::Effect,
        TimerKind::AskTerms,
        TimerKind::YesTakesEffect,
        TimerKind::OfferWaits,
        TimerKind::QuestionLapses,
        TimerKind::WentWithheld,
        TimerKind::AskComplete,
        TimerKind::EraseDraft,
        TimerKind::SendOutcome,
        TimerKind::DraftLapses,
        TimerKind::SendAct,
        TimerKind::AnswerCapacity,
        TimerKind::AcceptByRule,
        TimerKind::RenewCode,
        TimerKind::Retention,
        TimerKind::ForgetMetadata,
        TimerKind::EraseAsked,
        TimerKind::RequestDue,
        TimerKind::SayAgain,
        TimerKind::SendManifests,
        TimerKind::SendPacks,
        TimerKind::SecondLapses,
        TimerKind::FlagDue,
        TimerKind::WindDownOver,
        TimerKind::EndLeg,
        TimerKind::AskAnew,
        TimerKind::CoverGap,
    ];

    /// The word in the store.
    pub fn word(self) -> &'static str {
        match self {
            TimerKind::Release => "release",
            TimerKind::Effect => "effect",
            TimerKind::AskTerms => "ask-terms",
            TimerKind::YesTakesEffect => "yes-takes-effect",
            TimerKind::OfferWaits => "offer-waits",
            TimerKind::QuestionLapses => "question-lapses",
            TimerKind::WentWithheld => "went-withheld",
            TimerKind::AskComplete => "ask-complete",
            TimerKind::EraseDraft => "erase-draft",
            TimerKind::SendOutcome => "send-outcome",
            TimerKind::DraftLapses => "draft-lapses",
            TimerKind::SendAct => "send-act",
            TimerKind::AnswerCapacity => "answer-capacity",
            TimerKind::AcceptByRule => "accept-by-rule",
            TimerKind::RenewCode => "renew-code",
            TimerKind::Retention => "retention",
            TimerKind::ForgetMetadata => "forget-metadata",
            TimerKind::EraseAsked => "erase-asked",
            TimerKind::RequestDue => "request-due",
            TimerKind::SayAgain => "say-again",
            TimerKind::SendManifests => "send-manifests",
            TimerKind::SendPacks => "send-packs",
            TimerKind::SecondLapses => "second-lapses",
            TimerKind::FlagDue => "flag-due",
            TimerKind::WindDownOver => "wind-down-over",
            TimerKind::EndLeg => "end-leg",
            TimerKind::AskAnew => "ask-anew",
            TimerKind::CoverGap => "cover-gap",
        }
    }

    /// The kind of a word.
    pub fn from_word(word: &str) -> Option<TimerKind> {
        TimerKind::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl Batch<'_> {
    /// Performs a timer that is due, and removes it. What the law or the agreement no longer
    /// allows is denied, leaves no trace, and is then removed with [`Batch::unset`].
    pub async fn ring(&mut self, timer: &[u8]) -> Outcome<()> {
        let row = self
            .conn
            .maybe(
                "SELECT kind, subject, due_ms FROM timer WHERE timer_id = $1",
                vec![timer.into()],
            )
            .await?;
        let Some(row) = row else { return Ok(()) };
        if row.uint(2)? > self.now_ms {
            return Ok(());
        }
        let kind = TimerKind::from_word(&row.text(0)?).ok_or(StoreError::Corrupt("timer.kind"))?;
        let subject = row.bytes(1)?;
        self.unset(timer).await?;
        self.perform_timer(kind, &subject).await
    }

    /// Removes a timer that had nothing to do.
    pub async fn unset(&mut self, timer: &[u8]) -> Result<(), StoreError> {
        self.conn.run("DELETE FROM timer WHERE timer_id = $1", vec![timer.into()]).await?;
        Ok(())
    }

    async fn perform_timer(&mut self, kind: TimerKind, subject: &[u8]) -> Outcome<()> {
        match kind {
            TimerKind::YesTakesEffect | TimerKind::OfferWaits => {
                return self.yes_takes_effect(subject).await;
            }
            TimerKind::QuestionLapses => return self.question_lapses(subject).await,
            TimerKind::DraftLapses => return self.draft_lapses(subject).await,
            TimerKind::AnswerCapacity => return self.answer_capacity(subject).await,
            TimerKind::RenewCode => return self.renew_code(subject).await,
            TimerKind::SayAgain => return self.say_again(subject).await,
            TimerKind::SendManifests => return self.send_missing_manifests(subject).await,
            TimerKind::SendPacks => return self.announce_to(subject).await,
            TimerKind::SecondLapses => return self.second_lapses(subject).await,
            TimerKind::FlagDue => return self.flag_due(subject).await,
            TimerKind::WindDownOver => return self.wind_down_over(subject).await,
            TimerKind::Release
            | TimerKind::Effect
            | TimerKind::AskTerms
            | TimerKind::WentWithheld
            | TimerKind::AskComplete
            | TimerKind::EraseDraft
            | TimerKind::SendOutcome
            | TimerKind::SendAct
            | TimerKind::AcceptByRule
            | TimerKind::Retention
            | TimerKind::ForgetMetadata
            | TimerKind::EraseAsked
            | TimerKind::RequestDue
            | TimerKind::EndLeg
            | TimerKind::AskAnew
            | TimerKind::CoverGap => {}
        }
        let leg = LegId::from_slice(subject).ok_or(StoreError::Corrupt("timer.subject"))?;
        let Some(file) = self.take_leg(leg).await? else { return Ok(()) };
        follow::timer(self, file, kind).await
    }
}
