//! Which certificate authorities a test's processes trust.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Where systems keep their authorities in one file: Debian, Red Hat, SUSE, macOS.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Writes a bundle of the system's authorities and one of ours: `SSL_CERT_FILE` takes the place
/// of the system's, and Cargo may still have to download something.
pub(super) fn bundle(ours: &Path, to: &Path) -> anyhow::Result<()> {
    let chosen = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let mut system = chosen.into_iter().chain(SYSTEM.map(PathBuf::from));
    let mut bundle = system.find_map(|file| fs::read(file).ok()).unwrap_or_default();
    if !bundle.is_empty() && !bundle.ends_with(b"\n") {
        bundle.push(b'\n');
    }
    bundle.extend(fs::read(ours).with_context(|| format!("cannot read {}", ours.display()))?);
    fs::write(to, bundle).with_context(|| format!("cannot write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_authority_follows_the_systems() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, to) = (folder.path().join("ca.pem"), folder.path().join("bundle.pem"));
        fs::write(&ours, "-----BEGIN CERTIFICATE-----\nours\n").unwrap();
        bundle(&ours, &to).unwrap();
        let bundle = fs::read_to_string(to).unwrap();
        let systems = bundle.strip_suffix("-----BEGIN CERTIFICATE-----\nours\n").unwrap();
        assert!(systems.is_empty() || systems.ends_with('\n'));
    }
}
