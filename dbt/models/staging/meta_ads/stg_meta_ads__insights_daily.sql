with

-- each row beside the action types that its tenant counts as conversions
rows_sent as (

    select
        sent.tenant_id,
        sent.account_id,
        sent.payload,
        days.currency_code,
        days.date,
        days.change,
        coalesce(settings.change, 0) as settings_change,
        coalesce(
            settings.meta_conversion_actions, {{ default_conversion_actions() }}
        ) as conversion_actions
    from {{ ref('stg_pipeline__covered_days') }} as days
    inner join {{ source('raw', 'meta_ads_insights_daily') }} as sent
        on
            days.tenant_id = sent.tenant_id
            and days.account_id = sent.account_id
            and days.date = sent.day
            and days.job_id = sent.job_id
            and days.attempt = sent.attempt
    left join {{ source('raw', 'tenant_settings') }} as settings
        on days.tenant_id = settings.tenant_id
    where
        days.platform = 'meta_ads'
        and days.stream = 'insights_daily'

)

select
    ---------- ids
    tenant_id,
    account_id,
    {{ jget('payload', 'campaign_id', 'text') }} as campaign_id,
    {{ jget('payload', 'campaign_name', 'text') }} as campaign_name,
    currency_code,

    ---------- metrics; zeros are left out of a payload
    coalesce({{ jget('payload', 'impressions', 'bigint') }}, 0) as impressions,
    coalesce({{ jget('payload', 'clicks', 'bigint') }}, 0) as clicks,
    coalesce({{ jget('payload', 'spend', 'numeric(38, 9)') }}, 0)::numeric(38, 9) as cost,
    coalesce(
        {{ sum_of_actions('payload', 'actions', 'conversion_actions') }}, 0
    )::numeric(38, 9) as conversions,
    -- no entry of these types says nothing of their value, which is not the same as zero
    {{ sum_of_actions(
        'payload', 'action_values', 'conversion_actions'
    ) }}::numeric(38, 9) as conversion_value,

    ---------- time and order
    date,
    change,
    settings_change
from rows_sent
