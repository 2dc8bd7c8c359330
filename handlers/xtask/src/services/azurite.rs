//! A real Azurite over https, which takes tokens instead of keys.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::stand_ins::StandIns;
use crate::process::{Owned, end_of, log_file, tied};
use crate::provision::Azurite;

const PATIENCE: Duration = Duration::from_mins(1);

/// The account that is announced.
const ACCOUNT: &str = "devstoreaccount1";

/// Further ones, for tests of whole deployments: their queues have fixed names.
const DEPLOYMENTS: [&str; 3] = ["deployment1", "deployment2", "deployment3"];

/// Every account has to have a key, and this one is public. None is used: tokens are.
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

pub(super) struct AzuriteServer {
    _server: Owned,
    blob_port: u16,
    queue_port: u16,
}

impl AzuriteServer {
    pub(super) async fn start(
        azurite: &Azurite,
        stand_ins: &StandIns,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let log = folder.join("azurite.log");
        let (certificate, key) = stand_ins.leaf();
        let mut command = azurite.command();
        // Port 0: it picks one that is free, and tells.
        for service in ["blob", "queue", "table"] {
            command.args([&format!("--{service}Host"), "127.0.0.1"]);
            command.args([&format!("--{service}Port"), "0"]);
        }
        command.args(["--oauth", "basic", "--cert"]).arg(certificate).arg("--key").arg(key).args([
            "--inMemoryPersistence",
            "--disableTelemetry",
            "--silent",
        ]);
        command.env("AZURITE_ACCOUNTS", accounts());
        let mut command = tied(&command);
        let file = log_file(&log)?;
        command.stdout(file.try_clone()?).stderr(Stdio::from(file));
        let mut server = Owned::spawn("Azurite", command)?;

        let deadline = Instant::now() + PATIENCE;
        loop {
            let printed = fs::read_to_string(&log).unwrap_or_default();
            if let (Some(blob_port), Some(queue_port)) =
                (port_of(&printed, "Blob"), port_of(&printed, "Queue"))
            {
                return Ok(Self { _server: server, blob_port, queue_port });
            }
            server.check_alive().with_context(|| end_of(&log))?;
            if Instant::now() > deadline {
                bail!("Azurite was not ready after a minute:\n{}", end_of(&log));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(super) fn blob_url(&self) -> String {
        url(self.blob_port)
    }

    pub(super) fn queue_url(&self) -> String {
        url(self.queue_port)
    }
}

fn accounts() -> String {
    let accounts = [ACCOUNT].into_iter().chain(DEPLOYMENTS);
    accounts.map(|account| format!("{account}:{KEY}")).collect::<Vec<_>>().join(";")
}

fn url(port: u16) -> String {
    format!("https://127.0.0.1:{port}/{ACCOUNT}/")
}

/// `Azurite Blob service is successfully listening at https://127.0.0.1:10000`
fn port_of(printed: &str, service: &str) -> Option<u16> {
    let start = format!("Azurite {service} service is successfully listening at ");
    let line = printed.lines().find_map(|line| line.strip_prefix(start.as_str()))?;
    line.trim().rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_once_a_service_listens() {
        let printed = "Azurite Blob service is starting at https://127.0.0.1:0\n\
                       Azurite Blob service is successfully listening at https://127.0.0.1:35067\n\
                       Azurite Queue service is starting at https://127.0.0.1:0\n";
        assert_eq!(port_of(printed, "Blob"), Some(35_067));
        assert_eq!(port_of(printed, "Queue"), None);
    }
}
