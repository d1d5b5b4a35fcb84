//! A sample that anybody can draw again, what is signed about it, and figures for others.

use crate::desk::Doors;
use jieli_node::serve::CODE_KEY;
use jieli_proto::envelope;
use jieli_proto::id::Digest;
use jieli_proto::sample::draw;
use jieli_proto::tree::{Hash, leaf_hash};
use jieli_proto::wire::audit_server::Audit;
use jieli_proto::wire::{self, MessageType, ReviewFinding, Role};
use jieli_tests::people::{home, person};
use jieli_tests::{Town, Towns, eventually};
use prost::Message as _;
use tonic::Status;

const NOVEMBER: (u32, u32) = (20_261_101, 20_261_130);

fn sample_of(towns: &Towns, seed: &str, size: u32) -> wire::SampleRequest {
    let agreement_id = towns.agreement.hex();
    let (from, to) = NOVEMBER;
    wire::SampleRequest { agreement_id, from, to, seed: seed.to_owned(), size }
}

async fn sample(doors: &Doors, asked: wire::SampleRequest) -> Result<wire::SampleReply, Status> {
    doors.audit.sample(doors.ask("compliance", asked)).await.map(tonic::Response::into_inner)
}

/// Twelve homes asked for in November.
async fn twelve(towns: &Towns) {
    let cases = towns.kunming.import((1..=12).map(home).collect()).await;
    for case in &cases {
        towns.kunming.ask_yes(case).await;
    }
    eventually("all OFFERs in Ruian", async || {
        towns.ruian.count("SELECT CAST(COUNT(*) AS BIGINT) FROM leg").await == 12
    })
    .await;
    towns.settled().await;
}

/// The leaf hashes of all OFFERs, as a stranger finds them in a city's log.
async fn offers(town: &Town) -> Vec<Hash> {
    let mut conn = town.node().store().read().await.unwrap();
    let sql = "SELECT l.data, e.envelope FROM log_leaf l JOIN envelope e ON e.leaf_idx = l.idx \
               WHERE l.log = 'exchange' ORDER BY l.idx DESC";
    let rows = conn.rows(sql, Vec::new()).await.unwrap();
    let opens = |bytes: Vec<u8>| {
        let sealed = wire::Envelope::decode(bytes.as_slice()).unwrap();
        let message = envelope::payload::<wire::Message>(&sealed);
        message.is_ok_and(|message| message.r#type() == MessageType::Offer)
    };
    let found = rows.iter().filter(|row| opens(row.bytes(1).unwrap()));
    found.map(|row| leaf_hash(&row.bytes(0).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_cities_and_a_stranger_draw_the_same_and_every_draw_stays() {
    let towns = Towns::new().await;
    twelve(&towns).await;
    let (kunming, ruian) = (Doors::of(&towns.kunming), Doors::of(&towns.ruian));
    let one = sample(&kunming, sample_of(&towns, "dice 4 2 6", 5)).await.unwrap();
    let two = sample(&ruian, sample_of(&towns, "dice 4 2 6", 5)).await.unwrap();
    let leaves = |reply: &wire::SampleReply| -> Vec<String> {
        reply.items.iter().map(|item| item.leaf_hash.clone()).collect()
    };
    assert_eq!((one.population, leaves(&one).len()), (12, 5));
    assert_eq!(leaves(&one), leaves(&two));
    let all = offers(&towns.ruian).await;
    let drawn = draw("dice 4 2 6", &all, 5);
    assert_eq!(leaves(&one), drawn.iter().map(|at| hex::encode(all[*at])).collect::<Vec<_>>());
    // Another seed is another sample, and that it was the second one is told.
    let again = sample(&kunming, sample_of(&towns, "until it fits", 5)).await.unwrap();
    assert_ne!(leaves(&again), leaves(&one));
    assert_eq!(again.seeds, ["dice 4 2 6", "until it fits"]);
    for (seed, size, word) in [("骰子", 5, "BAD_SEED"), ("x", 0, "BAD_SIZE")] {
        let refused = sample(&kunming, sample_of(&towns, seed, size)).await.unwrap_err();
        assert_eq!(refused.metadata().get(CODE_KEY).unwrap(), word);
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_off_is_signed_in_codes_and_no_call_of_compliance_names_a_person() {
    let towns = Towns::new().await;
    twelve(&towns).await;
    let doors = Doors::of(&towns.kunming);
    let (from, to) = NOVEMBER;
    let sign = |seed: &str, findings: Vec<ReviewFinding>| wire::SignOffRequest {
        agreement_id: towns.agreement.hex(),
        from,
        to,
        seed: seed.to_owned(),
        findings: findings.into_iter().map(i32::from).collect(),
    };
    let refused = |asked| doors.audit.sign_off(doors.ask("compliance", asked));
    let none = refused(sign("s", vec![ReviewFinding::None])).await.unwrap_err();
    assert_eq!(none.metadata().get(CODE_KEY).unwrap(), "NO_SAMPLE");
    let drawn = sample(&doors, sample_of(&towns, "s", 3)).await.unwrap();
    for findings in [
        vec![],
        vec![ReviewFinding::None, ReviewFinding::AnsweredLate],
        vec![ReviewFinding::Unspecified],
    ] {
        let bad = refused(sign("s", findings)).await.unwrap_err();
        assert_eq!(bad.metadata().get(CODE_KEY).unwrap(), "BAD_FINDINGS");
    }
    let asked = sign("s", vec![ReviewFinding::ConsentMissing, ReviewFinding::AnsweredLate]);
    let signed = refused(asked).await.unwrap().into_inner();
    let sealed = envelope::from_json(&signed.dsse).unwrap();
    let key = Digest::from_slice(&sealed.key_fpr).unwrap();
    let held = towns.kunming.public.manifest.key(&key, Role::Message).unwrap();
    let pae = envelope::pae(&sealed.payload_type, &sealed.payload);
    held.public.verify(&pae, &sealed.sig).unwrap();
    assert_eq!(Digest::of(&[&pae]).hex(), signed.digest);
    let said: serde_json::Value = serde_json::from_slice(&sealed.payload).unwrap();
    assert_eq!(said["findings"], serde_json::json!(["ANSWERED_LATE", "CONSENT_MISSING"]));
    assert_eq!(said["sample"]["population"], 12);

    // All that compliance is told, with twelve persons planted.
    let period = || wire::AuditReportRequest { agreement_id: towns.agreement.hex(), from, to };
    let report = doors.audit.report(doors.ask("compliance", period())).await.unwrap();
    let figures = doors.audit.statistics(doors.ask("compliance", period())).await.unwrap();
    let ask = wire::AccessLogRequest { from, to, ..Default::default() };
    let looks = doors.audit.access_log(doors.ask("compliance", ask)).await.unwrap();
    let mut told = signed.encode_to_vec();
    told.extend(sealed.payload);
    told.extend(drawn.encode_to_vec());
    told.extend(report.into_inner().encode_to_vec());
    told.extend(looks.into_inner().encode_to_vec());
    let figures = figures.into_inner();
    told.extend(figures.encode_to_vec());
    for serial in 1..=12 {
        let one = person(serial);
        for value in [one.name, one.number, one.phone] {
            let bytes = value.as_bytes();
            assert!(!told.windows(bytes.len()).any(|part| part == bytes), "{value}");
        }
    }
    // V16: twelve are shown, whole months only.
    let shown: Vec<_> = figures.lines.iter().map(|line| (line.month, line.opened)).collect();
    assert_eq!(shown, [(202_611, 12)]);
    let part = wire::AuditReportRequest { to: 20_261_129, ..period() };
    let refused = doors.audit.statistics(doors.ask("compliance", part)).await.unwrap_err();
    assert_eq!(refused.metadata().get(CODE_KEY).unwrap(), "WHOLE_MONTHS");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v16_nothing_under_ten_is_shown_to_others() {
    let towns = Towns::new().await;
    let cases = towns.kunming.import((1..=9).map(home).collect()).await;
    for case in &cases {
        towns.kunming.ask_yes(case).await;
    }
    towns.settled().await;
    let doors = Doors::of(&towns.kunming);
    let (from, to) = NOVEMBER;
    let ask = wire::AuditReportRequest { agreement_id: towns.agreement.hex(), from, to };
    let report = doors.audit.report(doors.ask("compliance", ask.clone())).await.unwrap();
    assert_eq!(report.into_inner().legs, 9, "compliance itself sees them");
    let figures = doors.audit.statistics(doors.ask("compliance", ask)).await.unwrap();
    assert!(figures.into_inner().lines.is_empty());
    towns.stop().await;
}
