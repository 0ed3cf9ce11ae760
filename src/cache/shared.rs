//! Buckets that all replicas share: one script for each wish, by the clock of Redis.

use std::collections::HashMap;

use redis::ScriptInvocation;

use super::bucket::{Bucket, Missing, Outcome};
use super::redis::Redis;
use super::scripted::Scripted;

const SCRIPT: &str = include_str!("take.lua");

pub(super) struct Shared(Scripted);

impl Shared {
    pub(super) fn new(redis: Redis) -> Self {
        Self(Scripted::new(redis, SCRIPT))
    }

    pub(super) async fn greet(&self) {
        self.0.greet().await;
    }

    /// Whether it is worth asking now.
    pub(super) fn is_there(&self) -> bool {
        self.0.is_there()
    }

    /// Takes from all of them, or from none. None where nobody answers in time.
    pub(super) async fn take(&self, buckets: &[Bucket]) -> Option<Outcome> {
        let wanted = buckets.iter().map(|it| (it, it.cost.into()));
        let reply = self.run("take", wanted).await?;
        let [is_taken, _now, missing @ ..] = reply.as_slice() else {
            return None;
        };
        Some(Outcome {
            is_taken: *is_taken == 1,
            missing: missing.to_vec(),
        })
    }

    /// Takes whether it fits or not, and gives back what is negative; nothing while nobody answers.
    pub(super) async fn add<'a>(&self, changes: impl Iterator<Item = (&'a Bucket, i128)>) {
        let mut sums: HashMap<&str, (&Bucket, i128)> = HashMap::new();
        for (bucket, tokens) in changes {
            sums.entry(&bucket.name).or_insert((bucket, 0)).1 += tokens;
        }
        if !sums.is_empty() && self.is_there() {
            self.run("add", sums.into_values()).await;
        }
    }

    /// What the script says.
    async fn run<'a>(
        &self,
        what: &str,
        wanted: impl Iterator<Item = (&'a Bucket, i128)>,
    ) -> Option<Vec<Missing>> {
        self.0.run(&self.call(what, wanted)).await
    }

    fn call<'a>(
        &self,
        what: &str,
        wanted: impl Iterator<Item = (&'a Bucket, i128)>,
    ) -> ScriptInvocation<'_> {
        let mut call = self.0.call();
        call.arg(what);
        for (bucket, tokens) in wanted {
            call.key(self.0.key("rate", &bucket.name))
                .arg(bucket.limit)
                .arg(bucket.micros())
                .arg(tokens);
        }
        call
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::clock::Clock;

    /// None without a server: what the test would show is not shown.
    fn server() -> Option<Shared> {
        #[expect(
            clippy::disallowed_methods,
            reason = "how tests are told of their servers"
        )]
        let url = std::env::var("TEST_REDIS_URL").ok()?;
        Some(Shared::new(Redis::open(&url, "test").unwrap()))
    }

    /// What the script does, done here: the numbers that it returns, at the time that it tells.
    #[derive(Default)]
    struct Sums(HashMap<String, (Missing, i64)>);

    impl Sums {
        fn run(&mut self, what: &str, wanted: &[(&Bucket, i128)], now: i64) -> Vec<Missing> {
            let before = |(it, _): &(&Bucket, i128)| {
                let (missing, at) = self.0.get(&it.name).copied().unwrap_or((0, now));
                it.refilled(missing, now - at)
            };
            let mut missing: Vec<Missing> = wanted.iter().map(before).collect();
            let is_taken = what == "add"
                || wanted
                    .iter()
                    .zip(&missing)
                    .all(|((it, _), &missing)| it.fits(missing));
            for ((it, tokens), missing) in wanted.iter().zip(&mut missing) {
                if is_taken {
                    *missing = it.taken(*missing, *tokens);
                    self.0.insert(it.name.clone(), (*missing, now));
                }
            }
            [i128::from(is_taken), now.into()]
                .into_iter()
                .chain(missing)
                .collect()
        }
    }

    /// Periods are so short that buckets fill up in between.
    fn wishes() -> impl Strategy<Value = Vec<(bool, usize, i128)>> {
        let wish = (prop::bool::weighted(0.7), 1_usize..4, -5_i128..30);
        prop::collection::vec(wish, 1..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_script_does_the_same_sums(
            wishes in wishes(),
            limit in prop_oneof![1_u64..60, 1_000_u64..100_000_000],
            millis in 5_u64..400,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let _inside = runtime.enter();
            let Some(shared) = server() else { return Ok(()) };
            let own = (std::process::id(), Clock::system().micros());
            let mut sums = Sums::default();
            for (is_take, count, tokens) in wishes {
                let buckets: Vec<Bucket> = (0..count)
                    .map(|nth| Bucket {
                        name: format!("test:{own:?}:{nth}"),
                        limit: limit.div_ceil(nth as u64 + 1),
                        per: Duration::from_millis(millis),
                        cost: u64::try_from(tokens).unwrap_or(0),
                    })
                    .collect();
                let what = if is_take && tokens >= 0 { "take" } else { "add" };
                let wanted: Vec<_> = buckets.iter().map(|it| (it, tokens)).collect();
                let call = shared.call(what, wanted.iter().copied());
                let said = runtime.block_on(shared.0.invoke(&call));
                let said = said.expect("TEST_REDIS_URL must answer");

                let now = i64::try_from(said[1]).unwrap();
                prop_assert_eq!(sums.run(what, &wanted, now), said);
            }
        }
    }
}
