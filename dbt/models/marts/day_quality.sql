select
    tenant_id,
    platform,
    account_id,
    date,
    max(case when sampled then 1 else 0 end) = 1 as sampled,
    max(case when thresholded then 1 else 0 end) = 1 as thresholded,
    max(case when other_row then 1 else 0 end) = 1 as other_row,
    max(case when truncated then 1 else 0 end) = 1 as truncated
from {{ ref('stg_pipeline__covered_days') }}
where sampled or thresholded or other_row or truncated
group by tenant_id, platform, account_id, date
