//! What is known of a target: whether it lives, how quick it is, and which keys it wants to be spared.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::breaker::{Breaker, Rules};
use super::plan::{Micros, Opens};

/// How many of the models are remembered that callers have named and that have failed.
const REMEMBERED: u64 = 4_096;
/// How much a new time weighs against those before it.
const WEIGHT: f64 = 0.2;
/// An average that is older says nothing beside a new time.
const OLD: Micros = 30_000_000;

/// A model at a provider, by their names.
pub(super) type Name = (Arc<str>, String);

/// Shared by all who ask one model of one provider.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) breaker: Breaker,
    plain: Latency,
    streams: Latency,
    /// Until when each key is to be spared.
    cooled: Box<[AtomicI64]>,
}

impl Condition {
    pub(super) fn new(rules: Rules, keys: usize) -> Self {
        Self {
            breaker: Breaker::new(rules),
            plain: Latency::default(),
            streams: Latency::default(),
            cooled: (0..keys).map(|_| AtomicI64::new(Micros::MIN)).collect(),
        }
    }

    /// When the target may be asked with this key.
    pub(super) fn opens(&self, key: usize, now: Micros) -> Opens {
        let cooled = self.cooled_until(key).unwrap_or(Micros::MIN);
        self.breaker.opens(now).and(Opens::from(cooled, now))
    }

    /// Spares one key, or all of them. The later of two ends holds.
    pub(super) fn cool(&self, key: Option<usize>, until: Micros) {
        for (place, cooled) in self.cooled.iter().enumerate() {
            if key.is_none_or(|key| key == place) {
                cooled.fetch_max(until, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn cooled_until(&self, key: usize) -> Option<Micros> {
        Some(self.cooled.get(key)?.load(Ordering::Relaxed))
    }

    /// Plain answers take longer than a stream's first content: each is compared with its like.
    pub(super) fn latency(&self, is_stream: bool) -> &Latency {
        if is_stream {
            &self.streams
        } else {
            &self.plain
        }
    }
}

/// An average in which old times fade.
#[derive(Debug, Default)]
pub(super) struct Latency {
    average: AtomicU64,
    measured_at: AtomicI64,
}

impl Latency {
    /// In seconds; None until something was measured.
    pub(super) fn average(&self) -> Option<f64> {
        let bits = self.average.load(Ordering::Relaxed);
        (bits != 0).then(|| f64::from_bits(bits))
    }

    /// Two at once may lose one: it is an average.
    pub(super) fn measured(&self, time: Duration, now: Micros) {
        let seconds = time.as_secs_f64().max(f64::MIN_POSITIVE);
        let is_old = now - self.measured_at.swap(now, Ordering::Relaxed) > OLD;
        let average = self
            .average()
            .filter(|_| !is_old)
            .map_or(seconds, |before| before + (seconds - before) * WEIGHT);
        self.average.store(average.to_bits(), Ordering::Relaxed);
    }
}

/// Where conditions are kept: those of configured targets for ever. Others have names that callers have
/// made up, and are remembered only once they have failed, and not all of them.
#[derive(Debug)]
pub(super) struct Board {
    rules: Rules,
    configured: HashMap<Name, Arc<Condition>>,
    others: Cache<Name, Arc<Condition>>,
}

impl Board {
    pub(super) fn new(rules: Rules) -> Self {
        let others = Cache::builder()
            .max_capacity(REMEMBERED)
            .eviction_policy(EvictionPolicy::lru());
        Self {
            rules,
            configured: HashMap::new(),
            others: others.build(),
        }
    }

    /// At the start, for a target that is configured.
    pub(super) fn keep(&mut self, name: Name, keys: usize) -> Arc<Condition> {
        let rules = self.rules;
        self.configured
            .entry(name)
            .or_insert_with(|| Arc::new(Condition::new(rules, keys)))
            .clone()
    }

    /// None where nothing bad is known.
    pub(super) fn find(&self, name: &Name) -> Option<Arc<Condition>> {
        let configured = self.configured.get(name).cloned();
        configured.or_else(|| self.others.get(name))
    }

    pub(super) fn remember(&self, name: &Name, keys: usize) -> Arc<Condition> {
        let new = || Arc::new(Condition::new(self.rules, keys));
        self.find(name)
            .unwrap_or_else(|| self.others.get_with_by_ref(name, new))
    }

    pub(super) fn configured(&self) -> impl Iterator<Item = (&Name, &Arc<Condition>)> {
        self.configured.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_is_spared_and_the_others_are_not() {
        let rules = Rules {
            failures: 1,
            cooldown: 0,
        };
        let condition = Condition::new(rules, 3);

        condition.cool(Some(1), 70);
        condition.cool(Some(1), 50);

        let opens = [0, 1, 2].map(|key| condition.opens(key, 60));
        assert_eq!(opens, [Opens::Now, Opens::At(70), Opens::Now]);
        assert_eq!(condition.opens(1, 70), Opens::Now);
    }

    #[test]
    fn a_new_time_moves_the_average_by_a_fifth() {
        let latency = Latency::default();
        assert_eq!(latency.average(), None);

        latency.measured(Duration::from_secs(10), OLD);
        latency.measured(Duration::from_secs(20), 2 * OLD);

        assert!((latency.average().unwrap() - 12.0).abs() < 1e-9);
    }

    #[test]
    fn a_new_time_takes_the_place_of_an_old_average() {
        let latency = Latency::default();

        latency.measured(Duration::from_secs(10), 0);
        latency.measured(Duration::from_secs(20), OLD + 1);

        assert!((latency.average().unwrap() - 20.0).abs() < 1e-9);
    }
}
