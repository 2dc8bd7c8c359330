-- Runs, their jobs, and builds.

-- What one slot or one manual sync planned for one tenant.
create table app.etl_run_history (
    id uuid primary key,
    tenant_id uuid not null references app.tenants,
    trigger text not null check (trigger in ('slot', 'manual')),
    slot_date date,
    slot_hour smallint check (slot_hour in (6, 14, 22)),
    requested_by uuid references app.users,
    state text not null default 'running'
    check (state in ('running', 'succeeded', 'partly_failed', 'failed')),
    created_at timestamptz not null default now(),
    finished_at timestamptz,
    -- the build that was last asked for, by its last job or before, while it waited for others;
    -- null: none of its jobs loaded anything
    build_request bigint,
    -- the data version in which that build was first served; null: not yet
    data_version bigint,
    check ((trigger = 'slot') = (slot_date is not null and slot_hour is not null)),
    unique (tenant_id, slot_date, slot_hour)
);
create index etl_run_history_unpublished on app.etl_run_history (build_request)
where build_request is not null and data_version is null;
create index etl_run_history_newest on app.etl_run_history (tenant_id, created_at desc);

-- That a platform's timer has planned a slot: whoever comes second finds the row.
create table app.planned_slots (
    tenant_id uuid not null references app.tenants,
    slot_date date not null,
    slot_hour smallint not null,
    platform text not null,
    run_id uuid not null references app.etl_run_history,
    primary key (tenant_id, slot_date, slot_hour, platform)
);

-- One connection, one stream, one window of days: the unit of retry.
create table app.etl_jobs (
    id uuid primary key,
    run_id uuid not null references app.etl_run_history,
    tenant_id uuid not null references app.tenants,
    connection_id uuid references app.tenant_oauth_connections on delete set null,
    platform text not null,
    account_id text not null,
    stream text not null,
    window_start date not null,
    window_end date not null,
    -- part of the account's first read
    history boolean not null default false,
    state text not null default 'planned'
    check (state in ('planned', 'running', 'succeeded', 'failed')),
    -- raised by each claim; what an earlier attempt then reports is ignored
    attempt integer not null default 0,
    -- attempts that reported a failure and are repeated
    failures integer not null default 0,
    -- its worker is alive until then, and says so again before
    lease_until timestamptz,
    -- when a message was last put on its queue; null: not yet
    enqueued_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    -- a platform asked us to wait until then
    not_before timestamptz,
    -- where the latest extraction is, or would be had it come to its end
    manifest_path text,
    rows bigint not null default 0,
    bytes bigint not null default 0,
    requests bigint not null default 0,
    extract_ms bigint not null default 0,
    load_ms bigint not null default 0,
    error_code text,
    error_message text,
    created_at timestamptz not null default now()
);
create index etl_jobs_run on app.etl_jobs (run_id);
-- looked through when a connection is deleted
create index etl_jobs_connection on app.etl_jobs (connection_id);
create index etl_jobs_open on app.etl_jobs (platform) where state in ('planned', 'running');
create index etl_jobs_read on app.etl_jobs (connection_id, window_end) where state = 'succeeded';

-- Coalescing of builds: a build serves all requests up to the one it started with.
create table app.build_state (
    singleton boolean primary key default true check (singleton),
    requested bigint not null default 0,
    built bigint not null default 0,
    holder uuid,
    lease_until timestamptz
);
insert into app.build_state default values;

create table app.builds (
    id uuid primary key,
    request bigint not null,
    state text not null check (state in ('running', 'published', 'failed')),
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    -- the dbt model or test that failed, and why, in words for the operator
    failed_node text,
    error_message text,
    transform_ms bigint,
    publish_ms bigint,
    data_version bigint
);
create index builds_started on app.builds (started_at);

do $$
declare
    name text;
begin
    foreach name in array array[
        'etl_run_history', 'planned_slots', 'etl_jobs', 'build_state', 'builds'
    ] loop
        execute format('alter table app.%I enable row level security', name);
        execute format('alter table app.%I force row level security', name);
        execute format(
            'create policy worker on app.%I to miq_app using (true) with check (true)', name
        );
    end loop;
end
$$;
grant select, insert, update on
app.etl_run_history, app.planned_slots, app.etl_jobs, app.build_state, app.builds
to miq_app;

create policy tenant on app.etl_run_history for select to miq_api
using (tenant_id = any(nullif(current_setting('app.tenant_ids', true), '')::uuid []));
create policy tenant on app.etl_jobs for select to miq_api
using (tenant_id = any(nullif(current_setting('app.tenant_ids', true), '')::uuid []));
grant select on app.etl_run_history, app.etl_jobs to miq_api;
