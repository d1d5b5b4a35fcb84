//! V6: a stop reaches the other city whatever the agreement has become; a stop by a slip that a
//! desk printed is told like a desk's own.

use crate::common::denied;
use jieli_node::command::DeskCommand;
use jieli_proto::bundle::verify;
use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType};
use jieli_tests::people::home;
use jieli_tests::{AGREEMENT_DRAFT, Towns, eventually};

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
