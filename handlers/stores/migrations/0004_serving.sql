-- What the API serves: copies of the marts, owned by migrations, so that indexes, policies and
-- grants outlive every build. miq_app publishes into them, miq_api reads its tenants' rows.
-- Money and fractional metrics are NUMERIC(38, 9) in the account's own currency.

create schema serving;
grant usage on schema serving to miq_app, miq_api;

-- The version of the data that is being served; raised by each publish.
create table serving.data_version (
    singleton boolean primary key default true check (singleton),
    version bigint not null default 0,
    -- all changes of the raw schema up to this one are in it
    change bigint not null default 0,
    published_at timestamptz
);
insert into serving.data_version default values;

-- When a tenant's newest published figures were extracted.
create table serving.tenant_freshness (
    tenant_id uuid primary key,
    fresh_at timestamptz not null
);

create table serving.fact_ad_performance (
    tenant_id uuid not null,
    date date not null,
    -- {platform}-{account_id}-{campaign_id}
    campaign_key text not null,
    platform text not null,
    account_id text not null,
    campaign_id text not null,
    currency_code char(3) not null,
    impressions bigint not null,
    clicks bigint not null,
    cost numeric(38, 9) not null,
    conversions numeric(38, 9) not null,
    -- null where the platform sends none
    conversion_value numeric(38, 9),
    ctr numeric(38, 9),
    cpc numeric(38, 9),
    cpa numeric(38, 9),
    roas numeric(38, 9),
    primary key (tenant_id, date, campaign_key)
);
create index fact_ad_performance_campaign
on serving.fact_ad_performance (tenant_id, campaign_key, date);

create table serving.fact_web_performance (
    tenant_id uuid not null,
    date date not null,
    -- a hash of account, campaign, source, medium and channel
    traffic_key text not null,
    platform text not null,
    account_id text not null,
    campaign_name text not null,
    source text not null,
    medium text not null,
    channel text not null,
    currency_code char(3) not null,
    sessions bigint not null,
    engaged_sessions bigint not null,
    -- not additive: over days or rows it counts people twice
    total_users bigint not null,
    key_events numeric(38, 9) not null,
    revenue numeric(38, 9) not null,
    primary key (tenant_id, date, traffic_key)
);

create table serving.dim_campaigns (
    tenant_id uuid not null,
    campaign_key text not null,
    platform text not null,
    account_id text not null,
    campaign_id text not null,
    name text not null,
    type text,
    status text,
    -- per day, in the account's currency
    budget numeric(38, 9),
    currency_code char(3) not null,
    primary key (tenant_id, campaign_key)
);

create table serving.dim_accounts (
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    name text not null,
    currency_code char(3) not null,
    time_zone text not null,
    primary key (tenant_id, platform, account_id)
);

-- Days on which the platform itself said that its figures are incomplete.
create table serving.day_quality (
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    date date not null,
    sampled boolean not null,
    thresholded boolean not null,
    other_row boolean not null,
    truncated boolean not null,
    primary key (tenant_id, platform, account_id, date)
);

do $$
declare
    name text;
begin
    foreach name in array array[
        'tenant_freshness', 'fact_ad_performance', 'fact_web_performance', 'dim_campaigns',
        'dim_accounts', 'day_quality'
    ] loop
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
grant select, update on serving.data_version to miq_app;
grant select on serving.data_version to miq_api;
