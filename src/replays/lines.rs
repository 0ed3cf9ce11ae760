//! The lines of one process: who asks for what runs already waits for its turn.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sha2::{Digest, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::claim::Claim;
use crate::store::replays::{Kept, Place};

/// SHA-256 of a place.
type Name = [u8; 32];

/// One line. Turns are taken in the order in which they were asked for.
type Line = tokio::sync::Mutex<Progress>;

/// The head of a line. It is held across awaits on purpose: as long as its holder runs.
pub(super) type Turn = OwnedMutexGuard<Progress>;

/// A place in a line that takes no turn: the line lasts, and with it what it knows.
pub(super) type Stay = Arc<Line>;

/// Those that somebody stands in: as many as requests, at the most.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<HashMap<Name, Weak<Line>>>>);

/// How far those of one line have come. When the last of them has left, the line is gone.
#[derive(Debug)]
pub(super) struct Progress {
    /// Made by one of them and handed on to the next, until there is an answer.
    pub(super) claim: Option<Claim>,
    pub(super) kept: Option<Arc<Kept>>,
    name: Name,
    lines: Lines,
}

impl Lines {
    /// Waits in the line for this place.
    pub(super) async fn turn(&self, place: &Place) -> Turn {
        self.line(name(place)).lock_owned().await
    }

    fn line(&self, name: Name) -> Arc<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&name).and_then(Weak::upgrade) {
            return line;
        }
        let line = Arc::new(Line::new(Progress {
            claim: None,
            kept: None,
            name,
            lines: self.clone(),
        }));
        lines.insert(name, Arc::downgrade(&line));
        line
    }
}

pub(super) fn stay(turn: &Turn) -> Stay {
    OwnedMutexGuard::mutex(turn).clone()
}

impl Drop for Progress {
    fn drop(&mut self) {
        let mut lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A new line may have begun under the same name in the meantime.
        if lines
            .get(&self.name)
            .is_some_and(|line| line.strong_count() == 0)
        {
            lines.remove(&self.name);
        }
    }
}

/// Of the body too: requests under one key with different bodies wait for nobody, and the database
/// says which of them is refused.
fn name(place: &Place) -> Name {
    let mut hash = Sha256::new();
    for part in [place.user.as_str(), place.operation, place.key.as_str()] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.update(place.fingerprint);
    hash.finalize().into()
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}
