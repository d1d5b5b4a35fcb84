//! The program `jieli`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: one crypto provider for every TLS connection of the process.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("another crypto provider is installed");
        return ExitCode::from(jieli::cmd::FAILED);
    }
    ExitCode::from(jieli::cmd::run(jieli::cmd::Cli::parse()))
}
