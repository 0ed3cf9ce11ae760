//! Leasing: the one thing for which a request may have to wait for the database.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::balance::{Portion, Row};
use super::purse::{Purse, Reservation, Turn};
use super::{Claim, Money, exhausted, whole};
use crate::error::{Error, Result};
use crate::store::budgets;

/// How long a lease lasts that is not renewed: then its process is taken for dead.
pub(super) const LIFETIME: Duration = Duration::from_secs(20);
/// Of what is left, one in so many is leased beyond the need.
const SHARE: i64 = 8;

/// What is leased for, and how much.
struct Wanted {
    claim: Claim,
    need: u64,
}

/// What the database says.
enum Leased {
    Some(Portion),
    /// There is not so much.
    None,
    /// The lease that was here is not there any more.
    Lost,
}

impl Money {
    /// Leases what the purse lacks. None where the purse is lost, and another is to be asked. It goes on
    /// when the caller leaves, as what the database leases must be known here.
    pub(super) async fn lease(
        &self,
        purse: Arc<Purse>,
        turn: Turn,
        (claim, need): (&Claim, u64),
    ) -> Result<Option<Reservation>> {
        let wanted = Wanted {
            claim: claim.clone(),
            need,
        };
        let leasing = self.clone().take(purse, turn, wanted);
        let leased = self.0.shutdown.track(leasing).await;
        leased.map_err(Error::internal)?
    }

    async fn take(
        self,
        purse: Arc<Purse>,
        _turn: Turn,
        wanted: Wanted,
    ) -> Result<Option<Reservation>> {
        let freed = purse.recap(wanted.claim.budget.microusd);
        if freed > 0 && !self.give_back(&purse, freed).await? {
            purse.lose();
        }
        if purse.is_lost() {
            return Ok(None);
        }
        let need = wanted.need;
        let mut reserved = purse.set_aside(need);
        match self.ask(&purse, &wanted, need - reserved.amount()).await {
            Ok(Leased::Some(portion)) => {
                reserved.complete(portion, need);
                Ok(Some(reserved))
            }
            Ok(Leased::None) => {
                drop(reserved);
                purse.refuse(need);
                Err(exhausted(&wanted.claim))
            }
            Ok(Leased::Lost) => {
                purse.lose();
                Ok(None)
            }
            Err(error) => {
                purse.fail();
                if purse.row() == Row::None {
                    purse.set_row(Row::Unknown);
                }
                Err(error)
            }
        }
    }

    /// One transaction, committed before any request runs on it.
    async fn ask(&self, purse: &Purse, wanted: &Wanted, lacking: u64) -> Result<Leased> {
        let asked = Instant::now();
        let lacking = whole(lacking);
        let mut tx = self.0.main.write().await?;
        let standing = budgets::hold(&mut tx, &purse.lease.account).await?;
        if purse.row() == Row::There && !budgets::is_there(&mut tx, &purse.lease).await? {
            return Ok(Leased::Lost);
        }
        let mut left = whole(wanted.claim.budget.microusd) - standing.spent - standing.leased;
        if left < lacking {
            let lease = &purse.lease;
            let now = self.now();
            left += budgets::end_expired(&mut tx, &lease.account, lease.process, now).await?;
        }
        if lacking > 0 && left < lacking {
            tx.commit().await?;
            return Ok(Leased::None);
        }
        let amount = portion(lacking, left, whole(purse.recent()));
        let until = self.now().plus(LIFETIME);
        budgets::lease(&mut tx, &purse.lease, amount, until).await?;
        tx.commit().await?;
        Ok(Leased::Some(Portion {
            amount: amount.unsigned_abs(),
            is_tight: left - amount < whole(wanted.need),
            asked,
        }))
    }

    async fn give_back(&self, purse: &Purse, amount: u64) -> Result<bool> {
        let mut tx = self.0.main.write().await?;
        let was_there = budgets::give_back(&mut tx, &purse.lease, whole(amount)).await?;
        tx.commit().await?;
        Ok(was_there)
    }
}

/// What is lacking, and on top of it what was reserved in the last second, but no more than a share of
/// what is left: so that near the end it is what one request needs, and replicas do not hold money
/// that another one lacks.
fn portion(lacking: i64, left: i64, recent: i64) -> i64 {
    let extra = recent.min(left / SHARE).max(0);
    if lacking + extra <= left {
        lacking + extra
    } else {
        lacking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_is_what_is_lacking_and_a_second_of_spending() {
        assert_eq!(portion(10, 1_000, 0), 10);
        assert_eq!(portion(10, 1_000, 50), 60);
        assert_eq!(portion(10, 1_000, 5_000), 135);
    }

    #[test]
    fn near_the_end_it_is_what_one_request_needs() {
        assert_eq!(portion(10, 10, 5_000), 10);
        assert_eq!(portion(0, -5, 5_000), 0);
    }
}
