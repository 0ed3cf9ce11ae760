//! The only place that builds things, and the order in which they begin and end.

mod accept;
mod build;
mod chores;
mod connection;
mod databases;
mod linger;
mod secret;
mod signal;
mod stall;
mod stop;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use tokio::net::TcpListener;

pub use build::{auth, build, install_crypto};
pub use databases::Databases;
pub use signal::Signals;

use crate::api;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::shutdown::Shutdown;
use crate::state::App;
use accept::Connections;

/// A server that holds its port and has yet to answer.
#[derive(Debug)]
pub struct Server {
    app: App,
    databases: Databases,
    listener: TcpListener,
    /// Where metrics have a port of their own.
    metrics: Option<TcpListener>,
}

impl Server {
    /// Takes the port first: who cannot have it should not touch a database.
    pub async fn bind(config: Config) -> Result<Self> {
        let host = config.http.host;
        let listener = listen(host, config.http.port, "API_PORT or --port").await?;
        let metrics = match config.features.metrics_port {
            Some(port) => Some(listen(host, port, "METRICS_PORT").await?),
            None => None,
        };
        let databases = Databases::open(&config.databases).await?;
        let app = build(config, &databases, Clock::system(), Shutdown::new())?;
        Ok(Self {
            metrics,
            ..Self::new(app, databases, listener)
        })
    }

    /// A server of what is built already.
    pub fn new(app: App, databases: Databases, listener: TcpListener) -> Self {
        Self {
            app,
            databases,
            listener,
            metrics: None,
        }
    }

    /// Answers until it is told to stop, then brings everything to its end. Probes are answered
    /// from the first moment, everybody else once the databases are ready.
    pub async fn run(self, told_to_stop: impl Future<Output = ()>) -> Result<()> {
        let Self {
            app,
            databases,
            listener,
            metrics,
        } = self;
        let connections = Connections::start(listener, &app, api::service(app.clone()));
        let metrics = metrics.map(|listener| measure(listener, &app));
        let served = async {
            prepare(&app.config, &databases).await?;
            welcome(&connections, &app);
            std::future::pending().await
        };
        let ended = tokio::select! {
            failed = served => failed,
            () = told_to_stop => Ok(()),
        };
        let stopped = stop::stop(connections, metrics, &app, &databases).await;
        ended.and(stopped)
    }
}

/// Whoever reads the metrics may do so from the first moment to the last.
fn measure(listener: TcpListener, app: &App) -> Connections {
    let readers = Connections::start(listener, app, api::metrics(app.clone()));
    readers.open();
    let address = readers.address();
    tracing::info!(metrics.address = address, "Metrics are on {address}");
    readers
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
                "Migrations are missing ({missing}): run `concierge migrate`, or let DB_AUTO_MIGRATE be true."
            ),
        )),
    }
}

fn welcome(connections: &Connections, app: &App) {
    app.vitals.is_started.store(true, Ordering::Release);
    connections.open();
    chores::begin(app);
    let address = connections.address();
    tracing::info!(
        address,
        version = env!("CARGO_PKG_VERSION"),
        env = app.config.env.as_str(),
        "Listening on {address}"
    );
}

async fn listen(host: IpAddr, port: u16, setting: &str) -> Result<TcpListener> {
    let address = SocketAddr::new(host, port);
    TcpListener::bind(address)
        .await
        .map_err(|error| cannot_listen(address, setting, error))
}

fn cannot_listen(address: SocketAddr, setting: &str, error: io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => &format!("the port is in use; choose another with {setting}"),
        io::ErrorKind::PermissionDenied => "the system does not permit it",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "the system refuses",
    };
    let message = format!("Cannot listen on {address}: {why}.");
    Error::new(Kind::Unavailable, "cannot_listen", message).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_be_spawned<T: Send>(_: &T) {}

    #[expect(dead_code, reason = "that it compiles is the test")]
    fn a_server_may_run_on_any_thread(server: Server, databases: &Databases) {
        may_be_spawned(&databases.main.migrate());
        may_be_spawned(&databases.main.unapplied());
        may_be_spawned(&server.run(std::future::pending()));
    }
}
