//! Whether a server that may be away is worth asking.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::chain;

/// How long nobody asks after a failure. Then one does, and the others wait for what it finds.
const PAUSE: Duration = Duration::from_secs(1);

/// Told of once when it begins, and once when it is over.
#[derive(Debug)]
pub(super) struct Outage {
    since: Instant,
    /// When it is asked again, in milliseconds; zero while it answers.
    next: AtomicU64,
}

impl Outage {
    pub(super) fn none() -> Self {
        Self {
            since: Instant::now(),
            next: AtomicU64::new(0),
        }
    }

    pub(super) fn may_ask(&self) -> bool {
        self.may_ask_at(Instant::now())
    }

    pub(super) fn failed(&self, why: &(dyn Error + 'static)) {
        let next = self.millis(Instant::now() + PAUSE);
        if self.next.swap(next, Ordering::AcqRel) == 0 {
            let error = chain(why);
            tracing::warn!(
                error,
                "Redis does not answer: each process limits by itself"
            );
        }
    }

    pub(super) fn answered(&self) {
        let was_away = self.next.load(Ordering::Acquire) != 0;
        if was_away && self.next.swap(0, Ordering::AcqRel) != 0 {
            tracing::info!("Redis answers again: limits are shared");
        }
    }

    fn may_ask_at(&self, now: Instant) -> bool {
        let next = self.next.load(Ordering::Acquire);
        let later = self.millis(now + PAUSE);
        next == 0
            || next <= self.millis(now)
                && self
                    .next
                    .compare_exchange(next, later, Ordering::AcqRel, Ordering::Acquire)
                    .is_ok()
    }

    /// Never zero.
    fn millis(&self, at: Instant) -> u64 {
        let millis = (at - self.since).as_millis();
        u64::try_from(millis).unwrap_or(u64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_asks_each_second_until_there_is_an_answer() {
        let outage = Outage::none();
        assert!(outage.may_ask() && outage.may_ask());

        outage.failed(&std::io::Error::other("refused"));
        let now = Instant::now();
        assert!(!outage.may_ask_at(outage.since));
        assert!(outage.may_ask_at(now + PAUSE));
        assert!(!outage.may_ask_at(now + PAUSE));
        assert!(outage.may_ask_at(now + 2 * PAUSE));

        outage.answered();
        assert!(outage.may_ask() && outage.may_ask());
    }
}
