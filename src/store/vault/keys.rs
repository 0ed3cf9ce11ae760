//! API keys: found by their public part, known by the hash of the whole.

use futures_util::TryFutureExt;
use sqlx::types::Json;

use crate::domain::{Caps, FlatCaps, KeyId, Name, Scopes, Ts, UserId};
use crate::error::Result;
use crate::store::{Conn, Tx, Vault};

/// A key as it is kept.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Kept {
    pub id: KeyId,
    pub user_id: UserId,
    /// The public part: unique, and shown.
    pub lookup: String,
    /// SHA-256 of the whole key.
    pub hash: Vec<u8>,
    pub last_four: String,
    pub name: Name,
    pub scopes: Json<Scopes>,
    pub models: Json<Option<Vec<String>>>,
    #[sqlx(flatten)]
    pub caps: Caps,
    pub created_at: Ts,
    pub expires_at: Ts,
    pub last_used_at: Option<Ts>,
}

pub async fn add(tx: &mut Tx<Vault>, owner: &UserId, key: &Kept) -> Result<()> {
    const SQL: &str = "INSERT INTO api_keys (id, user_id, lookup, hash, last_four, name, scopes,
                                             models, created_at, expires_at, budget_microusd,
                                             budget_period, rpm, tpm)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    let caps = FlatCaps::from(key.caps);
    on!(tx, |c| sqlx::query(SQL)
        .bind(key.id)
        .bind(owner)
        .bind(&key.lookup)
        .bind(&key.hash)
        .bind(&key.last_four)
        .bind(&key.name)
        .bind(&key.scopes)
        .bind(&key.models)
        .bind(key.created_at)
        .bind(key.expires_at)
        .bind(caps.budget_microusd)
        .bind(caps.budget_period)
        .bind(caps.rpm)
        .bind(caps.tpm)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// The key with this public part, whether it has expired or not.
pub async fn by_lookup(conn: &mut Conn<Vault>, lookup: &str) -> Result<Option<Kept>> {
    const SQL: &str = "SELECT id, user_id, lookup, hash, last_four, name, scopes, models,
                              budget_microusd, budget_period, rpm, tpm,
                              created_at, expires_at, last_used_at
                       FROM api_keys WHERE lookup = $1";
    Ok(on!(conn, |c| sqlx::query_as::<_, Kept>(SQL)
        .bind(lookup)
        .fetch_optional(c))?)
}

/// The key with this id, if it is `owner`'s, whether it has expired or not.
pub async fn by_id(conn: &mut Conn<Vault>, owner: &UserId, id: KeyId) -> Result<Option<Kept>> {
    const SQL: &str = "SELECT id, user_id, lookup, hash, last_four, name, scopes, models,
                              budget_microusd, budget_period, rpm, tpm,
                              created_at, expires_at, last_used_at
                       FROM api_keys WHERE user_id = $1 AND id = $2";
    Ok(on!(conn, |c| sqlx::query_as::<_, Kept>(SQL)
        .bind(owner)
        .bind(id)
        .fetch_optional(c))?)
}

/// The same; nobody else changes it until the unit of work ends.
pub async fn hold(tx: &mut Tx<Vault>, owner: &UserId, id: KeyId) -> Result<Option<Kept>> {
    const SQL: &str = "UPDATE api_keys SET name = name WHERE user_id = $1 AND id = $2
                       RETURNING id, user_id, lookup, hash, last_four, name, scopes, models,
                                 budget_microusd, budget_period, rpm, tpm,
                                 created_at, expires_at, last_used_at";
    Ok(on!(tx, |c| sqlx::query_as::<_, Kept>(SQL)
        .bind(owner)
        .bind(id)
        .fetch_optional(c))?)
}

/// Writes down all of a key that may change.
pub async fn change(tx: &mut Tx<Vault>, owner: &UserId, key: &Kept) -> Result<()> {
    const SQL: &str = "UPDATE api_keys SET name = $3, scopes = $4, models = $5, expires_at = $6,
                                           budget_microusd = $7, budget_period = $8, rpm = $9,
                                           tpm = $10
                       WHERE user_id = $1 AND id = $2";
    let caps = FlatCaps::from(key.caps);
    on!(tx, |c| sqlx::query(SQL)
        .bind(owner)
        .bind(key.id)
        .bind(&key.name)
        .bind(&key.scopes)
        .bind(&key.models)
        .bind(key.expires_at)
        .bind(caps.budget_microusd)
        .bind(caps.budget_period)
        .bind(caps.rpm)
        .bind(caps.tpm)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// One page of `owner`'s keys, newest first.
pub async fn page(
    conn: &mut Conn<Vault>,
    owner: &UserId,
    limit: i64,
    offset: i64,
) -> Result<Vec<Kept>> {
    const SQL: &str = "SELECT id, user_id, lookup, hash, last_four, name, scopes, models,
                              budget_microusd, budget_period, rpm, tpm,
                              created_at, expires_at, last_used_at
                       FROM api_keys WHERE user_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3";
    Ok(on!(conn, |c| sqlx::query_as::<_, Kept>(SQL)
        .bind(owner)
        .bind(limit)
        .bind(offset)
        .fetch_all(c))?)
}

pub async fn count(conn: &mut Conn<Vault>, owner: &UserId) -> Result<i64> {
    const SQL: &str = "SELECT COUNT(*) FROM api_keys WHERE user_id = $1";
    Ok(on!(conn, |c| sqlx::query_scalar::<_, i64>(SQL)
        .bind(owner)
        .fetch_one(c))?)
}

/// False if `owner` has no such key.
pub async fn remove(tx: &mut Tx<Vault>, owner: &UserId, id: KeyId) -> Result<bool> {
    const SQL: &str = "DELETE FROM api_keys WHERE user_id = $1 AND id = $2";
    let gone = on!(tx, |c| sqlx::query(SQL)
        .bind(owner)
        .bind(id)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(gone == 1)
}

/// The ids of all that `owner` has.
pub async fn ids(conn: &mut Conn<Vault>, owner: &UserId) -> Result<Vec<KeyId>> {
    const SQL: &str = "SELECT id FROM api_keys WHERE user_id = $1";
    Ok(on!(conn, |c| sqlx::query_scalar::<_, KeyId>(SQL)
        .bind(owner)
        .fetch_all(c))?)
}

/// Removes every key of `owner`.
pub async fn remove_all(tx: &mut Tx<Vault>, owner: &UserId) -> Result<()> {
    const SQL: &str = "DELETE FROM api_keys WHERE user_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(owner).execute(c).map_ok(drop))?;
    Ok(())
}

/// Notes that a key was used.
pub async fn used(tx: &mut Tx<Vault>, id: KeyId, now: Ts) -> Result<()> {
    const SQL: &str = "UPDATE api_keys SET last_used_at = $2 WHERE id = $1";
    on!(tx, |c| sqlx::query(SQL)
        .bind(id)
        .bind(now)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}
