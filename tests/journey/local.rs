//! Both offices in one city: the same law, with no agreement, and nothing of it in the exchange log.

use jieli_node::command::{DeskCommand, Done, WorkerCommand};
use jieli_node::evidence;
use jieli_node::writer::{CrashAt, Failure, Step};
use jieli_proto::bundle::{SectionVerdict, verify};
use jieli_proto::case::{Side, Stage};
use jieli_proto::envelope;
use jieli_proto::id::LegId;
use jieli_proto::kinds::Kind;
use jieli_proto::leaf::Leaf;
use jieli_proto::message::{check_local, check_message};
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_tests::people;
use jieli_tests::{
    DISTRICT, HOUR_MS, LABOUR_HERE, SCHOOLS, TestPg, Town, Towns, Within, eventually, give_offices,
    sqlite,
};
use prost::Message as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CLERK: &str = "clerk";
const FAR: &str = "district";

fn take_up() -> Act {
    Act::TakeUp(wire::DeskTakeUp {})
}

fn accept() -> Act {
    Act::Accept(wire::DeskAccept::default())
}

fn denied(result: Result<wire::ActReply, Failure>) -> &'static str {
    let Err(Failure::Denied(denied)) = result else { panic!("{result:?}") };
    denied.code
}

/// The fields of a leg that a desk reads, as one text.
fn fields(view: &wire::CaseView) -> String {
    let all = view.legs.iter().flat_map(|leg| &leg.fields);
    all.map(|field| format!("{}={}\n", field.name_en, field.value)).collect()
}

async fn names_person(town: &Town, token: &str, case: &str, person: &wire::DraftPerson) -> bool {
    let view = town.case_seen(token, case, "test").await.unwrap();
    fields(&view).contains(&person.number)
}

/// What two offices said to each other, in order, as the node stored it.
async fn said(town: &Town) -> Vec<wire::Envelope> {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT envelope FROM local_envelope ORDER BY place";
    let rows = conn.rows(sql, Vec::new()).await.unwrap();
    rows.iter()
        .map(|row| wire::Envelope::decode(row.bytes(0).unwrap().as_slice()).unwrap())
        .collect()
}

/// Every message has the local form, and no other city would take it for one to itself; and its leaf
/// stands in the local log.
async fn well_kept(town: &Town) {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT data FROM log_leaf WHERE log = 'local' ORDER BY idx";
    let rows = conn.rows(sql, Vec::new()).await.unwrap();
    let records: Vec<Vec<u8>> = rows.iter().map(|row| row.bytes(0).unwrap()).collect();
    let all = said(town).await;
    assert!(!all.is_empty());
    for sealed in all {
        let message: wire::Message = envelope::payload(&sealed).unwrap();
        let facts = check_local(&message).unwrap();
        assert_eq!(check_message(&message).unwrap_err().field, "recipient");
        let leaf = Leaf {
            kind: Kind::Message.number(),
            suite: 1,
            lane: facts.head.lane.number(),
            agreement_id: [0; 16],
            lane_seq: facts.head.lane_seq,
            env_digest: envelope::env_digest(&sealed).0,
            key_fpr: sealed.key_fpr.as_slice().try_into().unwrap(),
            sig: sealed.sig.as_slice().try_into().unwrap(),
            payload_type_tag: jieli_proto::leaf::payload_type_tag(&sealed.payload_type),
        };
        let held = records.iter().filter(|data| data.ends_with(&leaf.to_bytes())).count();
        assert_eq!(held, 1, "{:?} stands once in the local log", facts.kind);
    }
}

async fn job(city: Within) {
    let (town, before) = (&city.town, city.exchanged().await);
    let case = city.job().await;
    let leg = town.leg_for(&case, Service::Employment).await;
    let person = people::single(1)[0].worker.clone().unwrap();
    town.ask_yes(&case).await;
    // Before the yes takes effect the other office knows of nothing.
    assert!(town.case_seen(FAR, &case, "").await.is_err());
    assert!(town.queue(FAR, wire::ListCasesRequest::default()).await.cases.is_empty());
    city.next_working_day();
    town.reaches(leg, Stage::Offered).await;
    let view = town.case_seen(FAR, &case, "test").await.unwrap();
    let line = view.legs[0].line.clone().unwrap();
    assert_eq!((line.our_side.as_str(), line.stage.as_str()), ("examiner", "OFFERED"));
    assert!(fields(&view).contains("V-2026"), "phase A is there: {}", fields(&view));
    assert!(!names_person(town, FAR, &case, &person).await, "identity comes with RELEASE");
    let counts = async |token: &str| {
        let counts = town.queue(token, wire::ListCasesRequest::default()).await.counts.unwrap();
        (counts.ours, counts.theirs)
    };
    assert_eq!((counts(FAR).await, counts(CLERK).await), ((1, 0), (0, 1)));
    // Neither desk takes the other's steps, and a third office has none.
    assert_eq!(denied(town.act_of(LABOUR_HERE, leg, take_up()).await), "ILLEGAL_STEP");
    assert_eq!(denied(town.act_of(SCHOOLS[0], leg, take_up()).await), "NOT_FOUND");
    city.acts(DISTRICT, leg, take_up()).await;
    city.acts(DISTRICT, leg, accept()).await;
    let sms = town.sms(&case, "请至少看一天").await;
    town.open(&sms).await.unwrap();
    city.clock.move_on(24 * HOUR_MS);
    town.answer(&sms, &[1]).await.unwrap();
    assert!(!names_person(town, FAR, &case, &person).await, "the yes to the terms waits");
    city.next_working_day();
    town.reaches(leg, Stage::Released).await;
    assert!(names_person(town, FAR, &case, &person).await);
    // V22: the office that got the person says so, and names the one that sent it.
    let arrival = town.sms(&case, "说您申请了").await;
    assert!(arrival.text.contains("昆明市人力资源和社会保障局"), "{}", arrival.text);
    // V3: no result before the private ballot.
    let terms = hex::encode(town.leg(leg).await.law.state().terms.unwrap_or_default());
    let outcome = people::outcome(Service::Employment, &terms);
    city.acts(DISTRICT, leg, Act::Outcome(outcome)).await;
    let ballot = town.sms(&case, "私下问您").await;
    assert_eq!(town.stage(leg).await, Some(Stage::Released));
    town.answer(&ballot, &[1]).await.unwrap();
    town.reaches(leg, Stage::Fulfilled).await;
    // V20: who sent the person sees the stage, not the employer.
    let sender = fields(&town.case_seen(CLERK, &case, "test").await.unwrap());
    assert!(sender.contains(&person.number) && !sender.contains("91999999MA0000218Q"), "{sender}");
    let receiver = fields(&town.case_seen(FAR, &case, "test").await.unwrap());
    assert!(receiver.contains("91999999MA0000218Q"));
    let done = town.sms(&case, "对方机构说已办成").await;
    town.answer(&done, &[1]).await.unwrap();
    town.reaches(leg, Stage::Completed).await;
    let file = town.leg(leg).await;
    assert_eq!(file.our_side, Side::Initiator);
    for (token, side) in [(CLERK, "initiator"), (FAR, "examiner")] {
        let line = town.case_seen(token, &case, "").await.unwrap().legs[0].line.clone().unwrap();
        assert_eq!((line.our_side.as_str(), line.settled), (side, true));
    }
    assert_eq!(city.exchanged().await, before, "nothing of it is exchanged");
    well_kept(town).await;
    assert_eq!(town.alarms().await, Vec::<String>::new());
    let mut town = city.town;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_between_two_offices_of_one_city_from_import_to_complete() {
    job(Within::new(sqlite()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_between_two_offices_of_one_city_on_postgres() {
    job(Within::new(TestPg::create("local").await.unwrap().database()).await).await;
}

/// To RELEASED, and the leg.
async fn released(city: &Within, case: &str) -> LegId {
    let leg = city.town.leg_for(case, Service::Schooling).await;
    city.town.ask_yes(case).await;
    city.acts(SCHOOLS[0], leg, take_up()).await;
    city.acts(SCHOOLS[0], leg, accept()).await;
    city.town.reaches(leg, Stage::Released).await;
    leg
}

#[tokio::test(flavor = "multi_thread")]
async fn a_school_place_within_a_city_that_has_peers() {
    let mut towns = Towns::new().await;
    towns.kunming.stop().await;
    give_offices(&towns.kunming);
    towns.kunming.start().await;
    towns.settled().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let size = |town: &Town| town.node().hand().published().exchange.size;
    let before = (size(kunming), size(ruian));
    let mut draft = people::row(people::FAMILY);
    draft.legs.retain(|leg| leg.service() == Service::Schooling);
    draft.city = "昆明市".to_owned();
    let child = draft.legs[0].person.clone().unwrap();
    let case = kunming.import(vec![draft]).await.remove(0);
    let leg = kunming.leg_for(&case, Service::Schooling).await;
    kunming.ask_yes(&case).await;
    kunming.act_of(SCHOOLS[0], leg, take_up()).await.unwrap();
    assert!(!names_person(kunming, "school-clerk", &case, &child).await);
    kunming.act_of(SCHOOLS[0], leg, accept()).await.unwrap();
    kunming.reaches(leg, Stage::Released).await;
    assert!(names_person(kunming, "school-clerk", &case, &child).await);
    let outcome = Act::Outcome(people::outcome(Service::Schooling, ""));
    eventually("the outcome", async || {
        kunming.act_of(SCHOOLS[0], leg, outcome.clone()).await.is_ok()
    })
    .await;
    let done = kunming.sms(&case, "对方机构说已办成").await;
    kunming.answer(&done, &[1]).await.unwrap();
    kunming.reaches(leg, Stage::Completed).await;
    towns.settled().await;
    assert_eq!((size(kunming), size(ruian)), before);
    assert!(ruian.find(leg).await.is_none());
    let frames = towns.from_kunming();
    assert!(!frames.is_empty());
    let mut never: Vec<Vec<u8>> =
        people::secrets([&child]).into_iter().map(String::into_bytes).collect();
    never.push(leg.to_vec());
    for bytes in never {
        let said = |frame: &Vec<u8>| frame.windows(bytes.len()).any(|part| part == bytes);
        assert!(!frames.iter().any(said), "{bytes:?} left the city");
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn medical_cover_is_pulled_from_another_office_of_the_city() {
    let city = Within::new(sqlite()).await;
    let (town, before) = (&city.town, city.exchanged().await);
    let mut draft = people::medical();
    draft.city = "昆明市".to_owned();
    let person = draft.worker.clone().unwrap();
    let case = town.import(vec![draft]).await.remove(0);
    let leg = town.leg_for(&case, Service::Insurance).await;
    assert!(town.case_seen("medical-clerk", &case, "").await.is_err());
    town.ask_yes(&case).await;
    town.reaches(leg, Stage::Offered).await;
    // A pull REQUEST carries the person at once: the holder has to find the record.
    assert!(names_person(town, "medical-clerk", &case, &person).await);
    town.sms(&case, "说您申请了").await;
    let office = town.leg(leg).await.their_office;
    city.acts(&office, leg, take_up()).await;
    let outcome = people::outcome(Service::Insurance, "");
    city.acts(&office, leg, Act::Outcome(outcome)).await;
    town.reaches(leg, Stage::Fulfilled).await;
    let ours = town.leg(leg).await.our_office;
    city.acts(&ours, leg, Act::Cover(wire::DeskCover { covered_from: 20261201 })).await;
    let done = town.sms(&case, "对方机构说已办成").await;
    town.answer(&done, &[1]).await.unwrap();
    town.reaches(leg, Stage::Completed).await;
    assert_eq!(city.exchanged().await, before);
    well_kept(town).await;
    let mut town = city.town;
    town.stop().await;
}

/// A writer that dies at a step of the n-th batch from now.
fn crash_at(step: Step, n: u64) -> CrashAt {
    let reached = AtomicU64::new(0);
    Arc::new(move |at| at == step && reached.fetch_add(1, Ordering::SeqCst) + 1 == n)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_middle_of_a_step_leaves_all_of_it_or_nothing() {
    for step in Step::ALL {
        let mut city = Within::new(sqlite()).await;
        let case = city.school().await;
        let leg = city.town.leg_for(&case, Service::Schooling).await;
        city.town.ask_yes(&case).await;
        city.acts(SCHOOLS[0], leg, take_up()).await;
        let before = city.town.types(leg).await;
        city.town.stop().await;
        city.town.start_to_crash(Some(crash_at(step, 1))).await;
        assert!(city.town.act_of(SCHOOLS[0], leg, accept()).await.is_err());
        city.town.dies().await;
        city.town.start().await;
        let durable = matches!(step, Step::Committed | Step::Marked | Step::Signed);
        if durable {
            city.town.reaches(leg, Stage::Released).await;
        } else {
            assert_eq!(city.town.types(leg).await, before, "{step:?}");
            city.acts(SCHOOLS[0], leg, accept()).await;
            city.town.reaches(leg, Stage::Released).await;
        }
        let types = city.town.types(leg).await;
        let accepts = types.iter().filter(|ty| **ty == MessageType::Accept).count();
        assert_eq!(accepts, 1, "{step:?}");
        well_kept(&city.town).await;
        city.town.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_stops_in_every_stage_and_everything_is_erased_once() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let kept = async |leg: LegId| {
        let mut conn = town.node().store().read().await.unwrap();
        let sql = "SELECT (SELECT COUNT(*) FROM section_data WHERE leg_id = $1) \
                   + (SELECT COUNT(*) FROM blind_index WHERE leg_id = $1)";
        conn.one(sql, vec![leg.to_vec().into()]).await.unwrap().int(0).unwrap()
    };
    for stage in [Stage::Offered, Stage::TakenUp, Stage::Accepted, Stage::Released] {
        let mut draft = jieli_tests::people::row(people::FAMILY);
        let serial = 400 + stage as u32;
        draft.legs.retain(|leg| leg.service() == Service::Schooling);
        draft.legs[0].person = Some(people::person_born(serial, 2015));
        draft.legs[0].person.as_mut().unwrap().phone.clear();
        draft.worker = Some(people::person(serial));
        draft.city = "昆明市".to_owned();
        let case = town.import(vec![draft]).await.remove(0);
        let leg = town.leg_for(&case, Service::Schooling).await;
        let sms = town.ask_yes(&case).await;
        if stage != Stage::Offered {
            city.acts(SCHOOLS[0], leg, take_up()).await;
        }
        if matches!(stage, Stage::Accepted | Stage::Released) {
            city.acts(SCHOOLS[0], leg, accept()).await;
        }
        if stage == Stage::Released {
            town.reaches(leg, Stage::Released).await;
        }
        town.withdraw(&sms).await.unwrap();
        town.reaches(leg, Stage::Withdrawn).await;
        city.holds(leg, MessageType::WithdrawEffect).await;
        let types = town.types(leg).await;
        assert_eq!(types.iter().filter(|ty| **ty == MessageType::Withdraw).count(), 1);
        let file = town.leg(leg).await;
        let effect = file.latest(MessageType::WithdrawEffect).unwrap();
        assert_eq!(effect.side, Side::Examiner, "the other office answers");
        eventually("the erasure", async || kept(leg).await == 0).await;
        // V18: neither desk sees why.
        for token in [CLERK, "school-clerk"] {
            let seen = town.case_seen(token, &case, "test").await.unwrap();
            assert_eq!(fields(&seen), "");
        }
    }
    let mut town = city.town;
    town.stop().await;
}

/// A tick at the very instant at which a batch is published must not hide its timers.
#[tokio::test(flavor = "multi_thread")]
async fn no_timer_is_overlooked_by_a_node_that_never_rests() {
    let mut city = Within::new(sqlite()).await;
    city.town.stop().await;
    city.town.restless = true;
    city.town.start().await;
    for serial in 420..424 {
        let mut draft = jieli_tests::people::row(people::FAMILY);
        draft.legs.retain(|leg| leg.service() == Service::Schooling);
        draft.legs[0].person = Some(people::person_born(serial, 2015));
        draft.worker = Some(people::person(serial));
        draft.city = "昆明市".to_owned();
        let case = city.town.import(vec![draft]).await.remove(0);
        let leg = city.town.leg_for(&case, Service::Schooling).await;
        let sms = city.town.ask_yes(&case).await;
        city.town.withdraw(&sms).await.unwrap();
        city.holds(leg, MessageType::WithdrawEffect).await;
    }
    city.town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_stays_silent_is_reminded_and_then_expired() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let case = city.school().await;
    let leg = town.leg_for(&case, Service::Schooling).await;
    town.ask_yes(&case).await;
    town.reaches(leg, Stage::Offered).await;
    let expire = || Act::Expire(wire::DeskExpire { duty: 0 });
    let remind = || Act::Remind(wire::DeskRemind { duty: 0 });
    assert_eq!(denied(town.act_of(LABOUR_HERE, leg, expire()).await), "REMIND_FIRST");
    city.next_working_day();
    // One working day before the due date: too early to prove anything.
    town.act_of(LABOUR_HERE, leg, remind()).await.unwrap();
    city.next_working_day();
    city.next_working_day();
    assert_eq!(denied(town.act_of(LABOUR_HERE, leg, expire()).await), "REMIND_FIRST");
    town.act_of(LABOUR_HERE, leg, remind()).await.unwrap();
    town.act_of(LABOUR_HERE, leg, expire()).await.unwrap();
    assert_eq!(town.stage(leg).await, Some(Stage::Expired));
    let file = town.leg(leg).await;
    let expired = file.latest(MessageType::Expire).unwrap().message.clone().unwrap();
    let Some(wire::message::Body::Expire(body)) = expired.body else { panic!() };
    let reminded = file.latest(MessageType::Remind).unwrap();
    assert_eq!(body.receipt, reminded.env_digest.to_vec());
    let mut town = city.town;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_desks_undo_their_own_steps() {
    let mut city = Within::new(sqlite()).await;
    city.town.stop().await;
    let file = city.town.dir.join("jieli.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("undo_minutes = 0", "undo_minutes = 5")).unwrap();
    city.town.start().await;
    let town = &city.town;
    let case = city.school().await;
    let leg = town.leg_for(&case, Service::Schooling).await;
    town.ask_yes(&case).await;
    town.reaches(leg, Stage::Offered).await;
    town.act_of(SCHOOLS[0], leg, take_up()).await.unwrap();
    let void = Act::Void(wire::DeskVoid { code: wire::VoidCode::SentInError.into() });
    town.act_of(LABOUR_HERE, leg, void).await.unwrap();
    let pending = async |token: &str| {
        let view = town.case_seen(token, &case, "").await.unwrap();
        let desk = view.legs[0].line.clone().unwrap().desk.unwrap();
        desk.pending.map_or(String::new(), |pending| pending.step)
    };
    assert_eq!(
        (pending("school-clerk").await, pending(CLERK).await),
        ("take-up".into(), "void".into())
    );
    // Each takes back its own.
    let undo = |office: &'static str| {
        let request = wire::UndoRequest { case_number: case.clone(), leg: 1 };
        town.desk_of(office, DeskCommand::UndoAct(request))
    };
    undo(LABOUR_HERE).await.unwrap();
    assert_eq!(
        (pending("school-clerk").await, pending(CLERK).await),
        ("take-up".into(), String::new())
    );
    city.clock.move_on(6 * 60_000);
    town.reaches(leg, Stage::TakenUp).await;
    let handler = async |token: &str| {
        let view = town.case_seen(token, &case, "").await.unwrap();
        view.legs[0].line.clone().unwrap().desk.unwrap().handler
    };
    assert_eq!(
        (handler("school-clerk").await, handler(CLERK).await),
        ("test".into(), String::new())
    );
    let mut town = city.town;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_case_is_exported_without_persons_and_has_a_slip_and_a_status() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let case = city.school().await;
    released(&city, &case).await;
    let (store, house) = (town.node().store(), town.node().house());
    let published = town.node().hand().published();
    let denied = evidence::export(&store, house, &published, &case, true).await.unwrap_err();
    assert!(denied.to_string().contains("person's own"), "{denied}");
    // What names nobody is exported, by one root, for whoever reviews the case.
    let bare = evidence::export(&store, house, &published, &case, false).await.unwrap();
    let verdicts = verify(&bare.zip, &[town.public.root_fpr()]).unwrap();
    assert!(verdicts.all_hold() && verdicts.within, "{}", verdicts.text());
    assert!(verdicts.records.iter().all(|record| {
        record.sections.iter().all(|(_, shown)| *shown == SectionVerdict::NotDisclosed)
    }));
    let page = town.slip(&case).await;
    assert_eq!(page.legs[0].their_city, "昆明市");
    assert_eq!(page.legs[0].their_office, "昆明市教育体育局");
    let ask = wire::SlipUse {
        case_number: case.clone(),
        slip_code: page.slip_code.clone(),
        legs: Vec::new(),
    };
    let Done::SlipStatus(status) = town.worker(WorkerCommand::LookBySlip(ask)).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(status.legs.len(), 1);
    let mut town = city.town;
    town.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_another_office_of_the_kind_a_draft_stays_one_and_says_what_to_do() {
    let city = Within::new(sqlite()).await;
    let town = &city.town;
    let mut draft = people::medical();
    draft.city = "昆明市".to_owned();
    // The medical office asks for what only itself handles.
    let case = town.import_as("11999999MB0000035G", vec![draft]).await.remove(0);
    let reply = town.ask(&[case]).await;
    assert!(reply.asked == 0 && reply.why[0].contains("[[office]]"), "{reply:?}");
    let mut town = city.town;
    town.stop().await;
}
