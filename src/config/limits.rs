//! What each user may use.

use super::parse::{choice, number};
use super::reader::Reader;

/// Caps of each user over all keys, tokens and the agent: `[limits.user]` or `USER_*`.
#[derive(Clone, Debug, Default)]
pub struct UserLimits {
    pub budget_microusd: Option<u64>,
    pub budget_period: BudgetPeriod,
    pub rpm: Option<u64>,
    pub tpm: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BudgetPeriod {
    Day,
    #[default]
    Month,
    Total,
}

const PERIODS: &[(&str, BudgetPeriod)] = &[
    ("day", BudgetPeriod::Day),
    ("month", BudgetPeriod::Month),
    ("total", BudgetPeriod::Total),
];

impl UserLimits {
    /// Whether there is any cap at all.
    pub(super) fn caps_anything(&self) -> bool {
        self.budget_microusd.is_some() || self.rpm.is_some() || self.tpm.is_some()
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        /// A thousand million dollars: in nano-dollars it still fits 64 bits.
        const MOST: u64 = 1_000_000_000_000_000;

        Self {
            budget_microusd: reader.option("USER_BUDGET_MICROUSD", number(0..=MOST)),
            budget_period: reader.value("USER_BUDGET_PERIOD", choice(PERIODS)),
            rpm: reader.option("USER_RPM", number(1..=MOST)),
            tpm: reader.option("USER_TPM", number(1..=MOST)),
        }
    }
}
