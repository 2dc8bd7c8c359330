//! The consent servers of Google and Meta.
//!
//! Codes and tokens are sealed tickets, not entries of a table: a simulator that is started
//! again with the same seed still knows the tokens it gave out, as a platform would. What must
//! be remembered (used codes, withdrawn consents) lasts as long as the process.

pub(crate) mod consent;
pub(crate) mod google;
pub(crate) mod meta;
mod ticket;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Duration;
use domain::{BusinessClock, Platform, SystemClock};

use crate::universe::{Account, Universe};
pub(crate) use ticket::Family;
use ticket::{Kind, Sealer, Ticket};

/// The secret of every registered application.
pub const CLIENT_SECRET: &str = "simulator-secret";

/// Who can sign in, and to which client each belongs; the agency reaches all.
const PEOPLE: [(&str, Option<&str>); 3] = [
    ("agency@example.com", None),
    ("northwind@example.com", Some("Northwind Outfitters")),
    ("bluebird@example.com", Some("Bluebird Travel")),
];

/// A person who is signed in at a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) login: &'static str,
    client: Option<&'static str>,
    number: u64,
}

impl Person {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        PEOPLE.iter().zip(1..).map(|((login, client), number)| Self {
            login,
            client: *client,
            number,
        })
    }

    pub(crate) fn find(login: &str) -> Option<Self> {
        Self::all().find(|person| person.login.eq_ignore_ascii_case(login))
    }

    /// The agency reaches its clients' Google Ads accounts through its manager account.
    pub(crate) fn is_agency(self) -> bool {
        self.client.is_none()
    }

    /// The id of the person at Meta.
    pub(crate) fn meta_id(self) -> String {
        format!("{}", 10_224_000_000_000_000 + self.number)
    }

    /// The accounts of a platform that the person may see.
    pub(crate) fn accounts(
        self,
        universe: &Universe,
        platform: Platform,
    ) -> impl Iterator<Item = &Account> {
        universe
            .clients()
            .iter()
            .filter(move |client| self.client.is_none_or(|mine| mine == client.name))
            .flat_map(|client| &client.accounts)
            .filter(move |account| account.platform == platform)
    }

    /// The account with this id, if the person may see it.
    pub(crate) fn account<'a>(
        self,
        universe: &'a Universe,
        platform: Platform,
        id: &str,
    ) -> Option<&'a Account> {
        let account = universe.account(platform, id)?;
        match self.client {
            None => Some(account),
            Some(_) => self.accounts(universe, platform).find(|mine| mine.id == id),
        }
    }
}

/// A token that was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub(crate) person: Person,
    pub(crate) grant: String,
    pub(crate) scopes: Vec<String>,
}

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Missing,
    Invalid,
    Expired,
    Revoked,
    /// The consent does not cover what was asked for.
    Scope,
}

#[derive(Default)]
struct Memory {
    used_codes: HashSet<String>,
    withdrawn: HashSet<String>,
    unticked: Vec<String>,
    denies: bool,
}

pub(crate) struct OAuth {
    sealer: Sealer,
    memory: Mutex<Memory>,
}

impl OAuth {
    pub(crate) fn new(seed: u64) -> Self {
        Self { sealer: Sealer::new(seed), memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the next people answer at the consent page.
    pub(crate) fn set_consent(&self, unticked: Vec<String>, denies: bool) {
        let mut memory = self.memory();
        memory.unticked = unticked;
        memory.denies = denies;
    }

    pub(crate) fn reset(&self) {
        let mut memory = self.memory();
        memory.withdrawn.clear();
        memory.unticked.clear();
        memory.denies = false;
    }

    pub(crate) fn withdraw(&self, grant: &str) {
        self.memory().withdrawn.insert(grant.to_owned());
    }

    /// Whether `token` opens what needs `scope`.
    pub(crate) fn check(
        &self,
        family: Family,
        token: Option<&str>,
        scope: &str,
    ) -> Result<Pass, Refusal> {
        let ticket = self.ticket(token.ok_or(Refusal::Missing)?, family, Kind::Access)?;
        if !ticket.scopes.iter().any(|granted| granted == scope) {
            return Err(Refusal::Scope);
        }
        let person = Person::find(&ticket.login).ok_or(Refusal::Invalid)?;
        Ok(Pass { person, grant: ticket.grant, scopes: ticket.scopes })
    }

    /// Opens a ticket that still counts.
    fn ticket(&self, text: &str, family: Family, kind: Kind) -> Result<Ticket, Refusal> {
        let ticket = self
            .sealer
            .open(text)
            .filter(|ticket| ticket.family == family && ticket.kind == kind)
            .ok_or(Refusal::Invalid)?;
        if self.memory().withdrawn.contains(&ticket.grant) {
            return Err(Refusal::Revoked);
        }
        if ticket.expires_at.is_some_and(|expiry| expiry <= SystemClock.now().timestamp()) {
            return Err(Refusal::Expired);
        }
        Ok(ticket)
    }

    /// A ticket of another kind for the same consent.
    fn issue(&self, from: &Ticket, kind: Kind, lifetime: Option<Duration>) -> String {
        let expires_at = lifetime.map(|lifetime| (SystemClock.now() + lifetime).timestamp());
        self.sealer.seal(&Ticket { kind, expires_at, redirect: None, ..from.clone() })
    }

    /// Marks a code as used; false when it already was.
    fn use_code(&self, code: &str) -> bool {
        self.memory().used_codes.insert(code.to_owned())
    }
}
