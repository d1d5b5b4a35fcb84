//! District pick-up: an offer for a district stands at the office that serves it, as the receiving
//! city's configuration says, and anything else where it came.

use jieli_proto::case::Stage;
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, MessageType};
use jieli_tests::people::{self, text};
use jieli_tests::{AGREEMENT_DRAFT, HOMES, HOMES_TOO, Towns, sqlite};

/// The sample with a housing office of a district in Ruian.
fn draft() -> String {
    let office = format!(
        "[[party.office]]\ncredit_code = \"{HOMES_TOO}\"\nkind = \"housing\"\n\
         name = \"瑞安市塘下镇住房保障所\"\ntelephone = \"0577-60000733\"\n\n"
    );
    AGREEMENT_DRAFT.replacen("[[service]]", &format!("{office}[[service]]"), 1)
}

/// A home that is wanted in a district.
fn wanted(serial: u32, district: &str) -> wire::Draft {
    let mut draft = people::home(serial);
    draft.legs[0].fields.push(text(3, 4, district));
    draft
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_for_a_district_is_decided_by_the_office_that_serves_it() {
    let mut towns = Towns::with(sqlite(), sqlite(), &draft()).await;
    towns.ruian.stop().await;
    let file = towns.ruian.dir.join("jieli.toml");
    let mut config = std::fs::read_to_string(&file).unwrap();
    // The schools serve the same district, and are no office for homes.
    for (office, districts) in [("11999999MB0000123Y", "塘下"), (HOMES_TOO, "塘下")] {
        config += &format!(
            "\n[[desk.windows]]\noffice = \"{office}\"\ntelephone = \"0577-60000733\"\n\
             districts = [\"{districts}\"]\n"
        );
    }
    std::fs::write(&file, config).unwrap();
    towns.ruian.start().await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    let mut legs = Vec::new();
    for (serial, district) in [(81, "塘下"), (82, "飞云")] {
        let case = kunming.import(vec![wanted(serial, district)]).await.remove(0);
        kunming.ask_yes(&case).await;
        let leg = kunming.legs(&case).await[0].id;
        ruian.reaches(leg, Stage::Offered).await;
        legs.push((case, leg));
    }
    let [(case, there), (_, elsewhere)] = legs.as_slice() else { panic!() };
    kunming.holds(*there, MessageType::Redirect).await;
    towns.quiet().await;
    assert_eq!(ruian.leg(*there).await.our_office, HOMES_TOO);
    assert_eq!(ruian.leg(*elsewhere).await.our_office, HOMES);
    assert!(!ruian.types(*elsewhere).await.contains(&MessageType::Redirect));
    // Each stands in its own office's queue.
    let queue = async |token| {
        let list = ruian.queue(token, wire::ListCasesRequest::default()).await;
        list.cases.len()
    };
    assert_eq!((queue("homes").await, queue("district-homes").await), (1, 1));
    // The window of reception takes it up, the office of the district decides; what was told of the
    // home travels no further than the person's yes to that office.
    ruian.act(*there, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
    ruian.act_of(HOMES_TOO, *there, Act::Accept(wire::DeskAccept::default())).await.unwrap();
    kunming.reaches(*there, Stage::Accepted).await;
    towns.quiet().await;
    assert_eq!(kunming.stage(*there).await, Some(Stage::Accepted), "the yes was to another office");
    let asked = kunming.sms(case, "转给同城的").await;
    kunming.answer(&asked, &[1]).await.unwrap();
    ruian.reaches(*there, Stage::Released).await;
    towns.settled().await;
    towns.stop().await;
}
