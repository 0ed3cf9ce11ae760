//! What a purse holds, in micro-dollars: arithmetic alone.

use std::time::Duration;

use tokio::time::Instant;

use super::Leased;

/// A lease that was not renewed for so long is not drawn on: others may take it away at twenty.
const STALE: Duration = Duration::from_secs(15);
/// Money that nobody has touched for so long is given back.
const IDLE: Duration = Duration::from_secs(1);
/// The same where the budget is nearly used up: another replica may be short of it.
const IDLE_WHERE_TIGHT: Duration = Duration::from_millis(100);
/// How long a refusal stands without asking again.
const REFUSAL: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// Of what is leased, some is reserved by running requests, some is spent and not written yet, and the
/// rest is free.
#[derive(Debug)]
pub(super) struct Balance {
    /// Of the whole budget.
    cap: u64,
    leased: u64,
    reserved: u64,
    settled: u64,
    pub(super) row: Row,
    pub(super) is_lost: bool,
    is_tight: bool,
    renewed: Instant,
    touched: Instant,
    refused: Option<Refusal>,
    /// When the database could not be asked.
    failed: Option<Instant>,
    /// What was reserved in this second and in the one before.
    recent: [u64; 2],
    second: Instant,
}

/// Whether the lease has a row in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    None,
    There,
    /// A transaction has failed, and may have been done all the same.
    Unknown,
}

#[derive(Debug)]
struct Refusal {
    need: u64,
    at: Instant,
}

/// What is to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    /// The lease as it is, whatever it holds.
    Whole,
    Part(u64),
}

impl Balance {
    pub(super) fn new(cap: u64, now: Instant) -> Self {
        Self {
            cap,
            leased: 0,
            reserved: 0,
            settled: 0,
            row: Row::None,
            is_lost: false,
            is_tight: false,
            renewed: now,
            touched: now,
            refused: None,
            failed: None,
            recent: [0; 2],
            second: now,
        }
    }

    pub(super) fn held(&self) -> Leased {
        if self.is_lost {
            return Leased::default();
        }
        Leased {
            leases: u64::from(self.leased > 0),
            free: self.free(),
            reserved: self.reserved,
            spent: self.settled,
        }
    }

    fn free(&self) -> u64 {
        self.leased.saturating_sub(self.reserved + self.settled)
    }

    /// False where there is not so much, or the database has to be asked first.
    pub(super) fn reserve(&mut self, need: u64, cap: u64, now: Instant) -> bool {
        let may = !self.is_lost
            && self.cap == cap
            && now.duration_since(self.renewed) < STALE
            && self.free() >= need;
        if may {
            self.reserved += need;
            self.count(need, now);
        }
        may
    }

    /// Reserves as much of `need` as is there, to ask for the rest.
    pub(super) fn set_aside(&mut self, need: u64) -> u64 {
        let amount = self.free().min(need);
        self.reserved += amount;
        amount
    }

    /// The rest of a reservation of `need` has come, with all that was leased.
    pub(super) fn complete(&mut self, portion: Portion, need: u64, aside: u64) {
        self.leased += portion.amount;
        self.reserved += need - aside;
        self.row = Row::There;
        self.is_tight = portion.is_tight;
        self.renewed = portion.asked;
        self.refused = None;
        self.count(need, portion.asked);
    }

    /// A reservation is over, and `consumed` of it is spent.
    pub(super) fn settle(&mut self, reserved: u64, consumed: u64, now: Instant) {
        self.reserved = self.reserved.saturating_sub(reserved);
        self.settled += consumed;
        self.touched = now;
        self.refused = None;
    }

    /// The database has it in its books.
    pub(super) fn written(&mut self, consumed: u64) {
        self.settled = self.settled.saturating_sub(consumed);
        self.leased = self.leased.saturating_sub(consumed);
    }

    pub(super) fn refuse(&mut self, need: u64, now: Instant) {
        self.refused = Some(Refusal { need, at: now });
    }

    /// Whether as little was refused a moment ago, and nothing has come back since.
    pub(super) fn has_refused(&self, need: u64, cap: u64, now: Instant) -> bool {
        let stands =
            |refusal: &Refusal| need >= refusal.need && now.duration_since(refusal.at) < REFUSAL;
        self.cap == cap && self.refused.as_ref().is_some_and(stands)
    }

    /// Whether the database could not be asked a moment ago: those who wait need not all find that out.
    pub(super) fn has_failed(&self, now: Instant) -> bool {
        self.failed
            .is_some_and(|failed| now.duration_since(failed) < SECOND)
    }

    pub(super) fn fail(&mut self, now: Instant) {
        self.failed = Some(now);
    }

    /// Another cap: what is free is given back first, so that it is asked for anew.
    pub(super) fn recap(&mut self, cap: u64) -> u64 {
        if self.cap == cap {
            return 0;
        }
        self.cap = cap;
        self.refused = None;
        let free = self.free();
        self.leased -= free;
        free
    }

    /// What nobody has touched for a while. It cannot be reserved from here on.
    pub(super) fn take_idle(&mut self, now: Instant) -> Option<Idle> {
        let patience = if self.is_tight {
            IDLE_WHERE_TIGHT
        } else {
            IDLE
        };
        if self.is_lost || now.duration_since(self.touched) < patience {
            return None;
        }
        self.take_all()
    }

    /// Likewise, whether it was touched or not.
    pub(super) fn take_all(&mut self) -> Option<Idle> {
        let free = self.free();
        self.leased -= free;
        self.refused = None;
        match self.row {
            Row::None => None,
            _ if self.reserved == 0 && self.settled == 0 => Some(Idle::Whole),
            _ if free > 0 => Some(Idle::Part(free)),
            _ => None,
        }
    }

    pub(super) fn renewed(&mut self, asked: Instant) {
        self.renewed = self.renewed.max(asked);
    }

    /// Nothing is here, and nothing in the database.
    pub(super) fn is_vacant(&self, now: Instant) -> bool {
        self.reserved == 0
            && self.settled == 0
            && (self.row == Row::None || self.is_lost)
            && now.duration_since(self.touched) >= IDLE
    }

    /// What was reserved within about a second.
    pub(super) fn recent(&self) -> u64 {
        self.recent[0].max(self.recent[1])
    }

    fn count(&mut self, need: u64, now: Instant) {
        let since = now.duration_since(self.second);
        if since >= SECOND {
            let before = if since < 2 * SECOND {
                self.recent[0]
            } else {
                0
            };
            self.recent = [0, before];
            self.second = now;
        }
        self.recent[0] = self.recent[0].saturating_add(need);
        self.touched = now;
    }
}

/// What was leased, and when it was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portion {
    pub(super) amount: u64,
    /// Whether the budget has less left than this request needed.
    pub(super) is_tight: bool,
    pub(super) asked: Instant,
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAP: u64 = 1_000;

    fn holding(amount: u64, now: Instant) -> Balance {
        let mut balance = Balance::new(CAP, now);
        let aside = balance.set_aside(amount);
        let portion = Portion {
            amount,
            is_tight: false,
            asked: now,
        };
        balance.complete(portion, amount, aside);
        balance.settle(amount, 0, now);
        balance
    }

    #[test]
    fn what_a_request_leaves_of_its_reservation_is_free_at_once() {
        let now = Instant::now();
        let mut balance = holding(100, now);

        assert!(balance.reserve(100, CAP, now));
        assert!(!balance.reserve(1, CAP, now));
        balance.settle(100, 30, now);
        assert!(!balance.reserve(71, CAP, now));
        assert!(balance.reserve(70, CAP, now));
    }

    #[test]
    fn writing_it_down_changes_nothing_of_what_is_free() {
        let now = Instant::now();
        let mut balance = holding(100, now);
        assert!(balance.reserve(60, CAP, now));
        balance.settle(60, 60, now);
        assert_eq!(balance.free(), 40);

        balance.written(60);

        assert_eq!((balance.free(), balance.leased), (40, 40));
    }

    #[test]
    fn a_part_that_is_set_aside_is_nobody_elses() {
        let now = Instant::now();
        let mut balance = holding(60, now);

        let aside = balance.set_aside(100);
        assert_eq!(aside, 60);
        assert!(!balance.reserve(10, CAP, now));
        let portion = Portion {
            amount: 50,
            is_tight: true,
            asked: now,
        };
        balance.complete(portion, 100, aside);

        assert_eq!(balance.free(), 10);
    }

    #[test]
    fn a_lease_that_was_not_renewed_is_not_drawn_on() {
        let now = Instant::now();
        let mut balance = holding(100, now);

        assert!(!balance.reserve(1, CAP, now + STALE));
        balance.renewed(now + STALE);
        assert!(balance.reserve(1, CAP, now + STALE));
    }

    #[test]
    fn another_cap_is_not_spent_from_what_the_old_one_allowed() {
        let now = Instant::now();
        let mut balance = holding(100, now);
        assert!(balance.reserve(30, CAP, now));

        assert!(!balance.reserve(10, 50, now));
        assert_eq!(balance.recap(50), 70);

        assert!(!balance.reserve(1, 50, now));
        assert_eq!(balance.recap(50), 0);
    }

    #[test]
    fn a_refusal_stands_for_a_moment_and_falls_when_something_comes_back() {
        let now = Instant::now();
        let mut balance = holding(10, now);
        assert!(balance.reserve(10, CAP, now));
        balance.refuse(50, now);

        assert!(balance.has_refused(50, CAP, now) && balance.has_refused(60, CAP, now));
        assert!(!balance.has_refused(49, CAP, now));
        assert!(!balance.has_refused(50, CAP + 1, now));
        assert!(!balance.has_refused(50, CAP, now + REFUSAL));
        balance.settle(10, 5, now);
        assert!(!balance.has_refused(50, CAP, now));
    }

    #[test]
    fn idle_money_goes_back_whole_or_but_for_what_runs() {
        let now = Instant::now();
        let mut balance = holding(100, now);
        assert_eq!(balance.take_idle(now), None);
        assert_eq!(balance.take_idle(now + IDLE), Some(Idle::Whole));
        assert!(!balance.reserve(1, CAP, now));

        let mut balance = holding(100, now);
        assert!(balance.reserve(40, CAP, now));
        assert_eq!(balance.take_idle(now + IDLE), Some(Idle::Part(60)));
        assert_eq!(balance.take_idle(now + IDLE), None);
        balance.settle(40, 40, now);
        balance.written(40);
        assert_eq!(balance.leased, 0);
    }

    #[test]
    fn a_second_of_spending_is_remembered_and_then_forgotten() {
        let now = Instant::now();
        let mut balance = holding(0, now);
        balance.leased = 500;
        for _ in 0..5 {
            assert!(balance.reserve(10, CAP, now));
        }
        assert_eq!(balance.recent(), 50);

        assert!(balance.reserve(1, CAP, now + SECOND));
        assert_eq!(balance.recent(), 50);
        assert!(balance.reserve(1, CAP, now + 3 * SECOND));
        assert_eq!(balance.recent(), 1);
    }
}
