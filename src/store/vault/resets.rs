//! Tokens that set another password, one a user, kept as their SHA-256.

use futures_util::TryFutureExt;

use crate::domain::{Ts, UserId};
use crate::error::Result;
use crate::store::{Conn, Tx, Vault};

/// The user's one token, in the place of the one before.
pub async fn set(
    tx: &mut Tx<Vault>,
    user: &UserId,
    hash: &[u8],
    (now, until): (Ts, Ts),
) -> Result<()> {
    const SQL: &str = "INSERT INTO resets (user_id, token_hash, created_at, expires_at)
                       VALUES ($1, $2, $3, $4)
                       ON CONFLICT (user_id)
                       DO UPDATE SET token_hash = excluded.token_hash,
                                     created_at = excluded.created_at,
                                     expires_at = excluded.expires_at";
    on!(tx, |c| sqlx::query(SQL)
        .bind(user)
        .bind(hash)
        .bind(now)
        .bind(until)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// Whose token it is, unless it is over.
pub async fn owner(conn: &mut Conn<Vault>, hash: &[u8], now: Ts) -> Result<Option<UserId>> {
    const SQL: &str = "SELECT user_id FROM resets WHERE token_hash = $1 AND expires_at > $2";
    Ok(on!(conn, |c| sqlx::query_scalar::<_, UserId>(SQL)
        .bind(hash)
        .bind(now)
        .fetch_optional(c))?)
}

/// Uses a token up. Of many who try at once one is told true.
pub async fn take(tx: &mut Tx<Vault>, user: &UserId, hash: &[u8], now: Ts) -> Result<bool> {
    const SQL: &str = "DELETE FROM resets
                       WHERE user_id = $1 AND token_hash = $2 AND expires_at > $3";
    let gone = on!(tx, |c| sqlx::query(SQL)
        .bind(user)
        .bind(hash)
        .bind(now)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(gone == 1)
}

/// When the user asked for the token that is live, and when it ends.
pub async fn live_of(conn: &mut Conn<Vault>, user: &UserId, now: Ts) -> Result<Option<(Ts, Ts)>> {
    const SQL: &str = "SELECT created_at, expires_at FROM resets
                       WHERE user_id = $1 AND expires_at > $2";
    Ok(on!(conn, |c| sqlx::query_as::<_, (Ts, Ts)>(SQL)
        .bind(user)
        .bind(now)
        .fetch_optional(c))?)
}

/// Kills the user's token, if there is one.
pub async fn remove(tx: &mut Tx<Vault>, user: &UserId) -> Result<()> {
    const SQL: &str = "DELETE FROM resets WHERE user_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(user).execute(c).map_ok(drop))?;
    Ok(())
}

/// Sweeps out tokens that are over.
pub async fn sweep(tx: &mut Tx<Vault>, now: Ts) -> Result<()> {
    const SQL: &str = "DELETE FROM resets WHERE expires_at <= $1";
    on!(tx, |c| sqlx::query(SQL).bind(now).execute(c).map_ok(drop))?;
    Ok(())
}
