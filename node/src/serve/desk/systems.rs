//! The door of an office's other systems: the legs of that office, one section of one of them at a
//! time, and the steps that are nobody's own word. What a person, or a clerk who sees the person,
//! has to say stays with desks, windows and phones.

use super::export::purpose;
use super::legs::Scene;
use super::{Answer, DeskCommand, DeskDoor, Reply, no_purpose};
use crate::hooks;
use crate::house::House;
use crate::legs::{LegFile, stage_word};
use crate::questions::purpose::Purpose;
use crate::questions::{Look, View};
use crate::serve::access::{self, Caller};
use crate::store::desk_queue;
use crate::store::legs::{CaseRow, load};
use crate::store::{Conn, Store};
use crate::tokens::Tokens;
use crate::trouble::Denied;
use crate::writer::Hand;
use jieli_proto::section::SectionKind;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, systems_server};
use std::fmt;
use std::sync::Arc;
use tonic::Request;

/// The longest request, in bytes: a step with the fields of one leg.
const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// Changes told at once.
const CHANGES_MAX: u32 = 500;
/// Steps that a system is not offered: a stop and a question to the person, and what undoes a
/// colleague's act.
const CLOSED: [&str; 4] = ["withdraw", "ask", "undo", "again"];

/// The Systems service, over the desk's own door.
pub struct SystemsDoor(DeskDoor);

impl fmt::Debug for SystemsDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemsDoor")
    }
}

/// The Systems service, for the desk listener.
pub fn systems(
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
) -> systems_server::SystemsServer<SystemsDoor> {
    systems_server::SystemsServer::new(SystemsDoor::new(hand, store, house, tokens))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
}

/// Leaves of a leg's next steps those that a system may take.
pub(super) fn only_open(leg: &mut wire::LegView) {
    leg.steps.retain(|offer| !CLOSED.contains(&offer.step.as_str()));
    leg.next.retain(|step| !CLOSED.contains(&step.as_str()));
}

pub(super) fn one_section() -> Denied {
    Denied::new(
        "ONE_SECTION",
        "系统不能一次查看整件办件的个人信息：请逐项打开一个部分，并说明用途。",
        "A system does not see the persons of a whole case: open one section of one leg, with a \
         purpose.",
    )
}

/// Whether a step is nobody's own word.
fn may_take(act: Option<&Act>) -> Result<(), Denied> {
    let closed = match act {
        Some(Act::Withdraw(_)) => true,
        Some(Act::Supply(supply)) => supply.at_window,
        Some(Act::Outcome(outcome)) => outcome.told_in_person,
        Some(Act::Correct(correct)) => correct.as_asked || correct.not_as_asked,
        Some(
            Act::TakeUp(_)
            | Act::Accept(_)
            | Act::Decline(_)
            | Act::Void(_)
            | Act::Remind(_)
            | Act::Expire(_)
            | Act::Progress(_)
            | Act::Clarify(_)
            | Act::Waitlist(_)
            | Act::Return(_)
            | Act::Redirect(_)
            | Act::Cover(_),
        )
        | None => false,
    };
    if !closed {
        return Ok(());
    }
    Err(Denied::new(
        "NOT_FOR_SYSTEM",
        "系统不能代本人停止、确认或答复，请由经办人在窗口办理。",
        "No system stops, confirms or answers for a person: a clerk does it, at the desk.",
    ))
}

fn no_section(number: u32) -> Denied {
    Denied::no_such(&format!("第 {number} 部分"), &format!("section {number}"))
}

impl SystemsDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, store: Store, house: House, tokens: Arc<Tokens>) -> SystemsDoor {
        SystemsDoor(DeskDoor::new(hand, store, house, tokens))
    }

    fn enter<T>(&self, request: Request<T>) -> Result<(Caller, T), tonic::Status> {
        let entered = access::enter_system(&self.0.tokens, request.metadata());
        let mut caller = entered.map_err(|status| *status)?;
        let directory = Arc::clone(&self.0.hand.published().directory);
        // A system of an office that was taken over works for who took over.
        caller.actor.office = directory.office_now(&caller.actor.office).to_owned();
        Ok((caller, request.into_inner()))
    }

    /// A leg of the caller's own office; unknown and not yours are one answer.
    async fn own_leg(
        &self,
        conn: &mut Conn,
        caller: &Caller,
        case: &str,
        leg: u32,
    ) -> Answer<(CaseRow, LegFile)> {
        let published = self.0.hand.published();
        let eyes = self.0.eyes(caller, &published.directory);
        let (row, files) = self.0.case_files(conn, &eyes, case).await?;
        let found = files.into_iter().find(|file| file.number == leg);
        let unknown = || Denied::not_found(&format!("{}/{leg}", case.trim()));
        Ok((row, found.ok_or_else(unknown)?))
    }

    async fn opened(
        &self,
        caller: &Caller,
        request: &wire::SectionRequest,
    ) -> Answer<wire::SectionReply> {
        let stated = purpose(&request.purpose)?;
        if !Purpose::is_stated(stated) {
            return Err(no_purpose().into());
        }
        let kind = SectionKind::of(request.section).ok_or_else(|| no_section(request.section))?;
        let mut conn = self.0.store.read().await?;
        let (row, file) =
            self.own_leg(&mut conn, caller, &request.case_number, request.leg).await?;
        let published = self.0.hand.published();
        if !self.0.eyes(caller, &published.directory).see_person(&file) {
            return Err(no_section(request.section).into());
        }
        let mut fields = Scene::new(&mut conn, &self.0.house, &published).fields(&file).await?;
        fields.retain(|field| field.section == request.section);
        if fields.is_empty() {
            return Err(no_section(request.section).into());
        }
        // First the log, then the view: what cannot be written down is not shown.
        let look = Look {
            case_number: row.number,
            view: View::Section(kind.number),
            purpose: stated.to_owned(),
            legs: vec![file.id],
        };
        self.0.looked(caller, look).await?;
        Ok(wire::SectionReply { fields })
    }

    async fn taken(&self, caller: &Caller, request: wire::ActRequest) -> Answer<wire::ActReply> {
        may_take(request.act.as_ref())?;
        let mut conn = self.0.store.read().await?;
        self.own_leg(&mut conn, caller, &request.case_number, request.leg).await?;
        drop(conn);
        self.0.acted(caller, DeskCommand::Act(request)).await
    }

    /// Places of the own office. One that acts for others names none of theirs by a system.
    async fn announced(
        &self,
        caller: &Caller,
        request: wire::SetCapacityRequest,
    ) -> Answer<wire::CapacityLine> {
        if self.0.hand.published().directory.coordinates(&caller.actor.office) {
            return Err(Denied::new(
                "NOT_FOR_SYSTEM",
                "协调窗口的系统不能公布其他机构的名额，请由该机构自己公布。",
                "A system of the coordination window announces no other office's places: that \
                 office does.",
            )
            .into());
        }
        self.0.capacity_set(caller, request).await
    }

    async fn changes(
        &self,
        caller: &Caller,
        request: &wire::ChangesRequest,
    ) -> Answer<wire::ChangeList> {
        let mut conn = self.0.store.read().await?;
        let latest = desk_queue::latest_change(&mut conn).await?;
        let mut list = wire::ChangeList { latest, next: request.after, ..Default::default() };
        if request.after > latest {
            list.begin_again = true;
            list.next = latest;
            return Ok(list);
        }
        let most = request.most.min(CHANGES_MAX);
        let office = &caller.actor.office;
        let changed = desk_queue::changes(&mut conn, office, request.after, most).await?;
        let is_last = (changed.len() as u32) < most;
        let published = self.0.hand.published();
        let eyes = self.0.eyes(caller, &published.directory);
        for (seq, leg, row) in changed {
            list.next = seq;
            let found = load(&mut conn, leg, &self.0.house.shelf()).await?;
            let found = found.map(|file| eyes.view(&file));
            let Some(file) = found.filter(|file| eyes.see(file)) else { continue };
            list.changes.push(wire::LegChange {
                seq,
                case_number: row.number,
                leg: file.number,
                stage: stage_word(&file).to_owned(),
            });
        }
        if is_last && most > 0 {
            list.next = latest;
        }
        Ok(list)
    }
}

impl SystemsDoor {
    async fn deliveries(
        &self,
        caller: &Caller,
        asked: &wire::ListDeliveriesRequest,
    ) -> Answer<wire::DeliveryList> {
        let mut conn = self.0.store.read().await?;
        let directory = Arc::clone(&self.0.hand.published().directory);
        Ok(hooks::own_log(&mut conn, &directory, &caller.actor, asked).await?)
    }
}

#[tonic::async_trait]
impl systems_server::Systems for SystemsDoor {
    async fn list_legs(&self, request: Request<wire::ListCasesRequest>) -> Reply<wire::CaseList> {
        let (caller, request) = self.enter(request)?;
        self.0.reply(self.0.case_list(&caller, &request).await)
    }

    async fn show_legs(&self, request: Request<wire::CaseRef>) -> Reply<wire::CaseView> {
        let (caller, request) = self.enter(request)?;
        self.0.reply(self.0.case_view(&caller, &request).await)
    }

    async fn open_section(
        &self,
        request: Request<wire::SectionRequest>,
    ) -> Reply<wire::SectionReply> {
        let (caller, request) = self.enter(request)?;
        self.0.reply(self.opened(&caller, &request).await)
    }

    async fn take_step(&self, request: Request<wire::ActRequest>) -> Reply<wire::ActReply> {
        let (caller, request) = self.enter(request)?;
        self.0.reply(self.taken(&caller, request).await)
    }

    async fn list_changes(
        &self,
        request: Request<wire::ChangesRequest>,
    ) -> Reply<wire::ChangeList> {
        let (caller, request) = self.enter(request)?;
        self.0.reply(self.changes(&caller, &request).await)
    }

    async fn read_capacity(
        &self,
        request: Request<wire::ListCapacityRequest>,
    ) -> Reply<wire::CapacityList> {
        let (caller, request) = self.enter(request)?;
        self.0.reply(self.0.capacity_list(&caller, &request).await)
    }

    async fn announce_capacity(
        &self,
        request: Request<wire::SetCapacityRequest>,
    ) -> Reply<wire::CapacityLine> {
        let (caller, request) = self.enter(request)?;
        self.0.reply(self.announced(&caller, request).await)
    }

    async fn read_vacancies(
        &self,
        request: Request<wire::ListVacanciesRequest>,
    ) -> Reply<wire::VacancyList> {
        self.enter(request)?;
        self.0.reply(self.0.vacancy_list().await)
    }

    async fn read_deliveries(
        &self,
        request: Request<wire::ListDeliveriesRequest>,
    ) -> Reply<wire::DeliveryList> {
        let (caller, request) = self.enter(request)?;
        self.0.reply(self.deliveries(&caller, &request).await)
    }
}
