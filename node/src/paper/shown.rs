//! What stands on paper about a leg, in plain words and without the person.

use crate::batch::Batch;
use crate::legs::{LegFile, Local};
use crate::store::{self, StoreError};
use jieli_proto::case::{Duty, Stage};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, Window};
use jieli_proto::words::Word;

impl Batch<'_> {
    /// A leg as it stands on a slip, by the number that the slip gives it.
    pub(super) async fn slip_line(
        &mut self,
        number: u32,
        file: &LegFile,
    ) -> Result<wire::SlipLine, StoreError> {
        let bond = self.bond_of(file);
        let agreement = bond.as_ref().and_then(|bond| Some((bond, bond.in_force()?)));
        let office = |side_is_ours: bool, code: &str| {
            agreement.and_then(|(bond, agreement)| {
                let side = if side_is_ours { bond.our_side } else { bond.our_side.other() };
                agreement.office(side, code).cloned()
            })
        };
        let ours = office(true, &file.our_office).or_else(|| self.any_office(&file.our_office));
        let theirs = office(false, &file.their_office);
        let mut their_city = bond.as_ref().map(|bond| self.directory.city_name(&bond.peer));
        if their_city.is_none() {
            let case = store::legs::case_by_id(self.conn, file.case).await?;
            their_city = case.map(|case| case.city);
        }
        let letter = self.letter_state(file.id).await?;
        let mut stage = stage(file);
        if let Some(letter) = &letter {
            stage = letter_stage(letter).unwrap_or(stage);
        }
        let due = due(file);
        let telephone = |ours: bool, office: &Option<wire::Office>| {
            let told = desk_telephone(file, ours);
            told.or_else(|| office.as_ref().map(|office| office.telephone.clone()))
        };
        let their_office = match (&letter, &theirs) {
            (Some(letter), None) => letter.to_office.clone(),
            (Some(_) | None, office) => {
                office.as_ref().map_or(String::new(), |office| office.name.clone())
            }
        };
        Ok(wire::SlipLine {
            number,
            service: file.service.into(),
            our_telephone: telephone(true, &ours).unwrap_or_default(),
            our_office: ours.map_or(file.our_office.clone(), |office| office.name),
            their_city: their_city.unwrap_or_default(),
            their_telephone: telephone(false, &theirs).unwrap_or_default(),
            their_office,
            stage_zh: stage.zh.to_owned(),
            stage_en: stage.en.to_owned(),
            due_date: due.map_or(0, |(_, day)| day.number()),
            due_zh: due.map_or("", |(word, _)| word.zh).to_owned(),
            due_en: due.map_or("", |(word, _)| word.en).to_owned(),
        })
    }

    /// One of our offices as an agreement or the configuration names it.
    pub(super) fn any_office(&self, code: &str) -> Option<wire::Office> {
        self.directory.own_office(code).cloned()
    }
}

/// The telephone of the desk that handles it, as the newest TAKE UP, CLARIFY or ACCEPT tells.
fn desk_telephone(file: &LegFile, ours: bool) -> Option<String> {
    file.entries
        .iter()
        .rev()
        .filter(|entry| (entry.side == file.our_side) == ours)
        .filter_map(|entry| window(entry.message.as_ref()?))
        .map(|window| window.telephone.clone())
        .find(|telephone| !telephone.is_empty())
}

fn window(message: &wire::Message) -> Option<&Window> {
    match message.body.as_ref()? {
        Body::TakeUp(window) => Some(window),
        Body::Clarify(clarify) => clarify.window.as_ref(),
        Body::Accept(accept) => accept.window.as_ref(),
        Body::Redirect(redirect) => redirect.window.as_ref(),
        Body::Opening(_)
        | Body::Supply(_)
        | Body::Waitlist(_)
        | Body::Decline(_)
        | Body::Release(_)
        | Body::Progress(_)
        | Body::Outcome(_)
        | Body::Complete(_)
        | Body::Correct(_)
        | Body::Withdraw(_)
        | Body::WithdrawEffect(_)
        | Body::Return(_)
        | Body::Expire(_)
        | Body::Void(_)
        | Body::Remind(_)
        | Body::EraseNotice(_)
        | Body::EraseConfirm(_)
        | Body::ConsentTaken(_)
        | Body::CapacityQuery(_)
        | Body::CapacityAnswer(_)
        | Body::VacancyNotice(_) => None,
    }
}

const fn w(zh: &'static str, en: &'static str) -> Word {
    Word { zh, en }
}

/// Refused, silent and not yet answered are one sentence (V23).
fn stage(file: &LegFile) -> Word {
    match file.local {
        Local::Draft => return w("草稿，尚未发出", "a draft; not sent"),
        Local::Asked | Local::Dropped => {
            return w("等您本人答复，尚未发出", "waits for your answer; not sent");
        }
        Local::OnPaper => return w("由您带信办理", "you carry a letter"),
        Local::OnTheRoad if !file.law.exists() => {
            return w("对方城市没有收下", "not taken in by the other city");
        }
        Local::OnTheRoad => {}
    }
    if file.is_stopped() {
        return w("已停止", "stopped");
    }
    match file.law.state().stage {
        Stage::Offered => w("已发出，等对方受理", "sent; waits to be taken up"),
        Stage::TakenUp => w("对方正在办理", "being handled"),
        Stage::Waitlisted => w("在排队轮候", "on the waiting list"),
        Stage::Accepted => w("同意接收，名额为您留着", "accepted; a place is kept"),
        Stage::Released => w("同意接收，身份信息已移交", "accepted; details handed over"),
        Stage::Fulfilled => w("对方说已办成，等您确认", "done, they say; your word?"),
        Stage::Unconfirmed => w("已办成，您没有确认", "done; not confirmed by you"),
        Stage::Completed => w("已办结", "finished"),
        Stage::Declined => w("对方不予接收", "declined"),
        Stage::NotRealised => w("没有办成", "did not come about"),
        Stage::Withdrawn => w("已停止", "stopped"),
        Stage::Returned => w("已退回", "returned"),
        Stage::Expired => w("机构逾期，已关闭", "closed: an office missed its date"),
        Stage::Voided => w("发出方已作废", "cancelled by the sending office"),
    }
}

fn letter_stage(letter: &wire::LetterState) -> Option<Word> {
    if letter.written_on == 0 {
        return None;
    }
    Some(match (letter.stopped, letter.answer.as_str()) {
        (true, _) => w("信已停止使用", "the letter is stopped"),
        (false, "accepted") => w("对方书面答复：同意接收", "answered on paper: accepted"),
        (false, "declined") => w("对方书面答复：不予接收", "answered on paper: declined"),
        (false, _) => w("信在您手里，等对方答复", "you hold the letter; no answer yet"),
    })
}

/// What is due next, and when.
fn due(file: &LegFile) -> Option<(Word, jieli_proto::day::Day)> {
    if file.local != Local::OnTheRoad || file.law.is_closed() {
        return None;
    }
    let owed = file.law.owed().into_iter().find(|owed| owed.due.is_some())?;
    let word = match owed.duty {
        Duty::TakeUp => w("对方受理", "to be taken up"),
        Duty::Decide => w("对方答复", "to be decided"),
        Duty::Supply => w("补充材料", "to be supplied"),
        Duty::Release => w("移交身份信息", "to be handed over"),
        Duty::Outcome => w("办理结果", "the result"),
        Duty::Complete => w("您的确认", "your own word"),
        Duty::WithdrawEffect => w("停止的答复", "the answer to your stop"),
        Duty::EraseConfirm => w("删除的确认", "the word that it is erased"),
    };
    owed.due.map(|day| (word, day))
}
