//! A gate for bytes, in front of servers that do not speak HTTP: Redis behind TLS, PostgreSQL.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::authority::Authority;
use super::port::Port;
use super::server::ANY_PORT;

/// A running gate; clones are handles to it, and it goes away with the last of them.
#[derive(Clone)]
pub struct TcpGate {
    port: Port,
    held: Arc<watch::Sender<bool>>,
}

impl TcpGate {
    /// Ends TLS with a certificate of the authority, and passes plain bytes on.
    pub async fn tls(authority: &Authority, upstream: SocketAddr) -> anyhow::Result<Self> {
        Self::open(Some(authority.acceptor()?), upstream).await
    }

    /// Passes bytes on as they come.
    pub async fn plain(upstream: SocketAddr) -> anyhow::Result<Self> {
        Self::open(None, upstream).await
    }

    async fn open(acceptor: Option<TlsAcceptor>, upstream: SocketAddr) -> anyhow::Result<Self> {
        let held = Arc::new(watch::Sender::new(false));
        let watched = Arc::clone(&held);
        let port = Port::open(ANY_PORT, move |stream| {
            let (acceptor, held) = (acceptor.clone(), watched.subscribe());
            async move {
                if let Err(error) = connect(acceptor, stream, upstream, held).await {
                    tracing::debug!(%error, "a connection broke off");
                }
            }
        });
        Ok(Self { port: port.await.context("no port for a gate")?, held })
    }

    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// `scheme://127.0.0.1:PORT/`, with `rediss` for one.
    pub fn url(&self, scheme: &str) -> Url {
        format!("{scheme}://{}/", self.address()).parse().expect("a scheme and a socket's address")
    }

    /// Accepts connections and passes nothing on, until [`TcpGate::release`].
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Passes on what came meanwhile, and all that follows.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Cuts all connections and refuses new ones.
    pub async fn down(&self) -> io::Result<()> {
        self.port.down().await
    }

    /// Is there again, under the same address.
    pub async fn up(&self) -> io::Result<()> {
        self.port.up().await
    }
}

async fn connect(
    acceptor: Option<TlsAcceptor>,
    stream: TcpStream,
    upstream: SocketAddr,
    mut held: watch::Receiver<bool>,
) -> io::Result<()> {
    released(&mut held).await?;
    let server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    match acceptor {
        None => join(stream, server, held).await,
        Some(acceptor) => join(acceptor.accept(stream).await?, server, held).await,
    }
}

/// Ends with the first side that ends.
async fn join(
    client: impl AsyncRead + AsyncWrite,
    server: TcpStream,
    held: watch::Receiver<bool>,
) -> io::Result<()> {
    let (from_client, to_client) = split(client);
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        result = pump(from_client, to_server, held.clone()) => result,
        result = pump(from_server, to_client, held) => result,
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut held: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        released(&mut held).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
        to.flush().await?;
    }
}

async fn released(held: &mut watch::Receiver<bool>) -> io::Result<()> {
    held.wait_for(|held| !held).await.map_err(io::Error::other)?;
    Ok(())
}
