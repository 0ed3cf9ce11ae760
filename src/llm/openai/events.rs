//! The body of a streamed answer as frames, with a limit on every wait.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Timeouts;
use crate::llm::{Cutter, Failure, Frame, Says, Wait};

/// How long a connection may stay open after `[DONE]`, so that it can be used again if it ends.
const AFTER_DONE: Duration = Duration::from_secs(1);

/// Owns the connection while the answer lasts; dropping it closes the connection.
pub(super) struct Events {
    /// `None` once there is nothing to come.
    body: Option<Incoming>,
    cutter: Cutter,
    /// A frame that was read ahead.
    first: Option<Frame>,
    timeouts: Timeouts,
    started: Instant,
    /// When the reader began to wait for the next frame; a slow reader is not the upstream's fault.
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    BeforeContent,
    Content,
    Done,
}

impl Events {
    pub(super) fn new(body: Incoming, timeouts: Timeouts, started: Instant) -> Self {
        Self {
            body: Some(body),
            cutter: Cutter::default(),
            first: None,
            timeouts,
            started,
            waiting_since: None,
            timer: None,
            progress: Progress::BeforeContent,
        }
    }

    /// Waits for the first frame, and keeps it for whoever reads on.
    pub(super) async fn begun(mut self) -> Result<Self, Failure> {
        let first = self.next().await.ok_or(Failure::Cut(None))??;
        if let Says::Error(complaint) = first.says() {
            return Err(Failure::Complained(complaint.clone()));
        }
        self.first = Some(first);
        Ok(self)
    }

    fn passing(&mut self, frame: Frame) -> Frame {
        // After `[DONE]` the time runs on, whatever still comes.
        if self.progress != Progress::Done {
            self.waiting_since = None;
        }
        match frame.says() {
            Says::Done if self.progress != Progress::Done => {
                self.progress = Progress::Done;
                self.waiting_since = Some(Instant::now());
            }
            _ if self.progress == Progress::BeforeContent && frame.is_content() => {
                self.progress = Progress::Content;
            }
            _ => {}
        }
        frame
    }

    fn ended(&mut self) -> Option<Result<Frame, Failure>> {
        self.body = None;
        // Half an event is nobody's: a client would choke on it before it reads why.
        let rest = self.cutter.finish()?;
        let is_whole = !matches!(rest.says(), Says::Unreadable);
        is_whole.then(|| Ok(self.passing(rest)))
    }

    /// After `[DONE]` nothing that happens to the connection matters any more.
    fn failed(&mut self, failure: Failure) -> Option<Result<Frame, Failure>> {
        self.body = None;
        (self.progress != Progress::Done).then_some(Err(failure))
    }

    /// Ready when the wait for the next frame has taken too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Wait> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let (deadline, wait) = self.deadline(since);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        // A timer that was set for an earlier frame rings too soon, and is set again only then.
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(wait);
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    fn deadline(&self, since: Instant) -> (Instant, Wait) {
        let total = (self.started + self.timeouts.total, Wait::Total);
        let next = match self.progress {
            Progress::BeforeContent => (self.started + self.timeouts.first_token, Wait::FirstToken),
            Progress::Content => (since + self.timeouts.idle, Wait::Idle),
            Progress::Done => (since + AFTER_DONE, Wait::Idle),
        };
        if next.0 <= total.0 { next } else { total }
    }
}

impl Stream for Events {
    type Item = Result<Frame, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        loop {
            if let Some(frame) = this.cutter.next() {
                return Poll::Ready(Some(Ok(this.passing(frame))));
            }
            let Some(body) = &mut this.body else {
                return Poll::Ready(None);
            };
            match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(chunk) = frame.into_data() {
                        this.cutter.push(&chunk);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let cut = Failure::Cut(Some(error.into()));
                    return Poll::Ready(this.failed(cut));
                }
                Poll::Ready(None) => return Poll::Ready(this.ended()),
                Poll::Pending => {
                    let wait = ready!(this.poll_late(cx));
                    return Poll::Ready(this.failed(Failure::Late(wait)));
                }
            }
        }
    }
}
