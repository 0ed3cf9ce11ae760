//! Redis, where there is one: shared by all replicas, and never needed to start.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError};

use super::outage::Outage;
use crate::error::{Error, Result};

/// Longer than a healthy server takes, shorter than a caller would notice.
const PATIENCE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One multiplexed connection that mends itself. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Redis {
    manager: ConnectionManager,
    /// Before every name of ours, so that deployments may share a server.
    namespace: Arc<str>,
    outage: Arc<Outage>,
}

impl Redis {
    /// Prepares the connection; the first command makes it.
    pub fn open(url: &str, namespace: &str) -> Result<Self> {
        let client = Client::open(url).map_err(|error| unreadable(&error))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_max_delay(LONGEST_PAUSE)
            .set_number_of_retries(1);
        let manager = ConnectionManager::new_lazy_with_config(client, config)?;
        Ok(Self {
            manager,
            namespace: namespace.into(),
            outage: Arc::new(Outage::none()),
        })
    }

    /// The one connection, for a command.
    pub(super) fn connection(&self) -> ConnectionManager {
        self.manager.clone()
    }

    /// `concierge:NAMESPACE:KIND:NAME`
    pub(super) fn key(&self, kind: &str, name: &str) -> String {
        format!("concierge:{}:{kind}:{name}", self.namespace)
    }

    /// Whether it is worth asking now, the same for all who ask.
    pub(super) fn outage(&self) -> &Outage {
        &self.outage
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<()> {
        let mut connection = self.connection();
        redis::cmd("PING")
            .query_async::<String>(&mut connection)
            .await
            .map(drop)
            .map_err(Error::from)
    }
}

/// The address may hold a password, so it is not repeated.
fn unreadable(error: &RedisError) -> Error {
    Error::unavailable("redis_url", "REDIS_URL cannot be used.")
        .because(error.category().to_owned())
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        Self::unavailable("service_unavailable", "Redis cannot be reached.").because(error)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis")
    }
}
