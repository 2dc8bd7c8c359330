use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{
    PlannableAccount, PlannableTenant, PlannedJob, PlannedRun, RunPlanning, StoreError,
};
use domain::{
    ConnectedAccount, JobId, NewJob, Platform, RunId, Slot, TenantId, TenantScope, UserId,
};
use sqlx::{Postgres, Transaction};

use super::{PostgresRuns, corrupt, seconds, unavailable};

#[async_trait]
impl RunPlanning for PostgresRuns {
    async fn tenants(&self, platform: Platform) -> Result<Vec<PlannableTenant>, StoreError> {
        let rows = sqlx::query!(
            "select t.id, t.time_zone
            from app.tenants as t
            where exists (
                select from app.tenant_oauth_connections as c
                join app.credentials as k on k.id = c.credential_id
                where c.tenant_id = t.id and c.platform = $1 and k.status <> 'revoked'
            )
            order by t.id",
            platform.code(),
        )
        .fetch_all(&self.0)
        .await
        .map_err(unavailable)?;
        rows.into_iter()
            .map(|row| {
                let time_zone = row.time_zone.parse().map_err(corrupt)?;
                Ok(PlannableTenant { tenant: row.id.into(), time_zone })
            })
            .collect()
    }

    async fn accounts(
        &self,
        tenant: TenantId,
        platforms: &[Platform],
    ) -> Result<Vec<PlannableAccount>, StoreError> {
        let codes: Vec<String> = platforms.iter().map(|p| p.code().to_owned()).collect();
        let rows = sqlx::query!(
            r#"select
                c.id, c.credential_id, c.platform, c.account_id, c.name, c.manager_id,
                c.time_zone, c.currency as "currency!: String",
                c.history_loaded_at is not null as "has_history!",
                upper(read.stretch) - 1 as read_until
            from app.tenant_oauth_connections as c
            join app.credentials as k on k.id = c.credential_id
            -- The stretch of days without a gap that holds the end of the history read. What is
            -- read beyond a gap, or of days before the history, does not move its end.
            left join lateral (
                select stretch
                from (
                    select
                        range_agg(daterange(j.window_start, j.window_end, '[]')) as days,
                        coalesce(
                            max(j.window_end) filter (where j.history), min(j.window_start)
                        ) as known
                    from app.etl_jobs as j
                    where
                        j.connection_id = c.id and j.state = 'succeeded'
                        and j.stream like '%\_daily'
                ) as succeeded
                cross join unnest(succeeded.days) as stretch
                where stretch @> succeeded.known
            ) as read on true
            where c.tenant_id = $1 and c.platform = any($2) and k.status <> 'revoked'
            order by c.platform, c.account_id"#,
            tenant.uuid(),
            &codes,
        )
        .fetch_all(&self.0)
        .await
        .map_err(unavailable)?;
        rows.into_iter()
            .map(|row| {
                let account = ConnectedAccount {
                    connection: row.id.into(),
                    credential: row.credential_id.into(),
                    platform: row.platform.parse().map_err(corrupt)?,
                    account_id: row.account_id,
                    name: row.name,
                    manager_id: row.manager_id,
                    time_zone: row.time_zone.parse().map_err(corrupt)?,
                    currency: row.currency.parse().map_err(corrupt)?,
                    has_history: row.has_history,
                };
                Ok(PlannableAccount { account, read_until: row.read_until })
            })
            .collect()
    }

    async fn is_planned(&self, slot: Slot, platform: Platform) -> Result<bool, StoreError> {
        sqlx::query_scalar!(
            r#"select exists (
                select from app.planned_slots
                where tenant_id = $1 and slot_date = $2 and slot_hour = $3 and platform = $4
            ) as "planned!""#,
            slot.tenant.uuid(),
            slot.date,
            i16::from(slot.hour.hour()),
            platform.code(),
        )
        .fetch_one(&self.0)
        .await
        .map_err(unavailable)
    }

    async fn plan_slot(
        &self,
        slot: Slot,
        platform: Platform,
        jobs: &[NewJob],
    ) -> Result<Option<PlannedRun>, StoreError> {
        let mut tx = self.0.begin().await.map_err(unavailable)?;
        // Locks the run's row, new or not: whoever ends its last job waits for what is added.
        let run = sqlx::query_scalar!(
            "insert into app.etl_run_history (id, tenant_id, trigger, slot_date, slot_hour)
            values ($1, $2, 'slot', $3, $4)
            on conflict (tenant_id, slot_date, slot_hour)
            do update set state = 'running', finished_at = null
            returning id",
            RunId::new().uuid(),
            slot.tenant.uuid(),
            slot.date,
            i16::from(slot.hour.hour()),
        )
        .fetch_one(&mut *tx)
        .await
        .map_err(unavailable)?;
        let planned = sqlx::query!(
            "insert into app.planned_slots (tenant_id, slot_date, slot_hour, platform, run_id)
            values ($1, $2, $3, $4, $5)
            on conflict do nothing",
            slot.tenant.uuid(),
            slot.date,
            i16::from(slot.hour.hour()),
            platform.code(),
            run,
        )
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        if planned.rows_affected() == 0 {
            tx.rollback().await.map_err(unavailable)?;
            return Ok(None);
        }
        let jobs = insert_jobs(&mut tx, run.into(), slot.tenant, jobs).await?;
        if jobs.is_empty() {
            tx.rollback().await.map_err(unavailable)?;
            return Ok(None);
        }
        tx.commit().await.map_err(unavailable)?;
        Ok(Some(PlannedRun { run_id: run.into(), jobs }))
    }

    async fn plan_manual(
        &self,
        scope: &TenantScope,
        requested_by: Option<UserId>,
        jobs: &[NewJob],
    ) -> Result<PlannedRun, StoreError> {
        let mut tx = self.0.begin().await.map_err(unavailable)?;
        let run_id = RunId::new();
        sqlx::query!(
            "insert into app.etl_run_history (id, tenant_id, trigger, requested_by)
            values ($1, $2, 'manual', $3)",
            run_id.uuid(),
            scope.tenant().uuid(),
            requested_by.map(UserId::uuid),
        )
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        let jobs = insert_jobs(&mut tx, run_id, scope.tenant(), jobs).await?;
        if jobs.is_empty() {
            return Err(StoreError::NotFound { what: "a connected account" });
        }
        tx.commit().await.map_err(unavailable)?;
        Ok(PlannedRun { run_id, jobs })
    }

    async fn mark_enqueued(&self, jobs: &[JobId]) -> Result<(), StoreError> {
        let ids: Vec<_> = jobs.iter().map(|job| job.uuid()).collect();
        sqlx::query!("update app.etl_jobs set enqueued_at = now() where id = any($1)", &ids)
            .execute(&self.0)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn unsent(
        &self,
        platform: Platform,
        sending: Duration,
        lost_after: Duration,
    ) -> Result<Vec<JobId>, StoreError> {
        let ids = sqlx::query_scalar!(
            "select id from app.etl_jobs
            where
                platform = $1 and state in ('planned', 'running')
                and case
                    when enqueued_at is null
                        then greatest(created_at, not_before) < now() - make_interval(secs => $2)
                    else enqueued_at < now() - make_interval(secs => $3)
                end
                and (not_before is null or not_before <= now())
                and (lease_until is null or lease_until < now())
            order by created_at, id",
            platform.code(),
            seconds(sending),
            seconds(lost_after),
        )
        .fetch_all(&self.0)
        .await
        .map_err(unavailable)?;
        Ok(ids.into_iter().map(JobId::from).collect())
    }
}

async fn insert_jobs(
    tx: &mut Transaction<'static, Postgres>,
    run: RunId,
    tenant: TenantId,
    jobs: &[NewJob],
) -> Result<Vec<PlannedJob>, StoreError> {
    let mut planned = Vec::with_capacity(jobs.len());
    for job in jobs {
        let id = JobId::new();
        let inserted = sqlx::query!(
            "insert into app.etl_jobs (
                id, run_id, tenant_id, connection_id, platform, account_id, stream,
                window_start, window_end, history
            )
            select $1, $2, $3, c.id, c.platform, c.account_id, $5, $6, $7, $8
            from app.tenant_oauth_connections as c
            where c.id = $4 and c.tenant_id = $3",
            id.uuid(),
            run.uuid(),
            tenant.uuid(),
            job.connection.uuid(),
            job.stream.name,
            job.window.first(),
            job.window.last(),
            job.history,
        )
        .execute(&mut **tx)
        .await
        .map_err(unavailable)?;
        // None: the connection was removed since the plan was made.
        if inserted.rows_affected() == 1 {
            planned.push(PlannedJob { id, platform: job.stream.platform });
        }
    }
    Ok(planned)
}
