//! Against a stand-in that answers as Key Vault does, by the official client.

use std::path::Path;

use azure_security_keyvault_secrets::models::{SecretAttributes, UpdateSecretPropertiesParameters};
use futures_util::future::join_all;
use reqwest::Method;
use simulators::azure::{Authority, Fault, Gate, KeyVault, Order};
use url::Url;

use super::vault::client;
use super::*;
use crate::azure::Patience;
use crate::azure::testing::{SHORT, identity, provided, reason};

/// Longer than any answer takes on a busy machine, and two waits of a second in between.
const PATIENT: Patience = Patience { whole: Duration::from_mins(1), ..Patience::USUAL };

/// Long after everything should have been given up.
const DEADLINE: Duration = Duration::from_mins(2);

struct World {
    authority: Authority,
    vault: KeyVault,
    secrets: KeyVaultSecrets,
}

impl World {
    async fn start() -> Self {
        let authority = Authority::open_or_create(Path::new(&provided("MIQ_TEST_CA_DIR"))).unwrap();
        let vault = KeyVault::start(&authority).await.unwrap();
        let secrets = process(&vault.url(), PATIENT);
        Self { authority, vault, secrets }
    }

    async fn gate(&self) -> Gate {
        Gate::open(&self.authority, &self.vault.url()).await.unwrap()
    }

    /// The calls of this method to this place.
    fn calls(&self, method: &str, path: &str) -> usize {
        let call = format!("{method} {path}");
        self.vault.seen().iter().filter(|seen| seen.trim_end_matches('/') == call).count()
    }
}

/// Another process that uses the vault.
fn process(vault: &Url, patience: Patience) -> KeyVaultSecrets {
    KeyVaultSecrets::new(&identity(patience), vault).unwrap()
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn text(got: Result<Option<SecretString>, StoreError>) -> Option<String> {
    got.unwrap().map(|value| value.expose_secret().to_owned())
}

#[tokio::test]
async fn meets_the_conformance_suite() {
    let world = World::start().await;
    crate::conformance::secrets(&world.secrets).await;
    let names = world.vault.seen();
    assert!(names.iter().any(|seen| seen.ends_with("/recover")), "a deleted name was recovered");
}

#[tokio::test]
async fn meets_the_conformance_suite_while_deletions_take_time() {
    let world = World::start().await;
    world.vault.set_settling(Duration::from_millis(300));
    crate::conformance::secrets(&world.secrets).await;
}

#[tokio::test]
async fn the_same_value_makes_no_further_version() {
    let world = World::start().await;
    for value in ["one", "one", "two", "two", "one"] {
        world.secrets.set("a", secret(value)).await.unwrap();
        process(&world.vault.url(), PATIENT).set("a", secret(value)).await.unwrap();
    }
    assert_eq!(world.calls("PUT", "secrets/a"), 3);
    assert_eq!(text(world.secrets.get("a").await).as_deref(), Some("one"));
}

/// Asked while the vault is busy with the name, which the managed service is for seconds.
#[tokio::test]
async fn a_name_that_is_being_deleted_is_written_once_it_is_free() {
    let world = World::start().await;
    world.secrets.set("a", secret("old")).await.unwrap();
    world.vault.set_settling(Duration::from_secs(1));
    world.secrets.delete("a").await.unwrap();
    assert_eq!(text(world.secrets.get("a").await), None);
    world.secrets.set("a", secret("new")).await.unwrap();
    assert_eq!(text(world.secrets.get("a").await).as_deref(), Some("new"));
    world.secrets.delete("a").await.unwrap();
    assert_eq!(text(world.secrets.get("a").await), None);
}

/// The calls take up the time, not the pauses between them.
#[tokio::test]
async fn a_name_that_stays_busy_is_given_up_however_slow_the_calls_are() {
    let world = World::start().await;
    world.secrets.set("a", secret("old")).await.unwrap();
    world.vault.set_settling(Duration::from_hours(1));
    world.secrets.delete("a").await.unwrap();
    let gate = world.gate().await;
    gate.order(Order::always(Fault::Delay(Duration::from_millis(500))).method(Method::PUT));
    let mut slow = process(&gate.url(), PATIENT);
    slow.settled = Duration::from_secs(1);
    let before = world.calls("PUT", "secrets/a");
    let given_up = reason(slow.set("a", secret("new")).await);
    assert!(given_up.contains("still deleting or recovering the secret a"), "{given_up}");
    let asked = world.calls("PUT", "secrets/a") - before;
    assert!((1..=2).contains(&asked), "a third call would begin after more than a second: {asked}");
}

#[tokio::test]
async fn a_vault_that_asks_to_wait_is_asked_again_when_it_says() {
    let world = World::start().await;
    world.secrets.set("a", secret("value")).await.unwrap();
    world.vault.throttle(2, Duration::from_secs(1));
    assert_eq!(text(world.secrets.get("a").await).as_deref(), Some("value"));
    world.vault.throttle(2, Duration::from_secs(1));
    world.secrets.set("a", secret("other")).await.unwrap();
    assert_eq!(text(world.secrets.get("a").await).as_deref(), Some("other"));
}

#[tokio::test]
async fn a_vault_that_asks_to_wait_too_long_is_given_up() {
    let world = World::start().await;
    world.vault.throttle(u32::MAX, Duration::from_hours(1));
    let hasty = Patience { whole: Duration::from_secs(2), ..Patience::USUAL };
    let secrets = process(&world.vault.url(), hasty);
    let given_up = tokio::time::timeout(DEADLINE, secrets.get("a")).await;
    let logged = reason(given_up.expect("it waits as long as the vault asks"));
    assert!(logged.contains("did not answer within 2 seconds"), "{logged}");
}

#[tokio::test]
async fn whoever_may_not_use_the_vault_is_told_which_role_to_give() {
    let world = World::start().await;
    world.secrets.set("a", secret("value")).await.unwrap();
    world.vault.forbid();
    for refused in [
        reason(world.secrets.get("a").await),
        reason(world.secrets.set("a", secret("other")).await),
        reason(world.secrets.delete("a").await),
    ] {
        assert!(refused.contains("the key vault 127.0.0.1"), "{refused}");
        assert!(refused.contains("Key Vault Secrets Officer"), "{refused}");
    }
    world.vault.permit();
    assert_eq!(text(world.secrets.get("a").await).as_deref(), Some("value"));
}

#[tokio::test]
async fn a_disabled_secret_is_reported_and_can_be_replaced() {
    let world = World::start().await;
    world.secrets.set("a", secret("value")).await.unwrap();
    let client = client(&identity(PATIENT), &world.vault.url()).unwrap();
    let disabled = UpdateSecretPropertiesParameters {
        secret_attributes: Some(SecretAttributes { enabled: Some(false), ..Default::default() }),
        ..Default::default()
    };
    client.update_secret_properties("a", disabled.try_into().unwrap(), None).await.unwrap();
    let logged = reason(world.secrets.get("a").await);
    assert!(logged.contains("the secret a in the key vault 127.0.0.1 is disabled"), "{logged}");
    world.secrets.set("a", secret("value")).await.unwrap();
    assert_eq!(text(world.secrets.get("a").await).as_deref(), Some("value"));
}

#[tokio::test]
async fn what_another_process_stored_is_read_at_once() {
    let world = World::start().await;
    let other = process(&world.vault.url(), PATIENT);
    world.secrets.set("a", secret("old")).await.unwrap();
    other.set("a", secret("new")).await.unwrap();
    assert_eq!(text(world.secrets.get_recent("a").await).as_deref(), Some("old"));
    assert_eq!(text(world.secrets.get("a").await).as_deref(), Some("new"));
    assert_eq!(text(world.secrets.get_recent("a").await).as_deref(), Some("new"));
    other.delete("a").await.unwrap();
    assert_eq!(text(world.secrets.get("a").await), None);
    assert_eq!(text(world.secrets.get_recent("a").await), None, "it is forgotten");
    other.set("a", secret("again")).await.unwrap();
    assert_eq!(text(world.secrets.get_recent("a").await).as_deref(), Some("again"));
}

#[tokio::test]
async fn many_who_ask_at_once_ask_the_vault_once() {
    let world = World::start().await;
    world.secrets.set("a", secret("value")).await.unwrap();
    let other = process(&world.vault.url(), PATIENT);
    let before = world.calls("GET", "secrets/a");
    for got in join_all((0..20).map(|_| other.get_recent("a"))).await {
        assert_eq!(text(got).as_deref(), Some("value"));
    }
    assert_eq!(world.calls("GET", "secrets/a"), before + 1);
    for missing in join_all((0..20).map(|_| other.get_recent("b"))).await {
        assert_eq!(text(missing), None);
    }
    assert_eq!(world.calls("GET", "secrets/b"), 1);
    world.vault.forbid();
    for refused in join_all((0..20).map(|_| other.get_recent("c"))).await {
        assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    }
    assert_eq!(world.calls("GET", "secrets/c"), 1);
}

#[tokio::test]
async fn while_the_vault_is_away_what_is_recent_is_still_known() {
    let world = World::start().await;
    let hasty = Patience { retries: 1, whole: Duration::from_secs(10), ..Patience::USUAL };
    let secrets = process(&world.vault.url(), hasty);
    secrets.set("a", secret("value")).await.unwrap();
    world.vault.down().await.unwrap();
    assert_eq!(text(secrets.get_recent("a").await).as_deref(), Some("value"));
    for unavailable in [
        secrets.get("a").await.map(drop),
        secrets.get_recent("b").await.map(drop),
        secrets.set("a", secret("other")).await,
        secrets.delete("b").await,
    ] {
        assert!(matches!(unavailable, Err(StoreError::Unavailable { .. })), "{unavailable:?}");
    }
    assert_eq!(text(secrets.get_recent("a").await).as_deref(), Some("value"));
    secrets.delete("a").await.unwrap_err();
    secrets.get_recent("a").await.expect_err("whether it was deleted is not known");
    world.vault.up().await.unwrap();
    assert_eq!(text(secrets.get("a").await).as_deref(), Some("value"));
}

#[tokio::test]
async fn what_a_vault_cannot_hold_is_not_sent() {
    let world = World::start().await;
    let refused = world.secrets.set("a", secret(&"x".repeat(25_001))).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    assert_eq!(world.vault.seen(), [""; 0]);
}

/// The challenge has not been met yet: the SDK itself would send the write without its value.
#[tokio::test]
async fn a_first_call_that_has_to_be_repeated_loses_no_value() {
    let world = World::start().await;
    let gate = world.gate().await;
    gate.order(Order::next(1, Fault::busy(Duration::from_secs(1))));
    process(&gate.url(), PATIENT).set("a", secret("value")).await.unwrap();
    assert_eq!(text(world.secrets.get("a").await).as_deref(), Some("value"));
}

#[tokio::test]
async fn an_answer_that_is_lost_changes_nothing() {
    let world = World::start().await;
    let gate = world.gate().await;
    let secrets = process(&gate.url(), PATIENT);
    let lose = |method| gate.order(Order::next(1, Fault::LoseAnswer).method(method));
    for value in ["first", "second"] {
        lose(Method::PUT);
        lose(Method::POST);
        secrets.set("a", secret(value)).await.unwrap();
        assert_eq!(text(secrets.get("a").await).as_deref(), Some(value));
        lose(Method::DELETE);
        secrets.delete("a").await.unwrap();
        assert_eq!(text(secrets.get("a").await), None);
    }
}

#[tokio::test]
async fn a_vault_that_never_answers_is_given_up() {
    let world = World::start().await;
    let gate = world.gate().await;
    gate.order(Order::always(Fault::Hold));
    let secrets = process(&gate.url(), SHORT);
    for given_up in [
        reason(secrets.get("a").await),
        reason(secrets.get_recent("a").await),
        reason(secrets.set("a", secret("value")).await),
        reason(secrets.delete("a").await),
    ] {
        assert!(given_up.contains("in time") || given_up.contains("within"), "{given_up}");
    }
    gate.pass();
    process(&gate.url(), PATIENT).set("a", secret("value")).await.unwrap();
}
