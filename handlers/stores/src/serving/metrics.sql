-- Rows as records: making JSON of them costs PostgreSQL more than finding and adding them.
with ads as (
    select min(date) as first, max(date) as last, platform, currency_code,
        sum(impressions)::bigint as impressions, sum(clicks)::bigint as clicks,
        trim_scale(sum(cost))::text as cost, trim_scale(sum(conversions))::text as conversions,
        trim_scale(sum(conversion_value))::text as conversion_value
    from serving.ad_days
    where tenant_id = $1 and date between $2 and $3
        and ($4::text [] is null or platform = any($4))
    group by grouping sets (
        (case when $5 then date end, platform, currency_code), (currency_code)
    )
    order by case when $5 then date end, platform, currency_code
),
web as (
    select min(date) as first, max(date) as last, platform, currency_code,
        sum(sessions)::bigint as sessions, sum(engaged_sessions)::bigint as engaged_sessions,
        trim_scale(sum(key_events))::text as key_events,
        trim_scale(sum(revenue))::text as revenue
    from serving.web_days
    where tenant_id = $1 and date between $2 and $3
        and ($4::text [] is null or platform = any($4))
    group by grouping sets (
        (case when $5 then date end, platform, currency_code), (currency_code)
    )
    order by case when $5 then date end, platform, currency_code
),
quality as (
    select platform, count(distinct date) as days, bool_or(sampled) as sampled,
        bool_or(thresholded) as thresholded, bool_or(other_row) as other_row,
        bool_or(truncated) as truncated
    from serving.day_quality
    where tenant_id = $1 and date between $2 and $3
        and ($4::text [] is null or platform = any($4))
        and (sampled or thresholded or other_row or truncated)
    group by platform
    order by platform
)
select
    (select version from serving.data_version) as "data_version!",
    (select fresh_at from serving.tenant_freshness where tenant_id = $1) as fresh_at,
    (select array_agg(ads) from ads) as "ads: Vec<AdRecord>",
    (select array_agg(web) from web) as "web: Vec<WebRecord>",
    (select coalesce(json_agg(quality), '[]') from quality) as "quality!: Json<Vec<QualitySums>>"
