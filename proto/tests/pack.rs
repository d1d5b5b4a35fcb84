//! Packs: every sample is one, and what must not be in one is refused by its place.

#![allow(clippy::unwrap_used)] // a helper of a test may panic like the test itself

use jieli_proto::calendar::Calendar;
use jieli_proto::number::PROVINCES;
use jieli_proto::pack::{Content, List, PackError};
use jieli_proto::wire::{PackKind, Service};
use serde_json::{Value, json};

const CALENDAR: &str = include_str!("../packs/calendar-cn-2026.json");
const DIVISIONS: &str = include_str!("../packs/codes-divisions-cn.json");
const OCCUPATIONS: &str = include_str!("../packs/codes-occupations-cn.json");
const HAZARDOUS: &str = include_str!("../packs/codes-hazardous-cn.json");
const SCHEMES: &str = include_str!("../packs/codes-schemes-cn.json");
const ITEMS: &str = include_str!("../packs/items-cn.json");
const SPANISH: &str = include_str!("../packs/language-es.json");
const ARABIC: &str = include_str!("../packs/language-ar.json");

fn samples() -> [(PackKind, &'static str); 10] {
    [
        (PackKind::Calendar, CALENDAR),
        (PackKind::Calendar, include_str!("../packs/calendar-eu-like.json")),
        (PackKind::Calendar, include_str!("../packs/calendar-fri-sat.json")),
        (PackKind::CodeList, DIVISIONS),
        (PackKind::CodeList, OCCUPATIONS),
        (PackKind::CodeList, HAZARDOUS),
        (PackKind::CodeList, SCHEMES),
        (PackKind::ItemCatalogue, ITEMS),
        (PackKind::Language, SPANISH),
        (PackKind::Language, ARABIC),
    ]
}

/// The content of a sample with something changed in it.
fn changed(text: &str, change: impl FnOnce(&mut Value)) -> Result<Content, PackError> {
    let mut found: Value = serde_json::from_str(text).unwrap();
    change(&mut found);
    Content::guess(&found.to_string())
}

#[test]
fn every_sample_is_a_pack_and_has_one_spelling() {
    for (kind, text) in samples() {
        let content = Content::from_json(kind, text).unwrap();
        assert_eq!(content, Content::guess(text).unwrap());
        assert_eq!(content.kind(), kind);
        let spelled = content.to_json();
        assert_eq!(Content::from_json(kind, &spelled).unwrap().to_json(), spelled);
        assert!(!spelled.contains('\n') && !spelled.contains("\": "), "{spelled}");
        let wire = content.to_wire();
        assert_eq!(Content::of_wire(&wire).unwrap(), content);
    }
}

#[test]
fn a_signed_pack_in_other_words_is_refused() {
    let good = Content::guess(SCHEMES).unwrap().to_wire();
    let mut spaced = good.clone();
    spaced.content.push(b'\n');
    assert_eq!(Content::of_wire(&spaced), Err(PackError::Spelling));
    let mut other = good.clone();
    other.version = 2;
    assert_eq!(Content::of_wire(&other), Err(PackError::Differs("the version")));
    let mut other = good.clone();
    other.name = "schemes".to_owned();
    assert_eq!(Content::of_wire(&other), Err(PackError::Differs("the name")));
    let mut other = good.clone();
    other.valid_to += 1;
    assert_eq!(Content::of_wire(&other), Err(PackError::Differs("valid_to")));
    let mut other = good.clone();
    other.pack_kind = PackKind::Language.into();
    assert!(matches!(Content::of_wire(&other), Err(PackError::Form { .. })));
    let mut other = good;
    other.pack_kind = 9;
    assert_eq!(Content::of_wire(&other), Err(PackError::Differs("the kind")));
}

#[test]
fn what_must_never_exist_does_not_come_in_as_data() {
    let denied = |found: Result<Content, PackError>, at: &str| match found {
        Err(PackError::Denied { place, .. }) => assert_eq!(place, at),
        other => panic!("{other:?}"),
    };
    denied(changed(SCHEMES, |found| found["codes"][1]["zh"] = json!("少数民族")), "code 170");
    denied(changed(SCHEMES, |found| found["codes"][1]["en"] = json!("party members")), "code 170");
    denied(changed(ITEMS, |found| found["items"][3]["zh"] = json!("政治面貌核实")), "item 4");
    denied(
        changed(SPANISH, |found| {
            found["texts"]["terms.hours"] = json!("{hours} {rest} religion");
        }),
        "terms.hours",
    );
}

#[test]
fn a_list_is_refused_by_its_entry() {
    let entry = |found: Result<Content, PackError>, at: &str| match found {
        Err(PackError::Entry { place, .. }) => assert_eq!(place, at),
        other => panic!("{other:?}"),
    };
    entry(changed(DIVISIONS, |found| found["codes"][0]["code"] = json!(99_999)), "code 99999");
    entry(changed(DIVISIONS, |found| found["codes"][1]["code"] = json!(110_000)), "code 110000");
    entry(changed(DIVISIONS, |found| found["codes"][0]["zh"] = json!(" 北京")), "code 110000");
    entry(
        changed(DIVISIONS, |found| found["codes"][0]["zh"] = json!("北\u{202e}京")),
        "code 110000",
    );
    entry(
        changed(DIVISIONS, |found| found["codes"][0]["en"] = json!("x".repeat(65))),
        "code 110000",
    );
    entry(changed(DIVISIONS, |found| found["codes"] = json!([])), "codes");
    entry(changed(ITEMS, |found| found["items"][0]["service"] = json!("Insurance")), "item 1");
    entry(changed(ITEMS, |found| found["items"][0]["decides"] = json!("police")), "item 1");
    entry(changed(ITEMS, |found| found["items"][0]["bring"] = json!([2, 1])), "item 1");
    entry(changed(ITEMS, |found| found["items"][0]["legal_days"] = json!(251)), "item 1");
    entry(changed(ITEMS, |found| found["items"][0]["fields"] = json!(["action"])), "item 1");
    entry(changed(ITEMS, |found| found["items"][0]["fields"][0] = json!("full_name")), "item 1");
    entry(changed(ITEMS, |found| found["items"][1]["code"] = json!(1)), "item 1");
    // Only insurance says who else decides; and what tells an item are codes that it fills.
    entry(changed(ITEMS, |found| found["items"][22]["decides"] = json!("labour")), "item 23");
    for when in [json!({"grade": 1}), json!({"stage": 6}), json!({"home_kind": 1})] {
        entry(changed(ITEMS, |found| found["items"][22]["when"] = when), "item 23");
    }
    entry(changed(ITEMS, |found| found["items"][0]["when"] = json!({"action": 1})), "item 1");
    entry(
        changed(SPANISH, |found| found["texts"]["terms.pay"] = json!("{low} {high}")),
        "terms.pay",
    );
    entry(
        changed(SPANISH, |found| found["texts"]["terms.no_fee"] = json!("{fee}")),
        "terms.no_fee",
    );
    entry(changed(SPANISH, |found| found["texts"]["terms.fee"] = json!("100")), "terms.fee");
    entry(changed(SPANISH, |found| found["language"] = json!("Spanish")), "language");
    entry(changed(SPANISH, |found| found["reviewed_by"] = json!("x")), "reviewed_by");
}

#[test]
fn dates_names_and_versions_are_checked() {
    let bad = |change: fn(&mut Value)| changed(SCHEMES, change).unwrap_err();
    assert_eq!(bad(|found| found["name"] = json!("Schemes")), PackError::Name);
    assert_eq!(bad(|found| found["version"] = json!(0)), PackError::Version);
    let dates = |error: PackError| assert!(matches!(error, PackError::Dates(_)), "{error}");
    dates(bad(|found| found["valid_from"] = json!(20_260_230)));
    dates(bad(|found| found["valid_to"] = json!(20_251_231)));
    dates(bad(|found| found["codes"][0]["from"] = json!(20_261_301)));
    dates(bad(|found| {
        found["codes"][0]["from"] = json!(20_270_101);
        found["codes"][0]["to"] = json!(20_261_231);
    }));
    assert!(matches!(bad(|found| found["more"] = json!(1)), PackError::Form { .. }));
    assert!(matches!(
        changed(CALENDAR, |found| found["weekend"] = json!([0, 1, 2, 3, 4, 5, 6])),
        Err(PackError::Calendar(_))
    ));
    let long = format!("{}{}", SCHEMES, " ".repeat(200 * 1024));
    assert!(matches!(Content::from_json(PackKind::CodeList, &long), Err(PackError::TooLarge(_))));
}

#[test]
fn a_code_holds_between_its_dates() {
    let content = changed(SCHEMES, |found| {
        found["codes"][0]["from"] = json!(20_260_301);
        found["codes"][0]["to"] = json!(20_260_331);
    });
    let Ok(Content::Codes(list)) = content else { panic!("{content:?}") };
    assert_eq!(list.list, List::Schemes);
    let day = |number| jieli_proto::day::Day::from_number(number).unwrap();
    let code = list.get(110).unwrap();
    let held = [20_260_228, 20_260_301, 20_260_331, 20_260_401].map(|n| code.holds_on(day(n)));
    assert_eq!(held, [false, true, true, false]);
    assert!(list.get(170).unwrap().holds_on(day(20_200_101)));
    assert!(list.get(111).is_none());
}

/// The samples hold what they are for: every province and prefecture of the program's own list, the
/// thirty-five items of the mission, 248 working days.
#[test]
fn the_samples_are_whole() {
    let Ok(Content::Codes(divisions)) = Content::guess(DIVISIONS) else { panic!() };
    for province in &PROVINCES {
        let code = divisions.get(province.number * 10_000).unwrap();
        assert_eq!((code.zh.as_str(), code.en.as_str()), (province.zh, province.en));
    }
    assert_eq!(divisions.iter().filter(|(code, _)| code % 10_000 != 0).count(), 333);
    // A hazardous occupation is one of the list of occupations, by the same words.
    let Ok(Content::Codes(occupations)) = Content::guess(OCCUPATIONS) else { panic!() };
    let Ok(Content::Codes(hazardous)) = Content::guess(HAZARDOUS) else { panic!() };
    assert_eq!(hazardous.list, List::Hazardous);
    for (number, code) in hazardous.iter() {
        assert_eq!(occupations.get(number), Some(code));
    }
    let Ok(Content::Items(items)) = Content::guess(ITEMS) else { panic!() };
    assert_eq!(items.iter().count(), 35);
    let served: std::collections::BTreeSet<Service> =
        items.iter().map(|(_, item)| item.service).collect();
    assert_eq!(served.len(), 6);
    let cn: Calendar = Calendar::from_json(CALENDAR).unwrap();
    let day = |number| jieli_proto::day::Day::from_number(number).unwrap();
    assert_eq!(cn.working_days_between(day(20_251_231), day(20_261_231)), 248);
}

#[test]
fn a_language_fills_its_places() {
    let Ok(Content::Language(spanish)) = Content::guess(SPANISH) else { panic!() };
    let said =
        spanish.say("terms.pay", &[("low", "5500.00"), ("high", "7800.00"), ("payday", "15")]);
    assert_eq!(said.unwrap(), "Salario: de 5500.00 a 7800.00 yuanes al mes, el día 15.");
    // A value is never read as a text with places.
    let said = spanish.say("terms.employer", &[("employer", "{employer} {x}")]).unwrap();
    assert_eq!(said, "Empresa: {employer} {x}.");
    assert_eq!(spanish.say("terms.employer", &[]), None);
    assert_eq!(spanish.say("terms.fee", &[]), None);
    let Ok(Content::Language(arabic)) = Content::guess(ARABIC) else { panic!() };
    assert!(arabic.right_to_left && !spanish.right_to_left);
}
