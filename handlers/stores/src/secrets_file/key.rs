//! The key file: 32 random bytes in base64, readable by its owner alone.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ports::StoreError;
use secrecy::zeroize::Zeroizing;

use super::{corrupt, unavailable};

const KEY_LEN: usize = 32;

/// AES-256-GCM; every sealing draws a nonce of its own.
pub(super) struct Key(RandomizedNonceKey);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// `None` if there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unavailable(error)),
        };
        let mode = file.metadata().map_err(unavailable)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(StoreError::Invalid(format!(
                "the key file can be read by others: run `chmod 600 {}`",
                path.display()
            )));
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text).map_err(unavailable)?;
        let bytes = STANDARD.decode(text.trim()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| corrupt("the key file does not hold a key"))?;
        Self::from_bytes(&bytes).map(Some)
    }

    /// Makes a new key. The caller holds the lock, so no one reads a half-written one.
    pub(super) fn create(path: &Path) -> Result<Self, StoreError> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        rand::fill(bytes.as_mut())
            .map_err(|_| unavailable(io::Error::other("no random numbers")))?;
        let write = || -> io::Result<()> {
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
            let text = Zeroizing::new(STANDARD.encode(&bytes[..]));
            writeln!(file, "{}", *text)?;
            file.sync_all()?;
            let folder = path.parent().expect("the key file is in a folder");
            fs::File::open(folder)?.sync_all()
        };
        write().map_err(unavailable)?;
        Self::from_bytes(&bytes[..])
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes)
            .map(Self)
            .map_err(|_| corrupt("the key file does not hold a key of 32 bytes"))
    }

    /// Nonce, ciphertext and tag; opens only under the same `name`.
    pub(super) fn seal(&self, name: &str, value: &str) -> Result<Vec<u8>, StoreError> {
        let mut text = value.as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(name), &mut text)
            .map_err(|_| unavailable(io::Error::other("encryption failed")))?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let wrong =
            || corrupt("the key does not open it: the key is another one, or the file was changed");
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut text = Zeroizing::new(text.to_vec());
        let length =
            self.0.open_in_place(nonce, Aad::from(name), &mut text).map_err(|_| wrong())?.len();
        text.truncate(length);
        Ok(text)
    }
}
