-- What the facts hold by campaign or by source of traffic, summed by day, account and currency:
-- what most questions of a dashboard are about, in a tenth of the rows. The publisher writes both
-- in one transaction. A sum may be larger than what a fact may hold, so the decimals are not
-- limited; of counts a platform sends no more than a bigint holds.

create table serving.ad_days (
    tenant_id uuid not null,
    date date not null,
    platform text not null,
    account_id text not null,
    currency_code char(3) not null,
    impressions numeric not null,
    clicks numeric not null,
    cost numeric not null,
    conversions numeric not null,
    -- of the campaigns that have one; null where none has
    conversion_value numeric,
    primary key (tenant_id, date, platform, account_id, currency_code)
);

create table serving.web_days (
    tenant_id uuid not null,
    date date not null,
    platform text not null,
    account_id text not null,
    currency_code char(3) not null,
    sessions numeric not null,
    engaged_sessions numeric not null,
    key_events numeric not null,
    revenue numeric not null,
    primary key (tenant_id, date, platform, account_id, currency_code)
);

-- FORCE would hide the facts from the owner too, who runs this.
alter table serving.fact_ad_performance no force row level security;
alter table serving.fact_web_performance no force row level security;

insert into serving.ad_days
select
    tenant_id, date, platform, account_id, currency_code, sum(impressions), sum(clicks),
    sum(cost), sum(conversions), sum(conversion_value)
from serving.fact_ad_performance
group by tenant_id, date, platform, account_id, currency_code;

insert into serving.web_days
select
    tenant_id, date, platform, account_id, currency_code, sum(sessions), sum(engaged_sessions),
    sum(key_events), sum(revenue)
from serving.fact_web_performance
group by tenant_id, date, platform, account_id, currency_code;

alter table serving.fact_ad_performance force row level security;
alter table serving.fact_web_performance force row level security;

do $$
declare
    name text;
begin
    foreach name in array array['ad_days', 'web_days'] loop
        execute format('alter table serving.%I enable row level security', name);
        execute format('alter table serving.%I force row level security', name);
        execute format(
            'create policy publisher on serving.%I to miq_app using (true) with check (true)', name
        );
        execute format(
            'create policy tenant on serving.%I for select to miq_api using (
                tenant_id = any(nullif(current_setting(''app.tenant_ids'', true), '''')::uuid [])
            )', name
        );
        execute format('grant select, insert, update, delete on serving.%I to miq_app', name);
        execute format('grant select on serving.%I to miq_api', name);
    end loop;
end
$$;

-- Nothing asks for these as JSON any more.
drop function serving.web_figures(numeric, numeric, numeric, numeric);
