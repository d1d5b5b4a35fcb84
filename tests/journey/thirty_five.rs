//! Thirty-five items: for each entry of the catalogue one clerk at the window of reception takes the
//! request, and the kind of office that the entry names decides it, in the time and with the papers
//! that the entry says.

use crate::agreements::denied;
use jieli_proto::calendar::Calendar;
use jieli_proto::case::Stage;
use jieli_proto::day::Day;
use jieli_proto::id::LegId;
use jieli_proto::pack::{Catalogue, Content, Item};
use jieli_proto::wire::act_request::Act;
use jieli_proto::wire::message::Body;
use jieli_proto::wire::{self, MessageType, OfficeKind, Service};
use jieli_tests::people::{self, number, text};
use jieli_tests::{AGREEMENT_DRAFT, Town, Towns, sqlite};

const CATALOGUE: &str = include_str!("../../proto/packs/items-cn.json");
const CALENDAR: &str = include_str!("../../proto/packs/calendar-cn-2026.json");
/// Coordination windows of Kunming and of Ruian.
const WINDOWS: [&str; 2] = ["11999999MB0000043B", "11999999MB0000158H"];
/// The provident fund of Kunming, which only this agreement has.
const FUND: &str = "11999999MB0000316J";

/// The agreement of the sample with all six services, the fund, and labour deciding its insurances.
fn all_services() -> String {
    let office = format!(
        "[[party.office]]\ncredit_code = \"{FUND}\"\nkind = \"housing-fund\"\n\
         name = \"昆明市住房公积金管理中心\"\ntelephone = \"0871-60000316\"\n\n"
    );
    let second = AGREEMENT_DRAFT.find("[[party]]\ncity = \"ruian.zj\"").unwrap();
    let mut draft = AGREEMENT_DRAFT.to_owned();
    draft.insert_str(second, &office);
    let insurance = "kind = \"insurance\"\n";
    assert!(draft.contains(insurance));
    draft = draft.replace(insurance, &format!("{insurance}also_decided_by = [\"labour\"]\n"));
    for kind in ["school-record", "fund-transfer"] {
        draft += &format!("\n[[service]]\nkind = \"{kind}\"\nholders = [\"kunming.yn\"]\n");
    }
    draft
}

/// The office of a city that is of a kind, by the agreement.
fn office_of(town: &Town, kind: OfficeKind) -> String {
    let published = town.node().hand().published();
    let bond = published.directory.bonds.values().next().unwrap();
    let law = bond.in_force().unwrap();
    law.office_of_kind(bond.our_side, kind).unwrap().credit_code.clone()
}

/// A request for an item, as the window enters it.
fn request(code: u32, item: &Item) -> wire::Draft {
    let by_code = |name: &str| item.when.iter().find(|(f, _)| f.name == name).map_or(2, |w| w.1);
    let wanted = 20_261_215;
    let fields = match item.service {
        Service::Insurance => return insurance(code, item),
        Service::Employment => people::single(1)[0].legs[0].fields.clone(),
        Service::Schooling => {
            vec![number(2, 1, by_code("stage")), number(2, 2, 1), number(2, 3, by_code("entry"))]
        }
        Service::Housing => {
            vec![number(3, 1, by_code("home_kind")), number(3, 2, 2), number(3, 3, wanted)]
        }
        Service::SchoolRecord => vec![text(18, 1, "9999990001")],
        Service::FundTransfer => vec![text(21, 1, "530100"), text(21, 2, "330381")],
        Service::Unspecified => Vec::new(),
    };
    let leg = wire::DraftLeg {
        service: item.service.into(),
        relation: 1,
        fields,
        ..wire::DraftLeg::default()
    };
    let worker = Some(people::person(code));
    wire::Draft { row: code, worker, city: "ruian.zj".to_owned(), legs: vec![leg] }
}

fn insurance(code: u32, item: &Item) -> wire::Draft {
    let mut draft = people::medical();
    draft.worker = Some(people::person(code));
    let leg = &mut draft.legs[0];
    leg.item_code = code;
    // What the item does not fill is not asked for.
    let known = ["action", "from_division", "to_division", "scheme", "wanted_from"];
    leg.fields.retain(|f| known.get(f.field as usize - 1).is_some_and(|n| item.fields.contains(n)));
    draft
}

/// What a TAKE UP told of a leg: window and last day to decide.
async fn told(town: &Town, leg: LegId) -> (Vec<u32>, u32) {
    let file = town.leg(leg).await;
    let message = file.latest(MessageType::TakeUp).and_then(|entry| entry.message.clone()).unwrap();
    let Some(Body::TakeUp(window)) = message.body else { panic!("no window") };
    (window.bring, message.due_date)
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_five_items_are_received_at_one_window_and_decided_by_the_office_of_each() {
    let towns = Towns::with(sqlite(), sqlite(), &all_services()).await;
    let Content::Items(items) = Content::guess(CATALOGUE).unwrap() else { panic!() };
    let items: Catalogue = items;
    let cn = Calendar::from_json(CALENDAR).unwrap();
    let mut seen = 0;
    for (code, item) in items.iter() {
        // Pulled by the city where the person is now; pushed by the one that the person leaves.
        let pull =
            !matches!(item.service, Service::Employment | Service::Schooling | Service::Housing);
        let (from, to, at) = match pull {
            true => (&towns.ruian, &towns.kunming, 0),
            false => (&towns.kunming, &towns.ruian, 1),
        };
        let mut draft = request(code, item);
        to.id().as_str().clone_into(&mut draft.city);
        let labour = office_of(from, OfficeKind::Labour);
        let case = from.import_as(&labour, vec![draft]).await.remove(0);
        from.ask_yes(&case).await;
        if item.service == Service::Employment {
            towns.next_working_day();
        }
        let leg = from.leg_for(&case, item.service).await;
        to.reaches(leg, Stage::Offered).await;
        // The clerk at the window of reception takes it; it stands at the office that decides.
        let decides = office_of(to, item.decides);
        assert_eq!(to.leg(leg).await.our_office, decides, "item {code}");
        to.act_of(WINDOWS[at], leg, Act::TakeUp(wire::DeskTakeUp {})).await.unwrap();
        let (bring, due) = told(to, leg).await;
        let ambiguous = item.service == Service::FundTransfer;
        let papers = if ambiguous { vec![1] } else { item.bring.clone() };
        assert_eq!(bring, papers, "item {code}");
        let today = cn.day_of_unix_ms(jieli_node::world::Clock::now_unix_ms(&*towns.clock));
        let law: Day = cn.add_working_days(today, item.legal_days);
        assert_eq!(due, law.number(), "item {code}");
        // No other office of that city knows of it, or can say a word in it.
        let decide = || Act::Accept(wire::DeskAccept::default());
        let others = [OfficeKind::Labour, OfficeKind::Education, OfficeKind::MedicalSecurity];
        for other in others.into_iter().filter(|kind| *kind != item.decides) {
            let other = office_of(to, other);
            assert_eq!(denied(to.act_of(&other, leg, decide()).await), "NOT_FOUND", "item {code}");
        }
        to.act_of(&decides, leg, decide()).await.unwrap();
        from.holds(leg, MessageType::Accept).await;
        seen += 1;
    }
    assert_eq!(seen, 35);
    towns.stop().await;
}
