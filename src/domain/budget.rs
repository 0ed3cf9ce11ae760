//! Whose money is spent, and of which period.

use std::fmt;

use super::{KeyId, Period, Ts, UserId};

/// Who has a budget: `user:…` or `key:…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    User(UserId),
    Key(KeyId),
}

/// One day, one month, or all time; in UTC: `2026-11-21`, `2026-11`, `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    period: Period,
    begins: Ts,
}

impl Window {
    /// The one that `now` lies in.
    pub fn of(period: Period, now: Ts) -> Self {
        let begins = match period {
            Period::Day => now.day(),
            Period::Month => now.month(),
            Period::Total => Ts::from_micros(i64::MIN),
        };
        Self { period, begins }
    }

    pub fn begins(self) -> Ts {
        self.begins
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Key(id) => write!(f, "key:{id}"),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.begins.date();
        match self.period {
            Period::Day => f.write_str(&date),
            Period::Month => f.write_str(date.get(..7).unwrap_or(&date)),
            Period::Total => f.write_str("total"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_named_after_its_day_or_month() {
        let now = Ts::parse("2026-11-21T23:59:59Z").unwrap();
        let named = |period| Window::of(period, now).to_string();

        assert_eq!(named(Period::Day), "2026-11-21");
        assert_eq!(named(Period::Month), "2026-11");
        assert_eq!(named(Period::Total), "total");
        let begins = Window::of(Period::Month, now).begins();
        assert_eq!(begins.to_string(), "2026-11-01T00:00:00Z");
    }

    #[test]
    fn a_new_day_is_a_new_window_and_the_total_never_is() {
        let now = Ts::parse("2026-11-30T23:59:59Z").unwrap();
        let next = Ts::parse("2026-12-01").unwrap();
        let is_same = |period| Window::of(period, now) == Window::of(period, next);

        assert!(!is_same(Period::Day) && !is_same(Period::Month));
        assert!(is_same(Period::Total));
    }
}
