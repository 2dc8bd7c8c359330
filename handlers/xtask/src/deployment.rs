//! `marketing-iq` as a process of ours: its settings, and its commands.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use uuid::Uuid;

use crate::http_client::Api;
use crate::postgres::Cluster;
use crate::process::{Owned, end_of, log_file, peak_memory_mb, run_logged};

/// How long the server may take until it is healthy.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often the memory of a running command is looked at.
const MEMORY_INTERVAL: Duration = Duration::from_millis(50);

/// A deployment that is not running yet.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) executable: PathBuf,
    pub(crate) settings: Vec<(&'static str, String)>,
    /// Where logs go.
    pub(crate) folder: PathBuf,
}

/// A running `marketing-iq serve`.
#[derive(Debug)]
pub(crate) struct Serving {
    server: Owned,
    pub(crate) api: Api,
}

/// What a sync reported, and the most memory that it held, in MB.
#[derive(Debug)]
pub(crate) struct Synced {
    pub(crate) report: Value,
    pub(crate) peak_memory_mb: u64,
}

/// The settings that every deployment on a cluster of ours has: a database role each.
pub(crate) fn database_settings(
    cluster: &Cluster,
    database: &str,
    passwords: &Passwords,
) -> [(&'static str, String); 4] {
    let url = |user: &str, password: &str| cluster.url(user, password, database);
    [
        ("MIQ_DATABASE_OWNER_URL", cluster.owner_url(database)),
        ("MIQ_DATABASE_APP_URL", url("miq_app", &passwords.app)),
        ("MIQ_DATABASE_TRANSFORM_URL", url("miq_transform", &passwords.transform)),
        ("MIQ_DATABASE_API_URL", url("miq_api", &passwords.api)),
    ]
}

/// Of the four roles of the database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Passwords {
    pub(crate) owner: String,
    app: String,
    transform: String,
    api: String,
}

impl Passwords {
    pub(crate) fn draw() -> Self {
        Self { owner: secret(), app: secret(), transform: secret(), api: secret() }
    }
}

/// 122 random bits, letters and digits only.
pub(crate) fn secret() -> String {
    Uuid::new_v4().simple().to_string()
}

impl Deployment {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        // The simulators are on this machine; a proxy of the environment would not find them.
        command.env("NO_PROXY", "127.0.0.1,localhost");
        command.args(arguments).stdin(Stdio::null());
        // The caller's own deployment must not shine through.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("MIQ_")) {
                command.env_remove(name);
            }
        }
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Creates or updates schemas and roles.
    pub(crate) async fn migrate(&self) -> anyhow::Result<()> {
        let log = self.folder.join("migrate.log");
        run_logged("marketing-iq migrate", self.command(&["migrate"]), &log).await
    }

    /// Starts the handler of the Functions host, as the host does.
    pub(crate) fn functions(&self, port: u16) -> anyhow::Result<Owned> {
        let mut command = self.command(&["functions"]);
        command.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string());
        let file = log_file(&self.folder.join("functions.log"))?;
        command.stdout(file.try_clone()?).stderr(file);
        Owned::spawn("marketing-iq functions", command)
    }

    /// Starts the server on `port` and waits until it is healthy.
    pub(crate) async fn serve(&self, port: u16) -> anyhow::Result<Serving> {
        let log = self.folder.join("serve.log");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = self.command(&["serve"]);
        command.env("MIQ_LISTEN", address.to_string());
        command.env("MIQ_PUBLIC_URL", format!("http://{address}/"));
        let file = log_file(&log)?;
        command.stdout(file.try_clone()?).stderr(file);
        let mut server = Owned::spawn("marketing-iq serve", command)?;
        let api = Api::new(format!("http://{address}"))?;
        let deadline = Instant::now() + PATIENCE;
        while !api.is_healthy().await {
            server.check_alive().with_context(|| end_of(&log))?;
            if Instant::now() > deadline {
                bail!("marketing-iq serve was not healthy after a minute:\n{}", end_of(&log));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Serving { server, api })
    }

    /// Reads a tenant's platforms, builds and publishes; the progress bar goes to stderr.
    pub(crate) async fn sync(&self, tenant: &str) -> anyhow::Result<Synced> {
        let mut command = self.command(&["sync", "--json", "--tenant", tenant]);
        command.stdout(Stdio::piped());
        let mut sync = Owned::spawn("marketing-iq sync", command)?;
        let mut stdout = sync.take_stdout().context("stdout was piped")?;
        let pid = sync.pid();
        let mut peak = 0;
        let mut reading = Box::pin(async move {
            let mut report = String::new();
            stdout.read_to_string(&mut report).await?;
            anyhow::Ok((sync.wait().await?, report))
        });
        let (status, report) = loop {
            tokio::select! {
                ended = &mut reading => break ended?,
                () = tokio::time::sleep(MEMORY_INTERVAL) => {
                    peak = peak.max(peak_memory_mb(pid).unwrap_or_default());
                }
            }
        };
        if !status.success() {
            bail!("the sync failed ({status}); what is wrong stands above");
        }
        let report = serde_json::from_str(&report).context("the sync's report is not JSON")?;
        Ok(Synced { report, peak_memory_mb: peak })
    }
}

impl Serving {
    pub(crate) fn peak_memory_mb(&self) -> u64 {
        peak_memory_mb(self.server.pid()).unwrap_or_default()
    }

    /// Returns when the server ends, which it should not.
    pub(crate) async fn ended(&mut self, log: &Path) -> anyhow::Error {
        match self.server.wait().await {
            Ok(status) => {
                anyhow::anyhow!("marketing-iq serve ended ({status}):\n{}", end_of(log))
            }
            Err(error) => error,
        }
    }
}

/// The first of the wished ports that is free, or any free one.
pub(crate) fn port_near(wished: &[u16]) -> anyhow::Result<u16> {
    let free = |port: &&u16| TcpListener::bind((Ipv4Addr::LOCALHOST, **port)).is_ok();
    wished.iter().find(free).copied().map_or_else(crate::postgres::free_port, Ok)
}
