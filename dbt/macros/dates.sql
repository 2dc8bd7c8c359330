{#- One row, `date`, for each day from `first` to `last`, both included. -#}
{% macro days_from(first, last, relation) -%}
    {{ return(adapter.dispatch('days_from', 'miq')(first, last, relation)) }}
{%- endmacro %}

{% macro postgres__days_from(first, last, relation) -%}
    select day::date as date
    from {{ relation }}, generate_series({{ first }}, {{ last }}, interval '1 day') as day
{%- endmacro %}

{% macro snowflake__days_from(first, last, relation) -%}
    select dateadd(day, numbers.value, {{ first }})::date as date
    from
        {{ relation }},
        lateral flatten(array_generate_range(0, datediff(day, {{ first }}, {{ last }}) + 1)) as numbers
{%- endmacro %}

{#- ISO 8601: weeks begin on Monday (1), and belong to the year that holds their Thursday. -#}
{% macro iso_part(part, column) -%}
    {{ return(adapter.dispatch('iso_part', 'miq')(part, column)) }}
{%- endmacro %}

{% macro postgres__iso_part(part, column) -%}
    extract({{ {'year': 'isoyear', 'week': 'week', 'weekday': 'isodow'}[part] }} from {{ column }})::integer
{%- endmacro %}

{% macro snowflake__iso_part(part, column) -%}
    {{ {'year': 'yearofweekiso', 'week': 'weekiso', 'weekday': 'dayofweekiso'}[part] }}({{ column }})
{%- endmacro %}
