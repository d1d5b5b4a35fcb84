//! What a stop and a start in the middle of the road must not change, and who may never be sent.

use jieli_node::command::{DeskCommand, Done};
use jieli_proto::case::Stage;
use jieli_proto::wire::{self, Service};
use jieli_tests::people::{self, home};
use jieli_tests::{HOUR_MS, Towns, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_a_day_of_reading_and_a_ballot_outlive_a_stop() {
    let mut towns = Towns::new().await;
    let case = towns.kunming.import(people::single(1)).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    towns.kunming.stop().await;
    towns.next_working_day();
    towns.kunming.start().await;
    let job = towns.kunming.leg_for(&case, Service::Employment).await;
    towns.ruian.reaches(job, Stage::Offered).await;
    towns.ruian_accepts(job).await;
    let sms = towns.kunming.sms(&case, "请至少看一天").await;
    towns.kunming.open(&sms).await.unwrap();
    towns.clock.move_on(24 * HOUR_MS);
    towns.kunming.answer(&sms, &[1]).await.unwrap();
    towns.kunming.stop().await;
    towns.ruian.stop().await;
    towns.ruian.start().await;
    towns.kunming.start().await;
    towns.next_working_day();
    towns.ruian.reaches(job, Stage::Released).await;
    towns.ruian_reports(job).await;
    let here = towns.ruian.case_of(&towns.ruian.leg(job).await).await;
    let ballot = towns.ruian.sms(&here, "私下问您").await;
    towns.ruian.stop().await;
    towns.ruian.start().await;
    towns.ruian.answer(&ballot, &[1]).await.unwrap();
    towns.kunming.reaches(job, Stage::Fulfilled).await;
    towns.settled().await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_second_import_of_the_same_rows_makes_no_second_case() {
    let towns = Towns::new().await;
    let drafts = vec![home(1), home(2)];
    towns.kunming.import(drafts.clone()).await;
    let request = wire::ImportRequest { file_name: String::new(), drafts };
    let done = towns.kunming.desk(DeskCommand::Import(request)).await.unwrap();
    let Done::Imported(reply) = done else { panic!("{done:?}") };
    assert!(reply.rows.iter().all(|row| row.code == "duplicate"), "{reply:?}");
    assert_eq!(towns.kunming.count("SELECT COUNT(*) FROM case_file").await, 2);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v14_nobody_under_16_is_ever_offered_a_job() {
    let towns = Towns::new().await;
    let mut young = people::single(1).remove(0);
    let born = |year: u32| people::person_born(7, year);
    for (year, code) in [(2011, "BAD_FIELD"), (2015, "BAD_FIELD"), (1990, "draft")] {
        young.worker = Some(born(year));
        young.legs[0].person = None;
        let drafts = vec![young.clone()];
        let request = wire::ImportRequest { file_name: String::new(), drafts };
        let done = towns.kunming.desk(DeskCommand::Import(request)).await.unwrap();
        let Done::Imported(reply) = done else { panic!("{done:?}") };
        assert_eq!(reply.rows[0].code, code, "born {year}: {reply:?}");
    }
    // The row that says another age than the number is not believed.
    let mut lies = born(2012);
    lies.age_band = 4;
    young.worker = Some(lies);
    let request = wire::ImportRequest { file_name: String::new(), drafts: vec![young] };
    let done = towns.kunming.desk(DeskCommand::Import(request)).await.unwrap();
    let Done::Imported(reply) = done else { panic!("{done:?}") };
    assert_eq!(reply.rows[0].code, "BAD_FIELD", "{reply:?}");
    eventually("one case", async || {
        towns.kunming.count("SELECT COUNT(*) FROM case_file").await == 1
    })
    .await;
    towns.stop().await;
}
