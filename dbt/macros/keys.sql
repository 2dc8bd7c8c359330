{#- `{platform}-{account_id}-{campaign_id}`: the id by which the API knows a campaign. -#}
{% macro campaign_key() -%}
    platform || '-' || account_id || '-' || campaign_id
{%- endmacro %}

{#- A hash of text columns. Each part carries its length, so that no two lists of parts meet. -#}
{% macro hash_of(columns) -%}
    md5(
        {%- for column in columns %}
        length({{ column }})::text || ':' || {{ column }}
        {%- if not loop.last %} ||{% endif %}
        {%- endfor %}
    )
{%- endmacro %}
