//! The vault against the platforms' consent servers and an encrypted file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use connectors::Platforms;
use domain::ports::{Grant, PlatformAccess, PlatformError, Secrets, StoreError};
use domain::{BusinessClock, CredentialId, FixedClock, Platform, SystemClock};
use futures_util::future::join_all;
use jobs::{CredentialVault, VaultError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use simulators::Running;
use stores::SecretsFile;
use tempfile::TempDir;

use crate::simulated::{self, consent};

struct World {
    simulators: Running,
    platforms: Arc<Platforms>,
    secrets: Arc<SecretsFile>,
    client: reqwest::Client,
    folder: TempDir,
}

impl World {
    async fn start() -> Self {
        let simulators = simulators::start(simulators::Config::default()).await.unwrap();
        let folder = TempDir::new().unwrap();
        Self {
            platforms: Arc::new(Platforms::new(simulated::config(&simulators)).unwrap()),
            secrets: Arc::new(SecretsFile::open(folder.path().join("secrets")).unwrap()),
            client: reqwest::Client::builder().build().unwrap(),
            simulators,
            folder,
        }
    }

    /// As one more process has it.
    fn vault(&self) -> CredentialVault {
        self.vault_at(SystemClock)
    }

    fn vault_at(&self, clock: impl BusinessClock + 'static) -> CredentialVault {
        let secrets = Arc::clone(&self.secrets) as Arc<dyn Secrets>;
        CredentialVault::new(secrets, Arc::clone(&self.platforms) as _, Arc::new(clock))
    }

    /// What a fresh consent brings, told to expire after `left`.
    async fn grant(&self, platform: Platform, left: TimeDelta) -> Grant {
        let grant = consent(&self.platforms, platform).await;
        Grant { access_expires_at: Some(SystemClock.now() + left), ..grant }
    }

    async fn token_calls(&self) -> u64 {
        let url = format!("{}/_stats", self.simulators.base_url());
        let stats: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        let calls = stats["calls"].as_array().unwrap();
        let of_tokens = calls.iter().filter(|call| call["endpoint"] == "token");
        of_tokens.map(|call| call["count"].as_u64().unwrap()).sum()
    }

    async fn fault(&self, platform: Platform, kind: &str, times: u32) {
        let url = format!("{}/_control/fault", self.simulators.base_url());
        let order = json!({
            "platform": platform, "endpoint": "token", "kind": kind, "times": times,
        });
        let answer = self.client.post(url).json(&order).send().await.unwrap();
        assert!(answer.status().is_success());
    }
}

fn text(token: &SecretString) -> &str {
    token.expose_secret()
}

const GOOGLE: Platform = Platform::GoogleAds;
const META: Platform = Platform::MetaAds;

#[tokio::test]
async fn a_live_token_is_given_without_asking_the_platform() {
    let world = World::start().await;
    let (vault, id) = (world.vault(), CredentialId::new());
    let grant = world.grant(GOOGLE, TimeDelta::minutes(6)).await;
    vault.store(id, &grant).await.unwrap();
    let before = world.token_calls().await;
    // A second process knows of it from the secret store alone.
    for vault in [&vault, &world.vault()] {
        let given = vault.access_token(id, GOOGLE).await.unwrap();
        assert_eq!(text(&given), text(&grant.access_token));
    }
    assert_eq!(world.token_calls().await, before);
}

#[tokio::test]
async fn a_token_about_to_run_out_is_renewed_once_for_all_who_ask() {
    let world = World::start().await;
    let (vault, id) = (world.vault(), CredentialId::new());
    let grant = world.grant(GOOGLE, TimeDelta::minutes(4)).await;
    vault.store(id, &grant).await.unwrap();
    let before = world.token_calls().await;
    let given = join_all((0..20).map(|_| vault.access_token(id, GOOGLE))).await;
    let given: Vec<_> = given.into_iter().map(Result::unwrap).collect();
    assert!(given.iter().all(|token| text(token) == text(&given[0])));
    assert_ne!(text(&given[0]), text(&grant.access_token));
    assert_eq!(world.token_calls().await, before + 1);
    let elsewhere = world.vault().access_token(id, GOOGLE).await.unwrap();
    assert_eq!(text(&elsewhere), text(&given[0]), "the renewed one was stored");
}

/// Google sends a refresh token with the first grant alone.
#[tokio::test]
async fn a_renewal_keeps_what_it_does_not_bring() {
    let world = World::start().await;
    let (vault, id) = (world.vault(), CredentialId::new());
    vault.store(id, &world.grant(GOOGLE, TimeDelta::minutes(1)).await).await.unwrap();
    let first = vault.access_token(id, GOOGLE).await.unwrap();
    let second = vault.renew(id, GOOGLE, &first).await.unwrap();
    let third = world.vault().renew(id, GOOGLE, &second).await.unwrap();
    assert_ne!(text(&second), text(&first));
    assert_ne!(text(&third), text(&second));
}

#[tokio::test]
async fn meta_tokens_are_exchanged_a_week_before_they_die() {
    let world = World::start().await;
    let (vault, id) = (world.vault(), CredentialId::new());
    let grant = world.grant(META, TimeDelta::days(8)).await;
    vault.store(id, &grant).await.unwrap();
    let given = vault.access_token(id, META).await.unwrap();
    assert_eq!(text(&given), text(&grant.access_token));
    let grant = Grant { access_expires_at: Some(SystemClock.now() + TimeDelta::days(6)), ..grant };
    vault.store(id, &grant).await.unwrap();
    let given = vault.access_token(id, META).await.unwrap();
    assert_ne!(text(&given), text(&grant.access_token));
    let endless = Grant { access_expires_at: None, ..grant };
    vault.store(id, &endless).await.unwrap();
    let given = vault.access_token(id, META).await.unwrap();
    assert_eq!(text(&given), text(&endless.access_token), "a system user's never runs out");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_for_all_who_were_refused() {
    let world = World::start().await;
    let (vault, id) = (world.vault(), CredentialId::new());
    let grant = world.grant(GOOGLE, TimeDelta::hours(1)).await;
    vault.store(id, &grant).await.unwrap();
    let before = world.token_calls().await;
    let refused = &grant.access_token;
    let given = join_all((0..10).map(|_| vault.renew(id, GOOGLE, refused))).await;
    let given: Vec<_> = given.into_iter().map(Result::unwrap).collect();
    assert!(given.iter().all(|token| text(token) == text(&given[0])));
    assert_ne!(text(&given[0]), text(refused));
    assert_eq!(world.token_calls().await, before + 1);
}

#[tokio::test]
async fn two_processes_that_renew_at_once_lose_nothing() {
    let world = World::start().await;
    let (one, two, id) = (world.vault(), world.vault(), CredentialId::new());
    one.store(id, &world.grant(GOOGLE, TimeDelta::minutes(1)).await).await.unwrap();
    let (first, second) = tokio::join!(one.access_token(id, GOOGLE), two.access_token(id, GOOGLE));
    let given = [first.unwrap(), second.unwrap()];
    let stored = world.vault().access_token(id, GOOGLE).await.unwrap();
    assert!(given.iter().any(|token| text(token) == text(&stored)));
    assert!(world.vault().renew(id, GOOGLE, &stored).await.is_ok());
}

#[tokio::test]
async fn a_platform_in_trouble_costs_nothing_while_the_token_lives() {
    let world = World::start().await;
    let (vault, id) = (world.vault(), CredentialId::new());
    let grant = world.grant(GOOGLE, TimeDelta::minutes(3)).await;
    vault.store(id, &grant).await.unwrap();
    world.fault(GOOGLE, "service_unavailable", 1_000).await;
    let given = vault.access_token(id, GOOGLE).await.unwrap();
    assert_eq!(text(&given), text(&grant.access_token));

    let dying = Grant { access_expires_at: Some(SystemClock.now()), ..grant };
    vault.store(id, &dying).await.unwrap();
    let refused = vault.access_token(id, GOOGLE).await.unwrap_err();
    assert!(matches!(refused, VaultError::Platform(PlatformError::Unavailable(..))), "{refused:?}");
}

#[tokio::test]
async fn a_consent_that_is_gone_is_told_as_such() {
    let world = World::start().await;
    let (vault, id) = (world.vault(), CredentialId::new());
    let needs_reauth = |answer: Result<SecretString, VaultError>| {
        matches!(answer, Err(VaultError::Platform(PlatformError::NeedsReauth(GOOGLE))))
    };
    assert!(needs_reauth(vault.access_token(id, GOOGLE).await), "there never was any");
    let grant = world.grant(GOOGLE, TimeDelta::minutes(1)).await;
    vault.store(id, &grant).await.unwrap();
    world.platforms.revoke(GOOGLE, &grant).await.unwrap();
    assert!(needs_reauth(vault.access_token(id, GOOGLE).await));
    vault.store(id, &world.grant(GOOGLE, TimeDelta::minutes(30)).await).await.unwrap();
    assert!(vault.access_token(id, GOOGLE).await.is_ok(), "a new consent heals it");
}

#[tokio::test]
async fn a_dead_token_gives_way_to_the_consent_that_another_process_took() {
    let world = World::start().await;
    for platform in Platform::ALL {
        let (vault, other, id) = (world.vault(), world.vault(), CredentialId::new());
        let dead = world.grant(platform, TimeDelta::days(50)).await;
        other.store(id, &dead).await.unwrap();
        let refused = vault.access_token(id, platform).await.unwrap();
        world.platforms.revoke(platform, &dead).await.unwrap();
        let before = world.token_calls().await;
        let none = vault.renew(id, platform, &refused).await;
        let Err(VaultError::Platform(PlatformError::NeedsReauth(_))) = none else {
            panic!("{platform}: {none:?}");
        };
        let asked = world.token_calls().await - before;
        assert_eq!(asked, u64::from(platform != META), "Meta exchanges no dead token");

        // Whether or not its death was seen before the person connected anew.
        for vault in [vault, world.vault()] {
            let refused = vault.access_token(id, platform).await.unwrap();
            let live = world.grant(platform, TimeDelta::days(50)).await;
            other.store(id, &live).await.unwrap();
            let given = vault.renew(id, platform, &refused).await.unwrap();
            assert_eq!(text(&given), text(&live.access_token), "{platform}");
            let given = vault.access_token(id, platform).await.unwrap();
            assert_eq!(text(&given), text(&live.access_token), "{platform}");
        }
    }
}

/// A consent that covers too little is refused otherwise than a dead one.
#[tokio::test]
async fn what_another_process_stored_is_used_within_minutes_though_nothing_was_refused() {
    let world = World::start().await;
    let start = SystemClock.now();
    let clock = FixedClock::at(start);
    let (vault, id) = (world.vault_at(clock.clone()), CredentialId::new());
    let narrow = world.grant(META, TimeDelta::days(50)).await;
    vault.store(id, &narrow).await.unwrap();
    let wide = world.grant(META, TimeDelta::days(50)).await;
    world.vault().store(id, &wide).await.unwrap();
    for (minutes, grant) in [(4, &narrow), (5, &wide)] {
        clock.set(start + TimeDelta::minutes(minutes));
        let given = vault.access_token(id, META).await.unwrap();
        assert_eq!(text(&given), text(&grant.access_token), "after {minutes} minutes");
    }

    // The file cannot be read.
    let file = world.folder.path().join("secrets/secrets.json");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    clock.set(start + TimeDelta::hours(1));
    let unknown = world.vault().access_token(id, META).await.unwrap_err();
    assert!(matches!(unknown, VaultError::Store(StoreError::Unavailable { .. })), "{unknown:?}");
    let given = vault.access_token(id, META).await.unwrap();
    assert_eq!(text(&given), text(&wide.access_token), "while the store is away");
    clock.set(start + TimeDelta::days(44));
    vault.access_token(id, META).await.expect_err("it may run out, and cannot be renewed");
}

#[tokio::test]
async fn what_is_no_grant_is_not_shown_in_the_error() {
    let world = World::start().await;
    let id = CredentialId::new();
    let name = format!("credential-{id}");
    world.secrets.set(&name, SecretString::from("\"hunter2\"")).await.unwrap();
    let error = world.vault().access_token(id, GOOGLE).await.unwrap_err();
    assert!(matches!(error, VaultError::Store(_)));
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

/// A store whose recent values are those that this process saw first.
struct Remembering {
    store: Arc<SecretsFile>,
    seen: Mutex<HashMap<String, SecretString>>,
}

#[async_trait]
impl Secrets for Remembering {
    async fn get(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        self.store.get(name).await
    }

    async fn get_recent(&self, name: &str) -> Result<Option<SecretString>, StoreError> {
        let Some(newest) = self.store.get(name).await? else { return Ok(None) };
        Ok(Some(self.seen.lock().unwrap().entry(name.to_owned()).or_insert(newest).clone()))
    }

    async fn set(&self, name: &str, value: SecretString) -> Result<(), StoreError> {
        self.store.set(name, value).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.store.delete(name).await
    }
}

#[tokio::test]
async fn what_another_process_renewed_is_used_however_much_is_remembered() {
    let world = World::start().await;
    let (other, id) = (world.vault(), CredentialId::new());
    other.store(id, &world.grant(GOOGLE, TimeDelta::minutes(1)).await).await.unwrap();
    let secrets = Arc::new(Remembering { store: world.secrets.clone(), seen: Mutex::default() });
    secrets.get_recent(&format!("credential-{id}")).await.unwrap();
    let platforms = Arc::clone(&world.platforms) as _;
    let vault = CredentialVault::new(Arc::clone(&secrets) as _, platforms, Arc::new(SystemClock));

    let renewed = other.access_token(id, GOOGLE).await.unwrap();
    let before = world.token_calls().await;
    assert_eq!(text(&vault.access_token(id, GOOGLE).await.unwrap()), text(&renewed));
    let again = other.renew(id, GOOGLE, &renewed).await.unwrap();
    assert_eq!(text(&vault.renew(id, GOOGLE, &renewed).await.unwrap()), text(&again));
    assert_eq!(world.token_calls().await, before + 1, "the other process's calls alone");
}
