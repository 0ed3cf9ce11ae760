//! Which caps may be set.

use super::invalid;
use crate::domain::{Caps, FlatCaps, Patch, Period};
use crate::error::Result;

/// A thousand million dollars: in nano-dollars it still fits 64 bits.
const MOST: i64 = 1_000_000_000_000_000;

/// A change of caps: what is cleared falls back, for a user, to what is configured, and for a key to
/// no limit of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewCaps {
    pub budget_microusd: Patch<i64>,
    pub budget_period: Patch<Period>,
    pub rpm: Patch<i64>,
    pub tpm: Patch<i64>,
}

/// The caps of a new key or user: a budget is for a month unless said.
pub(super) fn of_new(wanted: FlatCaps) -> Result<Caps> {
    check(wanted)?;
    if wanted.budget_microusd.is_none() && wanted.budget_period.is_some() {
        return Err(nothing_to_spend());
    }
    Ok(wanted.into())
}

impl NewCaps {
    pub(super) fn is_said(&self) -> bool {
        self.budget_microusd.is_said()
            || self.budget_period.is_said()
            || self.rpm.is_said()
            || self.tpm.is_said()
    }

    /// Refuses what is out of bounds, whoever is meant.
    pub(super) fn check(&self) -> Result<()> {
        check(FlatCaps {
            budget_microusd: self.budget_microusd.value(),
            budget_period: self.budget_period.value(),
            rpm: self.rpm.value(),
            tpm: self.tpm.value(),
        })
    }

    /// What comes out for somebody who has `kept`.
    pub(super) fn over(self, kept: Caps) -> Result<Caps> {
        let flat = FlatCaps::from(kept);
        let microusd = self.budget_microusd.over(flat.budget_microusd);
        if microusd.is_none() && self.budget_period.value().is_some() {
            return Err(nothing_to_spend());
        }
        Ok(Caps::from(FlatCaps {
            budget_microusd: microusd,
            budget_period: self.budget_period.over(flat.budget_period),
            rpm: self.rpm.over(flat.rpm),
            tpm: self.tpm.over(flat.tpm),
        }))
    }
}

fn check(caps: FlatCaps) -> Result<()> {
    within("budget_microusd", caps.budget_microusd, 0)?;
    within("rpm", caps.rpm, 1)?;
    within("tpm", caps.tpm, 1)
}

fn within(name: &'static str, number: Option<i64>, least: i64) -> Result<()> {
    if number.is_none_or(|number| (least..=MOST).contains(&number)) {
        return Ok(());
    }
    let message = format!("'{name}' must be between {least} and {MOST}.");
    Err(invalid(name, "out_of_range", message))
}

fn nothing_to_spend() -> crate::error::Error {
    let message = "A period needs a budget beside it.";
    invalid("budget_period", "without_budget", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Budget;

    const KEPT: Caps = Caps {
        budget: Some(Budget {
            microusd: 5,
            period: Period::Day,
        }),
        rpm: Some(7),
        tpm: None,
    };

    #[test]
    fn what_is_not_given_stays_and_null_clears() {
        let cleared = NewCaps {
            budget_microusd: Patch::Clear,
            ..NewCaps::default()
        };
        let raised = NewCaps {
            budget_microusd: Patch::Set(9),
            rpm: Patch::Clear,
            ..NewCaps::default()
        };

        assert_eq!(NewCaps::default().over(KEPT).unwrap(), KEPT);
        assert_eq!(cleared.over(KEPT).unwrap().budget, None);
        let raised = raised.over(KEPT).unwrap();
        assert_eq!(raised.budget.unwrap().microusd, 9);
        assert_eq!(raised.budget.unwrap().period, Period::Day);
        assert_eq!(raised.rpm, None);
    }

    #[test]
    fn a_period_needs_a_budget() {
        let period = NewCaps {
            budget_period: Patch::Set(Period::Total),
            ..NewCaps::default()
        };

        assert!(period.over(Caps::default()).is_err());
        let changed = period.over(KEPT).unwrap().budget.unwrap();
        assert_eq!(changed.period, Period::Total);
    }
}
