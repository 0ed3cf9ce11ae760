//! Connections: taken in, served, counted, and let go.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::normalize_path::NormalizePath;

use super::connection::{HEAD_TIMEOUT, Terms};
use super::linger::Rest;
use crate::api::kit::client::Peer;
use crate::api::layers::trace::is_probe;
use crate::state::App;

/// A pause when the system has no more sockets to give.
const RECOVERY: Duration = Duration::from_millis(100);

type Service = NormalizePath<Router>;

/// The connections of one listener.
#[derive(Debug)]
pub(super) struct Connections {
    address: Option<SocketAddr>,
    stop: CancellationToken,
    cut: CancellationToken,
    started: CancellationToken,
    door: JoinHandle<()>,
}

impl Connections {
    /// Takes connections from now on. Until [`Connections::open`] only probes are answered, and
    /// everybody else waits.
    pub(super) fn start(listener: TcpListener, app: &App, service: Service) -> Self {
        let address = listener.local_addr().ok();
        let stop = CancellationToken::new();
        let cut = CancellationToken::new();
        let started = CancellationToken::new();
        let door = Door {
            app: app.clone(),
            service,
            open: GracefulShutdown::new(),
            cut: cut.clone(),
            started: started.clone(),
        };
        Self {
            address,
            door: app.shutdown.track(door.keep(listener, stop.clone())),
            stop,
            cut,
            started,
        }
    }

    /// Answers everybody from now on.
    pub(super) fn open(&self) {
        self.started.cancel();
    }

    pub(super) fn address(&self) -> String {
        self.address
            .map(|address| address.to_string())
            .unwrap_or_default()
    }

    /// Takes no more, closes what is idle, and waits for what is being answered.
    pub(super) async fn close(&mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.door).await {
            tracing::error!(%error, "Connections were not let go");
        }
    }

    /// Ends what is still open, whatever it does.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }
}

struct Door {
    app: App,
    service: Service,
    open: GracefulShutdown,
    cut: CancellationToken,
    started: CancellationToken,
}

impl Door {
    async fn keep(self, listener: TcpListener, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => self.serve(stream, peer),
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(%error, "A connection broke off before it was taken");
                }
                Err(error) => {
                    tracing::warn!(%error, "A connection was not taken");
                    tokio::time::sleep(RECOVERY).await;
                }
            }
        }
        drop(listener);
        self.open.shutdown().await;
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "Frames may wait for others");
        }
        let (service, started) = (self.service.clone(), self.started.clone());
        let rest = Rest::default();
        let stream = rest.linger(stream);
        let answer = move |request: Request<Incoming>| {
            let request = request.map(|body| Body::new(rest.watch(body)));
            answer(service.clone(), started.clone(), request, peer)
        };
        let terms = Terms {
            watcher: self.open.watcher(),
            cut: self.cut.clone(),
            patience: HEAD_TIMEOUT,
        };
        let counted = Counted::one(self.app.clone());
        self.app.shutdown.track(async move {
            terms.serve(stream, answer).await;
            drop(counted);
        });
    }
}

/// Whether the next one may be taken at once: the others are not to wait for it.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn answer(
    service: Service,
    started: CancellationToken,
    mut request: Request<Body>,
    peer: SocketAddr,
) -> Result<Response, Infallible> {
    if !is_probe(request.uri().path()) {
        started.cancelled().await;
    }
    request.extensions_mut().insert(Peer(peer));
    service.oneshot(request).await
}

/// One connection in the count of those that are open.
struct Counted(App);

impl Counted {
    fn one(app: App) -> Self {
        app.vitals.connections.fetch_add(1, Ordering::Relaxed);
        Self(app)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.vitals.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
