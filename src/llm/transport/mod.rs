//! The connections to an upstream, each kept for the next request.

mod body;
mod connector;
mod fetcher;
mod outgoing;
mod tls;

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::error::Elapsed;

use super::Sent;
use super::failure::{Failure, Wait};
use crate::error::Result;
pub(super) use body::whole;
use connector::Connector;
pub use fetcher::Fetcher;
use outgoing::Outgoing;
pub(super) use tls::config as tls_config;

/// Below what servers usually keep an idle connection open for.
const POOL_IDLE: Duration = Duration::from_mins(1);
/// The most of a head, and of what is read at once of a body. Of a stream that nobody reads, one such
/// piece is in our hands, one is on its way, and one is being read.
const BUFFER: usize = 16 << 10;

/// Connections of HTTP/1: over HTTP/2 all streams would wait for one connection. Nothing stands
/// between us and the upstream, and no redirect is followed. Cloning it copies pointers.
#[derive(Clone, Debug)]
pub(super) struct Transport(Client<Connector, Outgoing>);

impl Transport {
    /// `patience` is for the whole way to a connection: the name, the socket and TLS.
    pub(super) fn new(patience: Duration) -> Result<Self> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .http1_max_buf_size(BUFFER)
            .build(Connector::new(patience)?);
        Ok(Self(client))
    }

    /// Waits for the head of an answer. No upstream is sent a request twice: only one that its
    /// connection has not begun to send, because it was closed meanwhile, takes another connection.
    pub(super) async fn send(
        &self,
        request: Request<Bytes>,
        sent: &Sent,
    ) -> Result<Response<Incoming>, Failure> {
        let request = request.map(|body| Outgoing::new(body, sent));
        self.0.request(request).await.map_err(unanswered)
    }
}

fn unanswered(error: Error) -> Failure {
    if error.is_connect() && is_late(&error) {
        Failure::Late(Wait::Connect)
    } else if error.is_connect() || was_not_sent(&error) {
        Failure::Unreachable(error.into())
    } else {
        Failure::Cut(Some(error.into()))
    }
}

fn is_late(error: &Error) -> bool {
    causes(error).any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        cause.is::<Elapsed>() || io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    })
}

/// Whether the connection was gone before it took the request.
fn was_not_sent(error: &Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<hyper::Error>())
        .any(|error| error.is_canceled() || error.is_closed())
}

fn causes(error: &Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source())
}
