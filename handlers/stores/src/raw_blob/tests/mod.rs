//! Against a real Azurite over TLS, with tokens, mostly through a gate that makes trouble.

mod expiry;
mod faults;
mod stage;

use bytes::Bytes;
use domain::ports::{RawStore, StoreError};
use futures_util::TryStreamExt;
use simulators::azure::USER_ASSIGNED_CLIENT_ID;

use super::BlobRawStore;
use crate::azure::testing::{identity, provided_url, reason};
use crate::azure::{AzureIdentity, Patience};
use stage::{Stage, read, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn meets_the_conformance_suite() {
    let stage = Stage::new(Patience::USUAL).await;
    let store = stage.direct();
    crate::conformance::raw_store(&store).await;
}

#[tokio::test]
async fn a_missing_container_is_named() {
    let service = provided_url("MIQ_TEST_BLOB_URL");
    let store = BlobRawStore::new(&identity(Patience::USUAL), &service, "nobody-made-it").unwrap();
    let small = Bytes::from_static(b"x");
    for failed in [
        store.put_new("a", small.clone()).await,
        write(&store, "a", &small).await,
        read(&store, "a").await.map(drop),
        store.list("").await.unwrap().try_collect::<Vec<_>>().await.map(drop),
    ] {
        let reason = reason(failed);
        assert!(reason.contains("the container nobody-made-it"), "{reason}");
        assert!(reason.contains("deploy infra-bicep"), "{reason}");
    }
}

#[tokio::test]
async fn an_identity_that_the_app_does_not_have_is_told_from_a_missing_role() {
    let service = provided_url("MIQ_TEST_BLOB_URL");
    let put_as = async |client_id| {
        let identity = AzureIdentity::managed(Some(client_id)).unwrap();
        let store = BlobRawStore::new(&identity, &service, "nobody-made-it").unwrap();
        reason(store.put_new("a", Bytes::new()).await)
    };
    let reason = put_as("00000000-0000-0000-0000-000000000000").await;
    assert!(reason.contains("there is no token for the container nobody-made-it"), "{reason}");
    assert!(reason.contains("assign the managed identity to this app"), "{reason}");
    // With a token, it comes as far as the container.
    let reason = put_as(USER_ASSIGNED_CLIENT_ID).await;
    assert!(reason.contains("does not exist"), "{reason}");
}

#[tokio::test]
async fn a_store_without_tls_is_refused() {
    let service = "http://miq.blob.core.windows.net".parse().unwrap();
    let refused = BlobRawStore::new(&identity(Patience::USUAL), &service, "raw").map(drop);
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_of_many_pages_is_whole() {
    let stage = Stage::new(Patience::USUAL).await;
    let store = stage.direct();
    let names: Vec<_> = (0..30).map(|number| format!("many/{number:02}")).collect();
    for name in &names {
        store.put_new(name, Bytes::new()).await.unwrap();
    }
    let listed = store.paths("many/", Some(7)).unwrap().try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(listed, names);
}

/// One writer's blocks are nothing to the other; the later one is told, and nothing is mixed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_of_one_path_do_not_mix() {
    let stage = Stage::new(Patience::USUAL).await;
    let store = stage.direct();
    let large = Bytes::from(vec![b'1'; 5 << 20]);
    let mut first = store.create("same").await.unwrap();
    first.write(large.clone()).await.unwrap();
    let mut second = store.create("same").await.unwrap();
    // Most of its blocks have arrived when this returns.
    second.write(Bytes::from(vec![b'2'; 25 << 20])).await.unwrap();
    first.finish().await.unwrap();
    assert!(read(&store, "same").await.unwrap() == large);

    let outcome = second.finish().await;
    if outcome.is_err() {
        assert!(reason(outcome).contains("another writer finished the same file"));
        assert!(read(&store, "same").await.unwrap() == large, "the first file stands");
    } else {
        let stored = read(&store, "same").await.unwrap();
        assert!(stored == vec![b'2'; 25 << 20], "the second file is whole");
    }
}

/// A reader never sees the beginning of one file with the end of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_replaced_while_it_is_read_is_not_mixed() {
    let stage = Stage::new(Patience::USUAL).await;
    let store = stage.direct();
    let large = Bytes::from(vec![b'1'; 17 << 20]);
    write(&store, "replaced", &large).await.unwrap();
    let mut chunks = store.read("replaced").await.unwrap();
    chunks.try_next().await.unwrap();
    write(&store, "replaced", &Bytes::from(vec![b'2'; 17 << 20])).await.unwrap();
    let rest = chunks.try_collect::<Vec<_>>().await;
    assert!(reason(rest.map(drop)).contains("replaced while it was read"));
}
