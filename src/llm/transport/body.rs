//! A body read whole, within a limit.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

use crate::llm::Failure;

/// Room that is made on the strength of a promise.
const PROMISED: usize = 1 << 20;

pub(in crate::llm) async fn whole<B>(mut body: B, limit: usize) -> Result<Bytes, Failure>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let promised = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if promised > limit {
        return Err(Failure::Garbled("it is too large"));
    }
    // Copied piece by piece: each would hold on to a read buffer of its own.
    let mut read = BytesMut::with_capacity(promised.min(PROMISED));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::Cut(Some(error.into())))?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if read.len() + piece.len() > limit {
            return Err(Failure::Garbled("it is too large"));
        }
        read.extend_from_slice(&piece);
    }
    Ok(read.freeze())
}
