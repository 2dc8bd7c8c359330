with active as (
    select campaign_key, currency_code,
        sum(impressions) as impressions, sum(clicks) as clicks, sum(cost) as cost,
        sum(conversions) as conversions, sum(conversion_value) as conversion_value
    from serving.fact_ad_performance
    where tenant_id = $1 and date between $2 and $3
        and ($4::text [] is null or platform = any($4))
    group by campaign_key, currency_code
),
idle as (
    select campaign_key, currency_code
    from serving.dim_campaigns
    where $5 and tenant_id = $1 and ($4::text [] is null or platform = any($4))
        and campaign_key not in (select campaign_key from active)
),
listed as (
    select * from active
    union all
    select campaign_key, currency_code, 0, 0, 0, 0, null from idle
),
page as (
    select * from listed
    where $7::text is null or case
        when $6
            then (currency_code, -cost, campaign_key)
                > ($8::text, -$9::numeric, $7::text)
        else (campaign_key, currency_code) > ($7::text, $8::text)
    end
    order by case when $6 then currency_code end, case when $6 then -cost end,
        campaign_key, currency_code
    limit $10
),
campaigns as (
    select
        json_build_object(
            'campaign_key', page.campaign_key, 'name', dim.name, 'kind', dim.type,
            'status', dim.status, 'budget', trim_scale(dim.budget)::text
        ) as campaign,
        page.currency_code,
        serving.ad_figures(
            page.impressions, page.clicks, page.cost, page.conversions,
            page.conversion_value
        ) as figures
    from page
    left join serving.dim_campaigns as dim
        on dim.tenant_id = $1 and dim.campaign_key = page.campaign_key
    order by case when $6 then page.currency_code end, case when $6 then -page.cost end,
        page.campaign_key, page.currency_code
),
totals as (
    select currency_code,
        serving.ad_figures(
            sum(impressions), sum(clicks), sum(cost), sum(conversions),
            sum(conversion_value)
        ) as figures
    from active
    group by currency_code
    order by currency_code
),
quality as (
    select platform, count(distinct date) as days, bool_or(sampled) as sampled,
        bool_or(thresholded) as thresholded, bool_or(other_row) as other_row,
        bool_or(truncated) as truncated
    from serving.day_quality
    where tenant_id = $1 and date between $2 and $3
        and platform <> 'google_analytics'
        and ($4::text [] is null or platform = any($4))
        and (sampled or thresholded or other_row or truncated)
    group by platform
    order by platform
)
select
    (select version from serving.data_version) as "data_version!",
    (select fresh_at from serving.tenant_freshness where tenant_id = $1) as fresh_at,
    (select coalesce(json_agg(campaigns), '[]') from campaigns)
        as "campaigns!: Json<Vec<CampaignSums>>",
    (select coalesce(json_agg(totals), '[]') from totals)
        as "totals!: Json<Vec<CurrencySums<AdSums>>>",
    (select coalesce(json_agg(quality), '[]') from quality) as "quality!: Json<Vec<QualitySums>>"
