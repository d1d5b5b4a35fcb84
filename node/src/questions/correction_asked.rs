//! The worker's own request: "this about me is wrong". The office looks at the document and proposes
//! it to the person like any correction, or says why not; within 15 working days either way.

use super::tell::Post;
use super::{Use, text};
use crate::batch::Batch;
use crate::command::Actor;
use crate::legs::LegFile;
use crate::rights::REQUEST_WORKING_DAYS;
use crate::store::{self, Conn, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome};
use crate::vault::Place;
use crate::world::Params;
use jieli_proto::case::Side;
use jieli_proto::day::Day;
use jieli_proto::section::{PERSON, PERSON_CORRECTABLE};
use jieli_proto::wire;
use prost::Message as _;

/// Slot of what a person asked to have corrected.
pub(crate) const CORRECTION_ASKED: u8 = 249;
/// Characters of a value at most.
const VALUE_CHARS_MAX: usize = 64;
/// The text that says that a correction was not made; it carries no code.
const NOT_CORRECTED: &str = "correction.tell.v1";

/// A request that was not answered yet: its field, and the last day for an answer.
pub(crate) async fn open_request(
    conn: &mut Conn,
    file: &LegFile,
) -> Result<Option<(u32, Day)>, StoreError> {
    let sql = "SELECT field, due_on FROM correction_request WHERE leg_id = $1 AND done_ms = 0";
    let Some(row) = conn.maybe(sql, vec![file.id.to_vec().into()]).await? else { return Ok(None) };
    let due = u32::try_from(row.int(1)?).ok().and_then(Day::from_number);
    let due = due.ok_or(StoreError::Corrupt("correction_request.due_on"))?;
    Ok(Some((row.int(0)? as u32, due)))
}

impl Batch<'_> {
    /// With a code of the case.
    pub(crate) async fn correction_by_code(
        &mut self,
        asked: &wire::CorrectionRequest,
    ) -> Outcome<wire::AnswerReply> {
        let question = self.question_by_code(&asked.case_number, &asked.code, Use::Read).await?;
        let named = question.legs.iter().find(|(number, _, _)| *number == asked.leg);
        let (_, leg, _) = *named.ok_or_else(super::no_such_number)?;
        let file = self.take_leg(leg).await?.ok_or_else(super::no_such_number)?;
        self.note_correction(&file, asked.field, &asked.value).await
    }

    /// At a window, with the document in hand.
    pub(crate) async fn correction_at_window(
        &mut self,
        actor: &Actor,
        asked: &wire::CorrectionAtWindowRequest,
    ) -> Outcome<wire::AnswerReply> {
        self.is_window(actor)?;
        let in_hand = asked.in_hand.clone().unwrap_or_default();
        let (_, files) = self.legs_in_hand(actor, &in_hand).await?;
        let file = files.into_iter().find(|file| file.number == asked.leg);
        let file = file.ok_or_else(super::no_such_number)?;
        let reply = self.note_correction(&file, asked.field, &asked.value).await?;
        self.record("correction asked at a window", actor.token.as_bytes());
        Ok(reply)
    }

    async fn note_correction(
        &mut self,
        file: &LegFile,
        field: u32,
        value: &str,
    ) -> Outcome<wire::AnswerReply> {
        let value = value.trim();
        let plain = !value.is_empty()
            && value.chars().count() <= VALUE_CHARS_MAX
            && !value.chars().any(char::is_control);
        if file.our_side != Side::Initiator || self.draft(file).await?.is_none() {
            return Err(Denied::new(
                "NOT_HERE",
                "这里没有可更正的本人信息；请向提出申请的城市要求更正。",
                "Nothing about the person is held here that could be corrected: ask the city where \
                 the request was entered.",
            )
            .into());
        }
        if !plain || !PERSON_CORRECTABLE.contains(&field) {
            return Err(Denied::new(
                "BAD_OPTION",
                "请写明要更正的项目（姓名、证件号码、手机号码、监护人姓名或电话）和正确的内容。",
                "Name what is wrong (name, number, phone, guardian's name or phone) and what is right.",
            )
            .into());
        }
        let field_value = wire::DraftField {
            section: u32::from(PERSON),
            field,
            value: Some(wire::draft_field::Value::Text(value.to_owned())),
        };
        let place = Place::of_leg(file.id, CORRECTION_ASKED);
        self.hide(file, &place, &field_value.encode_to_vec()).await?;
        // Asked again, its time does not begin anew.
        let due = match open_request(self.conn, file).await? {
            Some((_, due)) => due,
            None => {
                let due = self.house.calendar().add_working_days(self.today, REQUEST_WORKING_DAYS);
                let over_ms = due.plus(1).start_unix_ms(self.house.calendar().zone_offset_min());
                self.timer(over_ms, TimerKind::RequestDue, &file.id.0).await?;
                due
            }
        };
        self.conn
            .run(
                "INSERT INTO correction_request (leg_id, field, asked_ms, due_on, done_ms) \
                 VALUES ($1,$2,$3,$4,0) ON CONFLICT (leg_id) DO UPDATE SET \
                 field = excluded.field, asked_ms = excluded.asked_ms, \
                 due_on = excluded.due_on, done_ms = 0",
                vec![
                    file.id.to_vec().into(),
                    field.into(),
                    self.now_ms.into(),
                    due.number().into(),
                ],
            )
            .await?;
        Ok(wire::AnswerReply {
            say_zh: format!("已收到，最晚 {due} 答复。"),
            say_en: format!("Received; it is answered by {due}."),
        })
    }

    /// What the person asked for, as the desk may propose it to that person.
    pub(crate) async fn asked_correction(&mut self, file: &LegFile) -> Outcome<wire::DraftField> {
        if open_request(self.conn, file).await?.is_none() {
            return Err(nothing_asked().into());
        }
        let place = Place::of_leg(file.id, CORRECTION_ASKED);
        let bytes = self.reveal(file, &place).await?.ok_or_else(nothing_asked)?;
        Ok(wire::DraftField::decode(bytes.as_slice())
            .map_err(|_| StoreError::Corrupt("correction_request"))?)
    }

    /// It was answered: proposed to the person, or declined.
    pub(crate) async fn correction_answered(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if open_request(self.conn, file).await?.is_none() {
            return Ok(());
        }
        let sql = "UPDATE correction_request SET done_ms = $2 WHERE leg_id = $1";
        self.conn.run(sql, vec![file.id.to_vec().into(), self.now_ms.into()]).await?;
        self.unhide(file.id, CORRECTION_ASKED).await
    }

    /// The document says otherwise: nothing is corrected, and the person is told.
    pub(crate) async fn decline_correction(
        &mut self,
        actor: &Actor,
        file: &LegFile,
    ) -> Outcome<wire::ActReply> {
        if open_request(self.conn, file).await?.is_none() {
            return Err(nothing_asked().into());
        }
        self.correction_answered(file).await?;
        if let Some(contact) = self.contact(file).await?.filter(|c| !c.phone.is_empty()) {
            let case = store::legs::case_by_id(self.conn, file.case).await?;
            let number = case.map_or(String::new(), |case| case.number);
            let about = text::about(&[file.service]);
            let post = Post {
                to: &contact.phone,
                template: NOT_CORRECTED,
                text: text::not_corrected(&self.directory.name, &number, file.service),
                params: Params { case: number, code: String::new(), about },
                question: &[],
                code_hmac: &[],
            };
            self.queue_notice(file, post, self.notice_due(false)).await?;
        }
        let name = format!("{} {}", actor.token, file.id.hex());
        self.record("correction declined", name.as_bytes());
        Ok(wire::ActReply {
            say_zh: "已答复本人：证件与所要求的不符，没有更正。".to_owned(),
            say_en: "The person is told: the document says otherwise, nothing was corrected."
                .to_owned(),
            env_digest: String::new(),
        })
    }
}

fn nothing_asked() -> Denied {
    Denied::new(
        "NOTHING_ASKED",
        "本人没有待答复的更正要求。",
        "The person has asked for no correction that waits for an answer.",
    )
}
