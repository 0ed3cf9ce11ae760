//! A field at fault and the rule that it breaks, and how a deserializer's words become one.

use std::borrow::Cow;

use crate::error::{Error, Field, Location};

/// A refusal of fields whose messages are rules: `must be at least 1`.
pub fn broken(fields: Vec<Field>) -> Error {
    let sentence = match fields.as_slice() {
        [only] => Some(sentence(only)),
        _ => None,
    };
    let mut error = Error::fields(fields);
    if let Some(sentence) = sentence {
        error.message = sentence.into();
    }
    error
}

fn sentence(field: &Field) -> String {
    let Field { name, message, .. } = field;
    match field.location {
        Location::Body if name.is_empty() => format!("The body {message}."),
        Location::Body => format!("Field '{name}' {message}."),
        Location::Query | Location::Path => format!("Parameter '{name}' {message}."),
        Location::Header => format!("Header '{name}' {message}."),
    }
}

/// A refusal that names the field at `path`, from what serde said of it.
pub(super) fn at_fault(location: Location, path: &str, said: &str) -> Error {
    let rule = rule(without_place(said));
    broken(vec![Field {
        name: field_name(path, rule.field).into(),
        location,
        code: rule.code,
        message: rule.message.into_owned().into(),
    }])
}

/// PostgreSQL's text cannot hold U+0000, so no text of ours may.
pub(super) fn nul(location: Location, path: String) -> Error {
    broken(vec![Field {
        name: path.into(),
        location,
        code: "nul_character",
        message: "must not contain U+0000".into(),
    }])
}

struct Rule<'a> {
    code: &'static str,
    message: Cow<'a, str>,
    /// Where serde names the field in its words and not in the path.
    field: Option<&'a str>,
}

fn rule(said: &str) -> Rule<'_> {
    if let Some(field) = quoted_after(said, "missing field `") {
        return Rule {
            code: "missing",
            message: "is missing".into(),
            field: Some(field),
        };
    }
    if let Some(field) = quoted_after(said, "unknown field `") {
        return Rule {
            code: "unknown_field",
            message: "is not known here".into(),
            field: Some(field),
        };
    }
    if let Some(field) = quoted_after(said, "duplicate field `") {
        return Rule {
            code: "duplicate",
            message: "stands there twice".into(),
            field: Some(field),
        };
    }
    let expected = said.split_once(", expected ").map(|(_, expected)| expected);
    match expected {
        Some(expected) if said.starts_with("unknown variant") => Rule {
            code: "not_allowed",
            message: format!("must be {}", expected.replace('`', "'")).into(),
            field: None,
        },
        Some(expected) => Rule {
            code: "wrong_type",
            message: format!("must be {expected}").into(),
            field: None,
        },
        None => Rule {
            code: "invalid",
            message: said.into(),
            field: None,
        },
    }
}

fn quoted_after<'a>(said: &'a str, lead: &str) -> Option<&'a str> {
    said.strip_prefix(lead)?.split('`').next()
}

/// Without ` at line 1 column 10`.
fn without_place(said: &str) -> &str {
    said.rfind(" at line ").map_or(said, |at| &said[..at])
}

/// `items[1].title` as `items.1.title`, and with it the field that only the words name.
fn field_name(path: &str, named: Option<&str>) -> String {
    let dotted = path.replace('[', ".").replace([']', '?'], "");
    let dotted = dotted.trim_matches('.');
    match named {
        Some(field) if dotted.is_empty() => field.to_owned(),
        Some(field) if dotted.rsplit('.').next() != Some(field) => format!("{dotted}.{field}"),
        _ => dotted.to_owned(),
    }
}
