//! Notices on their way to a phone: queued with what they say, spread over the day, handed over,
//! reported on.

use super::{HOUR_MS, Topic};
use crate::batch::Batch;
use crate::legs::{LegFile, Local};
use crate::store::StoreError;
use crate::trouble::{Denied, Outcome};
use crate::vault::{CONTACT, Place};
use crate::world::{Notice, NoticeResult, Params};
use jieli_proto::calendar::Calendar;
use jieli_proto::id::{LegId, MsgId};
use serde::{Deserialize, Serialize};

/// Minutes of the civil day between which notices go out.
const DAYTIME_MIN: std::ops::Range<u64> = 9 * 60..20 * 60;
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Wait before the second attempt; doubled each time up to the longest.
const AGAIN_MS: u64 = 10_000;
const AGAIN_MS_MAX: u64 = HOUR_MS;
/// After so long without a carrier that takes it, a notice counts as undeliverable.
const GIVE_UP_MS: u64 = DAY_MS;

const WAITING: i64 = 0;
const SENT: i64 = 1;
const UNDELIVERABLE: i64 = 2;

/// What a notice says, as it waits encrypted.
#[derive(Serialize, Deserialize)]
pub(crate) struct Letter {
    pub(crate) to: String,
    template: String,
    params: Params,
    text: String,
}

impl Letter {
    /// As it was stored.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Letter, StoreError> {
        serde_json::from_slice(bytes).map_err(|_| StoreError::Corrupt("a notice"))
    }

    /// As the carrier gets it.
    pub(crate) fn notice(self, id: [u8; 16]) -> Notice {
        let Letter { to, template, params, text } = self;
        Notice { id: hex::encode(id), to, template, params, text }
    }
}

/// Whether the person has been told what arrived under that name (V22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The notice waits for its hour, or for the carrier.
    Waiting,
    /// The carrier has it.
    HandedOver,
    /// There is no phone, or it does not work: only a window can tell the person.
    AtTheWindow,
}

impl Told {
    /// The word in views.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Told::Waiting => "waiting",
            Told::HandedOver => "told",
            Told::AtTheWindow => "window",
        }
    }

    /// Of the state of the newest notice of an arrival; `None` where there was none.
    pub(crate) fn of_state(state: Option<i64>) -> Told {
        match state {
            Some(WAITING) => Told::Waiting,
            Some(SENT) => Told::HandedOver,
            Some(_) | None => Told::AtTheWindow,
        }
    }
}

/// The newest notice of what arrived in a leg: its state.
pub(crate) const ARRIVAL_STATE: &str = "SELECT n.state FROM notice n \
     JOIN notice_road r ON r.notice_id = n.notice_id \
     JOIN question q ON q.question_id = r.question_id \
     WHERE n.leg_id = $1 AND q.kind = 'arrival' ORDER BY r.first_due_ms DESC LIMIT 1";

/// The text that tells of a yes which another city's window took.
pub(super) const CONSENT_TAKEN: &str = "consent.tell.v1";
/// The text that tells of a replaced PIN; it carries no code.
pub(super) const PIN_REPLACED: &str = "pin.tell.v1";

/// The text that tells a guardian; it carries no code.
pub(super) const GUARDIAN_TOLD: &str = "guardian.tell.v1";

/// A notice to be queued.
pub(super) struct Post<'a> {
    /// Telephone.
    pub(super) to: &'a str,
    /// Id of the text.
    pub(super) template: &'static str,
    pub(super) params: Params,
    pub(super) text: String,
    /// The question that its code answers, and that code as stored; empty where it carries none.
    pub(super) question: &'a [u8],
    pub(super) code_hmac: &'a [u8],
}

impl Topic {
    /// The id of its text.
    pub(super) fn template(self) -> &'static str {
        match self {
            Topic::Consent => "consent.ask.v1",
            Topic::Terms => "terms.ask.v1",
            Topic::Ballot => "ballot.ask.v1",
            Topic::Complete => "complete.ask.v1",
            Topic::Arrival => "arrival.tell.v1",
            Topic::Stopped => "stopped.tell.v1",
            Topic::Letter => "letter.ask.v1",
            Topic::Redirect => "redirect.ask.v1",
            Topic::Correction => "correction.ask.v1",
            Topic::Duplicate => "duplicate.ask.v1",
            Topic::Statement => "statement.ask.v1",
        }
    }

    /// Whether notices of this kind are spread over the day: all that ask for a yes, so that
    /// nobody can stand beside the phones of many at once. What lets a person stop, or say "not
    /// me", goes in the first daytime minute.
    pub(super) fn is_spread(self) -> bool {
        match self {
            Topic::Consent
            | Topic::Letter
            | Topic::Terms
            | Topic::Ballot
            | Topic::Complete
            | Topic::Redirect
            | Topic::Correction
            | Topic::Duplicate
            | Topic::Statement => true,
            Topic::Arrival | Topic::Stopped => false,
        }
    }
}

impl Batch<'_> {
    /// When a notice goes out, spread over the day or not, Unix milliseconds.
    pub(super) fn notice_due(&self, is_spread: bool) -> u64 {
        let minutes = self.house.config.notices.spread_minutes;
        if minutes == 0 {
            return self.now_ms;
        }
        let most = if is_spread { minutes * MINUTE_MS } else { 1 };
        let drawn = u64::from_be_bytes(self.random()) % most;
        after_daytime(&self.house.calendar(), self.now_ms, drawn)
    }

    /// Puts a notice where the sweeper finds it at its time.
    pub(super) async fn queue_notice(
        &mut self,
        file: &LegFile,
        post: Post<'_>,
        due_ms: u64,
    ) -> Result<(), StoreError> {
        let Post { to, template, params, text, question, code_hmac } = post;
        let id: [u8; 16] = self.random();
        // The notice waits under the key of the contact slot, in a place of its own.
        let place = Place { leg: file.id, slot: CONTACT, msg: MsgId(id) };
        let letter = Letter { to: to.to_owned(), template: template.to_owned(), params, text };
        let plain = serde_json::to_vec(&letter).map_err(|_| StoreError::Corrupt("a notice"))?;
        self.hide(file, &place, &plain).await?;
        self.conn
            .run(
                "INSERT INTO notice (notice_id, leg_id, due_ms, attempts, state) \
                 VALUES ($1,$2,$3,0,0)",
                vec![id.into(), file.id.to_vec().into(), due_ms.into()],
            )
            .await?;
        self.conn
            .run(
                "INSERT INTO notice_road (notice_id, question_id, code_hmac, first_due_ms, \
                 handed_ms, delivered_ms) VALUES ($1,$2,$3,$4,0,0)",
                vec![id.into(), question.into(), code_hmac.into(), due_ms.into()],
            )
            .await?;
        Ok(())
    }

    /// The carrier's word about a notice.
    pub(crate) async fn notice_done(
        &mut self,
        id: &[u8; 16],
        result: NoticeResult,
    ) -> Result<(), StoreError> {
        let sql = "SELECT n.attempts, r.first_due_ms, r.question_id, r.code_hmac FROM notice n \
                   JOIN notice_road r ON r.notice_id = n.notice_id \
                   WHERE n.notice_id = $1 AND n.state = 0";
        let Some(row) = self.conn.maybe(sql, vec![id.into()]).await? else { return Ok(()) };
        let (attempts, first_due_ms) = (row.uint(0)?, row.uint(1)?);
        let (question, code_hmac) = (row.bytes(2)?, row.bytes(3)?);
        let gave_up = self.now_ms >= first_due_ms + GIVE_UP_MS;
        let (state, due_ms) = match result {
            NoticeResult::Sent => (SENT, self.now_ms),
            NoticeResult::Undeliverable => (UNDELIVERABLE, self.now_ms),
            NoticeResult::Later if gave_up => (UNDELIVERABLE, self.now_ms),
            NoticeResult::Later => (WAITING, self.now_ms + again_ms(attempts)),
        };
        self.conn
            .run(
                "UPDATE notice SET state = $2, attempts = attempts + 1, due_ms = $3 \
                 WHERE notice_id = $1",
                vec![id.into(), state.into(), due_ms.into()],
            )
            .await?;
        if state == WAITING {
            return Ok(());
        }
        // What was handed over is not kept.
        self.unhide_message(id).await?;
        if state == SENT {
            self.conn
                .run(
                    "UPDATE notice_road SET handed_ms = $2 WHERE notice_id = $1",
                    vec![id.into(), self.now_ms.into()],
                )
                .await?;
            self.code_starts(&question, &code_hmac).await?;
        }
        Ok(())
    }

    /// The carrier's own word about a notice. An id that is not ours changes nothing. A failure may
    /// be heard of before the hand-over itself is stored: it counts all the same.
    pub(crate) async fn notice_reported(
        &mut self,
        id: &[u8; 16],
        delivered: bool,
    ) -> Result<(), StoreError> {
        let sql = if delivered {
            "UPDATE notice_road SET delivered_ms = $2 WHERE notice_id = $1 AND handed_ms > 0 \
             AND delivered_ms = 0"
        } else {
            // What a phone has confirmed once was not undeliverable.
            "UPDATE notice SET state = 2, due_ms = $2 WHERE notice_id = $1 \
             AND state IN (0, 1) AND EXISTS (SELECT 1 FROM notice_road r WHERE r.notice_id = notice.notice_id \
             AND r.delivered_ms = 0)"
        };
        let changed = self.conn.run(sql, vec![id.into(), self.now_ms.into()]).await?;
        if !delivered && changed > 0 {
            self.unhide_message(id).await?;
        }
        Ok(())
    }

    /// One notice may be about several legs. Before the data of the leg goes that it was queued
    /// under, it moves to another one of its question that lives: the others are still asked.
    pub(crate) async fn hand_on_notices(&mut self, leg: LegId) -> Result<(), StoreError> {
        let sql = "SELECT n.notice_id, r.question_id FROM notice n \
                   JOIN notice_road r ON r.notice_id = n.notice_id \
                   WHERE n.leg_id = $1 AND n.state = 0";
        for row in self.conn.rows(sql, vec![leg.to_vec().into()]).await? {
            let (id, question): ([u8; 16], Vec<u8>) = (row.array(0)?, row.bytes(1)?);
            let Some(old) = self.take_leg(leg).await? else { continue };
            let Some(heir) = self.heir_of(leg, &question).await? else { continue };
            let msg = MsgId(id);
            let Some(plain) = self.reveal(&old, &Place { leg, slot: CONTACT, msg }).await? else {
                continue;
            };
            self.hide(&heir, &Place { leg: heir.id, slot: CONTACT, msg }, &plain).await?;
            self.conn
                .run(
                    "UPDATE notice SET leg_id = $2 WHERE notice_id = $1",
                    vec![id.into(), heir.id.to_vec().into()],
                )
                .await?;
        }
        Ok(())
    }

    /// Another leg of a question whose person is still to be reached about it.
    async fn heir_of(
        &mut self,
        leg: LegId,
        question: &[u8],
    ) -> Result<Option<LegFile>, StoreError> {
        let Some(asked) = self.question(question).await? else { return Ok(None) };
        for (_, other, _) in asked.legs {
            if other == leg {
                continue;
            }
            let Some(file) = self.take_leg(other).await? else { continue };
            let lives = file.local != Local::Dropped && !file.is_stopped();
            if lives && self.contact(&file).await?.is_some() {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Whether the person has heard of what arrived in a leg.
    pub(crate) async fn told(&mut self, file: &LegFile) -> Result<Told, StoreError> {
        let row = self.conn.maybe(ARRIVAL_STATE, vec![file.id.to_vec().into()]).await?;
        let state = row.map(|row| row.int(0)).transpose()?;
        Ok(Told::of_state(state))
    }

    /// Logs that a clerk stated to have told the person, where no notice had.
    pub(crate) async fn note_told_in_person(&mut self, file: &LegFile) -> Result<(), StoreError> {
        if self.told(file).await? != Told::HandedOver {
            self.record("told in person", &file.id.0);
        }
        Ok(())
    }

    /// V22: a result under a person's name is reported only after the person could hear of it.
    /// With `in_person` the clerk states to have told the person at the window, which counts only
    /// where no notice can reach that person.
    pub(crate) async fn person_was_told(&mut self, file: &LegFile, in_person: bool) -> Outcome<()> {
        match self.told(file).await? {
            Told::HandedOver => Ok(()),
            Told::AtTheWindow if in_person => Ok(()),
            // A clerk's word does not stand in for a notice that can still go out.
            Told::Waiting => Err(Denied::new(
                "NOTICE_WAITING",
                "给本人的短信还没有送出（每天 9:00 至 20:00 发送），送出后再办理结果；无法送达的，届时再当面\
                 告知本人。",
                "The person's notice has not gone out yet (they do from 9:00 to 20:00): report the \
                 result after it has. If it turns out that it cannot be delivered, tell the person \
                 at the window then.",
            )
            .into()),
            Told::AtTheWindow => Err(Denied::new(
                "TELL_IN_PERSON",
                "短信无法送达本人：请在窗口核对证件，当面告知有人以其名义申请、随时可以停止，再加 \
                 --told-in-person 办理结果。",
                "No notice can reach the person: check the document at the window, tell the person \
                 what was asked for under that name and that it can be stopped at any time, then \
                 report the result with --told-in-person.",
            )
            .into()),
        }
    }
}

fn again_ms(attempts: u64) -> u64 {
    (AGAIN_MS << attempts.min(20)).min(AGAIN_MS_MAX)
}

/// The instant after so many milliseconds of daytime: the nights do not count.
fn after_daytime(calendar: &Calendar, now_ms: u64, mut ms: u64) -> u64 {
    let zone = calendar.zone_offset_min();
    let mut day = calendar.day_of_unix_ms(now_ms);
    let mut from = now_ms;
    loop {
        let start = day.start_unix_ms(zone);
        let (opens, closes) =
            (start + DAYTIME_MIN.start * MINUTE_MS, start + DAYTIME_MIN.end * MINUTE_MS);
        from = from.max(opens);
        if from < closes && from + ms < closes {
            return from + ms;
        }
        ms -= closes.saturating_sub(from);
        day = day.plus(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACK: &str = include_str!("../../../proto/packs/calendar-cn-2026.json");
    /// Monday 2026-11-23, 10:00 in China.
    const TEN: u64 = 1_795_399_200_000;

    fn after(now_ms: u64, minutes: u64) -> u64 {
        after_daytime(&Calendar::from_json(PACK).unwrap(), now_ms, minutes * MINUTE_MS)
    }

    #[test]
    fn nights_do_not_count() {
        assert_eq!(after(TEN, 0), TEN);
        assert_eq!(after(TEN, 119), TEN + 119 * MINUTE_MS);
        // 19:30 and an hour: half an hour today, half an hour from nine tomorrow.
        let evening = TEN + 9 * HOUR_MS + 30 * MINUTE_MS;
        assert_eq!(after(evening, 60), TEN + 23 * HOUR_MS + 30 * MINUTE_MS);
        // 20:00, 23:00 and 04:00 wait for nine.
        for hour in [10, 13, 18] {
            assert_eq!(after(TEN + hour * HOUR_MS, 0), TEN + 23 * HOUR_MS, "{hour}");
            assert_eq!(after(TEN + hour * HOUR_MS, 5), TEN + 23 * HOUR_MS + 5 * MINUTE_MS);
        }
        assert_eq!(after(TEN - 3 * HOUR_MS, 1), TEN - HOUR_MS + MINUTE_MS);
        assert_eq!(after(TEN, 660), TEN + DAY_MS);
    }

    #[test]
    fn attempts_come_ever_later_but_never_later_than_an_hour() {
        let waits: Vec<u64> = (0..10).map(|at| again_ms(at) / 1000).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]);
        assert_eq!(again_ms(u64::MAX), AGAIN_MS_MAX);
    }
}
