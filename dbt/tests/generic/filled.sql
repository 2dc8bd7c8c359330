{#- None of these columns is null in any row. One test for all: each test costs dbt a round. -#}
{% test filled(model, columns) %}
    select *
    from {{ model }}
    where {{ columns | join(' is null or ') }} is null
{% endtest %}
