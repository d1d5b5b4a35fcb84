//! The city's own desks: a token of one role and one office. Writes go down the staircase like
//! everything else; reads come from the store and the last published heads.

use super::access::{Call, Caller, enter};
use super::answer::{Answer, odd};
use crate::command::{Command, DeskCommand, Done};
use crate::config::DeskRole;
use crate::house::House;
use crate::questions::Look;
use crate::store::Store;
use crate::tokens::Tokens;
use crate::trouble::Denied;
use crate::writer::Hand;
use jieli_proto::day::Day;
use jieli_proto::id::AgreementId;
use jieli_proto::wire::{self, desk_server};
use std::fmt;
use std::sync::Arc;
use tonic::{Request, Response, Status};

mod agreements;
mod capacity;
mod cases;
mod checks;
pub mod employ;
mod erasure;
mod export;
mod fields;
pub mod help;
mod keys;
mod legs;
pub mod liaise;
mod packs;
mod paper;
mod partners;
mod queue;
mod second;
mod status;
pub mod systems;
mod vacancies;

/// The longest request, in bytes: a few thousand drafts.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest reply, in bytes: an evidence bundle.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The Desk service over the writer and the store.
pub struct DeskDoor {
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
    lanes: status::LaneRoots,
}

impl fmt::Debug for DeskDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeskDoor({:?})", self.house)
    }
}

/// The Desk service, for the desk listener.
pub fn desk(
    hand: Hand,
    store: Store,
    house: House,
    tokens: Arc<Tokens>,
) -> desk_server::DeskServer<DeskDoor> {
    desk_server::DeskServer::new(DeskDoor::new(hand, store, house, tokens))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
        .max_encoding_message_size(REPLY_BYTES_MAX)
}

/// A reply, or what the caller is told instead.
type Reply<T> = Result<Response<T>, Status>;

impl DeskDoor {
    /// The door itself, without a listener.
    pub fn new(hand: Hand, store: Store, house: House, tokens: Arc<Tokens>) -> DeskDoor {
        DeskDoor { hand, store, house, tokens, lanes: status::LaneRoots::default() }
    }

    /// The civil date here and now.
    fn today(&self) -> Day {
        self.house.calendar().day_of_unix_ms(self.house.world.clock.now_unix_ms())
    }

    fn enter<T>(&self, call: Call, request: Request<T>) -> Result<(Caller, T), Status> {
        let mut caller = enter(&self.tokens, call, request.metadata()).map_err(|status| *status)?;
        if caller.role == DeskRole::Clerk {
            // A clerk of an office that was taken over works for who took over.
            let directory = std::sync::Arc::clone(&self.hand.published().directory);
            let now = directory.office_now(&caller.actor.office).to_owned();
            caller.actor.office = now;
        }
        Ok((caller, request.into_inner()))
    }

    fn reply<T>(&self, answer: Answer<T>) -> Reply<T> {
        let entropy = self.house.world.entropy.as_ref();
        answer.map(Response::new).map_err(|unable| unable.status(Some(entropy)))
    }

    async fn perform(&self, caller: &Caller, command: DeskCommand) -> Answer<Done> {
        Ok(self.hand.perform(Command::Desk(caller.actor.clone(), command)).await?)
    }

    async fn agreement(
        &self,
        caller: &Caller,
        command: DeskCommand,
    ) -> Answer<wire::AgreementView> {
        let Done::Agreement(id) = self.perform(caller, command).await? else { return Err(odd()) };
        self.agreement_view(id).await
    }

    async fn acted(&self, caller: &Caller, command: DeskCommand) -> Answer<wire::ActReply> {
        let Done::Acted(reply) = self.perform(caller, command).await? else { return Err(odd()) };
        Ok(reply)
    }

    async fn import_rows(
        &self,
        caller: &Caller,
        request: wire::ImportRequest,
    ) -> Answer<wire::ImportReply> {
        let rows_max = self.house.config.import.rows_max;
        if request.drafts.len() as u64 > rows_max {
            return Err(Denied::new(
                "BAD_SIZE",
                format!("一次最多导入 {rows_max} 行，请分批。"),
                format!("At most {rows_max} rows at once: send them in parts."),
            )
            .into());
        }
        let done = self.perform(caller, DeskCommand::Import(request)).await?;
        let Done::Imported(reply) = done else { return Err(odd()) };
        Ok(reply)
    }

    /// Writes down who looks at personal data and why, before anything is shown.
    async fn viewed(&self, caller: &Caller, what: &str, purpose: &str) -> Answer<()> {
        let shown = format!("{what} {}: {purpose}", caller.actor.office);
        self.perform(caller, DeskCommand::Viewed(shown)).await.map(drop)
    }

    /// The same, where the data of some legs' persons is shown: they can read who looked.
    async fn looked(&self, caller: &Caller, look: Look) -> Answer<()> {
        self.perform(caller, DeskCommand::Looked(look)).await.map(drop)
    }
}

fn no_purpose() -> Denied {
    Denied::new(
        "NO_PURPOSE",
        "请说明查看的用途，用途会记入日志。",
        "State the purpose: it is written into the log.",
    )
}

#[tonic::async_trait]
impl desk_server::Desk for DeskDoor {
    async fn status(&self, request: Request<wire::StatusRequest>) -> Reply<wire::StatusReply> {
        self.enter(Call::Status, request)?;
        self.reply(self.status_view().await)
    }

    async fn repair(&self, request: Request<wire::RepairRequest>) -> Reply<wire::RepairReply> {
        let (caller, request) = self.enter(Call::Repair, request)?;
        self.reply(self.repair_asked(&caller, request).await)
    }

    async fn add_peer(&self, request: Request<wire::AddPeerRequest>) -> Reply<wire::Peer> {
        let (caller, request) = self.enter(Call::AddPeer, request)?;
        let done = self.perform(&caller, DeskCommand::AddPeer(request)).await;
        self.reply(done.and_then(|done| {
            let Done::Peer(peer) = done else { return Err(odd()) };
            Ok(peer)
        }))
    }

    async fn invite_peer(
        &self,
        request: Request<wire::InvitePeerRequest>,
    ) -> Reply<wire::InvitePeerReply> {
        let (caller, request) = self.enter(Call::InvitePeer, request)?;
        let done = self.perform(&caller, DeskCommand::InvitePeer(request)).await;
        self.reply(done.and_then(|done| {
            let Done::Invited(reply) = done else { return Err(odd()) };
            Ok(reply)
        }))
    }

    async fn accept_invite(
        &self,
        request: Request<wire::AcceptInviteRequest>,
    ) -> Reply<wire::AcceptInviteReply> {
        let (caller, request) = self.enter(Call::AcceptInvite, request)?;
        let done = self.perform(&caller, DeskCommand::AcceptInvite(request)).await;
        self.reply(done.and_then(|done| {
            let Done::InviteAccepted(reply) = done else { return Err(odd()) };
            Ok(*reply)
        }))
    }

    async fn test_peer(
        &self,
        request: Request<wire::TestPeerRequest>,
    ) -> Reply<wire::TestPeerReply> {
        let (_, request) = self.enter(Call::TestPeer, request)?;
        self.reply(self.peer_test(&request.city).await)
    }

    async fn list_peers(&self, request: Request<wire::ListPeersRequest>) -> Reply<wire::PeerList> {
        self.enter(Call::ListPeers, request)?;
        self.reply(self.peer_list().await)
    }

    async fn propose(&self, request: Request<wire::ProposeRequest>) -> Reply<wire::AgreementView> {
        let (caller, request) = self.enter(Call::Propose, request)?;
        self.reply(self.agreement(&caller, DeskCommand::Propose(request)).await)
    }

    async fn counter_propose(
        &self,
        request: Request<wire::CounterProposeRequest>,
    ) -> Reply<wire::AgreementView> {
        let (caller, request) = self.enter(Call::CounterPropose, request)?;
        self.reply(self.agreement(&caller, DeskCommand::CounterPropose(request)).await)
    }

    async fn countersign(
        &self,
        request: Request<wire::CountersignRequest>,
    ) -> Reply<wire::AgreementView> {
        let (caller, request) = self.enter(Call::Countersign, request)?;
        self.reply(self.agreement(&caller, DeskCommand::Countersign(request)).await)
    }

    async fn act_on_agreement(
        &self,
        request: Request<wire::AgreementActRequest>,
    ) -> Reply<wire::AgreementView> {
        let (caller, request) = self.enter(Call::ActOnAgreement, request)?;
        self.reply(self.agreement(&caller, DeskCommand::ActOnAgreement(request)).await)
    }

    async fn approve(&self, request: Request<wire::ApproveRequest>) -> Reply<wire::AgreementView> {
        let (caller, request) = self.enter(Call::Approve, request)?;
        self.reply(self.agreement(&caller, DeskCommand::Approve(request)).await)
    }

    async fn list_agreements(
        &self,
        request: Request<wire::ListAgreementsRequest>,
    ) -> Reply<wire::AgreementList> {
        self.enter(Call::ListAgreements, request)?;
        self.reply(self.agreement_list().await)
    }

    async fn show_agreement(
        &self,
        request: Request<wire::AgreementRef>,
    ) -> Reply<wire::AgreementView> {
        let (_, request) = self.enter(Call::ShowAgreement, request)?;
        let shown = match AgreementId::from_hex(request.agreement_id.trim()) {
            Some(id) => self.agreement_view(id).await,
            None => {
                let id = &request.agreement_id;
                Err(Denied::no_such(&format!("协议 {id}"), &format!("agreement {id}")).into())
            }
        };
        self.reply(shown)
    }

    async fn add_vacancies(
        &self,
        request: Request<wire::AddVacanciesRequest>,
    ) -> Reply<wire::AddVacanciesReply> {
        let (caller, request) = self.enter(Call::AddVacancies, request)?;
        let done = self.perform(&caller, DeskCommand::AddVacancies(request)).await;
        self.reply(done.and_then(|done| {
            let Done::Vacancies(reply) = done else { return Err(odd()) };
            Ok(reply)
        }))
    }

    async fn list_vacancies(
        &self,
        request: Request<wire::ListVacanciesRequest>,
    ) -> Reply<wire::VacancyList> {
        self.enter(Call::ListVacancies, request)?;
        self.reply(self.vacancy_list().await)
    }

    async fn close_vacancy(
        &self,
        request: Request<wire::VacancyRef>,
    ) -> Reply<wire::AddVacanciesReply> {
        let (caller, request) = self.enter(Call::CloseVacancy, request)?;
        let done = self.perform(&caller, DeskCommand::CloseVacancy(request)).await;
        self.reply(done.and_then(|done| {
            let Done::Vacancies(reply) = done else { return Err(odd()) };
            Ok(reply)
        }))
    }

    async fn set_capacity(
        &self,
        request: Request<wire::SetCapacityRequest>,
    ) -> Reply<wire::CapacityLine> {
        let (caller, request) = self.enter(Call::SetCapacity, request)?;
        self.reply(self.capacity_set(&caller, request).await)
    }

    async fn list_capacity(
        &self,
        request: Request<wire::ListCapacityRequest>,
    ) -> Reply<wire::CapacityList> {
        let (caller, request) = self.enter(Call::ListCapacity, request)?;
        self.reply(self.capacity_list(&caller, &request).await)
    }

    async fn ask_capacity(
        &self,
        request: Request<wire::AskCapacityRequest>,
    ) -> Reply<wire::AskCapacityReply> {
        let (caller, request) = self.enter(Call::AskCapacity, request)?;
        let done = self.perform(&caller, DeskCommand::AskCapacity(request)).await;
        self.reply(done.and_then(|done| {
            let Done::CapacityAsked(reply) = done else { return Err(odd()) };
            Ok(reply)
        }))
    }

    async fn list_findings(
        &self,
        request: Request<wire::ListFindingsRequest>,
    ) -> Reply<wire::MisbehaviourList> {
        self.enter(Call::ListFindings, request)?;
        self.reply(self.finding_list().await)
    }

    async fn add_rule(&self, request: Request<wire::AcceptRule>) -> Reply<wire::AcceptRule> {
        let (caller, request) = self.enter(Call::AddRule, request)?;
        let done = self.perform(&caller, DeskCommand::AddRule(request)).await;
        self.reply(done.and_then(|done| {
            let Done::Rule(rule) = done else { return Err(odd()) };
            Ok(rule)
        }))
    }

    async fn list_rules(&self, request: Request<wire::ListRulesRequest>) -> Reply<wire::RuleList> {
        let (caller, _) = self.enter(Call::ListRules, request)?;
        self.reply(self.rule_list(&caller).await)
    }

    async fn remove_rule(&self, request: Request<wire::RuleRef>) -> Reply<wire::RuleList> {
        let (caller, request) = self.enter(Call::RemoveRule, request)?;
        self.reply(match self.perform(&caller, DeskCommand::RemoveRule(request)).await {
            Ok(_) => self.rule_list(&caller).await,
            Err(error) => Err(error),
        })
    }

    async fn import(&self, request: Request<wire::ImportRequest>) -> Reply<wire::ImportReply> {
        let (caller, request) = self.enter(Call::Import, request)?;
        self.reply(self.import_rows(&caller, request).await)
    }

    async fn ask(&self, request: Request<wire::AskRequest>) -> Reply<wire::AskReply> {
        let (caller, request) = self.enter(Call::Ask, request)?;
        let done = self.perform(&caller, DeskCommand::Ask(request)).await;
        self.reply(done.and_then(|done| {
            let Done::Asked(reply) = done else { return Err(odd()) };
            Ok(reply)
        }))
    }

    async fn list_cases(&self, request: Request<wire::ListCasesRequest>) -> Reply<wire::CaseList> {
        let (caller, request) = self.enter(Call::ListCases, request)?;
        self.reply(self.case_list(&caller, &request).await)
    }

    async fn show_case(&self, request: Request<wire::CaseRef>) -> Reply<wire::CaseView> {
        let (caller, request) = self.enter(Call::ShowCase, request)?;
        self.reply(self.case_view(&caller, &request).await)
    }

    async fn find_cases(
        &self,
        request: Request<wire::FindCasesRequest>,
    ) -> Reply<wire::FindCasesReply> {
        let (caller, request) = self.enter(Call::FindCases, request)?;
        self.reply(self.found(&caller, request).await)
    }

    async fn act(&self, request: Request<wire::ActRequest>) -> Reply<wire::ActReply> {
        let (caller, request) = self.enter(Call::Act, request)?;
        self.reply(self.acted(&caller, DeskCommand::Act(request)).await)
    }

    async fn undo_act(&self, request: Request<wire::UndoRequest>) -> Reply<wire::ActReply> {
        let (caller, request) = self.enter(Call::UndoAct, request)?;
        self.reply(self.acted(&caller, DeskCommand::UndoAct(request)).await)
    }

    async fn open_again(&self, request: Request<wire::OpenAgainRequest>) -> Reply<wire::ActReply> {
        let (caller, request) = self.enter(Call::OpenAgain, request)?;
        self.reply(self.acted(&caller, DeskCommand::OpenAgain(request)).await)
    }

    async fn hand_over(&self, request: Request<wire::HandOverRequest>) -> Reply<wire::ActReply> {
        let (caller, request) = self.enter(Call::HandOver, request)?;
        self.reply(self.acted(&caller, DeskCommand::HandOver(request)).await)
    }

    async fn print_slip(&self, request: Request<wire::SlipRequest>) -> Reply<wire::SlipPage> {
        let (caller, request) = self.enter(Call::PrintSlip, request)?;
        self.reply(self.slip(&caller, &request.case_number).await)
    }

    async fn ask_statement(
        &self,
        request: Request<wire::StatementRequest>,
    ) -> Reply<wire::LetterReply> {
        let (caller, request) = self.enter(Call::AskStatement, request)?;
        self.reply(self.letter_said(&caller, DeskCommand::AskStatement(request)).await)
    }

    async fn ask_letter(&self, request: Request<wire::LetterRequest>) -> Reply<wire::LetterReply> {
        let (caller, request) = self.enter(Call::AskLetter, request)?;
        self.reply(self.letter_said(&caller, DeskCommand::AskLetter(request)).await)
    }

    async fn write_letter(&self, request: Request<wire::LetterRequest>) -> Reply<wire::LetterPage> {
        let (caller, request) = self.enter(Call::WriteLetter, request)?;
        let done = self.perform(&caller, DeskCommand::WriteLetter(request)).await;
        self.reply(done.and_then(|done| {
            let Done::Letter(page) = done else { return Err(odd()) };
            Ok(page)
        }))
    }

    async fn answer_letter(
        &self,
        request: Request<wire::LetterAnswer>,
    ) -> Reply<wire::LetterReply> {
        let (caller, request) = self.enter(Call::AnswerLetter, request)?;
        self.reply(self.letter_said(&caller, DeskCommand::AnswerLetter(request)).await)
    }

    async fn erase(&self, request: Request<wire::EraseRequest>) -> Reply<wire::EraseReply> {
        let (caller, request) = self.enter(Call::Erase, request)?;
        self.reply(self.erased(&caller, request).await)
    }

    async fn enter_hold(&self, request: Request<wire::HoldRequest>) -> Reply<wire::HoldList> {
        let (caller, request) = self.enter(Call::EnterHold, request)?;
        self.reply(self.held(&caller, DeskCommand::EnterHold(request)).await)
    }

    async fn approve_hold(&self, request: Request<wire::HoldRef>) -> Reply<wire::HoldList> {
        let (caller, request) = self.enter(Call::ApproveHold, request)?;
        self.reply(self.held(&caller, DeskCommand::ApproveHold(request)).await)
    }

    async fn list_holds(&self, request: Request<wire::HoldsRequest>) -> Reply<wire::HoldList> {
        let (_, request) = self.enter(Call::ListHolds, request)?;
        self.reply(self.holds(request).await)
    }

    async fn back_up_keyring(
        &self,
        request: Request<wire::KeyringBackupRequest>,
    ) -> Reply<wire::KeyringBackup> {
        self.enter(Call::BackUpKeyring, request)?;
        self.reply(self.ring_backup().await)
    }

    async fn ask_second(&self, request: Request<wire::CaseRef>) -> Reply<wire::SecondView> {
        let (caller, request) = self.enter(Call::AskSecond, request)?;
        self.reply(self.second_asked(&caller, &request).await)
    }

    async fn list_seconds(
        &self,
        request: Request<wire::ListSecondsRequest>,
    ) -> Reply<wire::SecondList> {
        let (caller, _) = self.enter(Call::ListSeconds, request)?;
        self.reply(self.second_list(&caller).await)
    }

    async fn approve_second(
        &self,
        request: Request<wire::ApproveSecondRequest>,
    ) -> Reply<wire::SecondView> {
        let (caller, request) = self.enter(Call::ApproveSecond, request)?;
        self.reply(self.second(&caller, DeskCommand::ApproveSecond(request)).await)
    }

    async fn export_approved(&self, request: Request<wire::SecondRef>) -> Reply<wire::ExportReply> {
        let (caller, request) = self.enter(Call::ExportApproved, request)?;
        self.reply(self.approved(&caller, &request.id).await)
    }

    async fn carry_out(&self, request: Request<wire::SecondRef>) -> Reply<wire::CarryOutReply> {
        let (caller, request) = self.enter(Call::CarryOut, request)?;
        self.reply(self.carry_out_second(&caller, &request.id).await)
    }

    type ReconcileStream = checks::Steps<wire::ReconcileStep>;

    async fn reconcile(
        &self,
        request: Request<wire::ReconcileRequest>,
    ) -> Reply<Self::ReconcileStream> {
        let (_, request) = self.enter(Call::Reconcile, request)?;
        self.reply(self.reconcile_steps(request))
    }

    type SelfAuditStream = checks::Steps<wire::SelfAuditStep>;

    async fn self_audit(
        &self,
        request: Request<wire::SelfAuditRequest>,
    ) -> Reply<Self::SelfAuditStream> {
        let (_, request) = self.enter(Call::SelfAudit, request)?;
        self.reply(self.self_audit_steps(&request).await)
    }

    async fn list_reconciled(
        &self,
        request: Request<wire::ListReconciledRequest>,
    ) -> Reply<wire::ReconciledList> {
        let (_, request) = self.enter(Call::ListReconciled, request)?;
        self.reply(self.reconciled_list(&request).await)
    }

    async fn export_case(&self, request: Request<wire::CaseRef>) -> Reply<wire::ExportReply> {
        let (caller, request) = self.enter(Call::ExportCase, request)?;
        self.reply(self.export(&caller, request).await)
    }

    async fn figures(
        &self,
        request: Request<wire::AuditReportRequest>,
    ) -> Reply<wire::StatisticsReply> {
        let (_, request) = self.enter(Call::Figures, request)?;
        self.reply(self.figures_upward(&request).await)
    }

    async fn list_packs(&self, request: Request<wire::ListPacksRequest>) -> Reply<wire::PackList> {
        self.enter(Call::ListPacks, request)?;
        self.reply(Ok(self.packs()))
    }

    async fn show_pack(&self, request: Request<wire::PackRef>) -> Reply<wire::PackView> {
        let (_, request) = self.enter(Call::ShowPack, request)?;
        self.reply(self.pack(&request).await)
    }

    async fn import_pack(
        &self,
        request: Request<wire::ImportPackRequest>,
    ) -> Reply<wire::PackLine> {
        let (caller, request) = self.enter(Call::ImportPack, request)?;
        self.reply(self.pack_imported(&caller, request).await)
    }

    async fn list_keys(&self, request: Request<wire::ListKeysRequest>) -> Reply<wire::KeyList> {
        let (_, request) = self.enter(Call::ListKeys, request)?;
        self.reply(self.key_list(request.city.trim(), request.version).await)
    }

    async fn place_key(
        &self,
        request: Request<wire::KeyPositionsRequest>,
    ) -> Reply<wire::KeyPositions> {
        let (_, request) = self.enter(Call::PlaceKey, request)?;
        self.reply(self.key_positions(&request.fpr).await)
    }

    async fn install_manifest(
        &self,
        request: Request<wire::InstallManifestRequest>,
    ) -> Reply<wire::InstallManifestReply> {
        let (caller, request) = self.enter(Call::InstallManifest, request)?;
        self.reply(self.install(&caller, request).await)
    }

    async fn list_disputed(
        &self,
        request: Request<wire::ListDisputedRequest>,
    ) -> Reply<wire::DisputedList> {
        self.enter(Call::ListDisputed, request)?;
        self.reply(self.disputed_list().await)
    }
}
