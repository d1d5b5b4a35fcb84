//! Every call with every role: it is let in exactly where the table says so.

use crate::city::{City, directory};
use jieli_node::config::DeskRole;
use jieli_node::serve::CODE_KEY;
use jieli_node::serve::access::{Call, TABLE};
use jieli_proto::wire::desk_server::Desk;
use jieli_proto::wire::keypad_server::Keypad;
use jieli_proto::wire::worker_server::Worker;
use jieli_proto::wire::{self};
use tonic::{Code, Request, Status};

/// Makes a call that says nothing of use, and tells how it was refused, if it was.
macro_rules! ask {
    ($city:expr, $make:expr, $call:ident, $request:ident) => {
        $city.desk.$call($make(wire::$request::default())).await.err()
    };
}

/// A request with a token or without.
trait Make {
    fn make<T>(&self, message: T) -> Request<T>;
}

struct With<'a>(&'a City, &'a str);

impl Make for With<'_> {
    fn make<T>(&self, message: T) -> Request<T> {
        if self.1.is_empty() { Request::new(message) } else { self.0.as_(self.1, message) }
    }
}

async fn call(city: &City, call: Call, with: &With<'_>) -> Option<Status> {
    match call {
        Call::Status => ask!(city, |m| with.make(m), status, StatusRequest),
        Call::Repair => ask!(city, |m| with.make(m), repair, RepairRequest),
        Call::AddPeer => ask!(city, |m| with.make(m), add_peer, AddPeerRequest),
        Call::InvitePeer => ask!(city, |m| with.make(m), invite_peer, InvitePeerRequest),
        Call::AcceptInvite => ask!(city, |m| with.make(m), accept_invite, AcceptInviteRequest),
        Call::TestPeer => ask!(city, |m| with.make(m), test_peer, TestPeerRequest),
        Call::ListPeers => ask!(city, |m| with.make(m), list_peers, ListPeersRequest),
        Call::Propose => ask!(city, |m| with.make(m), propose, ProposeRequest),
        Call::CounterPropose => {
            ask!(city, |m| with.make(m), counter_propose, CounterProposeRequest)
        }
        Call::Approve => ask!(city, |m| with.make(m), approve, ApproveRequest),
        Call::Countersign => ask!(city, |m| with.make(m), countersign, CountersignRequest),
        Call::ActOnAgreement => {
            ask!(city, |m| with.make(m), act_on_agreement, AgreementActRequest)
        }
        Call::ListAgreements => {
            ask!(city, |m| with.make(m), list_agreements, ListAgreementsRequest)
        }
        Call::ShowAgreement => ask!(city, |m| with.make(m), show_agreement, AgreementRef),
        Call::AddVacancies => ask!(city, |m| with.make(m), add_vacancies, AddVacanciesRequest),
        Call::ListVacancies => ask!(city, |m| with.make(m), list_vacancies, ListVacanciesRequest),
        Call::CloseVacancy => ask!(city, |m| with.make(m), close_vacancy, VacancyRef),
        Call::SetCapacity => ask!(city, |m| with.make(m), set_capacity, SetCapacityRequest),
        Call::ListCapacity => ask!(city, |m| with.make(m), list_capacity, ListCapacityRequest),
        Call::AskCapacity => ask!(city, |m| with.make(m), ask_capacity, AskCapacityRequest),
        Call::AddRule => ask!(city, |m| with.make(m), add_rule, AcceptRule),
        Call::ListFindings => ask!(city, |m| with.make(m), list_findings, ListFindingsRequest),
        Call::ListRules => ask!(city, |m| with.make(m), list_rules, ListRulesRequest),
        Call::RemoveRule => ask!(city, |m| with.make(m), remove_rule, RuleRef),
        Call::Import => ask!(city, |m| with.make(m), import, ImportRequest),
        Call::Ask => ask!(city, |m| with.make(m), ask, AskRequest),
        Call::ListCases => ask!(city, |m| with.make(m), list_cases, ListCasesRequest),
        Call::ShowCase => ask!(city, |m| with.make(m), show_case, CaseRef),
        Call::FindCases => ask!(city, |m| with.make(m), find_cases, FindCasesRequest),
        Call::Act => ask!(city, |m| with.make(m), act, ActRequest),
        Call::UndoAct => ask!(city, |m| with.make(m), undo_act, UndoRequest),
        Call::OpenAgain => ask!(city, |m| with.make(m), open_again, OpenAgainRequest),
        Call::HandOver => ask!(city, |m| with.make(m), hand_over, HandOverRequest),
        Call::ExportCase => ask!(city, |m| with.make(m), export_case, CaseRef),
        Call::AskSecond => ask!(city, |m| with.make(m), ask_second, CaseRef),
        Call::ListSeconds => ask!(city, |m| with.make(m), list_seconds, ListSecondsRequest),
        Call::ApproveSecond => ask!(city, |m| with.make(m), approve_second, ApproveSecondRequest),
        Call::ExportApproved => ask!(city, |m| with.make(m), export_approved, SecondRef),
        Call::CarryOut => ask!(city, |m| with.make(m), carry_out, SecondRef),
        Call::Reconcile => ask!(city, |m| with.make(m), reconcile, ReconcileRequest),
        Call::SelfAudit => ask!(city, |m| with.make(m), self_audit, SelfAuditRequest),
        Call::ListReconciled => {
            ask!(city, |m| with.make(m), list_reconciled, ListReconciledRequest)
        }
        Call::PrintSlip => ask!(city, |m| with.make(m), print_slip, SlipRequest),
        Call::AskStatement => ask!(city, |m| with.make(m), ask_statement, StatementRequest),
        Call::AskLetter => ask!(city, |m| with.make(m), ask_letter, LetterRequest),
        Call::WriteLetter => ask!(city, |m| with.make(m), write_letter, LetterRequest),
        Call::AnswerLetter => ask!(city, |m| with.make(m), answer_letter, LetterAnswer),
        Call::Erase => ask!(city, |m| with.make(m), erase, EraseRequest),
        Call::EnterHold => ask!(city, |m| with.make(m), enter_hold, HoldRequest),
        Call::ApproveHold => ask!(city, |m| with.make(m), approve_hold, HoldRef),
        Call::ListHolds => ask!(city, |m| with.make(m), list_holds, HoldsRequest),
        Call::BackUpKeyring => {
            ask!(city, |m| with.make(m), back_up_keyring, KeyringBackupRequest)
        }
        Call::Figures => ask!(city, |m| with.make(m), figures, AuditReportRequest),
        Call::ListKeys => ask!(city, |m| with.make(m), list_keys, ListKeysRequest),
        Call::PlaceKey => ask!(city, |m| with.make(m), place_key, KeyPositionsRequest),
        Call::InstallManifest => {
            ask!(city, |m| with.make(m), install_manifest, InstallManifestRequest)
        }
        Call::ListPacks => ask!(city, |m| with.make(m), list_packs, ListPacksRequest),
        Call::ShowPack => ask!(city, |m| with.make(m), show_pack, PackRef),
        Call::ImportPack => ask!(city, |m| with.make(m), import_pack, ImportPackRequest),
        Call::ListDisputed => ask!(city, |m| with.make(m), list_disputed, ListDisputedRequest),
    }
}

#[tokio::test]
async fn every_role_gets_exactly_what_the_table_gives_it() {
    let city = City::new().await;
    assert_eq!(directory(&city).bonds.len(), 1);
    for (asked, roles) in TABLE {
        for role in DeskRole::ALL {
            let refused = call(&city, *asked, &With(&city, role.as_str())).await;
            let word = refused.as_ref().and_then(|status| status.metadata().get(CODE_KEY));
            let is_out = word.is_some_and(|word| word == "NOT_FOR_ROLE");
            assert_eq!(!is_out, roles.contains(&role), "{asked:?} {role:?}");
            assert_eq!(
                is_out,
                refused.as_ref().is_some_and(|s| s.code() == Code::PermissionDenied),
                "{asked:?} {role:?} {refused:?}"
            );
            assert!(refused.is_none_or(|status| status.code() != Code::Internal));
        }
        let nobody = call(&city, *asked, &With(&city, "")).await.unwrap();
        assert_eq!(nobody.code(), Code::Unauthenticated, "{asked:?}");
    }
}

#[tokio::test]
async fn wrong_tokens_are_nobody() {
    let city = City::new().await;
    for shown in ["", "Bearer", "Bearer ", "bearer 00", &format!("Bearer {}", "0".repeat(64))] {
        let mut request = Request::new(wire::StatusRequest {});
        request.metadata_mut().insert("authorization", shown.parse().unwrap());
        let refused = city.desk.status(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{shown}");
    }
}

#[tokio::test]
async fn the_worker_needs_the_code_and_a_token_does_not_help() {
    let city = City::new().await;
    for token in DeskRole::ALL {
        let open = wire::OpenRequest { code: "12345678".into(), case_number: "2026-000001".into() };
        let refused = city.worker.open(city.as_(token.as_str(), open)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert_eq!(refused.metadata().get(CODE_KEY).unwrap(), "WRONG_CODE");
    }
    for token in DeskRole::ALL {
        let open = wire::OpenRequest { code: "12345678".into(), case_number: "2026-000001".into() };
        // V19: no role gets the person's copy, nor the person's own slip.
        let copy = city.worker.copy(city.as_(token.as_str(), open.clone())).await.unwrap_err();
        let slip = city.worker.slip(city.as_(token.as_str(), open)).await.unwrap_err();
        for refused in [copy, slip] {
            assert_eq!(refused.metadata().get(CODE_KEY).unwrap(), "WRONG_CODE");
        }
    }
    let answer = wire::AnswerRequest { yes: vec![1], ..Default::default() };
    assert!(city.worker.answer(Request::new(answer)).await.is_err());
    assert!(city.worker.withdraw(Request::new(wire::WithdrawRequest::default())).await.is_err());
}

#[tokio::test]
async fn the_keypad_is_for_windows_alone() {
    let city = City::new().await;
    let keypad = &city.keypad;
    for role in DeskRole::ALL {
        let with = With(&city, role.as_str());
        let answers = [
            keypad.open_sitting(with.make(wire::OpenSittingRequest::default())).await.err(),
            keypad.answer_sitting(with.make(wire::AnswerSittingRequest::default())).await.err(),
            keypad.stop(with.make(wire::StopRequest::default())).await.err(),
            keypad.set_window_pin(with.make(wire::SetWindowPinRequest::default())).await.err(),
            keypad.reopen_at_window(with.make(wire::ReopenAtWindowRequest::default())).await.err(),
            keypad.tell_guardian(with.make(wire::TellGuardianRequest::default())).await.err(),
            keypad.list_bodies_at_window(with.make(wire::InHand::default())).await.err(),
            keypad.file_at_window(with.make(wire::FileAtWindowRequest::default())).await.err(),
        ];
        for refused in answers {
            let word = refused.as_ref().and_then(|status| status.metadata().get(CODE_KEY));
            let is_out = word.is_some_and(|word| word == "NOT_FOR_ROLE");
            assert_eq!(is_out, role != DeskRole::Window, "{role:?} {refused:?}");
        }
    }
    let nobody = Request::new(wire::StopRequest::default());
    assert_eq!(keypad.stop(nobody).await.unwrap_err().code(), Code::Unauthenticated);
    // A second officer who is nobody is no second officer.
    let witness = "0".repeat(64);
    let ask = wire::OpenSittingRequest { witness, ..Default::default() };
    let refused = keypad.open_sitting(city.as_("window", ask)).await.unwrap_err();
    assert_eq!(refused.metadata().get(CODE_KEY).unwrap(), "BAD_WITNESS");
}
