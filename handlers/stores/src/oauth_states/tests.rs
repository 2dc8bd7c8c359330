use chrono::TimeDelta;
use domain::{BusinessClock, Platform};

use super::*;
use crate::seeded::{Seeded, scope_of};

fn consent() -> NewConsent {
    NewConsent {
        platform: Platform::MetaAds,
        redirect_uri: "https://miq.example/oauth/callback/meta".parse().unwrap(),
        login_hint: Some("ads@agency.example".to_owned()),
    }
}

async fn begun(seeded: &Seeded, caller: &Caller) -> (PostgresConsents, BegunConsent) {
    let consents = PostgresConsents::new(seeded.database.app().clone(), seeded.clock());
    let begun = consents.begin(&scope_of(caller), caller, &consent()).await.unwrap();
    (consents, begun)
}

#[tokio::test]
async fn a_state_leads_back_to_its_consent_once() {
    let seeded = Seeded::new().await;
    let caller = seeded.owner_in(seeded.acme);
    let (consents, begun) = begun(&seeded, &caller).await;
    let pending = consents.take(&begun.state).await.unwrap().unwrap();
    assert_eq!((pending.user, pending.tenant), (seeded.owner, seeded.acme));
    assert_eq!(pending.platform, Platform::MetaAds);
    assert_eq!(pending.redirect_uri, consent().redirect_uri);
    assert_eq!(pending.login_hint, consent().login_hint);
    assert!(pending.shared, "given by the owner");
    assert_eq!(pending.code_verifier.expose_secret(), begun.code_verifier.expose_secret());
    assert_eq!(pending.browser_hash, opaque_token::hash(&begun.browser));
    assert!(consents.take(&begun.state).await.unwrap().is_none(), "taken twice");
}

#[tokio::test]
async fn of_many_who_take_a_state_at_once_one_gets_it() {
    let seeded = Seeded::new().await;
    let (consents, begun) = begun(&seeded, &seeded.ben_in_acme()).await;
    let attempts = (0..20).map(|_| consents.take(&begun.state));
    let taken = futures_util::future::join_all(attempts).await;
    let taken: Vec<_> = taken.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(taken.len(), 1);
    assert!(!taken[0].shared, "given by one who is no owner");
}

#[tokio::test]
async fn a_state_lives_ten_minutes() {
    let seeded = Seeded::new().await;
    let (consents, begun) = begun(&seeded, &seeded.owner_in(seeded.acme)).await;
    seeded.clock.set(seeded.clock.now() + TimeDelta::minutes(10));
    assert!(consents.take(&begun.state).await.unwrap().is_none());
}

#[tokio::test]
async fn whoever_may_no_longer_connect_cannot_finish() {
    let seeded = Seeded::new().await;
    let (consents, begun) = begun(&seeded, &seeded.ben_in_acme()).await;
    let demoted = "update app.tenant_users set role = 'analyst' where user_id = $1";
    seeded.run(demoted, &[seeded.ben.uuid()]).await;
    assert!(consents.take(&begun.state).await.unwrap().is_none());
}

#[tokio::test]
async fn a_made_up_state_is_nobodys() {
    let seeded = Seeded::new().await;
    let (consents, _) = begun(&seeded, &seeded.owner_in(seeded.acme)).await;
    let made_up = SecretString::from("' or true --\0");
    assert!(consents.take(&made_up).await.unwrap().is_none());
}
