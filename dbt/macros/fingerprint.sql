{#-
    Rows and a hash of each mart, whatever the order of its rows, as one line of JSON:
    `dbt --quiet run-operation fingerprint`. Equal lines before and after a full refresh mean
    equal marts.
-#}
{% macro fingerprint() -%}
    {%- set marts = {} -%}
    {%- for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | sort(attribute='name') -%}
        {%- if node.schema == 'marts' -%}
            {%- set relation = api.Relation.create(
                database=node.database, schema=node.schema, identifier=node.alias
            ) -%}
            {%- set row = run_query(fingerprint_of(relation)).rows[0] -%}
            {%- do marts.update({node.name: {'rows': row[0] | int, 'hash': row[1] | string}}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ print(tojson(marts)) }}
{%- endmacro %}

{% macro fingerprint_of(relation) -%}
    {{ return(adapter.dispatch('fingerprint_of', 'miq')(relation)) }}
{%- endmacro %}

{#- A sum of 60-bit hashes needs no sort, and no memory that grows with the mart. -#}
{% macro postgres__fingerprint_of(relation) -%}
    select
        count(*) as row_count,
        coalesce(sum(('x' || left(md5(mart::text), 15))::bit(60)::bigint), 0)::text as hash
    from {{ relation }} as mart
{%- endmacro %}

{% macro snowflake__fingerprint_of(relation) -%}
    select count(*) as row_count, hash_agg(*)::text as hash from {{ relation }}
{%- endmacro %}
