//! A script in Redis, and whether it is worth asking for now.

use std::time::Duration;

use redis::{RedisError, Script, ScriptInvocation};
use tokio::time::timeout;

use super::redis::Redis;

/// Longer than a healthy server takes; a caller waits for it once in an outage.
const PATIENCE: Duration = Duration::from_millis(100);

/// What it answers are numbers.
pub(super) struct Scripted {
    redis: Redis,
    script: Script,
}

impl Scripted {
    pub(super) fn new(redis: Redis, text: &str) -> Self {
        Self {
            redis,
            script: Script::new(text),
        }
    }

    /// Connects and brings the script there, before the first request has to wait for it.
    pub(super) async fn greet(&self) {
        match self.script.load_async(&mut self.redis.connection()).await {
            Ok(_) => self.redis.outage().answered(),
            Err(error) => self.redis.outage().failed(&error),
        }
    }

    /// Whether it is worth asking now.
    pub(super) fn is_there(&self) -> bool {
        self.redis.outage().may_ask()
    }

    pub(super) fn key(&self, kind: &str, name: &str) -> String {
        self.redis.key(kind, name)
    }

    pub(super) fn call(&self) -> ScriptInvocation<'_> {
        self.script.prepare_invoke()
    }

    /// What the script says. None where nobody answers in time.
    pub(super) async fn run(&self, call: &ScriptInvocation<'_>) -> Option<Vec<i128>> {
        match timeout(PATIENCE, self.invoke(call)).await {
            Ok(Ok(reply)) => {
                self.redis.outage().answered();
                return Some(reply);
            }
            Ok(Err(error)) => self.redis.outage().failed(&error),
            Err(late) => self.redis.outage().failed(&late),
        }
        None
    }

    pub(super) async fn invoke(
        &self,
        call: &ScriptInvocation<'_>,
    ) -> Result<Vec<i128>, RedisError> {
        let mut connection = self.redis.connection();
        match call.invoke_async(&mut connection).await {
            // The connection has gone since it was last used, and there may be a new one.
            Err(error) if error.is_unrecoverable_error() => {
                call.invoke_async(&mut connection).await
            }
            reply => reply,
        }
    }
}
