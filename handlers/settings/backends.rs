//! Which backend serves each port that has more than one, and where it is.

use std::path::PathBuf;

use secrecy::SecretString;
use stores::{ContainerAppsJobId, signing_key};
use url::Url;

use super::Reader;

/// A choice for every port; each is its own setting, so they mix freely.
pub(crate) struct BackendChoices {
    pub raw_store: RawStoreChoice,
    pub queue: QueueChoice,
    pub secrets: SecretsChoice,
    pub transformer: TransformerChoice,
    /// A second level behind the cache in this process.
    pub redis: Option<SecretString>,
    /// The key that access tokens are signed with. If none is given, one is kept in the data
    /// folder; that is refused where secrets are in a vault.
    pub token_key: Option<SecretString>,
    pub azure: AzureSignIn,
}

pub(crate) enum RawStoreChoice {
    Directory,
    Blob { service: Url, container: String },
}

pub(crate) enum QueueChoice {
    Postgres,
    Storage { service: Url },
}

pub(crate) enum SecretsChoice {
    File,
    KeyVault { vault: Url },
}

pub(crate) enum TransformerChoice {
    /// dbt Core as a child process.
    Process(Dbt),
    /// dbt Core as a job of Azure Container Apps.
    ContainerApps { job: ContainerAppsJobId, management: Url },
}

pub(crate) struct Dbt {
    pub command: PathBuf,
    pub project: PathBuf,
    /// What dbt is let see of the environment.
    pub environment: Vec<(String, String)>,
}

/// As whom this process signs in to Azure.
pub(crate) enum AzureSignIn {
    /// The managed identity of where it runs; `client_id` names one of several.
    Managed { client_id: Option<String> },
    /// Whoever is signed in with a developer tool on this machine.
    Developer,
}

/// Where programs, homes, scratch files, languages and certificates are, and how dbt connects.
const SEEN_BY_DBT: &[&str] =
    &["PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "MIQ_DBT_SSLMODE"];

const MANAGEMENT_URL: &str = "https://management.azure.com/";

impl BackendChoices {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let raw_store = raw_store(reader);
        let queue = queue(reader);
        let secrets = secrets(reader);
        let transformer = transformer(reader);
        let redis = redis(reader);
        let token_key = token_key(reader);
        let azure = azure(reader);
        Some(Self {
            raw_store: raw_store?,
            queue: queue?,
            secrets: secrets?,
            transformer: transformer?,
            redis,
            token_key,
            azure: azure?,
        })
    }
}

/// What a word of a setting stands for: which backend, read with the settings of its own.
type Choice<T> = fn(&mut Reader<'_>) -> Option<T>;

fn raw_store(reader: &mut Reader<'_>) -> Option<RawStoreChoice> {
    let known: [(_, Choice<_>); 2] =
        [("directory", |_| Some(RawStoreChoice::Directory)), ("blob", blob)];
    reader.choice("MIQ_RAW_STORE", "directory", &known)?(reader)
}

fn blob(reader: &mut Reader<'_>) -> Option<RawStoreChoice> {
    let service = azure_url(reader, "MIQ_BLOB_URL");
    let container = reader.optional("MIQ_BLOB_CONTAINER").unwrap_or_else(|| "raw".to_owned());
    let container = reader.check(
        "MIQ_BLOB_CONTAINER",
        &container,
        "a container's name: 3 to 63 lower-case letters, digits and single hyphens",
        container_name,
    );
    Some(RawStoreChoice::Blob { service: service?, container: container? })
}

fn queue(reader: &mut Reader<'_>) -> Option<QueueChoice> {
    let known: [(_, Choice<_>); 2] = [
        ("postgres", |_| Some(QueueChoice::Postgres)),
        ("storage", |reader| {
            Some(QueueChoice::Storage { service: azure_url(reader, "MIQ_QUEUE_URL")? })
        }),
    ];
    reader.choice("MIQ_QUEUE", "postgres", &known)?(reader)
}

fn secrets(reader: &mut Reader<'_>) -> Option<SecretsChoice> {
    let known: [(_, Choice<_>); 2] = [
        ("file", |_| Some(SecretsChoice::File)),
        ("key-vault", |reader| {
            Some(SecretsChoice::KeyVault { vault: azure_url(reader, "MIQ_KEY_VAULT_URL")? })
        }),
    ];
    reader.choice("MIQ_SECRETS", "file", &known)?(reader)
}

fn transformer(reader: &mut Reader<'_>) -> Option<TransformerChoice> {
    let known: [(_, Choice<_>); 2] =
        [("process", |reader| Some(process(reader))), ("container-apps", container_apps)];
    reader.choice("MIQ_TRANSFORMER", "process", &known)?(reader)
}

fn process(reader: &mut Reader<'_>) -> TransformerChoice {
    TransformerChoice::Process(Dbt {
        command: reader.path_or("MIQ_DBT", "dbt"),
        project: reader.path_or("MIQ_DBT_PROJECT", "dbt"),
        environment: SEEN_BY_DBT
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), reader.optional(name)?)))
            .collect(),
    })
}

fn container_apps(reader: &mut Reader<'_>) -> Option<TransformerChoice> {
    let job = reader.required("MIQ_TRANSFORM_JOB_ID").and_then(|id| {
        let expected =
            "a resource id: /subscriptions/…/resourceGroups/…/providers/Microsoft.App/jobs/…";
        reader.check("MIQ_TRANSFORM_JOB_ID", &id, expected, ContainerAppsJobId::parse)
    });
    let management =
        reader.optional("MIQ_AZURE_MANAGEMENT_URL").unwrap_or_else(|| MANAGEMENT_URL.to_owned());
    let management =
        reader.check("MIQ_AZURE_MANAGEMENT_URL", &management, "an https URL", https_url);
    Some(TransformerChoice::ContainerApps { job: job?, management: management? })
}

fn redis(reader: &mut Reader<'_>) -> Option<SecretString> {
    let text = reader.optional("MIQ_REDIS_URL")?;
    // The URL holds a password, so it is not shown.
    let known = Url::parse(text.trim())
        .is_ok_and(|url| matches!(url.scheme(), "redis" | "rediss") && url.has_host());
    if !known {
        reader.fault(
            "MIQ_REDIS_URL is not of the form rediss://default:password@host:port".to_owned(),
        );
    }
    Some(text.trim().to_owned().into())
}

/// Where secrets are in a vault, processes have no data folder in common: each would sign with a
/// key of its own.
fn token_key(reader: &mut Reader<'_>) -> Option<SecretString> {
    let vault = reader.optional("MIQ_SECRETS").is_some_and(|text| text.trim() == "key-vault");
    let key = if vault {
        reader.required_secret("MIQ_TOKEN_KEY")?
    } else {
        reader.optional_secret("MIQ_TOKEN_KEY")?
    };
    if let Err(error) = signing_key::parse(&key) {
        reader.fault(format!("MIQ_TOKEN_KEY: {error}"));
    }
    Some(key)
}

/// Azure gives `IDENTITY_ENDPOINT` to a process that has a managed identity.
fn azure(reader: &mut Reader<'_>) -> Option<AzureSignIn> {
    let client_id = reader.optional("AZURE_CLIENT_ID");
    let default =
        if reader.optional("IDENTITY_ENDPOINT").is_some() { "managed" } else { "developer" };
    let known: [(_, fn(_) -> _); 2] = [
        ("managed", |client_id| AzureSignIn::Managed { client_id }),
        ("developer", |_| AzureSignIn::Developer),
    ];
    Some(reader.choice("MIQ_AZURE_IDENTITY", default, &known)?(client_id))
}

/// Azure's clients send a token over TLS alone.
fn azure_url(reader: &mut Reader<'_>, name: &str) -> Option<Url> {
    let text = reader.required(name)?;
    reader.check(name, &text, "an https URL", https_url)
}

fn https_url(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    (url.scheme() == "https").then_some(url)
}

/// The service's rule: <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>.
fn container_name(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = !text.starts_with('-') && !text.ends_with('-') && !text.contains("--");
    let named = (3..=63).contains(&text.len()) && text.chars().all(allowed) && edges;
    named.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<BackendChoices, Vec<String>> {
        let source = |name: &str| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let mut reader = Reader::new(&source);
        let read = BackendChoices::read(&mut reader);
        reader.finish(read).map_err(|faults| faults.0)
    }

    const JOB: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/jobs/miq-dbt";

    #[test]
    fn nothing_set_means_one_machine() {
        let choices = read(&[]).unwrap();
        assert!(matches!(choices.raw_store, RawStoreChoice::Directory));
        assert!(matches!(choices.queue, QueueChoice::Postgres));
        assert!(matches!(choices.secrets, SecretsChoice::File));
        assert!(matches!(choices.transformer, TransformerChoice::Process(_)));
        assert!(choices.redis.is_none() && choices.token_key.is_none());
        assert!(matches!(choices.azure, AzureSignIn::Developer));
    }

    #[test]
    fn each_port_is_chosen_by_itself() {
        let choices = read(&[
            ("MIQ_RAW_STORE", "blob"),
            ("MIQ_BLOB_URL", "https://account.blob.core.windows.net/"),
            ("MIQ_TRANSFORMER", "container-apps"),
            ("MIQ_TRANSFORM_JOB_ID", JOB),
            ("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token"),
            ("AZURE_CLIENT_ID", "the-client"),
        ])
        .unwrap();
        let RawStoreChoice::Blob { container, .. } = choices.raw_store else { panic!() };
        assert_eq!(container, "raw");
        let TransformerChoice::ContainerApps { job, management } = choices.transformer else {
            panic!()
        };
        assert_eq!((job.to_string(), management.as_str()), (JOB.to_owned(), MANAGEMENT_URL));
        assert!(matches!(choices.queue, QueueChoice::Postgres));
        let AzureSignIn::Managed { client_id } = choices.azure else { panic!() };
        assert_eq!(client_id.as_deref(), Some("the-client"));
    }

    #[test]
    fn a_managed_backend_without_its_place_is_a_fault() {
        let told = read(&[
            ("MIQ_RAW_STORE", "blob"),
            ("MIQ_BLOB_CONTAINER", "Raw"),
            ("MIQ_QUEUE", "storage"),
            ("MIQ_QUEUE_URL", "http://account.queue.core.windows.net/"),
            ("MIQ_SECRETS", "vault"),
            ("MIQ_TRANSFORMER", "container-apps"),
            ("MIQ_TRANSFORM_JOB_ID", "miq-dbt"),
            ("MIQ_REDIS_URL", "https://default:hunter2@host"),
            ("MIQ_TOKEN_KEY", "hunter2"),
            ("MIQ_AZURE_IDENTITY", "somebody"),
        ])
        .err()
        .expect("faults");
        for name in [
            "MIQ_BLOB_URL",
            "MIQ_BLOB_CONTAINER",
            "MIQ_QUEUE_URL",
            "MIQ_SECRETS",
            "MIQ_TRANSFORM_JOB_ID",
            "MIQ_REDIS_URL",
            "MIQ_TOKEN_KEY",
            "MIQ_AZURE_IDENTITY",
        ] {
            let naming = told.iter().filter(|fault| fault.starts_with(name)).count();
            assert_eq!(naming, 1, "{name} in {told:?}");
        }
        assert_eq!(told.len(), 8, "{told:?}");
        assert!(!format!("{told:?}").contains("hunter2"), "a secret is shown");
    }

    #[test]
    fn dbt_sees_the_same_wherever_it_runs() {
        let image = include_str!("../../dbt/container/run_build.py");
        let (_, listed) = image.split_once("SEEN_BY_DBT = (").expect("the image's list");
        let (listed, _) = listed.split_once("\n)").expect("its end");
        let named: Vec<_> = listed.split('"').skip(1).step_by(2).collect();
        assert_eq!(named, SEEN_BY_DBT);
    }

    #[test]
    fn processes_that_share_a_vault_share_their_signing_key() {
        let vault =
            [("MIQ_SECRETS", "key-vault"), ("MIQ_KEY_VAULT_URL", "https://miq.vault.azure.net/")];
        let told = read(&vault).err().expect("a fault");
        assert!(told.len() == 1 && told[0].starts_with("MIQ_TOKEN_KEY"), "{told:?}");
    }
}
