//! `marketing-iq migrate`: the login roles and the schemas, created or brought up to date.
//!
//! Safe to run again and from two places at once. The owner may be a superuser, or a plain role
//! with CREATEROLE that owns the database.

mod roles;
mod scram;

use std::collections::HashSet;

use anyhow::{Context, Result};
use sqlx::migrate::{Migrate, Migrator};
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::database::{DatabaseUrls, options};

/// Where applied migrations are recorded: a schema of its own, because some hosts serve every
/// table of `public` to anyone.
const HISTORY_SCHEMA: &str = "migrations";
const HISTORY_TABLE: &str = "migrations.applied";

/// Held while anything is changed, so that two `migrate` do not cross. Any number will do.
const LOCK: i64 = 0x6d69_715f_6d69_6772;

/// What `migrate` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    pub roles_created: Vec<&'static str>,
    /// Roles that existed with another password than their URL now has.
    pub passwords_changed: Vec<&'static str>,
    /// The migrations that were applied, as `0001 application`.
    pub applied: Vec<String>,
}

/// Creates the roles that are missing, brings their passwords in line with their URLs, and
/// applies the migrations that are missing. Each migration is one transaction.
pub async fn migrate(urls: &DatabaseUrls) -> Result<MigrationReport> {
    let logins = roles::logins(urls)?;
    let mut owner = connect_owner(urls).await?;
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut owner).await?;

    let mut report = MigrationReport::default();
    for login in &logins {
        match roles::ensure(&mut owner, login).await? {
            roles::Change::Created => report.roles_created.push(login.role),
            roles::Change::Password => report.passwords_changed.push(login.role),
            roles::Change::None => {}
        }
    }
    roles::let_owner_act_as_transform(&mut owner).await?;

    let migrator = migrator();
    report.applied = unapplied(&mut owner, &migrator).await?;
    migrator.run(&mut owner).await.context("a migration failed; it changed nothing")?;

    for login in &logins {
        roles::prove(login).await?;
    }
    // The lock ends with the connection, whatever happens above.
    owner.close().await?;
    Ok(report)
}

/// What [`migrate`] would create or apply, one line each. Changes nothing.
pub async fn pending(urls: &DatabaseUrls) -> Result<Vec<String>> {
    let logins = roles::logins(urls)?;
    let mut owner = connect_owner(urls).await?;
    let mut missing = Vec::new();
    for login in &logins {
        if !roles::exists(&mut owner, login.role).await? {
            missing.push(format!("the role {}", login.role));
        }
    }
    missing.extend(unapplied(&mut owner, &migrator()).await?);
    owner.close().await?;
    Ok(missing)
}

pub(crate) fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.create_schema(HISTORY_SCHEMA);
    migrator.dangerous_set_table_name(HISTORY_TABLE);
    migrator
}

async fn connect_owner(urls: &DatabaseUrls) -> Result<PgConnection> {
    options(&urls.owner)
        .context("the owner's URL")?
        // Statements that set passwords pass through here.
        .disable_statement_logging()
        .connect()
        .await
        .context("the owner's URL does not open the database")
}

async fn unapplied(owner: &mut PgConnection, migrator: &Migrator) -> Result<Vec<String>> {
    let has_history: bool = sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(HISTORY_TABLE)
        .fetch_one(&mut *owner)
        .await?;
    let applied: HashSet<i64> = if has_history {
        owner.list_applied_migrations(HISTORY_TABLE).await?.iter().map(|m| m.version).collect()
    } else {
        HashSet::new()
    };
    Ok(migrator
        .iter()
        .filter(|migration| !applied.contains(&migration.version))
        .map(|migration| format!("{:04} {}", migration.version, migration.description))
        .collect())
}

#[cfg(test)]
mod tests {
    use secrecy::{ExposeSecret, SecretString};
    use sqlx::AssertSqlSafe;
    use url::Url;
    use uuid::Uuid;

    use super::*;
    use crate::testing::TestDatabase;

    #[tokio::test]
    async fn migrating_again_changes_nothing() {
        let database = TestDatabase::empty().await;
        let expected = pending(database.urls()).await.unwrap();
        assert_eq!(expected.len(), migrator().iter().count());

        let first = migrate(database.urls()).await.unwrap();
        assert_eq!(first.applied, expected);
        assert_eq!(pending(database.urls()).await.unwrap(), Vec::<String>::new());
        assert_eq!(migrate(database.urls()).await.unwrap(), MigrationReport::default());
    }

    #[tokio::test]
    async fn two_at_once_apply_each_migration_once() {
        let database = TestDatabase::empty().await;
        let (one, two) = tokio::join!(migrate(database.urls()), migrate(database.urls()));
        let applied = one.unwrap().applied.len() + two.unwrap().applied.len();
        assert_eq!(applied, migrator().iter().count());
    }

    /// A managed server gives no superuser: the owner has CREATEROLE and its own database.
    struct PlainOwner<'d> {
        name: String,
        database: &'d TestDatabase,
        urls: DatabaseUrls,
    }

    impl<'d> PlainOwner<'d> {
        async fn of(database: &'d TestDatabase) -> Self {
            let name = format!("miq_test_owner_{}", Uuid::new_v4().simple());
            let mut url = Url::parse(database.urls().owner.expose_secret()).unwrap();
            url.set_username(&name).unwrap();
            url.set_password(Some("test")).unwrap();
            let urls = DatabaseUrls {
                owner: SecretString::from(String::from(url)),
                ..database.urls().clone()
            };
            let owner = Self { name, database, urls };
            let name = &owner.name;
            owner
                .run(format!("create role {name} login createrole createdb password 'test'"))
                .await;
            owner.run(format!("alter database {} owner to {name}", database.name())).await;
            // As if it had created the roles, which all tests of this server share. Before
            // PostgreSQL 16, CREATEROLE alone was enough.
            let version: i32 =
                sqlx::query_scalar("select current_setting('server_version_num')::integer")
                    .fetch_one(database.owner())
                    .await
                    .unwrap();
            for role in ["miq_app", "miq_transform", "miq_api"] {
                if version >= 160_000 {
                    owner
                        .run(format!(
                            "grant {role} to {name} with admin true, inherit false, set false"
                        ))
                        .await;
                }
            }
            owner
        }

        async fn run(&self, sql: String) {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(self.database.owner()).await.unwrap();
        }

        /// The role belongs to the server, not to the database, and would stay.
        async fn remove(self) {
            let name = &self.name;
            self.run(format!("reassign owned by {name} to current_user")).await;
            self.run(format!("drop owned by {name}")).await;
            self.run(format!("drop role {name}")).await;
        }
    }

    #[tokio::test]
    async fn a_plain_owner_can_migrate() {
        let database = TestDatabase::empty().await;
        let owner = PlainOwner::of(&database).await;
        let migrated = migrate(&owner.urls).await;
        owner.remove().await;
        assert_eq!(migrated.unwrap().applied.len(), migrator().iter().count());
    }

    /// Row-level security is forced on the owner too.
    #[tokio::test]
    async fn facts_that_were_served_before_there_were_sums_are_summed() {
        const BEFORE: i64 = 8;
        let database = TestDatabase::empty().await;
        let owner = PlainOwner::of(&database).await;
        let mut connection = connect_owner(&owner.urls).await.unwrap();
        roles::let_owner_act_as_transform(&mut connection).await.unwrap();
        migrator().run_to(BEFORE, &mut connection).await.unwrap();
        connection.close().await.unwrap();
        let facts = "insert into serving.fact_ad_performance
            select
                gen_random_uuid(), '2024-03-01', 'meta_ads-1-' || n, 'meta_ads', '1', n::text,
                'USD', 1, 1, 0.5, 1, null
            from generate_series(1, 3) as n";
        owner.run(facts.to_owned()).await;
        let migrated = migrate(&owner.urls).await;
        owner.remove().await;
        migrated.unwrap();
        let sums: (i64, String) =
            sqlx::query_as("select count(*), trim_scale(sum(cost))::text from serving.ad_days")
                .fetch_one(database.owner())
                .await
                .unwrap();
        assert_eq!(sums, (3, "1.5".to_owned()));
    }

    #[tokio::test]
    async fn a_roles_url_that_opens_nothing_is_named() {
        let database = TestDatabase::empty().await;
        let mut url = Url::parse(database.urls().api.expose_secret()).unwrap();
        url.set_path("no_such_database");
        let urls =
            DatabaseUrls { api: SecretString::from(String::from(url)), ..database.urls().clone() };
        let error = format!("{:#}", migrate(&urls).await.unwrap_err());
        assert!(error.contains("miq_api") && error.contains("no_such_database"), "{error}");
        assert!(!error.contains("marketing-iq-test"), "a password is shown: {error}");
    }

    /// A copy of a database does not bring its grants along, so that one is migrated here.
    #[tokio::test]
    async fn the_api_role_has_no_temporary_tables_and_the_others_do() {
        let database = TestDatabase::empty().await;
        migrate(database.urls()).await.unwrap();
        for (role, may) in [("miq_app", true), ("miq_transform", true), ("miq_api", false)] {
            let has: bool = sqlx::query_scalar(
                "select has_database_privilege($1, current_database(), 'temporary')",
            )
            .bind(role)
            .fetch_one(database.owner())
            .await
            .unwrap();
            assert_eq!(has, may, "{role}");
        }
    }

    #[tokio::test]
    async fn a_name_without_a_schema_is_postgresqls_own() {
        let database = TestDatabase::empty().await;
        migrate(database.urls()).await.unwrap();
        for pool in [database.app(), database.api_pool()] {
            let path: String =
                sqlx::query_scalar("show search_path").fetch_one(pool).await.unwrap();
            assert_eq!(path, "pg_catalog");
        }
    }

    #[tokio::test]
    async fn no_role_reaches_what_is_not_its_own() {
        let database = TestDatabase::new().await;
        for (pool, table) in [
            (database.transform(), "app.users"),
            (database.transform(), "app.queue_messages"),
            (database.transform(), "serving.fact_ad_performance"),
            (database.api_pool(), "app.sessions"),
            (database.api_pool(), "app.queue_messages"),
            (database.api_pool(), "raw.extractions"),
            (database.app(), "raw.extractions"),
            (database.app(), "marts.day_changes"),
            (database.app(), HISTORY_TABLE),
        ] {
            let error = sqlx::query(AssertSqlSafe(format!("select * from {table}")))
                .execute(pool)
                .await
                .unwrap_err();
            let code =
                error.as_database_error().and_then(|e| e.code().map(std::borrow::Cow::into_owned));
            assert_eq!(code.as_deref(), Some("42501"), "{table}: {error}");
        }
    }
}
