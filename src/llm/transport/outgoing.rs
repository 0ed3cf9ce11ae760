//! The body of a request, which tells when it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use crate::llm::Sent;

/// A connection asks for the body when it has written the head: so nobody does who only waits for one.
#[derive(Debug)]
pub(super) struct Outgoing {
    body: Full<Bytes>,
    sent: Sent,
}

impl Outgoing {
    pub(super) fn new(body: Bytes, sent: &Sent) -> Self {
        Self {
            body: Full::new(body),
            sent: sent.clone(),
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.sent.set();
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
