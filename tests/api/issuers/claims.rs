//! What a token must say, and must not.

use serde_json::{Value, json};

use super::{is_refused, me};
use crate::support::TestApp;
use crate::support::app::BEGINNING;
use crate::support::issuer::{Issuer, SigningKey};

const NOW: i64 = BEGINNING / 1_000_000;
const DAY: i64 = 24 * 3_600;

struct Scene {
    key: SigningKey,
    issuer: Issuer,
    app: TestApp,
}

impl Scene {
    async fn new() -> Self {
        let key = SigningKey::ed25519("the-key");
        let issuer = Issuer::publishing(&[&key]).await;
        let app = issuer.app().await;
        Self { key, issuer, app }
    }

    fn claims(&self) -> Value {
        self.issuer.claims("ada")
    }

    fn claiming(&self, name: &str, value: &Value) -> String {
        let mut claims = self.claims();
        claims[name] = value.clone();
        self.key.token(&claims)
    }

    fn saying(&self, name: &str, value: &Value) -> String {
        let mut head = self.key.head();
        head[name] = value.clone();
        self.key.token_with(&head, &self.claims())
    }

    async fn refuses(&self, name: &str, values: &[Value]) {
        for value in values {
            let what = format!("{name} {value}");
            is_refused(&self.app, &self.claiming(name, value), &what).await;
        }
    }

    async fn accepts(&self, name: &str, values: &[Value]) {
        for value in values {
            let reply = me(&self.app, &self.claiming(name, value)).await;
            assert_eq!(reply.status, 200, "{name} {value}: {}", reply.text());
        }
    }
}

#[tokio::test]
async fn a_token_says_who_for_whom_and_until_when() {
    let scene = Scene::new().await;
    for name in ["iss", "aud", "sub", "exp"] {
        let mut claims = scene.claims();
        claims.as_object_mut().unwrap().remove(name);
        is_refused(&scene.app, &scene.key.token(&claims), name).await;
    }
    for name in ["iat", "email", "emailVerified", "name", "id"] {
        let mut claims = scene.claims();
        claims.as_object_mut().unwrap().remove(name);
        let reply = me(&scene.app, &scene.key.token(&claims)).await;
        assert_eq!(reply.status, 200, "{name}");
    }
}

#[tokio::test]
async fn claims_of_the_wrong_type_are_refused_and_not_skipped() {
    let scene = Scene::new().await;
    let text = json!(NOW.to_string());
    for name in ["exp", "iat", "nbf"] {
        let wrong = [
            text.clone(),
            json!(1e300),
            json!(-1),
            json!({}),
            json!(null),
        ];
        scene.refuses(name, &wrong).await;
    }
    scene
        .refuses("aud", &[json!(7), json!({}), json!([7]), json!([])])
        .await;
    let list = json!(["http://evil.example", scene.issuer.url()]);
    scene.refuses("iss", &[list, json!(7), json!(null)]).await;
    let long = json!("x".repeat(256));
    scene
        .refuses(
            "sub",
            &[
                json!(7),
                json!(""),
                json!(null),
                json!(["ada"]),
                json!("a\0b"),
                long,
            ],
        )
        .await;
    scene
        .accepts("sub", &[json!("x".repeat(255)), json!("é")])
        .await;
}

#[tokio::test]
async fn a_token_is_for_us_alone_or_among_others() {
    let scene = Scene::new().await;
    let ours = scene.issuer.url();

    scene
        .refuses(
            "aud",
            &[json!("http://other.example"), json!(["a", "b"]), json!("")],
        )
        .await;
    scene
        .accepts("aud", &[json!(ours), json!(["http://other.example", ours])])
        .await;
}

#[tokio::test]
async fn clocks_may_be_half_a_minute_apart() {
    let scene = Scene::new().await;
    // A time may have a fraction (RFC 7519 §2).
    let half: Value = serde_json::from_str(&format!("{}.5", NOW + 60)).unwrap();

    scene
        .refuses("exp", &[json!(NOW - 30), json!(NOW - 45)])
        .await;
    scene.accepts("exp", &[json!(NOW - 29), half]).await;
    for name in ["iat", "nbf"] {
        scene
            .refuses(name, &[json!(NOW + 31), json!(NOW + 11 * DAY)])
            .await;
        scene
            .accepts(name, &[json!(NOW + 30), json!(NOW - 11 * DAY)])
            .await;
    }
}

#[tokio::test]
async fn no_token_lives_for_more_than_a_day() {
    let scene = Scene::new().await;

    scene.accepts("exp", &[json!(NOW + DAY)]).await;
    scene
        .refuses(
            "exp",
            &[
                json!(NOW + DAY + 1),
                json!(NOW + 3_650 * DAY),
                json!(i64::MAX),
            ],
        )
        .await;
}

#[tokio::test]
async fn tokens_of_other_kinds_and_with_extensions_are_refused() {
    let scene = Scene::new().await;
    let is_refused = async |name: &str, value: Value| {
        is_refused(
            &scene.app,
            &scene.saying(name, &value),
            &format!("{name} {value}"),
        )
        .await;
    };
    for typ in [
        "refresh+jwt",
        "logout+jwt",
        "better-auth.session-cache+jwt",
        "",
    ] {
        is_refused("typ", json!(typ)).await;
    }
    is_refused("typ", json!(7)).await;
    is_refused("crit", json!(["exp"])).await;
    is_refused("crit", json!([])).await;
    is_refused("b64", json!(false)).await;
    for typ in ["JWT", "jwt", "at+jwt"] {
        let reply = me(&scene.app, &scene.saying("typ", &json!(typ))).await;
        assert_eq!(reply.status, 200, "{typ}");
    }
}

#[tokio::test]
async fn what_stands_there_twice_is_refused() {
    let scene = Scene::new().await;
    let (head, claims) = (scene.key.head().to_string(), scene.claims().to_string());
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);

    let good = scene.key.sign(&head, &claims);
    assert_eq!(me(&scene.app, &good).await.status, 200);
    for member in [
        r#""sub":"victim""#,
        r#""role":"admin","role":"user""#,
        r#""x":1,"x":1"#,
    ] {
        let token = scene.key.sign(&head, &twice(&claims, member));
        is_refused(&scene.app, &token, member).await;
    }
    let token = scene.key.sign(&twice(&head, r#""kid":"another""#), &claims);
    is_refused(&scene.app, &token, "kid").await;
}

#[tokio::test]
async fn one_token_has_one_spelling() {
    let scene = Scene::new().await;
    let good = scene.key.token(&scene.claims());
    let (message, signature) = good.rsplit_once('.').unwrap();

    for other in [
        format!("{good}="),
        format!("{message}."),
        format!("{good}.{signature}"),
        format!("{message}.{}", signature.to_lowercase()),
        "..".to_owned(),
        "a.b.c".to_owned(),
    ] {
        is_refused(&scene.app, &other, &other).await;
    }
}

#[tokio::test]
async fn a_token_of_more_than_8_kib_is_not_even_read() {
    let scene = Scene::new().await;

    scene.accepts("image", &[json!("x".repeat(4_000))]).await;
    scene.refuses("image", &[json!("x".repeat(8_000))]).await;
}
