//! Lets somebody see what a stream has passed on.

use std::fmt;

use bytes::Bytes;

/// Sees what a caller is sent of an answer, keep-alive comments of ours left out.
pub trait Tap: Send {
    fn passed(&mut self, bytes: &Bytes);

    /// The last that it hears, also where the caller has left. `is_complete` if `[DONE]` was passed.
    fn ended(&mut self, is_complete: bool);
}

/// A tap, told of the end by being dropped.
pub(super) struct Tapped {
    tap: Box<dyn Tap>,
    is_complete: bool,
}

impl Tapped {
    pub(super) fn new(tap: Box<dyn Tap>) -> Self {
        Self {
            tap,
            is_complete: false,
        }
    }

    pub(super) fn passed(&mut self, bytes: &Bytes, is_complete: bool) {
        self.is_complete = is_complete;
        self.tap.passed(bytes);
    }
}

impl Drop for Tapped {
    fn drop(&mut self) {
        self.tap.ended(self.is_complete);
    }
}

impl fmt::Debug for Tapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tapped")
            .field("is_complete", &self.is_complete)
            .finish_non_exhaustive()
    }
}
