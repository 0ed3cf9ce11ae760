//! One process's hold on a place, until it is given up or answered.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::OwnedPermit;
use tokio::sync::oneshot;

use super::lines::Stay;
use super::room::Room;
use crate::domain::ClaimId;
use crate::store::replays::Kept;

/// How a claim has ended.
pub(super) enum End {
    Released(ClaimId),
    Answered(Answered),
}

pub(super) struct Answered {
    pub(super) claim: ClaimId,
    pub(super) kept: Arc<Kept>,
    /// As long as it waits here.
    pub(super) _room: Room,
    /// Told, or dropped, when the first attempt to write is over.
    pub(super) written: Option<oneshot::Sender<()>>,
    /// Until it is written, who comes to the line is answered from there.
    pub(super) _line: Stay,
}

/// A claim. Dropping it gives it up: its place in the queue was taken before it was made, so that
/// this can neither fail nor wait.
#[derive(Debug)]
pub(super) struct Claim {
    id: ClaimId,
    /// None once its end is told.
    slot: Option<OwnedPermit<End>>,
    running: Running,
}

/// The claims that are to be renewed.
#[derive(Clone, Debug, Default)]
pub(super) struct Running(Arc<Mutex<HashSet<ClaimId>>>);

impl Claim {
    pub(super) fn new(id: ClaimId, slot: OwnedPermit<End>, running: Running) -> Self {
        running.change(|claims| claims.insert(id));
        Self {
            id,
            slot: Some(slot),
            running,
        }
    }

    pub(super) fn id(&self) -> ClaimId {
        self.id
    }

    /// For one that was never made.
    pub(super) fn forget(mut self) {
        self.slot = None;
    }

    /// Hands the answer to the task that writes.
    pub(super) fn keep(
        mut self,
        (kept, room): (Arc<Kept>, Room),
        line: Stay,
    ) -> oneshot::Receiver<()> {
        let (written, is_written) = oneshot::channel();
        if let Some(slot) = self.slot.take() {
            slot.send(End::Answered(Answered {
                claim: self.id,
                kept,
                _room: room,
                written: Some(written),
                _line: line,
            }));
        }
        is_written
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.running.change(|claims| claims.remove(&self.id));
        if let Some(slot) = self.slot.take() {
            slot.send(End::Released(self.id));
        }
    }
}

impl Running {
    pub(super) fn list(&self) -> Vec<ClaimId> {
        self.change(|claims| claims.iter().copied().collect())
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashSet<ClaimId>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
