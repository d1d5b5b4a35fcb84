//! The one staircase: every door comes down here, and nothing is written on another way.

use crate::agreements::OwnAct;
use crate::audit::act::AuditCommand;
use crate::batch::Batch;
use crate::flags::Measured;
use crate::grievance::GrievanceCommand;
use crate::hooks::HookCommand;
use crate::keyring::Again;
use crate::questions::Look;
use crate::queues::OperateCommand;
use crate::receive::Received;
use crate::reconcile::Reconciled;
use crate::recovery::{self, Answers, Found, Greeted, Resume, Resumed};
use crate::second::Wanted;
use crate::store::{self, StoreError, queue};
use crate::trouble::{Denied, Outcome};
use crate::window::WindowCommand;
use crate::witness::{CosignWord, Stretch};
use crate::world::NoticeResult;
use jieli_proto::day::Day;
use jieli_proto::envelope;
use jieli_proto::id::{AgreementId, CityId, Digest, LegId};
use jieli_proto::kinds::{Kind, Lane};
use jieli_proto::wire::{self, DeferReason, Letter};
use std::sync::Arc;

mod ask;
pub mod employ;
mod sort;
mod worker;

/// Who stands at the desk: never a name, an office and a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Credit code of the office.
    pub office: String,
    /// Name of the token.
    pub token: String,
}

/// What a door asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// A letter of a peer.
    Receive(CityId, Box<Letter>),
    /// The peer has our receipt.
    Noted(CityId, wire::Noted),
    /// The peer did not take a letter, or could not be reached: try again later.
    PutOff(queue::Waiting, String),
    /// Something of a peer has arrived: its letters need not wait.
    Heard(CityId),
    /// A peer could not be reached, or not understood.
    Troubled(CityId, String),
    /// Proofs that a peer gave of its own records.
    Fetched(AgreementId, Lane, Vec<wire::FetchReply>),
    /// What a peer says it has sent in a leg.
    LegStated(AgreementId, LegId, Box<wire::Envelope>),
    /// What was found when both cities' lanes were compared.
    Reconciled(Box<Reconciled>),
    /// Signed heads of these cities' exchange logs, from wherever they came.
    HeadsHeard(Vec<(CityId, String)>),
    /// What a peer tells as a proof of another one's misbehaviour.
    FindingHeard(CityId, Vec<u8>),
    /// A peer asks for a cosignature on a head of its own.
    Cosign(CityId, Box<wire::CosignRequest>),
    /// A peer's cosignature on an own head, signed then with this note.
    CosignatureGot(CityId, String, String),
    /// Hashes of a peer's exchange log that lead to a signed head.
    Mirrored(Box<Stretch>),
    /// What was found when the own tables were worked out anew.
    SelfAudited(Box<wire::SelfAuditReport>),
    /// What was counted of agreements.
    Measured(Vec<Measured>),
    /// What a peer said in a greeting.
    Greeted(CityId, Box<Greeted>),
    /// A peer has accepted a statement about our log.
    Told(CityId, Digest),
    /// Leaves of our own log to be put back, in their order; with the first of them case numbers
    /// are left out.
    Rebuild(Vec<Found>, Arc<Answers>, bool),
    /// The own exchange log goes on in a new epoch: the root's statement.
    BeginEpoch(Box<wire::Envelope>),
    /// The own log is whole again: traffic goes on.
    Resume(Box<Resume>),
    /// A timer is due.
    Ring([u8; 16]),
    /// A timer had nothing to do.
    Unset([u8; 16]),
    /// The carrier's word about a notice.
    NoticeDone([u8; 16], NoticeResult),
    /// The carrier's later report of a notice: whether the phone has it.
    NoticeReported([u8; 16], bool),
    /// What an old copy of the database had brought back was destroyed again at the start.
    ErasedAgain(Vec<Again>),
    /// The next own key manifest, signed by the root, as a start found it.
    InstallManifest(Box<wire::Envelope>),
    /// What a peer gave for a pack that was announced.
    PackFetched(CityId, Digest, Box<wire::Envelope>),
    /// The calendar file of the configuration, as a start found it.
    HomeCalendar,
    /// Something may end soon: see [`crate::expiry`].
    LookAhead,
    /// From the desk.
    Desk(Actor, DeskCommand),
    /// From a window, with the person present.
    Window(Actor, WindowCommand),
    /// From compliance.
    Audit(Actor, AuditCommand),
    /// From the desk of a grievance body.
    Grievance(Actor, GrievanceCommand),
    /// From operators, about the letters that wait.
    Operate(Actor, OperateCommand),
    /// About what other systems are told over HTTP.
    Hooks(HookCommand),
    /// From the worker, with a code.
    Worker(WorkerCommand),
}

/// What a desk asks for.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // named after the calls of the Desk service
pub enum DeskCommand {
    AddPeer(wire::AddPeerRequest),
    InvitePeer(wire::InvitePeerRequest),
    AcceptInvite(wire::AcceptInviteRequest),
    Propose(wire::ProposeRequest),
    CounterPropose(wire::CounterProposeRequest),
    Countersign(wire::CountersignRequest),
    ActOnAgreement(wire::AgreementActRequest),
    Approve(wire::ApproveRequest),
    AddVacancies(wire::AddVacanciesRequest),
    CloseVacancy(wire::VacancyRef),
    SetCapacity(wire::SetCapacityRequest),
    AskCapacity(wire::AskCapacityRequest),
    AddRule(wire::AcceptRule),
    RemoveRule(wire::RuleRef),
    Import(wire::ImportRequest),
    Ask(wire::AskRequest),
    Act(wire::ActRequest),
    FindCases(wire::FindCasesRequest),
    UndoAct(wire::UndoRequest),
    HandOver(wire::HandOverRequest),
    TakeOver(wire::TakeOverRequest),
    NameStandIn(wire::StandInRequest),
    EndStandIn(wire::StandInRef),
    OpenAgain(wire::OpenAgainRequest),
    /// The legs that workers gave to a helper's token.
    ListGiven,
    ShowGiven(wire::GivenRef),
    /// What an employer's window asks, and its office answers.
    Employ(employ::EmployCommand),
    /// A slip about these legs of a case: those that the desk sees.
    PrintSlip(String, Vec<LegId>),
    AskLetter(wire::LetterRequest),
    WriteLetter(wire::LetterRequest),
    AnswerLetter(wire::LetterAnswer),
    AskStatement(wire::StatementRequest),
    Erase(wire::EraseRequest),
    ImportPack(wire::ImportPackRequest),
    EnterHold(wire::HoldRequest),
    ApproveHold(wire::HoldRef),
    /// The next own key manifest, from a desk: what can wait waits for a second pair of eyes.
    InstallManifest(Box<wire::Envelope>),
    /// A view or export of personal data: who, what, why.
    Viewed(String),
    /// The same of the persons of some legs, who can read it.
    Looked(Look),
    /// Asks for what a second pair of eyes approves.
    AskSecond(Wanted),
    ApproveSecond(wire::ApproveSecondRequest),
    /// Uses an approval up; the look it was for is written down.
    UseSecond(String, Look),
    /// Does, or begins, an override that was approved.
    CarryOut(String),
    /// What was begun is done.
    CarriedOut(String),
}

/// What a worker asks for.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // named after the calls of the Worker service
pub enum WorkerCommand {
    Open(wire::OpenRequest),
    Answer(wire::AnswerRequest),
    Withdraw(wire::WithdrawRequest),
    Status(wire::WorkerRequest),
    WhoLooked(wire::WorkerRequest),
    SetPin(wire::SetPinRequest),
    ShowHelpers(wire::WorkerRequest),
    ChooseHelper(wire::ChooseHelperRequest),
    DismissHelper(wire::DismissHelperRequest),
    NameProxy(wire::NameProxyRequest),
    NotMe(wire::NotMeRequest),
    Reopen(wire::ReopenRequest),
    Slip(wire::OpenRequest),
    Copy(wire::OpenRequest),
    Statement(wire::OpenRequest),
    LookBySlip(wire::SlipUse),
    StopBySlip(wire::SlipUse),
    EraseMine(wire::WithdrawRequest),
    AskCorrection(wire::CorrectionRequest),
    ListBodies(wire::WorkerRequest),
    FileGrievance(wire::FileGrievanceRequest),
    OpenCallBack(wire::OpenCallBackRequest),
    AnswerCallBack(wire::AnswerCallBackRequest),
}

/// What came of it.
#[derive(Debug)]
#[allow(missing_docs)] // each holds the reply of the call of that name
pub enum Done {
    Nothing,
    Received(Received, Option<Seat>),
    Cosign(CosignWord),
    /// Whether the stretch was stored.
    Mirrored(bool),
    Resumed(Resumed),
    Peer(wire::Peer),
    Invited(wire::InvitePeerReply),
    InviteAccepted(Box<wire::AcceptInviteReply>),
    Agreement(AgreementId),
    Vacancies(wire::AddVacanciesReply),
    Capacity(wire::CapacityLine),
    CapacityAsked(wire::AskCapacityReply),
    Rule(wire::AcceptRule),
    Imported(wire::ImportReply),
    Asked(wire::AskReply),
    Acted(wire::ActReply),
    /// Case numbers.
    Found(wire::FindCasesReply),
    StandIns(wire::StandInList),
    Helpers(wire::HelperList),
    GivenList(wire::GivenList),
    /// A leg that was given to a helper, and how it stands.
    Given(LegId, Box<wire::GivenView>),
    Proposal(Box<wire::Proposal>),
    Posts(wire::PostList),
    Released(wire::Released),
    Opened(wire::OpenReply),
    Answered(wire::AnswerReply),
    Stands(wire::WorkerStatusReply),
    WhoLooked(wire::WhoLookedReply),
    Sitting(wire::OpenSittingReply),
    GuardianTold(wire::TellGuardianReply),
    Slip(wire::SlipPage),
    SlipStatus(wire::SlipStatus),
    /// Case number and legs that the person may have a copy of.
    Copy(String, Vec<LegId>),
    Letter(wire::LetterPage),
    LetterSaid(wire::LetterReply),
    Statement(wire::StatementPage),
    Erased(wire::EraseReply),
    Pack(wire::PackLine),
    Holds(wire::HoldList),
    Second(wire::SecondView),
    /// What is being carried out.
    CarryOut(Wanted),
    SignedOff(wire::SignOffReply),
    Flag(wire::FlagLine),
    CallBack(Box<wire::CallBackCounts>),
    Bodies(wire::BodyList),
    Filed(wire::FiledReply),
    CallBackOpened(Box<wire::OpenCallBackReply>),
    GrievanceKey(wire::GrievanceKey),
    Sealed(Box<wire::SealedLine>),
    Figures(wire::FiguresReply),
    Finding(wire::WageFinding),
    Hook(Box<wire::WebhookSecret>),
    /// Until when this replica alone does the chore; `None`: another one does.
    Leased(Option<u64>),
}

/// Where a letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seat {
    /// The agreement.
    pub agreement: AgreementId,
    /// The lane.
    pub lane: Lane,
    /// The place in it.
    pub lane_seq: u64,
}

/// Performs one command on the batch.
pub async fn perform(batch: &mut Batch<'_>, command: Command) -> Outcome<Done> {
    if batch.directory.recovering.is_some() && !command.works_while_recovering() {
        let Command::Receive(_, letter) = command else { return Err(recovery::denied().into()) };
        let seat = seat_of(&letter);
        return Ok(Done::Received(Received::Defer(DeferReason::Recovering, 0), seat));
    }
    match command {
        Command::Receive(city, letter) => {
            let seat = seat_of(&letter);
            let received = batch.receive(&city, *letter).await?;
            Ok(Done::Received(received, seat))
        }
        Command::Noted(city, noted) => {
            batch.noted(&city, &noted).await?;
            Ok(Done::Nothing)
        }
        Command::PutOff(letter, why) => {
            let random = u64::from_be_bytes(batch.random());
            queue::put_off(batch.conn, &letter, batch.now_ms, random, &why).await?;
            Ok(Done::Nothing)
        }
        Command::Heard(city) => {
            queue::contact(batch.conn, &city, batch.now_ms).await?;
            queue::hurry(batch.conn, &city, batch.now_ms).await?;
            batch.wake.insert(city);
            Ok(Done::Nothing)
        }
        Command::Troubled(city, what) => {
            queue::trouble(batch.conn, &city, &what).await?;
            Ok(Done::Nothing)
        }
        Command::Fetched(id, lane, replies) => {
            for reply in &replies {
                batch.keep_fetched(id, lane, reply).await?;
            }
            Ok(Done::Nothing)
        }
        Command::LegStated(id, leg, sealed) => {
            batch.keep_leg_statement(id, leg, &sealed).await?;
            Ok(Done::Nothing)
        }
        Command::Reconciled(found) => {
            batch.keep_reconciled(&found).await?;
            Ok(Done::Nothing)
        }
        Command::HeadsHeard(heads) => {
            for (city, note) in heads {
                batch.hear_head(&city, &note).await?;
            }
            Ok(Done::Nothing)
        }
        Command::FindingHeard(city, file) => {
            batch.hear_finding(&city, &file).await?;
            Ok(Done::Nothing)
        }
        Command::Cosign(city, ask) => Ok(Done::Cosign(batch.cosign(&city, &ask).await?)),
        Command::CosignatureGot(city, note, line) => {
            batch.cosignature_got(&city, &note, &line).await?;
            Ok(Done::Nothing)
        }
        Command::Mirrored(stretch) => Ok(Done::Mirrored(batch.mirrored(&stretch).await?)),
        Command::SelfAudited(report) => {
            batch.keep_self_audit(&report).await?;
            Ok(Done::Nothing)
        }
        Command::Measured(found) => {
            batch.keep_flags(&found).await?;
            Ok(Done::Nothing)
        }
        Command::Greeted(city, said) => {
            batch.greeted(&city, &said).await?;
            Ok(Done::Nothing)
        }
        Command::Told(city, statement) => {
            store::recovery::told(batch.conn, &city, &statement).await?;
            Ok(Done::Nothing)
        }
        Command::Rebuild(found, answers, first) => {
            if batch.directory.recovering.is_none() {
                return Ok(Done::Nothing);
            }
            if first {
                batch.skip_numbers().await?;
            }
            batch.rebuild(&found, &answers).await?;
            Ok(Done::Nothing)
        }
        Command::BeginEpoch(sealed) => {
            batch.begin_epoch(&sealed).await?;
            Ok(Done::Nothing)
        }
        Command::Resume(how) => Ok(Done::Resumed(batch.resume(&how).await?)),
        Command::Ring(timer) => {
            batch.ring(&timer).await?;
            Ok(Done::Nothing)
        }
        Command::Unset(timer) => {
            batch.unset(&timer).await?;
            Ok(Done::Nothing)
        }
        Command::NoticeDone(id, result) => {
            batch.notice_done(&id, result).await?;
            Ok(Done::Nothing)
        }
        Command::NoticeReported(id, delivered) => {
            batch.notice_reported(&id, delivered).await?;
            Ok(Done::Nothing)
        }
        Command::ErasedAgain(again) => {
            batch.note_erased_again(&again).await?;
            Ok(Done::Nothing)
        }
        Command::InstallManifest(sealed) => {
            batch.keys_at_start(&sealed).await?;
            Ok(Done::Nothing)
        }
        Command::PackFetched(city, digest, sealed) => {
            batch.pack_fetched(&city, &digest, *sealed).await?;
            Ok(Done::Nothing)
        }
        Command::HomeCalendar => {
            let calendar = Arc::clone(&batch.house.configured);
            batch.keep_home_calendar(&calendar).await?;
            Ok(Done::Nothing)
        }
        Command::LookAhead => {
            batch.look_ahead().await?;
            Ok(Done::Nothing)
        }
        Command::Desk(actor, command) => desk(batch, &actor, command).await,
        Command::Window(actor, command) => window(batch, &actor, command).await,
        Command::Audit(actor, command) => match command {
            AuditCommand::Drawn(asked, population) => {
                batch.drawn(&actor, &asked, population).await?;
                Ok(Done::Nothing)
            }
            AuditCommand::SignOff(r) => Ok(Done::SignedOff(batch.sign_off(&actor, &r).await?)),
            AuditCommand::AnswerFlag(r) => Ok(Done::Flag(batch.answer_flag(&actor, &r).await?)),
            AuditCommand::CallBack(r, drawn) => {
                let counts = batch.start_call_back(&actor, &r, &drawn).await?;
                Ok(Done::CallBack(Box::new(counts)))
            }
        },
        Command::Grievance(actor, command) => batch.grievance(&actor, &command).await,
        Command::Operate(actor, command) => {
            batch.operate(&actor, command).await?;
            Ok(Done::Nothing)
        }
        Command::Hooks(command) => batch.hooks(command).await,
        Command::Worker(command) => worker::worker(batch, command).await,
    }
}

async fn desk(batch: &mut Batch<'_>, actor: &Actor, command: DeskCommand) -> Outcome<Done> {
    batch.present(actor, &actor.office).await?;
    Ok(match command {
        DeskCommand::AddPeer(request) => Done::Peer(batch.add_peer(request).await?),
        DeskCommand::InvitePeer(request) => Done::Invited(batch.invite(request).await?),
        DeskCommand::AcceptInvite(request) => {
            Done::InviteAccepted(Box::new(batch.accept_invite(request).await?))
        }
        DeskCommand::Propose(request) => {
            Done::Agreement(batch.enter_proposal(actor, &request.draft_toml).await?)
        }
        DeskCommand::CounterPropose(request) => {
            let id = agreement_id(&request.agreement_id)?;
            Done::Agreement(batch.enter_counter(actor, id, &request.draft_toml).await?)
        }
        DeskCommand::Countersign(request) => {
            let id = agreement_id(&request.agreement_id)?;
            Done::Agreement(batch.enter_countersign(actor, id, request.version).await?)
        }
        DeskCommand::ActOnAgreement(request) => {
            let id = agreement_id(&request.agreement_id)?;
            Done::Agreement(batch.enter_act(actor, id, &own_act(&request)?).await?)
        }
        DeskCommand::Approve(request) => {
            Done::Agreement(batch.approve(actor, &request.draft_id).await?)
        }
        DeskCommand::ImportPack(request) => Done::Pack(batch.import_pack(&request.file).await?),
        DeskCommand::AddVacancies(request) => {
            Done::Vacancies(batch.add_vacancies(actor, request).await?)
        }
        DeskCommand::CloseVacancy(request) => {
            Done::Vacancies(batch.close_vacancy(actor, &request.reference).await?)
        }
        DeskCommand::SetCapacity(request) => {
            Done::Capacity(batch.set_capacity(actor, &request).await?)
        }
        DeskCommand::AskCapacity(request) => {
            let query = batch.ask_capacity(actor, &request).await?.hex();
            Done::CapacityAsked(wire::AskCapacityReply { query })
        }
        DeskCommand::AddRule(request) => Done::Rule(batch.add_rule(actor, &request).await?),
        DeskCommand::RemoveRule(request) => {
            batch.remove_rule(actor, request.number).await?;
            Done::Nothing
        }
        DeskCommand::Import(request) => Done::Imported(batch.import(actor, request.drafts).await?),
        DeskCommand::Ask(request) => Done::Asked(ask::ask(batch, actor, request).await?),
        DeskCommand::Act(request) => Done::Acted(batch.act(actor, request).await?),
        DeskCommand::FindCases(request) => Done::Found(batch.find_cases(actor, &request).await?),
        DeskCommand::UndoAct(request) => Done::Acted(batch.undo_act(actor, &request).await?),
        DeskCommand::HandOver(request) => Done::Acted(batch.hand_over(actor, &request).await?),
        DeskCommand::TakeOver(request) => Done::Acted(batch.take_over(actor, &request).await?),
        DeskCommand::NameStandIn(r) => Done::StandIns(batch.name_stand_in(actor, &r).await?),
        DeskCommand::EndStandIn(r) => Done::StandIns(batch.end_stand_in(actor, &r).await?),
        DeskCommand::ListGiven => Done::GivenList(batch.given_to(actor).await?),
        DeskCommand::ShowGiven(request) => {
            let (leg, view) = batch.show_given(actor, &request).await?;
            Done::Given(leg, Box::new(view))
        }
        DeskCommand::Employ(command) => employ::employ(batch, actor, command).await?,
        DeskCommand::OpenAgain(request) => Done::Acted(batch.open_again(actor, &request).await?),
        DeskCommand::PrintSlip(case, legs) => {
            Done::Slip(batch.print_slip(actor, &case, &legs).await?)
        }
        DeskCommand::AskLetter(r) => Done::LetterSaid(batch.ask_letter(actor, &r).await?),
        DeskCommand::WriteLetter(r) => Done::Letter(batch.write_letter(actor, &r).await?),
        DeskCommand::AnswerLetter(r) => Done::LetterSaid(batch.answer_letter(actor, &r).await?),
        DeskCommand::AskStatement(r) => Done::LetterSaid(batch.ask_statement(actor, &r).await?),
        DeskCommand::Erase(r) => Done::Erased(batch.erase_at_desk(actor, &r).await?),
        DeskCommand::EnterHold(r) => Done::Holds(batch.enter_hold(actor, &r).await?),
        DeskCommand::ApproveHold(r) => Done::Holds(batch.approve_hold(actor, &r).await?),
        DeskCommand::InstallManifest(sealed) => {
            batch.change_keys(actor, &sealed).await?.map_or(Done::Nothing, Done::Second)
        }
        DeskCommand::Viewed(what) => {
            batch.record("viewed", format!("{} {what}", actor.token).as_bytes());
            Done::Nothing
        }
        DeskCommand::Looked(look) => batch.looked(actor, &look).await.map(|()| Done::Nothing)?,
        DeskCommand::AskSecond(wanted) => Done::Second(batch.ask_second(actor, &wanted).await?),
        DeskCommand::ApproveSecond(r) => Done::Second(batch.approve_second(actor, &r).await?),
        DeskCommand::UseSecond(id, look) => {
            batch.use_second(actor, &id, &look).await.map(|()| Done::Nothing)?
        }
        DeskCommand::CarryOut(id) => Done::CarryOut(batch.begin_override(actor, &id).await?),
        DeskCommand::CarriedOut(id) => {
            batch.end_override(actor, &id).await.map(|()| Done::Nothing)?
        }
    })
}

async fn window(batch: &mut Batch<'_>, actor: &Actor, command: WindowCommand) -> Outcome<Done> {
    batch.present(actor, &actor.office).await?;
    Ok(match command {
        WindowCommand::OpenSitting(r, witness) => {
            Done::Sitting(batch.open_sitting(actor, witness.as_ref(), &r).await?)
        }
        WindowCommand::AnswerSitting(r) => Done::Answered(batch.answer_sitting(actor, &r).await?),
        WindowCommand::Stop(r) => Done::Answered(batch.stop_at_window(actor, &r).await?),
        WindowCommand::SetPin(r) => Done::Answered(batch.set_pin_at_window(actor, &r).await?),
        WindowCommand::Reopen(r) => Done::Answered(batch.reopen_at_window(actor, &r).await?),
        WindowCommand::Correction(r) => {
            Done::Answered(batch.correction_at_window(actor, &r).await?)
        }
        WindowCommand::TellGuardian(r) => {
            Done::GuardianTold(batch.tell_guardian_at_window(actor, &r).await?)
        }
        WindowCommand::Helper(r) => Done::Helpers(batch.helper_at_window(actor, &r).await?),
        WindowCommand::Erase(r) => Done::Erased(batch.erase_at_window(actor, &r).await?),
        WindowCommand::ListBodies(r) => Done::Bodies(batch.bodies_at_window(actor, &r).await?),
        WindowCommand::File(r) => Done::Filed(batch.file_at_window(actor, &r).await?),
    })
}

fn own_act(request: &wire::AgreementActRequest) -> Outcome<OwnAct> {
    let unknown = || {
        Denied::new(
            "BAD_ACT",
            "只能是 suspend、resume 或 terminate（附日期）。",
            "The act is suspend, resume, or terminate with a date.",
        )
    };
    Ok(match request.act.as_str() {
        "suspend" => OwnAct::Suspend,
        "resume" => OwnAct::Resume,
        "terminate" => {
            OwnAct::Terminate(Day::from_number(request.wind_down_on).ok_or_else(unknown)?)
        }
        _ => return Err(unknown().into()),
    })
}

fn agreement_id(text: &str) -> Outcome<AgreementId> {
    let unknown = || Denied::no_such(&format!("协议 {text}"), &format!("agreement {text}"));
    AgreementId::from_hex(text.trim()).ok_or_else(|| unknown().into())
}

fn seat_of(letter: &Letter) -> Option<Seat> {
    Some(Seat {
        agreement: AgreementId::from_slice(&letter.agreement_id)?,
        lane: Lane::from_number(letter.lane)?,
        lane_seq: letter.lane_seq,
    })
}

impl Batch<'_> {
    /// The peer holds our receipt: its own letter need not go out.
    async fn noted(&mut self, city: &CityId, noted: &wire::Noted) -> Result<(), StoreError> {
        let Some(id) = AgreementId::from_slice(&noted.agreement_id) else { return Ok(()) };
        let Some(lane) = Lane::from_number(noted.lane) else { return Ok(()) };
        let Some(bond) = self.bond(&id).filter(|bond| bond.peer == *city) else { return Ok(()) };
        if lane.kind() != Kind::Receipt || lane.side() != bond.our_side {
            return Ok(());
        }
        let stored = self.stored(&bond, lane, noted.lane_seq).await?;
        let ours =
            stored.is_some_and(|sealed| envelope::env_digest(&sealed).0 == noted.env_digest[..]);
        if ours { self.close_letters(&bond, lane, vec![noted.lane_seq]).await } else { Ok(()) }
    }
}
