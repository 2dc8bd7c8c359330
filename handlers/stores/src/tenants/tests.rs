use std::sync::Arc;

use domain::ports::{
    Identity, IdentityError, NewAccount, NewTenant, SignUpPolicy, SignedIn, StoreError,
    TenantChange, Tenants,
};
use domain::{Caller, Permission, Role, SystemClock, TenantId, TenantScope};
use secrecy::{SecretSlice, SecretString};
use uuid::Uuid;

use super::PostgresTenants;
use crate::PostgresIdentity;
use crate::testing::TestDatabase;

struct World {
    database: TestDatabase,
    identity: PostgresIdentity,
    tenants: PostgresTenants,
    owner: SignedIn,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let key = SecretSlice::from(vec![7; 32]);
        let clock = Arc::new(SystemClock);
        let app = database.app().clone();
        let identity = PostgresIdentity::new(app.clone(), clock.clone(), SignUpPolicy::Open, &key);
        let tenants = PostgresTenants::new(app, database.api(), clock);
        let owner = identity.sign_up(&account("ada@agency.example", None)).await.unwrap();
        Self { database, identity, tenants, owner }
    }

    async fn tenant(&self, name: &str) -> TenantId {
        self.try_tenant(name).await.unwrap()
    }

    async fn try_tenant(&self, name: &str) -> Result<TenantId, StoreError> {
        let tenant = NewTenant {
            name: name.parse().unwrap(),
            time_zone: chrono_tz::Europe::Berlin,
            reporting_currency: "EUR".parse().unwrap(),
            meta_conversion_actions: None,
        };
        let scope = caller(&self.owner, None).in_organization().unwrap();
        Ok(self.tenants.create(&scope, self.owner.user, &tenant).await?.id)
    }

    fn scope(&self, tenant: TenantId) -> TenantScope {
        caller(&self.owner, Some(tenant)).in_tenant(Permission::Administer).unwrap()
    }

    async fn member(&self, tenant: TenantId, email: &str, role: Role) -> SignedIn {
        let address = email.parse().unwrap();
        let invitation =
            self.tenants.invite(&self.scope(tenant), self.owner.user, &address, role).await;
        let token = invitation.unwrap().token;
        self.identity.sign_up(&account(email, Some(token))).await.unwrap()
    }
}

fn account(email: &str, invitation: Option<SecretString>) -> NewAccount {
    NewAccount {
        email: email.parse().unwrap(),
        password: "a long enough secret".parse().unwrap(),
        name: email.split('@').next().unwrap().parse().unwrap(),
        organization: None,
        invitation,
    }
}

fn caller(owner: &SignedIn, tenant: Option<TenantId>) -> Caller {
    Caller::from_verified_claims(
        owner.user,
        owner.organization,
        owner.owner,
        owner.session,
        tenant.map(|tenant| (tenant, Role::TenantAdmin)),
    )
}

#[tokio::test]
async fn an_owner_enters_every_tenant_and_a_member_their_own() {
    let world = World::new().await;
    let (acme, bolt) = (world.tenant("Acme").await, world.tenant("Bolt").await);
    let ben = world.member(bolt, "ben@bolt.example", Role::Viewer).await;
    let places = async |person: &SignedIn| -> Vec<_> {
        let found = world.tenants.memberships(&caller(person, None)).await.unwrap();
        found.into_iter().map(|place| (place.tenant, place.role)).collect()
    };
    assert_eq!(places(&world.owner).await, [(acme, Role::TenantAdmin), (bolt, Role::TenantAdmin)]);
    assert_eq!(places(&ben).await, [(bolt, Role::Viewer)]);
}

#[tokio::test]
async fn a_change_leaves_the_rest_of_the_tenant_and_all_other_tenants_alone() {
    let world = World::new().await;
    let (acme, bolt) = (world.tenant("Acme").await, world.tenant("Bolt").await);
    let before = world.tenants.get(&world.scope(bolt)).await.unwrap();
    let change = TenantChange {
        time_zone: Some(chrono_tz::America::New_York),
        meta_conversion_actions: Some(vec!["lead".to_owned()]),
        ..TenantChange::default()
    };
    let by = world.owner.user;
    let changed = world.tenants.update(&world.scope(acme), by, &change).await.unwrap();
    assert_eq!(changed, world.tenants.get(&world.scope(acme)).await.unwrap());
    assert_eq!(changed.name, "Acme");
    assert_eq!(changed.reporting_currency.as_str(), "EUR");
    assert_eq!(changed.time_zone, chrono_tz::America::New_York);
    assert_eq!(changed.meta_conversion_actions, ["lead"]);
    assert_eq!(world.tenants.get(&world.scope(bolt)).await.unwrap(), before);
}

#[tokio::test]
async fn two_tenants_of_one_organization_never_share_a_name() {
    let world = World::new().await;
    world.tenant("Acme").await;
    let bolt = world.tenant("Bolt").await;
    let again = world.try_tenant("Acme").await;
    assert!(matches!(again, Err(StoreError::AlreadyExists { .. })), "{again:?}");
    let change = TenantChange { name: Some("Acme".parse().unwrap()), ..TenantChange::default() };
    let renamed = world.tenants.update(&world.scope(bolt), world.owner.user, &change).await;
    assert!(matches!(renamed, Err(StoreError::AlreadyExists { .. })), "{renamed:?}");
}

#[tokio::test]
async fn people_are_listed_in_their_own_tenant_alone() {
    let world = World::new().await;
    let (acme, bolt) = (world.tenant("Acme").await, world.tenant("Bolt").await);
    let ben = world.member(acme, "ben@acme.example", Role::Analyst).await;
    let asked = "cleo@acme.example".parse().unwrap();
    let by = world.owner.user;
    world.tenants.invite(&world.scope(acme), by, &asked, Role::Viewer).await.unwrap();

    let people = world.tenants.people(&world.scope(acme)).await.unwrap();
    let members: Vec<_> = people.members.iter().map(|m| (m.user, m.role)).collect();
    assert_eq!(members, [(ben.user, Role::Analyst)]);
    let open: Vec<_> = people.invitations.iter().map(|i| i.email.as_str()).collect();
    assert_eq!(open, ["cleo@acme.example"]);
    let elsewhere = world.tenants.people(&world.scope(bolt)).await.unwrap();
    assert!(elsewhere.members.is_empty() && elsewhere.invitations.is_empty());
}

#[tokio::test]
async fn a_new_invitation_withdraws_the_earlier_one() {
    let world = World::new().await;
    let acme = world.tenant("Acme").await;
    let (scope, by) = (world.scope(acme), world.owner.user);
    let email = "ben@acme.example".parse().unwrap();
    let first = world.tenants.invite(&scope, by, &email, Role::Viewer).await.unwrap();
    let second = world.tenants.invite(&scope, by, &email, Role::Analyst).await.unwrap();
    let dead = world.identity.sign_up(&account("ben@acme.example", Some(first.token))).await;
    assert!(matches!(dead, Err(IdentityError::InvitationInvalid)), "{dead:?}");
    world.identity.sign_up(&account("ben@acme.example", Some(second.token))).await.unwrap();
    let member = world.tenants.invite(&scope, by, &email, Role::Viewer).await;
    assert!(matches!(member, Err(StoreError::AlreadyExists { .. })), "{member:?}");
}

#[tokio::test]
async fn a_withdrawn_invitation_lets_nobody_in() {
    let world = World::new().await;
    let acme = world.tenant("Acme").await;
    let (scope, by) = (world.scope(acme), world.owner.user);
    let email = "ben@acme.example".parse().unwrap();
    let invitation = world.tenants.invite(&scope, by, &email, Role::Viewer).await.unwrap();
    world.tenants.remove(&scope, by, invitation.id.uuid()).await.unwrap();
    let dead = world.identity.sign_up(&account("ben@acme.example", Some(invitation.token))).await;
    assert!(matches!(dead, Err(IdentityError::InvitationInvalid)), "{dead:?}");
}

#[tokio::test]
async fn a_removed_person_cannot_go_on_in_the_tenant() {
    let world = World::new().await;
    let (acme, bolt) = (world.tenant("Acme").await, world.tenant("Bolt").await);
    let ben = world.member(acme, "ben@acme.example", Role::Analyst).await;
    let cleo = world.member(acme, "cleo@acme.example", Role::Analyst).await;
    let by = world.owner.user;

    let foreign = world.tenants.remove(&world.scope(bolt), by, ben.user.uuid()).await;
    assert!(matches!(foreign, Err(StoreError::NotFound { .. })), "{foreign:?}");
    let ben = world.identity.refresh(&ben.refresh_token, None).await.unwrap();
    world.tenants.remove(&world.scope(acme), by, ben.user.uuid()).await.unwrap();
    // Should Ben be let in again, this session stays ended.
    let ended: Vec<Uuid> = sqlx::query_scalar(
        "select user_id from app.sessions where revoked_reason = 'removed_from_tenant'",
    )
    .fetch_all(world.database.owner())
    .await
    .unwrap();
    assert_eq!(ended, [ben.user.uuid()]);
    let refused = world.identity.refresh(&ben.refresh_token, None).await;
    assert!(matches!(refused, Err(IdentityError::SessionEnded)), "{refused:?}");
    assert!(world.identity.refresh(&cleo.refresh_token, None).await.is_ok());
    let again = world.tenants.remove(&world.scope(acme), by, ben.user.uuid()).await;
    assert!(matches!(again, Err(StoreError::NotFound { .. })), "{again:?}");
}

/// Even if the process was ended before it came to end the sessions.
#[tokio::test]
async fn a_lost_membership_alone_stops_the_refresh() {
    let world = World::new().await;
    let acme = world.tenant("Acme").await;
    let ben = world.member(acme, "ben@acme.example", Role::Analyst).await;
    world.tenants.remove_member(&world.scope(acme), world.owner.user, ben.user).await.unwrap();
    let refused = world.identity.refresh(&ben.refresh_token, None).await;
    assert!(matches!(refused, Err(IdentityError::SessionEnded)), "{refused:?}");
}

#[tokio::test]
async fn an_id_that_nobody_has_is_not_found() {
    let world = World::new().await;
    let scope = world.scope(world.tenant("Acme").await);
    let nobody = world.tenants.remove(&scope, world.owner.user, Uuid::now_v7()).await;
    assert!(matches!(nobody, Err(StoreError::NotFound { .. })), "{nobody:?}");
    let nowhere = world.tenants.get(&world.scope(TenantId::new())).await;
    assert!(matches!(nowhere, Err(StoreError::NotFound { .. })), "{nowhere:?}");
}

#[tokio::test]
async fn what_was_done_is_on_record() {
    let world = World::new().await;
    let acme = world.tenant("Acme").await;
    let ben = world.member(acme, "ben@acme.example", Role::Analyst).await;
    let by = world.owner.user;
    world.tenants.remove(&world.scope(acme), by, ben.user.uuid()).await.unwrap();
    let acts: Vec<(String, Uuid)> = sqlx::query_as(
        "select action, user_id from app.audit_log where tenant_id = $1 order by at, id",
    )
    .bind(acme.uuid())
    .fetch_all(world.database.owner())
    .await
    .unwrap();
    let expected = [
        ("tenant.created", by),
        ("invitation.made", by),
        ("member.joined", ben.user),
        ("member.removed", by),
    ];
    assert_eq!(acts, expected.map(|(action, user)| (action.to_owned(), user.uuid())));
}
