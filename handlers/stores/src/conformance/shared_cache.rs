use std::time::Duration;

use bytes::Bytes;
use domain::ports::{SharedCache, StoreError};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// Longer than any test runs.
const LONG: Duration = Duration::from_hours(1);

/// The shortest that every backend knows.
const SHORT: Duration = Duration::from_secs(1);

/// Until when something that must go may stay.
const DEADLINE: Duration = Duration::from_secs(30);

/// Runs the suite on keys of its own.
///
/// # Panics
/// If the backend breaks the contract.
pub async fn shared_cache(cache: &dyn SharedCache) {
    what_was_put_is_got(cache).await;
    a_value_is_replaced_whole(cache).await;
    a_value_goes_when_its_time_is_over(cache).await;
    many_at_once_get_their_own(cache).await;
    too_large_a_value_is_refused(cache).await;
}

async fn what_was_put_is_got(cache: &dyn SharedCache) {
    let every_byte: Bytes = (0..=255).cycle().take(300_000).collect::<Vec<u8>>().into();
    for value in [Bytes::new(), Bytes::from_static(b"\0\r\n$-1"), every_byte] {
        let key = new_key();
        assert_eq!(get(cache, &key).await, None);
        put(cache, &key, &value, LONG).await;
        assert!(get(cache, &key).await.as_ref() == Some(&value), "a value of {}", value.len());
    }
    let odd = format!("{} ä:\n*\"", new_key());
    put(cache, &odd, &Bytes::from_static(b"odd"), LONG).await;
    assert_eq!(get(cache, &odd).await.as_deref(), Some(b"odd".as_slice()));
}

async fn a_value_is_replaced_whole(cache: &dyn SharedCache) {
    let (key, other) = (new_key(), new_key());
    put(cache, &key, &Bytes::from_static(b"the longer first value"), LONG).await;
    put(cache, &other, &Bytes::from_static(b"other"), LONG).await;
    put(cache, &key, &Bytes::from_static(b"second"), LONG).await;
    assert_eq!(get(cache, &key).await.as_deref(), Some(b"second".as_slice()));
    assert_eq!(get(cache, &other).await.as_deref(), Some(b"other".as_slice()));
}

async fn a_value_goes_when_its_time_is_over(cache: &dyn SharedCache) {
    let [brief, shorter, stays] = [new_key(), new_key(), new_key()];
    put(cache, &stays, &Bytes::from_static(b"brief"), SHORT).await;
    put(cache, &stays, &Bytes::from_static(b"long"), LONG).await;
    put(cache, &brief, &Bytes::from_static(b"brief"), SHORT).await;
    put(cache, &shorter, &Bytes::from_static(b"shorter"), Duration::from_millis(1)).await;
    let deadline = Instant::now() + DEADLINE;
    for key in [&brief, &shorter] {
        while get(cache, key).await.is_some() {
            assert!(Instant::now() < deadline, "a value outlives its time");
            sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(get(cache, &stays).await.as_deref(), Some(b"long".as_slice()));
}

async fn many_at_once_get_their_own(cache: &dyn SharedCache) {
    let keys: Vec<_> = (0..64).map(|_| new_key()).collect();
    let value = |key: &str| Bytes::from(key.repeat(50));
    let round = keys.iter().map(|key| async move {
        put(cache, key, &value(key), LONG).await;
        get(cache, key).await
    });
    for (key, got) in keys.iter().zip(join_all(round).await) {
        assert_eq!(got, Some(value(key)));
    }
}

async fn too_large_a_value_is_refused(cache: &dyn SharedCache) {
    let key = new_key();
    let refused = cache.put(&key, vec![0; 64 << 20].into(), LONG).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    assert_eq!(get(cache, &key).await, None);
}

fn new_key() -> String {
    format!("conformance:{}", Uuid::new_v4().simple())
}

async fn put(cache: &dyn SharedCache, key: &str, value: &Bytes, ttl: Duration) {
    cache.put(key, value.clone(), ttl).await.expect("a value is put");
}

async fn get(cache: &dyn SharedCache, key: &str) -> Option<Bytes> {
    cache.get(key).await.expect("the cache answers")
}
