//! Asking a platform which accounts a credential reaches.

use domain::ports::{Credential, PlatformAccount, PlatformError};
use jobs::VaultError;

use crate::{App, Problem};

/// A consent that turns out to be gone is marked as such.
pub(in crate::endpoints) async fn discover(
    app: &App,
    credential: &Credential,
) -> Result<Vec<PlatformAccount>, Problem> {
    match ask(app, credential).await {
        Ok(accounts) => Ok(accounts),
        Err(VaultError::Platform(error)) => {
            if matches!(error, PlatformError::NeedsReauth(_)) {
                app.credentials.needs_reauth(credential.id).await?;
            }
            Err(error.into())
        }
        Err(VaultError::Store(error)) => Err(error.into()),
    }
}

async fn ask(app: &App, credential: &Credential) -> Result<Vec<PlatformAccount>, VaultError> {
    let (id, platform) = (credential.id, credential.platform);
    let token = app.vault.access_token(id, platform).await?;
    match app.platforms.accounts(platform, &token).await {
        // Tokens may die early: one more try with another.
        Err(PlatformError::NeedsReauth(_)) => {
            let token = app.vault.renew(id, platform, &token).await?;
            Ok(app.platforms.accounts(platform, &token).await?)
        }
        answer => Ok(answer?),
    }
}
