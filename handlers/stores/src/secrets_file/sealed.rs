//! What the file holds: names in the clear, values sealed.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ports::StoreError;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::corrupt;
use super::key::Key;

const FORMAT: u32 = 1;

/// Sealed in every file, so that a wrong key shows before anything is written. No secret can
/// have this name.
const CHECK: &str = "*check*";

#[derive(Serialize, Deserialize)]
pub(super) struct Sealed {
    format: u32,
    check: String,
    /// Each value in base64, by name.
    secrets: BTreeMap<String, String>,
}

impl Sealed {
    pub(super) fn new(key: &Key) -> Result<Self, StoreError> {
        let check = STANDARD.encode(key.seal(CHECK, CHECK)?);
        Ok(Self { format: FORMAT, check, secrets: BTreeMap::new() })
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let sealed: Self = serde_json::from_slice(bytes)
            .map_err(|_| corrupt("the file is not what this program writes"))?;
        if sealed.format == FORMAT {
            Ok(sealed)
        } else {
            Err(corrupt("the file was written by a newer version of this program"))
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a map of strings is JSON")
    }

    /// Whether `key` is the one that sealed this file.
    pub(super) fn check(&self, key: &Key) -> Result<(), StoreError> {
        key.open(CHECK, &decode(&self.check)?).map(drop)
    }

    pub(super) fn get(&self, key: &Key, name: &str) -> Result<Option<SecretString>, StoreError> {
        let Some(value) = self.secrets.get(name) else {
            return self.check(key).map(|()| None);
        };
        let opened = key.open(name, &decode(value)?)?;
        let text = std::str::from_utf8(&opened).map_err(|_| corrupt("a secret is not text"))?;
        Ok(Some(SecretString::from(text)))
    }

    pub(super) fn set(
        &mut self,
        key: &Key,
        name: String,
        value: &SecretString,
    ) -> Result<(), StoreError> {
        let value = STANDARD.encode(key.seal(&name, value.expose_secret())?);
        self.secrets.insert(name, value);
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.secrets.remove(name);
    }
}

fn decode(text: &str) -> Result<Vec<u8>, StoreError> {
    STANDARD.decode(text).map_err(|_| corrupt("the file is not what this program writes"))
}
