{#- The columns, together, are those of a row of `to`. -#}
{% test listed_in(model, to, columns) %}
    with

    wanted as (

        select distinct {{ columns | join(', ') }}
        from {{ model }}

    )

    select wanted.*
    from wanted
    where not exists (
        select 1
        from {{ to }} as listed
        where
            {%- for column in columns %}
            {{ "and " if not loop.first }}listed.{{ column }} = wanted.{{ column }}
            {%- endfor %}
    )
{% endtest %}
