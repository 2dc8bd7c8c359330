//! The identity endpoint is found through the environment, which all tests of a process share: a
//! test that wants an endpoint of its own runs this program once more.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use domain::ports::RawStore;
use simulators::azure::{Authority, IdentityEndpoint};
use tokio::process::Command;

use super::stage::{Stage, read};
use crate::azure::testing::{BRISK, provided};

const LIFETIME: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_expires_is_renewed() {
    let folder = PathBuf::from(provided("MIQ_TEST_CA_DIR"));
    let authority = Authority::open_or_create(&folder).unwrap();
    let endpoint = IdentityEndpoint::start(&authority).await.unwrap();
    endpoint.set_lifetime(LIFETIME);
    endpoint.throttle(1, Duration::from_secs(1));
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "raw_blob::tests::expiry::outliving_tokens", "--ignored"])
        .env("IDENTITY_ENDPOINT", endpoint.url().as_str())
        .env("IDENTITY_HEADER", endpoint.header())
        .kill_on_drop(true)
        .output();
    let output = child.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(endpoint.issued() > 1, "{} tokens were issued", endpoint.issued());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs in a process of its own, started by the test above"]
async fn outliving_tokens() {
    let stage = Stage::new(BRISK).await;
    let store = stage.direct();
    store.put_new("early", Bytes::from_static(b"early")).await.unwrap();
    // Whatever token was used so far has expired after this.
    tokio::time::sleep(LIFETIME + Duration::from_secs(1)).await;
    assert_eq!(read(&store, "early").await.unwrap(), "early");
    store.put_new("late", Bytes::from_static(b"late")).await.unwrap();
}
