//! The one retry policy. A platform's `errors` module says what a refusal means; this module
//! says what follows from it, and when it is enough.

use std::time::Duration;

use aws_lc_rs::rand;
use domain::Platform;
use domain::ports::{BoxError, PlatformError};

use crate::config::Timing;

/// Calls that may fail one after the other before we give up.
const TRIES: u32 = 5;
/// Failed calls in one extraction, successes between them or not.
const TRIES_IN_ALL: u32 = 20;
/// Times that an extraction may begin anew because its place in the pages was lost.
const START_OVERS: u32 = 2;

/// A call that failed: what it means for us and what may help.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) remedy: Remedy,
    /// What to report if the remedy is used up.
    pub(crate) error: PlatformError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The same call again after a back-off, at most so many tries in a row.
    Again { tries: u32 },
    /// The same; a platform that fails over and over may manage half the days.
    AgainOrLess,
    /// The same call again after exactly this long.
    After(Duration),
    /// A fresh access token, once.
    Renew,
    /// Fewer days at once.
    Less,
    /// The place in the pages is lost; from the first page.
    StartOver,
    /// None.
    GiveUp,
}

impl Failure {
    pub(crate) fn again(error: PlatformError) -> Self {
        Self { remedy: Remedy::Again { tries: TRIES }, error }
    }

    pub(crate) fn throttled(platform: Platform, wait: Option<Duration>) -> Self {
        let remedy = wait.map_or(Remedy::Again { tries: TRIES }, Remedy::After);
        Self { remedy, error: PlatformError::Throttled(platform, wait) }
    }

    pub(crate) fn unavailable(platform: Platform, source: impl Into<BoxError>) -> Self {
        Self::again(PlatformError::Unavailable(platform, source.into()))
    }

    /// An answer that broke off or is not JSON: the next one may be whole.
    pub(crate) fn garbled(platform: Platform, source: impl Into<BoxError>) -> Self {
        Self::again(PlatformError::BadAnswer(platform, source.into()))
    }

    /// A whole answer that means nothing: the next one will be the same.
    pub(crate) fn nonsense(platform: Platform, source: impl Into<BoxError>) -> Self {
        Self::final_(PlatformError::BadAnswer(platform, source.into()))
    }

    pub(crate) fn dead_token(platform: Platform) -> Self {
        Self { remedy: Remedy::Renew, error: PlatformError::NeedsReauth(platform) }
    }

    pub(crate) fn too_much(platform: Platform) -> Self {
        Self { remedy: Remedy::Less, error: PlatformError::TooMuchData(platform) }
    }

    pub(crate) fn final_(error: PlatformError) -> Self {
        Self { remedy: Remedy::GiveUp, error }
    }
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Wait(Duration),
    Renew,
    /// Halve the days; where they cannot be halved, wait this long if it is given.
    Less(Option<Duration>),
    StartOver,
    GiveUp,
}

/// Counts the failures of one extraction or one call.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    timing: &'a Timing,
    in_a_row: u32,
    in_all: u32,
    start_overs: u32,
    renewed: bool,
    waited: Duration,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(timing: &'a Timing) -> Self {
        Self {
            timing,
            in_a_row: 0,
            in_all: 0,
            start_overs: 0,
            renewed: false,
            waited: Duration::ZERO,
        }
    }

    pub(crate) fn longest_wait(&self) -> Duration {
        self.timing.longest_wait
    }

    pub(crate) fn succeeded(&mut self) {
        self.in_a_row = 0;
        self.renewed = false;
    }

    /// What is asked for is less than what failed: it has all its tries.
    pub(crate) fn halved(&mut self) {
        self.in_a_row = 0;
    }

    pub(crate) fn after(&mut self, remedy: Remedy) -> Next {
        self.in_a_row += 1;
        self.in_all += 1;
        match remedy {
            Remedy::Again { tries } => self.back_off(tries),
            Remedy::AgainOrLess => match self.back_off(TRIES) {
                Next::Wait(wait) if self.in_a_row.is_multiple_of(2) => Next::Less(Some(wait)),
                next => next,
            },
            Remedy::After(wait) if self.in_a_row < TRIES => self.wait(wait),
            Remedy::Renew if !self.renewed && self.in_all < TRIES_IN_ALL => {
                self.renewed = true;
                Next::Renew
            }
            // Not counted: each makes the pieces smaller, so the number of them is bounded.
            Remedy::Less => {
                self.in_all -= 1;
                Next::Less(None)
            }
            Remedy::StartOver if self.start_overs < START_OVERS => {
                self.start_overs += 1;
                Next::StartOver
            }
            Remedy::After(_) | Remedy::Renew | Remedy::StartOver | Remedy::GiveUp => Next::GiveUp,
        }
    }

    fn back_off(&mut self, tries: u32) -> Next {
        if self.in_a_row >= tries {
            return Next::GiveUp;
        }
        let doublings = 2_u32.saturating_pow(self.in_a_row - 1);
        let ceiling = self.timing.backoff.saturating_mul(doublings);
        self.wait(full_jitter(ceiling.min(self.timing.longest_backoff)))
    }

    /// Waiting is bounded too: a worker that sleeps holds its place from other jobs.
    pub(crate) fn wait(&mut self, wait: Duration) -> Next {
        let waited = self.waited.saturating_add(wait);
        if self.in_all >= TRIES_IN_ALL
            || wait > self.timing.longest_wait
            || waited > self.timing.total_wait
        {
            return Next::GiveUp;
        }
        self.waited = waited;
        Next::Wait(wait)
    }
}

/// A random part of `ceiling`, so that many workers do not come back all at once.
fn full_jitter(ceiling: Duration) -> Duration {
    let mut random = [0; 4];
    rand::fill(&mut random).expect("the system has random numbers");
    ceiling.mul_f64(f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGAIN: Remedy = Remedy::Again { tries: TRIES };

    #[test]
    fn a_call_that_keeps_failing_is_given_up_after_its_tries() {
        let timing = Timing::default();
        let mut attempts = Attempts::new(&timing);
        for _ in 1..TRIES {
            assert!(matches!(attempts.after(AGAIN), Next::Wait(_)));
        }
        assert_eq!(attempts.after(AGAIN), Next::GiveUp);
    }

    #[test]
    fn success_forgives_the_row_but_not_the_sum() {
        let timing = Timing { backoff: Duration::ZERO, ..Timing::default() };
        let mut attempts = Attempts::new(&timing);
        for _ in 1..TRIES_IN_ALL {
            assert!(matches!(attempts.after(AGAIN), Next::Wait(_)));
            attempts.succeeded();
        }
        assert_eq!(attempts.after(AGAIN), Next::GiveUp);
    }

    #[test]
    fn back_offs_grow_to_a_ceiling() {
        let timing = Timing::default();
        for failures in 0..64 {
            let mut attempts = Attempts::new(&timing);
            attempts.in_a_row = failures;
            let ceiling = timing.backoff * 2_u32.saturating_pow(failures.min(5));
            match attempts.after(Remedy::Again { tries: u32::MAX }) {
                Next::Wait(wait) => assert!(wait <= ceiling.min(timing.longest_backoff)),
                next => panic!("{next:?}"),
            }
        }
    }

    #[test]
    fn a_short_wait_is_sat_out_exactly_and_a_long_one_handed_back() {
        let timing = Timing::default();
        let short = Duration::from_secs(7);
        assert_eq!(Attempts::new(&timing).after(Remedy::After(short)), Next::Wait(short));
        let long = timing.longest_wait + Duration::from_secs(1);
        assert_eq!(Attempts::new(&timing).after(Remedy::After(long)), Next::GiveUp);
    }

    #[test]
    fn waits_are_bounded_in_sum() {
        let timing = Timing { total_wait: Duration::from_secs(100), ..Timing::default() };
        let mut attempts = Attempts::new(&timing);
        let wait = Remedy::After(Duration::from_secs(45));
        assert!(matches!(attempts.after(wait), Next::Wait(_)));
        assert!(matches!(attempts.after(wait), Next::Wait(_)));
        assert_eq!(attempts.after(wait), Next::GiveUp);
    }

    #[test]
    fn a_token_is_renewed_once_until_it_has_worked() {
        let timing = Timing::default();
        let mut attempts = Attempts::new(&timing);
        assert_eq!(attempts.after(Remedy::Renew), Next::Renew);
        assert_eq!(attempts.after(Remedy::Renew), Next::GiveUp);
        attempts.succeeded();
        assert_eq!(attempts.after(Remedy::Renew), Next::Renew);
    }

    #[test]
    fn every_second_failure_of_a_struggling_platform_asks_for_less() {
        let timing = Timing::default();
        let mut attempts = Attempts::new(&timing);
        assert!(matches!(attempts.after(Remedy::AgainOrLess), Next::Wait(_)));
        assert!(matches!(attempts.after(Remedy::AgainOrLess), Next::Less(Some(_))));
        assert!(matches!(attempts.after(Remedy::AgainOrLess), Next::Wait(_)));
    }

    #[test]
    fn less_has_all_its_tries() {
        let timing = Timing::default();
        let mut attempts = Attempts::new(&timing);
        for _ in 0..TRIES {
            assert_eq!(attempts.after(Remedy::Less), Next::Less(None));
            attempts.halved();
        }
        for _ in 1..TRIES {
            assert!(matches!(attempts.after(AGAIN), Next::Wait(_)));
        }
        assert_eq!(attempts.after(AGAIN), Next::GiveUp);
    }

    #[test]
    fn starting_over_is_bounded_however_many_pages_succeed_in_between() {
        let timing = Timing::default();
        let mut attempts = Attempts::new(&timing);
        for _ in 0..START_OVERS {
            assert_eq!(attempts.after(Remedy::StartOver), Next::StartOver);
            attempts.succeeded();
        }
        assert_eq!(attempts.after(Remedy::StartOver), Next::GiveUp);
    }
}
