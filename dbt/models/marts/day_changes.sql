{{ config(materialized='view') }}

select
    days.tenant_id,
    days.platform,
    days.account_id,
    days.stream,
    days.day as date,
    days.extracted_at,
    -- Meta's days also change when the tenant chooses other conversions
    case
        when days.platform = 'meta_ads'
            then greatest(days.change, coalesce(settings.change, 0))
        else days.change
    end as change
from {{ source('raw', 'covered_days') }} as days
left join {{ source('raw', 'tenant_settings') }} as settings
    on days.tenant_id = settings.tenant_id
