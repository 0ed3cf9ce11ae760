//! Hashing one password and checking one, with bounds on what a stored hash may ask of us.

use std::hint::black_box;
use std::ops::RangeInclusive;

use argon2::password_hash::phc::PasswordHash;
use argon2::{ARGON2ID_IDENT, Params, ParamsBuilder, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::pepper::{Pepper, Peppers};
use super::{PasswordAlgorithm, argon};
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

/// How passwords are hashed, and what is mixed into them.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) algorithm: PasswordAlgorithm,
    pub(super) peppers: Peppers,
}

/// A hash that is well formed, within bounds, and of a pepper of ours.
enum Stored<'a> {
    Argon2(Box<PasswordHash>, Params, Option<&'a Pepper>),
    Bcrypt(&'a str, u32),
}

impl Way {
    /// A new hash with a salt of its own: a PHC string, or bcrypt's `$2b$…`.
    pub(super) fn make(&self, password: &str) -> Result<String> {
        match self.algorithm {
            PasswordAlgorithm::Argon2id => {
                let params = self.params()?;
                let made = match self.peppers.current() {
                    Some(pepper) => argon::hash(pepper.mix(password).as_ref(), &params),
                    None => argon::hash(password.as_bytes(), &params),
                };
                made.map(|hash| hash.to_string())
            }
            PasswordAlgorithm::Bcrypt => {
                bcrypt::non_truncating_hash(password, BCRYPT_COST).map_err(Error::internal)
            }
        }
    }

    /// How every new hash begins, up to its salt.
    pub(super) fn opening(&self) -> String {
        if self.algorithm == PasswordAlgorithm::Bcrypt {
            return format!("$2b${BCRYPT_COST:02}$");
        }
        let name = match self.peppers.current() {
            Some(pepper) => format!(",keyid={}", STANDARD_NO_PAD.encode(pepper.name())),
            None => String::new(),
        };
        format!(
            "$argon2id$v={}$m={},t={},p={}{name}$",
            u32::from(Version::default()),
            Params::DEFAULT_M_COST,
            Params::DEFAULT_T_COST,
            Params::DEFAULT_P_COST
        )
    }

    /// Checks a password; without a usable hash the `dummy` is checked instead, for the same time.
    pub(super) fn check(&self, password: &str, stored: Option<&str>, dummy: &str) -> Verdict {
        let usable = stored
            .and_then(|text| self.parse(text))
            .filter(|hash| hash.can_be_of(password));
        match usable {
            Some(hash) if !hash.matches(password) => Verdict::Wrong,
            Some(hash) if self.is_todays(&hash) => Verdict::Right,
            Some(_) => Verdict::Outdated,
            None => {
                black_box(self.parse(dummy).is_some_and(|hash| hash.matches(password)));
                Verdict::Wrong
            }
        }
    }

    fn params(&self) -> Result<Params> {
        let mut params = ParamsBuilder::new();
        if let Some(pepper) = self.peppers.current() {
            params.keyid(pepper.id());
        }
        params.build().map_err(Error::internal)
    }

    fn parse<'a>(&'a self, text: &'a str) -> Option<Stored<'a>> {
        if text.starts_with("$2") {
            let cost = text.parse::<bcrypt::HashParts>().ok()?.get_cost();
            return BCRYPT_COSTS
                .contains(&cost)
                .then_some(Stored::Bcrypt(text, cost));
        }
        let hash = PasswordHash::new(text).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let bounded = params.m_cost() <= MOST_MEMORY_KIB
            && params.t_cost() <= MOST_PASSES
            && params.p_cost() <= MOST_LANES;
        let pepper = match params.keyid() {
            [] => None,
            name => Some(self.peppers.named(name)?),
        };
        bounded.then(|| Stored::Argon2(Box::new(hash), params, pepper))
    }

    fn is_todays(&self, stored: &Stored<'_>) -> bool {
        match (stored, self.algorithm) {
            (Stored::Argon2(hash, params, pepper), PasswordAlgorithm::Argon2id) => {
                let same_cost = (params.m_cost(), params.t_cost(), params.p_cost())
                    == (
                        Params::DEFAULT_M_COST,
                        Params::DEFAULT_T_COST,
                        Params::DEFAULT_P_COST,
                    );
                let same_pepper =
                    pepper.map(Pepper::name) == self.peppers.current().map(Pepper::name);
                hash.algorithm == ARGON2ID_IDENT
                    && hash.version == Some(Version::default().into())
                    && params.output_len() == Some(Params::DEFAULT_OUTPUT_LEN)
                    && same_cost
                    && same_pepper
            }
            (Stored::Bcrypt(_, cost), PasswordAlgorithm::Bcrypt) => *cost == BCRYPT_COST,
            _ => false,
        }
    }
}

impl Stored<'_> {
    /// Bcrypt reads 72 bytes: a longer password could be right without being the same.
    fn can_be_of(&self, password: &str) -> bool {
        matches!(self, Self::Argon2(..)) || password.len() <= BCRYPT_LONGEST + 1
    }

    fn matches(&self, password: &str) -> bool {
        match self {
            Self::Argon2(hash, params, Some(pepper)) => {
                argon::is_of(pepper.mix(password).as_ref(), hash, params)
            }
            Self::Argon2(hash, params, None) => argon::is_of(password.as_bytes(), hash, params),
            Self::Bcrypt(hash, _) => bcrypt::verify(password, hash).unwrap_or(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use argon2::{Argon2, PasswordHasher};

    use super::*;

    const PASSWORD: &str = "plum tree, river";

    fn way(algorithm: PasswordAlgorithm) -> Way {
        Way {
            algorithm,
            peppers: Peppers::default(),
        }
    }

    fn peppered(current: Option<&str>, previous: Option<&str>) -> Way {
        let (current, previous) = (current.map(Into::into), previous.map(Into::into));
        Way {
            algorithm: PasswordAlgorithm::Argon2id,
            peppers: Peppers::new(current.as_ref(), previous.as_ref()).unwrap(),
        }
    }

    fn verdict(stored: &str) -> Verdict {
        by(&way(PasswordAlgorithm::Argon2id), stored)
    }

    fn by(way: &Way, stored: &str) -> Verdict {
        way.check(PASSWORD, Some(stored), &weak_argon2("dummy"))
    }

    #[test]
    fn a_peppered_hash_is_checked_by_its_pepper_alone() {
        let ours = peppered(Some("a pepper of many characters"), None);
        let theirs = peppered(Some("another pepper"), None);
        let hash = ours.make(PASSWORD).unwrap();

        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1,keyid="),
            "{hash}"
        );
        assert!(hash.starts_with(&ours.opening()), "{hash}");
        assert_eq!(by(&ours, &hash), Verdict::Right);
        assert_eq!(by(&theirs, &hash), Verdict::Wrong);
        assert_eq!(by(&way(PasswordAlgorithm::Argon2id), &hash), Verdict::Wrong);
        // Without its name it is the hash of something else.
        let (head, tail) = hash.split_once(",keyid=").unwrap();
        let unnamed = format!("{head}{}", &tail[tail.find('$').unwrap()..]);
        assert_eq!(by(&ours, &unnamed), Verdict::Wrong);
    }

    #[test]
    fn hashes_from_before_a_pepper_are_right_but_outdated() {
        let before = way(PasswordAlgorithm::Argon2id).make(PASSWORD).unwrap();
        let first = peppered(Some("first"), None).make(PASSWORD).unwrap();
        let second = peppered(Some("second"), Some("first"));

        assert_eq!(by(&second, &before), Verdict::Outdated);
        assert_eq!(by(&second, &first), Verdict::Outdated);
        assert_eq!(by(&second, &second.make(PASSWORD).unwrap()), Verdict::Right);
        assert_eq!(
            by(&peppered(None, Some("first")), &first),
            Verdict::Outdated
        );
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
        let hash = way(PasswordAlgorithm::Argon2id).make(PASSWORD).unwrap();

        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_eq!(verdict(&hash), Verdict::Right);
        assert_ne!(
            hash,
            way(PasswordAlgorithm::Argon2id).make(PASSWORD).unwrap()
        );
    }

    #[test]
    fn bcrypt_by_choice_costs_twelve() {
        let bcrypt_way = way(PasswordAlgorithm::Bcrypt);
        let hash = bcrypt_way.make(PASSWORD).unwrap();
        let dummy = bcrypt::hash("dummy", 4).unwrap();

        assert!(hash.starts_with("$2b$12$"), "{hash}");
        let checked = bcrypt_way.check(PASSWORD, Some(&hash), &dummy);
        assert_eq!(checked, Verdict::Right);
    }

    #[test]
    fn it_is_known_how_a_new_hash_begins() {
        for algorithm in [PasswordAlgorithm::Argon2id, PasswordAlgorithm::Bcrypt] {
            let hash = way(algorithm).make(PASSWORD).unwrap();

            assert!(hash.starts_with(&way(algorithm).opening()), "{hash}");
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

    // CVE-2025-22228 (Spring).
    #[test]
    fn bcrypt_never_takes_the_first_72_bytes_for_the_whole() {
        let long = "x".repeat(80);
        let hash = bcrypt::hash(&long, 4).unwrap();
        let dummy = bcrypt::hash("dummy", 4).unwrap();

        let mut other = long.clone();
        other.replace_range(75..76, "y");

        for password in [long, other] {
            let bcrypt = way(PasswordAlgorithm::Bcrypt);
            let checked = bcrypt.check(&password, Some(&hash), &dummy);
            assert_eq!(checked, Verdict::Wrong);
        }
    }

    // RUSTSEC-2026-0199: bcrypt panicked at a hash that was not ASCII.
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
