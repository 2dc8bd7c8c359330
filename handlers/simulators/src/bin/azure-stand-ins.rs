//! The stand-ins of Azure's services as a program: prints where they listen, serves until it is
//! told to stop.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use simulators::azure::{Authority, IdentityEndpoint, KeyVault, Leaf, USER_ASSIGNED_CLIENT_ID};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Stands in for what Azure gives to a function app: the identity endpoint and a Key Vault.
///
/// Keeps a development certificate authority in the folder (ca.pem, ca.key) and writes a
/// server's certificate beside it (leaf.pem, leaf.key), which Azurite can present: azurite
/// --oauth basic --cert leaf.pem --key leaf.key. Clients trust all of them with
/// `SSL_CERT_FILE=ca.pem`.
///
/// Once it listens it prints one line of JSON: `identity_endpoint` and `identity_header` go into
/// `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`; `identity_client_id` is the client id of the
/// user-assigned identity; ca, `leaf_cert` and `leaf_key` are the files. What the vault keeps is
/// gone when the program ends.
#[derive(Parser)]
#[command(
    version,
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
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::new("info"))
        .init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tracing::error!("{fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot await SIGTERM")?;
    let folder = &arguments.folder;
    let authority = Authority::open_or_create(folder)?;
    let (cert, key) = (folder.join("leaf.pem"), folder.join("leaf.key"));
    write_leaf(&authority.issue_leaf()?, &cert, &key)?;
    let identity = IdentityEndpoint::listen(arguments.identity, &authority).await?;
    let vault = KeyVault::listen(arguments.key_vault, &authority).await?;
    let line = serde_json::json!({
        "identity_endpoint": identity.url(),
        "identity_header": identity.header(),
        "identity_client_id": USER_ASSIGNED_CLIENT_ID,
        "key_vault_url": vault.url(),
        "ca": authority.ca_file(),
        "leaf_cert": cert,
        "leaf_key": key,
    });
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot write to stdout")?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.context("cannot await SIGINT")?,
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}

fn write_leaf(leaf: &Leaf, cert: &Path, key: &Path) -> anyhow::Result<()> {
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(key)?.write_all(leaf.key_pem.as_bytes())?;
        fs::write(cert, &leaf.cert_pem)
    };
    write().with_context(|| format!("cannot write {} and its key", cert.display()))
}
