//! The task that keeps the leases: renews them, gives back what is idle, ends those of the dead.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::balance::{Idle, Row};
use super::purse::{Purse, Turn};
use super::take::LIFETIME;
use super::{Money, whole};
use crate::domain::ProcessId;
use crate::error::{Result, chain};
use crate::store::budgets::{self, Account, Change};

/// How often it looks for what is idle.
const LOOK: Duration = Duration::from_millis(100);
const RENEW: Duration = Duration::from_secs(5);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Leases that are given back in one transaction.
const AT_ONCE: usize = 100;
/// Accounts that are looked at for leases of the dead.
const SWEPT: i64 = 100;

/// A lease that is given back, wholly or in part.
struct Returning {
    purse: Arc<Purse>,
    what: Idle,
    _turn: Turn,
}

impl Money {
    /// Until [`Money::close`]. It sleeps as long as there is no purse.
    pub(super) async fn keep(&self) {
        let mut renews_at = Instant::now() + RENEW;
        loop {
            let wake = async {
                if self.purses().open.is_empty() {
                    self.0.opened.notified().await;
                }
                sleep(LOOK).await;
            };
            tokio::select! {
                () = wake => {}
                () = self.0.closing.cancelled() => break,
            }
            if let Err(error) = self.look(&mut renews_at).await {
                tracing::warn!(error = %chain(&error), "Leases were not kept; trying again");
                sleep(PAUSE).await;
            }
        }
        if let Err(error) = self.return_those(Purse::take_all).await {
            tracing::warn!(
                error = %chain(&error),
                "Leases were not given back; they will expire"
            );
        }
    }

    async fn look(&self, renews_at: &mut Instant) -> Result<()> {
        self.clear_away();
        // Before all else: what is not renewed is lost.
        if Instant::now() >= *renews_at {
            self.renew().await?;
            *renews_at = Instant::now() + RENEW;
            self.sweep().await?;
        }
        self.return_those(Purse::take_idle).await
    }

    /// Gives back what `take` takes out of purses that nobody is leasing for.
    async fn return_those(&self, take: impl Fn(&Purse) -> Option<Idle>) -> Result<()> {
        let mut returning: Vec<_> = self
            .all()
            .into_iter()
            .filter_map(|purse| {
                let turn = purse.try_turn()?;
                Some(Returning {
                    what: take(&purse)?,
                    purse,
                    _turn: turn,
                })
            })
            .collect();
        returning.sort_by(|a, b| a.purse.lease.account.cmp(&b.purse.lease.account));
        for some in returning.chunks(AT_ONCE) {
            let returned = self.give_all_back(some).await;
            for Returning { purse, what, .. } in some {
                match (&returned, what) {
                    (Ok(()), Idle::Whole) => purse.set_row(Row::None),
                    (Err(_), Idle::Whole) => purse.set_row(Row::Unknown),
                    // What is not known here is given back with the whole.
                    (_, Idle::Part(_)) => {}
                }
            }
            returned?;
        }
        Ok(())
    }

    async fn give_all_back(&self, returning: &[Returning]) -> Result<()> {
        let mut tx = self.0.main.write().await?;
        let mut lost = Vec::new();
        for Returning { purse, what, .. } in returning {
            match what {
                Idle::Whole => budgets::end(&mut tx, &purse.lease).await?,
                Idle::Part(amount) => {
                    if !budgets::give_back(&mut tx, &purse.lease, whole(*amount)).await? {
                        lost.push(purse);
                    }
                }
            }
        }
        tx.commit().await?;
        for purse in lost {
            purse.lose();
        }
        Ok(())
    }

    async fn renew(&self) -> Result<()> {
        let asked = Instant::now();
        let is_there = |purse: &Arc<Purse>| purse.row() == Row::There && !purse.is_lost();
        let mut by_process: BTreeMap<ProcessId, Vec<Arc<Purse>>> = BTreeMap::new();
        for purse in self.all().into_iter().filter(is_there) {
            let process = purse.lease.process;
            by_process.entry(process).or_default().push(purse);
        }
        for (process, purses) in by_process {
            let held = self.renew_process(process, &purses).await?;
            for purse in purses {
                if held.contains(&purse.lease.account) {
                    purse.renewed(asked);
                } else {
                    purse.lose();
                }
            }
        }
        Ok(())
    }

    async fn renew_process(
        &self,
        process: ProcessId,
        purses: &[Arc<Purse>],
    ) -> Result<HashSet<Account>> {
        let account = |purse: &Arc<Purse>| (purse.lease.account.clone(), Change::default());
        let untouched: BTreeMap<_, _> = purses.iter().map(account).collect();
        let mut tx = self.0.main.write().await?;
        budgets::change(&mut tx, &untouched).await?;
        let held = budgets::renew(&mut tx, process, self.now().plus(LIFETIME)).await?;
        tx.commit().await?;
        Ok(held.into_iter().collect())
    }

    /// Ends leases that other processes have left behind.
    async fn sweep(&self) -> Result<()> {
        let own = self.purses().process;
        let now = self.now();
        let mut conn = self.0.main.read().await?;
        let accounts = budgets::expired(&mut conn, own, now, SWEPT).await?;
        drop(conn);
        for account in accounts {
            let mut tx = self.0.main.write().await?;
            budgets::end_expired(&mut tx, &account, own, now).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Forgets purses in which nothing is, and which nobody has in hand.
    fn clear_away(&self) {
        let mut purses = self.purses();
        purses
            .open
            .retain(|_, purse| Arc::strong_count(purse) > 1 || !purse.is_vacant());
    }

    fn all(&self) -> Vec<Arc<Purse>> {
        self.purses().open.values().cloned().collect()
    }
}
