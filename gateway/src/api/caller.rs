//! Who calls: a system of an office, by its token.

use super::problem::{Problem, Wrong};
use super::{ApiError, Config, Shared};
use crate::console::desks::{Bearer, DesksError, REPLY_BYTES_MAX, bearer};
use crate::console::words::Lang;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use jieli_proto::wire::systems_client::SystemsClient;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

/// The node, as one system may use it.
pub(super) type Node = SystemsClient<InterceptedService<Channel, Bearer>>;

/// The systems that may call, each with the digest of its token.
pub(super) struct Systems(Vec<(Vec<u8>, String, Node)>);

impl Systems {
    pub(super) fn open(config: &Config, node: &Channel) -> Result<Systems, ApiError> {
        let mut all: Vec<(Vec<u8>, String, Node)> = Vec::new();
        for system in &config.system {
            let path = config.dir.join(&system.file);
            let bearer = bearer(&path)?;
            let text = std::fs::read_to_string(&path)
                .map_err(|error| DesksError::Token(path.clone(), error.to_string()))?;
            let token = digest(&SHA256, text.trim().as_bytes()).as_ref().to_vec();
            if all.iter().any(|(other, _, _)| *other == token) {
                return Err(ApiError::Twice(path));
            }
            let client = SystemsClient::with_interceptor(node.clone(), bearer)
                .max_decoding_message_size(REPLY_BYTES_MAX);
            all.push((token, system.name.clone(), client));
        }
        Ok(Systems(all))
    }

    /// Which system shows a token. The time taken tells nothing.
    fn which(&self, shown: &str) -> Option<usize> {
        let shown = digest(&SHA256, shown.as_bytes());
        let mut found = None;
        for (at, (token, _, _)) in self.0.iter().enumerate() {
            if bool::from(token.as_slice().ct_eq(shown.as_ref())) {
                found = Some(at);
            }
        }
        found
    }
}

/// Who made a request, and in which language it wants to be told.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) lang: Lang,
    pub(super) node: Node,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Wrong;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Caller, Wrong> {
        let lang = language(&parts.headers);
        let shown = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = shown.and_then(|text| text.strip_prefix("Bearer ")).map(str::trim);
        let found = token.and_then(|token| api.systems.which(token));
        let Some(at) = found else { return Err(Wrong::own(Problem::NoToken, lang)) };
        if !api.requests.allows(at, api.clock.now_unix_ms()) {
            return Err(Wrong::own(Problem::TooMany, lang));
        }
        let (_, name, node) = &api.systems.0[at];
        Ok(Caller { name: name.clone(), lang, node: node.clone() })
    }
}

/// The language that a caller wants most; Chinese where it says nothing.
pub(super) fn language(headers: &HeaderMap) -> Lang {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let mut best = (Lang::Zh, 0.0_f32);
    for one in wanted.unwrap_or_default().split(',') {
        let (name, rest) = one.trim().split_once(';').unwrap_or((one.trim(), ""));
        let weight = rest.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(1.0);
        let lang = match name.get(..2).unwrap_or_default().to_ascii_lowercase().as_str() {
            "zh" => Lang::Zh,
            "en" => Lang::En,
            _ => continue,
        };
        if weight > best.1 {
            best = (lang, weight);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_that_is_wanted_most() {
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, text.parse().unwrap());
            language(&headers)
        };
        assert_eq!(language(&HeaderMap::new()), Lang::Zh);
        assert_eq!(asked("en"), Lang::En);
        assert_eq!(asked("en-GB, zh;q=0.5"), Lang::En);
        assert_eq!(asked("en;q=0.4, zh-CN;q=0.9"), Lang::Zh);
        assert_eq!(asked("fr, de"), Lang::Zh);
        assert_eq!(asked(";;q=,é"), Lang::Zh);
    }
}
