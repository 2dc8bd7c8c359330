{#- The columns, together, are those of a row of `to`. -#}
{% test listed_in(model, to, columns) %}
    -- distinct first: that much is cheap, and leaves little to compare
    select distinct {{ columns | join(', ') }} from {{ model }}
    except
    select {{ columns | join(', ') }} from {{ to }}
{% endtest %}
