//! The guardian of somebody of 16 or 17 stands at the window with the own document, and is told of
//! the job there: for guardians without a telephone, and where no notice arrives.

use crate::batch::Batch;
use crate::command::Actor;
use crate::questions::{Look, View, purpose};
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::number::{AgeBand, CitizenNumber};
use jieli_proto::wire;
use subtle::ConstantTimeEq;

impl Batch<'_> {
    /// What the guardian is to be told, and that it was.
    pub(crate) async fn tell_guardian_at_window(
        &mut self,
        actor: &Actor,
        asked: &wire::TellGuardianRequest,
    ) -> Outcome<wire::TellGuardianReply> {
        self.is_window(actor)?;
        let in_hand = asked.in_hand.clone().unwrap_or_default();
        let (case, files) = self.legs_in_hand(actor, &in_hand).await?;
        let paper = self.tag_of_document(asked.document, &asked.number)?;
        let card = CitizenNumber::parse(&asked.number).ok().filter(|_| asked.document == 1);
        if card.is_some_and(|card| card.age_band(self.today) != Some(AgeBand::Adult)) {
            return Err(Denied::new(
                "GUARDIAN_UNDER_AGE",
                "该证件的持有人未满 18 周岁，不能作为监护人。",
                "The holder of this document is under 18 and cannot be a guardian.",
            )
            .into());
        }
        let (mut told, mut why) = (Vec::new(), no_minor());
        for file in files {
            let Some(person) = self.minor_for_a_job(&file).await? else { continue };
            match self.standing(actor, None, &file).await {
                Ok(_) => {}
                Err(Trouble::Denied(denied)) => {
                    why = denied;
                    continue;
                }
                Err(error) => return Err(error),
            }
            let own = self.house.keys.blind_tag(person.document, &person.number);
            let named =
                person.guardian_name.as_bytes().ct_eq(asked.guardian_name.trim().as_bytes());
            if bool::from(own.ct_eq(&paper)) || !bool::from(named) {
                return Err(self.miss(actor).await?);
            }
            let text = self.guardian_text(&file).await?;
            told.push((file.id, text));
        }
        if told.is_empty() {
            return Err(why.into());
        }
        let look = Look {
            case_number: case.number,
            view: View::Window,
            purpose: purpose::WINDOW.both(),
            legs: told.iter().map(|(leg, _)| *leg).collect(),
        };
        self.looked(actor, &look).await?;
        if asked.told {
            for (leg, _) in &told {
                self.guardian_stood_here(actor, *leg).await?;
            }
        }
        let (say_zh, say_en) = if asked.told {
            ("已记下：监护人已当面知悉。", "It is noted that the guardian was told.")
        } else {
            (
                "请把以下内容给监护人看，或读给监护人听，然后确认。",
                "Show or read this to the guardian, then confirm.",
            )
        };
        Ok(wire::TellGuardianReply {
            texts: told.into_iter().map(|(_, text)| text).collect(),
            say_zh: say_zh.to_owned(),
            say_en: say_en.to_owned(),
        })
    }
}

fn no_minor() -> Denied {
    Denied::new(
        "NO_MINOR",
        "此办件没有须先告知监护人的就业事项。",
        "In this case there is no job of which a guardian has to be told first.",
    )
}
