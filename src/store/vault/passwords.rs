//! Password hashes, one a user.

use futures_util::TryFutureExt;

use crate::domain::{Ts, UserId};
use crate::error::Result;
use crate::store::{Conn, Tx, Vault};

/// The user's hash as a PHC string.
pub async fn of(conn: &mut Conn<Vault>, user: &UserId) -> Result<Option<String>> {
    const SQL: &str = "SELECT hash FROM passwords WHERE user_id = $1";
    Ok(on!(conn, |c| sqlx::query_scalar::<_, String>(SQL)
        .bind(user)
        .fetch_optional(c))?)
}

/// A hash, and how often in a row it was guessed wrong.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Standing {
    pub hash: String,
    pub failures: i64,
}

/// The user's hash, and what was tried at it.
pub async fn standing(conn: &mut Conn<Vault>, user: &UserId) -> Result<Option<Standing>> {
    const SQL: &str = "SELECT hash, failures FROM passwords WHERE user_id = $1";
    Ok(on!(conn, |c| sqlx::query_as::<_, Standing>(SQL)
        .bind(user)
        .fetch_optional(c))?)
}

/// Counts a wrong guess.
pub async fn failed(tx: &mut Tx<Vault>, user: &UserId) -> Result<()> {
    const SQL: &str = "UPDATE passwords SET failures = failures + 1 WHERE user_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(user).execute(c).map_ok(drop))?;
    Ok(())
}

/// Since when the user has this password.
pub async fn changed_at(conn: &mut Conn<Vault>, user: &UserId) -> Result<Option<Ts>> {
    const SQL: &str = "SELECT changed_at FROM passwords WHERE user_id = $1";
    Ok(on!(conn, |c| sqlx::query_scalar::<_, Ts>(SQL)
        .bind(user)
        .fetch_optional(c))?)
}

/// A hash that does not begin like `usual`, if there is one: the bcrypt hash of the highest cost,
/// or any where there is no bcrypt.
pub async fn unlike(conn: &mut Conn<Vault>, usual: &str) -> Result<Option<String>> {
    const SQL: &str = "SELECT hash FROM passwords WHERE hash NOT LIKE $1
                       ORDER BY CASE WHEN hash LIKE '$2%' THEN SUBSTR(hash, 5, 2) ELSE '' END DESC
                       LIMIT 1";
    let pattern = format!("{usual}%");
    Ok(on!(conn, |c| sqlx::query_scalar::<_, String>(SQL)
        .bind(&pattern)
        .fetch_optional(c))?)
}

/// Sets the user's hash, whether there was one or not. What was guessed before is forgotten.
pub async fn set(tx: &mut Tx<Vault>, user: &UserId, hash: &str, now: Ts) -> Result<()> {
    const SQL: &str = "INSERT INTO passwords (user_id, hash, changed_at) VALUES ($1, $2, $3)
                       ON CONFLICT (user_id)
                       DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at,
                                     failures = 0";
    on!(tx, |c| sqlx::query(SQL)
        .bind(user)
        .bind(hash)
        .bind(now)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// Puts `new` where `old` stands, which somebody has just known, or holds the row as it is when both are one, until the unit of
/// work ends. False if `old` stands there no more.
pub async fn replace(tx: &mut Tx<Vault>, user: &UserId, old: &str, new: &str) -> Result<bool> {
    const SQL: &str =
        "UPDATE passwords SET hash = $3, failures = 0 WHERE user_id = $1 AND hash = $2";
    let changed = on!(tx, |c| sqlx::query(SQL)
        .bind(user)
        .bind(old)
        .bind(new)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

pub async fn remove(tx: &mut Tx<Vault>, user: &UserId) -> Result<()> {
    const SQL: &str = "DELETE FROM passwords WHERE user_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(user).execute(c).map_ok(drop))?;
    Ok(())
}
