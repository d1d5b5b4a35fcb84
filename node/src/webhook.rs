//! Notices posted to a carrier: one signed JSON object each (Standard Webhooks), under the notice's
//! own id, so that a post repeated after a lost answer sends no second message to anybody.
//!
//! A 2xx answer means taken over; a configured 4xx means that the number does not work; anything
//! else, a redirect among it, means later. Redirects are never followed: they would carry numbers
//! and codes to where nobody configured them to go.

mod post;
mod sign;

pub use post::{Line, PostError};
pub use sign::{HEADERS, SharedSecret, SignError};

use crate::config::Config;
use crate::disk::{self, DiskError};
use crate::world::{Clock, Notice, NoticeResult, Notices, Params};
use async_trait::async_trait;
use jieli_proto::number::MobileNumber;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const SECRET_BYTES_MAX: u64 = 1024;
const CA_BYTES_MAX: u64 = 256 * 1024;

/// Why the webhook cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// A file could not be read, or others may read the secret.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// No file with the secret is named.
    #[error("notices.secret_file must name the file with the secret that signs")]
    NoSecret,
    /// The file holds no secret.
    #[error("{path}: {error}", path = .path.display())]
    Secret {
        /// File.
        path: PathBuf,
        /// What is wrong.
        error: SignError,
    },
    /// The address or the certificates cannot be used.
    #[error("notices.url or notices.ca_file: {0}")]
    Post(#[from] PostError),
}

/// The secret that the settings name.
pub fn secret(config: &Config) -> Result<SharedSecret, WebhookError> {
    let path = config.notices.secret_file.as_ref().ok_or(WebhookError::NoSecret)?;
    let path = config.dir.join(path);
    let bytes = zeroize::Zeroizing::new(disk::read_private(&path, SECRET_BYTES_MAX)?);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    SharedSecret::parse(text).map_err(|error| WebhookError::Secret { path, error })
}

/// The webhook back end of [`Notices`].
pub struct Webhook {
    line: Line,
    secret: SharedSecret,
    clock: Arc<dyn Clock>,
    templates: BTreeMap<String, String>,
    undeliverable: Vec<u16>,
}

/// What the carrier gets. With a template there is no text: the carrier has it.
#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    to: &'a str,
    template: &'a str,
    params: &'a Params,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl Webhook {
    /// Reads secret and certificates; opens no connection yet.
    pub fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Webhook, WebhookError> {
        let set = &config.notices;
        let ca = set.ca_file.as_ref().map(|file| disk::read(&config.dir.join(file), CA_BYTES_MAX));
        let time = Arc::clone(&clock);
        let line = Line::new(
            &set.url,
            ca.transpose()?.as_deref(),
            Arc::new(move || time.now_unix_ms()),
            Duration::from_secs(set.timeout_s),
        )?;
        Ok(Webhook {
            line,
            secret: secret(config)?,
            clock,
            templates: set.templates.clone(),
            undeliverable: set.undeliverable_status.clone(),
        })
    }

    fn body(&self, notice: &Notice, to: &str) -> Vec<u8> {
        let code = self.templates.get(&notice.template);
        let body = Body {
            id: &notice.id,
            to,
            template: code.map_or(&notice.template, String::as_str),
            params: &notice.params,
            text: code.is_none().then_some(notice.text.as_str()),
        };
        // Strings alone: this cannot fail.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

#[async_trait]
impl Notices for Webhook {
    async fn send(&self, notice: Notice) -> NoticeResult {
        let Ok(to) = MobileNumber::parse(&notice.to) else { return NoticeResult::Undeliverable };
        let body = self.body(&notice, to.as_str());
        let seconds = self.clock.now_unix_ms() / 1000;
        let headers = self.secret.headers(&notice.id, seconds, &body);
        match self.line.post(headers, body).await {
            Ok(status) if (200..300).contains(&status) => NoticeResult::Sent,
            Ok(status) if self.undeliverable.contains(&status) => NoticeResult::Undeliverable,
            Ok(status) => {
                tracing::warn!(notice = notice.id, status, "the carrier did not take a notice");
                NoticeResult::Later
            }
            Err(error) => {
                tracing::warn!(notice = notice.id, %error, "the carrier was not reached");
                NoticeResult::Later
            }
        }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhook")
    }
}
