//! Those who ask: one of every kind.

use std::cell::Cell;

use axum::body::Body;
use concierge::domain::Email;
use http::Method;
use serde_json::{Value, json};

use super::table::{Row, Thing};
use crate::accounts::{LOGIN, LOGOUT, ME, REGISTER, SESSIONS, browser_after};
use crate::keys::KEYS;
use crate::support::{Actor, PASSWORD, Reply, TestApp};

pub(super) const USERS: &str = "/api/v1/users";

/// The scopes that some door asks of a key, but for `admin:*`.
const USED: [&str; 4] = ["completions", "models", "usage:read", "profile:read"];
/// All that a user may give to a key.
const GIVEN: [&str; 8] = [
    "todos:read",
    "todos:write",
    "chat:read",
    "chat:write",
    "completions",
    "models",
    "usage:read",
    "profile:read",
];

/// What a door sees of a caller.
#[derive(Clone, Debug)]
pub(super) enum Rank {
    /// Shows nothing.
    Nobody,
    /// Shows what was good once.
    Gone,
    User,
    Admin,
    Key {
        of_admin: bool,
        scopes: Vec<&'static str>,
    },
}

#[derive(Clone)]
pub(super) struct Caller<'a> {
    pub(super) name: String,
    pub(super) rank: Rank,
    pub(super) actor: Actor<'a>,
    /// Whose login, token or key it is; empty for nobody.
    pub(super) account: String,
}

/// Everybody, and what is Ada's.
pub(super) struct People<'a> {
    pub(super) app: &'a TestApp,
    pub(super) callers: Vec<Caller<'a>>,
    root: Actor<'a>,
    ada: Actor<'a>,
    key: String,
    session: String,
    user: String,
    number: Cell<u32>,
}

impl<'a> People<'a> {
    pub(super) async fn gather(app: &'a TestApp) -> Self {
        let root = app.admin().await;
        let mut callers = vec![caller("nobody", Rank::Nobody, app.anonymous(), "")];
        callers.extend(users(app, &root).await);
        callers.extend(gone(app, &root).await);
        let ada = named(&callers, "ada by token").actor.clone();
        callers.extend(keys_of_ada(&ada).await);
        callers.extend(keys_of_root(&root).await);
        Self {
            key: id(&ada.post(KEYS, json!({"name": "hers"})).await),
            session: current_session(&ada).await,
            user: ada.get(ME).await.json()["id"].as_str().unwrap().to_owned(),
            app,
            callers,
            root,
            ada,
            number: Cell::new(0),
        }
    }

    pub(super) fn named(&self, name: &str) -> &Caller<'a> {
        named(&self.callers, name)
    }

    /// What of Ada's a row is about.
    pub(super) fn adas(&self, row: &Row) -> &str {
        match row.thing {
            Some(Thing::Key) => &self.key,
            Some(Thing::Session) => &self.session,
            Some(Thing::User) => &self.user,
            Some(Thing::Model) | None => "offline",
        }
    }

    /// A new thing of the caller's own that a row may be about.
    pub(super) async fn own(&self, caller: &Caller<'a>, row: &Row) -> String {
        match row.thing {
            Some(Thing::Key) => id(&caller.actor.post(KEYS, json!({"name": "own"})).await),
            Some(Thing::Session) => {
                let (_, program) = sign_in(self.app, &caller.account).await;
                current_session(&program).await
            }
            Some(Thing::User) => {
                let email = format!("guest{}@example.com", self.next());
                let wanted = json!({"email": email, "password": PASSWORD});
                id(&self.root.post(USERS, wanted).await)
            }
            Some(Thing::Model) | None => "offline".to_owned(),
        }
    }

    /// Somebody of the same kind who may lose their login: of those who have one, somebody new.
    pub(super) async fn spare(&self, caller: &Caller<'a>) -> Caller<'a> {
        let account = format!("spare{}", self.next());
        match caller.rank {
            Rank::User => join(self.app, &account).await,
            Rank::Admin => promote(self.app, &account).await,
            _ => return caller.clone(),
        }
        let (browser, program) = sign_in(self.app, &account).await;
        let is_browser = caller.name.ends_with("by cookie");
        Caller {
            actor: if is_browser { browser } else { program },
            account,
            ..caller.clone()
        }
    }

    /// The good request of a row about this thing.
    pub(super) async fn ask(&self, caller: &Actor<'a>, row: &Row, thing: &str) -> Reply {
        let number = self.next().to_string();
        let body = row.body.unwrap_or_default().replace("{n}", &number);
        send(caller, row, &row.at(thing), &body).await
    }

    /// That all that is Ada's is as it was.
    pub(super) async fn nothing_has_changed(&self) {
        let key = self.ada.get(&format!("{KEYS}/{}", self.key)).await;
        assert_eq!((key.status, &key.json()["rpm"]), (200, &Value::Null));
        assert_eq!(current_session(&self.ada).await, self.session);
        let user = self.root.get(&format!("{USERS}/{}", self.user)).await;
        assert_eq!((user.status, &user.json()["rpm"]), (200, &Value::Null));
        sign_in(self.app, "ada").await;
    }

    fn next(&self) -> u32 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }
}

/// One request; a body is JSON.
pub(super) async fn send(actor: &Actor<'_>, row: &Row, path: &str, body: &str) -> Reply {
    let method = Method::from_bytes(row.method.as_bytes()).unwrap();
    let mut actor = actor.clone();
    if !body.is_empty() {
        actor = actor.header("content-type", "application/json");
    }
    actor.send(method, path, Body::from(body.to_owned())).await
}

fn caller<'a>(name: &str, rank: Rank, actor: Actor<'a>, account: &str) -> Caller<'a> {
    Caller {
        name: name.to_owned(),
        rank,
        actor,
        account: account.to_owned(),
    }
}

fn named<'p, 'a>(callers: &'p [Caller<'a>], name: &str) -> &'p Caller<'a> {
    let found = callers.iter().find(|caller| caller.name == name);
    found.unwrap_or_else(|| panic!("nobody is called {name}"))
}

async fn users<'a>(app: &'a TestApp, root: &Actor<'a>) -> Vec<Caller<'a>> {
    join(app, "ada").await;
    join(app, "eve").await;
    let (ada_browser, ada) = sign_in(app, "ada").await;
    let (_, eve) = sign_in(app, "eve").await;
    let (root_browser, _) = sign_in(app, "root").await;
    vec![
        caller("ada by cookie", Rank::User, ada_browser, "ada"),
        caller("ada by token", Rank::User, ada, "ada"),
        caller("eve by token", Rank::User, eve, "eve"),
        caller("root by cookie", Rank::Admin, root_browser, "root"),
        caller("root by token", Rank::Admin, root.clone(), "root"),
    ]
}

/// Those whose credentials were good: of a disabled account, of one that is gone, of a login that is
/// over.
async fn gone<'a>(app: &'a TestApp, root: &Actor<'a>) -> Vec<Caller<'a>> {
    let mut gone = Vec::new();
    for name in ["disabled", "deleted", "signed-out"] {
        join(app, name).await;
        let (browser, program) = sign_in(app, name).await;
        let key = program.with_key(json!({})).await;
        let user = program.get(ME).await.json()["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let path = format!("{USERS}/{user}");
        let mut held = vec![("cookie", browser), ("token", program.clone())];
        let done = match name {
            "disabled" => root.patch(&path, json!({"status": "inactive"})).await,
            "deleted" => root.delete(&path).await,
            _ => program.post(LOGOUT, json!({})).await,
        };
        assert!([200, 204].contains(&done.status), "{}", done.text());
        if name != "signed-out" {
            held.push(("key", key));
        }
        gone.extend(held.into_iter().map(|(by, actor)| {
            let name = format!("{name} by {by}");
            caller(&name, Rank::Gone, actor, "")
        }));
    }
    gone
}

async fn keys_of_ada<'a>(ada: &Actor<'a>) -> Vec<Caller<'a>> {
    let mut wanted = vec![
        ("ada by a key of all scopes".to_owned(), GIVEN.to_vec()),
        (
            "ada by a key of another scope".to_owned(),
            vec!["todos:read"],
        ),
    ];
    for scope in USED {
        let others = GIVEN.into_iter().filter(|given| *given != scope);
        wanted.push((format!("ada by a key of {scope}"), vec![scope]));
        wanted.push((format!("ada by a key of all but {scope}"), others.collect()));
    }
    let unlisted = ada.with_key(json!({})).await;
    let mut keys = vec![key(
        "ada by a key without a list",
        false,
        GIVEN.to_vec(),
        unlisted,
    )];
    for (name, scopes) in wanted {
        let actor = ada.with_key(json!({"scopes": scopes})).await;
        keys.push(key(&name, false, scopes, actor));
    }
    keys
}

async fn keys_of_root<'a>(root: &Actor<'a>) -> Vec<Caller<'a>> {
    let plain = root.with_key(json!({})).await;
    let mighty = root.with_key(json!({"scopes": ["admin:*"]})).await;
    vec![
        key("root by a key without a list", true, GIVEN.to_vec(), plain),
        key("root by a key of admin:*", true, vec!["admin:*"], mighty),
    ]
}

fn key<'a>(name: &str, of_admin: bool, scopes: Vec<&'static str>, actor: Actor<'a>) -> Caller<'a> {
    let account = if of_admin { "root" } else { "ada" };
    caller(name, Rank::Key { of_admin, scopes }, actor, account)
}

async fn join(app: &TestApp, name: &str) {
    let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
    let joined = app.anonymous().post(REGISTER, body).await;
    assert_eq!(joined.status, 201, "{}", joined.text());
}

async fn promote(app: &TestApp, name: &str) {
    let email = Email::parse(&format!("{name}@example.com")).unwrap();
    let made = app.app.auth.create_admin(email, PASSWORD.into()).await;
    made.unwrap();
}

/// A login: the browser that has its cookie, and the program that has its token.
async fn sign_in<'a>(app: &'a TestApp, name: &str) -> (Actor<'a>, Actor<'a>) {
    let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
    let reply = app.anonymous().post(LOGIN, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    let program = app
        .anonymous()
        .header("authorization", format!("Bearer {token}"));
    (browser_after(app, &reply), program)
}

async fn current_session(actor: &Actor<'_>) -> String {
    let sessions = actor.get(&format!("{SESSIONS}?size=100")).await.json();
    let items = sessions["items"].as_array().unwrap();
    let current = items.iter().find(|session| session["current"] == true);
    current.unwrap()["id"].as_str().unwrap().to_owned()
}

fn id(made: &Reply) -> String {
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}
