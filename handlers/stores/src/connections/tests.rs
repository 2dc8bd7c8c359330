use domain::ports::Credentials;
use domain::{Caller, CredentialId, Platform};

use super::*;
use crate::PostgresCredentials;
use crate::seeded::{Seeded, an_account, scope_of};

async fn credential(seeded: &Seeded) -> Credential {
    let id = CredentialId::new();
    seeded
        .run(
            "insert into app.credentials (id, organization_id, platform, created_by)
             values ($1, $2, 'google_ads', $3)",
            &[id.uuid(), seeded.organization.uuid(), seeded.owner.uuid()],
        )
        .await;
    let credentials = PostgresCredentials::new(seeded.database.app().clone(), seeded.clock());
    let caller = seeded.owner_in(seeded.acme);
    credentials.find(&scope_of(&caller), &caller, id).await.unwrap()
}

fn store(seeded: &Seeded) -> PostgresConnections {
    PostgresConnections::new(seeded.database.api(), seeded.clock())
}

#[tokio::test]
async fn one_credential_feeds_two_tenants_that_do_not_see_each_other() {
    let seeded = Seeded::new().await;
    let (credential, connections) = (credential(&seeded).await, store(&seeded));
    let (acme, bolt) = (seeded.owner_in(seeded.acme), seeded.owner_in(seeded.bolt));
    let connect = async |caller: &Caller, account: &str| {
        let account = an_account(account);
        connections.create(&scope_of(caller), caller.user, &credential, &account).await
    };
    let in_acme = connect(&acme, "111").await.unwrap();
    let in_bolt = connect(&bolt, "222").await.unwrap();
    assert_eq!(in_acme.platform, Platform::GoogleAds);
    assert_eq!(in_acme.name, "Account 111");
    assert_eq!(in_acme.time_zone, chrono_tz::America::New_York);
    assert_eq!(in_acme.currency.as_str(), "USD");
    assert_eq!((in_acme.status.as_str(), &in_acme.status_detail), ("active", &None));
    assert_eq!(connections.list(&scope_of(&acme)).await.unwrap(), [in_acme]);
    assert_eq!(connections.list(&scope_of(&bolt)).await.unwrap(), [in_bolt]);

    let twice = connect(&acme, "111").await;
    assert!(matches!(twice, Err(StoreError::AlreadyExists { .. })), "{twice:?}");
    connect(&bolt, "111").await.unwrap();
}

#[tokio::test]
async fn a_connection_is_deleted_by_its_own_tenant_alone() {
    let seeded = Seeded::new().await;
    let (credential, connections) = (credential(&seeded).await, store(&seeded));
    let (acme, bolt) = (seeded.owner_in(seeded.acme), seeded.owner_in(seeded.bolt));
    let by = seeded.owner;
    let made =
        connections.create(&scope_of(&acme), by, &credential, &an_account("111")).await.unwrap();
    for (caller, id) in [(&bolt, made.id), (&acme, ConnectionId::new())] {
        let foreign = connections.delete(&scope_of(caller), by, id).await;
        assert!(matches!(foreign, Err(StoreError::NotFound { .. })), "{foreign:?}");
    }
    assert_eq!(connections.list(&scope_of(&acme)).await.unwrap().len(), 1);
    connections.delete(&scope_of(&acme), by, made.id).await.unwrap();
    assert!(connections.list(&scope_of(&acme)).await.unwrap().is_empty());
}

/// The policy, not the filter: without it the api role would reach these rows.
#[tokio::test]
async fn the_api_role_reaches_no_row_of_another_tenant_even_unfiltered() {
    let seeded = Seeded::new().await;
    let (credential, connections) = (credential(&seeded).await, store(&seeded));
    let (acme, bolt) = (seeded.owner_in(seeded.acme), seeded.owner_in(seeded.bolt));
    let account = an_account("111");
    connections.create(&scope_of(&acme), seeded.owner, &credential, &account).await.unwrap();
    let mut transaction = seeded.database.api().begin(&scope_of(&bolt)).await.unwrap();
    for sql in [
        "select from app.tenant_oauth_connections",
        "delete from app.tenant_oauth_connections",
        "delete from app.tenant_users",
        "update app.tenants set name = 'Taken' where name = 'Acme'",
        "delete from app.invitations",
    ] {
        let touched = sqlx::query(sql).execute(&mut *transaction).await.unwrap();
        assert_eq!(touched.rows_affected(), 0, "{sql}");
    }
    let stolen = sqlx::query(
        "insert into app.tenant_oauth_connections
             (id, organization_id, tenant_id, credential_id, platform, account_id, name,
              time_zone, currency, created_by)
         values ($1, $5, $2, $3, 'google_ads', '333', '', 'UTC', 'EUR', $4)",
    )
    .bind(Uuid::now_v7())
    .bind(seeded.acme.uuid())
    .bind(credential.id.uuid())
    .bind(seeded.owner.uuid())
    .bind(seeded.organization.uuid())
    .execute(&mut *transaction)
    .await;
    assert!(stolen.unwrap_err().to_string().contains("row-level security"));
}

/// Foreign keys see the credential that the policy hides: they must not take it.
#[tokio::test]
async fn the_api_role_cannot_use_another_organizations_credential() {
    let seeded = Seeded::new().await;
    let (foreign, stranger) = (Uuid::now_v7(), Uuid::now_v7());
    seeded
        .run(
            "with stranger as (insert into app.organizations (id, name) values ($2, 'Other'))
             insert into app.credentials (id, organization_id, platform, created_by)
             values ($1, $2, 'google_ads', $3)",
            &[foreign, stranger, seeded.owner.uuid()],
        )
        .await;
    for organization in [seeded.organization.uuid(), stranger] {
        let scope = scope_of(&seeded.owner_in(seeded.acme));
        let mut transaction = seeded.database.api().begin(&scope).await.unwrap();
        let refused = sqlx::query(
            "insert into app.tenant_oauth_connections
                 (id, organization_id, tenant_id, credential_id, platform, account_id, name,
                  time_zone, currency, created_by)
             values ($1, $5, $2, $3, 'google_ads', '333', '', 'UTC', 'EUR', $4)",
        )
        .bind(Uuid::now_v7())
        .bind(seeded.acme.uuid())
        .bind(foreign)
        .bind(seeded.owner.uuid())
        .bind(organization)
        .execute(&mut *transaction)
        .await
        .unwrap_err();
        let refused = refused.as_database_error().unwrap();
        assert!(refused.is_foreign_key_violation(), "{refused}");
    }
}
