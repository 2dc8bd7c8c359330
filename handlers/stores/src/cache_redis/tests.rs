//! Against a real server.

use super::*;

/// Longer than any answer takes on a busy machine.
const PATIENT: Duration = Duration::from_secs(10);

fn cache(url: &str) -> RedisCache {
    RedisCache::new(&SecretString::from(url)).unwrap()
}

#[tokio::test]
async fn meets_the_conformance_suite() {
    let cache = cache(crate::testing::redis_url().as_str()).with_patience(PATIENT);
    crate::conformance::shared_cache(&cache).await;
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
    ] {
        let refused = RedisCache::new(&SecretString::from(url)).err();
        let Some(StoreError::Invalid(text)) = refused else { panic!("{url}: {refused:?}") };
        assert!(text.contains("rediss://") && !text.contains("secret"), "{text}");
    }
}
