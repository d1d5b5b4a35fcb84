//! V9: a grievance is sealed to a body before it comes here, and nothing that is kept, logged, sent or
//! shown says what it is about, how long it is, or from whom.

use crate::common::a_while;
use jieli_gateway::sealed;
use jieli_node::command::WorkerCommand;
use jieli_node::serve::CODE_KEY;
use jieli_proto::case::Stage;
use jieli_proto::sealed::{KeptCode, SEALED_BYTES, WORDS_MAX};
use jieli_proto::wire::{self, GrievanceKind, SealedStage, SealedStep};
use jieli_tests::people::{self, home, person};
use jieli_tests::{Sms, Town, Towns, UNION, complaint, random};
use prost::Message as _;
use std::collections::BTreeMap;
use std::path::Path;
use tonic::Status;

pub(crate) const PLANTED: &str = "工头把我的身份证锁在抽屉里七六五四";

pub(crate) fn word(status: &Status) -> &str {
    status.metadata().get(CODE_KEY).unwrap().to_str().unwrap()
}

/// Every table of a city, and how it stands: rows in the order of the database, as text.
async fn tables(town: &Town) -> BTreeMap<String, Vec<String>> {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let mut found = BTreeMap::new();
    for table in conn.rows(sql, Vec::new()).await.unwrap() {
        let table = table.text(0).unwrap();
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        let columns = conn.rows_many(columns, Vec::new()).await.unwrap();
        let columns: Vec<String> =
            columns.iter().map(|row| format!("quote({})", row.text(0).unwrap())).collect();
        let sql = format!("SELECT {} FROM {table}", columns.join(" || ',' || "));
        let rows = conn.rows_many(sql, Vec::new()).await.unwrap();
        found.insert(table, rows.iter().map(|row| row.text(0).unwrap()).collect());
    }
    found
}

/// The same once the node has done what it does by itself: two looks with nothing new between them.
async fn still(town: &Town) -> BTreeMap<String, Vec<String>> {
    let mut before = tables(town).await;
    for _ in 0..30 {
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        let after = tables(town).await;
        if before == after {
            return after;
        }
        before = after;
    }
    panic!("the node is never still");
}

/// What cities tell each other about their heads all the time; no row of these is about a leg.
const HEADS: [&str; 8] = [
    "cosign_last",
    "cosignature",
    "cosigned",
    "mirror_head",
    "mirror_tile",
    "own_head",
    "peer_contact",
    "peer_head",
];

/// What differs between two looks at all tables but these.
fn differing(
    before: &BTreeMap<String, Vec<String>>,
    after: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let changed = after.iter().filter(|(name, rows)| before.get(*name) != Some(rows));
    let changed = changed.filter(|(name, _)| !HEADS.contains(&name.as_str()));
    changed.map(|(name, _)| name.clone()).collect()
}

fn files(dir: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if let Ok(bytes) = std::fs::read(&path) {
            all.push(bytes);
        }
    }
    all
}

fn has(all: &[Vec<u8>], needle: &[u8]) -> bool {
    let is_in =
        |bytes: &Vec<u8>, needle: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
    all.iter().any(|bytes| is_in(bytes, needle) || is_in(bytes, hex::encode(needle).as_bytes()))
}

/// A home asked for in Ruian: the notice that the person holds.
pub(crate) async fn asked_for_a_home(towns: &Towns, serial: u32) -> Sms {
    let case = towns.kunming.import(vec![home(serial)]).await.remove(0);
    let sms = towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    sms
}

#[tokio::test(flavor = "multi_thread")]
async fn v09_nothing_kept_logged_or_sent_says_what_a_grievance_is_or_whose() {
    let mut towns = Towns::new().await;
    let sms = asked_for_a_home(&towns, 1).await;
    asked_for_a_home(&towns, 2).await;
    let key = towns.kunming.place_key("body", 1).await.unwrap();
    towns.settled().await;
    a_while().await;
    let kunming = &towns.kunming;
    let case = sms.case();
    let seen = async || {
        let view = kunming.case_seen("clerk", &case, "").await.unwrap();
        let ask = || wire::WorkerRequest { case_number: case.clone(), code: sms.code() };
        let (status, looks) =
            (kunming.status(ask()).await.unwrap(), kunming.who_looked(ask()).await.unwrap());
        (view.encode_to_vec(), status.encode_to_vec(), looks.encode_to_vec())
    };
    let view = seen().await;
    let before = still(kunming).await;
    let logs = kunming.node().hand().published();

    let said = wire::SealedWords {
        case_number: case.clone(),
        ..complaint(GrievanceKind::IdWithheld, PLANTED)
    };
    let code = kunming.files(&sms, UNION[0], &key, said, 2).await.unwrap();
    a_while().await;

    // One row of one table. No other row of any table is new, gone or changed: nothing can be joined.
    let after = tables(kunming).await;
    // (Every transaction renames the batch of the unmoved heads.)
    assert_eq!(differing(&before, &after), ["log_batch", "log_head", "sealed_record"]);
    let [row] = after["sealed_record"].as_slice() else { panic!("one row") };
    let file = kunming.legs(&case).await.remove(0);
    for trace in [
        case.clone(),
        hex::encode_upper(file.case.0),
        hex::encode_upper(file.id.0),
        file.our_office.clone(),
        file.their_office.clone(),
        sms.code(),
    ] {
        assert!(!row.contains(&trace), "{trace} in {row}");
    }
    // Neither log has a leaf of it, nothing went to the other city, and every view is as before.
    let published = kunming.node().hand().published();
    assert_eq!(published.local.size, logs.local.size);
    assert_eq!(published.exchange.size, logs.exchange.size);
    let mut passed = towns.from_kunming();
    passed.extend(kunming.tap.answered());
    assert!(!has(&passed, &code.record_id()));
    assert!(seen().await == view);

    // The body reads it with its key.
    let list = kunming.sealed_list("body", "").await;
    let [line] = list.records.as_slice() else { panic!("{}", list.records.len()) };
    let words = sealed::by_body(&key, &line.record_id, &line.sealed).unwrap();
    assert_eq!((words.kind(), words.words.as_str()), (GrievanceKind::IdWithheld, PLANTED));
    assert_eq!(words.case_number, case);
    let ciphertext = line.sealed[40..80].to_vec();

    // Running and stopped, with and without the write-ahead log: not in any file of either city.
    for stop in [false, true] {
        if stop {
            towns.kunming.stop().await;
            towns.ruian.stop().await;
        }
        let (here, there) = (files(&towns.kunming.dir), files(&towns.ruian.dir));
        assert!(has(&here, &ciphertext), "the search finds what is there");
        assert!(!has(&there, &ciphertext) && !has(&there, &code.record_id()));
        for all in [&here, &there] {
            assert!(!has(all, PLANTED.as_bytes()));
            assert!(!has(all, &PLANTED.as_bytes()[..18]));
            assert!(!has(all, code.spoken().replace(' ', "").as_bytes()));
            assert!(!has(all, &key.private()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v09_no_kind_and_no_length_is_told_apart() {
    let towns = Towns::new().await;
    let sms = asked_for_a_home(&towns, 1).await;
    let kunming = &towns.kunming;
    let key = kunming.place_key("body", 1).await.unwrap();
    let long = "长".repeat(WORDS_MAX);
    for (seed, said) in [
        complaint(GrievanceKind::FeeTaken, ""),
        complaint(GrievanceKind::LegalHelp, &long),
        wire::SealedWords { case_number: sms.case(), ..complaint(GrievanceKind::WageArrears, "x") },
    ]
    .into_iter()
    .enumerate()
    {
        kunming.files(&sms, UNION[0], &key, said, seed as u64).await.unwrap();
    }
    let rows = &tables(kunming).await["sealed_record"];
    let shape = |row: &String| {
        // All but what is random: record id and sealed text.
        let parts: Vec<&str> = row.split(',').collect();
        (row.len(), parts[1..7].iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(rows.len(), 3);
    assert!(
        rows.windows(2).all(|pair| shape(&pair[0]) == shape(&pair[1])),
        "{:?}",
        shape(&rows[0])
    );
    for line in kunming.sealed_list("body", "").await.records {
        assert_eq!(line.sealed.len(), SEALED_BYTES);
        // Every clock is there for every record, so that none tells what it is about.
        assert_eq!((line.take_by, line.two_days_on), (20_261_125, 20_261_125));
        assert_eq!(line.five_days_on, 20_261_130);
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v09_status_and_answers_open_with_the_code_alone() {
    let towns = Towns::new().await;
    let sms = asked_for_a_home(&towns, 1).await;
    let kunming = &towns.kunming;
    let key = kunming.place_key("body", 1).await.unwrap();
    let said = complaint(GrievanceKind::FeeTaken, PLANTED);
    let code = kunming.files(&sms, UNION[0], &key, said, 2).await.unwrap();
    let other = KeptCode::draw(&mut random(3));
    assert_eq!(word(&kunming.looks_at(&other).await.unwrap_err()), "WRONG_CODE");
    assert_eq!(kunming.looks_at(&code).await.unwrap().stage(), SealedStage::Waiting);
    let record = code.record_id();
    let line = kunming.sealed_list("body", "").await.records.remove(0);
    let opened = sealed::by_body(&key, &line.record_id, &line.sealed).unwrap();
    let answer =
        sealed::to_person(&opened.reply_key, &record, "周三上午来", &mut random(4)).unwrap();
    // First taken, then answered, then closed.
    for early in [SealedStep::Answer, SealedStep::Close] {
        let refused = kunming.handles("body", &record, early, answer.clone()).await;
        assert_eq!(word(&refused.unwrap_err()), "WRONG_STAGE");
    }
    kunming.handles("body", &record, SealedStep::Take, Vec::new()).await.unwrap();
    kunming.handles("body", &record, SealedStep::Answer, answer).await.unwrap();
    kunming.handles("body", &record, SealedStep::Close, Vec::new()).await.unwrap();
    let seen = kunming.looks_at(&code).await.unwrap();
    assert_eq!((seen.stage(), seen.answers.len()), (SealedStage::Closed, 1));
    assert_eq!(sealed::by_person(&code, &seen.answers[0].sealed).unwrap(), "周三上午来");
    assert!(sealed::by_person(&other, &seen.answers[0].sealed).is_err());
    assert!(sealed::by_body(&key, &record, &seen.answers[0].sealed).is_err());
    // No notice goes to the phone, which may be held under somebody's eyes.
    a_while().await;
    assert!(kunming.phones.all().iter().all(|sms| !sms.text.contains("投诉")));
    // After half a year the closed one is gone with the next step of the desk.
    towns.clock.move_on(182 * 24 * jieli_tests::HOUR_MS);
    let gone = kunming.handles("body", &record, SealedStep::Take, Vec::new()).await;
    assert_eq!(word(&gone.unwrap_err()), "WRONG_CODE");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v09_what_is_not_taken_in_two_working_days_is_a_count() {
    let towns = Towns::new().await;
    let sms = asked_for_a_home(&towns, 1).await;
    let kunming = &towns.kunming;
    let key = kunming.place_key("body", 1).await.unwrap();
    for seed in 0..2 {
        let said = complaint(GrievanceKind::Lodging, PLANTED);
        kunming.files(&sms, UNION[0], &key, said, seed).await.unwrap();
    }
    for _ in 0..3 {
        let overdue = kunming.sealed_list("body", "").await.overdue;
        let report = kunming.audit_report(towns.agreement.hex()).await;
        assert_eq!(report.grievances.len(), 1);
        assert_eq!((overdue, report.grievances[0].overdue), (0, 0));
        towns.next_working_day();
    }
    let list = kunming.sealed_list("body", "").await;
    assert_eq!((list.overdue, list.records.iter().filter(|line| line.overdue).count()), (2, 2));
    let report = kunming.audit_report(towns.agreement.hex()).await;
    let counts = &report.grievances[0];
    assert_eq!((counts.received, counts.waiting, counts.overdue), (2, 2, 2));
    let bytes = report.encode_to_vec();
    for secret in [&sms.case(), &person(1).name, &hex::encode(&list.records[0].record_id)] {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
    }
    let first = list.records[0].record_id.clone();
    kunming.handles("body", &first, SealedStep::Take, Vec::new()).await.unwrap();
    assert_eq!(kunming.audit_report(towns.agreement.hex()).await.grievances[0].overdue, 1);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v09_not_by_my_choice_reaches_the_body_and_nothing_reaches_the_origin() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let key = ruian.place_key("body", 5).await.unwrap();
    let case = kunming.import(people::single(1)).await.remove(0);
    kunming.ask_yes(&case).await;
    towns.next_working_day();
    let job = towns.job_to_released(&case).await;
    towns.ruian_reports(job).await;
    let here = ruian.case_of(&ruian.leg(job).await).await;
    let ballot = ruian.sms(&here, "私下问您").await;
    ruian.answer(&ballot, &[]).await.unwrap();
    towns.settled().await;
    a_while().await;
    let types = kunming.types(job).await;
    still(ruian).await;
    let before = still(kunming).await;
    // Ruian's own union is reached here; Kunming's by telephone, for nothing goes there.
    let bodies = ruian.bodies(&ballot).await;
    let reached = |body: &wire::GrievanceBody| (body.office.clone(), !body.public_key.is_empty());
    let reached: Vec<_> = bodies.iter().map(reached).collect();
    assert_eq!(reached, [(UNION[1].to_owned(), true), (UNION[0].to_owned(), false)]);
    let said = complaint(GrievanceKind::NotByMyChoice, PLANTED);
    ruian.files(&ballot, UNION[1], &key, said, 6).await.unwrap();
    a_while().await;
    let line = ruian.sealed_list("body", "").await.records.remove(0);
    let opened = sealed::by_body(&key, &line.record_id, &line.sealed).unwrap();
    assert_eq!(opened.kind(), GrievanceKind::NotByMyChoice);
    let mut passed = ruian.tap.said();
    passed.extend(kunming.tap.answered());
    assert!(!has(&passed, &line.record_id) && !has(&passed, &line.sealed[40..80]));
    assert_eq!(kunming.types(job).await, types);
    let changed = differing(&before, &tables(kunming).await);
    assert!(changed.iter().all(|name| name.starts_with("log_")), "{changed:?}");
    assert_eq!(ruian.stage(job).await, Some(Stage::Released), "the law is as it was");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v09_a_wrong_code_files_nothing_and_a_case_files_few_a_day() {
    let towns = Towns::new().await;
    let sms = asked_for_a_home(&towns, 1).await;
    let kunming = &towns.kunming;
    let key = kunming.place_key("body", 1).await.unwrap();
    let said = || complaint(GrievanceKind::FeeTaken, PLANTED);
    let (filed, _) = sealed::to_body(UNION[0], &key.public(), said(), &mut random(9)).unwrap();
    let file = |code: &str, filed: &wire::SealedBox| {
        let (case_number, code) = (sms.case(), code.to_owned());
        let filed = Some(filed.clone());
        WorkerCommand::FileGrievance(wire::FileGrievanceRequest { case_number, code, filed })
    };
    let wrong = if sms.code() == "00000000" { "00000001" } else { "00000000" };
    assert!(kunming.worker(file(wrong, &filed)).await.is_err());
    // Guesses of others lock the code against answering, and against no complaint.
    for _ in 0..6 {
        assert!(kunming.worker(file(wrong, &filed)).await.is_err());
    }
    assert!(kunming.open(&sms).await.is_err());
    // What is not sealed to the key in use, or is of another size, is not taken.
    let other = jieli_gateway::sealed::KeyPair::make(&mut random(8));
    for spoiled in [
        wire::SealedBox { public_key: other.public(), ..filed.clone() },
        wire::SealedBox { sealed: filed.sealed[1..].to_vec(), ..filed.clone() },
        wire::SealedBox { record_id: vec![1; 31], ..filed.clone() },
    ] {
        assert_eq!(word(&kunming.files_box(&sms, spoiled).await.unwrap_err()), "BAD_SEAL");
    }
    assert_eq!(kunming.count("SELECT COUNT(*) FROM sealed_record").await, 0);
    // One and the same twice is one record.
    let door = kunming.worker_door();
    use jieli_proto::wire::worker_server::Worker as _;
    let ask = |filed: &wire::SealedBox| {
        let (case_number, code, filed) = (sms.case(), sms.code(), Some(filed.clone()));
        tonic::Request::new(wire::FileGrievanceRequest { case_number, code, filed })
    };
    for _ in 0..2 {
        door.file_grievance(ask(&filed)).await.unwrap();
    }
    assert_eq!(kunming.count("SELECT COUNT(*) FROM sealed_record").await, 1);
    for seed in 20..23 {
        let fill = &mut random(seed);
        let (filed, _) = sealed::to_body(UNION[0], &key.public(), said(), fill).unwrap();
        door.file_grievance(ask(&filed)).await.unwrap();
    }
    let spent = door.file_grievance(ask(&filed)).await.unwrap_err();
    assert_eq!(word(&spent), "FILED_TODAY");
    towns.next_working_day();
    door.file_grievance(ask(&filed)).await.unwrap();
    towns.stop().await;
}
