{%- set platforms = {
    'google_ads': ref('stg_google_ads__campaigns'),
    'meta_ads': ref('stg_meta_ads__campaigns'),
} -%}

{% for platform, staged in platforms.items() %}
    select
        tenant_id,
        '{{ platform }}' as platform,
        account_id,
        campaign_id,
        coalesce(nullif(name, ''), campaign_id) as name,
        type,
        status,
        budget,
        currency_code
    from {{ staged }}
    {% if not loop.last %}union all{% endif %}
{% endfor %}
