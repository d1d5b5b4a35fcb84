//! What the two parties of an agreement say about it at the same time: both take effect.

use jieli_node::command::DeskCommand;
use jieli_node::world::Clock as _;
use jieli_proto::case::Stage;
use jieli_proto::id::LegId;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, Duty, MessageType};
use jieli_tests::people::home;
use jieli_tests::{Town, Towns, eventually};

async fn says(town: &Town, towns: &Towns, act: &str, days: i64) {
    let today = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms());
    let wind_down_on = if act == "terminate" { today.plus(days).number() } else { 0 };
    let agreement_id = towns.agreement.hex();
    let request = wire::AgreementActRequest { agreement_id, act: act.to_owned(), wind_down_on };
    town.two_approve(DeskCommand::ActOnAgreement(request)).await.unwrap();
}

fn cut(towns: &Towns, is_cut: bool) {
    for town in [&towns.kunming, &towns.ruian] {
        town.tap.set_cut(is_cut);
    }
    if !is_cut {
        towns.clock.move_on(2 * jieli_tests::HOUR_MS);
    }
}

fn state(town: &Town, towns: &Towns) -> &'static str {
    let today = towns.calendar().day_of_unix_ms(towns.clock.now_unix_ms());
    town.node().hand().published().directory.bonds[&towns.agreement].state(today)
}

async fn reads(towns: &Towns, word: &str) {
    for town in [&towns.kunming, &towns.ruian] {
        eventually(word, async || state(town, towns) == word).await;
    }
}

async fn offered(towns: &Towns, n: u32) -> LegId {
    let case = towns.kunming.import(vec![home(n)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, Stage::Offered).await;
    leg
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_both_suspended_goes_on_when_both_resumed() {
    let towns = Towns::new().await;
    cut(&towns, true);
    says(&towns.kunming, &towns, "suspend", 0).await;
    says(&towns.ruian, &towns, "suspend", 0).await;
    cut(&towns, false);
    towns.settled().await;
    reads(&towns, "SUSPENDED").await;
    says(&towns.ruian, &towns, "resume", 0).await;
    towns.settled().await;
    // Kunming has not resumed.
    reads(&towns, "SUSPENDED").await;
    says(&towns.kunming, &towns, "resume", 0).await;
    reads(&towns, "ACTIVE").await;
    offered(&towns, 1).await;
    towns.settled().await;
    for town in [&towns.kunming, &towns.ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new(), "nobody misbehaved");
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_two_ends_that_crossed_ends_the_legs_that_cite_it() {
    let towns = Towns::new().await;
    let leg = offered(&towns, 1).await;
    let other = offered(&towns, 2).await;
    towns.settled().await;
    cut(&towns, true);
    says(&towns.kunming, &towns, "terminate", 40).await;
    says(&towns.ruian, &towns, "terminate", 20).await;
    // Before it hears of the other's end Kunming can only cite its own.
    let expire = || Act::Expire(wire::DeskExpire { duty: Duty::TakeUp.into() });
    towns.kunming.act(leg, expire()).await.unwrap();
    cut(&towns, false);
    for town in [&towns.kunming, &towns.ruian] {
        town.reaches(leg, Stage::Expired).await;
    }
    towns.settled().await;
    // Now both know both: the one that winds down first is in force.
    towns.kunming.act(other, expire()).await.unwrap();
    towns.ruian.reaches(other, Stage::Expired).await;
    let mut cited = Vec::new();
    for id in [leg, other] {
        assert_eq!(
            towns.ruian.types(id).await,
            [MessageType::Offer, MessageType::Expire],
            "no message was refused"
        );
        let seen = towns.ruian.node().hand().published();
        let bond = &seen.directory.bonds[&towns.agreement];
        cited.push(bond.said_by.map(|acts| acts.terminate.map(|(_, on)| on)));
    }
    let both = cited[0].map(Option::unwrap);
    assert_ne!(both[0], both[1], "both ends are kept");
    reads(&towns, "TERMINATED").await;
    for _ in 0..21 {
        towns.next_working_day();
    }
    reads(&towns, "CLOSED").await;
    towns.settled().await;
    for town in [&towns.kunming, &towns.ruian] {
        assert_eq!(town.alarms().await, Vec::<String>::new(), "nobody misbehaved");
    }
    towns.stop().await;
}
