use std::collections::BTreeSet;

use domain::ports::{
    CampaignOrder, CampaignPosition, CampaignsQuery, Granularity, MetricsQuery, OverviewQuery,
    PerformanceQuery, Platforms, Serving, StoreError,
};
use domain::{
    Caller, DateRange, OrganizationId, Permission, Platform, Role, SessionId, TenantId,
    TenantScope, UserId,
};
use rust_decimal::Decimal;

use super::PostgresServing;
use crate::testing::TestDatabase;

/// Two tenants whose rows lie on the same days, so that a forgotten filter shows.
struct World {
    database: TestDatabase,
    ours: TenantScope,
    theirs: TenantScope,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let [ours, theirs] = [scope(), scope()];
        let world = Self { database, ours, theirs };
        for (day, campaign, currency, cost, value) in [
            ("2024-03-01", "meta_ads-10-1", "USD", "10.10", Some("20.000000001")),
            ("2024-03-02", "meta_ads-10-1", "USD", "0.20", None),
            ("2024-03-02", "meta_ads-10-2", "USD", "100", None),
            ("2024-03-02", "google_ads-20-7", "EUR", "9999999999999999999.000000001", None),
            ("2024-03-03", "google_ads-20-8", "EUR", "0", Some("0")),
            ("2024-02-28", "meta_ads-10-1", "USD", "5", Some("1")),
        ] {
            world.ad(&world.ours, day, campaign, currency, cost, value).await;
        }
        world.ad(&world.theirs, "2024-03-01", "meta_ads-10-1", "USD", "777", None).await;
        world.ad(&world.theirs, "2024-03-01", "meta_ads-99-9", "JPY", "888", None).await;
        world.web(&world.ours, "2024-03-01", "a", "12.5").await;
        world.web(&world.ours, "2024-03-01", "b", "0.25").await;
        world.web(&world.theirs, "2024-03-01", "a", "666").await;
        world.campaign(&world.ours, "meta_ads-10-1", "USD", "Spring").await;
        world.campaign(&world.ours, "meta_ads-10-3", "USD", "Asleep").await;
        world.campaign(&world.theirs, "meta_ads-10-1", "USD", "Foreign").await;
        sqlx::query("update serving.data_version set version = 4")
            .execute(world.database.owner())
            .await
            .unwrap();
        world
    }

    fn serving(&self) -> PostgresServing {
        PostgresServing::new(self.database.api())
    }

    async fn ad(
        &self,
        tenant: &TenantScope,
        day: &str,
        campaign: &str,
        currency: &str,
        cost: &str,
        value: Option<&str>,
    ) {
        sqlx::query(
            "insert into serving.fact_ad_performance values ($1, $2::date, $3, \
             split_part($3, '-', 1), split_part($3, '-', 2), split_part($3, '-', 3), $4, 100, 10, \
             $5::numeric, 2.5, $6::numeric)",
        )
        .bind(tenant.tenant().uuid())
        .bind(day)
        .bind(campaign)
        .bind(currency)
        .bind(cost)
        .bind(value)
        .execute(self.database.owner())
        .await
        .unwrap();
        self.database.sum_days().await;
    }

    async fn web(&self, tenant: &TenantScope, day: &str, key: &str, revenue: &str) {
        sqlx::query(
            "insert into serving.fact_web_performance values ($1, $2::date, $3, \
             'google_analytics', '30', 'c', 's', 'm', 'Direct', 'EUR', 7, 5, 6, 1.5, $4::numeric)",
        )
        .bind(tenant.tenant().uuid())
        .bind(day)
        .bind(key)
        .bind(revenue)
        .execute(self.database.owner())
        .await
        .unwrap();
        self.database.sum_days().await;
    }

    async fn campaign(&self, tenant: &TenantScope, key: &str, currency: &str, name: &str) {
        sqlx::query(
            "insert into serving.dim_campaigns values ($1, $2, split_part($2, '-', 1), \
             split_part($2, '-', 2), split_part($2, '-', 3), $3, 'SALES', 'ACTIVE', 25, $4)",
        )
        .bind(tenant.tenant().uuid())
        .bind(key)
        .bind(name)
        .bind(currency)
        .execute(self.database.owner())
        .await
        .unwrap();
    }
}

fn scope() -> TenantScope {
    let tenant = Some((TenantId::new(), Role::Viewer));
    Caller::from_verified_claims(
        UserId::new(),
        OrganizationId::new(),
        false,
        SessionId::new(),
        tenant,
    )
    .in_tenant(Permission::Read)
    .unwrap()
}

fn march() -> DateRange {
    DateRange::new("2024-03-01".parse().unwrap(), "2024-03-31".parse().unwrap()).unwrap()
}

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

fn metrics(granularity: Granularity) -> MetricsQuery {
    MetricsQuery { range: march(), platforms: Platforms::new(), granularity }
}

fn campaigns(order: CampaignOrder) -> CampaignsQuery {
    CampaignsQuery {
        range: march(),
        platforms: Platforms::new(),
        order,
        include_idle: false,
        limit: 100,
        after: None,
    }
}

#[tokio::test]
async fn totals_are_exact_and_one_per_currency() {
    let world = World::new().await;
    let served = world.serving().metrics(&world.ours, &metrics(Granularity::Day)).await.unwrap();
    assert_eq!(served.data_version, 4);
    let [eur, usd] = served.figures.ad_totals.as_slice() else {
        panic!("{:?}", served.figures.ad_totals)
    };
    assert_eq!((eur.currency.as_str(), usd.currency.as_str()), ("EUR", "USD"));
    assert_eq!(eur.figures.cost, decimal("9999999999999999999.000000001"));
    assert_eq!(usd.figures.cost.to_string(), "110.3");
    assert_eq!((usd.figures.impressions, usd.figures.clicks), (300, 30));
    assert_eq!(usd.figures.conversions.to_string(), "7.5");
    assert_eq!(usd.figures.conversion_value, Some(decimal("20.000000001")), "of the known ones");
    assert_eq!(served.figures.ads.len(), 4, "one row per day, platform and currency");
    assert_eq!(served.figures.ads[1].figures.conversion_value, None, "all are unknown");
    let [web] = served.figures.web_totals.as_slice() else { panic!() };
    assert_eq!((web.figures.sessions, web.figures.revenue), (14, decimal("12.75")));
}

#[tokio::test]
async fn a_total_names_the_days_that_have_figures() {
    let world = World::new().await;
    let served = world.serving().metrics(&world.ours, &metrics(Granularity::Total)).await.unwrap();
    let rows: Vec<_> =
        served.figures.ads.iter().map(|row| (row.platform, row.days.to_string())).collect();
    assert_eq!(
        rows,
        [
            (Platform::GoogleAds, "2024-03-02..2024-03-03".to_owned()),
            (Platform::MetaAds, "2024-03-01..2024-03-02".to_owned()),
        ]
    );
    let only_web = MetricsQuery {
        platforms: BTreeSet::from([Platform::GoogleAnalytics]),
        ..metrics(Granularity::Total)
    };
    let served = world.serving().metrics(&world.ours, &only_web).await.unwrap();
    assert!(served.figures.ads.is_empty() && served.figures.ad_totals.is_empty());
    assert_eq!(served.figures.web.len(), 1);
}

#[tokio::test]
async fn a_day_that_its_platform_calls_incomplete_is_flagged() {
    let world = World::new().await;
    for (tenant, day, sampled) in [
        (&world.ours, "2024-03-01", true),
        (&world.ours, "2024-03-02", false),
        (&world.theirs, "2024-03-03", true),
    ] {
        sqlx::query(
            "insert into serving.day_quality values ($1, 'google_analytics', '30', $2::date, $3, \
             false, false, false)",
        )
        .bind(tenant.tenant().uuid())
        .bind(day)
        .bind(sampled)
        .execute(world.database.owner())
        .await
        .unwrap();
    }
    let served = world.serving().metrics(&world.ours, &metrics(Granularity::Day)).await.unwrap();
    let [flagged] = served.quality.as_slice() else { panic!("{:?}", served.quality) };
    assert_eq!((flagged.platform, flagged.days), (Platform::GoogleAnalytics, 1));
    assert!(flagged.quality.sampled && !flagged.quality.truncated);
}

#[tokio::test]
async fn a_walk_over_campaigns_meets_each_once_in_either_order() {
    let world = World::new().await;
    for number in 0..40 {
        // Many equal costs, so that the order rests on the key too.
        let key = format!("meta_ads-11-{number}");
        let cost = (number % 3).to_string();
        world.ad(&world.ours, "2024-03-05", &key, "GBP", &cost, None).await;
    }
    for order in [CampaignOrder::Cost, CampaignOrder::Key] {
        let whole = world.serving().campaigns(&world.ours, &campaigns(order)).await.unwrap();
        assert_eq!(whole.figures.campaigns.len(), 44);
        for limit in [1, 7, 44, 45] {
            let mut query = CampaignsQuery { limit, ..campaigns(order) };
            let mut walked = Vec::new();
            loop {
                let page = world.serving().campaigns(&world.ours, &query).await.unwrap().figures;
                assert_eq!(page.totals, whole.figures.totals, "totals are over all pages");
                walked.extend(page.campaigns);
                if !page.has_more {
                    break;
                }
                query.after = walked.last().map(|row| CampaignPosition {
                    currency: row.currency,
                    cost: row.figures.cost,
                    key: row.campaign.key.clone(),
                });
            }
            assert_eq!(walked, whole.figures.campaigns, "{order:?} by {limit}");
        }
    }
}

#[tokio::test]
async fn the_costliest_campaign_of_a_currency_comes_first() {
    let world = World::new().await;
    let query = campaigns(CampaignOrder::Cost);
    let listed = world.serving().campaigns(&world.ours, &query).await.unwrap().figures.campaigns;
    let keys: Vec<_> = listed.iter().map(|row| row.campaign.key.to_string()).collect();
    assert_eq!(keys, ["google_ads-20-7", "google_ads-20-8", "meta_ads-10-2", "meta_ads-10-1"]);
    assert_eq!(listed[3].campaign.name, "Spring");
    assert_eq!(listed[2].campaign.name, "2", "its id, as its name is not known");
    let query = CampaignsQuery { include_idle: true, ..query };
    let with_idle = world.serving().campaigns(&world.ours, &query).await.unwrap().figures;
    assert_eq!(with_idle.campaigns.len(), 5);
    assert_eq!(with_idle.campaigns[4].campaign.name, "Asleep");
    assert_eq!(with_idle.campaigns[4].figures.cost, Decimal::ZERO);
}

#[tokio::test]
async fn a_campaign_is_shown_day_by_day_to_its_tenant_alone() {
    let world = World::new().await;
    let query = |key: &str| PerformanceQuery { campaign: key.parse().unwrap(), range: march() };
    let serving = world.serving();
    let ours = serving.campaign_performance(&world.ours, &query("meta_ads-10-1")).await.unwrap();
    let days: Vec<_> = ours.figures.days.iter().map(|day| day.date.to_string()).collect();
    assert_eq!(days, ["2024-03-01", "2024-03-02"]);
    assert_eq!(ours.figures.totals[0].figures.cost, decimal("10.3"));
    assert_eq!(ours.figures.campaign.budget, Some(decimal("25")));
    let idle = serving.campaign_performance(&world.ours, &query("meta_ads-10-3")).await.unwrap();
    assert!(idle.figures.days.is_empty() && idle.figures.totals.is_empty());
    for unknown in ["meta_ads-99-9", "meta_ads-10-4"] {
        let error = serving.campaign_performance(&world.ours, &query(unknown)).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { .. }), "{unknown}: {error:?}");
    }
}

#[tokio::test]
async fn an_overview_compares_with_as_many_days_before() {
    let world = World::new().await;
    let range = DateRange::new("2024-03-01".parse().unwrap(), "2024-03-02".parse().unwrap());
    let query = OverviewQuery {
        range: range.unwrap(),
        previous: DateRange::ending("2024-02-29".parse().unwrap(), 2),
        top: 1,
    };
    let overview = world.serving().overview(&world.ours, &query).await.unwrap().figures;
    let meta = overview.ads.iter().find(|row| row.platform == Platform::MetaAds).unwrap();
    assert_eq!(meta.figures.current.cost, decimal("110.3"));
    assert_eq!(meta.figures.previous.cost, decimal("5"));
    assert_eq!(meta.days.len(), 2);
    assert_eq!(meta.days[1].figures.cost, decimal("100.2"));
    let google = overview.ads.iter().find(|row| row.platform == Platform::GoogleAds).unwrap();
    assert_eq!(google.figures.previous, domain::AdFigures::default());
    let currencies: Vec<_> =
        overview.ad_totals.iter().map(|total| total.currency.to_string()).collect();
    assert_eq!(currencies, ["EUR", "USD"]);
    assert_eq!(overview.ad_totals[1].figures.previous.cost, decimal("5"));
    let top: Vec<_> =
        overview.top_campaigns.iter().map(|row| row.campaign.key.to_string()).collect();
    assert_eq!(top, ["google_ads-20-7", "meta_ads-10-2"], "one of each currency");
    assert_eq!(overview.web[0].figures.current.revenue, decimal("12.75"));
    assert_eq!(overview.web_totals[0].figures.previous.revenue, Decimal::ZERO);
}

#[tokio::test]
async fn a_tenant_without_figures_gets_empty_answers() {
    let world = World::new().await;
    let (serving, nobody) = (world.serving(), scope());
    let served = serving.metrics(&nobody, &metrics(Granularity::Day)).await.unwrap();
    assert_eq!(served.figures, domain::ports::Metrics::default());
    assert_eq!(served.fresh_at, None);
    let page = serving.campaigns(&nobody, &campaigns(CampaignOrder::Cost)).await.unwrap();
    assert_eq!(page.figures, domain::ports::CampaignPage::default());
}

/// Every row that the connection shows, whatever tables it lies in.
async fn visible(connection: &mut sqlx::PgConnection) -> i64 {
    sqlx::query_scalar(
        "select (select count(*) from serving.fact_ad_performance) \
         + (select count(*) from serving.fact_web_performance) \
         + (select count(*) from serving.ad_days) \
         + (select count(*) from serving.web_days) \
         + (select count(*) from serving.dim_campaigns)",
    )
    .fetch_one(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn without_a_tenants_setting_no_row_shows() {
    let world = World::new().await;
    let mut connection = world.database.api_pool().acquire().await.unwrap();
    assert_eq!(visible(&mut connection).await, 0, "no setting");
    let foreign = scope().setting();
    for setting in ["", "{}", foreign.as_str()] {
        sqlx::query("select set_config('app.tenant_ids', $1, false)")
            .bind(setting)
            .execute(&mut *connection)
            .await
            .unwrap();
        assert_eq!(visible(&mut connection).await, 0, "{setting:?}");
    }
}

#[tokio::test]
async fn a_cancelled_transaction_leaves_nothing_on_its_connection() {
    let world = World::new().await;
    let pool = world.database.api();
    for _ in 0..20 {
        // Dropped in the middle, as a client that hangs up does.
        let mut transaction = pool.begin(&world.theirs).await.unwrap();
        assert!(visible(&mut transaction).await > 0);
        let slow = sqlx::query("select pg_sleep(0.1)").execute(&mut *transaction);
        let cut_off = tokio::time::timeout(std::time::Duration::from_millis(5), slow).await;
        assert!(cut_off.is_err());
        drop(transaction);
        let mut next = world.database.api_pool().acquire().await.unwrap();
        assert_eq!(visible(&mut next).await, 0, "the connection's next user sees a tenant");
    }
    let mut ours = pool.begin(&world.ours).await.unwrap();
    assert_eq!(visible(&mut ours).await, 16);
}

#[tokio::test]
async fn the_zone_is_the_tenants_own() {
    let world = World::new().await;
    let organization = OrganizationId::new();
    sqlx::query("insert into app.organizations (id, name) values ($1, 'Agency')")
        .bind(organization.uuid())
        .execute(world.database.owner())
        .await
        .unwrap();
    for (tenant, zone) in [(&world.ours, "America/New_York"), (&world.theirs, "Asia/Tokyo")] {
        sqlx::query(
            "insert into app.tenants (id, organization_id, name, time_zone, reporting_currency) \
             values ($1, $2, $3, $3, 'USD')",
        )
        .bind(tenant.tenant().uuid())
        .bind(organization.uuid())
        .bind(zone)
        .execute(world.database.owner())
        .await
        .unwrap();
    }
    let serving = world.serving();
    assert_eq!(serving.time_zone(&world.ours).await.unwrap(), chrono_tz::America::New_York);
    let error = serving.time_zone(&scope()).await.unwrap_err();
    assert!(matches!(error, StoreError::NotFound { .. }));
}
