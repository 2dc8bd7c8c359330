-- Publishing reads the marts as miq_transform, who builds them, and hands the rows to miq_app as
-- data. A view, a cast or a policy runs with the rights of whoever reads; so miq_app, who may
-- touch people, sessions and credentials, no longer reads anything that miq_transform can write.

alter default privileges for role miq_transform in schema marts
revoke select on tables from miq_app;
revoke all on all tables in schema marts from miq_app;
revoke all on schema marts from miq_app;
revoke all on all tables in schema raw from miq_app;
revoke all on schema raw from miq_app;

-- A schema in which everyone may create is one in which anyone's names may be met. So it was by
-- default before PostgreSQL 15.
revoke create on schema public from public;

-- dbt and the publisher work with temporary tables, the API does not. Everyone may still connect:
-- where the database is a hosted one, its host's own roles do.
do $$
begin
    execute format('revoke temporary on database %I from public', current_database());
    execute format('grant temporary on database %I to miq_app, miq_transform', current_database());
end
$$;
