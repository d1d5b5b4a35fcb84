//! The form of a flag about an agreement, and of the answer to it (V17).

use super::{Fault, date, fault, require};
use crate::day::Day;
use crate::id::AgreementId;
use crate::refusal::Refusal;
use crate::wire::{self, RiskFlagAnswer, RiskFlagKind};

/// Civil days between the FLAG and the date by which it is to be answered, at least: ten working
/// days are never fewer, whatever the calendar.
const ANSWER_DAYS_MIN: i64 = 10;

/// A flag of a right form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlagFacts {
    /// What was seen.
    pub kind: RiskFlagKind,
    /// In which month, yyyymm.
    pub month: u32,
    /// Unanswered after this date, it stops what is new.
    pub answer_by: Day,
    /// Given in an answer and nowhere else.
    pub answer: Option<RiskFlagAnswer>,
}

/// Whether a flag of this kind may be told to the other city. A "no" in the private ballot sends
/// nothing to where the person came from.
pub fn travels(kind: RiskFlagKind) -> bool {
    match kind {
        RiskFlagKind::FewSayNo
        | RiskFlagKind::BeyondPosts
        | RiskFlagKind::OnePhone
        | RiskFlagKind::SameMinute
        | RiskFlagKind::AfterLeaving => true,
        RiskFlagKind::Unspecified | RiskFlagKind::NotByChoice => false,
    }
}

/// Checks what an act of an agreement carries. `made_on`: the date of a FLAG, `None` for an answer,
/// which repeats what the FLAG said.
pub fn check_flag(
    found: &wire::RiskFlag,
    agreement: AgreementId,
    made_on: Option<Day>,
) -> Result<FlagFacts, Fault> {
    require(found.agreement_id == agreement.0, Refusal::BadBody, "agreement_id")?;
    require(travels(found.kind()), Refusal::BadBody, "kind")?;
    let first = found.month.checked_mul(100).and_then(|month| Day::from_number(month + 1));
    require(first.is_some(), Refusal::BadBody, "month")?;
    let answer_by = date(found.answer_by, "answer_by")?;
    if let Some(made_on) = made_on {
        require(found.month <= made_on.number() / 100, Refusal::BadBody, "month")?;
        require(answer_by >= made_on.plus(ANSWER_DAYS_MIN), Refusal::BadBody, "answer_by")?;
    }
    let answer = match (found.answer(), made_on) {
        (RiskFlagAnswer::Unspecified, Some(_)) => None,
        (RiskFlagAnswer::Unspecified, None) | (_, Some(_)) => {
            return fault(Refusal::BadBody, "answer");
        }
        (answer, None) => Some(answer),
    };
    Ok(FlagFacts { kind: found.kind(), month: found.month, answer_by, answer })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: AgreementId = AgreementId([7; 16]);

    fn flag(kind: RiskFlagKind) -> wire::RiskFlag {
        wire::RiskFlag {
            agreement_id: ID.to_vec(),
            kind: kind.into(),
            month: 202_611,
            answer_by: 20_261_214,
            answer: 0,
        }
    }

    #[test]
    fn what_rests_on_the_ballot_is_no_flag() {
        let made_on = Day::from_number(20_261_130);
        let field = |found: &wire::RiskFlag| check_flag(found, ID, made_on).map_err(|f| f.field);
        assert!(field(&flag(RiskFlagKind::SameMinute)).is_ok());
        assert_eq!(field(&flag(RiskFlagKind::NotByChoice)), Err("kind"));
        assert_eq!(field(&flag(RiskFlagKind::Unspecified)), Err("kind"));
        assert!(!travels(RiskFlagKind::NotByChoice));
    }

    #[test]
    fn a_flag_leaves_time_and_its_answer_is_a_code() {
        let made_on = Day::from_number(20_261_130);
        let wrong = |change: fn(&mut wire::RiskFlag), made_on| {
            let mut found = flag(RiskFlagKind::OnePhone);
            change(&mut found);
            check_flag(&found, ID, made_on).map_err(|fault| fault.field).err()
        };
        assert_eq!(wrong(|_| {}, made_on), None);
        assert_eq!(wrong(|f| f.answer_by = 20_261_209, made_on), Some("answer_by"));
        assert_eq!(wrong(|f| f.answer_by = 20_261_232, made_on), Some("answer_by"));
        assert_eq!(wrong(|f| f.month = 202_612, made_on), Some("month"));
        assert_eq!(wrong(|f| f.month = 202_613, made_on), Some("month"));
        assert_eq!(wrong(|f| f.month = u32::MAX, made_on), Some("month"));
        assert_eq!(wrong(|f| f.agreement_id = vec![8; 16], made_on), Some("agreement_id"));
        assert_eq!(wrong(|f| f.answer = 1, made_on), Some("answer"));
        assert_eq!(wrong(|_| {}, None), Some("answer"));
        assert_eq!(wrong(|f| f.answer = 4, None), None);
        assert_eq!(wrong(|f| f.answer = 9, None), Some("answer"));
    }
}
