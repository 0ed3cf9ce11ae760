//! The money of one holder in one period, as far as this process has leased it.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::Leased;
use super::balance::{Balance, Idle, Portion, Row};
use crate::store::budgets::Lease;
use crate::store::ledger::MOST_MICROUSD;

/// Requests reserve and settle here; the database is asked when it holds too little.
#[derive(Debug)]
pub(super) struct Purse {
    pub(super) lease: Lease,
    balance: Mutex<Balance>,
    /// Held by whoever changes the lease in the database.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// The right to change a purse's lease in the database.
pub(super) type Turn = OwnedMutexGuard<()>;

/// Money for one request. Dropped unused, it is given back.
#[derive(Debug)]
pub(in crate::relay) struct Reservation {
    purse: Arc<Purse>,
    amount: u64,
}

/// How much of what a request has cost came out of a purse.
#[derive(Debug)]
pub(in crate::relay) struct Draw {
    purse: Arc<Purse>,
    pub(super) consumed: u64,
}

impl Purse {
    pub(super) fn new(lease: Lease, cap: u64) -> Arc<Self> {
        Arc::new(Self {
            lease,
            balance: Mutex::new(Balance::new(cap, Instant::now())),
            turn: Arc::default(),
        })
    }

    /// Some money, if it is here.
    pub(super) fn reserve(self: &Arc<Self>, need: u64, cap: u64) -> Option<Reservation> {
        let is_here = self.balance().reserve(need, cap, Instant::now());
        is_here.then(|| Reservation {
            purse: self.clone(),
            amount: need,
        })
    }

    /// As much of it as is here.
    pub(super) fn set_aside(self: &Arc<Self>, need: u64) -> Reservation {
        Reservation {
            purse: self.clone(),
            amount: self.balance().set_aside(need),
        }
    }

    pub(super) fn has_refused(&self, need: u64, cap: u64) -> bool {
        self.balance().has_refused(need, cap, Instant::now())
    }

    pub(super) fn refuse(&self, need: u64) {
        self.balance().refuse(need, Instant::now());
    }

    pub(super) fn has_failed(&self) -> bool {
        self.balance().has_failed(Instant::now())
    }

    pub(super) fn fail(&self) {
        self.balance().fail(Instant::now());
    }

    /// What is to be given back because the cap is another one now.
    pub(super) fn recap(&self, cap: u64) -> u64 {
        self.balance().recap(cap)
    }

    pub(super) fn take_idle(&self) -> Option<Idle> {
        self.balance().take_idle(Instant::now())
    }

    pub(super) fn take_all(&self) -> Option<Idle> {
        self.balance().take_all()
    }

    pub(super) fn leased(&self) -> Leased {
        self.balance().held()
    }

    pub(super) fn recent(&self) -> u64 {
        self.balance().recent()
    }

    pub(super) fn row(&self) -> Row {
        self.balance().row
    }

    pub(super) fn set_row(&self, row: Row) {
        self.balance().row = row;
    }

    pub(super) fn renewed(&self, asked: Instant) {
        self.balance().renewed(asked);
    }

    pub(super) fn is_vacant(&self) -> bool {
        self.balance().is_vacant(Instant::now())
    }

    /// Others have taken the lease away: nothing more is spent from here.
    pub(super) fn lose(&self) {
        let mut balance = self.balance();
        if !mem::replace(&mut balance.is_lost, true) {
            let Lease { account, .. } = &self.lease;
            tracing::warn!(
                holder = account.holder,
                period = account.period,
                "A lease was not renewed in time, and is lost"
            );
        }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.balance().is_lost
    }

    pub(super) async fn turn(&self) -> Turn {
        self.turn.clone().lock_owned().await
    }

    pub(super) fn try_turn(&self) -> Option<Turn> {
        self.turn.clone().try_lock_owned().ok()
    }

    fn balance(&self) -> MutexGuard<'_, Balance> {
        self.balance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    pub(super) fn amount(&self) -> u64 {
        self.amount
    }

    /// What was missing has been leased.
    pub(super) fn complete(&mut self, portion: Portion, need: u64) {
        self.purse.balance().complete(portion, need, self.amount);
        self.amount = need;
    }

    /// What was really used; what it leaves is free at once. None where it cost nothing.
    pub(in crate::relay) fn settle(mut self, cost: u64) -> Option<Draw> {
        let cost = cost.min(MOST_MICROUSD);
        let reserved = mem::take(&mut self.amount);
        let consumed = cost.min(reserved);
        let mut balance = self.purse.balance();
        balance.settle(reserved, consumed, Instant::now());
        drop(balance);
        (cost > 0).then(|| Draw {
            purse: self.purse.clone(),
            consumed,
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.amount > 0 {
            let mut balance = self.purse.balance();
            balance.settle(self.amount, 0, Instant::now());
        }
    }
}

impl Draw {
    pub(super) fn lease(&self) -> &Lease {
        &self.purse.lease
    }

    /// It is in the books; `found` says whether the lease was still there.
    pub(super) fn written(&self, found: bool) {
        self.purse.balance().written(self.consumed);
        if !found {
            self.purse.lose();
        }
    }
}
