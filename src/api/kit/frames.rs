//! A stream of frames as a response body.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::shutdown::Shutdown;

/// Hands on each piece as it comes. Dropping it drops the stream.
pub struct Frames<S> {
    /// None once it was ended from outside.
    stream: Arc<Mutex<Option<S>>>,
    watch: AbortHandle,
}

/// The stream took too long: the connection breaks off, so that it does not look complete.
#[derive(Debug, thiserror::Error)]
#[error("the answer took too long")]
pub struct Overdue;

impl<S: Send + 'static> Frames<S> {
    /// Ends the stream at `until`, whether somebody reads it or not: one that is not read is not asked
    /// for more, and cannot look at the time itself.
    pub fn new(stream: S, until: Instant, shutdown: &Shutdown) -> Self {
        let stream = Arc::new(Mutex::new(Some(stream)));
        let watched = stream.clone();
        let watch = shutdown.track(async move {
            sleep_until(until).await;
            drop(lock(&watched).take());
        });
        Self {
            stream,
            watch: watch.abort_handle(),
        }
    }
}

fn lock<S>(stream: &Mutex<Option<S>>) -> std::sync::MutexGuard<'_, Option<S>> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Stream<Item = Bytes> + Unpin> Body for Frames<S> {
    type Data = Bytes;
    type Error = Overdue;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Overdue>>> {
        match &mut *lock(&self.stream) {
            Some(stream) => Pin::new(stream)
                .poll_next(cx)
                .map(|next| next.map(|bytes| Ok(Frame::data(bytes)))),
            None => Poll::Ready(Some(Err(Overdue))),
        }
    }
}

impl<S> Drop for Frames<S> {
    fn drop(&mut self) {
        self.watch.abort();
        // The watch lets go of its share when the runtime comes to it, which is too late for a caller
        // who has left.
        drop(lock(&self.stream).take());
    }
}

impl<S> fmt::Debug for Frames<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").finish_non_exhaustive()
    }
}
