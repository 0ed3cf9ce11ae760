//! How long a caller has heard nothing.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Breaks a silence that lasts. One timer serves for the whole stream, and is set only when it rings:
/// what is sent in between costs nothing.
#[derive(Debug)]
pub(super) struct KeepAlive {
    interval: Duration,
    /// When the caller began to wait for what comes next.
    silent_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl KeepAlive {
    pub(super) fn every(interval: Duration) -> Self {
        Self {
            interval,
            silent_since: None,
            timer: None,
        }
    }

    /// Something goes to the caller.
    pub(super) fn sent(&mut self) {
        self.silent_since = None;
    }

    /// Ready when there has been nothing for the whole interval.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.silent_since.get_or_insert_with(Instant::now);
        let deadline = since + self.interval;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // A timer that was set for an earlier silence rings too soon, and is set again only then.
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
