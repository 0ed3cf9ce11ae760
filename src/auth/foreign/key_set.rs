//! An issuer's key set, fetched when it is needed and not more often than the issuer can bear.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;

use super::published::{Key, Published};
use super::{ForeignAlgorithm, Refused};
use crate::clock::Clock;
use crate::domain::Ts;
use crate::error;
use crate::llm::Fetcher;

/// The keys at one address.
pub(super) struct KeySet {
    address: Uri,
    algorithms: Vec<ForeignAlgorithm>,
    fetcher: Fetcher,
    clock: Clock,
    state: Mutex<State>,
    /// Held by whoever fetches; the others wait for what comes of it.
    flight: tokio::sync::Mutex<()>,
}

type Turn<'a> = tokio::sync::MutexGuard<'a, ()>;

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// When a fetch last failed, if it has not succeeded since.
    failed_at: Option<Ts>,
    /// Ids that a fetch did not bring, and when.
    missing: HashMap<String, Ts>,
    bucket: Bucket,
    fetches: Fetches,
}

struct Held {
    keys: Published,
    /// When the fetch began: what was published later may not be in it.
    since: Ts,
    /// Which fetch it was.
    number: u64,
}

/// How many fetches there were.
#[derive(Clone, Copy, Default)]
struct Fetches {
    begun: u64,
    ended: u64,
}

/// What the set says of an id without being fetched.
enum Known {
    /// It is in a set that is young enough.
    Yes(Arc<Key>),
    /// The set was fetched a moment ago, and does not have it.
    No,
    /// It has to be fetched first.
    Perhaps,
}

/// A set is taken as it is for so long.
const FRESH: Duration = Duration::from_mins(10);
/// And where it cannot be fetched, for so long.
const STALE: Duration = Duration::from_hours(24);
/// Where the last fetch has failed, an old set serves for so long before another is tried.
const RETRY: Duration = Duration::from_secs(30);
/// An id that was not there is not looked for again before.
const MISSING: Duration = Duration::from_secs(30);
const MOST_MISSING: usize = 1_024;

impl KeySet {
    pub(super) fn new(
        address: Uri,
        algorithms: Vec<ForeignAlgorithm>,
        fetcher: Fetcher,
        clock: Clock,
    ) -> Self {
        Self {
            address,
            algorithms,
            fetcher,
            clock,
            state: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
        }
    }

    /// The key of this id. Refused if the issuer has none; unavailable if there is no set at all to
    /// look into.
    pub(super) async fn key(&self, kid: &str) -> Result<Arc<Key>, Refused> {
        let asked = self.state().fetches;
        match self.known(kid) {
            Known::Yes(key) => return Ok(key),
            Known::No => return Err(UNKNOWN),
            Known::Perhaps if !self.may_fetch() => return self.old(kid),
            Known::Perhaps => {}
        }
        let Some(_flight) = self.turn(kid).await else {
            return self.old(kid);
        };
        // Somebody may have fetched it meanwhile.
        match self.known(kid) {
            Known::Yes(key) => return Ok(key),
            Known::No => return Err(UNKNOWN),
            Known::Perhaps if self.was_fetched_since(asked) => {}
            Known::Perhaps if self.take() => self.fetch(kid).await,
            Known::Perhaps => {}
        }
        self.old(kid)
    }

    /// The turn to fetch. Whoever finds another at it waits; none for those whom the old set can serve.
    async fn turn(&self, kid: &str) -> Option<Turn<'_>> {
        match self.flight.try_lock() {
            Ok(turn) => Some(turn),
            Err(_) if self.old(kid).is_ok() => None,
            Err(_) => Some(self.flight.lock().await),
        }
    }

    /// Goes by the set as it is.
    fn known(&self, kid: &str) -> Known {
        let now = self.now();
        let state = self.state();
        let Some(held) = &state.held else {
            return Known::Perhaps;
        };
        let age = now.since(held.since);
        let serves = age < FRESH || (age < STALE && state.has_failed_lately(now));
        match held.keys.key(kid) {
            Some(key) if serves => Known::Yes(key),
            None if state.is_missing(kid, now) => Known::No,
            _ => Known::Perhaps,
        }
    }

    /// Whether a fetch began after somebody had asked and brought a set, or has failed them while they
    /// waited for it: another one would tell them nothing else.
    fn was_fetched_since(&self, asked: Fetches) -> bool {
        let state = self.state();
        let has_failed = state.failed_at.is_some() && state.fetches.ended > asked.ended;
        let held = state.held.as_ref();
        has_failed || held.is_some_and(|held| held.number > asked.begun)
    }

    /// From the set that there is, unless it is too old to be believed.
    fn old(&self, kid: &str) -> Result<Arc<Key>, Refused> {
        let now = self.now();
        let state = self.state();
        let held = state.held.as_ref();
        let held = held
            .filter(|held| now.since(held.since) < STALE)
            .ok_or(Refused::NoKeys)?;
        held.keys.key(kid).ok_or(UNKNOWN)
    }

    /// Puts the set in place, or notes that it could not be had.
    async fn fetch(&self, kid: &str) {
        let since = self.now();
        let number = self.state().fetches.begin();
        let fetched = self.fetcher.json(&self.address).await;
        let read = fetched
            .map_err(|failure| error::chain(&failure))
            .and_then(|json| Published::read(&json, &self.algorithms).map_err(str::to_owned));
        let mut state = self.state();
        state.fetches.ended += 1;
        match read {
            Ok(keys) => {
                if keys.key(kid).is_none() {
                    state.note_missing(kid, since);
                }
                state.failed_at = None;
                state.held = Some(Held {
                    keys,
                    since,
                    number,
                });
            }
            Err(why) => {
                state.failed_at = Some(since);
                drop(state);
                tracing::warn!(address = ?self, error = why,
                    "The keys of an issuer could not be fetched");
            }
        }
    }

    fn may_fetch(&self) -> bool {
        let now = self.now();
        self.state().bucket.has_one(now)
    }

    fn take(&self) -> bool {
        let now = self.now();
        self.state().bucket.take(now)
    }

    /// Nobody leaves it half changed, so one who panicked has done no harm.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Ts {
        Ts::from_micros(self.clock.micros())
    }
}

const UNKNOWN: Refused = Refused::Because("its key is unknown");

impl State {
    fn has_failed_lately(&self, now: Ts) -> bool {
        self.failed_at.is_some_and(|at| now.since(at) < RETRY)
    }

    fn is_missing(&self, kid: &str, now: Ts) -> bool {
        let noted = self.missing.get(kid);
        noted.is_some_and(|at| now.since(*at) < MISSING)
    }

    fn note_missing(&mut self, kid: &str, now: Ts) {
        if self.missing.len() >= MOST_MISSING {
            self.missing.retain(|_, at| now.since(*at) < MISSING);
        }
        if self.missing.len() < MOST_MISSING {
            self.missing.insert(kid.to_owned(), now);
        }
    }
}

impl Fetches {
    fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }
}

/// Five at once, and one more every ten seconds.
#[derive(Default)]
struct Bucket {
    /// When it is full again.
    full_at: Ts,
}

const BURST: u32 = 5;
const EVERY: Duration = Duration::from_secs(10);

impl Bucket {
    fn has_one(&self, now: Ts) -> bool {
        self.full_at <= now.plus(EVERY * (BURST - 1))
    }

    fn take(&mut self, now: Ts) -> bool {
        let has_one = self.has_one(now);
        if has_one {
            self.full_at = self.full_at.max(now).plus(EVERY);
        }
        has_one
    }
}

/// Where it is, without the query, which may hold a key.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = &self.address;
        let host = address.host().unwrap_or_default();
        write!(f, "{host}{}", address.path())
    }
}
