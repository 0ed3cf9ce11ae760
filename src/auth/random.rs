//! Secrets from the operating system's generator.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, Result};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The largest multiple of 62 that a byte can be below: what lies above would favour some digits.
const FAIR: u8 = 248;

const CODES: u32 = 1_000_000;
/// Likewise of a million, and of four bytes.
const FAIR_CODES: u32 = u32::MAX - u32::MAX % CODES;

/// 256 random bits in base64url, 43 characters.
pub(super) fn token() -> Result<SecretString> {
    let mut bytes = Zeroizing::new([0; 32]);
    fill(bytes.as_mut())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes.as_ref()).into())
}

/// Six random digits, each code as likely as any other.
pub(super) fn code() -> Result<SecretString> {
    let mut bytes = Zeroizing::new([0; 4]);
    loop {
        fill(bytes.as_mut())?;
        let number = u32::from_le_bytes(*bytes);
        if number < FAIR_CODES {
            return Ok(format!("{:06}", number % CODES).into());
        }
    }
}

/// Random bytes that are no secret, as those of a salt.
pub(super) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// `length` random digits of base 62.
pub(super) fn base62(length: usize) -> Result<Zeroizing<String>> {
    let mut digits = Zeroizing::new(String::with_capacity(length));
    let mut bytes = Zeroizing::new([0; 64]);
    while digits.len() < length {
        fill(bytes.as_mut())?;
        let fair = bytes.iter().filter(|byte| **byte < FAIR);
        let missing = length - digits.len();
        digits.extend(fair.take(missing).map(|byte| digit(u32::from(*byte))));
    }
    Ok(digits)
}

/// The last digit of a number in base 62.
pub(super) fn digit(number: u32) -> char {
    char::from(BASE62[number as usize % BASE62.len()])
}

/// SHA-256: enough for a secret of 256 random bits, and for nothing shorter.
pub(super) fn fingerprint(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    rand::fill(bytes).map_err(|_| Error::internal("the system gave no random bytes"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_is_43_characters_and_never_the_same() {
        let tokens: HashSet<String> = (0..100)
            .map(|_| token().unwrap().expose_secret().to_owned())
            .collect();

        assert_eq!(tokens.len(), 100);
        assert!(tokens.iter().all(|one| one.len() == 43));
    }

    #[test]
    fn a_code_is_six_digits_and_seldom_the_same() {
        let codes: HashSet<String> = (0..100)
            .map(|_| code().unwrap().expose_secret().to_owned())
            .collect();

        assert!(codes.len() > 95, "{}", codes.len());
        let is_code = |code: &String| code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit());
        assert!(codes.iter().all(is_code));
        assert_eq!(FAIR_CODES % CODES, 0);
    }

    #[test]
    fn every_digit_comes_up_about_as_often_as_any_other() {
        let digits = base62(62_000).unwrap();

        for wanted in BASE62 {
            let found = digits.bytes().filter(|digit| digit == wanted).count();
            assert!((800..1_200).contains(&found), "{wanted}: {found}");
        }
    }
}
