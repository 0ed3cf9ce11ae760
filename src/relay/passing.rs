//! An answer that has begun: frames as they come, and an honest end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use http::StatusCode;

use super::attempt::Forced;
use super::hold::HeldFrames;
use super::meter::Meter;
use super::{last_words, stopping};
use crate::domain::Outcome;
use crate::error::chain;
use crate::llm::{Choices, Edits, Failure, Frame, Says, Wait};

const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// The frames of one upstream's answer. It owns the upstream's connection: dropping it hangs up.
pub(super) struct Passing {
    /// None once there is nothing more to come.
    frames: Option<HeldFrames>,
    edits: Edits,
    meter: Meter,
    forced: Forced,
    choices: Choices,
    /// Whether `[DONE]` was said.
    is_done: bool,
    /// Whether what was passed on last ends with a blank line.
    at_boundary: bool,
    /// How many choices were asked for.
    n: u64,
}

impl Passing {
    pub(super) fn new(frames: HeldFrames, edits: Edits, meter: Meter, forced: Forced) -> Self {
        Self {
            n: meter.choices_asked(),
            frames: Some(frames),
            edits,
            meter,
            forced,
            choices: Choices::default(),
            is_done: false,
            at_boundary: true,
        }
    }

    /// Whether the caller has been told that the answer is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.is_done
    }

    /// Whether a comment of ours can stand here.
    pub(super) fn takes_comments(&self) -> bool {
        self.at_boundary && !self.is_done
    }

    /// The caller's time is over, whatever the upstream still has to say.
    pub(super) fn overdue(&mut self) -> Option<Bytes> {
        self.fail(&Failure::Late(Wait::Total))
    }

    /// What is passed on of a frame; None where nothing is.
    fn take(&mut self, frame: Frame) -> Option<Bytes> {
        match frame.says() {
            Says::Chunk(chunk) => {
                if chunk.is_content() {
                    self.meter.first_content();
                }
                self.choices.merge(&chunk.choices);
                self.meter.wrote(chunk.choices.written);
                // A chunk's count is of what it brings, too.
                if let Some(usage) = chunk.usage {
                    self.meter.counts(usage);
                }
            }
            Says::Done => {
                self.is_done = true;
                self.meter.end(Outcome::Ok, StatusCode::OK);
            }
            // The answer is complete: what comes behind it is nobody's.
            Says::Error(_) if self.is_done => {
                self.frames = None;
                return None;
            }
            Says::Error(complaint) => {
                let words = last_words::of_event(complaint);
                return Some(self.break_off(words));
            }
            Says::Nothing => {}
            Says::Unreadable => {
                self.meter.first_content();
                self.meter.wrote(frame.bytes().len());
            }
        }
        self.at_boundary = frame.ends();
        self.edits.frame(frame)
    }

    /// The upstream has ended. Complete is what said `[DONE]`, or finished every choice.
    fn end(&mut self) -> Option<Bytes> {
        self.frames = None;
        if self.is_done {
            return None;
        }
        if self.choices.are_finished(self.n) {
            self.is_done = true;
            self.meter.end(Outcome::Ok, StatusCode::OK);
            return Some(self.after_boundary(DONE));
        }
        let words = last_words::of_server("The model's answer broke off.", "upstream_error");
        Some(self.break_off(words))
    }

    fn fail(&mut self, failure: &Failure) -> Option<Bytes> {
        if self.is_done {
            self.frames = None;
            return None;
        }
        let request_id = self.meter.request_id();
        tracing::warn!(request_id, error = %chain(failure), "A stream broke off");
        let (message, code) = match failure {
            Failure::Late(_) => ("The model took too long to go on.", "upstream_timeout"),
            _ => ("The model's answer broke off.", "upstream_error"),
        };
        Some(self.break_off(last_words::of_server(message, code)))
    }

    /// Ready when the end of the process cannot wait for the upstream any longer.
    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        ready!(self.forced.poll_unpin(cx));
        if self.is_done {
            self.frames = None;
            return Poll::Ready(None);
        }
        let words = last_words::of_error(&stopping());
        Poll::Ready(Some(self.break_off(words)))
    }

    /// The last thing that the caller sees: an error, and no `[DONE]`.
    fn break_off(&mut self, words: Bytes) -> Bytes {
        self.frames = None;
        self.meter.end(Outcome::Truncated, StatusCode::OK);
        self.after_boundary(words)
    }

    /// A frame of ours must not run into one that the upstream left open.
    fn after_boundary(&self, frame: Bytes) -> Bytes {
        if self.at_boundary {
            return frame;
        }
        [b"\n\n".as_slice(), &frame].concat().into()
    }
}

impl Stream for Passing {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        loop {
            let Some(frames) = &mut this.frames else {
                return Poll::Ready(None);
            };
            let passed = match frames.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(frame))) => this.take(frame),
                Poll::Ready(Some(Err(failure))) => return Poll::Ready(this.fail(&failure)),
                Poll::Ready(None) => return Poll::Ready(this.end()),
                // No upstream is ready for ever: sockets yield.
                Poll::Pending => return this.poll_stop(cx),
            };
            if passed.is_some() {
                return Poll::Ready(passed);
            }
        }
    }
}
