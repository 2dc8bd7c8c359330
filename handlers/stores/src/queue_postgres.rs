//! The job queues in PostgreSQL, for one machine or a few.
//!
//! **Invariant:** a message has at most one holder. Receiving hides it and gives it a new
//! receipt in one statement; whatever the holder does later must show that receipt.

use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{Delivery, JobQueue, QueueConsumer, StoreError};
use sqlx::PgPool;
use uuid::Uuid;

use crate::database::unavailable;
use crate::queue_text::check_text;

/// As Azure Storage Queues: a message that nobody wanted for so long is dropped.
const TIME_TO_LIVE: Duration = Duration::from_hours(7 * 24);

/// A poisoned message waits for a person, who may be on holiday.
const POISON_TIME_TO_LIVE: Duration = Duration::from_hours(90 * 24);

/// The queues, through the pool of the `miq_app` role.
#[derive(Clone, Debug)]
pub struct PostgresQueue {
    pool: PgPool,
}

impl PostgresQueue {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl JobQueue for PostgresQueue {
    async fn send(&self, queue: &str, text: &str, delay: Duration) -> Result<(), StoreError> {
        check_text(text)?;
        sqlx::query!(
            "with expired as (delete from app.queue_messages where expires_at <= now())
             insert into app.queue_messages (id, queue, text, visible_at, expires_at)
             values (
                 $1, $2, $3,
                 now() + make_interval(secs => $4),
                 now() + make_interval(secs => $4) + make_interval(secs => $5)
             )",
            Uuid::now_v7(),
            queue,
            text,
            delay.as_secs_f64(),
            TIME_TO_LIVE.as_secs_f64(),
        )
        .execute(&self.pool)
        .await
        .map_err(away)?;
        Ok(())
    }
}

#[async_trait]
impl QueueConsumer for PostgresQueue {
    async fn receive(
        &self,
        queue: &str,
        visibility: Duration,
    ) -> Result<Option<Delivery>, StoreError> {
        let receipt = Uuid::new_v4();
        let row = sqlx::query!(
            r#"with next as (
                 select id from app.queue_messages
                 where queue = $1 and visible_at <= now() and expires_at > now()
                 order by visible_at, id
                 limit 1
                 for update skip locked
             )
             update app.queue_messages as message
             set dequeue_count = message.dequeue_count + 1,
                 receipt = $2,
                 visible_at = now() + make_interval(secs => $3)
             from next
             where message.id = next.id
             returning message.id, message.text, message.dequeue_count, message.inserted_at,
                       message.expires_at, message.visible_at"#,
            queue,
            receipt,
            visibility.as_secs_f64(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(away)?;
        Ok(row.map(|row| Delivery {
            queue: queue.to_owned(),
            id: row.id.to_string(),
            receipt: receipt.to_string(),
            text: row.text,
            dequeue_count: row.dequeue_count.unsigned_abs(),
            inserted_at: row.inserted_at,
            expires_at: row.expires_at,
            next_visible_at: row.visible_at,
        }))
    }

    async fn extend(
        &self,
        delivery: &mut Delivery,
        visibility: Duration,
    ) -> Result<(), StoreError> {
        let (id, receipt) = holder(delivery)?;
        // The receipt stays: were the answer lost, the holder would lose the message with it.
        let visible_at = sqlx::query_scalar!(
            "update app.queue_messages set visible_at = now() + make_interval(secs => $3)
             where id = $1 and receipt = $2
             returning visible_at",
            id,
            receipt,
            visibility.as_secs_f64(),
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(away)?;
        delivery.next_visible_at = visible_at.ok_or_else(lost)?;
        Ok(())
    }

    async fn complete(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let (id, receipt) = holder(delivery)?;
        let deleted = sqlx::query!(
            "delete from app.queue_messages where id = $1 and receipt = $2",
            id,
            receipt,
        )
        .execute(&self.pool)
        .await
        .map_err(away)?;
        if deleted.rows_affected() == 0 { Err(lost()) } else { Ok(()) }
    }

    async fn release(&self, delivery: &Delivery, delay: Duration) -> Result<(), StoreError> {
        let (id, receipt) = holder(delivery)?;
        let released = sqlx::query!(
            "update app.queue_messages
             set receipt = null, visible_at = now() + make_interval(secs => $3)
             where id = $1 and receipt = $2",
            id,
            receipt,
            delay.as_secs_f64(),
        )
        .execute(&self.pool)
        .await
        .map_err(away)?;
        if released.rows_affected() == 0 { Err(lost()) } else { Ok(()) }
    }

    async fn poison(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let (id, receipt) = holder(delivery)?;
        let moved = sqlx::query!(
            "update app.queue_messages
             set queue = queue || '-poison', receipt = null, dequeue_count = 0,
                 visible_at = now(), expires_at = now() + make_interval(secs => $3)
             where id = $1 and receipt = $2",
            id,
            receipt,
            POISON_TIME_TO_LIVE.as_secs_f64(),
        )
        .execute(&self.pool)
        .await
        .map_err(away)?;
        if moved.rows_affected() == 0 { Err(lost()) } else { Ok(()) }
    }
}

/// What the message's row must hold for the delivery to be its latest.
fn holder(delivery: &Delivery) -> Result<(Uuid, Uuid), StoreError> {
    let id = delivery.id.parse().map_err(|_| lost())?;
    let receipt = delivery.receipt.parse().map_err(|_| lost())?;
    Ok((id, receipt))
}

/// The message has been completed, or handed to another.
fn lost() -> StoreError {
    StoreError::NotFound { what: "the queue message" }
}

fn away(error: sqlx::Error) -> StoreError {
    unavailable("the job queue", error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDatabase;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn meets_the_conformance_suite() {
        let database = TestDatabase::new().await;
        let queue = PostgresQueue::new(database.app().clone());
        crate::conformance::queue(&queue, async |_| {}).await;
    }

    #[tokio::test]
    async fn an_expired_message_is_neither_delivered_nor_kept() {
        let database = TestDatabase::new().await;
        let queue = PostgresQueue::new(database.app().clone());
        queue.send("work", "old", Duration::ZERO).await.unwrap();
        sqlx::query("update app.queue_messages set expires_at = now()")
            .execute(database.owner())
            .await
            .unwrap();
        assert_eq!(queue.receive("work", Duration::from_mins(1)).await.unwrap(), None);

        queue.send("work", "new", Duration::ZERO).await.unwrap();
        let kept: Vec<String> = sqlx::query_scalar("select text from app.queue_messages")
            .fetch_all(database.owner())
            .await
            .unwrap();
        assert_eq!(kept, ["new"]);
    }
}
