//! The stand-ins of Azure's identity endpoint and Key Vault, as a process of ours.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

use crate::process::{Owned, end_of, log_file, spawn_announcing, tied};

const PATIENCE: Duration = Duration::from_mins(1);

pub(super) struct StandIns {
    _server: Owned,
    announced: Announcement,
}

/// The one line that they print; what they offer besides is not read here.
#[derive(Deserialize)]
struct Announcement {
    identity_endpoint: String,
    identity_header: String,
    identity_client_id: String,
    key_vault_url: String,
    ca: PathBuf,
    leaf_cert: PathBuf,
    leaf_key: PathBuf,
}

impl StandIns {
    /// Starts them; certificates are written into `folder`.
    pub(super) async fn start(executable: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(executable);
        command.arg("--folder").arg(folder);
        let log = folder.join("stand-ins.log");
        let mut command = tied(&command);
        command.stderr(log_file(&log)?);
        let (server, line) = spawn_announcing("the stand-ins of Azure", command, PATIENCE)
            .await
            .with_context(|| end_of(&log))?;
        let announced = serde_json::from_str(&line)
            .context("the stand-ins of Azure announced something else")?;
        Ok(Self { _server: server, announced })
    }

    /// The certificate authority that their certificates, and Azurite's, are from.
    pub(super) fn authority(&self) -> &Path {
        &self.announced.ca
    }

    /// A certificate for this machine and its key.
    pub(super) fn leaf(&self) -> (&Path, &Path) {
        (&self.announced.leaf_cert, &self.announced.leaf_key)
    }

    pub(super) fn key_vault_url(&self) -> &str {
        &self.announced.key_vault_url
    }

    /// Of the app's user-assigned identity.
    pub(super) fn client_id(&self) -> &str {
        &self.announced.identity_client_id
    }

    /// What the platform tells an app's processes, for tokens of its managed identity.
    pub(super) fn identity(&self) -> [(&'static str, &str); 2] {
        [
            ("IDENTITY_ENDPOINT", &self.announced.identity_endpoint),
            ("IDENTITY_HEADER", &self.announced.identity_header),
        ]
    }
}
