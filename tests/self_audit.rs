//! A flipped byte in any table that can be vouched for is found and named, while the node runs.

#![allow(clippy::unwrap_used)]

use jieli_node::command::{Command, DeskCommand};
use jieli_node::config::Database;
use jieli_node::flags::Measured;
use jieli_node::keys::seal_envelope;
use jieli_node::reconcile::reconcile;
use jieli_node::self_audit::{COVERED, UNCOVERED, self_audit};
use jieli_node::store::{AssertSqlSafe, Val};
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, SelfAuditReport};
use jieli_tests::{AGREEMENT_DRAFT, TestPg, Town, Towns, eventually, people};
use prost::Message as _;
use std::collections::BTreeSet;

async fn audited(town: &Town) -> SelfAuditReport {
    let node = town.node();
    let told = |_: &'static str, _: u64| {};
    self_audit(&node.hand(), &node.store(), node.house(), &told).await.unwrap()
}

/// Changes a town's tables behind its back.
async fn run(town: &Town, sql: &str, vals: Vec<Val>) {
    let mut writer = town.node().store().writer();
    let mut tx = writer.begin().await.unwrap();
    let touched = tx.run(AssertSqlSafe(sql.to_owned()), vals).await.unwrap();
    assert_eq!(touched, 1, "{sql}");
    tx.commit().await.unwrap();
}

/// A byte of a blob, where it is long, in its middle; a bit of a number; a letter of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flip {
    Blob,
    Number,
    Text,
    /// What was set is not set any more.
    Unset,
}

/// Table, column, what it holds, which row, and columns that tell rows apart.
type Case = (&'static str, &'static str, Flip, &'static str, &'static [&'static str]);

const CASES: &[Case] = &[
    ("agreement", "peer", Flip::Text, "1 = 1", &["agreement_id"]),
    ("agreement", "live_version", Flip::Number, "1 = 1", &["agreement_id"]),
    ("agreement_version", "envelope", Flip::Blob, "1 = 1", &["version"]),
    ("agreement_version", "env_digest", Flip::Blob, "1 = 1", &["version"]),
    ("case_file", "case_id", Flip::Blob, "1 = 1", &["number"]),
    ("city", "name", Flip::Text, "1 = 1", &["one"]),
    ("consent", "envelope", Flip::Blob, "1 = 1", &["env_digest"]),
    ("consent", "ended_ms", Flip::Unset, "ended_ms > 0", &["env_digest"]),
    ("consent", "given_ms", Flip::Number, "1 = 1", &["env_digest"]),
    ("cosignature", "line", Flip::Text, "1 = 1", &["origin", "size", "cosigner"]),
    ("cosignature", "unix_s", Flip::Number, "1 = 1", &["origin", "size", "cosigner"]),
    ("cosigned", "root", Flip::Blob, "LENGTH(line) > 0", &["origin", "size"]),
    ("envelope", "envelope", Flip::Blob, "lane = 0 AND lane_seq = 2", &["lane", "lane_seq"]),
    ("envelope", "envelope", Flip::Blob, "lane = 3 AND lane_seq = 2", &["lane", "lane_seq"]),
    ("envelope", "env_digest", Flip::Blob, "lane = 1 AND lane_seq = 2", &["lane", "lane_seq"]),
    ("envelope", "leaf_idx", Flip::Number, "lane = 1 AND lane_seq = 2", &["lane", "lane_seq"]),
    ("lane", "last_digest", Flip::Blob, "lane = 0", &["lane"]),
    ("lane", "last_seq", Flip::Number, "lane = 1", &["lane"]),
    ("leg", "their_office", Flip::Text, "number = 1", &["leg_id"]),
    ("leg", "case_id", Flip::Blob, "number = 1", &["leg_id"]),
    ("leg_due", "sort_on", Flip::Number, "1 = 1", &["leg_id"]),
    ("leg_open", "service", Flip::Number, "1 = 1", &["leg_id"]),
    ("leg_statement", "envelope", Flip::Blob, "1 = 1", &["leg_id"]),
    ("log_head", "root", Flip::Blob, "log = 'exchange'", &["log"]),
    ("log_head", "root", Flip::Blob, "log = 'local'", &["log"]),
    ("log_leaf", "data", Flip::Blob, "log = 'exchange' AND idx = 3", &["log", "idx"]),
    ("log_leaf", "hash", Flip::Blob, "log = 'exchange' AND idx = 4", &["log", "idx"]),
    ("log_leaf", "data", Flip::Blob, "log = 'local' AND idx = 1", &["log", "idx"]),
    ("manifest", "envelope", Flip::Blob, "city_id = 'ruian.zj'", &["city_id", "version"]),
    ("manifest", "env_digest", Flip::Blob, "city_id = 'kunming.yn'", &["city_id", "version"]),
    ("message", "msg_id", Flip::Blob, "leg_seq > 0", &["lane", "lane_seq"]),
    ("message", "status", Flip::Number, "leg_seq > 0", &["lane", "lane_seq"]),
    ("message", "legal", Flip::Number, "leg_seq > 0", &["lane", "lane_seq"]),
    ("mirror_head", "root", Flip::Blob, "1 = 1", &["origin"]),
    ("mirror_tile", "hashes", Flip::Blob, "1 = 1", &["origin", "level", "idx"]),
    ("own_head", "note", Flip::Text, "1 = 1", &["origin", "size"]),
    ("own_head", "root", Flip::Blob, "1 = 1", &["origin", "size"]),
    ("pack", "envelope", Flip::Blob, "1 = 1", &["env_digest"]),
    ("pack", "name", Flip::Text, "1 = 1", &["env_digest"]),
    ("pack", "city_id", Flip::Text, "1 = 1", &["env_digest"]),
    ("pack", "version", Flip::Number, "1 = 1", &["env_digest"]),
    ("peer", "root_spki", Flip::Blob, "1 = 1", &["city_id"]),
    ("peer", "end_points", Flip::Text, "1 = 1", &["city_id"]),
    ("peer_head", "root", Flip::Blob, "1 = 1", &["origin", "size"]),
    ("peer_head", "note", Flip::Text, "1 = 1", &["origin", "size"]),
    ("peer_proof", "hashes", Flip::Blob, "LENGTH(hashes) > 32", &["env_digest"]),
    ("question", "text", Flip::Text, "LENGTH(text) > 0", &["question_id"]),
    ("receipt_item", "item", Flip::Blob, "lane = 0 AND lane_seq = 1", &["lane", "lane_seq"]),
    (
        "receipt_item",
        "receipt_digest",
        Flip::Blob,
        "lane = 1 AND lane_seq = 1",
        &["lane", "lane_seq"],
    ),
    ("reconciled", "report", Flip::Blob, "1 = 1", &["report_id"]),
    ("reconciled", "agree", Flip::Number, "1 = 1", &["report_id"]),
    ("section_data", "ciphertext", Flip::Blob, "1 = 1", &["leg_id", "slot", "msg_id"]),
    ("section_data", "nonce", Flip::Blob, "1 = 1", &["leg_id", "slot", "msg_id"]),
    ("section_data", "key_id", Flip::Blob, "1 = 1", &["leg_id", "slot", "msg_id"]),
    ("tombstone", "leg_id", Flip::Blob, "1 = 1", &["log_epoch", "log_idx"]),
    ("tombstone", "log_idx", Flip::Number, "1 = 1", &["leg_id"]),
    ("tombstone", "erased_ms", Flip::Number, "1 = 1", &["leg_id"]),
    ("tombstone", "reason", Flip::Number, "1 = 1", &["leg_id"]),
    ("tombstone", "section_digests", Flip::Blob, "LENGTH(section_digests) > 0", &["leg_id"]),
    ("terms", "bytes", Flip::Blob, "1 = 1", &["digest"]),
    ("local_envelope", "envelope", Flip::Blob, "1 = 1", &["place"]),
    ("local_envelope", "env_digest", Flip::Blob, "1 = 1", &["place"]),
    ("local_envelope", "created_ms", Flip::Number, "1 = 1", &["place"]),
    ("log_epoch", "root", Flip::Blob, "1 = 1", &["log", "epoch"]),
    ("log_tile", "hashes", Flip::Blob, "log = 'exchange'", &["log", "level", "idx"]),
    ("log_tile", "root", Flip::Blob, "log = 'exchange'", &["log", "level", "idx"]),
    ("agreement_side", "suspend_digest", Flip::Blob, "LENGTH(suspend_digest) = 32", &["side"]),
    ("risk_flag", "flag_digest", Flip::Blob, "1 = 1", &["kind", "month"]),
    ("risk_flag", "answer_by", Flip::Number, "1 = 1", &["kind", "month"]),
    ("log_statement", "envelope", Flip::Blob, "1 = 1", &["env_digest"]),
    ("log_statement", "size", Flip::Number, "1 = 1", &["env_digest"]),
    ("audit_sign_off", "dsse", Flip::Text, "1 = 1", &["sign_off_id"]),
    ("seconded", "shown", Flip::Text, "1 = 1", &["request_id"]),
    ("seconded", "payload", Flip::Blob, "LENGTH(payload) > 0", &["request_id"]),
    ("vacancy", "terms_digest", Flip::Blob, "1 = 1", &["city", "reference"]),
];

type Held = (String, Vec<Val>, Val);

/// A row's value, and how to put one there.
async fn held(town: &Town, case: &Case) -> Held {
    let (table, column, kind, which, keys) = case;
    let names = keys.join(", ");
    let sql =
        format!("SELECT {column}, {names} FROM {table} WHERE {which} ORDER BY {names} LIMIT 1");
    let mut conn = town.node().store().read().await.unwrap();
    let rows = conn.rows(AssertSqlSafe(sql.clone()), Vec::new()).await.unwrap();
    let row = rows.first().unwrap_or_else(|| panic!("no row: {sql}"));
    let value = match kind {
        Flip::Blob => row.bytes(0).unwrap().into(),
        Flip::Number | Flip::Unset => row.int(0).unwrap().into(),
        Flip::Text => row.text(0).unwrap().into(),
    };
    let key = |at: usize| {
        let val = row.int(at).map(Val::from).or_else(|_| row.text(at).map(Val::from));
        val.or_else(|_| row.bytes(at).map(Val::from)).unwrap()
    };
    let vals = (1..=keys.len()).map(key).collect();
    let named: Vec<String> =
        keys.iter().zip(2..).map(|(key, at)| format!("{key} = ${at}")).collect();
    (format!("UPDATE {table} SET {column} = $1 WHERE {}", named.join(" AND ")), vals, value)
}

fn flipped(value: &Val, kind: Flip) -> Val {
    match value {
        Val::Int(_) if kind == Flip::Unset => Val::Int(0),
        Val::Int(number) => (number ^ 1).into(),
        Val::Bytes(bytes) => {
            let mut bytes = bytes.clone();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
            bytes.into()
        }
        Val::Text(text) => {
            let mut letters: Vec<char> = text.chars().collect();
            let middle = letters.len() / 2;
            letters[middle] = if letters[middle] == 'x' { 'y' } else { 'x' };
            letters.into_iter().collect::<String>().into()
        }
    }
}

/// Cities in which every table of the first list has a row.
async fn lived(first: Database, second: Database) -> Towns {
    let towns = Towns::with(first, second, AGREEMENT_DRAFT).await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![people::home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    kunming.reaches(leg, Stage::TakenUp).await;
    // What a person withdrew is gone, and its tombstone stays.
    let stopped = kunming.import(vec![people::home(3)]).await.remove(0);
    let sms = kunming.ask_yes(&stopped).await;
    let leg = kunming.legs(&stopped).await[0].id;
    ruian.reaches(leg, Stage::Offered).await;
    kunming.withdraw(&sms).await.unwrap();
    kunming.reaches(leg, Stage::Withdrawn).await;
    // Enough for a full tile.
    for part in 0..2 {
        let vacancies = (0..150).map(|number| {
            let mut vacancy = people::vacancies().remove(0);
            let terms = vacancy.terms.as_mut().unwrap();
            terms.reference = format!("V-{}", part * 150 + number);
            vacancy
        });
        let vacancies = vacancies.collect();
        let request = wire::AddVacanciesRequest { vacancies, announce: true, change: false };
        ruian.desk(DeskCommand::AddVacancies(request)).await.unwrap();
    }
    let suspend = wire::AgreementActRequest {
        agreement_id: towns.agreement.hex(),
        act: "suspend".to_owned(),
        ..wire::AgreementActRequest::default()
    };
    kunming.two_approve(DeskCommand::ActOnAgreement(suspend)).await.unwrap();
    let found = Measured {
        agreement: towns.agreement,
        kind: wire::RiskFlagKind::SameMinute,
        month: 202_611,
        counted: 12,
        out_of: 12,
        raised: true,
    };
    kunming.node().hand().perform(Command::Measured(vec![found])).await.unwrap();
    towns.settled().await;
    kunming.exported(&case, false).await;
    let node = kunming.node();
    let told = |_, _| {};
    let ask = (towns.agreement, 0);
    let report = reconcile(&node.hand(), &node.store(), node.house(), ask, &told).await.unwrap();
    assert!(report.agree, "{report:?}");
    let epoch = "INSERT INTO log_epoch (log, epoch, size, root) \
                 SELECT log, epoch, size, root FROM log_head WHERE log = 'local'";
    run(kunming, epoch, Vec::new()).await;
    // A message that could have been one between two offices of the city.
    let sealed = kunming.lane(towns.agreement, 0).await.remove(0);
    let message: wire::Message = envelope::payload(&sealed).unwrap();
    let local = "INSERT INTO local_envelope (lane, lane_seq, env_digest, envelope, place, \
                 created_ms, stored_ms) VALUES (0, 1, $1, $2, 1, $3, 1)";
    let digest = envelope::env_digest(&sealed).to_vec().into();
    let created_ms = message.header.unwrap().created_unix_ms.into();
    run(kunming, local, vec![digest, sealed.encode_to_vec().into(), created_ms]).await;
    kept(kunming).await;
    eventually("the mirror", async || {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM mirror_head WHERE size > 256";
        kunming.count(sql).await == 1
    })
    .await;
    for table in ["own_head", "cosigned"] {
        let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table}");
        eventually(table, async || {
            let mut conn = kunming.node().store().read().await.unwrap();
            let row = conn.one(AssertSqlSafe(sql.clone()), Vec::new()).await.unwrap();
            row.int(0).unwrap() > 0
        })
        .await;
    }
    towns
}

/// A pack, a statement about a log, a sign-off, and a request for a second pair of eyes.
async fn kept(town: &Town) {
    let file = include_bytes!("../proto/packs/language-es.json").to_vec();
    let import = DeskCommand::ImportPack(wire::ImportPackRequest { file });
    town.desk(import).await.unwrap();
    let keys = &town.node().house().keys;
    let published = town.node().hand().published();
    let head = &published.exchange;
    let recovery = wire::Recovery {
        city_id: town.id().as_str().to_owned(),
        origin: town.id().exchange_origin(1),
        found_size: head.size,
        rebuilt_size: head.size,
        rebuilt_root: head.root.to_vec(),
        known_size: head.size,
        known_root: head.root.to_vec(),
        recovered_unix_ms: 1,
        ..wire::Recovery::default()
    };
    let sealed = seal_envelope(&recovery, keys.log().as_ref()).await.unwrap();
    let sql = "INSERT INTO log_statement (env_digest, city_id, epoch, size, root, next_epoch, \
               stated_ms, envelope) VALUES ($1, $2, 1, $3, $4, 0, 1, $5)";
    let vals: Vec<Val> = vec![
        envelope::env_digest(&sealed).to_vec().into(),
        town.id().as_str().into(),
        head.size.into(),
        head.root.to_vec().into(),
        sealed.encode_to_vec().into(),
    ];
    run(town, sql, vals).await;
    let payload = b"{}".to_vec();
    let signer = keys.message();
    let payload_type = "application/vnd.jieli.sign-off.v1+json".to_owned();
    let sig = signer.sign(&envelope::pae(&payload_type, &payload)).await.unwrap().to_vec();
    let key_fpr = signer.fingerprint().to_vec();
    let dsse = envelope::to_json(&wire::Envelope { payload_type, payload, key_fpr, sig });
    let sql = "INSERT INTO audit_sign_off (sign_off_id, agreement_id, token, signed_ms, dsse) \
               VALUES ($1, $1, 'reviewer', 1, $2)";
    run(town, sql, vec![vec![1_u8; 16].into(), dsse.into()]).await;
    let shown = format!("清单 {}", envelope::env_digest(&sealed).hex());
    let sql = "INSERT INTO seconded (request_id, kind, subject, purpose, shown, shown_digest, \
               token, office, made_ms, lapses_ms, approver, approver_post, approved_ms, used_ms, \
               payload) VALUES ($1, 'keys', '', '', $2, $3, 'operator', '', 1, 2, '', '', 0, 0, $4)";
    let digest = Digest::of(&[shown.as_bytes()]).to_vec();
    let vals = vec![vec![2_u8; 16].into(), shown.into(), digest.into()];
    run(town, sql, [vals, vec![sealed.encode_to_vec().into()]].concat()).await;
}

async fn every_flip_is_named(first: Database, second: Database, cases: &[Case]) {
    let mut towns = lived(first, second).await;
    let clean = audited(&towns.kunming).await;
    assert_eq!(clean.findings, [], "before anything was touched");
    assert!(clean.rows > 1_000, "{}", clean.rows);
    let mut unnamed = Vec::new();
    for case in cases {
        let (table, column, kind, ..) = case;
        let kunming = &towns.kunming;
        let (sql, keys, value) = held(kunming, case).await;
        run(kunming, &sql, [vec![flipped(&value, *kind)], keys.clone()].concat()).await;
        if *table == "log_head" {
            // Nothing is built on it, and the node does not end.
            let refused = kunming.node().hand().perform(Command::LookAhead).await;
            assert!(matches!(refused, Err(Failure::Busy(_))), "{refused:?}");
        }
        let report = audited(kunming).await;
        let named = report.findings.iter().any(|found| {
            found.table == *table && found.column.contains(column) && !found.zh.is_empty()
        });
        let alarms = kunming.alarms().await;
        let told = *table == "log_head" || alarms.iter().any(|kind| kind == "self-audit");
        if !named || !told || report.findings.len() > 8 {
            unnamed.push(format!("{table}.{column}: {:?}", report.findings));
        }
        run(kunming, &sql, [vec![value], keys].concat()).await;
    }
    assert_eq!(unnamed, Vec::<String>::new());
    // The node has gone on: it takes what comes, and finds nothing any more.
    assert_eq!(audited(&towns.kunming).await.findings, []);
    let drafts = vec![people::home(2)];
    assert_eq!(towns.kunming.import(drafts).await.len(), 1);
    towns.kunming.stop().await;
    towns.ruian.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_every_table_is_found_and_named() {
    let covered: BTreeSet<&str> = CASES.iter().map(|case| case.0).collect();
    assert_eq!(covered, COVERED.iter().copied().collect(), "every table of the list is tried");
    every_flip_is_named(Database::Sqlite, Database::Sqlite, CASES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_too() {
    let [a, b] = [TestPg::create("audit_a").await, TestPg::create("audit_b").await];
    let (a, b) = (a.unwrap(), b.unwrap());
    let some: Vec<Case> = CASES.iter().step_by(6).copied().collect();
    every_flip_is_named(a.database(), b.database(), &some).await;
}

/// Every table of the schema is vouched for, or it is said why not.
#[tokio::test(flavor = "multi_thread")]
async fn every_table_stands_in_one_of_the_two_lists() {
    let towns = Towns::new().await;
    let mut conn = towns.kunming.node().store().read().await.unwrap();
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
    let rows = conn.rows(sql, Vec::new()).await.unwrap();
    let tables: BTreeSet<String> = rows.iter().map(|row| row.text(0).unwrap()).collect();
    let listed = COVERED.iter().copied().chain(UNCOVERED.iter().map(|(table, _)| *table));
    let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
    assert_eq!(listed.len(), COVERED.len() + UNCOVERED.len(), "a table stands in both");
    assert_eq!(tables, listed);
    assert!(UNCOVERED.iter().all(|(_, why)| why.len() > 5));
    drop(conn);
    towns.stop().await;
}
