{#- Micros in major units. Multiplied, not divided: a product of decimals is exact. -#}
{% macro from_micros(micros) -%}
    ({{ micros }} * 0.000001)::numeric(38, 9)
{%- endmacro %}

{#-
    Meta's budgets in major units. They come in the smallest unit that Meta counts in, which is a
    hundredth but for the currencies listed here (Marketing API, "Currencies": offset 1).
-#}
{% macro from_meta_units(units, currency) -%}
    (
        {{ units }} * case
            when {{ currency }} in (
                'CLP', 'COP', 'CRC', 'HUF', 'IDR', 'ISK', 'JPY', 'KRW', 'PYG', 'TWD', 'VND'
            ) then 1
            else 0.01
        end
    )::numeric(38, 9)
{%- endmacro %}

{#- Null where the denominator is zero or absent. -#}
{% macro ratio(numerator, denominator) -%}
    ({{ numerator }}::numeric(38, 9) / nullif({{ denominator }}, 0))::numeric(38, 9)
{%- endmacro %}
