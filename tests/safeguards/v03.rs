//! V3: the private ballot about a job can be answered, however late the result was entered.

use crate::common::a_while;
use jieli_proto::case::{Duty, Stage};
use jieli_proto::wire::{MessageType, Service};
use jieli_tests::people;
use jieli_tests::{HOUR_MS, Towns, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn v03_a_ballot_of_the_last_evening_is_answered_the_next_day() {
    let mut towns = Towns::new().await;
    let case = towns.kunming.import(people::single(1)).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    towns.next_working_day();
    let job = towns.job_to_released(&case).await;
    let told = "SELECT COUNT(*) FROM notice WHERE state = 1";
    eventually("the notice", async || towns.ruian.count(told).await == 1).await;
    towns.ruian.stop().await;
    towns.ruian.spread_minutes = 120;
    towns.ruian.start().await;
    let ruian = &towns.ruian;
    let file = ruian.leg(job).await;
    assert_eq!(file.service, Service::Employment);
    let due = file.law.state().due(Duty::Outcome).unwrap();
    // 21:00 of the due day: no notice leaves before the morning.
    towns.clock.move_to(due.start_unix_ms(480) + 21 * HOUR_MS);
    towns.ruian_reports(job).await;
    let late = "SELECT COUNT(*) FROM question q JOIN notice_road r \
                ON r.question_id = q.question_id WHERE q.kind = 'ballot' \
                AND q.deadline_ms < r.first_due_ms + 259200000";
    assert_eq!(ruian.count(late).await, 0, "72 hours at least, from when it leaves");
    towns.clock.move_on(15 * HOUR_MS);
    let here = ruian.case_of(&file).await;
    let ballot = ruian.sms(&here, "私下问您").await;
    // Silence until now is no answer yet.
    a_while().await;
    assert!(!ruian.types(job).await.contains(&MessageType::Withdraw));
    assert!(ruian.node().house().world.clock.now_unix_ms() > due.plus(1).start_unix_ms(480));
    ruian.answer(&ballot, &[1]).await.unwrap();
    towns.kunming.reaches(job, Stage::Fulfilled).await;
    towns.stop().await;
}
