//! What may be said anew of the person in a leg, and by whose yes. One rule: the city that says it,
//! the one that receives it and whoever verifies a bundle ask the same.

use crate::day::Day;
use crate::id::Digest;
use crate::number::CitizenNumber;
use crate::refusal::Refusal;
use crate::section::{PERSON, PERSON_NUMBER, Value, is_same_person};
use crate::wire::message::Body;
use crate::wire::{self, MessageType};

/// The field that says which kind of document the number is of, and the kind that tells an age.
const DOCUMENT: u32 = 2;
const RESIDENT_ID: u64 = 1;

/// A message as far as it says who the person is.
#[derive(Clone, Copy, Debug)]
pub struct OfPerson<'a> {
    /// The message.
    pub message: &'a wire::Message,
    /// Whether the side that began the leg says it.
    pub by_initiator: bool,
    /// What came with it of the person block; empty where nothing did, or where it is not held.
    pub opened: &'a [(u32, Value)],
    /// The first person block of the leg, as RELEASE or REQUEST opened it; empty where it is not held.
    pub first: &'a [(u32, Value)],
    /// Its civil date.
    pub on: Day,
}

impl OfPerson<'_> {
    fn is_another(&self, fields: &[u32], before: &[u32]) -> bool {
        let number = self.opened.iter().find(|(field, _)| *field == PERSON_NUMBER);
        let number = number.and_then(|(_, value)| match value {
            Value::Text(text) => Some(text.as_str()),
            Value::Number(_) | Value::Flag(_) => None,
        });
        is_another_person(before, fields)
            || number.is_some_and(|n| changes_age(self.first, n, self.on))
    }
}

/// Checks what a message says of the person against what counts of the leg before it: all that its
/// author had said, and all that its author had seen of the other side, without what was refused.
pub fn check_person<'a>(
    said: &OfPerson<'_>,
    before: impl Iterator<Item = &'a wire::Message> + Clone,
) -> Result<(), Refusal> {
    let message = said.message;
    let correct = match &message.body {
        Some(Body::Correct(correct)) if correct.section == u32::from(PERSON) => correct,
        // An answer to a question, or the correction of something else, never says who it is.
        Some(Body::Supply(_) | Body::Correct(_)) if !said.opened.is_empty() => {
            return Err(Refusal::ConsentInvalid);
        }
        Some(_) | None => return Ok(()),
    };
    let cited = Digest::from_slice(&message.consent_digest).ok_or(Refusal::ConsentInvalid)?;
    if before.clone().any(|earlier| earlier.consent_digest == cited.0) {
        return Err(Refusal::ConsentInvalid);
    }
    let named = said.opened.iter().all(|(field, _)| correct.fields.contains(field));
    if !said.by_initiator || !named || said.is_another(&correct.fields, &corrected(before)) {
        return Err(Refusal::BadBody);
    }
    Ok(())
}

/// The fields of the person block that corrections have named.
pub fn corrected<'a>(messages: impl Iterator<Item = &'a wire::Message>) -> Vec<u32> {
    let named = messages.filter_map(|message| match &message.body {
        Some(Body::Correct(body)) if body.section == u32::from(PERSON) => Some(body.fields.clone()),
        Some(_) | None => None,
    });
    named.flatten().collect()
}

/// Whether fields corrected after others make somebody else of the person who was first named: name
/// and number, at once or one after the other.
pub fn is_another_person(before: &[u32], fields: &[u32]) -> bool {
    !is_same_person(&[before, fields].concat())
}

/// Whether a number tells another age band than the one that was first said, both on one day: a
/// birthday meanwhile makes nobody another person.
pub fn changes_age(first: &[(u32, Value)], number: &str, on: Day) -> bool {
    let value =
        |field: u32| first.iter().find(|(found, _)| *found == field).map(|(_, value)| value);
    let (Some(Value::Number(RESIDENT_ID)), Some(Value::Text(old))) =
        (value(DOCUMENT), value(PERSON_NUMBER))
    else {
        return false;
    };
    let band = |text: &str| CitizenNumber::parse(text).ok().and_then(|found| found.age_band(on));
    band(old).is_some_and(|old| band(number) != Some(old))
}

/// Whether a message opens the person block for the first time in its leg.
pub fn opens_person(message: &wire::Message) -> bool {
    matches!(message.r#type(), MessageType::Release | MessageType::Request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn correct(fields: &[u32], consent: u8) -> wire::Message {
        let body = wire::Correct {
            corrects: vec![1; 32],
            section: u32::from(PERSON),
            fields: fields.to_vec(),
            ..wire::Correct::default()
        };
        wire::Message {
            r#type: MessageType::Correct.into(),
            consent_digest: vec![consent; 32],
            body: Some(Body::Correct(body)),
            ..wire::Message::default()
        }
    }

    fn supply() -> wire::Message {
        let body = Some(Body::Supply(wire::Supply { answers: vec![1; 32] }));
        wire::Message { r#type: MessageType::Supply.into(), body, ..wire::Message::default() }
    }

    fn number(text: &str) -> (u32, Value) {
        (PERSON_NUMBER, Value::Text(text.to_owned()))
    }

    /// Born on 1990-01-01, 1991-01-01 and 2015-01-01 in a region that does not exist.
    const ADULT: &str = "999999199001010016";
    const OTHER: &str = "999999199101010013";
    const CHILD: &str = "999999201501010012";

    fn checked(
        message: &wire::Message,
        opened: &[(u32, Value)],
        before: &[wire::Message],
    ) -> Result<(), Refusal> {
        let first = [(DOCUMENT, Value::Number(RESIDENT_ID)), number(ADULT)];
        let on = Day::from_number(20_261_123).unwrap();
        let said = OfPerson { message, by_initiator: true, opened, first: &first, on };
        check_person(&said, before.iter())
    }

    #[test]
    fn a_person_is_corrected_under_a_new_yes_and_named_in_full() {
        assert_eq!(checked(&correct(&[4], 1), &[], &[]), Ok(()));
        assert_eq!(
            checked(&correct(&[4], 1), &[], &[correct(&[4], 1)]),
            Err(Refusal::ConsentInvalid)
        );
        assert_eq!(checked(&correct(&[4], 2), &[], &[correct(&[4], 1)]), Ok(()));
        let unnamed = [number(OTHER)];
        assert_eq!(checked(&correct(&[4], 1), &unnamed, &[]), Err(Refusal::BadBody));
        let mut bare = correct(&[4], 1);
        bare.consent_digest.clear();
        assert_eq!(checked(&bare, &[], &[]), Err(Refusal::ConsentInvalid));
        let message = &correct(&[4], 1);
        let on = Day::from_number(20_261_123).unwrap();
        let said = OfPerson { message, by_initiator: false, opened: &[], first: &[], on };
        assert_eq!(check_person(&said, [].iter()), Err(Refusal::BadBody));
    }

    #[test]
    fn nothing_else_says_who_the_person_is() {
        let opened = [number(OTHER)];
        assert_eq!(checked(&supply(), &opened, &[]), Err(Refusal::ConsentInvalid));
        assert_eq!(checked(&supply(), &[], &[]), Ok(()));
        let mut of_home = correct(&[1], 1);
        let Some(Body::Correct(body)) = &mut of_home.body else { panic!() };
        body.section = 3;
        assert_eq!(checked(&of_home, &opened, &[]), Err(Refusal::ConsentInvalid));
        assert_eq!(checked(&of_home, &[], &[]), Ok(()));
    }

    #[test]
    fn name_and_number_are_another_person_however_many_steps_lie_between() {
        let chain = [correct(&[1], 1), correct(&[4], 2), correct(&[4, 7], 3)];
        assert_eq!(checked(&correct(&[1], 9), &[], &chain), Ok(()), "the name once more");
        assert_eq!(checked(&correct(&[3], 9), &[], &chain), Err(Refusal::BadBody));
        assert_eq!(checked(&correct(&[3], 9), &[number(OTHER)], &chain[1..]), Ok(()));
        assert_eq!(checked(&correct(&[1, 3], 9), &[], &[]), Err(Refusal::BadBody));
        assert_eq!(checked(&correct(&[5], 9), &[], &[]), Err(Refusal::BadBody));
    }

    #[test]
    fn a_number_of_another_age_band_is_another_person() {
        assert_eq!(checked(&correct(&[3], 9), &[number(OTHER)], &[]), Ok(()));
        assert_eq!(checked(&correct(&[3], 9), &[number(CHILD)], &[]), Err(Refusal::BadBody));
        assert_eq!(checked(&correct(&[3], 9), &[number("x")], &[]), Err(Refusal::BadBody));
        // A birthday between the two says nothing: both are asked about one day.
        let first = [(DOCUMENT, Value::Number(RESIDENT_ID)), number("999999200812010015")];
        let on = Day::from_number(20_261_130).unwrap();
        assert!(!changes_age(&first, "999999200812010015", on));
        assert!(!changes_age(&first, "999999200812010015", on.plus(3)));
        assert!(!changes_age(&[], CHILD, on), "what is not held is not judged");
    }
}
