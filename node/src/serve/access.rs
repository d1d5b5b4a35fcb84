//! Who may call what: one table of calls and roles. What is not in it is denied.
//!
//! `tests/access.txt` is the same table on paper; a test compares the two, and both with the
//! services of `desk.proto`.

use crate::command::Actor;
use crate::config::DeskRole;
use crate::serve::answer;
use crate::tokens::{Holder, Tokens};
use tonic::Status;
use tonic::metadata::MetadataMap;

/// A call of the Desk service, by its name in `desk.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // named after the calls
pub enum Call {
    Status,
    Repair,
    AddPeer,
    InvitePeer,
    AcceptInvite,
    ListPeers,
    TestPeer,
    Propose,
    CounterPropose,
    Countersign,
    ActOnAgreement,
    Approve,
    ListAgreements,
    ListFindings,
    ShowAgreement,
    AddVacancies,
    ListVacancies,
    CloseVacancy,
    SetCapacity,
    ListCapacity,
    AskCapacity,
    AddRule,
    ListRules,
    RemoveRule,
    Import,
    Ask,
    ListCases,
    Figures,
    ShowCase,
    FindCases,
    Act,
    UndoAct,
    HandOver,
    OpenAgain,
    ExportCase,
    AskSecond,
    ListSeconds,
    ApproveSecond,
    ExportApproved,
    CarryOut,
    Reconcile,
    ListReconciled,
    SelfAudit,
    PrintSlip,
    AskLetter,
    WriteLetter,
    AnswerLetter,
    AskStatement,
    ListKeys,
    PlaceKey,
    InstallManifest,
    ListDisputed,
    Erase,
    EnterHold,
    ApproveHold,
    ListHolds,
    BackUpKeyring,
    ListPacks,
    ShowPack,
    ImportPack,
}

use Call::{
    AcceptInvite, Act, ActOnAgreement, AddPeer, AddRule, AddVacancies, AnswerLetter, Approve,
    ApproveHold, ApproveSecond, Ask, AskCapacity, AskLetter, AskSecond, AskStatement,
    BackUpKeyring, CarryOut, CloseVacancy, CounterPropose, Countersign, EnterHold, Erase,
    ExportApproved, ExportCase, Figures, FindCases, HandOver, Import, ImportPack, InstallManifest,
    InvitePeer, ListAgreements, ListCapacity, ListCases, ListDisputed, ListFindings, ListHolds,
    ListKeys, ListPacks, ListPeers, ListReconciled, ListRules, ListSeconds, ListVacancies,
    OpenAgain, PlaceKey, PrintSlip, Propose, Reconcile, RemoveRule, Repair, SelfAudit, SetCapacity,
    ShowAgreement, ShowCase, ShowPack, TestPeer, UndoAct, WriteLetter,
};
use DeskRole::{Approver, Clerk, Compliance, Operator};

/// Calls of the Desk service and the roles that may make them. The Worker service has no role: it
/// is asked with a code, on a listener of its own.
pub const TABLE: &[(Call, &[DeskRole])] = &[
    (Call::Status, &[Clerk, Approver, Operator, Compliance]),
    (Repair, &[Operator]),
    (AddPeer, &[Operator]),
    (InvitePeer, &[Operator]),
    (AcceptInvite, &[Operator]),
    (ListPeers, &[Clerk, Approver, Operator, Compliance]),
    (TestPeer, &[Operator]),
    (Propose, &[Approver]),
    (CounterPropose, &[Approver]),
    (Countersign, &[Approver]),
    (ActOnAgreement, &[Approver]),
    (Approve, &[Approver]),
    (ListAgreements, &[Clerk, Approver, Operator, Compliance]),
    (ShowAgreement, &[Clerk, Approver, Operator, Compliance]),
    (ListFindings, &[Approver, Operator, Compliance]),
    (AddVacancies, &[Clerk]),
    (ListVacancies, &[Clerk, Approver, Compliance]),
    (CloseVacancy, &[Clerk]),
    (SetCapacity, &[Clerk]),
    (ListCapacity, &[Clerk, Compliance]),
    (AskCapacity, &[Clerk]),
    (AddRule, &[Clerk]),
    (ListRules, &[Clerk, Approver, Compliance]),
    (RemoveRule, &[Clerk]),
    (Import, &[Clerk]),
    (Ask, &[Clerk]),
    (ListCases, &[Clerk, Compliance]),
    (Figures, &[Clerk]),
    (ShowCase, &[Clerk, Compliance]),
    (FindCases, &[Clerk]),
    (Act, &[Clerk]),
    (UndoAct, &[Clerk]),
    (HandOver, &[Clerk]),
    (OpenAgain, &[Clerk]),
    (ExportCase, &[Clerk, Compliance]),
    (AskSecond, &[Clerk]),
    (ListSeconds, &[Clerk, Approver, Operator]),
    (ApproveSecond, &[Approver]),
    (ExportApproved, &[Clerk]),
    (CarryOut, &[Operator]),
    (Reconcile, &[Operator, Compliance]),
    (ListReconciled, &[Operator, Compliance]),
    (SelfAudit, &[Operator, Compliance]),
    (PrintSlip, &[Clerk]),
    (AskLetter, &[Clerk]),
    (WriteLetter, &[Clerk]),
    (AnswerLetter, &[Clerk]),
    (AskStatement, &[Clerk]),
    (Erase, &[Clerk]),
    (EnterHold, &[Operator]),
    (ApproveHold, &[Approver]),
    (ListHolds, &[Approver, Operator, Compliance]),
    (BackUpKeyring, &[Operator]),
    (ListKeys, &[Approver, Operator, Compliance]),
    (PlaceKey, &[Operator]),
    (InstallManifest, &[Operator]),
    (ListDisputed, &[Approver, Operator, Compliance]),
    (ListPacks, &[Clerk, Approver, Operator, Compliance]),
    (ShowPack, &[Clerk, Approver, Operator, Compliance]),
    (ImportPack, &[Operator]),
];

impl Call {
    /// Its name in `desk.proto`.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Whether a role may make it.
    pub fn is_open_to(self, role: DeskRole) -> bool {
        TABLE.iter().any(|(call, roles)| *call == self && roles.contains(&role))
    }
}

/// Who called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The office and the token.
    pub actor: Actor,
    /// What the token may do.
    pub role: DeskRole,
}

/// Lets a caller in, or says why not. A token nobody holds and none at all are one answer.
pub(super) fn enter(
    tokens: &Tokens,
    call: Call,
    metadata: &MetadataMap,
) -> Result<Caller, Box<Status>> {
    let holder = shown(tokens, metadata);
    let Some(holder) = holder else { return Err(Box::new(answer::no_token())) };
    if !call.is_open_to(holder.role) {
        return Err(Box::new(answer::not_for_role(&call.name(), holder.role)));
    }
    let actor = Actor { office: holder.office.as_str().to_owned(), token: holder.name.clone() };
    Ok(Caller { actor, role: holder.role })
}

/// Lets a window in: the role opens the Keypad service and no desk, and no other role opens it.
pub(super) fn enter_window(tokens: &Tokens, metadata: &MetadataMap) -> Result<Actor, Box<Status>> {
    enter_as(tokens, metadata, &[DeskRole::Window], "Keypad")
}

/// Lets the desk of a grievance body in: the role opens the Grievance service and nothing else.
pub(super) fn enter_body(tokens: &Tokens, metadata: &MetadataMap) -> Result<Actor, Box<Status>> {
    enter_as(tokens, metadata, &[DeskRole::Body], "Grievance")
}

/// Lets compliance in: no other role opens the Audit service.
pub(super) fn enter_audit(tokens: &Tokens, metadata: &MetadataMap) -> Result<Actor, Box<Status>> {
    enter_as(tokens, metadata, &[DeskRole::Compliance], "Audit")
}

/// Lets operators in, to the Operate service.
pub(super) fn enter_operate(tokens: &Tokens, metadata: &MetadataMap) -> Result<Actor, Box<Status>> {
    enter_as(tokens, metadata, &[DeskRole::Operator], "Operate")
}

/// Lets these roles in, to the Rota service.
pub(super) fn enter_rota(
    tokens: &Tokens,
    metadata: &MetadataMap,
    roles: &[DeskRole],
) -> Result<Actor, Box<Status>> {
    enter_as(tokens, metadata, roles, "Rota")
}

/// Lets a helper in: the role opens the Help service and no desk.
pub(super) fn enter_help(tokens: &Tokens, metadata: &MetadataMap) -> Result<Actor, Box<Status>> {
    enter_as(tokens, metadata, &[DeskRole::Helper], "Help")
}

/// Lets an employer in: the role opens the Employ service and no desk.
pub(super) fn enter_employer(
    tokens: &Tokens,
    metadata: &MetadataMap,
) -> Result<Actor, Box<Status>> {
    enter_as(tokens, metadata, &[DeskRole::Employer], "Employ")
}

/// Lets the desk in that answers what an employer proposed.
pub(super) fn enter_posts(tokens: &Tokens, metadata: &MetadataMap) -> Result<Actor, Box<Status>> {
    enter_as(tokens, metadata, &[DeskRole::Clerk], "Posts")
}

/// Lets a liaison post in: the role opens the Liaise service and no desk.
pub(super) fn enter_liaison(tokens: &Tokens, metadata: &MetadataMap) -> Result<Actor, Box<Status>> {
    enter_as(tokens, metadata, &[DeskRole::Liaison], "Liaise")
}

/// Lets a system in: the role opens the Systems service and no desk.
pub(super) fn enter_system(tokens: &Tokens, metadata: &MetadataMap) -> Result<Caller, Box<Status>> {
    let actor = enter_as(tokens, metadata, &[DeskRole::System], "Systems")?;
    Ok(Caller { actor, role: DeskRole::System })
}

fn enter_as(
    tokens: &Tokens,
    metadata: &MetadataMap,
    roles: &[DeskRole],
    service: &str,
) -> Result<Actor, Box<Status>> {
    let holder = shown(tokens, metadata).ok_or_else(|| Box::new(answer::no_token()))?;
    if !roles.contains(&holder.role) {
        return Err(Box::new(answer::not_for_role(service, holder.role)));
    }
    Ok(Actor { office: holder.office.as_str().to_owned(), token: holder.name.clone() })
}

fn shown<'a>(tokens: &'a Tokens, metadata: &MetadataMap) -> Option<&'a Holder> {
    let shown = metadata.get("authorization").and_then(|value| value.to_str().ok());
    let token = shown.and_then(|text| text.strip_prefix("Bearer ")).map(str::trim);
    token.and_then(|token| tokens.holder(token))
}
