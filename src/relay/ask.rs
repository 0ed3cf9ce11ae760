//! What the relay is asked, and what it answers.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::stream::Relayed;
use crate::domain::{IdempotencyKey, Principal, RequestId};
use crate::error::Error;
use crate::llm::ChatRequest;

/// Who asks for what.
#[derive(Debug)]
pub struct Ask {
    pub principal: Principal,
    pub request: ChatRequest,
    pub request_id: RequestId,
    /// Under which the request is run once, however often it comes.
    pub idempotency_key: Option<IdempotencyKey>,
    /// When the whole request was there.
    pub arrived: Instant,
}

/// What an upstream answered, or why none did. Headers are those worth passing on.
#[derive(Debug)]
pub enum Answer {
    /// An upstream's answer as it is: a success, or a refusal that is the caller's to read.
    Whole {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    /// A stream that has begun.
    Stream {
        headers: HeaderMap,
        frames: Box<Relayed>,
    },
    Failed {
        error: Error,
        headers: HeaderMap,
    },
}
