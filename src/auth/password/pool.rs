//! As many hashes at once as there are processors, a short queue, little patience.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::{Error, Result};

/// Bounds the processors and the memory that hashing takes.
pub(super) struct Pool {
    /// Of those who hash and those who wait.
    places: Arc<Semaphore>,
    /// Of those who hash.
    seats: Arc<Semaphore>,
    patience: Duration,
}

const QUEUE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(2);

impl Pool {
    pub(super) fn new() -> Self {
        let seats = available_parallelism().map_or(1, usize::from);
        Self::of(seats, QUEUE, PATIENCE)
    }

    fn of(seats: usize, queue: usize, patience: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(seats + queue)),
            seats: Arc::new(Semaphore::new(seats)),
            patience,
        }
    }

    /// Runs `work` on a thread that may block, or says that there is none to be had.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: FnOnce() -> T + Send + 'static,
    {
        let permits = self.enter().await?;
        // The permits go along: a caller who leaves does not make the thread free.
        let seated = move || {
            let done = work();
            drop(permits);
            done
        };
        spawn_blocking(seated).await.map_err(Error::internal)
    }

    async fn enter(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| busy())?;
        let seat = timeout(self.patience, Arc::clone(&self.seats).acquire_owned())
            .await
            .map_err(|_| busy())?
            .map_err(Error::internal)?;
        Ok((place, seat))
    }
}

pub(in crate::auth) fn busy() -> Error {
    Error::unavailable(
        "service_unavailable",
        "Too many people are signing in at this moment. Try again in a few seconds.",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::future::join;

    use super::*;
    use crate::error::Kind;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn who_finds_no_seat_in_time_is_asked_to_come_again() {
        let pool = Pool::of(1, 1, SOON);
        let (free, freed) = mpsc::channel::<()>();

        let holder = pool.run(move || freed.recv().is_ok());
        let waiter = async {
            let refused = pool.run(|| ()).await.unwrap_err();
            free.send(()).unwrap();
            refused
        };
        let (held, refused) = join(holder, waiter).await;

        assert!(held.unwrap());
        assert_eq!(refused.kind, Kind::Unavailable);
        assert!(pool.run(|| true).await.unwrap());
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_does_not_even_wait() {
        let pool = Pool::of(1, 0, Duration::from_hours(1));
        let (free, freed) = mpsc::channel::<()>();

        let holder = pool.run(move || freed.recv().is_ok());
        let waiter = async {
            let refused = pool.run(|| ()).await;
            free.send(()).unwrap();
            refused
        };
        let (_, refused) = join(holder, waiter).await;

        assert!(refused.is_err());
    }

    #[tokio::test]
    async fn a_caller_who_leaves_does_not_free_the_thread() {
        let pool = Pool::of(1, 1, SOON);
        let (free, freed) = mpsc::channel::<()>();

        let left = timeout(SOON, pool.run(move || freed.recv().is_ok())).await;
        assert!(left.is_err());

        assert!(pool.run(|| ()).await.is_err());
        free.send(()).unwrap();
    }
}
