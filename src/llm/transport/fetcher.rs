//! Small documents of others, over the same kind of connection as answers of upstreams.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION};
use http::{HeaderValue, Request, StatusCode, Uri};
use tokio::time::timeout;

use super::{Transport, whole};
use crate::error::Result;
use crate::llm::{Failure, Sent, Wait};

/// Fetches documents within a time and up to a size. Cloning it copies pointers.
#[derive(Clone, Debug)]
pub struct Fetcher {
    transport: Transport,
    within: Duration,
    /// In bytes.
    limit: usize,
}

impl Fetcher {
    /// `within` is for the whole way: the connection, the head and the last byte.
    pub fn new(within: Duration, limit: usize) -> Result<Self> {
        Ok(Self {
            transport: Transport::new(within)?,
            within,
            limit,
        })
    }

    /// The JSON at an address that answers 200. A redirect is not followed.
    pub async fn json(&self, address: &Uri) -> Result<Bytes, Failure> {
        let asked = timeout(self.within, self.ask(address)).await;
        asked.unwrap_or(Err(Failure::Late(Wait::Total)))
    }

    async fn ask(&self, address: &Uri) -> Result<Bytes, Failure> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = address.clone();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // Asked for seldom: an idle connection would be closed by then.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let answer = self.transport.send(request, &Sent::default()).await?;
        if answer.status() != StatusCode::OK {
            return Err(Failure::Garbled("its status is not 200"));
        }
        whole(answer.into_body(), self.limit).await
    }
}
