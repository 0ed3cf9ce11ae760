//! What is asked next, given what has come of it so far. It knows no network and no clock.
//!
//! A round goes through the targets in their order. What a key cannot do another key of the same target
//! may, so that it is asked before the next target. After a rest there is another round, until the
//! attempts are used up or nobody is left who may be asked again.

use std::time::Duration;

/// Microseconds of the clock.
pub(super) type Micros = i64;

/// The first rest between two rounds; each is twice as long as the one before.
const FIRST_REST: Micros = 250_000;
const LONGEST_REST: Micros = 4_000_000;

pub(super) fn micros(time: Duration) -> Micros {
    Micros::try_from(time.as_micros()).unwrap_or(Micros::MAX)
}

/// How stubborn a request is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_attempts: u32,
    /// What asks to be left alone for longer is not waited for.
    pub(super) max_wait: Micros,
}

/// One key of one target, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) target: usize,
    pub(super) key: usize,
}

/// When a lane may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opens {
    Now,
    At(Micros),
    /// When somebody else has found out whether it is back.
    Unknown,
}

impl Opens {
    pub(super) fn from(until: Micros, now: Micros) -> Self {
        if until <= now {
            Self::Now
        } else {
            Self::At(until)
        }
    }

    /// When both have.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::At(one), Self::At(other)) => Self::At(one.max(other)),
            (Self::Now, later) | (later, Self::Now) => later,
        }
    }
}

/// The targets of a request as they stand.
pub(super) trait Lanes {
    fn keys(&self, target: usize) -> usize;
    /// Whose turn it is; each call moves on.
    fn turn(&self, target: usize) -> usize;
    /// Whether two targets take the same keys.
    fn are_siblings(&self, one: usize, other: usize) -> bool;
    fn opens(&self, lane: Lane, now: Micros) -> Opens;
}

/// What a failed attempt means for the rest of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setback {
    /// The request is at fault: nobody would answer otherwise.
    Request,
    /// The key is no good, or its account has no money.
    Key,
    /// The key is asked too often.
    Busy,
    /// The target has failed, and may do better later.
    Target,
    /// The target is too slow to be asked twice.
    Slow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Ask(Lane),
    /// Nobody can be asked before.
    Wait(Micros),
    Over,
}

/// The search of one request.
#[derive(Debug)]
pub(super) struct Plan {
    limits: Limits,
    tried: Vec<Tried>,
    attempts: u32,
    is_over: bool,
    rounds: u32,
    /// When the next round begins, once there is nobody left in this one.
    next_round: Option<Micros>,
    /// What opens later is not waited for.
    patient_until: Micros,
}

/// What has become of a target.
#[derive(Debug, Default)]
struct Tried {
    first_key: Option<usize>,
    /// For all of the request.
    is_out: bool,
    keys_out: Vec<usize>,
    /// For this round.
    is_done: bool,
    keys_done: Vec<usize>,
}

impl Plan {
    pub(super) fn new(limits: Limits, targets: usize, now: Micros) -> Self {
        Self {
            limits,
            tried: (0..targets).map(|_| Tried::default()).collect(),
            attempts: 0,
            is_over: false,
            rounds: 0,
            next_round: None,
            patient_until: now.saturating_add(limits.max_wait),
        }
    }

    /// What to do now. An answer to ask is to be followed by [`Self::asked`] or by the same question.
    pub(super) fn next(&mut self, lanes: &(impl Lanes + ?Sized), now: Micros) -> Step {
        if self.is_over || self.attempts >= self.limits.max_attempts {
            return Step::Over;
        }
        if let Some(lane) = self.open_lane(lanes, now) {
            return Step::Ask(lane);
        }
        if self.tried.iter().any(Tried::had_a_turn) {
            let rest = self.next_round.unwrap_or_else(|| now + self.rest());
            self.next_round = Some(rest);
            if rest <= now {
                self.begin_round();
                return self.next(lanes, now);
            }
        }
        self.soonest(lanes, now).map_or(Step::Over, Step::Wait)
    }

    pub(super) fn asked(&mut self) {
        self.attempts += 1;
    }

    /// `wait` is for how long the upstream has asked to be left alone.
    pub(super) fn failed(
        &mut self,
        lane: Lane,
        (setback, wait): (Setback, Option<Micros>),
        now: Micros,
    ) {
        self.patient_until = now.saturating_add(self.limits.max_wait);
        let is_too_long = wait.is_some_and(|wait| wait > self.limits.max_wait);
        let tried = &mut self.tried[lane.target];
        match setback {
            Setback::Request => self.is_over = true,
            Setback::Key => tried.keys_out.push(lane.key),
            Setback::Busy if is_too_long => tried.keys_out.push(lane.key),
            Setback::Busy => tried.keys_done.push(lane.key),
            Setback::Target => tried.is_done = true,
            Setback::Slow => tried.is_out = true,
        }
        tried.is_out |= is_too_long && setback == Setback::Target;
    }

    /// When the first lane of all opens, where none is; a moment where nobody knows.
    pub(super) fn opens(&self, lanes: &(impl Lanes + ?Sized), now: Micros) -> Micros {
        let all = (0..self.tried.len())
            .flat_map(|target| (0..lanes.keys(target)).map(move |key| Lane { target, key }));
        all.filter_map(|lane| match lanes.opens(lane, now) {
            Opens::Now => Some(now),
            Opens::At(time) => Some(time),
            Opens::Unknown => None,
        })
        .min()
        .unwrap_or(now)
    }

    fn open_lane(&mut self, lanes: &(impl Lanes + ?Sized), now: Micros) -> Option<Lane> {
        (0..self.tried.len()).find_map(|target| {
            if self.tried[target].is_out || self.tried[target].is_done {
                return None;
            }
            let first = self.first_key(lanes, target);
            let (tried, keys) = (&self.tried[target], lanes.keys(target));
            (first..first + keys)
                .map(|key| Lane {
                    target,
                    key: key % keys,
                })
                .find(|lane| tried.may_ask(lane.key) && lanes.opens(*lane, now) == Opens::Now)
        })
    }

    /// A request takes one turn with a provider, however many of its models it may ask.
    fn first_key(&mut self, lanes: &(impl Lanes + ?Sized), target: usize) -> usize {
        let drawn = (0..self.tried.len())
            .filter(|other| *other == target || lanes.are_siblings(*other, target))
            .find_map(|other| self.tried[other].first_key);
        let first = drawn.unwrap_or_else(|| lanes.turn(target));
        self.tried[target].first_key = Some(first);
        first
    }

    /// When the first lane opens that is worth waiting for.
    fn soonest(&self, lanes: &(impl Lanes + ?Sized), now: Micros) -> Option<Micros> {
        let lanes_left = self.tried.iter().enumerate().flat_map(|(target, tried)| {
            let keys = if tried.is_out { 0 } else { lanes.keys(target) };
            (0..keys)
                .filter(|key| !tried.keys_out.contains(key))
                .map(move |key| (Lane { target, key }, tried))
        });
        lanes_left
            .filter_map(|(lane, tried)| {
                let opens = match lanes.opens(lane, now) {
                    Opens::Now => now,
                    Opens::At(time) if time <= self.patient_until => time,
                    Opens::At(_) | Opens::Unknown => return None,
                };
                let had_its_turn = tried.is_done || tried.keys_done.contains(&lane.key);
                let round = self.next_round.filter(|_| had_its_turn).unwrap_or(now);
                Some(opens.max(round))
            })
            .min()
    }

    fn begin_round(&mut self) {
        self.rounds += 1;
        self.next_round = None;
        for tried in &mut self.tried {
            tried.is_done = false;
            tried.keys_done.clear();
        }
    }

    /// Between half of the time and all of it, so that those who failed together do not come back
    /// together.
    fn rest(&self) -> Micros {
        let doubled = FIRST_REST.checked_shl(self.rounds.min(16));
        let longest = doubled.unwrap_or(LONGEST_REST).min(LONGEST_REST);
        rand::random_range(longest / 2..=longest)
    }
}

impl Tried {
    /// In this round.
    fn had_a_turn(&self) -> bool {
        self.is_done || !self.keys_done.is_empty()
    }

    fn may_ask(&self, key: usize) -> bool {
        !self.keys_out.contains(&key) && !self.keys_done.contains(&key)
    }
}

#[cfg(test)]
mod tests;
