//! Consent, tokens and the accounts that they open.

use domain::Platform;
use domain::ports::{PlatformAccess, PlatformError};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::simulated::{AGENCY, World};

#[tokio::test]
async fn a_consent_becomes_tokens_that_are_refreshed_and_withdrawn() {
    let world = World::start().await;
    for platform in Platform::ALL {
        let grant = world.sign_in(platform, AGENCY).await.unwrap();
        assert!(grant.access_expires_at.is_some());
        assert_eq!(grant.refresh_token.is_some(), platform != Platform::MetaAds);

        let fresh = world.platforms.refresh(platform, &grant).await.unwrap();
        assert_ne!(fresh.access_token.expose_secret(), grant.access_token.expose_secret());
        assert_eq!(fresh.scopes, grant.scopes);
        assert!(!world.platforms.accounts(platform, &fresh.access_token).await.unwrap().is_empty());

        world.platforms.revoke(platform, &fresh).await.unwrap();
        let error = world.platforms.refresh(platform, &fresh).await.unwrap_err();
        assert_eq!(error.code(), "needs_reauth", "{platform}");
        let error = world.platforms.accounts(platform, &fresh.access_token).await.unwrap_err();
        assert_eq!(error.code(), "needs_reauth", "{platform}");
        // What is dead already is withdrawn.
        world.platforms.revoke(platform, &fresh).await.unwrap();
    }
}

#[tokio::test]
async fn a_code_works_once_and_only_with_its_verifier() {
    let world = World::start().await;
    for platform in Platform::ALL {
        let redemption = world.code(platform, AGENCY).await;
        world.platforms.redeem(&redemption).await.unwrap();
        let error = world.platforms.redeem(&redemption).await.unwrap_err();
        assert_eq!(error.code(), "needs_reauth", "{platform}");
    }
    let mut redemption = world.code(Platform::GoogleAds, AGENCY).await;
    redemption.code_verifier = "another-verifier-of-at-least-forty-three-characters".into();
    let error = world.platforms.redeem(&redemption).await.unwrap_err();
    assert_eq!(error.code(), "needs_reauth");
}

#[tokio::test]
async fn an_unticked_box_is_named() {
    let world = World::start().await;
    let scopes = [
        "https://www.googleapis.com/auth/adwords",
        "https://www.googleapis.com/auth/analytics.readonly",
        "ads_read",
    ];
    world.control("consent", json!({ "untick": scopes })).await;
    for platform in Platform::ALL {
        let error = world.sign_in(platform, AGENCY).await.unwrap_err();
        assert!(matches!(error, PlatformError::MissingScope(..)), "{platform}: {error:?}");
    }
}

#[tokio::test]
async fn a_wrong_application_secret_is_the_operators_to_correct() {
    let world = World::start().await;
    let platforms = world.platforms_with_secret("wrong");
    for platform in Platform::ALL {
        let redemption = world.code(platform, AGENCY).await;
        let error = platforms.redeem(&redemption).await.unwrap_err();
        assert_eq!(error.code(), "operator_action_needed", "{platform}");
    }
}

#[tokio::test]
async fn a_token_endpoint_that_stumbles_is_asked_again() {
    let world = World::start().await;
    for platform in Platform::ALL {
        let grant = world.sign_in(platform, AGENCY).await.unwrap();
        for kind in ["server_error", "service_unavailable", "reset", "truncated", "throttle"] {
            let order = json!({ "platform": platform, "endpoint": "token", "kind": kind });
            world.control("fault", order).await;
            world.platforms.refresh(platform, &grant).await.unwrap();
        }
    }
}

#[tokio::test]
async fn each_login_finds_the_accounts_that_it_reaches() {
    let world = World::start().await;
    for platform in Platform::ALL {
        let session = world.session(platform).await;
        let mut of_clients = 0;
        for login in ["northwind@example.com", "bluebird@example.com"] {
            let grant = world.sign_in(platform, login).await.unwrap();
            let mine = world.platforms.accounts(platform, &grant.access_token).await.unwrap();
            assert!(!mine.is_empty());
            assert!(mine.iter().all(|account| account.manager_id.is_none()), "{platform}");
            of_clients += mine.len();
        }
        assert_eq!(session.accounts.len(), of_clients, "{platform}");
        for account in &session.accounts {
            let truth = session.truth(account).await;
            assert_eq!(truth["name"], account.name);
            assert_eq!(truth["currency"], account.currency.as_str());
            assert_eq!(truth["time_zone"], account.time_zone.name());
            assert!(account.active);
            assert_eq!(account.manager_id.is_some(), platform == Platform::GoogleAds);
        }
    }
}
