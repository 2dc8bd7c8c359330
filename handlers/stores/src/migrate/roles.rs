//! The three login roles of the running system, each with no more than its own work needs.

use anyhow::{Context, Result, bail, ensure};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use url::Url;

use super::scram;
use crate::database::{DatabaseUrls, options};

/// Who loads and builds.
const TRANSFORM: &str = "miq_transform";

/// A role and how its URL signs in.
pub(super) struct Login {
    pub(super) role: &'static str,
    options: PgConnectOptions,
    /// Absent where the server trusts the connection.
    password: Option<SecretString>,
}

pub(super) enum Change {
    Created,
    Password,
    None,
}

/// The roles, with the passwords that their URLs hold.
pub(super) fn logins(urls: &DatabaseUrls) -> Result<[Login; 3]> {
    Ok([
        login("miq_app", &urls.app)?,
        login(TRANSFORM, &urls.transform)?,
        login("miq_api", &urls.api)?,
    ])
}

fn login(role: &'static str, url: &SecretString) -> Result<Login> {
    let options = options(url).with_context(|| format!("the URL of {role}"))?;
    let user = options.get_username();
    // Supabase's pooler signs in as `role.project`.
    let plain = user.split_once('.').map_or(user, |(role, _)| role);
    ensure!(
        plain == role,
        "the URL of {role} signs in as {user:?}: its user must be {role}, because the grants are \
         made to that name"
    );
    Ok(Login { role, options, password: password(url)? })
}

fn password(url: &SecretString) -> Result<Option<SecretString>> {
    let url = Url::parse(url.expose_secret()).context("a database URL cannot be read")?;
    let password = match url.password() {
        Some(encoded) => percent_decode_str(encoded)
            .decode_utf8()
            .context("a password in a database URL is not UTF-8")?
            .into_owned(),
        None => match url.query_pairs().find(|(key, _)| key == "password") {
            Some((_, password)) => password.into_owned(),
            None => return Ok(None),
        },
    };
    Ok(Some(SecretString::from(password)))
}

pub(super) async fn exists(owner: &mut PgConnection, role: &str) -> Result<bool> {
    Ok(sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
        .bind(role)
        .fetch_one(owner)
        .await?)
}

/// Creates the role, or takes from it what it should not have and sets the password of its URL
/// if another one is in force.
pub(super) async fn ensure(owner: &mut PgConnection, login: &Login) -> Result<Change> {
    if !exists(owner, login.role).await? {
        let created = set(owner, "create role %I login nobypassrls nocreatedb nocreaterole", login)
            .await
            .with_context(|| format!("cannot create the role {}", login.role));
        created?;
        pin_search_path(owner, login.role).await?;
        return Ok(Change::Created);
    }
    restrict(owner, login.role).await?;
    pin_search_path(owner, login.role).await?;
    // A database error is a refused sign-in, or a database that the role cannot enter yet; what
    // remains of the latter shows at the end.
    match login.options.clone().disable_statement_logging().connect().await {
        Ok(connection) => {
            connection.close().await?;
            Ok(Change::None)
        }
        Err(sqlx::Error::Database(error)) if is_refused_password(&*error) => {
            set(owner, "alter role %I", login)
                .await
                .with_context(|| format!("cannot set the password of {}", login.role))?;
            Ok(Change::Password)
        }
        Err(error) => Err(error).with_context(|| cannot_sign_in(login)),
    }
}

/// 28P01 is a wrong password; 28000 a refusal of another kind, such as a role without one.
fn is_refused_password(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().is_some_and(|code| code.starts_with("28"))
}

/// Runs `statement`, which holds `%I` for the role, with the login's password. The server is
/// given a SCRAM verifier, so that the password itself cannot reach its log.
async fn set(owner: &mut PgConnection, statement: &str, login: &Login) -> Result<()> {
    let verifier = login.password.as_ref().map(scram::verifier).transpose()?;
    let sql: String = match verifier {
        Some(verifier) => {
            sqlx::query_scalar("select format($1 || ' password %L', $2::text, $3::text)")
                .bind(statement)
                .bind(login.role)
                .bind(verifier)
                .fetch_one(&mut *owner)
                .await?
        }
        None => {
            sqlx::query_scalar("select format($1, $2::text)")
                .bind(statement)
                .bind(login.role)
                .fetch_one(&mut *owner)
                .await?
        }
    };
    // Quoted by the server's own format(): a role's password cannot be bound.
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(owner).await?;
    Ok(())
}

/// Takes rights from a role that has more than it should: row-level security would not hold it.
async fn restrict(owner: &mut PgConnection, role: &str) -> Result<()> {
    let (superuser, bypasses, creates_roles, creates_databases, logs_in): (
        bool,
        bool,
        bool,
        bool,
        bool,
    ) = sqlx::query_as(
        "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin
         from pg_roles where rolname = $1",
    )
    .bind(role)
    .fetch_one(&mut *owner)
    .await?;
    // Named one by one: only a superuser may as much as mention SUPERUSER or BYPASSRLS.
    let corrections = [
        (superuser, "nosuperuser"),
        (bypasses, "nobypassrls"),
        (creates_roles, "nocreaterole"),
        (creates_databases, "nocreatedb"),
        (!logs_in, "login"),
    ];
    let corrections: Vec<_> =
        corrections.iter().filter(|(wrong, _)| *wrong).map(|(_, words)| *words).collect();
    if corrections.is_empty() {
        return Ok(());
    }
    let sql: String = sqlx::query_scalar("select format('alter role %I ' || $2, $1::text)")
        .bind(role)
        .bind(corrections.join(" "))
        .fetch_one(&mut *owner)
        .await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(owner).await.with_context(|| {
        format!(
            "the role {role} has rights that it must not have, and the owner may not take them \
             away: as a superuser, run `alter role {role} {}`",
            corrections.join(" ")
        )
    })?;
    Ok(())
}

/// A name without a schema means PostgreSQL's own object, never one that another role has put
/// where it would be found first. dbt's role alone looks further.
async fn pin_search_path(owner: &mut PgConnection, role: &str) -> Result<()> {
    if role == TRANSFORM {
        return Ok(());
    }
    let pinned: bool = sqlx::query_scalar(
        "select coalesce($2 = any(rolconfig), false) from pg_roles where rolname = $1",
    )
    .bind(role)
    .bind("search_path=pg_catalog")
    .fetch_one(&mut *owner)
    .await?;
    if !pinned {
        let sql: String =
            sqlx::query_scalar("select format('alter role %I set search_path to pg_catalog', $1)")
                .bind(role)
                .fetch_one(&mut *owner)
                .await?;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(owner)
            .await
            .with_context(|| format!("cannot set the search path of {role}"))?;
    }
    Ok(())
}

/// Migrations create schemas that `miq_transform` owns and set its default privileges; a plain
/// owner may do so only as a member of it.
pub(super) async fn let_owner_act_as_transform(owner: &mut PgConnection) -> Result<()> {
    let may: bool =
        sqlx::query_scalar("select pg_has_role(current_user, 'miq_transform', 'usage')")
            .fetch_one(&mut *owner)
            .await?;
    if !may {
        sqlx::raw_sql("grant miq_transform to current_user").execute(owner).await.context(
            "the owner cannot become a member of miq_transform: as a superuser, run \
             `grant miq_transform to` the owner",
        )?;
    }
    Ok(())
}

/// Signs in as the role, so that a URL that does not work is found now and not by the first job.
pub(super) async fn prove(login: &Login) -> Result<()> {
    let connecting = login.options.clone().disable_statement_logging().connect().await;
    let mut connection = connecting.with_context(|| cannot_sign_in(login))?;
    let holds: bool = sqlx::query_scalar(
        "select not (rolsuper or rolbypassrls) and rolname = $1
         from pg_roles where rolname = current_user",
    )
    .bind(login.role)
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    if !holds {
        bail!(
            "the URL of {0} does not sign in as {0}, or row-level security does not \
             hold it",
            login.role
        );
    }
    Ok(())
}

fn cannot_sign_in(login: &Login) -> String {
    format!(
        "the URL of {} does not open the database {:?} at {}:{}",
        login.role,
        login.options.get_database().unwrap_or_default(),
        login.options.get_host(),
        login.options.get_port()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poolers_suffix_is_not_part_of_the_role() {
        let url = SecretString::from("postgres://miq_api.abcdef:p%40ss@127.0.0.1/d");
        let login = login("miq_api", &url).unwrap();
        assert_eq!(login.password.unwrap().expose_secret(), "p@ss");
    }

    #[test]
    fn a_url_of_another_role_is_refused_with_the_role_it_needs() {
        let error = login("miq_api", &SecretString::from("postgres://postgres:hunter2@h/d"))
            .err()
            .expect("postgres is not miq_api");
        assert!(error.to_string().contains("must be miq_api"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
