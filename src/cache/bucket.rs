//! A token bucket: it holds as many as its limit, and an empty one is full again after one period.

use std::time::Duration;

/// A bucket, and how much is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Whose, and of what: `user:<id>:rpm`.
    pub name: String,
    pub limit: u64,
    /// How long an empty one takes until it is full.
    pub per: Duration,
    pub cost: u64,
}

/// How a bucket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    pub limit: u64,
    pub remaining: u64,
    /// Until it is full.
    pub full_in: Duration,
    /// Until what was refused fits; None if it never will.
    pub fits_in: Option<Duration>,
}

/// What is missing from a bucket, in tokens times the microseconds of its period. In whole numbers
/// nothing is lost, however often a bucket is looked at.
pub(super) type Missing = i128;

/// What became of a wish, and what is missing from each bucket now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) is_taken: bool,
    pub(super) missing: Vec<Missing>,
}

/// How many periods a bucket may be overdrawn by: whoever reports nonsense as used locks nobody out
/// for ever.
pub(super) const DEEPEST: i128 = 60;

impl Bucket {
    /// What is missing when `elapsed` microseconds have passed. The script does the same sums.
    pub(super) fn refilled(&self, missing: Missing, elapsed: i64) -> Missing {
        (missing - self.limit() * i128::from(elapsed.max(0))).max(0)
    }

    pub(super) fn fits(&self, missing: Missing) -> bool {
        missing + self.units(self.cost.into()) <= self.capacity()
    }

    /// What is missing once `tokens` are taken, or given back where they are negative.
    pub(super) fn taken(&self, missing: Missing, tokens: i128) -> Missing {
        (missing + self.units(tokens)).clamp(0, DEEPEST * self.capacity())
    }

    pub(super) fn level(&self, missing: Missing) -> Level {
        let remaining = (self.capacity() - missing).max(0) / self.micros();
        let too_many = missing + self.units(self.cost.into()) - self.capacity();
        Level {
            limit: self.limit,
            remaining: u64::try_from(remaining).unwrap_or(u64::MAX),
            full_in: self.time_for(missing),
            fits_in: (self.cost <= self.limit).then(|| self.time_for(too_many)),
        }
    }

    /// How long it takes until so much has come in, rounded up to a microsecond.
    pub(super) fn time_for(&self, units: i128) -> Duration {
        let limit = self.limit().max(1);
        let micros = (units.max(0) + limit - 1) / limit;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The microseconds of the period: at least one, at most some thousand years of them.
    pub(super) fn micros(&self) -> i128 {
        i128::try_from(self.per.as_micros())
            .unwrap_or(i128::MAX)
            .clamp(1, 1 << 56)
    }

    fn limit(&self) -> i128 {
        self.limit.into()
    }

    fn capacity(&self) -> i128 {
        self.limit() * self.micros()
    }

    fn units(&self, tokens: i128) -> i128 {
        tokens.saturating_mul(self.micros())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn a_minute_of(limit: u64, cost: u64) -> Bucket {
        Bucket {
            name: "user:ada:rpm".to_owned(),
            limit,
            per: Duration::from_mins(1),
            cost,
        }
    }

    #[test]
    fn a_bucket_gives_its_limit_at_once_and_then_one_after_the_other() {
        let bucket = a_minute_of(3, 1);
        let mut missing = 0;
        for left in [2, 1, 0] {
            assert!(bucket.fits(missing));
            missing = bucket.taken(missing, 1);
            assert_eq!(bucket.level(missing).remaining, left);
        }

        assert!(!bucket.fits(missing));
        let level = bucket.level(missing);
        assert_eq!(level.fits_in, Some(Duration::from_secs(20)));
        assert_eq!(level.full_in, Duration::from_mins(1));
        assert!(!bucket.fits(bucket.refilled(missing, 19_999_999)));
        assert!(bucket.fits(bucket.refilled(missing, 20_000_000)));
    }

    #[test]
    fn what_is_more_than_the_limit_never_fits() {
        let level = a_minute_of(3, 4).level(0);

        assert_eq!((level.fits_in, level.remaining), (None, 3));
        assert_eq!(a_minute_of(0, 1).level(0).fits_in, None);
    }

    #[test]
    fn an_overdrawn_bucket_has_nothing_and_takes_longer() {
        let bucket = a_minute_of(60, 1);

        let missing = bucket.taken(bucket.taken(0, 60), 30);

        let level = bucket.level(missing);
        assert_eq!(level.remaining, 0);
        assert_eq!(level.fits_in, Some(Duration::from_secs(31)));
        assert_eq!(level.full_in, Duration::from_secs(90));
    }

    #[test]
    fn absurd_numbers_are_neither_an_overflow_nor_a_lock_for_ever() {
        for limit in [0, 1, 1_000, u64::MAX] {
            let bucket = Bucket {
                per: Duration::MAX,
                ..a_minute_of(limit, u64::MAX)
            };
            let missing = bucket.taken(0, u64::MAX.into());
            bucket.level(missing);
            bucket.refilled(missing, i64::MAX);
        }
        let bucket = a_minute_of(10, 1);
        let missing = bucket.taken(0, u64::MAX.into());
        assert_eq!(bucket.level(missing).full_in, Duration::from_hours(1));
    }

    proptest! {
        /// However time is cut up, a bucket never gives more than its limit and what has come in.
        #[test]
        fn nothing_is_given_twice(
            limit in 1_u64..50,
            wishes in prop::collection::vec((0_i64..5_000_000, 1_u64..60), 1..200),
        ) {
            let (mut missing, mut given, mut passed) = (0, 0_i128, 0);
            for (elapsed, cost) in wishes {
                let bucket = a_minute_of(limit, cost);
                missing = bucket.refilled(missing, elapsed);
                passed += i128::from(elapsed);
                if bucket.fits(missing) {
                    missing = bucket.taken(missing, cost.into());
                    given += i128::from(cost);
                }
                let most = i128::from(limit) * (60_000_000 + passed);
                prop_assert!(given * 60_000_000 <= most);
            }
        }

        /// Who waits as long as they are told to is let in, and not a microsecond before.
        #[test]
        fn the_wait_is_as_long_as_is_told(
            limit in 1_u64..1_000_000,
            missing in 0_i128..60_000_000_000_000,
            cost in 1_u64..1_000_000,
        ) {
            let bucket = a_minute_of(limit, cost.min(limit));
            let wait = bucket.level(missing).fits_in.unwrap();
            let micros = i64::try_from(wait.as_micros()).unwrap();
            prop_assert!(bucket.fits(bucket.refilled(missing, micros)));
            if micros > 0 {
                prop_assert!(!bucket.fits(bucket.refilled(missing, micros - 1)));
            }
        }
    }
}
