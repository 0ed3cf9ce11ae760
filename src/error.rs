//! What can go wrong, said once. Transports and drivers are named elsewhere.

use std::borrow::Cow;
use std::time::Duration;

pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: Kind,
    /// Stable, for programs: `todo_not_found`.
    pub code: &'static str,
    /// For people. Never holds what a driver or an upstream said.
    pub message: Cow<'static, str>,
    /// The fields at fault.
    pub fields: Vec<Field>,
    #[source]
    source: Option<Source>,
}

/// What sort of thing went wrong; each transport has its own word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be read at all.
    Malformed,
    /// It was read, and breaks a rule.
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    /// The thing is there, but does not do this.
    NotAllowed,
    Conflict,
    /// It was good once, and its time is over.
    Gone,
    /// A precondition does not hold any more.
    Stale,
    TooLarge,
    /// The body comes in a form that this door does not take.
    Unsupported,
    /// Money has run out.
    Exhausted,
    TooMany {
        retry_after: Duration,
        /// What is told of the limit, where it is one by address.
        quota: Option<Quota>,
    },
    /// The caller took too long to say what it wants.
    Slow,
    /// Something that we asked has failed; `code` is the number that it gave, where that is passed on.
    Upstream {
        code: Option<u16>,
    },
    Timeout,
    Unavailable,
    Internal,
}

/// A limit, how much of it is left, and in how many seconds all of it is there again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: u32,
    pub remaining: u32,
    pub reset: u32,
}

/// One field at fault, and the rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Dotted for nested values: `items.0.title`. Empty for the whole body.
    pub name: Cow<'static, str>,
    pub location: Location,
    /// Stable, for programs: `too_short`.
    pub code: &'static str,
    pub message: Cow<'static, str>,
}

/// Where in a request a field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    Body,
    Query,
    Path,
    Header,
}

impl Error {
    pub fn new(kind: Kind, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            fields: Vec::new(),
            source: None,
        }
    }

    /// A value that was read, and breaks a rule.
    pub fn invalid(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Invalid, code, message)
    }

    /// Something asked for by id is not there, or is another's.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(
            Kind::NotFound,
            "not_found",
            format!("There is no such {what}."),
        )
    }

    pub fn unauthenticated(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unauthenticated, code, message)
    }

    pub fn forbidden(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Forbidden, code, message)
    }

    pub fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    /// Something outside is down for now.
    pub fn unavailable(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unavailable, code, message)
    }

    /// An accident of ours. The source is for the log alone.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::new(
            Kind::Internal,
            "internal_error",
            "Something went wrong on our side.",
        )
        .because(source)
    }

    /// Keeps what a driver said, for the log.
    #[must_use]
    pub fn because(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Names the body field at fault; its rule is this error's code and message.
    #[must_use]
    pub fn at(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.at_in(Location::Body, name)
    }

    /// Names the field at fault and where it stands.
    #[must_use]
    pub fn at_in(mut self, location: Location, name: impl Into<Cow<'static, str>>) -> Self {
        self.fields.push(Field {
            name: name.into(),
            location,
            code: self.code,
            message: self.message.clone(),
        });
        self
    }

    /// Several fields at fault, told together.
    pub fn fields(fields: Vec<Field>) -> Self {
        let message = match fields.as_slice() {
            [only] => only.message.clone(),
            _ => Cow::Borrowed("Several fields are not valid."),
        };
        let mut error = Self::invalid("validation_error", message);
        error.fields = fields;
        error
    }
}

/// The whole chain of causes on one line, for the log. A cause that its error has quoted is not
/// said again.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = one_line(&error.to_string());
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_says = one_line(&cause.to_string());
        if !line.contains(&cause_says) {
            line.truncate(line.trim_end_matches('.').len());
            line.push_str(": ");
            line.push_str(&cause_says);
        }
        next = cause.source();
    }
    line
}

/// What a driver or an upstream says may hold line breaks, and a log has a line for each event.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_carries_the_rule_that_it_breaks() {
        let error = Error::invalid("too_short", "A name needs a character.").at("name");

        assert_eq!(error.kind, Kind::Invalid);
        assert_eq!(error.fields[0].name, "name");
        assert_eq!(error.fields[0].code, "too_short");
    }

    #[test]
    fn the_cause_is_in_the_chain_and_not_in_the_message() {
        let error = Error::internal(std::io::Error::other("disk full"));

        assert!(!error.to_string().contains("disk full"));
        assert_eq!(chain(&error), "Something went wrong on our side: disk full");
    }

    #[test]
    fn a_chain_is_one_line_and_says_nothing_twice() {
        let inner = Error::new(Kind::Internal, "inner", "role \"x\"\nis unknown");
        let middle = Error::new(Kind::Internal, "middle", format!("said: {inner}")).because(inner);
        let outer = Error::unavailable("outer", "No way in.").because(middle);

        assert_eq!(chain(&outer), "No way in: said: role \"x\" is unknown");
    }
}
