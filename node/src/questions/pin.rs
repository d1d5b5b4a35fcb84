//! The worker's PIN: set by the worker alone, asked for at every window from then on. It never
//! stands between a person and stopping.

use super::tell::{PIN_REPLACED, Post};
use super::{HOUR_MS, TRIES_MAX, Use, text};
use crate::batch::Batch;
use crate::legs::LegFile;
use crate::store::{self, StoreError};
use crate::trouble::{Denied, Outcome};
use crate::world::Params;
use jieli_proto::id::CaseId;
use subtle::ConstantTimeEq;

/// Hours after a PIN was replaced in which nothing can be confirmed.
pub const RESET_HOURS: u64 = 72;

/// A PIN as stored.
struct Stored {
    salt: Vec<u8>,
    hmac: Vec<u8>,
    tries: i64,
    confirm_from_ms: u64,
}

impl Batch<'_> {
    /// Sets the PIN with a code that is good for answering.
    pub(crate) async fn set_pin_by_code(
        &mut self,
        case_number: &str,
        code: &str,
        pin: &str,
    ) -> Outcome<()> {
        let question = self.question_by_code(case_number, code, Use::Answer).await?;
        if question.subject == super::OLD_PHONE {
            // Who has the number that was given up is nobody who sets anything.
            return Err(super::wrong_code().into());
        }
        let Some((_, leg, _)) = question.legs.first() else { return Ok(()) };
        let Some(file) = self.take_leg(*leg).await? else { return Ok(()) };
        self.set_pin(&file, pin).await
    }

    /// Sets or replaces the PIN of the case of a leg.
    pub(crate) async fn set_pin(&mut self, file: &LegFile, pin: &str) -> Outcome<()> {
        let pin = typed(pin)?;
        let salt: [u8; 16] = self.random();
        let hmac = self.pin_hmac(file.case, &salt, &pin);
        let replaced = self.pin_of(file.case).await?.is_some();
        let from = if replaced { self.now_ms + RESET_HOURS * HOUR_MS } else { 0 };
        self.conn
            .run(
                "INSERT INTO worker_pin (case_id, salt, hmac, tries, confirm_from_ms) \
                 VALUES ($1,$2,$3,0,$4) ON CONFLICT (case_id) DO UPDATE SET salt = excluded.salt, \
                 hmac = excluded.hmac, tries = 0, confirm_from_ms = excluded.confirm_from_ms",
                vec![file.case.to_vec().into(), salt.into(), hmac.into(), from.into()],
            )
            .await?;
        self.record("pin set", &file.case.0);
        if replaced && let Some(contact) = self.contact(file).await?.filter(|c| !c.phone.is_empty())
        {
            let case = store::legs::case_by_id(self.conn, file.case).await?;
            let number = case.map_or(String::new(), |case| case.number);
            let body = text::pin_replaced(&self.directory.name, &number);
            let about = text::about(&[file.service]);
            let post = Post {
                to: &contact.phone,
                template: PIN_REPLACED,
                params: Params { case: number, code: String::new(), about },
                text: body,
                question: &[],
                code_hmac: &[],
            };
            self.queue_notice(file, post, self.notice_due(false)).await?;
        }
        Ok(())
    }

    /// Whether a window has to ask for the PIN of a case.
    pub(crate) async fn has_pin(&mut self, case: CaseId) -> Result<bool, StoreError> {
        Ok(self.pin_of(case).await?.is_some())
    }

    /// Nothing is confirmed in the first days after a PIN was replaced.
    pub(crate) async fn pin_is_settled(&mut self, case: CaseId) -> Outcome<()> {
        match self.pin_of(case).await? {
            Some(stored) if self.now_ms < stored.confirm_from_ms => Err(Denied::new(
                "PIN_REPLACED",
                "本人密码刚被更换，72 小时内不能确认，可以停止。如果不是您本人更换的，请告诉窗口。",
                "The PIN was replaced: nothing can be confirmed for 72 hours; stopping works. If it \
                 was not you who replaced it, tell a window.",
            )
            .into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks the PIN typed at a window, where one was set.
    pub(crate) async fn check_pin(&mut self, case: CaseId, shown: &str) -> Outcome<()> {
        let Some(stored) = self.pin_of(case).await? else { return Ok(()) };
        if stored.tries >= TRIES_MAX {
            return Err(Denied::new(
                "PIN_LOCKED",
                "密码输错五次，已锁定。本人可用自己手机上的码，或到其他机构的窗口重设；停止不需要密码。",
                "Five wrong PINs: locked. The person sets a new one with a code on the own phone, or \
                 at another office's window. Stopping needs no PIN.",
            )
            .into());
        }
        let digits = typed(shown).unwrap_or_default();
        let hmac = self.pin_hmac(case, &stored.salt, &digits);
        if bool::from(hmac.as_slice().ct_eq(stored.hmac.as_slice())) {
            self.count_pin(case, 0).await?;
            return Ok(());
        }
        // The count must survive: the writer commits what this denial leaves.
        self.count_pin(case, stored.tries + 1).await?;
        Err(Denied::new(
            "WRONG_PIN",
            "密码不对，没有记录任何回答。五次错误后锁定。",
            "Wrong PIN: no answer was taken. Five wrong ones lock it.",
        )
        .into())
    }

    async fn count_pin(&mut self, case: CaseId, tries: i64) -> Result<(), StoreError> {
        self.conn
            .run(
                "UPDATE worker_pin SET tries = $2 WHERE case_id = $1",
                vec![case.to_vec().into(), tries.into()],
            )
            .await?;
        Ok(())
    }

    async fn pin_of(&mut self, case: CaseId) -> Result<Option<Stored>, StoreError> {
        let row = self
            .conn
            .maybe(
                "SELECT salt, hmac, tries, confirm_from_ms FROM worker_pin WHERE case_id = $1",
                vec![case.to_vec().into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Stored {
            salt: row.bytes(0)?,
            hmac: row.bytes(1)?,
            tries: row.int(2)?,
            confirm_from_ms: row.uint(3)?,
        }))
    }

    fn pin_hmac(&self, case: CaseId, salt: &[u8], pin: &str) -> [u8; 32] {
        let (case, salt) = (hex::encode(case.0), hex::encode(salt));
        self.house.keys.code_hmac(&format!("pin:{case}:{salt}:{pin}"))
    }
}

/// 4 to 8 digits, however they were typed.
fn typed(pin: &str) -> Outcome<String> {
    let folded: String = pin.trim().chars().map(jieli_proto::number::fold_char).collect();
    if (4..=8).contains(&folded.len()) && folded.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(folded);
    }
    Err(Denied::new("BAD_PIN", "密码是 4 至 8 位数字。", "A PIN is 4 to 8 digits.").into())
}
