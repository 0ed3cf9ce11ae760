//! Serving, until the system asks for an end.

use tokio::sync::oneshot;

use super::{exit_code, on_runtime};
use crate::config::Config;
use crate::error::Result;
use crate::server::{Server, Signals};

/// What a shell reports of a program that an interrupt ended.
pub(super) const INTERRUPTED: u8 = 130;

pub(super) fn serve(config: Config) -> u8 {
    exit_code(on_runtime(async {
        // First of all: who is told to stop while starting should stop, and not be killed.
        let signals = Signals::listen()?;
        let (told, stop) = oneshot::channel();
        tokio::select! {
            ended = run(config, stop) => ended.map(|()| 0),
            () = told_twice(signals, told) => Ok(INTERRUPTED),
        }
    }))
}

async fn run(config: Config, stop: oneshot::Receiver<()>) -> Result<()> {
    let server = Server::bind(config).await?;
    server.run(async { stop.await.unwrap_or(()) }).await
}

/// Resolves at the second signal to stop; the first is passed on.
async fn told_twice(mut signals: Signals, first: oneshot::Sender<()>) {
    signals.next().await;
    first.send(()).ok();
    signals.next().await;
}
