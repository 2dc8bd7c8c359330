-- The embedded warehouse: raw tables that the loader fills, and the schemas in which dbt builds.
-- All of it belongs to miq_transform, which can reach nothing of the application.

create schema raw;
grant usage on schema raw to miq_transform, miq_app;

-- Numbers every change that a build has to pick up, in order of commit to this schema.
create sequence raw.change_sequence;
grant usage on sequence raw.change_sequence to miq_transform;

-- One row per loaded extraction, as its manifest says.
create table raw.extractions (
    job_id uuid not null,
    attempt integer not null,
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    account_name text not null,
    account_time_zone text not null,
    account_currency char(3) not null,
    stream text not null,
    window_start date not null,
    window_end date not null,
    row_count bigint not null,
    sampled boolean not null,
    thresholded boolean not null,
    other_row boolean not null,
    truncated boolean not null,
    manifest_path text not null,
    -- When its reading began: what began later saw newer figures, and wins a day. A report that
    -- the platform prepared for an hour holds the figures of that hour's beginning.
    started_at timestamptz not null,
    -- when its reading ended: how fresh the figures are; it decides nothing
    extracted_at timestamptz not null,
    loaded_at timestamptz not null default now(),
    change bigint not null,
    primary key (job_id, attempt)
);
create index extractions_change on raw.extractions (change);

-- Which extraction holds a day of a daily stream: of those that cover it, the one that started
-- last; of two that started at once, the later job, then the later attempt. Rows of any other
-- extraction do not count, so a restated row is replaced and a vanished one is gone.
create table raw.covered_days (
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    stream text not null,
    day date not null,
    job_id uuid not null,
    attempt integer not null,
    started_at timestamptz not null,
    extracted_at timestamptz not null,
    change bigint not null,
    primary key (tenant_id, platform, account_id, stream, day)
);
create index covered_days_change on raw.covered_days (change);

-- Which extraction holds a snapshot stream, by the same order.
create table raw.snapshots (
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    stream text not null,
    job_id uuid not null,
    attempt integer not null,
    started_at timestamptz not null,
    extracted_at timestamptz not null,
    change bigint not null,
    primary key (tenant_id, platform, account_id, stream)
);

-- What the newest extraction of an account, by the same order, says of the account itself.
create table raw.accounts (
    tenant_id uuid not null,
    platform text not null,
    account_id text not null,
    account_name text not null,
    account_time_zone text not null,
    account_currency char(3) not null,
    job_id uuid not null,
    attempt integer not null,
    started_at timestamptz not null,
    primary key (tenant_id, platform, account_id)
);

-- What dbt must know of a tenant, copied from the application before each build.
create table raw.tenant_settings (
    tenant_id uuid primary key,
    time_zone text not null,
    reporting_currency char(3) not null,
    meta_conversion_actions text [] not null,
    -- rises with the actions alone: a rise builds all of the tenant's Meta days anew
    change bigint not null
);

-- One table per stream, one row per row that the platform sent. The tenant comes from the
-- extraction's path, never from the payload. day is null in snapshot streams.
--
-- An extraction that repeats a row is refused whole: adding the two would double the figures, and
-- taking one would be a guess. So each table is unique by what identifies a row at the platform.
do $$
declare
    name text;
    identity text;
begin
    for name, identity in values
        ('google_ads_campaign_daily', '(payload #>> ''{campaign,id}''), day'),
        ('google_ads_campaigns', '(payload #>> ''{campaign,id}'')'),
        ('meta_ads_insights_daily', '(payload ->> ''campaign_id''), day'),
        ('meta_ads_campaigns', '(payload ->> ''id'')'),
        -- hashed, because a campaign's name alone may be too long for an index; the date is in it
        ('google_analytics_traffic_daily', 'md5((payload -> ''dimensionValues'')::text)')
    loop
        execute format(
            'create table raw.%I (
                tenant_id uuid not null,
                account_id text not null,
                day date,
                job_id uuid not null,
                attempt integer not null,
                row_number bigint not null,
                payload jsonb not null
            )', name
        );
        execute format(
            'create unique index %I on raw.%I (job_id, attempt, %s)',
            name || '_identity', name, identity
        );
        execute format(
            'create index %I on raw.%I (tenant_id, account_id, day)', name || '_day', name
        );
    end loop;
end
$$;
grant select, insert, update, delete on all tables in schema raw to miq_transform;
grant select on raw.extractions, raw.covered_days, raw.snapshots, raw.tenant_settings to miq_app;

create schema staging authorization miq_transform;
create schema intermediate authorization miq_transform;
create schema marts authorization miq_transform;
grant usage on schema marts to miq_app;
alter default privileges for role miq_transform in schema marts grant select on tables to miq_app;
