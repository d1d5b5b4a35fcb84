//! What a configuration must be beyond its form.

use super::{Config, Database, DeskRole, DeskToken};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

/// The most end points a city announces.
const END_POINTS_MAX: usize = 8;

const NAME_CHARS_MAX: usize = 64;

/// Whether a text is a city's name: 1 to 64 characters, none of control, none at the ends blank.
pub(crate) fn is_city_name(name: &str) -> bool {
    let len = name.chars().count();
    (1..=NAME_CHARS_MAX).contains(&len)
        && name.trim() == name
        && !name.chars().any(char::is_control)
}

/// Whether a text is an end point: `host:port`, an IPv6 address in brackets, no scheme, no path.
pub fn is_end_point(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let plain = port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
    if !plain {
        return false;
    }
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let label = |label: &str| {
                let clean = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                (1..=63).contains(&label.len())
                    && label.bytes().all(clean)
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            };
            host.len() <= 253 && host.split('.').all(label)
        }
    }
}

/// Whether a list of end points can be announced: at most eight, each once.
pub(crate) fn are_end_points(list: &[String]) -> bool {
    let distinct: BTreeSet<&String> = list.iter().collect();
    list.len() <= END_POINTS_MAX
        && distinct.len() == list.len()
        && list.iter().all(|text| is_end_point(text))
}

/// The first key with a value that cannot stand, and what to do.
pub(super) fn problem(config: &Config) -> Option<(String, String)> {
    let says = |key: &str, what: &str| Some((key.to_owned(), what.to_owned()));
    if !is_city_name(&config.city.name) {
        return says("city.name", "must be 1 to 64 characters without blanks at its ends");
    }
    if !are_end_points(&config.end_points) {
        let what = "must be at most 8 different texts host:port, such as \"jieli.example.cn:7400\" \
                    or \"[2001:db8::1]:7400\"";
        return says("end_points", what);
    }
    if let Some((one, other)) = same_address(config) {
        let key = if one == "report" {
            "notices.report_listen".to_owned()
        } else {
            format!("listen.{one}")
        };
        return says(
            &key,
            &format!("is the same address as listen.{other}: give it a port of its own"),
        );
    }
    let limits = config.limits.ranges();
    let (import, webhooks) = (config.import.ranges(), config.webhooks.ranges());
    let ranges = [limits, config.courier.ranges(), import, config.desk.ranges(), webhooks].concat();
    if let Some((key, _, min, max)) =
        ranges.into_iter().find(|(_, value, min, max)| !(*min..=*max).contains(value))
    {
        return says(key, &format!("must be from {min} to {max}"));
    }
    if let Some(what) = keyring_problem(config) {
        return says("keyring.url", what);
    }
    if !(1..=30).contains(&config.keyring.backup_days) {
        return says("keyring.backup_days", "must be from 1 to 30");
    }
    if let Some(problem) = config.notices.problem() {
        return Some(problem);
    }
    if let Some(problem) = super::office::problem(&config.offices) {
        return Some(problem);
    }
    config.desk.window_problem().or_else(|| token_problem(&config.desk.tokens))
}

/// The key ring lies where no backup of the database reaches it.
fn keyring_problem(config: &Config) -> Option<&'static str> {
    let is_url = |text: &str| text.starts_with("postgres://") || text.starts_with("postgresql://");
    match (&config.database, &config.keyring.url) {
        (Database::Sqlite, None) => None,
        (Database::Sqlite, Some(_)) => {
            Some("is for PostgreSQL: with sqlite the ring is keyring.db")
        }
        (Database::Postgres(_), None) => Some(
            "must name a PostgreSQL database of its own for the keys of sections, outside every \
             dump of the first: create it and give its postgres:// URL",
        ),
        (Database::Postgres(_), Some(url)) if !is_url(url) => Some("must be a postgres:// URL"),
        (Database::Postgres(url), Some(ring)) if url == ring => {
            Some("is the database itself: the keys must lie outside every dump of it")
        }
        (Database::Postgres(_), Some(_)) => None,
    }
}

fn same_address(config: &Config) -> Option<(&'static str, &'static str)> {
    let listen = &config.listen;
    let all: Vec<(&str, SocketAddr)> =
        [("peer", listen.peer), ("desk", listen.desk), ("worker", listen.worker)]
            .into_iter()
            .chain(listen.health.map(|health| ("health", health)))
            .chain(config.notices.report_listen.map(|report| ("report", report)))
            .collect();
    for (i, (one, address)) in all.iter().enumerate() {
        let same = all[..i].iter().find(|(_, other)| other == address && address.port() != 0);
        if let Some((other, _)) = same {
            return Some((one, other));
        }
    }
    None
}

fn token_problem(tokens: &[DeskToken]) -> Option<(String, String)> {
    let mut names = BTreeSet::new();
    for token in tokens {
        let name = token.name();
        let clean =
            name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) && name.len() <= 40;
        if name.is_empty() || !clean {
            let what = "must have a name of 1 to 40 characters of a-z, 0-9 and hyphen";
            return Some(("desk.tokens".to_owned(), what.to_owned()));
        }
        if !names.insert(name) {
            let what = format!("has two tokens named {name}: give one another name");
            return Some(("desk.tokens".to_owned(), what));
        }
        // What is sealed to a body is read by nobody who works for another office.
        let elsewhere =
            |other: &&DeskToken| other.officer() == token.officer() && other.office != token.office;
        if token.role == DeskRole::Body && tokens.iter().any(|other| elsewhere(&other)) {
            let what = "is of the role body, and its officer holds a token of another office";
            return Some(("desk.tokens".to_owned(), format!("{what} (token {name})")));
        }
        if token.role == DeskRole::System && token.name.is_none() {
            let what = "has a token of the role system without a name: who looked is told by it";
            return Some(("desk.tokens".to_owned(), what.to_owned()));
        }
        if token.role == DeskRole::Helper && token.name.is_none() {
            let what = "has a token of the role helper without a name: the worker chooses by it";
            return Some(("desk.tokens".to_owned(), what.to_owned()));
        }
        if let Some(what) = post_problem(token).or_else(|| employer_problem(token)) {
            return Some(("desk.tokens".to_owned(), format!("{what} (token {name})")));
        }
    }
    None
}

/// A post stands in agreements and signed acts: an approver and a liaison have one, in one line, and
/// nobody else does.
fn post_problem(token: &DeskToken) -> Option<&'static str> {
    let has_post = matches!(token.role, DeskRole::Approver | DeskRole::Liaison);
    match token.post.as_deref() {
        None if has_post => {
            Some("must have a post = \"..\" for its role, as the agreement names it")
        }
        Some(_) if !has_post => Some("has a post, which only an approver and a liaison have"),
        Some(post) if !is_city_name(post) => {
            Some("must have a post of 1 to 64 characters without blanks at its ends")
        }
        Some(_) | None => None,
    }
}

/// An employer's window is of one employer, and nobody else is one.
fn employer_problem(token: &DeskToken) -> Option<&'static str> {
    match (token.role == DeskRole::Employer, token.employer.is_some()) {
        (true, false) => Some("must have an employer = \"..\", its credit code"),
        (true, true) if token.name.is_none() => {
            Some("is of the role employer and has no name: the worker reads by it who looked")
        }
        (false, true) => Some("names an employer, which only the role employer does"),
        (true, true) | (false, false) => None,
    }
}

/// What is allowed but should be looked at.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut out = Vec::new();
    for (key, address) in [("desk", config.listen.desk), ("worker", config.listen.worker)] {
        if !address.ip().is_loopback() {
            out.push(format!(
                "listen.{key} {address} is reachable from other machines and has no TLS of its \
                 own: put it behind one, or listen on 127.0.0.1"
            ));
        }
    }
    if let Database::Postgres(url) = &config.database {
        let has_password = url.split_once("://").is_some_and(|(_, rest)| {
            let authority = rest.split('/').next().unwrap_or_default();
            authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
                || rest.contains("password=")
        });
        let file = config.dir.join(super::FILE);
        let others_read = file.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
        if has_password && others_read {
            out.push(format!("{} holds a password and others may read it", file.display()));
        }
    }
    out
}
