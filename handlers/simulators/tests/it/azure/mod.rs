//! The stand-ins of Azure's services: over the wire, and with Microsoft's own clients.

mod authority;
mod clients;
mod container_apps;
mod gate;
mod identity;
mod key_vault;
mod program;
mod tcp_gate;

use std::time::Duration;

use reqwest::{Certificate, Client};
use simulators::azure::Authority;
use tempfile::TempDir;

/// Longer than anything here takes, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// An authority of the test's own, and a client that trusts it alone.
struct Site {
    authority: Authority,
    client: Client,
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::open_or_create(folder.path()).expect("an authority");
        let client = trusting(&authority).build().expect("a client");
        Self { authority, client, folder }
    }
}

fn trusting(authority: &Authority) -> reqwest::ClientBuilder {
    let root = Certificate::from_pem(authority.ca_pem().as_bytes()).expect("a certificate");
    Client::builder().tls_certs_only([root]).timeout(PATIENCE)
}
