//! Leaves a target alone that has failed too often, and lets one request find out whether it is back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    /// How many there have been.
    probes: AtomicU64,
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
        number: u64,
    },
}

/// In what quality a request may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Ordinary,
    /// The only one for a while, the breaker being half open, by its number. Whoever has it must say
    /// what became of it.
    Probe(u64),
}

impl Breaker {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            is_troubled: AtomicBool::new(false),
            state: Mutex::new(State::Closed { failures: 0 }),
            probes: AtomicU64::new(0),
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
            State::Probing { until, .. } if until <= now => Opens::Now,
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
            State::Open { until } | State::Probing { until, .. } if until <= now => {
                let until = now.saturating_add(self.rules.cooldown);
                let number = self.probes.fetch_add(1, Ordering::Relaxed);
                *state = State::Probing { until, number };
                Some(Entry::Probe(number))
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
        if matches!(entry, Entry::Probe(_)) || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
            self.is_troubled.store(false, Ordering::Release);
        }
    }

    /// True where this failure has opened it.
    pub(super) fn failed(&self, entry: Entry, now: Micros) -> bool {
        let mut state = self.lock();
        let failures = match *state {
            State::Closed { failures } => failures + 1,
            // One that has outlasted its time has left the verdict to the next.
            State::Probing { number, .. } if entry == Entry::Probe(number) => self.rules.failures,
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

    /// A probe has ended without a verdict: the next request is one, unless there is one already.
    pub(super) fn gave_up(&self, entry: Entry) {
        let mut state = self.lock();
        if let State::Probing { number, .. } = *state
            && entry == Entry::Probe(number)
        {
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
        if let State::Open { until } | State::Probing { until, .. } = &mut *state {
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

    /// Lets the next one in, who is a probe.
    fn probe(breaker: &Breaker, now: Micros) -> Entry {
        let entry = breaker.enter(now).unwrap();
        assert!(matches!(entry, Entry::Probe(_)), "{entry:?}");
        entry
    }

    #[test]
    fn after_the_cooldown_there_is_one_probe_and_its_verdict_counts() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 0);

        let first = probe(&breaker, 30);
        assert_eq!(breaker.enter(30), None);
        assert_eq!(breaker.opens(30), Opens::Unknown);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.failed(first, 30);
        assert_eq!(breaker.opens(31), Opens::At(60));

        breaker.succeeded(probe(&breaker, 60));
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
        probe(&breaker, 60);
        assert_eq!(breaker.enter(60), None);
    }

    #[test]
    fn what_becomes_of_a_probe_whose_time_is_over_leaves_the_next_one_alone() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 0);
        let (slow, late) = (probe(&breaker, 30), probe(&breaker, 60));
        let next = probe(&breaker, 90);

        breaker.gave_up(slow);
        assert_eq!(breaker.enter(90), None, "the next one is still on its way");
        assert!(!breaker.failed(late, 91));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(breaker.enter(119), None);

        assert!(breaker.failed(next, 100), "its own verdict counts");
        assert_eq!(breaker.opens(100), Opens::At(130));
    }

    #[test]
    fn a_late_probe_that_is_answered_finds_the_target_back() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 0);
        let slow = probe(&breaker, 30);
        let next = probe(&breaker, 60);

        breaker.succeeded(slow);
        breaker.gave_up(next);

        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_it_wait_no_longer_than_once() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 1_000);

        assert_eq!(breaker.opens(0), Opens::At(30));
        probe(&breaker, 30);
    }

    #[test]
    fn a_probe_is_known_again_after_the_clock_was_set_back() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 970);
        let probe = probe(&breaker, 1_000);
        assert_eq!(breaker.enter(0), None);

        breaker.gave_up(probe);

        assert_eq!(breaker.opens(0), Opens::Now);
    }

    #[test]
    fn a_probe_that_gives_up_makes_room_for_the_next() {
        let breaker = breaker(1);
        breaker.failed(Entry::Ordinary, 0);

        breaker.gave_up(probe(&breaker, 30));

        probe(&breaker, 30);
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
