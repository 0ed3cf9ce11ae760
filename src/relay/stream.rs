//! What the caller of a stream receives: first the wait for an answer, then its frames.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tracing::Span;

use super::attempt::Forced;
use super::hold::HeldFrames;
use super::keepalive::KeepAlive;
use super::meter::Meter;
use super::passing::Passing;
use super::tap::{Tap, Tapped};
use super::{Answer, last_words, verdict};
use crate::error::{Error, Kind, chain};
use crate::llm::Edits;

const COMMENT: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// All of a request's way to an answer. Dropping it hangs up.
pub(super) type Search = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The body of one streamed answer. It owns all the work behind it: dropping it hangs up.
pub struct Relayed {
    phase: Phase,
    /// None where nobody has to wait.
    keep_alive: Option<KeepAlive>,
    tap: Option<Tapped>,
}

#[expect(clippy::large_enum_variant, reason = "it is boxed as a whole")]
enum Phase {
    /// The head is out, and no target has begun to answer.
    Searching(Search, Span),
    Streaming(Passing),
    Stored(Bytes),
    Ended,
}

impl Relayed {
    pub(super) fn new(frames: HeldFrames, edits: Edits, meter: Meter, forced: Forced) -> Self {
        Self::at(Phase::Streaming(Passing::new(frames, edits, meter, forced)))
    }

    /// For a caller who has been told that there is a stream, whatever comes of it.
    pub(super) fn searching(search: Search) -> Self {
        Self::at(Phase::Searching(search, Span::current()))
    }

    /// The bytes of an answer that was kept, once more.
    pub fn stored(bytes: Bytes) -> Self {
        Self::at(Phase::Stored(bytes))
    }

    fn at(phase: Phase) -> Self {
        Self {
            phase,
            keep_alive: None,
            tap: None,
        }
    }

    /// Lets somebody see what is passed on from here.
    pub fn tapped(&mut self, tap: Box<dyn Tap>) {
        self.tap = Some(Tapped::new(tap));
    }

    /// Breaks it off, because it has lasted too long: what is still to be said to its caller.
    pub fn overdue(mut self: Box<Self>) -> Option<Bytes> {
        match &mut self.phase {
            Phase::Searching(_, span) => {
                let error = verdict::late();
                span.in_scope(|| tell(&error));
                Some(last_words::of_error(&error))
            }
            Phase::Streaming(passing) => passing.overdue(),
            Phase::Stored(_) | Phase::Ended => None,
        }
    }

    /// Breaks every silence that lasts so long.
    pub(super) fn keeping_alive(&mut self, interval: Duration) {
        self.keep_alive = Some(KeepAlive::every(interval));
    }

    fn poll_phase(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            match &mut self.phase {
                Phase::Searching(search, span) => {
                    let answer = ready!(search.as_mut().poll(cx));
                    match found(answer, span) {
                        Ok(Self { phase, tap, .. }) => {
                            self.phase = phase;
                            self.tap = tap.or(self.tap.take());
                        }
                        Err(words) => {
                            self.phase = Phase::Ended;
                            return Poll::Ready(Some(words));
                        }
                    }
                }
                Phase::Streaming(passing) => return passing.poll_next_unpin(cx),
                Phase::Stored(bytes) => {
                    let bytes = mem::take(bytes);
                    self.phase = Phase::Ended;
                    return Poll::Ready(Some(bytes));
                }
                Phase::Ended => return Poll::Ready(None),
            }
        }
    }

    fn sent(&mut self, bytes: &Bytes) {
        if let Some(keep_alive) = &mut self.keep_alive {
            keep_alive.sent();
        }
        if let Some(tap) = &mut self.tap {
            tap.passed(bytes, self.phase.is_complete());
        }
    }

    /// A comment, if there has been nothing for too long and one can stand here.
    fn poll_comment(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(keep_alive) = &mut self.keep_alive else {
            return Poll::Pending;
        };
        if !self.phase.takes_comments() {
            return Poll::Pending;
        }
        ready!(keep_alive.poll(cx));
        keep_alive.sent();
        Poll::Ready(Some(COMMENT))
    }
}

impl Phase {
    fn is_complete(&self) -> bool {
        match self {
            Self::Streaming(passing) => passing.is_complete(),
            Self::Searching(..) | Self::Stored(_) | Self::Ended => false,
        }
    }

    fn takes_comments(&self) -> bool {
        match self {
            Self::Searching(..) => true,
            Self::Streaming(passing) => passing.takes_comments(),
            Self::Stored(_) | Self::Ended => false,
        }
    }
}

/// What goes on behind a head that is out: a stream, or the words that stand in a status's place.
fn found(answer: Answer, span: &Span) -> Result<Relayed, Bytes> {
    match answer {
        Answer::Stream { frames, .. } => Ok(*frames),
        Answer::Whole { status, body, .. } => Err(last_words::of_refusal(status, &body)),
        Answer::Failed { error, .. } => {
            span.in_scope(|| tell(&error));
            Err(last_words::of_error(&error))
        }
    }
}

/// The line that its answer's status would have had.
fn tell(error: &Error) {
    let code = error.code;
    match error.kind {
        Kind::Internal => {
            tracing::error!(code, error = %chain(error), "Failed with {code} behind the head");
        }
        Kind::Upstream { .. } | Kind::Timeout | Kind::Unavailable => {
            tracing::warn!(code, error = %chain(error), "Failed with {code} behind the head");
        }
        _ => tracing::info!(code, "Refused with {code} behind the head"),
    }
}

impl Stream for Relayed {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        match this.poll_phase(cx) {
            Poll::Ready(Some(bytes)) => {
                this.sent(&bytes);
                Poll::Ready(Some(bytes))
            }
            Poll::Ready(None) => {
                this.phase = Phase::Ended;
                this.tap = None;
                Poll::Ready(None)
            }
            Poll::Pending => this.poll_comment(cx),
        }
    }
}

impl fmt::Debug for Relayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match &self.phase {
            Phase::Searching(..) => "searching",
            Phase::Streaming(_) => "streaming",
            Phase::Stored(_) => "stored",
            Phase::Ended => "ended",
        };
        f.debug_struct("Relayed")
            .field("phase", &phase)
            .finish_non_exhaustive()
    }
}
