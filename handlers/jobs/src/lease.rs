//! Work that is held by a lease, which lapses unless it is renewed.

use std::pin::pin;
use std::time::Duration;

use domain::ports::StoreError;
use tokio::time::Instant;

/// After this without a sign of life, another may take the work over.
pub(crate) const LEASE: Duration = Duration::from_mins(1);

/// Several signs of life may get lost before a lease lapses.
const RENEW_EVERY: Duration = Duration::from_secs(15);

/// Another has the work by now, or may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// Does the work for as long as its lease is held; drops it when the lease is lost.
pub(crate) async fn while_held<T, R>(
    work: impl Future<Output = T>,
    renew: impl Fn() -> R,
) -> Result<T, Lost>
where
    R: Future<Output = Result<bool, StoreError>>,
{
    let mut work = pin!(work);
    let mut held_until = Instant::now() + LEASE;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = tokio::time::sleep(RENEW_EVERY) => {}
        }
        match renew().await {
            Ok(true) => held_until = Instant::now() + LEASE,
            Ok(false) => return Err(Lost),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the lease was not renewed");
                if Instant::now() + RENEW_EVERY >= held_until {
                    return Err(Lost);
                }
            }
        }
    }
}

/// Does the work to its end, and renews its lease meanwhile. For work that checks by itself
/// that it is still held.
pub(crate) async fn renewing<T, R>(work: impl Future<Output = T>, renew: impl Fn() -> R) -> T
where
    R: Future<Output = Result<bool, StoreError>>,
{
    let mut work = pin!(work);
    let mut renewals = pin!(async {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            if !matches!(renew().await, Ok(true)) {
                tracing::warn!("the lease was not renewed");
            }
        }
    });
    tokio::select! {
        biased;
        done = &mut work => done,
        () = &mut renewals => unreachable!("renewals do not end"),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn long_work_is_renewed_until_it_is_done() {
        let renewals = Cell::new(0);
        let work = async {
            tokio::time::sleep(5 * LEASE).await;
            "done"
        };
        let done = while_held(work, || {
            renewals.set(renewals.get() + 1);
            ready(Ok(true))
        })
        .await;
        assert_eq!(done, Ok("done"));
        assert!(renewals.get() >= 15, "{}", renewals.get());
    }

    #[tokio::test(start_paused = true)]
    async fn work_ends_once_another_holds_it() {
        let work = std::future::pending::<()>();
        assert_eq!(while_held(work, || ready(Ok(false))).await, Err(Lost));
    }

    #[tokio::test(start_paused = true)]
    async fn work_ends_before_a_lease_that_cannot_be_renewed_lapses() {
        let started = Instant::now();
        let away = || ready(Err(StoreError::NotFound { what: "the database" }));
        assert_eq!(while_held(std::future::pending::<()>(), away).await, Err(Lost));
        assert!(started.elapsed() < LEASE, "{:?}", started.elapsed());
    }
}
