//! A leg in the words of a desk. Its stage is derived from the law each time it is shown.

use super::Answer;
use crate::acts::{Holder, Unsent, time_of, waiting};
use crate::batch::Batch;
use crate::cover::{Cover, WARN_DAYS};
use crate::directory::Bond;
use crate::employer::Work;
use crate::house::House;
use crate::legs::{Entry, LegFile, Local, Standing, heard, stage_word};
use crate::paper;
use crate::questions::{ARRIVAL_STATE, Told, is_duplicate_asked, open_request};
use crate::rota;
use crate::rotation::disputed;
use crate::shelf::party_of;
use crate::store::legs::seen_seq;
use crate::store::{Conn, StoreError};
use crate::writer::Published;
use jieli_proto::calendar::Calendar;
use jieli_proto::case::{self, Direction, Owed, Side};
use jieli_proto::day::Day;
use jieli_proto::id::Digest;
use jieli_proto::refusal::Refusal;
use jieli_proto::section::{PERSON, SectionKind};
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_proto::words;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Working days past the due date after which somebody should telephone.
const LATE_DAYS: u32 = 3;

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

    fn bond(&self, file: &LegFile) -> Option<Cow<'a, Bond>> {
        self.published.directory.bond_of(file)
    }

    /// Who speaks, by city; by office where both are of this city.
    fn names(&self, file: &LegFile) -> [String; 2] {
        let directory = &self.published.directory;
        if file.is_local() {
            return [&file.our_office, &file.their_office].map(|code| {
                Some(directory.own_office_name(code))
                    .filter(|n| !n.is_empty())
                    .unwrap_or(code.clone())
            });
        }
        let peer = self.bond(file).map_or(String::new(), |bond| bond.peer.as_str().to_owned());
        [directory.city.as_str().to_owned(), peer]
    }

    /// One line about a leg; nothing of any person.
    pub(super) async fn leg_line(&mut self, file: &LegFile) -> Answer<wire::LegLine> {
        let state = file.law.state();
        let on_road = file.local == Local::OnTheRoad;
        let owed = file.law.owed().into_iter().next().filter(|_| on_road);
        let due = owed.and_then(|owed| owed.due);
        let is_closed = on_road && file.law.is_closed();
        let bond = self.bond(file);
        let heard = heard(self.conn, bond.as_deref(), file).await?;
        let settled = is_closed && file.law.settled(file.our_side, heard);
        let pull = file.law.rules().direction == Direction::Pull;
        let desk = Some(self.leg_desk(file, owed).await?);
        Ok(wire::LegLine {
            number: file.number,
            service: file.service.into(),
            direction: if pull { "pull" } else { "push" }.to_owned(),
            our_side: side_word(file.our_side).to_owned(),
            stage: stage_word(file).to_owned(),
            settled,
            question_open: state.question.is_some(),
            stop: file.is_stopped(),
            due_date: due.map_or(0, |day| day.number()),
            duty: owed.map_or(String::new(), |owed| words::duty(owed.duty).en.to_owned()),
            leg_id: file.id.hex(),
            desk,
            other_office: if file.is_local() { self.names(file)[1].clone() } else { String::new() },
        })
    }

    /// A leg with its messages and the desk's next steps, without the person.
    pub(super) async fn leg_view(
        &mut self,
        case: &str,
        file: &LegFile,
        may_act: bool,
    ) -> Answer<wire::LegView> {
        let line = self.leg_line(file).await?;
        let directory = &self.published.directory;
        let epoch = self.published.exchange.id.epoch;
        let disputed = match self.bond(file) {
            Some(bond) => disputed::of_leg(self.conn, directory, epoch, &bond, file.id).await?,
            None => BTreeSet::new(),
        };
        let [us, peer] = self.names(file);
        let messages = file.entries.iter().map(|entry| {
            let from = if entry.side == file.our_side { &us } else { &peer };
            let disputed = disputed.contains(&entry.env_digest);
            let handed_to = self.handed_to(file, entry);
            wire::MessageLine { disputed, handed_to, ..message_line(file, entry, from) }
        });
        let messages = messages.collect();
        let steps = if may_act { self.steps(case, file).await? } else { Vec::new() };
        let mut next: Vec<String> = steps.iter().map(|step| step.step.clone()).collect();
        next.dedup();
        let person_told = if may_act { self.person_told(file).await? } else { "" }.to_owned();
        let letter = paper::letter_state(self.conn, file.id, &self.house.calendar()).await?;
        Ok(wire::LegView {
            line: Some(line),
            messages,
            fields: Vec::new(),
            next,
            person_told,
            steps,
            window: self.window(file),
            letter,
        })
    }

    /// What the person asked to have corrected, by its name alone.
    async fn correction(
        &mut self,
        file: &LegFile,
    ) -> Result<Option<wire::CorrectionAsked>, StoreError> {
        if file.our_side != Side::Initiator {
            return Ok(None);
        }
        let asked = open_request(self.conn, file).await?;
        Ok(asked.and_then(|(field, due)| {
            let named = SectionKind::of(u32::from(PERSON))?.field(field)?;
            Some(wire::CorrectionAsked {
                name_zh: named.zh.to_owned(),
                name_en: named.en.to_owned(),
                due_on: due.number(),
            })
        }))
    }

    /// Whether the person is being asked about another leg of the same service.
    async fn is_duplicate_asked(&mut self, file: &LegFile) -> Result<bool, StoreError> {
        let now_ms = self.house.world.clock.now_unix_ms();
        let asked = file.our_side == Side::Examiner && !file.law.is_closed();
        Ok(asked && is_duplicate_asked(self.conn, file.id, now_ms).await?)
    }

    /// The office that a REDIRECT names, by its name.
    fn handed_to(&self, file: &LegFile, entry: &Entry) -> String {
        let Some(Body::Redirect(to)) = entry.message.as_ref().and_then(|m| m.body.as_ref()) else {
            return String::new();
        };
        let bond = self.bond(file);
        let of = |bond: &Bond| {
            let side =
                if file.our_side == Side::Examiner { bond.our_side } else { bond.our_side.other() };
            Some(bond.in_force()?.office(side, &to.office)?.name.clone())
        };
        bond.as_deref().and_then(of).unwrap_or_else(|| to.office.clone())
    }

    /// V22, at the city that got the person: whether the person has heard of it by now.
    async fn person_told(&mut self, file: &LegFile) -> Result<&'static str, StoreError> {
        let came = file.has_the_person();
        if file.our_side != Side::Examiner || !came || file.law.is_closed() {
            return Ok("");
        }
        let row = self.conn.maybe(ARRIVAL_STATE, vec![file.id.to_vec().into()]).await?;
        let state = row.map(|row| row.int(0)).transpose()?;
        Ok(Told::of_state(state).word())
    }

    /// What this desk may do now: planned by the same code that performs it.
    async fn steps(&mut self, case: &str, file: &LegFile) -> Answer<Vec<wire::NextStep>> {
        let next = |step: &str, command: String| wire::NextStep { step: step.to_owned(), command };
        let act = |step: &str, options: &str| {
            let command = format!("case act {case} {} {step} {options}", file.number);
            next(step, command.trim_end().to_owned())
        };
        match file.local {
            Local::Draft => {
                return Ok(vec![next("ask", format!("case ask {case}")), act("withdraw", "")]);
            }
            // The same whatever the person said or did not say.
            Local::Asked | Local::Dropped | Local::OnPaper => {
                return Ok(vec![act("withdraw", "")]);
            }
            Local::OnTheRoad => {}
        }
        let now_ms = self.house.world.clock.now_unix_ms();
        let directory = (*self.published.directory).clone();
        let head = self.published.exchange.clone();
        let waits = waiting(self.conn, file).await?.is_some();
        let mut batch = Batch::new(self.conn, self.house, directory, head, now_ms);
        let offers = batch.offers(file).await?;
        let mut steps = Vec::new();
        if let Ok(offices) = batch.may_open_again(file).await {
            let again = format!("case again {case} {}", file.number);
            steps.extend(
                offices.iter().map(|o| next("again", format!("{again} --to {}", o.credit_code))),
            );
        }
        if waits {
            steps.push(next("undo", format!("case undo {case} {}", file.number)));
        }
        let open = offers.iter().filter(|offer| !waits || offer.step == "withdraw");
        steps.extend(open.map(|offer| act(offer.step, &offer.options)));
        Ok(steps)
    }

    /// What this city alone knows of a leg.
    async fn leg_desk(&mut self, file: &LegFile, owed: Option<Owed>) -> Answer<wire::LegDesk> {
        let own = self.house.calendar();
        let counted = self.counted(file, owed);
        let calendar = counted.as_ref().unwrap_or(&own);
        let today = calendar.day_of_unix_ms(self.house.world.clock.now_unix_ms());
        let due = owed.and_then(|owed| owed.due);
        let owed = owed.filter(|_| !file.law.is_closed());
        let turn = owed
            .as_ref()
            .map_or("", |owed| if owed.by == file.our_side { "ours" } else { "theirs" });
        let pending = waiting(self.conn, file).await?.map(|pending| wire::PendingAct {
            goes_out_at: time_of(&own, pending.due_ms),
            step: pending.step,
            goes_out_unix_ms: pending.due_ms,
            token: pending.token,
        });
        let unsent = Unsent::load(self.conn, file).await?;
        let cover = self.cover(file).await?;
        let urgency = match owed.and_then(|owed| owed.due) {
            _ if unsent.is_some() || cover.0 >= WARN_DAYS[1] || cover.1 => "needs-person",
            Some(due) if due < today => {
                let late = calendar.working_days_between(due, today);
                if late > LATE_DAYS { "needs-person" } else { "overdue" }
            }
            Some(due) if calendar.working_days_between(today, due) <= 1 => "due-soon",
            Some(_) | None => "",
        };
        let holder = Holder::of(self.conn, file).await?;
        let own_today = own.day_of_unix_ms(self.house.world.clock.now_unix_ms());
        let (config, directory) = (&self.house.config, &self.published.directory);
        Ok(wire::LegDesk {
            needs_taker: holder.needs_taker(config, directory, file),
            turn: turn.to_owned(),
            urgency: urgency.to_owned(),
            correction: self.correction(file).await?,
            duplicate_asked: self.is_duplicate_asked(file).await?,
            stand_in: rota::shown(self.conn, file, &holder.token, own_today).await?,
            handler: holder.token,
            handed_to: holder.handed_to,
            due_calendar: due.zip(counted.as_ref()).map_or(String::new(), |(_, calendar)| {
                format!("{} {}", calendar.name(), calendar.version())
            }),
            due_provisional: due.is_some_and(|due| calendar.is_provisional(due)),
            value_unsure: crossed_redirect(file),
            work: self.work(file).await?,
            cover_gap: cover.0,
            cover_wanted: cover.1,
            pending,
            not_sent: unsent.map(|unsent| wire::UnsentAct {
                step: unsent.step,
                code: unsent.code,
                say_zh: unsent.say_zh,
                say_en: unsent.say_en,
            }),
        })
    }

    /// What the employer said, for the office that reports the outcome.
    async fn work(&mut self, file: &LegFile) -> Result<Option<wire::WorkStated>, StoreError> {
        let work = Work::of(self.conn, file.id).await?.filter(|work| work.started > 0);
        let work = work.filter(|_| file.our_side == Side::Examiner);
        Ok(work.map(|work| wire::WorkStated { started_on: work.started, ended_on: work.ended }))
    }

    /// Insurance: the days without cover that were warned of, and whether a date is to be stated.
    async fn cover(&mut self, file: &LegFile) -> Result<(u32, bool), StoreError> {
        let closed = file.local != Local::OnTheRoad || file.law.is_closed();
        if file.service != Service::Insurance || closed || file.is_stopped() {
            return Ok((0, false));
        }
        let cover = Cover::of(self.conn, file.id).await?;
        let done = file.our_side == Side::Initiator && file.law.state().fact;
        let open = cover.from.is_none();
        Ok((if open { cover.warned } else { 0 }, done && open))
    }

    /// The calendar of who owes what a leg waits for, in the version that its date was said with.
    fn counted(&self, file: &LegFile, owed: Option<Owed>) -> Option<Arc<Calendar>> {
        let (owed, directory) = (owed?, &self.published.directory);
        let bond = directory.bond_of(file)?;
        let said = file.entries.iter().rev().find_map(|entry| {
            let message = entry.message.as_ref()?;
            let gave = message.due_date > 0 && owed.due.map(Day::number) == Some(message.due_date);
            gave.then_some(message.calendar_version)
        });
        let party = party_of(&bond, file.our_side, owed.by);
        let version = directory.shelf.of_version(&bond, party, said);
        version.or_else(|| directory.shelf.of_party(&bond, party))
    }

    /// Where the person goes, as the examiner told it last.
    pub(super) fn window(&self, file: &LegFile) -> Option<wire::WindowView> {
        let examiner = Side::Examiner;
        let (message, window) = file.entries.iter().rev().find_map(|entry| {
            let legal = file.law.place(entry.side, entry.seq).is_some_and(|p| p.legal().is_some());
            let message = entry.message.as_ref().filter(|_| legal && entry.side == examiner)?;
            let body = message.body.as_ref()?;
            let window = if let Body::Accept(wire::Accept { window, .. })
            | Body::Clarify(wire::Clarify { window, .. }) = body
            {
                window.clone()
            } else if let Body::TakeUp(window) = body {
                Some(window.clone())
            } else {
                None
            };
            Some((message, window.filter(|window| !window.telephone.is_empty())?))
        })?;
        let bond = self.bond(file)?;
        let side = if file.our_side == examiner { bond.our_side } else { bond.our_side.other() };
        let office = bond.in_force().and_then(|a| a.office(side, &message.from_office));
        let hours = window.closes_min > 0;
        let time = |minute: u32| match hours {
            true => format!("{:02}:{:02}", minute / 60, minute % 60),
            false => String::new(),
        };
        let words: Vec<words::Word> =
            window.bring.iter().filter_map(|code| words::bring(*code)).collect();
        Some(wire::WindowView {
            office: office.map_or(String::new(), |office| office.name.clone()),
            telephone: window.telephone,
            opens: time(window.opens_min),
            closes: time(window.closes_min),
            bring_zh: words.iter().map(|word| word.zh.to_owned()).collect(),
            bring_en: words.iter().map(|word| word.en.to_owned()).collect(),
            bring: window.bring,
        })
    }
}

fn side_word(side: case::Side) -> &'static str {
    match side {
        case::Side::Initiator => "initiator",
        case::Side::Examiner => "examiner",
    }
}

/// Whether a value that this side supplied or corrected crossed the last REDIRECT: it reached the new
/// office only if it had left before, and no receipt tells which (CASEWORK section 5). Over once each
/// of these sections was stated again by who knew of the REDIRECT.
fn crossed_redirect(file: &LegFile) -> bool {
    let legal = |entry: &&Entry| {
        let place = file.law.place(entry.side, entry.seq);
        place.is_some_and(|place| place.legal().is_some())
    };
    let mut theirs = file.entries.iter().rev().filter(legal).filter(|e| e.side != file.our_side);
    let said = |entry: &Entry| entry.message.as_ref().map(wire::Message::r#type);
    let Some(redirect) = theirs.find(|e| said(e) == Some(MessageType::Redirect)) else {
        return false;
    };
    let seen = |entry: &Entry| {
        let seen = Digest::from_slice(&entry.message.as_ref()?.leg_seen)?;
        seen_seq(file, entry.side, &seen)
    };
    let known_there = seen(redirect).unwrap_or(0);
    let values = [Some(MessageType::Supply), Some(MessageType::Correct)];
    let mut crossed = BTreeSet::new();
    for entry in file.entries.iter().filter(legal) {
        if entry.side != file.our_side || !values.contains(&said(entry)) {
            continue;
        }
        let sections = entry.message.iter().flat_map(|message| &message.section_digests);
        let sections: BTreeSet<u32> = sections.map(|digest| digest.section).collect();
        if seen(entry).is_some_and(|seen| seen >= redirect.seq) {
            crossed.retain(|section| !sections.contains(section));
        } else if entry.seq > known_there {
            crossed.extend(sections);
        }
    }
    !file.law.is_closed() && !crossed.is_empty()
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
        disputed: false,
        handed_to: String::new(),
    }
}

/// A message type as `--json` and scripts know it: `TAKE_UP`.
fn type_word(ty: wire::MessageType) -> &'static str {
    ty.as_str_name().trim_start_matches("MESSAGE_TYPE_")
}
