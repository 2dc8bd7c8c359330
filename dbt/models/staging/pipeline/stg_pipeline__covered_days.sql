select
    ---------- ids
    days.tenant_id,
    days.platform,
    days.account_id,
    days.stream,
    days.job_id,
    days.attempt,

    ---------- the account as it was
    extractions.account_currency::text as currency_code,

    ---------- what the platform said of completeness
    extractions.sampled,
    extractions.thresholded,
    extractions.other_row,
    extractions.truncated,

    ---------- time and order
    days.day as date,
    days.extracted_at,
    days.change
from {{ source('raw', 'covered_days') }} as days
inner join {{ source('raw', 'extractions') }} as extractions
    on
        days.job_id = extractions.job_id
        and days.attempt = extractions.attempt
