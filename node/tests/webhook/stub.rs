//! A carrier that answers as it is told and keeps what it was posted.

use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jieli_node::webhook::HEADERS;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

/// One post as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Posted {
    pub(crate) fn signed(&self) -> [&str; 3] {
        HEADERS.map(|name| self.headers[name].to_str().unwrap())
    }
}

/// What the carrier says.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    Status(u16),
    /// Go elsewhere.
    Redirect(String),
    /// Nothing, for ever.
    Nothing,
}

pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    /// PEM of the certificate it shows.
    pub(crate) certificate: String,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Stub {
    pub(crate) async fn plain(says: Says) -> Stub {
        Stub::start(says, false).await
    }

    pub(crate) async fn tls(says: Says) -> Stub {
        Stub::start(says, true).await
    }

    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.posted.lock().unwrap().clone()
    }

    async fn start(says: Says, is_tls: bool) -> Stub {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let posted: Arc<Mutex<Vec<Posted>>> = Arc::default();
        let kept = Arc::clone(&posted);
        let (acceptor, certificate) = acceptor();
        let tasks = TaskTracker::new();
        tasks.clone().spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let (says, kept) = (says.clone(), Arc::clone(&kept));
                let acceptor = is_tls.then(|| acceptor.clone());
                tasks.spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            serve(stream, says, kept).await;
                        }
                        None => serve(stream, says, kept).await,
                    }
                });
            }
        });
        Stub { address, certificate, posted }
    }
}

async fn serve<S>(stream: S, says: Says, kept: Arc<Mutex<Vec<Posted>>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (says, kept) = (says.clone(), Arc::clone(&kept));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes().to_vec();
            let path = head.uri.path().to_owned();
            kept.lock().unwrap().push(Posted {
                method: head.method,
                path,
                headers: head.headers,
                body,
            });
            let mut answer = Response::builder();
            answer = match says {
                Says::Status(status) => answer.status(status),
                Says::Redirect(to) => answer.status(307).header("location", to),
                Says::Nothing => std::future::pending().await,
            };
            Ok::<_, Infallible>(answer.body(Full::new(Bytes::from_static(b"{}"))).unwrap())
        }
    });
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn acceptor() -> (TlsAcceptor, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), certificate.pem())
}
