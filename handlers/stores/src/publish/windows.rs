use domain::ports::StoreError;
use sqlx::{Postgres, Transaction};

use super::unavailable;

/// What was copied.
pub(super) struct Copied {
    /// Whether anything at all changed, be it only that a day was read again.
    pub(super) changed: bool,
    pub(super) days: u64,
    pub(super) rows: u64,
}

const WORK_TABLES: [&str; 2] = [
    "create temporary table changed_days (
        tenant_id uuid, platform text, account_id text, date date
    ) on commit drop",
    "create temporary table changed_tenants (tenant_id uuid) on commit drop",
];

/// The windows that changed after $1, up to $2. Fixed once: a load may commit between any two of
/// the statements that follow, and move one of its days beyond $2.
const FIND_DAYS: &str = "
insert into changed_days
select distinct tenant_id, platform, account_id, date
from marts.day_changes
where change > $1 and change <= $2";

/// Whoever has a new extraction, of days or of a snapshot, or new settings.
const FIND_TENANTS: &str = "
insert into changed_tenants
select tenant_id from raw.extractions where change > $1 and change <= $2
union
select tenant_id from raw.tenant_settings where change > $1 and change <= $2";

const ANALYZE: &str = "analyze changed_days, changed_tenants";

/// Tables by day: what is gone from the mart is gone from here.
const FORGET_DAYS: [&str; 3] = [
    "delete from serving.fact_ad_performance as s using changed_days as d
    where
        s.tenant_id = d.tenant_id and s.date = d.date
        and s.platform = d.platform and s.account_id = d.account_id",
    "delete from serving.fact_web_performance as s using changed_days as d
    where
        s.tenant_id = d.tenant_id and s.date = d.date
        and s.platform = d.platform and s.account_id = d.account_id",
    "delete from serving.day_quality as s using changed_days as d
    where
        s.tenant_id = d.tenant_id and s.date = d.date
        and s.platform = d.platform and s.account_id = d.account_id",
];

const COPY_FACTS: [&str; 2] = [
    "insert into serving.fact_ad_performance (
        tenant_id, date, campaign_key, platform, account_id, campaign_id, currency_code,
        impressions, clicks, cost, conversions, conversion_value, ctr, cpc, cpa, roas
    )
    select
        m.tenant_id, m.date, m.campaign_key, m.platform, m.account_id, m.campaign_id,
        m.currency_code, m.impressions, m.clicks, m.cost, m.conversions, m.conversion_value,
        m.ctr, m.cpc, m.cpa, m.roas
    from marts.fact_ad_performance as m
    join changed_days as d
        on
            m.tenant_id = d.tenant_id and m.date = d.date
            and m.platform = d.platform and m.account_id = d.account_id",
    "insert into serving.fact_web_performance (
        tenant_id, date, traffic_key, platform, account_id, campaign_name, source, medium,
        channel, currency_code, sessions, engaged_sessions, total_users, key_events, revenue
    )
    select
        m.tenant_id, m.date, m.traffic_key, m.platform, m.account_id, m.campaign_name, m.source,
        m.medium, m.channel, m.currency_code, m.sessions, m.engaged_sessions, m.total_users,
        m.key_events, m.revenue
    from marts.fact_web_performance as m
    join changed_days as d
        on
            m.tenant_id = d.tenant_id and m.date = d.date
            and m.platform = d.platform and m.account_id = d.account_id",
];

const COPY_QUALITY: &str = "
insert into serving.day_quality (
    tenant_id, platform, account_id, date, sampled, thresholded, other_row, truncated
)
select
    m.tenant_id, m.platform, m.account_id, m.date, m.sampled, m.thresholded, m.other_row,
    m.truncated
from marts.day_quality as m
join changed_days as d
    on
        m.tenant_id = d.tenant_id and m.date = d.date
        and m.platform = d.platform and m.account_id = d.account_id";

/// Small tables by tenant: replaced as a whole.
const REPLACE_DIMENSIONS: [&str; 4] = [
    "delete from serving.dim_campaigns as s using changed_tenants as t
    where s.tenant_id = t.tenant_id",
    "insert into serving.dim_campaigns (
        tenant_id, campaign_key, platform, account_id, campaign_id, name, type, status, budget,
        currency_code
    )
    select
        m.tenant_id, m.campaign_key, m.platform, m.account_id, m.campaign_id, m.name, m.type,
        m.status, m.budget, m.currency_code
    from marts.dim_campaigns as m
    join changed_tenants as t on m.tenant_id = t.tenant_id",
    "delete from serving.dim_accounts as s using changed_tenants as t
    where s.tenant_id = t.tenant_id",
    "insert into serving.dim_accounts (
        tenant_id, platform, account_id, name, currency_code, time_zone
    )
    select m.tenant_id, m.platform, m.account_id, m.name, m.currency_code, m.time_zone
    from marts.dim_accounts as m
    join changed_tenants as t on m.tenant_id = t.tenant_id",
];

const SET_FRESHNESS: &str = "
insert into serving.tenant_freshness as s (tenant_id, fresh_at)
select d.tenant_id, max(d.extracted_at)
from raw.covered_days as d
join changed_tenants as t on d.tenant_id = t.tenant_id
where d.change <= $1
group by d.tenant_id
on conflict (tenant_id) do update set fresh_at = greatest(s.fresh_at, excluded.fresh_at)";

pub(super) async fn copy(
    tx: &mut Transaction<'static, Postgres>,
    from: i64,
    to: i64,
) -> Result<Copied, StoreError> {
    for statement in WORK_TABLES {
        execute(tx, statement).await?;
    }
    let days = find(tx, FIND_DAYS, from, to).await?;
    let tenants = find(tx, FIND_TENANTS, from, to).await?;
    if days == 0 && tenants == 0 {
        return Ok(Copied { changed: false, days, rows: 0 });
    }
    execute(tx, ANALYZE).await?;
    for statement in FORGET_DAYS {
        execute(tx, statement).await?;
    }
    let mut rows = 0;
    for statement in COPY_FACTS {
        rows += execute(tx, statement).await?;
    }
    execute(tx, COPY_QUALITY).await?;
    for statement in REPLACE_DIMENSIONS {
        execute(tx, statement).await?;
    }
    sqlx::query(SET_FRESHNESS).bind(to).execute(&mut **tx).await.map_err(unavailable)?;
    Ok(Copied { changed: true, days, rows })
}

async fn find(
    tx: &mut Transaction<'static, Postgres>,
    statement: &'static str,
    from: i64,
    to: i64,
) -> Result<u64, StoreError> {
    let found =
        sqlx::query(statement).bind(from).bind(to).execute(&mut **tx).await.map_err(unavailable)?;
    Ok(found.rows_affected())
}

async fn execute(
    tx: &mut Transaction<'static, Postgres>,
    statement: &'static str,
) -> Result<u64, StoreError> {
    let done = sqlx::query(statement).execute(&mut **tx).await.map_err(unavailable)?;
    Ok(done.rows_affected())
}
