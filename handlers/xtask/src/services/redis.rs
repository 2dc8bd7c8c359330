//! A real redis-server that keeps nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::postgres::free_port;
use crate::process::{Owned, end_of, log_file, tied};

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct RedisServer {
    _server: Owned,
    port: u16,
}

impl RedisServer {
    pub(super) async fn start(executable: &Path, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join("redis.log");
        let port = free_port()?;
        let mut command = Command::new(executable);
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder);
        let mut command = tied(&command);
        let file = log_file(&log)?;
        command.stdout(file.try_clone()?).stderr(Stdio::from(file));
        let mut server = Owned::spawn("redis-server", command)?;
        let deadline = Instant::now() + PATIENCE;
        while !answers(port) {
            server.check_alive().with_context(|| end_of(&log))?;
            if Instant::now() > deadline {
                bail!("redis-server was not ready after {PATIENCE:?}:\n{}", end_of(&log));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { _server: server, port })
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

/// Whether it takes commands, not only connections.
fn answers(port: u16) -> bool {
    let ping = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut reply = [0; 5];
        stream.read_exact(&mut reply)?;
        Ok(reply == *b"+PONG")
    };
    ping().unwrap_or(false)
}
