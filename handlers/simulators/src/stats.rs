//! How often each endpoint was called, for which account.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use domain::Platform;
use serde_json::{Value, json};

/// Platform, endpoint and account.
type Target = (Platform, &'static str, Option<String>);

#[derive(Default)]
pub(crate) struct Stats(Mutex<BTreeMap<Target, u64>>);

impl Stats {
    pub(crate) fn count(
        &self,
        platform: Platform,
        endpoint: &'static str,
        account_id: Option<&str>,
    ) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry((platform, endpoint, account_id.map(str::to_owned))).or_default() += 1;
    }

    /// How many calls an account of a platform had.
    pub(crate) fn of_account(&self, platform: Platform, account_id: &str) -> u64 {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls
            .iter()
            .filter(|((on, _, account), _)| {
                *on == platform && account.as_deref() == Some(account_id)
            })
            .map(|(_, count)| count)
            .sum()
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn to_json(&self) -> Value {
        let calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows: Vec<Value> = calls
            .iter()
            .map(|((platform, endpoint, account_id), count)| {
                json!({
                    "platform": platform,
                    "endpoint": endpoint,
                    "account_id": account_id,
                    "count": count,
                })
            })
            .collect();
        json!({ "total": calls.values().sum::<u64>(), "calls": rows })
    }
}
