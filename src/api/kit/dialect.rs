//! How an error looks, by the branch of the API that it leaves through.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use super::accept;
use super::envelope::{
    Details, Envelope, FieldAtFault, OpenAiEnvelope, OpenAiProblem, Problem, ProblemField,
};
use super::problem::Refusal;
use crate::domain::{RequestId, Ts};
use crate::error::{Error, Field, Location};
use crate::llm::{error_code, error_type};
use crate::state::App;

/// The manner of speaking of one branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `{"error","code","details","timestamp","request_id"}`
    House,
    /// RFC 9457, where the caller asks for `application/problem+json`.
    Problem,
    /// `{"error":{"message","type","param","code"}}`
    OpenAi,
}

const PROBLEM: &str = "application/problem+json";

/// The OpenAI-compatible branches; what lies below them speaks likewise.
const OPENAI: [&str; 4] = [
    "/v1",
    "/api/v1/chat/completions",
    "/api/v1/embeddings",
    "/api/v1/models",
];

impl Dialect {
    /// The path decides, so that what no route was found for speaks as its neighbours do.
    fn of(path: &str, headers: &HeaderMap) -> Self {
        if OPENAI.iter().any(|branch| lies_below(branch, path)) {
            Self::OpenAi
        } else if accept::names(headers, PROBLEM) {
            Self::Problem
        } else {
            Self::House
        }
    }
}

/// Whether `path` is `branch` or something under it.
pub fn lies_below(branch: &str, path: &str) -> bool {
    path.strip_prefix(branch)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Gives every refusal its body.
pub async fn render(State(app): State<App>, request: Request, next: Next) -> Response {
    let dialect = Dialect::of(request.uri().path(), request.headers());
    let id = request.extensions().get::<RequestId>().cloned();
    let response = next.run(request).await;
    let Some(Refusal(error)) = response.extensions().get::<Refusal>().cloned() else {
        return response;
    };
    let id = id.as_ref().map_or("", RequestId::as_str);
    said(&error, response, dialect, (app.now(), id))
}

fn said(error: &Error, response: Response, dialect: Dialect, at: (Ts, &str)) -> Response {
    let (mut parts, _) = response.into_parts();
    let (kind, body) = match dialect {
        Dialect::House => ("application/json", house(error, at)),
        Dialect::Problem => (PROBLEM, problem(error, parts.status, at)),
        Dialect::OpenAi => ("application/json", openai(error)),
    };
    parts.headers.remove(CONTENT_LENGTH);
    if dialect != Dialect::OpenAi {
        let accept = HeaderValue::from_static("accept");
        parts.headers.append(VARY, accept);
    }
    parts
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Response::from_parts(parts, Body::from(body))
}

fn house(error: &Error, (timestamp, request_id): (Ts, &str)) -> String {
    let fields: Vec<_> = error.fields.iter().map(at_fault).collect();
    written(&Envelope {
        error: &error.message,
        code: error.code,
        details: (!fields.is_empty()).then_some(Details { fields }),
        timestamp,
        request_id,
    })
}

fn problem(error: &Error, status: StatusCode, (timestamp, request_id): (Ts, &str)) -> String {
    written(&Problem {
        r#type: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: &error.message,
        code: error.code,
        errors: error.fields.iter().map(problem_field).collect(),
        timestamp,
        request_id,
    })
}

fn problem_field(field: &Field) -> ProblemField<'_> {
    let mut told = ProblemField {
        detail: &field.message,
        code: field.code,
        pointer: None,
        parameter: None,
        header: None,
    };
    match field.location {
        Location::Body => told.pointer = Some(pointer(&field.name)),
        Location::Query | Location::Path => told.parameter = Some(&field.name),
        Location::Header => told.header = Some(&field.name),
    }
    told
}

/// RFC 6901: `items.0.title` as `#/items/0/title`; the whole body is `#`.
fn pointer(name: &str) -> String {
    let escaped = name.replace('~', "~0").replace('/', "~1");
    match escaped.as_str() {
        "" => "#".to_owned(),
        path => format!("#/{}", path.replace('.', "/")),
    }
}

/// What OpenAI's own servers would say.
fn openai(error: &Error) -> String {
    written(&OpenAiEnvelope {
        error: OpenAiProblem {
            message: &error.message,
            r#type: error_type(error.kind, error.code),
            param: error.fields.first().map(|field| field.name.as_ref()),
            code: Some(error_code(error.code)),
        },
    })
}

/// The envelopes hold text and times alone, which can always be written.
fn written(envelope: &impl Serialize) -> String {
    serde_json::to_string(envelope).unwrap_or_default()
}

fn at_fault(field: &Field) -> FieldAtFault<'_> {
    FieldAtFault {
        field: &field.name,
        location: match field.location {
            Location::Body => "body",
            Location::Query => "query",
            Location::Path => "path",
            Location::Header => "header",
        },
        code: field.code,
        message: &field.message,
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    #[test]
    fn each_branch_has_its_manner() {
        let plain = HeaderMap::new();
        for (path, dialect) in [
            ("/v1", Dialect::OpenAi),
            ("/v1/nothing/here", Dialect::OpenAi),
            ("/api/v1/chat/completions", Dialect::OpenAi),
            ("/api/v1/models/a/b", Dialect::OpenAi),
            ("/api/v1/modelsx", Dialect::House),
            ("/v10", Dialect::House),
            ("/api/v1/chat", Dialect::House),
            ("/api/v1/usage", Dialect::House),
            ("/nothing", Dialect::House),
        ] {
            assert_eq!(Dialect::of(path, &plain), dialect, "{path}");
        }
    }

    #[test]
    fn problem_json_is_for_those_who_ask_and_openai_clients_get_theirs_always() {
        let mut asking = HeaderMap::new();
        asking.insert(
            ACCEPT,
            HeaderValue::from_static("application/problem+json, */*;q=0.1"),
        );

        assert_eq!(Dialect::of("/api/v1/usage", &asking), Dialect::Problem);
        assert_eq!(Dialect::of("/v1/models", &asking), Dialect::OpenAi);
    }

    #[test]
    fn all_four_members_of_the_openai_envelope_are_always_there() {
        let body = openai(&Error::internal("disk"));

        assert_eq!(
            body,
            r#"{"error":{"message":"Something went wrong on our side.","type":"server_error","param":null,"code":"internal_error"}}"#
        );
    }
}
