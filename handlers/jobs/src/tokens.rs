use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use connectors::TokenSource;
use domain::ports::PlatformError;
use domain::{ConnectedAccount, CredentialId, Platform};
use secrecy::SecretString;

use crate::{CredentialVault, VaultError};

/// The tokens of one account's credential.
pub(crate) struct VaultTokens {
    vault: Arc<CredentialVault>,
    credential: CredentialId,
    platform: Platform,
    /// The one to replace, should the platform refuse it.
    latest: Mutex<Option<SecretString>>,
}

impl VaultTokens {
    pub(crate) fn new(vault: Arc<CredentialVault>, account: &ConnectedAccount) -> Self {
        Self {
            vault,
            credential: account.credential,
            platform: account.platform,
            latest: Mutex::default(),
        }
    }

    fn hand_out(
        &self,
        token: Result<SecretString, VaultError>,
    ) -> Result<SecretString, PlatformError> {
        let token = token.map_err(|error| self.as_platforms(error))?;
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }

    /// Secrets that are away are as good as a platform that is away: later it may work.
    fn as_platforms(&self, error: VaultError) -> PlatformError {
        match error {
            VaultError::Platform(error) => error,
            VaultError::Store(error) => PlatformError::Unavailable(self.platform, error.into()),
        }
    }
}

#[async_trait]
impl TokenSource for VaultTokens {
    async fn access_token(&self) -> Result<SecretString, PlatformError> {
        self.hand_out(self.vault.access_token(self.credential, self.platform).await)
    }

    async fn renew(&self) -> Result<SecretString, PlatformError> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(refused) = latest else { return self.access_token().await };
        self.hand_out(self.vault.renew(self.credential, self.platform, &refused).await)
    }
}
