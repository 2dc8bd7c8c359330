//! A port in front of a server: connections are refused until it is opened.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::AbortHandle;

/// As many connections may wait to be accepted.
const BACKLOG: u32 = 128;

/// Closed, but taken: nobody else gets the port.
pub(super) struct Door {
    socket: TcpSocket,
    port: u16,
    upstream: u16,
}

/// Shut again when dropped; what goes through it goes on.
pub(super) struct OpenDoor(AbortHandle);

impl Door {
    /// A closed door to a port of this machine.
    pub(super) fn to(upstream: u16) -> anyhow::Result<Self> {
        let taken = || -> io::Result<(TcpSocket, u16)> {
            let socket = TcpSocket::new_v4()?;
            // Without `listen`, the system refuses whoever connects.
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let port = socket.local_addr()?.port();
            Ok((socket, port))
        };
        let (socket, port) = taken().context("no port is free")?;
        Ok(Self { socket, port, upstream })
    }

    /// The same text with this door's port instead of the server's.
    pub(super) fn before(&self, url: &str) -> String {
        url.replace(&format!("127.0.0.1:{}", self.upstream), &format!("127.0.0.1:{}", self.port))
    }

    pub(super) fn open(self) -> anyhow::Result<OpenDoor> {
        let listener = self.socket.listen(BACKLOG).context("cannot listen")?;
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, self.upstream));
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, upstream));
            }
        });
        Ok(OpenDoor(serving.abort_handle()))
    }
}

impl Drop for OpenDoor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Passes bytes on in both directions; either end may break off.
async fn pass(mut client: TcpStream, upstream: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(upstream).await {
        tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_door_refuses_until_it_is_opened() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = server.local_addr().unwrap().port();
        let door = Door::to(port).unwrap();
        let url = door.before(&format!("postgres://a@127.0.0.1:{port}/b"));
        let address = (Ipv4Addr::LOCALHOST, door.port);
        assert_eq!(url, format!("postgres://a@127.0.0.1:{}/b", door.port));
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);

        let _open = door.open().unwrap();
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut accepted, _) = server.accept().await.unwrap();
        client.write_all(b"ping").await.unwrap();
        let mut heard = [0; 4];
        accepted.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"ping");
    }
}
