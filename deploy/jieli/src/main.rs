//! The program `jieli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: one crypto provider for every TLS connection of the process.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("另有加密组件已装入，程序停止。 Another crypto provider is installed.");
        return ExitCode::from(jieli::cmd::FAILED);
    }
    // `cargo demo -- --once` hands the dashes on.
    let mut words: Vec<_> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "demo") && words.get(2).is_some_and(|w| w == "--") {
        words.remove(2);
    }
    ExitCode::from(jieli::cmd::main(words))
}
