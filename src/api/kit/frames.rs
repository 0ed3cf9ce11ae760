//! A stream of frames as a response body.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Body, Frame};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::shutdown::Shutdown;

/// Hands on each piece as it comes. Dropping it drops the stream.
pub struct Frames<S> {
    phase: Arc<Mutex<Phase<S>>>,
    watch: AbortHandle,
}

enum Phase<S> {
    Running {
        stream: S,
        /// Who waits for the next piece. A stream that is gone wakes nobody.
        reader: Option<Waker>,
    },
    /// It took too long, and this is still to be said.
    Parting(Bytes),
    Parted,
    /// It took too long, and nobody was there to be told.
    Overdue,
}

/// The stream took too long: the connection breaks off, so that it does not look complete.
#[derive(Debug, thiserror::Error)]
#[error("the answer took too long")]
pub struct Overdue;

impl<S: Send + 'static> Frames<S> {
    /// Ends the stream at `until`, whether somebody reads it or not: one that is not read is not asked
    /// for more, and cannot look at the time itself. A reader who waits for more is told `last_words`
    /// of the stream; where there is none, or no words, the connection breaks off.
    pub fn new(
        stream: S,
        until: Instant,
        shutdown: &Shutdown,
        last_words: impl FnOnce(S) -> Option<Bytes> + Send + 'static,
    ) -> Self {
        let reader = None;
        let phase = Arc::new(Mutex::new(Phase::Running { stream, reader }));
        let watched = phase.clone();
        let watch = shutdown.track(async move {
            sleep_until(until).await;
            let reader = lock(&watched).end(last_words);
            if let Some(reader) = reader {
                reader.wake();
            }
        });
        Self {
            phase,
            watch: watch.abort_handle(),
        }
    }
}

impl<S> Phase<S> {
    /// Lets go of the stream. Who waits for it is to be woken.
    fn end(&mut self, last_words: impl FnOnce(S) -> Option<Bytes>) -> Option<Waker> {
        let Self::Running { stream, reader } = mem::replace(self, Self::Overdue) else {
            return None;
        };
        let reader = reader?;
        if let Some(words) = last_words(stream) {
            *self = Self::Parting(words);
        }
        Some(reader)
    }
}

fn lock<S>(phase: &Mutex<Phase<S>>) -> MutexGuard<'_, Phase<S>> {
    phase.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Stream<Item = Bytes> + Unpin> Body for Frames<S> {
    type Data = Bytes;
    type Error = Overdue;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Overdue>>> {
        let phase = &mut *lock(&self.phase);
        if let Phase::Running { stream, reader } = phase {
            let next = Pin::new(stream).poll_next(cx);
            *reader = next.is_pending().then(|| cx.waker().clone());
            return next.map(|next| next.map(|bytes| Ok(Frame::data(bytes))));
        }
        let ended = mem::replace(phase, Phase::Parted);
        Poll::Ready(match ended {
            Phase::Parting(words) => Some(Ok(Frame::data(words))),
            Phase::Overdue => Some(Err(Overdue)),
            Phase::Parted | Phase::Running { .. } => None,
        })
    }
}

impl<S> Drop for Frames<S> {
    fn drop(&mut self) {
        self.watch.abort();
        // The watch lets go of its share when the runtime comes to it, which is too late for a caller
        // who has left.
        lock(&self.phase).end(|_| None);
    }
}

impl<S> fmt::Debug for Frames<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frames").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;
    use http_body_util::BodyExt;
    use tokio::time::{sleep, timeout};

    use super::*;

    const WORDS: Bytes = Bytes::from_static(b"too long");

    /// A stream that says one word, then nothing, and knows what else to say.
    fn body(words: Option<Bytes>) -> Frames<impl Stream<Item = Bytes> + Unpin> {
        let word = stream::iter([Bytes::from_static(b"hi")]);
        let stream = Box::pin(stream::StreamExt::chain(word, stream::pending()));
        let until = Instant::now() + Duration::from_millis(200);
        Frames::new(stream, until, &Shutdown::new(), |_| words)
    }

    async fn next<S: Stream<Item = Bytes> + Unpin>(
        body: &mut Frames<S>,
    ) -> Option<Result<Bytes, Overdue>> {
        let frame = timeout(Duration::from_secs(10), body.frame());
        let frame = frame.await.expect("whoever waits is woken");
        frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
    }

    #[tokio::test]
    async fn who_waits_when_the_time_is_over_is_told_and_that_is_the_end() {
        let mut body = body(Some(WORDS));

        assert_eq!(next(&mut body).await.unwrap().unwrap(), "hi");
        assert_eq!(next(&mut body).await.unwrap().unwrap(), WORDS);
        assert!(next(&mut body).await.is_none());
    }

    #[tokio::test]
    async fn without_words_it_breaks_off_under_who_waits() {
        let mut body = body(None);

        next(&mut body).await;

        assert!(next(&mut body).await.unwrap().is_err());
    }

    #[tokio::test]
    async fn it_breaks_off_where_nobody_has_read() {
        let mut body = body(Some(WORDS));
        next(&mut body).await;

        while !matches!(*lock(&body.phase), Phase::Overdue) {
            sleep(Duration::from_millis(10)).await;
        }

        assert!(next(&mut body).await.unwrap().is_err());
    }
}
