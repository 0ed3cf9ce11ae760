//! What a deserializer says, as a field and the rule that it breaks.

use std::borrow::Cow;

use crate::error::{Error, Field, Location};

/// A refusal that names the field at `path`, from what serde said of it.
pub(super) fn at_fault(location: Location, path: &str, said: &str) -> Error {
    let rule = rule(without_place(said));
    let name = field_name(path, rule.field);
    let message = match name.as_str() {
        "" => format!("The body {}.", rule.message),
        name => format!("Field '{name}' {}.", rule.message),
    };
    let mut error = Error::invalid("validation_error", message);
    error.fields.push(Field {
        name: name.into(),
        location,
        code: rule.code,
        message: rule.message.into_owned().into(),
    });
    error
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
