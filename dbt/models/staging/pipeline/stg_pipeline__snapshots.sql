select
    snapshots.tenant_id,
    snapshots.platform,
    snapshots.account_id,
    snapshots.stream,
    snapshots.job_id,
    snapshots.attempt,
    extractions.account_currency::text as currency_code
from {{ source('raw', 'snapshots') }} as snapshots
inner join {{ source('raw', 'extractions') }} as extractions
    on
        snapshots.job_id = extractions.job_id
        and snapshots.attempt = extractions.attempt
