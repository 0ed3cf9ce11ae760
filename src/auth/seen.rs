//! Who was recognised a moment ago, so that the next request asks neither curve nor database.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use crate::clock::Clock;
use crate::domain::{Principal, Ts, UserId};
use crate::error::{Error, Result};

/// Remembers for five seconds; what is revoked here is forgotten at once.
pub(super) struct Seen {
    cache: Cache<Fingerprint, Arc<Sight>>,
    revocations: Revocations,
    clock: Clock,
}

/// What a credential is remembered by: its sort, as a cookie is no bearer token, and its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fingerprint {
    Token([u8; 32]),
    Key([u8; 32]),
    Cookie([u8; 32]),
}

/// A principal as the databases knew them.
#[derive(Clone, Debug)]
pub(super) struct Recognised {
    pub(super) principal: Principal,
    /// When the credential itself ends.
    pub(super) until: Ts,
}

struct Sight {
    recognised: Recognised,
    at: Ts,
    /// Which revocations the databases can have known of.
    after: u64,
}

const LIFETIME: Duration = Duration::from_secs(5);
const MOST: u64 = 100_000;
/// Tries before somebody whose accounts are revoked all the time is looked up on their own.
const TRIES: usize = 3;

impl Seen {
    pub(super) fn new(clock: Clock) -> Self {
        let cache = Cache::builder()
            .max_capacity(MOST)
            .time_to_live(LIFETIME)
            .build();
        Self {
            cache,
            revocations: Revocations::new(),
            clock,
        }
    }

    /// Whom the credential was recognised as, or is now by `look_up`. Requests that miss together
    /// look up once.
    pub(super) async fn recognise<F>(
        &self,
        fingerprint: Fingerprint,
        look_up: impl Fn() -> F,
    ) -> Result<Principal>
    where
        F: Future<Output = Result<Recognised>>,
    {
        // The usual way, for which no lookup is even prepared.
        if let Some(sight) = self.cache.get(&fingerprint).await
            && self.holds(&sight)
        {
            return Ok(sight.recognised.principal.clone());
        }
        for _ in 0..TRIES {
            let sight = self
                .cache
                .try_get_with(fingerprint, self.sight(look_up()))
                .await
                .map_err(own)?;
            if self.holds(&sight) {
                return Ok(sight.recognised.principal.clone());
            }
            self.cache.invalidate(&fingerprint).await;
        }
        look_up().await.map(|found| found.principal)
    }

    /// Forgets a user, also as seen by those who are still looking. To be called when the databases
    /// know of it.
    pub(super) fn revoke(&self, user: &UserId) {
        self.revocations.add(user);
    }

    async fn sight(&self, look_up: impl Future<Output = Result<Recognised>>) -> Result<Arc<Sight>> {
        let after = self.revocations.so_far();
        let at = self.now();
        let recognised = look_up.await?;
        Ok(Arc::new(Sight {
            recognised,
            at,
            after,
        }))
    }

    /// By our own clock too: the cache goes by the machine's.
    fn holds(&self, sight: &Sight) -> bool {
        let now = self.now();
        let revoked = self.revocations.last(&sight.recognised.principal.user) > sight.after;
        !revoked && now < sight.recognised.until && now.since(sight.at) < LIFETIME
    }

    fn now(&self) -> Ts {
        Ts::from_micros(self.clock.micros())
    }
}

/// Numbers each revocation, and keeps the last one's number for each of many groups of users: a
/// neighbour is looked up once more now and then, and nothing grows.
struct Revocations {
    counter: AtomicU64,
    last: Box<[AtomicU64]>,
    hasher: RandomState,
}

const GROUPS: usize = 4_096;

impl Revocations {
    fn new() -> Self {
        Self {
            counter: AtomicU64::new(0),
            last: (0..GROUPS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }

    fn so_far(&self) -> u64 {
        self.counter.load(Ordering::SeqCst)
    }

    fn last(&self, user: &UserId) -> u64 {
        self.group(user).load(Ordering::SeqCst)
    }

    fn add(&self, user: &UserId) {
        let number = self.counter.fetch_add(1, Ordering::SeqCst) + 1;
        self.group(user).fetch_max(number, Ordering::SeqCst);
    }

    fn group(&self, user: &UserId) -> &AtomicU64 {
        let hash = usize::try_from(self.hasher.hash_one(user) % GROUPS as u64);
        &self.last[hash.unwrap_or_default()]
    }
}

/// Each who waited for one lookup gets an error of their own.
fn own(shared: Arc<Error>) -> Error {
    Arc::try_unwrap(shared).unwrap_or_else(|shared| {
        Error::new(shared.kind, shared.code, shared.message.clone()).because(shared)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::{join, join_all};
    use tokio::sync::Notify;

    use super::*;
    use crate::domain::{Caps, Role, SessionId, Via};

    const COOKIE: Fingerprint = Fingerprint::Cookie([7; 32]);

    /// A cache over a database that knows one user until it is told otherwise.
    struct World {
        seen: Seen,
        clock: Clock,
        user: UserId,
        lookups: AtomicUsize,
        revoked: AtomicU64,
    }

    impl World {
        fn new() -> Self {
            let clock = Clock::standing_at(1_800_000_000_000_000);
            Self {
                seen: Seen::new(clock.clone()),
                user: UserId::new(&clock),
                clock,
                lookups: AtomicUsize::new(0),
                revoked: AtomicU64::new(0),
            }
        }

        fn answer(&self) -> Result<Recognised> {
            self.lookups.fetch_add(1, Ordering::SeqCst);
            if self.revoked.load(Ordering::SeqCst) > 0 {
                return Err(crate::auth::refused());
            }
            Ok(Recognised {
                principal: Principal {
                    user: self.user.clone(),
                    role: Role::User,
                    caps: Caps::default(),
                    via: Via::Session(SessionId::new(&self.clock)),
                },
                until: Ts::from_micros(1_800_000_000_000_000).plus(Duration::from_hours(1)),
            })
        }

        fn revoke(&self) {
            self.revoked.store(1, Ordering::SeqCst);
            self.seen.revoke(&self.user);
        }

        async fn ask(&self) -> Result<Principal> {
            self.seen.recognise(COOKIE, async || self.answer()).await
        }

        fn lookups(&self) -> usize {
            self.lookups.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn a_second_request_asks_no_database_for_five_seconds() {
        let world = World::new();

        world.ask().await.unwrap();
        world.clock.advance(Duration::from_millis(4_999));
        world.ask().await.unwrap();
        assert_eq!(world.lookups(), 1);

        world.clock.advance(Duration::from_millis(1));
        world.ask().await.unwrap();
        assert_eq!(world.lookups(), 2);
    }

    #[tokio::test]
    async fn nobody_is_remembered_past_the_end_of_their_credential() {
        let world = World::new();
        world.clock.advance(Duration::from_secs(3_599));
        world.ask().await.unwrap();

        world.clock.advance(Duration::from_secs(1));
        world.revoked.store(1, Ordering::SeqCst);

        assert!(world.ask().await.is_err());
    }

    #[tokio::test]
    async fn requests_that_miss_together_look_up_once() {
        let world = World::new();
        let slow = async || {
            tokio::task::yield_now().await;
            world.answer()
        };

        let asked = (0..100).map(|_| world.seen.recognise(COOKIE, slow));
        let answers = join_all(asked).await;

        assert!(answers.into_iter().all(|answer| answer.is_ok()));
        assert_eq!(world.lookups(), 1);
    }

    #[tokio::test]
    async fn what_is_revoked_is_forgotten_at_once_and_others_are_not() {
        let world = World::new();
        world.ask().await.unwrap();

        let strangers = (0..20).map(|_| UserId::new(&world.clock));
        let group = world.seen.revocations.group(&world.user);
        for stranger in
            strangers.filter(|other| !std::ptr::eq(world.seen.revocations.group(other), group))
        {
            world.seen.revoke(&stranger);
        }
        world.ask().await.unwrap();
        assert_eq!(world.lookups(), 1);

        world.revoke();
        assert!(world.ask().await.is_err());
    }

    #[tokio::test]
    async fn a_lookup_that_began_before_a_revocation_is_not_believed() {
        let world = World::new();
        let (read, go_on) = (Notify::new(), Notify::new());
        let first = AtomicUsize::new(0);
        // The first lookup reads the row, and is then held up until after the revocation.
        let held_up = async || {
            let answer = world.answer();
            if first.fetch_add(1, Ordering::SeqCst) == 0 {
                read.notify_one();
                go_on.notified().await;
            }
            answer
        };

        let asking = world.seen.recognise(COOKIE, held_up);
        let revoking = async {
            read.notified().await;
            world.revoke();
            go_on.notify_one();
        };
        let (answer, ()) = join(asking, revoking).await;

        assert!(answer.is_err());
        assert!(world.ask().await.is_err());
    }

    #[tokio::test]
    async fn who_is_not_recognised_is_asked_again_each_time() {
        let world = World::new();
        world.revoked.store(1, Ordering::SeqCst);

        let errors = join(world.ask(), world.ask()).await;
        assert_eq!(errors.0.unwrap_err().code, "invalid_token");
        assert_eq!(errors.1.unwrap_err().code, "invalid_token");

        world.revoked.store(0, Ordering::SeqCst);
        assert!(world.ask().await.is_ok());
    }
}
