with facts as (
    select date, currency_code, impressions, clicks, cost, conversions, conversion_value
    from serving.fact_ad_performance
    where tenant_id = $1 and campaign_key = $2 and date between $3 and $4
),
days as (
    select date, currency_code,
        serving.ad_figures(
            impressions, clicks, cost, conversions, conversion_value
        ) as figures
    from facts
    order by date
),
totals as (
    select currency_code,
        serving.ad_figures(
            sum(impressions), sum(clicks), sum(cost), sum(conversions),
            sum(conversion_value)
        ) as figures
    from facts
    group by currency_code
    order by currency_code
),
quality as (
    select platform, count(distinct date) as days, bool_or(sampled) as sampled,
        bool_or(thresholded) as thresholded, bool_or(other_row) as other_row,
        bool_or(truncated) as truncated
    from serving.day_quality
    where tenant_id = $1 and date between $3 and $4 and platform = $5 and account_id = $6
        and (sampled or thresholded or other_row or truncated)
    group by platform
),
known as (
    select campaign_key
    from serving.dim_campaigns
    where tenant_id = $1 and campaign_key = $2
    union
    select campaign_key
    from serving.fact_ad_performance
    where tenant_id = $1 and campaign_key = $2
)
select
    (select version from serving.data_version) as "data_version!",
    (select fresh_at from serving.tenant_freshness where tenant_id = $1) as fresh_at,
    json_build_object(
        'campaign_key', known.campaign_key, 'name', dim.name, 'kind', dim.type,
        'status', dim.status, 'budget', trim_scale(dim.budget)::text
    ) as "campaign!: Json<DimCampaign>",
    (select coalesce(json_agg(days), '[]') from days) as "days!: Json<Vec<DaySums<AdSums>>>",
    (select coalesce(json_agg(totals), '[]') from totals)
        as "totals!: Json<Vec<CurrencySums<AdSums>>>",
    (select coalesce(json_agg(quality), '[]') from quality) as "quality!: Json<Vec<QualitySums>>"
from known
left join serving.dim_campaigns as dim
    on dim.tenant_id = $1 and dim.campaign_key = known.campaign_key
