use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use secrecy::SecretString;
use url::Url;

use super::{PlatformAccount, StoreError};
use crate::{
    Caller, ConnectionId, CredentialId, CurrencyCode, Platform, TenantId, TenantScope, UserId,
};

/// Consents under way: between the moment a person is sent to a platform and the moment the
/// browser comes back.
#[async_trait]
pub trait Consents: Send + Sync {
    /// Remembers a consent for 10 minutes, under secrets that only the answer holds.
    async fn begin(
        &self,
        scope: &TenantScope,
        caller: &Caller,
        consent: &NewConsent,
    ) -> Result<BegunConsent, StoreError>;

    /// The consent that `state` names, once. `None` if there is none, it was taken before, has
    /// expired, or its person may no longer connect platforms in its tenant.
    async fn take(&self, state: &SecretString) -> Result<Option<PendingConsent>, StoreError>;
}

#[derive(Clone, Debug)]
pub struct NewConsent {
    pub platform: Platform,
    pub redirect_uri: Url,
    pub login_hint: Option<String>,
}

/// What the person's browser carries through a consent. Both values are 256 random bits; their
/// hashes are stored.
#[derive(Clone, Debug)]
pub struct BegunConsent {
    /// Travels through the platform.
    pub state: SecretString,
    /// Stays in the browser, as a cookie.
    pub browser: SecretString,
    /// The PKCE verifier.
    pub code_verifier: SecretString,
    pub expires_at: DateTime<Utc>,
}

/// A consent whose browser has come back.
#[derive(Clone, Debug)]
pub struct PendingConsent {
    pub user: UserId,
    pub tenant: TenantId,
    /// Given by the organization's owner: for all of its tenants.
    pub shared: bool,
    pub platform: Platform,
    pub redirect_uri: Url,
    pub login_hint: Option<String>,
    pub code_verifier: SecretString,
    /// SHA-256 of the browser's cookie.
    pub browser_hash: Vec<u8>,
}

/// Consents and keys at platforms. Their tokens are in the secret store, never here.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The credential that a consent renews, or a new one. A new one is of no use until
    /// [`Credentials::activate`].
    async fn for_consent(&self, consent: &PendingConsent) -> Result<CredentialId, StoreError>;

    /// Its tokens are in the secret store: the credential works, and so do its connections.
    async fn activate(&self, id: CredentialId, scopes: &[String]) -> Result<(), StoreError>;

    /// The platform no longer accepts it: people see it on the credential and its connections.
    async fn needs_reauth(&self, id: CredentialId) -> Result<(), StoreError>;

    /// Those that the caller may use in this tenant: the tenant's own and, for the owner, the
    /// organization's.
    async fn usable(
        &self,
        scope: &TenantScope,
        caller: &Caller,
    ) -> Result<Vec<Credential>, StoreError>;

    /// One of [`Credentials::usable`]; [`StoreError::NotFound`] for all others.
    async fn find(
        &self,
        scope: &TenantScope,
        caller: &Caller,
        id: CredentialId,
    ) -> Result<Credential, StoreError>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub id: CredentialId,
    pub platform: Platform,
    pub login: Option<String>,
    /// `active`, `needs_reauth`, `revoked`.
    pub status: String,
    /// Usable in all tenants of the organization, by its owner.
    pub shared: bool,
}

/// Platform accounts assigned to a tenant.
#[async_trait]
pub trait Connections: Send + Sync {
    /// By platform, then name.
    async fn list(&self, scope: &TenantScope) -> Result<Vec<Connection>, StoreError>;

    /// `credential` has been checked with [`Credentials::find`] in the same scope.
    /// [`StoreError::AlreadyExists`] if the tenant reads the account already.
    async fn create(
        &self,
        scope: &TenantScope,
        by: UserId,
        credential: &Credential,
        account: &PlatformAccount,
    ) -> Result<Connection, StoreError>;

    async fn delete(
        &self,
        scope: &TenantScope,
        by: UserId,
        id: ConnectionId,
    ) -> Result<(), StoreError>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub id: ConnectionId,
    pub platform: Platform,
    pub account_id: String,
    pub name: String,
    pub currency: CurrencyCode,
    pub time_zone: Tz,
    /// `active`, `needs_reauth`, `needs_attention`.
    pub status: String,
    /// What is wrong, if something is.
    pub status_detail: Option<String>,
}
