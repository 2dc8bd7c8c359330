//! The calls to one vault, and what its answers mean.

use azure_core::http::StatusCode;
use azure_security_keyvault_secrets::models::{Secret, SetSecretParameters};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use domain::ports::StoreError;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::refusals::{Busy, busy, is_disabled, is_missing, lets_nobody_in};
use crate::azure::{AzureIdentity, Resource, answered, endpoint, is_loopback};

/// What people call it.
pub(super) const WHAT: &str = "the secret store";

const ROLE: &str = "Key Vault Secrets Officer";

pub(super) struct Vault {
    client: SecretClient,
    resource: Resource,
}

/// What became of a write.
pub(super) enum Stored {
    Done,
    /// Nothing may be stored under the name of a deleted secret before it is recovered or purged.
    NameIsDeleted,
    /// It is being deleted or recovered.
    NameIsBusy,
}

pub(super) enum Deleted {
    /// The vault says so before it is.
    Begun,
    WasNotThere,
    NameIsBusy,
}

impl Vault {
    pub(super) fn new(identity: &AzureIdentity, vault: &Url) -> Result<Self, StoreError> {
        let url = endpoint(vault)?;
        let host = url.host_str().unwrap_or_default();
        let resource = Resource { what: WHAT, name: format!("the key vault {host}"), role: ROLE };
        let client = client(identity, &url).map_err(|error| resource.unavailable(&error))?;
        Ok(Self { client, resource })
    }

    /// The newest version's value.
    pub(super) async fn get(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        match self.read(name).await {
            Ok(value) => value.map(Some),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    /// The same, with nothing where the newest version is disabled.
    pub(super) async fn get_if_enabled(
        &self,
        name: &str,
    ) -> Result<Option<SecretString>, StoreError> {
        match self.read(name).await {
            Ok(value) => value.map(Some),
            Err(error) if is_missing(&error) || is_disabled(&error) => Ok(None),
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    async fn read(
        &self,
        name: &str,
    ) -> Result<Result<SecretString, StoreError>, azure_core::Error> {
        let secret: Secret = self.client.get_secret(name, None).await?.into_model()?;
        let strange = || self.resource.strange(format!("the secret {name} came without a value"));
        Ok(secret.value.map(SecretString::from).ok_or_else(strange))
    }

    pub(super) async fn set(&self, name: &str, value: &SecretString) -> Result<Stored, StoreError> {
        let parameters = SetSecretParameters {
            value: Some(value.expose_secret().to_owned()),
            ..SetSecretParameters::default()
        };
        let body = parameters.try_into().map_err(|error| self.failed(name, &error))?;
        match self.client.set_secret(name, body, None).await {
            Ok(_) => Ok(Stored::Done),
            Err(error) => match busy(&error) {
                Some(Busy::Deleted) => Ok(Stored::NameIsDeleted),
                Some(Busy::Changing) => Ok(Stored::NameIsBusy),
                None => Err(self.failed(name, &error)),
            },
        }
    }

    /// Begins to bring a deleted secret back. Whether that was needed, the next write shows.
    pub(super) async fn recover(&self, name: &str) -> Result<(), StoreError> {
        match self.client.recover_deleted_secret(name, None).await {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) || busy(&error).is_some() => Ok(()),
            Err(error) => Err(self.failed(name, &error)),
        }
    }

    pub(super) async fn delete(&self, name: &str) -> Result<Deleted, StoreError> {
        match self.client.delete_secret(name, None).await {
            Ok(_) => Ok(Deleted::Begun),
            Err(error) if is_missing(&error) => Ok(Deleted::WasNotThere),
            Err(error) => match busy(&error) {
                Some(Busy::Deleted) => Ok(Deleted::WasNotThere),
                Some(Busy::Changing) => Ok(Deleted::NameIsBusy),
                None => Err(self.failed(name, &error)),
            },
        }
    }

    /// The vault has taken too long over it.
    pub(super) fn unsettled(&self, name: &str) -> StoreError {
        self.resource.refused(format!(
            "{} is still deleting or recovering the secret {name}: try again in a minute",
            self.resource.name
        ))
    }

    fn failed(&self, name: &str, error: &azure_core::Error) -> StoreError {
        let vault = &self.resource.name;
        if is_disabled(error) {
            return self.resource.refused(format!(
                "the secret {name} in {vault} is disabled: enable its newest version, or connect \
                 the platform again, which stores a new one"
            ));
        }
        if lets_nobody_in(error) {
            return self.resource.refused(format!(
                "{vault} lets nobody in from here: allow this network in its firewall"
            ));
        }
        if matches!(answered(error), Some((StatusCode::BadRequest, _))) {
            return self.resource.strange(format!(
                "{vault} did not understand what was asked of it for the secret {name}"
            ));
        }
        self.resource.unavailable(error)
    }
}

pub(super) fn client(identity: &AzureIdentity, url: &Url) -> azure_core::Result<SecretClient> {
    let options = SecretClientOptions {
        client_options: identity.client_options(),
        // A stand-in on this machine hands out the challenge of a real vault, which does not name
        // this machine. Everywhere else the token goes to nobody but a vault.
        verify_challenge_resource: Some(!is_loopback(url)),
        ..SecretClientOptions::default()
    };
    SecretClient::new(url.as_str(), identity.credential(), Some(options))
}
