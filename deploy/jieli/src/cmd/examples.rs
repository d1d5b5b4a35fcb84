//! An example for every command, at the end of its help and its manual page. A test walks all
//! commands: none may be without.

use super::Cli;
use clap::{Command, CommandFactory};

/// Commands, by the words that call them, and examples of each, one a line.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "init",
        "jieli init --city kunming.yn --name 昆明市 --end-point km.example:7400 \\\n      --office \
         11999999MB0000019T --approver-post 人社局局长 --approver-post 法制科科长",
    ),
    ("node serve", "jieli --dir /var/lib/jieli node serve"),
    (
        "gateway init",
        "jieli --dir /var/lib/jieli gateway init --config /etc/jieli/gateway.toml \\\n      --address \
         127.0.0.1:7500 --origin https://desk.example",
    ),
    ("gateway serve", "jieli gateway serve --config /etc/jieli/gateway.toml"),
    (
        "gateway worker-init",
        "jieli --dir /var/lib/jieli gateway worker-init --config /etc/jieli-worker/worker.toml \\\n      \
         --address 127.0.0.1:7510 --origin https://my.example",
    ),
    ("gateway worker-serve", "jieli gateway worker-serve --config /etc/jieli-worker/worker.toml"),
    (
        "gateway api-init",
        "jieli --dir /var/lib/jieli gateway api-init --config /etc/jieli/api.toml \\\n      --address \
         127.0.0.1:7520 --origin https://api.example",
    ),
    ("gateway api-serve", "jieli gateway api-serve --config /etc/jieli/api.toml"),
    ("repair", "jieli repair --dry-run\njieli repair\njieli repair --new-epoch"),
    ("peer add", "jieli peer add ruian-public.json --root-fpr <64 hex digits>"),
    ("queue list", "jieli queue list"),
    ("queue show", "jieli queue show ruian.zj"),
    ("queue retry", "jieli queue retry ruian.zj"),
    ("queue hold", "jieli queue hold ruian.zj --reason peer-asked --hours 4"),
    ("queue release", "jieli queue release ruian.zj"),
    ("webhook list", "jieli webhook list"),
    ("webhook add", "jieli webhook add school-roll https://roll.example.cn/jieli"),
    ("webhook remove", "jieli webhook remove <id>"),
    ("webhook rotate", "jieli webhook rotate <id>"),
    ("webhook log", "jieli webhook log\njieli webhook log <id> --most 200"),
    ("webhook retry", "jieli webhook retry <id>"),
    (
        "stand-in name",
        "jieli stand-in name clerk-2 --to 2026-12-11\n\
         jieli --as approver stand-in name clerk-2 --for clerk --from 2026-12-07 --to 2026-12-11",
    ),
    ("stand-in list", "jieli stand-in list"),
    ("stand-in end", "jieli stand-in end 5d0c9a7711e2f084"),
    ("helper list", "jieli --as helper helper list"),
    ("helper show", "jieli --as helper helper show 2026-000001 2"),
    ("worker helper show", "jieli worker helper show --case 2026-000001 --code 12345678"),
    (
        "worker helper choose",
        "jieli worker helper choose --case 2026-000001 --code 12345678 --leg 2 --helper helper",
    ),
    (
        "worker window helper",
        "jieli worker window helper --case 2026-000001\n\
         jieli worker window helper --case 2026-000001 --leg 2 --helper helper\n\
         jieli worker window helper --case 2026-000001 --dismiss",
    ),
    ("worker helper dismiss", "jieli worker helper dismiss --case 2026-000001 --code 12345678"),
    (
        "worker proxy",
        "jieli worker proxy --case 2026-000001 --code 12345678   # the number is typed, unseen\n\
         jieli worker proxy --case 2026-000001 --code 12345678 --end",
    ),
    ("peer list", "jieli peer list --json"),
    ("peer manifest", "jieli peer manifest ruian.zj ruian-manifest-2.json ruian-manifest-3.json"),
    ("peer invite", "jieli peer invite --out invite.json"),
    (
        "peer accept",
        "jieli peer accept invite.json\njieli peer accept invite.json --groups \"12345 67890 11111 \
         22222 33333 44444\" --out answer.json",
    ),
    ("peer test", "jieli peer test ruian.zj"),
    ("agreement propose", "jieli agreement propose agreement.toml"),
    ("agreement counter", "jieli agreement counter <id> changed.toml"),
    ("agreement countersign", "jieli agreement countersign <id> --version 1"),
    ("agreement approve", "jieli --as approver-2 agreement approve 5d0c9a7711e2f084"),
    ("agreement list", "jieli agreement list"),
    ("agreement show", "jieli agreement show <id>"),
    (
        "agreement copy",
        "jieli agreement copy <id> > new.toml\n\
         jieli agreement copy <id> --for yiwu.zj > yiwu.toml\n\
         jieli agreement copy <id> --next > version2.toml",
    ),
    ("agreement suspend", "jieli agreement suspend <id>"),
    ("agreement resume", "jieli agreement resume <id>"),
    ("agreement terminate", "jieli agreement terminate <id> --on 2027-06-30"),
    ("pack list", "jieli pack list"),
    ("pack show", "jieli pack show items-cn\njieli pack show cn --version 1 --out cn.dsse.json"),
    ("pack import", "jieli pack import calendar-2027.json"),
    ("pack check", "jieli pack check calendar-2027.json"),
    ("vacancy add", "jieli vacancy add vacancies.toml --announce"),
    ("vacancy list", "jieli vacancy list --json"),
    ("vacancy change", "jieli vacancy change vacancies.toml"),
    ("vacancy proposals", "jieli vacancy proposals"),
    (
        "vacancy answer",
        "jieli vacancy answer 91999999MA00002012 V-2026-0107\n\
         jieli vacancy answer 91999999MA00002012 V-2026-0107 --decline EMPLOYER_UNVERIFIED",
    ),
    ("employer propose", "jieli --as employer employer propose vacancies.toml"),
    ("employer posts", "jieli --as employer employer posts"),
    ("employer show", "jieli --as employer employer show 2026-000001 1"),
    ("employer state", "jieli --as employer employer state 2026-000001 1 --began 2026-12-01"),
    ("liaison delays", "jieli --as liaison liaison delays"),
    ("vacancy close", "jieli vacancy close V-2026-0107"),
    (
        "capacity set",
        "jieli --as window capacity set --service schooling --stage primary --district 330381 \\\n      \
         --places 40 --valid-until 2026-12-31\n\
         jieli --as window capacity set --service housing --kind dormitory --state waitlist \\\n      \
         --wait-days 60 --valid-until 2026-12-31",
    ),
    ("capacity list", "jieli capacity list\njieli capacity list --peers"),
    (
        "capacity ask",
        "jieli capacity ask ruian.zj --service schooling --stage primary --district 330381",
    ),
    (
        "rule add",
        "jieli --as window rule add --service schooling --stage primary --accept-within-places \
         --slot-days 6\n\
         jieli rule add --service employment --vacancy V-2026-0107 --accept-within-places \
         --slot-days 8",
    ),
    ("rule list", "jieli --as window rule list"),
    ("rule remove", "jieli --as window rule remove 1"),
    (
        "import",
        "jieli import --template 模板.xlsx        # 空白模板 an empty sheet to fill in\n\
         jieli import 名单.xlsx --dry-run         # 试读，不发送 every fault by its cell; nothing is sent\n\
         jieli import 名单.xlsx --report 回执.xlsx --bad-rows 更正.xlsx   # 带办件编号的原表，和要改的行 \
         the sheet back with case numbers; rows to put right\n\
         jieli import 名单.xlsx --map 就业去向=意向城市   # 本机构自用的表头，记住 a heading of your own, \
         remembered for the office\n\
         jieli import 名单.xlsx --clean 清理后.xlsx   # 有不收的列时：去掉它们的副本 if columns are refused: \
         the copy without them",
    ),
    ("case new", "jieli --as medical case new deploy/sample/case-medical.toml"),
    ("case ask", "jieli case ask 2026-000001 2026-000002"),
    (
        "case list",
        "jieli case list --due week --mine\njieli --as window case list --stage TAKEN_UP",
    ),
    ("case show", "jieli case show 2026-000001 --purpose 核对入学年级"),
    (
        "case find",
        "jieli --as window case find --purpose 办理业务   # 证件号码在提示后输入 the number is typed when asked for",
    ),
    ("case undo", "jieli case undo 2026-000001 1"),
    ("case again", "jieli case again 2026-000001 1 --to 11999999MB00001312"),
    ("case hand-over", "jieli case hand-over 2026-000001 1 --to window2"),
    ("case take-over", "jieli --as window2 case take-over 2026-000001 1"),
    ("case act take-up", "jieli --as window case act 2026-000001 1 take-up"),
    ("case act accept", "jieli --as window case act 2026-000001 1 accept --slot-until 2026-12-11"),
    ("case act clarify", "jieli --as window case act 2026-000001 1 clarify --ground 3 --bring 1,3"),
    ("case act supply", "jieli case act 2026-000001 1 supply --field home_offer.household_size=3"),
    ("case act waitlist", "jieli case act 2026-000001 1 waitlist --until 2026-12-20 --band 2"),
    (
        "case act correct",
        "jieli case act 2026-000001 1 correct --field school_offer.grade=4 --clear school_offer.district",
    ),
    (
        "case act redirect",
        "jieli --as window case act 2026-000001 1 redirect --to 11999999MB0000123Y",
    ),
    ("case act return", "jieli case act 2026-000001 1 return --code FAMILY_LEAVES"),
    ("case act decline", "jieli --as window case act 2026-000001 2 decline --code CAPACITY"),
    (
        "case act outcome",
        "jieli --as window case act 2026-000001 1 outcome --field \
         school_outcome.school_code=S-1 \\\n      --field school_outcome.enrolled_on=2026-12-14",
    ),
    ("case act cover", "jieli --as window case act 2026-000001 1 cover --from 2026-12-01"),
    ("case act withdraw", "jieli case act 2026-000001 1 withdraw"),
    ("case act void", "jieli case act 2026-000001 1 void --code SENT_IN_ERROR"),
    ("case act remind", "jieli case act 2026-000001 1 remind"),
    ("case act expire", "jieli case act 2026-000001 1 expire"),
    ("case act progress", "jieli --as window case act 2026-000001 1 progress --step SCHEDULED"),
    ("worker open", "jieli worker open --case 2026-000001 --code 12345678"),
    ("worker answer", "jieli worker answer --case 2026-000001 --code 12345678 --yes \"1 3\""),
    (
        "worker status",
        "jieli worker status --case 2026-000001 --code 12345678\n\
         jieli worker status --case 2026-000001 --slip-code 12345678",
    ),
    ("worker slip", "jieli worker slip --case 2026-000001 --code 12345678 --out slip.html"),
    (
        "worker statement",
        "jieli worker statement --case 2026-000001 --code 12345678 --out statement.html",
    ),
    ("worker copy", "jieli worker copy --case 2026-000001 --code 12345678 --out copy.zip"),
    ("worker who-looked", "jieli worker who-looked --case 2026-000001 --code 12345678"),
    ("worker not-me", "jieli worker not-me --case 2026-000001 --code 12345678"),
    ("worker reopen", "jieli worker reopen --case 2026-000001 --code 12345678 --leg 1"),
    ("worker grievance bodies", "jieli worker grievance bodies --case 2026-000001 --code 12345678"),
    (
        "worker grievance file",
        "jieli worker grievance file --case 2026-000001 --code 12345678   # 其余在提示后输入 the rest is \
         typed when asked for",
    ),
    (
        "worker grievance status",
        "jieli worker grievance status   # 查询码在提示后输入 asks for the code",
    ),
    ("worker call-back open", "jieli worker call-back open --code 1234567812345678"),
    ("worker call-back answer", "jieli worker call-back answer --code 1234567812345678"),
    ("worker window grievance", "jieli --as union worker window grievance --case 2026-000001"),
    ("worker pin set", "jieli worker pin set --case 2026-000001 --code 12345678"),
    ("worker window open", "jieli --as union worker window open --case 2026-000001"),
    (
        "worker window answer",
        "jieli --as union worker window answer --sitting 0a1b   # the person types the numbers, then \
         the PIN",
    ),
    (
        "worker window withdraw",
        "jieli --as union worker window withdraw --case 2026-000001 --legs \"1\"",
    ),
    (
        "worker window guardian",
        "jieli --as union worker window guardian --case 2026-000001 --name 吕明\n\
         jieli --as union worker window guardian --case 2026-000001 --name 吕明 --told",
    ),
    ("worker window pin", "jieli --as union worker window pin --case 2026-000001"),
    ("worker window reopen", "jieli --as union worker window reopen --service housing"),
    (
        "worker withdraw",
        "jieli worker withdraw --case 2026-000001 --code 12345678\n\
         jieli worker withdraw --case 2026-000001 --slip-code 12345678",
    ),
    ("worker erase", "jieli worker erase --case 2026-000001 --code 12345678"),
    (
        "worker correct",
        "jieli worker correct --case 2026-000001 --code 12345678 --what phone --is 19900019876",
    ),
    (
        "worker window correct",
        "jieli --as union worker window correct --case 2026-000001 --what name --is 张三",
    ),
    ("worker window erase", "jieli --as union worker window erase --case 2026-000001"),
    ("erase", "jieli --as window erase --case 2026-000001 --leg 1 --reason person-asked"),
    (
        "hold set",
        "jieli hold set --case 2026-000001 --leg 1 --reason labour-dispute --until 2027-03-31",
    ),
    ("hold approve", "jieli hold approve 5d0c9a7711e2f084"),
    ("hold list", "jieli hold list --case 2026-000001"),
    ("keyring backup", "jieli keyring backup"),
    ("keyring restore", "jieli keyring restore keyring-backup/3-1795000000000.ring"),
    (
        "backup",
        "jieli backup --out /backup/jieli-2026-11-22.db\n\
         jieli backup --out /backup/jieli-2026-11-22.db --mirror /backup/mirror",
    ),
    ("backup verify", "jieli backup verify /backup/jieli-2026-11-22.db"),
    ("restore", "jieli restore /backup/jieli-2026-11-22.db"),
    ("slip", "jieli --as window slip --case 2026-000001 --out slip.html"),
    (
        "statement",
        "jieli statement --case 2026-000001 --leg 1 --fact insured-months --months 37\n\
         jieli statement --case 2026-000001 --leg 2 --fact enrolled-since --since 2026-09-01",
    ),
    (
        "letter ask",
        "jieli letter ask --case 2026-000007 --leg 1 --office-name 成都市人力资源和社会保障局",
    ),
    ("letter write", "jieli letter write --case 2026-000007 --leg 1 --out letter.html"),
    (
        "letter answer",
        "jieli letter answer 2026-000007 1 --accept --code 12345678\n\
         jieli letter answer 2026-000007 1 --decline --stamped",
    ),
    ("second ask", "jieli second ask --case 2026-000001 --purpose 答复投诉"),
    ("second list", "jieli second list\njieli --as approver second list --json"),
    (
        "second approve",
        "jieli --as approver second approve 5d0c9a7711e2f084 --shown <64 hex digits>",
    ),
    ("second carry-out", "jieli second carry-out 5d0c9a7711e2f084"),
    ("second export", "jieli second export 5d0c9a7711e2f084 --out case.zip"),
    ("export", "jieli export --case 2026-000001 --out case.zip"),
    ("self-audit", "jieli self-audit\njieli self-audit --last --json"),
    (
        "reconcile",
        "jieli reconcile --agreement <id>\n\
         jieli reconcile --agreement <id> --period 2026-11 --json\n\
         jieli reconcile --list",
    ),
    (
        "verify",
        "jieli verify case.zip --root <64 hex digits> --root <64 hex digits>\n\
         jieli verify --slip slip.html --root <64 hex digits>\n\
         jieli verify --letter letter.html --root <64 hex digits> --manifest public.json\n\
         jieli verify --statement statement.html --root <64 hex digits>",
    ),
    ("key list", "jieli key list\njieli key list --peer ruian.zj"),
    ("key show", "jieli key show --out manifest.dsse.json"),
    ("key rotate", "jieli key rotate --key message --root /media/offline/root.key"),
    ("key request", "jieli key request --key log --out request.json"),
    (
        "key sign",
        "jieli key sign request.json --root /media/offline/root.key --out signed.dsse.json",
    ),
    (
        "key install",
        "jieli key install signed.dsse.json\njieli key install signed.dsse.json --stopped",
    ),
    ("key retire", "jieli key retire --key <64 hex digits> --root /media/offline/root.key"),
    (
        "key revoke",
        "jieli key revoke --key <64 hex digits> --reason compromised --last-good jieli.ruian.zj/log/1=41",
    ),
    ("key disputed", "jieli key disputed --json"),
    ("audit report", "jieli audit report --agreement <id> --from 2026-11-01 --to 2026-11-30"),
    (
        "audit statistics",
        "jieli audit statistics --agreement <id> --from 2026-11-01 --to 2026-11-30",
    ),
    (
        "audit sample",
        "jieli audit sample --agreement <id> --from 2026-11-01 --to 2026-11-30 --seed 4262 --size 20",
    ),
    (
        "audit sign-off",
        "jieli audit sign-off --agreement <id> --from 2026-11-01 --to 2026-11-30 --seed 4262 \\\n      \
         --note-code ANSWERED_LATE --out sign-off.json",
    ),
    (
        "audit pack",
        "jieli audit pack --agreement <id> --from 2026-11-01 --to 2026-11-30 --out pack.zip\n\
         jieli verify pack.zip --root <64 hex digits> --root <64 hex digits>",
    ),
    ("audit unpack", "jieli audit unpack pack.zip --bundle 1 --out one.zip"),
    ("audit access-log", "jieli audit access-log --from 2026-11-01 --to 2026-11-30 --json"),
    (
        "audit call-back start",
        "jieli audit call-back start --agreement <id> --from 2026-11-01 --to 2026-11-30 \\\n      \
         --seed 4262 --body 11999999MB00000604",
    ),
    (
        "audit call-back list",
        "jieli audit call-back list --agreement <id> --from 2026-11-01 --to 2026-11-30",
    ),
    ("audit flags list", "jieli audit flags list\njieli audit flags list --agreement <id> --json"),
    ("audit flags answer", "jieli audit flags answer 5d0c9a77 --answer office-instructed"),
    ("grievance key new", "jieli grievance key new --out /media/union/body.key"),
    ("grievance key place", "jieli --as union-body grievance key place /media/union/body.key"),
    ("grievance key show", "jieli grievance key show /media/union/body.key"),
    ("grievance list", "jieli --as union-body grievance list --key /media/union/body.key"),
    ("grievance open", "jieli --as union-body grievance open 5d0c9a77 --key /media/union/body.key"),
    ("grievance take", "jieli --as union-body grievance take 5d0c9a77"),
    (
        "grievance answer",
        "jieli --as union-body grievance answer 5d0c9a77 --key /media/union/body.key   # 答复在提示后输入 \
         the answer is typed when asked for",
    ),
    ("grievance close", "jieli --as union-body grievance close 5d0c9a77"),
    (
        "grievance report",
        "jieli --as union-body grievance report --month 2026-11 --key /media/union/body.key\n\
         jieli --as union-body grievance report --call-back <id> --key /media/union/body.key",
    ),
    (
        "grievance finding add",
        "jieli --as inspection grievance finding add --employer 91999999MA0000218Q \\\n      \
         --reference 欠薪2026-17 --on 2026-11-20",
    ),
    ("grievance finding lift", "jieli --as inspection grievance finding lift 1"),
    ("grievance finding list", "jieli --as inspection grievance finding list"),
    ("misbehaviour list", "jieli misbehaviour list"),
    ("misbehaviour export", "jieli misbehaviour export <id> --out proof.json"),
    ("status", "jieli status --json"),
    ("healthcheck", "jieli --dir /var/lib/jieli healthcheck && echo ok"),
    ("completions", "jieli completions bash > /etc/bash_completion.d/jieli"),
    ("man", "jieli man --out /usr/local/share/man/man1"),
    ("bench reconcile", "jieli bench reconcile --messages 100000 --json"),
    ("bench exchange", "jieli bench exchange --messages 5000 --json"),
    ("bench import", "jieli bench import --rows 10000 --json"),
    ("bench lists", "jieli bench lists --cases 100000"),
    ("bench verify", "jieli bench verify --messages 200"),
    ("bench pack", "jieli bench pack --messages 100000 --json"),
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
        [] => {
            // What else the command has to say stands beneath.
            let own = command.get_after_help().map(|own| format!("\n\n{own}")).unwrap_or_default();
            let example = example.replace('\n', "\n  ");
            command.after_help(format!("例 Example:\n  {example}{own}"))
        }
        [first, rest @ ..] => command.mut_subcommand(first, |under| with(under, rest, example)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, String)>) {
        let under: Vec<&Command> =
            command.get_subcommands().filter(|under| !under.is_hide_set()).collect();
        // One that has others under it may do something by itself too.
        if under.is_empty() || !command.is_subcommand_required_set() {
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
        let lines = EXAMPLES.iter().flat_map(|(path, examples)| {
            // A line that goes on is indented.
            let examples = examples.replace("\\\n", " ");
            examples.lines().map(|line| (*path, line.to_owned())).collect::<Vec<_>>()
        });
        for (path, example) in lines {
            let line = example.split(" > ").next().unwrap_or_default();
            let line = line.split(" && ").next().unwrap_or_default();
            let line = line.split(" # ").next().unwrap_or_default();
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
