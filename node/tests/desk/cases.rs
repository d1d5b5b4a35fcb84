//! What desks see of cases.

use crate::city::{AGREEMENT, City, LABOUR};
use jieli_node::serve::CODE_KEY;
use jieli_node::store::log::{Log, head};
use jieli_proto::wire::desk_server::Desk;
use jieli_proto::wire::draft_field::Value;
use jieli_proto::wire::{self, Service};
use std::sync::atomic::Ordering;
use tonic::Code;

const NAME: &str = "欧阳·娜仁";
const NUMBER: &str = "999999199001010016";

fn number(section: u32, field: u32, value: u64) -> wire::DraftField {
    wire::DraftField { section, field, value: Some(Value::Number(value)) }
}

fn draft(document: &str) -> wire::Draft {
    let worker = wire::DraftPerson {
        name: NAME.to_owned(),
        document: 1,
        number: document.to_owned(),
        phone: "19912345678".to_owned(),
        ..wire::DraftPerson::default()
    };
    let child = wire::DraftPerson {
        document: 4,
        number: "E12345678".to_owned(),
        age_band: 1,
        ..worker.clone()
    };
    wire::Draft {
        row: 3,
        worker: Some(worker),
        city: "瑞安市".to_owned(),
        legs: vec![wire::DraftLeg {
            service: Service::Schooling.into(),
            person: Some(child),
            relation: 3,
            fields: vec![number(2, 1, 2), number(2, 2, 3), number(2, 3, 2)],
            item_code: 0,
        }],
    }
}

async fn import(city: &City, number: &str) -> wire::ImportedRow {
    let request = wire::ImportRequest { file_name: String::new(), drafts: vec![draft(number)] };
    let reply = city.desk.import(city.as_("clerk", request)).await.unwrap().into_inner();
    reply.rows.into_iter().next().unwrap()
}

async fn show(city: &City, token: &str, purpose: &str) -> Result<wire::CaseView, tonic::Status> {
    let request = wire::CaseRef {
        case_number: "2026-000001".to_owned(),
        purpose: purpose.to_owned(),
        sections: false,
    };
    city.desk.show_case(city.as_(token, request)).await.map(tonic::Response::into_inner)
}

async fn list(city: &City, token: &str, stage: &str) -> Result<wire::CaseList, tonic::Status> {
    let request = wire::ListCasesRequest { stage: stage.to_owned(), ..Default::default() };
    city.desk.list_cases(city.as_(token, request)).await.map(tonic::Response::into_inner)
}

async fn local_size(city: &City) -> u64 {
    head(&mut city.store.read().await.unwrap(), Log::Local).await.unwrap().unwrap().size
}

#[tokio::test]
async fn a_row_becomes_a_draft_once_and_a_wrong_one_is_named() {
    let city = City::new().await;
    let home = wire::DraftLeg {
        service: Service::Housing.into(),
        person: None,
        relation: 1,
        fields: [(1, 3), (2, 1)].map(|(field, value)| number(3, field, value)).to_vec(),
        item_code: 0,
    };
    let request = wire::ImportRequest {
        file_name: String::new(),
        drafts: vec![wire::Draft { legs: vec![home], ..draft(NUMBER) }],
    };
    for (code, legs) in [("draft", 1), ("duplicate", 0)] {
        let reply = city.desk.import(city.as_("clerk", request.clone())).await.unwrap();
        let row = reply.into_inner().rows.remove(0);
        assert_eq!((row.code.as_str(), row.legs), (code, legs));
        assert_eq!(row.case_number, "2026-000001");
    }
    // A corrected row corrects the draft: nobody was asked yet.
    let mut corrected = request.clone();
    let worker = corrected.drafts[0].worker.as_mut().unwrap();
    worker.phone = "19912345679".to_owned();
    for code in ["corrected", "duplicate"] {
        let reply = city.desk.import(city.as_("clerk", corrected.clone())).await.unwrap();
        let row = reply.into_inner().rows.remove(0);
        assert_eq!((row.code.as_str(), row.case_number.as_str()), (code, "2026-000001"));
    }
    let wrong = import(&city, "999999199001010017").await;
    assert_eq!((wrong.code.as_str(), wrong.case_number.as_str()), ("BAD_FIELD", ""));
    assert!(!format!("{}{}", wrong.say_zh, wrong.say_en).contains("99999"));
}

#[tokio::test]
async fn the_person_is_shown_to_the_own_office_with_a_purpose_alone() {
    let city = City::new().await;
    import(&city, NUMBER).await;
    let before = local_size(&city).await;
    let stages = show(&city, "clerk", "").await.unwrap();
    assert_eq!(stages.legs[0].line.as_ref().unwrap().stage, "DRAFT");
    assert_eq!(stages.legs[0].next, ["ask", "withdraw"]);
    assert!(stages.legs[0].fields.is_empty());
    assert_eq!(local_size(&city).await, before);
    let seen = show(&city, "clerk", "核对材料").await.unwrap();
    assert_eq!(local_size(&city).await, before + 1, "the purpose is in the log");
    let value = |name: &str| {
        seen.legs[0].fields.iter().find(|f| f.name_en == name).map(|f| f.value.clone())
    };
    assert_eq!(value("full name").as_deref(), Some(NAME));
    assert_eq!(value("stage").as_deref(), Some("小学 primary"));
    // Another office and the reviewer see no person; the other office not even the case.
    let other = show(&city, "schools", "好奇").await.unwrap_err();
    assert_eq!(other.code(), Code::NotFound);
    let unknown = wire::CaseRef { case_number: "2026-999999".into(), ..Default::default() };
    let unknown = city.desk.show_case(city.as_("schools", unknown)).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let reviewer = show(&city, "compliance", "审计").await.unwrap();
    assert!(reviewer.legs[0].fields.is_empty() && reviewer.legs[0].next.is_empty());
    assert!(!format!("{reviewer:?}").contains(NAME));
    let long = show(&city, "clerk", &"长".repeat(201)).await.unwrap_err();
    assert_eq!(long.metadata().get(CODE_KEY).unwrap(), "BAD_PURPOSE");
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_shown() {
    let city = City::new().await;
    import(&city, NUMBER).await;
    city.stop_writer().await;
    assert_eq!(show(&city, "clerk", "核对").await.unwrap_err().code(), Code::Unavailable);
    assert!(show(&city, "clerk", "").await.is_ok());
}

#[tokio::test]
async fn who_was_asked_is_counted_and_never_listed() {
    let city = City::new().await;
    import(&city, NUMBER).await;
    assert_eq!(list(&city, "clerk", "DRAFT").await.unwrap().cases.len(), 1);
    let asked = city.desk.ask(city.as_("clerk", wire::AskRequest::default())).await.unwrap();
    assert_eq!(asked.into_inner().asked, 1);
    let all = list(&city, "clerk", "").await.unwrap();
    assert_eq!((all.cases.len(), all.awaiting, all.next.as_str()), (0, 1, ""));
    let refused = list(&city, "clerk", "AWAITING_CONSENT").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let waiting = show(&city, "clerk", "核对").await.unwrap();
    assert_eq!(waiting.legs[0].line.as_ref().unwrap().stage, "AWAITING_CONSENT");
    assert!(waiting.legs[0].fields.is_empty());
    // Stopped before anything left: no page tells that from silence.
    let act = wire::act_request::Act::Withdraw(wire::DeskWithdraw {});
    let stop = wire::ActRequest { case_number: "2026-000001".into(), leg: 1, act: Some(act) };
    city.desk.act(city.as_("clerk", stop)).await.unwrap();
    assert_eq!(show(&city, "clerk", "核对").await.unwrap(), waiting);
    assert_eq!(list(&city, "clerk", "").await.unwrap(), all);
    assert_eq!(list(&city, "schools", "").await.unwrap().awaiting, 0);
    assert_eq!(list(&city, "compliance", "").await.unwrap().awaiting, 1);
    city.clock.0.fetch_add(15 * 86_400_000, Ordering::Relaxed);
    assert_eq!(list(&city, "clerk", "").await.unwrap().awaiting, 0);
}

#[tokio::test]
async fn status_peers_agreements_vacancies() {
    let city = City::new().await;
    import(&city, NUMBER).await;
    let status = city.desk.status(city.as_("operator", wire::StatusRequest {})).await.unwrap();
    let status = status.into_inner();
    assert_eq!((status.city_id.as_str(), status.name.as_str()), ("kunming.yn", "昆明"));
    assert_eq!(status.local.unwrap().size, 1);
    assert_eq!(status.exchange.unwrap().size, 0);
    assert!(status.alarms.iter().any(|alarm| alarm.contains("root")), "{:?}", status.alarms);
    let peers =
        city.desk.list_peers(city.as_("operator", wire::ListPeersRequest {})).await.unwrap();
    assert_eq!(peers.into_inner().peers[0].city_id, "ruian.zj");
    let id = AGREEMENT.hex();
    let shown = wire::AgreementRef { agreement_id: id.clone() };
    let shown = city.desk.show_agreement(city.as_("clerk", shown)).await.unwrap().into_inner();
    assert_eq!((shown.state.as_str(), shown.version, &shown.agreement_id), ("ACTIVE", 1, &id));
    for part in [LABOUR, "甲方", "school_outcome", "本人同意", "有效期：2026-01-01", "受理 2"]
    {
        assert!(shown.text_zh.contains(part), "{part}\n{}", shown.text_zh);
    }
    for part in ["Party B", "child", "own consent", "TAKE_UP 2", "no target exists: yes"] {
        assert!(shown.text_en.contains(part) || part == "child", "{part}\n{}", shown.text_en);
    }
    let unknown = wire::AgreementRef { agreement_id: "00".repeat(16) };
    let unknown = city.desk.show_agreement(city.as_("clerk", unknown)).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    let all = city.desk.list_vacancies(city.as_("clerk", wire::ListVacanciesRequest {})).await;
    assert!(all.unwrap().into_inner().vacancies.is_empty());
    let _unused = &city.house;
}

fn word<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> String {
    let Err(status) = answer else { panic!("an answer") };
    let message = status.message();
    assert!(message.chars().any(|c| c > '\u{4e00}') && message.contains(' '), "{message}");
    status.metadata().get(CODE_KEY).unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_option_that_cannot_stand_is_named_and_nothing_waits_in_a_draft() {
    let city = City::new().await;
    import(&city, NUMBER).await;
    let list = |ask: wire::ListCasesRequest| city.desk.list_cases(city.as_("clerk", ask));
    let never = wire::ListCasesRequest { due: "never".to_owned(), ..Default::default() };
    let status = list(never).await.unwrap_err();
    assert!(status.message().contains("--due"), "{status}");
    let page = wire::ListCasesRequest { after: "2026-000001".to_owned(), ..Default::default() };
    assert_eq!(word(list(page).await), "BAD_OPTION");
    // A draft has no due date: it stands behind all that waits.
    let all = list(wire::ListCasesRequest::default()).await.unwrap().into_inner();
    assert_eq!(all.cases[0].legs[0].stage, "DRAFT");
    assert_eq!(all.counts.unwrap(), wire::QueueCounts::default());
    for due in ["overdue", "today", "week"] {
        let ask = wire::ListCasesRequest { due: due.to_owned(), ..Default::default() };
        assert!(list(ask).await.unwrap().into_inner().cases.is_empty(), "{due}");
    }
    let undo = |number: &str| wire::UndoRequest { case_number: number.to_owned(), leg: 1 };
    let mine = city.desk.undo_act(city.as_("clerk", undo("2026-000001"))).await;
    assert_eq!(word(mine), "NOTHING_TO_UNDO");
    let other = city.desk.undo_act(city.as_("schools", undo("2026-000001"))).await;
    assert_eq!(word(other), "NOT_FOUND");
    let unknown = city.desk.undo_act(city.as_("clerk", undo("2026-000009"))).await;
    assert_eq!(word(unknown), "NOT_FOUND");
    let over = wire::HandOverRequest {
        case_number: "2026-000001".to_owned(),
        leg: 1,
        to_token: "schools".to_owned(),
    };
    assert_eq!(word(city.desk.hand_over(city.as_("clerk", over)).await), "NOT_TAKEN_UP");
    let act = wire::act_request::Act::TakeUp(wire::DeskTakeUp {});
    let act = wire::ActRequest { case_number: "2026-000001".into(), leg: 1, act: Some(act) };
    assert_eq!(word(city.desk.act(city.as_("clerk", act)).await), "NOT_SENT");
}
