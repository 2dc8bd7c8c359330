//! A certificate authority for servers on this machine.
//!
//! Clients trust it through `SSL_CERT_FILE`. A certificate that signs itself is not enough: the
//! clients' verifier refuses one that is both an authority and a server.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::tokens::Tokens;

/// A development certificate authority that is kept in a folder: `ca.pem` is what clients trust,
/// `ca.key` signs.
#[derive(Debug)]
pub struct Authority {
    ca_file: PathBuf,
    ca_pem: String,
    key: KeyPair,
}

/// A server's certificate for `127.0.0.1`, `::1` and `localhost`, with its key.
pub struct Leaf {
    pub cert_pem: String,
    pub key_pem: String,
}

impl Authority {
    /// Opens the folder's authority, or makes one if there is none. Processes that do this at
    /// the same time come to the same authority.
    pub fn open_or_create(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        let lock = folder.join("ca.lock");
        let lock = File::create(&lock)
            .and_then(|file| file.lock().map(|()| file))
            .with_context(|| format!("cannot lock {}", lock.display()))?;
        let authority = Self::open_locked(folder);
        drop(lock);
        authority
    }

    fn open_locked(folder: &Path) -> anyhow::Result<Self> {
        let (ca_file, key_file) = (folder.join("ca.pem"), folder.join("ca.key"));
        if !ca_file.exists() {
            let key = KeyPair::generate().context("cannot make a key")?;
            let certificate = params()?.self_signed(&key).context("cannot sign a certificate")?;
            write(&key_file, &key.serialize_pem(), 0o600)?;
            write(&ca_file, &certificate.pem(), 0o644)?;
        }
        let read = |file: &Path| {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        };
        let ca_pem = read(&ca_file)?;
        let key = KeyPair::from_pem(&read(&key_file)?)
            .with_context(|| format!("{} holds no key", key_file.display()))?;
        Ok(Self { ca_file, ca_pem, key })
    }

    /// The file that clients are to trust.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The certificate that clients are to trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A new certificate for a server on this machine.
    pub fn issue_leaf(&self) -> anyhow::Result<Leaf> {
        let key = KeyPair::generate().context("cannot make a key")?;
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()])
            .context("localhost is no name for a certificate")?;
        for address in ["127.0.0.1", "::1"] {
            let address = address.parse().context("no address")?;
            leaf.subject_alt_names.push(SanType::IpAddress(address));
        }
        leaf.distinguished_name = name("Marketing IQ stand-in");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.use_authority_key_identifier_extension = true;
        (leaf.not_before, leaf.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2050, 1, 1));
        let issuer = Issuer::new(params()?, &self.key);
        let certificate =
            leaf.signed_by(&key, &issuer).context("cannot sign a server's certificate")?;
        Ok(Leaf { cert_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }

    /// The directory whose tokens the stand-ins accept: it signs with this authority's key, so
    /// that processes with the same folder accept each other's.
    pub fn tokens(&self) -> Tokens {
        Tokens::signed_with(self.key.serialized_der(), self.key.public_key_raw())
    }

    /// Ends TLS with a new certificate. HTTP/1.1 is all that the servers behind it speak.
    pub(crate) fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let leaf = self.issue_leaf()?;
        let certificate = CertificateDer::from_pem_slice(leaf.cert_pem.as_bytes())
            .context("the certificate cannot be read back")?;
        let key = PrivateKeyDer::from_pem_slice(leaf.key_pem.as_bytes())
            .context("the key cannot be read back")?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .context("no version of TLS is left")?
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .context("the certificate does not fit its key")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl Leaf {
    /// Writes `leaf.pem` and `leaf.key` into a folder, for servers that read files.
    pub fn write_to(&self, folder: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
        let (cert_file, key_file) = (folder.join("leaf.pem"), folder.join("leaf.key"));
        write(&key_file, &self.key_pem, 0o600)?;
        write(&cert_file, &self.cert_pem, 0o644)?;
        Ok((cert_file, key_file))
    }
}

fn params() -> anyhow::Result<CertificateParams> {
    let mut ca = CertificateParams::new(Vec::new()).context("no parameters")?;
    ca.distinguished_name = name("Marketing IQ development authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (ca.not_before, ca.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2050, 1, 1));
    Ok(ca)
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// Writes a file that is there whole or not at all, whenever the process ends.
fn write(path: &Path, content: &str, mode: u32) -> anyhow::Result<()> {
    let beside = path.with_added_extension("new");
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        options.open(&beside)?.write_all(content.as_bytes())?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
