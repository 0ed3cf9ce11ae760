//! How often somebody may: one answer for all replicas where Redis gives it, else one for this
//! process.

use std::fmt;
use std::sync::Arc;

use super::bucket::{Bucket, Level, Outcome};
use super::memory::Memory;
use super::redis::Redis;
use super::replicas::{Correction, Replicas};
use crate::clock::Clock;
use crate::shutdown::Shutdown;

/// Where places are taken. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Limiter(Arc<Parts>);

struct Parts {
    /// With Redis, it knows what this process has taken there, for when Redis is away.
    memory: Memory,
    replicas: Option<Replicas>,
}

impl Limiter {
    /// Starts the task that tells Redis of corrections, where there is one.
    pub fn new(redis: Option<Redis>, clock: Clock, shutdown: &Shutdown) -> Self {
        Self(Arc::new(Parts {
            memory: Memory::new(clock),
            replicas: redis.map(|redis| Replicas::open(redis, shutdown)),
        }))
    }

    /// Takes from all of the buckets, or from none: then it says how they stand, in the same order.
    pub async fn take(&self, buckets: Vec<Bucket>) -> Result<Hold, Vec<Level>> {
        let buckets: Arc<[Bucket]> = buckets.into();
        if let Some(replicas) = &self.0.replicas
            && replicas.shared.is_there()
        {
            // In a task of its own: a caller who leaves meanwhile drops the hold, not the question.
            let asking = self.clone().ask(buckets.clone());
            if let Ok(Some(answer)) = replicas.beside(asking).await {
                return answer;
            }
        }
        let outcome = self.0.memory.take(&buckets);
        self.told(buckets, &outcome, Held::Here)
    }

    /// None where Redis does not say.
    async fn ask(self, buckets: Arc<[Bucket]>) -> Option<Result<Hold, Vec<Level>>> {
        let shared = &self.0.replicas.as_ref()?.shared;
        let outcome = shared.take(&buckets).await?;
        if outcome.is_taken {
            for bucket in &*buckets {
                self.0.memory.add(bucket, bucket.cost.into());
            }
        }
        Some(self.told(buckets, &outcome, Held::ByAll))
    }

    fn told(
        &self,
        buckets: Arc<[Bucket]>,
        outcome: &Outcome,
        held: Held,
    ) -> Result<Hold, Vec<Level>> {
        let levels = buckets.iter().zip(&outcome.missing);
        let levels = levels.map(|(it, &missing)| it.level(missing)).collect();
        if !outcome.is_taken {
            return Err(levels);
        }
        Ok(Hold {
            limiter: self.clone(),
            taken: Some(buckets),
            levels,
            held,
        })
    }

    fn correct(&self, correction: Correction, held: Held) {
        for (bucket, tokens) in correction.changes() {
            self.0.memory.add(bucket, tokens);
        }
        if held == Held::ByAll
            && let Some(replicas) = &self.0.replicas
        {
            replicas.tell(correction);
        }
    }

    /// Tells Redis what it has not been told yet, then nothing more.
    pub fn close(&self) {
        if let Some(replicas) = &self.0.replicas {
            replicas.close();
        }
    }
}

/// Who knows of what was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Here,
    ByAll,
}

/// What was taken. Dropped, it goes back as if it had never been; settled, what was used stays away.
pub struct Hold {
    limiter: Limiter,
    /// None once it is settled.
    taken: Option<Arc<[Bucket]>>,
    levels: Vec<Level>,
    held: Held,
}

impl Hold {
    /// How the buckets stood when it was taken, in the order in which they were named.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// What was really used of each bucket: less than was taken, or more.
    pub fn settle(mut self, used: Vec<u64>) {
        self.correct(used);
    }

    fn correct(&mut self, used: Vec<u64>) {
        if let Some(taken) = self.taken.take() {
            let correction = Correction { taken, used };
            if correction.changes().next().is_some() {
                self.limiter.correct(correction, self.held);
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.correct(Vec::new());
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_shared = self.0.replicas.is_some();
        f.debug_struct("Limiter")
            .field("is_shared", &is_shared)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("taken", &self.taken)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::net::TcpListener;
    use tokio::time::{Instant, sleep};

    use super::*;

    fn bucket(name: &str, limit: u64, cost: u64) -> Bucket {
        Bucket {
            name: name.to_owned(),
            limit,
            per: Duration::from_mins(10),
            cost,
        }
    }

    fn alone() -> Limiter {
        Limiter::new(None, Clock::standing_at(0), &Shutdown::new())
    }

    #[tokio::test]
    async fn a_hold_that_is_dropped_was_never_there_and_a_settled_one_is_what_was_used() {
        let limiter = alone();
        let take = |cost| limiter.take(vec![bucket("a", 10, cost)]);
        let remaining = async || take(0).await.unwrap().levels()[0].remaining;

        let hold = take(8).await.unwrap();
        assert_eq!(remaining().await, 2);
        drop(hold);
        assert_eq!(remaining().await, 10);

        take(8).await.unwrap().settle(vec![3]);
        assert_eq!(remaining().await, 7);
        take(5).await.unwrap().settle(vec![9]);
        assert_eq!(take(1).await.unwrap_err()[0].remaining, 0);
    }

    #[tokio::test]
    async fn a_redis_that_hangs_is_waited_for_now_and_then_and_limits_hold() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let redis = Redis::open(&url, "test").unwrap();
        let limiter = Limiter::new(Some(redis), Clock::system(), &Shutdown::new());

        let began = Instant::now();
        let mut taken = 0;
        for _ in 0..100 {
            match limiter.take(vec![bucket("a", 7, 1)]).await {
                Ok(hold) => {
                    hold.settle(vec![1]);
                    taken += 1;
                }
                Err(levels) => assert_eq!(levels[0].remaining, 0),
            }
        }

        assert_eq!(taken, 7);
        // If each had waited, it were ten seconds.
        assert!(began.elapsed() < Duration::from_secs(6));
    }

    #[tokio::test]
    async fn who_leaves_while_redis_is_asked_takes_nothing() {
        #[expect(
            clippy::disallowed_methods,
            reason = "how tests are told of their servers"
        )]
        let Ok(url) = std::env::var("TEST_REDIS_URL") else {
            return;
        };
        let own = format!("test:{}:{}", std::process::id(), Clock::system().micros());
        let redis = Redis::open(&url, "test").expect("TEST_REDIS_URL must be an address");
        let limiter = Limiter::new(Some(redis), Clock::system(), &Shutdown::new());

        let leaving = limiter.take(vec![bucket(&own, 5, 5)]);
        assert!(leaving.now_or_never().is_none());

        for _ in 0..250 {
            sleep(Duration::from_millis(20)).await;
            let all = limiter.take(vec![bucket(&own, 5, 5)]).await;
            if let Ok(hold) = all {
                assert_eq!(hold.held, Held::ByAll, "TEST_REDIS_URL must answer");
                return;
            }
        }
        panic!("what nobody holds was never given back");
    }
}
