//! One HTTP request over a connection of its own: TLS by rustls with ring, bounded in time and size.

use crate::tls::{ClockMs, TlsClock, provider};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::request::Builder;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, version};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Bytes of the answer to a post that are read; nothing in it is used.
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
    /// The answer is longer than what asks can use.
    #[error("the answer is too long, or broke off")]
    TooLong,
    /// Nothing came in time.
    #[error("no answer in time")]
    TimedOut,
}

/// The way to one address.
pub struct Line {
    url: Uri,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    time_max: Duration,
}

impl Line {
    /// To an address of `http` or `https`, whose certificate is checked against these, or against
    /// the public roots.
    pub fn new(
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
        let mut request = self.request(Method::POST).header(CONTENT_TYPE, "application/json");
        for (name, value) in super::HEADERS.into_iter().zip(headers) {
            request = request.header(name, value);
        }
        Ok(self.send(request, body, ANSWER_BYTES_MAX).await?.0)
    }

    /// A GET, or a POST where there is a form, with name and secret in base64 where they are
    /// needed; tells the status and the answer's body.
    pub async fn ask(
        &self,
        form: Option<String>,
        basic: Option<String>,
        bytes_max: usize,
    ) -> Result<(u16, Vec<u8>), PostError> {
        let method = if form.is_some() { Method::POST } else { Method::GET };
        let mut request = self.request(method).header(ACCEPT, "application/json");
        if form.is_some() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(basic) = basic {
            request = request.header(AUTHORIZATION, format!("Basic {basic}"));
        }
        let body = form.unwrap_or_default().into_bytes();
        let (status, body) = self.send(request, body, bytes_max).await?;
        Ok((status, body.ok_or(PostError::TooLong)?))
    }

    async fn send(
        &self,
        request: Builder,
        body: Vec<u8>,
        bytes_max: usize,
    ) -> Result<(u16, Option<Vec<u8>>), PostError> {
        let request = request.body(Full::new(Bytes::from(body))).map_err(|_| PostError::Url)?;
        let whole = tokio::time::timeout(self.time_max, self.exchange(request, bytes_max)).await;
        whole.map_err(|_| PostError::TimedOut)?
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        bytes_max: usize,
    ) -> Result<(u16, Option<Vec<u8>>), PostError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            Some((connector, name)) => {
                talk(connector.connect(name.clone(), stream).await?, request, bytes_max).await
            }
            None => talk(stream, request, bytes_max).await,
        }
    }

    fn request(&self, method: Method) -> Builder {
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.url.authority().map_or("", |authority| authority.as_str());
        let request = Request::builder().method(method).uri(path);
        request.header(HOST, authority).header(USER_AGENT, "jieli")
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({})", self.host)
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

async fn talk<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
) -> Result<(u16, Option<Vec<u8>>), PostError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let asked = async move {
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        // Read to its end, so that the other side is not cut off in the middle of its answer.
        let body = Limited::new(answer.into_body(), bytes_max).collect().await;
        Ok((status, body.ok().map(|body| body.to_bytes().to_vec())))
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
