//! A Key Vault that keeps secrets in memory.
//!
//! It answers as a vault of the managed service does: a request without a token is challenged,
//! deletion is soft, lists come in pages. It makes trouble on order.

mod refusal;
mod requests;
mod shelf;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use url::Url;

use super::authority::Authority;
use super::server::{ANY_PORT, Server};
use super::tokens::{self, Tokens};
use crate::wire::{Answer, Call};
use refusal::Refusal;
use requests::{Operation, check_version};
use shelf::Shelf;

/// What tokens for vaults are issued for.
pub(crate) const AUDIENCE: &str = "https://vault.azure.net";

/// A running vault; clones are handles to it, and it goes away with the last of them.
#[derive(Clone)]
pub struct KeyVault {
    server: Server,
    vault: Arc<Mutex<Vault>>,
}

#[derive(Default)]
struct Vault {
    shelf: Shelf,
    throttled: u32,
    retry_after: Duration,
    forbidden: bool,
    seen: Vec<String>,
}

impl KeyVault {
    /// Starts an empty vault on a free port.
    pub async fn start(authority: &Authority) -> anyhow::Result<Self> {
        Self::listen(ANY_PORT, authority).await
    }

    /// Starts an empty vault on a port of one's choice; 0 takes a free one.
    pub async fn listen(listen: SocketAddr, authority: &Authority) -> anyhow::Result<Self> {
        let (tokens, vault) = (authority.tokens(), Arc::new(Mutex::default()));
        let kept = Arc::clone(&vault);
        let server = Server::tls(listen, authority, move |call| {
            let answer = answer(&call, &tokens, &kept);
            async move { answer }
        });
        Ok(Self { server: server.await?, vault })
    }

    /// `https://127.0.0.1:PORT/`
    pub fn url(&self) -> Url {
        self.server.url()
    }

    /// Answers the next `times` requests with 429; the wait is told in whole seconds.
    pub fn throttle(&self, times: u32, retry_after: Duration) {
        let mut vault = self.vault();
        (vault.throttled, vault.retry_after) = (times, retry_after);
    }

    /// Takes the role on the vault from every caller.
    pub fn forbid(&self) {
        self.vault().forbidden = true;
    }

    /// Gives the role back.
    pub fn permit(&self) {
        self.vault().forbidden = false;
    }

    /// Refuses to purge from now on.
    pub fn protect_from_purge(&self) {
        self.vault().shelf.purge_protected = true;
    }

    /// How long deletions and recoveries take from now on, as they do in the managed service; no
    /// time at first.
    pub fn set_settling(&self, settling: Duration) {
        self.vault().shelf.settling = settling;
    }

    /// Cuts all connections and refuses new ones.
    pub async fn down(&self) -> io::Result<()> {
        self.server.down().await
    }

    /// Answers again, under the same address and with the same secrets.
    pub async fn up(&self) -> io::Result<()> {
        self.server.up().await
    }

    /// The requests with a valid token that arrived so far, as `GET secrets/name`; those that
    /// were refused, too.
    pub fn seen(&self) -> Vec<String> {
        self.vault().seen.clone()
    }

    fn vault(&self) -> MutexGuard<'_, Vault> {
        lock(&self.vault)
    }
}

fn lock(vault: &Mutex<Vault>) -> MutexGuard<'_, Vault> {
    vault.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(call: &Call, tokens: &Tokens, vault: &Mutex<Vault>) -> Answer {
    authorize(call, tokens)
        .and_then(|()| lock(vault).answer(call))
        .unwrap_or_else(|refusal| refusal.answer())
}

/// A token is asked for before anything else is looked at.
fn authorize(call: &Call, tokens: &Tokens) -> Result<(), Refusal> {
    let unauthorized = |message: String| Refusal::Unauthorized(message);
    let token = call.bearer().ok_or_else(|| {
        unauthorized("AKV10000: Request is missing a Bearer or PoP token.".to_owned())
    })?;
    match tokens.check(token, &[AUDIENCE]) {
        Ok(_) => Ok(()),
        Err(tokens::Refusal::Audience { found }) => Err(unauthorized(format!(
            "AKV10022: Invalid audience. Expected {AUDIENCE}, found: {found}."
        ))),
        Err(tokens::Refusal::Expired) => {
            Err(unauthorized("[TokenExpired] Error validating token.".to_owned()))
        }
        Err(tokens::Refusal::Unknown) => {
            Err(unauthorized("[BearerReadAccessTokenFailed] Error validating token.".to_owned()))
        }
    }
}

impl Vault {
    fn answer(&mut self, call: &Call) -> Result<Answer, Refusal> {
        self.seen.push(format!("{} {}", call.method, call.path));
        if let Some(left) = self.throttled.checked_sub(1) {
            self.throttled = left;
            return Err(Refusal::Throttled(self.retry_after.as_secs()));
        }
        check_version(call)?;
        let path = call.segments();
        let operation = Operation::of(&call.method, &path)?;
        if self.forbidden {
            return Err(Refusal::Role { action: operation.action() });
        }
        operation.run(&mut self.shelf, call)
    }
}
