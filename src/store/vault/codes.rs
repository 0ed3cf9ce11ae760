//! Codes of six digits that were sent to somebody, kept as an HMAC.

use futures_util::TryFutureExt;

use crate::domain::{LiveCode, Purpose, Ts, UserId};
use crate::error::Result;
use crate::store::{Conn, Tx, Vault};

/// One code. Of one user, purpose and destination there is one.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Code {
    pub user_id: UserId,
    pub purpose: Purpose,
    /// Empty where it was sent to nobody.
    pub destination: String,
    pub salt: Vec<u8>,
    pub mac: Vec<u8>,
    pub tries: i64,
    pub created_at: Ts,
    pub expires_at: Ts,
}

/// Puts a code in the place of the one before.
pub async fn set(tx: &mut Tx<Vault>, code: &Code) -> Result<()> {
    const SQL: &str = "INSERT INTO codes (user_id, purpose, destination, salt, mac, tries,
                                          created_at, expires_at)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                       ON CONFLICT (user_id, purpose, destination)
                       DO UPDATE SET salt = excluded.salt, mac = excluded.mac,
                                     tries = excluded.tries, created_at = excluded.created_at,
                                     expires_at = excluded.expires_at";
    on!(tx, |c| sqlx::query(SQL)
        .bind(&code.user_id)
        .bind(code.purpose)
        .bind(&code.destination)
        .bind(&code.salt)
        .bind(&code.mac)
        .bind(code.tries)
        .bind(code.created_at)
        .bind(code.expires_at)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// The user's codes that can be tried once more, with this try counted: before anybody compares.
pub async fn try_all(tx: &mut Tx<Vault>, user: &UserId, most: i64, now: Ts) -> Result<Vec<Code>> {
    const SQL: &str = "UPDATE codes SET tries = tries + 1
                       WHERE user_id = $1 AND tries < $2 AND expires_at > $3
                       RETURNING user_id, purpose, destination, salt, mac, tries, created_at,
                                 expires_at";
    Ok(on!(tx, |c| sqlx::query_as::<_, Code>(SQL)
        .bind(user)
        .bind(most)
        .bind(now)
        .fetch_all(c))?)
}

/// All codes of the user, also those that are over and not swept out yet.
pub async fn of(conn: &mut Conn<Vault>, user: &UserId) -> Result<Vec<Code>> {
    const SQL: &str = "SELECT user_id, purpose, destination, salt, mac, tries, created_at,
                              expires_at
                       FROM codes WHERE user_id = $1";
    Ok(on!(conn, |c| sqlx::query_as::<_, Code>(SQL)
        .bind(user)
        .fetch_all(c))?)
}

/// Codes that the user can still use.
pub async fn live_of(conn: &mut Conn<Vault>, user: &UserId, now: Ts) -> Result<Vec<LiveCode>> {
    const SQL: &str = "SELECT purpose, destination, created_at, expires_at FROM codes
                       WHERE user_id = $1 AND expires_at > $2
                       ORDER BY purpose, destination";
    Ok(on!(conn, |c| sqlx::query_as::<_, LiveCode>(SQL)
        .bind(user)
        .bind(now)
        .fetch_all(c))?)
}

/// Kills the user's codes of one purpose.
pub async fn remove(tx: &mut Tx<Vault>, user: &UserId, purpose: Purpose) -> Result<()> {
    const SQL: &str = "DELETE FROM codes WHERE user_id = $1 AND purpose = $2";
    on!(tx, |c| sqlx::query(SQL)
        .bind(user)
        .bind(purpose)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// Kills all of the user's codes.
pub async fn remove_all(tx: &mut Tx<Vault>, user: &UserId) -> Result<()> {
    const SQL: &str = "DELETE FROM codes WHERE user_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(user).execute(c).map_ok(drop))?;
    Ok(())
}

/// Sweeps out codes that were over before `before`.
pub async fn sweep(tx: &mut Tx<Vault>, before: Ts) -> Result<()> {
    const SQL: &str = "DELETE FROM codes WHERE expires_at <= $1";
    on!(tx, |c| sqlx::query(SQL)
        .bind(before)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}
