//! One target after the other, until one begins to answer.

use std::pin::Pin;

use http::{HeaderMap, StatusCode};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::catalogue::{Route, Target};
use super::meter::Meter;
use super::{Answer, Relayed, stopping, verdict};
use crate::domain::Outcome;
use crate::error::{Error, chain};
use crate::llm::{ChatRequest, Edits, Failure, Reply, Streaming};

/// Resolves when everything that runs must end now.
pub(super) type Forced = Pin<Box<WaitForCancellationFutureOwned>>;

/// Asks until a target begins to answer, the caller is at fault, or none is left.
pub(super) async fn run(
    request: &ChatRequest,
    route: &Route,
    mut meter: Meter,
    mut forced: Forced,
) -> Answer {
    let mut last = None;
    for target in &route.targets {
        meter.attempts(target);
        let tried = tokio::select! {
            tried = ask(request, target, &mut meter) => tried,
            () = &mut forced => return stopped(meter),
        };
        let failure = match tried {
            Ok(begun) => return begun.answer(edits(request, target), meter, forced),
            Err(failure) => failure,
        };
        if verdict::was_not_begun(&failure) {
            meter.refused();
        }
        tell(target, &failure);
        let is_final = verdict::is_final(&failure);
        last = Some(failure);
        if is_final {
            break;
        }
    }
    refused(last, meter)
}

/// What an upstream has begun to answer.
enum Begun {
    Whole(Reply),
    Stream(Streaming),
}

async fn ask(request: &ChatRequest, target: &Target, meter: &mut Meter) -> Result<Begun, Failure> {
    if !request.is_stream() {
        let upstream = request.for_upstream(&target.model, false);
        let reply = target.provider.complete(&upstream).await?;
        meter.replied(&reply);
        return Ok(Begun::Whole(reply));
    }
    let upstream = request.for_upstream(&target.model, target.can_report_usage);
    let first_token = target.first_token_timeout;
    let streaming = target.provider.stream(&upstream, first_token).await?;
    meter.first_frame();
    Ok(Begun::Stream(streaming))
}

impl Begun {
    fn answer(self, edits: Edits, mut meter: Meter, forced: Forced) -> Answer {
        match self {
            Self::Whole(reply) => {
                meter.end(Outcome::Ok, reply.status);
                Answer::Whole {
                    status: reply.status,
                    body: edits.reply(&reply),
                    headers: reply.headers,
                }
            }
            Self::Stream(streaming) => Answer::Stream {
                headers: streaming.headers,
                frames: Box::new(Relayed::new(streaming.frames, edits, meter, forced)),
            },
        }
    }
}

/// A plain answer keeps its usage; a stream's is for whoever asked for it.
fn edits(request: &ChatRequest, target: &Target) -> Edits {
    let edits = if target.model == request.model() {
        Edits::none()
    } else {
        Edits::none().renaming(request.model())
    };
    if request.wants_usage() {
        edits
    } else {
        edits.hiding_usage()
    }
}

fn refused(last: Option<Failure>, mut meter: Meter) -> Answer {
    let answer = match last {
        Some(failure) => verdict::of(failure),
        None => Answer::from(Error::internal("a model without targets")),
    };
    meter.end(Outcome::Error, verdict::status(&answer));
    answer
}

fn stopped(mut meter: Meter) -> Answer {
    meter.end(Outcome::Error, StatusCode::SERVICE_UNAVAILABLE);
    Answer::from(stopping())
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        Self::Failed {
            error,
            headers: HeaderMap::new(),
        }
    }
}

/// A refusal that is the caller's own is no event of ours.
fn tell(target: &Target, failure: &Failure) {
    if verdict::is_final(failure) {
        return;
    }
    let provider = &*target.provider_name;
    tracing::warn!(provider, error = %chain(failure), "{provider} did not answer");
}
