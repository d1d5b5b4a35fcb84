use super::*;
use jieli_proto::bundle::{CAVEAT_EN, CAVEAT_ZH};
use jieli_proto::paper;
use jieli_proto::wire::Service;

fn text(bytes: usize) -> String {
    let paper = wire::Paper { root_spki: vec![0xa7; bytes], ..wire::Paper::default() };
    paper::write(&paper).unwrap()
}

fn slip_page(legs: u32) -> wire::SlipPage {
    let leg = |number| wire::SlipLine {
        number,
        service: Service::Schooling.into(),
        our_office: "昆明市人社局".to_owned(),
        our_telephone: "0871-12345678".to_owned(),
        their_city: "瑞安市".to_owned(),
        their_office: "瑞安市教育局<script>".to_owned(),
        their_telephone: "0577-1234567".to_owned(),
        stage_zh: "对方正在办理".to_owned(),
        stage_en: "being handled".to_owned(),
        due_date: 20_261_207,
        due_zh: "对方答复".to_owned(),
        due_en: "to be decided".to_owned(),
    };
    wire::SlipPage {
        qr: text(1_000),
        case_number: "2026-000001".to_owned(),
        city: "昆明市".to_owned(),
        city_id: "kunming.yn".to_owned(),
        root_fpr: "ab".repeat(32),
        spoken: (0..6).map(|at| format!("{at}2345")).collect(),
        slip_code: "12345678".to_owned(),
        issued_unix_ms: 1,
        issued_on: 20_261_123,
        legs: (1..=legs).map(leg).collect(),
    }
}

#[test]
fn a_slip_says_all_it_must_and_fetches_nothing() {
    let page = slip_page(8);
    let html = slip(&page).unwrap();
    for needed in
        ["办件回单", "2026-000001", "1234 5678", "0577-1234567", "2026-12-07", CAVEAT_ZH, CAVEAT_EN]
    {
        assert!(html.contains(needed), "{needed}");
    }
    for hotline in HOTLINES {
        assert!(html.contains(hotline.number));
    }
    assert!(page.spoken.iter().all(|group| html.contains(group)));
    assert_eq!(paper::find(&html), Some(page.qr.as_str()));
    // The namespace of SVG is a name, not an address that anything fetches.
    let html = html.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http", "src=", "url(", "@import", "<script", "<link", "href"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.find(CAVEAT_ZH) < html.find(CAVEAT_EN));
}

#[test]
fn a_text_too_long_for_a_code_is_told() {
    let long = wire::SlipPage { qr: "JIELI1:".to_owned() + &"A".repeat(4_300), ..slip_page(1) };
    assert_eq!(slip(&long), Err(PageError::TooLong));
    let full = wire::SlipPage { qr: "JIELI1:".to_owned() + &"A".repeat(4_289), ..slip_page(1) };
    assert!(slip(&full).is_ok());
}

#[test]
fn a_letter_prints_its_fields_and_both_codes() {
    let field = wire::LetterField {
        name_zh: "姓名".to_owned(),
        name_en: "full name".to_owned(),
        value: "买买提·示例&".to_owned(),
    };
    let page = wire::LetterPage {
        qr: text(1_700),
        case_number: "2026-000002".to_owned(),
        leg: 1,
        service: Service::Employment.into(),
        to_office: "成都市人社局".to_owned(),
        fields: vec![field],
        good_until: 20_270_522,
        accept_code: "11112222".to_owned(),
        decline_code: "33334444".to_owned(),
        ..wire::LetterPage::default()
    };
    let html = letter(&page).unwrap();
    for needed in [
        "买买提·示例&amp;",
        "1111 2222",
        "3333 4444",
        "2027-05-22",
        "用工条件",
        "成都市人社局",
        CAVEAT_ZH,
        CAVEAT_EN,
    ] {
        assert!(html.contains(needed), "{needed}");
    }
    assert_eq!(paper::find(&html), Some(page.qr.as_str()));
}

#[test]
fn a_statement_says_one_fact_to_the_person() {
    let field = wire::LetterField {
        name_zh: "姓名".to_owned(),
        name_en: "full name".to_owned(),
        value: "买买提·示例<b>".to_owned(),
    };
    let page = wire::StatementPage {
        qr: text(1_500),
        city: "瑞安市".to_owned(),
        office: "瑞安市教育局".to_owned(),
        fact: wire::StatementFact::EnrolledSince.into(),
        since: 20_260_901,
        valid_until: 20_270_219,
        fields: vec![field],
        ..wire::StatementPage::default()
    };
    let html = statement(&page).unwrap();
    for needed in [
        "入学起始日 2026-09-01",
        "2027-02-19",
        "买买提·示例&lt;b&gt;",
        "瑞安市教育局",
        "--statement",
        CAVEAT_ZH,
        CAVEAT_EN,
    ] {
        assert!(html.contains(needed), "{needed}");
    }
    assert_eq!(paper::find(&html), Some(page.qr.as_str()));
    assert!(!html.contains("<b>买") && !html.contains("办件号"));
}
