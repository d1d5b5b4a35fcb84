//! The carrier's door: signed reports of what became of notices, `{"id","status"}`, and nothing else.
//! Who has no secret gets one answer, whatever was sent; an id that is not known gets the same
//! answer as one that is.

use super::pace::Pace;
use crate::command::Command;
use crate::webhook::{HEADERS, SharedSecret};
use crate::world::World;
use crate::writer::Hand;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jieli_proto::id::CityId;
use serde::Deserialize;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest report, in bytes.
const REPORT_BYTES_MAX: usize = 4 * 1024;
/// Reports that are taken in a second, and that may wait for their turn.
const REPORTS_PER_S: u64 = 50;
const WAITING_MAX: usize = 64;
/// Connections at once.
const CONNECTIONS_MAX: usize = 32;
/// A connection's whole time, and the part of it for the headers.
const CONNECTION_MAX: Duration = Duration::from_secs(30);
const HEADERS_MAX: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Report {
    /// Of the notice, as it was posted.
    id: String,
    status: Became,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Became {
    Delivered,
    Undeliverable,
}

/// The door over the writer.
#[derive(Clone)]
pub(crate) struct ReportDoor {
    hand: Hand,
    world: World,
    secret: Arc<SharedSecret>,
    pace: Pace,
    city: CityId,
}

impl ReportDoor {
    pub(crate) fn new(hand: Hand, world: World, secret: SharedSecret) -> ReportDoor {
        let city = hand.published().directory.city.clone();
        let pace = Pace::new(world.clone(), REPORTS_PER_S, WAITING_MAX);
        ReportDoor { hand, world, secret: Arc::new(secret), pace, city }
    }

    /// Serves until it is told to stop.
    pub(crate) async fn serve(
        self,
        socket: TcpListener,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = socket.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a report's connection was not accepted");
                    self.world.sleep.sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (door, stop) = (self.clone(), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    _ = tokio::time::timeout(CONNECTION_MAX, door.connection(stream)) => {}
                }
                drop(place);
            });
        }
    }

    async fn connection(self, stream: TcpStream) {
        let service = service_fn(move |request| {
            let door = self.clone();
            async move { Ok::<_, Infallible>(door.answer(request).await) }
        });
        let mut server = hyper::server::conn::http1::Builder::new();
        let server = server.timer(TokioTimer::new()).header_read_timeout(HEADERS_MAX);
        if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(%error, "a report's connection ended");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Empty<Bytes>> {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = self.take(request).await;
        response
    }

    async fn take(&self, request: Request<Incoming>) -> StatusCode {
        if request.method() != Method::POST {
            return StatusCode::METHOD_NOT_ALLOWED;
        }
        if !self.pace.pass(&self.city).await {
            return StatusCode::TOO_MANY_REQUESTS;
        }
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, REPORT_BYTES_MAX).collect().await else {
            return StatusCode::PAYLOAD_TOO_LARGE;
        };
        let body = body.to_bytes();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let values = HEADERS.map(|name| header(name).unwrap_or_default());
        let now_s = self.world.clock.now_unix_ms() / 1000;
        if let Err(error) = self.secret.verify(values, &body, now_s) {
            tracing::warn!(%error, "a delivery report was not believed");
            return StatusCode::UNAUTHORIZED;
        }
        let Ok(report) = serde_json::from_slice::<Report>(&body) else {
            return StatusCode::BAD_REQUEST;
        };
        // One of another system of the carrier's is none of ours.
        let mut id = [0; 16];
        if hex::decode_to_slice(&report.id, &mut id).is_err() {
            return StatusCode::NO_CONTENT;
        }
        let delivered = matches!(report.status, Became::Delivered);
        match self.hand.perform(Command::NoticeReported(id, delivered)).await {
            Ok(_) => StatusCode::NO_CONTENT,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Debug for ReportDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReportDoor")
    }
}
