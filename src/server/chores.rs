//! What is done beside answering.

use std::time::Duration;

use crate::auth::Auth;
use crate::error::chain;
use crate::shutdown::Shutdown;
use crate::state::App;

/// Sessions that are over are swept out this often.
const SWEEP: Duration = Duration::from_hours(1);

/// Begins them; each ends by itself when the end has begun.
pub(super) fn begin(app: &App) {
    let (auth, shutdown) = (&app.auth, &app.shutdown);
    shutdown.track(sweep(auth.clone(), shutdown.clone()));
    shutdown.track(warm_up(auth.clone(), shutdown.clone()));
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
