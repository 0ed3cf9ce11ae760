//! A model at one upstream, and how it stands.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::breaker::Entry;
use super::condition::{Board, Condition, Latency, Name};
use super::plan::{Lane, Lanes, Micros, Opens};
use super::upstream::Upstream;

#[derive(Debug)]
pub(super) struct Target {
    pub(super) provider_name: Arc<str>,
    pub(super) upstream: Arc<Upstream>,
    /// The upstream's own name for it.
    pub(super) model: String,
    pub(super) can_report_usage: bool,
    /// In the place of the provider's own.
    pub(super) first_token_timeout: Option<Duration>,
    /// Not set while nothing bad is known of a target that is not configured.
    condition: OnceLock<Arc<Condition>>,
}

impl Target {
    pub(super) fn new(upstream: &Arc<Upstream>, model: &str) -> Self {
        Self {
            provider_name: upstream.name.clone(),
            upstream: upstream.clone(),
            model: model.to_owned(),
            can_report_usage: upstream.can_report_usage,
            first_token_timeout: None,
            condition: OnceLock::new(),
        }
    }

    /// One that is configured.
    pub(super) fn kept(self, board: &mut Board) -> Self {
        let condition = board.keep(self.name(), self.upstream.keys());
        Self {
            condition: condition.into(),
            ..self
        }
    }

    /// One that a caller has named.
    pub(super) fn known(self, board: &Board) -> Self {
        match board.find(&self.name()) {
            Some(condition) => Self {
                condition: condition.into(),
                ..self
            },
            None => self,
        }
    }

    /// None while it is to be left alone.
    pub(super) fn enter(&self, now: Micros) -> Option<Pass> {
        let condition = self.condition.get();
        let entry = match condition {
            Some(condition) => condition.breaker.enter(now)?,
            None => Entry::Ordinary,
        };
        let is_probe = matches!(entry, Entry::Probe(_));
        let probes = condition.filter(|_| is_probe).cloned();
        Some(Pass { entry, probes })
    }

    pub(super) fn answered(&self, pass: Pass) {
        if let Some(condition) = self.condition.get() {
            condition.breaker.succeeded(pass.spent());
        }
    }

    /// True where this failure was one too many.
    pub(super) fn failed(&self, pass: Pass, board: &Board, now: Micros) -> bool {
        self.condition(board).breaker.failed(pass.spent(), now)
    }

    /// Spares one key, or all of them.
    pub(super) fn cool(&self, key: Option<usize>, board: &Board, until: Micros) {
        self.condition(board).cool(key, until);
    }

    pub(super) fn measured(&self, is_stream: bool, time: Duration, now: Micros) {
        if let Some(condition) = self.condition.get() {
            condition.latency(is_stream).measured(time, now);
        }
    }

    /// In seconds; None until it was measured.
    pub(super) fn latency(&self, is_stream: bool) -> Option<f64> {
        let condition = self.condition.get()?;
        Latency::average(condition.latency(is_stream))
    }

    /// When the first of those keys can be asked again that it wants to be spared.
    pub(super) fn comes_back(&self, now: Micros) -> Option<Micros> {
        let condition = self.condition.get()?;
        (0..self.upstream.keys())
            .filter_map(|key| condition.cooled_until(key))
            .filter(|until| *until > now)
            .min()
    }

    fn condition(&self, board: &Board) -> &Condition {
        self.condition
            .get_or_init(|| board.remember(&self.name(), self.upstream.keys()))
    }

    fn name(&self) -> Name {
        (self.provider_name.clone(), self.model.clone())
    }
}

/// Leave to ask a target. A probe that is dropped without a verdict makes room for the next.
#[derive(Debug)]
pub(super) struct Pass {
    entry: Entry,
    probes: Option<Arc<Condition>>,
}

impl Pass {
    fn spent(mut self) -> Entry {
        self.probes = None;
        self.entry
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(condition) = &self.probes {
            condition.breaker.gave_up(self.entry);
        }
    }
}

impl Lanes for [Arc<Target>] {
    fn keys(&self, target: usize) -> usize {
        self[target].upstream.keys()
    }

    fn turn(&self, target: usize) -> usize {
        self[target].upstream.turn()
    }

    fn are_siblings(&self, one: usize, other: usize) -> bool {
        Arc::ptr_eq(&self[one].upstream, &self[other].upstream)
    }

    fn opens(&self, lane: Lane, now: Micros) -> Opens {
        match self[lane.target].condition.get() {
            Some(condition) => condition.opens(lane.key, now),
            None => Opens::Now,
        }
    }
}
