//! Items received here and decided there: the catalogue says which kind of office decides.

use jieli_node::command::{DeskCommand, Done};
use jieli_node::writer::Failure;
use jieli_proto::case::Stage;
use jieli_proto::section::{self, Phase};
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::{self, OfficeKind, Service};
use jieli_tests::people;
use jieli_tests::{AGREEMENT_DRAFT, Town, Towns, Within, eventually, sqlite};

/// Medical security and labour offices of Kunming and of Ruian.
const MEDICAL: [&str; 2] = ["11999999MB0000035G", "11999999MB0000131R"];
const LABOUR: [&str; 2] = ["11999999MB0000019T", "11999999MB00001154"];

/// The agreement of the sample, in which labour decides its items of insurance too.
fn labour_decides_too() -> String {
    let line = "kind = \"insurance\"\n";
    assert!(AGREEMENT_DRAFT.contains(line));
    AGREEMENT_DRAFT.replace(line, &format!("{line}also_decided_by = [\"labour\"]\n"))
}

/// A request of somebody for an item of the catalogue.
fn item(code: u32) -> wire::Draft {
    let mut draft = people::medical();
    draft.worker = Some(people::person(code));
    draft.legs[0].item_code = code;
    draft
}

async fn imported(town: &Town, office: &str, draft: wire::Draft) -> wire::ImportedRow {
    let request = wire::ImportRequest { file_name: String::new(), drafts: vec![draft] };
    let done = town.desk_of(office, DeskCommand::Import(request)).await.unwrap();
    let Done::Imported(mut reply) = done else { panic!("{done:?}") };
    reply.rows.remove(0)
}

/// Every item of insurance in the catalogue, entered where the person is now, decided by the office
/// of the other city that the catalogue names, and confirmed by the person.
#[tokio::test(flavor = "multi_thread")]
async fn seventeen_items_are_received_here_and_decided_there_each_by_its_own_office() {
    let towns = Towns::with(sqlite(), sqlite(), &labour_decides_too()).await;
    let (kunming, ruian) = (&towns.kunming, &towns.ruian);
    for code in 1..=17 {
        let side = if code < 13 { MEDICAL } else { LABOUR };
        let case = ruian.import_as(side[1], vec![item(code)]).await.remove(0);
        ruian.ask_yes(&case).await;
        let leg = ruian.leg_for(&case, Service::Insurance).await;
        kunming.reaches(leg, Stage::Offered).await;
        assert_eq!(kunming.leg(leg).await.our_office, side[0], "item {code}");
        // Nobody else's desk there knows of it.
        let other = if code < 13 { LABOUR[0] } else { MEDICAL[0] };
        let take_up = || Act::TakeUp(wire::DeskTakeUp {});
        assert!(kunming.act_of(other, leg, take_up()).await.is_err(), "item {code}");
        kunming.act_of(side[0], leg, take_up()).await.unwrap();
        let outcome = || Act::Outcome(people::outcome(Service::Insurance, ""));
        eventually("the result", async || kunming.act_of(side[0], leg, outcome()).await.is_ok())
            .await;
        ruian.reaches(leg, Stage::Fulfilled).await;
        let cover = Act::Cover(wire::DeskCover { covered_from: 20261201 });
        ruian.act_of(side[1], leg, cover).await.unwrap();
        let done = ruian.sms(&case, "说已办成").await;
        ruian.answer(&done, &[1]).await.unwrap();
        kunming.reaches(leg, Stage::Completed).await;
    }
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_whose_office_may_not_read_it_is_refused_when_it_is_drafted() {
    let towns = Towns::new().await;
    let ruian = &towns.ruian;
    for code in 13..=17 {
        let row = imported(ruian, LABOUR[1], item(code)).await;
        assert_eq!(row.code, "ITEM_NOT_DECIDED_THERE", "{row:?}");
        assert!(row.say_zh.contains(&format!("事项 {code}")), "{row:?}");
        assert!(row.say_zh.contains("人力资源和社会保障"), "{row:?}");
        assert!(row.say_en.contains("human resources and social security"), "{row:?}");
        assert_eq!(row.case_number, "");
    }
    // Of no catalogue, and of another service.
    for code in [99, 30] {
        let row = imported(ruian, MEDICAL[1], item(code)).await;
        assert_eq!(row.code, "NO_SUCH_ITEM", "{row:?}");
    }
    assert_eq!(ruian.count("SELECT COUNT(*) FROM leg").await, 0);
    assert_eq!(imported(ruian, MEDICAL[1], item(12)).await.code, "draft");
    towns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_city_an_item_that_its_office_may_not_read_is_refused_too() {
    let city = Within::new(sqlite()).await;
    let local = |code| wire::Draft { city: "昆明市".to_owned(), ..item(code) };
    let row = imported(&city.town, LABOUR[0], local(13)).await;
    assert_eq!(row.code, "ITEM_NOT_DECIDED_THERE", "{row:?}");
    assert_eq!(imported(&city.town, LABOUR[0], local(1)).await.code, "draft");
    let mut town = city.town;
    town.stop().await;
}

/// What is opened further is what an item's office needs: of insurance, to labour, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_opens_a_service_further_only_where_items_are_decided_elsewhere() {
    let towns = Towns::with(sqlite(), sqlite(), &labour_decides_too()).await;
    let published = towns.ruian.node().hand().published();
    let bond = published.directory.bonds.values().next().unwrap();
    let law = bond.in_force().unwrap();
    let all = |service: Service| {
        let kinds = section::TABLE.iter().filter(move |kind| kind.serves(service));
        kinds.map(|kind| u32::from(kind.number)).collect::<Vec<_>>()
    };
    for service in [Service::Insurance, Service::Schooling, Service::Housing] {
        let rule = law.rule(service).unwrap();
        let labour = rule.sections.iter().find(|open| open.kind() == OfficeKind::Labour).unwrap();
        let results = section::TABLE.iter().filter(|k| k.serves(service) && k.phase == Phase::C);
        let results: Vec<u32> = results.map(|kind| u32::from(kind.number)).collect();
        let opened = if service == Service::Insurance { all(service) } else { results };
        assert_eq!(labour.sections, opened, "{service:?}");
    }
    // A copy for the next partner or version says the same.
    let line = "also_decided_by = [\"labour\"]";
    let again = jieli_node::draft::copy(&law.wire).unwrap();
    assert_eq!(again.matches(line).count(), 1, "{again}");
    let kinds = ["\"labour\", \"labour\"", "\"medical-security\"", "\"police\""];
    let mut wrong: Vec<String> = kinds
        .iter()
        .map(|kinds| again.replace(line, &format!("also_decided_by = [{kinds}]")))
        .collect();
    let homes = "kind = \"housing\"\nholders";
    assert!(AGREEMENT_DRAFT.contains(homes));
    let homes_too = format!("kind = \"housing\"\n{line}\nholders");
    wrong.push(AGREEMENT_DRAFT.replace(homes, &homes_too));
    for draft_toml in wrong {
        let ask = DeskCommand::Propose(wire::ProposeRequest { draft_toml });
        let Err(Failure::Denied(denied)) = towns.ruian.enter(ask).await else { panic!() };
        assert_eq!(denied.code, "BAD_DRAFT");
        let of_this = ["decides the service already", "not a kind of office", "only insurance"];
        assert!(of_this.iter().any(|why| denied.en.contains(why)), "{}", denied.en);
    }
    towns.stop().await;
}
