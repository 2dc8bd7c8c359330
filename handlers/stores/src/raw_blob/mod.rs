//! The raw store as a container of Azure Blob Storage.
//!
//! **Invariant:** a blob exists only once its last request has succeeded. A file is staged as
//! blocks that nobody can see, and committed with one call; what is never committed is removed
//! by the service after a week. The account has no hierarchical namespace, in which folders
//! would be listed as files.

mod download;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::StatusCode;
use azure_storage_blob::models::{
    BlobClientGetPropertiesResultHeaders, BlobContainerClientListBlobsOptions,
    BlockBlobClientUploadOptions, StorageErrorCode,
};
use azure_storage_blob::{
    BlobClient, BlobContainerClient, BlobServiceClient, BlobServiceClientOptions,
};
use bytes::Bytes;
use domain::ports::{RawStore, RawWriter, StoreError};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use url::Url;
use uuid::Uuid;

use crate::azure::{AzureIdentity, Patience, Resource, answered, endpoint, explain};
use crate::raw_name::{check_path, check_prefix};

const WHAT: &str = "a raw file";

/// Holds the name of one write, by which it knows its own blob again.
const WRITE: &str = "miqwrite";

/// Raw files as the blobs of one container.
#[derive(Clone)]
pub struct BlobRawStore {
    container: Arc<BlobContainerClient>,
    resource: Arc<Resource>,
    patience: Patience,
}

impl BlobRawStore {
    /// `service` is the account's address, such as `https://miq.blob.core.windows.net`. The
    /// container has to be there; nothing is asked before the first call.
    pub fn new(
        identity: &AzureIdentity,
        service: &Url,
        container: &str,
    ) -> Result<Self, StoreError> {
        let service = endpoint(service)?;
        let host = service.host_str().unwrap_or_default();
        let resource = Resource {
            what: "the raw store",
            name: format!("the container {container} at {host}"),
            role: "Storage Blob Data Contributor",
        };
        let options = BlobServiceClientOptions {
            client_options: identity.client_options(),
            ..BlobServiceClientOptions::default()
        };
        let client = BlobServiceClient::new(service, Some(identity.credential()), Some(options))
            .map_err(|error| StoreError::Invalid(explain(&error)))?;
        Ok(Self {
            container: Arc::new(client.blob_container_client(container)),
            resource: Arc::new(resource),
            patience: identity.patience(),
        })
    }

    fn file(&self, path: &str) -> Result<RawBlob, StoreError> {
        check_path(path)?;
        Ok(RawBlob {
            client: Arc::new(self.container.blob_client(path)),
            resource: Arc::clone(&self.resource),
            patience: self.patience,
        })
    }

    /// `page` is how many the service tells at once; its own choice is 5,000. It lists in order
    /// of the names' bytes.
    fn paths(
        &self,
        prefix: &str,
        page: Option<i32>,
    ) -> Result<BoxStream<'static, Result<String, StoreError>>, StoreError> {
        check_prefix(prefix)?;
        let options = BlobContainerClientListBlobsOptions {
            prefix: Some(prefix.to_owned()),
            maxresults: page,
            ..BlobContainerClientListBlobsOptions::default()
        };
        let blobs = self.container.list_blobs(Some(options));
        let blobs = blobs.map_err(|error| failed(&self.resource, &error))?;
        let resource = Arc::clone(&self.resource);
        let paths = blobs.map(move |blob| {
            let blob = blob.map_err(|error| failed(&resource, &error))?;
            blob.name.ok_or_else(|| resource.strange("it lists a blob without a name".to_owned()))
        });
        Ok(paths.boxed())
    }
}

#[async_trait]
impl RawStore for BlobRawStore {
    async fn create(&self, path: &str) -> Result<Box<dyn RawWriter>, StoreError> {
        Ok(Box::new(writer::BlockWriter::new(self.file(path)?)))
    }

    async fn put_new(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.file(path)?.put_new(bytes).await
    }

    async fn read(
        &self,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        download::read(self.file(path)?).await
    }

    async fn list(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<String, StoreError>>, StoreError> {
        self.paths(prefix, None)
    }
}

/// One file: its client, and what its errors need.
#[derive(Clone)]
struct RawBlob {
    client: Arc<BlobClient>,
    resource: Arc<Resource>,
    patience: Patience,
}

impl RawBlob {
    /// The SDK repeats a request whose answer was lost. If that request had arrived, the repeated
    /// one finds a blob in its way: its own.
    async fn put_new(&self, bytes: Bytes) -> Result<(), StoreError> {
        let write = Uuid::new_v4().simple().to_string();
        let options = BlockBlobClientUploadOptions {
            metadata: Some(HashMap::from([(WRITE.to_owned(), write.clone())])),
            ..BlockBlobClientUploadOptions::default()
        };
        let content = bytes.into();
        match self.client.upload(content, Some(options.if_not_exists())).await {
            Ok(_) => Ok(()),
            Err(error) => match self.failed(&error) {
                StoreError::AlreadyExists { .. } if self.was_written_by(&write).await? => Ok(()),
                other => Err(other),
            },
        }
    }

    async fn was_written_by(&self, write: &str) -> Result<bool, StoreError> {
        let properties = self.client.get_properties(None).await;
        let properties = properties.map_err(|error| self.failed(&error))?;
        let metadata = properties.metadata().map_err(|error| self.failed(&error))?;
        Ok(metadata.get(WRITE).is_some_and(|found| found == write))
    }

    fn failed(&self, error: &azure_core::Error) -> StoreError {
        failed(&self.resource, error)
    }
}

fn failed(resource: &Resource, error: &azure_core::Error) -> StoreError {
    let Some((status, code)) = answered(error) else { return resource.unavailable(error) };
    match status {
        StatusCode::NotFound if code == StorageErrorCode::ContainerNotFound.as_ref() => {
            resource.missing()
        }
        StatusCode::NotFound => StoreError::NotFound { what: WHAT },
        StatusCode::Conflict if code == StorageErrorCode::BlobAlreadyExists.as_ref() => {
            StoreError::AlreadyExists { what: WHAT }
        }
        // Documented for other conditions than "if there is none"; there are none but that.
        StatusCode::PreconditionFailed => StoreError::AlreadyExists { what: WHAT },
        _ => resource.unavailable(error),
    }
}

#[cfg(test)]
mod tests;
