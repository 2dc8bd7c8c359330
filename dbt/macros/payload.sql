{#-
    A value inside a payload: `path` is dotted, a number is a position in an array.
    jget('payload', 'dimensionValues.1.value', 'text')
-#}
{% macro jget(column, path, type) -%}
    {{ return(adapter.dispatch('jget', 'miq')(column, path, type)) }}
{%- endmacro %}

{% macro postgres__jget(column, path, type) -%}
    ({{ column }} #>> '{{ "{" ~ path | replace(".", ",") ~ "}" }}')::{{ type }}
{%- endmacro %}

{% macro snowflake__jget(column, path, type) -%}
    {%- set steps = namespace(text=column) -%}
    {%- for step in path.split('.') -%}
        {%- if step | int(-1) >= 0 -%}
            {%- set steps.text = steps.text ~ '[' ~ step ~ ']' -%}
        {%- elif loop.first -%}
            {%- set steps.text = steps.text ~ ':' ~ step -%}
        {%- else -%}
            {%- set steps.text = steps.text ~ '.' ~ step -%}
        {%- endif -%}
    {%- endfor -%}
    {{ steps.text }}::{{ type }}
{%- endmacro %}

{#-
    Sum of `value` over the entries of Meta's array `key` whose action_type is in `action_types`;
    null where no entry has one of these types. Types that contain one another overlap at Meta,
    so only the types that were asked for are added.
-#}
{% macro sum_of_actions(column, key, action_types) -%}
    {{ return(adapter.dispatch('sum_of_actions', 'miq')(column, key, action_types)) }}
{%- endmacro %}

{% macro postgres__sum_of_actions(column, key, action_types) -%}
    (
        select sum((action ->> 'value')::numeric(38, 9))
        from jsonb_array_elements(
            case jsonb_typeof({{ column }} -> '{{ key }}')
                when 'array' then {{ column }} -> '{{ key }}'
            end
        ) as action
        where action ->> 'action_type' = any({{ action_types }})
    )
{%- endmacro %}

{% macro snowflake__sum_of_actions(column, key, action_types) -%}
    {%- set chosen -%}
        filter(
            {{ column }}:{{ key }}::array,
            action -> array_contains(action:action_type, {{ action_types }})
        )
    {%- endset -%}
    iff(
        array_size({{ chosen }}) > 0,
        reduce(
            {{ chosen }},
            0::numeric(38, 9),
            (total, action) -> total + action:value::numeric(38, 9)
        ),
        null
    )
{%- endmacro %}

{#- The action types that count as conversions where a tenant has chosen none. -#}
{% macro default_conversion_actions() -%}
    {{ return(adapter.dispatch('default_conversion_actions', 'miq')()) }}
{%- endmacro %}

{% macro postgres__default_conversion_actions() -%}
    array['offsite_conversion.fb_pixel_purchase']
{%- endmacro %}

{% macro snowflake__default_conversion_actions() -%}
    array_construct('offsite_conversion.fb_pixel_purchase')
{%- endmacro %}
