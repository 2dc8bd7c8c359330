//! Every execution of the job, from its start to its end.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{BusinessClock, SystemClock};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::TransformJob;
use super::replica::{self, Replica};
use super::template::Template;

/// How an execution is getting on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Running,
    Succeeded,
    Failed,
    Stopped,
    /// The platform has lost sight of it.
    Unknown,
}

/// An execution as a test sees it.
#[derive(Clone, Debug)]
pub struct Observed {
    pub name: String,
    pub status: Status,
    /// When its first process ran, and when no process of it ran any more.
    pub began: DateTime<Utc>,
    pub ended: Option<DateTime<Utc>>,
}

#[derive(Default)]
pub(super) struct Executions(Mutex<Vec<Execution>>);

struct Execution {
    name: String,
    template: Template,
    state: Arc<Mutex<State>>,
    stop: Arc<Notify>,
    folder: Arc<TempDir>,
    /// Ends with the platform.
    _run: AbortOnDropHandle<()>,
}

struct State {
    status: Status,
    began: DateTime<Utc>,
    ended: Option<DateTime<Utc>>,
}

impl Executions {
    pub(super) fn begin(
        &self,
        job: &TransformJob,
        template: &Template,
        image_missing: bool,
    ) -> io::Result<String> {
        let name = new_name(job);
        let folder = Arc::new(tempfile::tempdir()?);
        let state = State { status: Status::Running, began: SystemClock.now(), ended: None };
        let (state, stop) = (Arc::new(Mutex::new(state)), Arc::new(Notify::new()));
        let replica = if image_missing || !template.can_be_pulled(job) {
            None
        } else {
            Some(Replica::start(job, &name, template.environment(job), &folder)?)
        };
        let run = run(replica, job.replica_timeout, Arc::clone(&stop), Arc::clone(&state));
        self.all().push(Execution {
            name: name.clone(),
            template: template.clone(),
            state,
            stop,
            folder,
            _run: AbortOnDropHandle::new(tokio::spawn(run)),
        });
        Ok(name)
    }

    /// An execution that began so long ago, and of which nobody will ever know how it ended.
    pub(super) fn strand(
        &self,
        job: &TransformJob,
        template: Template,
        age: Duration,
    ) -> io::Result<String> {
        let name = new_name(job);
        let began = SystemClock.now() - age;
        let state = State { status: Status::Unknown, began, ended: None };
        self.all().push(Execution {
            name: name.clone(),
            template,
            state: Arc::new(Mutex::new(state)),
            stop: Arc::new(Notify::new()),
            folder: Arc::new(tempfile::tempdir()?),
            _run: AbortOnDropHandle::new(tokio::spawn(std::future::pending())),
        });
        Ok(name)
    }

    /// Ends and forgets all.
    pub(super) fn forget(&self) {
        self.all().clear();
    }

    /// Asks an execution to end. `None` if there is none of that name.
    pub(super) fn stop(&self, name: &str) -> Option<()> {
        let all = self.all();
        let execution = all.iter().find(|execution| execution.name == name)?;
        execution.stop.notify_one();
        Some(())
    }

    /// As the API shows it.
    pub(super) fn get(&self, job: &TransformJob, name: &str) -> Option<Value> {
        let all = self.all();
        all.iter().find(|execution| execution.name == name).map(|execution| execution.shown(job))
    }

    /// Newest first.
    pub(super) fn list(&self, job: &TransformJob) -> Vec<Value> {
        self.all().iter().rev().map(|execution| execution.shown(job)).collect()
    }

    pub(super) fn observed(&self) -> Vec<Observed> {
        let observed = |execution: &Execution| {
            let State { status, began, ended } = *lock(&execution.state);
            Observed { name: execution.name.clone(), status, began, ended }
        };
        self.all().iter().map(observed).collect()
    }

    pub(super) fn log(&self, name: &str) -> String {
        let all = self.all();
        let execution = all.iter().find(|execution| execution.name == name);
        let file = execution.map(|execution| replica::log_file(execution.folder.path()));
        file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Execution>> {
        lock(&self.0)
    }
}

impl Execution {
    fn shown(&self, job: &TransformJob) -> Value {
        let state = lock(&self.state);
        let mut properties = json!({
            "status": format!("{:?}", state.status),
            "startTime": timestamp(state.began),
            "template": self.template,
        });
        if let Some(ended) = state.ended {
            properties["endTime"] = json!(timestamp(ended));
        }
        json!({
            "id": format!("{}/executions/{}", job.id(), self.name),
            "name": self.name,
            "type": "Microsoft.App/jobs/executions",
            "properties": properties,
        })
    }
}

/// An image that cannot be pulled keeps the platform trying until the time is over.
async fn run(
    replica: Option<Replica>,
    timeout: Duration,
    stop: Arc<Notify>,
    state: Arc<Mutex<State>>,
) {
    let mut replica = replica;
    let ended = async {
        match &mut replica {
            Some(replica) => replica.ended().await.is_ok_and(|status| status.success()),
            None => std::future::pending().await,
        }
    };
    let status = tokio::select! {
        succeeded = ended => if succeeded { Status::Succeeded } else { Status::Failed },
        () = tokio::time::sleep(timeout) => Status::Failed,
        () = stop.notified() => Status::Stopped,
    };
    if let Some(mut replica) = replica {
        replica.stop().await;
    }
    let mut state = lock(&state);
    state.status = status;
    state.ended = Some(SystemClock.now());
}

fn new_name(job: &TransformJob) -> String {
    let suffix: String = Uuid::new_v4().simple().to_string().chars().take(7).collect();
    format!("{}-{suffix}", job.name)
}

fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, false)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
