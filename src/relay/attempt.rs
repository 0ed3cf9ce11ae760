//! One target after the other, until one begins to answer.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use tokio::time::Instant;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tracing::Instrument;

use super::catalogue::Route;
use super::hold::Held;
use super::meter::Meter;
use super::patience::Patience;
use super::plan::{Lane, Micros, Plan, Setback, Step, micros};
use super::target::{Pass, Target};
use super::{Answer, Relay, Relayed, come_back, hold, stopping, verdict};
use crate::domain::Outcome;
use crate::error::{Error, chain};
use crate::llm::{ChatRequest, Edits, Failure, Reply};

/// What an upstream may ask for at most: a slip of its pen should not last for ever.
const LONGEST_COOLING: Micros = 24 * 60 * 60 * 1_000_000;

/// How long a failure took, at least, beside the answers of others: no failure is quick.
const TAKEN_FOR_FAILED: Duration = Duration::from_secs(10);

/// Resolves when everything that runs must end now.
pub(super) type Forced = Pin<Box<WaitForCancellationFutureOwned>>;

/// A request on its way to an answer. It owns all that ends with it.
pub(super) struct Job {
    pub(super) request: ChatRequest,
    pub(super) route: Route,
    pub(super) meter: Meter,
    pub(super) forced: Forced,
    pub(super) relay: Relay,
}

/// Asks until a target begins to answer, the caller is at fault, or none is left.
pub(super) async fn search(job: Job) -> Answer {
    let (mut search, mut forced) = Search::of(job);
    let found = tokio::select! {
        found = search.find() => found,
        () = &mut forced => return stopped(search.meter),
    };
    match found {
        Some((begun, target)) => {
            let edits = edits(&search.request, &target);
            begun.answer(edits, search.meter, forced)
        }
        None => search.refused(),
    }
}

/// Who has been asked, and what came of it.
struct Search {
    request: ChatRequest,
    targets: Vec<Arc<Target>>,
    meter: Meter,
    relay: Relay,
    plan: Plan,
    time: Patience,
    last: Option<Failure>,
}

impl Search {
    fn of(job: Job) -> (Self, Forced) {
        let parts = &job.relay.0;
        let targets = job.route.targets(job.request.is_stream());
        let time = Patience::new(parts.clock.clone());
        let search = Self {
            plan: Plan::new(parts.catalogue.limits, targets.len(), time.now()),
            targets,
            time,
            request: job.request,
            meter: job.meter,
            relay: job.relay,
            last: None,
        };
        (search, job.forced)
    }

    async fn find(&mut self) -> Option<(Begun, Arc<Target>)> {
        loop {
            let now = self.time.now();
            match self.plan.next(self.targets.as_slice(), now) {
                Step::Ask(lane) => {
                    let target = self.targets[lane.target].clone();
                    // Somebody else may have become the probe in between.
                    let Some(pass) = target.enter(now) else {
                        continue;
                    };
                    if let Some(begun) = self.attempt(lane, &target, pass).await {
                        return Some((begun, target));
                    }
                }
                Step::Wait(until) => self.time.wait_until(until).await,
                Step::Over => return None,
            }
        }
    }

    async fn attempt(&mut self, lane: Lane, target: &Target, pass: Pass) -> Option<Begun> {
        self.plan.asked();
        let span = self.meter.attempts(target);
        let asked = Instant::now();
        let asking = ask(&self.request, target, lane.key, &mut self.meter);
        match asking.instrument(span).await {
            Ok(begun) => {
                self.measured(target, asked.elapsed());
                target.answered(pass);
                self.meter.attempted("ok");
                Some(begun)
            }
            Err(failure) => {
                self.meter.attempted(verdict::word(&failure));
                if verdict::was_not_begun(&failure) {
                    self.meter.refused();
                }
                tell(target, &failure);
                if is_targets(verdict::setback(&failure)) {
                    self.measured(target, asked.elapsed().max(TAKEN_FOR_FAILED));
                }
                self.failed(lane, &failure, pass);
                self.last = Some(failure);
                None
            }
        }
    }

    fn measured(&self, target: &Target, time: Duration) {
        target.measured(self.request.is_stream(), time, self.time.now());
    }

    /// What it means for this request, and for all others.
    fn failed(&mut self, lane: Lane, failure: &Failure, pass: Pass) {
        let now = self.time.now();
        let target = &self.targets[lane.target];
        let parts = &self.relay.0;
        let setback = verdict::setback(failure);
        let wait = verdict::retry_after(failure, &parts.clock).map(micros);
        self.plan.failed(lane, (setback, wait), now);

        let board = &parts.catalogue.board;
        if !is_targets(setback) {
            target.answered(pass);
        } else if target.failed(pass, board, now) {
            tell_open(target);
        }
        let spared = match setback {
            Setback::Request => return,
            Setback::Key | Setback::Busy => Some(lane.key),
            Setback::Target | Setback::Slow => None,
        };
        if let Some(wait) = wait {
            target.cool(spared, board, now.saturating_add(wait.min(LONGEST_COOLING)));
        }
    }

    fn refused(mut self) -> Answer {
        let now = self.time.now();
        let Some(failure) = self.last.take() else {
            let opens = self.plan.opens(self.targets.as_slice(), now);
            return come_back::unavailable(opens.saturating_sub(now));
        };
        let is_callers = verdict::setback(&failure) == Setback::Request;
        let mut answer = verdict::of(failure);
        if !is_callers {
            let back = self.targets.iter().filter_map(|it| it.comes_back(now));
            answer = come_back::exhausted(answer, back.min().map(|until| until - now));
        }
        self.meter.end(Outcome::Error, verdict::status(&answer));
        answer
    }
}

/// What an upstream has begun to answer.
enum Begun {
    Whole(Reply),
    Stream(Held),
}

async fn ask(
    request: &ChatRequest,
    target: &Target,
    key: usize,
    meter: &mut Meter,
) -> Result<Begun, Failure> {
    let provider = target.upstream.with_key(key);
    let sent = meter.sent();
    if !request.is_stream() {
        let upstream = request.for_upstream(&target.model, false);
        let reply = provider.complete(&upstream, &sent).await?;
        meter.replied(&reply);
        return Ok(Begun::Whole(reply));
    }
    let upstream = request.for_upstream(&target.model, target.can_report_usage);
    let first_token = target.first_token_timeout;
    let streaming = provider.stream(&upstream, &sent, first_token).await?;
    let held = hold::until_content(streaming, meter).await?;
    Ok(Begun::Stream(held))
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
            Self::Stream(held) => Answer::Stream {
                headers: held.headers,
                frames: Box::new(Relayed::new(held.frames, edits, meter, forced)),
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

/// Whether it is the target itself that fails, and not who asks or pays.
fn is_targets(setback: Setback) -> bool {
    match setback {
        Setback::Target | Setback::Slow => true,
        Setback::Request | Setback::Key | Setback::Busy => false,
    }
}

/// A refusal that is the caller's own is no event of ours.
fn tell(target: &Target, failure: &Failure) {
    if verdict::setback(failure) == Setback::Request {
        return;
    }
    let provider = &*target.provider_name;
    tracing::warn!(provider, error = %chain(failure), "{provider} did not answer");
}

fn tell_open(target: &Target) {
    let (provider, model) = (&*target.provider_name, &target.model);
    tracing::warn!(
        provider,
        model,
        "{provider} has failed too often and is left alone"
    );
}
