//! Cases as one desk sees them. A desk sees the legs of its own office; the coordination window
//! and the compliance reviewer see the stages of all, and no person.
//!
//! Refused, silent and not yet answered are one word (V23), shown by case number alone: such legs
//! are never listed or filtered, only counted. The sender's page shows stages, not school or
//! employer, and closes 30 days after the end (V20).

use super::export::purpose;
use super::legs::Scene;
use super::{Answer, DeskCommand, DeskDoor, Done, no_purpose, systems};
use crate::config::DeskRole;
use crate::directory::Directory;
use crate::legs::{DRAFT, LegFile, Local, ON_PAPER};
use crate::questions::{DRAFT_DAYS, Look, View};
use crate::serve::access::Caller;
use crate::serve::answer::odd;
use crate::store::legs::{CaseRow, case, legs_of, load};
use crate::store::{Conn, StoreError};
use crate::trouble::Denied;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire;
use jieli_proto::words;

const DAY_MS: u64 = 86_400_000;

/// What is shown of legs to one caller.
pub(super) struct Eyes<'a> {
    caller: &'a Caller,
    pub(super) coordinates: bool,
    pub(super) now_ms: u64,
}

impl Eyes<'_> {
    /// The leg as the caller's office sees it: a local one has two sides here.
    pub(super) fn view(&self, file: &LegFile) -> LegFile {
        file.seen_by(&self.caller.actor.office)
    }

    /// Whether the leg exists for this caller.
    pub(super) fn see(&self, file: &LegFile) -> bool {
        match self.caller.role {
            DeskRole::Compliance => true,
            DeskRole::Clerk => {
                let own = self.caller.actor.office == file.our_office || self.coordinates;
                own && !file.is_page_closed(self.now_ms)
            }
            DeskRole::System => file.is_for_system_of(&self.caller.actor.office, self.now_ms),
            DeskRole::Approver
            | DeskRole::Operator
            | DeskRole::Window
            | DeskRole::Body
            | DeskRole::Helper
            | DeskRole::Employer
            | DeskRole::Liaison => false,
        }
    }

    /// Whether the person may be shown: to the office whose leg it is, and never while the person
    /// has been asked and has not said yes.
    pub(super) fn see_person(&self, file: &LegFile) -> bool {
        matches!(self.caller.role, DeskRole::Clerk | DeskRole::System)
            && self.caller.actor.office == file.our_office
            && matches!(file.local, Local::Draft | Local::OnTheRoad | Local::OnPaper)
            // What is kept of a stopped leg is kept for the person's "not me" alone.
            && !file.is_stopped()
            && self.see(file)
    }

    /// Whether a bundle may hold the person of this leg. What waits for an answer has said nothing
    /// yet that a bundle could hold, and whether it was answered is not to be read from here (V23).
    fn may_take_away(&self, file: &LegFile) -> bool {
        let unsaid = matches!(file.local, Local::Asked | Local::Dropped);
        let ours = self.caller.actor.office == file.our_office;
        if unsaid { ours && self.see(file) } else { self.see_person(file) }
    }
}

fn bad_stage(text: &str) -> Denied {
    Denied::new(
        "BAD_STAGE",
        format!("不能按“{text}”筛选。等待本人答复的事项不列出，只有总数。"),
        format!(
            "“{text}” is no stage to filter by. Legs that wait for the person's answer are not \
             listed; there is only their number."
        ),
    )
}

pub(super) fn check_stage(text: &str) -> Result<(), Denied> {
    let is_stage = Stage::ALL.into_iter().any(|stage| words::stage(stage).en == text);
    if text.is_empty() || [DRAFT, ON_PAPER].contains(&text) || is_stage {
        Ok(())
    } else {
        Err(bad_stage(text))
    }
}

impl DeskDoor {
    pub(super) fn eyes<'a>(&self, caller: &'a Caller, directory: &Directory) -> Eyes<'a> {
        Eyes {
            caller,
            // A system is of one office, also where that office acts for others.
            coordinates: caller.role != DeskRole::System
                && directory.coordinates(&caller.actor.office),
            now_ms: self.house.world.clock.now_unix_ms(),
        }
    }

    pub(super) async fn found(
        &self,
        caller: &Caller,
        request: wire::FindCasesRequest,
    ) -> Answer<wire::FindCasesReply> {
        if purpose(&request.purpose)?.is_empty() {
            return Err(no_purpose().into());
        }
        let done = self.perform(caller, DeskCommand::FindCases(request)).await?;
        let Done::Found(reply) = done else { return Err(odd()) };
        Ok(reply)
    }

    pub(super) async fn case_view(
        &self,
        caller: &Caller,
        request: &wire::CaseRef,
    ) -> Answer<wire::CaseView> {
        let purpose = purpose(&request.purpose)?;
        if caller.role == DeskRole::System && !purpose.is_empty() {
            return Err(systems::one_section().into());
        }
        let published = self.hand.published();
        let eyes = self.eyes(caller, &published.directory);
        let mut conn = self.store.read().await?;
        let (row, files) = self.case_files(&mut conn, &eyes, &request.case_number).await?;
        let with_person = !purpose.is_empty() && files.iter().any(|file| eyes.see_person(file));
        if with_person {
            // First the log, then the view: what cannot be written down is not shown.
            let seen = files.iter().filter(|file| eyes.see_person(file));
            let look = Look {
                case_number: row.number.clone(),
                view: View::Case,
                purpose: purpose.to_owned(),
                legs: seen.map(|file| file.id).collect(),
            };
            self.looked(caller, look).await?;
        }
        let mut scene = Scene::new(&mut conn, &self.house, &published);
        let today = self.house.calendar().day_of_unix_ms(eyes.now_ms).number();
        let mut view = wire::CaseView { line: Some(case_line(&row)), legs: Vec::new(), today };
        for file in &files {
            let is_system = caller.role == DeskRole::System;
            let may_act = is_system || caller.role == DeskRole::Clerk;
            let mut leg = scene.leg_view(&row.number, file, may_act).await?;
            if is_system {
                systems::only_open(&mut leg);
            }
            if with_person && eyes.see_person(file) {
                leg.fields = scene.fields(file).await?;
            }
            let line = leg.line.clone().unwrap_or_default();
            view.line.get_or_insert_default().legs.push(line);
            view.legs.push(leg);
        }
        Ok(view)
    }

    /// A case with the legs that the caller sees; unknown and not yours are one answer.
    pub(super) async fn case_files(
        &self,
        conn: &mut Conn,
        eyes: &Eyes<'_>,
        number: &str,
    ) -> Answer<(CaseRow, Vec<LegFile>)> {
        let number = number.trim();
        let unknown = || Denied::not_found(number);
        let row = case(conn, number).await?.ok_or_else(unknown)?;
        let mut files = self.files(conn, &row).await?;
        files.iter_mut().for_each(|file| *file = eyes.view(file));
        files.retain(|file| eyes.see(file));
        if files.is_empty() { Err(unknown().into()) } else { Ok((row, files)) }
    }

    async fn files(&self, conn: &mut Conn, row: &CaseRow) -> Result<Vec<LegFile>, StoreError> {
        let mut files = Vec::new();
        for leg in legs_of(conn, row.id).await? {
            files.extend(load(conn, leg, &self.house.shelf()).await?);
        }
        Ok(files)
    }

    /// The legs of a case that a desk sees, to be printed on a slip.
    pub(super) async fn seen_legs(
        &self,
        caller: &Caller,
        number: &str,
    ) -> Answer<(String, Vec<LegId>)> {
        let published = self.hand.published();
        let eyes = self.eyes(caller, &published.directory);
        let mut conn = self.store.read().await?;
        let (row, files) = self.case_files(&mut conn, &eyes, number).await?;
        Ok((row.number, files.iter().map(|file| file.id).collect()))
    }

    /// Evidence without sections names no person; with them it is for the office whose legs all of
    /// them are. Tells the legs.
    pub(super) async fn may_export(
        &self,
        caller: &Caller,
        number: &str,
        sections: bool,
    ) -> Answer<Vec<LegId>> {
        let published = self.hand.published();
        let eyes = self.eyes(caller, &published.directory);
        let mut conn = self.store.read().await?;
        let (row, seen) = self.case_files(&mut conn, &eyes, number).await?;
        let legs = seen.iter().map(|file| file.id).collect();
        if !sections {
            return Ok(legs);
        }
        let all = self.files(&mut conn, &row).await?.len();
        if seen.len() == all && seen.iter().all(|file| eyes.may_take_away(file)) {
            return Ok(legs);
        }
        Err(Denied::new(
            "NOT_YOURS",
            "证据包中的个人信息只给办理全部事项的机构，请不带个人信息导出。",
            "Personal data goes only to the office whose legs all of them are: export without it.",
        )
        .into())
    }
}

pub(super) fn case_line(row: &CaseRow) -> wire::CaseLine {
    wire::CaseLine { case_number: row.number.clone(), peer: row.city.clone(), legs: Vec::new() }
}

/// How many legs wait for an answer. Those refused since they were asked count as long as those
/// that are silent do, so that the number does not tell one from the other.
pub(super) async fn awaiting(conn: &mut Conn, eyes: &Eyes<'_>) -> Result<u64, StoreError> {
    let since = eyes.now_ms.saturating_sub(DRAFT_DAYS * DAY_MS);
    let every = eyes.coordinates || eyes.caller.role == DeskRole::Compliance;
    let row = conn
        .one(
            "SELECT CAST(COUNT(DISTINCT l.leg_id) AS BIGINT) FROM leg l \
             JOIN question_leg ql ON ql.leg_id = l.leg_id \
             JOIN question q ON q.question_id = ql.question_id \
             WHERE q.kind IN ('consent', 'letter') AND q.asked_ms > $1 AND l.local_state IN (1, 3) \
             AND (l.our_office = $2 OR $3 = 1)",
            vec![since.into(), eyes.caller.actor.office.as_str().into(), every.into()],
        )
        .await?;
    row.uint(0)
}
