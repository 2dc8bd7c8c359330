//! No tenant ever sees another's rows: every route by role, tenant and token, from the registry;
//! and the database's own word on it, role by role.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::registry::{Access, Function, Method, Route};
use domain::{Permission, Role};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};

use crate::world::{PASSWORD, Tenant, World, tell, text};

/// Whom a role is played by, and their token.
struct Player {
    role: Role,
    token: String,
}

/// Everyone of a tenant: one person per role.
async fn players(world: &World, tenant: &Tenant) -> Vec<Player> {
    let mut players = Vec::new();
    for role in Role::ALL {
        let email = format!("{role}-{}@example.com", tenant.id);
        let body = json!({"email": email, "role": role.code()});
        let invited = world.post("/tenants/me/users", &tenant.token, body).await.expect(201);
        let body = json!({
            "email": email,
            "password": PASSWORD,
            "name": format!("A {role}"),
            "invitation": text(&invited, "token"),
        });
        let joined = world.call("POST", "/auth/signup", None, Some(&body)).await.expect(201);
        players.push(Player { role, token: text(&joined, "access_token").to_owned() });
    }
    players
}

/// A route's path with something in place of each variable.
fn path_with(route: &Route, value: &str) -> String {
    route.path.replace("{id}", value).replace("{platform}", "meta")
}

fn allows(access: Access, role: Role) -> bool {
    match access {
        Access::Public | Access::SignedIn => true,
        Access::Tenant(permission) => role.allows(permission),
        Access::Organization => false,
    }
}

/// Calls a route with a body that is valid JSON but means nothing.
async fn knock(world: &World, route: &Route, path: &str, token: Option<&str>) -> (u16, Value) {
    let body = json!({});
    let body = matches!(route.method, Method::Post | Method::Patch).then_some(&body);
    let answer = world.call(route.method.as_str(), path, token, body).await;
    (answer.status.as_u16(), answer.body)
}

#[tokio::test(flavor = "multi_thread")]
async fn b3_every_route_asks_for_the_registrys_access() {
    let world = World::start().await;
    let owner = world.owner().await;
    let tenant = world.tenant(&owner, "Acme").await;
    let players = players(&world, &tenant).await;
    let nothing = "00000000-0000-7000-8000-000000000000";
    let mut checks = 0;
    for (function, route) in Function::http() {
        let path = path_with(route, nothing);
        for player in &players {
            let (status, body) = knock(&world, route, &path, Some(&player.token)).await;
            let name = function.name;
            if allows(route.access, player.role) {
                assert!(status < 500, "{name} as {}: {status} {body}", player.role);
                let refused = status == 403 || (status == 401 && route.access != Access::Public);
                assert!(!refused, "{name} refused a {}: {body}", player.role);
            } else {
                assert_eq!(status, 403, "{name} let a {} in: {body}", player.role);
            }
            checks += 1;
        }
        if route.access == Access::Public {
            continue;
        }
        for (kind, token) in bad_tokens(&world, &players[0].token) {
            let (status, body) = knock(&world, route, &path, token.as_deref()).await;
            assert_eq!(status, 401, "{} took a token that is {kind}: {body}", function.name);
            checks += 1;
        }
    }
    tell(&format!("b3: {checks} calls, every route of the registry"));
}

/// Tokens that must open nothing.
fn bad_tokens(world: &World, good: &str) -> Vec<(&'static str, Option<String>)> {
    let mut parts = good.split('.');
    let (header, claims) = (parts.next().expect("a header"), parts.next().expect("claims"));
    let signature = parts.next().expect("a signature");
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let forged_claims = {
        let decoded = URL_SAFE_NO_PAD.decode(claims).expect("claims are base64url");
        let mut claims: Value = serde_json::from_slice(&decoded).expect("claims are JSON");
        claims["owner"] = json!(true);
        encode(&claims)
    };
    let none = encode(&json!({"alg": "none", "typ": "at+jwt"}));
    let hs256 = encode(&json!({"alg": "HS256", "typ": "at+jwt"}));
    vec![
        ("missing", None),
        ("not a token", Some("abc".to_owned())),
        ("forged", Some(format!("{header}.{forged_claims}.{signature}"))),
        ("unsigned", Some(format!("{none}.{claims}."))),
        ("of another algorithm", Some(format!("{hs256}.{claims}.{signature}"))),
        ("cut short", Some(format!("{header}.{claims}"))),
        ("expired", Some(expired(world, claims))),
    ]
}

/// The same claims, signed by the deployment's own key, an hour too late.
fn expired(world: &World, claims: &str) -> String {
    let decoded = URL_SAFE_NO_PAD.decode(claims).expect("claims are base64url");
    let mut claims: Value = serde_json::from_slice(&decoded).expect("claims are JSON");
    for name in ["iat", "nbf", "exp"] {
        if let Some(seconds) = claims[name].as_i64() {
            claims[name] = json!(seconds - 3_600);
        }
    }
    let key = stores::signing_key::load_or_create(&world.data().join("data/token-signing.pem"));
    let key = key.expect("the signing key");
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
    header.typ = Some("at+jwt".to_owned());
    let key = jsonwebtoken::EncodingKey::from_ed_der(key.expose_secret());
    jsonwebtoken::encode(&header, &claims, &key).expect("a token can be signed")
}

#[tokio::test(flavor = "multi_thread")]
async fn b3_another_tenants_id_is_not_found_and_its_rows_are_not_listed() {
    let world = World::start().await;
    let (ours, theirs) = world.two_tenants().await;
    for tenant in [&ours, &theirs] {
        world.synced(tenant, &[]);
    }
    let foreign = ids_of(&world, &theirs).await;
    let mut checks = 0;
    for (function, route) in Function::http().filter(|(_, route)| route.path.contains("{id}")) {
        if route.access == Access::Public {
            continue;
        }
        for id in &foreign {
            let path = path_with(route, id);
            let (status, body) = knock(&world, route, &path, Some(&ours.token)).await;
            assert_eq!(status, 404, "{} answered for {id}: {body}", function.name);
            checks += 1;
        }
    }
    for (function, route) in Function::http() {
        let listing = route.method == Method::Get && !route.path.contains('{');
        if !listing || !matches!(route.access, Access::Tenant(Permission::Read)) {
            continue;
        }
        let (status, body) = knock(&world, route, route.path, Some(&ours.token)).await;
        assert_eq!(status, 200, "{}: {body}", function.name);
        let body = body.to_string();
        for id in &foreign {
            assert!(!body.contains(id.as_str()), "{} lists {id}", function.name);
            checks += 1;
        }
    }
    assert_eq!(ids_of(&world, &theirs).await, foreign, "something of the other tenant changed");
    tell(&format!("b3: {checks} pairs of route and foreign id"));
}

/// Everything of a tenant that has an id, read through the API as itself.
async fn ids_of(world: &World, tenant: &Tenant) -> BTreeSet<String> {
    let mut ids = BTreeSet::from([tenant.id.clone()]);
    for path in
        ["/tenants/me/users", "/tenants/me/connections", "/api/v1/campaigns", "/api/v1/runs"]
    {
        let list = world.get(path, &tenant.token).await.expect(200);
        for row in list["data"].as_array().expect("a list") {
            ids.insert(text(row, "id").to_owned());
        }
    }
    assert!(ids.len() > 10, "the tenant has too little to be told apart by: {ids:?}");
    ids
}

/// What each database role may do, told by PostgreSQL itself.
#[tokio::test(flavor = "multi_thread")]
async fn b3_the_api_role_sees_nothing_without_a_setting_and_nothing_foreign_with_one() {
    let world = World::start().await;
    let (ours, theirs) = world.two_tenants().await;
    for tenant in [&ours, &theirs] {
        world.synced(tenant, &[]);
    }
    let pool = world.database.api_pool();
    let tables = readable_tables(&world).await;
    assert!(tables.len() >= 10, "the api role reads only {tables:?}");
    let foreign_rows = |table: String, setting: Option<String>| async move {
        let mut transaction = pool.begin().await.expect("a transaction");
        if let Some(setting) = setting {
            sqlx::query("select set_config('app.tenant_ids', $1, true)")
                .bind(setting)
                .execute(&mut *transaction)
                .await
                .expect("a setting");
        }
        let query = AssertSqlSafe(format!("select count(*) from {table}"));
        let rows = sqlx::query(query).fetch_one(&mut *transaction).await;
        rows.unwrap_or_else(|error| panic!("{table}: {error}")).get::<i64, _>(0)
    };
    for table in &tables {
        for setting in [None, Some(String::new()), Some("{}".to_owned())] {
            let shown = foreign_rows(table.clone(), setting.clone()).await;
            assert_eq!(shown, 0, "{table} under {setting:?}");
        }
    }
    let ours_alone = format!("{{{}}}", ours.id);
    let mut transaction = pool.begin().await.expect("a transaction");
    sqlx::query("select set_config('app.tenant_ids', $1, true)")
        .bind(&ours_alone)
        .execute(&mut *transaction)
        .await
        .expect("a setting");
    for table in ["serving.fact_ad_performance", "serving.fact_web_performance", "app.etl_jobs"] {
        let query = AssertSqlSafe(format!(
            "select count(*) filter (where tenant_id = $1), count(*) filter (where tenant_id <> $1) \
             from {table}"
        ));
        let ours: uuid::Uuid = ours.id.parse().expect("a uuid");
        let row = sqlx::query(query).bind(ours).fetch_one(&mut *transaction).await.expect(table);
        assert!(row.get::<i64, _>(0) > 0, "{table} shows nothing of ours");
        assert_eq!(row.get::<i64, _>(1), 0, "{table} shows foreign rows");
    }
    // Cancelled in mid-transaction: the connection goes back to the pool without the setting.
    drop(transaction);
    for table in &tables {
        assert_eq!(foreign_rows(table.clone(), None).await, 0, "{table} after a cancelled one");
    }
}

/// Tables that hold tenants' rows and that the api role may read.
async fn readable_tables(world: &World) -> Vec<String> {
    let query = "select format('%I.%I', n.nspname, c.relname) \
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                 where c.relkind in ('r', 'v', 'm', 'p') \
                 and n.nspname in ('app', 'serving', 'raw', 'staging', 'intermediate', 'marts') \
                 and c.relname <> 'data_version' \
                 and has_any_column_privilege('miq_api', c.oid, 'select') \
                 and has_schema_privilege('miq_api', n.oid, 'usage') order by 1";
    let rows = sqlx::query(query).fetch_all(world.database.owner()).await.expect("the catalogue");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn b3_no_role_bypasses_row_level_security_and_every_table_of_tenants_forces_it() {
    let world = World::start().await;
    let owner = world.database.owner();
    let query = "select count(*) from pg_roles where rolname in ('miq_app', 'miq_transform', \
                 'miq_api') and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)";
    let privileged: i64 = sqlx::query(query).fetch_one(owner).await.expect("roles").get(0);
    assert_eq!(privileged, 0);
    let query = "select format('%I.%I', n.nspname, c.relname) \
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                 where c.relkind = 'r' and n.nspname in ('app', 'serving') \
                 and not (c.relrowsecurity and c.relforcerowsecurity) order by 1";
    let rows = sqlx::query(query).fetch_all(owner).await.expect("the catalogue");
    let open: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // One row, no tenant: the number of the version being served.
    assert_eq!(open, ["serving.data_version"]);
    let query = "select format('%I.%I', n.nspname, c.relname) \
                 from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                 where n.nspname = 'app' and c.relkind = 'r' \
                 and has_table_privilege('miq_transform', c.oid, 'select,insert,update,delete')";
    let rows = sqlx::query(query).fetch_all(owner).await.expect("the catalogue");
    assert!(rows.is_empty(), "the transform role reaches the application");
}
