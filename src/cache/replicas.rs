//! What this process tells the others by way of Redis.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::bucket::Bucket;
use super::redis::Redis;
use super::shared::Shared;
use crate::shutdown::Shutdown;

/// Corrections that wait for Redis. Beyond them some are lost: the buckets fill up by themselves.
const PLACES: usize = 16_384;
/// Corrections that are told at once.
const BATCH: usize = 256;

/// The buckets that all replicas share, and a task that corrects them.
pub(super) struct Replicas {
    pub(super) shared: Arc<Shared>,
    corrections: mpsc::Sender<Correction>,
    closing: CancellationToken,
    shutdown: Shutdown,
}

impl Replicas {
    pub(super) fn open(redis: Redis, shutdown: &Shutdown) -> Self {
        let (corrections, queue) = mpsc::channel(PLACES);
        let shared = Arc::new(Shared::new(redis));
        let closing = CancellationToken::new();
        shutdown.track(tell(shared.clone(), queue, closing.clone()));
        Self {
            shared,
            corrections,
            closing,
            shutdown: shutdown.clone(),
        }
    }

    /// Goes on when nobody waits for it any more.
    pub(super) fn beside<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.shutdown.track(work)
    }

    /// At once: it is called where nobody can wait.
    pub(super) fn tell(&self, correction: Correction) {
        self.corrections.try_send(correction).ok();
    }

    pub(super) fn close(&self) {
        self.closing.cancel();
    }
}

/// Until it is closed, and all that was told before has gone.
async fn tell(
    shared: Arc<Shared>,
    mut queue: mpsc::Receiver<Correction>,
    closing: CancellationToken,
) {
    shared.greet().await;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            told = queue.recv_many(&mut batch, BATCH) => {
                if told == 0 {
                    return;
                }
            }
            () = closing.cancelled(), if !queue.is_closed() => queue.close(),
        }
        shared.add(batch.iter().flat_map(Correction::changes)).await;
        batch.clear();
    }
}

/// What was taken, and what was used of each: nothing where it does not say.
pub(super) struct Correction {
    pub(super) taken: Arc<[Bucket]>,
    pub(super) used: Vec<u64>,
}

impl Correction {
    /// What is to be taken besides; negative is to be given back.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&Bucket, i128)> {
        let used = self.used.iter().copied().chain(std::iter::repeat(0));
        self.taken
            .iter()
            .zip(used)
            .map(|(bucket, used)| (bucket, i128::from(used) - i128::from(bucket.cost)))
            .filter(|(_, tokens)| *tokens != 0)
    }
}
