//! Why an act is not legal.

mod zh;

/// The closed, numbered list. The numbers are for refusals on the wire and never change; the text
/// tells the author what happened and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[repr(u16)]
#[allow(missing_docs)] // the text of each is its documentation
pub enum Illegal {
    #[error("there is no such leg: its first message was refused or never came; open a new leg")]
    NoSuchLeg = 1,
    #[error("this is not the next place in its author's lane; send it again with the next number")]
    BadChain = 2,
    #[error("it names a message that is not held here yet; ask for that message, then try again")]
    SeenUnknown = 3,
    #[error("it has seen less than its author's earlier message; sign it again with the last seen")]
    SeenWentBack = 4,
    #[error("the leg is already open; continue it or open another leg")]
    AlreadyOpen = 5,
    #[error("this step belongs to the other side; wait for it or send a reminder")]
    NotYourStep = 6,
    #[error("this step does not exist in a leg of this direction; see the steps offered")]
    WrongDirection = 7,
    #[error("the person withdrew; only the effect of the withdrawal and erasure may follow")]
    Stopped = 8,
    #[error("the leg is not in a stage that allows this step; look at its stage and choose again")]
    WrongStage = 9,
    #[error("the leg is still open; close it before asking for or confirming erasure")]
    NotClosed = 10,
    #[error("one side has already started to erase; nothing can be corrected any more")]
    Erased = 11,
    #[error("a question is still open; wait for the answer before asking another")]
    QuestionOpen = 12,
    #[error("this ground was already asked about; decide on the answer you have")]
    GroundUsed = 13,
    #[error("no question is open; there is nothing to answer")]
    NoQuestion = 14,
    #[error("it answers another question than the open one; name the open question")]
    WrongQuestion = 15,
    #[error("the acceptance of a job names no terms; add the terms sheet")]
    TermsMissing = 16,
    #[error("the wait has already lapsed; accept or decline instead")]
    WaitLapsed = 17,
    #[error("the slot date has passed; ask the other side to accept again")]
    SlotPassed = 18,
    #[error("no live consent names the accepting office; ask the person")]
    ConsentMissing = 19,
    #[error("the terms in force are not acknowledged; show them to the worker first")]
    TermsNotAcknowledged = 20,
    #[error("only the side that set the terms can correct them; ask the other side")]
    NotYourTerms = 21,
    #[error("the leg was redirected as often as it may be; decide or decline")]
    RedirectsUsed = 22,
    #[error("the other side has not withdrawn; there is no effect to report")]
    NothingWithdrawn = 23,
    #[error("the effect of this withdrawal was already reported")]
    EffectReported = 24,
    #[error("you already asked for erasure; wait for the confirmation")]
    EraseAsked = 25,
    #[error("erasure was not asked for and no identity had been handed over; nothing to confirm")]
    NothingToErase = 26,
    #[error("you already confirmed erasure")]
    EraseConfirmed = 27,
    #[error("the leg does not wait for this duty; name the duty it waits for")]
    DutyNotOwed = 28,
    #[error("this duty is not owed to you; the other side may act on it")]
    NotOwedToYou = 29,
    #[error("no message gave this duty a date; it cannot be late")]
    NoDueDate = 30,
    #[error("the due date has not passed; wait until the day after")]
    NotYetDue = 31,
    #[error("the receipt was signed before the due date was over; send a reminder for a later one")]
    NoSilence = 32,
    #[error("the receipt covers messages not taken into account; fetch and read them first")]
    HeardSince = 33,
    #[error("the agreement is still winding down for accepted legs; wait for the wind-down date")]
    WindingDown = 34,
    #[error("the due date is more than a working day away; remind later")]
    RemindEarly = 35,
    #[error("you reminded within the last two working days; wait")]
    RemindAgain = 36,
}

impl Illegal {
    /// Every reason, by number from 1.
    pub const ALL: [Illegal; 36] = [
        Illegal::NoSuchLeg,
        Illegal::BadChain,
        Illegal::SeenUnknown,
        Illegal::SeenWentBack,
        Illegal::AlreadyOpen,
        Illegal::NotYourStep,
        Illegal::WrongDirection,
        Illegal::Stopped,
        Illegal::WrongStage,
        Illegal::NotClosed,
        Illegal::Erased,
        Illegal::QuestionOpen,
        Illegal::GroundUsed,
        Illegal::NoQuestion,
        Illegal::WrongQuestion,
        Illegal::TermsMissing,
        Illegal::WaitLapsed,
        Illegal::SlotPassed,
        Illegal::ConsentMissing,
        Illegal::TermsNotAcknowledged,
        Illegal::NotYourTerms,
        Illegal::RedirectsUsed,
        Illegal::NothingWithdrawn,
        Illegal::EffectReported,
        Illegal::EraseAsked,
        Illegal::NothingToErase,
        Illegal::EraseConfirmed,
        Illegal::DutyNotOwed,
        Illegal::NotOwedToYou,
        Illegal::NoDueDate,
        Illegal::NotYetDue,
        Illegal::NoSilence,
        Illegal::HeardSince,
        Illegal::WindingDown,
        Illegal::RemindEarly,
        Illegal::RemindAgain,
    ];

    /// The reason of a number, as stored beside a refused message.
    pub fn from_number(number: u16) -> Option<Illegal> {
        Illegal::ALL.into_iter().find(|reason| reason.number() == number)
    }

    /// Its number on the wire.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// False where the message takes no place in its lane, because its place cannot be told:
    /// BAD_CHAIN is refused, an unknown `seen` is deferred until that message arrives.
    pub fn takes_place(self) -> bool {
        !matches!(self, Illegal::BadChain | Illegal::SeenUnknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_round_trip() {
        for (i, reason) in Illegal::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(reason.number()), i + 1);
            assert_eq!(Illegal::from_number(reason.number()), Some(reason));
            assert!(!reason.to_string().is_empty());
            // What happened, and what to do next.
            assert!(reason.zh().contains('；'), "{}", reason.zh());
        }
        assert_eq!(Illegal::from_number(0), None);
    }
}
