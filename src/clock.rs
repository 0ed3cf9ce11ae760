//! What time it is. Nothing else asks the system, so that tests can move the clock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A source of the current time. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's own clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `micros` after the epoch until it is moved.
    pub fn standing_at(micros: i64) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(micros))))
    }

    /// Microseconds since the epoch.
    pub fn micros(&self) -> i64 {
        match &self.0 {
            Source::System => system_micros(),
            Source::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Moves a standing clock forward. The machine's clock moves by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            now.fetch_add(micros, Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that may ask")]
fn system_micros() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_micros()).ok())
        .unwrap_or_default()
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_only_when_told() {
        let clock = Clock::standing_at(1_000_000);
        assert_eq!(clock.micros(), clock.micros());

        clock.advance(Duration::from_secs(2));

        assert_eq!(clock.micros(), 3_000_000);
    }

    #[test]
    fn the_machines_clock_is_past_the_year_2020_and_cannot_be_moved() {
        let clock = Clock::system();

        clock.advance(Duration::from_secs(1_000_000));

        assert!(clock.micros() > 1_577_836_800_000_000);
    }
}
