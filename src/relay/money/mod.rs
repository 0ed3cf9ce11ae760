//! Budgets: money is leased from the database in portions, and spent in memory.
//!
//! A request reserves what it may cost at most from the purse of its holder, and settles what it did
//! cost. Only a purse that holds too little asks the database. What was spent is moved there together
//! with the ledger's rows, what is idle is given back, and a process that dies loses its leases.

mod balance;
mod books;
mod keeper;
mod purse;
mod take;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(super) use books::post;
pub(super) use purse::{Draw, Reservation};

use purse::Purse;

use crate::clock::Clock;
use crate::domain::{Budget, Holder, Period, ProcessId, Ts, Window};
use crate::error::{Error, Kind, Result};
use crate::shutdown::Shutdown;
use crate::store::budgets::{self, Account, Lease};
use crate::store::{Db, Main};

/// Accounts that are forgotten in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 1_000;

/// All purses of this process. Cloning it copies a pointer.
#[derive(Clone)]
pub(super) struct Money(Arc<Parts>);

struct Parts {
    main: Db<Main>,
    clock: Clock,
    shutdown: Shutdown,
    /// Only of those who spend, or did a second ago.
    purses: Mutex<Purses>,
    /// Tells the keeper that there is a purse.
    opened: Notify,
    closing: CancellationToken,
    closed: CancellationToken,
}

struct Purses {
    /// Whose leases new purses take.
    process: ProcessId,
    open: HashMap<(Holder, Window), Arc<Purse>>,
}

/// What a process holds of budgets, in micro-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leased {
    /// How many leases it is.
    pub leases: u64,
    pub free: u64,
    /// By requests that run.
    pub reserved: u64,
    /// And not written to the ledger yet.
    pub spent: u64,
}

/// Whose budget a request is to fit, and of which time.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) holder: Holder,
    pub(super) budget: Budget,
    pub(super) window: Window,
}

impl Money {
    /// Starts the task that keeps the leases.
    pub(super) fn open(main: Db<Main>, clock: Clock, shutdown: &Shutdown) -> Self {
        let closed = CancellationToken::new();
        let purses = Purses {
            process: ProcessId::new(&clock),
            open: HashMap::new(),
        };
        let money = Self(Arc::new(Parts {
            main,
            clock,
            shutdown: shutdown.clone(),
            purses: Mutex::new(purses),
            opened: Notify::new(),
            closing: CancellationToken::new(),
            closed: closed.clone(),
        }));
        let done = closed.drop_guard();
        let keeper = money.clone();
        shutdown.track(async move {
            keeper.keep().await;
            drop(done);
        });
        money
    }

    /// Money for a request, from what is here or from the database.
    pub(super) async fn reserve(&self, claim: &Claim, need: u64) -> Result<Reservation> {
        let cap = claim.budget.microusd;
        if need > cap {
            return Err(exhausted(claim));
        }
        loop {
            let purse = self.purse(&claim.holder, claim.window, cap);
            if let Some(reserved) = purse.reserve(need, cap) {
                return Ok(reserved);
            }
            if purse.has_refused(need, cap) {
                return Err(exhausted(claim));
            }
            let turn = purse.turn().await;
            // Who was here before may have leased enough, or learnt that there is not so much.
            if let Some(reserved) = purse.reserve(need, cap) {
                return Ok(reserved);
            }
            if purse.has_refused(need, cap) {
                return Err(exhausted(claim));
            }
            if purse.has_failed() {
                return Err(unknown());
            }
            if let Some(reserved) = self.lease(purse, turn, (claim, need)).await? {
                return Ok(reserved);
            }
        }
    }

    pub(super) fn leased(&self) -> Leased {
        let purses = self.purses();
        let balances = purses.open.values().map(|purse| purse.leased());
        balances.fold(Leased::default(), |all, one| Leased {
            leases: all.leases + one.leases,
            free: all.free + one.free,
            reserved: all.reserved + one.reserved,
            spent: all.spent + one.spent,
        })
    }

    /// Forgets accounts of periods that were over two months ago.
    pub(super) async fn forget_past(&self) -> Result<()> {
        let month = Window::of(Period::Month, self.now().plus_days(-62)).to_string();
        loop {
            let mut tx = self.0.main.write().await?;
            let forgotten = budgets::forget(&mut tx, &month, FORGOTTEN_AT_ONCE).await?;
            tx.commit().await?;
            if forgotten < FORGOTTEN_AT_ONCE.unsigned_abs() {
                return Ok(());
            }
        }
    }

    /// Gives back all that is here. To be called when the ledger is written.
    pub(super) async fn close(&self) {
        self.0.closing.cancel();
        self.0.closed.cancelled().await;
    }

    /// The purse of this holder and window, in the place of one that is lost.
    fn purse(&self, holder: &Holder, window: Window, cap: u64) -> Arc<Purse> {
        let mut purses = self.purses();
        let key = (holder.clone(), window);
        if let Some(purse) = purses.open.get(&key) {
            if !purse.is_lost() {
                return purse.clone();
            }
            // What is still to be written of the lost lease must not be taken out of the new one.
            if purse.lease.process == purses.process {
                purses.process = ProcessId::new(&self.0.clock);
            }
        }
        let account = Account {
            holder: holder.to_string(),
            period: window.to_string(),
        };
        let lease = Lease {
            process: purses.process,
            account,
        };
        let purse = Purse::new(lease, cap);
        purses.open.insert(key, purse.clone());
        drop(purses);
        self.0.opened.notify_one();
        purse
    }

    fn purses(&self) -> MutexGuard<'_, Purses> {
        self.0.purses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Ts {
        Ts::from_micros(self.0.clock.micros())
    }
}

/// What a budget has left cannot be found out now, and nothing is free.
fn unknown() -> Error {
    Error::unavailable("service_unavailable", "The database cannot be reached.")
}

fn exhausted(claim: &Claim) -> Error {
    let whose = match claim.holder {
        Holder::User(_) => "your account",
        Holder::Key(_) => "this API key",
    };
    let what = match claim.budget.period {
        Period::Day => "what is left of today's budget",
        Period::Month => "what is left of this month's budget",
        Period::Total => "what is left of the budget",
    };
    let message = format!("This request may cost more than {what} of {whose}.");
    Error::new(Kind::Exhausted, "insufficient_quota", message)
}

/// The databases count in signed 64 bits.
fn whole(microusd: u64) -> i64 {
    i64::try_from(microusd).unwrap_or(i64::MAX)
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Money")
            .field("purses", &self.purses().open.len())
            .finish_non_exhaustive()
    }
}
