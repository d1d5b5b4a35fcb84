//! Erasure that somebody asks for: the person, an office, the other city; and what is answered.

use crate::batch::Batch;
use crate::command::Actor;
use crate::keyring::Scope;
use crate::legs::{LegFile, Local, msg_id};
use crate::questions::{Use, open_request};
use crate::retention::KeptUnder;
use crate::speak::Speech;
use crate::store::{self, StoreError};
use crate::timer::TimerKind;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::case::Illegal;
use jieli_proto::day::Day;
use jieli_proto::id::{Digest, LegId};
use jieli_proto::section::TABLE;
use jieli_proto::tombstone::Reason;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, EffectScope, KeepingDuty, MessageType};
use jieli_proto::words;
use std::collections::BTreeSet;

/// Working days in which a person's request is answered.
pub(crate) const REQUEST_WORKING_DAYS: u32 = 15;

/// Reasons that a desk may give.
pub const DESK_REASONS: [Reason; 3] =
    [Reason::PersonAsked, Reason::RecordedInError, Reason::PurposeOver];

/// What became of one leg.
enum Fate {
    Erased,
    Kept(KeptUnder),
    /// Still open: it goes when the leg has closed.
    Open,
}

impl Batch<'_> {
    /// An office erases what it holds of closed legs, and of drafts nobody was asked about; the other
    /// city is asked to do the same.
    pub(crate) async fn erase_at_desk(
        &mut self,
        actor: &Actor,
        asked: &wire::EraseRequest,
    ) -> Outcome<wire::EraseReply> {
        let reason = DESK_REASONS.into_iter().find(|reason| reason.word() == asked.reason.trim());
        let reason = reason.ok_or_else(no_such_reason)?;
        let case = store::legs::case(self.conn, asked.case_number.trim()).await?;
        let case = case.ok_or_else(|| Denied::not_found(&asked.case_number))?;
        let mut files = Vec::new();
        for leg in store::legs::legs_of(self.conn, case.id).await? {
            let Some(file) = self.take_leg(leg).await? else { continue };
            let theirs =
                actor.office == file.our_office || self.directory.coordinates(&actor.office);
            if theirs && (asked.legs.is_empty() || asked.legs.contains(&file.number)) {
                files.push(file);
            }
        }
        let found: BTreeSet<u32> = files.iter().map(|file| file.number).collect();
        if files.is_empty() || asked.legs.iter().any(|number| !found.contains(number)) {
            return Err(Denied::not_found(&asked.case_number).into());
        }
        // A leg that was named has to be one that can be erased now, or nothing is done.
        for file in &files {
            if !asked.legs.is_empty() && !can_be_erased(file) {
                return Err(Denied::illegal(Illegal::NotClosed).into());
            }
        }
        let mut reply = wire::EraseReply::default();
        for mut file in files {
            if reason == Reason::PersonAsked {
                reply.due_on = self.note_request(file.id).await?.number();
            }
            let fate = self.erase_one(&mut file, reason).await?;
            reply.lines.push(line(&file, &fate));
        }
        let about = format!("{} {} {}", actor.token, case.number, reason.word());
        self.record("erasure at a desk", about.as_bytes());
        Ok(reply)
    }

    /// "Erase what you hold about me", with a code.
    pub(crate) async fn erase_by_code(
        &mut self,
        asked: &wire::WithdrawRequest,
    ) -> Outcome<wire::EraseReply> {
        let question = self.question_by_code(&asked.case_number, &asked.code, Use::Stop).await?;
        let legs: Vec<LegId> = question
            .legs
            .iter()
            .filter(|(number, _, _)| asked.legs.is_empty() || asked.legs.contains(number))
            .map(|(_, leg, _)| *leg)
            .collect();
        self.erase_for_person(legs).await
    }

    /// The same at a window, with the document in hand.
    pub(crate) async fn erase_at_window(
        &mut self,
        actor: &Actor,
        asked: &wire::StopRequest,
    ) -> Outcome<wire::EraseReply> {
        self.is_window(actor)?;
        let in_hand = asked.in_hand.clone().unwrap_or_default();
        let (_, files) = self.legs_in_hand(actor, &in_hand).await?;
        let wanted = |file: &LegFile| asked.legs.is_empty() || asked.legs.contains(&file.number);
        let legs = files.iter().filter(|file| wanted(file)).map(|file| file.id).collect();
        self.record("erasure asked at a window", actor.token.as_bytes());
        self.erase_for_person(legs).await
    }

    async fn erase_for_person(&mut self, legs: Vec<LegId>) -> Outcome<wire::EraseReply> {
        let mut reply = wire::EraseReply::default();
        for leg in legs {
            let Some(mut file) = self.take_leg(leg).await? else { continue };
            reply.due_on = self.note_request(leg).await?.number();
            let fate = self.erase_one(&mut file, Reason::PersonAsked).await?;
            reply.lines.push(line(&file, &fate));
        }
        Ok(reply)
    }

    /// Erases what may be erased of a leg now, and asks the other city to.
    async fn erase_one(&mut self, file: &mut LegFile, why: Reason) -> Outcome<Fate> {
        match file.local {
            Local::Draft | Local::Asked | Local::OnPaper if why == Reason::PersonAsked => {
                // Nothing has left: not wanting it kept is not wanting it done.
                self.stop_leg(file.id).await?;
                self.request_is_done(file.id).await?;
                return Ok(Fate::Erased);
            }
            Local::Draft | Local::Dropped => {
                file.local = Local::Dropped;
                store::legs::update(self.conn, file).await?;
                self.put_leg(file.clone());
                return self.gone(file, why).await;
            }
            Local::Asked | Local::OnPaper => return Ok(Fate::Open),
            Local::OnTheRoad => {}
        }
        if !file.law.exists() {
            return self.gone(file, why).await;
        }
        if !file.law.is_closed() {
            return Ok(Fate::Open);
        }
        let notice = self.erase_notice(file).await;
        let fate = match self.kept_under(file).await? {
            Some(kept) => Fate::Kept(kept),
            None => self.gone(file, why).await?,
        };
        match notice {
            // Asked before, or a stop that says it all.
            Err(Trouble::Denied(_)) | Ok(()) => {}
            Err(error) => return Err(error),
        }
        if file.law.state().owes_erase_confirm(file.our_side) {
            self.confirm_erasure(file).await?;
        }
        Ok(fate)
    }

    async fn gone(&mut self, file: &LegFile, why: Reason) -> Outcome<Fate> {
        if self.erase(file.id, Scope::All, why).await?.is_none() {
            let until = self.hold_day(file.id).await?.unwrap_or(self.today);
            return Ok(Fate::Kept(KeptUnder { duty: KeepingDuty::LegalHold, until }));
        }
        self.request_is_done(file.id).await?;
        Ok(Fate::Erased)
    }

    /// Asks the other city to erase what it holds of a leg. A WITHDRAW has asked already.
    async fn erase_notice(&mut self, file: &mut LegFile) -> Outcome<()> {
        // Both offices of a local leg have one vault: there is nobody else to ask.
        if file.law.state().stop.any() || file.is_local() {
            return Ok(());
        }
        let sections = TABLE.iter().filter(|kind| kind.serves(file.service));
        let sections = sections.map(|kind| u32::from(kind.number)).collect();
        let body = Body::EraseNotice(wire::EraseNotice { sections });
        self.say(file, Speech::plain(MessageType::EraseNotice, body)).await?;
        Ok(())
    }

    /// What was asked about a leg by the other city or the person is done as soon as it can be; and
    /// a RELEASE that a closing act met is confirmed as destroyed.
    pub(crate) async fn erase_asked(&mut self, file: &mut LegFile) -> Outcome<()> {
        if !file.law.is_closed() {
            return Ok(());
        }
        if self.has_request(file.id).await? {
            self.erase_one(file, Reason::PersonAsked).await?;
        }
        if file.is_local() {
            return Ok(());
        }
        let state = file.law.state();
        let confirmed = *state.erase_confirm.of(file.our_side);
        let unasked = !state.stop.any() && !self.met_release(file).is_empty();
        if (state.owes_erase_confirm(file.our_side) || unasked) && !confirmed {
            self.confirm_erasure(file).await?;
        }
        Ok(())
    }

    /// ERASE CONFIRM: what is gone, or what is kept under which duty until when.
    async fn confirm_erasure(&mut self, file: &mut LegFile) -> Outcome<()> {
        let asked = file.law.state().owes_erase_confirm(file.our_side);
        let kept = if asked { self.kept_under(file).await? } else { None };
        if kept.is_none() {
            let why = if asked { Reason::OtherCityAsked } else { Reason::Overridden };
            self.erase(file.id, Scope::All, why).await?;
        }
        let mut digests: BTreeSet<Digest> = self.buried(file.id).await?;
        digests.extend(self.met_release(file));
        let (scope, duty, until) = match kept {
            Some(kept) => (EffectScope::Kept, kept.duty, kept.until.number()),
            None if digests.is_empty() => (EffectScope::NothingHeld, KeepingDuty::Unspecified, 0),
            None => (EffectScope::Erased, KeepingDuty::Unspecified, 0),
        };
        let body = wire::EraseConfirm {
            scope: scope.into(),
            duty: duty.into(),
            until,
            digests: digests.iter().map(|digest| digest.to_vec()).collect(),
        };
        self.say(file, Speech::plain(MessageType::EraseConfirm, Body::EraseConfirm(body))).await?;
        Ok(())
    }

    /// Section digests of RELEASEs of the other side that met a closing act: destroyed on arrival.
    fn met_release(&self, file: &LegFile) -> Vec<Digest> {
        let side = file.our_side.other();
        let released = file.entries.iter().filter(|entry| {
            let release = entry.message.as_ref().filter(|m| m.r#type() == MessageType::Release);
            entry.side == side && release.is_some() && file.law.overridden(side, entry.seq)
        });
        let messages = released.filter_map(|entry| entry.message.as_ref());
        messages
            .filter(|message| msg_id(message).is_some())
            .flat_map(|message| &message.section_digests)
            .filter_map(|slot| Digest::from_slice(&slot.digest))
            .collect()
    }

    /// The digests that tombstones of a leg name.
    async fn buried(&mut self, leg: LegId) -> Result<BTreeSet<Digest>, StoreError> {
        let sql = "SELECT section_digests FROM tombstone WHERE leg_id = $1";
        let mut all = BTreeSet::new();
        for row in self.conn.rows(sql, vec![leg.to_vec().into()]).await? {
            all.extend(row.bytes(0)?.as_chunks::<32>().0.iter().map(|digest| Digest(*digest)));
        }
        Ok(all)
    }

    /// Writes down that the person asked, and until when that is answered.
    async fn note_request(&mut self, leg: LegId) -> Result<Day, StoreError> {
        let sql = "SELECT due_on FROM erase_request WHERE leg_id = $1";
        if let Some(row) = self.conn.maybe(sql, vec![leg.to_vec().into()]).await? {
            let due = u32::try_from(row.int(0)?).ok().and_then(Day::from_number);
            return due.ok_or(StoreError::Corrupt("erase_request.due_on"));
        }
        let due = self.house.calendar().add_working_days(self.today, REQUEST_WORKING_DAYS);
        let sql = "INSERT INTO erase_request (leg_id, asked_ms, due_on, done_ms) \
                   VALUES ($1,$2,$3,0)";
        let vals = vec![leg.to_vec().into(), self.now_ms.into(), due.number().into()];
        self.conn.run(sql, vals).await?;
        let over_ms = due.plus(1).start_unix_ms(self.house.calendar().zone_offset_min());
        self.timer(over_ms, TimerKind::RequestDue, &leg.0).await?;
        Ok(due)
    }

    async fn has_request(&mut self, leg: LegId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM erase_request WHERE leg_id = $1 AND done_ms = 0";
        Ok(self.conn.maybe(sql, vec![leg.to_vec().into()]).await?.is_some())
    }

    pub(crate) async fn request_is_done(&mut self, leg: LegId) -> Result<(), StoreError> {
        let sql = "UPDATE erase_request SET done_ms = $2 WHERE leg_id = $1 AND done_ms = 0";
        self.conn.run(sql, vec![leg.to_vec().into(), self.now_ms.into()]).await?;
        Ok(())
    }

    /// The days for an answer are over and something is still held: the operators are told.
    pub(crate) async fn request_due(&mut self, file: &LegFile) -> Outcome<()> {
        if self.has_request(file.id).await? {
            let city = self.directory.city.clone();
            self.alarm("erasure-asked-and-not-done", &city, &file.id.hex()).await?;
        }
        let asked = open_request(self.conn, file).await?;
        if asked.is_some_and(|(_, due)| due < self.today) {
            let city = self.directory.city.clone();
            self.alarm("correction-asked-and-not-answered", &city, &file.id.hex()).await?;
        }
        Ok(())
    }
}

fn can_be_erased(file: &LegFile) -> bool {
    match file.local {
        Local::Draft | Local::Dropped => true,
        Local::Asked | Local::OnPaper => false,
        Local::OnTheRoad => !file.law.exists() || file.law.is_closed(),
    }
}

fn line(file: &LegFile, fate: &Fate) -> wire::EraseLine {
    let (state, duty, until, zh, en) = match fate {
        Fate::Erased => (
            "erased",
            "",
            0,
            "已删除；对方城市如有也已通知其删除。".to_owned(),
            "erased; the other city, if it holds any, was told to erase too.".to_owned(),
        ),
        Fate::Kept(kept) => {
            let word = words::keeping_duty(kept.duty);
            (
                "kept",
                kept.duty.as_str_name().trim_start_matches("KEEPING_DUTY_"),
                kept.until.number(),
                format!("依法留存（{}）至 {}，到期自动删除。", word.zh, kept.until),
                format!("kept until {} ({}); then erased by itself.", kept.until, word.en),
            )
        }
        Fate::Open => (
            "open",
            "",
            0,
            "仍在办理，关闭后删除；要停止请选择停止。".to_owned(),
            "still open: erased once it has closed. To stop it, choose stop.".to_owned(),
        ),
    };
    wire::EraseLine {
        number: file.number,
        service: file.service.into(),
        state: state.to_owned(),
        duty: duty.to_owned(),
        until,
        say_zh: zh,
        say_en: en,
    }
}

fn no_such_reason() -> Denied {
    let words = DESK_REASONS.map(Reason::word).join("、");
    Denied::new(
        "NO_SUCH_REASON",
        format!("理由只能是：{words}。"),
        format!("The reason is one of: {}.", DESK_REASONS.map(Reason::word).join(", ")),
    )
}
