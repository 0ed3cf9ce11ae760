//! From a model's name to an upstream's answer, metered.
//!
//! A request is resolved to its targets, takes its row in the ledger, and is tried at one target
//! after the other until one begins to answer. Nothing is spawned: who drops the answer drops the
//! upstream's work.

mod catalogue;
mod ledger;
mod meter;
mod models;
mod price;
mod stream;
mod verdict;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

pub use models::ModelEntry;
pub use stream::Relayed;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Outcome, Principal, RequestId};
use crate::error::{Error, Kind, Result, chain};
use crate::llm::{ChatRequest, Edits, Failure};
use crate::shutdown::Shutdown;
use crate::store::{Db, Main};

use catalogue::{Catalogue, Route, Target};
use ledger::Ledger;
use meter::Meter;
use models::Listing;

/// The way to every upstream. Cloning it copies a pointer.
#[derive(Clone)]
pub struct Relay(Arc<Parts>);

struct Parts {
    catalogue: Catalogue,
    listing: Listing,
    ledger: Ledger,
    clock: Clock,
    shutdown: Shutdown,
}

/// Who asks for what.
#[derive(Debug)]
pub struct Ask {
    pub principal: Principal,
    pub request: ChatRequest,
    pub request_id: RequestId,
}

/// What an upstream answered, or why none did. Headers are those worth passing on.
#[derive(Debug)]
pub enum Answer {
    /// An upstream's answer as it is: a success, or a refusal that is the caller's to read.
    Whole {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    /// A stream that has begun.
    Stream {
        headers: HeaderMap,
        frames: Box<Relayed>,
    },
    Failed {
        error: Error,
        headers: HeaderMap,
    },
}

impl Relay {
    /// Prepares a client for each provider; nothing is asked of them yet.
    pub fn new(config: &Config, main: Db<Main>, clock: Clock, shutdown: Shutdown) -> Result<Self> {
        Ok(Self(Arc::new(Parts {
            catalogue: Catalogue::new(config, &clock)?,
            listing: Listing::new(),
            ledger: Ledger::open(main, &shutdown),
            clock,
            shutdown,
        })))
    }

    /// Asks the model's targets, one after the other, until one begins to answer.
    pub async fn complete(&self, ask: Ask) -> Answer {
        match self.begin(&ask).await {
            Ok((route, meter)) => self.attempt(&ask.request, &route, meter).await,
            Err(error) => Answer::Failed {
                error,
                headers: HeaderMap::new(),
            },
        }
    }

    /// Writes what is still to be written to the ledger. Nothing more can be relayed.
    pub async fn close(&self) {
        self.0.ledger.close().await;
    }

    /// A row in the ledger is taken before the first attempt, so that no end can find it full.
    async fn begin(&self, ask: &Ask) -> Result<(Route, Meter)> {
        let name = ask.request.model();
        if !ask.principal.may_use_model(name) {
            return Err(model_not_found(name));
        }
        let route = self.0.catalogue.resolve(name)?;
        let slot = self.0.ledger.reserve().await?;
        let meter = Meter::new(slot, &self.0.clock, ask, &route);
        Ok((route, meter))
    }

    async fn attempt(&self, request: &ChatRequest, route: &Route, mut meter: Meter) -> Answer {
        let mut last = None;
        for target in &route.targets {
            meter.attempts(target);
            let tried = if request.is_stream() {
                self.stream(request, target, &mut meter).await
            } else {
                self.whole(request, target, &mut meter).await
            };
            match tried {
                Ok(answer) => return answer.with(meter),
                Err(failure) => {
                    meter.refused();
                    tell(target, &failure);
                    let is_final = verdict::is_final(&failure);
                    last = Some(failure);
                    if is_final {
                        break;
                    }
                }
            }
        }
        refused(last, meter)
    }

    async fn whole(
        &self,
        request: &ChatRequest,
        target: &Target,
        meter: &mut Meter,
    ) -> Result<Begun, Failure> {
        let upstream = request.for_upstream(&target.model, false);
        let reply = target.provider.complete(&upstream).await?;
        meter.replied(&reply);
        let body = edits(request, target).reply(&reply);
        Ok(Begun::Whole {
            status: reply.status,
            headers: reply.headers,
            body,
        })
    }

    async fn stream(
        &self,
        request: &ChatRequest,
        target: &Target,
        meter: &mut Meter,
    ) -> Result<Begun, Failure> {
        let upstream = request.for_upstream(&target.model, target.can_report_usage);
        let streaming = target.provider.stream(&upstream).await?;
        meter.first_frame();
        let mut edits = edits(request, target);
        if !request.wants_usage() {
            edits = edits.hiding_usage();
        }
        Ok(Begun::Stream {
            headers: streaming.headers,
            frames: streaming.frames,
            edits,
            forced: self.0.shutdown.forced(),
        })
    }
}

/// An attempt that an upstream has begun to answer.
enum Begun {
    Whole {
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    Stream {
        headers: HeaderMap,
        frames: crate::llm::Frames,
        edits: Edits,
        forced: tokio_util::sync::WaitForCancellationFutureOwned,
    },
}

impl Begun {
    fn with(self, mut meter: Meter) -> Answer {
        match self {
            Self::Whole {
                status,
                headers,
                body,
            } => {
                meter.end(Outcome::Ok, status);
                Answer::Whole {
                    status,
                    headers,
                    body,
                }
            }
            Self::Stream {
                headers,
                frames,
                edits,
                forced,
            } => Answer::Stream {
                headers,
                frames: Box::new(Relayed::new(frames, edits, meter, forced)),
            },
        }
    }
}

fn edits(request: &ChatRequest, target: &Target) -> Edits {
    if target.model == request.model() {
        Edits::none()
    } else {
        Edits::none().renaming(request.model())
    }
}

fn refused(last: Option<Failure>, mut meter: Meter) -> Answer {
    let answer = match last {
        Some(failure) => verdict::of(failure),
        None => Answer::Failed {
            error: Error::internal("a model without targets"),
            headers: HeaderMap::new(),
        },
    };
    meter.end(Outcome::Error, verdict::status(&answer));
    answer
}

/// A refusal that is the caller's own is no event of ours.
fn tell(target: &Target, failure: &Failure) {
    if verdict::is_final(failure) {
        return;
    }
    let provider = &*target.provider_name;
    tracing::warn!(provider, error = %chain(failure), "{provider} did not answer");
}

fn model_not_found(name: &str) -> Error {
    let shown: String = name.chars().take(200).collect();
    Error::new(
        Kind::NotFound,
        "model_not_found",
        format!("The model '{shown}' does not exist, or you may not use it."),
    )
    .at("model")
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Relay").field(&self.0.catalogue).finish()
    }
}
