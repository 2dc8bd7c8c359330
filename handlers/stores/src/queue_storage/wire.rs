//! What the service says about messages.

use azure_core::http::StatusCode;
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::time::{OffsetDateTime, parse_rfc7231};
use azure_storage_queue::models::{ReceivedMessage, StorageErrorCode};
use chrono::{DateTime, Utc};
use domain::ports::Delivery;

use crate::azure::answered;

const POP_RECEIPT: HeaderName = HeaderName::from_static("x-ms-popreceipt");
const TIME_NEXT_VISIBLE: HeaderName = HeaderName::from_static("x-ms-time-next-visible");

/// `None` if the message lacks anything that the service always sends. An empty text comes as
/// none.
pub(super) fn delivery(queue: &str, message: ReceivedMessage) -> Option<Delivery> {
    Some(Delivery {
        queue: queue.to_owned(),
        id: message.message_id?,
        receipt: message.pop_receipt?,
        text: message.message_text.unwrap_or_default(),
        dequeue_count: message.dequeue_count?.try_into().ok()?,
        inserted_at: moment(message.insertion_time?)?,
        expires_at: moment(message.expiration_time?)?,
        next_visible_at: moment(message.time_next_visible?)?,
    })
}

/// How a message is held on.
pub(super) struct Held {
    pub(super) receipt: String,
    pub(super) next_visible_at: DateTime<Utc>,
}

/// `None` if a header is missing.
pub(super) fn held(headers: &Headers) -> Option<Held> {
    let next_visible_at = parse_rfc7231(headers.get_optional_str(&TIME_NEXT_VISIBLE)?).ok()?;
    Some(Held {
        receipt: headers.get_optional_string(&POP_RECEIPT)?,
        next_visible_at: moment(next_visible_at)?,
    })
}

/// Why the service did not do what it was asked.
pub(super) enum Refused {
    /// The queue was never made.
    NoQueue,
    /// The message is gone, or has been delivered to another.
    Lost,
}

/// `None` if it is about neither queue nor message.
pub(super) fn refusal(error: &azure_core::Error) -> Option<Refused> {
    let (status, code) = answered(error)?;
    if code == StorageErrorCode::QueueNotFound.as_ref() {
        Some(Refused::NoQueue)
    } else if status == StatusCode::NotFound
        || code == StorageErrorCode::MessageNotFound.as_ref()
        || code == StorageErrorCode::PopReceiptMismatch.as_ref()
    {
        Some(Refused::Lost)
    } else {
        None
    }
}

fn moment(time: OffsetDateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.unix_timestamp(), time.nanosecond())
}
