use domain::{Platform, TenantId, UserId};
use secrecy::SecretString;

use super::*;
use crate::PostgresConnections;
use crate::seeded::{Seeded, an_account, scope_of};
use domain::ports::Connections;

fn store(seeded: &Seeded) -> PostgresCredentials {
    PostgresCredentials::new(seeded.database.app().clone(), seeded.clock())
}

fn consent(user: UserId, tenant: TenantId, shared: bool, login: Option<&str>) -> PendingConsent {
    PendingConsent {
        user,
        tenant,
        shared,
        platform: Platform::GoogleAds,
        redirect_uri: "https://miq.example/oauth/callback/google-ads".parse().unwrap(),
        login_hint: login.map(str::to_owned),
        code_verifier: SecretString::from("verifier"),
        browser_hash: Vec::new(),
    }
}

async fn connected(credentials: &PostgresCredentials, consent: &PendingConsent) -> CredentialId {
    let id = credentials.for_consent(consent).await.unwrap();
    credentials.activate(id, &["scope".to_owned()]).await.unwrap();
    id
}

#[tokio::test]
async fn each_sees_what_they_may_use_in_the_tenant() {
    let seeded = Seeded::new().await;
    let credentials = store(&seeded);
    let Seeded { owner, ben, acme, bolt, .. } = seeded;
    let shared = connected(&credentials, &consent(owner, acme, true, Some("ads@a.example"))).await;
    let acmes = connected(&credentials, &consent(ben, acme, false, Some("ben@a.example"))).await;

    let usable = async |caller: &Caller| -> Vec<_> {
        let found = credentials.usable(&scope_of(caller), caller).await.unwrap();
        found.into_iter().map(|credential| credential.id).collect()
    };
    let (in_acme, in_bolt) = (seeded.owner_in(acme), seeded.owner_in(bolt));
    let ben = seeded.ben_in_acme();
    assert_eq!(usable(&in_acme).await, [shared, acmes]);
    assert_eq!(usable(&in_bolt).await, [shared], "Acme's own consent is not for Bolt");
    assert_eq!(usable(&ben).await, [acmes]);

    let found = credentials.find(&scope_of(&ben), &ben, acmes).await.unwrap();
    assert_eq!(found.login.as_deref(), Some("ben@a.example"));
    for (caller, id) in [(&ben, shared), (&in_bolt, acmes), (&in_acme, CredentialId::new())] {
        let foreign = credentials.find(&scope_of(caller), caller, id).await;
        assert!(matches!(foreign, Err(StoreError::NotFound { .. })), "{foreign:?}");
    }
}

#[tokio::test]
async fn another_organizations_owner_uses_nothing_of_ours() {
    let seeded = Seeded::new().await;
    let credentials = store(&seeded);
    let ours = consent(seeded.owner, seeded.acme, true, None);
    let id = connected(&credentials, &ours).await;
    let forged = Caller::from_verified_claims(
        seeded.owner,
        domain::OrganizationId::new(),
        true,
        domain::SessionId::new(),
        Some((seeded.acme, domain::Role::TenantAdmin)),
    );
    let found = credentials.find(&scope_of(&forged), &forged, id).await;
    assert!(matches!(found, Err(StoreError::NotFound { .. })), "{found:?}");
}

#[tokio::test]
async fn consenting_again_renews_instead_of_adding() {
    let seeded = Seeded::new().await;
    let credentials = store(&seeded);
    let Seeded { owner, ben, acme, bolt, .. } = seeded;
    let first = consent(owner, acme, true, Some("ads@agency.example"));
    let id = connected(&credentials, &first).await;
    let caller = seeded.owner_in(acme);
    let scope = scope_of(&caller);
    let connections = PostgresConnections::new(seeded.database.api(), seeded.clock());
    let credential = credentials.find(&scope, &caller, id).await.unwrap();
    connections.create(&scope, owner, &credential, &an_account("1")).await.unwrap();

    credentials.needs_reauth(id).await.unwrap();
    assert_eq!(credentials.find(&scope, &caller, id).await.unwrap().status, "needs_reauth");
    let broken = connections.list(&scope).await.unwrap();
    assert_eq!(broken[0].status, "needs_reauth");
    assert!(broken[0].status_detail.as_deref().unwrap().contains("connect"));

    // From another tenant of the organization, in another spelling.
    let again = consent(owner, bolt, true, Some("Ads@Agency.example"));
    assert_eq!(connected(&credentials, &again).await, id);
    assert_eq!(credentials.find(&scope, &caller, id).await.unwrap().status, "active");
    let healed = connections.list(&scope).await.unwrap();
    assert_eq!((healed[0].status.as_str(), &healed[0].status_detail), ("active", &None));

    let other_login = consent(owner, acme, true, Some("other@agency.example"));
    let other_person = consent(ben, acme, false, Some("ads@agency.example"));
    let other_platform = PendingConsent { platform: Platform::MetaAds, ..first };
    for other in [other_login, other_person, other_platform] {
        assert_ne!(connected(&credentials, &other).await, id);
    }
}

#[tokio::test]
async fn a_consent_without_a_login_renews_only_what_is_broken() {
    let seeded = Seeded::new().await;
    let credentials = store(&seeded);
    let unnamed = consent(seeded.owner, seeded.acme, true, None);
    let one = connected(&credentials, &unnamed).await;
    let two = connected(&credentials, &unnamed).await;
    assert_ne!(one, two, "both work: they may be of two logins");
    credentials.needs_reauth(one).await.unwrap();
    assert_eq!(connected(&credentials, &unnamed).await, one);
}

#[tokio::test]
async fn two_consents_of_one_login_at_once_make_one_credential() {
    let seeded = Seeded::new().await;
    let credentials = store(&seeded);
    let consent = consent(seeded.owner, seeded.acme, true, Some("ads@agency.example"));
    let made = futures_util::future::join_all((0..4).map(|_| credentials.for_consent(&consent)));
    let ids: Vec<_> = made.await.into_iter().map(Result::unwrap).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}
