//! The end of a span that a query asks for.

use super::extract::broken;
use crate::domain::Ts;
use crate::error::{Field, Location, Result};

/// The first moment that is too late for `to`: what it says, or the end of the day that it names.
pub fn until(to: &str) -> Result<Ts> {
    let moment = Ts::parse(to).ok_or_else(|| {
        broken(vec![Field {
            name: "to".into(),
            location: Location::Query,
            code: "invalid",
            message: "must be a time in RFC 3339, such as 2026-01-31T12:00:00Z, or a day".into(),
        }])
    })?;
    Ok(if to.len() == 10 {
        moment.plus_days(1)
    } else {
        moment
    })
}
