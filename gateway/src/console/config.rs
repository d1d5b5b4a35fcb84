//! `gateway.toml`: where the console listens, where its node is, and which tokens it was given.

use super::oidc::OidcRules;
use super::role::TokenRole;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The configuration, its paths relative to the folder of the file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens.
    pub listen: Listen,
    /// Its own node.
    pub node: Node,
    /// Accounts.
    #[serde(default)]
    pub accounts: AccountRules,
    /// Who may say who logs in, besides the own passwords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<OidcRules>,
    /// One desk token each.
    #[serde(default)]
    pub token: Vec<Token>,
    /// Where the file lies.
    #[serde(skip)]
    pub dir: PathBuf,
}

/// Where browsers call.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address and port. Without TLS only a loopback address, behind a proxy of this machine.
    pub address: SocketAddr,
    /// What browsers call it by, such as `https://desk.example`: forms are taken from there alone.
    pub origin: String,
    /// Proxies that are believed when they name the address they forward for (`X-Forwarded-For`); of
    /// everybody else the address that calls counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_proxies: Vec<IpAddr>,
    /// Certificate chain and key.
    #[serde(default)]
    pub tls: Option<Tls>,
}

/// PEM files.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Chain, the own certificate first.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Listen {
    /// Refuses what would be unsafe.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, what| Err(ConfigError::Value { key: key.to_owned(), what });
        let Listen { address, origin, tls, trusted_proxies: _ } = self;
        if tls.is_none() && !address.ip().is_loopback() {
            return wrong("listen.address", "without TLS only a loopback address is served");
        }
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.contains('/')) {
            return wrong("listen.origin", "scheme and host only, such as https://desk.example");
        }
        let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
        if origin.starts_with("http:") && !local.iter().any(|at| origin.starts_with(at)) {
            return wrong("listen.origin", "browsers call it by https://, or on this machine");
        }
        Ok(())
    }

    /// Host and port of the origin.
    pub fn host(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, host)| host)
    }
}

/// The own node.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its desk listener.
    pub desk: SocketAddr,
    /// Its workers' listener: slips are looked up there, as the person would.
    pub worker: SocketAddr,
}

/// Rules for accounts.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountRules {
    /// The file with accounts and log-ins.
    pub file: PathBuf,
    /// Whether every account needs a code from an app besides its password.
    pub second_factor: bool,
    /// Minutes without a click after which one logs in again.
    pub idle_minutes: u32,
}

impl Default for AccountRules {
    fn default() -> AccountRules {
        AccountRules { file: "accounts.db".into(), second_factor: true, idle_minutes: 30 }
    }
}

/// A desk token of an office.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Name, as the node knows it.
    pub name: String,
    /// Its role there.
    pub role: TokenRole,
    /// Credit code of its office.
    pub office: String,
    /// The office as people know it.
    pub office_name: String,
    /// The file that holds it.
    pub file: PathBuf,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML of this form.
    #[error("{path}: {what}", path = .path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where, and what.
        what: String,
    },
    /// A value that may not stand there.
    #[error("{key}: {what}")]
    Value {
        /// Which.
        key: String,
        /// Why not.
        what: &'static str,
    },
}

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Config::parse(&text, path)
    }

    /// Reads and checks a text that stands for the file at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        let mut config: Config = toml::from_str(text).map_err(|error| ConfigError::Form {
            path: path.to_owned(),
            what: error.to_string(),
        })?;
        config.dir = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.listen.check()?;
        let wrong = |key: &str, what| Err(ConfigError::Value { key: key.to_owned(), what });
        if !(5..=240).contains(&self.accounts.idle_minutes) {
            return wrong("accounts.idle_minutes", "5 to 240");
        }
        if let Some(oidc) = &self.oidc {
            oidc.check()?;
        }
        for (at, token) in self.token.iter().enumerate() {
            if self.token[..at].iter().any(|other| other.name == token.name) {
                return wrong("token.name", "each name once");
            }
        }
        Ok(())
    }

    /// A path of the file, from its folder.
    pub fn place(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[listen]\naddress = \"127.0.0.1:7500\"\norigin = \"http://127.0.0.1:7500\"\n\
        [node]\ndesk = \"127.0.0.1:7401\"\nworker = \"127.0.0.1:7402\"\n";

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("/etc/jieli/gateway.toml"))
    }

    #[test]
    fn a_small_file_is_enough_and_paths_are_its_own() {
        let config = parse(GOOD).unwrap();
        assert_eq!(config.listen.host(), "127.0.0.1:7500");
        assert_eq!(config.place(&config.accounts.file), Path::new("/etc/jieli/accounts.db"));
        assert!(config.accounts.second_factor);
        assert!(config.listen.trusted_proxies.is_empty(), "nobody is believed by default");
    }

    #[test]
    fn what_would_be_unsafe_is_refused() {
        for (from, to) in [
            ("address = \"127.0.0.1:7500\"", "address = \"0.0.0.0:7500\""),
            ("origin = \"http://127.0.0.1:7500\"", "origin = \"http://desk.example\""),
            ("origin = \"http://127.0.0.1:7500\"", "origin = \"https://desk.example/x\""),
            ("[node]", "[accounts]\nidle_minutes = 0\n[node]"),
            ("[node]", "[nodes]"),
            ("[node]", "trusted_proxies = [\"10.0.0.0/8\"]\n[node]"),
        ] {
            assert!(parse(&GOOD.replace(from, to)).is_err(), "{to}");
        }
    }
}
