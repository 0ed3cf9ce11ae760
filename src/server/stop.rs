//! The order in which everything ends.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::accept::Connections;
use super::databases::Databases;
use crate::error::{Error, Kind, Result};
use crate::state::App;

/// What is left of the time for the last frames, the ledger and the databases.
const LAST_SECOND: Duration = Duration::from_secs(1);

/// No new connections, then no running ones, then the ledger, then the databases. An error says what
/// did not come to its end in time.
pub(super) async fn stop(
    mut connections: Connections,
    metrics: Option<Connections>,
    app: &App,
    databases: &Databases,
) -> Result<()> {
    let limits = &app.config.shutdown;
    let ends_at = Instant::now() + limits.timeout;
    tracing::info!("Stopping");
    app.shutdown.begin();
    if app.vitals.is_started.load(Ordering::Acquire) {
        // Not ready, but serving: it takes a while until nobody is sent here any more.
        sleep(limits.drain.min(limits.timeout / 2)).await;
    } else {
        connections.cut();
    }
    let_go(&mut connections, app, ends_at).await;
    app.shutdown.force();
    let tidy = async {
        if let Some(mut metrics) = metrics {
            metrics.cut();
            metrics.close().await;
        }
        app.relay.close().await;
        app.shutdown.finished().await;
        databases.close().await;
    };
    if timeout_at(ends_at, tidy).await.is_ok() {
        tracing::info!("Stopped");
        return Ok(());
    }
    let unwritten = app.relay.unwritten();
    tracing::error!(
        unwritten,
        "Stopped, but not everything came to its end in time"
    );
    Err(Error::new(
        Kind::Timeout,
        "stop_incomplete",
        format!(
            "Not everything came to its end in time; rows of the ledger that are lost: {unwritten}."
        ),
    ))
}

/// Whoever is being answered may finish; then streams end with a frame of their own; and who still
/// does not read it, or has not said yet what it wants, is cut off.
async fn let_go(connections: &mut Connections, app: &App, ends_at: Instant) {
    let frames_at = ends_at - LAST_SECOND;
    if timeout_at(frames_at, connections.close()).await.is_ok() {
        return;
    }
    tracing::warn!("Ending what still runs");
    app.shutdown.force();
    let cut_at = ends_at - LAST_SECOND / 2;
    if timeout_at(cut_at, connections.close()).await.is_ok() {
        return;
    }
    tracing::warn!("Cutting off who does not come to an end");
    connections.cut();
    timeout_at(ends_at, connections.close()).await.ok();
}
