//! The one task that renews claims and writes down how they end.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::claim::{Answered, Claim, End, Running};
use super::{CLAIM, KEPT, stopping};
use crate::clock::Clock;
use crate::domain::{ClaimId, Ts};
use crate::error::{Result, chain};
use crate::shutdown::Shutdown;
use crate::store::{Db, Main, replays as rows};

/// Claims that run or whose end is not written yet. Beyond it new ones wait.
const PLACES: usize = 4_096;
/// Ends of one transaction, each of which may bring a body of the longest kind.
const BATCH: usize = 32;
/// Claims are renewed three times before they would be dead.
const RENEWAL: Duration = Duration::from_secs(10);
/// Before an end is tried again that could not be written. After the last its claim dies by itself.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// Where claims are had.
#[derive(Debug)]
pub(super) struct Keeper {
    queue: mpsc::Sender<End>,
    running: Running,
}

impl Keeper {
    /// Starts the task. It ends once everything must end and the last claim has.
    pub(super) fn open(main: Db<Main>, clock: Clock, shutdown: &Shutdown) -> Self {
        let (queue, ends) = mpsc::channel(PLACES);
        let running = Running::default();
        let writer = Writer {
            main,
            clock,
            running: running.clone(),
        };
        shutdown.track(writer.run(ends, shutdown.clone()));
        Self { queue, running }
    }

    /// Waits while too many are running.
    pub(super) async fn claim(&self, clock: &Clock) -> Result<Claim> {
        let slot = self.queue.clone().reserve_owned().await;
        let slot = slot.map_err(|_| stopping())?;
        Ok(Claim::new(ClaimId::new(clock), slot, self.running.clone()))
    }
}

/// Ends that are written together.
#[derive(Default)]
struct Batch {
    released: Vec<ClaimId>,
    answered: Vec<Answered>,
}

struct Writer {
    main: Db<Main>,
    clock: Clock,
    running: Running,
}

impl Writer {
    async fn run(self, mut ends: mpsc::Receiver<End>, shutdown: Shutdown) {
        let mut renewals = interval(RENEWAL);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut taken = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                count = ends.recv_many(&mut taken, BATCH) => match count {
                    0 => return,
                    _ => self.write(Batch::of(taken.drain(..))).await,
                },
                _ = renewals.tick() => self.renew().await,
                () = shutdown.forced(), if !ends.is_closed() => ends.close(),
            }
        }
    }

    /// Tries a few times. What is not written then runs anew when it is asked for again.
    async fn write(&self, mut batch: Batch) {
        for pause in PAUSES {
            let Err(error) = self.try_write(&batch).await else {
                return batch.succeed();
            };
            tracing::warn!(error = %chain(&error), "Answers were not kept; trying again");
            batch.fail();
            sleep(pause).await;
        }
        if let Err(error) = self.try_write(&batch).await {
            tracing::error!(error = %chain(&error), "Answers that were to be kept are lost");
        }
    }

    async fn try_write(&self, batch: &Batch) -> Result<()> {
        let until = self.now().plus(KEPT);
        let mut tx = self.main.write().await?;
        for answered in &batch.answered {
            if !rows::keep(&mut tx, answered.claim, &answered.kept, until).await? {
                tracing::warn!("An answer was not kept: its claim had ended");
            }
        }
        for claim in &batch.released {
            rows::release(&mut tx, *claim).await?;
        }
        tx.commit().await
    }

    async fn renew(&self) {
        let claims = self.running.list();
        if claims.is_empty() {
            return;
        }
        if let Err(error) = self.try_renew(&claims).await {
            tracing::warn!(error = %chain(&error), "Claims were not renewed");
        }
    }

    async fn try_renew(&self, claims: &[ClaimId]) -> Result<()> {
        let mut tx = self.main.write().await?;
        rows::renew(&mut tx, claims, self.now().plus(CLAIM)).await?;
        tx.commit().await
    }

    fn now(&self) -> Ts {
        Ts::from_micros(self.clock.micros())
    }
}

impl Batch {
    fn of(ends: impl Iterator<Item = End>) -> Self {
        let mut batch = Self::default();
        for end in ends {
            match end {
                End::Released(claim) => batch.released.push(claim),
                End::Answered(answered) => batch.answered.push(answered),
            }
        }
        batch
    }

    fn succeed(self) {
        for answered in self.answered {
            if let Some(written) = answered.written {
                written.send(()).ok();
            }
        }
    }

    /// Who waits with an answer in hand waits no longer.
    fn fail(&mut self) {
        for answered in &mut self.answered {
            answered.written = None;
        }
    }
}
