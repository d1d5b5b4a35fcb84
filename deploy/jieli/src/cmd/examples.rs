//! An example for every command, at the end of its help and its manual page. A test walks all
//! commands: none may be without.

use super::Cli;
use clap::{Command, CommandFactory};

/// Commands, by the words that call them, and an example of each.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "init",
        "jieli init --city kunming.yn --name 昆明市 --end-point km.example:7400 \\\n      --office \
         11999999MB0000019T",
    ),
    ("node serve", "jieli --dir /var/lib/jieli node serve"),
    ("peer add", "jieli peer add ruian-public.json --root-fpr <64 hex digits>"),
    ("peer list", "jieli peer list --json"),
    (
        "agreement propose",
        "jieli agreement propose agreement.toml --approver 人社局局长 --approver 法制科科长",
    ),
    (
        "agreement countersign",
        "jieli agreement countersign <id> --version 1 --approver 分管副市长 --approver 法制科科长",
    ),
    ("agreement list", "jieli agreement list"),
    ("agreement show", "jieli agreement show <id>"),
    ("agreement suspend", "jieli agreement suspend <id> --approver 局长 --approver 科长"),
    ("agreement resume", "jieli agreement resume <id> --approver 局长 --approver 科长"),
    (
        "agreement terminate",
        "jieli agreement terminate <id> --on 2027-06-30 --approver 局长 --approver 科长",
    ),
    ("vacancy add", "jieli vacancy add vacancies.toml --announce"),
    ("vacancy list", "jieli vacancy list --json"),
    ("import", "jieli import roster.xlsx"),
    ("case new", "jieli --as medical case new case-medical.toml"),
    ("case ask", "jieli case ask 2026-000001 2026-000002"),
    ("case list", "jieli --as window case list --stage TAKEN_UP"),
    ("case show", "jieli case show 2026-000001 --purpose 核对入学年级"),
    ("case act take-up", "jieli --as window case act 2026-000001 1 take-up"),
    ("case act accept", "jieli --as window case act 2026-000001 1 accept --slot-until 2026-12-11"),
    ("case act decline", "jieli --as window case act 2026-000001 2 decline --code CAPACITY"),
    (
        "case act outcome",
        "jieli --as window case act 2026-000001 1 outcome --field \
         school_outcome.school_code=S-1\n      --field school_outcome.enrolled_on=2026-12-14",
    ),
    ("case act withdraw", "jieli case act 2026-000001 1 withdraw"),
    ("case act void", "jieli case act 2026-000001 1 void --code SENT_IN_ERROR"),
    ("case act remind", "jieli case act 2026-000001 1 remind"),
    ("case act expire", "jieli case act 2026-000001 1 expire"),
    ("case act progress", "jieli --as window case act 2026-000001 1 progress --step SCHEDULED"),
    ("worker open", "jieli worker open --case 2026-000001 --code 12345678"),
    ("worker answer", "jieli worker answer --case 2026-000001 --code 12345678 --yes \"1 3\""),
    ("worker status", "jieli worker status --case 2026-000001 --code 12345678"),
    ("worker who-looked", "jieli worker who-looked --case 2026-000001 --code 12345678"),
    ("worker withdraw", "jieli worker withdraw --case 2026-000001 --code 12345678"),
    ("export", "jieli export --case 2026-000001 --out case.zip"),
    ("verify", "jieli verify case.zip --root <64 hex digits> --root <64 hex digits>"),
    ("status", "jieli status --json"),
    ("healthcheck", "jieli --dir /var/lib/jieli healthcheck && echo ok"),
    ("completions", "jieli completions bash > /etc/bash_completion.d/jieli"),
    ("man", "jieli man --out /usr/local/share/man/man1"),
    ("demo", "jieli demo --once"),
];

/// The whole command line with its examples.
pub fn command() -> Command {
    EXAMPLES.iter().fold(Cli::command(), |command, (path, example)| {
        let path: Vec<&str> = path.split(' ').collect();
        with(command, &path, example)
    })
}

fn with(command: Command, path: &[&str], example: &str) -> Command {
    match path {
        [] => command.after_help(format!("例 Example:\n  {example}")),
        [first, rest @ ..] => command.mut_subcommand(first, |under| with(under, rest, example)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, String)>) {
        let under: Vec<&Command> =
            command.get_subcommands().filter(|under| !under.is_hide_set()).collect();
        if under.is_empty() {
            let help = command.get_after_help().map_or(String::new(), ToString::to_string);
            found.push((path.to_owned(), help));
        }
        for command in under {
            leaves(command, &format!("{path} {}", command.get_name()), found);
        }
    }

    #[test]
    fn every_command_shows_an_example_that_calls_it() {
        let mut found = Vec::new();
        leaves(&command(), "", &mut found);
        assert!(found.len() >= EXAMPLES.len(), "{} of {}", found.len(), EXAMPLES.len());
        for (path, help) in found {
            assert!(help.contains("例 Example"), "jieli{path} has no example");
            let words: Vec<&str> = path.split_whitespace().collect();
            let at = |word: &str| help.find(word);
            assert!(words.iter().all(|word| at(word).is_some()), "jieli{path}: {help}");
        }
    }

    #[test]
    fn every_example_is_a_command_line_that_parses() {
        for (path, example) in EXAMPLES {
            let line = example.split(" > ").next().unwrap_or_default();
            let line = line.split(" && ").next().unwrap_or_default().replace("\\\n", " ");
            let line = line.replace("<64 hex digits>", "00").replace("<id>", "00");
            let mut words: Vec<String> = Vec::new();
            for (at, part) in line.split('"').enumerate() {
                if at % 2 == 1 {
                    words.push(part.to_owned());
                } else {
                    words.extend(part.split_whitespace().map(str::to_owned));
                }
            }
            let parsed = command().try_get_matches_from(&words);
            assert!(parsed.is_ok(), "{path}: {:?}", parsed.err().map(|error| error.to_string()));
        }
    }
}
