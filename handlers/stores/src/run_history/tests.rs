use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::ports::{Platforms, RunHistory, RunState, RunTrigger, RunsQuery, StoreError};
use domain::{
    Caller, DateRange, JobState, OrganizationId, Permission, Platform, Role, RunId, SessionId,
    SlotHour, TenantId, TenantScope, UserId,
};
use uuid::Uuid;

use super::PostgresRunHistory;
use crate::testing::TestDatabase;

struct World {
    database: TestDatabase,
    user: UserId,
    ours: TenantScope,
    theirs: TenantScope,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let (user, organization) = (UserId::new(), OrganizationId::new());
        let world = Self { database, user, ours: scope(user), theirs: scope(user) };
        world.insert_people(organization).await;
        world
    }

    async fn insert_people(&self, organization: OrganizationId) {
        sqlx::query(
            "with agency as (insert into app.organizations (id, name) values ($1, 'Agency')) \
             insert into app.users (id, email, name, password_hash) values ($2, 'a@b.c', 'A', '')",
        )
        .bind(organization.uuid())
        .bind(self.user.uuid())
        .execute(self.database.owner())
        .await
        .unwrap();
        for (tenant, name) in [(&self.ours, "Ours"), (&self.theirs, "Theirs")] {
            sqlx::query(
                "with tenant as ( \
                    insert into app.tenants \
                        (id, organization_id, name, time_zone, reporting_currency) \
                    values ($1, $2, $3, 'UTC', 'USD') returning id), \
                 credential as ( \
                    insert into app.credentials (id, organization_id, platform, created_by) \
                    values ($5, $2, 'meta_ads', $4) returning id) \
                 insert into app.tenant_oauth_connections \
                    (id, organization_id, tenant_id, credential_id, platform, account_id, name, \
                     time_zone, currency, created_by) \
                 select gen_random_uuid(), $2, tenant.id, credential.id, platform, account, \
                    account, 'UTC', 'USD', $4 \
                 from tenant, credential, \
                    (values ('meta_ads', '10'), ('google_ads', '20')) as a (platform, account)",
            )
            .bind(tenant.tenant().uuid())
            .bind(organization.uuid())
            .bind(name)
            .bind(self.user.uuid())
            .bind(Uuid::now_v7())
            .execute(self.database.owner())
            .await
            .unwrap();
        }
    }

    async fn run(&self, tenant: &TenantScope, minute: u32) -> RunId {
        let id = RunId::new();
        sqlx::query(
            "insert into app.etl_run_history (id, tenant_id, trigger, requested_by, created_at) \
             values ($1, $2, 'manual', $3, $4)",
        )
        .bind(id.uuid())
        .bind(tenant.tenant().uuid())
        .bind(self.user.uuid())
        .bind(at(minute))
        .execute(self.database.owner())
        .await
        .unwrap();
        id
    }

    async fn job(&self, tenant: &TenantScope, run: RunId, platform: &str, state: &str) {
        sqlx::query(
            "insert into app.etl_jobs (id, run_id, tenant_id, platform, account_id, stream, \
             window_start, window_end, state, attempt, rows, bytes, error_code, error_message) \
             values (gen_random_uuid(), $1, $2, $3, $4, $6, '2024-03-01', '2024-03-28', $5, \
             2, 7, 70, case when $5 = 'failed' then 'needs_reauth' end, 'connect again')",
        )
        .bind(run.uuid())
        .bind(tenant.tenant().uuid())
        .bind(platform)
        .bind(if platform == "meta_ads" { "10" } else { "20" })
        .bind(state)
        .bind(if platform == "meta_ads" { "insights_daily" } else { "campaign_daily" })
        .execute(self.database.owner())
        .await
        .unwrap();
    }

    fn history(&self) -> PostgresRunHistory {
        PostgresRunHistory::new(self.database.api())
    }
}

fn scope(user: UserId) -> TenantScope {
    let tenant = Some((TenantId::new(), Role::Viewer));
    Caller::from_verified_claims(user, OrganizationId::new(), false, SessionId::new(), tenant)
        .in_tenant(Permission::Read)
        .unwrap()
}

fn at(minute: u32) -> DateTime<Utc> {
    format!("2024-04-01T10:{minute:02}:00Z").parse().unwrap()
}

fn days(first: &str, last: &str) -> DateRange {
    DateRange::new(first.parse().unwrap(), last.parse().unwrap()).unwrap()
}

#[tokio::test]
async fn a_walk_over_runs_meets_each_of_the_tenant_once_newest_first() {
    let world = World::new().await;
    let mut ours = Vec::new();
    for number in 0..9 {
        // Three at a time begin together.
        ours.push((at(number / 3), world.run(&world.ours, number / 3).await));
        world.run(&world.theirs, number / 3).await;
    }
    ours.sort_by(|a, b| b.cmp(a));
    for limit in [1, 2, 9, 10] {
        let mut query = RunsQuery { limit, after: None };
        let mut walked = Vec::new();
        loop {
            let page = world.history().runs(&world.ours, &query).await.unwrap();
            walked.extend(page.runs.iter().map(|run| (run.created_at, run.id)));
            if !page.has_more {
                break;
            }
            query.after = walked.last().map(|(_, id)| *id);
        }
        assert_eq!(walked, ours, "by {limit}");
    }
}

#[tokio::test]
async fn a_run_is_shown_with_its_jobs_to_its_tenant_alone() {
    let world = World::new().await;
    let id = world.run(&world.ours, 1).await;
    world.job(&world.ours, id, "meta_ads", "failed").await;
    world.job(&world.ours, id, "google_ads", "succeeded").await;
    let shown = world.history().run(&world.ours, id).await.unwrap();
    assert_eq!(shown.run.state, RunState::Running);
    assert_eq!(shown.run.trigger, RunTrigger::Manual(Some(world.user)));
    assert_eq!(shown.run.platforms, BTreeSet::from([Platform::GoogleAds, Platform::MetaAds]));
    assert_eq!((shown.run.jobs.failed, shown.run.jobs.succeeded), (1, 1));
    assert_eq!((shown.run.counts.rows, shown.run.counts.bytes), (14, 140));
    let [google, meta] = shown.jobs.as_slice() else { panic!("{:?}", shown.jobs) };
    assert_eq!((google.state, google.error.as_ref()), (JobState::Succeeded, None));
    assert_eq!(meta.error.as_ref().unwrap().code, "needs_reauth");
    assert_eq!(meta.attempts, 2);
    assert_eq!(meta.window, days("2024-03-01", "2024-03-28"));
    for (scope, id) in [(&world.theirs, id), (&world.ours, RunId::new())] {
        let error = world.history().run(scope, id).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { .. }));
    }
}

#[tokio::test]
async fn a_slots_run_names_its_slot() {
    let world = World::new().await;
    sqlx::query(
        "insert into app.etl_run_history (id, tenant_id, trigger, slot_date, slot_hour, state) \
         values (gen_random_uuid(), $1, 'slot', '2024-03-09', 14, 'partly_failed')",
    )
    .bind(world.ours.tenant().uuid())
    .execute(world.database.owner())
    .await
    .unwrap();
    let query = RunsQuery { limit: 5, after: None };
    let page = world.history().runs(&world.ours, &query).await.unwrap();
    let RunTrigger::Slot(slot) = page.runs[0].trigger else { panic!("{:?}", page.runs) };
    assert_eq!((slot.tenant, slot.hour), (world.ours.tenant(), SlotHour::Fourteen));
    assert_eq!(page.runs[0].state, RunState::PartlyFailed);
    assert!(page.runs[0].platforms.is_empty());
}

#[tokio::test]
async fn a_sync_is_under_way_where_a_running_one_reads_all_that_is_asked_for() {
    let world = World::new().await;
    let history = world.history();
    let meta = Platforms::from([Platform::MetaAds]);
    let march = days("2024-03-01", "2024-03-28");
    let under_way = async |scope: &TenantScope, platforms: &Platforms, range| {
        history.sync_under_way(scope, platforms, range).await.unwrap()
    };
    assert_eq!(under_way(&world.ours, &meta, march).await, None);
    let id = world.run(&world.ours, 1).await;
    world.job(&world.ours, id, "meta_ads", "running").await;
    assert_eq!(under_way(&world.ours, &meta, march).await, Some(id));
    assert_eq!(under_way(&world.theirs, &meta, march).await, None);
    assert_eq!(under_way(&world.ours, &Platforms::new(), march).await, None, "Google Ads is not");
    let last_day = days("2024-03-28", "2024-03-28");
    assert_eq!(under_way(&world.ours, &meta, last_day).await, Some(id));
    let longer = days("2024-02-29", "2024-03-28");
    assert_eq!(under_way(&world.ours, &meta, longer).await, None);
    let analytics = Platforms::from([Platform::GoogleAnalytics]);
    assert_eq!(under_way(&world.ours, &analytics, march).await, None, "no account to read");
    sqlx::query("update app.etl_run_history set state = 'succeeded'")
        .execute(world.database.owner())
        .await
        .unwrap();
    assert_eq!(under_way(&world.ours, &meta, march).await, None, "it has ended");
}
