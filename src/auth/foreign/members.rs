//! A part of a token as it stands: an object that says nothing twice.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::auth::token::decode_part;

/// The members of a header or of claims. Of a member that stands there twice, readers would take the one
/// or the other: such an object is none (RFC 7519 §4).
#[derive(Debug)]
pub(super) struct Members(BTreeMap<String, Value>);

/// A member that is there and is of another type than it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongType;

impl Members {
    /// Reads base64url without padding.
    pub(super) fn read(part: &str) -> Option<Self> {
        serde_json::from_slice(&decode_part(part)?).ok()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, WrongType> {
        self.get(name)
            .map(|value| value.as_str().ok_or(WrongType))
            .transpose()
    }

    /// A time in seconds since 1970, rounded down (RFC 7519 §2).
    pub(super) fn seconds(&self, name: &str) -> Result<Option<i64>, WrongType> {
        self.get(name)
            .map(|value| seconds(value).ok_or(WrongType))
            .transpose()
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some(&Value::Bool(true))
    }
}

fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().filter(|whole| *whole >= 0).or_else(|| {
        let span = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
        i64::try_from(span.as_secs()).ok()
    })
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Each)
    }
}

struct Each;

impl<'de> Visitor<'de> for Each {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands there twice"));
            }
        }
        Ok(Members(members))
    }
}
