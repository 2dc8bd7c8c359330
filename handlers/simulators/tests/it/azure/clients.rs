//! Microsoft's own clients against the stand-ins: what they take, real services' clients take.
//!
//! They find the identity endpoint and the certificates by environment variables of the process.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::StatusCode;
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};
use azure_security_keyvault_secrets::models::{
    SecretAttributes, SecretClientGetSecretOptions, SetSecretParameters,
    UpdateSecretPropertiesParameters,
};
use azure_security_keyvault_secrets::{ResourceExt, SecretClient, SecretClientOptions};
use futures_util::TryStreamExt;
use simulators::azure::{Authority, KeyVault, USER_ASSIGNED_CLIENT_ID};

#[expect(clippy::disallowed_methods, reason = "the test runner tells tests about its services so")]
fn authority() -> Authority {
    let folder = std::env::var("MIQ_TEST_CA_DIR").expect(
        "MIQ_TEST_CA_DIR is not set. `cargo xtask test` starts the stand-ins and sets it, \
         SSL_CERT_FILE, IDENTITY_ENDPOINT and IDENTITY_HEADER; run a single test as \
         `cargo xtask test --only rust -- <name>`",
    );
    Authority::open_or_create(&PathBuf::from(folder)).expect("the authority of the test run")
}

/// A vault of the test's own, and a client for it.
async fn vault() -> (KeyVault, SecretClient) {
    let vault = KeyVault::start(&authority()).await.expect("a vault");
    let credential = ManagedIdentityCredential::new(None).expect("an identity endpoint");
    // A vault has a host name of its own and its client checks that; a loopback address has none.
    let options =
        SecretClientOptions { verify_challenge_resource: Some(false), ..Default::default() };
    let client = SecretClient::new(vault.url().as_str(), credential, Some(options));
    (vault, client.expect("a client"))
}

async fn set(client: &SecretClient, name: &str, value: &str) -> azure_core::Result<String> {
    let body = SetSecretParameters { value: Some(value.to_owned()), ..Default::default() };
    let secret = client.set_secret(name, body.try_into()?, None).await?.into_model()?;
    Ok(secret.resource_id()?.version.expect("a version"))
}

async fn get(client: &SecretClient, name: &str) -> azure_core::Result<Option<String>> {
    Ok(client.get_secret(name, None).await?.into_model()?.value)
}

fn refusal<T: std::fmt::Debug>(result: azure_core::Result<T>) -> (StatusCode, String) {
    match result.expect_err("a refusal").kind() {
        ErrorKind::HttpResponse { status, error_code, .. } => {
            (*status, error_code.clone().unwrap_or_default())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn versions_are_written_read_listed_and_changed() -> azure_core::Result<()> {
    let (_vault, client) = vault().await;
    let first = set(&client, "token", "one").await?;
    set(&client, "token", "two").await?;
    assert_eq!(get(&client, "token").await?.as_deref(), Some("two"));
    let old = SecretClientGetSecretOptions { secret_version: Some(first), ..Default::default() };
    let old = client.get_secret("token", Some(old)).await?.into_model()?;
    assert_eq!(old.value.as_deref(), Some("one"));
    let versions: Vec<_> =
        client.list_secret_properties_versions("token", None)?.try_collect().await?;
    assert_eq!(versions.len(), 2);

    for number in 0..30 {
        set(&client, &format!("other-{number}"), "x").await?;
    }
    let listed: Vec<_> = client.list_secret_properties(None)?.try_collect().await?;
    assert_eq!(listed.len(), 31);

    let tags = HashMap::from([("tenant".to_owned(), "42".to_owned())]);
    let change = UpdateSecretPropertiesParameters {
        secret_attributes: Some(SecretAttributes { enabled: Some(false), ..Default::default() }),
        tags: Some(tags.clone()),
        ..Default::default()
    };
    let changed = client.update_secret_properties("token", change.try_into()?, None).await?;
    assert_eq!(changed.into_model()?.tags, Some(tags));
    let disabled = refusal(get(&client, "token").await);
    assert_eq!(disabled, (StatusCode::Forbidden, "Forbidden".to_owned()));
    let missing = refusal(get(&client, "nothing").await);
    assert_eq!(missing, (StatusCode::NotFound, "SecretNotFound".to_owned()));
    Ok(())
}

#[tokio::test]
async fn deletion_is_soft() -> azure_core::Result<()> {
    let (_vault, client) = vault().await;
    set(&client, "token", "kept").await?;
    let deleted = client.delete_secret("token", None).await?.into_model()?;
    assert!(deleted.scheduled_purge_date > deleted.deleted_date);
    let taken = refusal(set(&client, "token", "new").await);
    assert_eq!(taken, (StatusCode::Conflict, "Conflict".to_owned()));
    client.get_deleted_secret("token", None).await?.into_model()?;
    client.recover_deleted_secret("token", None).await?.into_model()?;
    assert_eq!(get(&client, "token").await?.as_deref(), Some("kept"));
    client.delete_secret("token", None).await?;
    client.purge_deleted_secret("token", None).await?;
    set(&client, "token", "new").await?;
    Ok(())
}

#[tokio::test]
async fn a_throttled_client_asks_again() -> azure_core::Result<()> {
    let (vault, client) = vault().await;
    set(&client, "token", "kept").await?;
    vault.throttle(1, Duration::from_secs(1));
    assert_eq!(get(&client, "token").await?.as_deref(), Some("kept"));
    let asked = vault.seen().iter().filter(|seen| seen.starts_with("GET")).count();
    assert_eq!(asked, 2);
    Ok(())
}

#[tokio::test]
async fn the_identity_that_is_named_gets_its_tokens() -> azure_core::Result<()> {
    // Without the run's identity endpoint the credential would look for one on the network.
    authority();
    let named = |client_id: &str| {
        let id = UserAssignedId::ClientId(client_id.to_owned());
        let options =
            ManagedIdentityCredentialOptions { user_assigned_id: Some(id), ..Default::default() };
        ManagedIdentityCredential::new(Some(options)).expect("an identity endpoint")
    };
    let scope = ["https://vault.azure.net/.default"];
    named(USER_ASSIGNED_CLIENT_ID).get_token(&scope, None).await?;
    let unknown = named("00000000-0000-0000-0000-000000000000").get_token(&scope, None).await;
    assert!(matches!(unknown.expect_err("unknown").kind(), ErrorKind::Credential));
    Ok(())
}
