//! What a person reads about the own case: how each item stands, and which office looked.
//!
//! A phone may be held under somebody's eyes: who refused, who is silent and who has not answered
//! yet reads the same (V23).

use super::Use;
use crate::batch::Batch;
use crate::legs::{LegFile, Local};
use crate::store::{self, StoreError};
use crate::trouble::{Denied, Outcome};
use crate::vault::DRAFT;
use jieli_proto::case::Stage;
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::section::{Phase, SectionKind};
use jieli_proto::wire;
use jieli_proto::words;

/// What was shown of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The case with its persons, at a desk.
    Case,
    /// Evidence with sections.
    Export,
    /// A letter to be carried.
    Letter,
    /// A slip, at a desk: items and stages.
    Slip,
    /// What the person is asked, at a window.
    Window,
    /// That this person has the same request already, told to who imports the document again.
    Import,
    /// That this office has a case about the holder of a document.
    Find,
    /// One section, by a system of the office.
    Section(u8),
    /// How one leg stands, by the helper whom the worker named.
    Helper,
    /// Whether somebody was released to this employer, by the number handed over.
    Employer,
}

impl View {
    /// The word in the store and on the wire.
    pub fn word(self) -> &'static str {
        match self {
            View::Case => "case",
            View::Export => "export",
            View::Letter => "letter",
            View::Slip => "slip",
            View::Window => "window",
            View::Import => "import",
            View::Find => "find",
            View::Section(_) => "section",
            View::Helper => "helper",
            View::Employer => "employer",
        }
    }
}

/// A look at the personal data of some legs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Number of the case.
    pub case_number: String,
    /// What was shown.
    pub view: View,
    /// Why, as the clerk stated it.
    pub purpose: String,
    /// Whose data was shown.
    pub legs: Vec<LegId>,
}

/// Looks shown at once; the newest.
const LOOKS_MAX: u32 = 200;

impl Batch<'_> {
    /// Writes down who looks: in the local log, and in the table that the person can read.
    pub(crate) async fn looked(
        &mut self,
        actor: &crate::command::Actor,
        look: &Look,
    ) -> Result<(), StoreError> {
        let Look { case_number, view, purpose, legs } = look;
        let id: [u8; 16] = self.random();
        let mut opened = String::new();
        for leg in legs {
            let sections = self.sections_of(*view, *leg).await?;
            let words: Vec<String> = sections.iter().map(u8::to_string).collect();
            opened.push_str(&format!(" {}:{}", leg.hex(), words.join(",")));
            for section in sections {
                self.conn
                    .run(
                        "INSERT INTO looked_section (looked_id, leg_id, section) \
                         VALUES ($1,$2,$3)",
                        vec![id.into(), leg.to_vec().into(), section.into()],
                    )
                    .await?;
            }
            self.conn
                .run(
                    "INSERT INTO looked (looked_id, leg_id, at_ms, office, system, what, purpose) \
                     VALUES ($1,$2,$3,$4,$5,$6,$7)",
                    vec![
                        id.into(),
                        leg.to_vec().into(),
                        self.now_ms.into(),
                        actor.office.as_str().into(),
                        actor.token.as_str().into(),
                        view.word().into(),
                        purpose.as_str().into(),
                    ],
                )
                .await?;
        }
        let view = view.word();
        let what =
            format!("{} {view} {case_number} {}{opened}: {purpose}", actor.token, actor.office);
        self.record("viewed", what.as_bytes());
        Ok(())
    }

    /// What a look can open of a leg, of what is held by now.
    pub(crate) async fn sections_of(
        &mut self,
        view: View,
        leg: LegId,
    ) -> Result<Vec<u8>, StoreError> {
        let phases: &[Phase] = match view {
            View::Case | View::Export => match self.take_leg(leg).await? {
                // Who sent the person is not told the school or the employer (V20).
                Some(file) if file.is_sender() => &[Phase::A, Phase::B],
                Some(_) | None => &[Phase::A, Phase::B, Phase::C],
            },
            View::Letter => &[Phase::A, Phase::B],
            View::Section(number) => return Ok(vec![number]),
            View::Slip | View::Window | View::Import | View::Find => &[],
            View::Helper | View::Employer => &[],
        };
        if phases.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT DISTINCT slot FROM section_data WHERE leg_id = $1 ORDER BY slot";
        let mut found = Vec::new();
        for row in self.conn.rows(sql, vec![leg.to_vec().into()]).await? {
            let slot = row.int(0)? as u8;
            let kind = SectionKind::of(u32::from(slot));
            if slot == DRAFT || kind.is_some_and(|kind| phases.contains(&kind.phase)) {
                found.push(slot);
            }
        }
        Ok(found)
    }

    /// The legs of a case, for who holds one of its codes.
    pub(crate) async fn legs_by_code(
        &mut self,
        case_number: &str,
        code: &str,
        to: Use,
    ) -> Outcome<Vec<LegFile>> {
        self.question_by_code(case_number, code, to).await?;
        let number = case_number.trim();
        let case = store::legs::case(self.conn, number).await?;
        let case = case.ok_or_else(|| Denied::not_found(number))?;
        let mut files = Vec::new();
        for leg in store::legs::legs_of(self.conn, case.id).await? {
            files.extend(self.take_leg(leg).await?);
        }
        Ok(files)
    }

    /// How every leg of the case stands.
    pub(crate) async fn worker_status(
        &mut self,
        case_number: &str,
        code: &str,
    ) -> Outcome<wire::WorkerStatusReply> {
        let files = self.legs_by_code(case_number, code, Use::Read).await?;
        let mut legs = Vec::new();
        for file in &files {
            legs.push(self.worker_leg(file).await?);
        }
        Ok(wire::WorkerStatusReply { legs })
    }

    /// How a leg stands, in the worker's words.
    pub(crate) async fn worker_leg(
        &mut self,
        file: &LegFile,
    ) -> Result<wire::WorkerLeg, StoreError> {
        let due = file.law.owed().into_iter().next().and_then(|owed| owed.due);
        let (mut zh, mut en) = sentence(&Shown::of(file, due));
        if let Some((held_zh, held_en)) = self.hold_sentence(file.id).await? {
            zh.push_str(&held_zh);
            en = format!("{en} {held_en}");
        }
        if let Some((said_zh, said_en)) = self.employer_said(file).await? {
            zh.push_str(&said_zh);
            en = format!("{en} {said_en}");
        }
        let word = words::service(file.service);
        Ok(wire::WorkerLeg {
            number: file.number,
            service: file.service.into(),
            say_zh: format!("{} {}：{zh}", file.number, word.zh),
            say_en: format!("{} {}: {en}", file.number, word.en),
        })
    }

    /// Who looked at the data of any leg of the case, newest first.
    pub(crate) async fn who_looked(
        &mut self,
        case_number: &str,
        code: &str,
    ) -> Outcome<wire::WhoLookedReply> {
        let files = self.legs_by_code(case_number, code, Use::Read).await?;
        let Some(case) = files.first().map(|file| file.case) else {
            return Ok(wire::WhoLookedReply::default());
        };
        let rows = self
            .conn
            .rows(
                "SELECT k.looked_id, l.number, k.at_ms, k.office, k.system, k.what, k.purpose \
                 FROM looked k JOIN leg l ON l.leg_id = k.leg_id WHERE l.case_id = $1 \
                 ORDER BY k.at_ms DESC, k.looked_id, l.number LIMIT $2",
                vec![case.to_vec().into(), LOOKS_MAX.into()],
            )
            .await?;
        let mut looks: Vec<([u8; 16], wire::Look)> = Vec::new();
        for row in rows {
            let (id, number): ([u8; 16], u32) = (row.array(0)?, row.int(1)? as u32);
            if let Some((_, look)) = looks.iter_mut().find(|(known, _)| *known == id) {
                look.legs.push(number);
                continue;
            }
            let office = row.text(3)?;
            let look = wire::Look {
                at_unix_ms: row.uint(2)?,
                office_name: self.directory.own_office_name(&office),
                office,
                system: row.text(4)?,
                view: row.text(5)?,
                purpose: row.text(6)?,
                legs: vec![number],
            };
            looks.push((id, look));
        }
        Ok(wire::WhoLookedReply { looks: looks.into_iter().map(|(_, look)| look).collect() })
    }
}

/// What the sentence about a leg depends on, and nothing else.
#[derive(Clone, Copy, Debug)]
struct Shown {
    local: Local,
    exists: bool,
    stage: Stage,
    stopped: bool,
    due: Option<Day>,
}

impl Shown {
    fn of(file: &LegFile, due: Option<Day>) -> Shown {
        let state = file.law.state();
        Shown {
            local: file.local,
            exists: file.law.exists(),
            stage: state.stage,
            stopped: file.is_stopped(),
            due,
        }
    }
}

/// Chinese (under 60 characters) and English.
fn sentence(shown: &Shown) -> (String, String) {
    let (zh, en) = match shown.local {
        Local::Draft => {
            ("还没有询问您，什么也没有发出。", "you were not asked yet; nothing was sent.")
        }
        Local::Asked | Local::Dropped => (
            "没有您的同意，什么也没有发出。不回答没有任何影响。",
            "without your yes nothing is sent. Not answering has no consequence.",
        ),
        Local::OnPaper => (
            "写成了信，由您自己带去；这里没有发出任何内容。",
            "a letter for you to carry yourself; nothing was sent from here.",
        ),
        Local::OnTheRoad if !shown.exists => (
            "对方城市没有收下申请，与您无关，可再问窗口。",
            "the other city did not take the request in, not because of you: ask the window.",
        ),
        Local::OnTheRoad if shown.stopped => on_the_road(Stage::Withdrawn),
        Local::OnTheRoad => on_the_road(shown.stage),
    };
    let live = matches!(
        shown.stage,
        Stage::Offered | Stage::TakenUp | Stage::Waitlisted | Stage::Accepted | Stage::Released
    );
    let due = shown.due.filter(|_| shown.local == Local::OnTheRoad && live && !shown.stopped);
    match due {
        Some(day) => (format!("{zh}最晚 {day}。"), format!("{en} By {day} at the latest.")),
        None => (zh.to_owned(), en.to_owned()),
    }
}

fn on_the_road(stage: Stage) -> (&'static str, &'static str) {
    match stage {
        Stage::Offered => {
            ("申请已送到，等机构受理。", "the request has arrived; the office has not begun.")
        }
        Stage::TakenUp => ("机构已受理，等决定。", "the office is working on it."),
        Stage::Waitlisted => ("正在轮候，位置为您保留。", "you are on the waiting list."),
        Stage::Accepted => ("已同意接收，名额为您留着。", "accepted; the place is held for you."),
        Stage::Released => {
            ("身份信息已移交，正在办理。", "your identity was handed over; it is being done.")
        }
        Stage::Fulfilled => (
            "机构说已办成，等您确认是否属实。",
            "the office says it is done; you are asked whether that is true.",
        ),
        Stage::Unconfirmed => {
            ("机构说已办成，您没有确认。", "the office says it is done; you did not confirm it.")
        }
        Stage::Completed => ("已办结。", "done."),
        Stage::Declined => (
            "机构不予接收，可以问理由，也可以申诉。",
            "declined; you may ask for the reason and appeal.",
        ),
        Stage::NotRealised => ("没有办成。", "it came to nothing."),
        Stage::Withdrawn => ("已停止，不留任何记号。", "stopped; it leaves no mark."),
        Stage::Returned => ("已退回，不留任何记号。", "returned; it leaves no mark."),
        Stage::Expired => ("机构逾期，已关闭，可重新申请。", "an office was late; ask again."),
        Stage::Voided => ("发错了，已作废。", "it was sent in error and is void."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_fits_a_short_message_in_both_languages() {
        let due = Day::new(2026, 12, 31);
        let all = [Local::Draft, Local::Asked, Local::OnPaper, Local::OnTheRoad, Local::Dropped];
        for local in all {
            for stage in Stage::ALL {
                for (exists, stopped) in [(false, false), (true, false), (true, true)] {
                    let shown = Shown { local, exists, stage, stopped, due };
                    let (zh, en) = sentence(&shown);
                    // With the leg's number and the longest service before it.
                    assert!(zh.chars().count() + 10 < 70, "{zh}");
                    assert!(zh.ends_with('。') && en.ends_with('.'), "{zh} {en}");
                    assert!(en.is_ascii(), "{en}");
                }
            }
        }
    }

    #[test]
    fn asked_reads_the_same_whatever_was_answered() {
        let shown = |local, stopped| Shown {
            local,
            exists: false,
            stage: Stage::Offered,
            stopped,
            due: None,
        };
        let asked = sentence(&shown(Local::Asked, false));
        assert_eq!(asked, sentence(&shown(Local::Dropped, false)));
        assert_eq!(asked, sentence(&shown(Local::Asked, true)));
    }
}
