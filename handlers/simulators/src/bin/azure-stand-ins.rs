//! The stand-ins of Azure's services as a program: prints where they listen, serves until it is
//! told to stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use simulators::azure::{
    Authority, ContainerApps, IdentityEndpoint, KeyVault, TransformJob, USER_ASSIGNED_CLIENT_ID,
};
use simulators::program::{self, Listening};

// Without the back quotes that a comment would need, which a terminal would show.
const ABOUT: &str = "\
Stands in for what Azure gives to a function app: the identity endpoint, a Key Vault and, where it \
is told what to run, the management API of a Container Apps job.

Keeps a development certificate authority in the folder (ca.pem, ca.key) and writes a server's \
certificate beside it (leaf.pem, leaf.key), which Azurite can present:
  azurite --oauth basic --cert leaf.pem --key leaf.key
Clients trust all of them with SSL_CERT_FILE=ca.pem, and then nothing else.

Once it listens it prints one line of JSON:
  identity_endpoint, identity_header   for IDENTITY_ENDPOINT and IDENTITY_HEADER
  identity_client_id                   of the app's user-assigned identity
  key_vault_url                        the vault; what it keeps is gone when the program ends
  management_url, transform_job_id     for MIQ_AZURE_MANAGEMENT_URL and MIQ_TRANSFORM_JOB_ID
  ca, leaf_cert, leaf_key              the files";

#[derive(Parser)]
#[command(
    version,
    about = "Azure's services on this machine, for tests",
    long_about = ABOUT,
    after_help = "Example:\n  azure-stand-ins --folder .miq/azure --identity 127.0.0.1:8901"
)]
struct Arguments {
    /// Where the certificates are kept; made if it is not there
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,

    /// Where the identity endpoint listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    identity: SocketAddr,

    /// Where the Key Vault listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    key_vault: SocketAddr,

    /// A Python with the packages of dbt/requirements.txt, as the job's image has: with it, the
    /// management API of a Container Apps job is served, too
    #[arg(long, value_name = "PROGRAM", requires = "transform_url")]
    python: Option<PathBuf>,

    /// What the job's image runs
    #[arg(long, value_name = "FILE", default_value = "dbt/container/run_build.py")]
    entrypoint: PathBuf,

    /// The URL of the transform role's database: the job's secret
    #[arg(long, value_name = "URL", env = "MIQ_DATABASE_TRANSFORM_URL", hide_env_values = true)]
    transform_url: Option<String>,

    /// Where the management API listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    management: SocketAddr,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    program::run("info", |listening| serve(arguments, listening)).await
}

async fn serve(arguments: Arguments, listening: Listening) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    let authority = Authority::open_or_create(folder)?;
    let (cert, key) = authority.issue_leaf()?.write_to(folder)?;
    let identity = IdentityEndpoint::listen(arguments.identity, &authority).await?;
    let vault = KeyVault::listen(arguments.key_vault, &authority).await?;
    let jobs = match transform_job(&arguments)? {
        Some(job) => Some(ContainerApps::listen(arguments.management, &authority, job).await?),
        None => None,
    };
    let mut line = serde_json::json!({
        "identity_endpoint": identity.url(),
        "identity_header": identity.header(),
        "identity_client_id": USER_ASSIGNED_CLIENT_ID,
        "key_vault_url": vault.url(),
        "ca": authority.ca_file(),
        "leaf_cert": cert,
        "leaf_key": key,
    });
    if let Some(jobs) = &jobs {
        line["management_url"] = serde_json::json!(jobs.management_url());
        line["transform_job_id"] = serde_json::json!(jobs.job_id());
    }
    listening.announce(&line).await
}

/// The one of the Bicep's development deployment.
fn transform_job(arguments: &Arguments) -> anyhow::Result<Option<TransformJob>> {
    let (Some(python), Some(database_url)) = (&arguments.python, &arguments.transform_url) else {
        return Ok(None);
    };
    // The image runs in a folder of its own.
    let absolute = |file: &Path| {
        std::path::absolute(file).with_context(|| format!("cannot find {}", file.display()))
    };
    Ok(Some(TransformJob {
        name: "miq-dev-dbt".to_owned(),
        python: absolute(python)?,
        entrypoint: absolute(&arguments.entrypoint)?,
        database_url: database_url.clone(),
        environment: Vec::new(),
        replica_timeout: Duration::from_mins(25),
    }))
}
