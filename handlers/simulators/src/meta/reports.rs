//! Insights by report run: ordered, asked after, fetched.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use domain::{BusinessClock, SystemClock};
use serde_json::{Value, json};

use super::insights::Question;

/// How a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Fine,
    Stuck,
    Fails,
}

#[derive(Clone)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) account_id: String,
    pub(super) question: Question,
    course: Course,
    /// How often it is still asked after in vain.
    polls_left: u32,
    ordered_at: DateTime<Utc>,
}

#[derive(Default)]
pub(crate) struct Reports(Mutex<BTreeMap<String, Run>>);

/// Ids of report runs begin here, apart from those of accounts and campaigns.
const FIRST_ID: usize = 6_023_920_149_050_000;

impl Reports {
    pub(super) fn order(
        &self,
        account_id: &str,
        question: Question,
        course: Course,
        polls: u32,
    ) -> String {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = (FIRST_ID + runs.len()).to_string();
        let run = Run {
            id: id.clone(),
            account_id: account_id.to_owned(),
            question,
            course,
            polls_left: polls,
            ordered_at: SystemClock.now(),
        };
        runs.insert(id.clone(), run);
        id
    }

    pub(super) fn find(&self, id: &str) -> Option<Run> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The state of a run, which is one poll nearer to its end afterwards.
    pub(super) fn poll(&self, id: &str) -> Option<Value> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let run = runs.get_mut(id)?;
        let state = run.state();
        run.polls_left = run.polls_left.saturating_sub(1);
        Some(state)
    }
}

impl Run {
    pub(super) fn is_complete(&self) -> bool {
        self.course == Course::Fine && self.polls_left == 0
    }

    fn state(&self) -> Value {
        let (status, percent) = match (self.course, self.polls_left) {
            (Course::Fine, 0) => ("Job Completed", 100),
            (Course::Fails, 0) => ("Job Failed", 0),
            (Course::Fine | Course::Fails, 1) => ("Job Running", 50),
            (Course::Fine | Course::Fails, _) => ("Job Started", 0),
            (Course::Stuck, _) => ("Job Running", 30),
        };
        let running = matches!(status, "Job Running" | "Job Started");
        let (first, last) = self.question.range();
        let mut state = json!({
            "id": self.id,
            "account_id": self.account_id,
            "time_ref": self.ordered_at.timestamp(),
            "async_status": status,
            "async_percent_completion": percent,
            "is_running": running,
            "date_start": first,
            "date_stop": last,
        });
        if !running {
            state["time_completed"] = json!(SystemClock.now().timestamp());
        }
        if status == "Job Failed" {
            state["error_code"] = json!(-2);
            state["error_subcode"] = json!(2_490_547);
            state["error_message"] = json!("Report Failed, try later");
        }
        state
    }
}
