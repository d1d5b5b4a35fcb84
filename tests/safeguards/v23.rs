//! V23: whoever refuses, stops, stays silent or has not answered yet looks the same in everything
//! that a desk can see. The sender learns by name only that a number does not work.

use jieli_node::command::{DeskCommand, Done};
use jieli_node::config::Config;
use jieli_node::legs::LegFile;
use jieli_node::serve::desk::DeskDoor;
use jieli_node::tokens::{self, Tokens};
use jieli_node::window::WindowCommand;
use jieli_node::world::NoticeResult;
use jieli_node::writer::Failure;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::desk_server::Desk;
use jieli_proto::wire::{self, Duty};
use jieli_tests::people::{home, number, person};
use jieli_tests::{HOMES_HERE, HOUR_MS, Town, Towns, eventually, in_hand};
use std::sync::Arc;
use tonic::Request;

/// How each of the workers goes on after being asked.
const WAYS: [&str; 4] = ["says no", "stops", "yes, then no", "silent"];

struct Desks {
    door: DeskDoor,
    config: Config,
}

impl Desks {
    fn of(town: &Town) -> Desks {
        let house = town.node().house().clone();
        let config = Config::load(&town.dir).unwrap();
        let tokens = Arc::new(Tokens::load(&config).unwrap());
        let door = DeskDoor::new(town.node().hand(), town.node().store(), house, tokens);
        Desks { door, config }
    }

    fn as_<T>(&self, role: &str, message: T) -> Request<T> {
        let token = std::fs::read_to_string(tokens::path(&self.config.dir, role)).unwrap();
        let mut request = Request::new(message);
        let value = format!("Bearer {}", token.trim()).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }
}

/// What a desk sees of one case, with its own ids and numbers blanked.
async fn seen(town: &Town, desks: &Desks, case: &str, leg: &LegFile) -> Vec<String> {
    let mut views = Vec::new();
    for role in ["clerk", "compliance"] {
        for purpose in ["", "跟进"] {
            let ask = wire::CaseRef {
                case_number: case.to_owned(),
                purpose: purpose.to_owned(),
                sections: false,
            };
            let show = desks.door.show_case(desks.as_(role, ask.clone())).await;
            views.push(format!("show {show:?}"));
            let export = desks.door.export_case(desks.as_(role, ask)).await;
            views.push(match export {
                Ok(reply) => format!("export {}", listing(&reply.into_inner().zip)),
                Err(status) => format!("export {status:?}"),
            });
        }
    }
    let ask =
        wire::CaseRef {
            case_number: case.to_owned(), purpose: "跟进".to_owned(), sections: true
        };
    views.push(format!("{:?}", desks.door.export_case(desks.as_("clerk", ask)).await));
    for act in [
        Act::TakeUp(wire::DeskTakeUp {}),
        Act::Accept(wire::DeskAccept::default()),
        Act::Decline(wire::DeskDecline::default()),
        Act::Void(wire::DeskVoid::default()),
        Act::Remind(wire::DeskRemind { duty: Duty::TakeUp.into() }),
        Act::Expire(wire::DeskExpire { duty: Duty::TakeUp.into() }),
        Act::Progress(wire::DeskProgress::default()),
    ] {
        views.push(format!("act {:?}", town.act(leg.id, act).await));
    }
    let blank = |text: String| text.replace(case, "CASE").replace(&leg.id.hex(), "LEG");
    views.into_iter().map(blank).collect()
}

/// The size of a ZIP: what its members say differs by ids and instants, how much it is must not.
fn listing(zip: &[u8]) -> String {
    format!("{} bytes", zip.len())
}

/// The list, its filters and the count, which are about all cases at once.
async fn listed(desks: &Desks, stage: &str) -> String {
    let ask = wire::ListCasesRequest { stage: stage.to_owned(), ..Default::default() };
    match desks.door.list_cases(desks.as_("clerk", ask)).await {
        Ok(list) => {
            let list = list.into_inner();
            format!("{} listed, {} await", list.cases.len(), list.awaiting)
        }
        Err(status) => format!("{:?}", status.code()),
    }
}

async fn all_look_the_same(towns: &Towns, cases: &[String], when: &str) {
    views_are_the_same(towns, cases, when).await;
    let desks = Desks::of(&towns.kunming);
    for stage in ["AWAITING_CONSENT", "REFUSED"] {
        assert_eq!(listed(&desks, stage).await, "InvalidArgument", "no filter for it");
    }
    assert!(listed(&desks, "").await.starts_with("0 listed"), "{when}: none of them is listed");
}

async fn views_are_the_same(towns: &Towns, cases: &[String], when: &str) {
    let kunming = &towns.kunming;
    let desks = Desks::of(kunming);
    let mut first: Option<Vec<String>> = None;
    for (case, way) in cases.iter().zip(WAYS) {
        let leg = kunming.legs(case).await.remove(0);
        let views = seen(kunming, &desks, case, &leg).await;
        match &first {
            None => first = Some(views),
            Some(first) => {
                for (view, other) in views.iter().zip(first) {
                    assert_eq!(view, other, "{when}: “{way}” differs from “{}”", WAYS[0]);
                }
            }
        }
    }
}

/// What an import of one row again says, and what asking again says, one worker after another.
async fn again(town: &Town, case: &str, draft: &wire::Draft) -> (String, String) {
    let request = wire::ImportRequest { file_name: String::new(), drafts: vec![draft.clone()] };
    let done = town.desk(DeskCommand::Import(request)).await.unwrap();
    let Done::Imported(reply) = done else { panic!("{done:?}") };
    let row = &reply.rows[0];
    let imported = format!("{} {} {} {}", row.code, row.say_zh, row.say_en, row.legs);
    let asked = town.ask(&[case.to_owned()]).await;
    let asked = format!("{} {} {:?}", asked.asked, asked.not_ready, asked.why);
    (imported.replace(case, "CASE"), asked.replace(case, "CASE"))
}

#[tokio::test(flavor = "multi_thread")]
async fn v23_who_refuses_stops_or_is_silent_looks_the_same_at_every_desk() {
    let mut towns = Towns::new().await;
    towns.kunming.patience = 0;
    let drafts: Vec<wire::Draft> = (1..=4).map(home).collect();
    let kunming = &towns.kunming;
    let cases = kunming.import(drafts.clone()).await;
    let reply = kunming.ask(&cases).await;
    assert_eq!((reply.asked, reply.undeliverable.len()), (4, 0));
    let mut notes = Vec::new();
    for case in &cases {
        notes.push(kunming.sms(case, "逐项回答").await);
    }
    all_look_the_same(&towns, &cases, "before any answer").await;
    kunming.answer(&notes[0], &[]).await.unwrap();
    kunming.withdraw(&notes[1]).await.unwrap();
    kunming.open(&notes[2]).await.unwrap();
    kunming.answer(&notes[2], &[]).await.unwrap();
    all_look_the_same(&towns, &cases, "while the fourth has not answered").await;
    let desks = Desks::of(kunming);
    assert_eq!(listed(&desks, "").await, "0 listed, 4 await");
    let first = again(kunming, &cases[0], &drafts[0]).await;
    for at in 1..4 {
        assert_eq!(again(kunming, &cases[at], &drafts[at]).await, first, "{}", WAYS[at]);
    }
    all_look_the_same(&towns, &cases, "after they were asked again").await;
    towns.clock.move_on(73 * HOUR_MS);
    all_look_the_same(&towns, &cases, "when the codes have lapsed").await;
    let third = again(kunming, &cases[0], &drafts[0]).await;
    assert!(third.1.contains("ASKED_TWICE"), "{third:?}");
    for at in 1..4 {
        assert_eq!(again(kunming, &cases[at], &drafts[at]).await, third, "{}", WAYS[at]);
    }
    towns.clock.move_on(15 * 24 * HOUR_MS);
    let gone = "SELECT COUNT(*) FROM leg WHERE local_state = 3";
    eventually("the drafts lapse", async || kunming.count(gone).await == 4).await;
    all_look_the_same(&towns, &cases, "when the drafts have lapsed").await;
    assert_eq!(listed(&desks, "").await, "0 listed, 0 await");
    assert_eq!(towns.sent().await, 0);
    let last = again(kunming, &cases[0], &drafts[0]).await;
    for at in 1..4 {
        assert_eq!(again(kunming, &cases[at], &drafts[at]).await, last, "{}", WAYS[at]);
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v23_asking_again_does_not_tell_who_stopped_whatever_stands_in_the_way() {
    let mut towns = Towns::new().await;
    towns.kunming.patience = 0;
    let drafts: Vec<wire::Draft> = (1..=4).map(home).collect();
    let kunming = &towns.kunming;
    let cases = kunming.import(drafts.clone()).await;
    kunming.ask(&cases).await;
    let mut notes = Vec::new();
    for case in &cases {
        notes.push(kunming.sms(case, "逐项回答").await);
    }
    kunming.answer(&notes[0], &[]).await.unwrap();
    kunming.withdraw(&notes[1]).await.unwrap();
    kunming.open(&notes[2]).await.unwrap();
    kunming.answer(&notes[2], &[]).await.unwrap();
    // Another household gives the same telephones: none of the four may be asked by phone now.
    let shared = (1..=4).map(|serial| {
        let mut draft = home(serial + 10);
        draft.worker.as_mut().unwrap().phone = person(serial).phone;
        draft
    });
    kunming.import(shared.collect()).await;
    let first = again(kunming, &cases[0], &drafts[0]).await;
    assert!(first.1.starts_with("1 0"), "{first:?}");
    for at in 1..4 {
        assert_eq!(again(kunming, &cases[at], &drafts[at]).await, first, "{}", WAYS[at]);
    }
    views_are_the_same(&towns, &cases, "after they were asked again in vain").await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v23_a_draft_that_its_person_stopped_looks_like_one_that_waits() {
    let mut towns = Towns::new().await;
    towns.kunming.patience = 0;
    let kunming = &towns.kunming;
    let cases = kunming.import(vec![home(1), home(2)]).await;
    // The first person stops before anybody was asked; the second is asked and silent.
    let in_hand = Some(in_hand(&cases[0], &person(1)));
    let stop = wire::StopRequest { in_hand, legs: Vec::new() };
    kunming.window("schools", WindowCommand::Stop(stop)).await.unwrap();
    assert_eq!(kunming.ask(&cases[1..]).await.asked, 1);
    all_look_the_same(&towns, &cases, "stopped as a draft").await;
    // A corrected sheet, and asking: the same words for both.
    let corrected = |serial: u32| {
        let mut draft = home(serial);
        draft.legs[0].fields[1] = number(3, 2, 4);
        draft
    };
    let first = again(kunming, &cases[0], &corrected(1)).await;
    assert_eq!(again(kunming, &cases[1], &corrected(2)).await, first);
    assert!(first.1.starts_with("1 0"), "{first:?}");
    all_look_the_same(&towns, &cases, "after a corrected sheet").await;
    towns.clock.move_on(15 * 24 * HOUR_MS);
    let gone = "SELECT COUNT(*) FROM leg WHERE local_state = 3";
    eventually("the drafts lapse", async || kunming.count(gone).await == 2).await;
    all_look_the_same(&towns, &cases, "when the drafts have lapsed").await;
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v23_what_a_person_closed_elsewhere_meets_the_same_gates_as_a_fresh_draft() {
    let towns = Towns::with_two_senders().await;
    let kunming = &towns.kunming;
    let mut drafts = vec![home(1), home(2)];
    for draft in &mut drafts {
        draft.city = "成都".to_owned();
    }
    let cases = kunming.import(drafts).await;
    let other = kunming.import_as(HOMES_HERE, vec![home(1)]).await.remove(0);
    let sms = kunming.ask_yes(&other).await;
    kunming.withdraw(&sms).await.unwrap();
    let replies = [kunming.ask(&cases[..1]).await, kunming.ask(&cases[1..]).await];
    assert_eq!((replies[0].asked, replies[0].not_ready), (0, 1), "{replies:?}");
    let why = |at: usize| replies[at].why[0].replace(&cases[at], "CASE");
    assert_eq!(why(0), why(1));
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v23_a_wrong_number_is_the_one_thing_told_by_case() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let cases = kunming.import(vec![home(1), home(2)]).await;
    kunming.phones.say(Some(NoticeResult::Undeliverable));
    kunming.ask(&cases[..1]).await;
    let wrong = "SELECT COUNT(*) FROM notice WHERE state = 2";
    eventually("the carrier's word", async || kunming.count(wrong).await == 1).await;
    kunming.phones.say(None);
    let reply = kunming.ask(&cases[1..]).await;
    assert_eq!(reply.undeliverable, cases[..1]);
    // Once a notice went through, there is nothing to check any more.
    towns.clock.move_on(60_000);
    kunming.ask(&cases[..1]).await;
    kunming.sms(&cases[0], "逐项回答").await;
    let handed = "SELECT COUNT(*) FROM notice WHERE state = 1";
    eventually("both are handed over", async || kunming.count(handed).await == 2).await;
    let done = kunming.desk(DeskCommand::Ask(wire::AskRequest::default())).await;
    let Ok(Done::Asked(reply)) = done else { panic!("{done:?}") };
    assert!(reply.undeliverable.is_empty(), "{reply:?}");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v23_the_persons_own_page_does_not_show_a_refusal_to_who_looks_over_the_shoulder() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let cases = kunming.import(vec![home(1), home(2), home(3)]).await;
    kunming.ask(&cases).await;
    let mut said = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let sms = kunming.sms(case, "逐项回答").await;
        match at {
            0 => drop(kunming.answer(&sms, &[]).await.unwrap()),
            1 => drop(kunming.withdraw(&sms).await.unwrap()),
            _ => {}
        }
        let asked = |code: String| wire::WorkerRequest { case_number: case.clone(), code };
        said.push(kunming.status(asked(sms.code())).await.unwrap());
        let wrong = if sms.code() == "00000000" { "00000001" } else { "00000000" };
        let refused = kunming.status(asked(wrong.to_owned())).await;
        assert!(matches!(refused, Err(Failure::Denied(denied)) if denied.code == "WRONG_CODE"));
    }
    assert_eq!(said[0], said[2]);
    assert_eq!(said[1], said[2]);
    towns.stop().await;
}
