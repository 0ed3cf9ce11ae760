//! Nobody's JSON is rewritten.

use crate::support::TestApp;
use crate::support::upstream::{Script, Upstream};

use super::{DONE, PATH, REPLY, Scene, WORD, ask, configured, provider, stream};

/// A body that no round trip through a parsed value survives.
const ODD: &str = "{ \"zeta\":[1.0,1e400,-0,18446744073709551616,9223372036854775807],\r\n\t\"model\" : \
    \"NAME\",\"messages\":[{\"content\":\"h\\u00e9\\/llo é\",\"role\":\"user\",\"x\":{\"b\":1,\"a\":{\"\":null}}}],\
    \"a\":{\"deep\":[[[{\"b\":1E+2}]]]} , \"tools\":[ ], \"a\":2OPTIONS}\n";

fn odd(model: &str, options: &str) -> String {
    ODD.replace("NAME", model).replace("OPTIONS", options)
}

async fn aliased(upstream: &Upstream) -> TestApp {
    let provider = provider("up", &upstream.url());
    configured(&format!(
        "{provider}[models.public]\ntargets = [\"up/vendor/real\"]"
    ))
    .await
}

#[tokio::test]
async fn a_request_arrives_byte_for_byte() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    for path in [PATH, "/v1/chat/completions", "/v1/chat/completions/"] {
        scene.upstream.answers(Script::json(200, REPLY));

        let reply = program.post_bytes(path, odd("public", "")).await;

        assert_eq!(reply.status, 200, "{}", reply.text());
        let request = scene.upstream.requests().pop().unwrap();
        assert_eq!(String::from_utf8(request.body).unwrap(), odd("public", ""));
    }
}

#[tokio::test]
async fn of_a_request_nothing_but_the_models_name_and_the_usage_option_is_changed() {
    let upstream = Upstream::start().await;
    let app = aliased(&upstream).await;
    let program = app
        .sign_up("ada")
        .await
        .with_key(serde_json::json!({}))
        .await;
    let before = ",\"stream_options\":{\"x\" : 1e400,\"include_usage\":false },\"stream\":true";
    let after = ",\"stream_options\":{\"x\" : 1e400,\"include_usage\":true },\"stream\":true";
    upstream.answers(Script::json(200, REPLY));
    upstream.answers(stream(&[WORD, DONE]));

    program.post_bytes(PATH, odd("public", "")).await;
    program.post_bytes(PATH, odd("public", before)).await;

    let sent: Vec<String> = upstream
        .requests()
        .into_iter()
        .map(|request| String::from_utf8(request.body).unwrap())
        .collect();
    assert_eq!(sent, [odd("vendor/real", ""), odd("vendor/real", after)]);
}

#[tokio::test]
async fn a_streams_usage_is_asked_for_unless_the_server_cannot_report_it() {
    let upstream = Upstream::start().await;
    let [able, unable] = [("able", "true"), ("unable", "false")]
        .map(|(name, can)| format!("{}stream_usage = {can}\n", provider(name, &upstream.url())));
    let app = configured(&format!("{able}{unable}")).await;
    let program = app
        .sign_up("ada")
        .await
        .with_key(serde_json::json!({}))
        .await;
    let body = "{\"model\":\"NAME/m\",\"messages\":[],\"stream\":true}";

    for (name, asked) in [
        (
            "able",
            "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\",\"messages\":[],\"stream\":true}",
        ),
        (
            "unable",
            "{\"model\":\"m\",\"messages\":[],\"stream\":true}",
        ),
    ] {
        upstream.answers(stream(&[WORD, DONE]));
        let reply = program.post_bytes(PATH, body.replace("NAME", name)).await;

        assert_eq!(reply.status, 200);
        let request = upstream.requests().pop().unwrap();
        assert_eq!(String::from_utf8(request.body).unwrap(), asked);
    }
}

#[tokio::test]
async fn an_upstream_is_shown_our_key_and_nothing_of_the_callers() {
    let scene = Scene::set().await;
    let key = scene
        .app
        .sign_up("ada")
        .await
        .key(serde_json::json!({}))
        .await;
    for (name, value) in [
        ("authorization", format!("Bearer {key}")),
        ("x-api-key", key.clone()),
        ("api-key", key.clone()),
    ] {
        scene.upstream.answers(Script::json(200, REPLY));
        let caller = scene
            .app
            .anonymous()
            .header(name, value)
            .header("cookie", "session_token=of-a-browser; other=1")
            .header("x-request-id", "chosen-by-the-caller")
            .header("x-forwarded-for", "192.0.2.7")
            .header("openai-organization", "org-of-the-caller")
            .header("user-agent", "caller/1.0");

        let reply = caller.post(PATH, ask()).await;

        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        let head = scene.upstream.requests().pop().unwrap().head.to_lowercase();
        assert!(
            head.contains("authorization: bearer sk-of-up\r\n"),
            "{head}"
        );
        for foreign in [
            &*key,
            "session_token",
            "chosen-by",
            "192.0.2.7",
            "org-of-the",
            "caller/1.0",
        ] {
            assert!(!head.contains(&foreign.to_lowercase()), "{foreign}: {head}");
        }
    }
}

#[tokio::test]
async fn a_plain_answer_passes_byte_for_byte() {
    let scene = Scene::set().await;
    let program = scene.program().await;
    let body = "{ \"usage\":{\"prompt_tokens\":1e0,\"x\":18446744073709551616},\r\n \"model\":\"public\",\
        \"choices\":[{\"message\":{\"content\":\"h\\u00e9é\",\"n\":1e400}}],\"model_x\":\"real\"}\n";
    scene.upstream.answers(Script::json(200, body));

    let reply = program.post(PATH, ask()).await;

    assert_eq!(reply.status, 200);
    assert_eq!(reply.text(), body);
    assert_eq!(reply.header("content-length"), body.len().to_string());
}

#[tokio::test]
async fn the_public_name_takes_the_place_of_the_upstreams_in_both_kinds_of_answers() {
    let upstream = Upstream::start().await;
    let app = aliased(&upstream).await;
    let program = app
        .sign_up("ada")
        .await
        .with_key(serde_json::json!({}))
        .await;
    let plain = "{\"x\":{\"model\":\"vendor/real\"},\"model\" : \"real-2026\" ,\"choices\":[]}";
    let chunk =
        "data: {\"choices\":[{\"delta\":{\"model\":\"a\"}}],\"model\":\"real-2026\"}\r\n\r\n";
    upstream.answers(Script::json(200, plain));
    upstream.answers(stream(&[chunk, DONE]));

    let whole = program.post(PATH, ask()).await;
    let streamed = program.post(PATH, super::ask_stream()).await;

    assert_eq!(whole.text(), plain.replace("real-2026", "public"));
    let wanted = chunk.replace("real-2026", "public") + DONE;
    assert_eq!(streamed.text(), wanted);
}

#[tokio::test]
async fn of_an_answers_headers_only_those_pass_that_mean_something_to_the_caller() {
    let scene = Scene::set().await;
    let program = scene.program().await.header("x-request-id", "mine");
    for script in [Script::json(200, REPLY), stream(&[WORD, DONE])] {
        scene.upstream.answers(
            script
                .header("x-request-id", "req_upstream")
                .header("openai-processing-ms", "17")
                .header("x-ratelimit-remaining-tokens", "99")
                .header("set-cookie", "cf=1")
                .header("openai-organization", "our-own")
                .header("server", "secret/1.0")
                .header("access-control-allow-origin", "*"),
        );
        let body = if scene.upstream.requests().is_empty() {
            ask()
        } else {
            super::ask_stream()
        };

        let reply = program.post(PATH, body).await;

        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("x-request-id"), "mine");
        assert_eq!(reply.header("x-upstream-request-id"), "req_upstream");
        assert_eq!(reply.header("openai-processing-ms"), "17");
        assert_eq!(reply.header("x-ratelimit-remaining-tokens"), "99");
        for foreign in [
            "set-cookie",
            "openai-organization",
            "server",
            "access-control-allow-origin",
        ] {
            assert_eq!(reply.header(foreign), "", "{foreign}");
        }
    }
}
