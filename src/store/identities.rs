//! Who users are to foreign issuers.

use futures_util::TryFutureExt;

use crate::domain::{Identity, KnownIdentity, Ts, User, UserId};
use crate::error::Result;

use super::{Conn, Main, Tx};

/// The user who is this to an issuer.
pub async fn user(conn: &mut Conn<Main>, who: &Identity) -> Result<Option<User>> {
    const SQL: &str = "SELECT u.id, u.email, u.foreign_email, u.username, u.name, u.role, u.status,
                              u.email_verified, u.created_at, u.updated_at, u.last_seen_at,
                              u.token_version, u.budget_microusd, u.budget_period, u.rpm, u.tpm
                       FROM identities i JOIN users u ON u.id = i.user_id
                       WHERE i.issuer = $1 AND i.subject = $2";
    Ok(on!(conn, |c| sqlx::query_as::<_, User>(SQL)
        .bind(&who.issuer)
        .bind(&who.subject)
        .fetch_optional(c))?)
}

/// Makes a user known to an issuer, unless somebody is that already, also by another request at this
/// moment; whether they are now.
pub async fn add(tx: &mut Tx<Main>, who: &Identity, user: &UserId, now: Ts) -> Result<bool> {
    const SQL: &str = "INSERT INTO identities (issuer, subject, user_id, created_at)
                       VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let added = on!(tx, |c| sqlx::query(SQL)
        .bind(&who.issuer)
        .bind(&who.subject)
        .bind(user)
        .bind(now)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(added == 1)
}

/// Who a user is to others.
pub async fn of(conn: &mut Conn<Main>, user: &UserId) -> Result<Vec<KnownIdentity>> {
    const SQL: &str = "SELECT issuer, subject, created_at FROM identities WHERE user_id = $1";
    Ok(on!(conn, |c| sqlx::query_as::<_, KnownIdentity>(SQL)
        .bind(user)
        .fetch_all(c))?)
}

/// Keeps in mind that the account of an identity, given as a SHA-256, was deleted.
pub async fn depart(tx: &mut Tx<Main>, identity: &[u8; 32], now: Ts) -> Result<()> {
    const SQL: &str = "INSERT INTO departed (identity, at) VALUES ($1, $2)
                       ON CONFLICT (identity) DO UPDATE SET at = excluded.at";
    on!(tx, |c| sqlx::query(SQL)
        .bind(&identity[..])
        .bind(now)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// When it was, where it is kept in mind.
pub async fn departed_at(conn: &mut Conn<Main>, identity: &[u8; 32]) -> Result<Option<Ts>> {
    const SQL: &str = "SELECT at FROM departed WHERE identity = $1";
    Ok(on!(conn, |c| sqlx::query_scalar::<_, Ts>(SQL)
        .bind(&identity[..])
        .fetch_optional(c))?)
}

/// Forgets those who departed before `before`; how many they were.
pub async fn sweep(tx: &mut Tx<Main>, before: Ts) -> Result<u64> {
    const SQL: &str = "DELETE FROM departed WHERE at < $1";
    Ok(on!(tx, |c| sqlx::query(SQL)
        .bind(before)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?)
}
