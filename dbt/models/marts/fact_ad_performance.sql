{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook=['{{ begin_isolated() }}', '{{ delete_changed_days() }}'],
    post_hook='{{ remember_built_changes() }}',
    indexes=[{'columns': ['tenant_id', 'date', 'campaign_key'], 'unique': true}],
) }}

-- depends_on: {{ ref('day_changes') }}

select
    ---------- ids
    tenant_id,
    date,
    {{ campaign_key() }} as campaign_key,
    platform,
    account_id,
    campaign_id,
    campaign_name,
    currency_code,

    ---------- metrics
    impressions,
    clicks,
    cost,
    conversions,
    conversion_value,

    ---------- ratios
    {{ ratio('clicks', 'impressions') }} as ctr,
    {{ ratio('cost', 'clicks') }} as cpc,
    {{ ratio('cost', 'conversions') }} as cpa,
    {{ ratio('conversion_value', 'cost') }} as roas
from {{ ref('int_ad_performance') }}
where {{ changed_between(
    built_change(this.identifier) if is_incremental() else -1, through_change()
) }}
