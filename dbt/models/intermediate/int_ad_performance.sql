{%- set platforms = {
    'google_ads': ref('stg_google_ads__campaign_daily'),
    'meta_ads': ref('stg_meta_ads__insights_daily'),
} -%}

-- the branches agree in every column's type: else a filter on days would not reach into them
{% for platform, staged in platforms.items() %}
    select
        tenant_id,
        date,
        '{{ platform }}' as platform,
        account_id,
        campaign_id,
        coalesce(nullif(campaign_name, ''), campaign_id) as campaign_name,
        currency_code,
        impressions,
        clicks,
        cost,
        conversions,
        conversion_value,
        change,
        settings_change
    from {{ staged }}
    {% if not loop.last %}union all{% endif %}
{% endfor %}
