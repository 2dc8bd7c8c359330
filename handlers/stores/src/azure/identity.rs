//! Who the backends are to Azure.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, Transport, UserAgentOptions};
use azure_identity::{
    DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId,
};
use domain::ports::StoreError;

use super::connections::Connections;
use super::refusal::Refusal;
use super::{Patience, explain};

/// An identity, and the connections that all clients with it share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AzureIdentity {
    credential: Arc<dyn TokenCredential>,
    connections: Transport,
    patience: Patience,
}

impl AzureIdentity {
    /// The managed identity of the app that this process is part of: the user-assigned one with
    /// this client id, or the app's own.
    pub fn managed(client_id: Option<&str>) -> Result<Self, StoreError> {
        Self::patiently_managed(client_id, Patience::USUAL)
    }

    /// As [`managed`](Self::managed), with bounds for each call.
    pub(crate) fn patiently_managed(
        client_id: Option<&str>,
        patience: Patience,
    ) -> Result<Self, StoreError> {
        let connections = Transport::new(Arc::new(Connections::new(patience)));
        let credential = ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
            user_assigned_id: client_id.map(|id| UserAssignedId::ClientId(id.to_owned())),
            client_options: client_options(&connections, patience),
        }))
        .map_err(|error| unusable(&error))?;
        Ok(Self { credential, connections, patience })
    }

    /// Whoever is signed in on this machine with `az login` or `azd auth login`.
    pub fn developer() -> Result<Self, StoreError> {
        let patience = Patience::USUAL;
        let connections = Transport::new(Arc::new(Connections::new(patience)));
        let credential = DeveloperToolsCredential::new(None).map_err(|error| unusable(&error))?;
        Ok(Self { credential, connections, patience })
    }

    pub(crate) fn credential(&self) -> Arc<dyn TokenCredential> {
        Arc::clone(&self.credential)
    }

    /// For a client of any service.
    pub(crate) fn client_options(&self) -> ClientOptions {
        client_options(&self.connections, self.patience)
    }

    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }
}

fn client_options(connections: &Transport, patience: Patience) -> ClientOptions {
    ClientOptions {
        per_call_policies: vec![patience.deadline()],
        retry: patience.retry(),
        transport: Some(connections.clone()),
        user_agent: UserAgentOptions { application_id: Some("marketing-iq".to_owned()) },
        ..ClientOptions::default()
    }
}

fn unusable(error: &azure_core::Error) -> StoreError {
    StoreError::Unavailable {
        what: "the Azure identity",
        source: Refusal::new(explain(error)).into(),
    }
}
