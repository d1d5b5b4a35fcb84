//! The way to the provider that says who logs in to the console: one request over a connection of
//! its own, by TLS with the public roots or those of a file. No redirect is followed.

use crate::ambient::SystemClock;
use async_trait::async_trait;
use jieli_gateway::console::world::{Web, WebAsk};
use jieli_node::webhook::Line;
use jieli_node::world::Clock as _;
use std::sync::Arc;
use std::time::Duration;

/// For one request, its answer included.
const TIME_MAX: Duration = Duration::from_secs(10);
/// The longest answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct RealWeb {
    /// Certificates in PEM.
    pub(crate) ca: Option<Vec<u8>>,
}

#[async_trait]
impl Web for RealWeb {
    async fn ask(&self, ask: WebAsk) -> Result<(u16, Vec<u8>), String> {
        let clock = Arc::new(|| SystemClock.now_unix_ms());
        let line = Line::new(&ask.url, self.ca.as_deref(), clock, TIME_MAX);
        let line = line.map_err(|error| error.to_string())?;
        let answer = line.ask(ask.form, ask.basic, ANSWER_BYTES_MAX).await;
        answer.map_err(|error| error.to_string())
    }
}
