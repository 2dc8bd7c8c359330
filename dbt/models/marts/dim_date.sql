with

-- whole years, so that the calendar depends on the data alone and not on the day of the build
bounds as (

    select
        date_trunc('year', min(date))::date as first_day,
        (date_trunc('year', max(date)) + interval '1 year' - interval '1 day')::date as last_day
    from {{ ref('stg_pipeline__covered_days') }}

),

days as (

    {{ days_from('first_day', 'last_day', 'bounds') }}

)

select
    date,
    extract(year from date)::integer as year,
    extract(quarter from date)::integer as quarter,
    extract(month from date)::integer as month,
    extract(day from date)::integer as day_of_month,
    {{ iso_part('year', 'date') }} as iso_year,
    {{ iso_part('week', 'date') }} as iso_week,
    {{ iso_part('weekday', 'date') }} as iso_weekday,
    {{ iso_part('weekday', 'date') }} >= 6 as is_weekend,
    date_trunc('month', date)::date as month_start,
    date_trunc('week', date)::date as week_start
from days
