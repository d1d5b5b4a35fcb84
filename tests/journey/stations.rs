//! A city with seventeen agreements and eighty-four stations: each station is an office of its own in
//! every agreement, sends its own people, hears how they fare, and sees no other station's.

use crate::agreements::{denied, nobody_misbehaved, one_more_of};
use crate::mission::credit_code;
use jieli_node::tokens;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Service};
use jieli_tests::{AGREEMENT_DRAFT, Seeded, Towns, eventually, people, sqlite};
use std::fmt::Write as _;

const AGREEMENTS: i64 = 17;
const STATIONS: u32 = 84;
const LABOUR: &str = "11999999MB0000019T";

/// Name of the token and credit code of each station.
fn stations() -> Vec<(String, String)> {
    let station =
        |number| (format!("station-{number}"), credit_code(&format!("11999999MC{number:04}000")));
    (1..=STATIONS).map(station).collect()
}

/// The sample with the stations as labour offices of Kunming.
fn agreement() -> String {
    let second = AGREEMENT_DRAFT.find("[[party]]\ncity = \"ruian.zj\"").unwrap();
    let mut offices = String::new();
    for (name, code) in stations() {
        write!(
            offices,
            "[[party.office]]\ncredit_code = \"{code}\"\nkind = \"labour\"\nname = \"{name} 站\"\n\
             telephone = \"0871-60000000\"\n\n"
        )
        .unwrap();
    }
    let mut draft = AGREEMENT_DRAFT.to_owned();
    draft.insert_str(second, &offices);
    draft
}

#[tokio::test(flavor = "multi_thread")]
async fn seventeen_agreements_and_eighty_four_stations_that_see_each_their_own() {
    let draft = agreement();
    let mut towns = Towns::with(sqlite(), sqlite(), &draft).await;
    for _ in 1..AGREEMENTS {
        one_more_of(&towns, &draft).await;
    }
    for town in [&towns.kunming, &towns.ruian] {
        let sql = "SELECT COUNT(*) FROM agreement WHERE live_version = 1";
        assert_eq!(town.count(sql).await, AGREEMENTS);
    }
    towns.kunming.stop().await;
    let file = towns.kunming.dir.join("jieli.toml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    let entropy = Seeded::new(u64::from(STATIONS));
    for (name, code) in stations() {
        write!(
            text,
            "\n[[desk.tokens]]\nname = \"{name}\"\nrole = \"clerk\"\noffice = \"{code}\"\n\
             answers_to = [\"{LABOUR}\"]\n"
        )
        .unwrap();
        tokens::make(&towns.kunming.dir, &name, &entropy).unwrap();
    }
    std::fs::write(&file, text).unwrap();
    towns.kunming.start().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let mut cases = Vec::new();
    for (at, (_, code)) in stations().iter().enumerate() {
        let draft = people::home(at as u32 + 1);
        cases.push(kunming.import_as(code, vec![draft]).await.remove(0));
    }
    for case in &cases {
        kunming.ask_yes(case).await;
    }
    let everything = wire::ListCasesRequest { most: 200, ..wire::ListCasesRequest::default() };
    let there = async || ruian.queue("homes", everything.clone()).await.cases.len();
    eventually("all at the other city", async || there().await == STATIONS as usize).await;
    // One of them is decided: its station hears it, and no other station's leg has moved.
    let decided = kunming.leg_for(&cases[7], Service::Housing).await;
    towns.ruian_accepts(decided).await;
    kunming.reaches(decided, Stage::Released).await;
    for (at, (token, code)) in stations().iter().enumerate() {
        let own = kunming.queue(token, everything.clone()).await;
        let numbers: Vec<&str> = own.cases.iter().map(|case| case.case_number.as_str()).collect();
        assert_eq!(numbers, [cases[at].as_str()], "{token}");
        let leg = kunming.leg_for(&cases[at], Service::Housing).await;
        assert_eq!(kunming.leg(leg).await.our_office, *code);
        let stage = if at == 7 { Stage::Released } else { Stage::Offered };
        assert_eq!(kunming.stage(leg).await, Some(stage), "{token}");
        let next = &cases[(at + 1) % cases.len()];
        let read = kunming.case_seen(token, next, "test").await.unwrap_err();
        assert!(read.contains("没有找到"), "{token} reads {next}: {read}");
        // Nor acts for another one.
        let other = kunming.leg_for(next, Service::Housing).await;
        let stop = Act::Withdraw(wire::DeskWithdraw {});
        assert_eq!(denied(kunming.act_of(code, other, stop).await), "NOT_FOUND", "{token}");
    }
    // Its agreements stand on one screen, and every leg cites one of them.
    let all = kunming.agreements("approver").await;
    assert_eq!(all.len() as i64, AGREEMENTS);
    assert!(all.iter().all(|one| one.state == "ACTIVE"), "{all:?}");
    let cited =
        "SELECT COUNT(*) FROM leg WHERE agreement_id IN (SELECT agreement_id FROM agreement)";
    assert_eq!(kunming.count(cited).await, i64::from(STATIONS));
    // The city's coordination window sees all of them, as stages.
    let all = kunming.queue(jieli_tests::WINDOW_TOKEN, everything).await;
    assert_eq!(all.cases.len(), STATIONS as usize);
    nobody_misbehaved(&towns).await;
    towns.stop().await;
}
