//! The earliest answer to a wrong password, where not all stored hashes take the same time.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How long a refusal takes at the least, counted from when hashing began.
#[derive(Clone, Copy, Debug)]
pub(in crate::auth) struct Floor(Duration);

const LEAST: Duration = Duration::from_millis(250);

impl Floor {
    /// A quarter above the `slowest` check, since no two take quite the same time.
    pub(super) fn above(slowest: Duration) -> Self {
        Self(LEAST.max(slowest + slowest / 4))
    }

    pub(super) async fn wait(self, began: Instant) {
        sleep_until(began + self.0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_lies_above_the_slowest_check() {
        let above = |millis| Floor::above(Duration::from_millis(millis)).0.as_millis();

        assert_eq!(above(0), 250);
        assert_eq!(above(200), 250);
        assert_eq!(above(400), 500);
    }
}
