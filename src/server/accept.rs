//! Connections: taken in, served, counted, and let go.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::normalize_path::NormalizePath;

use crate::api;
use crate::api::kit::client::Peer;
use crate::state::App;

/// Who does not send a whole head by then is not served.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The most of a head, and of a body that nobody reads yet.
const BUFFER: usize = 64 << 10;
/// Streams of one HTTP/2 connection.
const STREAMS: u32 = 200;
/// A pause when the system has no more sockets to give.
const RECOVERY: Duration = Duration::from_millis(100);

type Service = NormalizePath<Router>;

/// The connections of one listener.
#[derive(Debug)]
pub(super) struct Connections {
    address: Option<SocketAddr>,
    stop: CancellationToken,
    door: JoinHandle<()>,
}

impl Connections {
    /// Takes connections from now on.
    pub(super) fn start(listener: TcpListener, app: &App) -> Self {
        let address = listener.local_addr().ok();
        let stop = CancellationToken::new();
        let door = Door {
            app: app.clone(),
            service: api::service(app.clone()),
            builder: builder(),
            open: GracefulShutdown::new(),
        };
        Self {
            address,
            door: app.shutdown.track(door.keep(listener, stop.clone())),
            stop,
        }
    }

    pub(super) fn address(&self) -> String {
        self.address
            .map(|address| address.to_string())
            .unwrap_or_default()
    }

    /// Takes no more, closes what is idle, and waits for what is being answered.
    pub(super) async fn close(self) {
        self.stop.cancel();
        if let Err(error) = self.door.await {
            tracing::error!(%error, "Connections were not let go");
        }
    }
}

struct Door {
    app: App,
    service: Service,
    builder: Builder<TokioExecutor>,
    open: GracefulShutdown,
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
        let service = self.service.clone();
        let answer = service_fn(move |request| answer(service.clone(), request, peer));
        let connection = self
            .builder
            .serve_connection_with_upgrades(TokioIo::new(stream), answer)
            .into_owned();
        let connection = self.open.watch(connection);
        let counted = Counted::one(self.app.clone());
        self.app.shutdown.track(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "A connection broke off");
            }
            drop(counted);
        });
    }
}

async fn answer(
    service: Service,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    service.oneshot(request).await
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Duration::from_secs(20));
    builder
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
