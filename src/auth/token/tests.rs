use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::clock::Clock;
use crate::domain::{Caps, Contact, Email, Status};

const SECRET: &str = "a secret of more than thirty-two characters";
const NOW: i64 = 1_800_000_000;
const BOTH: [TokenAlgorithm; 2] = [TokenAlgorithm::EdDsa, TokenAlgorithm::Hs256];

fn tokens(algorithm: TokenAlgorithm) -> Tokens {
    let settings = Settings {
        token_algorithm: algorithm,
        ..Settings::for_tests(SECRET)
    };
    Tokens::new(&settings).unwrap()
}

fn now() -> Ts {
    Ts::from_seconds(NOW)
}

fn user() -> User {
    let clock = Clock::standing_at(NOW * 1_000_000);
    User {
        id: UserId::new(&clock),
        email: Contact::own(Email::parse("ada@example.com").unwrap()),
        username: None,
        name: None,
        role: Role::User,
        status: Status::Active,
        email_verified: false,
        created_at: now(),
        updated_at: now(),
        last_seen_at: None,
        token_version: 3,
        caps: Caps::default(),
    }
}

fn session() -> SessionId {
    SessionId::new(&Clock::standing_at(NOW * 1_000_000))
}

/// Forges with the real key: what a bug or a leaked secret could sign.
struct Forge {
    tokens: Tokens,
    head: Value,
    claims: Value,
}

impl Forge {
    fn new(algorithm: TokenAlgorithm) -> Self {
        let tokens = tokens(algorithm);
        let good = tokens.issue(&user(), session(), now()).unwrap();
        let part = |at: usize| {
            let part = good.expose_secret().split('.').nth(at).unwrap();
            serde_json::from_slice(&keys::decode_part(part).unwrap()).unwrap()
        };
        Self {
            head: part(0),
            claims: part(1),
            tokens,
        }
    }

    fn with(algorithm: TokenAlgorithm, change: impl FnOnce(&mut Value, &mut Value)) -> Self {
        let mut forge = Self::new(algorithm);
        change(&mut forge.head, &mut forge.claims);
        forge
    }

    fn token(&self) -> String {
        self.sign(&self.head.to_string(), &self.claims.to_string())
    }

    fn sign(&self, head: &str, claims: &str) -> String {
        let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
        let message = format!("{}.{}", encode(head), encode(claims));
        let signing = &self.tokens.signing;
        let signature = sign(message.as_bytes(), &signing.key, signing.header.alg).unwrap();
        format!("{message}.{signature}")
    }

    fn verdict(&self, token: &str) -> &'static str {
        match self.tokens.read(token, now()) {
            Ok(_) => "good",
            Err(error) => error.code,
        }
    }
}

/// What becomes of a token whose claims were changed.
fn claim(name: &str, value: &Value) -> [&'static str; 2] {
    BOTH.map(|algorithm| {
        let forge = Forge::with(algorithm, |_, claims| claims[name] = value.clone());
        forge.verdict(&forge.token())
    })
}

/// What becomes of a token whose header was changed.
fn header(name: &str, value: &Value) -> [&'static str; 2] {
    BOTH.map(|algorithm| {
        let forge = Forge::with(algorithm, |head, _| head[name] = value.clone());
        forge.verdict(&forge.token())
    })
}

const REFUSED: [&str; 2] = ["invalid_token", "invalid_token"];
const EXPIRED: [&str; 2] = ["token_expired", "token_expired"];
const GOOD: [&str; 2] = ["good", "good"];

#[test]
fn a_token_says_what_was_issued() {
    for algorithm in BOTH {
        let tokens = tokens(algorithm);
        let (user, session) = (user(), session());

        let token = tokens.issue(&user, session, now()).unwrap();
        let claims = tokens.read(token.expose_secret(), now()).unwrap();

        assert_eq!((claims.sub, claims.sid, claims.ver), (user.id, session, 3));
        assert_eq!(claims.exp, NOW + 900);
    }
}

// RFC 9068 §2.2, and nothing of the user that a reader of the token need not know.
#[test]
fn a_token_says_no_more_than_it_must() {
    for algorithm in BOTH {
        let claims = Forge::new(algorithm).claims;

        let names: Vec<_> = claims.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            [
                "aud", "exp", "iat", "iss", "jti", "nbf", "role", "sid", "sub", "ver"
            ]
        );
        assert_ne!(claims["jti"], Forge::new(algorithm).claims["jti"]);
    }
}

#[test]
fn the_header_is_that_of_an_access_token() {
    let eddsa = Forge::new(TokenAlgorithm::EdDsa).head;
    let hs256 = Forge::new(TokenAlgorithm::Hs256).head;

    assert_eq!(
        (&eddsa["typ"], &eddsa["alg"]),
        (&json!("at+jwt"), &json!("EdDSA"))
    );
    assert_eq!(
        (&hs256["typ"], &hs256["alg"]),
        (&json!("at+jwt"), &json!("HS256"))
    );
    assert_ne!(eddsa["kid"], hs256["kid"]);
}

// The library takes a token without issuer, audience or subject, and one that never ends.
#[test]
fn every_claim_is_required() {
    for name in [
        "iss", "aud", "sub", "exp", "iat", "nbf", "jti", "sid", "role", "ver",
    ] {
        for algorithm in BOTH {
            let forge = Forge::with(algorithm, |_, claims| {
                claims.as_object_mut().unwrap().remove(name);
            });
            assert_eq!(forge.verdict(&forge.token()), "invalid_token", "{name}");
        }
    }
}

// CVE-2026-25537: jsonwebtoken passed over claims of a wrong type. It still takes a number for issuer
// and audience, and a list that our issuer stands in.
#[test]
fn a_claim_of_another_type_is_refused() {
    for wrong in [
        json!(7),
        json!({}),
        json!(null),
        json!(["evil", "concierge"]),
        json!(true),
    ] {
        assert_eq!(claim("iss", &wrong), REFUSED, "{wrong}");
        assert_eq!(claim("sub", &wrong), REFUSED, "{wrong}");
        assert_eq!(claim("sid", &wrong), REFUSED, "{wrong}");
    }
    for wrong in [json!(7), json!({}), json!(null), json!([7]), json!([])] {
        assert_eq!(claim("aud", &wrong), REFUSED, "{wrong}");
    }
    for wrong in [
        json!("1800000900"),
        json!(1e300),
        json!(-1),
        json!(1.5),
        json!(null),
    ] {
        assert_eq!(claim("exp", &wrong), REFUSED, "{wrong}");
    }
    for wrong in [json!("1800000000"), json!(1e300), json!(-1), json!({})] {
        assert_eq!(claim("iat", &wrong), REFUSED, "{wrong}");
    }
    for wrong in [json!("1800000000"), json!(1e300), json!([])] {
        assert_eq!(claim("nbf", &wrong), REFUSED, "{wrong}");
        assert_eq!(claim("ver", &wrong), REFUSED, "{wrong}");
    }
    assert_eq!(claim("nbf", &json!(-1)), REFUSED);
}

#[test]
fn the_issuer_and_the_audience_are_ours() {
    assert_eq!(claim("iss", &json!("evil")), REFUSED);
    assert_eq!(claim("aud", &json!("other")), REFUSED);
    assert_eq!(claim("aud", &json!(["other"])), REFUSED);
    assert_eq!(claim("aud", &json!(["other", "concierge"])), GOOD);
}

#[test]
fn the_subject_is_an_id() {
    assert_eq!(claim("sub", &json!("")), REFUSED);
    assert_eq!(claim("sub", &json!("x".repeat(256))), REFUSED);
    assert_eq!(claim("sub", &json!("x".repeat(255))), GOOD);
    assert_eq!(claim("role", &json!("root")), REFUSED);
}

// The library leaves a minute, and does not look at `iat`, nor unasked at `nbf`.
#[test]
fn clocks_may_be_half_a_minute_apart() {
    let since = |exp: i64| claim("exp", &json!(NOW - exp));
    assert_eq!(claim("iat", &json!(NOW + 30)), GOOD);
    assert_eq!(claim("iat", &json!(NOW + 31)), REFUSED);
    assert_eq!(claim("nbf", &json!(NOW + 30)), GOOD);
    assert_eq!(claim("iat", &json!(NOW + 11 * 86_400)), REFUSED);
    assert_eq!(claim("nbf", &json!(NOW + 3_600)), REFUSED);
    // Expired before it was issued.
    assert_eq!(since(29), REFUSED);

    for (age, verdict) in [
        (929, GOOD),
        (930, EXPIRED),
        (945, EXPIRED),
        (1_000_000, EXPIRED),
    ] {
        let aged = BOTH.map(|algorithm| {
            let forge = Forge::with(algorithm, |_, claims| {
                claims["iat"] = json!(NOW - age);
                claims["nbf"] = json!(NOW - age);
                claims["exp"] = json!(NOW - age + 900);
            });
            forge.verdict(&forge.token())
        });
        assert_eq!(aged, verdict, "{age}");
    }
}

#[test]
fn no_token_lives_longer_than_a_day() {
    let day = 24 * 3_600;

    assert_eq!(claim("exp", &json!(NOW + day)), GOOD);
    assert_eq!(claim("exp", &json!(NOW + day + 1)), REFUSED);
    assert_eq!(claim("exp", &json!(i64::MAX)), REFUSED);
    assert_eq!(claim("iat", &json!(NOW - 11 * day)), REFUSED);
    assert_eq!(claim("iat", &json!(i64::MIN)), REFUSED);
}

// RFC 7515 §4.1.11: who does not understand `crit` must refuse (Keats/jsonwebtoken#148, CVE-2025-59420,
// GHSA-hm7r-c7qw-ghp6). The library takes any `typ`, `crit` and `b64`.
#[test]
fn the_header_says_nothing_that_we_do_not_understand() {
    for typ in ["JWT", "refresh+jwt", "logout+jwt", "AT+JWT", ""] {
        assert_eq!(header("typ", &json!(typ)), REFUSED, "{typ}");
    }
    for (name, value) in [
        ("crit", json!(["foo"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("kid", json!("another")),
        ("kid", json!("")),
        ("kid", json!(null)),
        ("typ", json!(null)),
    ] {
        assert_eq!(header(name, &value), REFUSED, "{name}");
    }
    for name in ["typ", "alg", "kid"] {
        for algorithm in BOTH {
            let forge = Forge::with(algorithm, |head, _| {
                head.as_object_mut().unwrap().remove(name);
            });
            assert_eq!(forge.verdict(&forge.token()), "invalid_token", "{name}");
        }
    }
}

// RFC 8725 §3.1: nobody chooses how their own token is checked.
#[test]
fn the_key_decides_on_the_algorithm_and_not_the_header() {
    for alg in [
        "none", "None", "hs256", "HS384", "HS512", "ES512", "Ed25519", "RS256", "",
    ] {
        assert_eq!(header("alg", &json!(alg)), REFUSED, "{alg}");
    }
    let forge = Forge::with(TokenAlgorithm::EdDsa, |head, _| {
        head["alg"] = json!("HS256");
    });
    let public = forge.tokens.accepted[0].key.try_get_as_bytes().unwrap();
    let confused = EncodingKey::from_secret(public);
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", encode(&forge.head), encode(&forge.claims));
    let signature = sign(message.as_bytes(), &confused, Algorithm::HS256).unwrap();

    assert_eq!(
        forge.verdict(&format!("{message}.{signature}")),
        "invalid_token"
    );
    assert_eq!(forge.verdict(&format!("{message}.")), "invalid_token");
}

#[test]
fn a_key_said_twice_is_refused() {
    for algorithm in BOTH {
        let forge = Forge::new(algorithm);
        let (head, claims) = (forge.head.to_string(), forge.claims.to_string());
        let twice_sub = claims.replacen('{', r#"{"sub":"victim","#, 1);
        let twice_alg = head.replacen('{', r#"{"alg":"none","#, 1);
        let twice_kid = head.replacen('{', r#"{"kid":"x","#, 1);

        assert_eq!(forge.verdict(&forge.sign(&head, &claims)), "good");
        assert_eq!(
            forge.verdict(&forge.sign(&head, &twice_sub)),
            "invalid_token"
        );
        assert_eq!(
            forge.verdict(&forge.sign(&twice_alg, &claims)),
            "invalid_token"
        );
        assert_eq!(
            forge.verdict(&forge.sign(&twice_kid, &claims)),
            "invalid_token"
        );
    }
}

#[test]
fn one_token_has_one_spelling() {
    for algorithm in BOTH {
        let forge = Forge::new(algorithm);
        let good = forge.token();
        let (message, signature) = good.rsplit_once('.').unwrap();
        let spare_bits: String = {
            let last = signature.chars().last().unwrap();
            let next = char::from_u32(u32::from(last) + 1).unwrap();
            signature[..signature.len() - 1]
                .chars()
                .chain([next])
                .collect()
        };

        assert_eq!(forge.verdict(&good), "good");
        for other in [
            format!("{good}="),
            format!("{good}=="),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good}.{signature}"),
            format!("{message}.{spare_bits}"),
            format!("{message}.{}", signature.to_lowercase()),
            message.to_owned(),
            "..".to_owned(),
            String::new(),
            format!("{}é", &good[..good.len() - 1]),
        ] {
            assert_eq!(forge.verdict(&other), "invalid_token", "{other}");
        }
    }
}

#[test]
fn a_token_of_more_than_8_kib_is_not_even_read() {
    let padded = |length: usize| {
        let forge = Forge::with(TokenAlgorithm::EdDsa, |_, claims| {
            claims["more"] = json!("x".repeat(length));
        });
        (forge.token().len(), forge.verdict(&forge.token()))
    };

    assert!(matches!(padded(4_000), (..=8_192, "good")));
    assert!(matches!(padded(8_000), (8_193.., "invalid_token")));
}

#[test]
fn the_previous_secret_still_opens_and_signs_no_more() {
    for algorithm in BOTH {
        let before = tokens(algorithm);
        let settings = Settings {
            token_algorithm: algorithm,
            previous_secret_key: Some(SECRET.into()),
            ..Settings::for_tests("another secret of more than thirty-two characters")
        };
        let after = Tokens::new(&settings).unwrap();

        let old = before.issue(&user(), session(), now()).unwrap();
        let new = after.issue(&user(), session(), now()).unwrap();

        assert!(after.read(old.expose_secret(), now()).is_ok());
        assert!(after.read(new.expose_secret(), now()).is_ok());
        assert!(before.read(new.expose_secret(), now()).is_err());
    }
}

#[test]
fn a_token_of_one_algorithm_is_no_token_of_the_other() {
    let eddsa = Forge::new(TokenAlgorithm::EdDsa);
    let hs256 = Forge::new(TokenAlgorithm::Hs256);

    assert_eq!(eddsa.verdict(&hs256.token()), "invalid_token");
    assert_eq!(hs256.verdict(&eddsa.token()), "invalid_token");
}
