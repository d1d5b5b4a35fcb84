//! What a person types: on a terminal without echo, otherwise one line of standard input.

use super::Fail;
use anyhow::Context;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Write as _};

/// Asks for a line that nobody is to see. Chinese first, English second: a worker reads it.
pub(super) fn ask(zh: &str, en: &str) -> Result<String, Fail> {
    let stdin = std::io::stdin();
    let hidden = if stdin.is_terminal() {
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{zh}\n{en}\n> ");
        let _ = err.flush();
        Some(Hidden::start()?)
    } else {
        None
    };
    let mut line = String::new();
    let read = stdin.read_line(&mut line).context("the keypad");
    if hidden.is_some() {
        let _ = writeln!(std::io::stderr());
    }
    read?;
    Ok(line.trim().to_owned())
}

/// The terminal without echo, until dropped.
struct Hidden(Termios);

impl Hidden {
    fn start() -> Result<Hidden, Fail> {
        let before = tcgetattr(std::io::stdin()).context("the terminal")?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent).context("the terminal")?;
        Ok(Hidden(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.0);
    }
}
