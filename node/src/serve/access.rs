//! Who may call what: one table of calls and roles. What is not in it is denied.
//!
//! `tests/access.txt` is the same table on paper; a test compares the two, and both with the
//! services of `desk.proto`.

use crate::command::Actor;
use crate::config::DeskRole;
use crate::serve::answer;
use crate::tokens::Tokens;
use tonic::Status;
use tonic::metadata::MetadataMap;

/// A call of the Desk service, by its name in `desk.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // named after the calls
pub enum Call {
    Status,
    AddPeer,
    ListPeers,
    Propose,
    Countersign,
    ActOnAgreement,
    ListAgreements,
    ShowAgreement,
    AddVacancies,
    ListVacancies,
    Import,
    Ask,
    ListCases,
    ShowCase,
    Act,
    ExportCase,
    PrintSlip,
    AskLetter,
    WriteLetter,
    AnswerLetter,
}

use Call::{
    Act, ActOnAgreement, AddPeer, AddVacancies, AnswerLetter, Ask, AskLetter, Countersign,
    ExportCase, Import, ListAgreements, ListCases, ListPeers, ListVacancies, PrintSlip, Propose,
    ShowAgreement, ShowCase, WriteLetter,
};
use DeskRole::{Approver, Clerk, Compliance, Operator};

/// Calls of the Desk service and the roles that may make them. The Worker service has no role: it
/// is asked with a code, on a listener of its own.
pub const TABLE: &[(Call, &[DeskRole])] = &[
    (Call::Status, &[Clerk, Approver, Operator, Compliance]),
    (AddPeer, &[Operator]),
    (ListPeers, &[Clerk, Approver, Operator, Compliance]),
    (Propose, &[Approver]),
    (Countersign, &[Approver]),
    (ActOnAgreement, &[Approver]),
    (ListAgreements, &[Clerk, Approver, Operator, Compliance]),
    (ShowAgreement, &[Clerk, Approver, Operator, Compliance]),
    (AddVacancies, &[Clerk]),
    (ListVacancies, &[Clerk, Approver, Compliance]),
    (Import, &[Clerk]),
    (Ask, &[Clerk]),
    (ListCases, &[Clerk, Compliance]),
    (ShowCase, &[Clerk, Compliance]),
    (Act, &[Clerk]),
    (ExportCase, &[Clerk, Compliance]),
    (PrintSlip, &[Clerk]),
    (AskLetter, &[Clerk]),
    (WriteLetter, &[Clerk]),
    (AnswerLetter, &[Clerk]),
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
    let shown = metadata.get("authorization").and_then(|value| value.to_str().ok());
    let token = shown.and_then(|text| text.strip_prefix("Bearer ")).map(str::trim);
    let holder = token.and_then(|token| tokens.holder(token));
    let Some(holder) = holder else { return Err(Box::new(answer::no_token())) };
    if !call.is_open_to(holder.role) {
        return Err(Box::new(answer::not_for_role(call, holder.role)));
    }
    let actor = Actor { office: holder.office.as_str().to_owned(), token: holder.name.clone() };
    Ok(Caller { actor, role: holder.role })
}
