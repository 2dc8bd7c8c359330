{#-
    For each changed day of an account the fact holds as many rows, and the same sums, as are
    staged. `fact` is the model itself, whose remembered change bounds what can be in it.
-#}
{% test same_sums(model, fact, staged, by, metrics) %}
    with

    in_fact as (

        select
            {{ by | join(', ') }},
            count(*) as row_count
            {%- for metric in metrics %},
            sum({{ metric }}) as {{ metric }}
            {%- endfor %}
        from {{ model }}
        group by {{ by | join(', ') }}

    ),

    in_staging as (

        select
            {{ by | join(', ') }},
            count(*) as row_count
            {%- for metric in metrics %},
            sum({{ metric }}) as {{ metric }}
            {%- endfor %}
        from {{ staged }}
        where {{ changed_between(published_change(), built_change(fact)) }}
        group by {{ by | join(', ') }}

    )

    select
        {%- for column in by %}
        coalesce(in_fact.{{ column }}, in_staging.{{ column }}) as {{ column }},
        {%- endfor %}
        in_fact.row_count as rows_in_fact,
        in_staging.row_count as rows_in_staging
    from in_fact
    full outer join in_staging
        on
            {%- for column in by %}
            {{ "and " if not loop.first }}in_fact.{{ column }} = in_staging.{{ column }}
            {%- endfor %}
    where
        in_fact.row_count is distinct from in_staging.row_count
        {%- for metric in metrics %}
        or in_fact.{{ metric }} is distinct from in_staging.{{ metric }}
        {%- endfor %}
{% endtest %}
