//! The network below the node: TCP, or what a simulation puts in its place.

use async_trait::async_trait;
use futures::Stream;
use futures::stream::unfold;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tonic::transport::server::Connected;

/// How long to wait after a listener itself failed (say, no file descriptors are left).
pub const PAUSE: Duration = Duration::from_millis(100);

/// A connection that is not a TCP connection.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// An open connection.
pub enum Line {
    /// A real one.
    Tcp(TcpStream),
    /// One of another network.
    Other(Box<dyn Io>),
}

impl Line {
    /// The TCP connection, where it is a real one.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Line::Tcp(stream) => Some(stream),
            Line::Other(_) => None,
        }
    }

    fn io(self: Pin<&mut Self>) -> Pin<&mut dyn Io> {
        match self.get_mut() {
            Line::Tcp(stream) => Pin::new(stream),
            Line::Other(io) => Pin::new(io.as_mut()),
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Connected for Line {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.io().poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Line::Tcp(stream) => stream.is_write_vectored(),
            Line::Other(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}

/// An address that is listened on.
#[async_trait]
pub trait Listening: Send {
    /// The address, with the port that was given where none was asked for.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The next connection, and whose it is. May be dropped half-way without losing one.
    async fn accept(&mut self) -> io::Result<(Line, SocketAddr)>;
}

#[async_trait]
impl Listening for TcpListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }

    async fn accept(&mut self) -> io::Result<(Line, SocketAddr)> {
        let (stream, remote) = TcpListener::accept(self).await?;
        // Who is gone already is noticed at the first byte.
        let _ = stream.set_nodelay(true);
        Ok((Line::Tcp(stream), remote))
    }
}

/// See [`Listening`].
pub struct Socket(Box<dyn Listening>);

impl Socket {
    /// An address of some network.
    pub fn new(listening: impl Listening + 'static) -> Socket {
        Socket(Box::new(listening))
    }

    /// See [`Listening::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// See [`Listening::accept`].
    pub async fn accept(&mut self) -> io::Result<(Line, SocketAddr)> {
        self.0.accept().await
    }
}

impl From<TcpListener> for Socket {
    fn from(listener: TcpListener) -> Socket {
        Socket::new(listener)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}

/// The connections of a socket, for as long as anybody asks for them.
pub fn lines(socket: Socket) -> impl Stream<Item = io::Result<Line>> + Send + 'static {
    unfold(socket, |mut socket| async move {
        loop {
            match socket.accept().await {
                Ok((line, _)) => return Some((Ok(line), socket)),
                Err(error) => {
                    tracing::warn!(%error, "a listener failed");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    })
}

/// The network.
#[async_trait]
pub trait Net: Send + Sync {
    /// Addresses of a name.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// A connection to an address, and the address that answered.
    async fn connect(&self, to: SocketAddr) -> io::Result<(Line, SocketAddr)>;

    /// Listens on an address.
    async fn bind(&self, at: SocketAddr) -> io::Result<Socket>;
}

/// The network of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Tcp;

#[async_trait]
impl Net for Tcp {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<(Line, SocketAddr)> {
        let stream = TcpStream::connect(to).await?;
        let remote = stream.peer_addr()?;
        stream.set_nodelay(true)?;
        Ok((Line::Tcp(stream), remote))
    }

    async fn bind(&self, at: SocketAddr) -> io::Result<Socket> {
        Ok(TcpListener::bind(at).await?.into())
    }
}
