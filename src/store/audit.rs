//! The audit log: what happened to accounts and credentials.

use futures_util::TryFutureExt;
use sqlx::QueryBuilder;
use sqlx::types::Json;

use crate::domain::{AuditEntry, AuditId, Event, Ts, UserId};
use crate::error::Result;

use super::{Conn, Main, Tx};

/// Rows of one sweep: other writers wait for it.
const SWEPT: i64 = 1_000;

/// Which entries are looked for. None is all.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    pub event: Option<Event>,
    /// Whose account it was done to.
    pub user: Option<UserId>,
    /// Who did it.
    pub actor: Option<UserId>,
    pub from: Option<Ts>,
    /// Entries of this moment are too late.
    pub until: Option<Ts>,
}

pub async fn add(tx: &mut Tx<Main>, entry: &AuditEntry) -> Result<()> {
    const SQL: &str = "INSERT INTO audit (id, at, event, actor_id, user_id, session_id, key_id, ip,
                                          user_agent, request_id, details)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    on!(tx, |c| sqlx::query(SQL)
        .bind(entry.id)
        .bind(entry.at)
        .bind(&entry.event)
        .bind(&entry.actor_id)
        .bind(&entry.user_id)
        .bind(entry.session_id)
        .bind(entry.key_id)
        .bind(&entry.ip)
        .bind(&entry.user_agent)
        .bind(&entry.request_id)
        .bind(Json(&entry.details))
        .execute(c)
        .map_ok(drop))?;
    Ok(())
}

/// Only the conditions that are asked for stand in the statement, so that each finds its index.
macro_rules! find {
    ($query:expr, $sought:expr) => {
        $query.push(" FROM audit WHERE 1 = 1");
        if let Some(event) = $sought.event {
            $query.push(" AND event = ").push_bind(event.to_string());
        }
        if let Some(user) = &$sought.user {
            $query.push(" AND user_id = ").push_bind(user);
        }
        if let Some(actor) = &$sought.actor {
            $query.push(" AND actor_id = ").push_bind(actor);
        }
        if let Some(from) = $sought.from {
            $query.push(" AND at >= ").push_bind(from);
        }
        if let Some(until) = $sought.until {
            $query.push(" AND at < ").push_bind(until);
        }
    };
}

/// One page of entries, the newest first.
pub async fn page(
    conn: &mut Conn<Main>,
    sought: &Sought,
    limit: i64,
    offset: i64,
) -> Result<Vec<AuditEntry>> {
    Ok(on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id, at, event, actor_id, user_id, session_id, key_id, ip, user_agent,
                    request_id, details",
        );
        find!(query, sought);
        query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
        query.push(" OFFSET ").push_bind(offset);
        async move { query.build_query_as().fetch_all(c).await }
    })?)
}

pub async fn count(conn: &mut Conn<Main>, sought: &Sought) -> Result<i64> {
    Ok(on!(conn, |c| {
        let mut query = QueryBuilder::new("SELECT COUNT(*)");
        find!(query, sought);
        async move { query.build_query_scalar().fetch_one(c).await }
    })?)
}

/// What the user did, and what was done to their account, the oldest first, after the entry `after`.
pub async fn about(
    conn: &mut Conn<Main>,
    user: &UserId,
    after: Option<AuditId>,
    limit: i64,
) -> Result<Vec<AuditEntry>> {
    Ok(on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id, at, event, actor_id, user_id, session_id, key_id, ip, user_agent,
                    request_id, details
             FROM audit WHERE (user_id = ",
        );
        query.push_bind(user).push(" OR actor_id = ");
        query.push_bind(user).push(")");
        if let Some(after) = after {
            query.push(" AND id > ").push_bind(after);
        }
        query.push(" ORDER BY id LIMIT ").push_bind(limit);
        async move { query.build_query_as().fetch_all(c).await }
    })?)
}

/// Lets go of where a user was and what they asked with; the opaque id stays.
pub async fn forget(tx: &mut Tx<Main>, user: &UserId) -> Result<()> {
    const SQL: &str = "UPDATE audit SET ip = NULL, user_agent = NULL
                       WHERE actor_id = $1 OR (user_id = $1 AND actor_id IS NULL)";
    on!(tx, |c| sqlx::query(SQL).bind(user).execute(c).map_ok(drop))?;
    Ok(())
}

/// Sweeps out some of the entries from before `before`; how many they were.
pub async fn sweep(tx: &mut Tx<Main>, before: Ts) -> Result<u64> {
    const SQL: &str = "DELETE FROM audit WHERE id IN (
                           SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)";
    Ok(on!(tx, |c| sqlx::query(SQL)
        .bind(before)
        .bind(SWEPT)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?)
}
