//! Buckets of this process: in many maps, so that requests seldom wait for each other.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::bucket::{Bucket, Missing, Outcome};
use crate::clock::Clock;

const SHARDS: usize = 64;
/// Buckets of one shard.
const MOST: usize = 2_048;
/// Buckets of one shard that are not worth looking through.
const FEW: usize = 64;

pub(super) struct Memory {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    clock: Clock,
}

impl Memory {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            clock,
        }
    }

    /// Takes from all of them, or from none.
    pub(super) fn take(&self, buckets: &[Bucket]) -> Outcome {
        let places: Vec<usize> = buckets.iter().map(|bucket| self.place(bucket)).collect();
        // Always locked in this order, so that no two wait for each other.
        let mut order = places.clone();
        order.sort_unstable();
        order.dedup();
        let mut shards: Vec<_> = order.iter().map(|place| self.lock(*place)).collect();
        let nth = |place: &usize| order.binary_search(place).unwrap_or_default();

        let now = self.clock.micros();
        let each = || buckets.iter().zip(places.iter().map(nth));
        let mut missing: Vec<_> = each()
            .map(|(bucket, nth)| shards[nth].missing(bucket, now))
            .collect();
        let is_taken = buckets.iter().zip(&missing).all(|(it, &no)| it.fits(no));
        if is_taken {
            missing = each()
                .map(|(bucket, nth)| shards[nth].add(bucket, bucket.cost.into(), now))
                .collect();
        }
        Outcome { is_taken, missing }
    }

    /// Takes from a bucket whether it fits or not; gives back what is negative.
    pub(super) fn add(&self, bucket: &Bucket, tokens: i128) {
        let mut shard = self.lock(self.place(bucket));
        shard.add(bucket, tokens, self.clock.micros());
    }

    fn place(&self, bucket: &Bucket) -> usize {
        let hash = self.hasher.hash_one(&bucket.name);
        usize::try_from(hash % SHARDS as u64).unwrap_or_default()
    }

    fn lock(&self, place: usize) -> MutexGuard<'_, Shard> {
        self.shards[place]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some of the buckets. One that is not here is full.
#[derive(Default)]
struct Shard {
    buckets: HashMap<String, Kept>,
    /// How many there are when it is looked through again.
    look_at: usize,
}

#[derive(Clone, Copy)]
struct Kept {
    missing: Missing,
    at: i64,
    full_at: i64,
}

impl Shard {
    fn missing(&self, bucket: &Bucket, now: i64) -> Missing {
        let kept = self.buckets.get(&bucket.name);
        kept.map_or(0, |kept| bucket.refilled(kept.missing, now - kept.at))
    }

    /// What is missing now.
    fn add(&mut self, bucket: &Bucket, tokens: i128, now: i64) -> Missing {
        let missing = bucket.taken(self.missing(bucket, now), tokens);
        let full_in = bucket.time_for(missing).as_micros();
        let kept = Kept {
            missing,
            at: now,
            full_at: now.saturating_add(i64::try_from(full_in).unwrap_or(i64::MAX)),
        };
        match self.buckets.get_mut(&bucket.name) {
            Some(place) => *place = kept,
            None if missing > 0 => {
                self.make_room(now);
                self.buckets.insert(bucket.name.clone(), kept);
            }
            None => {}
        }
        missing
    }

    /// Full buckets are forgotten; where too many are left, those that would be full soonest.
    fn make_room(&mut self, now: i64) {
        if self.buckets.len() < self.look_at.max(FEW) {
            return;
        }
        self.buckets.retain(|_, kept| kept.full_at > now);
        if self.buckets.len() > MOST / 2 {
            let mut ends: Vec<i64> = self.buckets.values().map(|kept| kept.full_at).collect();
            let half = ends.len() / 2;
            let (_, &mut median, _) = ends.select_nth_unstable(half);
            self.buckets.retain(|_, kept| kept.full_at > median);
        }
        self.look_at = (self.buckets.len() * 2).clamp(FEW, MOST);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bucket(name: &str, limit: u64, cost: u64) -> Bucket {
        Bucket {
            name: name.to_owned(),
            limit,
            per: Duration::from_mins(1),
            cost,
        }
    }

    fn memory() -> (Memory, Clock) {
        let clock = Clock::standing_at(1_000_000);
        (Memory::new(clock.clone()), clock)
    }

    #[test]
    fn all_are_taken_from_or_none() {
        let (memory, clock) = memory();
        let both = [bucket("a", 2, 1), bucket("b", 1, 1)];

        assert!(memory.take(&both).is_taken);
        assert!(!memory.take(&both).is_taken);
        assert!(memory.take(&both[..1]).is_taken);
        assert!(!memory.take(&both[..1]).is_taken);

        clock.advance(Duration::from_secs(30));
        assert!(!memory.take(&both).is_taken);
        assert!(memory.take(&both[..1]).is_taken);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let (memory, _) = memory();
        let one = [bucket("a", 3, 3)];
        assert!(memory.take(&one).is_taken);

        memory.add(&one[0], -2);

        let two = [bucket("a", 3, 2)];
        assert!(memory.take(&two).is_taken);
        memory.add(&one[0], -100);
        assert!(memory.take(&one).is_taken);
        assert!(!memory.take(&[bucket("a", 3, 1)]).is_taken);
    }

    #[test]
    fn full_buckets_are_forgotten_and_of_too_many_others_those_soonest_full() {
        let mut shard = Shard::default();
        let used_up = bucket("used up", 10, 10);
        shard.add(&used_up, 10, 0);

        for now in 0..3 * MOST {
            let other = bucket(&now.to_string(), 1_000, 1);
            shard.add(&other, 1, i64::try_from(now).unwrap());
            assert!(shard.buckets.len() <= MOST);
        }
        assert!(shard.missing(&used_up, 0) > 0);

        let later = 120_000_000;
        for n in 0..MOST {
            let other = bucket(&format!("later {n}"), u64::MAX, 1);
            shard.add(&other, 1, later + i64::try_from(n).unwrap());
        }
        assert!(shard.buckets.len() <= FEW, "{}", shard.buckets.len());
    }

    #[test]
    fn threads_that_take_together_get_the_limit_and_no_more() {
        let (memory, _) = memory();
        let took: usize = std::thread::scope(|scope| {
            let take = |n: usize| {
                let own = format!("own {n}");
                let mut both = vec![bucket("shared", 100, 1), bucket(&own, 100, 1)];
                // The order in which they are named must not matter.
                both.rotate_left(n % 2);
                (0..50).filter(|_| memory.take(&both).is_taken).count()
            };
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || take(n))).collect();
            threads.into_iter().map(|it| it.join().unwrap()).sum()
        });

        assert_eq!(took, 100);
    }
}
