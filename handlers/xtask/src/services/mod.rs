//! What integration tests need beside the programs of the workspace: PostgreSQL, dbt, and the
//! stand-ins of Azure and Redis. All are processes of ours.

mod azurite;
mod certificates;
mod redis;
mod stand_ins;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::deployment::secret;
use crate::postgres::{Cluster, Kind, Place};
use crate::provision;
use crate::terminal::say;
use crate::workspace::{Workspace, remove_folder};
use azurite::AzuriteServer;
use redis::RedisServer;
use stand_ins::StandIns;

/// The program that [`Services`] starts; it is in the package `simulators`.
pub(crate) const STAND_INS: &str = "azure-stand-ins";

/// Stopped when dropped.
pub(crate) struct Services {
    pub(crate) cluster: Cluster,
    dbt: provision::Dbt,
    stand_ins: StandIns,
    azurite: AzuriteServer,
    redis: RedisServer,
    /// Of the certificate authority, and of logs.
    folder: PathBuf,
}

impl Services {
    /// Starts all of them, begun anew; `stand_ins` is the program of that name.
    pub(crate) async fn start(workspace: &Workspace, stand_ins: &Path) -> anyhow::Result<Self> {
        let dbt = provision::dbt(workspace).await?;
        let azurite = provision::Azurite::install(workspace).await?;
        let redis = provision::redis_server(workspace).await?;

        let place = Place::choose(workspace)?;
        // The data folder's lock is held from here on: nobody else uses the folder below.
        let cluster =
            Cluster::start(workspace, &place, "test", Kind::ThrownAway, &secret()).await?;
        let folder = workspace.home.join("test-azure");
        begin_anew(&folder)?;
        let stand_ins = StandIns::start(stand_ins, &folder).await?;
        certificates::bundle(stand_ins.authority(), &folder.join(BUNDLE))?;
        let azurite = AzuriteServer::start(&azurite, &stand_ins, &folder).await?;
        let redis = RedisServer::start(&redis, &folder).await?;
        say(format_args!(
            "PostgreSQL {}, Azurite, Redis and the stand-ins of Azure are ready.",
            cluster.major()
        ));
        Ok(Self { cluster, dbt, stand_ins, azurite, redis, folder })
    }

    /// The system's certificate authorities and the stand-ins'.
    pub(crate) fn authorities(&self) -> PathBuf {
        self.folder.join(BUNDLE)
    }

    /// The settings of `marketing-iq` that make it use them, as a function app's are named.
    pub(crate) fn azure_settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("MIQ_RAW_STORE", "blob".to_owned()),
            ("MIQ_BLOB_URL", self.azurite.blob_url()),
            ("MIQ_QUEUE", "storage".to_owned()),
            ("MIQ_QUEUE_URL", self.azurite.queue_url()),
            ("MIQ_SECRETS", "key-vault".to_owned()),
            ("MIQ_KEY_VAULT_URL", self.stand_ins.key_vault_url().to_owned()),
            ("MIQ_REDIS_URL", self.redis.url()),
            ("AZURE_CLIENT_ID", self.stand_ins.client_id().to_owned()),
        ];
        let identity = self.stand_ins.identity();
        settings.extend(identity.map(|(name, value)| (name, value.to_owned())));
        settings
    }

    /// Tells a command where they are.
    pub(crate) fn announce(&self, command: &mut Command) {
        command
            .env("MIQ_TEST_DATABASE_URL", self.cluster.owner_url("postgres"))
            .env("MIQ_TEST_DBT", &self.dbt.executable)
            .env("MIQ_TEST_DBT_PROJECT", &self.dbt.project)
            .env("MIQ_TEST_CA_DIR", &self.folder)
            .env("MIQ_TEST_BLOB_URL", self.azurite.blob_url())
            .env("MIQ_TEST_QUEUE_URL", self.azurite.queue_url())
            .env("MIQ_TEST_REDIS_URL", self.redis.url())
            .env("SSL_CERT_FILE", self.authorities())
            .envs(self.stand_ins.identity());
    }
}

/// A file in the folder.
const BUNDLE: &str = "bundle.pem";

fn begin_anew(folder: &Path) -> anyhow::Result<()> {
    remove_folder(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}
