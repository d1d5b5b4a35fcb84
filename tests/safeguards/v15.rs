//! V15: office kinds outside the closed list do not parse: not in a draft, not in jieli.toml, not in
//! the bytes of another city.

use jieli_node::command::DeskCommand;
use jieli_node::config::Config;
use jieli_proto::strict;
use jieli_proto::wire;
use jieli_tests::{AGREEMENT_DRAFT, Towns};
use prost::Message as _;

/// Police, ideology, religion, statistics of persons: none of them is an office here.
const OTHERS: [&str; 6] = [
    "public-security",
    "police",
    "propaganda",
    "united-front",
    "religious-affairs",
    "armed-forces",
];

#[tokio::test(flavor = "multi_thread")]
async fn v15_an_office_of_another_kind_cannot_be_named() {
    let towns = Towns::new().await;
    let kunming = &towns.kunming;
    for kind in OTHERS {
        let named = format!("kind = \"{kind}\"");
        let draft_toml = AGREEMENT_DRAFT.replacen("kind = \"education\"", &named, 1);
        assert_ne!(draft_toml, AGREEMENT_DRAFT);
        let ask = DeskCommand::Propose(wire::ProposeRequest { draft_toml });
        assert_eq!(crate::common::denied(kunming.enter(ask).await), "BAD_DRAFT", "{kind}");
        let text = std::fs::read_to_string(kunming.dir.join("jieli.toml")).unwrap();
        let office = format!(
            "\n[[office]]\ncredit_code = \"11999999MB0000701Q\"\n{named}\nname = \"某机关\"\n\
             telephone = \"0871-1\"\n"
        );
        let refused = Config::parse(&(text + &office), &kunming.dir).unwrap_err().to_string();
        assert!(refused.contains("not one of the office kinds"), "{refused}");
    }
    // A modified node: a number of the list that stands for nothing.
    let office = wire::Office { kind: 1, ..wire::Office::default() };
    assert!(strict::check("Office", &office.encode_to_vec()).is_ok());
    let last = wire::OfficeKind::Compliance as i32;
    for kind in [last + 1, 99] {
        let office = wire::Office { kind, ..wire::Office::default() };
        let refused = strict::check("Office", &office.encode_to_vec()).unwrap_err();
        assert_eq!(refused.message, "Office", "{refused}");
    }
    assert_eq!(kunming.count("SELECT COUNT(*) FROM agreement").await, 1);
    towns.stop().await;
}
