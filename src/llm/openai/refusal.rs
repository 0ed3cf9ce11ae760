//! Tells an answer that is a success from one that is none.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Body;
use tokio::time::timeout;

use super::head;
use crate::llm::{Failure, Refusal, transport};

const LIMIT: usize = 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// The answer, if its head says success.
pub(super) async fn accepted<B>(answer: Response<B>) -> Result<Response<B>, Failure>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if answer.status().is_success() {
        return Ok(answer);
    }
    let (head, body) = answer.into_parts();
    // The verdict stands, whether its body can be read or not.
    let body = timeout(PATIENCE, transport::whole(body, LIMIT)).await;
    let body = body.ok().and_then(Result::ok);
    Err(Failure::Refused(Box::new(Refusal {
        status: head.status,
        headers: head::worth_passing(&head.headers),
        is_whole: body.is_some(),
        body: body.unwrap_or_default(),
    })))
}
