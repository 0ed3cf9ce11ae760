//! What is done beside answering.

use std::time::Duration;

use crate::auth::Auth;
use crate::error::chain;
use crate::relay::Relay;
use crate::replays::Replays;
use crate::shutdown::Shutdown;
use crate::state::App;
use crate::telemetry::Metrics;

/// Sessions that are over, accounts whose removal was interrupted, and answers that are not given again, are swept out this often.
const SWEEP: Duration = Duration::from_hours(1);

/// Measurements are sorted into their buckets this often.
const UPKEEP: Duration = Duration::from_secs(5);

/// Begins them; each ends by itself when the end has begun.
pub(super) fn begin(app: &App) {
    let (auth, shutdown) = (&app.auth, &app.shutdown);
    shutdown.track(sweep(auth.clone(), shutdown.clone()));
    shutdown.track(sweep_replays(app.replays.clone(), shutdown.clone()));
    shutdown.track(forget_budgets(app.relay.clone(), shutdown.clone()));
    app.outbox.begin(shutdown);
    shutdown.track(warm_up(auth.clone(), shutdown.clone()));
    shutdown.track(keep_up(app.metrics.clone(), shutdown.clone()));
}

async fn sweep(auth: Auth, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.begun() => return,
        }
        if let Err(error) = auth.sweep().await {
            tracing::warn!(error = %chain(&error), "Sessions that are over were not swept out");
        }
        if let Err(error) = auth.sweep_audit().await {
            tracing::warn!(error = %chain(&error), "Old events stay in the audit log");
        }
        if let Err(error) = auth.bury_doomed().await {
            tracing::warn!(error = %chain(&error), "Deleted accounts were not removed");
        }
    }
}

async fn forget_budgets(relay: Relay, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.begun() => return,
        }
        if let Err(error) = relay.forget_past_budgets().await {
            tracing::warn!(error = %chain(&error), "Budgets of the past were not forgotten");
        }
    }
}

/// Else what is measured is kept one by one until somebody reads it.
async fn keep_up(metrics: Metrics, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => metrics.keep_up(),
            () = shutdown.begun() => return,
        }
    }
}

async fn sweep_replays(replays: Replays, shutdown: Shutdown) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.begun() => return,
        }
        if let Err(error) = replays.sweep().await {
            tracing::warn!(error = %chain(&error), "Old answers were not swept out");
        }
    }
}

async fn warm_up(auth: Auth, shutdown: Shutdown) {
    let warm = tokio::select! {
        warm = auth.warm_up() => warm,
        () = shutdown.begun() => return,
    };
    if let Err(error) = warm {
        tracing::warn!(error = %chain(&error), "The first login will take longer");
    }
}
