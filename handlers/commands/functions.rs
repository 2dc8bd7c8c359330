//! `marketing-iq functions`: a custom handler of the Azure Functions host.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use anyhow::Context;
use http::{AppSlot, Server, Surface};
use stores::Waiting;
use tokio_util::sync::CancellationToken;

use super::{ENDING, StopSignals, complain, environment, read_settings, runtime, start_logging};
use crate::logging::{LogFormat, Stream};
use crate::wiring;

/// The host takes this exit code for a wish to be restarted. It never restarts a process that
/// exits with 0, so that code is never used.
const RESTART: u8 = 200;

pub(super) fn run() -> ExitCode {
    start_logging(LogFormat::Json, Stream::Stdout);
    let served = runtime().and_then(|runtime| {
        let served = runtime.block_on(serve());
        // What still runs has had its time: it is dropped, and a blocked thread is not waited for.
        runtime.shutdown_timeout(ENDING);
        served
    });
    match served {
        Ok(()) => ExitCode::from(RESTART),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let port = port()?;
    let mut signals = StopSignals::listen()?;
    let (setter, slot) = AppSlot::starting();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let server = Server::bind(address, Surface::Both, slot);
    let server = server.await.with_context(|| format!("{address} cannot be bound"))?;
    let stop = CancellationToken::new();
    let mut server = tokio::spawn(server.run(stop.clone().cancelled_owned()));
    let wired = match read_settings() {
        Ok(settings) => wiring::Backends::choose(&settings, Waiting::Requests),
        Err(error) => Err(error),
    };
    match wired {
        Ok(backends) => setter.ready(backends.app()),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the settings are at fault");
            setter.faulty(vec![format!("{error:#}")]);
        }
    }
    tokio::select! {
        () = signals.next() => {}
        ended = &mut server => {
            ended?;
            anyhow::bail!("the listener ended by itself");
        }
    }
    tracing::info!("stopping: running calls may finish; a second signal ends them");
    stop.cancel();
    tokio::select! {
        ended = server => ended?,
        () = signals.next() => tracing::warn!("stopped at once: running calls are given up"),
    }
    Ok(())
}

fn port() -> anyhow::Result<u16> {
    let text = environment("FUNCTIONS_CUSTOMHANDLER_PORT").ok_or_else(|| {
        anyhow::anyhow!(
            "FUNCTIONS_CUSTOMHANDLER_PORT is not set: the Functions host sets it. To run on this \
             machine without a host, use `marketing-iq serve`"
        )
    })?;
    text.parse().map_err(|_| {
        anyhow::anyhow!("FUNCTIONS_CUSTOMHANDLER_PORT is {text:?}, which is not a port")
    })
}
