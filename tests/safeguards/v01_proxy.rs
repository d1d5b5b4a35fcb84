//! V1: somebody whom the worker named may say yes at a window, never to a job; the worker is told and
//! can say no before it counts.

use crate::common::{a_while, denied, methods};
use jieli_node::command::{Done, WorkerCommand};
use jieli_node::window::WindowCommand;
use jieli_node::world::NoticeResult;
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::wire::{self, Method};
use jieli_tests::people::{self, home, person, person_born};
use jieli_tests::{HOUR_MS, Sms, Town, Towns, in_hand};

/// The document of who stands in.
fn paper(number: u32) -> wire::Proxy {
    let who = person(number);
    wire::Proxy { document: who.document, number: who.number }
}

async fn sit(
    town: &Town,
    case: &str,
    worker: &wire::DraftPerson,
    proxy: wire::Proxy,
) -> Result<wire::OpenSittingReply, Failure> {
    let in_hand = Some(in_hand(case, worker));
    let ask = wire::OpenSittingRequest { in_hand, proxy: Some(proxy), ..Default::default() };
    let done = town.window("union", WindowCommand::OpenSitting(ask, None)).await?;
    let Done::Sitting(reply) = done else { panic!("{done:?}") };
    Ok(reply)
}

async fn names(town: &Town, sms: &Sms, proxy: wire::Proxy) -> Result<Done, Failure> {
    let wire::Proxy { document, number } = proxy;
    let (case_number, code) = (sms.case(), sms.code());
    let ask = wire::NameProxyRequest { case_number, code, document, number };
    town.worker(WorkerCommand::NameProxy(ask)).await
}

/// A worker who asks for a home was asked by telephone, and named somebody.
async fn named(towns: &Towns, worker: u32, proxy: u32) -> (String, Sms) {
    let kunming = &towns.kunming;
    let case = kunming.import(vec![home(worker)]).await.remove(0);
    kunming.ask(std::slice::from_ref(&case)).await;
    let sms = kunming.sms(&case, "逐项回答").await;
    names(kunming, &sms, paper(proxy)).await.unwrap();
    (case, sms)
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_proxy_whom_the_worker_named_says_yes_and_the_worker_is_told_first() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, _) = named(&towns, 1, 9).await;
    let asked = sit(kunming, &case, &person(1), paper(9)).await.unwrap();
    assert_eq!(asked.items.len(), 1);
    kunming.types_in("union", &asked, &[1], "").await.unwrap();
    // The worker reads it before anything leaves.
    let told = kunming.sms(&case, "有人持自己的证件").await;
    assert_eq!(told.to, person(1).phone);
    assert!(told.text.contains("瑞安") && !told.text.contains(&person(9).number), "{}", told.text);
    a_while().await;
    assert_eq!(towns.sent().await, 0);
    towns.next_working_day();
    let leg = kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    assert_eq!(methods(kunming, leg).await, [Method::Proxy]);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_the_workers_own_no_stands_above_a_proxys_yes() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, first) = named(&towns, 1, 9).await;
    let asked = sit(kunming, &case, &person(1), paper(9)).await.unwrap();
    kunming.types_in("union", &asked, &[1], "").await.unwrap();
    kunming.sms(&case, "有人持自己的证件").await;
    // With the code of the message, or with the one before it.
    kunming.answer(&first, &[]).await.unwrap();
    towns.next_working_day();
    towns.clock.move_on(2 * HOUR_MS);
    a_while().await;
    assert_eq!(towns.sent().await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_a_proxys_yes_of_which_the_worker_did_not_hear_counts_for_nothing() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, _) = named(&towns, 1, 9).await;
    let asked = sit(kunming, &case, &person(1), paper(9)).await.unwrap();
    kunming.phones.say(Some(NoticeResult::Undeliverable));
    kunming.types_in("union", &asked, &[1], "").await.unwrap();
    a_while().await;
    kunming.phones.say(None);
    towns.next_working_day();
    towns.clock.move_on(2 * HOUR_MS);
    a_while().await;
    assert_eq!(towns.sent().await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v01_nobody_stands_in_unnamed_for_a_job_for_a_child_or_for_two() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let (case, sms) = named(&towns, 1, 9).await;
    let why = async |who: u32| denied(sit(kunming, &case, &person(1), paper(who)).await);
    assert_eq!(why(8).await, "PROXY_NOT_NAMED");
    assert_eq!(why(1).await, "PROXY_IS_THE_PERSON");
    let asked = sit(kunming, &case, &person(1), paper(9)).await.unwrap();
    kunming.types_in("union", &asked, &[1], "").await.unwrap();
    // One stands in for one worker alone, whoever named that one.
    let (other, _) = named(&towns, 2, 9).await;
    let refused = sit(kunming, &other, &person(2), paper(9)).await;
    assert_eq!(denied(refused), "PROXY_OF_ANOTHER");
    // Another one takes the place of the one before; an empty number ends it.
    names(kunming, &sms, paper(8)).await.unwrap();
    assert_eq!(why(9).await, "PROXY_NOT_NAMED");
    names(kunming, &sms, wire::Proxy::default()).await.unwrap();
    assert_eq!(why(8).await, "PROXY_NOT_NAMED");
    // Never to a job, and never for somebody under 14.
    let worker = people::single(1)[0].worker.clone().unwrap();
    let job = kunming.import(people::single(1)).await.remove(0);
    let asked = kunming.ask(std::slice::from_ref(&job)).await;
    assert_eq!(asked.asked, 1, "{asked:?}");
    let sms = kunming.sms(&job, "逐项回答").await;
    names(kunming, &sms, paper(7)).await.unwrap();
    assert_eq!(denied(sit(kunming, &job, &worker, paper(7)).await), "NO_PROXY_FOR_A_JOB");
    let mut child = home(4);
    child.legs[0].person = Some(person_born(5, 2015));
    child.legs[0].relation = 3;
    let child = kunming.import(vec![child]).await.remove(0);
    kunming.ask(std::slice::from_ref(&child)).await;
    let sms = kunming.sms(&child, "逐项回答").await;
    names(kunming, &sms, paper(6)).await.unwrap();
    let refused = sit(kunming, &child, &person(4), paper(6)).await;
    assert_eq!(denied(refused), "NO_PROXY_FOR_A_CHILD");
    towns.stop().await;
}
