select
    ---------- ids
    rows_sent.tenant_id,
    rows_sent.account_id,
    {{ jget('rows_sent.payload', 'campaign.id', 'text') }} as campaign_id,

    ---------- attributes
    {{ jget('rows_sent.payload', 'campaign.name', 'text') }} as name,
    {{ jget('rows_sent.payload', 'campaign.advertisingChannelType', 'text') }} as type,
    {{ jget('rows_sent.payload', 'campaign.status', 'text') }} as status,
    {{ from_micros(
        jget('rows_sent.payload', 'campaignBudget.amountMicros', 'bigint')
    ) }} as budget,
    snapshots.currency_code
from {{ ref('stg_pipeline__snapshots') }} as snapshots
inner join {{ source('raw', 'google_ads_campaigns') }} as rows_sent
    on
        snapshots.tenant_id = rows_sent.tenant_id
        and snapshots.account_id = rows_sent.account_id
        and snapshots.job_id = rows_sent.job_id
        and snapshots.attempt = rows_sent.attempt
where
    snapshots.platform = 'google_ads'
    and snapshots.stream = 'campaigns'
