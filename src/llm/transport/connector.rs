//! The way to a new connection, and how long it may take.

use std::error::Error;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::time::timeout;
use tower::Service;

use super::tls;
use crate::error::Result;

/// A peer that is gone is found out by then, though it says nothing.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVES: u32 = 3;

type Https = HttpsConnector<HttpConnector>;

/// Connects with TLS where the URL says so. Cloning it copies pointers.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    https: Https,
    patience: Duration,
}

impl Connector {
    pub(super) fn new(patience: Duration) -> Result<Self> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        // Shared by a name's addresses, so that one that is silent leaves time for the next.
        http.set_connect_timeout(Some(patience));
        http.set_keepalive(Some(KEEPALIVE));
        http.set_keepalive_interval(Some(KEEPALIVE));
        http.set_keepalive_retries(Some(KEEPALIVES));
        Ok(Self {
            https: HttpsConnector::from((http, tls::config()?)),
            patience,
        })
    }
}

impl Service<Uri> for Connector {
    type Response = <Https as Service<Uri>>::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connected = timeout(self.patience, self.https.call(to));
        Box::pin(async { connected.await? })
    }
}
