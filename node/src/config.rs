//! `jieli.toml` in the node's directory. Every key but `city` has a default; an unknown key is an
//! error that names it. `deploy/sample/jieli.toml` shows all of them.

mod address;
mod check;
mod desk;
mod limits;
mod notices;
mod office;
mod text;
mod webhooks;

pub(crate) use address::url_problem;
pub use check::is_end_point;
pub(crate) use check::{are_end_points, is_city_name};
pub use desk::{Desk, DeskWindow, UNDO_MINUTES};
pub use limits::{Courier, Import, Limits};
pub use notices::{Backend, Notices};
pub use office::Office;
pub(crate) use office::office_kind;
pub use text::{Start, render};
pub use webhooks::Webhooks;

use crate::disk::{self, DiskError};
use jieli_proto::id::CityId;
use jieli_proto::number::CreditCode;
use jieli_proto::wire;
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file in the node's directory.
pub const FILE: &str = "jieli.toml";

const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Posts of the two approver tokens of a new city, where none are named.
pub const APPROVER_POSTS: [&str; 2] = ["局长", "法制科科长"];

/// Why a configuration was not taken: which file, which key, what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{0}; make a city with `jieli init`, or name its directory with --dir")]
    Read(#[from] DiskError),
    /// It is not TOML, a key is unknown, or a value has another type. Never shows the line, which
    /// may hold a password.
    #[error("{file}, line {line}: {what}; correct the line or remove it", file = .file.display())]
    Syntax {
        /// File.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong, and the key.
        what: String,
    },
    /// A value cannot stand.
    #[error("{file}: {key} {what}", file = .file.display())]
    Value {
        /// File.
        file: PathBuf,
        /// Key, with its table.
        key: String,
        /// What is wrong and what to do.
        what: String,
    },
}

/// The configuration of one city's node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The node's directory; relative paths start there. Not a key of the file.
    #[serde(skip)]
    pub dir: PathBuf,
    /// Which city this is.
    pub city: City,
    /// Where data is kept: `sqlite` (default) or a `postgres://` URL.
    #[serde(default)]
    pub database: Database,
    /// Where peers reach this city, `host:port`, most preferred first. Empty (default): this city
    /// only dials out.
    #[serde(default)]
    pub end_points: Vec<String>,
    /// A calendar pack; the built-in `cn` where absent. The calendar also gives the zone.
    #[serde(default)]
    pub calendar: Option<PathBuf>,
    /// Addresses to listen on.
    #[serde(default)]
    pub listen: Listen,
    /// Where the passphrase of the key files may be found.
    #[serde(default)]
    pub keys: Keys,
    /// Where the keys of sections lie, and for how long their backups are kept.
    #[serde(default)]
    pub keyring: Keyring,
    /// Offices of this city, in tables `office`. Default: none; then those that an agreement names.
    #[serde(default, rename = "office")]
    pub offices: Vec<Office>,
    /// Who may call the desk service, what the desks tell a person, how long an act can be undone.
    #[serde(default)]
    pub desk: Desk,
    /// Limits of every open port.
    #[serde(default)]
    pub limits: Limits,
    /// How letters are sent again.
    #[serde(default)]
    pub courier: Courier,
    /// What a sheet may be.
    #[serde(default)]
    pub import: Import,
    /// How notices leave.
    #[serde(default)]
    pub notices: Notices,
    /// How other systems of an office are told of changes.
    #[serde(default)]
    pub webhooks: Webhooks,
}

/// Table `city`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct City {
    /// City id; bound to the root key for ever.
    #[serde(deserialize_with = "city_id")]
    pub id: CityId,
    /// Name as people know it, 1 to 64 characters.
    pub name: String,
}

/// Key `database`. Blind in `Debug`, for a URL may hold a password.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Database {
    /// `jieli.db` in the node's directory.
    #[default]
    Sqlite,
    /// A `postgres://` or `postgresql://` URL.
    Postgres(String),
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Database::Sqlite => "Sqlite",
            Database::Postgres(_) => "Postgres(..)",
        })
    }
}

/// What the name of a key ring's database ends with, where none is named.
pub const KEYRING_ENDING: &str = "_keyring";

impl Database {
    /// On PostgreSQL the URL of a database beside this one, for its key ring: the same name with
    /// [`KEYRING_ENDING`]. It is not made here.
    pub fn keyring_beside(&self) -> Option<String> {
        let Database::Postgres(url) = self else { return None };
        Some(match url.split_once('?') {
            None => format!("{url}{KEYRING_ENDING}"),
            Some((base, query)) => format!("{base}{KEYRING_ENDING}?{query}"),
        })
    }
}

/// Neither `sqlite` nor the URL of a PostgreSQL database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("database must be \"sqlite\" or a postgres:// URL")]
pub struct BadDatabase;

impl TryFrom<String> for Database {
    type Error = BadDatabase;

    fn try_from(text: String) -> Result<Database, BadDatabase> {
        match text.as_str() {
            "sqlite" => Ok(Database::Sqlite),
            _ if text.starts_with("postgres://") || text.starts_with("postgresql://") => {
                Ok(Database::Postgres(text))
            }
            _ => Err(BadDatabase),
        }
    }
}

/// Table `listen`. Port 0 takes a free one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Other cities, TLS with pinned keys. Default 0.0.0.0:7400.
    pub peer: SocketAddr,
    /// The city's own desks, behind a token. Default 127.0.0.1:7401.
    pub desk: SocketAddr,
    /// Workers with a code. Default 127.0.0.1:7402.
    pub worker: SocketAddr,
    /// Health checks and figures without a person in them. Default: none.
    pub health: Option<SocketAddr>,
}

impl Default for Listen {
    fn default() -> Listen {
        Listen {
            peer: SocketAddr::from(([0, 0, 0, 0], 7400)),
            desk: SocketAddr::from(([127, 0, 0, 1], 7401)),
            worker: SocketAddr::from(([127, 0, 0, 1], 7402)),
            health: None,
        }
    }
}

/// Default of `keys.review_days`.
const REVIEW_DAYS: u32 = 365;

/// Table `keys`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// A file of mode 0600 with the passphrase. Looked at after the systemd credential and the
    /// environment. Default: none.
    pub passphrase_file: Option<PathBuf>,
    /// Days after which a key should be looked at and replaced: status reminds of it. Default 365;
    /// 0 for never.
    pub review_days: u32,
}

impl Default for Keys {
    fn default() -> Keys {
        Keys { passphrase_file: None, review_days: REVIEW_DAYS }
    }
}

/// Table `keyring`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keyring {
    /// A `postgres://` URL of another database than [`Config::database`], shared by all replicas.
    /// Needed where the database is PostgreSQL. Default: `keyring.db` in the node's directory.
    pub url: Option<String>,
    /// Days for which its backups are kept. Default 7, from 1 to 30.
    pub backup_days: u64,
}

impl Default for Keyring {
    fn default() -> Keyring {
        Keyring { url: None, backup_days: 7 }
    }
}

/// Blind: the URL may hold a password.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} days)", self.backup_days)
    }
}

/// An entry of `desk.tokens`: the token itself is in `<dir>/tokens/<name>.token`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskToken {
    /// Name of the token and its file, `[a-z0-9-]`, 1 to 40. Default: the role's.
    #[serde(default)]
    pub name: Option<String>,
    /// What its holder may do.
    pub role: DeskRole,
    /// Credit code of the office its holder acts for.
    #[serde(deserialize_with = "credit_code")]
    pub office: CreditCode,
    /// An approver's or a liaison's post, never a name, as the agreements of this city state it. Each
    /// of them has one, nobody else does.
    #[serde(default)]
    pub post: Option<String>,
    /// Who holds it, by staff number: one officer with two tokens is one officer. Default: the
    /// token's name.
    #[serde(default)]
    pub officer: Option<String>,
    /// Credit codes of the offices that its office is subordinate to. Default: none.
    #[serde(default, deserialize_with = "credit_codes")]
    pub answers_to: Vec<CreditCode>,
    /// Credit code of the employer whose window it is; its office is the one that announces posts.
    #[serde(default, deserialize_with = "credit_code_maybe")]
    pub employer: Option<CreditCode>,
}

impl DeskToken {
    /// One token for each role at a desk, two for approvers, all of one office. Windows are named
    /// one by one.
    pub fn for_office(office: &CreditCode) -> Vec<DeskToken> {
        DeskToken::with_posts(office, &APPROVER_POSTS.map(str::to_owned))
    }

    /// The same with one approver token for each of these posts: `approver`, `approver-2`, ...
    pub fn with_posts(office: &CreditCode, posts: &[String]) -> Vec<DeskToken> {
        let token =
            |role, name, post| DeskToken { name, post, ..DeskToken::named("", role, office) };
        let mut all = Vec::new();
        for role in DeskRole::AT_DESKS {
            if role != DeskRole::Approver {
                all.push(token(role, None, None));
                continue;
            }
            for (at, post) in posts.iter().enumerate() {
                let name = (at > 0).then(|| format!("approver-{}", at + 1));
                all.push(token(role, name, Some(post.clone())));
            }
        }
        all
    }

    /// A token of a name, held by an officer of its own.
    pub fn named(name: &str, role: DeskRole, office: &CreditCode) -> DeskToken {
        DeskToken {
            name: Some(name.to_owned()),
            role,
            office: office.clone(),
            post: None,
            officer: None,
            answers_to: Vec::new(),
            employer: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.role.as_str())
    }

    /// Who holds it.
    pub fn officer(&self) -> &str {
        self.officer.as_deref().unwrap_or(self.name())
    }
}

/// What the holder of a token may do; which call is whose is a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeskRole {
    /// Works on cases.
    Clerk,
    /// Signs agreements with a second pair of eyes.
    Approver,
    /// Runs the node.
    Operator,
    /// Reads what was done, without personal data.
    Compliance,
    /// Takes a person's own word at the window of another office; sees and does nothing else.
    Window,
    /// The desk of a grievance body: what is sealed to it, and nothing else.
    Body,
    /// Another system of an office: one section of one leg at a time, and nothing that is a person's
    /// word.
    System,
    /// Helps with the legs that a worker gave to it by name: sees how they stand, does nothing.
    Helper,
    /// An employer: proposes posts, and states when work began and ended of whoever was released to it
    /// and hands over the number.
    Employer,
    /// A liaison post: numbers of cases and what is late under the agreements that name it.
    Liaison,
}

impl DeskRole {
    /// Those that call the Desk service.
    pub const AT_DESKS: [DeskRole; 4] =
        [DeskRole::Clerk, DeskRole::Approver, DeskRole::Operator, DeskRole::Compliance];

    /// All of them.
    pub const ALL: [DeskRole; 10] = [
        DeskRole::Clerk,
        DeskRole::Approver,
        DeskRole::Operator,
        DeskRole::Compliance,
        DeskRole::Window,
        DeskRole::Body,
        DeskRole::System,
        DeskRole::Helper,
        DeskRole::Employer,
        DeskRole::Liaison,
    ];

    /// The name in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            DeskRole::Clerk => "clerk",
            DeskRole::Approver => "approver",
            DeskRole::Operator => "operator",
            DeskRole::Compliance => "compliance",
            DeskRole::Window => "window",
            DeskRole::Body => "body",
            DeskRole::System => "system",
            DeskRole::Helper => "helper",
            DeskRole::Employer => "employer",
            DeskRole::Liaison => "liaison",
        }
    }
}

impl Config {
    /// Reads and checks `jieli.toml` in a directory.
    pub fn load(dir: &Path) -> Result<Config, ConfigError> {
        let file = dir.join(FILE);
        let bytes = disk::read(&file, FILE_BYTES_MAX)?;
        let text = String::from_utf8(bytes).map_err(|_| ConfigError::Syntax {
            file,
            line: 1,
            what: "the file is not UTF-8".to_owned(),
        })?;
        Config::parse(&text, dir)
    }

    /// Reads and checks a configuration text that stands for the file in `dir`.
    pub fn parse(text: &str, dir: &Path) -> Result<Config, ConfigError> {
        let file = dir.join(FILE);
        let mut config: Config =
            toml::from_str(text).map_err(|error| syntax(file.clone(), text, error))?;
        config.dir = dir.to_owned();
        match check::problem(&config) {
            Some((key, what)) => Err(ConfigError::Value { file, key, what }),
            None => Ok(config),
        }
    }

    /// What is allowed but should be looked at; for status and the log.
    pub fn warnings(&self) -> Vec<String> {
        check::warnings(self)
    }

    /// The offices that the file names, as an agreement would state them.
    pub fn own_offices(&self) -> Arc<Vec<wire::Office>> {
        Arc::new(self.offices.iter().map(Office::wire).collect())
    }

    /// The SQLite file, where [`Database::Sqlite`] is chosen.
    pub fn sqlite_file(&self) -> PathBuf {
        self.dir.join("jieli.db")
    }

    /// The calendar pack, where one is named.
    pub fn calendar_file(&self) -> Option<PathBuf> {
        self.calendar.as_ref().map(|path| self.dir.join(path))
    }

    /// The file that stands for the phones.
    pub fn notices_file(&self) -> PathBuf {
        self.dir.join(&self.notices.file)
    }

    /// The passphrase file, where one is named.
    pub fn passphrase_file(&self) -> Option<PathBuf> {
        self.keys.passphrase_file.as_ref().map(|path| self.dir.join(path))
    }
}

fn syntax(file: PathBuf, text: &str, mut error: toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    error.set_input(None);
    let what = error.to_string().trim_end().replace('\n', " ");
    ConfigError::Syntax { file, line, what }
}

fn city_id<'de, D: Deserializer<'de>>(from: D) -> Result<CityId, D::Error> {
    let text = String::deserialize(from)?;
    CityId::parse(&text).ok_or_else(|| {
        de::Error::custom("a city id is 3 to 63 characters of a-z, 0-9, full stop and hyphen")
    })
}

fn credit_code<'de, D: Deserializer<'de>>(from: D) -> Result<CreditCode, D::Error> {
    let text = String::deserialize(from)?;
    CreditCode::parse(&text).map_err(|error| {
        de::Error::custom(format!("an office is named by its credit code: {error}"))
    })
}

fn credit_code_maybe<'de, D: Deserializer<'de>>(from: D) -> Result<Option<CreditCode>, D::Error> {
    credit_code(from).map(Some)
}

fn credit_codes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<CreditCode>, D::Error> {
    let all = Vec::<String>::deserialize(from)?;
    let parsed = all.iter().map(|text| {
        CreditCode::parse(text).map_err(|error| {
            de::Error::custom(format!("an office is named by its credit code: {error}"))
        })
    });
    parsed.collect()
}

#[cfg(test)]
mod tests;
