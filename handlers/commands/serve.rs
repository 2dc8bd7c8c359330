//! `marketing-iq serve`: the whole system on one machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use http::{AppSlot, Server, Surface};
use tokio_util::sync::CancellationToken;

use super::{read_settings, runtime, start_logging, stop_signal};
use crate::logging::{LogFormat, Stream};
use crate::wiring;

pub(super) fn run() -> anyhow::Result<ExitCode> {
    start_logging(LogFormat::Text, Stream::Stdout);
    let settings = read_settings()?;
    runtime()?.block_on(async {
        let backends = wiring::Backends::choose(&settings)?;
        let slot = AppSlot::ready(backends.app());
        let public = Server::bind(settings.listen, Surface::Public, slot.clone()).await?;
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let triggers = Server::bind(loopback, Surface::Triggers, slot).await?;
        let host = backends.host(&settings, triggers.address()?)?;
        tracing::info!(address = %public.address()?, "serving");

        let stop = CancellationToken::new();
        let public = tokio::spawn(public.run(stop.clone().cancelled_owned()));
        // The host's last calls still need their listener: it stops after the host has.
        let drained = CancellationToken::new();
        let triggers = tokio::spawn(triggers.run(drained.clone().cancelled_owned()));
        let host = tokio::spawn(host.run(stop.clone()));

        stop_signal().await;
        tracing::info!("stopping: running work may finish");
        stop.cancel();
        host.await?;
        drained.cancel();
        public.await?;
        triggers.await?;
        Ok(ExitCode::SUCCESS)
    })
}
