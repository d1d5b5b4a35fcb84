//! Stories that go wrong, or nearly: what must be true of them over real nodes.

use crate::agreements::denied;
use jieli_node::command::{DeskCommand, Done};
use jieli_node::world::Clock as _;
use jieli_proto::case::Stage;
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType, Service};
use jieli_tests::people::{self, home, number, text};
use jieli_tests::{AGREEMENT_DRAFT, HOUR_MS, Town, Towns, sqlite};

const DAY_MS: u64 = 24 * HOUR_MS;
/// Ruian's days of 2026 and 2027 as far as this story needs them: the week off in October, and the
/// Saturday that is worked for it.
const OCTOBER: &str = r#"{"name":"ruian-days","version":1,"zone_offset_min":480,"weekend":[5,6],"off":[20271001,20271002,20271003,20271004,20271005,20271006,20271007],"work":[20271009],"valid_from":20260101,"valid_to":20271231}"#;

async fn imported(town: &Town, draft: wire::Draft) -> wire::ImportedRow {
    let request = wire::ImportRequest { file_name: String::new(), drafts: vec![draft] };
    let done = town.desk_of("11999999MB0000019T", DeskCommand::Import(request)).await.unwrap();
    let Done::Imported(mut reply) = done else { panic!("{done:?}") };
    reply.rows.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stopped_is_not_asked_again_on_day_89_and_may_be_on_day_91() {
    let towns = Towns::new().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let case = kunming.import(vec![home(1)]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    ruian.reaches(leg, Stage::Offered).await;
    kunming.withdraw(&sms).await.unwrap();
    ruian.reaches(leg, Stage::Withdrawn).await;
    towns.quiet().await;
    let before = towns.sent().await;
    towns.clock.move_on(89 * DAY_MS);
    assert_eq!(imported(kunming, home(1)).await.code, "NOT_NOW");
    assert_eq!(towns.sent().await, before, "nothing was sent");
    towns.clock.move_on(2 * DAY_MS);
    towns.next_working_day();
    let row = imported(kunming, home(1)).await;
    assert_eq!(row.code, "draft");
    kunming.ask_yes(&row.case_number).await;
    let again = kunming.legs(&row.case_number).await[0].id;
    ruian.reaches(again, Stage::Offered).await;
    towns.stop().await;
}

/// The due date of the newest message of a type.
async fn due(town: &Town, leg: LegId, ty: MessageType) -> u32 {
    let file = town.leg(leg).await;
    file.latest(ty).unwrap().message.as_ref().unwrap().due_date
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_of_thirteen_changes_school_in_the_middle_of_the_term_over_a_holiday() {
    let at = AGREEMENT_DRAFT.find("city = \"ruian.zj\"").unwrap();
    let mut draft = AGREEMENT_DRAFT.to_owned();
    draft.insert_str(at, "calendar = \"ruian-days\"\nzone_offset_min = 480\n");
    let towns = Towns::counting(sqlite(), sqlite(), &draft, OCTOBER).await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let on = |day: u32| Day::from_number(day).unwrap().start_unix_ms(480) + 10 * HOUR_MS;
    // Monday of the week that the holiday ends.
    towns.clock.move_to(on(20_270_927));
    let child = people::person_born(7, 2014);
    let mut family = home(1);
    family.legs = vec![wire::DraftLeg {
        service: Service::Schooling.into(),
        person: Some(wire::DraftPerson { phone: String::new(), ..child.clone() }),
        relation: 3,
        fields: vec![
            number(2, 1, 3),
            number(2, 2, 2),
            number(2, 3, 2),
            number(2, 4, 20_271_011),
            text(18, 1, "9999990001"),
        ],
        ..wire::DraftLeg::default()
    }];
    let case = kunming.import(vec![family]).await.remove(0);
    kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    ruian.reaches(leg, Stage::Offered).await;
    // Two working days to take it up, before the holiday; ten to decide, of which seven fall behind it.
    assert_eq!(due(ruian, leg, MessageType::Offer).await, 20_270_929);
    towns.clock.move_to(on(20_270_929));
    ruian.act(leg, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
    kunming.reaches(leg, Stage::TakenUp).await;
    let last = 20_271_019;
    for town in [kunming, ruian] {
        assert_eq!(due(town, leg, MessageType::TakeUp).await, last, "{town:?}");
    }
    // In the holiday nobody is late, and nobody is reminded or expired for it.
    towns.clock.move_to(on(20_271_005));
    let duty = wire::Duty::Decide.into();
    for act in [Act::Remind(wire::DeskRemind { duty }), Act::Expire(wire::DeskExpire { duty })] {
        assert_eq!(denied(kunming.act(leg, act).await), "ILLEGAL_STEP");
    }
    // On the Saturday that is worked the school says yes; the name goes there then and not before.
    assert!(!ruian.types(leg).await.contains(&MessageType::Release));
    towns.clock.move_to(on(20_271_009));
    ruian.act(leg, Act::Accept(wire::DeskAccept::default())).await.unwrap();
    ruian.reaches(leg, Stage::Released).await;
    towns.quiet().await;
    // The child has no phone: the family is told at the school's window.
    let enrolled = people::outcome(Service::Schooling, "");
    let told = wire::DeskOutcome { told_in_person: true, ..enrolled };
    ruian.act(leg, Act::Outcome(told)).await.unwrap();
    kunming.reaches(leg, Stage::Fulfilled).await;
    let sms = kunming.sms(&case, "说已办成").await;
    assert_eq!(sms.to, people::person(1).phone, "the child has no phone");
    kunming.answer(&sms, &[1]).await.unwrap();
    for town in [kunming, ruian] {
        town.reaches(leg, Stage::Completed).await;
    }
    assert!(towns.clock.now_unix_ms() < on(last));
    towns.settled().await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_by_group_and_a_target_of_persons_cannot_be_said() {
    let towns = Towns::new().await;
    let at = AGREEMENT_DRAFT.find("[[service]]\nkind = \"employment\"").unwrap();
    let rule = "kind = \"employment\"\n";
    for line in [
        "target_persons = 500",
        "quota = 500",
        "population_group = \"某地富余劳动力\"",
        "ethnicity = [\"某族\"]",
        "monthly_goal = 500",
    ] {
        let in_rule = AGREEMENT_DRAFT.replacen(rule, &format!("{rule}{line}\n"), 1);
        let mut on_top = AGREEMENT_DRAFT.to_owned();
        on_top.insert_str(0, &format!("{line}\n"));
        let mut of_party = AGREEMENT_DRAFT.to_owned();
        of_party.insert_str(at, &format!("{line}\n"));
        for draft_toml in [in_rule, on_top, of_party] {
            let ask = DeskCommand::Propose(wire::ProposeRequest { draft_toml });
            assert_eq!(denied(towns.kunming.enter(ask).await), "BAD_DRAFT", "{line}");
        }
    }
    assert_eq!(towns.kunming.count("SELECT COUNT(*) FROM agreement").await, 1);
    towns.stop().await;
}
