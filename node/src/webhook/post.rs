//! One HTTP post over a connection of its own: TLS by rustls with ring, bounded in time and size.

use crate::tls::{ClockMs, TlsClock, provider};
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, version};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Bytes of an answer that are read; nothing in it is used.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Why nothing was posted. Names the address, never what was posted.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The address is none.
    #[error("not an address to post to")]
    Url,
    /// No certificate is in the file.
    #[error("no certificate to check the carrier's against")]
    Roots,
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The other side does not speak HTTP.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// Nothing came in time.
    #[error("no answer in time")]
    TimedOut,
}

/// The way to one address.
pub(crate) struct Line {
    url: Uri,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    time_max: Duration,
}

impl Line {
    /// To an address of `http` or `https`, whose certificate is checked against these, or against
    /// the public roots.
    pub(crate) fn new(
        url: &str,
        ca_pem: Option<&[u8]>,
        clock: ClockMs,
        time_max: Duration,
    ) -> Result<Line, PostError> {
        let url: Uri = url.parse().map_err(|_| PostError::Url)?;
        let host = url.host().ok_or(PostError::Url)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_tls = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tls = if is_tls {
            let name = ServerName::try_from(host.clone()).map_err(|_| PostError::Url)?;
            Some((TlsConnector::from(Arc::new(tls_config(ca_pem, clock)?)), name))
        } else {
            None
        };
        Ok(Line { url, host, port, tls, time_max })
    }

    /// Posts and tells the HTTP status.
    pub(crate) async fn post(&self, headers: [String; 3], body: Vec<u8>) -> Result<u16, PostError> {
        let whole = tokio::time::timeout(self.time_max, self.exchange(headers, body)).await;
        whole.map_err(|_| PostError::TimedOut)?
    }

    async fn exchange(&self, headers: [String; 3], body: Vec<u8>) -> Result<u16, PostError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let request = self.request(headers, body)?;
        match &self.tls {
            Some((connector, name)) => {
                talk(connector.connect(name.clone(), stream).await?, request).await
            }
            None => talk(stream, request).await,
        }
    }

    fn request(
        &self,
        headers: [String; 3],
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, PostError> {
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.url.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::post(path)
            .header(HOST, authority)
            .header(USER_AGENT, "jieli")
            .header(CONTENT_TYPE, "application/json");
        for (name, value) in super::HEADERS.into_iter().zip(headers) {
            request = request.header(name, value);
        }
        request.body(Full::new(Bytes::from(body))).map_err(|_| PostError::Url)
    }
}

fn tls_config(ca_pem: Option<&[u8]>, clock: ClockMs) -> Result<ClientConfig, PostError> {
    let mut roots = RootCertStore::empty();
    match ca_pem {
        Some(pem) => {
            for found in CertificateDer::pem_slice_iter(pem) {
                roots.add(found.map_err(|_| PostError::Roots)?)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    if roots.is_empty() {
        return Err(PostError::Roots);
    }
    let mut config = ClientConfig::builder_with_details(provider(), Arc::new(TlsClock(clock)))
        .with_protocol_versions(&[&version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

async fn talk<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, PostError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let asked = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        // Read to its end, so that the other side is not cut off in the middle of its answer.
        let _ = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok(status)
    };
    drive(connection, asked).await
}

/// Drives the connection for as long as the exchange on it lasts.
async fn drive<T>(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    asked: impl Future<Output = Result<T, PostError>>,
) -> Result<T, PostError> {
    tokio::pin!(connection);
    tokio::pin!(asked);
    let mut over = false;
    loop {
        tokio::select! {
            biased;
            done = &mut asked => return done,
            ended = &mut connection, if !over => {
                over = true;
                // The exchange tells why itself, where there is anything to tell.
                if let Err(error) = ended {
                    tracing::debug!(%error, "the carrier's connection ended");
                }
            }
        }
    }
}
