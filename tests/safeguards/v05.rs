//! V5: a fee to the worker cannot be expressed; a complaint about one is one tap.

use crate::common::{names_of_the_wire, no_such_term};
use jieli_node::command::DeskCommand;
use jieli_proto::wire::{self, GrievanceKind};
use jieli_tests::{AGREEMENT_DRAFT, Towns};

#[tokio::test(flavor = "multi_thread")]
async fn v05_a_fee_to_the_worker_cannot_be_said_anywhere() {
    let fees: Vec<String> = names_of_the_wire()
        .into_iter()
        .filter(|name| {
            let parts = name.split('_');
            parts.into_iter().any(|part| ["fee", "fees", "bond", "repay", "charge"].contains(&part))
        })
        .collect();
    // What both cities sign that there is none, and the complaint that one was taken.
    assert_eq!(fees, ["no_fee_to_person", "grievance_kind_fee_taken"]);
    for line in [
        "fee_to_worker_fen = 100000",
        "placement_fee = 1",
        "repay_on_leaving_fen = 50000",
        "training_charge_fen_month = 100",
    ] {
        no_such_term(line);
    }
    // An agreement that does not certify it is none.
    let towns = Towns::new().await;
    let draft_toml = AGREEMENT_DRAFT.replace("no_fee_to_person = true", "no_fee_to_person = false");
    assert_ne!(draft_toml, AGREEMENT_DRAFT);
    let ask = DeskCommand::Propose(wire::ProposeRequest { draft_toml });
    let said = crate::common::denied(towns.kunming.enter(ask).await);
    assert_eq!(said, "BAD_DRAFT");
    let tap = jieli_proto::words::grievance(GrievanceKind::FeeTaken);
    assert!(tap.zh.contains("费") && tap.en.contains("fee"), "{} {}", tap.zh, tap.en);
    towns.stop().await;
}
