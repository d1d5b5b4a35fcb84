//! `jieli completions` and `jieli man`: for shells and for `man`.

use super::examples::command;
use super::say::{OK, Out};
use super::{Done, Fail};
use anyhow::Context;
use clap::Args;
use clap_complete::Shell;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Which shell.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    Bash,
    Zsh,
    Fish,
}

/// Prints a completion script.
#[derive(Args, Debug)]
pub(super) struct Completions {
    /// For which shell.
    shell: Kind,
}

impl Completions {
    pub(super) fn run(self) -> Result<Done, Fail> {
        let shell = match self.shell {
            Kind::Bash => Shell::Bash,
            Kind::Zsh => Shell::Zsh,
            Kind::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command(), "jieli", &mut script);
        // A reader that has gone away is no failure of the command.
        let _ = std::io::stdout().lock().write_all(&script);
        Ok(OK)
    }
}

/// Writes the manual pages.
#[derive(Args, Debug)]
pub(super) struct Man {
    /// The directory to write into; made where it does not exist.
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
}

impl Man {
    pub(super) fn run(self, out: Out) -> Result<Done, Fail> {
        let shown = self.out.display().to_string();
        std::fs::create_dir_all(&self.out).with_context(|| shown.clone())?;
        let mut pages = Vec::new();
        page(&built(), "jieli", &self.out, &mut pages)?;
        let value = json!({ "directory": shown, "pages": pages });
        out.show(&value, || {
            out.say(
                &format!("已写入 {} 页手册到 {shown}。", pages.len()),
                &format!("{} manual pages written to {shown}.", pages.len()),
            )
        });
        Ok(OK)
    }
}

/// The command line with the whole name of every command in it.
fn built() -> clap::Command {
    let mut command = command();
    command.build();
    command
}

/// The page of a command and those of all under it, `jieli-case-act-accept.1`.
fn page(
    command: &clap::Command,
    name: &str,
    dir: &Path,
    pages: &mut Vec<String>,
) -> Result<(), Fail> {
    let file = format!("{name}.1");
    let path = dir.join(&file);
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name)
        .render(&mut text)
        .context("a manual page")?;
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    pages.push(file);
    for under in command.get_subcommands().filter(|under| is_shown(under)) {
        page(under, &format!("{name}-{}", under.get_name()), dir, pages)?;
    }
    Ok(())
}

/// Neither the demo's own parts nor clap's `help`, which repeats every page.
fn is_shown(command: &clap::Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page_and_the_first_tells_the_exit_codes() {
        let dir = tempfile::tempdir().unwrap();
        let mut pages = Vec::new();
        page(&built(), "jieli", dir.path(), &mut pages).unwrap();
        for name in ["jieli.1", "jieli-case-act-accept.1", "jieli-worker-who-looked.1"] {
            assert!(pages.iter().any(|page| page == name), "{name} of {pages:?}");
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(read("jieli.1").contains("Exit codes"));
        assert!(read("jieli-verify.1").contains("Example"));
        assert!(!pages.iter().any(|page| page.contains("demo-city")));
    }

    #[test]
    fn every_shell_completes_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "jieli", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("who-looked") && script.contains("healthcheck"), "{shell}");
        }
    }
}
