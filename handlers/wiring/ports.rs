//! A backend for each port that has more than one, as the settings choose. Reaches nobody yet.

use std::cell::OnceCell;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::ports::{JobQueue, QueueConsumer, RawStore, Secrets, SharedCache, Transformer};
use secrecy::{SecretSlice, SecretString};
use stores::{
    AzureIdentity, BlobRawStore, ContainerAppsConfig, ContainerAppsJob, DbtConnection, DbtProcess,
    KeyVaultSecrets, PgPool, PostgresQueue, RawDirectory, RedisCache, SecretsFile, StorageQueue,
    signing_key,
};

use crate::settings::{
    AzureSignIn, BackendChoices, Dbt, QueueChoice, RawStoreChoice, SecretsChoice, Settings,
    TransformerChoice,
};

/// After this a build is stopped: a little less than a function may take.
pub(super) const BUILD_TIMEOUT: Duration = Duration::from_mins(25);

pub(super) struct Ports {
    pub raw: Arc<dyn RawStore>,
    pub queue: Arc<dyn JobQueue>,
    /// The same queues, as the embedded host takes from them.
    pub consumer: Arc<dyn QueueConsumer>,
    pub secrets: Arc<dyn Secrets>,
    pub transformer: Arc<dyn Transformer>,
    pub shared_cache: Option<Arc<dyn SharedCache>>,
    pub token_key: SecretSlice<u8>,
}

impl Ports {
    pub(super) fn choose(
        settings: &Settings,
        app: &PgPool,
        transform: &PgPool,
    ) -> anyhow::Result<Self> {
        let choices = &settings.backends;
        let azure = Azure::of(choices);
        let data = DataFolder(&settings.data_dir);
        let (queue, consumer) = queues(&choices.queue, &azure, app)?;
        Ok(Self {
            raw: raw_store(&choices.raw_store, &azure, &data)?,
            queue,
            consumer,
            secrets: secrets(&choices.secrets, &azure, &data)?,
            transformer: transformer(settings, &azure, &data, transform)?,
            shared_cache: match &choices.redis {
                Some(url) => Some(Arc::new(RedisCache::new(url)?)),
                None => None,
            },
            token_key: token_key(choices.token_key.as_ref(), &data)?,
        })
    }
}

/// Signs in to Azure, once, if any backend is there.
struct Azure<'a> {
    sign_in: &'a AzureSignIn,
    identity: OnceCell<AzureIdentity>,
}

impl<'a> Azure<'a> {
    fn of(choices: &'a BackendChoices) -> Self {
        Self { sign_in: &choices.azure, identity: OnceCell::new() }
    }

    fn identity(&self) -> anyhow::Result<&AzureIdentity> {
        if let Some(known) = self.identity.get() {
            return Ok(known);
        }
        let identity = match self.sign_in {
            AzureSignIn::Managed { client_id } => AzureIdentity::managed(client_id.as_deref())?,
            AzureSignIn::Developer => AzureIdentity::developer()?,
        };
        Ok(self.identity.get_or_init(|| identity))
    }
}

/// Raw data, secrets and keys of embedded defaults: nobody else's business.
struct DataFolder<'a>(&'a Path);

impl DataFolder<'_> {
    /// A path in the folder, which is made if it is not there.
    fn path(&self, name: &str) -> anyhow::Result<PathBuf> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.0)?;
        Ok(self.0.join(name))
    }
}

fn raw_store(
    choice: &RawStoreChoice,
    azure: &Azure<'_>,
    data: &DataFolder<'_>,
) -> anyhow::Result<Arc<dyn RawStore>> {
    Ok(match choice {
        RawStoreChoice::Directory => Arc::new(RawDirectory::new(data.path("raw")?)?),
        RawStoreChoice::Blob { service, container } => {
            Arc::new(BlobRawStore::new(azure.identity()?, service, container)?)
        }
    })
}

type Queues = (Arc<dyn JobQueue>, Arc<dyn QueueConsumer>);

fn queues(choice: &QueueChoice, azure: &Azure<'_>, app: &PgPool) -> anyhow::Result<Queues> {
    Ok(match choice {
        QueueChoice::Postgres => {
            let queue = Arc::new(PostgresQueue::new(app.clone()));
            (Arc::clone(&queue) as _, queue)
        }
        QueueChoice::Storage { service } => {
            let queue = Arc::new(StorageQueue::new(azure.identity()?, service)?);
            (Arc::clone(&queue) as _, queue)
        }
    })
}

fn secrets(
    choice: &SecretsChoice,
    azure: &Azure<'_>,
    data: &DataFolder<'_>,
) -> anyhow::Result<Arc<dyn Secrets>> {
    Ok(match choice {
        SecretsChoice::File => Arc::new(SecretsFile::open(data.path("secrets")?)?),
        SecretsChoice::KeyVault { vault } => {
            Arc::new(KeyVaultSecrets::new(azure.identity()?, vault)?)
        }
    })
}

fn transformer(
    settings: &Settings,
    azure: &Azure<'_>,
    data: &DataFolder<'_>,
    transform: &PgPool,
) -> anyhow::Result<Arc<dyn Transformer>> {
    Ok(match &settings.backends.transformer {
        TransformerChoice::Process(Dbt { command, project, environment }) => Arc::new(DbtProcess {
            dbt: command.clone(),
            project_dir: project.clone(),
            work_dir: data.path("dbt")?,
            connection: DbtConnection::from_url(&settings.databases.transform)?,
            environment: environment.clone(),
            timeout: BUILD_TIMEOUT,
        }),
        TransformerChoice::ContainerApps { job, management } => {
            let config = ContainerAppsConfig {
                job: job.clone(),
                management_url: management.clone(),
                timeout: BUILD_TIMEOUT,
            };
            Arc::new(ContainerAppsJob::new(azure.identity()?, config, transform.clone())?)
        }
    })
}

fn token_key(
    given: Option<&SecretString>,
    data: &DataFolder<'_>,
) -> anyhow::Result<SecretSlice<u8>> {
    Ok(match given {
        Some(key) => signing_key::parse(key)?,
        None => signing_key::load_or_create(&data.path("token-signing.pem")?)?,
    })
}
