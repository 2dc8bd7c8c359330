//! Work that is held by a lease, which lapses unless it is renewed.

use std::pin::pin;
use std::time::Duration;

use domain::ports::StoreError;
use tokio::time::Instant;

/// After this without a sign of life, another may take the work over.
pub(crate) const LEASE: Duration = Duration::from_mins(1);

/// Several signs of life may get lost before a lease lapses.
const RENEW_EVERY: Duration = Duration::from_secs(15);

/// A connection whose other end is gone says nothing at all: after this, it counts as an error.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Another has the work by now, or may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lost;

/// Does the work for as long as its lease is held; drops it when the lease is lost, or can no
/// longer be known to be held. The work goes on while its lease is renewed.
pub(crate) async fn while_held<T, R>(
    work: impl Future<Output = T>,
    renew: impl Fn() -> R,
) -> Result<T, Lost>
where
    R: Future<Output = Result<bool, StoreError>>,
{
    let mut work = pin!(work);
    let mut lost = pin!(until_lost(renew));
    tokio::select! {
        biased;
        done = &mut work => Ok(done),
        lost = &mut lost => Err(lost),
    }
}

/// Renews a lease that has just begun. Ends while the lease still holds, unless another has it.
async fn until_lost<R>(renew: impl Fn() -> R) -> Lost
where
    R: Future<Output = Result<bool, StoreError>>,
{
    let mut held_until = Instant::now() + LEASE;
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        // The lease counts from a moment after this one.
        let asked = Instant::now();
        match in_time(renew()).await {
            Ok(true) => held_until = asked + LEASE,
            Ok(false) => return Lost,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the lease was not renewed");
                // Another try may be answered only after the lease has lapsed.
                if Instant::now() + RENEW_EVERY + ANSWER_WITHIN >= held_until {
                    return Lost;
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
            if !matches!(in_time(renew()).await, Ok(true)) {
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

/// What a store says, or that it is away if it says nothing.
async fn in_time<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let in_time = tokio::time::timeout(ANSWER_WITHIN, answer).await;
    in_time.unwrap_or_else(|late| {
        Err(StoreError::Unavailable { what: "the keeper of leases", source: Box::new(late) })
    })
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
    async fn work_ends_before_a_lease_lapses_of_which_nobody_says_anything() {
        let started = Instant::now();
        let work = std::future::pending::<()>();
        assert_eq!(while_held(work, std::future::pending).await, Err(Lost));
        assert!(started.elapsed() < LEASE, "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_is_late_once_costs_nothing_and_holds_up_nothing() {
        let renewals = Cell::new(0);
        let ticks = Cell::new(0);
        let work = async {
            for _ in 0..300 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                ticks.set(ticks.get() + 1);
            }
        };
        let seen = Cell::new(0);
        let done = while_held(work, || async {
            renewals.set(renewals.get() + 1);
            if renewals.get() == 2 {
                let before = ticks.get();
                tokio::time::sleep(ANSWER_WITHIN / 2).await;
                seen.set(ticks.get() - before);
            }
            if renewals.get() == 3 {
                std::future::pending::<()>().await;
            }
            Ok(true)
        })
        .await;
        assert_eq!(done, Ok(()));
        assert!(seen.get() > 0, "the work stood still while its lease was renewed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_publish_goes_on_where_nobody_answers_its_renewals() {
        let work = tokio::time::sleep(5 * LEASE);
        let asked = Cell::new(0);
        renewing(work, || {
            asked.set(asked.get() + 1);
            std::future::pending()
        })
        .await;
        assert!(asked.get() > 5, "{}", asked.get());
    }

    #[tokio::test(start_paused = true)]
    async fn work_ends_before_a_lease_that_cannot_be_renewed_lapses() {
        let started = Instant::now();
        let away = || ready(Err(StoreError::NotFound { what: "the database" }));
        assert_eq!(while_held(std::future::pending::<()>(), away).await, Err(Lost));
        assert!(started.elapsed() < LEASE, "{:?}", started.elapsed());
    }
}
