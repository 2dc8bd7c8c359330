//! Platform tokens: kept in the secret store, renewed before they run out.
//!
//! **Invariant:** within a process at most one renewal of a credential is under way; the others
//! wait for what it brings. Between processes two may renew at once: who stores second keeps what
//! the first has stored. And what one process stores, after a person has connected anew, another
//! uses as soon as its own token is refused, or else within minutes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::ports::{Grant, PlatformAccess, PlatformError, Secrets, StoreError};
use domain::{BusinessClock, CredentialId, Platform};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// A token with less than this left may run out during the work it is wanted for.
const MIN_LEFT: TimeDelta = TimeDelta::minutes(5);

/// Meta exchanges a live token for a fresh one of 60 days, and a dead one never: renew early.
const META_MIN_LEFT: TimeDelta = TimeDelta::days(7);

/// A token with more than this left is still used when its platform cannot renew it right now.
const USABLE_LEFT: TimeDelta = TimeDelta::minutes(1);

/// So long a grant is used before the store is asked for it again: the new consent that another
/// process has stored meanwhile may cover more, which no refusal of the old token tells.
const HELD_FOR: TimeDelta = TimeDelta::minutes(5);

/// Access tokens of credentials, always live as far as can be known.
pub struct CredentialVault {
    secrets: Arc<dyn Secrets>,
    platforms: Arc<dyn PlatformAccess>,
    /// The system's time, not the business's: tokens run out by it.
    clock: Arc<dyn BusinessClock>,
    held: Mutex<HashMap<CredentialId, Slot>>,
}

/// What this process knows of one credential; locked while it is read or renewed.
type Slot = Arc<tokio::sync::Mutex<Option<Held>>>;

struct Held {
    grant: StoredGrant,
    /// When the store was last asked for it, or given it.
    since: DateTime<Utc>,
}

/// Why there is no token. `Display` may be shown to a person.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// [`PlatformError::NeedsReauth`] if the consent is gone; the caller marks the credential.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CredentialVault {
    /// `clock` is the system clock.
    pub fn new(
        secrets: Arc<dyn Secrets>,
        platforms: Arc<dyn PlatformAccess>,
        clock: Arc<dyn BusinessClock>,
    ) -> Self {
        Self { secrets, platforms, clock, held: Mutex::default() }
    }

    /// Keeps what a consent brought, in place of what an earlier one did.
    pub async fn store(&self, credential: CredentialId, grant: &Grant) -> Result<(), StoreError> {
        let slot = self.slot(credential);
        let mut held = slot.lock().await;
        let grant = StoredGrant::from(grant.clone());
        self.write(credential, &grant).await?;
        self.hold(&mut held, grant);
        Ok(())
    }

    /// A token to call the platform with, renewed if it is about to run out.
    pub async fn access_token(
        &self,
        credential: CredentialId,
        platform: Platform,
    ) -> Result<SecretString, VaultError> {
        let slot = self.slot(credential);
        let mut held = slot.lock().await;
        let live = held.as_ref().filter(|held| self.is_fresh(platform, &held.grant));
        if let Some(known) = live.filter(|held| self.is_recent(held)) {
            return Ok(known.grant.token());
        }
        if held.is_none()
            && let Some(recent) = self.read_recent(credential).await?
            && self.is_fresh(platform, &recent)
        {
            return Ok(self.hold(&mut held, recent));
        }
        let stored = match self.read_existing(credential, platform).await {
            Err(VaultError::Store(error @ StoreError::Unavailable { .. })) => {
                let live = held.take().filter(|held| self.is_fresh(platform, &held.grant));
                let Some(Held { grant, .. }) = live else { return Err(error.into()) };
                tracing::warn!(
                    %credential, %platform, error = &error as &dyn std::error::Error,
                    "the newest token is not known; the one known is used on"
                );
                return Ok(self.hold(&mut held, grant));
            }
            answer => answer?,
        };
        if self.is_fresh(platform, &stored) {
            return Ok(self.hold(&mut held, stored));
        }
        match self.exchange(credential, platform, &stored).await {
            Ok(renewed) => Ok(self.hold(&mut held, renewed)),
            Err(VaultError::Platform(
                error @ (PlatformError::Throttled(..) | PlatformError::Unavailable(..)),
            )) if self.has_left(&stored, USABLE_LEFT) => {
                tracing::warn!(
                    %credential, %platform, error = &error as &dyn std::error::Error,
                    "the token could not be renewed yet"
                );
                Ok(stored.token())
            }
            Err(error) => Err(error),
        }
    }

    /// Another token than `refused`, which the platform did not accept: the newest stored, or one
    /// that the platform gives for it.
    pub async fn renew(
        &self,
        credential: CredentialId,
        platform: Platform,
        refused: &SecretString,
    ) -> Result<SecretString, VaultError> {
        let slot = self.slot(credential);
        let mut held = slot.lock().await;
        let stored = self.read_existing(credential, platform).await?;
        let replaced = stored.access_token != refused.expose_secret();
        if replaced && self.is_fresh(platform, &stored) {
            return Ok(self.hold(&mut held, stored));
        }
        *held = None;
        // Only the refused token itself is left to be exchanged, and a dead one never is.
        if !replaced && stored.refresh_token.is_none() {
            return Err(PlatformError::NeedsReauth(platform).into());
        }
        let renewed = self.exchange(credential, platform, &stored).await?;
        Ok(self.hold(&mut held, renewed))
    }

    /// Asks the platform for new tokens, and stores them unless someone else has stored newer
    /// ones since `current` was read.
    async fn exchange(
        &self,
        credential: CredentialId,
        platform: Platform,
        current: &StoredGrant,
    ) -> Result<StoredGrant, VaultError> {
        let answer = self.platforms.refresh(platform, &current.grant()).await;
        let others = self
            .read(credential)
            .await?
            .filter(|stored| stored != current && self.is_fresh(platform, stored));
        match (answer, others) {
            (Ok(_) | Err(PlatformError::NeedsReauth(_)), Some(newer)) => Ok(newer),
            (Ok(grant), None) => {
                let renewed = current.renewed_by(grant);
                self.write(credential, &renewed).await?;
                tracing::info!(%credential, %platform, "token renewed");
                Ok(renewed)
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    fn hold(&self, held: &mut Option<Held>, grant: StoredGrant) -> SecretString {
        held.insert(Held { grant, since: self.clock.now() }).grant.token()
    }

    /// False also if the clock was set back since.
    fn is_recent(&self, held: &Held) -> bool {
        (TimeDelta::zero()..HELD_FOR).contains(&(self.clock.now() - held.since))
    }

    fn is_fresh(&self, platform: Platform, grant: &StoredGrant) -> bool {
        let min_left = match platform {
            Platform::MetaAds => META_MIN_LEFT,
            Platform::GoogleAds | Platform::GoogleAnalytics => MIN_LEFT,
        };
        self.has_left(grant, min_left)
    }

    fn has_left(&self, grant: &StoredGrant, least: TimeDelta) -> bool {
        grant.access_expires_at.is_none_or(|end| end - self.clock.now() > least)
    }

    fn slot(&self, credential: CredentialId) -> Slot {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(held.entry(credential).or_default())
    }

    async fn read_existing(
        &self,
        credential: CredentialId,
        platform: Platform,
    ) -> Result<StoredGrant, VaultError> {
        let stored = self.read(credential).await?;
        stored.ok_or_else(|| PlatformError::NeedsReauth(platform).into())
    }

    /// What is stored now: what is renewed must not have been replaced.
    async fn read(&self, credential: CredentialId) -> Result<Option<StoredGrant>, StoreError> {
        let json = self.secrets.get(&secret_name(credential)).await?;
        json.map(|json| parsed(credential, &json)).transpose()
    }

    /// What was stored lately: good enough while its access token is live. One that was replaced
    /// may be refused, and is then renewed; and the newest is read within [`HELD_FOR`] anyway.
    async fn read_recent(
        &self,
        credential: CredentialId,
    ) -> Result<Option<StoredGrant>, StoreError> {
        let json = self.secrets.get_recent(&secret_name(credential)).await?;
        json.map(|json| parsed(credential, &json)).transpose()
    }

    async fn write(&self, credential: CredentialId, grant: &StoredGrant) -> Result<(), StoreError> {
        let json = serde_json::to_string(grant).expect("a grant is plain data");
        self.secrets.set(&secret_name(credential), SecretString::from(json)).await
    }
}

fn parsed(credential: CredentialId, json: &SecretString) -> Result<StoredGrant, StoreError> {
    // The error's text would quote what it could not read.
    serde_json::from_str(json.expose_secret()).map_err(|_| StoreError::Corrupt {
        what: "a credential's secret",
        source: format!("{} is not a grant", secret_name(credential)).into(),
    })
}

fn secret_name(credential: CredentialId) -> String {
    format!("credential-{credential}")
}

/// A grant as it lies in the secret store. No `Debug`: it is nothing but secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredGrant {
    access_token: String,
    access_expires_at: Option<DateTime<Utc>>,
    refresh_token: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
}

impl StoredGrant {
    fn token(&self) -> SecretString {
        SecretString::from(self.access_token.as_str())
    }

    fn grant(&self) -> Grant {
        Grant {
            access_token: self.token(),
            access_expires_at: self.access_expires_at,
            refresh_token: self.refresh_token.as_deref().map(SecretString::from),
            scopes: self.scopes.clone(),
        }
    }

    /// A renewal often brings an access token alone: the rest then stays.
    fn renewed_by(&self, grant: Grant) -> Self {
        let renewed = Self::from(grant);
        Self {
            refresh_token: renewed.refresh_token.or_else(|| self.refresh_token.clone()),
            scopes: if renewed.scopes.is_empty() { self.scopes.clone() } else { renewed.scopes },
            ..renewed
        }
    }
}

impl From<Grant> for StoredGrant {
    fn from(grant: Grant) -> Self {
        Self {
            access_token: grant.access_token.expose_secret().to_owned(),
            access_expires_at: grant.access_expires_at,
            refresh_token: grant.refresh_token.map(|token| token.expose_secret().to_owned()),
            scopes: grant.scopes,
        }
    }
}
