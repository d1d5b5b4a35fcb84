//! Desk acts: what a clerk may say in a leg, checked by the same law as everything else. An act is
//! planned first, by reading alone; then it is carried out, at once or when its time to be undone
//! is over. What a desk is offered is what can be planned.

use crate::batch::Batch;
use crate::command::Actor;
use crate::directory::Bond;
use crate::follow::{WithdrawnBy, owed_to};
use crate::legs::{LegFile, Local, wire_duty};
use crate::local;
use crate::receive::silence;
use crate::speak::Speech;
use crate::store;
use crate::trouble::{Denied, Outcome, Trouble};
use jieli_proto::case::{Proof, Stage};
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::kinds::Lane;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType};

mod again;
mod correct;
mod cover;
mod decide;
mod entry;
mod handler;
mod offer;
mod pending;
mod redirect;
mod untaken;

pub(crate) use decide::{SLOT_DAYS_MIN, may_work};
pub(crate) use handler::Holder;
pub(crate) use pending::{Unsent, time_of, waiting};
pub(crate) use untaken::untaken;

/// An act that nothing can be said against today.
#[derive(Debug)]
struct Planned {
    speech: Speech,
    /// V3: the worker is asked in private first.
    ballot: bool,
    /// Fields of the person block: the person confirms them first.
    confirm: Vec<wire::DraftField>,
}

impl Planned {
    fn now(speech: Speech) -> Planned {
        Planned { speech, ballot: false, confirm: Vec::new() }
    }
}

/// The word of an act, as `jieli case act` takes it.
pub(crate) fn step_word(act: &Act) -> &'static str {
    match act {
        Act::TakeUp(_) => "take-up",
        Act::Accept(_) => "accept",
        Act::Decline(_) => "decline",
        Act::Outcome(_) => "outcome",
        Act::Withdraw(_) => "withdraw",
        Act::Void(_) => "void",
        Act::Remind(_) => "remind",
        Act::Expire(_) => "expire",
        Act::Progress(_) => "progress",
        Act::Clarify(_) => "clarify",
        Act::Supply(_) => "supply",
        Act::Waitlist(_) => "waitlist",
        Act::Return(_) => "return",
        Act::Correct(_) => "correct",
        Act::Redirect(_) => "redirect",
        Act::Cover(_) => "cover",
    }
}

impl Batch<'_> {
    /// Takes in a desk act in a leg of a case: it goes out now, or waits to be undone.
    pub(crate) async fn act(
        &mut self,
        actor: &Actor,
        request: wire::ActRequest,
    ) -> Outcome<wire::ActReply> {
        let file = self.leg_of(&request.case_number, request.leg).await?;
        let mut file = file.seen_by(&actor.office);
        let name = format!("{}/{}", request.case_number, request.leg);
        self.is_theirs(actor, &file, &name)?;
        self.present(actor, &file.our_office).await?;
        let act = request.act.ok_or_else(|| {
            Denied::new("BAD_ACT", "没有写明要办哪一步。", "No step is named: say which one.")
        })?;
        let holder = Holder::of(self.conn, &file).await?;
        let what = format!("{} {name}", step_word(&act));
        self.note_for_whom(actor, &holder.token, &what).await?;
        if let Act::Withdraw(_) = act {
            // The person's word waits for nothing, and what was entered before it goes no more.
            self.drop_pending(&file).await?;
            return self.desk_withdraw(actor, &mut file).await;
        }
        if let Act::Correct(wire::DeskCorrect { not_as_asked: true, .. }) = act {
            return self.decline_correction(actor, &file).await;
        }
        if let Some(pending) = waiting(self.conn, &file).await? {
            return Err(self.is_pending(&pending, &name).into());
        }
        let planned = self.plan(&file, &act).await?;
        self.drop_unsent(&file).await?;
        match self.house.config.desk.undo_minutes {
            0 => self.carry_out(&actor.token, &mut file, &act, planned).await,
            minutes => self.put_off_act(actor, &file, act, minutes, &name).await,
        }
    }

    /// What an act says, if it may be said today. Reads only.
    async fn plan(&mut self, file: &LegFile, act: &Act) -> Outcome<Planned> {
        if file.local != Local::OnTheRoad {
            return Err(Denied::new(
                "NOT_SENT",
                "本人还没有确认，事项尚未发出。",
                "The person has not confirmed: nothing has been sent.",
            )
            .into());
        }
        let bond = self.bond_of(file);
        let bond = bond.ok_or_else(|| Denied::no_agreement(file.bond))?;
        let planned = match act {
            Act::TakeUp(_) => Planned::now(self.take_up(&bond, file).await?),
            Act::Accept(asked) => {
                self.place_is_left(file).await?;
                Planned::now(self.accept(&bond, file, asked).await?)
            }
            Act::Decline(asked) => {
                self.arrears_were_found(file, asked.decision()).await?;
                Planned::now(decide::decline(file, asked))
            }
            Act::Outcome(asked) => return self.plan_outcome(&bond, file, asked).await,
            Act::Withdraw(_) => Planned::now(Speech::withdraw()),
            Act::Void(asked) => Planned::now(decide::void(asked)),
            Act::Remind(asked) => {
                let duty = named_or_owed(file, asked.duty())?;
                let body = wire::Remind { duty: duty.into() };
                Planned::now(Speech::plain(MessageType::Remind, Body::Remind(body)))
            }
            Act::Expire(asked) => Planned::now(self.expire(&bond, file, asked.duty()).await?),
            Act::Progress(asked) => {
                let body = wire::Progress { step: asked.step };
                Planned::now(Speech::plain(MessageType::Progress, Body::Progress(body)))
            }
            Act::Clarify(asked) => Planned::now(self.clarify(&bond, file, asked)?),
            Act::Supply(asked) => Planned::now(self.supply(&bond, file, asked).await?),
            Act::Waitlist(asked) => Planned::now(self.waitlist(asked)?),
            Act::Return(asked) => Planned::now(decide::give_back(asked)?),
            Act::Correct(asked) => match self.of_person(file, asked).await? {
                Some(confirm) => {
                    let speech = self.correction_of_person(file, &confirm).await?;
                    Planned { confirm, ..Planned::now(speech) }
                }
                None => Planned::now(self.correct(&bond, file, asked).await?),
            },
            Act::Redirect(asked) => Planned::now(self.redirect(&bond, file, asked)?),
            Act::Cover(asked) => Planned::now(self.cover(file, asked)?),
        };
        self.prepare(file, &planned.speech).await?;
        Ok(planned)
    }

    /// Does what was planned. Nothing is denied here.
    async fn carry_out(
        &mut self,
        token: &str,
        file: &mut LegFile,
        act: &Act,
        planned: Planned,
    ) -> Outcome<wire::ActReply> {
        if let Act::Outcome(asked) = act
            && asked.told_in_person
        {
            self.note_told_in_person(file).await?;
        }
        if planned.ballot {
            let Act::Outcome(asked) = act else { return Err(Denied::not_found("outcome").into()) };
            return self.hold_outcome(token, file, asked).await;
        }
        if !planned.confirm.is_empty() {
            self.ask_correction(file, &planned.confirm).await?;
            self.correction_answered(file).await?;
            return Ok(told(
                "已录入，正请本人确认；本人确认后由系统发出，不确认就不更正。",
                "Entered; the person is asked. It goes out after the person's yes, or not at all.",
            ));
        }
        if let Act::Redirect(_) = act {
            self.leaves_office(file).await?;
        }
        if let Act::Cover(asked) = act {
            return self.state_cover(token, file, asked.covered_from).await;
        }
        let digest = self.say(file, planned.speech).await?;
        match act {
            Act::TakeUp(_) => self.first_handler(file, token).await?,
            Act::Supply(asked) => self.amend_draft(file, &asked.fields).await?,
            Act::Correct(asked) => self.amend_draft(file, &asked.fields).await?,
            Act::Accept(_)
            | Act::Decline(_)
            | Act::Outcome(_)
            | Act::Withdraw(_)
            | Act::Void(_)
            | Act::Remind(_)
            | Act::Expire(_)
            | Act::Progress(_)
            | Act::Clarify(_)
            | Act::Waitlist(_)
            | Act::Return(_)
            | Act::Redirect(_)
            | Act::Cover(_) => {}
        }
        Ok(recorded(&digest))
    }

    /// A leg by case number and number within the case.
    pub(crate) async fn leg_of(&mut self, case_number: &str, number: u32) -> Outcome<LegFile> {
        let name = format!("{case_number}/{number}");
        let files = self.legs_of_case(case_number).await?;
        let found = files.into_iter().find(|file| file.number == number);
        found.ok_or_else(|| Denied::not_found(&name).into())
    }

    /// The legs of a case.
    async fn legs_of_case(&mut self, case_number: &str) -> Outcome<Vec<LegFile>> {
        let number = case_number.trim();
        let case = store::legs::case(self.conn, number).await?;
        let case = case.ok_or_else(|| Denied::not_found(number))?;
        let mut files = Vec::new();
        for leg in store::legs::legs_of(self.conn, case.id).await? {
            files.extend(self.take_leg(leg).await?);
        }
        Ok(files)
    }

    /// A clerk acts for the own office; the coordination window for every office of the city.
    fn is_theirs(&self, actor: &Actor, file: &LegFile, name: &str) -> Outcome<()> {
        if actor.office == file.our_office || self.directory.coordinates(&actor.office) {
            Ok(())
        } else {
            Err(Denied::not_found(name).into())
        }
    }

    /// EXPIRE needs a receipt that the other city signed after the due date.
    pub(crate) async fn expire(
        &mut self,
        bond: &Bond,
        file: &LegFile,
        duty: wire::Duty,
    ) -> Outcome<Speech> {
        let before =
            matches!(file.law.state().stage, Stage::Offered | Stage::TakenUp | Stage::Waitlisted);
        let ended = bond.terminated().filter(|(_, on)| before || self.today >= *on);
        if let Some((digest, wind_down)) = ended {
            // Ended with its agreement: whoever owes what, either side closes it.
            let waits_for = file.law.owed().into_iter().next();
            let duty = match waits_for {
                Some(owed) if duty == wire::Duty::Unspecified => wire_duty(owed.duty),
                Some(_) | None => named_or_owed(file, duty)?,
            };
            let body =
                wire::Expire { duty: duty.into(), terminate: digest.to_vec(), receipt: Vec::new() };
            let mut speech = Speech::plain(MessageType::Expire, Body::Expire(body));
            speech.proof = Some(Proof::Terminated { wind_down });
            return Ok(speech);
        }
        let duty = named_or_owed(file, duty)?;
        if file.is_local() {
            let (digest, proof) = local::silence(file, duty)?;
            let body =
                wire::Expire { duty: duty.into(), receipt: digest.to_vec(), terminate: Vec::new() };
            let mut speech = Speech::plain(MessageType::Expire, Body::Expire(body));
            speech.proof = Some(proof);
            return Ok(speech);
        }
        let lane = Lane::receipts(bond.our_side.other());
        let end = self.lane_end(bond.id, lane).await?;
        let sealed = self.stored(bond, lane, end.last_seq).await?;
        let receipt = sealed.as_ref().and_then(|sealed| {
            let payload: wire::Receipt = envelope::payload(sealed).ok()?;
            Some((envelope::env_digest(sealed), payload))
        });
        let Some((digest, receipt)) = receipt else {
            return Err(Trouble::Denied(Denied::illegal(jieli_proto::case::Illegal::NoSilence)));
        };
        // What they wrote before it and we do not hold yet may belong to this leg.
        let held = self.lane_end(bond.id, Lane::messages(bond.our_side.other())).await?;
        if held.last_seq < receipt.own_lane_seq {
            return Err(Trouble::Denied(Denied::illegal(jieli_proto::case::Illegal::HeardSince)));
        }
        let body =
            wire::Expire { duty: duty.into(), receipt: digest.to_vec(), terminate: Vec::new() };
        let mut speech = Speech::plain(MessageType::Expire, Body::Expire(body));
        // In the zone of this city, which cites it.
        let version = bond.version();
        let received_ms = receipt.received_unix_ms;
        let received_on = self.directory.shelf.day(bond.id, version, bond.our_side, received_ms);
        speech.proof = Some(silence(file, file.our_side.other(), &receipt, received_on));
        Ok(speech)
    }

    /// At a desk, on the person's word alone; the person is told and may say "not me".
    async fn desk_withdraw(
        &mut self,
        actor: &Actor,
        file: &mut LegFile,
    ) -> Outcome<wire::ActReply> {
        let at = self.name_of_own_office(&actor.office);
        let said = self.withdraw(file, &WithdrawnBy::Desk(at)).await?;
        Ok(match said {
            Some(digest) => recorded(&digest),
            None => told("已停止，没有发出任何内容。", "Stopped; nothing had been sent."),
        })
    }
}

fn named_or_owed(file: &LegFile, named: wire::Duty) -> Outcome<wire::Duty> {
    if named != wire::Duty::Unspecified {
        return Ok(named);
    }
    match owed_to(file) {
        Some((duty, _)) => Ok(wire_duty(duty)),
        None => Err(Trouble::Denied(Denied::illegal(jieli_proto::case::Illegal::DutyNotOwed))),
    }
}

pub(crate) fn told(zh: impl Into<String>, en: impl Into<String>) -> wire::ActReply {
    wire::ActReply { say_zh: zh.into(), say_en: en.into(), env_digest: String::new() }
}

fn recorded(digest: &Digest) -> wire::ActReply {
    wire::ActReply {
        env_digest: digest.hex(), ..told("已办理，正在发送。", "Done; on its way.")
    }
}

/// An option of a desk's command that is missing or wrong, by its name on the command line.
fn wrong_option(option: &str, zh: &str, en: &str) -> Trouble {
    Trouble::Denied(Denied::new(
        "BAD_OPTION",
        format!("选项 {option}：{zh}。"),
        format!("Option {option}: {en}."),
    ))
}
