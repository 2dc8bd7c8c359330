{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook=['{{ begin_isolated() }}', '{{ delete_changed_days() }}'],
    post_hook='{{ remember_built_changes() }}',
    indexes=[{'columns': ['tenant_id', 'date', 'traffic_key'], 'unique': true}],
) }}

-- depends_on: {{ ref('day_changes') }}

select
    ---------- ids
    tenant_id,
    date,
    {{ hash_of(['account_id', 'campaign_name', 'source', 'medium', 'channel']) }} as traffic_key,
    'google_analytics' as platform,
    account_id,
    campaign_name,
    source,
    medium,
    channel,
    currency_code,

    ---------- metrics
    sessions,
    engaged_sessions,
    -- not additive: over days or rows it counts people twice
    total_users,
    key_events,
    revenue
from {{ ref('stg_google_analytics__traffic_daily') }}
where {{ changed_between(
    built_change(this.identifier) if is_incremental() else -1, through_change()
) }}
