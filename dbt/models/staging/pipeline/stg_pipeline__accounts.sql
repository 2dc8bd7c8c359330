with

ranked as (

    select
        tenant_id,
        platform,
        account_id,
        account_name,
        account_currency,
        account_time_zone,
        row_number() over (
            partition by tenant_id, platform, account_id
            order by extracted_at desc, change desc
        ) as age
    from {{ source('raw', 'extractions') }}

)

select
    tenant_id,
    platform,
    account_id,
    account_time_zone as time_zone,
    account_currency::text as currency_code,
    coalesce(nullif(account_name, ''), account_id) as name
from ranked
where age = 1
