//! The command line. Every command prints for people, or one JSON document with `--json`; errors
//! go to standard error, Chinese first.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | refused, not allowed or not found; `import`: the whole sheet was refused; `verify`, `peer test`: something does not hold; `reconcile`: the cities differ; `self-audit`: something was found |
//! | 2 | the command line is wrong; `verify`: the ZIP or its manifest.json cannot be read |
//! | 3 | `import`: some rows were refused, the others are drafts |
//! | 4 | the node cannot be reached, is busy or failed; `import`: broken off, run it again |

use clap::error::ErrorKind;
use clap::{FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

mod agreement;
mod audit;
mod backup;
mod bench;
mod capacity;
mod case;
mod case_act;
mod case_views;
mod complain;
mod dial;
mod employer;
mod erase;
mod evidence;
mod examples;
mod gateway;
mod grievance;
mod health;
mod helper;
pub(crate) mod import;
mod init;
mod key;
mod keypad;
mod letter;
mod liaison;
mod misbehaviour;
mod node;
mod pack;
mod paper_check;
mod peer;
mod queue;
mod reconcile;
mod repair;
mod rule;
mod say;
mod second;
mod self_audit;
mod shell;
mod slip;
mod stand_in;
mod statement;
mod status;
mod vacancy;
mod webhook;
mod window;
mod worker;

pub use examples::command;
use say::{Done, Out, Tongue};
pub use say::{FAILED, Fail, REFUSED, SOME_ROWS, WRONG_USE};

const EXIT_CODES: &str = "\
退出码：0 办成；1 被拒绝、无权或没有找到（import：整张表；verify、peer test：有不成立的；reconcile：双方有差异；self-audit：有发现）；2 命令行或文件有误\
（verify：ZIP 无法读取）；3 import：部分行被拒绝；4 节点无法连接、繁忙或出错。
Exit codes: 0 done; 1 refused, not allowed or not found (import: the whole sheet; verify, peer \
test: something does not hold; reconcile: the cities differ; self-audit: something was found); 2 the command line or a file is wrong (verify: the ZIP cannot be read); 3 import: \
some rows were refused; 4 the node cannot be reached, is busy or failed.";

/// Hands a worker's household over between two cities: `jieli COMMAND --help` tells more.
#[derive(Debug, Parser)]
#[command(name = "jieli", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// The city's directory.
    #[arg(long, global = true, default_value = ".")]
    dir: PathBuf,
    /// One JSON document instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// Name of the desk token to use; else the one of the role that the command is for.
    #[arg(long = "as", global = true, value_name = "TOKEN")]
    token: Option<String>,
    /// Language of what is printed; else that of LC_ALL, LC_MESSAGES or LANG.
    #[arg(long, global = true, value_name = "LANGUAGE", env = "JIELI_LANG")]
    lang: Option<say::Tongue>,
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    fn out(&self) -> Out {
        Out { json: self.json, tongue: self.lang.unwrap_or_else(locale) }
    }
}

/// The language of the surroundings.
fn locale() -> Tongue {
    let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let names = names.map(|name| std::env::var(name).unwrap_or_default());
    Tongue::of_locale(names.iter().map(String::as_str))
}

/// Reads a command line, performs it, and returns the exit code.
pub fn main(words: Vec<OsString>) -> u8 {
    let parsed = command().try_get_matches_from(&words);
    match parsed.and_then(|found| Cli::from_arg_matches(&found)) {
        Ok(cli) => run(cli),
        Err(error) if is_asked_for(error.kind()) => {
            // A reader that has gone away is no failure of the command.
            let _ = error.print();
            0
        }
        Err(error) => wrong_line(&error, &words),
    }
}

fn is_asked_for(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
}

/// What clap found, after a Chinese line; `--json` and the language count as far as they are there.
fn wrong_line(error: &clap::Error, words: &[OsString]) -> u8 {
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let after = words.iter().position(|word| *word == "--lang").and_then(|at| words.get(at + 1));
    let joined = words.iter().find_map(|word| word.strip_prefix("--lang="));
    let env = std::env::var("JIELI_LANG").unwrap_or_default();
    let named = after.copied().or(joined).unwrap_or(&env);
    let tongue = match named {
        "zh" => Tongue::Zh,
        "en" => Tongue::En,
        "both" => Tongue::Both,
        _ => locale(),
    };
    let out = Out { json: words.contains(&"--json"), tongue };
    let found = error.to_string();
    let found = found.trim_end().trim_start_matches("error: ").to_owned();
    let zh = if tongue == Tongue::Zh && !out.json {
        // The command line itself is in Latin letters: what is wrong with it is shown as it is.
        format!("命令行有误，请对照 --help：\n{found}")
    } else {
        "命令行有误，请对照 --help。".to_owned()
    };
    out.fail(&Fail::usage(zh, found))
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes a new city: keys, first manifest, tokens, configuration.
    Init(init::Init),
    /// Runs the node.
    #[command(subcommand)]
    Node(node::NodeCommand),
    /// The console: pages in a browser for the desks of this city.
    #[command(subcommand)]
    Gateway(gateway::GatewayCommand),
    /// The city's keys: new ones beside the old, retirement, revocation.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Other cities.
    #[command(subcommand)]
    Peer(peer::PeerCommand),
    /// The letters that wait for other cities.
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Where other systems of an office are told of changes, over HTTP.
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Who stands in for a colleague who is absent.
    #[command(subcommand)]
    StandIn(stand_in::StandInCommand),
    /// What a helper sees whom workers have named; `--as` names a token of the role helper.
    #[command(subcommand)]
    Helper(helper::HelperCommand),
    /// An employer's narrow window; `--as` names a token of the role employer.
    #[command(subcommand)]
    Employer(employer::EmployerCommand),
    /// What a liaison post sees, without persons; `--as` names a token of the role liaison.
    #[command(subcommand)]
    Liaison(liaison::LiaisonCommand),
    /// Agreements with other cities.
    #[command(subcommand)]
    Agreement(agreement::AgreementCommand),
    /// Calendars, code lists, item catalogues and languages, as signed data.
    #[command(subcommand)]
    Pack(pack::PackCommand),
    /// Vacancies with their job terms.
    #[command(subcommand)]
    Vacancy(vacancy::VacancyCommand),
    /// Places announced, and what other cities answered about theirs.
    #[command(subcommand)]
    Capacity(capacity::CapacityCommand),
    /// What the node accepts by itself, against announced places.
    #[command(subcommand)]
    Rule(rule::RuleCommand),
    /// Reads a sheet into drafts; nothing leaves before each worker confirms.
    Import(import::Import),
    /// Cases and their legs.
    #[command(subcommand)]
    Case(case::CaseCommand),
    /// What the worker does: with case number and code, or at a window. No desk token helps here.
    #[command(subcommand)]
    Worker(worker::WorkerCommand),
    /// Prints the worker's slip of a case, with a fresh code to look and to stop.
    Slip(slip::SlipArgs),
    /// A fact out of the own books, signed for the person to carry.
    Statement(statement::StatementArgs),
    /// Letters that a person carries to a city without a node.
    #[command(subcommand)]
    Letter(letter::LetterCommand),
    /// Erases what this city holds of closed legs, and asks the other city to do the same.
    Erase(erase::Erase),
    /// Legal holds: what has to be kept for a while.
    #[command(subcommand)]
    Hold(erase::HoldCommand),
    /// The keys of personal data at rest.
    #[command(subcommand)]
    Keyring(erase::KeyringCommand),
    /// Copies the database while the node runs, or checks a copy.
    Backup(backup::Backup),
    /// Puts a copy in the place of the database while the node is stopped.
    Restore(backup::Restore),
    /// Exports with personal data, which the token of another post approves.
    #[command(subcommand)]
    Second(second::SecondCommand),
    /// Writes the evidence of a case into a ZIP.
    Export(evidence::Export),
    /// Compares what both cities hold, from signed statements, down to the message that differs.
    Reconcile(reconcile::Reconcile),
    /// Works out anew whether what is stored is what was signed; names table, row and column.
    SelfAudit(self_audit::SelfAudit),
    /// Checks evidence, a slip, letter or statement against root fingerprints; needs no node, network or account.
    Verify(evidence::Verify),
    /// What compliance reads: figures, deadlines, consents. No personal data.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// The desk of a grievance body: what is sealed to it, opened with its own key file.
    #[command(subcommand)]
    Grievance(grievance::GrievanceCommand),
    /// Proofs that another city has contradicted what it signed.
    #[command(subcommand)]
    Misbehaviour(misbehaviour::MisbehaviourCommand),
    /// Rebuilds the log from the partner cities after a restored backup.
    Repair(repair::Repair),
    /// How the node is.
    Status,
    /// Exit code 0 if the node serves, else 4; for systemd, containers and balancers.
    Healthcheck,
    /// Prints a completion script for bash, zsh or fish.
    Completions(shell::Completions),
    /// Writes the manual pages of all commands.
    Man(shell::Man),
    /// Measures how fast two nodes on this machine exchange messages.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// The process that reads a sheet for `import`: a job and a file in, an answer out.
    #[command(hide = true)]
    ReadSheet,
    /// Three cities on this machine and a page that shows them, from the sheet to the evidence.
    Demo(node::Demo),
    /// One city of the demo, by the demo's clock.
    #[command(hide = true)]
    DemoCity(node::DemoCity),
}

/// Runs a command and says what came of it. Returns the exit code.
pub fn run(cli: Cli) -> u8 {
    let out = cli.out();
    if matches!(cli.command, Command::ReadSheet) {
        // Before there is a runtime with its threads: it has little memory and needs one.
        return import::be_reader();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(perform(cli, out)),
        Err(error) => Err(Fail::from(anyhow::Error::from(error))),
    };
    match result {
        Ok(Done(exit)) => exit,
        Err(fail) => out.fail(&fail),
    }
}

async fn perform(cli: Cli, out: Out) -> Result<Done, Fail> {
    let at = dial::At { dir: cli.dir, token: cli.token };
    match cli.command {
        Command::Init(init) => init.run(&at.dir, out),
        Command::Node(command) => command.run(&at.dir, out).await,
        Command::Gateway(command) => command.run(&at, out).await,
        Command::Key(command) => command.run(&at, out).await,
        Command::Peer(command) => command.run(&at, out).await,
        Command::Queue(command) => command.run(&at, out).await,
        Command::Webhook(command) => command.run(&at, out).await,
        Command::StandIn(command) => command.run(&at, out).await,
        Command::Helper(command) => command.run(&at, out).await,
        Command::Employer(command) => command.run(&at, out).await,
        Command::Liaison(command) => command.run(&at, out).await,
        Command::Agreement(command) => command.run(&at, out).await,
        Command::Pack(command) => command.run(&at, out).await,
        Command::Vacancy(command) => command.run(&at, out).await,
        Command::Capacity(command) => command.run(&at, out).await,
        Command::Rule(command) => command.run(&at, out).await,
        Command::Import(import) => import.run(&at, out).await,
        Command::Case(command) => command.run(&at, out).await,
        Command::Worker(command) => command.run(&at, out).await,
        Command::Slip(slip) => slip.run(&at, out).await,
        Command::Statement(statement) => statement.run(&at, out).await,
        Command::Letter(command) => command.run(&at, out).await,
        Command::Erase(erase) => erase.run(&at, out).await,
        Command::Hold(command) => command.run(&at, out).await,
        Command::Keyring(command) => command.run(&at, out).await,
        Command::Backup(backup) => backup.run(&at, out).await,
        Command::Restore(restore) => restore.run(&at.dir, out).await,
        Command::Second(command) => command.run(&at, out).await,
        Command::Export(export) => export.run(&at, out).await,
        Command::SelfAudit(audit) => audit.run(&at, out).await,
        Command::Reconcile(reconcile) => reconcile.run(&at, out).await,
        Command::Verify(verify) => verify.run(out),
        Command::Audit(command) => command.run(&at, out).await,
        Command::Grievance(command) => command.run(&at, out).await,
        Command::Misbehaviour(command) => command.run(&at, out).await,
        Command::Repair(repair) => repair.run(&at, out).await,
        Command::Status => status::run(&at, out).await,
        Command::Healthcheck => health::run(&at, out).await,
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(out),
        Command::Bench(command) => command.run(out).await,
        Command::ReadSheet => Ok(Done(import::be_reader())),
        Command::Demo(demo) => demo.run(out).await,
        Command::DemoCity(city) => city.run(&at.dir).await,
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        for line in [
            "jieli --dir d status --json",
            "jieli gateway init --config g.toml --address 127.0.0.1:7500 --origin https://desk.example",
            "jieli gateway serve --config g.toml",
            "jieli repair --dry-run --json",
            "jieli repair --new-epoch",
            "jieli peer add public.json --root-fpr 00 --end-point a:1",
            "jieli audit report --agreement 00 --from 2026-11-01 --to 2026-11-30 --json",
            "jieli --as approver second approve 5d0c9a7711e2f084 --shown 00",
            "jieli peer invite --days 14 --out invite.json --end-point a:1",
            "jieli peer accept invite.json --groups 12345-12345-12345-12345-12345-12345",
            "jieli peer test ruian.zj --json",
            "jieli key rotate --key message --root /media/root.key",
            "jieli key request --key log --retire 00 --out r.json",
            "jieli key revoke --key 00 --reason compromised --last-good jieli.ruian.zj/log/1=41",
            "jieli --as approver-2 agreement approve 5d0c9a7711e2f084",
            "jieli agreement counter 00 draft.toml",
            "jieli case act 2026-000001 2 outcome --field home_outcome.months=12 --dir d",
            "jieli case act 2026-000001 2 accept --slot-until 2026-12-01 --bring 1,2 --opens 09:00",
            "jieli case act 2026-000001 2 clarify --ground 3 --telephone 0577-1",
            "jieli case act 2026-000001 2 supply --at-window",
            "jieli case act 2026-000001 2 waitlist --until 2026-12-20 --band 2",
            "jieli case act 2026-000001 2 correct --field school_offer.grade=4 --clear home_offer.district",
            "jieli case act 2026-000001 2 return --code FAMILY_LEAVES",
            "jieli case list --due week --service school_record --mine",
            "jieli case undo 2026-000001 2",
            "jieli case hand-over 2026-000001 2 --to window2",
            "jieli worker answer --case 2026-000001 --code 12345678 --yes",
            "jieli verify x.zip --root 00 --root 11 --json",
            "jieli import r.xlsx --map 就业去向=意向城市 --map a=b --dry-run --clean c.xlsx --report r2.xlsx",
            "jieli import --template t.xlsx",
            "jieli import --forget-mapping",
            "jieli import --measure 10000 --json",
            "jieli capacity set --service schooling --stage primary --places 40 --valid-until 2026-12-31",
            "jieli capacity ask ruian.zj --service housing --kind dormitory --district 330381",
            "jieli rule add --service employment --vacancy V --accept-within-places --slot-days 6",
            "jieli --as union worker window open --case 2026-000001 --waive-day",
            "jieli --as union worker window answer --sitting 00",
            "jieli worker pin set --case 2026-000001 --code 12345678",
            "jieli worker not-me --case 2026-000001 --code 12345678",
            "jieli worker reopen --case 2026-000001 --code 12345678 --leg 1",
            "jieli verify --slip slip.html --root 00 --manifest public.json",
            "jieli verify --letter JIELI1:AA --root 00",
            "jieli verify --statement JIELI1:AA --root 00 --at 1795000000",
            "jieli statement --case 2026-000001 --leg 1 --fact enrolled-since --since 2026-09-01",
            "jieli worker statement --case 2026-000001 --code 12345678 --out statement.html",
            "jieli slip --case 2026-000001 --out slip.html",
            "jieli worker slip --case 2026-000001 --code 12345678 --out slip.html",
            "jieli worker copy --case 2026-000001 --code 12345678 --out copy.zip",
            "jieli worker status --case 2026-000001 --slip-code 12345678",
            "jieli worker withdraw --case 2026-000001 --slip-code 12345678",
            "jieli erase --case 2026-000001 --leg 1 --reason recorded-in-error",
            "jieli hold set --case 2026-000001 --reason court-order --until 2026-12-31",
            "jieli hold approve 00",
            "jieli keyring backup",
            "jieli backup --out copy.db --mirror m --json",
            "jieli backup verify copy.db",
            "jieli restore copy.db",
            "jieli worker erase --case 2026-000001 --code 12345678",
            "jieli letter ask --case 2026-000001 --leg 1 --office-name A",
            "jieli letter write --case 2026-000001 --leg 1 --office-name A --out letter.html",
            "jieli letter answer 2026-000001 1 --accept --code 12345678",
            "jieli letter answer 2026-000001 1 --decline --stamped",
            "jieli reconcile --agreement 00 --period 2026-11 --json",
            "jieli reconcile --list",
            "jieli self-audit --last --json",
            "jieli grievance key new --out body.key",
            "jieli grievance list --key body.key --key older.key --json",
            "jieli grievance report --month 2026-11 --key body.key",
            "jieli grievance report --call-back 00 --key body.key",
            "jieli worker grievance file --case 2026-000001 --code 12345678",
            "jieli worker grievance status",
            "jieli --as union worker window grievance --case 2026-000001",
            "jieli worker call-back answer --code 1234567812345678",
            "jieli audit call-back start --agreement 00 --from 2026-11-01 --to 2026-11-30 --seed s --body 00",
        ] {
            let words = line.split(' ');
            let last = if line.ends_with("--yes") { Some("1 3") } else { None };
            assert!(Cli::try_parse_from(words.chain(last)).is_ok(), "{line}");
        }
        // A desk cannot answer for the worker, and nothing is answered with "all".
        for line in [
            "jieli repair --dry-run --new-epoch",
            "jieli case answer 2026-000001",
            "jieli case ask --yes 1",
            "jieli verify x.zip",
            "jieli import",
            "jieli case act 2026-000001 2 accept --now",
            "jieli case list --due never",
            "jieli rule add --service housing --kind dormitory --slot-days 6",
            "jieli rule add --service housing --kind dormitory --decline --slot-days 6",
            "jieli worker window answer --sitting 00 --yes 1",
            "jieli worker window answer --sitting 00 --pin 1234",
            "jieli worker window open --case 2026-000001 --number 99999919900101001X",
            "jieli worker reopen --case 2026-000001 --code 1 --leg 1 --number 99999919900101001X",
            "jieli erase --case 2026-000001",
            "jieli hold set --case 2026-000001 --reason court-order",
            "jieli verify --slip a --letter b --root 00",
            "jieli verify --root 00",
            "jieli verify --slip a --statement b --root 00",
            "jieli statement --case 2026-000001 --leg 1 --fact enrolled-since",
            "jieli statement --case 2026-000001 --leg 1 --fact score --months 7",
            "jieli reconcile",
            "jieli backup",
            "jieli backup --out copy.db verify copy.db",
            // What a worker says stands on no command line.
            "jieli worker grievance file --case 2026-000001 --code 1 --kind fee-taken",
            "jieli worker grievance file --case 2026-000001 --code 1 --words x",
            "jieli worker grievance status --code 123412341234123412341234",
            "jieli worker grievance file --case 2026-000001 --slip-code 12345678",
            "jieli worker call-back answer --code 1 --own-choice no",
            "jieli grievance report --month 2026-11",
            "jieli reconcile --agreement 00 --period 2026-13",
            "jieli reconcile --agreement 00 --period 2026-11 --list",
            "jieli worker answer --case 2026-000001 --slip-code 12345678 --yes 1",
            "jieli worker copy --case 2026-000001 --slip-code 12345678 --out copy.zip",
            "jieli worker withdraw --case 2026-000001 --code 1 --slip-code 2",
            "jieli letter answer 2026-000001 1 --accept --decline --stamped",
            "jieli letter answer 2026-000001 1 --accept --code 12345678 --stamped",
            "jieli peer invite --days 15 --out x",
            "jieli key rotate --key root",
            "jieli key revoke --key 00 --last-good jieli.ruian.zj/log/1=41",
            "jieli agreement propose draft.toml --approver 局长",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
