//! How often one address may ask.

use std::time::Duration;

use super::parse::{Parsed, boolean, some_time};
use super::reader::Reader;

/// `[rate_limits]`: limits by address of what lets strangers try again and again.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateLimits {
    /// `RATE_LIMIT_ENABLED`: these, and the lock of accounts.
    pub enabled: bool,
    /// Signing in, and whatever else asks for a password.
    pub login: Quota,
    pub register: Quota,
}

/// So many at once, and so many in each period afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    pub limit: u64,
    pub per: Duration,
}

impl RateLimits {
    /// The section is always there: it is built in.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let enabled = reader.value("RATE_LIMIT_ENABLED", boolean);
        let limits = reader.inside("rate_limits", |section| Self {
            enabled,
            login: section.value("login", quota),
            register: section.value("register", quota),
        });
        limits.unwrap_or_default()
    }
}

fn quota(value: &str) -> Parsed<Quota> {
    let parsed = || {
        let (limit, per) = value.split_once('/')?;
        let limit = limit.trim().parse().ok().filter(|limit| *limit > 0)?;
        let per = some_time(per.trim()).ok()?;
        Some(Quota { limit, per })
    };
    parsed().ok_or_else(|| "a number and a period such as 20/1m".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_a_number_and_a_period() {
        let twenty = Quota {
            limit: 20,
            per: Duration::from_mins(1),
        };

        assert_eq!(quota("20/1m"), Ok(twenty));
        assert_eq!(quota(" 20 / 60s "), Ok(twenty));
        for bad in ["", "20", "0/1m", "-1/1m", "20/", "20/0s", "x/1m", "20/soon"] {
            assert!(quota(bad).is_err(), "{bad}");
        }
    }
}
