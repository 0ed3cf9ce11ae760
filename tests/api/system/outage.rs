//! A database goes away: who says so, how soon, and who stays calm.

use std::time::Duration;

use crate::support::TestApp;

/// Takes the databases away, as a disk or a network does.
async fn take_away_the_databases(app: &TestApp) {
    if app.is_on_postgres() {
        app.databases.close().await;
        return;
    }
    for file in ["concierge.db", "credentials.db"] {
        std::fs::remove_file(app.folder().join(file)).unwrap();
    }
}

// B21: degraded, not dead.
#[tokio::test]
async fn without_a_database_it_is_not_ready_and_stays_alive() {
    let app = TestApp::start().await;
    assert_eq!(app.anonymous().get("/readyz").await.status, 200);

    take_away_the_databases(&app).await;
    app.advance(Duration::from_secs(2));

    let ready = app.anonymous().get("/readyz").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["status"], "not_ready");
    assert_eq!(ready.json()["checks"]["database"]["status"], "down");
    assert_eq!(
        ready.json()["checks"]["credentials_database"]["status"],
        "down"
    );
    let deep = app.anonymous().get("/api/v1/health").await;
    assert_eq!(
        (deep.status, &deep.json()["status"]),
        (503, &"unhealthy".into())
    );
    assert_eq!(deep.json()["dependencies"]["database"]["status"], "down");
    let status = app.anonymous().get("/status").await;
    assert_eq!(
        (status.status, &status.json()["status"]),
        (200, &"degraded".into())
    );
    for path in ["/livez", "/health", "/healthz", "/startupz", "/", "/docs"] {
        assert_eq!(app.anonymous().get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn one_of_the_two_is_enough_to_be_missed() {
    let app = TestApp::start().await;
    if app.is_on_postgres() {
        app.databases.vault.close().await;
    } else {
        std::fs::remove_file(app.folder().join("credentials.db")).unwrap();
    }

    let ready = app.anonymous().get("/readyz").await;

    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["checks"]["database"]["status"], "up");
    assert_eq!(
        ready.json()["checks"]["credentials_database"]["status"],
        "down"
    );
}

// SQLite: the path must name the file that was opened, or what is written is lost.
#[tokio::test]
async fn a_database_file_that_was_replaced_is_not_the_one_that_was_opened() {
    let app = TestApp::start().await;
    if app.is_on_postgres() {
        return;
    }
    let file = app.folder().join("concierge.db");
    let copy = app.folder().join("copy.db");
    std::fs::copy(&file, &copy).unwrap();

    std::fs::rename(&copy, &file).unwrap();

    assert_eq!(app.anonymous().get("/readyz").await.status, 503);
}

#[tokio::test]
async fn an_answer_is_good_for_two_seconds_and_no_longer() {
    let app = TestApp::start().await;
    assert_eq!(app.anonymous().get("/readyz").await.status, 200);
    take_away_the_databases(&app).await;

    app.advance(Duration::from_millis(1_999));
    assert_eq!(app.anonymous().get("/readyz").await.status, 200);

    app.advance(Duration::from_millis(1));
    assert_eq!(app.anonymous().get("/readyz").await.status, 503);
}

#[tokio::test]
async fn an_outage_is_told_without_what_the_driver_says() {
    let app = TestApp::start().await;
    let ada = app.sign_up("ada").await;
    take_away_the_databases(&app).await;
    app.databases.close().await;
    app.advance(Duration::from_secs(6));

    for path in [
        "/readyz",
        "/api/v1/health",
        "/api/v1/auth/me",
        "/api/v1/api-keys",
    ] {
        let reply = ada.get(path).await;
        assert_eq!(reply.status, 503, "{path}");
        let text = reply.text().to_lowercase();
        for word in ["pool", "sqlx", "closed", "file", "/tmp"] {
            assert!(!text.contains(word), "{path}: {text}");
        }
    }
}
