//! V8: nothing can say that somebody keeps the person's document; the complaint has a clock of two
//! working days.

use crate::common::{names_of_the_wire, no_such_term};
use jieli_proto::calendar::Calendar;
use jieli_proto::day::Day;
use jieli_proto::wire::GrievanceKind;
use jieli_tests::{Towns, UNION, complaint, people};

const CALENDAR: &str = include_str!("../../proto/packs/calendar-cn-2026.json");

#[tokio::test(flavor = "multi_thread")]
async fn v08_nothing_says_that_a_document_is_kept_and_the_complaint_is_taken_in_two_days() {
    let names = names_of_the_wire();
    let keeps: Vec<&String> = names
        .iter()
        .filter(|name| name.contains("document") || name.contains("_id_") || name.contains("paper"))
        .filter(|name| {
            ["held", "kept", "deposit", "custody", "retain"].iter().any(|w| name.contains(w))
        })
        .collect();
    // A question of the call-back, answered by the person alone, and the complaint.
    assert_eq!(keeps, ["document_kept", "grievance_kind_id_withheld"]);
    for line in [
        "documents_held = true",
        "id_card_deposit = \"用人单位保管\"",
        "document_custody = \"employer\"",
    ] {
        no_such_term(line);
    }
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![people::home(1)]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let key = kunming.place_key("body", 1).await.unwrap();
    let said = complaint(GrievanceKind::IdWithheld, "证件被扣");
    kunming.files(&sms, UNION[0], &key, said, 2).await.unwrap();
    let line = kunming.sealed_list("body", "").await.records.remove(0);
    let cn = Calendar::from_json(CALENDAR).unwrap();
    let received = Day::from_number(line.received_on).unwrap();
    assert_eq!(line.take_by, cn.add_working_days(received, 2).number());
    for days in 0..3 {
        assert!(!kunming.sealed_list("body", "").await.records[0].overdue, "after {days}");
        towns.next_working_day();
    }
    assert!(kunming.sealed_list("body", "").await.records[0].overdue);
    towns.stop().await;
}
