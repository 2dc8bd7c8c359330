//! The marts of a deployment, to be compared with another's.

use sqlx::{AssertSqlSafe, Row};

use crate::world::{Tenant, World};

const MARTS: &[&str] =
    &["fact_ad_performance", "fact_web_performance", "dim_campaigns", "dim_accounts"];

/// The marts as text, row by row, tenants by name: equal text is equal bytes.
pub(crate) async fn marts(world: &World, tenants: &[&Tenant]) -> String {
    let mut all = String::new();
    for schema in ["marts", "serving"] {
        for mart in MARTS {
            let columns = columns(world, mart).await;
            let query = AssertSqlSafe(format!(
                "select row({columns})::text from {schema}.{mart} order by 1"
            ));
            let rows = sqlx::query(query).fetch_all(world.database.owner()).await.expect("a mart");
            assert!(!rows.is_empty(), "{schema}.{mart} is empty");
            all.extend([schema, ".", mart, "\n"]);
            for row in rows {
                all.push_str(row.get(0));
                all.push('\n');
            }
        }
    }
    for tenant in tenants {
        all = all.replace(&tenant.id, &tenant.name);
    }
    let mut lines: Vec<_> = all.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// The columns that are served, which the mart has too.
async fn columns(world: &World, mart: &str) -> String {
    let query = "select string_agg(quote_ident(column_name), ', ' order by ordinal_position) \
                 from information_schema.columns \
                 where table_schema = 'serving' and table_name = $1";
    let row = sqlx::query(query).bind(mart).fetch_one(world.database.owner()).await;
    row.expect("the catalogue").get(0)
}
