-- What dbt said where it runs as a job of its own, which has no other way to answer: the job
-- writes one row with the name that the platform gave its execution; whoever started it reads it.
-- The job deletes rows older than a month.

create table raw.build_reports (
    execution text primary key,
    -- as dbt exits: 0 all passed, 1 a model or test failed or the project is at fault, else broken
    exit_code integer not null,
    -- run_results.json, cut down to what the reader needs; null if dbt did not come to write it
    results text,
    -- the end of what dbt printed
    output text not null,
    reported_at timestamptz not null default now()
);
create index build_reports_reported_at on raw.build_reports (reported_at);
grant select, insert, update, delete on raw.build_reports to miq_transform;
