{#- No row lies on a day that no extraction covers. -#}
{% test on_covered_days(model, covered) %}
    with

    days as (

        select distinct tenant_id, platform, account_id, date
        from {{ model }}

    )

    select days.*
    from days
    where not exists (
        select 1
        from {{ covered }} as covered
        where
            covered.tenant_id = days.tenant_id
            and covered.platform = days.platform
            and covered.account_id = days.account_id
            and covered.date = days.date
    )
{% endtest %}
