//! The members of a request that we read, and the rules that they keep.

use std::sync::Arc;

use serde::de::{IgnoredAny, MapAccess};
use serde_json::value::RawValue;

use super::Task;
use crate::error::{Error, Kind, Result};
use crate::llm::json::{Members, Name, Object, is_read_as};

/// A member that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Model,
    Messages,
    Input,
    Stream,
    StreamOptions,
    MaxTokens,
    MaxCompletionTokens,
    N,
    User,
}

/// Each member that we read, as it stands in the body.
#[derive(Default)]
pub(super) struct Fields<'a> {
    values: [Option<&'a RawValue>; Field::COUNT],
    /// Those that occur again.
    twice: Vec<Field>,
    /// Those that others would take for one of ours, each once.
    misspelled: Vec<(Field, String)>,
}

/// A member by its name.
enum Named {
    Ours(Field),
    /// Who does not mind the case would read it as one of ours, and in its place.
    Misspelled(Field, String),
    Foreign,
}

impl<'a> Fields<'a> {
    /// Reads a body that is one JSON object.
    pub(super) fn read(body: &'a [u8], task: Task) -> Result<Self> {
        if body.starts_with(b"\xEF\xBB\xBF") {
            return Err(not_json("The body begins with a byte-order mark.".into()));
        }
        let text = std::str::from_utf8(body)
            .map_err(|_| not_json("The body is not valid JSON: it is not UTF-8.".into()))?;
        if text.trim().is_empty() {
            return Err(not_json("The body is empty.".into()));
        }
        let Object(fields) =
            serde_json::from_str::<Object<Self>>(text).map_err(|_| unread(text))?;
        if let Some(field) = fields.twice.iter().find(|field| field.is_of(task)) {
            return Err(twice(field.name()));
        }
        let mut misspelled = fields.misspelled.iter();
        match misspelled.find(|(field, _)| field.is_of(task)) {
            Some((field, spelled)) => Err(self::misspelled(field.name(), spelled)),
            None => Ok(fields),
        }
    }

    /// A member as it stands in the body, null too.
    pub(super) fn get(&self, field: Field) -> Option<&'a str> {
        self.values[field as usize].map(RawValue::get)
    }

    pub(super) fn required(&self, field: Field) -> Result<&'a str> {
        self.get(field)
            .ok_or_else(|| refused(field.name(), "is required"))
    }

    pub(super) fn model(&self) -> Result<Arc<str>> {
        let model = self.required(Field::Model)?;
        match serde_json::from_str::<String>(model) {
            Ok(model) if model.trim().is_empty() => Err(refused("model", "must not be empty")),
            Ok(model) => Ok(model.into()),
            Err(_) => Err(refused("model", "must be a string")),
        }
    }

    pub(super) fn array(&self, field: Field) -> Result<&'a str> {
        let value = self.required(field)?;
        if value.starts_with('[') {
            Ok(value)
        } else {
            Err(refused(field.name(), "must be an array"))
        }
    }

    /// A text, or an array of whatever.
    pub(super) fn text_or_array(&self, field: Field) -> Result<&'a str> {
        let value = self.required(field)?;
        if value.starts_with(['"', '[']) {
            Ok(value)
        } else {
            Err(refused(field.name(), "must be a string or an array"))
        }
    }

    pub(super) fn flag(&self, field: Field) -> Result<bool> {
        match self.get(field) {
            None | Some("false" | "null") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(refused(field.name(), "must be true, false or null")),
        }
    }

    /// A whole number; one beyond 64 bits counts as the largest.
    pub(super) fn count(&self, field: Field) -> Result<Option<u64>> {
        match self.get(field) {
            None | Some("null") => Ok(None),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Some(digits.parse().unwrap_or(u64::MAX)))
            }
            Some(_) => Err(refused(
                field.name(),
                "must be null or a whole number of at least 0",
            )),
        }
    }
}

impl<'de> Members<'de> for Fields<'de> {
    fn read<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut fields = Self::default();
        while let Some(named) = members.next_key_seed(Name(Named::of))? {
            if let Named::Ours(field) = named {
                let seen = fields.values[field as usize].replace(members.next_value()?);
                if seen.is_some() {
                    fields.twice.push(field);
                }
                continue;
            }
            members.next_value::<IgnoredAny>()?;
            if let Named::Misspelled(field, name) = named {
                fields.is_misspelled(field, name);
            }
        }
        Ok(fields)
    }
}

impl Fields<'_> {
    fn is_misspelled(&mut self, field: Field, name: String) {
        if self.misspelled.iter().all(|(known, _)| *known != field) {
            self.misspelled.push((field, name));
        }
    }
}

impl Named {
    fn of(name: &[u8]) -> Self {
        if let Some(field) = Field::named(name) {
            return Self::Ours(field);
        }
        let taken_for = Field::ALL
            .into_iter()
            .find(|field| is_read_as(name, field.name()));
        match taken_for {
            Some(field) => Self::Misspelled(field, String::from_utf8_lossy(name).into_owned()),
            None => Self::Foreign,
        }
    }
}

impl Field {
    const COUNT: usize = Self::ALL.len();

    const ALL: [Self; 9] = [
        Self::Model,
        Self::Messages,
        Self::Input,
        Self::Stream,
        Self::StreamOptions,
        Self::MaxTokens,
        Self::MaxCompletionTokens,
        Self::N,
        Self::User,
    ];

    fn named(name: &[u8]) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|field| field.name().as_bytes() == name)
    }

    /// Whether we read it of such a request.
    fn is_of(self, task: Task) -> bool {
        match task {
            Task::Chat => self != Self::Input,
            Task::Embeddings => matches!(self, Self::Model | Self::Input | Self::User),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Messages => "messages",
            Self::Input => "input",
            Self::Stream => "stream",
            Self::StreamOptions => "stream_options",
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::N => "n",
            Self::User => "user",
        }
    }
}

/// Two values of one member: we would act on one of them, and the upstream on the other.
pub(super) fn twice(name: &'static str) -> Error {
    refused(name, "must occur only once")
}

/// Likewise, where the upstream does not mind the case.
pub(super) fn misspelled(name: &'static str, spelled: &str) -> Error {
    let message = format!("`{spelled}` must be spelled `{name}`.");
    Error::new(Kind::Malformed, "invalid_request", message).at(name)
}

fn refused(name: &'static str, rule: &'static str) -> Error {
    let message = format!("`{name}` {rule}.");
    Error::new(Kind::Malformed, "invalid_request", message).at(name)
}

/// Why a body was not read as an object.
fn unread(text: &str) -> Error {
    let Err(error) = serde_json::from_str::<IgnoredAny>(text) else {
        let message = "The body must be a JSON object.";
        return Error::new(Kind::Malformed, "invalid_request", message);
    };
    if error.is_eof() {
        return not_json("The body is not valid JSON: it ends too early.".into());
    }
    let (line, column) = (error.line(), error.column());
    not_json(format!(
        "The body is not valid JSON: see line {line}, column {column}."
    ))
}

fn not_json(message: String) -> Error {
    Error::new(Kind::Malformed, "malformed_json", message)
}
