//! Whether a request has gone out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once a connection takes a request to send it, and never before: a caller may leave while there
/// is no connection yet. Cloning it copies a pointer.
#[derive(Clone, Debug, Default)]
pub struct Sent(Arc<AtomicBool>);

impl Sent {
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}
