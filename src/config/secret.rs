//! What makes a signing secret good enough.

use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;
use super::{AppEnv, JwtAlgorithm};

const WANTED: &str = "at least 32 bytes";

/// What examples and templates call a secret, without case and punctuation.
const PLACEHOLDERS: &[&str] = &[
    "betterauthsecret",
    "changeit",
    "changeme",
    "changethis",
    "defaultsecret",
    "devsecret",
    "examplesecret",
    "insecure",
    "jwtsecret",
    "mysecret",
    "mysupersecret",
    "placeholder",
    "pleasechange",
    "replaceme",
    "replacethis",
    "replacewith",
    "secret",
    "supersecret",
    "testsecret",
    "thisisasecret",
    "your256bitsecret",
    "yourjwtsecret",
    "yoursecret",
    "yoursupersecret",
];

/// How strictly a secret is judged.
#[derive(Clone, Copy)]
pub(super) struct Standard {
    pub(super) env: AppEnv,
    pub(super) algorithm: JwtAlgorithm,
}

impl Standard {
    /// A signing secret. Set but empty is never what was meant.
    pub(super) fn read(self, reader: &mut Reader<'_>, key: &str) -> Option<SecretString> {
        let text = SecretString::from(reader.raw(key)?);
        match self.fault(text.expose_secret()) {
            Some((found, wanted)) => reader.problem(key, found, wanted),
            None if text.expose_secret().len() < 32 => reader.warn(format!(
                "{key} has fewer than 32 bytes: staging and production refuse it."
            )),
            None => {}
        }
        Some(text)
    }

    fn fault(self, secret: &str) -> Option<(String, &'static str)> {
        let local = self.env.is_local();
        let short = secret.len() < 32;
        if secret.trim().is_empty() {
            return Some(("is empty".to_owned(), WANTED));
        }
        if !local && is_placeholder(secret) {
            return Some((
                "is a placeholder".to_owned(),
                "32 random bytes, as from `openssl rand -base64 32`",
            ));
        }
        // RFC 7518 §3.2: a key of HS256 is at least as long as its hash.
        if short && (!local || self.algorithm == JwtAlgorithm::Hs256) {
            return Some((format!("has {} bytes", secret.len()), WANTED));
        }
        let distinct = distinct_bytes(secret);
        if self.env == AppEnv::Production && distinct < 20 {
            return Some((
                format!("has only {distinct} different bytes"),
                "a random one, as from `openssl rand -base64 32`",
            ));
        }
        None
    }
}

fn is_placeholder(secret: &str) -> bool {
    let plain: String = secret
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    PLACEHOLDERS.iter().any(|known| plain.starts_with(known))
}

/// A secret in hexadecimal never has more than 16 different characters: there the bytes that they
/// stand for count.
fn distinct_bytes(secret: &str) -> usize {
    let count = |bytes: &mut dyn Iterator<Item = u8>| {
        let mut seen = [false; 256];
        bytes.for_each(|byte| seen[usize::from(byte)] = true);
        seen.iter().filter(|seen| **seen).count()
    };
    let plain = count(&mut secret.bytes());
    let digits: Option<Vec<u32>> = secret.trim().chars().map(|c| c.to_digit(16)).collect();
    let decoded = digits.map_or(0, |digits| {
        count(
            &mut digits
                .chunks_exact(2)
                .filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()),
        )
    });
    plain.max(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "q3J9v0Zt7Lk2WmX8sBcD4fGhR5yNpUaE";

    fn found(env: AppEnv, algorithm: JwtAlgorithm, secret: &str) -> Option<String> {
        Standard { env, algorithm }
            .fault(secret)
            .map(|(found, _)| found)
    }

    #[test]
    fn an_empty_one_is_refused_everywhere() {
        for env in [
            AppEnv::Development,
            AppEnv::Test,
            AppEnv::Staging,
            AppEnv::Production,
        ] {
            assert_eq!(
                found(env, JwtAlgorithm::EdDsa, " \n").as_deref(),
                Some("is empty")
            );
        }
    }

    #[test]
    fn a_random_one_is_good_in_base64_and_in_hexadecimal() {
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        for secret in [GOOD, hex] {
            assert_eq!(found(AppEnv::Production, JwtAlgorithm::Hs256, secret), None);
        }
    }

    #[test]
    fn placeholders_are_known_in_any_dress() {
        for secret in [
            "changethis",
            "CHANGE-ME-in-production-please-1234567890",
            "secret",
            "your-256-bit-secret",
            "better-auth-secret-123456789012345678901234567890",
            "your_super_secret_key_at_least_32_characters",
            "Replace-With-A-Real-Secret",
        ] {
            for env in [AppEnv::Staging, AppEnv::Production] {
                let found = found(env, JwtAlgorithm::EdDsa, secret);
                assert_eq!(found.as_deref(), Some("is a placeholder"), "{secret}");
            }
        }
    }

    #[test]
    fn a_monotonous_one_is_refused_in_production_alone() {
        let secret = "abababababababababababababababababab";
        let said = found(AppEnv::Production, JwtAlgorithm::EdDsa, secret);
        assert_eq!(said.as_deref(), Some("has only 2 different bytes"));
        assert_eq!(found(AppEnv::Staging, JwtAlgorithm::EdDsa, secret), None);
    }

    #[test]
    fn a_short_one_is_refused_for_hs256_and_outside_development() {
        assert_eq!(
            found(AppEnv::Development, JwtAlgorithm::EdDsa, "short"),
            None
        );
        assert!(found(AppEnv::Development, JwtAlgorithm::Hs256, "short").is_some());
        assert!(found(AppEnv::Staging, JwtAlgorithm::EdDsa, &GOOD[..31]).is_some());
    }
}
