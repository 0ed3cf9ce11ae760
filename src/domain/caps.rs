//! How much somebody may spend, and how fast.

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, Row};
use utoipa::ToSchema;

/// The limits of one key or one user. None is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    pub budget: Option<Budget>,
    /// Requests a minute.
    pub rpm: Option<u64>,
    /// Tokens a minute, prompt and answer together.
    pub tpm: Option<u64>,
}

/// What may be spent until the period is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub microusd: u64,
    pub period: Period,
}

/// How long a budget lasts: a day and a month are UTC's, the total never begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[schema(as = BudgetPeriod)]
pub enum Period {
    Day,
    Month,
    Total,
}

impl Caps {
    /// These, and the others where these say nothing.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            budget: self.budget.or(others.budget),
            rpm: self.rpm.or(others.rpm),
            tpm: self.tpm.or(others.tpm),
        }
    }
}

/// The same as four columns of a table, and as four members of an answer. Null is no limit of its
/// own.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow, ToSchema,
)]
#[schema(as = Caps)]
pub struct FlatCaps {
    /// What may be spent in a period, in millionths of a dollar.
    #[schema(required = true, minimum = 0)]
    pub budget_microusd: Option<i64>,
    #[schema(required = true)]
    pub budget_period: Option<Period>,
    /// Requests a minute.
    #[schema(required = true, minimum = 1)]
    pub rpm: Option<i64>,
    /// Tokens a minute, prompt and answer together.
    #[schema(required = true, minimum = 1)]
    pub tpm: Option<i64>,
}

impl From<FlatCaps> for Caps {
    fn from(flat: FlatCaps) -> Self {
        let count = |number: i64| u64::try_from(number).ok();
        let budget = flat.budget_microusd.and_then(count).map(|microusd| Budget {
            microusd,
            period: flat.budget_period.unwrap_or(Period::Month),
        });
        Self {
            budget,
            rpm: flat.rpm.and_then(count),
            tpm: flat.tpm.and_then(count),
        }
    }
}

impl From<Caps> for FlatCaps {
    fn from(caps: Caps) -> Self {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            budget_microusd: caps.budget.map(|budget| count(budget.microusd)),
            budget_period: caps.budget.map(|budget| budget.period),
            rpm: caps.rpm.map(count),
            tpm: caps.tpm.map(count),
        }
    }
}

/// So that a row may hold caps among other columns.
impl<'r, R: Row> FromRow<'r, R> for Caps
where
    FlatCaps: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        FlatCaps::from_row(row).map(Self::from)
    }
}
