//! Leaves a target alone that has failed too often, and lets one request find out whether it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::plan::{Micros, Opens};

/// What a breaker goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// In a row.
    pub(super) failures: u32,
    pub(super) cooldown: Micros,
}

/// How a target stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It is asked.
    Closed,
    /// It is left alone.
    Open,
    /// One request finds out whether it is back.
    HalfOpen,
}

/// One for each target.
#[derive(Debug)]
pub(super) struct Breaker {
    rules: Rules,
    /// False where it is closed and nothing has failed, which is nearly always: no lock is taken then.
    is_troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Micros,
    },
    /// Until then nobody else is let in: a probe may take as long as an answer does.
    Probing {
        until: Micros,
    },
}

/// In what quality a request may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Ordinary,
    /// The only one for a while, the breaker being half open. Whoever has it must say what became of it.
    Probe,
}

impl Breaker {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            is_troubled: AtomicBool::new(false),
            state: Mutex::new(State::Closed { failures: 0 }),
        }
    }

    /// When a request may ask.
    pub(super) fn opens(&self, now: Micros) -> Opens {
        if !self.is_troubled.load(Ordering::Acquire) {
            return Opens::Now;
        }
        match *self.at(now) {
            State::Closed { .. } => Opens::Now,
            State::Open { until } => Opens::from(until, now),
            State::Probing { until } if until <= now => Opens::Now,
            State::Probing { .. } => Opens::Unknown,
        }
    }

    /// None where the target is to be left alone. After the cooldown the first to ask is the probe.
    pub(super) fn enter(&self, now: Micros) -> Option<Entry> {
        if !self.is_troubled.load(Ordering::Acquire) {
            return Some(Entry::Ordinary);
        }
        let mut state = self.at(now);
        match *state {
            State::Closed { .. } => Some(Entry::Ordinary),
            State::Open { until } | State::Probing { until } if until <= now => {
                let until = now.saturating_add(self.rules.cooldown);
                *state = State::Probing { until };
                Some(Entry::Probe)
            }
            State::Open { .. } | State::Probing { .. } => None,
        }
    }

    /// The target is alive, whatever it has answered.
    pub(super) fn succeeded(&self, entry: Entry) {
        if !self.is_troubled.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.lock();
        // What was asked before it opened says nothing about now.
        if entry == Entry::Probe || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
            self.is_troubled.store(false, Ordering::Release);
        }
    }

    /// True where this failure has opened it.
    pub(super) fn failed(&self, entry: Entry, now: Micros) -> bool {
        let mut state = self.lock();
        let failures = match *state {
            State::Closed { failures } => failures + 1,
            State::Probing { .. } if entry == Entry::Probe => self.rules.failures,
            State::Open { .. } | State::Probing { .. } => return false,
        };
        let opens = failures >= self.rules.failures;
        *state = if opens {
            State::Open {
                until: now.saturating_add(self.rules.cooldown),
            }
        } else {
            State::Closed { failures }
        };
        self.is_troubled.store(true, Ordering::Release);
        opens
    }

    /// A probe has ended without a verdict: the next request is one.
    pub(super) fn gave_up(&self) {
        let mut state = self.lock();
        if let State::Probing { .. } = *state {
            *state = State::Open { until: Micros::MIN };
        }
    }

    pub(super) fn state(&self) -> BreakerState {
        match *self.lock() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Probing { .. } => BreakerState::HalfOpen,
        }
    }

    /// A clock that was set back must not leave a target alone for longer than it should be.
    fn at(&self, now: Micros) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if let State::Open { until } | State::Probing { until } = &mut *state {
            *until = (*until).min(now.saturating_add(self.rules.cooldown));
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker(failures: u32) -> Breaker {
        Breaker::new(Rules {
            failures,
            cooldown: 30,
        })
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row_and_no_sooner() {
        let breaker = breaker(3);
        for _ in 0..5 {
            breaker.failed(Entry::Ordinary, 0);
            breaker.failed(Entry::Ordinary, 0);
            breaker.succeeded(Entry::Ordinary);
        }
        assert_eq!(breaker.opens(0), Opens::Now);

        let opened = [0; 4].map(|now| breaker.failed(Entry::Ordinary, now));

        assert_eq!(opened, [false, false, true, false]);
        assert_eq!(breaker.opens(0), Opens::At(30));
        assert_eq!(breaker.enter(29), None);
    }

    #[test]
    fn after_the_cooldown_there_is_one_probe_and_its_verdict_counts() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 0);

        assert_eq!(breaker.enter(30), Some(Entry::Probe));
        assert_eq!(breaker.enter(30), None);
        assert_eq!(breaker.opens(30), Opens::Unknown);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.failed(Entry::Probe, 30);
        assert_eq!(breaker.opens(31), Opens::At(60));

        assert_eq!(breaker.enter(60), Some(Entry::Probe));
        breaker.succeeded(Entry::Probe);
        assert_eq!(breaker.enter(60), Some(Entry::Ordinary));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_probe_that_takes_its_time_does_not_keep_everybody_else_out() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 0);
        breaker.enter(30);

        assert_eq!(breaker.enter(59), None);
        assert_eq!(breaker.opens(60), Opens::Now);
        assert_eq!(breaker.enter(60), Some(Entry::Probe));
        assert_eq!(breaker.enter(60), None);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_it_wait_no_longer_than_once() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 1_000);

        assert_eq!(breaker.opens(0), Opens::At(30));
        assert_eq!(breaker.enter(30), Some(Entry::Probe));
    }

    #[test]
    fn a_probe_that_gives_up_makes_room_for_the_next() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 0);
        breaker.enter(30);

        breaker.gave_up();

        assert_eq!(breaker.enter(30), Some(Entry::Probe));
    }

    #[test]
    fn what_was_asked_before_it_opened_neither_closes_it_nor_keeps_it_open() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 0);

        breaker.succeeded(Entry::Ordinary);
        breaker.failed(Entry::Ordinary, 20);

        assert_eq!(breaker.opens(21), Opens::At(30));
    }
}
