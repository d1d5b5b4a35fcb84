//! The text of a new city's `jieli.toml`: all keys, those with a default as comments.

use super::{Database, DeskToken, Listen};
use jieli_proto::id::CityId;
use std::fmt::Write;
use std::path::PathBuf;

/// What a new city must say.
#[derive(Clone, Debug)]
pub struct Start {
    /// City id.
    pub city: CityId,
    /// Name as people know it.
    pub name: String,
    /// Where data is kept.
    pub database: Database,
    /// Where the keys of sections lie: a URL where the database is PostgreSQL.
    pub keyring: Option<String>,
    /// Addresses to listen on.
    pub listen: Listen,
    /// Where peers reach it.
    pub end_points: Vec<String>,
    /// A file with the passphrase of the key files.
    pub passphrase_file: Option<PathBuf>,
    /// Minutes that an act of a desk waits and can be undone.
    pub undo_minutes: u64,
    /// Who may call the desk service.
    pub tokens: Vec<DeskToken>,
}

const LIMITS: &str = r#"
# Limits of the open ports. Times in seconds.
#[limits]
#streams_max = 256               # of one connection
#connections_per_peer_max = 16
#connections_max = 512           # of a listener
#handshake_s_max = 10
#request_s_max = 30
#keep_alive_s = 30
#keep_alive_answer_s_max = 10
#connection_age_s_max = 3600
#requests_max = 512              # in work; more are shed
#requests_per_peer_s_max = 100
#letters_per_peer_s_max = 2000

# When letters that found no answer are spoken of. They are sent again and again, never dropped.
#[courier]
#warn_after_s = 14400            # status warns: 4 hours
#person_after_s = 259200         # status asks for a person: 3 days

# Sheets larger than this are refused unread.
#[import]
#file_bytes_max = 8388608
#rows_max = 10000

# How notices leave. They are spread at random over so many minutes of daytime (9:00 to 20:00 of the
# calendar's zone), so that nobody can stand beside many phones at once; 0: at once, for trials.
# backend "file": appended to a file, one JSON object a line. "webhook": posted to a carrier as JSON,
# signed by the Standard Webhooks scheme with the secret of secret_file (whsec_ and base64, mode
# 0600). Where templates are named, the carrier gets its own code and what to fill in, not the text.
#[notices]
#backend = "file"
#file = "notices.jsonl"
#spread_minutes = 120
#url = "https://sms.example.cn/v1/notices"
#secret_file = "notices.secret"
#ca_file = "carrier-ca.pem"
#timeout_s = 10
#undeliverable_status = [410, 422]    # what the carrier answers where a number does not work
#report_listen = "127.0.0.1:7404"     # takes signed {"id","status":"delivered"|"undeliverable"}
#[notices.templates]
#"consent.ask.v1" = "SMS_100001"
#"terms.ask.v1" = "SMS_100002"
#"ballot.ask.v1" = "SMS_100003"
#"complete.ask.v1" = "SMS_100004"
#"arrival.tell.v1" = "SMS_100005"
#"consent.tell.v1" = "SMS_100006"
#"stopped.tell.v1" = "SMS_100007"
#"pin.tell.v1" = "SMS_100008"
#"letter.ask.v1" = "SMS_100009"
#"call-back.ask.v1" = "SMS_100010"
#"redirect.ask.v1" = "SMS_100011"
#"correction.ask.v1" = "SMS_100012"
#"phone.tell.v1" = "SMS_100013"
#"correction.tell.v1" = "SMS_100014"
#"duplicate.ask.v1" = "SMS_100015"
#"guardian.tell.v1" = "SMS_100016"
#"statement.ask.v1" = "SMS_100017"
#"proxy.tell.v1" = "SMS_100018"
#"cover.tell.v1" = "SMS_100019"

# How other systems of an office are told of changes (`jieli webhook add`): the certificates (PEM)
# that their own are checked against instead of the public roots, seconds for one delivery, and after
# how many days one that nobody took is given up.
#[webhooks]
#ca_file = "systems-ca.pem"
#timeout_s = 10
#give_up_days = 3
"#;

const KEYRING: &str = "
# Where the keys of personal data lie: keyring.db, or with PostgreSQL a database of its own, shared by
# all replicas, never in a dump of the first. It is backed up into keyring-backup every day; what is
# older than so many days is removed, and every backup from before an erasure no longer opens.
";

const OFFICES: &str = r#"
# The offices of this city, one table each, for what they hand to each other: the same law as between
# two cities, with no agreement, and nothing of it leaves this node. Where an agreement in force names
# the same office, its words count. kind is one of labour, education, medical-security, housing,
# housing-fund, labour-inspection, legal-aid, trade-union, coordination, compliance.
#[[office]]
#credit_code = "91530100MA00000020"
#kind = "labour"
#name = "示例市人力资源和社会保障局"
#telephone = "0871-00000000"
"#;

const UNDO: &str = "
# What a clerk enters goes out after so many minutes; until then `jieli case undo` takes it back.
# 0 sends at once. A withdrawal never waits.
[desk]
";

const WINDOWS: &str = r#"
# Where persons go: the first handler's telephone, hours and what to bring (codes as in `jieli case
# act --help`), one table an office. Told with ACCEPT and with a question.
#[[desk.windows]]
#office = "91530100MA00000020"
#telephone = "0871-00000000"
#opens = "09:00"
#closes = "17:00"
#bring = [1]
# Districts that the office serves: an offer of a school place or a home there is handed to it.
#districts = ["城东片区"]
"#;

const TOKENS: &str = r#"
# Who may call the desk service: each token stands in tokens/<name>.token, mode 0600. The name is
# the role's where absent: clerk, approver, operator or compliance. The office is named by its
# credit code; a desk sees the cases of its own office alone, a coordination window's those of its
# whole city (as stages, not as persons). An approver has a post, as the agreements name it; what
# binds the city needs the tokens of two different posts.
# The role window takes the person's own word at an office that does not send: one of another kind in
# the agreement, such as the trade union. officer is a staff number, so that one officer with two
# tokens is one officer; answers_to are credit codes of the offices that this one is subordinate to.
# The role body is the desk of a grievance body; what it lists is sealed to a key that only the body
# has, and its officer holds no token of another office.
# The role system is another system of an office, which calls through `jieli gateway api-serve`. It has
# a name, by which the person reads that it looked: one section of one leg at a time.
# The role helper is one whom workers may name to help them: it sees how the legs given to it stand,
# and nothing else. It has a name, by which the worker chooses it and reads that it looked.
# The role employer is the window of one employer, at the office that announces its posts: it proposes
# posts, and states when work began and ended of whoever hands over the number. employer is its credit
# code. The role liaison has a post = ".." as the agreements name it, and sees of them what is open and
# late, by number.
#[[desk.tokens]]
#name = "union"
#role = "window"
#office = "11999999MB00000604"
#officer = "0042"
#answers_to = []

"#;

/// The text. Parsing it gives back what went in.
pub fn render(start: &Start) -> String {
    let mut out = String::from(
        "# Jieli: the node of one city. Relative paths start in the directory of this file.\n\
         # A line that begins with # and a key shows a default, or an example where there is none.\n\n\
         # Where data is kept: \"sqlite\" (the file jieli.db) or a postgres:// URL.\n",
    );
    let database = match &start.database {
        Database::Sqlite => "sqlite",
        Database::Postgres(url) => url,
    };
    line(&mut out, "", "database", &quoted(database));
    out.push_str(
        "\n# Where other cities reach this one, host:port. Empty: this city only dials out.\n",
    );
    let end_points: Vec<String> = start.end_points.iter().map(|text| quoted(text)).collect();
    line(&mut out, "", "end_points", &format!("[{}]", end_points.join(", ")));
    out.push_str("\n# A calendar pack; the built-in `cn` where absent. It also gives the zone.\n");
    out.push_str("#calendar = \"calendar.json\"\n");
    out.push_str("\n[city]\n# The id is bound to the root key: it cannot be changed.\n");
    line(&mut out, "", "id", &quoted(start.city.as_str()));
    line(&mut out, "", "name", &quoted(&start.name));
    listen(&mut out, &start.listen);
    out.push_str("\n# The passphrase of the key files is looked for in the systemd credential\n");
    out.push_str("# jieli-passphrase, in $JIELI_PASSPHRASE, then in this file (mode 0600).\n");
    match &start.passphrase_file {
        Some(path) => {
            out.push_str("[keys]\n");
            line(&mut out, "", "passphrase_file", &quoted(&path.to_string_lossy()));
        }
        None => out.push_str("#[keys]\n#passphrase_file = \"passphrase\"\n"),
    }
    out.push_str("# Status reminds 30, 7 and 1 days before a key is so many days old; 0: never.\n");
    out.push_str("#review_days = 365\n");
    out.push_str(KEYRING);
    match &start.keyring {
        Some(url) => {
            out.push_str("[keyring]\n");
            line(&mut out, "", "url", &quoted(url));
        }
        None => out.push_str(
            "#[keyring]\n# With PostgreSQL: url = \"postgres://jieli@127.0.0.1/jieli_keyring\"\n",
        ),
    }
    out.push_str("#backup_days = 7\n");
    out.push_str(LIMITS);
    out.push_str(OFFICES);
    out.push_str(UNDO);
    line(&mut out, "", "undo_minutes", &start.undo_minutes.to_string());
    out.push_str(WINDOWS);
    out.push_str(TOKENS);
    for token in &start.tokens {
        out.push_str("[[desk.tokens]]\n");
        if let Some(name) = &token.name {
            line(&mut out, "", "name", &quoted(name));
        }
        line(&mut out, "", "role", &quoted(token.role.as_str()));
        line(&mut out, "", "office", &quoted(token.office.as_str()));
        if let Some(post) = &token.post {
            line(&mut out, "", "post", &quoted(post));
        }
        if let Some(officer) = &token.officer {
            line(&mut out, "", "officer", &quoted(officer));
        }
        if let Some(employer) = &token.employer {
            line(&mut out, "", "employer", &quoted(employer.as_str()));
        }
        if !token.answers_to.is_empty() {
            let codes: Vec<String> = token.answers_to.iter().map(|c| quoted(c.as_str())).collect();
            line(&mut out, "", "answers_to", &format!("[{}]", codes.join(", ")));
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn listen(out: &mut String, listen: &Listen) {
    out.push_str("\n[listen]\n");
    line(out, "# Other cities: TLS with pinned keys.\n", "peer", &quoted(&listen.peer.to_string()));
    let desk = "# This city's desks, with a token. No TLS: keep it on this machine.\n";
    line(out, desk, "desk", &quoted(&listen.desk.to_string()));
    let worker = "# Workers with a code. No desk role can call it.\n";
    line(out, worker, "worker", &quoted(&listen.worker.to_string()));
    let health = "# Health checks, nothing of any person. Absent: none.\n";
    match listen.health {
        Some(address) => line(out, health, "health", &quoted(&address.to_string())),
        None => line(out, health, "#health", "\"127.0.0.1:7403\""),
    }
}

fn line(out: &mut String, comment: &str, key: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{comment}{key} = {value}");
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
