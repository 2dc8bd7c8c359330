//! What the tests read with: a sink that remembers, a source of tokens that counts.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use connectors::{RowSink, Timing, TokenSource};
use domain::ports::{BoxError, PlatformError};
use domain::{ConnectedAccount, ConnectionId, CredentialId, DateRange, Platform};
use secrecy::SecretString;

/// Waits that do not slow a test down; timeouts that a busy machine does not run into.
pub(crate) fn hasty() -> Timing {
    Timing {
        backoff: Duration::from_millis(1),
        longest_backoff: Duration::from_millis(5),
        first_poll: Duration::from_millis(5),
        longest_poll: Duration::from_millis(20),
        report: Duration::from_secs(2),
        ..Timing::default()
    }
}

pub(crate) fn days(first: &str, last: &str) -> DateRange {
    DateRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
}

pub(crate) fn account(platform: Platform, account_id: &str) -> ConnectedAccount {
    ConnectedAccount {
        connection: ConnectionId::new(),
        credential: CredentialId::new(),
        platform,
        account_id: account_id.to_owned(),
        name: "An account".to_owned(),
        manager_id: None,
        time_zone: chrono_tz::Europe::Amsterdam,
        currency: "EUR".parse().unwrap(),
        has_history: true,
    }
}

/// Keeps rows as lines.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) lines: Vec<String>,
    pub(crate) restarts: u32,
}

#[async_trait]
impl RowSink for Kept {
    async fn rows(&mut self, ndjson: &[u8], rows: u64) -> Result<(), BoxError> {
        let text = std::str::from_utf8(ndjson)?;
        assert!(text.ends_with('\n'), "whole lines only");
        let before = self.lines.len();
        self.lines.extend(text.lines().map(str::to_owned));
        assert_eq!((self.lines.len() - before) as u64, rows, "as many lines as it says");
        Ok(())
    }

    async fn restart(&mut self) -> Result<(), BoxError> {
        self.lines.clear();
        self.restarts += 1;
        Ok(())
    }
}

/// Hands out the first token until it is asked to renew, then the next, until there is none.
pub(crate) struct Tokens(Mutex<Vec<&'static str>>);

impl Tokens {
    pub(crate) fn of(tokens: &[&'static str]) -> Self {
        Self(Mutex::new(tokens.iter().rev().copied().collect()))
    }
}

#[async_trait]
impl TokenSource for Tokens {
    async fn access_token(&self) -> Result<SecretString, PlatformError> {
        let tokens = self.0.lock().unwrap();
        Ok((*tokens.last().expect("a test names a token at least")).into())
    }

    async fn renew(&self) -> Result<SecretString, PlatformError> {
        let mut tokens = self.0.lock().unwrap();
        tokens.pop();
        match tokens.last() {
            Some(token) => Ok((*token).into()),
            None => Err(PlatformError::NeedsReauth(Platform::GoogleAds)),
        }
    }
}
