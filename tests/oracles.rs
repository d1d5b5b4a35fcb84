//! A third-party check: what Jieli exports is put before programs that others wrote, and everything
//! that is spoiled before them and before ours. `oracles/matrix.txt` says who can refuse what.
//!
//! `tests/run` installs what this needs; by hand: the Debian packages golang-go and
//! golang-golang-x-mod-dev, and a Python with securesystemslib 1 and cryptography, which
//! JIELI_TEST_PYTHON names (else `python3`).

#![allow(clippy::unwrap_used)]

#[path = "oracles/ask.rs"]
mod ask;
#[path = "oracles/exported.rs"]
mod exported;
#[path = "oracles/matrix.rs"]
mod matrix;
#[path = "oracles/spoiled.rs"]
mod spoiled;
#[path = "oracles/vectors.rs"]
mod vectors;

use jieli_tests::Towns;

#[tokio::test(flavor = "multi_thread")]
async fn others_read_what_we_export_and_refuse_what_the_table_says() {
    let towns = Towns::new().await;
    let exported = exported::Exported::of(&towns).await;
    towns.stop().await;
    let mut questions = exported.questions();
    // Every kind of proof that a stranger is asked to believe was asked about.
    for (kind, least) in [("envelope", 40), ("note", 4), ("inclusion", 40), ("consistency", 1)] {
        let found = questions.iter().filter(|question| question.kind == kind).count();
        assert!(found >= least, "{found} of {kind}");
    }
    questions.extend(spoiled::questions(&exported));
    questions.extend(vectors::questions());
    matrix::compare(&questions, &ask::ask(&questions));
}
