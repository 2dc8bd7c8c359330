select
    ---------- ids
    rows_sent.tenant_id,
    rows_sent.account_id,
    {{ jget('rows_sent.payload', 'id', 'text') }} as campaign_id,

    ---------- attributes
    {{ jget('rows_sent.payload', 'name', 'text') }} as name,
    {{ jget('rows_sent.payload', 'objective', 'text') }} as type,
    coalesce(
        {{ jget('rows_sent.payload', 'effective_status', 'text') }},
        {{ jget('rows_sent.payload', 'status', 'text') }}
    ) as status,
    -- a campaign with a lifetime budget, or with budgets on its ad sets, has none per day
    {{ from_meta_units(
        'nullif(' ~ jget('rows_sent.payload', 'daily_budget', 'bigint') ~ ', 0)',
        'snapshots.currency_code'
    ) }} as budget,
    snapshots.currency_code
from {{ ref('stg_pipeline__snapshots') }} as snapshots
inner join {{ source('raw', 'meta_ads_campaigns') }} as rows_sent
    on
        snapshots.tenant_id = rows_sent.tenant_id
        and snapshots.account_id = rows_sent.account_id
        and snapshots.job_id = rows_sent.job_id
        and snapshots.attempt = rows_sent.attempt
where
    snapshots.platform = 'meta_ads'
    and snapshots.stream = 'campaigns'
