//! What a request may reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use axum::extract::{FromRequestParts, State};
use derive_more::Deref;
use tokio::sync::Semaphore;

use crate::auth::Auth;
use crate::cache::Limiter;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::Ts;
use crate::health::Health;
use crate::outbox::Outbox;
use crate::relay::Relay;
use crate::replays::Replays;
use crate::shutdown::Shutdown;
use crate::store::{Db, Main};
use crate::telemetry::{Metrics, Requests};

/// What a request may reach. Cloning it copies one pointer.
#[derive(Clone, Debug, Deref, FromRequestParts)]
#[from_request(via(State), state(App))]
pub struct App(Arc<Parts>);

#[derive(Debug)]
pub struct Parts {
    pub config: Config,
    pub auth: Auth,
    /// Of addresses.
    pub limiter: Limiter,
    pub relay: Relay,
    pub replays: Replays,
    pub outbox: Outbox,
    pub health: Health,
    pub main: Db<Main>,
    pub clock: Clock,
    pub shutdown: Shutdown,
    pub metrics: Metrics,
    pub vitals: Vitals,
}

/// What the process knows of itself.
#[derive(Debug)]
pub struct Vitals {
    pub started_at: Ts,
    /// Whether the migrations are done.
    pub is_started: AtomicBool,
    /// Connections of clients that are open.
    pub connections: AtomicUsize,
    /// Bytes of request bodies that may be held beside those that are.
    pub body_room: Arc<Semaphore>,
    pub requests: Requests,
}

impl App {
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub fn now(&self) -> Ts {
        Ts::from_micros(self.clock.micros())
    }
}
