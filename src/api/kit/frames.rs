//! A stream of frames as a response body.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame};

/// Hands on each piece as it comes. Dropping it drops the stream.
#[derive(Debug)]
pub struct Frames<S>(S);

impl<S> Frames<S> {
    pub fn new(stream: S) -> Self {
        Self(stream)
    }
}

impl<S: Stream<Item = Bytes> + Unpin> Body for Frames<S> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0)
            .poll_next(cx)
            .map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}
