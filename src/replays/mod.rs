//! What is to be done once, however often it is asked for: who runs it, who waits, and what is
//! given again.
//!
//! In one process those who ask for the same stand in a line, and its first runs; over several a row
//! of the database says who does. A runner who comes to no answer worth keeping makes place for the
//! next in line, or for another process.

mod claim;
mod keeper;
mod lines;
mod room;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::clock::Clock;
use crate::domain::Ts;
use crate::error::{Error, Location, Result};
use crate::shutdown::Shutdown;
use crate::store::{Db, Main, replays as rows};

use claim::Claim;
use keeper::Keeper;
use lines::{Lines, Turn};
use room::Rooms;

pub use room::Room;
pub use rows::{Kept, Place};

/// The longest body that is kept.
pub const LONGEST_BODY: usize = 1 << 20;

/// How long an answer waits until it is kept.
const PATIENCE: Duration = Duration::from_millis(500);

/// A claim that was not renewed for so long is dead.
const CLAIM: Duration = Duration::from_secs(30);
/// How long an answer is given again.
const KEPT: Duration = Duration::from_hours(24);
/// The first pause before asking how another process gets on.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Where answers are kept. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Replays(Arc<Parts>);

struct Parts {
    main: Db<Main>,
    clock: Clock,
    shutdown: Shutdown,
    lines: Lines,
    keeper: Keeper,
    rooms: Rooms,
}

/// What is to be done about a request.
#[derive(Debug)]
pub enum Taken {
    /// It was answered before.
    Replay(Arc<Kept>),
    /// Nobody else runs it.
    Run(Run),
}

/// The right to run a request. Dropping it makes place for the next.
#[derive(Debug)]
pub struct Run(Turn);

impl Replays {
    /// Starts the task that writes down how claims end.
    pub fn open(main: Db<Main>, clock: Clock, shutdown: Shutdown) -> Self {
        Self(Arc::new(Parts {
            keeper: Keeper::open(main.clone(), clock.clone(), &shutdown),
            lines: Lines::default(),
            rooms: Rooms::new(),
            main,
            clock,
            shutdown,
        }))
    }

    /// The right to run, or what the first of its kind was answered; waits while that is running.
    /// Another request under the same key is refused.
    pub async fn take(&self, place: Place) -> Result<Taken> {
        tokio::select! {
            taken = self.wait(&place) => taken,
            () = self.0.shutdown.forced() => Err(stopping()),
        }
    }

    /// Room for an answer that is to be kept, to be taken as it grows.
    pub fn room(&self) -> Room {
        self.0.rooms.empty()
    }

    /// Sweeps out what has ended.
    pub async fn sweep(&self) -> Result<()> {
        loop {
            let mut tx = self.0.main.write().await?;
            let is_more = rows::sweep(&mut tx, self.now()).await?;
            tx.commit().await?;
            if !is_more || self.0.shutdown.has_begun() {
                return Ok(());
            }
        }
    }

    async fn wait(&self, place: &Place) -> Result<Taken> {
        let mut turn = self.0.lines.turn(place).await;
        loop {
            if let Some(kept) = &turn.kept {
                return Ok(Taken::Replay(kept.clone()));
            }
            if turn.claim.is_some() {
                return Ok(Taken::Run(Run(turn)));
            }
            match self.claim(place).await? {
                Claimed::Ours(claim) => turn.claim = Some(claim),
                Claimed::Answered(kept) => turn.kept = Some(Arc::new(kept)),
                Claimed::Theirs => self.other_process(place).await?,
            }
        }
    }

    /// On a task of its own: a claim that is made while its caller leaves is given up in order.
    async fn claim(&self, place: &Place) -> Result<Claimed> {
        let trying = self.clone().try_claim(place.clone());
        let tried = self.0.shutdown.track(trying).await;
        tried.map_err(Error::internal)?
    }

    async fn try_claim(self, place: Place) -> Result<Claimed> {
        let claim = self.0.keeper.claim(&self.0.clock).await?;
        let mut tx = self.0.main.write().await?;
        let now = self.now();
        let span = (now, now.plus(CLAIM));
        if rows::claim(&mut tx, &place, claim.id(), span).await? {
            tx.commit().await?;
            return Ok(Claimed::Ours(claim));
        }
        claim.forget();
        let standing = rows::find(&mut tx, &place).await?;
        tx.commit().await?;
        match standing {
            Some(standing) if standing.fingerprint != place.fingerprint => Err(conflict()),
            Some(rows::Standing {
                kept: Some(kept), ..
            }) => Ok(Claimed::Answered(kept)),
            _ => Ok(Claimed::Theirs),
        }
    }

    /// Returns once another process has answered, given up or died.
    async fn other_process(&self, place: &Place) -> Result<()> {
        let mut pause = PAUSE;
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let mut conn = self.0.main.read().await?;
            if !rows::is_running(&mut conn, place, self.now()).await? {
                return Ok(());
            }
        }
    }

    fn now(&self) -> Ts {
        Ts::from_micros(self.0.clock.micros())
    }
}

/// What came of an attempt to claim a place.
enum Claimed {
    Ours(Claim),
    Theirs,
    Answered(Kept),
}

impl Run {
    /// Keeps the answer and returns when it is written, or when that has failed once or takes too long:
    /// the answer is there, and its caller is waiting for it. Its room is taken until it is written.
    pub async fn keep(self, kept: Kept, room: Room) {
        timeout(PATIENCE, self.end(kept, room)).await.ok();
    }

    /// For where nobody can wait: who waits for the answer has it at once, the rest is done behind.
    pub fn keep_later(self, kept: Kept, room: Room) {
        drop(self.end(kept, room));
    }

    /// The next in line have the answer, whatever becomes of the row.
    fn end(mut self, kept: Kept, room: Room) -> impl Future<Output = ()> {
        let kept = Arc::new(kept);
        self.0.kept = Some(kept.clone());
        let written = self
            .0
            .claim
            .take()
            .map(|claim| claim.keep((kept, room), lines::stay(&self.0)));
        drop(self);
        async move {
            if let Some(written) = written {
                written.await.ok();
            }
        }
    }
}

fn conflict() -> Error {
    Error::invalid(
        "idempotency_conflict",
        "This Idempotency-Key was used before, with another body.",
    )
    .at_in(Location::Header, "Idempotency-Key")
}

fn stopping() -> Error {
    Error::unavailable("service_unavailable", "The server is stopping.")
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").finish_non_exhaustive()
    }
}
