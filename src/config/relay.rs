//! How patient the relay is, and how stubborn.

use std::time::Duration;

use super::parse::{boolean, duration, number, some_time};
use super::reader::Reader;

/// `[relay]`
#[derive(Clone, Debug, Default)]
pub struct Relay {
    pub connect_timeout: Duration,
    /// Streams: until the first content frame.
    pub first_token_timeout: Duration,
    /// Between frames.
    pub idle_timeout: Duration,
    pub total_timeout: Duration,
    pub keepalive_interval: Duration,
    pub commit_after: Duration,
    pub max_attempts: u32,
    pub max_retry_after_wait: Duration,
    pub breaker_failures: u32,
    pub breaker_cooldown: Duration,
    /// 0 is unbounded.
    pub max_concurrent_upstream: usize,
    /// Whether `provider/model` names are served.
    pub direct_models: bool,
}

impl Relay {
    /// The section is always there: it is built in.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        reader
            .inside("relay", Self::read_section)
            .unwrap_or_default()
    }

    fn read_section(reader: &mut Reader<'_>) -> Self {
        Self {
            connect_timeout: reader.value("connect_timeout", some_time),
            first_token_timeout: reader.value("first_token_timeout", some_time),
            idle_timeout: reader.value("idle_timeout", some_time),
            total_timeout: reader.value("total_timeout", some_time),
            keepalive_interval: reader.value("keepalive_interval", some_time),
            commit_after: reader.value("commit_after", duration),
            max_attempts: reader.value("max_attempts", number(1..=100)),
            max_retry_after_wait: reader.value("max_retry_after_wait", duration),
            breaker_failures: reader.value("breaker_failures", number(1..=1_000_000)),
            breaker_cooldown: reader.value("breaker_cooldown", duration),
            max_concurrent_upstream: reader.value("max_concurrent_upstream", number(0..=1_000_000)),
            direct_models: reader.value("direct_models", boolean),
        }
    }
}
