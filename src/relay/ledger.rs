//! The way into the ledger: a bounded queue, and one task that writes batches.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{self, OwnedPermit};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::money::{self, Draw};
use super::stopping;
use crate::domain::{Charge, RowId};
use crate::error::{Result, chain};
use crate::shutdown::Shutdown;
use crate::store::{Db, Main, ledger};

/// Requests that run or whose row is not written yet. Beyond it new ones wait.
const PLACES: usize = 16_384;
/// Rows of one transaction.
const BATCH: usize = 500;
/// How long the first row of a batch waits for others.
const GATHERING: Duration = Duration::from_millis(50);
const RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// A place in the queue, taken before the first attempt: using it cannot fail or wait.
pub(super) type Slot = OwnedPermit<Entry>;

/// What is written of one request: its row, and what it moves in the budgets.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) charge: Charge,
    pub(super) draws: Vec<Draw>,
}

/// Where slots are had.
#[derive(Debug)]
pub(super) struct Ledger {
    queue: mpsc::Sender<Entry>,
    /// Rows that the writer holds and has not written.
    in_hand: Arc<AtomicUsize>,
    closing: CancellationToken,
    closed: CancellationToken,
}

impl Ledger {
    /// Starts the task that writes.
    pub(super) fn open(main: Db<Main>, shutdown: &Shutdown) -> Self {
        let (queue, entries) = mpsc::channel(PLACES);
        let closing = CancellationToken::new();
        let closed = CancellationToken::new();
        let in_hand = Arc::new(AtomicUsize::new(0));
        let writer = Writer {
            main,
            entries,
            closing: closing.clone(),
            in_hand: in_hand.clone(),
        };
        let done = closed.clone().drop_guard();
        shutdown.track(async move {
            writer.run().await;
            drop(done);
        });
        Self {
            queue,
            in_hand,
            closing,
            closed,
        }
    }

    /// Requests whose rows are not written: those that run, and those that wait for the database.
    pub(super) fn unwritten(&self) -> usize {
        let in_queue = self.queue.max_capacity() - self.queue.capacity();
        in_queue + self.in_hand.load(Ordering::Acquire)
    }

    /// Waits while the queue is full.
    pub(super) async fn reserve(&self) -> Result<Slot> {
        self.queue
            .clone()
            .reserve_owned()
            .await
            .map_err(|_| stopping())
    }

    /// Takes no more, and waits until every slot that is out has come back and is written.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }
}

struct Writer {
    main: Db<Main>,
    entries: mpsc::Receiver<Entry>,
    closing: CancellationToken,
    in_hand: Arc<AtomicUsize>,
}

impl Writer {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.gather(&mut batch).await {
            self.in_hand.store(batch.len(), Ordering::Release);
            self.write(&batch).await;
            self.in_hand.store(0, Ordering::Release);
            batch.clear();
        }
    }

    /// False when there will be no more.
    async fn gather(&mut self, batch: &mut Vec<Entry>) -> bool {
        tokio::select! {
            taken = self.entries.recv_many(batch, BATCH) => {
                if taken == 0 {
                    return false;
                }
            }
            () = self.closing.cancelled(), if !self.entries.is_closed() => {
                self.entries.close();
                return true;
            }
        }
        if batch.len() < BATCH && !self.entries.is_closed() {
            tokio::select! {
                () = sleep(GATHERING) => {}
                () = self.closing.cancelled() => {}
            }
            while batch.len() < BATCH {
                let Ok(entry) = self.entries.try_recv() else {
                    break;
                };
                batch.push(entry);
            }
        }
        true
    }

    /// Tries until it is written: a request was answered on the strength of it.
    async fn write(&self, batch: &[Entry]) {
        if batch.is_empty() {
            return;
        }
        let mut pause = RETRY;
        while let Err(error) = self.try_write(batch).await {
            tracing::error!(
                error = %chain(&error),
                rows = batch.len(),
                "The ledger was not written; trying again"
            );
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_RETRY);
        }
    }

    async fn try_write(&self, batch: &[Entry]) -> Result<()> {
        let mut tx = self.main.write().await?;
        let added: HashSet<RowId> = ledger::add(&mut tx, batch).await?.into_iter().collect();
        // What was there already has moved its money already.
        let is_new = |entry: &&Entry| added.contains(&entry.charge.id);
        let new: Vec<&Entry> = batch.iter().filter(is_new).collect();
        let posted = money::post(&mut tx, &new).await?;
        tx.commit().await?;
        posted.tell(batch.iter().flat_map(|entry| &entry.draws));
        Ok(())
    }
}

impl Borrow<Charge> for Entry {
    fn borrow(&self) -> &Charge {
        &self.charge
    }
}
