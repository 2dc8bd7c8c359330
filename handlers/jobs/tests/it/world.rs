//! A tenant with accounts, and everything that works on them.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use connectors::{PlatformConfig, Platforms, RowSink, Timing};
use domain::ports::{Claim, JobStore, PlannedRun, PlatformAccount, RawStore};
use domain::{
    BusinessClock, Caller, ClaimedJob, ConnectionId, CredentialId, DateRange, Extraction,
    ExtractionPath, FixedClock, JobId, Manifest, OrganizationId, Permission, Platform, Quality,
    Role, SessionId, Stream, SystemClock, TenantId, TenantScope, Totals, UserId,
};
use jobs::{CredentialVault, Landing, ManualSync, Planner, Worker};
use stores::testing::TestDatabase;
use stores::{
    PostgresBuilds, PostgresQueue, PostgresRuns, PostgresWarehouse, RawDirectory, SecretsFile,
};
use tempfile::TempDir;

/// In the tenant's own zone, one slot after midnight.
pub(crate) const NOW: &str = "2024-03-31T09:30:00Z";

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) folder: TempDir,
    pub(crate) raw: Arc<RawDirectory>,
    pub(crate) runs: Arc<PostgresRuns>,
    pub(crate) builds: Arc<PostgresBuilds>,
    pub(crate) warehouse: Arc<PostgresWarehouse>,
    pub(crate) vault: Arc<CredentialVault>,
    pub(crate) platforms: Arc<Platforms>,
    pub(crate) clock: FixedClock,
    pub(crate) planner: Arc<Planner>,
    pub(crate) worker: Arc<Worker>,
    pub(crate) tenant: TenantId,
    pub(crate) scope: TenantScope,
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn days(first: &str, last: &str) -> DateRange {
    DateRange::new(day(first), day(last)).unwrap()
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_platforms(PlatformConfig::default()).await
    }

    pub(crate) async fn with_platforms(config: PlatformConfig) -> Self {
        let database = TestDatabase::new().await;
        let folder = tempfile::tempdir().unwrap();
        let raw = Arc::new(RawDirectory::new(folder.path().join("raw")).unwrap());
        let secrets = Arc::new(SecretsFile::open(folder.path().join("secrets")).unwrap());
        let platforms = Arc::new(Platforms::new(config).unwrap());
        let vault = Arc::new(CredentialVault::new(
            secrets,
            Arc::clone(&platforms) as _,
            Arc::new(SystemClock),
        ));
        let runs = Arc::new(PostgresRuns::new(database.app().clone()));
        let builds = Arc::new(PostgresBuilds::new(database.app().clone()));
        let warehouse = Arc::new(PostgresWarehouse::new(database.transform().clone()));
        let clock = FixedClock::at(at(NOW));
        let business_clock: Arc<dyn BusinessClock> = Arc::new(clock.clone());
        let planner = Planner {
            planning: Arc::clone(&runs) as _,
            builds: Arc::clone(&builds) as _,
            queue: Arc::new(PostgresQueue::new(database.app().clone())),
            clock: Arc::clone(&business_clock),
            backfill_days: 60,
        };
        let worker = Worker {
            jobs: Arc::clone(&runs) as _,
            raw: Arc::clone(&raw) as _,
            warehouse: Arc::clone(&warehouse) as _,
            platforms: Arc::clone(&platforms),
            vault: Arc::clone(&vault),
            clock: business_clock,
        };
        let (tenant, scope) = tenant(&database, "Europe/Amsterdam").await;
        Self {
            database,
            folder,
            raw,
            runs,
            builds,
            warehouse,
            vault,
            platforms,
            clock,
            planner: Arc::new(planner),
            worker: Arc::new(worker),
            tenant,
            scope,
        }
    }

    /// Whose platforms refuse every connection, and who gives up at once.
    pub(crate) async fn cut_off() -> Self {
        let mut config = PlatformConfig::default();
        config.endpoints.meta_graph_url = "http://127.0.0.1:1".parse().unwrap();
        let soon = std::time::Duration::from_millis(1);
        config.timing = Timing { backoff: soon, longest_backoff: soon, ..Timing::default() };
        Self::with_platforms(config).await
    }

    /// Connects an account; its history has been read before.
    pub(crate) async fn connect(&self, platform: Platform, account: &str) -> ConnectionId {
        self.connect_new(platform, account).await;
        sqlx::query_scalar(
            "update app.tenant_oauth_connections set history_loaded_at = now()
            where account_id = $1 and platform = $2 returning id",
        )
        .bind(account)
        .bind(platform.code())
        .fetch_one(self.database.owner())
        .await
        .map(|id: uuid::Uuid| id.into())
        .unwrap()
    }

    pub(crate) async fn connect_new(&self, platform: Platform, account: &str) -> CredentialId {
        let credential = CredentialId::new();
        let account = PlatformAccount {
            account_id: account.to_owned(),
            name: format!("Shop {account}"),
            manager_id: None,
            time_zone: chrono_tz::America::New_York,
            currency: "USD".parse().unwrap(),
            active: true,
        };
        self.assign(credential, platform, &account).await;
        credential
    }

    /// Assigns an account, read through a credential that is new.
    pub(crate) async fn assign(
        &self,
        credential: CredentialId,
        platform: Platform,
        account: &PlatformAccount,
    ) {
        sqlx::query(
            "with t as (select * from app.tenants where id = $2),
            k as (
                insert into app.credentials (id, organization_id, platform, created_by)
                select $1, t.organization_id, $3, o.user_id
                from t join app.organization_owners as o using (organization_id)
                returning id, organization_id, created_by
            )
            insert into app.tenant_oauth_connections (
                id, organization_id, tenant_id, credential_id, platform, account_id, name,
                manager_id, time_zone, currency, created_by
            )
            select $4, k.organization_id, $2, k.id, $3, $5, $6, $7, $8, $9, k.created_by from k",
        )
        .bind(credential.uuid())
        .bind(self.tenant.uuid())
        .bind(platform.code())
        .bind(ConnectionId::new().uuid())
        .bind(&account.account_id)
        .bind(&account.name)
        .bind(&account.manager_id)
        .bind(account.time_zone.name())
        .bind(account.currency.as_str())
        .execute(self.database.owner())
        .await
        .unwrap();
    }

    /// A run of all accounts, for a range or for what is due.
    pub(crate) async fn plan(&self, range: Option<DateRange>) -> PlannedRun {
        let sync = ManualSync { range, ..ManualSync::default() };
        self.planner.plan_manual(&self.scope, &sync).await.unwrap()
    }

    pub(crate) async fn claim(&self, job: JobId) -> (ClaimedJob, Option<String>) {
        let lease = std::time::Duration::from_mins(1);
        match self.runs.claim(job, lease).await.unwrap() {
            Claim::Claimed { job, manifest } => (*job, manifest),
            other => panic!("the job was not claimed: {other:?}"),
        }
    }

    /// As if the worker that holds the job had been dead for a minute.
    pub(crate) async fn let_lease_lapse(&self, job: JobId) {
        sqlx::query("update app.etl_jobs set lease_until = now() where id = $1")
            .bind(job.uuid())
            .execute(self.database.owner())
            .await
            .unwrap();
    }

    /// Lands rows as a connector would, with their manifest.
    pub(crate) async fn land(&self, landed: Landed<'_>) -> Extraction {
        let extraction = self.without_manifest(landed).await;
        let json = serde_json::to_vec(extraction.manifest()).unwrap();
        self.raw.put_new(&extraction.path().manifest(), json.into()).await.unwrap();
        extraction
    }

    pub(crate) async fn without_manifest(&self, landed: Landed<'_>) -> Extraction {
        let path = ExtractionPath {
            tenant: landed.tenant,
            platform: landed.stream.platform,
            extracted_on: landed.finished_at.date_naive(),
            stream: landed.stream.name.to_owned(),
            account_id: landed.account.to_owned(),
            job: landed.job,
            attempt: landed.attempt,
        };
        let mut landing = Landing::new(Arc::clone(&self.raw) as _, path.clone());
        for row in landed.rows {
            landing.rows(format!("{row}\n").as_bytes(), 1).await.unwrap();
        }
        let parts = landing.finish().await.unwrap();
        let manifest = Manifest {
            format: Manifest::FORMAT,
            tenant_id: path.tenant,
            platform: path.platform,
            account_id: path.account_id.clone(),
            account_name: landed.account_name.to_owned(),
            stream: path.stream.clone(),
            job_id: path.job,
            attempt: path.attempt,
            api_version: "v1".to_owned(),
            window_start: landed.window.first(),
            window_end: landed.window.last(),
            account_time_zone: chrono_tz::America::New_York,
            account_currency: "USD".parse().unwrap(),
            totals: Totals { rows: landed.rows.len() as u64, ..Totals::default() },
            parts,
            quality: Quality { sampled: landed.sampled, ..Quality::default() },
            request_ids: Vec::new(),
            started_at: landed.started_at,
            finished_at: landed.finished_at,
        };
        Extraction::new(path, manifest).unwrap()
    }

    pub(crate) async fn load(&self, extraction: &Extraction) -> bool {
        jobs::load(&*self.raw, &*self.warehouse, extraction).await.unwrap()
    }

    pub(crate) async fn land_and_load(&self, landed: Landed<'_>) -> Extraction {
        let extraction = self.land(landed).await;
        assert!(self.load(&extraction).await);
        extraction
    }
}

/// One extraction to be landed.
#[derive(Clone, Debug)]
pub(crate) struct Landed<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) stream: Stream,
    pub(crate) account: &'a str,
    pub(crate) account_name: &'a str,
    pub(crate) job: JobId,
    pub(crate) attempt: u32,
    pub(crate) window: DateRange,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) finished_at: DateTime<Utc>,
    pub(crate) rows: &'a [String],
    pub(crate) sampled: bool,
}

impl<'a> Landed<'a> {
    /// Meta insights of account 77, read in no time.
    pub(crate) fn insights(
        world: &World,
        window: DateRange,
        read: &str,
        rows: &'a [String],
    ) -> Self {
        Self {
            tenant: world.tenant,
            stream: Stream::META_ADS_INSIGHTS_DAILY,
            account: "77",
            account_name: "Shop",
            job: JobId::new(),
            attempt: 1,
            window,
            started_at: at(read),
            finished_at: at(read),
            rows,
            sampled: false,
        }
    }
}

/// A row of Meta insights.
pub(crate) fn insight(day: &str, campaign: &str, spend: &str) -> String {
    format!(r#"{{"campaign_id":"{campaign}","date_start":"{day}","spend":"{spend}"}}"#)
}

pub(crate) async fn tenant(database: &TestDatabase, zone: &str) -> (TenantId, TenantScope) {
    let (organization, user, tenant) = (OrganizationId::new(), UserId::new(), TenantId::new());
    for (statement, name) in [
        ("insert into app.organizations (id, name) values ($1, $4)", "Agency"),
        (
            "insert into app.users (id, email, name, password_hash)
            values ($2, $2::uuid::text || '@example.com', $4, '')",
            "Ann",
        ),
        ("insert into app.organization_owners values ($1, $2)", ""),
        (
            "insert into app.tenants (id, organization_id, name, time_zone, reporting_currency)
            values ($3, $1, $4, $5, 'EUR')",
            "Client",
        ),
    ] {
        // Every statement is given all values, and uses some.
        let statement = format!(
            "with v as (select $1::uuid, $2::uuid, $3::uuid, $4::text, $5::text) {statement}"
        );
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(organization.uuid())
            .bind(user.uuid())
            .bind(tenant.uuid())
            .bind(name)
            .bind(zone)
            .execute(database.owner())
            .await
            .unwrap();
    }
    let membership = Some((tenant, Role::TenantAdmin));
    let caller =
        Caller::from_verified_claims(user, organization, true, SessionId::new(), membership);
    (tenant, caller.in_tenant(Permission::Sync).unwrap())
}
