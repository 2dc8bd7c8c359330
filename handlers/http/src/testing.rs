//! The whole application over a database of its own, asked through the router.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ports::{
    AuthorizationRequest, BoxError, Grant, PlatformAccess, PlatformAccount, PlatformError,
    Redemption, Serving, SharedCache, SignUpPolicy, Triggered, Triggers,
};
use domain::{
    BusinessClock, Caller, FixedClock, OrganizationId, Platform, Role, SessionId, SystemClock,
    TenantId, UserId,
};
use jobs::{CredentialVault, Planner};
use secrecy::SecretString;
use serde_json::Value;
use sqlx::PgPool;
use stores::testing::TestDatabase;
use stores::{
    DatabaseProbe, PostgresBuilds, PostgresConnections, PostgresConsents, PostgresCredentials,
    PostgresIdentity, PostgresQueue, PostgresRunHistory, PostgresRuns, PostgresServing,
    PostgresTenants, SecretsFile, signing_key,
};
use url::Url;
use uuid::Uuid;

use crate::functions::INVOCATION_DEADLINE;
use crate::request::Head;
use crate::router::{REQUEST_DEADLINE, Router, Surface};
use crate::{
    AnswerCache, App, AppSlot, Health, LoginGuard, Problem, Reply, Server, Tokens, Verifier,
};

/// Noon in UTC; in New York the same day, in Auckland the next.
pub(crate) const NOW: &str = "2024-03-31T12:00:00Z";

/// Processes that share a cache share their signing key.
pub(crate) const SHARED_SIGNING_KEY: &[u8] = b"of one deployment";

pub(crate) struct TestApp {
    pub(crate) database: TestDatabase,
    slot: AppSlot,
    request_deadline: Duration,
    _data: tempfile::TempDir,
}

/// A tenant, and a viewer's and an analyst's token for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) user: UserId,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        let serving = Arc::new(PostgresServing::new(database.api()));
        Self::over(database, serving)
    }

    /// One whose timer and queue functions do `triggers`.
    pub(crate) async fn triggering(triggers: Arc<dyn Triggers>) -> Self {
        let database = TestDatabase::new().await;
        let serving = Arc::new(PostgresServing::new(database.api()));
        Self::of(database, serving, None, triggers)
    }

    /// The same over figures from elsewhere.
    pub(crate) fn over(database: TestDatabase, serving: Arc<dyn Serving>) -> Self {
        Self::sharing(database, serving, None)
    }

    /// The same with a cache that other processes use too.
    pub(crate) fn sharing(
        database: TestDatabase,
        serving: Arc<dyn Serving>,
        shared: Option<Arc<dyn SharedCache>>,
    ) -> Self {
        Self::of(database, serving, shared, Arc::new(NoTriggers))
    }

    fn of(
        database: TestDatabase,
        serving: Arc<dyn Serving>,
        shared: Option<Arc<dyn SharedCache>>,
        triggers: Arc<dyn Triggers>,
    ) -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = FixedClock::at(NOW.parse::<DateTime<Utc>>().unwrap());
        let app = app(&database, serving, shared, Arc::new(clock), data.path());
        let app = App { triggers, ..app };
        let slot = AppSlot::ready(Arc::new(app));
        Self { database, slot, request_deadline: REQUEST_DEADLINE, _data: data }
    }

    pub(crate) fn with_request_deadline(self, request_deadline: Duration) -> Self {
        Self { request_deadline, ..self }
    }

    /// A listener on loopback, not yet running.
    pub(crate) async fn bind(&self, surface: Surface) -> Server {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Server::bind(loopback, surface, self.slot.clone()).await.unwrap()
    }

    /// A tenant of an organization of its own, whose owner may do whatever a token allows.
    pub(crate) async fn tenant(&self, zone: &str) -> Tenant {
        let tenant = Tenant { id: TenantId::new(), user: UserId::new() };
        sqlx::query(
            "with agency as ( \
                insert into app.organizations (id, name) values ($1, 'Agency') returning id), \
             person as ( \
                insert into app.users (id, email, name, password_hash) \
                values ($3, $3 || '@example.com', 'Ada', '')), \
             owner as ( \
                insert into app.organization_owners (organization_id, user_id) values ($1, $3)) \
             insert into app.tenants (id, organization_id, name, time_zone, reporting_currency) \
             select $2, agency.id, 'Client', $4, 'USD' from agency",
        )
        .bind(Uuid::now_v7())
        .bind(tenant.id.uuid())
        .bind(tenant.user.uuid())
        .bind(zone)
        .execute(self.owner())
        .await
        .unwrap();
        tenant
    }

    /// One day of one campaign: 100 impressions, 10 clicks, 2.5 conversions.
    pub(crate) async fn ad(&self, tenant: Tenant, day: &str, campaign: &str, money: (&str, &str)) {
        sqlx::query(
            "insert into serving.fact_ad_performance values ($1, $2::date, $3, \
             split_part($3, '-', 1), split_part($3, '-', 2), split_part($3, '-', 3), $4, 100, 10, \
             $5::numeric, 2.5, null)",
        )
        .bind(tenant.id.uuid())
        .bind(day)
        .bind(campaign)
        .bind(money.0)
        .bind(money.1)
        .execute(self.owner())
        .await
        .unwrap();
        self.database.sum_days().await;
    }

    /// One day of website traffic: 7 sessions, 5 of them engaged, 1.5 key events.
    pub(crate) async fn web(&self, tenant: Tenant, day: &str, revenue: &str) {
        sqlx::query(
            "insert into serving.fact_web_performance values ($1, $2::date, $2, \
             'google_analytics', '30', 'c', 's', 'm', 'Direct', 'EUR', 7, 5, 6, 1.5, $3::numeric)",
        )
        .bind(tenant.id.uuid())
        .bind(day)
        .bind(revenue)
        .execute(self.owner())
        .await
        .unwrap();
        self.database.sum_days().await;
    }

    /// Makes the next data version known.
    pub(crate) async fn publish(&self) {
        sqlx::query("update serving.data_version set version = version + 1")
            .execute(self.owner())
            .await
            .unwrap();
    }

    pub(crate) fn owner(&self) -> &PgPool {
        self.database.owner()
    }

    pub(crate) async fn get(&self, tenant: Tenant, path: &str) -> Reply {
        self.send("GET", path, &[("authorization", &tenant.token(Role::Viewer))], "").await
    }

    /// The body of a 200.
    pub(crate) async fn get_ok(&self, tenant: Tenant, path: &str) -> Value {
        let reply = self.get(tenant, path).await;
        assert_eq!(reply.status(), 200, "{path}: {}", String::from_utf8_lossy(reply.body()));
        json(&reply)
    }

    /// The problem's status, code and field.
    pub(crate) async fn get_problem(&self, tenant: Tenant, path: &str) -> (u16, String, String) {
        let reply = self.get(tenant, path).await;
        problem(&reply)
    }

    fn router(&self, surface: Surface) -> Router {
        let slot = self.slot.clone();
        let request_deadline = self.request_deadline;
        Router { slot, surface, request_deadline, invocation_deadline: INVOCATION_DEADLINE }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path_and_query: &str,
        headers: &[(&'static str, &str)],
        body: &str,
    ) -> Reply {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let headers = headers.iter().map(|(name, value)| {
            (name.parse().unwrap(), warp::http::HeaderValue::from_str(value).unwrap())
        });
        let head = Head {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.collect(),
        };
        let body = std::future::ready(Ok(body.to_owned().into()));
        self.router(Surface::Public).answer(head, body).await
    }
}

impl Tenant {
    /// The value of the `authorization` header.
    pub(crate) fn token(self, role: Role) -> String {
        format!("Bearer {}.{}.{}", self.id, self.user, role.code())
    }
}

pub(crate) fn json(reply: &Reply) -> Value {
    serde_json::from_slice(reply.body()).unwrap()
}

pub(crate) fn problem(reply: &Reply) -> (u16, String, String) {
    let body = json(reply);
    assert_eq!(reply.headers()["content-type"], "application/problem+json", "{body}");
    assert!(!body["detail"].as_str().unwrap().is_empty());
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (reply.status(), text("code"), text("field"))
}

fn app(
    database: &TestDatabase,
    serving: Arc<dyn Serving>,
    shared: Option<Arc<dyn SharedCache>>,
    business: Arc<dyn BusinessClock>,
    data: &std::path::Path,
) -> App {
    let system: Arc<dyn BusinessClock> = Arc::new(SystemClock);
    let (app, api) = (database.app().clone(), database.api());
    let key = signing_key::load_or_create(&data.join("key.pem")).unwrap();
    let public_url: Url = "http://127.0.0.1/".parse().unwrap();
    let secrets = Arc::new(SecretsFile::open(data.join("secrets")).unwrap());
    let platforms: Arc<dyn PlatformAccess> = Arc::new(NoPlatforms);
    let answers = AnswerCache::new(serving, Arc::clone(&business));
    App {
        verifier: Arc::new(PlainTokens),
        tokens: Arc::new(Tokens::new(&key, &public_url, Arc::clone(&system)).unwrap()),
        identity: Arc::new(PostgresIdentity::new(
            app.clone(),
            Arc::clone(&system),
            SignUpPolicy::Invite,
            &key,
        )),
        logins: LoginGuard::default(),
        tenants: Arc::new(PostgresTenants::new(app.clone(), api.clone(), Arc::clone(&system))),
        consents: Arc::new(PostgresConsents::new(app.clone(), Arc::clone(&system))),
        credentials: Arc::new(PostgresCredentials::new(app.clone(), Arc::clone(&system))),
        vault: Arc::new(CredentialVault::new(secrets, Arc::clone(&platforms), Arc::clone(&system))),
        platforms,
        connections: Arc::new(PostgresConnections::new(api.clone(), system)),
        answers: match shared {
            Some(shared) => answers.sharing(shared, &SHARED_SIGNING_KEY.to_vec().into()),
            None => answers,
        },
        run_history: Arc::new(PostgresRunHistory::new(api.clone())),
        planner: Arc::new(Planner {
            planning: Arc::new(PostgresRuns::new(app.clone())),
            builds: Arc::new(PostgresBuilds::new(app.clone())),
            queue: Arc::new(PostgresQueue::new(app)),
            clock: business,
            backfill_days: 90,
        }),
        health: Health::new(vec![Arc::new(DatabaseProbe::new(api))]),
        public_url,
        triggers: Arc::new(NoTriggers),
    }
}

/// Tokens that say in plain text who holds them.
struct PlainTokens;

impl Verifier for PlainTokens {
    fn verify(&self, bearer: &str) -> Result<Caller, Problem> {
        let parts: Vec<_> = bearer.split('.').collect();
        let [tenant, user, role] = parts[..] else {
            return Err(Problem::unauthenticated("token_invalid", "not a token"));
        };
        let tenant: TenantId = tenant.parse().unwrap();
        let role: Role = role.parse().unwrap();
        Ok(Caller::from_verified_claims(
            user.parse().unwrap(),
            OrganizationId::new(),
            false,
            SessionId::new(),
            Some((tenant, role)),
        ))
    }
}

struct NoTriggers;

#[async_trait]
impl Triggers for NoTriggers {
    async fn run(&self, _: &str, _: Triggered) -> Result<Value, BoxError> {
        Err("these tests trigger nothing".into())
    }
}

struct NoPlatforms;

const NOT_HERE: &str = "these tests reach no platform";

#[async_trait]
impl PlatformAccess for NoPlatforms {
    fn authorization_url(&self, request: &AuthorizationRequest) -> Result<Url, PlatformError> {
        Err(PlatformError::NotConfigured(request.platform, NOT_HERE))
    }

    async fn redeem(&self, redemption: &Redemption) -> Result<Grant, PlatformError> {
        Err(PlatformError::NotConfigured(redemption.platform, NOT_HERE))
    }

    async fn refresh(&self, platform: Platform, _: &Grant) -> Result<Grant, PlatformError> {
        Err(PlatformError::NotConfigured(platform, NOT_HERE))
    }

    async fn revoke(&self, platform: Platform, _: &Grant) -> Result<(), PlatformError> {
        Err(PlatformError::NotConfigured(platform, NOT_HERE))
    }

    async fn accounts(
        &self,
        platform: Platform,
        _: &SecretString,
    ) -> Result<Vec<PlatformAccount>, PlatformError> {
        Err(PlatformError::NotConfigured(platform, NOT_HERE))
    }
}
