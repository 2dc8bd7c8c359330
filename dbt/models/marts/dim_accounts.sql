select
    tenant_id,
    platform,
    account_id,
    name,
    currency_code,
    time_zone
from {{ ref('stg_pipeline__accounts') }}
