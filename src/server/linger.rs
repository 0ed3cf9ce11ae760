//! Refusals that whoever is still sending lives to read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long the other side may go on after the last byte of ours.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much of it is taken in.
const COURTESY: usize = 64 << 20;

/// Whether a connection is to linger. Cloning it copies a pointer.
#[derive(Clone, Debug, Default)]
pub(super) struct Rest(Arc<AtomicBool>);

/// A connection that takes in what is still being sent when it closes. Closed at once, it would be
/// reset, and the refusal of a large body would be lost.
#[derive(Debug)]
pub(super) struct Lingering<S> {
    stream: S,
    rest: Rest,
    /// None until our side is closed.
    until: Option<Pin<Box<Sleep>>>,
    taken: usize,
}

/// A request's body, which tells its connection if it is not read to its end.
#[derive(Debug)]
pub(super) struct Watched<B: Body> {
    body: B,
    rest: Rest,
    has_ended: bool,
}

impl Rest {
    pub(super) fn watch<B: Body>(&self, body: B) -> Watched<B> {
        Watched {
            body,
            rest: self.clone(),
            has_ended: false,
        }
    }

    pub(super) fn linger<S>(&self, stream: S) -> Lingering<S> {
        Lingering {
            stream,
            rest: self.clone(),
            until: None,
            taken: 0,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let next = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.has_ended |= next.is_none();
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: Body> Drop for Watched<B> {
    fn drop(&mut self) {
        if !self.has_ended && !self.body.is_end_stream() {
            self.rest.0.store(true, Ordering::Relaxed);
        }
    }
}

impl<S: AsyncRead + Unpin> Lingering<S> {
    /// Ready when the other side has closed, or has had its time.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut piece = [0; 16 << 10];
        while self.taken < COURTESY {
            let mut piece = ReadBuf::new(&mut piece);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece));
            if read.is_err() || piece.filled().is_empty() {
                break;
            }
            self.taken += piece.filled().len();
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.until.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !this.rest.0.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let until = this.until.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        this.poll_rest(cx).map(Ok)
    }
}
