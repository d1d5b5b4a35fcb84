//! The listeners' stacks. Each is written in one function that reads outside-in; tonic's defaults
//! are not safe on an open port, so every limit is set.

use crate::config::Limits;
use crate::wire_limits as limits;
use std::time::Duration;
use tonic::transport::Server;
use tower::ServiceBuilder;
use tower::layer::util::Stack;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;

/// Resets that a peer may have pending before its connection is closed (CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 20;

/// Streams reset for errors of the peer's before its connection is closed.
const ERROR_RESETS_MAX: usize = 64;

/// Layers of a listener, the outermost last in the type.
pub type Layers = Stack<
    TimeoutLayer,
    Stack<GlobalConcurrencyLimitLayer, Stack<LoadShedLayer, tower::layer::util::Identity>>,
>;

/// The stack of a listener, outside-in: connection age, keep-alive, HTTP/2 limits; then what is too
/// much is shed, what is taken is bounded in number, and bounded in time.
///
/// Time bounds the beginning of a reply: `Deliver` and `Fetch` bound each of their own steps.
pub fn listener(set: &Limits) -> Server<Stack<Layers, tower::layer::util::Identity>> {
    let layers = ServiceBuilder::new()
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(set.requests_max as usize))
        .timeout(set.request_max())
        .into_inner();
    Server::builder()
        .max_connection_age(set.connection_age_max())
        .http2_keepalive_interval(Some(set.keep_alive()))
        .http2_keepalive_timeout(Some(set.keep_alive_answer_max()))
        .max_concurrent_streams(u32::try_from(set.streams_max).unwrap_or(u32::MAX))
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(ERROR_RESETS_MAX))
        .http2_max_header_list_size(limits::HEADER_BYTES_MAX)
        .max_frame_size(limits::FRAME_BYTES_MAX)
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .http2_adaptive_window(Some(false))
        .accept_http1(false)
        .layer(layers)
}

/// What a stop waits for the streams under way.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);
