//! `marketing-iq serve`: the whole system on one machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::Context;
use http::{AppSlot, Server, Surface};
use secrecy::SecretString;
use stores::Waiting;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{ENDING, StopSignals, read_settings, runtime, start_logging};
use crate::logging::{LogFormat, Stream};
use crate::wiring;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    start_logging(LogFormat::Text, Stream::Stdout);
    let settings = read_settings()?;
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let mut signals = StopSignals::listen()?;
        let backends = wiring::Backends::choose(&settings, Waiting::Requests)?;
        let slot = AppSlot::ready(backends.app());
        let public = Server::bind(settings.listen, Surface::Public, slot.clone()).await?;
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // Known to this process alone, and to nobody who only reaches its loopback.
        let key: SecretString =
            format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()).into();
        let triggers = Server::bind(loopback, Surface::Triggers(key.clone()), slot).await?;
        let host = backends.host(&settings, triggers.address()?, key)?;
        tracing::info!(address = %public.address()?, "serving");

        let stop = CancellationToken::new();
        let mut public = tokio::spawn(public.run(stop.clone().cancelled_owned()));
        // The host's last calls still need their listener: it stops after the host has.
        let drained = CancellationToken::new();
        let mut triggers = tokio::spawn(triggers.run(drained.clone().cancelled_owned()));
        let mut host = tokio::spawn(host.run(stop.clone()));

        // Half a service would look alive: whatever started us starts the whole again.
        let ended = tokio::select! {
            () = signals.next() => None,
            ended = &mut public => Some(("the public listener", ended)),
            ended = &mut triggers => Some(("the listener of the host's calls", ended)),
            ended = &mut host => Some(("the host of timers and queues", ended)),
        };
        if let Some((part, ended)) = ended {
            ended.context(part)?;
            anyhow::bail!("{part} ended by itself");
        }
        tracing::info!("stopping: running work may finish; a second signal ends it");
        stop.cancel();
        let finished = async {
            host.await?;
            drained.cancel();
            public.await?;
            triggers.await
        };
        tokio::select! {
            finished = finished => finished?,
            () = signals.next() => tracing::warn!("stopped at once: running work is given up"),
        }
        Ok(ExitCode::SUCCESS)
    });
    // What still runs has had its time: it is dropped, and a blocked thread is not waited for.
    runtime.shutdown_timeout(ENDING);
    served
}
