//! Against a real Redis server, by processes that are applications of their own over the same
//! figures.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::ports::{Granularity, MetricsQuery, Platforms};
use domain::{DateRange, TenantId};
use secrecy::SecretString;
use simulators::azure::TcpGate;
use stores::RedisCache;
use stores::testing::{TestDatabase, redis_url};

use super::super::Question;
use super::super::tests::{METRICS, Watched};
use super::*;
use crate::testing::{SHARED_SIGNING_KEY, TestApp, json};

/// How long anything that is waited for may take.
const DEADLINE: Duration = Duration::from_secs(20);

/// A Redis server behind a gate, and what became of the calls to it.
struct Seen {
    cache: RedisCache,
    gate: TcpGate,
    /// Puts that were begun.
    puts: AtomicUsize,
    /// The names of those that succeeded.
    left: Mutex<Vec<String>>,
    /// Whether the last get was answered.
    answered: AtomicBool,
}

impl Seen {
    async fn new() -> Arc<Self> {
        let upstream = redis_url().socket_addrs(|| None).unwrap()[0];
        let gate = TcpGate::plain(upstream).await.unwrap();
        let url = SecretString::from(String::from(gate.url("redis")));
        Arc::new(Self {
            cache: RedisCache::new(&url).unwrap().with_patience(Duration::from_secs(5)),
            gate,
            puts: AtomicUsize::default(),
            left: Mutex::default(),
            answered: AtomicBool::default(),
        })
    }

    /// The name of the only answer that was left.
    async fn the_one_left(&self) -> String {
        until(|| self.left.lock().unwrap().len() == 1).await;
        self.left.lock().unwrap()[0].clone()
    }
}

#[async_trait]
impl SharedCache for Seen {
    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let got = self.cache.get(key).await;
        self.answered.store(got.is_ok(), Ordering::SeqCst);
        got
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), StoreError> {
        self.puts.fetch_add(1, Ordering::SeqCst);
        self.cache.put(key, value, ttl).await?;
        self.left.lock().unwrap().push(key.to_owned());
        Ok(())
    }
}

async fn until(holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "it did not come to that");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Another process over the same figures.
async fn process(figures: &Arc<Watched>, cache: &Arc<Seen>) -> TestApp {
    let (figures, cache) = (Arc::clone(figures) as _, Arc::clone(cache) as _);
    TestApp::sharing(TestDatabase::new().await, figures, Some(cache))
}

/// The first process, whose database the figures are in.
async fn first_process() -> (Arc<Watched>, Arc<Seen>, TestApp) {
    let cache = Seen::new().await;
    let (figures, database) = Watched::new().await;
    let app = TestApp::sharing(database, Arc::clone(&figures) as _, Some(Arc::clone(&cache) as _));
    (figures, cache, app)
}

#[tokio::test]
async fn what_one_process_computed_another_serves() {
    let (figures, cache, one) = first_process().await;
    let [tenant, other] = [one.tenant("UTC").await, one.tenant("UTC").await];
    one.ad(tenant, "2024-03-02", "meta_ads-1-1", ("USD", "1")).await;
    let computed = one.get(tenant, METRICS).await;
    let name = cache.the_one_left().await;
    assert!(name.starts_with(&format!("answer:{}:", tenant.id)), "{name}");
    let two = process(&figures, &cache).await;
    let found = two.get(tenant, METRICS).await;
    assert_eq!(figures.computed(), 1);
    assert_eq!(found.body(), computed.body());
    assert_eq!(found.headers()["etag"], computed.headers()["etag"]);
    assert_eq!(json(&two.get(other, METRICS).await)["data"], serde_json::json!([]), "not theirs");
    assert_eq!(figures.computed(), 2);

    one.ad(tenant, "2024-03-03", "meta_ads-1-1", ("USD", "1")).await;
    one.publish().await;
    let three = process(&figures, &cache).await;
    assert_eq!(json(&three.get(tenant, METRICS).await)["meta"]["data_version"], 1);
    assert_eq!(figures.computed(), 3, "the answer of the version before is not found");
}

#[tokio::test]
async fn what_was_not_made_for_the_question_is_never_served() {
    let (figures, cache, one) = first_process().await;
    let [tenant, other] = [one.tenant("UTC").await, one.tenant("UTC").await];
    one.ad(other, "2024-03-02", "meta_ads-1-1", ("USD", "666")).await;
    one.get_ok(other, METRICS).await;
    let foreign = cache.cache.get(&cache.the_one_left().await).await.unwrap().unwrap();
    one.get_ok(tenant, METRICS).await;
    until(|| cache.left.lock().unwrap().len() == 2).await;
    let name = cache.left.lock().unwrap()[1].clone();
    cache.cache.put(&name, foreign, TTL).await.unwrap();
    let two = process(&figures, &cache).await;
    assert_eq!(two.get_ok(tenant, METRICS).await["data"], serde_json::json!([]));
    assert_eq!(figures.computed(), 3);
}

#[tokio::test]
async fn an_outage_of_the_cache_is_survived() {
    let (_, cache, app) = first_process().await;
    let tenant = app.tenant("UTC").await;
    cache.gate.down().await.unwrap();
    app.get_ok(tenant, METRICS).await;
    assert!(!cache.answered.load(Ordering::SeqCst));
    let health = app.send("GET", "/health", &[], "").await;
    assert_eq!(health.status(), 200, "{}", String::from_utf8_lossy(health.body()));
    cache.gate.up().await.unwrap();
    let began = Instant::now();
    // Each time another question: what is known already is not looked for.
    let mut day: NaiveDate = "2024-03-31".parse().unwrap();
    while !cache.answered.load(Ordering::SeqCst) {
        assert!(began.elapsed() < DEADLINE, "the cache is not found again");
        app.get_ok(tenant, &format!("/api/v1/metrics?from={day}&to={day}")).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        day = day.pred_opt().unwrap();
    }
    until(|| !cache.left.lock().unwrap().is_empty()).await;
}

fn key() -> Key {
    let query = MetricsQuery {
        range: range("2024-03-01", "2024-03-31"),
        platforms: Platforms::default(),
        granularity: Granularity::Day,
    };
    Key { tenant: TenantId::new(), version: 7, zone: Tz::UTC, question: Question::Metrics(query) }
}

fn range(from: &str, to: &str) -> DateRange {
    DateRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

fn answer(body: &'static [u8]) -> Answer {
    Answer { body: Bytes::from_static(body), etag: "\"v7-tag\"".into() }
}

#[tokio::test]
async fn every_part_of_a_key_is_in_its_name() {
    let key = key();
    let name = Name::of(&key).await.0;
    assert_eq!(Name::of(&key.clone()).await.0, name);
    let Question::Metrics(query) = key.question.clone() else { unreachable!() };
    let asked = |query| Key { question: Question::Metrics(query), ..key.clone() };
    for other in [
        Key { tenant: TenantId::new(), ..key.clone() },
        Key { version: 8, ..key.clone() },
        Key { zone: Tz::Asia__Tokyo, ..key.clone() },
        asked(MetricsQuery { range: range("2024-03-01", "2024-03-30"), ..query.clone() }),
        asked(MetricsQuery { granularity: Granularity::Total, ..query }),
    ] {
        assert_ne!(Name::of(&other).await.0, name);
    }
}

#[tokio::test]
async fn a_changed_value_is_as_good_as_none() {
    let (cache, key) = (Seen::new().await, key());
    let shared = SharedAnswers::new(Arc::clone(&cache) as _, &SHARED_SIGNING_KEY.to_vec().into());
    shared.leave(Name::of(&key).await, &answer(b"{\"data\":[]}"));
    let name = Name(cache.the_one_left().await);
    let whole = cache.cache.get(&name.0).await.unwrap().unwrap();
    let found = shared.find(&name).await.unwrap();
    assert_eq!((&found.body[..], &*found.etag), (&b"{\"data\":[]}"[..], "\"v7-tag\""));
    for place in 0..whole.len() {
        let mut changed = whole.to_vec();
        changed[place] ^= 1;
        assert!(shared.seal.open(&name, &changed.into()).is_none(), "the byte at {place}");
        assert!(shared.seal.open(&name, &whole.slice(..place)).is_none(), "cut at {place}");
    }
    let others =
        SharedAnswers::new(Arc::clone(&cache) as _, &b"another deployment".to_vec().into());
    assert!(others.find(&name).await.is_none(), "signed by somebody else");
    cache.cache.put(&name.0, whole.slice(..40), TTL).await.unwrap();
    assert!(shared.find(&name).await.is_none());
}

#[tokio::test]
async fn leaving_answers_is_bounded() {
    let cache = Seen::new().await;
    let shared = SharedAnswers::new(Arc::clone(&cache) as _, &SHARED_SIGNING_KEY.to_vec().into());
    let large = Answer { body: vec![b' '; MAX_BODY + 1].into(), etag: "\"v7\"".into() };
    shared.leave(Name::of(&key()).await, &large);
    assert_eq!(shared.puts.available_permits(), PUTS_AT_ONCE, "too large to be left");
    cache.gate.hold();
    for _ in 0..PUTS_AT_ONCE * 3 {
        shared.leave(Name::of(&key()).await, &answer(b"{}"));
    }
    until(|| cache.puts.load(Ordering::SeqCst) == PUTS_AT_ONCE).await;
    assert_eq!(shared.puts.available_permits(), 0);
    cache.gate.release();
    until(|| shared.puts.available_permits() == PUTS_AT_ONCE).await;
    assert_eq!(cache.puts.load(Ordering::SeqCst), PUTS_AT_ONCE);
}
