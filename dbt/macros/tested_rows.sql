{#-
    Makes `where: changed_rows` (staging) and `where: changed_days` (facts) mean what changed since
    the last publish: all that was published has passed the same tests, and days that did not
    change were not touched. A failed build publishes nothing, so its days are tested again.
-#}
{% macro default__get_where_subquery(relation) -%}
    {%- set where = config.get('where', '') -%}
    {%- if not where -%}
        {{ return(relation) }}
    {%- elif where == 'changed_rows' -%}
        {%- set where -%}
            change > {{ published_change() }} or settings_change > {{ published_change() }}
        {%- endset -%}
        {{ return(rows_where(relation, where)) }}
    {%- elif where == 'changed_days' -%}
        {%- set where -%}
            (tenant_id, platform, account_id, date) in (
                select days.tenant_id, days.platform, days.account_id, days.date
                from {{ api.Relation.create(
                    database=target.database, schema='marts', identifier='day_changes'
                ) }} as days
                where
                    days.change > {{ published_change() }}
                    and days.change <= {{ built_change(relation.identifier) }}
            )
        {%- endset -%}
        {{ return(rows_where(relation, where)) }}
    {%- else -%}
        {{ return(rows_where(relation, where)) }}
    {%- endif -%}
{%- endmacro %}

{% macro rows_where(relation, where) -%}
    (select * from {{ relation }} where {{ where }}) as tested_rows
{%- endmacro %}
