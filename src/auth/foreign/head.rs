//! What a foreign token's header may say. What it names to be fetched (`jku`, `x5u`, `jwk`) is not looked
//! at.

use super::members::Members;

/// The members that count.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
}

const LONGEST_KID: usize = 255;

impl Head {
    /// None, and why: an unreadable header, a token of another kind, or an extension that we do not know.
    pub(super) fn read(part: &str) -> Result<Self, &'static str> {
        let members = Members::read(part).ok_or("its header cannot be read")?;
        if members.has("crit") || members.has("b64") {
            return Err("its header asks for an extension");
        }
        let typ = members.text("typ").map_err(|_| "its typ is no text")?;
        if typ.is_some_and(|typ| !is_access_token(typ)) {
            return Err("its typ is that of another kind of token");
        }
        let alg = members.text("alg").ok().flatten();
        let alg = alg.ok_or("its header has no alg")?;
        let kid = members.text("kid").map_err(|_| "its kid is no text")?;
        if kid.is_some_and(|kid| kid.is_empty() || kid.len() > LONGEST_KID) {
            return Err("its kid is empty or too long");
        }
        Ok(Self {
            alg: alg.to_owned(),
            kid: kid.map(str::to_owned),
        })
    }
}

/// Media types know no case (RFC 7515 §4.1.9).
fn is_access_token(typ: &str) -> bool {
    ["JWT", "at+jwt"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(typ))
}
