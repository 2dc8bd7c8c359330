use std::time::Duration;

use bytes::Bytes;
use domain::ports::{RawStore, StoreError};
use futures_util::TryStreamExt;
use simulators::azure::{Fault, Order};
use tokio::time::timeout;

use super::stage::{Stage, read, write};
use crate::azure::testing::{BRISK, SHORT, reason};

/// Three blocks, the last of them not full.
fn large() -> Bytes {
    (0..=250).cycle().take((9 << 20) + 7).collect::<Vec<u8>>().into()
}

fn order(fault: Fault, method: &str, target: &str) -> Order {
    Order::next(1, fault).method(method.parse().expect("it is a method")).target(target)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_service_is_asked_again_when_it_says() {
    let stage = Stage::new(BRISK).await;
    let store = stage.through_the_gate();
    let second = Duration::from_secs(1);
    let begun = tokio::time::Instant::now();
    stage.gate.order(Order::next(1, Fault::busy(second)));
    store.put_new("put", Bytes::from_static(b"put")).await.unwrap();
    assert!(begun.elapsed() >= second, "it waits as long as it is told");

    stage.gate.order(order(Fault::throttled(second), "PUT", "comp=block&"));
    stage.gate.order(order(Fault::busy(second), "PUT", "comp=blocklist"));
    write(&store, "large", &large()).await.unwrap();

    stage.gate.order(order(Fault::throttled(second), "GET", "/large"));
    assert!(read(&store, "large").await.unwrap() == large());
    stage.gate.order(order(Fault::busy(second), "GET", "comp=list"));
    let listed: Vec<_> = store.list("").await.unwrap().try_collect().await.unwrap();
    assert_eq!(listed, ["large", "put"]);
}

#[tokio::test]
async fn a_missing_role_is_named() {
    let stage = Stage::new(BRISK).await;
    let store = stage.through_the_gate();
    stage.gate.order(Order::always(Fault::forbidden()));
    let small = Bytes::from_static(b"x");
    for failed in [
        store.put_new("a", small.clone()).await,
        write(&store, "a", &small).await,
        write(&store, "a", &large()).await,
        read(&store, "a").await.map(drop),
        store.list("").await.unwrap().try_collect::<Vec<_>>().await.map(drop),
    ] {
        let reason = reason(failed);
        assert!(reason.contains("the identity may not use the container test-"), "{reason}");
        assert!(reason.contains("give it the role Storage Blob Data Contributor"), "{reason}");
    }
    stage.gate.pass();
    store.put_new("a", small).await.expect("once it has the role");
}

#[tokio::test]
async fn an_unknown_identity_is_told_from_a_missing_role() {
    let stage = Stage::new(BRISK).await;
    let store = stage.through_the_gate();
    let fault = Fault::Refuse { status: 401, code: "InvalidAuthenticationInfo", retry_after: None };
    stage.gate.order(Order::next(1, fault));
    let reason = reason(store.put_new("a", Bytes::new()).await);
    assert!(reason.contains("does not know the identity"), "{reason}");
    store.put_new("a", Bytes::new()).await.expect("the next call has a new token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_ends_calls_soon_and_is_over_when_it_is_over() {
    let stage = Stage::new(SHORT).await;
    let store = stage.through_the_gate();
    let direct = stage.direct();
    write(&direct, "kept", &large()).await.unwrap();

    stage.gate.down().await.unwrap();
    let calls = async {
        reason(store.put_new("put", Bytes::new()).await);
        reason(write(&store, "written", &large()).await);
        reason(read(&store, "kept").await.map(drop));
        reason(store.list("").await.unwrap().try_collect::<Vec<_>>().await)
    };
    let reason = timeout(SHORT.whole * 5, calls).await.expect("each call is bounded");
    assert!(reason.contains("no connection"), "{reason}");

    stage.gate.up().await.unwrap();
    let patient = stage.patiently(BRISK);
    assert!(read(&patient, "kept").await.unwrap() == large());
    let listed: Vec<_> = patient.list("").await.unwrap().try_collect().await.unwrap();
    assert_eq!(listed, ["kept"], "what failed left nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_never_answers_is_given_up() {
    let stage = Stage::new(SHORT).await;
    let store = stage.through_the_gate();
    stage.gate.order(Order::always(Fault::Hold));
    let failed = timeout(SHORT.whole * 2, store.put_new("a", Bytes::new())).await;
    let reason = reason(failed.expect("the call is bounded"));
    assert!(reason.contains("it did not answer"), "{reason}");

    stage.gate.pass();
    stage.gate.order(Order::always(Fault::busy(Duration::from_hours(1))));
    let failed = timeout(SHORT.whole * 2, store.put_new("a", Bytes::new())).await;
    assert!(failed.expect("no wait is longer than the call may be").is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_service_is_waited_for() {
    let stage = Stage::new(BRISK).await;
    let store = stage.through_the_gate();
    stage.gate.order(Order::always(Fault::Delay(Duration::from_millis(300))));
    write(&store, "large", &large()).await.unwrap();
    assert!(read(&store, "large").await.unwrap() == large());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_breaks_off_is_repeated() {
    let stage = Stage::new(BRISK).await;
    let store = stage.through_the_gate();
    for (fault, target) in [
        (Fault::CutRequest, "comp=block&"),
        (Fault::LoseAnswer, "comp=block&"),
        (Fault::LoseAnswer, "comp=blocklist"),
    ] {
        let path = format!("large-{target}{fault:?}").replace(['&', ' '], "");
        stage.gate.order(order(fault, "PUT", target));
        write(&store, &path, &large()).await.unwrap();
        assert!(read(&stage.direct(), &path).await.unwrap() == large(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_cannot_be_finished_leaves_nothing() {
    let stage = Stage::new(SHORT).await;
    let store = stage.through_the_gate();
    stage.gate.order(Order::always(Fault::CutRequest).target("comp=blocklist"));
    reason(write(&store, "large", &large()).await);
    let direct = stage.direct();
    let gone = read(&direct, "large").await.map(drop);
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    let listed: Vec<_> = direct.list("").await.unwrap().try_collect().await.unwrap();
    assert_eq!(listed, [""; 0]);
}

/// A block that never arrived must not be missing from a file that was finished.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_a_block_that_failed_cannot_be_finished() {
    let stage = Stage::new(SHORT).await;
    let mut writer = stage.through_the_gate().create("large").await.unwrap();
    let block = Bytes::from(vec![0; 4 << 20]);
    stage.gate.order(Order::always(Fault::forbidden()));
    let mut written = Ok(());
    while written.is_ok() {
        written = writer.write(block.clone()).await;
    }
    stage.gate.pass();
    assert!(reason(writer.write(block).await).contains("given up"));
    assert!(reason(writer.finish().await).contains("given up"));
    let gone = read(&stage.direct(), "large").await.map(drop);
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_breaks_off_goes_on() {
    let stage = Stage::new(BRISK).await;
    let store = stage.through_the_gate();
    write(&store, "large", &large()).await.unwrap();
    stage.gate.order(Order::next(2, Fault::CutAnswer));
    assert!(read(&store, "large").await.unwrap() == large());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_keeps_breaking_off_is_an_error_never_a_short_file() {
    let stage = Stage::new(SHORT).await;
    write(&stage.direct(), "large", &large()).await.unwrap();
    let store = stage.through_the_gate();
    stage.gate.order(Order::always(Fault::CutAnswer));
    let reason = reason(read(&store, "large").await.map(drop));
    assert!(reason.contains("broke off"), "{reason}");
}

/// The SDK asks again, finds a blob, and it is its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_put_whose_answer_was_lost_is_known_again() {
    let stage = Stage::new(BRISK).await;
    let store = stage.through_the_gate();
    stage.gate.order(order(Fault::LoseAnswer, "PUT", "/manifest"));
    store.put_new("manifest", Bytes::from_static(b"ours")).await.expect("it was stored");
    assert_eq!(read(&store, "manifest").await.unwrap(), "ours");

    stage.gate.order(order(Fault::LoseAnswer, "PUT", "/manifest"));
    let again = store.put_new("manifest", Bytes::from_static(b"ours")).await;
    assert!(
        matches!(again, Err(StoreError::AlreadyExists { .. })),
        "of an earlier call: {again:?}"
    );

    stage.gate.order(order(Fault::LoseAnswer, "PUT", "comp=blocklist"));
    store.put_new("manifest-large", large()).await.expect("it was stored");
    assert!(read(&store, "manifest-large").await.unwrap() == large());
}
