//! 72 hours without a cosignature hold back new OFFERs, and nothing else.

use jieli_proto::case::Stage;
use jieli_proto::wire::Service;
use jieli_tests::people::home;
use jieli_tests::{HOUR_MS, Towns, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn new_offers_wait_for_a_cosignature_and_withdrawals_do_not() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let sql = "SELECT COUNT(*) FROM cosign_last WHERE origin LIKE '%/log/1'";
    eventually("a cosignature", async || kunming.count(sql).await > 0).await;
    let cases = kunming.import(vec![home(1), home(2)]).await;
    let first = kunming.ask_yes(&cases[0]).await;
    let leg = kunming.leg_for(&cases[0], Service::Housing).await;
    towns.ruian.reaches(leg, Stage::Offered).await;
    // Nobody cosigns for three days; letters and heads are cut alike.
    kunming.tap.set_cut(true);
    towns.clock.move_on(73 * HOUR_MS);
    towns.next_working_day();
    kunming.ask_yes(&cases[1]).await;
    let offers = "SELECT COUNT(*) FROM message m JOIN leg l ON l.leg_id = m.leg_id \
                  WHERE m.lane = 0 AND m.leg_seq = 1";
    let before = kunming.count(offers).await;
    towns.clock.move_on(2 * HOUR_MS);
    // A withdrawal is signed and goes out as ever.
    kunming.withdraw(&first).await.unwrap();
    kunming.reaches(leg, Stage::Withdrawn).await;
    assert_eq!(kunming.count(offers).await, before, "the OFFER waits");
    kunming.tap.set_cut(false);
    towns.ruian.reaches(leg, Stage::Withdrawn).await;
    // No clock has to move for it: the cosignature lets it go.
    eventually("the OFFER goes out by itself", async || kunming.count(offers).await == before + 1)
        .await;
    towns.stop().await;
}
