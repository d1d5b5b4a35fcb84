//! The verifier: what holds, and that nothing that was changed still does.

use crate::fixtures::*;
use crate::world::{World, played};
use jieli_proto::bundle::*;
use jieli_proto::id::Digest;

fn codes(zip: &[u8], roots: &[Digest]) -> Vec<&'static str> {
    let verdicts = verify(zip, roots).unwrap();
    let mut codes: Vec<_> = verdicts.failures.iter().map(|failure| failure.code.name()).collect();
    codes.dedup();
    codes
}

#[test]
fn a_whole_bundle_holds() {
    let world = played();
    let zip = build(&world.bundle).unwrap();
    let verdicts = verify(&zip, &world.roots()).unwrap();
    println!("{}", verdicts.text());
    assert_eq!(verdicts.failures, []);
    assert_eq!(exit_code(&Ok(verdicts)), 0);
}
