with ads as (
    select min(date) as first, max(date) as last, platform, currency_code,
        serving.ad_figures(
            sum(impressions), sum(clicks), sum(cost), sum(conversions), sum(conversion_value)
        ) as figures
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
        serving.web_figures(
            sum(sessions), sum(engaged_sessions), sum(key_events), sum(revenue)
        ) as figures
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
    (select coalesce(json_agg(ads), '[]') from ads) as "ads!: Json<Vec<PlatformSums<AdSums>>>",
    (select coalesce(json_agg(web), '[]') from web) as "web!: Json<Vec<PlatformSums<WebSums>>>",
    (select coalesce(json_agg(quality), '[]') from quality) as "quality!: Json<Vec<QualitySums>>"
