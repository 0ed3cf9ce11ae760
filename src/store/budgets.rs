//! What holders of budgets have spent, and what processes have leased of the rest.
//!
//! Whoever touches a lease holds the row of its budget first, and rows of budgets are locked in
//! their order: so no two transactions wait for each other.

use std::collections::BTreeMap;

use futures_util::TryFutureExt;
use sqlx::QueryBuilder;

use crate::domain::{ProcessId, Spent, Ts};
use crate::error::Result;

use super::{Conn, Main, Tx};

/// Rows of one statement.
const ROWS: usize = 500;

/// Which row of the budgets: `user:…` or `key:…`, and `2026-11-21`, `2026-11` or `total`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::FromRow)]
pub struct Account {
    pub holder: String,
    pub period: String,
}

/// Whose lease of which account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::FromRow)]
pub struct Lease {
    pub process: ProcessId,
    #[sqlx(flatten)]
    pub account: Account,
}

/// An account in micro-dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Standing {
    #[sqlx(rename = "spent_microusd")]
    pub spent: i64,
    #[sqlx(rename = "leased_microusd")]
    pub leased: i64,
}

/// By how much an account changes, in micro-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub spent: i64,
    pub leased: i64,
}

/// An account as it stands, opened if it is new; nobody else changes it until the transaction ends.
pub async fn hold(tx: &mut Tx<Main>, account: &Account) -> Result<Standing> {
    const SQL: &str = "INSERT INTO budgets (holder, period, spent_microusd, leased_microusd)
                       VALUES ($1, $2, 0, 0)
                       ON CONFLICT (holder, period) DO UPDATE
                       SET spent_microusd = budgets.spent_microusd
                       RETURNING spent_microusd, leased_microusd";
    Ok(on!(tx, |c| sqlx::query_as::<_, Standing>(SQL)
        .bind(&account.holder)
        .bind(&account.period)
        .fetch_one(c))?)
}

/// Adds to a lease, or makes it. The account must be held by [`hold`], and have so much left.
pub async fn lease(tx: &mut Tx<Main>, lease: &Lease, amount: i64, until: Ts) -> Result<()> {
    const SQL: &str = "INSERT INTO leases (process, holder, period, amount_microusd, expires_at)
                       VALUES ($1, $2, $3, $4, $5)
                       ON CONFLICT (process, holder, period) DO UPDATE
                       SET amount_microusd = leases.amount_microusd + excluded.amount_microusd,
                           expires_at = excluded.expires_at";
    add_leased(tx, &lease.account, amount).await?;
    on!(tx, |c| sqlx::query(SQL)
        .bind(lease.process)
        .bind(&lease.account.holder)
        .bind(&lease.account.period)
        .bind(amount)
        .bind(until)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// Whether a lease is still there: one that was not renewed in time is taken away by others.
pub async fn is_there(tx: &mut Tx<Main>, lease: &Lease) -> Result<bool> {
    const SQL: &str = "SELECT amount_microusd FROM leases
                       WHERE process = $1 AND holder = $2 AND period = $3";
    let found = on!(tx, |c| sqlx::query_scalar::<_, i64>(SQL)
        .bind(lease.process)
        .bind(&lease.account.holder)
        .bind(&lease.account.period)
        .fetch_optional(c))?;
    Ok(found.is_some())
}

/// Gives a part of a lease back. False if there is not so much.
pub async fn give_back(tx: &mut Tx<Main>, lease: &Lease, amount: i64) -> Result<bool> {
    hold(tx, &lease.account).await?;
    let is_there = !draw(tx, &BTreeMap::from([(lease.clone(), amount)]))
        .await?
        .is_empty();
    if is_there {
        add_leased(tx, &lease.account, -amount).await?;
    }
    Ok(is_there)
}

/// Gives back all that a lease still holds, and ends it.
pub async fn end(tx: &mut Tx<Main>, lease: &Lease) -> Result<()> {
    const SQL: &str = "DELETE FROM leases WHERE process = $1 AND holder = $2 AND period = $3
                       RETURNING amount_microusd";
    hold(tx, &lease.account).await?;
    let amount = on!(tx, |c| sqlx::query_scalar::<_, i64>(SQL)
        .bind(lease.process)
        .bind(&lease.account.holder)
        .bind(&lease.account.period)
        .fetch_optional(c))?;
    match amount {
        None | Some(0) => Ok(()),
        Some(amount) => add_leased(tx, &lease.account, -amount).await,
    }
}

/// Ends the leases of an account that others than `own` have not renewed in time, and gives back what
/// they hold: so much.
pub async fn end_expired(
    tx: &mut Tx<Main>,
    account: &Account,
    own: ProcessId,
    now: Ts,
) -> Result<i64> {
    const SQL: &str = "DELETE FROM leases
                       WHERE holder = $1 AND period = $2 AND process <> $3 AND expires_at <= $4
                       RETURNING amount_microusd";
    hold(tx, account).await?;
    let amounts = on!(tx, |c| sqlx::query_scalar::<_, i64>(SQL)
        .bind(&account.holder)
        .bind(&account.period)
        .bind(own)
        .bind(now)
        .fetch_all(c))?;
    let freed: i64 = amounts.iter().sum();
    if freed != 0 {
        add_leased(tx, account, -freed).await?;
    }
    Ok(freed)
}

/// Accounts of which others than `own` hold leases that they have not renewed in time.
pub async fn expired(
    conn: &mut Conn<Main>,
    own: ProcessId,
    now: Ts,
    limit: i64,
) -> Result<Vec<Account>> {
    const SQL: &str = "SELECT DISTINCT holder, period FROM leases
                       WHERE process <> $1 AND expires_at <= $2 LIMIT $3";
    Ok(on!(conn, |c| sqlx::query_as::<_, Account>(SQL)
        .bind(own)
        .bind(now)
        .bind(limit)
        .fetch_all(c))?)
}

/// Renews all leases of a process; which they are. Their accounts must be held by [`change`].
pub async fn renew(tx: &mut Tx<Main>, process: ProcessId, until: Ts) -> Result<Vec<Account>> {
    const SQL: &str = "UPDATE leases SET expires_at = $2 WHERE process = $1
                       RETURNING holder, period";
    Ok(on!(tx, |c| sqlx::query_as::<_, Account>(SQL)
        .bind(process)
        .bind(until)
        .fetch_all(c))?)
}

/// Changes accounts in their order; nobody else does until the transaction ends. No change at all
/// holds them, too.
pub async fn change(tx: &mut Tx<Main>, changes: &BTreeMap<Account, Change>) -> Result<()> {
    let changes: Vec<_> = changes.iter().collect();
    for some in changes.chunks(ROWS) {
        on!(tx, |c| {
            let mut upsert = QueryBuilder::new(
                "INSERT INTO budgets (holder, period, spent_microusd, leased_microusd) ",
            );
            upsert.push_values(some, |mut row, (account, change)| {
                row.push_bind(account.holder.as_str())
                    .push_bind(account.period.as_str())
                    .push_bind(change.spent)
                    .push_bind(change.leased);
            });
            upsert.push(
                " ON CONFLICT (holder, period) DO UPDATE
                  SET spent_microusd = budgets.spent_microusd + excluded.spent_microusd,
                      leased_microusd = budgets.leased_microusd + excluded.leased_microusd",
            );
            async move { upsert.build().execute(c).await.map(drop) }
        })?;
    }
    Ok(())
}

/// Forgets accounts of periods that were over before `period` (`2026-09`), where nothing is leased: so
/// many at most, and how many it were.
pub async fn forget(tx: &mut Tx<Main>, period: &str, most: i64) -> Result<u64> {
    const SQL: &str = "DELETE FROM budgets WHERE (holder, period) IN (
                           SELECT holder, period FROM budgets
                           WHERE period < $1 AND period <> 'total' AND leased_microusd = 0
                           LIMIT $2)";
    Ok(on!(tx, |c| sqlx::query(SQL)
        .bind(period)
        .bind(most)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?)
}

/// What these holders have spent, in the order of their periods.
pub async fn spent(conn: &mut Conn<Main>, holders: &[String]) -> Result<Vec<Spent>> {
    let mut spent = Vec::new();
    for batch in holders.chunks(ROWS) {
        let rows: Vec<Spent> = on!(conn, |c| {
            let mut query = QueryBuilder::new(
                "SELECT holder, period, spent_microusd FROM budgets WHERE holder IN (",
            );
            let mut list = query.separated(", ");
            for holder in batch {
                list.push_bind(holder);
            }
            query.push(") ORDER BY holder, period");
            async move { query.build_query_as().fetch_all(c).await }
        })?;
        spent.extend(rows);
    }
    Ok(spent)
}

/// Forgets all accounts of a holder, and what is leased of them.
pub async fn remove(tx: &mut Tx<Main>, holder: &str) -> Result<()> {
    const BUDGETS: &str = "DELETE FROM budgets WHERE holder = $1";
    const LEASES: &str = "DELETE FROM leases WHERE holder = $1";
    // The accounts first, as everywhere.
    for sql in [BUDGETS, LEASES] {
        on!(tx, |c| sqlx::query(sql)
            .bind(holder)
            .execute(c)
            .map_ok(drop))?;
    }
    Ok(())
}

/// Takes amounts out of leases; out of which that was possible. The accounts must be held by
/// [`change`].
pub async fn draw(tx: &mut Tx<Main>, amounts: &BTreeMap<Lease, i64>) -> Result<Vec<Lease>> {
    let amounts: Vec<_> = amounts.iter().collect();
    let mut drawn = Vec::with_capacity(amounts.len());
    for some in amounts.chunks(ROWS) {
        let found: Vec<Lease> = on!(tx, |c| {
            let mut update = QueryBuilder::new("WITH drawn (who, whose, what, amount) AS (");
            update.push_values(some, |mut row, (lease, amount)| {
                row.push_bind(lease.process)
                    .push_bind(lease.account.holder.as_str())
                    .push_bind(lease.account.period.as_str())
                    .push_bind(**amount);
            });
            update.push(
                ") UPDATE leases SET amount_microusd = amount_microusd - amount FROM drawn
                 WHERE process = who AND holder = whose AND period = what
                   AND amount_microusd >= amount
                 RETURNING process, holder, period",
            );
            async move { update.build_query_as().fetch_all(c).await }
        })?;
        drawn.extend(found);
    }
    Ok(drawn)
}

async fn add_leased(tx: &mut Tx<Main>, account: &Account, amount: i64) -> Result<()> {
    const SQL: &str = "UPDATE budgets SET leased_microusd = leased_microusd + $3
                       WHERE holder = $1 AND period = $2";
    on!(tx, |c| sqlx::query(SQL)
        .bind(&account.holder)
        .bind(&account.period)
        .bind(amount)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}
