//! Answers with figures, kept until the next data version.
//!
//! The first level is this process's own memory; behind it there may be a cache that all processes
//! [share](shared), whose absence costs time only.
//!
//! **Invariant:** a key holds the tenant, the data version, the tenant's time zone and the whole
//! question, so that an answer is found only by who may see it and while it is true.

mod shared;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::ports::{
    CampaignsQuery, MetricsQuery, OverviewQuery, PerformanceQuery, Serving, SharedCache, StoreError,
};
use domain::{BusinessClock, TenantId, TenantScope};
use moka::future::Cache;
use secrecy::SecretSlice;
use serde::Serialize;

use self::shared::{Name, SharedAnswers};
use crate::version_watch::{Version, VersionWatch};
use crate::{Problem, Reply, Request};

/// Bytes of answers to keep.
const CAPACITY: u64 = 64 << 20;

/// What an entry costs beside its body: key, validators, the cache's own books.
const ENTRY_OVERHEAD: usize = 512;

/// Answers of versions gone by are not asked for again and go after this.
const IDLE: Duration = Duration::from_hours(1);

/// How long a tenant's time zone is believed.
const ZONE_MAX_AGE: Duration = Duration::from_secs(2);
const ZONES: u64 = 100_000;

/// How long a request waits for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks for figures, and remembers the answers.
pub struct AnswerCache {
    serving: Arc<dyn Serving>,
    clock: Arc<dyn BusinessClock>,
    version: VersionWatch,
    zones: Cache<TenantId, (Tz, Instant)>,
    answers: Cache<Key, Answer>,
    shared: Option<SharedAnswers>,
}

/// Everything that decides an answer, but for the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    Metrics(MetricsQuery),
    Campaigns(CampaignsQuery),
    Performance(PerformanceQuery),
    Overview(OverviewQuery),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    version: i64,
    zone: Tz,
    question: Question,
}

/// A rendered answer.
#[derive(Clone)]
pub(crate) struct Answer {
    body: Bytes,
    etag: Arc<str>,
}

/// A tenant's calendar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calendar {
    pub(crate) zone: Tz,
    pub(crate) today: NaiveDate,
}

impl Answer {
    pub(crate) fn of(data_version: i64, answer: &impl Serialize) -> Result<Self, StoreError> {
        let body = serde_json::to_vec(answer)
            .map_err(|error| StoreError::Corrupt { what: "the answer", source: error.into() })?;
        let hash = digest::digest(&digest::SHA256, &body);
        let hash = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..12]);
        Ok(Self { body: body.into(), etag: format!("\"v{data_version}-{hash}\"").into() })
    }
}

impl AnswerCache {
    pub fn new(serving: Arc<dyn Serving>, clock: Arc<dyn BusinessClock>) -> Self {
        let weight = |_: &Key, answer: &Answer| {
            u32::try_from(answer.body.len() + ENTRY_OVERHEAD).unwrap_or(u32::MAX)
        };
        Self {
            version: VersionWatch::new(Arc::clone(&serving)),
            serving,
            clock,
            zones: Cache::new(ZONES),
            answers: Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(weight)
                .time_to_idle(IDLE)
                .build(),
            shared: None,
        }
    }

    /// With a second level, which processes of the same signing key share.
    #[must_use]
    pub fn sharing(self, cache: Arc<dyn SharedCache>, signing_key: &SecretSlice<u8>) -> Self {
        Self { shared: Some(SharedAnswers::new(cache, signing_key)), ..self }
    }

    /// Where answers that are not kept come from.
    pub(crate) fn serving(&self) -> &dyn Serving {
        self.serving.as_ref()
    }

    /// The version being served, or the last one known.
    pub(crate) async fn data_version(&self) -> Result<i64, StoreError> {
        Ok(self.version.current().await?.number)
    }

    /// What day it is for the tenant.
    pub(crate) async fn calendar(&self, scope: &TenantScope) -> Result<Calendar, Problem> {
        let zone = self.zone(scope).await?;
        Ok(Calendar { zone, today: self.clock.today(zone) })
    }

    async fn zone(&self, scope: &TenantScope) -> Result<Tz, StoreError> {
        let known = self.zones.get(&scope.tenant()).await;
        if let Some((zone, read)) = known
            && read.elapsed() < ZONE_MAX_AGE
        {
            return Ok(zone);
        }
        let read = tokio::time::timeout(PATIENCE, self.serving.time_zone(scope)).await;
        let read = read.unwrap_or_else(|late| {
            Err(StoreError::Unavailable { what: "the tenant", source: late.into() })
        });
        let zone = match known {
            // The database is away; the zone has hardly changed since.
            Some((zone, _)) if matches!(read, Err(StoreError::Unavailable { .. })) => zone,
            _ => read?,
        };
        self.zones.insert(scope.tenant(), (zone, Instant::now())).await;
        Ok(zone)
    }

    /// Forgets the tenant's time zone, which was changed.
    pub(crate) async fn forget_zone(&self, tenant: TenantId) {
        self.zones.invalidate(&tenant).await;
    }

    /// The kept answer to `question`, or the one that another process has left, or the one that
    /// `compute` brings; the same question asked by many at once is computed once.
    pub(crate) async fn reply(
        &self,
        request: &Request,
        scope: &TenantScope,
        zone: Tz,
        question: Question,
        compute: impl Future<Output = Result<Answer, StoreError>> + Send,
    ) -> Result<Reply, Problem> {
        let Version { number, stale } = self.version.current().await?;
        let key = Key { tenant: scope.tenant(), version: number, zone, question };
        let find_or_compute = async {
            let Some(shared) = &self.shared else { return compute.await };
            let name = Name::of(&key).await;
            if let Some(answer) = shared.find(&name).await {
                return Ok(answer);
            }
            let answer = compute.await?;
            shared.leave(name, &answer);
            Ok(answer)
        };
        let answer = self.answers.try_get_with_by_ref(&key, find_or_compute).await;
        let answer = answer.map_err(for_everyone)?;
        let seen = request.header("if-none-match").is_some_and(|tags| holds(tags, &answer.etag));
        let reply =
            if seen { Reply::not_modified() } else { Reply::rendered_json(answer.body.clone()) };
        let reply = reply
            .header("etag", &answer.etag)
            .header("cache-control", "private, no-cache")
            .header("vary", "authorization");
        Ok(if stale { reply.header("warning", "110 - \"Response is Stale\"") } else { reply })
    }
}

/// Whether an `If-None-Match` names this entity tag; compared weakly, as RFC 9110 asks.
fn holds(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// An error that everyone who waited for the same answer gets.
fn for_everyone(error: Arc<StoreError>) -> Problem {
    Arc::try_unwrap(error)
        .unwrap_or_else(|error| match *error {
            StoreError::NotFound { what } => StoreError::NotFound { what },
            StoreError::AlreadyExists { what } => StoreError::AlreadyExists { what },
            StoreError::Invalid(ref detail) => StoreError::Invalid(detail.clone()),
            StoreError::Unavailable { what, .. } => {
                StoreError::Unavailable { what, source: Box::new(error) }
            }
            StoreError::Corrupt { what, .. } => {
                StoreError::Corrupt { what, source: Box::new(error) }
            }
        })
        .into()
}
