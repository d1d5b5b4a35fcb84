//! Table `notices`: how notices leave, and how reports of them come back.

use super::address::url_problem;
use crate::notice::TEMPLATES;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

const IN_THE_CLEAR: &str = "must begin with https: telephone numbers and codes do not travel in the \
                            clear; plain http is for 127.0.0.1 and [::1] alone";

/// Table `notices`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notices {
    /// What stands behind the way to persons. Default: the file.
    pub backend: Backend,
    /// The file that stands for the phones. Default `notices.jsonl`.
    pub file: PathBuf,
    /// Minutes of daytime over which notices are spread at random, so that nobody can wait beside
    /// the phones of many at once. 0: at once, whatever the hour; for trials alone. Default 120.
    pub spread_minutes: u64,
    /// Where the webhook posts, https; plain http on this machine alone. Default: none.
    pub url: String,
    /// A file of mode 0600 with the shared secret, `whsec_` and base64. Default: none.
    pub secret_file: Option<PathBuf>,
    /// Certificates (PEM) that the carrier's is checked against; else the public roots.
    pub ca_file: Option<PathBuf>,
    /// Seconds for one post, the answer included. Default 10.
    pub timeout_s: u64,
    /// HTTP answers from 400 to 499 that mean "this number does not work". Default 410 and 422.
    pub undeliverable_status: Vec<u16>,
    /// The carrier's code of each of our templates. Empty (default): the whole text is sent.
    pub templates: BTreeMap<String, String>,
    /// Where delivery reports are taken, plain HTTP with signed bodies. Default: none.
    pub report_listen: Option<SocketAddr>,
}

/// Key `backend` of table `notices`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A file that stands for the phones.
    #[default]
    File,
    /// HTTP posts to a carrier.
    Webhook,
}

impl Default for Notices {
    fn default() -> Notices {
        Notices {
            backend: Backend::File,
            file: PathBuf::from("notices.jsonl"),
            spread_minutes: 120,
            url: String::new(),
            secret_file: None,
            ca_file: None,
            timeout_s: 10,
            undeliverable_status: vec![410, 422],
            templates: BTreeMap::new(),
            report_listen: None,
        }
    }
}

impl Notices {
    /// The first key that cannot stand, and what to do.
    pub(super) fn problem(&self) -> Option<(String, String)> {
        let says = |key: &str, what: &str| Some((format!("notices.{key}"), what.to_owned()));
        if self.file.as_os_str().is_empty() {
            return says("file", "must name a file");
        }
        if self.spread_minutes > 660 {
            return says("spread_minutes", "must be from 0 to 660, the minutes of a day's daytime");
        }
        if !(1..=60).contains(&self.timeout_s) {
            return says("timeout_s", "must be from 1 to 60");
        }
        if self.undeliverable_status.iter().any(|status| !(400..500).contains(status)) {
            return says("undeliverable_status", "must hold numbers from 400 to 499");
        }
        if let Some(unknown) = self.templates.keys().find(|id| !TEMPLATES.contains(&id.as_str())) {
            return says("templates", &format!("has no use for {unknown}: remove it"));
        }
        let missing = TEMPLATES.into_iter().find(|id| !self.templates.contains_key(*id));
        if let Some(id) = missing.filter(|_| !self.templates.is_empty()) {
            return says("templates", &format!("lacks {id}: name the carrier's code for it"));
        }
        if self.secret_file.is_none()
            && (self.backend == Backend::Webhook || self.report_listen.is_some())
        {
            return says("secret_file", "must name the file with the secret that signs");
        }
        if self.url.is_empty() && self.backend == Backend::File {
            return None;
        }
        match url_problem(&self.url, IN_THE_CLEAR) {
            Some(what) => says("url", what),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        let notices: Notices = toml::from_str(text).unwrap();
        notices.problem().map_or(String::new(), |(key, what)| format!("{key} {what}"))
    }

    #[test]
    fn codes_never_travel_in_the_clear() {
        let with = |url: &str| {
            problem(&format!("backend = \"webhook\"\nsecret_file = \"s\"\nurl = \"{url}\""))
        };
        for good in ["https://sms.example.cn/v1", "http://127.0.0.1:8080/x", "http://[::1]:1/"] {
            assert_eq!(with(good), "", "{good}");
        }
        for bad in [
            "http://sms.example.cn/v1",
            "http://localhost/",
            "http://127.0.0.1.example.cn/",
            "http://10.0.0.1/",
            "https://user:word@sms.example.cn/",
            "ftp://127.0.0.1/",
            "/v1",
            "",
        ] {
            assert!(with(bad).starts_with("notices.url"), "{bad}: {}", with(bad));
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(problem(""), "");
        let webhook = "backend = \"webhook\"\nurl = \"https://a.cn/\"\n";
        assert!(problem(webhook).starts_with("notices.secret_file"));
        assert!(problem("report_listen = \"127.0.0.1:1\"").starts_with("notices.secret_file"));
        assert!(problem("undeliverable_status = [500]").contains("400 to 499"));
        assert!(problem("[templates]\n\"consent.ask.v1\" = \"A\"").contains("lacks"));
        assert!(problem("[templates]\n\"love.letter.v1\" = \"A\"").contains("love.letter.v1"));
        assert!(problem("spread_minutes = 661").contains("spread_minutes"));
    }
}
