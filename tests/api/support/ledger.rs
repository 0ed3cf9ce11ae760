//! The ledger as it stands in the database, column by column.

use std::time::Duration;

use tokio::time::sleep;

use super::app::TestApp;

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) user_id: String,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) upstream_model: String,
    pub(crate) status: String,
    pub(crate) http_status: Option<i64>,
    pub(crate) prompt_tokens: i64,
    pub(crate) cached_tokens: i64,
    pub(crate) completion_tokens: i64,
    pub(crate) reasoning_tokens: i64,
    pub(crate) cost_microusd: i64,
    pub(crate) ttft_ms: Option<i64>,
    pub(crate) duration_ms: i64,
    pub(crate) attempts: i64,
    pub(crate) request_id: String,
    pub(crate) estimated: i64,
}

const SQL: &str = "SELECT user_id, provider, model, upstream_model, status,
    CAST(http_status AS BIGINT) AS http_status, prompt_tokens, cached_tokens, completion_tokens,
    reasoning_tokens, cost_microusd, CAST(ttft_ms AS BIGINT) AS ttft_ms,
    CAST(duration_ms AS BIGINT) AS duration_ms, CAST(attempts AS BIGINT) AS attempts, request_id,
    CAST(CASE WHEN estimated THEN 1 ELSE 0 END AS BIGINT) AS estimated
    FROM ledger ORDER BY at, id";

impl TestApp {
    /// The rows once there are `rows` of them. They are written behind the answers, within a tenth of
    /// a second.
    pub(crate) async fn ledger(&self, rows: usize) -> Vec<Row> {
        let mut written = Vec::new();
        for _ in 0..250 {
            written = self.ledger_now().await;
            if written.len() >= rows {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(written.len(), rows, "{written:#?}");
        written
    }

    /// The only row once it is there.
    pub(crate) async fn row(&self) -> Row {
        self.ledger(1).await.remove(0)
    }

    /// Asserts that there is no row, and that none is on its way.
    pub(crate) async fn has_no_rows(&self) {
        self.has_no_more_rows(0).await;
    }

    /// Asserts that there are so many rows, and that none more is on its way.
    pub(crate) async fn has_no_more_rows(&self, rows: usize) -> Vec<Row> {
        self.ledger(rows).await;
        sleep(Duration::from_millis(200)).await;
        self.ledger(rows).await
    }

    pub(crate) async fn ledger_now(&self) -> Vec<Row> {
        self.rows(SQL).await
    }
}
