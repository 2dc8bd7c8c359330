use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::Role;
use domain::ports::{CampaignPage, Metrics, Overview, Performance, Served, Serving, StoreError};
use serde_json::Value;
use stores::PostgresServing;
use stores::testing::TestDatabase;

use super::*;
use crate::testing::{Tenant, TestApp, json};

/// How long anything that is waited for may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// The real figures, counted, and away while `down`.
pub(super) struct Watched {
    real: PostgresServing,
    down: AtomicBool,
    computed: AtomicUsize,
}

impl Watched {
    pub(super) async fn new() -> (Arc<Self>, TestDatabase) {
        let database = TestDatabase::new().await;
        let watched = Self {
            real: PostgresServing::new(database.api()),
            down: AtomicBool::new(false),
            computed: AtomicUsize::new(0),
        };
        (Arc::new(watched), database)
    }

    async fn app() -> (Arc<Self>, TestApp) {
        let (watched, database) = Self::new().await;
        let app = TestApp::over(database, Arc::clone(&watched) as _);
        (watched, app)
    }

    /// How often figures were asked for.
    pub(super) fn computed(&self) -> usize {
        self.computed.load(Ordering::SeqCst)
    }

    fn real(&self) -> Result<&PostgresServing, StoreError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { what: "the test", source: "it is down".into() });
        }
        Ok(&self.real)
    }
}

#[async_trait]
impl Serving for Watched {
    async fn data_version(&self) -> Result<i64, StoreError> {
        self.real()?.data_version().await
    }

    async fn time_zone(&self, scope: &TenantScope) -> Result<Tz, StoreError> {
        self.real()?.time_zone(scope).await
    }

    async fn metrics(
        &self,
        scope: &TenantScope,
        query: &MetricsQuery,
    ) -> Result<Served<Metrics>, StoreError> {
        let real = self.real()?;
        self.computed.fetch_add(1, Ordering::SeqCst);
        real.metrics(scope, query).await
    }

    async fn campaigns(
        &self,
        scope: &TenantScope,
        query: &CampaignsQuery,
    ) -> Result<Served<CampaignPage>, StoreError> {
        self.real()?.campaigns(scope, query).await
    }

    async fn campaign_performance(
        &self,
        scope: &TenantScope,
        query: &PerformanceQuery,
    ) -> Result<Served<Performance>, StoreError> {
        self.real()?.campaign_performance(scope, query).await
    }

    async fn overview(
        &self,
        scope: &TenantScope,
        query: &OverviewQuery,
    ) -> Result<Served<Overview>, StoreError> {
        self.real()?.overview(scope, query).await
    }
}

pub(super) const METRICS: &str = "/api/v1/metrics?from=2024-03-01&to=2024-03-31";

/// Asks until `wanted` holds of the reply.
async fn until(app: &TestApp, tenant: Tenant, wanted: impl Fn(&Reply) -> bool) -> Reply {
    let began = Instant::now();
    loop {
        let reply = app.get(tenant, METRICS).await;
        if wanted(&reply) {
            return reply;
        }
        assert!(began.elapsed() < DEADLINE, "the last reply was {reply:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn cost(reply: &Reply) -> Value {
    json(reply)["totals"][0]["cost"].clone()
}

#[tokio::test]
async fn an_answer_is_kept_until_the_next_version() {
    let (watched, app) = Watched::app().await;
    let [tenant, other] = [app.tenant("UTC").await, app.tenant("UTC").await];
    app.ad(tenant, "2024-03-02", "meta_ads-1-1", ("USD", "1")).await;
    let first = app.get(tenant, METRICS).await;
    let etag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert!(etag.starts_with("\"v0-"), "{etag}");
    assert_eq!(first.headers()["cache-control"], "private, no-cache");
    assert_eq!(first.headers()["vary"], "authorization");
    app.ad(tenant, "2024-03-03", "meta_ads-1-1", ("USD", "1")).await;
    let again = app.get(tenant, METRICS).await;
    assert_eq!((cost(&again), watched.computed()), (cost(&first), 1));
    assert_eq!(json(&app.get(other, METRICS).await)["data"], serde_json::json!([]), "not theirs");
    app.publish().await;
    let newer = until(&app, tenant, |reply| json(reply)["meta"]["data_version"] == 1).await;
    assert_eq!(cost(&newer), "2");
    assert_ne!(newer.headers()["etag"].to_str().unwrap(), etag);
}

#[tokio::test]
async fn a_client_that_holds_the_answer_is_told_so() {
    let (_, app) = Watched::app().await;
    let tenant = app.tenant("UTC").await;
    let etag = app.get(tenant, METRICS).await.headers()["etag"].to_str().unwrap().to_owned();
    let token = tenant.token(Role::Viewer);
    for (sent, status) in [
        (etag.clone(), 304),
        (format!("W/{etag}"), 304),
        (format!("\"other\", {etag}"), 304),
        ("*".to_owned(), 304),
        ("\"v0-other\"".to_owned(), 200),
    ] {
        let headers = [("authorization", token.as_str()), ("if-none-match", sent.as_str())];
        let reply = app.send("GET", METRICS, &headers, "").await;
        assert_eq!(reply.status(), status, "{sent}");
        assert_eq!(reply.body().is_empty(), status == 304);
        assert_eq!(reply.headers()["etag"].to_str().unwrap(), etag);
    }
}

#[tokio::test]
async fn a_question_that_many_ask_at_once_is_computed_once() {
    let (watched, app) = Watched::app().await;
    let tenant = app.tenant("UTC").await;
    let replies = futures_util::future::join_all((0..30).map(|_| app.get(tenant, METRICS))).await;
    assert!(replies.iter().all(|reply| reply.status() == 200));
    assert_eq!(watched.computed(), 1);
}

#[tokio::test]
async fn a_changed_time_zone_shows_at_once() {
    let (_, app) = Watched::app().await;
    let tenant = app.tenant("UTC").await;
    assert_eq!(app.get_ok(tenant, METRICS).await["meta"]["time_zone"], "UTC");
    let token = tenant.token(Role::TenantAdmin);
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let body = r#"{"time_zone": "Asia/Tokyo"}"#;
    let changed = app.send("PATCH", "/tenants/me", &headers, body).await;
    assert_eq!(changed.status(), 200, "{changed:?}");
    assert_eq!(app.get_ok(tenant, METRICS).await["meta"]["time_zone"], "Asia/Tokyo");
}

#[tokio::test]
async fn while_the_database_is_away_kept_answers_are_served_and_flagged() {
    let (watched, app) = Watched::app().await;
    let tenant = app.tenant("UTC").await;
    app.ad(tenant, "2024-03-02", "meta_ads-1-1", ("USD", "1")).await;
    app.get_ok(tenant, METRICS).await;
    watched.down.store(true, Ordering::SeqCst);
    let stale = until(&app, tenant, |reply| {
        assert_eq!(reply.status(), 200);
        reply.headers().contains_key("warning")
    })
    .await;
    assert_eq!(cost(&stale), "1");
    let unknown = app.get_problem(tenant, "/api/v1/metrics?from=2024-03-02&to=2024-03-03").await;
    assert_eq!((unknown.0, unknown.1.as_str()), (503, "unavailable"));
    watched.down.store(false, Ordering::SeqCst);
    let fresh = until(&app, tenant, |reply| !reply.headers().contains_key("warning")).await;
    assert_eq!(fresh.status(), 200);
}
