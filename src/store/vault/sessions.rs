//! Logins. The cookie's token is kept as its SHA-256 alone, the refresh token not at all.

use futures_util::TryFutureExt;

use crate::domain::{SessionId, Ts, User, UserId};
use crate::error::Result;
use crate::store::{Conn, Tx, Vault};

/// One login.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    /// SHA-256 of the cookie's token.
    pub token_hash: Vec<u8>,
    /// Whether the cookie outlives the browser.
    pub remember: bool,
    pub created_at: Ts,
    pub last_seen_at: Ts,
    /// When it ends unless it is used before.
    pub expires_at: Ts,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    /// Which refresh token can be used now; each use counts one up.
    pub refresh_counter: i64,
    pub refreshed_at: Ts,
    /// When refreshing ends unless it is done before.
    pub refresh_until: Ts,
    /// Which standing of its user it belongs to. None: it began before that was kept.
    pub token_version: Option<i64>,
}

impl Session {
    /// Whether the user is still as they were when they signed in: of the same role, status and
    /// password, but for one that they have set themselves.
    pub fn is_of(&self, user: &User) -> bool {
        self.user_id == user.id
            && self
                .token_version
                .is_none_or(|version| version == user.token_version)
    }
}

pub async fn add(tx: &mut Tx<Vault>, session: &Session) -> Result<()> {
    const SQL: &str = "INSERT INTO sessions (id, user_id, token_hash, remember, created_at,
                                             last_seen_at, expires_at, ip, user_agent,
                                             refresh_counter, refreshed_at, refresh_until,
                                             token_version)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(session.id)
        .bind(&session.user_id)
        .bind(&session.token_hash)
        .bind(session.remember)
        .bind(session.created_at)
        .bind(session.last_seen_at)
        .bind(session.expires_at)
        .bind(&session.ip)
        .bind(&session.user_agent)
        .bind(session.refresh_counter)
        .bind(session.refreshed_at)
        .bind(session.refresh_until)
        .bind(session.token_version)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// The login with this id, unless it is over: its cookie as well as its refreshing.
pub async fn live(conn: &mut Conn<Vault>, id: SessionId, now: Ts) -> Result<Option<Session>> {
    const SQL: &str = "SELECT id, user_id, token_hash, remember, created_at, last_seen_at,
                              expires_at, ip, user_agent, refresh_counter, refreshed_at,
                              refresh_until, token_version
                       FROM sessions WHERE id = $1 AND (expires_at > $2 OR refresh_until > $2)";
    Ok(on!(conn, |c| sqlx::query_as::<_, Session>(SQL)
        .bind(id)
        .bind(now)
        .fetch_optional(c))?)
}

/// The login whose cookie has this hash, unless it is over.
pub async fn live_by_token(
    conn: &mut Conn<Vault>,
    hash: &[u8],
    now: Ts,
) -> Result<Option<Session>> {
    const SQL: &str = "SELECT id, user_id, token_hash, remember, created_at, last_seen_at,
                              expires_at, ip, user_agent, refresh_counter, refreshed_at,
                              refresh_until, token_version
                       FROM sessions WHERE token_hash = $1 AND expires_at > $2";
    Ok(on!(conn, |c| sqlx::query_as::<_, Session>(SQL)
        .bind(hash)
        .bind(now)
        .fetch_optional(c))?)
}

/// The logins of the user that are not over, the newest first. They are few: see [`evict`].
pub async fn live_of(conn: &mut Conn<Vault>, user: &UserId, now: Ts) -> Result<Vec<Session>> {
    const SQL: &str = "SELECT id, user_id, token_hash, remember, created_at, last_seen_at,
                              expires_at, ip, user_agent, refresh_counter, refreshed_at,
                              refresh_until, token_version
                       FROM sessions
                       WHERE user_id = $1 AND (expires_at > $2 OR refresh_until > $2)
                       ORDER BY id DESC";
    Ok(on!(conn, |c| sqlx::query_as::<_, Session>(SQL)
        .bind(user)
        .bind(now)
        .fetch_all(c))?)
}

/// Notes that a login was used, and until when it lives now.
pub async fn touch(tx: &mut Tx<Vault>, id: SessionId, now: Ts, expires_at: Ts) -> Result<()> {
    const SQL: &str = "UPDATE sessions SET last_seen_at = $2, expires_at = $3 WHERE id = $1";
    on!(tx, |c| sqlx::query(SQL)
        .bind(id)
        .bind(now)
        .bind(expires_at)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// Puts the next refresh token in the place of the one that is number `counter`. False if it was
/// used already.
pub async fn rotate(
    tx: &mut Tx<Vault>,
    id: SessionId,
    counter: i64,
    (now, until): (Ts, Ts),
) -> Result<bool> {
    const SQL: &str = "UPDATE sessions SET refresh_counter = refresh_counter + 1,
                              refreshed_at = $3, refresh_until = $4, last_seen_at = $3
                       WHERE id = $1 AND refresh_counter = $2";
    let changed = on!(tx, |c| sqlx::query(SQL)
        .bind(id)
        .bind(counter)
        .bind(now)
        .bind(until)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(changed == 1)
}

/// Ends a login. False if there is none with this id.
pub async fn remove(tx: &mut Tx<Vault>, id: SessionId) -> Result<bool> {
    const SQL: &str = "DELETE FROM sessions WHERE id = $1";
    let gone = on!(tx, |c| sqlx::query(SQL)
        .bind(id)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(gone == 1)
}

/// Ends one login of the user. False if there is none with this id, or if it is over.
pub async fn end(tx: &mut Tx<Vault>, user: &UserId, id: SessionId, now: Ts) -> Result<bool> {
    const SQL: &str = "DELETE FROM sessions
                       WHERE user_id = $1 AND id = $2
                         AND (expires_at > $3 OR refresh_until > $3)";
    let gone = on!(tx, |c| sqlx::query(SQL)
        .bind(user)
        .bind(id)
        .bind(now)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(gone == 1)
}

/// Ends every login of the user.
pub async fn remove_all(tx: &mut Tx<Vault>, user: &UserId) -> Result<()> {
    const SQL: &str = "DELETE FROM sessions WHERE user_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(user).execute(c).map_ok(drop))?;
    Ok(())
}

/// Ends every login of the user but one.
pub async fn remove_others(tx: &mut Tx<Vault>, user: &UserId, but: SessionId) -> Result<()> {
    const SQL: &str = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
    on!(tx, |c| sqlx::query(SQL)
        .bind(user)
        .bind(but)
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// Gives a login's cookie another token; whether it is remembered. None if the login is gone.
pub async fn rename(tx: &mut Tx<Vault>, id: SessionId, hash: &[u8]) -> Result<Option<bool>> {
    const SQL: &str = "UPDATE sessions SET token_hash = $2 WHERE id = $1 RETURNING remember";
    Ok(on!(tx, |c| sqlx::query_scalar::<_, bool>(SQL)
        .bind(id)
        .bind(hash)
        .fetch_optional(c))?)
}

/// Keeps the user's `keep` newest logins; the ids of the others, which are gone.
pub async fn evict(tx: &mut Tx<Vault>, user: &UserId, keep: i64) -> Result<Vec<SessionId>> {
    const SQL: &str = "DELETE FROM sessions WHERE user_id = $1 AND id NOT IN (
                           SELECT id FROM sessions WHERE user_id = $1 ORDER BY id DESC LIMIT $2)
                       RETURNING id";
    Ok(on!(tx, |c| sqlx::query_scalar::<_, SessionId>(SQL)
        .bind(user)
        .bind(keep)
        .fetch_all(c))?)
}

/// Sweeps out logins that are over.
pub async fn sweep(tx: &mut Tx<Vault>, now: Ts) -> Result<u64> {
    const SQL: &str = "DELETE FROM sessions WHERE expires_at <= $1 AND refresh_until <= $1";
    Ok(on!(tx, |c| sqlx::query(SQL)
        .bind(now)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?)
}
