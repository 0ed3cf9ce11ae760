//! Every operation, and who may ask for it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::people::Rank;
use crate::openapi::{is_open, operations};
use crate::openapi_doors::ALIASES;

/// Who may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Anybody, and nobody is asked who they are.
    Open,
    /// Anybody; but who shows something must be a user who is signed in.
    Either,
    /// Whoever has a refresh token; nothing else opens it.
    Refresh,
    /// A user who is signed in. No key, whatever its scopes.
    Session,
    /// A user who is signed in, or a key with this scope.
    Scope(&'static str),
    /// An administrator who is signed in, or a key of theirs with `admin:*`.
    Admin,
}

/// What the `{id}` of a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    /// The caller's own; another's is not there.
    Key,
    /// Likewise.
    Session,
    /// Anybody's, for whoever may ask at all.
    User,
    Model,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) door: Door,
    /// What the good request of whoever may is answered with.
    pub(super) status: u16,
    /// A good body; `{n}` is another number each time.
    pub(super) body: Option<&'static str>,
    pub(super) thing: Option<Thing>,
    /// Whether who has asked is signed out afterwards, here or elsewhere.
    pub(super) ends_logins: bool,
}

const fn row(method: &'static str, path: &'static str, door: Door, status: u16) -> Row {
    Row {
        method,
        path,
        door,
        status,
        body: None,
        thing: None,
        ends_logins: false,
    }
}

impl Row {
    const fn sends(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self
    }

    const fn on(mut self, thing: Thing) -> Self {
        self.thing = Some(thing);
        self
    }

    const fn ends_logins(mut self) -> Self {
        self.ends_logins = true;
        self
    }

    /// The path to one thing.
    pub(super) fn at(&self, id: &str) -> String {
        self.path
            .replace("{id}", id)
            .replace("{file}", "swagger-ui.css")
    }

    pub(super) fn is_openai(&self) -> bool {
        let branches = [
            "/v1/",
            "/api/v1/chat/",
            "/api/v1/embeddings",
            "/api/v1/models",
        ];
        branches.iter().any(|branch| self.path.starts_with(branch))
    }

    /// Whether the thing is somebody's, and another's is not there.
    pub(super) fn is_owned(&self) -> bool {
        matches!(self.thing, Some(Thing::Key | Thing::Session))
    }
}

impl Door {
    /// Why a caller is refused; None where they may pass.
    pub(super) fn refuses(self, caller: &Rank) -> Option<(u16, &'static str)> {
        match (self, caller) {
            (Self::Open, _) | (Self::Either, Rank::Nobody) => None,
            (_, Rank::Nobody) | (Self::Refresh, _) => Some((401, "unauthorized")),
            (_, Rank::Gone) => Some((401, "invalid_token")),
            (Self::Session | Self::Either, Rank::Key { .. })
            | (
                Self::Admin,
                Rank::User
                | Rank::Key {
                    of_admin: false, ..
                },
            ) => Some((403, "insufficient_permissions")),
            (Self::Scope(scope), Rank::Key { scopes, .. }) => {
                let reaches = scopes.contains(&scope) || scopes.contains(&"admin:*");
                (!reaches).then_some((403, "insufficient_scope"))
            }
            (Self::Admin, Rank::Key { scopes, .. }) => {
                let reaches = scopes.contains(&"admin:*");
                (!reaches).then_some((403, "insufficient_scope"))
            }
            (_, Rank::User | Rank::Admin) => None,
        }
    }
}

use Door::{Admin, Either, Open, Refresh, Scope, Session};

const CHAT: &str = r#"{"model": "offline", "messages": [{"role": "user", "content": "hi"}]}"#;
const VECTOR: &str = r#"{"model": "offline-embedding", "input": "hi"}"#;
const PASSWORDS: &str = r#"{"current_password": "correct horse battery",
    "new_password": "a staple that nobody guesses"}"#;
const FAREWELL: &str = r#"{"password": "correct horse battery"}"#;
const MOVING: &str =
    r#"{"password": "correct horse battery", "new_email": "moved{n}@example.com"}"#;
const NEWCOMER: &str =
    r#"{"email": "newcomer{n}@example.com", "password": "correct horse battery"}"#;

/// The operations of the document. A body that an open door finds lacking has passed the door.
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    row("GET", "/", Open, 200),
    row("GET", "/.well-known/jwks.json", Open, 200),
    row("GET", "/api/v1", Open, 200),
    row("GET", "/api/v1/api-keys", Session, 200),
    row("POST", "/api/v1/api-keys", Session, 201).sends(r#"{"name": "k"}"#),
    row("GET", "/api/v1/api-keys/{id}", Session, 200).on(Thing::Key),
    row("PATCH", "/api/v1/api-keys/{id}", Session, 200).on(Thing::Key).sends(r#"{"rpm": 9}"#),
    row("DELETE", "/api/v1/api-keys/{id}", Session, 204).on(Thing::Key),
    row("POST", "/api/v1/auth/change-email", Session, 202).sends(MOVING),
    row("POST", "/api/v1/auth/change-password", Session, 204).sends(PASSWORDS).ends_logins(),
    row("POST", "/api/v1/auth/forgot-password", Open, 422).sends("{}"),
    row("POST", "/api/v1/auth/login", Open, 422).sends("{}"),
    row("POST", "/api/v1/auth/logout", Open, 204).ends_logins(),
    row("POST", "/api/v1/auth/logout-all", Session, 204).ends_logins(),
    row("GET", "/api/v1/auth/me", Scope("profile:read"), 200),
    row("PATCH", "/api/v1/auth/me", Session, 200).sends(r#"{"name": "Somebody"}"#),
    row("DELETE", "/api/v1/auth/me", Session, 204).sends(FAREWELL).ends_logins(),
    row("POST", "/api/v1/auth/refresh", Refresh, 200).sends("{}"),
    row("POST", "/api/v1/auth/register", Open, 422).sends("{}"),
    row("GET", "/api/v1/auth/me/export", Session, 200),
    row("POST", "/api/v1/auth/reset-password", Open, 422).sends("{}"),
    row("GET", "/api/v1/auth/sessions", Session, 200),
    row("DELETE", "/api/v1/auth/sessions/{id}", Session, 204).on(Thing::Session),
    row("POST", "/api/v1/auth/verification/confirm", Either, 422).sends("[]"),
    row("POST", "/api/v1/auth/verification/send", Either, 422).sends("[]"),
    row("POST", "/api/v1/chat/completions", Scope("completions"), 200).sends(CHAT),
    row("GET", "/api/v1/config", Open, 200),
    row("POST", "/api/v1/embeddings", Scope("completions"), 200).sends(VECTOR),
    row("GET", "/api/v1/health", Open, 200),
    row("GET", "/api/v1/models", Scope("models"), 200),
    row("GET", "/api/v1/models/{id}", Scope("models"), 200).on(Thing::Model),
    row("GET", "/api/v1/status", Open, 200),
    row("GET", "/api/v1/status/user", Scope("profile:read"), 200),
    row("GET", "/api/v1/usage", Scope("usage:read"), 200),
    row("GET", "/api/v1/audit", Admin, 200),
    row("GET", "/api/v1/users", Admin, 200),
    row("POST", "/api/v1/users", Admin, 201).sends(NEWCOMER),
    row("GET", "/api/v1/users/{id}", Admin, 200).on(Thing::User),
    row("PATCH", "/api/v1/users/{id}", Admin, 200).on(Thing::User).sends(r#"{"rpm": 9}"#),
    row("DELETE", "/api/v1/users/{id}", Admin, 204).on(Thing::User),
    row("GET", "/health", Open, 200),
    row("GET", "/livez", Open, 200),
    row("GET", "/metrics", Open, 200),
    row("GET", "/readyz", Open, 200),
    row("GET", "/startupz", Open, 200),
];

/// What the document leaves out: other names, which are no other doors, and the document itself.
#[rustfmt::skip]
pub(super) const UNLISTED: &[Row] = &[
    row("GET", "/api/v1/health/live", Open, 200),
    row("GET", "/api/v1/health/ready", Open, 200),
    row("GET", "/api/v1/health/startup", Open, 200),
    row("GET", "/api/v1/openapi.json", Open, 200),
    row("GET", "/docs", Open, 200),
    row("GET", "/docs/{file}", Open, 200),
    row("GET", "/healthz", Open, 200),
    row("GET", "/openapi.json", Open, 200),
    row("GET", "/reset-password", Open, 200),
    row("GET", "/status", Open, 200),
    row("GET", "/status/user", Scope("profile:read"), 200),
    row("POST", "/v1/chat/completions", Scope("completions"), 200).sends(CHAT),
    row("POST", "/v1/embeddings", Scope("completions"), 200).sends(VECTOR),
    row("GET", "/v1/models", Scope("models"), 200),
    row("GET", "/v1/models/{id}", Scope("models"), 200).on(Thing::Model),
];

/// Every route that there is.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().chain(UNLISTED)
}

/// Those that not everybody may pass.
pub(super) fn shut() -> impl Iterator<Item = &'static Row> {
    rows().filter(|row| !matches!(row.door, Open | Either))
}

#[test]
fn every_operation_has_a_row_and_no_row_is_for_nothing() {
    let told = operations();
    let mut rows: BTreeSet<_> = TABLE.iter().map(|row| (row.method, row.path)).collect();
    assert_eq!(rows.len(), TABLE.len(), "a row stands there twice");

    for (path, method, _) in &told {
        assert!(
            rows.remove(&(method.as_str(), path.as_str())),
            "operation {method} {path} has no row in tests/api/doors/table.rs: say who may"
        );
    }
    assert!(rows.is_empty(), "there is no such operation: {rows:?}");
    for row in TABLE.iter().chain(UNLISTED) {
        assert_eq!(row.thing.is_some(), row.path.contains("{id}"), "{row:?}");
    }
    let unlisted = UNLISTED.iter().map(|row| row.path.replace("{id}", "{*id}"));
    // The router's spelling of a path that is in the document.
    let unlisted: BTreeSet<_> = unlisted
        .chain(["/api/v1/models/{*id}".to_owned()])
        .collect();
    assert_eq!(unlisted, ALIASES.map(str::to_owned).into());
}

#[test]
fn the_document_says_of_every_operation_what_opens_it() {
    for (path, method, operation) in operations() {
        let row = TABLE
            .iter()
            .find(|row| (row.method, row.path) == (&*method, &*path));
        let door = row.unwrap().door;
        let ways = operation["security"].as_array().map(|ways| names(ways));

        let wanted = match door {
            Open | Either => {
                assert!(is_open(&operation), "{method} {path}");
                continue;
            }
            Refresh => Some(vec!["refreshCookie"]),
            Session => Some(vec!["bearerAuth", "cookieAuth", "oauth2Password"]),
            // What stands above all operations.
            Scope(_) | Admin => None,
        };
        let ways = ways
            .as_ref()
            .map(|ways| ways.iter().map(String::as_str).collect());
        assert_eq!(ways, wanted, "{method} {path}");
    }
}

fn names(ways: &[Value]) -> Vec<String> {
    let names = ways.iter().flat_map(|way| way.as_object().unwrap().keys());
    names.cloned().collect()
}
