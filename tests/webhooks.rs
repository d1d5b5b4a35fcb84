//! Systems are told of changes over HTTP by a real city, and a real receiver checks what it gets.

#![allow(clippy::unwrap_used)]

use jieli_node::serve::desk::systems::SystemsDoor;
use jieli_node::serve::operate::OperateDoor;
use jieli_node::tokens::Tokens;
use jieli_node::webhook::{SharedSecret, SignError};
use jieli_node::world::Clock;
use jieli_proto::wire;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::operate_server::Operate as _;
use jieli_proto::wire::systems_server::Systems as _;
use jieli_tests::people::home;
use jieli_tests::{HOUR_MS, Receiver, Say, Town, Towns, eventually};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The system of the office that sends.
const RECORDS: &str = "records";
/// One of the coordination window, which has no leg of its own.
const COUNTER: &str = "counter";
const DAY_MS: u64 = 24 * HOUR_MS;

fn tokens(town: &Town) -> Arc<Tokens> {
    Arc::new(Tokens::load(&town.node().house().config).unwrap())
}

fn operators(town: &Town) -> OperateDoor {
    let node = town.node();
    OperateDoor::new(node.hand(), node.store(), node.house().clone(), tokens(town))
}

async fn add(town: &Town, system: &str, url: &str) -> Result<wire::WebhookSecret, tonic::Status> {
    let ask = wire::AddWebhookRequest { system: system.to_owned(), url: url.to_owned() };
    let made = operators(town).add_webhook(town.signed("operator", ask)).await;
    made.map(tonic::Response::into_inner)
}

async fn added(town: &Town, system: &str, url: &str) -> (String, SharedSecret) {
    let made = add(town, system, url).await.unwrap();
    (made.webhook.unwrap().id, SharedSecret::parse(&made.secret).unwrap())
}

fn named(id: &str) -> wire::WebhookRef {
    wire::WebhookRef { id: id.to_owned() }
}

async fn listed(town: &Town) -> Vec<wire::Webhook> {
    let ask = town.signed("operator", wire::ListWebhooksRequest::default());
    operators(town).list_webhooks(ask).await.unwrap().into_inner().webhooks
}

async fn log(town: &Town) -> Vec<wire::Delivery> {
    let ask = town.signed("operator", wire::ListDeliveriesRequest::default());
    operators(town).list_deliveries(ask).await.unwrap().into_inner().deliveries
}

async fn own_log(town: &Town, system: &str) -> Vec<wire::Delivery> {
    let node = town.node();
    let door = SystemsDoor::new(node.hand(), node.store(), node.house().clone(), tokens(town));
    let ask = town.signed(system, wire::ListDeliveriesRequest::default());
    door.read_deliveries(ask).await.unwrap().into_inner().deliveries
}

/// Stages that were taken, in their order.
fn stages(receiver: &Receiver) -> Vec<String> {
    let taken = receiver.got().into_iter().filter(|post| post.answered == 200);
    taken.map(|post| post.json()["stage"].as_str().unwrap().to_owned()).collect()
}

async fn settled(town: &Town) {
    eventually("nothing waits", async || listed(town).await.iter().all(|hook| hook.waiting == 0))
        .await;
}

async fn offered(towns: &Towns, serial: u32) -> jieli_proto::id::LegId {
    let case = towns.kunming.import(vec![home(serial)]).await.remove(0);
    towns.kunming.ask_yes(&case).await;
    let leg = towns.kunming.legs(&case).await[0].id;
    towns.ruian.reaches(leg, jieli_proto::case::Stage::Offered).await;
    leg
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_is_told_case_leg_and_stage_in_order_and_a_500_is_repeated_under_its_id() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let receiver = Receiver::start().await;
    let other = Receiver::start().await;
    receiver.says([Say::Status(500), Say::Redirect]);
    let (_, secret) = added(kunming, RECORDS, &receiver.url()).await;
    added(kunming, COUNTER, &other.url()).await;
    let leg = offered(&towns, 1).await;
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    kunming.reaches(leg, jieli_proto::case::Stage::TakenUp).await;

    eventually("two tries", async || {
        towns.clock.move_on(10_000);
        receiver.got().len() >= 3
    })
    .await;
    settled(kunming).await;
    let got = receiver.got();
    assert_eq!([got[0].answered, got[1].answered, got[2].answered], [500, 307, 200]);
    assert!(got[..3].iter().all(|post| post.id() == got[0].id()), "one id for one delivery");
    assert_eq!(got[0].body, got[2].body);
    let distinct: BTreeSet<String> = got.iter().map(|post| post.id()).collect();
    assert_eq!(distinct.len(), got.len() - 2, "no other is repeated");
    for post in &got {
        let now_s = towns.clock.now_unix_ms() / 1000;
        assert_eq!(secret.verify(post.headers(), &post.body, now_s), Ok(()));
        let json = post.json();
        let names: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(names, ["case", "leg", "stage"], "and nothing else");
        assert!(post.path.starts_with("/told"), "{}", post.path);
    }
    let told = stages(&receiver);
    assert_eq!(told.first().unwrap(), "OFFERED", "{told:?}");
    assert_eq!(told.last().unwrap(), "TAKEN_UP", "{told:?}");
    // The redirect was not followed, and the other office has no leg.
    assert!(other.got().is_empty());

    // Operators see that it went, not what; the system sees what, and no other one's.
    let seen = log(kunming).await;
    assert!(seen.iter().any(|line| line.attempts == 3 && line.status == 200), "{seen:?}");
    assert!(seen.iter().all(|line| line.case_number.is_empty() && line.stage.is_empty()));
    let own = own_log(kunming, RECORDS).await;
    assert_eq!(own.len(), seen.len());
    assert!(own.iter().all(|line| !line.case_number.is_empty() && line.state == "taken"));
    assert!(own_log(kunming, COUNTER).await.is_empty());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_changed_and_for_a_day_both_sign() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let receiver = Receiver::start().await;
    let (id, old) = added(kunming, RECORDS, &receiver.url()).await;
    let made = operators(kunming).rotate_webhook(kunming.signed("operator", named(&id))).await;
    let made = made.unwrap().into_inner();
    let new = SharedSecret::parse(&made.secret).unwrap();
    let leg = offered(&towns, 1).await;
    settled(kunming).await;
    let check = |secret: &SharedSecret| {
        let last = receiver.got().pop().unwrap();
        secret.verify(last.headers(), &last.body, towns.clock.now_unix_ms() / 1000)
    };
    assert_eq!((check(&old), check(&new)), (Ok(()), Ok(())));
    towns.clock.move_on(DAY_MS + 1_000);
    let before = receiver.got().len();
    towns.ruian_acts(leg, Act::TakeUp(wire::DeskTakeUp {})).await;
    eventually("the next one", async || receiver.got().len() > before).await;
    settled(kunming).await;
    assert_eq!((check(&old), check(&new)), (Err(SignError::Signature), Ok(())));
    // No secret lies open in the database.
    let bytes = std::fs::read(kunming.dir.join("jieli.db")).unwrap();
    let digits = made.secret.strip_prefix("whsec_").unwrap();
    use base64::Engine as _;
    let raw = base64::engine::general_purpose::STANDARD.decode(digits).unwrap();
    for needle in [digits.as_bytes(), &raw] {
        assert!(memchr::memmem::find(&bytes, needle).is_none());
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_when_the_node_ends_while_a_receiver_thinks() {
    let mut towns = Towns::new().await;
    let receiver = Receiver::start().await;
    receiver.says([Say::Nothing]);
    added(&towns.kunming, RECORDS, &receiver.url()).await;
    offered(&towns, 1).await;
    eventually("the post that is not answered", async || !receiver.got().is_empty()).await;
    let first = receiver.got().remove(0);
    towns.kunming.stop().await;
    assert_eq!(receiver.got().len(), 1, "nothing overtakes it");
    towns.kunming.start().await;
    // The lease of the one that ended runs out first.
    eventually("it again", async || {
        towns.clock.move_on(30_000);
        receiver.got().len() > 1
    })
    .await;
    let again = receiver.got().remove(1);
    assert_eq!((again.id(), &again.body), (first.id(), &first.body));
    settled(&towns.kunming).await;
    assert_eq!(own_log(&towns.kunming, RECORDS).await.len(), stages(&receiver).len());
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_address_is_given_up_raises_an_alarm_and_is_told_again_on_request() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let receiver = Receiver::start().await;
    receiver.says(std::iter::repeat_n(Say::Status(503), 400));
    let (id, _) = added(kunming, RECORDS, &receiver.url()).await;
    offered(&towns, 1).await;
    eventually("a first try", async || !receiver.got().is_empty()).await;
    assert_eq!(kunming.count("SELECT COUNT(*) FROM alarm WHERE kind = 'webhook-dead'").await, 0);
    eventually("it is given up", async || {
        towns.clock.move_on(2 * HOUR_MS);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        listed(kunming).await.iter().all(|hook| hook.state == "dead")
    })
    .await;
    let tries = receiver.got().len();
    assert!((5..60).contains(&tries), "{tries} tries in three days");
    assert_eq!(kunming.count("SELECT COUNT(*) FROM alarm WHERE kind = 'webhook-dead'").await, 1);
    assert!(log(kunming).await.iter().any(|line| line.state == "given-up" && line.status == 503));
    receiver.says([]);
    operators(kunming).retry_webhook(kunming.signed("operator", named(&id))).await.unwrap();
    eventually("it is well", async || {
        let hook = listed(kunming).await.remove(0);
        hook.state == "well" && hook.waiting == 0
    })
    .await;
    assert!(log(kunming).await.iter().all(|line| line.state == "taken"));
    assert_eq!(stages(&receiver).first().unwrap(), "OFFERED");
    // A month later the log has forgotten it.
    towns.clock.move_on(31 * DAY_MS);
    offered(&towns, 2).await;
    settled(kunming).await;
    let old = "SELECT COUNT(*) FROM webhook_delivery WHERE attempts > 1";
    assert_eq!(kunming.count(old).await, 0);
    // Removed: nothing is sent any more.
    operators(kunming).remove_webhook(kunming.signed("operator", named(&id))).await.unwrap();
    let before = receiver.got().len();
    offered(&towns, 3).await;
    assert!(listed(kunming).await.is_empty());
    assert_eq!(receiver.got().len(), before);
    assert_eq!(kunming.count("SELECT COUNT(*) FROM webhook_delivery").await, 0);
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_the_clear_or_of_nobody_is_refused_and_others_administer_nothing() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    let word = |status: tonic::Status| {
        status.metadata().get("jieli-code").unwrap().to_str().unwrap().to_owned()
    };
    for url in ["http://10.0.0.1/", "https://a:b@systems.example.cn/", "systems.example.cn", ""] {
        assert_eq!(word(add(kunming, RECORDS, url).await.unwrap_err()), "BAD_URL", "{url}");
    }
    for system in ["clerk", "nobody", ""] {
        let refused = add(kunming, system, "https://systems.example.cn/").await.unwrap_err();
        assert_eq!(word(refused), "NO_SUCH_SYSTEM", "{system}");
    }
    for n in 0..4 {
        add(kunming, RECORDS, &format!("https://systems.example.cn/{n}")).await.unwrap();
    }
    for n in [0, 4] {
        let url = format!("https://systems.example.cn/{n}");
        assert_eq!(word(add(kunming, RECORDS, &url).await.unwrap_err()), "WEBHOOK_THERE");
    }
    let door = operators(kunming);
    for token in ["clerk", RECORDS, "approver"] {
        let ask = kunming.signed(token, wire::ListWebhooksRequest::default());
        assert!(door.list_webhooks(ask).await.is_err(), "{token}");
    }
    let unknown = door.remove_webhook(kunming.signed("operator", named("00"))).await.unwrap_err();
    assert_eq!(word(unknown), "NOT_FOUND");
    towns.stop().await;
}
