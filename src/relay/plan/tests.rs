//! The rules of the search, one by one.

use std::cell::RefCell;
use std::collections::HashMap;

use super::*;

const SECOND: Micros = 1_000_000;

/// Targets that open as they are told to.
#[derive(Default)]
struct Field {
    /// How many keys each target has.
    keys: Vec<usize>,
    opens: RefCell<HashMap<(usize, usize), Opens>>,
    turns: RefCell<usize>,
}

impl Lanes for Field {
    fn keys(&self, target: usize) -> usize {
        self.keys[target]
    }

    fn turn(&self, _target: usize) -> usize {
        *self.turns.borrow()
    }

    fn are_siblings(&self, _one: usize, _other: usize) -> bool {
        false
    }

    fn opens(&self, lane: Lane, now: Micros) -> Opens {
        match self.opens.borrow().get(&(lane.target, lane.key)) {
            Some(Opens::At(time)) => Opens::from(*time, now),
            Some(opens) => *opens,
            None => Opens::Now,
        }
    }
}

/// One request, at a time that runs only while it waits.
struct Case {
    field: Field,
    plan: Plan,
    now: Micros,
    /// What was waited for so far.
    waited: Vec<Micros>,
}

impl Case {
    /// With at most `attempts`, and targets that have so many keys each.
    fn new(attempts: u32, keys: &[usize]) -> Self {
        let limits = Limits {
            max_attempts: attempts,
            max_wait: 5 * SECOND,
        };
        Self {
            field: Field {
                keys: keys.to_vec(),
                ..Field::default()
            },
            plan: Plan::new(limits, keys.len(), 0),
            now: 0,
            waited: Vec::new(),
        }
    }

    fn closed(self, target: usize, key: usize, opens: Opens) -> Self {
        self.field.opens.borrow_mut().insert((target, key), opens);
        self
    }

    /// Who is asked next; None at the end.
    fn next(&mut self) -> Option<(usize, usize)> {
        loop {
            match self.plan.next(&self.field, self.now) {
                Step::Ask(lane) => {
                    self.plan.asked();
                    return Some((lane.target, lane.key));
                }
                Step::Wait(until) => {
                    assert!(until > self.now, "a wait for what has passed");
                    self.waited.push(until - self.now);
                    self.now = until;
                }
                Step::Over => return None,
            }
        }
    }

    /// Who is asked, where whoever is asked fails so.
    fn all(&mut self, fails: impl Fn(usize, usize) -> (Setback, Option<Micros>)) -> Vec<String> {
        let mut asked = Vec::new();
        while let Some((target, key)) = self.next() {
            let (setback, wait) = fails(target, key);
            if let Some(wait) = wait {
                let open = Opens::At(self.now + wait);
                self.field.opens.borrow_mut().insert((target, key), open);
            }
            self.plan
                .failed(Lane { target, key }, (setback, wait), self.now);
            asked.push(format!("{target}{key}"));
        }
        asked
    }
}

#[test]
fn targets_are_asked_in_order_and_then_round_again_until_the_attempts_are_used_up() {
    for (attempts, targets, wanted) in [
        (1, vec![1, 1], "00"),
        (2, vec![1, 1], "00 10"),
        (5, vec![1, 1], "00 10 00 10 00"),
        (4, vec![1], "00 00 00 00"),
        (2, vec![1, 1, 1], "00 10"),
    ] {
        let asked = Case::new(attempts, &targets).all(|_, _| (Setback::Target, None));

        assert_eq!(asked.join(" "), wanted, "{attempts} {targets:?}");
    }
}

#[test]
fn there_is_a_rest_between_rounds_that_doubles_up_to_four_seconds() {
    let mut case = Case::new(20, &[1, 1]);

    case.all(|_, _| (Setback::Target, None));

    assert_eq!(case.waited.len(), 9);
    let longest = [250, 500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000];
    for (waited, millis) in case.waited.iter().zip(longest) {
        let longest = millis * 1_000;
        assert!(
            (longest / 2..=longest).contains(waited),
            "{:?}",
            case.waited
        );
    }
}

#[test]
fn what_a_failure_rules_out() {
    let (busy, target) = ((Setback::Busy, None), (Setback::Target, None));
    let (slow, request) = ((Setback::Slow, None), (Setback::Request, None));
    let key = (Setback::Key, None);
    for (name, first, other, wanted) in [
        (
            "the caller's mistake is asked about once",
            request,
            target,
            "00",
        ),
        (
            "who was too slow is not asked again",
            slow,
            target,
            "00 10 10 10 10",
        ),
        (
            "a bad key is out, and the next key is next",
            key,
            target,
            "00 01 10 10 10",
        ),
        (
            "a busy key is spared for the round",
            busy,
            target,
            "00 01 10 00 01",
        ),
        (
            "a target that fails is not tried with its other key",
            target,
            slow,
            "00 10 00 00 00",
        ),
        ("nobody is left", key, key, "00 01 10"),
        ("nobody was quick enough", slow, slow, "00 10"),
    ] {
        let asked = Case::new(5, &[2, 1]).all(|at, _| if at == 0 { first } else { other });

        assert_eq!(asked.join(" "), wanted, "{name}");
    }
}

#[test]
fn a_short_retry_after_is_obeyed_and_a_long_one_is_not_waited_for() {
    let failed = (Setback::Target, None);
    for (name, attempts, first, wanted) in [
        (
            "asked again after it",
            4,
            (Setback::Busy, Some(5 * SECOND)),
            "00 10 10 10",
        ),
        (
            "too long",
            9,
            (Setback::Busy, Some(5 * SECOND + 1)),
            "00 10 10 10 10 10 10 10 10",
        ),
        (
            "too long for a target",
            3,
            (Setback::Target, Some(6 * SECOND)),
            "00 10 10",
        ),
    ] {
        let asked = Case::new(attempts, &[1, 1]).all(|at, _| if at == 0 { first } else { failed });
        assert_eq!(asked.join(" "), wanted, "{name}");
    }

    let mut alone = Case::new(3, &[1]);
    let asked = alone.all(|_, _| (Setback::Busy, Some(2 * SECOND)));
    assert_eq!(
        (asked.join(" "), alone.waited),
        ("00 00 00".to_owned(), vec![2 * SECOND; 2])
    );

    let mut alone = Case::new(3, &[1]);
    let asked = alone.all(|_, _| (Setback::Busy, Some(6 * SECOND)));
    assert_eq!((asked.join(" "), alone.waited), ("00".to_owned(), vec![]));
}

#[test]
fn the_rest_holds_where_a_retry_after_is_shorter() {
    let mut alone = Case::new(2, &[1]);

    alone.all(|_, _| (Setback::Busy, Some(1_000)));

    assert!(alone.waited[0] >= 125_000, "{:?}", alone.waited);
}

#[test]
fn who_is_closed_is_passed_over_and_waited_for_only_if_there_is_nobody_else() {
    let at = |seconds| Opens::At(seconds * SECOND);
    for (name, first, second, next, waited) in [
        ("passed over", at(2), Opens::Now, Some((1, 0)), 0),
        ("a probe runs", Opens::Unknown, Opens::Now, Some((1, 0)), 0),
        ("the sooner is waited for", at(4), at(3), Some((1, 0)), 3),
        ("as long as is allowed", at(9), at(5), Some((1, 0)), 5),
        ("and no longer", at(9), at(6), None, 0),
        ("nobody knows", Opens::Unknown, Opens::Unknown, None, 0),
    ] {
        let mut case = Case::new(4, &[1, 1])
            .closed(0, 0, first)
            .closed(1, 0, second);

        assert_eq!(case.next(), next, "{name}");
        assert_eq!(case.now, waited * SECOND, "{name}");
    }
}

#[test]
fn who_opens_meanwhile_is_asked_before_the_next_round() {
    let mut case = Case::new(3, &[1, 1]).closed(1, 0, Opens::At(50_000));

    let asked = case.all(|_, _| (Setback::Target, None));

    assert_eq!(asked, ["00", "10", "00"]);
    assert_eq!(case.waited[0], 50_000);
}

#[test]
fn keys_take_turns_and_closed_ones_are_skipped() {
    for (turn, closed, wanted) in [(0, 9, 0), (1, 9, 1), (2, 9, 2), (1, 1, 2), (2, 2, 0)] {
        let mut case = Case::new(1, &[3]).closed(0, closed, Opens::At(SECOND));
        *case.field.turns.borrow_mut() = turn;

        assert_eq!(case.next(), Some((0, wanted)), "{turn} {closed}");
    }
}

#[test]
fn the_soonest_of_all_is_told_even_where_it_is_not_waited_for() {
    let at = |seconds| Opens::At(seconds * SECOND);
    let case = Case::new(4, &[2, 1])
        .closed(0, 0, at(90))
        .closed(0, 1, at(70))
        .closed(1, 0, Opens::Unknown);

    assert_eq!(case.plan.opens(&case.field, 0), 70 * SECOND);
}
