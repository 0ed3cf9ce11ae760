//! What a foreign token says, and whether that counts here and now.

use serde_json::Value;

use super::members::Members;
use crate::auth::token::{LEEWAY, LONGEST_LIFE};
use crate::domain::{Email, Name, Role, Ts, UserId};

/// The claims of a token whose signature is good, by the rules for all issuers.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) subject: UserId,
    pub(super) issued_at: Option<Ts>,
    /// From when on the token is good no more.
    pub(super) ends_at: Ts,
    pub(super) email: Option<Email>,
    /// None where nothing is said of an address.
    pub(super) email_verified: Option<bool>,
    pub(super) name: Option<Name>,
    /// Only the names that we have ourselves.
    pub(super) role: Option<Role>,
    pub(super) is_banned: bool,
}

impl Claims {
    /// None, and why: a claim is missing, of another type, or says that the token is not for us or not
    /// for now. No audiences: it may be for anybody.
    pub(super) fn read(
        members: &Members,
        audiences: &[String],
        now: Ts,
    ) -> Result<Self, &'static str> {
        let expires = seconds(members, "exp")?.ok_or("it has no exp")?;
        let issued = seconds(members, "iat")?;
        let begins = seconds(members, "nbf")?;
        let is_early = |at: Option<i64>| at.is_some_and(|at| at > now.seconds() + LEEWAY);
        if expires.saturating_add(LEEWAY) <= now.seconds() {
            return Err("it has expired");
        }
        if u64::try_from(expires.saturating_sub(now.seconds()))
            .is_ok_and(|life| life > LONGEST_LIFE.as_secs())
        {
            return Err("it lives for more than a day");
        }
        if is_early(issued) || is_early(begins) {
            return Err("it is from the future");
        }
        is_for_us(members, audiences)?;
        let subject = members.text("sub").map_err(|_| "its sub is no text")?;
        let email = text(members, "email");
        Ok(Self {
            subject: subject
                .and_then(UserId::parse)
                .ok_or("its sub is missing, or is not 1 to 255 characters")?,
            issued_at: issued.map(Ts::from_seconds),
            ends_at: Ts::from_seconds(expires.saturating_add(LEEWAY)),
            email: email.and_then(Email::parse),
            email_verified: email.map(|_| members.is_true("emailVerified")),
            name: text(members, "name").and_then(Name::parse),
            role: text(members, "role").and_then(role),
            is_banned: members.is_true("banned"),
        })
    }
}

/// `aud` is a text or a list of texts (RFC 7519 §4.1.3).
fn is_for_us(members: &Members, audiences: &[String]) -> Result<(), &'static str> {
    const WRONG_TYPE: &str = "its aud is neither a text nor a list of texts";
    let named: Vec<&str> = match members.get("aud") {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several
            .iter()
            .map(Value::as_str)
            .collect::<Option<_>>()
            .ok_or(WRONG_TYPE)?,
        Some(_) => return Err(WRONG_TYPE),
    };
    let is_ours = |name: &&str| audiences.iter().any(|audience| audience == name);
    if audiences.is_empty() || named.iter().any(is_ours) {
        return Ok(());
    }
    Err("it is for another audience")
}

fn seconds(members: &Members, name: &str) -> Result<Option<i64>, &'static str> {
    members
        .seconds(name)
        .map_err(|_| "its exp, iat or nbf is no time")
}

/// What is only shown may be of any type: then it is not shown.
fn text<'a>(members: &'a Members, name: &str) -> Option<&'a str> {
    members.text(name).ok().flatten()
}

fn role(name: &str) -> Option<Role> {
    match name {
        "admin" => Some(Role::Admin),
        "user" => Some(Role::User),
        _ => None,
    }
}
