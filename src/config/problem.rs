//! What is wrong with a setting, in one line.

use std::borrow::Cow;
use std::fmt;

/// A setting at fault. Displayed as `SECRET_KEY: is empty; wanted at least 32 bytes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `API_PORT`, `relay.idle_timeout`, or a file's name.
    pub setting: String,
    /// A predicate: `is empty`, `is "abc"`. Never holds a secret.
    pub found: String,
    pub wanted: Cow<'static, str>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}; wanted {}",
            self.setting, self.found, self.wanted
        )
    }
}

/// What reading has brought to light so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Report {
    pub(super) fn problem(
        &mut self,
        setting: impl Into<String>,
        found: impl Into<String>,
        wanted: impl Into<Cow<'static, str>>,
    ) {
        self.problems.push(Problem {
            setting: setting.into(),
            found: found.into(),
            wanted: wanted.into(),
        });
    }

    pub(super) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }
}

/// A value that is no secret, fit for a line of text.
pub(super) fn quoted(value: &str) -> String {
    const LONGEST: usize = 80;

    if may_be_secret(value) {
        return "something that may be secret (not shown)".to_owned();
    }
    let mut short: String = value.chars().take(LONGEST).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// A secret put in the wrong place is one all the same.
fn may_be_secret(value: &str) -> bool {
    const PREFIXES: &[&str] = &["sk-", "sk_", "rk_", "whsec_", "AIza"];

    let address_with_user = value.contains("://") && value.contains('@');
    address_with_user || PREFIXES.iter().any(|prefix| value.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_one_line() {
        let problem = Problem {
            setting: "SECRET_KEY".into(),
            found: "is empty".into(),
            wanted: "at least 32 bytes".into(),
        };

        assert_eq!(
            problem.to_string(),
            "SECRET_KEY: is empty; wanted at least 32 bytes"
        );
    }

    #[test]
    fn what_is_quoted_stays_on_its_line_and_keeps_passwords() {
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
        assert!(quoted(&"x".repeat(500)).len() < 100);
        for secret in [
            "https://ada:pw@host",
            "sk_live_pw",
            "sk-proj-pw",
            "whsec_pw",
        ] {
            assert!(!quoted(secret).contains("pw"), "{secret}");
        }
    }
}
