//! Whether what we depend on answers: asked seldom, however often we are asked.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use crate::cache::Redis;
use crate::clock::Clock;
use crate::domain::Ts;
use crate::error::{Result, chain};
use crate::relay::{Reach, Relay};
use crate::store::{Db, Main, Usage, Vault};

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(2);
/// A dependency that has not answered by then is down.
const PATIENCE: Duration = Duration::from_secs(1);
/// Providers are further away, and not ours to ask often.
const UPSTREAMS_FRESH: Duration = Duration::from_secs(30);
const UPSTREAMS_PATIENCE: Duration = Duration::from_secs(3);

/// What we depend on, and the last answers. Cloning it copies a pointer.
#[derive(Clone, Debug)]
pub struct Health(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    needs: Needs,
    clock: Clock,
    report: Last<Report>,
    upstreams: Last<Answer>,
}

/// What we depend on.
#[derive(Debug)]
pub struct Needs {
    pub main: Db<Main>,
    pub vault: Db<Vault>,
    pub redis: Option<Redis>,
    /// Whether we are not ready without Redis.
    pub redis_is_required: bool,
    pub relay: Relay,
}

/// An answer, and when it was given.
type Last<T> = Mutex<Option<(Ts, T)>>;

/// How each dependency does that is asked at every probe.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    pub database: Answer,
    pub credentials_database: Answer,
    pub redis: Answer,
    redis_is_required: bool,
}

/// How one dependency does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Dependency)]
pub struct Answer {
    pub status: State,
    /// How long it took to answer; null where nothing was asked.
    #[schema(required = true)]
    pub latency_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DependencyStatus)]
pub enum State {
    Up,
    Down,
    /// Some answer, and some do not.
    Degraded,
    /// Not configured.
    Disabled,
}

impl Health {
    pub fn new(needs: Needs, clock: Clock) -> Self {
        Self(Arc::new(Parts {
            needs,
            clock,
            report: Mutex::default(),
            upstreams: Mutex::default(),
        }))
    }

    /// The connections to each database.
    pub fn pools(&self) -> [(&'static str, Usage); 2] {
        let needs = &self.0.needs;
        [
            ("database", needs.main.usage()),
            ("credentials_database", needs.vault.usage()),
        ]
    }

    /// Asks the databases and Redis, unless they were asked just now.
    pub async fn report(&self) -> Report {
        self.remembered(&self.0.report, FRESH, self.ask_ours())
            .await
    }

    /// Asks the providers for the lists of their models, which costs nothing.
    pub async fn upstreams(&self) -> Answer {
        let asked = self.ask_upstreams();
        self.remembered(&self.0.upstreams, UPSTREAMS_FRESH, asked)
            .await
    }

    /// Callers at once share one asking.
    async fn remembered<T: Copy>(
        &self,
        last: &Last<T>,
        fresh: Duration,
        ask: impl Future<Output = T>,
    ) -> T {
        let mut last = last.lock().await;
        let now = Ts::from_micros(self.0.clock.micros());
        if let Some((at, answer)) = *last
            && now.since(at) < fresh
        {
            return answer;
        }
        let answer = Box::pin(ask).await;
        *last = Some((now, answer));
        answer
    }

    async fn ask_ours(&self) -> Report {
        let needs = &self.0.needs;
        let redis = async {
            match &needs.redis {
                Some(redis) => ask("redis", redis.ping()).await,
                None => Answer::DISABLED,
            }
        };
        let (database, credentials_database, redis) = tokio::join!(
            ask("database", needs.main.ping()),
            ask("credentials_database", needs.vault.ping()),
            redis,
        );
        Report {
            database,
            credentials_database,
            redis,
            redis_is_required: needs.redis_is_required,
        }
    }

    async fn ask_upstreams(&self) -> Answer {
        let asked = Instant::now();
        let reach = timeout(UPSTREAMS_PATIENCE, self.0.needs.relay.reach()).await;
        let status = match reach.unwrap_or(Reach::None) {
            Reach::All => State::Up,
            Reach::Some => State::Degraded,
            Reach::None => State::Down,
            Reach::Nobody => return Answer::DISABLED,
        };
        Answer::after(asked, status)
    }
}

impl Report {
    /// Whether everything answers that we cannot do without.
    pub fn is_ready(&self) -> bool {
        let redis = !self.redis_is_required || self.redis.status == State::Up;
        self.database.is_well() && self.credentials_database.is_well() && redis
    }

    /// Whether everything answers that is configured.
    pub fn is_whole(&self) -> bool {
        self.is_ready() && self.redis.is_well()
    }
}

impl Answer {
    const DISABLED: Self = Self {
        status: State::Disabled,
        latency_ms: None,
    };

    fn after(asked: Instant, status: State) -> Self {
        Self {
            status,
            latency_ms: u64::try_from(asked.elapsed().as_millis()).ok(),
        }
    }

    /// What is not there is not missed.
    pub fn is_well(&self) -> bool {
        matches!(self.status, State::Up | State::Disabled)
    }
}

async fn ask(name: &'static str, ping: impl Future<Output = Result<()>>) -> Answer {
    let asked = Instant::now();
    let status = match timeout(PATIENCE, ping).await {
        Ok(Ok(())) => State::Up,
        Ok(Err(error)) => {
            tracing::warn!(dependency = name, error = %chain(&error), "{name} is down");
            State::Down
        }
        Err(_) => {
            tracing::warn!(dependency = name, "{name} does not answer");
            State::Down
        }
    };
    Answer::after(asked, status)
}
