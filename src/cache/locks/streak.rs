//! Failures in a row. The script does the same.

use std::time::Duration;

/// Failures that are forgiven: the one after them locks.
const FORGIVEN: u32 = 4;
/// How long each lock of a streak is; the last one again and again.
const LOCKS: [Duration; 5] = [
    Duration::from_mins(1),
    Duration::from_mins(2),
    Duration::from_mins(4),
    Duration::from_mins(8),
    Duration::from_mins(15),
];
/// How long a streak is remembered after its last failure or lock.
const WINDOW: Duration = Duration::from_mins(15);
/// The longest that one is worth keeping.
pub(super) const KEPT: Duration = Duration::from_mins(30);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Streak {
    failures: u32,
    /// When the last failure was, and when its lock ends, in microseconds.
    at: i64,
    until: i64,
}

impl Streak {
    #[must_use]
    pub(super) fn failed(self, now: i64) -> Self {
        let is_over = now > self.at.max(self.until).saturating_add(micros(WINDOW));
        let failures = if is_over {
            1
        } else {
            self.failures.saturating_add(1)
        };
        let lock = failures
            .checked_sub(FORGIVEN + 1)
            .map(|nth| {
                usize::try_from(nth)
                    .unwrap_or(usize::MAX)
                    .min(LOCKS.len() - 1)
            })
            .and_then(|nth| LOCKS.get(nth));
        Self {
            failures,
            at: now,
            until: lock.map_or(now, |lock| now.saturating_add(micros(*lock))),
        }
    }

    pub(super) fn left(self, now: i64) -> Duration {
        let left = self.until.saturating_sub(now);
        Duration::from_micros(u64::try_from(left).unwrap_or(0))
    }
}

/// For the script: how many are forgiven, the window, and the locks.
pub(super) fn numbers() -> impl Iterator<Item = i64> {
    let rest = [WINDOW].into_iter().chain(LOCKS).map(micros);
    std::iter::once(i64::from(FORGIVEN)).chain(rest)
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn after(failures: u32) -> Streak {
        (0..failures).fold(Streak::default(), |streak, _| streak.failed(0))
    }

    #[test]
    fn each_lock_is_longer_than_the_one_before_up_to_a_quarter_of_an_hour() {
        let minutes = |failures| after(failures).left(0).as_secs() / 60;

        assert_eq!(
            [1, 4, 5, 6, 7, 8, 9, 10, 1_000].map(minutes),
            [0, 0, 1, 2, 4, 8, 15, 15, 15]
        );
    }

    #[test]
    fn a_streak_is_forgotten_a_quarter_of_an_hour_after_its_last_lock() {
        let locked = after(5);

        assert_eq!(locked.failed(16 * MINUTE).left(16 * MINUTE).as_secs(), 120);
        assert_eq!(
            locked
                .failed(16 * MINUTE + 1)
                .left(16 * MINUTE + 1)
                .as_secs(),
            0
        );
        assert_eq!(after(4).failed(15 * MINUTE).left(15 * MINUTE).as_secs(), 60);
        assert_eq!(
            after(4).failed(15 * MINUTE + 1),
            Streak {
                failures: 1,
                at: 15 * MINUTE + 1,
                until: 15 * MINUTE + 1
            }
        );
    }
}
