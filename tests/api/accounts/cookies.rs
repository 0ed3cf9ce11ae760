//! The session cookie's attributes, by how browsers reach us.

use super::{LOGIN, LOGOUT, ada, attributes, browser_after};
use crate::support::{Reply, TestApp};

const MONTH: &str = "Max-Age=2592000";

/// The cookie of a login, and those that take it away.
async fn set_and_cleared(settings: &[(&str, &str)]) -> (Reply, Reply) {
    let app = TestApp::with(settings).await;
    app.sign_up("ada").await;
    let set = app.anonymous().post(LOGIN, ada()).await;
    let cleared = browser_after(&app, &set)
        .post(LOGOUT, serde_json::json!({}))
        .await;
    assert_eq!((set.status, cleared.status), (200, 204));
    (set, cleared)
}

/// That every attribute of `set` is in `cleared`, which expires it.
fn assert_takes_away(set: &str, cleared: &str) {
    let kept = |cookie: &str| -> Vec<String> {
        let is_kept = |attribute: &&str| {
            !attribute.starts_with("Max-Age") && !attribute.starts_with("Expires")
        };
        let attributes = attributes(cookie).into_iter().filter(is_kept);
        attributes.map(ToOwned::to_owned).collect()
    };
    assert_eq!(kept(set), kept(cleared));
    assert!(cleared.contains("Max-Age=0"));
    assert!(cleared.contains("Expires=Thu, 01 Jan 1970 00:00:00 GMT"));
    let name = set.split('=').next().unwrap();
    assert!(cleared.starts_with(&format!("{name}=;")), "{cleared}");
}

// E04, E19: over http in development.
#[tokio::test]
async fn over_http_it_is_lax_and_not_secure() {
    let (set, cleared) = set_and_cleared(&[]).await;

    let cookie = set.cookies()[0];
    assert!(cookie.starts_with("session_token="));
    assert_eq!(
        attributes(cookie),
        ["HttpOnly", MONTH, "Path=/", "SameSite=Lax"]
    );
    assert_eq!(cleared.cookies().len(), 2);
    assert_takes_away(cookie, cleared.cookies()[0]);
    assert_takes_away(set.cookies()[1], cleared.cookies()[1]);
}

#[tokio::test]
async fn over_https_it_is_secure_and_lax_for_pages_of_the_same_site() {
    for (own, origins) in [
        ("https://api.example.com", "[]"),
        ("https://api.example.com", "https://app.example.com"),
        ("https://api.example.com", "https://example.com:8443"),
        ("https://10.0.0.1:8443", "https://10.0.0.1"),
        ("https://localhost:8443", "https://localhost:3000"),
    ] {
        let (set, cleared) =
            set_and_cleared(&[("PUBLIC_URL", own), ("ALLOWED_ORIGINS", origins)]).await;

        assert_eq!(
            attributes(set.cookies()[0]),
            ["HttpOnly", MONTH, "Path=/", "SameSite=Lax", "Secure"],
            "{own} {origins}"
        );
        assert_takes_away(set.cookies()[0], cleared.cookies()[0]);
    }
}

// PostHog/squeak#198, micronaut-security#1613, AxumSession#102, nextjs-auth0#2651: cookies that stayed, for
// they were cleared with other attributes than they were set with.
#[tokio::test]
async fn over_https_it_goes_to_pages_of_other_sites_that_are_let_in() {
    for (own, origin) in [
        ("https://api.example.com", "https://app.example.org"),
        // By the public suffix list, two names under github.io are two sites.
        ("https://ada.github.io", "https://bob.github.io"),
        ("https://a.co.uk", "https://b.co.uk"),
        // An address has no domain above it.
        ("https://10.0.0.1", "https://192.168.0.1"),
        ("https://[fd00::1]", "https://[fd00::2]"),
        // Another scheme is another site.
        ("https://api.example.com", "http://app.example.com"),
        ("https://localhost:8443", "http://localhost:3000"),
    ] {
        let (set, cleared) =
            set_and_cleared(&[("PUBLIC_URL", own), ("ALLOWED_ORIGINS", origin)]).await;

        assert_eq!(
            attributes(set.cookies()[0]),
            ["HttpOnly", MONTH, "Path=/", "SameSite=None", "Secure"],
            "{own} {origin}"
        );
        assert_takes_away(set.cookies()[0], cleared.cookies()[0]);
    }
}

// E10: gone in every form in which it could have been set (axum-login#177).
#[tokio::test]
async fn with_a_domain_it_is_cleared_with_it_and_without() {
    let (set, cleared) = set_and_cleared(&[
        ("PUBLIC_URL", "https://api.example.com"),
        ("COOKIE_DOMAIN", "example.com"),
        ("COOKIE_NAME", "sid"),
        ("ALLOWED_ORIGINS", "[]"),
    ])
    .await;

    let cookie = set.cookies()[0];
    assert!(cookie.starts_with("sid="));
    assert!(attributes(cookie).contains(&"Domain=example.com"));
    let cleared = cleared.cookies();
    assert_eq!(cleared.len(), 4);
    for (cookie, cleared) in set.cookies().into_iter().zip(cleared.chunks(2)) {
        let bare = cookie.replace("; Domain=example.com", "");
        assert_takes_away(&bare, cleared[0]);
        assert_takes_away(cookie, cleared[1]);
    }
}

#[tokio::test]
async fn what_is_configured_goes_before_what_would_be_chosen() {
    let (set, cleared) = set_and_cleared(&[
        ("PUBLIC_URL", "https://api.example.com"),
        ("ALLOWED_ORIGINS", "https://app.example.org"),
        ("COOKIE_SAMESITE", "strict"),
        ("SESSION_MAX_TTL", "10d"),
    ])
    .await;

    assert_eq!(
        attributes(set.cookies()[0]),
        [
            "HttpOnly",
            "Max-Age=864000",
            "Path=/",
            "SameSite=Strict",
            "Secure"
        ]
    );
    assert_takes_away(set.cookies()[0], cleared.cookies()[0]);
}
