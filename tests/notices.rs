//! Notices go out by day, at no hour that anybody could wait for; who looked at a person's data is
//! told to that person.

#![allow(clippy::unwrap_used)]

use jieli_node::config::Config;
use jieli_node::serve::desk::DeskDoor;
use jieli_node::store::{Store, StoreOptions};
use jieli_node::tokens::{self, Tokens};
use jieli_node::window::WindowCommand;
use jieli_node::world::{Clock, NoticeResult};
use jieli_node::writer::Failure;
use jieli_proto::wire;
use jieli_proto::wire::desk_server::Desk;
use jieli_tests::people::{self, home};
use jieli_tests::{HOUR_MS, Town, Towns, eventually, in_hand};
use std::sync::Arc;
use tonic::{Code, Request};

const WAITING: &str = "SELECT COUNT(*) FROM notice WHERE state = 0";
const FIRST_DUE: &str = "SELECT MIN(first_due_ms) FROM notice_road";
const LAST_DUE: &str = "SELECT MAX(first_due_ms) FROM notice_road";

/// Towns whose notices are spread as in earnest.
async fn spread() -> Towns {
    let mut towns = Towns::new().await;
    towns.kunming.stop().await;
    towns.kunming.spread_minutes = 120;
    towns.kunming.start().await;
    towns
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_are_spread_over_two_hours_of_daytime_and_a_code_lives_from_when_it_left() {
    let towns = spread().await;
    let kunming = &towns.kunming;
    // 19:00: an hour of today and an hour of tomorrow.
    towns.clock.move_on(9 * HOUR_MS);
    let now_ms = towns.clock.now_unix_ms();
    let cases = kunming.import((1..=40).map(home).collect()).await;
    assert_eq!(kunming.ask(&cases).await.asked, 40);
    let (first, last) =
        (kunming.count(FIRST_DUE).await as u64, kunming.count(LAST_DUE).await as u64);
    assert!(first >= now_ms && last > now_ms + HOUR_MS, "spread");
    assert!(last <= now_ms + 15 * HOUR_MS + 60_000, "two daytime hours: {}", last - now_ms);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(kunming.count(WAITING).await > 30, "they did not all go at once");
    // 23:00: those of today are gone, nobody is woken.
    towns.clock.move_on(4 * HOUR_MS);
    let night = "SELECT COUNT(*) FROM notice n JOIN notice_road r ON r.notice_id = n.notice_id \
                 WHERE n.state = 0 AND r.first_due_ms < 1795435200000";
    eventually("today's", async || kunming.count(night).await == 0).await;
    let tomorrow = kunming.count(WAITING).await;
    assert!((5..=35).contains(&tomorrow), "{tomorrow}");
    towns.clock.move_on(12 * HOUR_MS);
    eventually("tomorrow's", async || kunming.count(WAITING).await == 0).await;
    assert_eq!(kunming.phones.all().len(), 40);
    // The last code left this morning: 71 hours from now it is still good.
    let handed = "SELECT MIN(q.deadline_ms - r.handed_ms) FROM question q \
                  JOIN notice_road r ON r.question_id = q.question_id";
    assert_eq!(kunming.count(handed).await as u64, 72 * HOUR_MS);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_is_away_for_a_day_is_given_up() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    kunming.phones.say(Some(NoticeResult::Later));
    let case = kunming.import(vec![home(1)]).await;
    kunming.ask(&case).await;
    let attempts = "SELECT MAX(attempts) FROM notice";
    for hour in 0..23 {
        let before = kunming.count(attempts).await;
        towns.clock.move_on(HOUR_MS);
        eventually("another attempt", async || kunming.count(attempts).await > before).await;
        assert_eq!(kunming.count(WAITING).await, 1, "after {hour} hours");
    }
    towns.clock.move_on(2 * HOUR_MS);
    let over = "SELECT COUNT(*) FROM notice WHERE state = 2";
    eventually("it is given up", async || kunming.count(over).await == 1).await;
    assert_eq!(kunming.ask(&[]).await.undeliverable, case);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_about_several_items_outlives_the_one_that_is_stopped() {
    let towns = spread().await;
    let kunming = &towns.kunming;
    // 21:00: nothing goes out before the morning.
    towns.clock.move_on(11 * HOUR_MS);
    let draft = people::row(people::FAMILY);
    let worker = draft.worker.clone().unwrap();
    let case = kunming.import(vec![draft]).await.remove(0);
    assert_eq!(kunming.ask(std::slice::from_ref(&case)).await.asked, 1);
    assert_eq!(kunming.count(WAITING).await, 1, "one notice about all of it");
    // The person stops the first item at a window, before having heard of it.
    let first = "SELECT l.number FROM leg l JOIN notice n ON n.leg_id = l.leg_id";
    let legs = vec![kunming.count(first).await as u32];
    let stop = wire::StopRequest { in_hand: Some(in_hand(&case, &worker)), legs };
    kunming.window("own", WindowCommand::Stop(stop)).await.unwrap();
    towns.clock.move_on(15 * HOUR_MS);
    let sms = kunming.sms(&case, "逐项回答").await;
    assert_eq!(sms.to, worker.phone);
    assert_eq!(kunming.open(&sms).await.unwrap().legs.len(), 3);
    towns.stop().await;
}

struct Desks(DeskDoor, Config);

impl Desks {
    fn of(town: &Town) -> Desks {
        let config = Config::load(&town.dir).unwrap();
        let tokens = Arc::new(Tokens::load(&config).unwrap());
        let (hand, store) = (town.node().hand(), town.node().store());
        Desks(DeskDoor::new(hand, store, town.node().house().clone(), tokens), config)
    }

    fn ask(&self, case: &str, purpose: &str, sections: bool) -> Request<wire::CaseRef> {
        let (case_number, purpose) = (case.to_owned(), purpose.to_owned());
        self.by("clerk", wire::CaseRef { case_number, purpose, sections })
    }

    fn by<T>(&self, token: &str, message: T) -> Request<T> {
        let token = std::fs::read_to_string(tokens::path(&self.1.dir, token)).unwrap();
        let mut request = Request::new(message);
        let value = format!("Bearer {}", token.trim()).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    /// An export with sections that the second post has approved.
    async fn approved(&self, case: &str, purpose: &str) -> Request<wire::SecondRef> {
        let asked = self.0.ask_second(self.ask(case, purpose, true)).await.unwrap().into_inner();
        let (id, shown_digest) = (asked.id.clone(), asked.shown_digest);
        let approve = wire::ApproveSecondRequest { id: asked.id, shown_digest };
        self.0.approve_second(self.by("approver", approve)).await.unwrap();
        self.by("clerk", wire::SecondRef { id })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_reads_who_looked_and_what_cannot_be_written_down_is_not_shown() {
    let mut towns = Towns::new().await;
    let kunming = &towns.kunming;
    let case = kunming.import(vec![home(1)]).await.remove(0);
    let sms = kunming.ask_yes(&case).await;
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, jieli_proto::case::Stage::Offered).await;
    let who = wire::WorkerRequest { case_number: case.clone(), code: sms.code() };
    assert!(kunming.who_looked(who.clone()).await.unwrap().looks.is_empty());
    let desks = Desks::of(kunming);
    // Stages alone are no look at a person.
    desks.0.show_case(desks.ask(&case, "", false)).await.unwrap();
    assert!(kunming.who_looked(who.clone()).await.unwrap().looks.is_empty());
    let view = desks.0.show_case(desks.ask(&case, "核对电话", false)).await.unwrap().into_inner();
    assert!(!view.legs[0].fields.is_empty());
    towns.clock.move_on(1_000);
    let approved = desks.approved(&case, "审计").await;
    desks.0.export_approved(approved).await.unwrap();
    let looks = kunming.who_looked(who.clone()).await.unwrap().looks;
    let told: Vec<_> = looks
        .iter()
        .map(|look| (look.view.as_str(), look.purpose.as_str(), look.system.as_str()))
        .collect();
    assert_eq!(told, [("export", "审计", "clerk"), ("case", "核对电话", "clerk")]);
    for look in &looks {
        assert_eq!((look.office.as_str(), look.legs.as_slice()), ("11999999MB0000019T", &[1][..]));
        assert!(!look.office_name.is_empty() && look.at_unix_ms > 0);
    }
    // Another case's code opens nothing of this one.
    let other = kunming.import(vec![home(2)]).await.remove(0);
    kunming.ask(std::slice::from_ref(&other)).await;
    let theirs = kunming.sms(&other, "逐项回答").await;
    let asked = wire::WorkerRequest { case_number: case.clone(), code: theirs.code() };
    let refused = kunming.who_looked(asked).await;
    assert!(matches!(refused, Err(Failure::Denied(denied)) if denied.code == "WRONG_CODE"));
    // What cannot be written down is not shown, and not exported.
    drop(desks);
    towns.kunming.stop().await;
    let url = format!("sqlite:{}", towns.kunming.dir.join("jieli.db").display());
    let store = Store::open(&url, StoreOptions::default()).await.unwrap();
    let mut writer = store.writer();
    let mut tx = writer.begin().await.unwrap();
    tx.run("DROP TABLE looked", Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    drop(writer);
    store.close().await;
    towns.kunming.start().await;
    let desks = Desks::of(&towns.kunming);
    desks.0.show_case(desks.ask(&case, "", false)).await.unwrap();
    for sections in [false, true] {
        let shown = if sections {
            desks.0.export_approved(desks.approved(&case, "审计").await).await.map(drop)
        } else {
            desks.0.show_case(desks.ask(&case, "核对电话", false)).await.map(drop)
        };
        let code = shown.unwrap_err().code();
        assert!(matches!(code, Code::Internal | Code::Unavailable), "{code:?}");
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_reads_how_every_item_stands_in_short_messages() {
    let towns = Towns::new().await;
    let case = towns.main_road().await;
    let kunming = &towns.kunming;
    let sms = kunming.phones.about(&case, "说已办成").remove(0);
    let who = wire::WorkerRequest { case_number: case, code: sms.code() };
    let legs = kunming.status(who).await.unwrap().legs;
    assert_eq!(legs.len(), 3);
    for leg in &legs {
        assert!(leg.say_zh.chars().count() < 70 && leg.say_zh.ends_with("已办结。"), "{leg:?}");
        assert!(leg.say_en.ends_with("done."), "{leg:?}");
    }
    towns.stop().await;
}
