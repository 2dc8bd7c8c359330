//! Where a listener finds the application once it stands.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::{App, Problem};

/// One thing that keeps the deployment from working, in words that name the fix.
pub type Fault = String;

/// Where the listener finds the application once it stands. The listener is bound first, so
/// that the host's readiness call is answered at once whatever the settings say.
#[derive(Clone)]
pub struct AppSlot(watch::Receiver<Standing>);

#[derive(Clone)]
enum Standing {
    Starting,
    Ready(Arc<App>),
    Faulty(Arc<[Fault]>),
}

/// Fills an [`AppSlot`].
pub struct AppSetter(watch::Sender<Standing>);

/// How long a call waits for a process that is still starting.
pub(crate) const START_UP: Duration = Duration::from_secs(20);

impl AppSlot {
    /// A slot that is filled later.
    pub fn starting() -> (AppSetter, Self) {
        let (sender, receiver) = watch::channel(Standing::Starting);
        (AppSetter(sender), Self(receiver))
    }

    /// A slot that holds `app` from the start.
    pub fn ready(app: Arc<App>) -> Self {
        Self(watch::channel(Standing::Ready(app)).1)
    }

    /// The application, waited for while the process starts; 503 if it does not come to stand.
    pub(crate) async fn app(&self) -> Result<Arc<App>, Problem> {
        let mut standing = self.0.clone();
        let settled = standing.wait_for(|standing| !matches!(standing, Standing::Starting));
        let settled = match tokio::time::timeout(START_UP, settled).await {
            Ok(Ok(settled)) => settled.clone(),
            // The setter is gone without a word, or takes too long.
            Ok(Err(_)) | Err(_) => Standing::Starting,
        };
        match settled {
            Standing::Ready(app) => Ok(app),
            Standing::Starting => {
                Err(Problem::unavailable("the process is still starting", "not started in time"))
            }
            Standing::Faulty(faults) => Err(Problem::unavailable(
                "the deployment's settings are at fault; its log names each",
                faults.join("; "),
            )),
        }
    }
}

impl AppSetter {
    pub fn ready(self, app: Arc<App>) {
        self.0.send_replace(Standing::Ready(app));
    }

    pub fn faulty(self, faults: Vec<Fault>) {
        self.0.send_replace(Standing::Faulty(faults.into()));
    }
}
