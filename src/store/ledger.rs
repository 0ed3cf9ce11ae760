//! The ledger: one row for every request that began an attempt.

use std::borrow::Borrow;

use futures_util::TryFutureExt;
use sqlx::QueryBuilder;

use crate::domain::{Charge, KeyId, RowId, Sums, Ts, UsageEntry, UsageRow, UserId};
use crate::error::Result;

use super::{Conn, Main, Tx};

/// Rows of one statement: 20 values each, far below SQLite's 32,766 parameters.
const ROWS: usize = 100;
/// The most that a row may say to have cost, in micro-dollars: what millions of rows add up to must
/// fit 64 bits as well.
pub const MOST_MICROUSD: u64 = 1 << 40;

/// Whose usage is added up, from when and until before when.
#[derive(Clone, Debug)]
pub struct Span {
    /// None is everybody's.
    pub user: Option<UserId>,
    pub from: Ts,
    pub until: Ts,
}

/// Writes rows, and tells which are new: one that is there already (a batch tried twice) stays as it
/// is. Whose account is gone meanwhile, or is about to be, is not named.
pub async fn add<C: Borrow<Charge>>(tx: &mut Tx<Main>, charges: &[C]) -> Result<Vec<RowId>> {
    let mut added = Vec::with_capacity(charges.len());
    for batch in charges.chunks(ROWS) {
        let new: Vec<RowId> = on!(tx, |c| {
            let mut insert = QueryBuilder::new(
                "INSERT INTO ledger (id, at, user_id, key_id, provider, model, upstream_model,
                    status, http_status, prompt_tokens, cached_tokens, completion_tokens,
                    reasoning_tokens, cost_microusd, ttft_ms, duration_ms, attempts, request_id,
                    estimated) ",
            );
            insert.push_values(batch, |mut row, charge| {
                let charge: &Charge = charge.borrow();
                row.push_bind(charge.id)
                    .push_bind(charge.at)
                    .push("(SELECT id FROM users WHERE status <> 'deleted' AND id = ")
                    .push_bind_unseparated(charge.user_id.as_str())
                    .push_unseparated(")")
                    .push("(SELECT ")
                    .push_bind_unseparated(charge.key_id)
                    .push_unseparated(" FROM users WHERE status <> 'deleted' AND id = ")
                    .push_bind_unseparated(charge.user_id.as_str())
                    .push_unseparated(")")
                    .push_bind(charge.provider.as_str())
                    .push_bind(charge.model.as_str())
                    .push_bind(charge.upstream_model.as_str())
                    .push_bind(charge.status)
                    .push_bind(charge.http_status.map(i64::from))
                    .push_bind(whole(charge.prompt_tokens))
                    .push_bind(whole(charge.cached_tokens))
                    .push_bind(whole(charge.completion_tokens))
                    .push_bind(whole(charge.reasoning_tokens))
                    .push_bind(whole(charge.cost_microusd))
                    .push_bind(charge.ttft_ms.map(whole))
                    .push_bind(whole(charge.duration_ms))
                    .push_bind(i64::from(charge.attempts))
                    .push_bind(charge.request_id.as_str())
                    .push_bind(charge.estimated);
            });
            insert.push(" ON CONFLICT DO NOTHING RETURNING id");
            async move { insert.build_query_scalar().fetch_all(c).await }
        })?;
        added.extend(new);
    }
    Ok(added)
}

/// The user's rows, the oldest first, after the one of `after`.
pub async fn of(
    conn: &mut Conn<Main>,
    user: &UserId,
    after: Option<(Ts, RowId)>,
    limit: i64,
) -> Result<Vec<UsageEntry>> {
    Ok(on!(conn, |c| {
        let mut query = QueryBuilder::new(
            "SELECT id, at, key_id, provider, model, upstream_model, status, http_status,
                    prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens,
                    cost_microusd, ttft_ms, duration_ms, attempts, request_id, estimated
             FROM ledger WHERE user_id = ",
        );
        query.push_bind(user);
        if let Some((at, id)) = after {
            query.push(" AND (at, id) > (").push_bind(at);
            query.push(", ").push_bind(id).push(")");
        }
        query.push(" ORDER BY at, id LIMIT ").push_bind(limit);
        async move { query.build_query_as().fetch_all(c).await }
    })?)
}

/// Lets go of whose requests they were; what they have cost stays.
pub async fn forget(tx: &mut Tx<Main>, user: &UserId) -> Result<()> {
    const SQL: &str = "UPDATE ledger SET user_id = NULL, key_id = NULL WHERE user_id = $1";
    on!(tx, |c| sqlx::query(SQL).bind(user).execute(c).map_ok(drop))?;
    Ok(())
}

/// Both engines count in signed 64 bits.
fn whole(count: u64) -> i64 {
    i64::try_from(count.min(MOST_MICROUSD)).unwrap_or(i64::MAX)
}

#[derive(sqlx::FromRow)]
struct Labelled {
    label: String,
    #[sqlx(flatten)]
    sums: Sums,
}

#[derive(sqlx::FromRow)]
struct Keyed {
    label: Option<KeyId>,
    #[sqlx(flatten)]
    sums: Sums,
}

const SUMS: &str = "COUNT(*) AS requests,
    CAST(COALESCE(SUM(prompt_tokens), 0) AS BIGINT) AS prompt_tokens,
    CAST(COALESCE(SUM(cached_tokens), 0) AS BIGINT) AS cached_tokens,
    CAST(COALESCE(SUM(completion_tokens), 0) AS BIGINT) AS completion_tokens,
    CAST(COALESCE(SUM(reasoning_tokens), 0) AS BIGINT) AS reasoning_tokens,
    CAST(COALESCE(SUM(cost_microusd), 0) AS BIGINT) AS cost_microusd";

/// Adds up by one column; the names of columns cannot be bound.
macro_rules! by_column {
    ($conn:expr, $span:expr, $column:literal) => {
        on!($conn, |c| {
            let mut query = QueryBuilder::new(concat!("SELECT ", $column, " AS label, "));
            query.push(SUMS).push(" FROM ledger");
            query.push(" WHERE at >= ").push_bind($span.from);
            query.push(" AND at < ").push_bind($span.until);
            if let Some(user) = &$span.user {
                query.push(" AND user_id = ").push_bind(user.as_str());
            }
            query.push(concat!(" GROUP BY ", $column, " ORDER BY ", $column));
            async move { query.build_query_as().fetch_all(c).await }
        })?
    };
}

/// Usage by day (UTC), the days without any left out.
///
/// The days' bounds are sent along, for the engines share no function that names a day.
pub async fn by_day(conn: &mut Conn<Main>, span: &Span) -> Result<Vec<UsageRow>> {
    let days = days(span);
    if days.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Labelled> = on!(conn, |c| {
        let mut query = QueryBuilder::new("WITH days (label, starts, ends) AS (");
        query.push_values(&days, |mut row, (label, starts, ends)| {
            row.push_bind(label.as_str())
                .push_bind(*starts)
                .push_bind(*ends);
        });
        query.push(") SELECT label, ").push(SUMS);
        query.push(" FROM days JOIN ledger ON at >= starts AND at < ends");
        if let Some(user) = &span.user {
            query.push(" AND user_id = ").push_bind(user.as_str());
        }
        query.push(" GROUP BY label ORDER BY label");
        async move { query.build_query_as().fetch_all(c).await }
    })?;
    Ok(rows.into_iter().map(Labelled::row).collect())
}

/// Usage by public model name.
pub async fn by_model(conn: &mut Conn<Main>, span: &Span) -> Result<Vec<UsageRow>> {
    let rows: Vec<Labelled> = by_column!(conn, span, "model");
    Ok(rows.into_iter().map(Labelled::row).collect())
}

/// Usage by API key; what came by a session has no label.
pub async fn by_key(conn: &mut Conn<Main>, span: &Span) -> Result<Vec<UsageRow>> {
    let rows: Vec<Keyed> = by_column!(conn, span, "key_id");
    let mut rows: Vec<_> = rows.into_iter().map(Keyed::row).collect();
    // The engines do not agree on where null stands.
    rows.sort_by(|a, b| a.label.cmp(&b.label));
    Ok(rows)
}

fn days(span: &Span) -> Vec<(String, Ts, Ts)> {
    let mut days = Vec::new();
    let mut starts = span.from;
    while starts < span.until {
        let ends = starts.day().plus_days(1).min(span.until);
        days.push((starts.date(), starts, ends));
        if ends <= starts {
            break;
        }
        starts = ends;
    }
    days
}

impl Labelled {
    fn row(self) -> UsageRow {
        UsageRow {
            label: Some(self.label),
            sums: self.sums,
        }
    }
}

impl Keyed {
    fn row(self) -> UsageRow {
        UsageRow {
            label: self.label.map(|id| id.to_string()),
            sums: self.sums,
        }
    }
}
