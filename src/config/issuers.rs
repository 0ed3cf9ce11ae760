//! Others whose tokens are accepted.

use secrecy::SecretString;
use url::Url;

use super::parse::{Parsed, Wanted, boolean, text, web_url};
use super::reader::Reader;
use super::secret::Standard;
use super::{AppEnv, JwtAlgorithm};

/// A foreign issuer whose tokens are accepted: `[[issuers]]` or `BETTER_AUTH_*`.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// None only for the Better Auth short form with a secret.
    pub iss: Option<String>,
    pub keys: IssuerKeys,
    pub audiences: Vec<String>,
    /// Of `EdDSA`, `ES256`, `RS256`, `PS256` for a key set; `HS256` for a secret.
    pub algorithms: Vec<String>,
    pub trust_role: bool,
    /// Whether `sub` is the user's id here too (Better Auth short form).
    pub sub_is_user_id: bool,
}

#[derive(Clone, Debug)]
pub enum IssuerKeys {
    /// Where the issuer publishes its public keys (a JWKS).
    Jwks(Url),
    /// A secret shared with the issuer.
    Hs256(SecretString),
}

impl IssuerKeys {
    fn algorithms(&self) -> &'static [&'static str] {
        match self {
            Self::Jwks(_) => &["EdDSA", "ES256", "RS256", "PS256"],
            Self::Hs256(_) => &["HS256"],
        }
    }
}

impl Issuer {
    pub(super) fn read_all(reader: &mut Reader<'_>, env: AppEnv) -> Vec<Self> {
        let standard = Standard {
            env,
            algorithm: JwtAlgorithm::Hs256,
        };
        let configured = reader.each_inside("issuers", |issuer| {
            issuer.refuse_unknown_keys();
            Self::read(issuer, standard)
        });
        configured
            .into_iter()
            .flatten()
            .chain(better_auth(reader, standard))
            .collect()
    }

    fn read(reader: &mut Reader<'_>, standard: Standard) -> Option<Self> {
        let iss = reader.option("iss", text);
        if iss.is_none() {
            reader.problem("iss", "is not set", "the issuer's name in its tokens");
        }
        let keys = keys(reader, standard)?;
        let audiences = reader.list("audiences", text).unwrap_or_default();
        let algorithms = reader
            .list("algorithms", |name| known(name, keys.algorithms()))
            .unwrap_or_else(|| owned(keys.algorithms()));
        Some(Self {
            iss,
            keys,
            audiences,
            algorithms,
            trust_role: reader.value("trust_role", boolean),
            sub_is_user_id: false,
        })
    }
}

fn keys(reader: &mut Reader<'_>, standard: Standard) -> Option<IssuerKeys> {
    let jwks = reader.option("jwks_url", web_url);
    let secret = standard.read(reader, "hs256_secret");
    match (jwks, secret) {
        (Some(url), None) => Some(IssuerKeys::Jwks(url)),
        (None, Some(secret)) => Some(IssuerKeys::Hs256(secret)),
        (Some(_), Some(_)) => {
            reader.problem("jwks_url", "is set beside hs256_secret", "one of them");
            None
        }
        (None, None) => {
            if !reader.is_set("jwks_url") {
                reader.problem("jwks_url", "is not set", "jwks_url or hs256_secret");
            }
            None
        }
    }
}

fn known(name: &str, algorithms: &[&str]) -> Parsed<String> {
    if algorithms.contains(&name) {
        Ok(name.to_owned())
    } else {
        Err(Wanted::from(format!("some of {}", algorithms.join(", "))))
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The short form: its users' ids are ours. Its key set and its secret each verify tokens of their
/// own kind.
fn better_auth(reader: &mut Reader<'_>, standard: Standard) -> Vec<Issuer> {
    let audiences = reader
        .list("BETTER_AUTH_AUDIENCE", text)
        .unwrap_or_default();
    let url = reader.option("BETTER_AUTH_URL", better_auth_url);
    let secret = reader
        .is_set("BETTER_AUTH_SECRET")
        .then(|| standard.read(reader, "BETTER_AUTH_SECRET"))
        .flatten();
    let issuer = |iss, keys: IssuerKeys| Issuer {
        iss,
        algorithms: owned(keys.algorithms()),
        keys,
        audiences: audiences.clone(),
        trust_role: false,
        sub_is_user_id: true,
    };
    let published = url.map(|(iss, jwks)| issuer(Some(iss), IssuerKeys::Jwks(jwks)));
    let shared = secret.map(|secret| issuer(None, IssuerKeys::Hs256(secret)));
    published.into_iter().chain(shared).collect()
}

fn better_auth_url(value: &str) -> Parsed<(String, Url)> {
    let base = value.trim_end_matches('/');
    let jwks = web_url(&format!("{base}/api/auth/jwks"))?;
    Ok((base.to_owned(), jwks))
}
