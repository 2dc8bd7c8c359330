//! For tests: an organization with two tenants, its owner, and an administrator of one tenant.

use std::sync::Arc;

use domain::ports::PlatformAccount;
use domain::{
    BusinessClock, Caller, CurrencyCode, FixedClock, OrganizationId, Permission, Role, SessionId,
    SystemClock, TenantId, TenantScope, UserId,
};
use uuid::Uuid;

use crate::testing::TestDatabase;

pub(crate) struct Seeded {
    pub(crate) database: TestDatabase,
    pub(crate) clock: FixedClock,
    pub(crate) organization: OrganizationId,
    pub(crate) owner: UserId,
    pub(crate) acme: TenantId,
    pub(crate) bolt: TenantId,
    /// `tenant_admin` of Acme.
    pub(crate) ben: UserId,
}

impl Seeded {
    pub(crate) async fn new() -> Self {
        let seeded = Self {
            database: TestDatabase::new().await,
            clock: FixedClock::at(SystemClock.now()),
            organization: OrganizationId::new(),
            owner: UserId::new(),
            acme: TenantId::new(),
            bolt: TenantId::new(),
            ben: UserId::new(),
        };
        let Self { organization, owner, acme, bolt, ben, .. } = &seeded;
        for (sql, ids) in [
            (
                "insert into app.organizations (id, name) values ($1, 'Agency')",
                vec![organization.uuid()],
            ),
            (
                "insert into app.users (id, email, name, password_hash)
                 values ($1, 'ada@agency.example', 'Ada', ''), ($2, 'ben@acme.example', 'Ben', '')",
                vec![owner.uuid(), ben.uuid()],
            ),
            (
                "insert into app.organization_owners (organization_id, user_id) values ($1, $2)",
                vec![organization.uuid(), owner.uuid()],
            ),
            (
                "insert into app.tenants (id, organization_id, name, time_zone, reporting_currency)
                 values ($2, $1, 'Acme', 'UTC', 'EUR'), ($3, $1, 'Bolt', 'UTC', 'EUR')",
                vec![organization.uuid(), acme.uuid(), bolt.uuid()],
            ),
            (
                "insert into app.tenant_users (tenant_id, user_id, role)
                 values ($1, $2, 'tenant_admin')",
                vec![acme.uuid(), ben.uuid()],
            ),
        ] {
            seeded.run(sql, &ids).await;
        }
        seeded
    }

    pub(crate) async fn run(&self, sql: &'static str, ids: &[Uuid]) {
        let mut query = sqlx::query(sql);
        for id in ids {
            query = query.bind(id);
        }
        query.execute(self.database.owner()).await.unwrap();
    }

    pub(crate) fn clock(&self) -> Arc<FixedClock> {
        Arc::new(self.clock.clone())
    }

    /// The owner with a token for `tenant`.
    pub(crate) fn owner_in(&self, tenant: TenantId) -> Caller {
        self.caller(self.owner, true, tenant)
    }

    pub(crate) fn ben_in_acme(&self) -> Caller {
        self.caller(self.ben, false, self.acme)
    }

    fn caller(&self, user: UserId, owner: bool, tenant: TenantId) -> Caller {
        let place = Some((tenant, Role::TenantAdmin));
        Caller::from_verified_claims(user, self.organization, owner, SessionId::new(), place)
    }
}

pub(crate) fn scope_of(caller: &Caller) -> TenantScope {
    caller.in_tenant(Permission::Administer).unwrap()
}

pub(crate) fn an_account(account_id: &str) -> PlatformAccount {
    PlatformAccount {
        account_id: account_id.to_owned(),
        name: format!("Account {account_id}"),
        manager_id: Some("9990001111".to_owned()),
        time_zone: chrono_tz::America::New_York,
        currency: "USD".parse::<CurrencyCode>().unwrap(),
        active: true,
    }
}
