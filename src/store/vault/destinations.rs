//! How often something was done with an address or a number: no more often than is allowed, whoever
//! asks, whether there is an account or not.

use std::time::Duration;

use futures_util::TryFutureExt;

use crate::domain::Ts;
use crate::error::Result;
use crate::store::{Tx, Vault};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What is counted, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum Counted {
    /// Links to set another password.
    Reset,
    /// Codes that were sent.
    Code,
    /// Codes that were tried.
    Try,
}

/// How often something may be done.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// Between one and the next.
    pub pause: Duration,
    pub in_hour: i64,
    pub in_day: i64,
}

/// Counts one more unless it is one too many; of many at once no more pass than may.
pub async fn count(
    tx: &mut Tx<Vault>,
    (counted, mac): (Counted, &[u8]),
    allowed: Allowed,
    now: Ts,
) -> Result<bool> {
    const SQL: &str = "INSERT INTO destinations (kind, mac, last_at, hour_began_at, in_hour,
                                                 day_began_at, in_day)
                       VALUES ($1, $2, $3, $3, 1, $3, 1)
                       ON CONFLICT (kind, mac) DO UPDATE SET
                           last_at = $3,
                           in_hour = CASE WHEN destinations.hour_began_at <= $5 THEN 1
                                          ELSE destinations.in_hour + 1 END,
                           hour_began_at = CASE WHEN destinations.hour_began_at <= $5 THEN $3
                                                ELSE destinations.hour_began_at END,
                           in_day = CASE WHEN destinations.day_began_at <= $6 THEN 1
                                         ELSE destinations.in_day + 1 END,
                           day_began_at = CASE WHEN destinations.day_began_at <= $6 THEN $3
                                               ELSE destinations.day_began_at END
                       WHERE destinations.last_at <= $4
                         AND (destinations.hour_began_at <= $5 OR destinations.in_hour < $7)
                         AND (destinations.day_began_at <= $6 OR destinations.in_day < $8)";
    let counted = on!(tx, |c| sqlx::query(SQL)
        .bind(counted)
        .bind(mac)
        .bind(now)
        .bind(now.minus(allowed.pause))
        .bind(now.minus(HOUR))
        .bind(now.minus(DAY))
        .bind(allowed.in_hour)
        .bind(allowed.in_day)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(counted == 1)
}

/// Sweeps out what counts no more.
pub async fn sweep(tx: &mut Tx<Vault>, now: Ts) -> Result<()> {
    const SQL: &str = "DELETE FROM destinations WHERE last_at <= $1";
    on!(tx, |c| sqlx::query(SQL)
        .bind(now.minus(DAY))
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}
