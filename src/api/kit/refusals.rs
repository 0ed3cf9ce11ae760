//! What the OpenAPI document says of errors: sets of answers that operations have in common.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// A refusal in the house's manner, and as RFC 9457 has it.
fn house(what: &str) -> RefOr<Response> {
    ResponseBuilder::new()
        .description(what)
        .content("application/json", content("Error"))
        .content("application/problem+json", content("Problem"))
        .build()
        .into()
}

/// A refusal in OpenAI's manner.
fn openai(what: &str) -> RefOr<Response> {
    ResponseBuilder::new()
        .description(what)
        .content("application/json", content("OpenAiError"))
        .build()
        .into()
}

fn content(schema: &str) -> utoipa::openapi::Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build()
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident in $manner:ident { $($status:literal => $what:literal;)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$(($status.to_owned(), $manner($what))),*])
            }
        }
    )*};
}

refusals! {
    /// What any operation may answer that asks a database.
    Failures in house {
        "500" => "Something went wrong on our side.";
        "503" => "A database cannot be reached, or too much is asked at once.";
        "504" => "The request took too long.";
    }
    /// What an operation that needs a caller may answer.
    Unauthenticated in house {
        "400" => "Credentials stand in two places, or in the query.";
        "401" => "There are no credentials, or they are not (or no longer) good.";
        "403" => "The caller may not do this, or the request comes from a foreign site.";
    }
    /// What an operation that changes something and is open to everybody may answer.
    ForeignSite in house {
        "403" => "`csrf_origin`: the request comes from a foreign site.";
    }
    /// What `auth_register` may answer.
    CannotJoin in house {
        "403" => "`registration_disabled`, or `csrf_origin`: the request comes from a foreign site.";
        "409" => "`email_taken` or `username_taken`.";
    }
    /// What an operation may answer that is limited by address.
    LimitedByAddress in house {
        "429" => "`rate_limited`: this is asked too often from the caller's address.";
    }
    /// What `auth_me_update` may answer.
    NameTaken in house {
        "409" => "`username_taken`.";
    }
    /// What `users_create` may answer.
    NamesTaken in house {
        "409" => "`email_taken` or `username_taken`.";
    }
    /// What `users_update` may answer.
    UserConflict in house {
        "409" => "`email_taken`, `username_taken`, or `last_admin`: nobody else administers.";
    }
    /// What an operation that removes a user may answer.
    LastAdmin in house {
        "409" => "`last_admin`: nobody else administers.";
    }
    /// What `auth_login` may answer.
    CannotSignIn in house {
        "401" => "`invalid_credentials`, whatever was wrong.";
        "403" => "`account_disabled` or `email_not_verified`, told to whoever knows the password; or `csrf_origin`: the \
                  request comes from a foreign site.";
    }
    /// What `auth_verification_confirm` may answer.
    BadCode in house {
        "400" => "`invalid_code`; or the body is not JSON, or credentials stand in two places.";
        "409" => "`email_taken`: another account has the new address meanwhile; or `no_email`: the \
                  account has none of its own.";
        "410" => "`code_expired`.";
    }
    /// What an operation that sends or takes codes may answer.
    TooManyCodes in house {
        "409" => "`no_email`: the account has no address of its own.";
        "429" => "`rate_limited`: too many codes, or tries, for one address.";
    }
    /// What `auth_reset_password` may answer.
    BadToken in house {
        "400" => "`invalid_or_expired_token`; or the body is not JSON.";
    }
    /// What `auth_refresh` may answer.
    CannotRefresh in house {
        "401" => "`refresh_reused`: the token was used before, and its login has been ended; else \
                  the token is not (or no longer) good, or there is none.";
        "403" => "`csrf_origin`: the request comes from a foreign site.";
    }
    /// What `api_keys_create` may answer.
    TooMany in house {
        "409" => "The account has as many keys as it may.";
    }
    /// What an operation that takes a body may answer.
    BadBody in house {
        "400" => "The body is not JSON, or credentials stand in two places.";
        "408" => "The body did not arrive in time.";
        "413" => "The body is over the limit.";
        "415" => "The body is of a content type that is not taken here.";
        "422" => "A field breaks a rule; `details.fields` names it.";
    }
    /// What an operation with parameters may answer.
    BadParameters in house {
        "422" => "A parameter breaks a rule; `details.fields` names it.";
    }
    /// What an operation on one thing may answer.
    Missing in house {
        "404" => "There is no such thing, or it is another's.";
    }
    /// What `metrics_get` may answer.
    Unlisted in house {
        "401" => "The token is missing, or another one.";
        "404" => "The metrics are not served here.";
    }
    /// What any OpenAI-compatible operation may answer.
    OpenAiFailures in openai {
        "400" => "Credentials stand in two places, or in the query.";
        "401" => "There are no credentials, or they are not (or no longer) good.";
        "403" => "The API key lacks the scope, or the request comes from a foreign site.";
        "500" => "Something went wrong on our side.";
        "503" => "`ai_not_configured`, or a database cannot be reached.";
        "504" => "The request took too long.";
    }
    /// What an operation on one model may answer besides.
    MissingModel in openai {
        "404" => "`model_not_found`.";
        "422" => "The model's name cannot be read.";
    }
    /// What a relayed operation may answer besides.
    RelayFailures in openai {
        "400" => "The body is not JSON, a member or the `Idempotency-Key` breaks a rule, or \
                  `request_exceeds_tpm`; or the upstream says so.";
        "402" => "`insufficient_quota`: it may cost more than what is left of the budget of the \
                  key or of its user.";
        "403" => "The API key lacks the scope; `model_not_priced`: there is a budget, and the \
                  model has no price; or the request comes from a foreign site.";
        "404" => "`model_not_found`.";
        "408" => "The body did not arrive in time.";
        "413" => "The body is over the limit.";
        "415" => "The body is not sent as JSON.";
        "422" => "`idempotency_conflict`: the `Idempotency-Key` was used with another body; or the \
                  upstream says so.";
        "429" => "`rate_limit_exceeded`: the key's or the user's requests or tokens a minute are \
                  used up; or the upstream is asked too often. `Retry-After` says when to come \
                  back.";
        "500" => "Something went wrong on our side, or on the upstream's.";
        "502" => "`upstream_error` or `upstream_auth`: the upstream's answer cannot be used.";
        "503" => "`ai_not_configured`, `upstream_quota`, `service_unavailable` (nobody can be asked \
                  before `Retry-After`), or a database cannot be reached.";
        "504" => "`upstream_timeout`.";
    }
}
