//! A Redis server as the cache that all processes share; over TLS (`rediss://`) it may be
//! Upstash's.
//!
//! A request must never wait for what only saves time. So nothing is contacted until the first
//! question, no question waits longer than [`ANSWER`], and a server that did not answer is left
//! alone for a while: until it has been found again, in the background, every question is
//! answered at once that it is away.

mod link;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::ports::{SharedCache, StoreError};
use redis::{Client, Cmd, FromRedisValue, cmd};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::link::Link;

const WHAT: &str = "the shared cache";

/// Before every key, so that the server may hold other things too.
const PREFIX: &str = "miq:";

/// The largest value that is kept, in bytes: the smallest plan of Upstash takes requests of up to
/// 1 MB.
const MAX_VALUE: usize = 900_000;

/// How long a question may take, a first connection included. A server in the same region answers
/// within a few milliseconds; what it saves is a query of a few more.
const ANSWER: Duration = Duration::from_millis(150);

/// How long storing may take: nobody waits for it.
const STORED: Duration = Duration::from_secs(2);

/// [`SharedCache`] in a Redis server.
pub struct RedisCache {
    link: Link,
    patience: Duration,
}

impl RedisCache {
    /// Contacts nobody yet.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if `url` is not `redis://` or `rediss://` and a host. The text does
    /// not repeat the URL, which holds a password.
    pub fn new(url: &SecretString) -> Result<Self, StoreError> {
        let invalid = || {
            StoreError::Invalid(
                "the URL of the Redis server must look like \
                 rediss://default:password@host:6379 (or redis:// without TLS)"
                    .to_owned(),
            )
        };
        let parsed = Url::parse(url.expose_secret()).map_err(|_| invalid())?;
        if !matches!(parsed.scheme(), "redis" | "rediss") || !parsed.has_host() {
            return Err(invalid());
        }
        let client = Client::open(url.expose_secret()).map_err(|_| invalid())?;
        Ok(Self { link: Link::new(client), patience: ANSWER })
    }

    /// Waits for so long at most, where the server is further away than usual.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    async fn ask<T: FromRedisValue>(
        &self,
        command: &Cmd,
        patience: Duration,
    ) -> Result<T, StoreError> {
        let answer = self.link.ask(command, patience).await;
        answer.map_err(|source| StoreError::Unavailable { what: WHAT, source })
    }
}

#[async_trait]
impl SharedCache for RedisCache {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let mut command = cmd("GET");
        command.arg(prefixed(key));
        let value: Option<Vec<u8>> = self.ask(&command, self.patience).await?;
        Ok(value.map(Bytes::from))
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), StoreError> {
        if value.len() > MAX_VALUE {
            return Err(StoreError::Invalid(format!(
                "a value of {} bytes is too large for the shared cache, which keeps up to \
                 {MAX_VALUE}",
                value.len()
            )));
        }
        let seconds = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        let mut command = cmd("SET");
        command.arg(prefixed(key)).arg(value.as_ref()).arg("EX").arg(seconds.max(1));
        self.ask(&command, self.patience.max(STORED)).await
    }
}

fn prefixed(key: &str) -> String {
    format!("{PREFIX}{key}")
}
