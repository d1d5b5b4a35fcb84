//! A leg in the words of a desk. Its stage is derived from the law each time it is shown.

use super::Answer;
use super::cases::stage_word;
use crate::directory::Bond;
use crate::house::House;
use crate::legs::{Entry, LegFile, Local, OneCalendar, Standing};
use crate::questions::{ARRIVAL_STATE, Told};
use crate::store::{Conn, StoreError};
use crate::writer::Published;
use jieli_proto::case::{self, Direction, Heard, Proof, Verb};
use jieli_proto::envelope;
use jieli_proto::kinds::Lane;
use jieli_proto::refusal::Refusal;
use jieli_proto::wire::{self, Envelope, MessageType};
use jieli_proto::words;
use prost::Message as _;

/// What views are made from.
pub(super) struct Scene<'a> {
    pub(super) conn: &'a mut Conn,
    pub(super) house: &'a House,
    pub(super) published: &'a Published,
}

impl<'a> Scene<'a> {
    pub(super) fn new(conn: &'a mut Conn, house: &'a House, published: &'a Published) -> Scene<'a> {
        Scene { conn, house, published }
    }

    fn bond(&self, file: &LegFile) -> Option<&'a Bond> {
        self.published.directory.bonds.get(&file.bond?)
    }

    /// One line about a leg; nothing of any person.
    pub(super) async fn leg_line(&mut self, file: &LegFile) -> Answer<wire::LegLine> {
        let state = file.law.state();
        let on_road = file.local == Local::OnTheRoad;
        let owed = file.law.owed().into_iter().next().filter(|_| on_road);
        let due = owed.and_then(|owed| owed.due);
        let is_closed = on_road && file.law.is_closed();
        let settled = is_closed && file.law.settled(file.our_side, self.heard(file).await?);
        let pull = file.law.rules().direction == Direction::Pull;
        Ok(wire::LegLine {
            number: file.number,
            service: file.service.into(),
            direction: if pull { "pull" } else { "push" }.to_owned(),
            our_side: side_word(file.our_side).to_owned(),
            stage: stage_word(file).to_owned(),
            settled,
            question_open: state.question.is_some(),
            stop: state.stop.any(),
            due_date: due.map_or(0, |day| day.number()),
            duty: owed.map_or(String::new(), |owed| words::duty(owed.duty).en.to_owned()),
            leg_id: file.id.hex(),
        })
    }

    /// A leg with its messages and the desk's next steps, without the person.
    pub(super) async fn leg_view(
        &mut self,
        file: &LegFile,
        may_act: bool,
    ) -> Answer<wire::LegView> {
        let line = self.leg_line(file).await?;
        let peer = self.bond(file).map_or("", |bond| bond.peer.as_str());
        let us = self.published.directory.city.as_str();
        let messages = file.entries.iter().map(|entry| {
            let from = if entry.side == file.our_side { us } else { peer };
            message_line(file, entry, from)
        });
        let messages = messages.collect();
        let next = if may_act { self.next(file).await? } else { Vec::new() };
        let person_told = if may_act { self.person_told(file).await? } else { "" }.to_owned();
        Ok(wire::LegView { line: Some(line), messages, fields: Vec::new(), next, person_told })
    }

    /// V22, at the city that got the person: whether the person has heard of it by now.
    async fn person_told(&mut self, file: &LegFile) -> Result<&'static str, StoreError> {
        let came = [MessageType::Release, MessageType::Request];
        let came = came.into_iter().any(|ty| file.latest(ty).is_some());
        if file.our_side != case::Side::Examiner || !came || file.law.is_closed() {
            return Ok("");
        }
        let row = self.conn.maybe(ARRIVAL_STATE, vec![file.id.to_vec().into()]).await?;
        let state = row.map(|row| row.int(0)).transpose()?;
        Ok(Told::of_state(state).word())
    }

    /// What this desk may do now, as `jieli case act` calls it.
    async fn next(&mut self, file: &LegFile) -> Answer<Vec<String>> {
        match file.local {
            Local::Draft => return Ok(vec!["ask".to_owned(), "withdraw".to_owned()]),
            // The same whatever the person said or did not say.
            Local::Asked | Local::Dropped => return Ok(vec!["withdraw".to_owned()]),
            Local::OnTheRoad => {}
        }
        let calendar = &self.house.calendar;
        let now_ms = self.house.world.clock.now_unix_ms();
        let proof = self.proof(file).await?;
        let desk = case::Desk {
            today: calendar.day_of_unix_ms(now_ms),
            consent_live: false,
            terms: None,
            proof,
            calendar: &OneCalendar(calendar),
        };
        let mut steps: Vec<String> = Vec::new();
        for verb in file.law.next(file.our_side, desk) {
            if let Some(step) = step(verb).filter(|step| !steps.iter().any(|have| have == step)) {
                steps.push(step.to_owned());
            }
        }
        Ok(steps)
    }

    /// The best proof for an EXPIRE: the end of an agreement, or the other side's last receipt.
    async fn proof(&mut self, file: &LegFile) -> Result<Option<Proof>, StoreError> {
        let Some(bond) = self.bond(file) else { return Ok(None) };
        if let Some((_, wind_down)) = bond.terminated {
            return Ok(Some(Proof::Terminated { wind_down }));
        }
        let lane = Lane::receipts(bond.our_side.other());
        let row = self
            .conn
            .maybe(
                "SELECT envelope FROM envelope WHERE agreement_id = $1 AND lane = $2 \
                 ORDER BY lane_seq DESC LIMIT 1",
                vec![bond.id.to_vec().into(), lane.number().into()],
            )
            .await?;
        let Some(receipt) = row.map(|row| receipt(&row.bytes(0)?)).transpose()? else {
            return Ok(None);
        };
        let received_on = self.house.calendar.day_of_unix_ms(receipt.received_unix_ms);
        Ok(Some(Proof::Silence { received_on, covers: theirs_up_to(file, receipt.own_lane_seq) }))
    }

    /// What the latest receipt about this leg proves of the other side's knowledge.
    async fn heard(&mut self, file: &LegFile) -> Result<Heard, StoreError> {
        let Some(bond) = self.bond(file) else { return Ok(Heard::default()) };
        let receipted = file
            .entries
            .iter()
            .rfind(|e| e.side == file.our_side && e.standing != Standing::Provisional);
        let Some(entry) = receipted else { return Ok(Heard::default()) };
        let row = self
            .conn
            .maybe(
                "SELECT e.envelope FROM receipt_item i \
                 JOIN envelope e ON e.env_digest = i.receipt_digest \
                 AND e.agreement_id = i.agreement_id AND e.lane = $4 \
                 WHERE i.agreement_id = $1 AND i.lane = $2 AND i.lane_seq = $3",
                vec![
                    bond.id.to_vec().into(),
                    Lane::messages(bond.our_side).number().into(),
                    entry.lane_seq.into(),
                    Lane::receipts(bond.our_side.other()).number().into(),
                ],
            )
            .await?;
        let Some(receipt) = row.map(|row| receipt(&row.bytes(0)?)).transpose()? else {
            return Ok(Heard::default());
        };
        let lane = Lane::messages(bond.our_side.other());
        let row = self
            .conn
            .maybe(
                "SELECT last_seq FROM lane WHERE agreement_id = $1 AND lane = $2",
                vec![bond.id.to_vec().into(), lane.number().into()],
            )
            .await?;
        let held = row.map(|row| row.uint(0)).transpose()?.unwrap_or(0);
        if held < receipt.own_lane_seq {
            // Something they wrote before is still on its way; it may belong to this leg.
            return Ok(Heard::default());
        }
        Ok(Heard { own: entry.seq, theirs: theirs_up_to(file, receipt.own_lane_seq) })
    }
}

/// The other side's last place in the leg that lies within a prefix of its lane.
fn theirs_up_to(file: &LegFile, lane_seq: u64) -> u32 {
    let theirs = file.entries.iter().filter(|e| e.side != file.our_side && e.lane_seq <= lane_seq);
    theirs.map(|entry| entry.seq).max().unwrap_or(0)
}

fn receipt(bytes: &[u8]) -> Result<wire::Receipt, StoreError> {
    let corrupt = || StoreError::Corrupt("a receipt");
    let sealed = Envelope::decode(bytes).map_err(|_| corrupt())?;
    envelope::payload(&sealed).map_err(|_| corrupt())
}

fn side_word(side: case::Side) -> &'static str {
    match side {
        case::Side::Initiator => "initiator",
        case::Side::Examiner => "examiner",
    }
}

fn message_line(file: &LegFile, entry: &Entry, from: &str) -> wire::MessageLine {
    let message = entry.message.as_ref();
    let header = message.and_then(|message| message.header.as_ref());
    let refusal = match entry.standing {
        Standing::Refused(code) => match Refusal::from_number(code) {
            Some(refusal) => refusal.name().to_owned(),
            None => code.to_string(),
        },
        Standing::Provisional | Standing::Stored | Standing::Withheld => String::new(),
    };
    wire::MessageLine {
        r#type: message.map_or("", |message| type_word(message.r#type())).to_owned(),
        from: from.to_owned(),
        created_unix_ms: header.map_or(0, |header| header.created_unix_ms),
        status: entry.standing.word().to_owned(),
        refusal,
        overridden: file.law.overridden(entry.side, entry.seq),
        env_digest: entry.env_digest.hex(),
        due_date: message.map_or(0, |message| message.due_date),
    }
}

/// A message type as `--json` and scripts know it: `TAKE_UP`.
fn type_word(ty: wire::MessageType) -> &'static str {
    ty.as_str_name().trim_start_matches("MESSAGE_TYPE_")
}

/// The desk's own step behind a verb of the law; none where the node acts by itself.
fn step(verb: Verb) -> Option<&'static str> {
    match verb {
        Verb::TakeUp => Some("take-up"),
        Verb::Accept => Some("accept"),
        Verb::Decline => Some("decline"),
        Verb::Progress => Some("progress"),
        Verb::OutcomeFulfilled | Verb::OutcomeNotRealised => Some("outcome"),
        Verb::Withdraw => Some("withdraw"),
        Verb::Expire | Verb::ExpireComplete => Some("expire"),
        Verb::Void => Some("void"),
        Verb::Remind => Some("remind"),
        Verb::Offer
        | Verb::Request
        | Verb::Clarify
        | Verb::Supply
        | Verb::Waitlist
        | Verb::Release
        | Verb::Complete
        | Verb::Correct
        | Verb::CorrectDecisive
        | Verb::Redirect
        | Verb::WithdrawEffect
        | Verb::Return
        | Verb::EraseNotice
        | Verb::EraseConfirm
        | Verb::Consent => None,
    }
}
