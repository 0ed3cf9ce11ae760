//! Hashing one password and checking one, with bounds on what a stored hash may ask of us.

use std::hint::black_box;
use std::ops::RangeInclusive;

use argon2::password_hash::phc::PasswordHash;
use argon2::{ARGON2ID_IDENT, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use super::PasswordAlgorithm;
use crate::error::{Error, Result};

/// Of what bcrypt makes new hashes.
const BCRYPT_COST: u32 = 12;
/// The longest password that bcrypt takes whole, in bytes.
pub(super) const BCRYPT_LONGEST: usize = 71;
/// What a stored hash may cost at most: 1 GiB, ten passes, sixteen lanes; bcrypt 2^14 rounds.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 10;
const MOST_LANES: u32 = 16;
const BCRYPT_COSTS: RangeInclusive<u32> = 4..=14;

/// What a password and a stored hash have to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::auth) enum Verdict {
    Wrong,
    Right,
    /// Right, by a hash made in another way than today's.
    Outdated,
}

/// A new hash with a salt of its own: a PHC string, or bcrypt's `$2b$…`.
pub(super) fn make(password: &str, algorithm: PasswordAlgorithm) -> Result<String> {
    match algorithm {
        PasswordAlgorithm::Argon2id => Argon2::default()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(Error::internal),
        PasswordAlgorithm::Bcrypt => {
            bcrypt::non_truncating_hash(password, BCRYPT_COST).map_err(Error::internal)
        }
    }
}

/// How every new hash begins, up to its salt.
pub(super) fn opening(algorithm: PasswordAlgorithm) -> String {
    match algorithm {
        PasswordAlgorithm::Argon2id => format!(
            "$argon2id$v={}$m={},t={},p={}$",
            u32::from(Version::default()),
            Params::DEFAULT_M_COST,
            Params::DEFAULT_T_COST,
            Params::DEFAULT_P_COST
        ),
        PasswordAlgorithm::Bcrypt => format!("$2b${BCRYPT_COST:02}$"),
    }
}

/// Checks a password; without a usable hash the `dummy` is checked instead, for the same time.
pub(super) fn check(
    password: &str,
    stored: Option<&str>,
    dummy: &str,
    algorithm: PasswordAlgorithm,
) -> Verdict {
    let usable = stored
        .and_then(Stored::parse)
        .filter(|hash| hash.can_be_of(password));
    match usable {
        Some(hash) if !hash.matches(password) => Verdict::Wrong,
        Some(hash) if hash.is_current(algorithm) => Verdict::Right,
        Some(_) => Verdict::Outdated,
        None => {
            black_box(Stored::parse(dummy).is_some_and(|hash| hash.matches(password)));
            Verdict::Wrong
        }
    }
}

/// A hash that is well formed and within bounds.
enum Stored<'a> {
    Argon2(Box<PasswordHash>, Params),
    Bcrypt(&'a str, u32),
}

impl<'a> Stored<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        if text.starts_with("$2") {
            let cost = text.parse::<bcrypt::HashParts>().ok()?.get_cost();
            return BCRYPT_COSTS
                .contains(&cost)
                .then_some(Self::Bcrypt(text, cost));
        }
        let hash = PasswordHash::new(text).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let bounded = params.m_cost() <= MOST_MEMORY_KIB
            && params.t_cost() <= MOST_PASSES
            && params.p_cost() <= MOST_LANES;
        bounded.then(|| Self::Argon2(Box::new(hash), params))
    }

    /// Bcrypt reads 72 bytes: a longer password could be right without being the same.
    fn can_be_of(&self, password: &str) -> bool {
        matches!(self, Self::Argon2(..)) || password.len() <= BCRYPT_LONGEST + 1
    }

    fn matches(&self, password: &str) -> bool {
        match self {
            Self::Argon2(hash, _) => Argon2::default()
                .verify_password(password.as_bytes(), hash.as_ref())
                .is_ok(),
            Self::Bcrypt(hash, _) => bcrypt::verify(password, hash).unwrap_or(false),
        }
    }

    fn is_current(&self, algorithm: PasswordAlgorithm) -> bool {
        match (self, algorithm) {
            (Self::Argon2(hash, params), PasswordAlgorithm::Argon2id) => {
                let same_cost = (params.m_cost(), params.t_cost(), params.p_cost())
                    == (
                        Params::DEFAULT_M_COST,
                        Params::DEFAULT_T_COST,
                        Params::DEFAULT_P_COST,
                    );
                hash.algorithm == ARGON2ID_IDENT
                    && hash.version == Some(Version::default().into())
                    && params.output_len() == Some(Params::DEFAULT_OUTPUT_LEN)
                    && same_cost
            }
            (Self::Bcrypt(_, cost), PasswordAlgorithm::Bcrypt) => *cost == BCRYPT_COST,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "plum tree, river";

    fn verdict(stored: &str) -> Verdict {
        let dummy = weak_argon2("dummy");
        check(PASSWORD, Some(stored), &dummy, PasswordAlgorithm::Argon2id)
    }

    fn weak_argon2(password: &str) -> String {
        let params = Params::new(64, 1, 1, None).unwrap();
        Argon2::from(params)
            .hash_password(password.as_bytes())
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_new_hash_is_argon2id_with_the_recommended_cost() {
        let hash = make(PASSWORD, PasswordAlgorithm::Argon2id).unwrap();

        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_eq!(verdict(&hash), Verdict::Right);
        assert_ne!(hash, make(PASSWORD, PasswordAlgorithm::Argon2id).unwrap());
    }

    #[test]
    fn bcrypt_by_choice_costs_twelve() {
        let hash = make(PASSWORD, PasswordAlgorithm::Bcrypt).unwrap();
        let dummy = bcrypt::hash("dummy", 4).unwrap();

        assert!(hash.starts_with("$2b$12$"), "{hash}");
        let checked = check(PASSWORD, Some(&hash), &dummy, PasswordAlgorithm::Bcrypt);
        assert_eq!(checked, Verdict::Right);
    }

    #[test]
    fn it_is_known_how_a_new_hash_begins() {
        for algorithm in [PasswordAlgorithm::Argon2id, PasswordAlgorithm::Bcrypt] {
            let hash = make(PASSWORD, algorithm).unwrap();

            assert!(hash.starts_with(&opening(algorithm)), "{hash}");
        }
    }

    #[test]
    fn hashes_of_other_kinds_are_right_but_outdated() {
        let bcrypt = bcrypt::hash(PASSWORD, 4).unwrap();

        assert_eq!(verdict(&weak_argon2(PASSWORD)), Verdict::Outdated);
        for version in ["$2a$", "$2b$", "$2x$", "$2y$"] {
            let hash = bcrypt.replacen("$2b$", version, 1);
            assert_eq!(verdict(&hash), Verdict::Outdated, "{hash}");
        }
        assert_eq!(verdict(&bcrypt::hash("other", 4).unwrap()), Verdict::Wrong);
    }

    #[test]
    fn bcrypt_never_takes_the_first_72_bytes_for_the_whole() {
        let long = "x".repeat(80);
        let hash = bcrypt::hash(&long, 4).unwrap();
        let dummy = bcrypt::hash("dummy", 4).unwrap();

        let mut other = long.clone();
        other.replace_range(75..76, "y");

        for password in [long, other] {
            let checked = check(&password, Some(&hash), &dummy, PasswordAlgorithm::Bcrypt);
            assert_eq!(checked, Verdict::Wrong);
        }
    }

    #[test]
    fn a_hash_that_is_malformed_or_too_costly_is_a_wrong_password() {
        let good = weak_argon2(PASSWORD);
        let bcrypt = bcrypt::hash(PASSWORD, 4).unwrap();
        let hostile = [
            String::new(),
            "$".to_owned(),
            "$2".to_owned(),
            "$2b$".to_owned(),
            "$argon2id$".to_owned(),
            "$argon2id$v=19$m=64,t=1,p=1".to_owned(),
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ".to_owned(),
            good.replace("m=64", "m=1048577"),
            good.replace("m=64", "m=4294967295"),
            good.replace("m=64", "m=99999999999999999999"),
            good.replace("m=64", "m=0"),
            good.replace("t=1", "t=11"),
            good.replace("t=1", "t=0"),
            good.replace("p=1", "p=17"),
            good.replace("p=1", "p=0"),
            good.replace("v=19", "v=99"),
            good.replace("argon2id", "argon9"),
            good[..good.len() - 1].to_owned(),
            good.repeat(50),
            bcrypt.replace("$04$", "$15$"),
            bcrypt.replace("$04$", "$99$"),
            bcrypt.replace("$04$", "$-4$"),
            bcrypt.replace("$04$", "$00$"),
            format!("{}é", &bcrypt[..58]),
            format!("$2b$04${}", "é".repeat(26)),
            "\u{0}".repeat(60),
            "x".repeat(100_000),
        ];

        for hash in hostile {
            assert_eq!(verdict(&hash), Verdict::Wrong, "{hash:.80}");
        }
    }
}
