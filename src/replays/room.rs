//! Bytes of answers that are gathered or wait to be written.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All together. What finds no room is not kept.
const ROOM: usize = 64 << 20;

/// What there is for everybody.
#[derive(Debug)]
pub(super) struct Rooms(Arc<Semaphore>);

/// What one answer has taken of it, none at first. It is free again when this is dropped.
#[derive(Debug)]
pub struct Room {
    all: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Rooms {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }

    pub(super) fn empty(&self) -> Room {
        Room {
            all: self.0.clone(),
            taken: None,
        }
    }
}

impl Room {
    /// Takes room for some bytes more, if there is any.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(more) = self.all.clone().try_acquire_many_owned(bytes) else {
            return false;
        };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_as_much_as_there_is_and_what_is_dropped_is_free() {
        let rooms = Rooms::new();
        let (mut one, mut other) = (rooms.empty(), rooms.empty());

        assert!(one.grow(ROOM / 2) && one.grow(ROOM / 2) && other.grow(0));
        assert!(!other.grow(1));
        drop(one);

        assert!(other.grow(ROOM));
    }
}
