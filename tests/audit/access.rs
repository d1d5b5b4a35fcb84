//! Nothing opens personal data without writing down who looked; where that cannot be written,
//! nothing is shown.

use crate::desk::Doors;
use jieli_node::command::{DeskCommand, Done};
use jieli_node::serve::access::{Call, TABLE};
use jieli_node::store::{Store, StoreOptions};
use jieli_proto::wire::audit_server::Audit;
use jieli_proto::wire::desk_server::Desk;
use jieli_proto::wire::keypad_server::Keypad;
use jieli_proto::wire::{self};
use jieli_tests::people::{home, person};
use jieli_tests::{Town, Towns, in_hand};
use prost::Message as _;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

const OFFICE: &str = "成都市住房和城乡建设局";

/// Cases of three persons: sent, with a letter to be written, and not asked yet.
struct Cases {
    sent: String,
    letter: String,
    draft: String,
}

impl Cases {
    async fn of(towns: &Towns) -> Cases {
        let kunming = &towns.kunming;
        let sent = kunming.import(vec![home(1)]).await.remove(0);
        kunming.ask_yes(&sent).await;
        let leg = kunming.legs(&sent).await[0].id;
        towns.ruian.reaches(leg, jieli_proto::case::Stage::Offered).await;
        let mut carried = home(2);
        carried.city = "成都".to_owned();
        let letter = kunming.import(vec![carried]).await.remove(0);
        let ask = wire::LetterRequest {
            case_number: letter.clone(),
            leg: 1,
            office_name: OFFICE.to_owned(),
        };
        let done = kunming.desk(DeskCommand::AskLetter(ask)).await.unwrap();
        assert!(matches!(done, Done::LetterSaid(_)));
        let sms = kunming.sms(&letter, "纸质信").await;
        kunming.answer(&sms, &[1]).await.unwrap();
        let draft = kunming.import(vec![home(3)]).await.remove(0);
        Cases { sent, letter, draft }
    }
}

/// What stands for a person: values, and the part of a bundle that holds them.
fn planted() -> Vec<Vec<u8>> {
    let mut all = vec![b"sections/".to_vec()];
    for serial in 1..=3 {
        let one = person(serial);
        all.extend([one.name, one.number, one.phone].map(String::into_bytes));
    }
    all
}

fn names_a_person(reply: &[u8]) -> bool {
    planted().iter().any(|value| reply.windows(value.len()).any(|part| part == value))
}

/// Makes a call; its reply as bytes, or nothing where it was refused.
macro_rules! ask {
    ($service:expr, $doors:expr, $token:expr, $call:ident, $request:expr) => {{
        let reply = $service.$call($doors.ask($token, $request)).await;
        reply.ok().map(|reply| reply.into_inner().encode_to_vec())
    }};
}

/// All steps of a call that tells how far it is.
async fn told<T: prost::Message>(
    mut steps: impl Stream<Item = Result<T, Status>> + Unpin,
) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(step) = steps.next().await {
        all.extend(step.ok()?.encode_to_vec());
    }
    Some(all)
}

async fn desk(doors: &Doors, call: Call, token: &str, cases: &Cases) -> Option<Vec<u8>> {
    use wire::{CaseRef, LetterRequest};
    let of = |case: &str, sections: bool| CaseRef {
        case_number: case.to_owned(),
        purpose: "核对信息".to_owned(),
        sections,
    };
    let letter =
        LetterRequest { case_number: cases.letter.clone(), leg: 1, office_name: OFFICE.to_owned() };
    macro_rules! plain {
        ($name:ident, $request:ident) => {
            ask!(doors.desk, doors, token, $name, wire::$request::default())
        };
    }
    macro_rules! steps {
        ($name:ident, $request:ident) => {{
            let request = doors.ask(token, wire::$request::default());
            match doors.desk.$name(request).await {
                Ok(reply) => told(reply.into_inner()).await,
                Err(_) => None,
            }
        }};
    }
    match call {
        Call::Status => plain!(status, StatusRequest),
        Call::AddPeer => plain!(add_peer, AddPeerRequest),
        Call::InvitePeer => plain!(invite_peer, InvitePeerRequest),
        Call::AcceptInvite => plain!(accept_invite, AcceptInviteRequest),
        Call::ListPeers => plain!(list_peers, ListPeersRequest),
        Call::TestPeer => plain!(test_peer, TestPeerRequest),
        Call::Propose => plain!(propose, ProposeRequest),
        Call::CounterPropose => plain!(counter_propose, CounterProposeRequest),
        Call::Countersign => plain!(countersign, CountersignRequest),
        Call::ActOnAgreement => plain!(act_on_agreement, AgreementActRequest),
        Call::Approve => plain!(approve, ApproveRequest),
        Call::ListAgreements => plain!(list_agreements, ListAgreementsRequest),
        Call::ShowAgreement => plain!(show_agreement, AgreementRef),
        Call::ListFindings => plain!(list_findings, ListFindingsRequest),
        Call::AddVacancies => plain!(add_vacancies, AddVacanciesRequest),
        Call::ListVacancies => plain!(list_vacancies, ListVacanciesRequest),
        Call::CloseVacancy => plain!(close_vacancy, VacancyRef),
        Call::SetCapacity => plain!(set_capacity, SetCapacityRequest),
        Call::ListCapacity => plain!(list_capacity, ListCapacityRequest),
        Call::AskCapacity => plain!(ask_capacity, AskCapacityRequest),
        Call::AddRule => plain!(add_rule, AcceptRule),
        Call::ListRules => plain!(list_rules, ListRulesRequest),
        Call::RemoveRule => plain!(remove_rule, RuleRef),
        Call::Import => {
            let drafts = vec![home(1)];
            let request = wire::ImportRequest { file_name: String::new(), drafts };
            ask!(doors.desk, doors, token, import, request)
        }
        Call::Ask => plain!(ask, AskRequest),
        Call::ListCases => plain!(list_cases, ListCasesRequest),
        Call::ShowCase => ask!(doors.desk, doors, token, show_case, of(&cases.sent, false)),
        Call::Act => plain!(act, ActRequest),
        Call::FindCases => {
            let number = person(1).number;
            let purpose = "办理业务".to_owned();
            let request = wire::FindCasesRequest { document: 1, number, purpose };
            ask!(doors.desk, doors, token, find_cases, request)
        }
        Call::UndoAct => plain!(undo_act, UndoRequest),
        Call::OpenAgain => plain!(open_again, OpenAgainRequest),
        Call::HandOver => plain!(hand_over, HandOverRequest),
        Call::ExportCase => ask!(doors.desk, doors, token, export_case, of(&cases.sent, true)),
        Call::AskSecond => {
            ask!(doors.desk, doors, token, ask_second, of(&cases.sent, true))
        }
        Call::ListSeconds => plain!(list_seconds, ListSecondsRequest),
        Call::ApproveSecond => {
            // What waits is approved, so that the next call has something to export.
            let list = doors.desk.list_seconds(doors.ask(token, Default::default())).await;
            let waits = list.ok().and_then(|list| list.into_inner().requests.into_iter().next());
            let one = waits.unwrap_or_default();
            let request = wire::ApproveSecondRequest { id: one.id, shown_digest: one.shown_digest };
            ask!(doors.desk, doors, token, approve_second, request)
        }
        Call::ExportApproved => {
            let list = doors.desk.list_seconds(doors.ask(token, Default::default())).await;
            let ready = list.ok().and_then(|list| list.into_inner().requests.into_iter().next());
            let request = wire::SecondRef { id: ready.unwrap_or_default().id };
            ask!(doors.desk, doors, token, export_approved, request)
        }
        Call::CarryOut => plain!(carry_out, SecondRef),
        Call::Reconcile => steps!(reconcile, ReconcileRequest),
        Call::SelfAudit => steps!(self_audit, SelfAuditRequest),
        Call::ListReconciled => plain!(list_reconciled, ListReconciledRequest),
        Call::PrintSlip => {
            let request = wire::SlipRequest { case_number: cases.sent.clone() };
            ask!(doors.desk, doors, token, print_slip, request)
        }
        Call::AskStatement => plain!(ask_statement, StatementRequest),
        Call::AskLetter => plain!(ask_letter, LetterRequest),
        Call::WriteLetter => ask!(doors.desk, doors, token, write_letter, letter),
        Call::AnswerLetter => plain!(answer_letter, LetterAnswer),
        Call::Erase => plain!(erase, EraseRequest),
        Call::EnterHold => plain!(enter_hold, HoldRequest),
        Call::ApproveHold => plain!(approve_hold, HoldRef),
        Call::ListHolds => plain!(list_holds, HoldsRequest),
        Call::BackUpKeyring => plain!(back_up_keyring, KeyringBackupRequest),
        Call::Figures => plain!(figures, AuditReportRequest),
        Call::ListPacks => plain!(list_packs, ListPacksRequest),
        Call::ShowPack => plain!(show_pack, PackRef),
        Call::ImportPack => plain!(import_pack, ImportPackRequest),
        Call::ListKeys => plain!(list_keys, ListKeysRequest),
        Call::PlaceKey => plain!(place_key, KeyPositionsRequest),
        Call::InstallManifest => plain!(install_manifest, InstallManifestRequest),
        Call::ListDisputed => plain!(list_disputed, ListDisputedRequest),
        Call::Repair => plain!(repair, RepairRequest),
    }
}

async fn sitting(doors: &Doors, cases: &Cases) -> Option<Vec<u8>> {
    let in_hand = Some(in_hand(&cases.draft, &person(3)));
    let request = wire::OpenSittingRequest { in_hand, ..Default::default() };
    ask!(doors.keypad, doors, "union", open_sitting, request)
}

/// Makes every call with every role; tells which of them named a person, and which were a look.
async fn walk(town: &Town, cases: &Cases) -> (Vec<String>, Vec<String>) {
    let doors = Doors::of(town);
    let (mut named, mut looked) = (Vec::new(), Vec::new());
    for (call, roles) in TABLE {
        for role in *roles {
            let before = looks(town).await;
            let reply = desk(&doors, *call, role.as_str(), cases).await;
            if reply.is_some_and(|reply| names_a_person(&reply)) {
                named.push(format!("{call:?} {}", role.as_str()));
            }
            if looks(town).await > before {
                looked.push(format!("{call:?} {}", role.as_str()));
            }
        }
    }
    let before = looks(town).await;
    if sitting(&doors, cases).await.is_some() {
        named.push("OpenSitting window".to_owned());
    }
    if looks(town).await > before {
        looked.push("OpenSitting window".to_owned());
    }
    (named, looked)
}

async fn looks(town: &Town) -> i64 {
    town.count("SELECT CAST(COUNT(*) AS BIGINT) FROM looked").await
}

/// Adds or removes something in a stopped city's database.
async fn change(town: &mut Town, sql: &'static str) {
    town.stop().await;
    let url = format!("sqlite:{}", town.dir.join("jieli.db").display());
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    let mut writer = store.writer();
    let mut tx = writer.begin().await.unwrap();
    tx.run(sql, Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    drop(writer);
    store.close().await;
    town.start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_names_a_person_is_a_look_and_without_one_nothing_does() {
    let mut towns = Towns::new().await;
    let cases = Cases::of(&towns).await;
    let (named, looked) = walk(&towns.kunming, &cases).await;
    let names =
        ["ShowCase clerk", "ExportApproved clerk", "WriteLetter clerk", "OpenSitting window"];
    for call in names {
        assert!(named.iter().any(|one| one == call), "{call} tells nothing here: {named:?}");
    }
    for call in &named {
        assert!(looked.contains(call), "{call} names a person and nobody wrote it down");
    }
    for call in ["Import clerk", "PrintSlip clerk"] {
        assert!(looked.iter().any(|one| one == call), "{call} is no look: {looked:?}");
    }
    // A disk that takes no look, and then one that takes no record: nobody is shown.
    for (fault, cure) in [
        (
            "CREATE TRIGGER full BEFORE INSERT ON looked BEGIN SELECT RAISE(ABORT, 'full'); END",
            "DROP TRIGGER full",
        ),
        (
            "CREATE TRIGGER full BEFORE INSERT ON log_leaf WHEN NEW.log = 'local' \
             BEGIN SELECT RAISE(ABORT, 'full'); END",
            "DROP TRIGGER full",
        ),
    ] {
        change(&mut towns.kunming, fault).await;
        let (named, _) = walk(&towns.kunming, &cases).await;
        assert!(named.is_empty(), "{named:?} with {fault}");
        change(&mut towns.kunming, cure).await;
    }
    let (named, _) = walk(&towns.kunming, &cases).await;
    assert!(named.iter().any(|one| one == "ShowCase clerk"), "{named:?}");
    towns.stop().await;
}

async fn log(doors: &Doors, most: u32, after: &str) -> wire::AccessLogReply {
    let (from, to, after) = (20_261_101, 20_261_231, after.to_owned());
    let ask = wire::AccessLogRequest { agreement_id: String::new(), from, to, after, most };
    doors.audit.access_log(doors.ask("compliance", ask)).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn compliance_reads_who_looked_at_which_sections_and_no_own_words() {
    let towns = Towns::new().await;
    let cases = Cases::of(&towns).await;
    let doors = Doors::of(&towns.kunming);
    let show = |purpose: &str| wire::CaseRef {
        case_number: cases.sent.clone(),
        purpose: purpose.to_owned(),
        sections: false,
    };
    for purpose in ["核对信息", &format!("打给{}", person(1).name)] {
        doors.desk.show_case(doors.ask("clerk", show(purpose))).await.unwrap();
        towns.clock.move_on(1_000);
    }
    sitting(&doors, &cases).await.unwrap();
    let found = log(&doors, 0, "").await;
    assert!(!names_a_person(&found.encode_to_vec()));
    let told: Vec<_> = found
        .looks
        .iter()
        .map(|look| (look.view.as_str(), look.system.as_str(), look.own_words))
        .collect();
    assert_eq!(
        told,
        [("case", "clerk", false), ("case", "clerk", true), ("window", "union", false)]
    );
    let first = &found.looks[0];
    assert_eq!((first.purpose_zh.as_str(), first.case_number.as_str()), ("核对信息", &*cases.sent));
    // What was entered here, and what was sent about a home; the person has not gone out yet.
    assert_eq!(first.legs, [wire::AccessLeg { number: 1, sections: vec![0, 3] }]);
    assert!(found.looks[2].legs[0].sections.is_empty());
    // Page by page it is the same.
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = log(&doors, 1, &after).await;
        paged.extend(page.looks);
        if page.next.is_empty() {
            break;
        }
        after = page.next;
    }
    assert_eq!(paged, found.looks);
    towns.stop().await;
}
