select
    ---------- ids
    rows_sent.tenant_id,
    rows_sent.account_id,
    {{ jget('rows_sent.payload', 'campaign.id', 'text') }} as campaign_id,
    {{ jget('rows_sent.payload', 'campaign.name', 'text') }} as campaign_name,
    days.currency_code,

    ---------- metrics; zeros are left out of a payload
    coalesce({{ jget('rows_sent.payload', 'metrics.impressions', 'bigint') }}, 0) as impressions,
    coalesce({{ jget('rows_sent.payload', 'metrics.clicks', 'bigint') }}, 0) as clicks,
    {{ from_micros(
        'coalesce(' ~ jget('rows_sent.payload', 'metrics.costMicros', 'bigint') ~ ', 0)'
    ) }} as cost,
    coalesce(
        {{ jget('rows_sent.payload', 'metrics.conversions', 'numeric(38, 9)') }}, 0
    )::numeric(38, 9) as conversions,
    coalesce(
        {{ jget('rows_sent.payload', 'metrics.conversionsValue', 'numeric(38, 9)') }}, 0
    )::numeric(38, 9) as conversion_value,

    ---------- time and order
    days.date,
    days.change,
    0::bigint as settings_change
from {{ ref('stg_pipeline__covered_days') }} as days
inner join {{ source('raw', 'google_ads_campaign_daily') }} as rows_sent
    on
        days.tenant_id = rows_sent.tenant_id
        and days.account_id = rows_sent.account_id
        and days.date = rows_sent.day
        and days.job_id = rows_sent.job_id
        and days.attempt = rows_sent.attempt
where
    days.platform = 'google_ads'
    and days.stream = 'campaign_daily'
