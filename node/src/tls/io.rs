//! An authenticated connection.

use super::connections::Entry;
use super::verify::fingerprint_of;
use super::{CloseHandle, Connections, Direction, Pins, Refused};
use crate::net::Line;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

/// Who is on the other end. In a gRPC service it stands in the request's extensions.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Id of the accepted peer whose pinned key was shown.
    pub city: String,
    /// SHA-256 of that key's DER SubjectPublicKeyInfo.
    pub tls_fpr: [u8; 32],
    /// The other end's address.
    pub remote: SocketAddr,
    /// Closes this connection.
    pub connection: CloseHandle,
}

/// A TLS connection with an accepted peer. It stands in [`Connections`] until it is dropped; once
/// closed there, every read and write fails with `ConnectionAborted`.
pub struct PeerIo {
    stream: TlsStream<Line>,
    info: PeerInfo,
    // One each, because reader and writer may be different tasks.
    closed_read: Pin<Box<WaitForCancellationFutureOwned>>,
    closed_write: Pin<Box<WaitForCancellationFutureOwned>>,
    _entry: Entry,
}

impl PeerIo {
    /// Enters a connection whose handshake has ended, and then asks the pins again.
    pub(crate) fn enter(
        stream: TlsStream<Line>,
        remote: SocketAddr,
        direction: Direction,
        limit: usize,
        connections: &Connections,
        pins: &dyn Pins,
    ) -> Result<PeerIo, Refused> {
        let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let certificate = certificates.first().ok_or(Refused::NoCertificate)?;
        let tls_fpr = fingerprint_of(certificate).ok_or(Refused::BadCertificate)?;
        let city = pins.city_of(&tls_fpr).ok_or(Refused::UnknownKey)?;
        let entry = connections.enter(&city, tls_fpr, direction, limit)?;
        if pins.city_of(&tls_fpr).as_ref() != Some(&city) {
            return Err(Refused::UnknownKey);
        }
        let closed = || Box::pin(entry.handle.0.clone().cancelled_owned());
        let connection = entry.handle.clone();
        Ok(PeerIo {
            stream,
            info: PeerInfo { city, tls_fpr, remote, connection },
            closed_read: closed(),
            closed_write: closed(),
            _entry: entry,
        })
    }

    /// Who is on the other end.
    pub fn info(&self) -> &PeerInfo {
        &self.info
    }

    /// The TCP connection below, where it is a real one.
    pub fn tcp(&self) -> Option<&TcpStream> {
        self.stream.get_ref().0.tcp()
    }
}

impl Connected for PeerIo {
    type ConnectInfo = PeerInfo;

    fn connect_info(&self) -> PeerInfo {
        self.info.clone()
    }
}

impl AsyncRead for PeerIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        fail_if_closed(&mut self.closed_read, cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for PeerIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        fail_if_closed(&mut self.closed_write, cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        fail_if_closed(&mut self.closed_write, cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        fail_if_closed(&mut self.closed_write, cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        fail_if_closed(&mut self.closed_write, cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Registers to be woken when the connection is closed, and fails once it is. The future asks its
/// token first, so it may be polled again after it was ready.
fn fail_if_closed(
    closed: &mut Pin<Box<WaitForCancellationFutureOwned>>,
    cx: &mut Context<'_>,
) -> io::Result<()> {
    match closed.as_mut().poll(cx) {
        Poll::Pending => Ok(()),
        Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "closed by us")),
    }
}
