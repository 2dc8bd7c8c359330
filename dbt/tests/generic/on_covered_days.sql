{#- No row lies on a day that no extraction covers. -#}
{% test on_covered_days(model, covered) %}
    -- distinct first: that much is cheap, and leaves little to compare
    select distinct tenant_id, platform, account_id, date from {{ model }}
    except
    select tenant_id, platform, account_id, day from {{ covered }}
{% endtest %}
