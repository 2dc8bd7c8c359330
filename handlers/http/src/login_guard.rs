//! Bounds on guessing passwords: how often an address may fail, and how many passwords may be
//! looked at side by side. Kept by each process for itself: a restart forgets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use domain::EmailAddress;
use domain::ports::IdentityError;
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Problem;

/// How many failures an address may have within [`WINDOW`].
const MAX_FAILURES: u32 = 10;

/// From the first failure on.
const WINDOW: Duration = Duration::from_mins(15);

/// How many addresses are remembered, those that failed last. Each takes some 200 bytes.
const MAX_ADDRESSES: u64 = 20_000;

/// How many passwords may be hashed or wait for that. A hash takes a core for some 50 ms: whoever
/// would wait behind more than these is better told to come back.
const MAX_WAITING: usize = 64;

/// How long those are told to wait who find the line full.
const LINE_MOVES: Duration = Duration::from_secs(5);

/// Counts failures to log in. One per process.
pub struct LoginGuard {
    failures: Cache<Address, Arc<Failures>>,
    line: Semaphore,
}

/// The hash of an address: of one size, whatever was typed.
type Address = [u8; digest::SHA256_OUTPUT_LEN];

struct Failures {
    count: AtomicU32,
    first: Instant,
}

impl Failures {
    fn new(first: Instant) -> Self {
        Self { count: AtomicU32::new(0), first }
    }

    /// What is left of the window at `now`.
    fn left(&self, now: Instant) -> Duration {
        (self.first + WINDOW).saturating_duration_since(now)
    }
}

impl Default for LoginGuard {
    fn default() -> Self {
        let failures = Cache::builder()
            .max_capacity(MAX_ADDRESSES)
            .time_to_live(WINDOW)
            // The usual policy would turn away an address that is new to a full cache.
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { failures, line: Semaphore::new(MAX_WAITING) }
    }
}

impl LoginGuard {
    /// A place in the line for hashing a password; 503 if too many have one.
    pub(crate) fn place(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.line.try_acquire().map_err(|_| {
            Problem::busy("too many people are logging in at this moment: try again", LINE_MOVES)
        })
    }

    /// Lets `check` decide about a password, unless the address has failed too often: 429.
    /// Checks that are under way when it does are still decided; the line bounds them.
    pub(crate) async fn judge<T>(
        &self,
        email: &str,
        check: impl Future<Output = Result<T, IdentityError>>,
    ) -> Result<T, Problem> {
        let address = address(email);
        self.admit(&address, Instant::now()).await?;
        let _place = self.place()?;
        let outcome = check.await;
        match &outcome {
            Err(IdentityError::InvalidCredentials) => self.count(address, Instant::now()).await,
            // Nothing is known of the password.
            Err(IdentityError::Store(_)) => {}
            // The password was right, whatever else was wrong.
            Ok(_) | Err(_) => self.failures.invalidate(&address).await,
        }
        outcome.map_err(Problem::from)
    }

    async fn admit(&self, address: &Address, now: Instant) -> Result<(), Problem> {
        let Some(failures) = self.failures.get(address).await else { return Ok(()) };
        let left = failures.left(now);
        if left.is_zero() || failures.count.load(Ordering::Relaxed) < MAX_FAILURES {
            return Ok(());
        }
        // Whole seconds, rounded up: whoever waits as told is let in.
        let wait = Duration::from_secs(left.as_secs() + 1);
        let detail = format!(
            "logging in with this address failed {MAX_FAILURES} times: try again in {} minutes",
            wait.as_secs().div_ceil(60),
        );
        Err(Problem::too_many(detail, wait).with_code("too_many_attempts"))
    }

    async fn count(&self, address: Address, now: Instant) {
        let fresh = async { Arc::new(Failures::new(now)) };
        let is_over = |known: &Arc<Failures>| known.left(now).is_zero();
        let entry = self.failures.entry(address).or_insert_with_if(fresh, is_over).await;
        entry.value().count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Spellings of one address are one; what is no address belongs to nobody.
fn address(email: &str) -> Address {
    let parsed = email.parse::<EmailAddress>();
    let text = parsed.as_ref().map_or(email, EmailAddress::as_str);
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use domain::ports::StoreError;

    use super::*;

    const ADA: &str = "ada@agency.example";

    async fn attempt(
        guard: &LoginGuard,
        email: &str,
        outcome: Result<(), IdentityError>,
    ) -> Result<(), &'static str> {
        guard.judge(email, async { outcome }).await.map_err(|problem| problem.code())
    }

    async fn fail(guard: &LoginGuard, email: &str) -> &'static str {
        attempt(guard, email, Err(IdentityError::InvalidCredentials)).await.unwrap_err()
    }

    #[tokio::test]
    async fn ten_failures_close_an_address_to_the_right_password_too() {
        let guard = LoginGuard::default();
        for spelling in [ADA, "Ada@Agency.Example", " ADA@AGENCY.EXAMPLE "].iter().cycle().take(10)
        {
            assert_eq!(fail(&guard, spelling).await, "invalid_credentials");
        }
        assert_eq!(attempt(&guard, ADA, Ok(())).await, Err("too_many_attempts"));
        assert_eq!(fail(&guard, ADA).await, "too_many_attempts");
        assert_eq!(attempt(&guard, "ben@agency.example", Ok(())).await, Ok(()));
    }

    #[tokio::test]
    async fn the_window_ends_fifteen_minutes_after_the_first_failure() {
        let guard = LoginGuard::default();
        let first = Instant::now();
        let ada = address(ADA);
        for minute in 0..10 {
            guard.count(ada, first + Duration::from_mins(minute)).await;
        }
        let refused = guard.admit(&ada, first + Duration::from_mins(14)).await.unwrap_err();
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.into_reply().headers()["retry-after"], "61");
        assert!(guard.admit(&ada, first + WINDOW).await.is_ok());
        // The next window begins with the next failure, at one.
        guard.count(ada, first + WINDOW).await;
        assert!(guard.admit(&ada, first + WINDOW).await.is_ok());
    }

    #[tokio::test]
    async fn the_right_password_starts_anew_and_an_outage_counts_for_nothing() {
        let guard = LoginGuard::default();
        for _ in 0..9 {
            fail(&guard, ADA).await;
        }
        let outage = || StoreError::NotFound { what: "the database" };
        assert_eq!(attempt(&guard, ADA, Err(outage().into())).await, Err("not_found"));
        assert_eq!(
            attempt(&guard, ADA, Err(IdentityError::NoMembership)).await,
            Err("no_membership")
        );
        for _ in 0..9 {
            fail(&guard, ADA).await;
        }
        assert_eq!(attempt(&guard, ADA, Ok(())).await, Ok(()));
    }

    #[tokio::test]
    async fn the_line_for_hashing_has_an_end() {
        let guard = LoginGuard::default();
        let mut line: Vec<_> = (0..MAX_WAITING).map(|_| guard.place().unwrap()).collect();
        let refused = guard.judge(ADA, async { Ok(()) }).await.unwrap_err();
        assert_eq!((refused.status(), refused.code()), (503, "unavailable"));
        assert!(refused.into_reply().headers().contains_key("retry-after"));
        line.pop();
        assert_eq!(attempt(&guard, ADA, Ok(())).await, Ok(()));
    }
}
