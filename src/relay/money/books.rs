//! What was spent goes into the books together with the ledger's rows.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::purse::Draw;
use super::whole;
use crate::domain::{Holder, KeyId, Period, Ts, UserId, Window};
use crate::error::Result;
use crate::relay::ledger::Entry;
use crate::store::budgets::{self, Account, Change, Lease};
use crate::store::ledger::MOST_MICROUSD;
use crate::store::{Main, Tx};

/// Draws that are in the books once their transaction is committed.
#[derive(Debug, Default)]
pub(in crate::relay) struct Posted {
    /// Leases that did not hold what was drawn: they are lost.
    missing: HashSet<Lease>,
}

/// Moves what requests have cost from leased to spent. What was drawn on a lease that is lost was
/// given back already by those who took it away, and is spent alone.
pub(in crate::relay) async fn post(tx: &mut Tx<Main>, entries: &[&Entry]) -> Result<Posted> {
    let mut changes = spent(entries);
    let mut amounts: BTreeMap<Lease, i64> = BTreeMap::new();
    for draw in entries.iter().flat_map(|entry| &entry.draws) {
        let lease = draw.lease();
        let change = changes.entry(lease.account.clone()).or_default();
        change.leased -= whole(draw.consumed);
        *amounts.entry(lease.clone()).or_default() += whole(draw.consumed);
    }
    if changes.is_empty() {
        return Ok(Posted::default());
    }
    budgets::change(tx, &changes).await?;
    for found in budgets::draw(tx, &amounts).await? {
        amounts.remove(&found);
    }
    let mut lost: BTreeMap<Account, Change> = BTreeMap::new();
    for (lease, amount) in &amounts {
        lost.entry(lease.account.clone()).or_default().leased += amount;
    }
    budgets::change(tx, &lost).await?;
    Ok(Posted {
        missing: amounts.into_keys().collect(),
    })
}

/// What every account has spent, whether its budget is in force or not: a cap that is set later begins
/// with what its period has cost by then.
fn spent(entries: &[&Entry]) -> BTreeMap<Account, Change> {
    let mut days: HashMap<(&UserId, Option<KeyId>, Ts), i64> = HashMap::new();
    for charge in entries.iter().map(|entry| &entry.charge) {
        if charge.cost_microusd > 0 {
            let day = (&charge.user_id, charge.key_id, charge.at.day());
            *days.entry(day).or_default() += whole(charge.cost_microusd.min(MOST_MICROUSD));
        }
    }
    let mut changes: BTreeMap<Account, Change> = BTreeMap::new();
    for ((user, key, day), cost) in days {
        let holders = [Some(Holder::User(user.clone())), key.map(Holder::Key)];
        for holder in holders.into_iter().flatten() {
            for account in accounts(&holder, day) {
                changes.entry(account).or_default().spent += cost;
            }
        }
    }
    changes
}

/// In which a holder's budget may be kept.
fn accounts(holder: &Holder, at: Ts) -> [Account; 3] {
    [Period::Day, Period::Month, Period::Total].map(|period| Account {
        holder: holder.to_string(),
        period: Window::of(period, at).to_string(),
    })
}

impl Posted {
    /// Tells the purses.
    pub(in crate::relay) fn tell<'a>(&self, draws: impl Iterator<Item = &'a Draw>) {
        for draw in draws {
            draw.written(!self.missing.contains(draw.lease()));
        }
    }
}
