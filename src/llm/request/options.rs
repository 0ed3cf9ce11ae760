//! What a request says about usage in its stream, and the edit that makes it ask.

use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::fields::{misspelled, twice};
use crate::error::Result;
use crate::llm::json::{self, Edit, Members, Name, Object, Span, is_read_as};

const NAME: &str = "include_usage";
const PATH: &str = "stream_options.include_usage";

/// Whether the upstream is asked to report usage.
#[derive(Clone, Debug)]
pub(super) enum UsageOption {
    Asked,
    /// It is not; this edit asks.
    Missing(Span, &'static str),
    /// What stands there is of the wrong type, and the upstream's to judge.
    Foreign,
}

impl UsageOption {
    /// Reads `stream_options`, which was borrowed from `body`.
    pub(super) fn read(body: &[u8], options: Option<&str>) -> Result<Self> {
        let Some(options) = options else {
            return Ok(Self::absent(body));
        };
        let at = json::span(body, options);
        if options == "null" {
            return Ok(Self::Missing(at, r#"{"include_usage":true}"#));
        }
        let Ok(Object(members)) = serde_json::from_str::<Object<Options<'_>>>(options) else {
            return Ok(Self::Foreign);
        };
        if members.is_twice {
            return Err(twice(PATH));
        }
        if let Some(name) = members.misspelled {
            return Err(misspelled(PATH, &format!("stream_options.{name}")));
        }
        Ok(match members.include_usage.map(RawValue::get) {
            Some("true") => Self::Asked,
            Some(off @ ("false" | "null")) => Self::Missing(json::span(body, off), "true"),
            Some(_) => Self::Foreign,
            None if members.is_empty => Self::inserted(at, r#""include_usage":true"#),
            None => Self::inserted(at, r#""include_usage":true,"#),
        })
    }

    /// The same once `edits` are made to the body.
    pub(super) fn moved(&self, edits: &[Edit<'_>]) -> Self {
        match self {
            Self::Missing(at, with) => Self::Missing(json::moved(at, edits), with),
            other => other.clone(),
        }
    }

    fn absent(body: &[u8]) -> Self {
        let brace = memchr::memchr(b'{', body).unwrap_or_default();
        Self::inserted(
            brace..body.len(),
            r#""stream_options":{"include_usage":true},"#,
        )
    }

    /// A member put in front of the others of the object that stands at `object`.
    fn inserted(object: Span, member: &'static str) -> Self {
        let first = object.start + 1;
        Self::Missing(first..first, member)
    }
}

/// The one member of `stream_options` that we read.
struct Options<'a> {
    include_usage: Option<&'a RawValue>,
    is_twice: bool,
    /// One that others would take for it.
    misspelled: Option<String>,
    is_empty: bool,
}

enum Named {
    Ours,
    Misspelled(String),
    Foreign,
}

impl<'de> Members<'de> for Options<'de> {
    fn read<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut options = Self {
            include_usage: None,
            is_twice: false,
            misspelled: None,
            is_empty: true,
        };
        while let Some(named) = members.next_key_seed(Name(Named::of))? {
            options.is_empty = false;
            if let Named::Ours = named {
                let seen = options.include_usage.replace(members.next_value()?);
                options.is_twice |= seen.is_some();
                continue;
            }
            members.next_value::<IgnoredAny>()?;
            if let Named::Misspelled(name) = named {
                options.misspelled = Some(name);
            }
        }
        Ok(options)
    }
}

impl Named {
    fn of(name: &[u8]) -> Self {
        if name == NAME.as_bytes() {
            return Self::Ours;
        }
        if is_read_as(name, NAME) {
            return Self::Misspelled(String::from_utf8_lossy(name).into_owned());
        }
        Self::Foreign
    }
}
