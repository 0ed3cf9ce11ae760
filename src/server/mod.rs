//! The only place that builds things, and the order in which they end.

mod accept;
mod build;
mod databases;
mod secret;
mod signal;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout_at};

pub use build::{auth, build, install_crypto};
pub use databases::Databases;
pub use signal::asked_to_stop;

use crate::auth::Auth;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Kind, Result, chain};
use crate::shutdown::Shutdown;
use crate::state::App;

/// Sessions that are over are swept out this often.
const SWEEP: Duration = Duration::from_hours(1);
/// What is left of the shutdown's time for the last frames, the ledger and the databases.
const LAST_SECOND: Duration = Duration::from_secs(1);

/// A server that holds its port and has yet to answer.
#[derive(Debug)]
pub struct Server {
    app: App,
    databases: Databases,
    listener: TcpListener,
}

impl Server {
    /// Takes the port first: who cannot have it should not touch a database.
    pub async fn bind(config: Config) -> Result<Self> {
        let address = SocketAddr::new(config.http.host, config.http.port);
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| cannot_listen(address, error))?;
        let databases = Databases::open(&config.databases).await?;
        let app = build(config, &databases, Clock::system(), Shutdown::new())?;
        Ok(Self::new(app, databases, listener))
    }

    /// A server of what is built already.
    pub fn new(app: App, databases: Databases, listener: TcpListener) -> Self {
        Self {
            app,
            databases,
            listener,
        }
    }

    /// Answers until it is told to stop, then brings everything to its end.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<()> {
        let Self {
            app,
            databases,
            listener,
        } = self;
        prepare(&app.config, &databases).await?;
        app.vitals.is_started.store(true, Ordering::Release);
        let connections = accept::Connections::start(listener, &app);
        spawn_chores(&app);
        let address = connections.address();
        tracing::info!(
            address,
            version = env!("CARGO_PKG_VERSION"),
            env = app.config.env.as_str(),
            "Listening on {address}"
        );

        stop.await;
        let limits = &app.config.shutdown;
        let ends_at = Instant::now() + limits.timeout;
        app.shutdown.begin();
        tracing::info!("Stopping");
        sleep(limits.drain.min(limits.timeout / 2)).await;
        end(connections, &app, &databases, ends_at).await;
        tracing::info!("Stopped");
        Ok(())
    }
}

async fn prepare(config: &Config, databases: &Databases) -> Result<()> {
    if config.databases.auto_migrate {
        return databases.migrate().await;
    }
    match databases.unapplied().await? {
        0 => Ok(()),
        missing => Err(Error::unavailable(
            "migrations_missing",
            format!(
                "{missing} migrations are missing; run `concierge migrate`, or set DB_AUTO_MIGRATE."
            ),
        )),
    }
}

/// No new connections, then no running ones, then the ledger, then the databases.
async fn end(connections: accept::Connections, app: &App, databases: &Databases, ends_at: Instant) {
    let closed = connections.close();
    tokio::pin!(closed);
    if timeout_at(ends_at - LAST_SECOND, &mut closed)
        .await
        .is_err()
    {
        tracing::warn!("Ending what still runs");
        app.shutdown.force();
        timeout_at(ends_at - LAST_SECOND / 2, &mut closed)
            .await
            .ok();
    }
    app.shutdown.force();
    let tidy = async {
        app.relay.close().await;
        app.shutdown.finished().await;
        databases.close().await;
    };
    if timeout_at(ends_at, tidy).await.is_err() {
        tracing::error!("Not everything came to its end in time");
    }
}

fn spawn_chores(app: &App) {
    app.shutdown
        .track(sweep(app.auth.clone(), app.shutdown.clone()));
    let (auth, begun) = (app.auth.clone(), app.shutdown.begun());
    app.shutdown.track(async move {
        tokio::select! {
            warm = auth.warm_up() => warm.unwrap_or_else(|error| {
                tracing::warn!(error = %chain(&error), "The first login will take longer");
            }),
            () = begun => {}
        }
    });
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

fn cannot_listen(address: SocketAddr, error: std::io::Error) -> Error {
    let why = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "the port is in use; choose another with API_PORT or --port"
        }
        std::io::ErrorKind::PermissionDenied => "the system does not permit it",
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "the system refuses",
    };
    let message = format!("Cannot listen on {address}: {why}.");
    Error::new(Kind::Unavailable, "cannot_listen", message).because(error)
}
