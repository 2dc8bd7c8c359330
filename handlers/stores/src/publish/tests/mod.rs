//! That what is loaded arrives is tested where the loads are.

mod hostile;
mod patience;
mod sums;

use std::time::Duration;

use domain::TenantId;
use domain::ports::{Build, BuildClaim, BuildStore, Published, Publisher, StoreError};
use sqlx::AssertSqlSafe;

use super::PostgresPublisher;
use crate::PostgresBuilds;
use crate::seeded::Seeded;

struct World {
    seeded: Seeded,
    tenant: TenantId,
}

/// A mart's select list for one row of the tenant on a day.
fn fact(tenant: TenantId, campaign: &str, cost: &str) -> String {
    format!(
        "select
            '{tenant}'::uuid as tenant_id, '2024-03-01'::date as date,
            'meta_ads-10-' || {campaign} as campaign_key, 'meta_ads' as platform,
            '10' as account_id, {campaign}::text as campaign_id, 'USD' as currency_code,
            1::bigint as impressions, 1::bigint as clicks, {cost} as cost,
            1::numeric as conversions, null::numeric as conversion_value, 1::numeric as ctr,
            1::numeric as cpc, 1::numeric as cpa, null::numeric as roas"
    )
}

impl World {
    /// A tenant with one changed day, whose ad facts are those of `facts`.
    async fn new() -> Self {
        let seeded = Seeded::new().await;
        let tenant = seeded.acme;
        let world = Self { seeded, tenant };
        world
            .as_transform(&format!(
                "create table marts.fact_web_performance (
                    tenant_id uuid, date date, traffic_key text, platform text, account_id text,
                    campaign_name text, source text, medium text, channel text,
                    currency_code text, sessions bigint, engaged_sessions bigint,
                    total_users bigint, key_events numeric, revenue numeric
                );
                create table marts.dim_accounts (
                    tenant_id uuid, platform text, account_id text, name text,
                    currency_code text, time_zone text
                );
                create table marts.dim_campaigns (
                    tenant_id uuid, campaign_key text, platform text, account_id text,
                    campaign_id text, name text, type text, status text, budget numeric,
                    currency_code text
                );
                create table marts.day_quality (
                    tenant_id uuid, platform text, account_id text, date date, sampled boolean,
                    thresholded boolean, other_row boolean, truncated boolean
                );
                create table marts.day_changes as
                select
                    '{tenant}'::uuid as tenant_id, 'meta_ads' as platform, '10' as account_id,
                    '2024-03-01'::date as date, 1::bigint as change;"
            ))
            .await;
        world
    }

    async fn as_transform(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(self.seeded.database.transform())
            .await
            .unwrap();
    }

    async fn facts(&self, select: &str) {
        self.as_transform(&format!(
            "drop view if exists marts.fact_ad_performance;
            create view marts.fact_ad_performance as {select};"
        ))
        .await;
    }

    async fn publish(&self) -> Result<Published, StoreError> {
        self.publish_through(1).await
    }

    async fn publish_through(&self, change: i64) -> Result<Published, StoreError> {
        self.publisher().publish(&self.build().await, change, Duration::ZERO).await
    }

    fn publisher(&self) -> PostgresPublisher {
        PostgresPublisher::new(
            self.seeded.database.app().clone(),
            self.seeded.database.transform().clone(),
        )
    }

    /// A build that was begun, whoever else had one.
    async fn build(&self) -> Build {
        sqlx::query(
            "update app.build_state set requested = requested + 1, holder = null, \
             lease_until = null",
        )
        .execute(self.seeded.database.owner())
        .await
        .unwrap();
        let builds = PostgresBuilds::new(self.seeded.database.app().clone());
        let BuildClaim::Begun(build) = builds.begin(Duration::from_mins(1)).await.unwrap() else {
            panic!("nobody builds");
        };
        build
    }

    /// The campaign ids that are served.
    async fn served(&self) -> Vec<String> {
        sqlx::query_scalar("select campaign_id from serving.fact_ad_performance order by 1")
            .fetch_all(self.seeded.database.owner())
            .await
            .unwrap()
    }

    async fn people(&self) -> Vec<String> {
        sqlx::query_scalar("select u::text from app.users as u order by 1")
            .fetch_all(self.seeded.database.owner())
            .await
            .unwrap()
    }
}
