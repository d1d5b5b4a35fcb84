//! Logging in by the provider that the configuration names.

use super::account::let_in;
use crate::console::accounts::Account;
use crate::console::desks::Said;
use crate::console::frame::{Answer, Failed};
use crate::console::oidc::{OidcError, Provider};
use crate::console::stack::nowhere;
use crate::console::visitor::Visitor;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use std::collections::BTreeMap;

/// How a provider says that somebody has proved it by more than one thing (RFC 8176).
const SEVERAL: &str = "mfa";

impl Visitor {
    fn provider(&self) -> Option<&Provider> {
        self.console.provider.as_ref()
    }

    fn unknown(&self, error: &OidcError) -> Failed {
        tracing::warn!("console: log-in by the provider: {error}");
        let (status, key) = match error {
            OidcError::Provider(_) => (StatusCode::BAD_GATEWAY, "signon.away"),
            OidcError::State => (StatusCode::BAD_REQUEST, "signon.state"),
            OidcError::Refused(_) | OidcError::Token(_) => {
                (StatusCode::FORBIDDEN, "signon.refused")
            }
        };
        self.failed(Said::own(status, "OIDC", key))
    }
}

/// Sends the browser to the provider.
pub(crate) async fn begin(visitor: Visitor) -> Answer {
    let Some(provider) = visitor.provider() else { return Ok(nowhere().await) };
    let entropy = &*visitor.console.outside.entropy;
    let begun = provider.begin((&visitor.key, visitor.address), entropy, visitor.now_ms()).await;
    let to = begun.map_err(|error| visitor.unknown(&error))?;
    Ok(Redirect::to(&to).into_response())
}

/// Why an account that somebody was found to have is not opened.
fn closed(visitor: &Visitor, account: &Account, means: &[String]) -> Option<&'static str> {
    let needs_more = visitor.console.config.accounts.second_factor || account.totp.is_some();
    if account.disabled {
        Some("signon.nobody")
    } else if account.locked_until_ms > visitor.now_ms() {
        Some("login.locked")
    } else if account.one_time {
        Some("signon.first")
    } else if needs_more && !means.iter().any(|one| one == SEVERAL) {
        Some("signon.factor")
    } else {
        None
    }
}

/// Says why, and writes it down.
async fn refused(visitor: &Visitor, account: &str, key: &str) -> Answer {
    visitor.note(account, "refused", "").await?;
    Err(visitor.failed(Said::own(StatusCode::FORBIDDEN, "OIDC", key)))
}

/// The browser comes back from the provider.
pub(crate) async fn back(visitor: Visitor, query: Query<BTreeMap<String, String>>) -> Answer {
    let Some(provider) = visitor.provider() else { return Ok(nowhere().await) };
    let now = visitor.now_ms();
    let tries = &visitor.console.limits.tries;
    if tries.is_full(&visitor.address, now as u64) {
        return Err(visitor.failed(Said::own(
            StatusCode::TOO_MANY_REQUESTS,
            "LOCKED",
            "login.locked",
        )));
    }
    let claimed = match provider.finish(&query, &visitor.key, now).await {
        Ok(claimed) => claimed,
        Err(error) => {
            tries.allows(visitor.address, now as u64);
            return Err(visitor.unknown(&error));
        }
    };
    let account = match provider.account(&claimed.subject) {
        Some(name) => visitor.console.accounts.named(name).await.map_err(visitor.broken())?,
        None => None,
    };
    let Some(account) = account else {
        tries.allows(visitor.address, now as u64);
        return refused(&visitor, "?", "signon.nobody").await;
    };
    match closed(&visitor, &account, &claimed.means) {
        Some(key) => refused(&visitor, &account.name, key).await,
        None => let_in(&visitor, &account, "provider").await,
    }
}
