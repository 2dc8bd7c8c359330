-- The application's own tables: organizations, people, tenants, credentials, connections.
--
-- Roles: miq_app serves sign-in, jobs and queues, and sees all rows; miq_api serves requests of a
-- tenant and sees only the rows of the tenants in the transaction's setting app.tenant_ids.
-- An absent or empty setting shows nothing. No other role is given anything here.

create schema app;
grant usage on schema app to miq_app, miq_api;

create table app.organizations (
    id uuid primary key,
    name text not null,
    created_at timestamptz not null default now()
);

create table app.users (
    id uuid primary key,
    email text not null,
    name text not null,
    -- argon2id, as a PHC string
    password_hash text not null,
    created_at timestamptz not null default now()
);
create unique index users_email on app.users (lower(email));

-- An owner is tenant_admin in every tenant of the organization.
create table app.organization_owners (
    organization_id uuid not null references app.organizations,
    user_id uuid not null references app.users,
    primary key (organization_id, user_id)
);

create table app.tenants (
    id uuid primary key,
    organization_id uuid not null references app.organizations,
    name text not null,
    -- IANA name; slots and "today" are read on this clock
    time_zone text not null,
    reporting_currency char(3) not null,
    -- the Meta action types that count as conversions
    meta_conversion_actions text [] not null
    default '{offsite_conversion.fb_pixel_purchase}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (organization_id, name),
    unique (organization_id, id)
);

create table app.tenant_users (
    tenant_id uuid not null references app.tenants,
    user_id uuid not null references app.users,
    role text not null check (role in ('tenant_admin', 'analyst', 'viewer')),
    created_at timestamptz not null default now(),
    primary key (tenant_id, user_id)
);
create index tenant_users_user on app.tenant_users (user_id);

create table app.invitations (
    id uuid primary key,
    tenant_id uuid not null references app.tenants,
    email text not null,
    role text not null check (role in ('tenant_admin', 'analyst', 'viewer')),
    -- SHA-256 of the one-time token
    token_hash bytea not null unique,
    invited_by uuid not null references app.users,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    redeemed_at timestamptz
);
create index invitations_tenant on app.invitations (tenant_id);

-- One sign-in and all refresh tokens that descend from it.
create table app.sessions (
    id uuid primary key,
    user_id uuid not null references app.users,
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    revoked_reason text
);
create index sessions_user on app.sessions (user_id);

create table app.refresh_tokens (
    -- SHA-256 of the token
    token_hash bytea primary key,
    session_id uuid not null references app.sessions on delete cascade,
    -- the tenant that access tokens made from it name
    tenant_id uuid references app.tenants,
    issued_at timestamptz not null,
    expires_at timestamptz not null,
    -- its successor can be derived from it, with the server's key alone
    replaced_at timestamptz
);
create index refresh_tokens_session on app.refresh_tokens (session_id);

-- A consent under way: bound to user, tenant, platform and browser; one use.
create table app.oauth_states (
    state_hash bytea primary key,
    user_id uuid not null references app.users,
    tenant_id uuid not null references app.tenants,
    -- false: the credential will be the tenant's own, not shared with its organization
    shared boolean not null,
    platform text not null,
    -- SHA-256 of the value in the browser's cookie
    browser_hash bytea not null,
    code_verifier text not null,
    redirect_uri text not null,
    login_hint text,
    expires_at timestamptz not null
);

-- A consent or key at a platform, owned by the organization once. The tokens themselves are in
-- the secret store, under "credential-" and this id.
create table app.credentials (
    id uuid primary key,
    organization_id uuid not null references app.organizations,
    -- set: only this tenant may use it; null: every tenant of the organization, through its owner
    tenant_id uuid references app.tenants,
    platform text not null
    check (platform in ('google_ads', 'meta_ads', 'google_analytics')),
    login text,
    scopes text [] not null default '{}',
    status text not null default 'active' check (status in ('active', 'needs_reauth', 'revoked')),
    created_by uuid not null references app.users,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (organization_id, id)
);

-- A platform account, read through a credential, assigned to a tenant.
create table app.tenant_oauth_connections (
    id uuid primary key,
    -- both the tenant's and the credential's: foreign keys see what a policy hides, so that no
    -- role can use a credential for another organization's tenant
    organization_id uuid not null,
    tenant_id uuid not null,
    credential_id uuid not null,
    platform text not null
    check (platform in ('google_ads', 'meta_ads', 'google_analytics')),
    account_id text not null,
    name text not null,
    -- Google Ads: the manager account through which the login reaches this one
    manager_id text,
    time_zone text not null,
    currency char(3) not null,
    status text not null default 'active'
    check (status in ('active', 'needs_reauth', 'needs_attention')),
    status_detail text,
    -- when its daily figures were first loaded; until then its history is read
    history_loaded_at timestamptz,
    created_by uuid not null references app.users,
    created_at timestamptz not null default now(),
    unique (tenant_id, platform, account_id),
    foreign key (organization_id, tenant_id) references app.tenants (organization_id, id),
    foreign key (organization_id, credential_id) references app.credentials (organization_id, id)
);
create index tenant_oauth_connections_credential on app.tenant_oauth_connections (credential_id);

create table app.audit_log (
    id uuid primary key,
    at timestamptz not null default now(),
    organization_id uuid,
    tenant_id uuid,
    user_id uuid,
    -- dotted: session.revoked, tenant.created, connection.deleted
    action text not null,
    detail jsonb not null default '{}'
);

-- miq_app sees all rows of all of these.
do $$
declare
    name text;
begin
    foreach name in array array[
        'organizations', 'users', 'organization_owners', 'tenants', 'tenant_users',
        'invitations', 'sessions', 'refresh_tokens', 'oauth_states', 'credentials',
        'tenant_oauth_connections', 'audit_log'
    ] loop
        execute format('alter table app.%I enable row level security', name);
        execute format('alter table app.%I force row level security', name);
        execute format(
            'create policy worker on app.%I to miq_app using (true) with check (true)', name
        );
    end loop;
end
$$;
grant select, insert, update, delete on
app.organizations, app.users, app.organization_owners, app.tenants, app.tenant_users,
app.invitations, app.sessions, app.refresh_tokens, app.oauth_states, app.credentials,
app.tenant_oauth_connections
to miq_app;
grant select, insert on app.audit_log to miq_app;

-- miq_api sees the rows of the tenants in its setting, and of people only who they are.
create policy tenant on app.tenants to miq_api
using (id = any(nullif(current_setting('app.tenant_ids', true), '')::uuid []));
create policy tenant on app.tenant_users to miq_api
using (tenant_id = any(nullif(current_setting('app.tenant_ids', true), '')::uuid []));
create policy tenant on app.invitations to miq_api
using (tenant_id = any(nullif(current_setting('app.tenant_ids', true), '')::uuid []));
create policy tenant on app.tenant_oauth_connections to miq_api
using (tenant_id = any(nullif(current_setting('app.tenant_ids', true), '')::uuid []));
create policy tenant on app.audit_log for insert to miq_api
with check (tenant_id = any(nullif(current_setting('app.tenant_ids', true), '')::uuid []));
create policy tenant on app.users for select to miq_api
using (id in (select tu.user_id from app.tenant_users as tu));

grant select on app.tenants, app.tenant_users, app.tenant_oauth_connections to miq_api;
grant update (name, time_zone, reporting_currency, meta_conversion_actions, updated_at)
on app.tenants to miq_api;
grant delete on app.tenant_users to miq_api;
grant select (id, tenant_id, email, role, invited_by, created_at, expires_at, redeemed_at),
insert, delete
on app.invitations to miq_api;
grant insert, delete on app.tenant_oauth_connections to miq_api;
grant insert on app.audit_log to miq_api;
grant select (id, email, name) on app.users to miq_api;
