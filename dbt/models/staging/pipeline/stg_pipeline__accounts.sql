select
    tenant_id,
    platform,
    account_id,
    account_time_zone as time_zone,
    account_currency::text as currency_code,
    coalesce(nullif(account_name, ''), account_id) as name
from {{ source('raw', 'accounts') }}
