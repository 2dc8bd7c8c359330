{#-
    Incremental facts work on days. raw.covered_days numbers each change of a day's holder in the
    order of commit, and raw.tenant_settings each change of settings; a fact remembers, in
    marts.built_changes, the number through which it is built. Nothing is upserted by key: the
    changed days leave the fact and come back as they now are, so an emptied day stays empty.

    A fact is built in this order: begin_isolated, delete_changed_days, the append itself,
    remember_built_changes. On PostgreSQL that is one transaction that sees one state of the raw
    tables: were a load to commit between the delete and the append, the days that it covers would
    be deleted and not come back. Where a warehouse has no such transaction, a build that is cut
    short has not yet remembered the change and does it again.
-#}

{% macro built_changes() -%}
    {{ return(api.Relation.create(
        database=target.database, schema='marts', identifier='built_changes'
    )) }}
{%- endmacro %}

{% macro create_built_changes() -%}
    create table if not exists {{ built_changes() }} (
        model text not null primary key,
        change bigint not null
    )
{%- endmacro %}

{#-
    The number through which this build goes: loads that commit while it runs wait for the next.
    The caller gives it as the variable `through_change`, or as MIQ_DBT_THROUGH_CHANGE (the same,
    but dbt keeps its parsed project); without either it is the newest.
-#}
{% macro through_change() -%}
    {%- if not execute -%}{{ return(0) }}{%- endif -%}
    {%- set given = var('through_change', env_var('MIQ_DBT_THROUGH_CHANGE', '')) -%}
    {%- if given | string | length > 0 -%}{{ return(given | int) }}{%- endif -%}
    {%- set newest -%}
        select coalesce(max(change), 0) as change
        from (
            select max(change) as change from {{ source('raw', 'covered_days') }}
            union all
            select max(change) as change from {{ source('raw', 'tenant_settings') }}
        ) as changes
    {%- endset -%}
    {{ return(run_query(newest).rows[0][0] | int) }}
{%- endmacro %}

{#-
    All changes up to this one have been tested and published: tests of facts look only at days
    that changed since. Variable `published_change`, or MIQ_DBT_PUBLISHED_CHANGE; without either
    0, which tests everything.
-#}
{% macro published_change() -%}
    {%- if not execute -%}{{ return(0) }}{%- endif -%}
    {{ return(var('published_change', env_var('MIQ_DBT_PUBLISHED_CHANGE', '0')) | int) }}
{%- endmacro %}

{#- The change through which a fact is built; 0 where it never was. -#}
{% macro built_change(model_name) -%}
    {%- if not execute -%}{{ return(0) }}{%- endif -%}
    {%- set remembered -%}
        select coalesce(max(change), 0) as change
        from {{ built_changes() }}
        where model = '{{ model_name }}'
    {%- endset -%}
    {{ return(run_query(remembered).rows[0][0] | int) }}
{%- endmacro %}

{#- Whether a staged row's day, or the settings that it was read under, changed in (after, through]. -#}
{% macro changed_between(after, through) -%}
    (change > {{ after }} or settings_change > {{ after }})
    and change <= {{ through }}
    and settings_change <= {{ through }}
{%- endmacro %}

{% macro begin_isolated() -%}
    {{ return(adapter.dispatch('begin_isolated', 'miq')()) }}
{%- endmacro %}

{#- The driver has begun a transaction already, with the first statement of the connection. -#}
{% macro postgres__begin_isolated() -%}
    commit;
    begin isolation level repeatable read
{%- endmacro %}

{% macro snowflake__begin_isolated() -%}
{%- endmacro %}

{% macro delete_changed_days() -%}
    {%- if is_incremental() -%}
    delete from {{ this }} as fact
    using {{ ref('day_changes') }} as days
    where
        fact.tenant_id = days.tenant_id
        and fact.platform = days.platform
        and fact.account_id = days.account_id
        and fact.date = days.date
        and days.change > {{ built_change(this.identifier) }}
        and days.change <= {{ through_change() }}
    {%- endif -%}
{%- endmacro %}

{% macro remember_built_changes() -%}
    delete from {{ built_changes() }} where model = '{{ this.identifier }}';
    insert into {{ built_changes() }} (model, change)
    values ('{{ this.identifier }}', {{ through_change() }})
{%- endmacro %}
