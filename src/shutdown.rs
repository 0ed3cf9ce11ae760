//! How the process ends: first softly, then hard, and never with a task left behind.

use std::future::Future;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

/// The two tokens and the tasks that shutdown waits for. Cloning it copies pointers.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns a task that shutdown waits for. It ends by itself once a token is cancelled.
    #[expect(clippy::disallowed_methods, reason = "the one place that may spawn")]
    pub fn track<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(self.tasks.track_future(task))
    }

    /// Asks everybody to come to an end: not ready, no new work, running work goes on.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// Ends what still runs.
    pub fn force(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }

    pub fn has_begun(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Resolves when the end has begun.
    pub fn begun(&self) -> WaitForCancellationFutureOwned {
        self.soft.clone().cancelled_owned()
    }

    /// Resolves when what still runs must end now. Each has a token of its own: streams look at
    /// theirs at every frame, and would wait for each other's lock.
    pub fn forced(&self) -> WaitForCancellationFutureOwned {
        self.hard.child_token().cancelled_owned()
    }

    /// How many tracked tasks are running.
    pub fn running(&self) -> usize {
        self.tasks.len()
    }

    /// Waits until every tracked task has ended.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn shutdown_waits_for_a_tracked_task_and_force_ends_it() {
        let shutdown = Shutdown::new();
        let forced = shutdown.forced();
        shutdown.track(forced);

        shutdown.begin();
        assert!(shutdown.has_begun());
        assert_eq!(shutdown.running(), 1);

        shutdown.force();
        shutdown.finished().await;
        assert_eq!(shutdown.running(), 0);
    }
}
