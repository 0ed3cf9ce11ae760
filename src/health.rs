//! Whether what we depend on answers: asked seldom, however often we are asked.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::clock::Clock;
use crate::domain::Ts;
use crate::error::{Result, chain};
use crate::store::{Db, Main, Vault};

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(2);
/// A dependency that has not answered by then is down.
const PATIENCE: Duration = Duration::from_secs(1);

/// What we depend on, and the last answers. Cloning it copies a pointer.
#[derive(Clone, Debug)]
pub struct Health(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    main: Db<Main>,
    vault: Db<Vault>,
    clock: Clock,
    last: Mutex<Option<(Ts, Report)>>,
}

/// How each dependency does.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    pub database: Answer,
    pub credentials_database: Answer,
}

/// How one dependency does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Dependency)]
pub struct Answer {
    pub status: State,
    /// How long it took to answer.
    pub latency_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DependencyStatus)]
pub enum State {
    Up,
    Down,
}

impl Health {
    pub fn new(main: Db<Main>, vault: Db<Vault>, clock: Clock) -> Self {
        Self(Arc::new(Parts {
            main,
            vault,
            clock,
            last: Mutex::new(None),
        }))
    }

    /// Asks every dependency, unless it was asked just now. Callers at once share one asking.
    pub async fn report(&self) -> Report {
        let mut last = self.0.last.lock().await;
        let now = Ts::from_micros(self.0.clock.micros());
        if let Some((at, report)) = *last
            && now.since(at) < FRESH
        {
            return report;
        }
        let report = Box::pin(self.ask()).await;
        *last = Some((now, report));
        report
    }

    async fn ask(&self) -> Report {
        let (database, credentials_database) = tokio::join!(
            ask("database", self.0.main.ping()),
            ask("credentials_database", self.0.vault.ping()),
        );
        Report {
            database,
            credentials_database,
        }
    }
}

impl Report {
    /// Whether everything answers that we cannot do without.
    pub fn is_ready(&self) -> bool {
        self.database.status == State::Up && self.credentials_database.status == State::Up
    }
}

async fn ask(name: &'static str, ping: impl Future<Output = Result<()>>) -> Answer {
    let asked = tokio::time::Instant::now();
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
    Answer {
        status,
        latency_ms: u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}
