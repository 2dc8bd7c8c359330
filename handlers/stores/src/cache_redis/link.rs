//! The one connection to the server: made when it is first wanted, given up when it fails, and
//! not missed while it is away.
//!
//! The crate's own `ConnectionManager` keeps a connection that has stopped answering, because a
//! late answer may still come; behind a firewall that drops packets that lasts until TCP gives
//! up, a quarter of an hour. Here whoever does not answer in time is connected to anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::ports::BoxError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long a connection may take, TLS and password included.
const CONNECT: Duration = Duration::from_secs(1);

/// How long a server that failed is left alone; twice as long after each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

pub(super) struct Link {
    client: Client,
    state: watch::Sender<State>,
}

/// `failures` counts those since the server last answered a question.
#[derive(Clone)]
enum State {
    Unused,
    /// Only the very first connection is waited for: `failures` is 0.
    Connecting {
        failures: u32,
    },
    Up {
        connection: MultiplexedConnection,
        /// Tells this connection from those before it.
        number: u64,
        failures: u32,
    },
    Away {
        until: Instant,
        failures: u32,
        error: Arc<str>,
    },
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self { client, state: watch::Sender::new(State::Unused) }
    }

    /// The server's answer. Who waits in vain takes the connection away from everyone.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        command: &Cmd,
        patience: Duration,
    ) -> Result<T, BoxError> {
        let deadline = Instant::now() + patience;
        let (mut connection, number) = self.connection(deadline).await?;
        match timeout_at(deadline, command.query_async(&mut connection)).await {
            Ok(Ok(answer)) => {
                self.answered(number);
                Ok(answer)
            }
            Ok(Err(error)) => {
                if is_broken(&error) {
                    self.failed(number, &error.to_string());
                }
                Err(error.into())
            }
            Err(late) => {
                self.failed(number, "it did not answer in time");
                Err(late.into())
            }
        }
    }

    async fn connection(
        &self,
        deadline: Instant,
    ) -> Result<(MultiplexedConnection, u64), BoxError> {
        let mut seen = self.state.subscribe();
        self.connect_if_due();
        let settled = |state: &State| !matches!(state, State::Connecting { failures: 0 });
        let state = match timeout_at(deadline, seen.wait_for(settled)).await {
            Ok(state) => state.map_err(|_| "the cache was dropped")?.clone(),
            Err(late) => {
                // Whoever comes next need not wait for it too.
                self.state.send_if_modified(|state| match state {
                    State::Connecting { failures } => {
                        *failures = (*failures).max(1);
                        true
                    }
                    _ => false,
                });
                return Err(late.into());
            }
        };
        match state {
            State::Up { connection, number, .. } => Ok((connection, number)),
            State::Away { error, .. } => Err(format!("it is left alone after: {error}").into()),
            State::Unused | State::Connecting { .. } => Err("it is being looked for".into()),
        }
    }

    /// Begins to connect in the background, unless that is under way, done, or too early.
    fn connect_if_due(&self) {
        let due = |state: &State| match state {
            State::Unused => Some(0),
            State::Away { until, failures, .. } if *until <= Instant::now() => Some(*failures),
            _ => None,
        };
        // Asked without the lock for writing first: every question comes by here.
        if due(&self.state.borrow()).is_none() {
            return;
        }
        let begins = self.state.send_if_modified(|state| {
            let Some(failures) = due(state) else { return false };
            *state = State::Connecting { failures };
            true
        });
        if begins {
            tokio::spawn(connect(self.client.clone(), self.state.clone()));
        }
    }

    fn answered(&self, number: u64) {
        let healed = |state: &State| matches!(state, State::Up { number: now, failures: 1.., .. } if *now == number);
        if healed(&self.state.borrow()) {
            self.state.send_if_modified(|state| match state {
                State::Up { number: now, failures, .. } if *now == number => {
                    *failures = 0;
                    true
                }
                _ => false,
            });
        }
    }

    /// Many may notice that a connection is broken; it counts once.
    fn failed(&self, number: u64, error: &str) {
        self.state.send_if_modified(|state| match state {
            State::Up { number: now, failures, .. } if *now == number => {
                *state = away(*failures, error);
                true
            }
            _ => false,
        });
    }
}

async fn connect(client: Client, state: watch::Sender<State>) {
    // How long an answer may take, each question says for itself.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(CONNECT));
    let connected = client.get_multiplexed_async_connection_with_config(&config).await;
    state.send_modify(|state| {
        let failures = match state {
            State::Connecting { failures } | State::Away { failures, .. } => *failures,
            State::Unused | State::Up { .. } => 0,
        };
        *state = match connected {
            Ok(connection) => State::Up { connection, number: next_number(), failures },
            Err(error) => away(failures, &error.to_string()),
        };
    });
}

fn next_number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

fn away(failures: u32, error: &str) -> State {
    let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(8)).min(LONGEST_PAUSE);
    State::Away { until: Instant::now() + pause, failures: failures + 1, error: error.into() }
}

/// Whether the connection is of no further use. A server that refuses one command, for being out
/// of memory say, still answers others.
fn is_broken(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse | ErrorKind::AuthenticationFailed)
}
