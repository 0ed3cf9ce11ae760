//! A body read whole, within a limit.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use reqwest::Body;

use crate::llm::Failure;

pub(super) async fn whole(body: Body, limit: usize) -> Result<Bytes, Failure> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::Garbled("it is too large")),
        Err(error) => Err(Failure::Cut(Some(error))),
    }
}
