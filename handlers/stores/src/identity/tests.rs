use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ports::{
    Identity, IdentityError, LogIn, Membership, NewAccount, NewTenant, SignUpPolicy, SignedIn,
    Tenants,
};
use domain::{BusinessClock, Caller, FixedClock, Permission, Role, SystemClock, TenantId};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use tokio::task::JoinSet;

use super::PostgresIdentity;
use crate::PostgresTenants;
use crate::testing::TestDatabase;

const PASSWORD: &str = "a long enough secret";

struct World {
    database: TestDatabase,
    clock: FixedClock,
}

impl World {
    async fn new() -> Self {
        Self { database: TestDatabase::new().await, clock: FixedClock::at(SystemClock.now()) }
    }

    fn identity(&self, policy: SignUpPolicy) -> PostgresIdentity {
        let key = SecretSlice::from(vec![7; 32]);
        let app = self.database.app().clone();
        PostgresIdentity::new(app, Arc::new(self.clock.clone()), policy, &key)
    }

    fn tenants(&self) -> PostgresTenants {
        let (app, api) = (self.database.app().clone(), self.database.api());
        PostgresTenants::new(app, api, Arc::new(self.clock.clone()))
    }

    fn later(&self, by: TimeDelta) -> DateTime<Utc> {
        let now = self.clock.now() + by;
        self.clock.set(now);
        now
    }

    async fn owner(&self) -> SignedIn {
        self.identity(SignUpPolicy::Invite).sign_up(&account("ada@agency.example")).await.unwrap()
    }

    async fn tenant(&self, owner: &SignedIn, name: &str) -> TenantId {
        let tenant = NewTenant {
            name: name.parse().unwrap(),
            time_zone: chrono_tz::Europe::Berlin,
            reporting_currency: "EUR".parse().unwrap(),
            meta_conversion_actions: None,
        };
        let scope = caller(owner).in_organization().unwrap();
        self.tenants().create(&scope, owner.user, &tenant).await.unwrap().id
    }

    /// The one-time token of an invitation into `tenant`.
    async fn invite(
        &self,
        owner: &SignedIn,
        tenant: TenantId,
        email: &str,
        role: Role,
    ) -> SecretString {
        let scope = admin_of(owner, tenant).in_tenant(Permission::Administer).unwrap();
        let email = email.parse().unwrap();
        self.tenants().invite(&scope, owner.user, &email, role).await.unwrap().token
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.database.owner()).await.unwrap()
    }
}

fn account(email: &str) -> NewAccount {
    NewAccount {
        email: email.parse().unwrap(),
        password: PASSWORD.parse().unwrap(),
        name: "Ada Byron".parse().unwrap(),
        organization: Some("Agency".parse().unwrap()),
        invitation: None,
    }
}

fn log_in(email: &str) -> LogIn {
    LogIn {
        email: email.to_owned(),
        password: SecretString::from(PASSWORD),
        invitation: None,
        tenant: None,
    }
}

fn caller(signed_in: &SignedIn) -> Caller {
    let tenant = signed_in.tenant.as_ref().map(|place| (place.tenant, place.role));
    Caller::from_verified_claims(
        signed_in.user,
        signed_in.organization,
        signed_in.owner,
        signed_in.session,
        tenant,
    )
}

fn admin_of(owner: &SignedIn, tenant: TenantId) -> Caller {
    let membership = Membership { tenant, tenant_name: String::new(), role: Role::TenantAdmin };
    caller(&SignedIn { tenant: Some(membership), ..owner.clone() })
}

fn text(token: &SecretString) -> &str {
    token.expose_secret()
}

#[tokio::test]
async fn the_first_person_owns_a_new_organization_whatever_the_policy() {
    for policy in [SignUpPolicy::Invite, SignUpPolicy::Closed, SignUpPolicy::Open] {
        let world = World::new().await;
        let identity = world.identity(policy);
        let first = identity.sign_up(&account("ada@agency.example")).await.unwrap();
        assert!(first.owner);
        assert_eq!(first.organization_name, "Agency");
        assert_eq!(first.tenant, None);
        let second = identity.sign_up(&account("eve@agency.example")).await;
        match policy {
            SignUpPolicy::Invite => {
                assert!(matches!(second, Err(IdentityError::NeedsInvitation)), "{second:?}");
            }
            SignUpPolicy::Closed => {
                assert!(matches!(second, Err(IdentityError::SignUpClosed)), "{second:?}");
            }
            SignUpPolicy::Open => {
                let second = second.unwrap();
                assert!(second.owner);
                assert_ne!(second.organization, first.organization);
            }
        }
    }
}

#[tokio::test]
async fn of_many_who_sign_up_at_once_one_is_the_first() {
    let world = World::new().await;
    let identity = Arc::new(world.identity(SignUpPolicy::Invite));
    let mut tries = JoinSet::new();
    for n in 0..8 {
        let identity = Arc::clone(&identity);
        tries.spawn(async move { identity.sign_up(&account(&format!("p{n}@a.example"))).await });
    }
    let owners = tries.join_all().await.into_iter().flatten().count();
    assert_eq!(owners, 1);
    assert_eq!(world.count("select count(*) from app.users").await, 1);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_told_alike() {
    let world = World::new().await;
    world.owner().await;
    let identity = world.identity(SignUpPolicy::Invite);
    assert!(identity.log_in(&log_in("Ada@Agency.example")).await.is_ok());
    let wrong = LogIn {
        password: SecretString::from("another long secret"),
        ..log_in("ada@agency.example")
    };
    for attempt in [wrong, log_in("eve@agency.example"), log_in("no address\0")] {
        let refused = identity.log_in(&attempt).await;
        assert!(matches!(refused, Err(IdentityError::InvalidCredentials)), "{refused:?}");
    }
}

#[tokio::test]
async fn passwords_and_tokens_are_stored_as_hashes_alone() {
    let world = World::new().await;
    let owner = world.owner().await;
    let tenant = world.tenant(&owner, "Acme").await;
    let invitation = world.invite(&owner, tenant, "ben@acme.example", Role::Viewer).await;
    let dump: String = sqlx::query_scalar(
        "select concat(
             (select string_agg(u::text, '') from app.users as u),
             (select string_agg(r::text, '') from app.refresh_tokens as r),
             (select string_agg(i::text, '') from app.invitations as i),
             (select string_agg(a::text, '') from app.audit_log as a))",
    )
    .fetch_one(world.database.owner())
    .await
    .unwrap();
    assert!(dump.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "{dump}");
    for secret in [PASSWORD, text(&owner.refresh_token), text(&invitation)] {
        let as_bytea: String = sqlx::query_scalar("select encode(convert_to($1, 'UTF8'), 'hex')")
            .bind(secret)
            .fetch_one(world.database.owner())
            .await
            .unwrap();
        assert!(!dump.contains(secret));
        assert!(!dump.contains(&as_bytea));
    }
}

#[tokio::test]
async fn an_invitation_lets_its_own_person_in_once() {
    let world = World::new().await;
    let owner = world.owner().await;
    let tenant = world.tenant(&owner, "Acme").await;
    let token = world.invite(&owner, tenant, "Ben@Acme.example", Role::Analyst).await;
    let identity = world.identity(SignUpPolicy::Invite);
    let with = |email: &str| NewAccount { invitation: Some(token.clone()), ..account(email) };

    let other = identity.sign_up(&with("eve@acme.example")).await;
    assert!(matches!(other, Err(IdentityError::InvitationForAnother)), "{other:?}");
    let ben = identity.sign_up(&with("ben@ACME.example")).await.unwrap();
    assert!(!ben.owner);
    assert_eq!(ben.organization, owner.organization);
    let place = ben.tenant.unwrap();
    assert_eq!((place.tenant, place.role), (tenant, Role::Analyst));

    let again = identity.sign_up(&with("ben@acme.example")).await;
    assert!(matches!(again, Err(IdentityError::InvitationInvalid)), "{again:?}");
    let attempt = LogIn { invitation: Some(token), ..log_in("ben@acme.example") };
    let again = identity.log_in(&attempt).await;
    assert!(matches!(again, Err(IdentityError::InvitationInvalid)), "{again:?}");
}

#[tokio::test]
async fn whoever_has_an_account_redeems_an_invitation_by_logging_in() {
    let world = World::new().await;
    let owner = world.owner().await;
    let (acme, bolt) = (world.tenant(&owner, "Acme").await, world.tenant(&owner, "Bolt").await);
    let identity = world.identity(SignUpPolicy::Invite);
    let first = world.invite(&owner, acme, "ben@acme.example", Role::Analyst).await;
    identity
        .sign_up(&NewAccount { invitation: Some(first), ..account("ben@acme.example") })
        .await
        .unwrap();
    let second = world.invite(&owner, bolt, "ben@acme.example", Role::Viewer).await;
    let signing_up = NewAccount { invitation: Some(second.clone()), ..account("ben@acme.example") };
    let refused = identity.sign_up(&signing_up).await;
    assert!(matches!(refused, Err(IdentityError::EmailTaken)), "{refused:?}");

    let attempt = LogIn { invitation: Some(second), ..log_in("ben@acme.example") };
    let place = identity.log_in(&attempt).await.unwrap().tenant.unwrap();
    assert_eq!((place.tenant, place.role), (bolt, Role::Viewer));
    let place = identity.log_in(&log_in("ben@acme.example")).await.unwrap().tenant.unwrap();
    assert_eq!((place.tenant, place.role), (acme, Role::Analyst));
}

#[tokio::test]
async fn an_invitation_ends_after_a_week() {
    let world = World::new().await;
    let owner = world.owner().await;
    let tenant = world.tenant(&owner, "Acme").await;
    let token = world.invite(&owner, tenant, "ben@acme.example", Role::Viewer).await;
    world.later(TimeDelta::days(7) + TimeDelta::seconds(1));
    let late = NewAccount { invitation: Some(token), ..account("ben@acme.example") };
    let refused = world.identity(SignUpPolicy::Invite).sign_up(&late).await;
    assert!(matches!(refused, Err(IdentityError::InvitationInvalid)), "{refused:?}");
}

#[tokio::test]
async fn a_refresh_token_used_a_hundred_times_at_once_has_one_successor() {
    let world = World::new().await;
    let owner = world.owner().await;
    let identity = Arc::new(world.identity(SignUpPolicy::Invite));
    let mut uses = JoinSet::new();
    for _ in 0..100 {
        let (identity, token) = (Arc::clone(&identity), owner.refresh_token.clone());
        uses.spawn(async move { identity.refresh(&token, None).await.unwrap().refresh_token });
    }
    let children = uses.join_all().await;
    assert_eq!(children.len(), 100);
    assert!(children.iter().all(|child| text(child) == text(&children[0])));
    assert_ne!(text(&children[0]), text(&owner.refresh_token));
    assert_eq!(world.count("select count(*) from app.refresh_tokens").await, 2);
    assert!(identity.refresh(&children[0], None).await.is_ok(), "the session goes on");
}

#[tokio::test]
async fn a_lost_answer_is_repeated_for_ten_seconds() {
    let world = World::new().await;
    let owner = world.owner().await;
    let identity = world.identity(SignUpPolicy::Invite);
    let child = identity.refresh(&owner.refresh_token, None).await.unwrap();
    world.later(TimeDelta::seconds(10));
    let repeat = identity.refresh(&owner.refresh_token, None).await.unwrap();
    assert_eq!(text(&repeat.refresh_token), text(&child.refresh_token));
    world.later(TimeDelta::seconds(1));
    let late = identity.refresh(&owner.refresh_token, None).await;
    assert!(matches!(late, Err(IdentityError::TokenReused)), "{late:?}");
}

#[tokio::test]
async fn an_older_token_ends_the_whole_session_and_is_recorded() {
    let world = World::new().await;
    let owner = world.owner().await;
    let identity = world.identity(SignUpPolicy::Invite);
    let other_session = identity.log_in(&log_in("ada@agency.example")).await.unwrap();
    let child = identity.refresh(&owner.refresh_token, None).await.unwrap();
    let grandchild = identity.refresh(&child.refresh_token, None).await.unwrap();

    // Within ten seconds, and yet not the immediate parent.
    let replay = identity.refresh(&owner.refresh_token, None).await;
    assert!(matches!(replay, Err(IdentityError::TokenReused)), "{replay:?}");
    for dead in [&grandchild, &child, &owner] {
        let refused = identity.refresh(&dead.refresh_token, None).await;
        assert!(matches!(refused, Err(IdentityError::SessionEnded)), "{refused:?}");
    }
    let audited = "select count(*) from app.audit_log where action = 'session.revoked'
                   and detail ->> 'reason' = 'refresh_token_reused'";
    assert_eq!(world.count(audited).await, 1);
    assert!(identity.refresh(&other_session.refresh_token, None).await.is_ok());
}

#[tokio::test]
async fn a_refresh_token_lives_a_week_and_its_successor_another() {
    let world = World::new().await;
    let owner = world.owner().await;
    let identity = world.identity(SignUpPolicy::Invite);
    world.later(TimeDelta::days(7) - TimeDelta::seconds(1));
    let child = identity.refresh(&owner.refresh_token, None).await.unwrap();
    world.later(TimeDelta::days(6));
    let grandchild = identity.refresh(&child.refresh_token, None).await.unwrap();
    world.later(TimeDelta::days(7));
    let late = identity.refresh(&grandchild.refresh_token, None).await;
    assert!(matches!(late, Err(IdentityError::TokenExpired)), "{late:?}");
    let unknown = identity.refresh(&SecretString::from("made up"), None).await;
    assert!(matches!(unknown, Err(IdentityError::TokenInvalid)), "{unknown:?}");
}

#[tokio::test]
async fn logging_out_ends_the_session_and_may_be_repeated() {
    let world = World::new().await;
    let owner = world.owner().await;
    let identity = world.identity(SignUpPolicy::Invite);
    let child = identity.refresh(&owner.refresh_token, None).await.unwrap();
    for _ in 0..2 {
        identity.log_out(&child.refresh_token).await.unwrap();
    }
    identity.log_out(&SecretString::from("made up")).await.unwrap();
    let refused = identity.refresh(&child.refresh_token, None).await;
    assert!(matches!(refused, Err(IdentityError::SessionEnded)), "{refused:?}");
}

#[tokio::test]
async fn a_refresh_switches_between_ones_own_tenants_alone() {
    let world = World::new().await;
    let owner = world.owner().await;
    let (acme, bolt) = (world.tenant(&owner, "Acme").await, world.tenant(&owner, "Bolt").await);
    let identity = world.identity(SignUpPolicy::Open);
    let stranger = identity.sign_up(&account("eve@other.example")).await.unwrap();
    let theirs = world.tenant(&stranger, "Theirs").await;

    let in_acme = identity.refresh(&owner.refresh_token, None).await.unwrap();
    assert_eq!(in_acme.tenant.as_ref().unwrap().tenant, acme, "the oldest");
    let foreign = identity.refresh(&in_acme.refresh_token, Some(theirs)).await;
    assert!(matches!(foreign, Err(IdentityError::TenantNotFound)), "{foreign:?}");
    let in_bolt = identity.refresh(&in_acme.refresh_token, Some(bolt)).await.unwrap();
    assert_eq!(in_bolt.tenant.as_ref().unwrap().tenant, bolt);
    let stays = identity.refresh(&in_bolt.refresh_token, None).await.unwrap();
    assert_eq!(stays.tenant.unwrap().tenant, bolt);
    let foreign = LogIn { tenant: Some(theirs), ..log_in("ada@agency.example") };
    let foreign = identity.log_in(&foreign).await;
    assert!(matches!(foreign, Err(IdentityError::TenantNotFound)), "{foreign:?}");
}
