//! What a request is granted before it runs: a place in the limits of its key and its user. Settled
//! with its row; dropped unused, given back.

use super::catalogue::Route;
use super::estimate::Estimate;
use super::money::{Claim, Draw, Money, Reservation};
use super::price::reservation_microusd;
use super::rates::Place;
use crate::config::{BudgetPeriod, UserLimits};
use crate::domain::{Budget, Caps, Charge, Holder, Period, Principal, Ts, Via, Window};
use crate::error::{Error, Kind, Result};

/// Grants requests what they need, or refuses them.
#[derive(Debug)]
pub(super) struct Grantor {
    /// The caps of users who have none of their own.
    everybody: Caps,
    money: Money,
}

/// The grants of one request.
#[derive(Debug)]
pub(super) struct Grants {
    /// In the rates.
    place: Place,
    money: Vec<Reservation>,
}

impl Grantor {
    pub(super) fn new(everybody: Caps, money: Money) -> Self {
        Self { everybody, money }
    }

    /// All that a request of this time needs besides its place in the rates, or why it may not run.
    pub(super) async fn grant(
        &self,
        place: Place,
        principal: &Principal,
        (route, estimate): (&Route, Estimate),
        at: Ts,
    ) -> Result<Grants> {
        let mut grants = Grants {
            place,
            money: Vec::new(),
        };
        let claims = self.claims(principal, at);
        if claims.iter().all(Option::is_none) {
            return Ok(grants);
        }
        let price = route.price.ok_or_else(not_priced)?;
        if let Some(need) = reservation_microusd(price, estimate) {
            for claim in claims.iter().flatten() {
                // Where the second refuses, the first is dropped.
                grants.money.push(self.money.reserve(claim, need).await?);
            }
        }
        Ok(grants)
    }

    /// The budgets that a request must fit: of its key, and of its user over all keys and sessions.
    fn claims(&self, principal: &Principal, at: Ts) -> [Option<Claim>; 2] {
        let claim = |holder: Holder, budget: Budget| Claim {
            holder,
            budget,
            window: Window::of(budget.period, at),
        };
        let of_key = match &principal.via {
            Via::Key { id, caps, .. } => caps.budget.map(|budget| claim(Holder::Key(*id), budget)),
            Via::Session(_) | Via::Foreign => None,
        };
        let user_caps = principal.caps.or(self.everybody);
        let of_user = user_caps
            .budget
            .map(|budget| claim(Holder::User(principal.user.clone()), budget));
        [of_key, of_user]
    }
}

impl Grants {
    /// What was really used, and what of it is to be moved in the budgets.
    pub(super) fn settle(&mut self, charge: &Charge) -> Vec<Draw> {
        self.place.settle(charge);
        self.money
            .drain(..)
            .filter_map(|reserved| reserved.settle(charge.cost_microusd))
            .collect()
    }
}

/// What holds for users of whom nothing else is said.
pub(super) fn caps_of(limits: &UserLimits) -> Caps {
    let period = match limits.budget_period {
        BudgetPeriod::Day => Period::Day,
        BudgetPeriod::Month => Period::Month,
        BudgetPeriod::Total => Period::Total,
    };
    Caps {
        budget: limits
            .budget_microusd
            .map(|microusd| Budget { microusd, period }),
        rpm: limits.rpm,
        tpm: limits.tpm,
    }
}

/// A budget cannot hold what nobody knows the price of.
fn not_priced() -> Error {
    let message = "This model has no price, so it cannot be used within a budget.";
    Error::new(Kind::Forbidden, "model_not_priced", message).at("model")
}
