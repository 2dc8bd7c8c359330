-- The embedded job queues: every queue of the deployment in one table.

create table app.queue_messages (
    id uuid primary key,
    queue text not null,
    text text not null,
    -- how often it has been handed out
    dequeue_count integer not null default 0,
    -- of the latest delivery: whoever holds another one has lost the message
    receipt uuid,
    inserted_at timestamptz not null default now(),
    visible_at timestamptz not null,
    expires_at timestamptz not null
);
-- What a receiver looks for: the longest visible message of a queue.
create index queue_messages_next on app.queue_messages (queue, visible_at);
-- What a sender clears away.
create index queue_messages_expired on app.queue_messages (expires_at);

alter table app.queue_messages enable row level security;
alter table app.queue_messages force row level security;
create policy worker on app.queue_messages to miq_app using (true) with check (true);
grant select, insert, update, delete on app.queue_messages to miq_app;
