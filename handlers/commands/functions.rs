//! `marketing-iq functions`: a custom handler of the Azure Functions host.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use http::{AppSlot, Server, Surface};

use super::{complain, environment, read_settings, runtime, start_logging, stop_signal};
use crate::logging::{LogFormat, Stream};
use crate::wiring;

/// The host takes this exit code for a wish to be restarted. It never restarts a process that
/// exits with 0, so that code is never used.
const RESTART: u8 = 200;

pub(super) fn run() -> ExitCode {
    start_logging(LogFormat::Json, Stream::Stdout);
    let served = runtime().and_then(|runtime| runtime.block_on(serve()));
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
    let (setter, slot) = AppSlot::starting();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let server = Server::bind(address, Surface::Both, slot).await?;
    let server = tokio::spawn(server.run(stop_signal()));
    let wired = match read_settings() {
        Ok(settings) => wiring::Backends::choose(&settings),
        Err(error) => Err(error),
    };
    match wired {
        Ok(backends) => setter.ready(backends.app()),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the settings are at fault");
            setter.faulty(vec![format!("{error:#}")]);
        }
    }
    server.await?;
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
