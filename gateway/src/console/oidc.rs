//! Logging in by an OpenID Connect provider: authorization code with PKCE, state and nonce. The
//! provider says who somebody is; which account that is says the configuration, and nobody becomes
//! an account by logging in.

#[cfg(test)]
mod tests;
pub(crate) mod token;

use super::config::{Config, ConfigError};
use super::world::{Entropy, Web, WebAsk, random};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use subtle::ConstantTimeEq as _;
use token::{Claimed, Expected, Keys, TokenError};

/// Where a log-in begins.
pub(crate) const BEGIN: &str = "/login/oidc";
/// Where the provider sends the browser back to.
pub(crate) const BACK: &str = "/login/oidc/back";
/// How long a log-in may take at the provider.
const PENDING_MS: i64 = 10 * 60_000;
/// Log-ins on their way at once.
const PENDING_MAX: usize = 10_000;
/// And from one address: behind a proxy that is the whole house.
const PENDING_PER_ADDRESS_MAX: usize = 100;
/// What the provider tells of itself is asked for anew after so long.
const FOUND_MS: i64 = 3_600_000;
/// And its keys, where one is unknown, no more often than this.
const AGAIN_MS: i64 = 5_000;
/// The longest code that is passed on.
const CODE_BYTES_MAX: usize = 4 * 1024;

/// Table `oidc` of `gateway.toml`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OidcRules {
    /// The provider, as it names itself: https, or plain http on this machine.
    pub issuer: String,
    /// As whom the provider knows this console.
    pub client_id: String,
    /// The file with the secret that the provider gave; none for a public client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// Certificates (PEM) that the provider's is checked against; else the public roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The claim that names a person. Default `sub`.
    #[serde(default = "subject")]
    pub claim: String,
    /// Which account belongs to which value of that claim.
    #[serde(default)]
    pub accounts: BTreeMap<String, String>,
}

fn subject() -> String {
    "sub".to_owned()
}

/// Whether an address may be asked: https, or plain http on this machine.
fn is_safe(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let local = bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    !host.is_empty()
        && !authority.contains('@')
        && url.bytes().all(|byte| byte.is_ascii_graphic())
        && (scheme == "https" || (scheme == "http" && local))
}

impl OidcRules {
    /// Refuses what would be unsafe.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, what| Err(ConfigError::Value { key: key.to_owned(), what });
        let plain = !self.issuer.contains(['?', '#']) && !self.issuer.ends_with('/');
        if !is_safe(&self.issuer) || !plain {
            let what =
                "https://.. without ?, # and / at its end; plain http for 127.0.0.1 and [::1]";
            return wrong("oidc.issuer", what);
        }
        if self.client_id.is_empty() || self.claim.is_empty() {
            return wrong("oidc.client_id", "it and oidc.claim must not be empty");
        }
        let mut names: Vec<&String> = self.accounts.values().collect();
        names.sort();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return wrong("oidc.accounts", "each account belongs to one person");
        }
        Ok(())
    }
}

/// Why nobody was logged in. Holds nothing of a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OidcError {
    #[error("the log-in was not begun in this browser, is too old, or was used before")]
    State,
    #[error("the provider says: {0}")]
    Refused(String),
    #[error("the provider cannot be used: {0}")]
    Provider(String),
    #[error("the ID token is not taken: {0}")]
    Token(#[from] TokenError),
}

#[derive(Deserialize)]
struct Described {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Given {
    id_token: String,
}

/// What the provider tells of itself.
#[derive(Clone)]
struct Found {
    authorize: String,
    token: String,
    jwks: String,
    keys: Keys,
    at_ms: i64,
    keys_ms: i64,
}

struct Pending {
    /// The browser's cookie when it began.
    browser: String,
    address: IpAddr,
    nonce: String,
    verifier: String,
    at_ms: i64,
}

/// The provider.
pub(crate) struct Provider {
    rules: OidcRules,
    secret: Option<String>,
    back: String,
    web: Arc<dyn Web>,
    pending: Mutex<BTreeMap<String, Pending>>,
    found: tokio::sync::Mutex<Option<Found>>,
}

fn percent(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(
            |byte| {
                if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

fn form(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{name}={}", percent(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn drawn(entropy: &dyn Entropy) -> String {
    URL_SAFE_NO_PAD.encode(random::<32>(entropy))
}

impl Provider {
    /// The provider of a configuration, which opens no connection yet.
    pub(crate) fn open(
        config: &Config,
        web: Arc<dyn Web>,
    ) -> Result<Option<Provider>, ConfigError> {
        let Some(rules) = config.oidc.clone() else { return Ok(None) };
        let secret = rules.client_secret_file.as_ref().map(|file| {
            let path = config.place(file);
            let read = std::fs::read_to_string(&path);
            read.map_err(|source| ConfigError::Read { path, source })
        });
        let secret = secret.transpose()?.map(|text| text.trim().to_owned());
        let back = format!("{}{BACK}", config.listen.origin);
        let (pending, found) = (Mutex::default(), tokio::sync::Mutex::default());
        Ok(Some(Provider { rules, secret, back, web, pending, found }))
    }

    /// The account of a person, by its name.
    pub(crate) fn account(&self, subject: &str) -> Option<&str> {
        self.rules.accounts.get(subject).map(String::as_str)
    }

    async fn ask<T: DeserializeOwned>(&self, ask: WebAsk) -> Result<T, OidcError> {
        let bytes = self.bytes(ask).await?;
        let what = |_| OidcError::Provider("its answer is not what it should be".to_owned());
        serde_json::from_slice(&bytes).map_err(what)
    }

    async fn bytes(&self, ask: WebAsk) -> Result<Vec<u8>, OidcError> {
        match self.web.ask(ask).await {
            Ok((200, bytes)) => Ok(bytes),
            Ok((status, _)) => Err(OidcError::Provider(format!("it answers {status}"))),
            Err(what) => Err(OidcError::Provider(what)),
        }
    }

    async fn keys(&self, url: &str) -> Result<Keys, OidcError> {
        let bytes = self.bytes(WebAsk::get(url)).await?;
        Keys::parse(&bytes).ok_or_else(|| OidcError::Provider("its keys cannot be read".to_owned()))
    }

    async fn found(&self, now_ms: i64) -> Result<Found, OidcError> {
        let mut kept = self.found.lock().await;
        if let Some(found) = kept.as_ref().filter(|found| now_ms - found.at_ms < FOUND_MS) {
            return Ok(found.clone());
        }
        let issuer = &self.rules.issuer;
        let url = format!("{issuer}/.well-known/openid-configuration");
        let said: Described = self.ask(WebAsk::get(&url)).await?;
        if said.issuer != *issuer {
            return Err(OidcError::Provider("it names itself otherwise".to_owned()));
        }
        let all = [&said.authorization_endpoint, &said.token_endpoint, &said.jwks_uri];
        if all.iter().any(|url| !is_safe(url)) {
            return Err(OidcError::Provider("one of its addresses is not https".to_owned()));
        }
        let found = Found {
            keys: self.keys(&said.jwks_uri).await?,
            authorize: said.authorization_endpoint,
            token: said.token_endpoint,
            jwks: said.jwks_uri,
            at_ms: now_ms,
            keys_ms: now_ms,
        };
        *kept = Some(found.clone());
        Ok(found)
    }

    /// The keys once more: the provider may have a new one.
    async fn keys_again(&self, now_ms: i64) -> Result<Option<Keys>, OidcError> {
        let mut kept = self.found.lock().await;
        let Some(found) = kept.as_mut().filter(|found| now_ms - found.keys_ms >= AGAIN_MS) else {
            return Ok(None);
        };
        // Also where it fails: who shows unknown keys does not make this console ask all the time.
        found.keys_ms = now_ms;
        found.keys = self.keys(&found.jwks.clone()).await?;
        Ok(Some(found.keys.clone()))
    }

    /// Begins a log-in; where the browser goes.
    pub(crate) async fn begin(
        &self,
        (browser, address): (&str, IpAddr),
        entropy: &dyn Entropy,
        now_ms: i64,
    ) -> Result<String, OidcError> {
        let found = self.found(now_ms).await?;
        let (state, nonce, verifier) = (drawn(entropy), drawn(entropy), drawn(entropy));
        let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
        let fields = form(&[
            ("response_type", "code"),
            ("client_id", &self.rules.client_id),
            ("redirect_uri", &self.back),
            ("scope", "openid"),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &URL_SAFE_NO_PAD.encode(hash)),
            ("code_challenge_method", "S256"),
        ]);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|_, one| now_ms - one.at_ms < PENDING_MS);
        let from_there = pending.values().filter(|one| one.address == address).count();
        if pending.len() >= PENDING_MAX || from_there >= PENDING_PER_ADDRESS_MAX {
            return Err(OidcError::Provider("too many log-ins are on their way".to_owned()));
        }
        let one = Pending { browser: browser.to_owned(), address, nonce, verifier, at_ms: now_ms };
        pending.insert(state, one);
        let join = if found.authorize.contains('?') { '&' } else { '?' };
        Ok(format!("{}{join}{fields}", found.authorize))
    }

    /// What was begun with that state in that browser; it is used up.
    fn begun(&self, state: &str, browser: &str, now_ms: i64) -> Option<Pending> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let one = pending.remove(state)?;
        let same = bool::from(one.browser.as_bytes().ct_eq(browser.as_bytes()));
        (same && now_ms - one.at_ms < PENDING_MS).then_some(one)
    }

    /// Ends a log-in: who the provider says that is.
    pub(crate) async fn finish(
        &self,
        said: &BTreeMap<String, String>,
        browser: &str,
        now_ms: i64,
    ) -> Result<Claimed, OidcError> {
        let get = |name: &str| said.get(name).map_or("", String::as_str);
        let begun = self.begun(get("state"), browser, now_ms).ok_or(OidcError::State)?;
        let code = get("code");
        if !get("error").is_empty() || code.is_empty() || code.len() > CODE_BYTES_MAX {
            let word = get("error").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_');
            return Err(OidcError::Refused(word.take(40).collect()));
        }
        // RFC 9207: where it says who it is, it must be the one that was asked.
        if said.get("iss").is_some_and(|iss| *iss != self.rules.issuer) {
            return Err(OidcError::State);
        }
        let found = self.found(now_ms).await?;
        let id = &self.rules.client_id;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.back),
            ("code_verifier", &begun.verifier),
        ];
        let basic = self
            .secret
            .as_ref()
            .map(|secret| STANDARD.encode(format!("{}:{}", percent(id), percent(secret))));
        if basic.is_none() {
            fields.push(("client_id", id));
        }
        let ask = WebAsk { url: found.token.clone(), form: Some(form(&fields)), basic };
        let given: Given = self.ask(ask).await?;
        let expected = Expected {
            issuer: &self.rules.issuer,
            client_id: id,
            nonce: &begun.nonce,
            claim: &self.rules.claim,
            now_s: now_ms / 1000,
        };
        match found.keys.check(&given.id_token, &expected) {
            Err(wrong @ (TokenError::Key | TokenError::Signature)) => {
                let keys = self.keys_again(now_ms).await?.ok_or(wrong)?;
                Ok(keys.check(&given.id_token, &expected)?)
            }
            other => Ok(other?),
        }
    }
}
