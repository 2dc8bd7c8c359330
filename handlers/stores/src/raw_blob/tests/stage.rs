use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use bytes::Bytes;
use domain::ports::{RawStore, StoreError};
use futures_util::TryStreamExt;
use simulators::azure::Gate;
use uuid::Uuid;

use crate::azure::testing::{BRISK, gate, identity, provided_url};
use crate::azure::{AzureIdentity, Patience, endpoint};
use crate::raw_blob::BlobRawStore;

const BLOB: &str = "MIQ_TEST_BLOB_URL";

/// A container of the test's own, with a gate before it.
pub(super) struct Stage {
    pub(super) gate: Gate,
    container: String,
    identity: AzureIdentity,
}

impl Stage {
    pub(super) async fn new(patience: Patience) -> Self {
        let container = format!("test-{}", Uuid::new_v4().simple());
        let service = endpoint(&provided_url(BLOB)).unwrap();
        let patient = identity(BRISK);
        let options = BlobServiceClientOptions {
            client_options: patient.client_options(),
            ..BlobServiceClientOptions::default()
        };
        let credential = Some(patient.credential());
        let client = BlobServiceClient::new(service, credential, Some(options)).unwrap();
        client.blob_container_client(&container).create(None).await.unwrap();
        Self { gate: gate(BLOB).await, container, identity: identity(patience) }
    }

    /// Without the gate.
    pub(super) fn direct(&self) -> BlobRawStore {
        BlobRawStore::new(&self.identity, &provided_url(BLOB), &self.container).unwrap()
    }

    pub(super) fn through_the_gate(&self) -> BlobRawStore {
        BlobRawStore::new(&self.identity, &self.gate.url(), &self.container).unwrap()
    }

    /// Through the gate, with other bounds.
    pub(super) fn patiently(&self, patience: Patience) -> BlobRawStore {
        BlobRawStore::new(&identity(patience), &self.gate.url(), &self.container).unwrap()
    }
}

pub(super) async fn write(
    store: &BlobRawStore,
    path: &str,
    bytes: &Bytes,
) -> Result<(), StoreError> {
    let mut writer = store.create(path).await?;
    for start in (0..bytes.len()).step_by(64 << 10) {
        writer.write(bytes.slice(start..bytes.len().min(start + (64 << 10)))).await?;
    }
    writer.finish().await
}

pub(super) async fn read(store: &BlobRawStore, path: &str) -> Result<Bytes, StoreError> {
    let chunks: Vec<_> = store.read(path).await?.try_collect().await?;
    Ok(chunks.concat().into())
}
