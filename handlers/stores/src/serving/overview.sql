-- The facts are read for the ranking alone; all else is made from sums by day.
with ad_days as (
    select *, date >= $2 as current
    from serving.ad_days
    where tenant_id = $1 and date between $4 and $3
),
ads as (
    select case when grouping(date) = 0 then date end as date,
        platform, currency_code, current,
        sum(impressions)::bigint as impressions, sum(clicks)::bigint as clicks,
        trim_scale(sum(cost))::text as cost, trim_scale(sum(conversions))::text as conversions,
        trim_scale(sum(conversion_value))::text as conversion_value
    from ad_days
    group by grouping sets (
        (date, platform, currency_code, current),
        (platform, currency_code, current),
        (currency_code, current)
    )
    having current or grouping(date) = 1
    order by date, platform, currency_code
),
web_days as (
    select *, date >= $2 as current
    from serving.web_days
    where tenant_id = $1 and date between $4 and $3
),
web as (
    select case when grouping(date) = 0 then date end as date,
        platform, currency_code, current,
        sum(sessions)::bigint as sessions, sum(engaged_sessions)::bigint as engaged_sessions,
        trim_scale(sum(key_events))::text as key_events,
        trim_scale(sum(revenue))::text as revenue
    from web_days
    group by grouping sets (
        (date, platform, currency_code, current),
        (platform, currency_code, current),
        (currency_code, current)
    )
    having current or grouping(date) = 1
    order by date, platform, currency_code
),
ranked as (
    select campaign_key, currency_code,
        sum(impressions) as impressions, sum(clicks) as clicks, sum(cost) as cost,
        sum(conversions) as conversions, sum(conversion_value) as conversion_value,
        row_number() over (
            partition by currency_code order by sum(cost) desc, campaign_key
        ) as place
    from serving.fact_ad_performance
    where tenant_id = $1 and date between $2 and $3
    group by campaign_key, currency_code
),
top as (
    select
        json_build_object(
            'campaign_key', ranked.campaign_key, 'name', dim.name, 'kind', dim.type,
            'status', dim.status, 'budget', trim_scale(dim.budget)::text
        ) as campaign,
        ranked.currency_code,
        serving.ad_figures(
            ranked.impressions, ranked.clicks, ranked.cost, ranked.conversions,
            ranked.conversion_value
        ) as figures
    from ranked
    left join serving.dim_campaigns as dim
        on dim.tenant_id = $1 and dim.campaign_key = ranked.campaign_key
    where ranked.place <= $5
    order by ranked.currency_code, ranked.place
),
quality as (
    select platform, count(distinct date) as days, bool_or(sampled) as sampled,
        bool_or(thresholded) as thresholded, bool_or(other_row) as other_row,
        bool_or(truncated) as truncated
    from serving.day_quality
    where tenant_id = $1 and date between $4 and $3
        and (sampled or thresholded or other_row or truncated)
    group by platform
    order by platform
)
select
    (select version from serving.data_version) as "data_version!",
    (select fresh_at from serving.tenant_freshness where tenant_id = $1) as fresh_at,
    (select array_agg(ads) from ads) as "ads: Vec<AdRecord>",
    (select array_agg(web) from web) as "web: Vec<WebRecord>",
    (select coalesce(json_agg(top), '[]') from top) as "top!: Json<Vec<CampaignSums>>",
    (select coalesce(json_agg(quality), '[]') from quality) as "quality!: Json<Vec<QualitySums>>"
