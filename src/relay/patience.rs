//! The time of one request, which waits.

use std::time::Duration;

use tokio::time::sleep;

use super::plan::Micros;
use crate::clock::Clock;

/// A clock that does not fall behind what was waited for: the machine's may be set back, and one for
/// tests stands.
pub(super) struct Patience {
    clock: Clock,
    waited_until: Micros,
}

impl Patience {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            waited_until: Micros::MIN,
        }
    }

    pub(super) fn now(&self) -> Micros {
        self.clock.micros().max(self.waited_until)
    }

    pub(super) async fn wait_until(&mut self, time: Micros) {
        let wait = u64::try_from(time.saturating_sub(self.now())).unwrap_or(0);
        sleep(Duration::from_micros(wait)).await;
        self.waited_until = self.waited_until.max(time);
    }
}
