with

listed as (

    select
        tenant_id,
        {{ campaign_key() }} as campaign_key,
        platform,
        account_id,
        campaign_id,
        name,
        type,
        status,
        budget,
        currency_code
    from {{ ref('int_campaigns') }}

),

-- A deleted campaign leaves Meta's list, but its spend stays. Of all facts only these are grouped
-- and looked up.
last_unlisted_days as (

    select
        facts.tenant_id,
        facts.campaign_key,
        max(facts.date) as date
    from {{ ref('fact_ad_performance') }} as facts
    left join listed
        on
            facts.tenant_id = listed.tenant_id
            and facts.campaign_key = listed.campaign_key
    where listed.campaign_key is null
    group by facts.tenant_id, facts.campaign_key

),

unlisted as (

    select
        facts.tenant_id,
        facts.campaign_key,
        facts.platform,
        facts.account_id,
        facts.campaign_id,
        facts.campaign_name as name,
        null::text as type,
        null::text as status,
        null::numeric(38, 9) as budget,
        facts.currency_code
    from last_unlisted_days
    inner join {{ ref('fact_ad_performance') }} as facts
        on
            last_unlisted_days.tenant_id = facts.tenant_id
            and last_unlisted_days.date = facts.date
            and last_unlisted_days.campaign_key = facts.campaign_key

)

select * from listed
union all
select * from unlisted
