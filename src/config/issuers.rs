//! Others whose tokens are accepted.

use secrecy::SecretString;
use url::{Host, Url};

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

/// What users of the short form are kept under.
const BETTER_AUTH: &str = "better-auth";

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
    /// What its users are kept under: its `iss`, unless it is the short form.
    pub fn name(&self) -> &str {
        match &self.iss {
            Some(iss) if !self.sub_is_user_id => iss,
            _ => BETTER_AUTH,
        }
    }

    pub(super) fn read_all(reader: &mut Reader<'_>, env: AppEnv) -> Vec<Self> {
        let standard = Standard {
            env,
            algorithm: JwtAlgorithm::Hs256,
        };
        let configured = reader.each_inside("issuers", |issuer| {
            issuer.refuse_unknown_keys();
            Self::read(issuer, standard)
        });
        let short = better_auth(reader, standard);
        let all: Vec<_> = configured.into_iter().flatten().collect();
        refuse_namesakes(reader, &all, &short);
        all.into_iter().chain(short).collect()
    }

    fn read(reader: &mut Reader<'_>, standard: Standard) -> Option<Self> {
        let iss = reader.option("iss", text);
        if iss.is_none() {
            reader.problem("iss", "is not set", "the issuer's name in its tokens");
        }
        let keys = keys(reader, standard)?;
        if !reader.is_set("audiences") {
            let wanted = "the audiences that its tokens must be for";
            reader.problem("audiences", "is not set", wanted);
        }
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
    let jwks = reader.option("jwks_url", key_set_url);
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

/// Which issuer a token is of must be clear from its name.
fn refuse_namesakes(reader: &mut Reader<'_>, all: &[Issuer], short: &[Issuer]) {
    let names: Vec<_> = all.iter().map(|issuer| issuer.iss.as_deref()).collect();
    let is_short = |name: &str| {
        short
            .iter()
            .any(|issuer| issuer.iss.as_deref() == Some(name))
    };
    for (at, name) in names.iter().enumerate() {
        let Some(name) = *name else { continue };
        if name == BETTER_AUTH {
            let found = format!("names one {BETTER_AUTH}, as the short form is called");
            reader.problem("issuers", found, "another iss");
        } else if names[..at].contains(&Some(name)) || is_short(name) {
            let found = format!("names {name} twice");
            reader.problem(
                "issuers",
                found,
                "each iss once, BETTER_AUTH_URL among them",
            );
        }
    }
}

/// The short form: its users' ids are ours. Its key set and its secret each verify tokens of their
/// own kind.
fn better_auth(reader: &mut Reader<'_>, standard: Standard) -> Vec<Issuer> {
    let audiences = reader
        .list("BETTER_AUTH_AUDIENCE", text)
        .unwrap_or_default();
    let trust_role = reader.value("BETTER_AUTH_TRUST_ROLE", boolean);
    let url = reader.option("BETTER_AUTH_URL", better_auth_url);
    let secret = reader
        .is_set("BETTER_AUTH_SECRET")
        .then(|| standard.read(reader, "BETTER_AUTH_SECRET"))
        .flatten();
    let issuer = |iss, audiences, keys: IssuerKeys| Issuer {
        iss,
        algorithms: owned(keys.algorithms()),
        keys,
        audiences,
        trust_role,
        sub_is_user_id: true,
    };
    let published = url.map(|(iss, jwks)| {
        // Unless it is told otherwise, Better Auth issues tokens for itself.
        let mut audiences = audiences.clone();
        if audiences.is_empty() {
            audiences.push(iss.clone());
        }
        issuer(Some(iss), audiences, IssuerKeys::Jwks(jwks))
    });
    let shared = secret.map(|secret| issuer(None, audiences.clone(), IssuerKeys::Hs256(secret)));
    published.into_iter().chain(shared).collect()
}

/// The origin is the `iss`, wherever below it Better Auth is served.
fn better_auth_url(value: &str) -> Parsed<(String, Url)> {
    let base = value.trim_end_matches('/');
    let base = base.strip_suffix("/api/auth").unwrap_or(base);
    let jwks = key_set_url(&format!("{base}/api/auth/jwks"))?;
    Ok((jwks.origin().ascii_serialization(), jwks))
}

/// Whoever stands in the way of plain http could put keys of their own in.
fn key_set_url(value: &str) -> Parsed<Url> {
    let url = web_url(value)?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" || is_here {
        Ok(url)
    } else {
        Err("an https:// address, or an http:// one of this machine".into())
    }
}
