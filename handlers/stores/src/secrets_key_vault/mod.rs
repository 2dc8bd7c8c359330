//! Secrets in Azure Key Vault.
//!
//! **Invariant:** what is kept in memory answers [`Secrets::get_recent`] alone. Whoever renews a
//! secret reads it with [`Secrets::get`], which asks the vault each time, so that no process builds
//! upon what another has replaced.

mod refusals;
#[cfg(test)]
mod tests;
mod vault;

use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{BoxError, Secrets, StoreError};
use moka::future::Cache;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use self::vault::{Deleted, Stored, Vault, WHAT};
use crate::azure::AzureIdentity;
use crate::secret_name::check;

/// As old as [`Secrets::get_recent`] may be.
const MAX_AGE: Duration = Duration::from_mins(5);

/// So many secrets are kept in memory, of up to [`MAX_VALUE`] each.
const KEPT: u64 = 1_000;

/// Bytes of a value: <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets> says 25k.
const MAX_VALUE: usize = 25_000;

/// How long Key Vault may take over a deletion or a recovery, which it finishes after it has
/// answered; seconds are usual. No call begins later.
const SETTLED: Duration = Duration::from_secs(30);

/// Between two looks at whether it has; doubled each time.
const FIRST_LOOK: Duration = Duration::from_millis(100);
const LAST_LOOK: Duration = Duration::from_secs(3);

/// [`Secrets`] in one vault, whose newest version of a secret is the secret.
pub struct KeyVaultSecrets {
    vault: Vault,
    recent: Cache<String, SecretString>,
    settled: Duration,
}

impl KeyVaultSecrets {
    /// `vault` is its URL, `https://NAME.vault.azure.net/`. Nothing is contacted yet.
    pub fn new(identity: &AzureIdentity, vault: &Url) -> Result<Self, StoreError> {
        let recent = Cache::builder().max_capacity(KEPT).time_to_live(MAX_AGE).build();
        Ok(Self { vault: Vault::new(identity, vault)?, recent, settled: SETTLED })
    }

    /// Stores a version, bringing the name back first if it was deleted.
    async fn store(&self, name: &str, value: &SecretString) -> Result<(), StoreError> {
        let mut looks = Looks::until(Instant::now() + self.settled);
        loop {
            match self.vault.set(name, value).await? {
                Stored::Done => return Ok(()),
                Stored::NameIsDeleted if looks.may_go_on() => self.vault.recover(name).await?,
                Stored::NameIsDeleted | Stored::NameIsBusy => {}
            }
            if !looks.wait().await {
                return Err(self.vault.unsettled(name));
            }
        }
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        let mut looks = Looks::until(Instant::now() + self.settled);
        loop {
            match self.vault.delete(name).await? {
                Deleted::WasNotThere => return Ok(()),
                Deleted::Begun if looks.may_go_on() => {
                    if self.vault.get_if_enabled(name).await?.is_none() {
                        return Ok(());
                    }
                }
                Deleted::Begun | Deleted::NameIsBusy => {}
            }
            if !looks.wait().await {
                return Err(self.vault.unsettled(name));
            }
        }
    }
}

#[async_trait]
impl Secrets for KeyVaultSecrets {
    async fn get(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        check(name)?;
        let value = self.vault.get(name).await?;
        match &value {
            Some(value) => self.recent.insert(name.to_owned(), value.clone()).await,
            None => self.recent.invalidate(name).await,
        }
        Ok(value)
    }

    /// Many who ask at once ask the vault once. What is not there is not remembered: another
    /// process may store it at any moment.
    async fn get_recent(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        check(name)?;
        let asked = self.recent.try_get_with_by_ref(name, async {
            match self.vault.get(name).await {
                Ok(value) => value.ok_or(None),
                Err(error) => Err(Some(error)),
            }
        });
        match asked.await {
            Ok(value) => Ok(Some(value)),
            Err(why) => why.as_ref().as_ref().map_or(Ok(None), |error| Err(again(error))),
        }
    }

    async fn set(&self, name: &str, value: SecretString) -> Result<(), StoreError> {
        check(name)?;
        if value.expose_secret().len() > MAX_VALUE {
            return Err(StoreError::Invalid(format!(
                "the secret {name} is too large: a key vault holds up to {MAX_VALUE} bytes"
            )));
        }
        // Each version is kept for good. And a client's first call to a vault must not be a
        // write: it is answered with a challenge, and if that call has to be repeated the SDK
        // sends the write again without what was to be written.
        let same = match self.vault.get_if_enabled(name).await? {
            Some(stored) => stored.expose_secret() == value.expose_secret(),
            None => false,
        };
        if !same {
            // What is stored is not known while this is under way, nor if it fails.
            self.recent.invalidate(name).await;
            self.store(name, &value).await?;
        }
        self.recent.insert(name.to_owned(), value).await;
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        check(name)?;
        let removed = self.remove(name).await;
        self.recent.invalidate(name).await;
        removed
    }
}

/// The same error for one more of those who waited for the same answer.
fn again(error: &StoreError) -> StoreError {
    let copy = |source: &BoxError| source.to_string().into();
    match error {
        StoreError::Corrupt { what, source } => StoreError::Corrupt { what, source: copy(source) },
        StoreError::Unavailable { source, .. } => {
            StoreError::Unavailable { what: WHAT, source: copy(source) }
        }
        other => StoreError::Unavailable { what: WHAT, source: other.to_string().into() },
    }
}

/// Looking again and again, less and less often, for a bounded time.
struct Looks {
    until: Instant,
    pause: Duration,
}

impl Looks {
    fn until(until: Instant) -> Self {
        Self { until, pause: FIRST_LOOK }
    }

    fn may_go_on(&self) -> bool {
        Instant::now() < self.until
    }

    /// False if there is no time left for another look.
    async fn wait(&mut self) -> bool {
        let next = Instant::now() + self.pause;
        if next > self.until {
            return false;
        }
        tokio::time::sleep_until(next).await;
        self.pause = (self.pause * 2).min(LAST_LOOK);
        true
    }
}
