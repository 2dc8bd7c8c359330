//! The host against a real HTTP handler and real queues in PostgreSQL.

mod handler;
mod queues;
mod timers;

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Until when what must happen may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// Asks until there is an answer.
async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "did not happen in time: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
