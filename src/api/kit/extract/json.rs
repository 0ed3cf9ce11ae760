//! JSON bodies, and forms where a route takes both.

use std::borrow::Cow;

use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body::Body;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as Refused, MapDeserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::body::{Limits, essence, require_json, unsupported};
use super::fault::{at_fault, broken, nul};
use super::text::Text;
use crate::error::{Error, Field, Kind, Location, Result};
use crate::state::App;

/// A JSON body, coming or going.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A JSON body, or the same fields as a form.
#[derive(Debug)]
pub struct JsonOrForm<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers)?;
        let bytes = Limits::ordinary(app).read(&parts.headers, body).await?;
        parse(&bytes).map(Self)
    }
}

/// None where there is no body.
impl<T: DeserializeOwned> OptionalFromRequest<App> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Option<Self>> {
        if !request.headers().contains_key(CONTENT_TYPE) && request.body().is_end_stream() {
            return Ok(None);
        }
        <Self as FromRequest<App>>::from_request(request, app)
            .await
            .map(Some)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for JsonOrForm<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let is_form = essence(&parts.headers) == "application/x-www-form-urlencoded";
        if !is_form && require_json(&parts.headers).is_err() {
            return Err(unsupported(
                "The body must be sent as application/json or application/x-www-form-urlencoded.",
            ));
        }
        let bytes = Limits::ordinary(app).read(&parts.headers, body).await?;
        if is_form {
            parse_form(&bytes)
        } else {
            parse(&bytes)
        }
        .map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let kind = HeaderValue::from_static("application/json");
                ([(CONTENT_TYPE, kind)], body).into_response()
            }
            Err(error) => Error::internal(error).into_response(),
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // A sequence would be taken for the fields in their order.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    if is_object && let Ok(value) = serde_json::from_slice(bytes) {
        refuse_nul(bytes)?;
        return Ok(value);
    }
    // Only what failed is read again, slower: is it JSON at all, and which field was it?
    let syntax = serde_json::from_slice::<&RawValue>(bytes);
    if let Err(error) = syntax {
        return Err(no_json(bytes, &error));
    }
    if !is_object {
        return Err(no_object());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let again: Result<T, _> = serde_path_to_error::deserialize(&mut deserializer);
    match again {
        Ok(_) => Err(Error::internal("a body was read at the second try alone")),
        Err(error) if is_no_word(error.inner()) => {
            let path = error.path().to_string();
            let said = "invalid type, expected one of the texts that are allowed";
            Err(at_fault(Location::Body, &path, said))
        }
        Err(error) if error.inner().is_data() => {
            let path = error.path().to_string();
            Err(at_fault(Location::Body, &path, &error.inner().to_string()))
        }
        Err(error) => Err(no_json(bytes, error.inner())),
    }
}

/// Whether something else stands where one of a few words should: `serde_json` takes it for bad syntax.
fn is_no_word(error: &serde_json::Error) -> bool {
    error.is_syntax() && error.to_string().starts_with("expected value")
}

fn no_json(bytes: &[u8], error: &serde_json::Error) -> Error {
    if bytes.trim_ascii().is_empty() {
        return malformed("The body is empty.");
    }
    malformed(format!(
        "The body is not valid JSON (line {}, column {}).",
        error.line(),
        error.column()
    ))
}

fn no_object() -> Error {
    broken(vec![Field {
        name: "".into(),
        location: Location::Body,
        code: "wrong_type",
        message: "must be a JSON object".into(),
    }])
}

fn malformed(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::Malformed, "malformed_json", message)
}

fn refuse_nul(bytes: &[u8]) -> Result<()> {
    if memchr::memmem::find(bytes, br"\u0000").is_none() {
        return Ok(());
    }
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| malformed("The body is nested too deeply.").because(error))?;
    match nul_path(&value) {
        Some(path) => Err(nul(Location::Body, path)),
        None => Ok(()),
    }
}

fn nul_path(value: &Value) -> Option<String> {
    let below = |name: &str, inner: &Value| {
        let rest = nul_path(inner)?;
        let dot = if rest.is_empty() { "" } else { "." };
        Some(format!("{name}{dot}{rest}"))
    };
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| below(&index.to_string(), item)),
        Value::Object(members) => members.iter().find_map(|(name, item)| below(name, item)),
        _ => None,
    }
}

fn parse_form<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let pairs: Vec<_> = url::form_urlencoded::parse(bytes).collect();
    if let Some((name, _)) = pairs.iter().find(|(_, value)| value.contains('\0')) {
        return Err(nul(Location::Body, name.to_string()));
    }
    let pairs = pairs.iter().map(|(name, value)| (&**name, Text(value)));
    serde_path_to_error::deserialize(MapDeserializer::new(pairs)).map_err(
        |error: serde_path_to_error::Error<Refused>| {
            let path = error.path().to_string();
            at_fault(Location::Body, &path, &error.inner().to_string())
        },
    )
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only its reading is looked at")]
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    struct Item {
        #[expect(dead_code, reason = "only its reading is looked at")]
        title: String,
    }

    fn refusal(body: &str) -> (Kind, String, &'static str) {
        let error = parse::<Body>(body.as_bytes()).unwrap_err();
        let field = error.fields.first();
        (
            error.kind,
            field
                .map(|field| field.name.to_string())
                .unwrap_or_default(),
            field.map_or("", |field| field.code),
        )
    }

    #[test]
    fn the_field_at_fault_is_named_by_its_path() {
        let wrong_type = refusal(r#"{"items":[{"title":"a"},{"title":7}]}"#);
        let missing = refusal(r#"{"items":[{}]}"#);
        let unknown = refusal(r#"{"items":[],"role":"admin"}"#);
        let twice = refusal(r#"{"items":[],"items":[]}"#);
        let nul = refusal(r#"{"items":[{"title":"a\u0000b"}]}"#);

        assert_eq!(
            wrong_type,
            (Kind::Invalid, "items.1.title".into(), "wrong_type")
        );
        assert_eq!(missing, (Kind::Invalid, "items.0.title".into(), "missing"));
        assert_eq!(unknown, (Kind::Invalid, "role".into(), "unknown_field"));
        assert_eq!(twice, (Kind::Invalid, "items".into(), "duplicate"));
        assert_eq!(nul.1, "items.0.title");
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for body in ["", "{", "nope", r#"{"items":[]} trailing"#, "\u{feff}{}"] {
            assert_eq!(refusal(body).0, Kind::Malformed, "{body:?}");
        }
    }

    #[test]
    fn an_escaped_backslash_before_u0000_is_no_nul() {
        assert!(parse::<Body>(br#"{"items":[{"title":"\\u0000"}]}"#).is_ok());
    }
}
