{#- Each row satisfies the expression; a row for which it is null passes. -#}
{% test every_row(model, expression) %}
    select *
    from {{ model }}
    where not ({{ expression }})
{% endtest %}
