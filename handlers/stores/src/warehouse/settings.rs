use domain::ports::{StoreError, TenantSettings};
use serde_json::json;
use sqlx::{Postgres, Transaction};

use super::unavailable;

/// One statement for all tenants; those that count the same actions keep their change number.
pub(super) async fn set(
    tx: &mut Transaction<'static, Postgres>,
    tenants: &[TenantSettings],
) -> Result<(), StoreError> {
    let rows: Vec<_> = tenants
        .iter()
        .map(|tenant| {
            json!({
                "tenant_id": tenant.tenant,
                "time_zone": tenant.time_zone.name(),
                "reporting_currency": tenant.reporting_currency,
                "meta_conversion_actions": tenant.meta_conversion_actions,
            })
        })
        .collect();
    sqlx::query!(
        "with
        incoming as (
            select * from jsonb_to_recordset($1) as r (
                tenant_id uuid, time_zone text, reporting_currency char(3),
                meta_conversion_actions text []
            )
        ),

        changed as (
            select
                i.*,
                case
                    when s.meta_conversion_actions = i.meta_conversion_actions then s.change
                end as kept
            from incoming as i
            left join raw.tenant_settings as s using (tenant_id)
            where
                (s.time_zone, s.reporting_currency, s.meta_conversion_actions)
                is distinct from
                (i.time_zone, i.reporting_currency, i.meta_conversion_actions)
        ),

        number as materialized (
            select nextval('raw.change_sequence') as change
            where exists (select from changed where kept is null)
        )

        insert into raw.tenant_settings (
            tenant_id, time_zone, reporting_currency, meta_conversion_actions, change
        )
        select
            c.tenant_id, c.time_zone, c.reporting_currency, c.meta_conversion_actions,
            coalesce(c.kept, n.change)
        from changed as c left join number as n on true
        on conflict (tenant_id) do update set
            time_zone = excluded.time_zone,
            reporting_currency = excluded.reporting_currency,
            meta_conversion_actions = excluded.meta_conversion_actions,
            change = excluded.change",
        serde_json::Value::Array(rows),
    )
    .execute(&mut **tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}
