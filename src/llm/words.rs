//! What OpenAI calls what went wrong: programs branch on `type` and `code`.

use crate::error::Kind;

/// Ours, where the tokens of a minute are used up and not its requests.
const TOKEN_LIMIT: &str = "token_rate_limited";

/// The `type` of an error, by its kind and its code.
pub fn error_type(kind: Kind, code: &str) -> &'static str {
    match kind {
        Kind::Forbidden => "permission_error",
        Kind::Exhausted => "insufficient_quota",
        Kind::TooMany { .. } if code == TOKEN_LIMIT => "tokens",
        Kind::TooMany { .. } => "requests",
        Kind::Upstream { .. } | Kind::Timeout | Kind::Unavailable | Kind::Internal => {
            "server_error"
        }
        _ => "invalid_request_error",
    }
}

/// The `code` that stands for one of ours.
pub fn error_code(code: &'static str) -> &'static str {
    match code {
        "unauthorized" | "invalid_token" => "invalid_api_key",
        "rate_limited" | TOKEN_LIMIT => "rate_limit_exceeded",
        code => code,
    }
}
