//! A loopback port that can be closed and opened again under the same number.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;
type Serve = dyn Fn(TcpStream) -> Connection + Send + Sync;

/// Clones are handles to the same port; it closes with the last of them.
#[derive(Clone)]
pub(crate) struct Port(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    serve: Arc<Serve>,
    state: Mutex<State>,
}

enum State {
    Open {
        stop: oneshot::Sender<()>,
        accepting: AbortOnDropHandle<()>,
    },
    /// Bound, so that nobody else gets the port, and not listening, so that it refuses.
    Closed(TcpSocket),
    /// Closing or opening failed half-way.
    Lost,
}

impl Port {
    /// Opens a port; 0 takes a free one. Each connection is given to `serve`.
    pub(crate) async fn open<F>(
        listen: SocketAddr,
        serve: impl Fn(TcpStream) -> F + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let socket = bind(listen)?;
        let port = Self(Arc::new(Inner {
            address: socket.local_addr()?,
            serve: Arc::new(move |stream| Box::pin(serve(stream))),
            state: Mutex::new(State::Closed(socket)),
        }));
        port.up().await?;
        Ok(port)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Accepts connections again; nothing if it does.
    pub(crate) async fn up(&self) -> io::Result<()> {
        let mut state = self.0.state.lock().await;
        if let State::Closed(_) = &*state
            && let State::Closed(socket) = std::mem::replace(&mut *state, State::Lost)
        {
            let listener = socket.listen(1024)?;
            let (stop, stopped) = oneshot::channel();
            let accepting = tokio::spawn(accept(listener, Arc::clone(&self.0.serve), stopped));
            *state = State::Open { stop, accepting: AbortOnDropHandle::new(accepting) };
        }
        Ok(())
    }

    /// Cuts all connections and refuses new ones, until [`Port::up`].
    pub(crate) async fn down(&self) -> io::Result<()> {
        let mut state = self.0.state.lock().await;
        if let State::Open { .. } = &*state
            && let State::Open { stop, accepting } = std::mem::replace(&mut *state, State::Lost)
        {
            drop(stop);
            accepting.await.map_err(io::Error::other)?;
            *state = State::Closed(bind(self.0.address)?);
        }
        Ok(())
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections that were cut a moment ago still hold the port otherwise.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn accept(listener: TcpListener, serve: Arc<Serve>, mut stop: oneshot::Receiver<()>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            // A sender that is dropped means stop.
            _ = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection ended at once");
                    }
                    open.spawn(serve(stream));
                }
                Err(error) => {
                    // Out of descriptors, most likely: some are free again soon.
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
    drop(listener);
    open.shutdown().await;
}
