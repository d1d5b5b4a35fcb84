//! The call-back of a sample: the union asks, its key opens the answers, the reviewer reads counts,
//! and nothing small enough to give anybody away.

use jieli_gateway::sealed::figures::said_against;
use jieli_gateway::sealed::{self, KeyPair};
use jieli_node::config::Database;
use jieli_node::serve::CODE_KEY;
use jieli_proto::wire::audit_server::Audit as _;
use jieli_proto::wire::grievance_server::Grievance as _;
use jieli_proto::wire::worker_server::Worker as _;
use jieli_proto::wire::{self, CallBackWord, SealedWords};
use jieli_tests::people::{home, person};
use jieli_tests::{AGREEMENT_DRAFT, TestPg, Towns, UNION, eventually, random, sqlite};
use prost::Message as _;
use tonic::{Request, Status};

const NOVEMBER: (u32, u32) = (20_261_101, 20_261_130);

fn word(status: &Status) -> &str {
    status.metadata().get(CODE_KEY).unwrap().to_str().unwrap()
}

async fn drawn(towns: &Towns, seed: &str, size: u32) -> wire::SampleReply {
    let (agreement_id, (from, to)) = (towns.agreement.hex(), NOVEMBER);
    let ask = wire::SampleRequest { agreement_id, from, to, seed: seed.to_owned(), size };
    let ask = towns.kunming.with_token("compliance", ask);
    towns.kunming.audit_door().sample(ask).await.unwrap().into_inner()
}

async fn started(towns: &Towns, seed: &str) -> Result<wire::CallBackCounts, Status> {
    let (agreement_id, (from, to)) = (towns.agreement.hex(), NOVEMBER);
    let (seed, office) = (seed.to_owned(), UNION[0].to_owned());
    let ask = wire::StartCallBackRequest { agreement_id, from, to, seed, office, days: 5 };
    let ask = towns.kunming.with_token("compliance", ask);
    Ok(towns.kunming.audit_door().start_call_back(ask).await?.into_inner())
}

/// Telephone and code of every call-back that reached a phone.
fn codes(towns: &Towns) -> Vec<(String, String)> {
    let all = towns.kunming.phones.all().into_iter();
    all.filter_map(|sms| {
        let (_, rest) = sms.text.split_once("回访码 ")?;
        let code: String = rest.chars().take_while(char::is_ascii_digit).collect();
        assert_eq!(code.len(), 16);
        assert!(sms.case().is_empty() && sms.text.contains("昆明市总工会回访"), "{}", sms.text);
        Some((sms.to, code))
    })
    .collect()
}

async fn answered(
    towns: &Towns,
    code: &str,
    said: wire::CallBackWords,
    seed: u64,
) -> Result<wire::FiledReply, Status> {
    let door = towns.kunming.worker_door();
    let open = wire::OpenCallBackRequest { code: code.to_owned() };
    let opened = door.open_call_back(Request::new(open)).await?.into_inner();
    let body = opened.body.unwrap();
    let words = SealedWords { call_back: Some(said), ..SealedWords::default() };
    let fill = &mut random(seed);
    let (filed, _) = sealed::to_body(&body.office, &body.public_key, words, fill).unwrap();
    let ask = wire::AnswerCallBackRequest { code: code.to_owned(), filed: Some(filed) };
    Ok(door.answer_call_back(Request::new(ask)).await?.into_inner())
}

/// As the body's own program counts.
fn counted(key: &KeyPair, records: &[wire::SealedLine]) -> Vec<wire::FigureLine> {
    let opened = |line: &wire::SealedLine| {
        sealed::by_body(key, &line.record_id, &line.sealed).unwrap().call_back.unwrap()
    };
    said_against(&records.iter().map(opened).collect::<Vec<_>>())
}

async fn reported(
    towns: &Towns,
    call_back: &str,
    lines: Vec<wire::FigureLine>,
) -> Result<wire::FiguresReply, Status> {
    let call_back = call_back.to_owned();
    let ask = wire::FiguresRequest { month: 0, call_back, lines, late: 0 };
    let ask = towns.kunming.with_token("body", ask);
    Ok(towns.kunming.body_door().report_figures(ask).await?.into_inner())
}

async fn walk(kunming: Database) {
    let towns = Towns::with(kunming, sqlite(), AGREEMENT_DRAFT).await;
    let town = &towns.kunming;
    let cases = town.import((1..=14).map(home).collect()).await;
    for case in &cases {
        town.ask_yes(case).await;
    }
    eventually("all OFFERs in Ruian", async || {
        towns.ruian.count("SELECT CAST(COUNT(*) AS BIGINT) FROM leg").await == 14
    })
    .await;
    towns.settled().await;
    // No body without a key, no sample that was not drawn, and none of so few that they are known.
    drawn(&towns, "few", 4).await;
    assert_eq!(word(&started(&towns, "few").await.unwrap_err()), "NO_SUCH_BODY");
    let key = town.place_key("body", 1).await.unwrap();
    assert_eq!(word(&started(&towns, "other").await.unwrap_err()), "NO_SAMPLE");
    assert_eq!(word(&started(&towns, "few").await.unwrap_err()), "TOO_FEW");
    assert!(codes(&towns).is_empty());

    let sample = drawn(&towns, "4262", 12).await;
    let begun = started(&towns, "4262").await.unwrap();
    assert_eq!((begun.drawn, begun.asked, begun.answered), (12, 12, 0));
    assert_eq!(word(&started(&towns, "4262").await.unwrap_err()), "ALREADY_CALLED_BACK");
    // Who is asked is exactly the sample that anybody draws; nobody is asked about one item twice.
    eventually("the notices", async || codes(&towns).len() == 12).await;
    drawn(&towns, "again", 14).await;
    assert_eq!(word(&started(&towns, "again").await.unwrap_err()), "TOO_FEW");
    let mut asked: Vec<String> = codes(&towns).into_iter().map(|(to, _)| to).collect();
    asked.sort();
    let phone_of = |case: &str| {
        let at = cases.iter().position(|known| known == case).unwrap();
        person(at as u32 + 1).phone
    };
    let mut expected: Vec<String> =
        sample.items.iter().map(|item| phone_of(&item.case_number)).collect();
    expected.sort();
    assert_eq!(asked, expected);
    // No row ties a code to a leg: tickets lie in the order of their keyed codes.
    assert_eq!(town.count("SELECT COUNT(*) FROM call_back_ticket").await, 12);
    let ties = "SELECT COUNT(*) FROM notice_road r JOIN call_back_ticket t \
                ON r.code_hmac = t.code_hmac";
    assert_eq!(town.count(ties).await, 0);

    // Eleven answer: six were not asked for their will, two paid, nobody's document is kept.
    let codes = codes(&towns);
    for (at, (_, code)) in codes.iter().take(11).enumerate() {
        let said = wire::CallBackWords {
            own_choice: if at < 6 { CallBackWord::No } else { CallBackWord::Yes }.into(),
            money_taken: if at < 2 { CallBackWord::Yes } else { CallBackWord::No }.into(),
            document_kept: CallBackWord::No.into(),
            terms_as_told: CallBackWord::Unspecified.into(),
        };
        answered(&towns, code, said, 100 + at as u64).await.unwrap();
    }
    // A code is good once; a wrong one never.
    let twice = answered(&towns, &codes[0].1, wire::CallBackWords::default(), 7).await;
    assert_eq!(word(&twice.unwrap_err()), "WRONG_CODE");
    let wrong = answered(&towns, "0000000000000000", wire::CallBackWords::default(), 8).await;
    assert_eq!(word(&wrong.unwrap_err()), "WRONG_CODE");
    assert_eq!(town.count("SELECT COUNT(*) FROM call_back_ticket").await, 1);

    // While it is open the body reports nothing; grievances and call-backs are lists apart.
    let list = town.sealed_list("body", &begun.id).await;
    assert_eq!(list.records.len(), 11);
    assert!(town.sealed_list("body", "").await.records.is_empty());
    let lines = counted(&key, &list.records);
    let told: Vec<(u32, bool)> = lines.iter().map(|line| (line.count, line.or_more)).collect();
    assert_eq!(told, [(0, false), (0, false), (6, false), (0, false)]);
    let early = reported(&towns, &begun.id, lines.clone()).await;
    assert_eq!(word(&early.unwrap_err()), "CALL_BACK_OPEN");
    towns.clock.move_on(6 * 24 * jieli_tests::HOUR_MS);
    let over = answered(&towns, &codes[11].1, wire::CallBackWords::default(), 9).await;
    assert_eq!(word(&over.unwrap_err()), "WRONG_CODE");
    // Counts that would give somebody away are not taken from anybody.
    for (count, or_more) in [(1, false), (4, false), (7, false), (6, true), (12, false)] {
        let mut bad = lines.clone();
        bad[2].count = count;
        bad[2].or_more = or_more;
        let refused = reported(&towns, &begun.id, bad).await;
        assert_eq!(word(&refused.unwrap_err()), "BAD_FIGURES", "{count} {or_more}");
    }
    reported(&towns, &begun.id, lines.clone()).await.unwrap();
    let second = reported(&towns, &begun.id, lines.clone()).await;
    assert_eq!(word(&second.unwrap_err()), "ALREADY_REPORTED");
    assert_eq!(town.count("SELECT COUNT(*) FROM call_back_ticket").await, 0);

    let report = town.audit_report(towns.agreement.hex()).await;
    let [counts] = report.call_backs.as_slice() else { panic!("one call-back") };
    assert_eq!((counts.drawn, counts.asked, counts.answered), (12, 12, 11));
    assert!(counts.ended && counts.reported);
    assert_eq!(counts.lines, lines);
    let bytes = report.encode_to_vec();
    for serial in 1..=14 {
        let one = person(serial);
        for value in [one.name, one.number, one.phone, cases[serial as usize - 1].clone()] {
            assert!(!bytes.windows(value.len()).any(|part| part == value.as_bytes()), "{value}");
        }
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_called_back_and_the_reviewer_reads_counts() {
    walk(sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_called_back_on_postgres() {
    walk(TestPg::create("call_back").await.unwrap().database()).await;
}
