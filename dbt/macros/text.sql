{#- Whether a text column as a whole has the form of a regular expression. -#}
{% macro has_form(column, pattern) -%}
    {{ return(adapter.dispatch('has_form', 'miq')(column, pattern)) }}
{%- endmacro %}

{% macro postgres__has_form(column, pattern) -%}
    {{ column }} ~ '^({{ pattern }})$'
{%- endmacro %}

{% macro snowflake__has_form(column, pattern) -%}
    regexp_like({{ column }}, '{{ pattern }}')
{%- endmacro %}
