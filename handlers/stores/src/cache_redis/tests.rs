//! Against a real server; where it fails, behind a gate.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use futures_util::future::join_all;
use simulators::azure::{Authority, TcpGate};

use super::*;
use crate::testing::redis_url;

/// Longer than any answer takes on a busy machine.
const PATIENT: Duration = Duration::from_secs(10);

/// For answers that never come.
const BRIEF: Duration = Duration::from_millis(200);

/// Until when a server that is back may take to be found.
const DEADLINE: Duration = Duration::from_mins(1);

const LONG: Duration = Duration::from_hours(1);

fn cache(url: &Url, patience: Duration) -> RedisCache {
    let url = SecretString::from(url.as_str());
    RedisCache::new(&url).unwrap().with_patience(patience)
}

fn server() -> SocketAddr {
    redis_url().socket_addrs(|| None).unwrap()[0]
}

async fn gated(patience: Duration) -> (TcpGate, RedisCache) {
    let gate = TcpGate::plain(server()).await.unwrap();
    let cache = cache(&gate.url("redis"), patience);
    (gate, cache)
}

/// Why there was no answer, for the log.
async fn failure(cache: &RedisCache) -> String {
    match cache.get("any").await {
        Err(StoreError::Unavailable { what: "the shared cache", source }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The server had no part in this answer.
fn assert_not_asked(why: &str) {
    assert!(why.contains("it is left alone") || why.contains("it is being looked for"), "{why}");
}

async fn comes_back(cache: &RedisCache) {
    let began = Instant::now();
    while cache.get("any").await.is_err() {
        assert!(began.elapsed() < DEADLINE, "the server is not found again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn meets_the_conformance_suite() {
    crate::conformance::shared_cache(&cache(&redis_url(), PATIENT)).await;
}

#[tokio::test]
async fn meets_the_conformance_suite_over_tls() {
    let folder = crate::azure::testing::provided("MIQ_TEST_CA_DIR");
    let authority = Authority::open_or_create(Path::new(&folder)).unwrap();
    let gate = TcpGate::tls(&authority, server()).await.unwrap();
    crate::conformance::shared_cache(&cache(&gate.url("rediss"), PATIENT)).await;
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let stranger = Authority::open_or_create(folder.path()).unwrap();
    let gate = TcpGate::tls(&stranger, server()).await.unwrap();
    let why = failure(&cache(&gate.url("rediss"), PATIENT)).await;
    assert!(why.contains("certificate"), "{why}");
}

#[tokio::test]
async fn a_server_that_is_away_is_not_asked_again_at_once_and_is_found_again() {
    let (gate, cache) = gated(PATIENT).await;
    gate.down().await.unwrap();
    let first = failure(&cache).await;
    assert!(first.contains("refused"), "{first}");
    for again in join_all((0..50).map(|_| failure(&cache))).await {
        assert_not_asked(&again);
    }
    gate.up().await.unwrap();
    comes_back(&cache).await;
    cache.put("any", Bytes::from_static(b"value"), LONG).await.unwrap();

    gate.down().await.unwrap();
    failure(&cache).await;
    gate.up().await.unwrap();
    comes_back(&cache).await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_waited_for_once() {
    let (gate, cache) = gated(BRIEF).await;
    gate.hold();
    let first = failure(&cache).await;
    assert!(first.contains("elapsed"), "{first}");
    for again in join_all((0..50).map(|_| failure(&cache))).await {
        assert_not_asked(&again);
    }
    gate.release();
    comes_back(&cache.with_patience(PATIENT)).await;
}

/// What a firewall does that forgets a connection: nothing ever comes, not even an end.
#[tokio::test]
async fn a_connection_that_fell_silent_is_replaced() {
    let (silent, cache) = gated(PATIENT).await;
    cache.put("any", Bytes::from_static(b"value"), LONG).await.unwrap();
    silent.hold();
    let cache = cache.with_patience(BRIEF);
    failure(&cache).await;
    assert_not_asked(&failure(&cache).await);
    silent.release();
    comes_back(&cache.with_patience(PATIENT)).await;
}

#[tokio::test]
async fn a_command_that_is_refused_costs_no_connection() {
    let cache = cache(&redis_url(), PATIENT);
    let name = format!("list-{}", uuid::Uuid::new_v4());
    let mut push = cmd("LPUSH");
    push.arg(prefixed(&name)).arg("not a value");
    cache.ask::<u32>(&push, PATIENT).await.unwrap();
    let refused = cache.get(&name).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert_eq!(cache.get("missing").await.unwrap(), None);
    cache.put(&name, Bytes::from_static(b"value"), LONG).await.unwrap();
    assert_eq!(cache.get(&name).await.unwrap().as_deref(), Some(b"value".as_slice()));
}

#[tokio::test]
async fn a_wrong_password_is_reported_and_not_repeated() {
    let mut url = redis_url();
    url.set_password(Some("hunter2")).unwrap();
    let why = failure(&cache(&url, PATIENT)).await;
    assert!(why.contains("assword") && !why.contains("hunter2"), "{why}");
}

#[test]
fn an_unusable_url_is_refused_without_being_repeated() {
    for url in [
        "",
        "redis",
        "http://:secret@host/",
        "redis:///secret",
        "rediss://:secret@",
        "redis://:secret@host:x/",
        "redis://:secret@host/x",
    ] {
        let refused = RedisCache::new(&SecretString::from(url)).err();
        let Some(StoreError::Invalid(text)) = refused else { panic!("{url}: {refused:?}") };
        assert!(text.contains("rediss://") && !text.contains("secret"), "{text}");
    }
}
