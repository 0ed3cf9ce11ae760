//! How often in a row somebody has failed, and how long they are locked for it: one answer for all
//! replicas where Redis gives it, else one for this process.

mod streak;

use std::sync::Arc;
use std::time::Duration;

use moka::ops::compute::Op;
use moka::sync::Cache;

use self::streak::{KEPT, Streak};
use super::redis::Redis;
use super::scripted::Scripted;
use crate::clock::Clock;

const SCRIPT: &str = include_str!("fail.lua");
/// Names that are remembered in this process; those that are asked for least make room.
const MOST: u64 = 100_000;

/// Cloning it copies a pointer.
#[derive(Clone)]
pub struct Locks(Arc<Parts>);

struct Parts {
    /// With Redis, it knows what has failed here, for when Redis is away.
    memory: Cache<String, Streak>,
    shared: Option<Scripted>,
    clock: Clock,
}

impl Locks {
    pub fn new(redis: Option<Redis>, clock: Clock) -> Self {
        let memory = Cache::builder()
            .max_capacity(MOST)
            .time_to_idle(KEPT)
            .build();
        Self(Arc::new(Parts {
            memory,
            shared: redis.map(|redis| Scripted::new(redis, SCRIPT)),
            clock,
        }))
    }

    /// How long a name is still locked; zero where it is not.
    pub async fn left(&self, name: &str) -> Duration {
        let here = self.0.memory.get(name);
        let here = here.map_or(Duration::ZERO, |streak| streak.left(self.now()));
        self.ask("look", name).await.unwrap_or(here)
    }

    /// Counts a failure; how long the name is locked now.
    pub async fn fail(&self, name: &str) -> Duration {
        let here = self.fail_here(name);
        self.ask("fail", name).await.unwrap_or(here)
    }

    /// Ends the streak.
    pub async fn clear(&self, name: &str) {
        self.0.memory.invalidate(name);
        self.ask("clear", name).await;
    }

    fn fail_here(&self, name: &str) -> Duration {
        let now = self.now();
        let entry = self.0.memory.entry_by_ref(name);
        let failed = entry.and_compute_with(|kept| {
            let streak = kept.map(moka::Entry::into_value).unwrap_or_default();
            Op::Put(streak.failed(now))
        });
        let failed = failed.into_entry().map(moka::Entry::into_value);
        failed.map_or(Duration::ZERO, |streak| streak.left(now))
    }

    /// What Redis says, by its own clock; None where it does not.
    async fn ask(&self, what: &str, name: &str) -> Option<Duration> {
        let shared = self.0.shared.as_ref().filter(|shared| shared.is_there())?;
        let mut call = shared.call();
        call.key(shared.key("lock", name)).arg(what);
        for number in streak::numbers() {
            call.arg(number);
        }
        let reply = shared.run(&call).await?;
        let left = reply.first().and_then(|left| u64::try_from(*left).ok())?;
        Some(Duration::from_micros(left))
    }

    fn now(&self) -> i64 {
        self.0.clock.micros()
    }
}

impl std::fmt::Debug for Locks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Locks").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// A Redis of its own names, where there is one.
    fn shared() -> Option<Locks> {
        #[expect(
            clippy::disallowed_methods,
            reason = "how tests are told of their servers"
        )]
        let url = std::env::var("TEST_REDIS_URL").ok()?;
        let redis = Redis::open(&url, "test").unwrap();
        Some(Locks::new(Some(redis), Clock::system()))
    }

    fn own_name() -> String {
        format!("test:{}:{}", std::process::id(), Clock::system().micros())
    }

    #[tokio::test]
    async fn five_failures_lock_and_a_success_ends_the_streak() {
        let clock = Clock::standing_at(0);
        let locks = Locks::new(None, clock.clone());

        for _ in 0..4 {
            assert_eq!(locks.fail("ada").await, Duration::ZERO);
        }
        assert_eq!(locks.fail("ada").await, MINUTE);
        assert_eq!(locks.left("ada").await, MINUTE);
        assert_eq!(locks.left("eve").await, Duration::ZERO);
        clock.advance(MINUTE);
        assert_eq!(locks.left("ada").await, Duration::ZERO);
        assert_eq!(locks.fail("ada").await, 2 * MINUTE);

        locks.clear("ada").await;
        assert_eq!(locks.left("ada").await, Duration::ZERO);
        assert_eq!(locks.fail("ada").await, Duration::ZERO);
    }

    #[tokio::test]
    async fn redis_counts_as_this_process_does() {
        let Some(locks) = shared() else { return };
        let name = own_name();
        locks.0.shared.as_ref().unwrap().greet().await;

        for _ in 0..4 {
            assert_eq!(locks.ask("fail", &name).await, Some(Duration::ZERO));
        }
        assert_eq!(locks.ask("fail", &name).await, Some(MINUTE));
        let left = locks.ask("look", &name).await.unwrap();
        assert!(left > Duration::ZERO && left <= MINUTE, "{left:?}");
        // A failure while it is locked is none of ours to ask for, and locks longer all the same.
        assert_eq!(locks.ask("fail", &name).await, Some(2 * MINUTE));
        assert_eq!(locks.ask("clear", &name).await, Some(Duration::ZERO));
        assert_eq!(locks.ask("look", &name).await, Some(Duration::ZERO));
        assert_eq!(locks.ask("fail", &name).await, Some(Duration::ZERO));
        locks.clear(&name).await;
    }
}
