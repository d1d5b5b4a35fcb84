//! V6: a stop reaches the other city whatever the agreement has become; a stop by a slip that a
//! desk printed is told like a desk's own.

use crate::common::{a_while, denied};
use jieli_node::command::{DeskCommand, Done, WorkerCommand};
use jieli_proto::bundle::verify;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType};
use jieli_tests::people::home;
use jieli_tests::{AGREEMENT_DRAFT, Sms, Town, Towns, eventually};

/// The sample agreement as version 2, in which Ruian has no housing office any more.
async fn drop_housing(towns: &Towns) {
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let id = towns.agreement.hex();
    let at =
        AGREEMENT_DRAFT.find("[[party.office]]\ncredit_code = \"11999999MB0000140P\"").unwrap();
    let (before, rest) = AGREEMENT_DRAFT.split_at(at);
    let after = &rest[rest[1..].find("[[party.office]]").unwrap() + 1..];
    let draft_toml = format!("agreement_id = \"{id}\"\nversion = 2\n{before}{after}");
    kunming.two_approve(DeskCommand::Propose(wire::ProposeRequest { draft_toml })).await.unwrap();
    let sign = wire::CountersignRequest { agreement_id: id, version: 2 };
    eventually("the proposal", async || {
        ruian.two_approve(DeskCommand::Countersign(sign.clone())).await.is_ok()
    })
    .await;
    eventually("version 2 in both", async || {
        [kunming, ruian].iter().all(|town| {
            let published = town.node().hand().published();
            published.directory.bonds[&towns.agreement].version() == 2
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_a_stop_is_sent_under_a_version_that_dropped_the_office() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let cases = kunming.import(vec![home(1), home(2)]).await;
    let code = kunming.ask_yes(&cases[0]).await;
    kunming.ask_yes(&cases[1]).await;
    let mine = kunming.legs(&cases[0]).await[0].id;
    let theirs = kunming.legs(&cases[1]).await[0].id;
    for leg in [mine, theirs] {
        ruian.reaches(leg, Stage::Offered).await;
    }
    drop_housing(&towns).await;
    // Nothing else goes on between these offices.
    let void = wire::DeskVoid { code: wire::VoidCode::SentInError.into() };
    assert_eq!(denied(kunming.act(mine, Act::Void(void)).await), "OfficeNotCovered");
    // The person stops, and a desk of the other city on another person's word: both are answered.
    kunming.withdraw(&code).await.unwrap();
    ruian.act(theirs, Act::Withdraw(wire::DeskWithdraw {})).await.unwrap();
    ruian.reaches(mine, Stage::Withdrawn).await;
    kunming.reaches(theirs, Stage::Withdrawn).await;
    kunming.holds(mine, MessageType::WithdrawEffect).await;
    ruian.holds(theirs, MessageType::WithdrawEffect).await;
    towns.settled().await;
    let roots = [kunming.public.root_fpr(), ruian.public.root_fpr()];
    for case in &cases {
        let verdicts = verify(&kunming.export(case, false).await, &roots).unwrap();
        assert!(verdicts.failures.is_empty(), "{}", verdicts.text());
    }
    towns.stop().await;
}

/// Stops all of a slip, by its code.
async fn stop_by(town: &Town, case: &str, slip: &wire::SlipPage) -> wire::AnswerReply {
    let stop = wire::SlipUse {
        case_number: case.to_owned(),
        slip_code: slip.slip_code.clone(),
        legs: Vec::new(),
    };
    let done = town.worker(WorkerCommand::StopBySlip(stop)).await.unwrap();
    let Done::Answered(reply) = done else { panic!("{done:?}") };
    reply
}

async fn own_slip(town: &Town, sms: &Sms) -> wire::SlipPage {
    let ask = wire::OpenRequest { case_number: sms.case(), code: sms.code() };
    let done = town.worker(WorkerCommand::Slip(ask)).await.unwrap();
    let Done::Slip(page) = done else { panic!("{done:?}") };
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_a_stop_by_a_slip_of_a_desk_is_told_and_may_be_not_me() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    kunming.ask_yes(&case).await;
    let old = kunming.legs(&case).await[0].id;
    ruian.reaches(old, Stage::Offered).await;
    // The clerk prints, reads the code, prints again, and stops in the person's name.
    let first = kunming.slip(&case).await;
    let second = kunming.slip(&case).await;
    let said = stop_by(kunming, &case, &first).await;
    assert_eq!(said, stop_by(kunming, &case, &second).await, "one reply, and one stop");
    ruian.reaches(old, Stage::Withdrawn).await;
    let sms = kunming.sms(&case, "不是我").await;
    assert!(sms.text.contains("昆明市综合服务窗口") && sms.text.contains("回单"), "{}", sms.text);
    let not_me = wire::NotMeRequest { case_number: sms.case(), code: sms.code() };
    kunming.worker(WorkerCommand::NotMe(not_me)).await.unwrap();
    eventually("the new leg", async || kunming.legs(&case).await.len() == 2).await;
    ruian.reaches(kunming.legs(&case).await[1].id, Stage::Offered).await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v06_the_own_slip_outlives_what_desks_print_and_stops_without_a_word() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    let code = kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    ruian.reaches(leg, Stage::Offered).await;
    let replaced = own_slip(kunming, &code).await;
    let own = own_slip(kunming, &code).await;
    kunming.slip(&case).await;
    let look = async |slip: &wire::SlipPage| {
        let (case_number, slip_code) = (case.clone(), slip.slip_code.clone());
        let look = wire::SlipUse { case_number, slip_code, legs: Vec::new() };
        kunming.worker(WorkerCommand::LookBySlip(look)).await
    };
    assert!(look(&own).await.is_ok(), "a desk's print does not end it");
    assert_eq!(denied(look(&replaced).await), "WRONG_CODE");
    stop_by(kunming, &case, &replaced).await;
    ruian.reaches(leg, Stage::Withdrawn).await;
    a_while().await;
    assert!(kunming.phones.about(&case, "不是我").is_empty(), "the person said it");
    towns.stop().await;
}
