//! What was asked for under an Idempotency-Key: first a claim, then the answer.
//!
//! A row's end is that of its claim while it runs, and that of its answer afterwards. Past its end
//! it counts as gone.

use std::fmt;

use bytes::Bytes;
use futures_util::TryFutureExt;
use serde_json::Value;
use sqlx::QueryBuilder;
use sqlx::types::Json;

use crate::domain::{ClaimId, IdempotencyKey, KeptAnswer, Ts, UserId};
use crate::error::Result;

use super::{Conn, Main, Tx};

/// Claims of one statement.
const CLAIMS: usize = 500;
/// Rows of one sweep: they may be large.
const SWEPT: i64 = 200;

/// What is asked for, and by whom.
#[derive(Clone, Debug)]
pub struct Place {
    pub user: UserId,
    /// The operation as the OpenAPI document names it.
    pub operation: &'static str,
    pub key: IdempotencyKey,
    /// SHA-256 of the body as it came.
    pub fingerprint: [u8; 32],
}

/// An answer to be given again.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    pub status: u16,
    /// Names and values, those alone that are true of any time.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

/// What stands at a place.
#[derive(Clone, Debug)]
pub struct Standing {
    pub fingerprint: Vec<u8>,
    /// None while it runs.
    pub kept: Option<Kept>,
}

/// Claims the place until `until`, unless something stands there that has not ended. Of many who
/// ask at once one gets it.
pub async fn claim(
    tx: &mut Tx<Main>,
    place: &Place,
    claim: ClaimId,
    (now, until): (Ts, Ts),
) -> Result<bool> {
    const SQL: &str =
        "INSERT INTO replays (user_id, operation, idempotency_key, fingerprint, claim,
                                            expires_at)
                       VALUES ($1, $2, $3, $4, $5, $6)
                       ON CONFLICT (user_id, operation, idempotency_key) DO UPDATE
                       SET fingerprint = excluded.fingerprint, claim = excluded.claim,
                           expires_at = excluded.expires_at, status = NULL, headers = NULL,
                           body = NULL
                       WHERE replays.expires_at <= $7";
    let claimed = on!(tx, |c| sqlx::query(SQL)
        .bind(&place.user)
        .bind(place.operation)
        .bind(&place.key)
        .bind(&place.fingerprint[..])
        .bind(claim)
        .bind(until)
        .bind(now)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(claimed > 0)
}

#[derive(sqlx::FromRow)]
struct Row {
    fingerprint: Vec<u8>,
    status: Option<i64>,
    headers: Option<Json<Vec<(String, String)>>>,
    body: Option<Vec<u8>>,
}

/// What stands at the place, ended or not.
pub async fn find(conn: &mut Conn<Main>, place: &Place) -> Result<Option<Standing>> {
    const SQL: &str = "SELECT fingerprint, status, headers, body FROM replays
                       WHERE user_id = $1 AND operation = $2 AND idempotency_key = $3";
    let row = on!(conn, |c| sqlx::query_as::<_, Row>(SQL)
        .bind(&place.user)
        .bind(place.operation)
        .bind(&place.key)
        .fetch_optional(c))?;
    Ok(row.map(Row::standing))
}

/// Whether the place is still claimed: neither answered, nor given up, nor past its end.
pub async fn is_running(conn: &mut Conn<Main>, place: &Place, now: Ts) -> Result<bool> {
    const SQL: &str = "SELECT 1 FROM replays WHERE user_id = $1 AND operation = $2
                       AND idempotency_key = $3 AND status IS NULL AND expires_at > $4";
    let row = on!(conn, |c| sqlx::query(SQL)
        .bind(&place.user)
        .bind(place.operation)
        .bind(&place.key)
        .bind(now)
        .fetch_optional(c)
        .map_ok(|row| row.is_some()))?;
    Ok(row)
}

/// Puts the answer in the claim's stead. False where the claim was lost to somebody else.
pub async fn keep(tx: &mut Tx<Main>, claim: ClaimId, kept: &Kept, until: Ts) -> Result<bool> {
    const SQL: &str = "UPDATE replays SET status = $2, headers = $3, body = $4, expires_at = $5
                       WHERE claim = $1 AND status IS NULL";
    let written = on!(tx, |c| sqlx::query(SQL)
        .bind(claim)
        .bind(i64::from(kept.status))
        .bind(Json(&kept.headers))
        .bind(&kept.body[..])
        .bind(until)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(written > 0)
}

/// Gives a claim up: whoever comes next may take the place.
pub async fn release(tx: &mut Tx<Main>, claim: ClaimId) -> Result<()> {
    const SQL: &str = "DELETE FROM replays WHERE claim = $1 AND status IS NULL";
    on!(tx, |c| sqlx::query(SQL).bind(claim).execute(c).map_ok(drop))?;
    Ok(())
}

/// Moves the end of these claims.
pub async fn renew(tx: &mut Tx<Main>, claims: &[ClaimId], until: Ts) -> Result<()> {
    for batch in claims.chunks(CLAIMS) {
        on!(tx, |c| {
            let mut update = QueryBuilder::new("UPDATE replays SET expires_at = ");
            update.push_bind(until);
            update.push(" WHERE status IS NULL AND claim IN (");
            let mut list = update.separated(", ");
            for claim in batch {
                list.push_bind(*claim);
            }
            update.push(")");
            async move { update.build().execute(c).await.map(drop) }
        })?;
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Whole {
    operation: String,
    idempotency_key: IdempotencyKey,
    expires_at: Ts,
    status: Option<i64>,
    headers: Option<Json<Value>>,
    body: Option<Vec<u8>>,
}

/// What stands at the user's places and has not ended, in their order, after the place `after` (its
/// operation and its key).
pub async fn of(
    conn: &mut Conn<Main>,
    user: &UserId,
    after: Option<&(String, IdempotencyKey)>,
    (now, limit): (Ts, i64),
) -> Result<Vec<KeptAnswer>> {
    let rows: Vec<Whole> = on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT operation, idempotency_key, expires_at, status, headers, body
             FROM replays WHERE user_id = ",
        );
        query.push_bind(user);
        query.push(" AND expires_at > ").push_bind(now);
        if let Some((operation, key)) = after {
            query.push(" AND (operation, idempotency_key) > (");
            query.push_bind(operation).push(", ");
            query.push_bind(key).push(")");
        }
        query.push(" ORDER BY operation, idempotency_key LIMIT ");
        query.push_bind(limit);
        async move { query.build_query_as().fetch_all(c).await }
    })?;
    Ok(rows.into_iter().map(Whole::answer).collect())
}

/// Sweeps out some of what has ended; false where nothing more is left.
pub async fn sweep(tx: &mut Tx<Main>, now: Ts) -> Result<bool> {
    const SQL: &str = "DELETE FROM replays
                       WHERE (user_id, operation, idempotency_key) IN (
                           SELECT user_id, operation, idempotency_key FROM replays
                           WHERE expires_at <= $1 LIMIT $2)
                       AND expires_at <= $1";
    let swept = on!(tx, |c| sqlx::query(SQL)
        .bind(now)
        .bind(SWEPT)
        .execute(c)
        .map_ok(|done| done.rows_affected()))?;
    Ok(swept > 0)
}

/// What was said is no matter of the log.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Whole {
    fn answer(self) -> KeptAnswer {
        let text = |body: Vec<u8>| String::from_utf8_lossy(&body).into_owned();
        KeptAnswer {
            operation: self.operation,
            idempotency_key: self.idempotency_key,
            expires_at: self.expires_at,
            status: self.status,
            headers: self.headers.map(|Json(headers)| headers),
            body: self.body.map(text),
        }
    }
}

impl Row {
    fn standing(self) -> Standing {
        let kept = match (self.status, self.headers, self.body) {
            (Some(status), Some(Json(headers)), Some(body)) => Some(Kept {
                status: u16::try_from(status).unwrap_or_default(),
                headers,
                body: body.into(),
            }),
            _ => None,
        };
        Standing {
            fingerprint: self.fingerprint,
            kept,
        }
    }
}
