{#-
    Makes `where: changed_rows` (staging) and `where: changed_days` (facts) mean what changed since
    the last publish, and `where: changed_spans` (facts) all days of an account from the first to
    the last that changed, whether or not they are covered: a day that is no longer covered does
    not count as changed. All that was published has passed the same tests, and days that did not
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
                from {{ day_changes() }} as days
                where
                    days.change > {{ published_change() }}
                    and days.change <= {{ built_change(relation.identifier) }}
            )
        {%- endset -%}
        {{ return(rows_where(relation, where)) }}
    {%- elif where == 'changed_spans' -%}
        {%- if published_change() == 0 -%}{{ return(relation) }}{%- endif -%}
        {{ return(rows_in_changed_spans(relation)) }}
    {%- else -%}
        {{ return(rows_where(relation, where)) }}
    {%- endif -%}
{%- endmacro %}

{% macro rows_in_changed_spans(relation) -%}
    (
        select fact.*
        from {{ relation }} as fact
        inner join (
            select
                tenant_id,
                platform,
                account_id,
                min(date) as first_day,
                max(date) as last_day
            from {{ day_changes() }}
            where change > {{ published_change() }} and change <= {{ built_change(relation.identifier) }}
            group by tenant_id, platform, account_id
        ) as spans
            on
                fact.tenant_id = spans.tenant_id
                and fact.platform = spans.platform
                and fact.account_id = spans.account_id
                and fact.date between spans.first_day and spans.last_day
    ) as tested_rows
{%- endmacro %}

{% macro day_changes() -%}
    {{ return(api.Relation.create(
        database=target.database, schema='marts', identifier='day_changes'
    )) }}
{%- endmacro %}

{% macro rows_where(relation, where) -%}
    (select * from {{ relation }} where {{ where }}) as tested_rows
{%- endmacro %}
