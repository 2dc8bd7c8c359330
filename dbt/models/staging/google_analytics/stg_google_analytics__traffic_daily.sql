select
    ---------- ids
    rows_sent.tenant_id,
    rows_sent.account_id,
    {{ jget('rows_sent.payload', 'dimensionValues.1.value', 'text') }} as campaign_name,
    {{ jget('rows_sent.payload', 'dimensionValues.2.value', 'text') }} as source,
    {{ jget('rows_sent.payload', 'dimensionValues.3.value', 'text') }} as medium,
    {{ jget('rows_sent.payload', 'dimensionValues.4.value', 'text') }} as channel,
    days.currency_code,

    ---------- metrics
    {{ jget('rows_sent.payload', 'metricValues.0.value', 'bigint') }} as sessions,
    {{ jget('rows_sent.payload', 'metricValues.1.value', 'bigint') }} as engaged_sessions,
    {{ jget('rows_sent.payload', 'metricValues.2.value', 'bigint') }} as total_users,
    {{ jget('rows_sent.payload', 'metricValues.3.value', 'numeric(38, 9)') }} as key_events,
    {{ jget('rows_sent.payload', 'metricValues.4.value', 'numeric(38, 9)') }} as revenue,

    ---------- time and order
    days.date,
    days.change,
    0::bigint as settings_change
from {{ ref('stg_pipeline__covered_days') }} as days
inner join {{ source('raw', 'google_analytics_traffic_daily') }} as rows_sent
    on
        days.tenant_id = rows_sent.tenant_id
        and days.account_id = rows_sent.account_id
        and days.date = rows_sent.day
        and days.job_id = rows_sent.job_id
        and days.attempt = rows_sent.attempt
where
    days.platform = 'google_analytics'
    and days.stream = 'traffic_daily'
