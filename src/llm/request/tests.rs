use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ChatRequest, Task};
use crate::error::{Error, Kind};

fn view(body: &str) -> ChatRequest {
    ChatRequest::view(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn refusal(body: impl AsRef<[u8]>) -> Error {
    ChatRequest::view(Bytes::copy_from_slice(body.as_ref())).unwrap_err()
}

/// The body that goes upstream for a streamed request under the same model name.
fn asked(options: &str) -> String {
    let body = format!(r#"{{"model":"m",{options}"stream":true,"messages":[]}}"#);
    let upstream = view(&body).for_upstream("m", true);
    String::from_utf8(upstream.body().to_vec()).unwrap()
}

#[test]
fn the_view_reads_what_we_act_on() {
    let request = view(
        r#" {"model":"gpt\u002d4","messages":[{"content":"hi"}],"stream":true,"n":3,
            "max_tokens":10,"max_completion_tokens":20,"user":"ada",
            "stream_options":{"include_usage":true}} "#,
    );

    assert_eq!(request.model(), "gpt-4");
    assert!(request.is_stream() && request.wants_usage());
    assert_eq!((request.n(), request.output_limit()), (3, Some(20)));
    assert_eq!(request.prompt_size().characters, 2);
}

#[test]
fn nulls_are_absent() {
    let request = view(
        r#"{"model":"m","messages":[],"stream":null,"n":null,"max_tokens":null,"stream_options":null}"#,
    );

    assert!(!request.is_stream() && !request.wants_usage());
    assert_eq!((request.n(), request.output_limit()), (1, None));
}

#[test]
fn a_count_beyond_64_bits_is_the_largest() {
    let request = view(r#"{"model":"m","messages":[],"max_tokens":99999999999999999999999}"#);

    assert_eq!(request.output_limit(), Some(u64::MAX));
}

#[test]
fn what_we_do_not_read_is_left_to_the_upstream() {
    let body = "{\"z\":1e400,\"messages\":[{\"x\":1.0}],\"model\":\"m\",\"z\":18446744073709551616,\r\n\
                \"\\ud800\":\"\\ud800\\u0000\",\"logit_bias\":{\"1\":-0}, \"user\":7}\n";

    let request = view(body);

    assert_eq!(request.body(), body);
    assert_eq!(request.for_upstream("m", true).body(), body);
}

#[test]
fn an_unchanged_request_is_the_same_bytes() {
    let body = Bytes::from_static(
        br#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#,
    );
    let request = ChatRequest::view(body.clone()).unwrap();

    let upstream = request.for_upstream("m", true);

    assert_eq!(upstream.body().as_ptr(), body.as_ptr());
}

#[test]
fn only_the_model_is_replaced_where_only_it_differs() {
    let request = view("{ \"messages\" : [ ] ,\t\"model\" : \"alias\" , \"seed\": 1.0 }");

    let upstream = request.for_upstream("up/\"stream\"", true);

    let body = "{ \"messages\" : [ ] ,\t\"model\" : \"up/\\\"stream\\\"\" , \"seed\": 1.0 }";
    assert_eq!(upstream.body(), body);
    assert_eq!(upstream.model(), "up/\"stream\"");
}

#[test]
fn a_stream_asks_for_usage_however_its_options_look() {
    let on = r#"{"model":"m","stream_options":{"include_usage":true},"stream":true,"messages":[]}"#;
    assert_eq!(asked(r#""stream_options":null,"#), on);
    assert_eq!(asked(r#""stream_options":{},"#), on);
    assert_eq!(asked(r#""stream_options":{"include_usage":false},"#), on);
    assert_eq!(asked(r#""stream_options":{"include_usage":null},"#), on);
    assert_eq!(asked(r#""stream_options":{"include_usage":true},"#), on);
    assert_eq!(
        asked(""),
        r#"{"stream_options":{"include_usage":true},"model":"m","stream":true,"messages":[]}"#
    );
    assert_eq!(
        asked(r#""stream_options":{ "x":1},"#),
        r#"{"model":"m","stream_options":{"include_usage":true, "x":1},"stream":true,"messages":[]}"#
    );
}

#[test]
fn options_of_the_wrong_type_are_the_upstreams_to_judge() {
    for options in [
        r#""stream_options":"on","#,
        r#""stream_options":[{}],"#,
        r#""stream_options":{"include_usage":"yes"},"#,
        r#""stream_options":{"include_usage":1},"#,
    ] {
        assert!(asked(options).contains(options));
    }
}

#[test]
fn a_plain_request_or_an_upstream_without_usage_is_not_asked() {
    let plain = r#"{"model":"m","messages":[],"stream_options":{}}"#;
    let stream = r#"{"model":"m","messages":[],"stream":true}"#;

    assert_eq!(view(plain).for_upstream("m", true).body(), plain);
    assert_eq!(view(stream).for_upstream("m", false).body(), stream);
}

#[test]
fn a_request_can_be_edited_again_for_the_next_upstream() {
    let request =
        view(r#"{"stream":true,"model":"a","stream_options":{},"messages":[{"content":"hi"}]}"#);

    let first = request.for_upstream("a-longer-name", false);
    let second = first.for_upstream("b", true);

    assert_eq!(
        second.body(),
        r#"{"stream":true,"model":"b","stream_options":{"include_usage":true},"messages":[{"content":"hi"}]}"#
    );
    assert!(second.wants_usage() && !first.wants_usage());
    assert_eq!(second.prompt(), r#"[{"content":"hi"}]"#);
}

#[test]
fn a_request_for_embeddings_is_read_by_its_own_members() {
    let body =
        r#"{"input":["Grüße","a\u0062"],"model":"m","stream":7,"stream":8,"messages":1,"n":-1}"#;
    let request = ChatRequest::view_embeddings(Bytes::from_static(body.as_bytes())).unwrap();

    assert_eq!((request.task(), request.model()), (Task::Embeddings, "m"));
    assert!(!request.is_stream() && !request.wants_usage());
    assert_eq!((request.n(), request.output_limit()), (1, None));
    assert_eq!(request.prompt_size().characters, 7);
    assert_eq!(request.for_upstream("m", true).body(), body);
    let renamed = request.for_upstream("up", true);
    assert_eq!(renamed.body(), &body.replace("\"m\"", "\"up\""));
    assert_eq!(renamed.prompt(), request.prompt());
}

#[test]
fn a_chat_may_say_what_it_likes_of_inputs() {
    let body = r#"{"input":1,"input":2,"model":"m","messages":[]}"#;

    assert_eq!(view(body).body(), body);
}

#[test]
fn a_request_for_embeddings_needs_its_model_and_its_input() {
    for (body, field) in [
        (r#"{"input":"a"}"#, "model"),
        (r#"{"model":"m"}"#, "input"),
        (r#"{"model":"m","input":null}"#, "input"),
        (r#"{"model":"m","input":7}"#, "input"),
        (r#"{"model":"m","input":{}}"#, "input"),
        (r#"{"model":"m","input":"a","\u0069nput":"b"}"#, "input"),
        (r#"{"model":"m","input":"a","user":"b","user":"c"}"#, "user"),
    ] {
        let body = Bytes::from_static(body.as_bytes());
        let error = ChatRequest::view_embeddings(body.clone()).unwrap_err();

        assert_eq!(error.fields[0].name, field, "{body:?}");
    }
}

#[test]
fn what_is_not_json_says_where() {
    for (body, message) in [
        ("", "The body is empty."),
        (" \n", "The body is empty."),
        (
            "{\"model\":",
            "The body is not valid JSON: it ends too early.",
        ),
        (
            "{\"a\" 1}",
            "The body is not valid JSON: see line 1, column 6.",
        ),
        ("{}x", "The body is not valid JSON: see line 1, column 3."),
        ("[1,", "The body is not valid JSON: it ends too early."),
        ("[1 2]", "The body is not valid JSON: see line 1, column 4."),
        (
            "{\"a\":\"\u{1}\"}",
            "The body is not valid JSON: see line 1, column 6.",
        ),
        (
            "{\"a\u{1}\":1}",
            "The body is not valid JSON: see line 1, column 3.",
        ),
        (
            "{\"\\u0061\u{1}\":1}",
            "The body is not valid JSON: see line 1, column 8.",
        ),
        ("\u{feff}{}", "The body begins with a byte-order mark."),
    ] {
        let error = refusal(body);

        assert_eq!(
            (error.kind, error.code),
            (Kind::Malformed, "malformed_json")
        );
        assert_eq!(error.message, message, "{body:?}");
    }
    assert_eq!(refusal(b"{\"a\":\"\xff\"}").code, "malformed_json");
}

#[test]
fn a_broken_rule_names_its_field() {
    for (body, field, message) in [
        (r#"{"messages":[]}"#, "model", "`model` is required."),
        (
            r#"{"messages":[],"model":" "}"#,
            "model",
            "`model` must not be empty.",
        ),
        (
            r#"{"messages":[],"model":null}"#,
            "model",
            "`model` must be a string.",
        ),
        (
            r#"{"messages":[],"model":4}"#,
            "model",
            "`model` must be a string.",
        ),
        (r#"{"model":"m"}"#, "messages", "`messages` is required."),
        (
            r#"{"model":"m","messages":{}}"#,
            "messages",
            "`messages` must be an array.",
        ),
        (
            r#"{"model":"m","messages":[],"stream":"true"}"#,
            "stream",
            "`stream` must be true, false or null.",
        ),
        (
            r#"{"model":"m","messages":[],"model":"n"}"#,
            "model",
            "`model` must occur only once.",
        ),
        (
            r#"{"model":"m","messages":[],"\u0075ser":1,"user":2}"#,
            "user",
            "`user` must occur only once.",
        ),
        (
            r#"{"model":"m","messages":[],"stream_options":{"include_usage":true,"include\u005fusage":false}}"#,
            "stream_options.include_usage",
            "`stream_options.include_usage` must occur only once.",
        ),
    ] {
        let error = refusal(body);

        assert_eq!(
            (error.kind, error.code),
            (Kind::Malformed, "invalid_request")
        );
        assert_eq!(error.fields[0].name, field, "{body}");
        assert_eq!(error.message, message, "{body}");
    }
}

#[test]
fn a_member_that_others_read_in_any_case_must_be_spelled_as_we_read_it() {
    for (spelled, field) in [
        ("Model", "model"),
        ("MESSAGES", "messages"),
        ("mess\u{17f}ages", ""),
        ("me\u{17f}sages", "messages"),
        ("\u{17f}tream", "stream"),
        ("Stream_Options", "stream_options"),
        ("\u{17f}tream_option\u{17f}", "stream_options"),
        ("max_to\u{212a}ens", "max_tokens"),
        (
            "max_completion_TO\u{212a}EN\u{17f}",
            "max_completion_tokens",
        ),
        (r"\u004d\u0041x_tokens", "max_tokens"),
        ("N", "n"),
        ("User", "user"),
        ("Input", ""),
        ("max-tokens", ""),
        ("m\u{f6}del", ""),
    ] {
        // Last, first, and without the one that we read.
        let named = format!(r#""{spelled}":null"#);
        for body in [
            format!(r#"{{"model":"m","messages":[],{named}}}"#),
            format!(r#"{{{named},"model":"m","messages":[]}}"#),
        ] {
            if field.is_empty() {
                assert_eq!(view(&body).body(), &body);
                continue;
            }
            let error = refusal(&body);

            assert_eq!(
                (error.kind, error.code),
                (Kind::Malformed, "invalid_request")
            );
            assert_eq!(error.fields[0].name, field, "{body}");
            let shown: String = serde_json::from_str(&format!("\"{spelled}\"")).unwrap();
            assert_eq!(
                error.message,
                format!("`{shown}` must be spelled `{field}`.")
            );
        }
    }
}

#[test]
fn the_option_for_usage_must_be_spelled_as_we_read_it() {
    for spelled in [
        "Include_Usage",
        "include_u\u{17f}age",
        r"\u0049nclude_usage",
    ] {
        let error = refusal(format!(
            r#"{{"model":"m","messages":[],"stream_options":{{"include_usage":true,"{spelled}":false}}}}"#
        ));

        assert_eq!(error.fields[0].name, "stream_options.include_usage");
        let shown: String = serde_json::from_str(&format!("\"{spelled}\"")).unwrap();
        assert_eq!(
            error.message,
            format!("`stream_options.{shown}` must be spelled `stream_options.include_usage`.")
        );
    }
}

#[test]
fn embeddings_mind_the_spelling_of_their_own_members_alone() {
    let read =
        |body: &'static str| ChatRequest::view_embeddings(Bytes::from_static(body.as_bytes()));

    for (body, field) in [
        (r#"{"model":"m","input":"a","INPUT":"b"}"#, "input"),
        (r#"{"model":"m","input":"a","Model":"b"}"#, "model"),
        (r#"{"model":"m","input":"a","U\u017fer":"b"}"#, "user"),
    ] {
        assert_eq!(read(body).unwrap_err().fields[0].name, field, "{body}");
    }
    for body in [
        r#"{"model":"m","input":"a","Stream":true,"N":2,"Messages":1}"#,
        r#"{"model":"m","input":"a","dimenSions":2}"#,
    ] {
        assert_eq!(read(body).unwrap().body(), body);
    }
}

#[test]
fn a_count_is_null_or_a_whole_number() {
    for field in ["max_tokens", "max_completion_tokens", "n"] {
        for value in ["-1", "1.0", "1e2", "\"5\"", "true", "[]", "-0"] {
            let error = refusal(format!(
                r#"{{"model":"m","messages":[],"{field}":{value}}}"#
            ));

            assert_eq!(error.fields[0].name, field, "{value}");
        }
    }
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    for body in ["[]", "null", "7", "1e400", "\"text\""] {
        let error = refusal(body);

        assert_eq!(error.code, "invalid_request");
        assert_eq!(error.message, "The body must be a JSON object.");
    }
}

#[test]
fn deep_nesting_is_neither_a_stack_overflow_nor_slow() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let objects = r#"{"a":"#.repeat(100_000) + "1" + &"}".repeat(100_000);

    for nested in [&deep, &objects] {
        let body = format!(r#"{{"model":"m","messages":[{nested}],"x":{nested}}}"#);
        assert_eq!(view(&body).for_upstream("m", true).body(), &body);
    }
    assert_eq!(refusal(deep).code, "invalid_request");
    assert_eq!(refusal("{\"a\":".repeat(100_000)).code, "malformed_json");
}

#[test]
fn the_prompt_is_not_in_the_debug_output() {
    let request = view(r#"{"model":"m","messages":[{"content":"secret words"}]}"#);

    assert!(!format!("{request:?}").contains("secret"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn an_edited_request_differs_in_the_edited_members_alone(
        extra in prop::collection::vec(("[a-z]{0,3}é[a-z]", any_json()), 0..4),
        options in prop_oneof![Just(None), any_json().prop_map(Some)],
        model in "\\PC{0,8}", upstream in any::<String>(), place in 0usize..4, pretty in any::<bool>(),
    ) {
        let model = format!("m{model}");
        let mut body = serde_json::Map::new();
        for (at, (name, value)) in extra.into_iter().enumerate() {
            if at == place { body.insert("stream".into(), json!(true)); }
            body.insert(name, value);
        }
        body.insert("model".into(), json!(model));
        body.insert("stream".into(), json!(true));
        body.insert("messages".into(), json!([{"content": "é"}]));
        if let Some(options) = options { body.insert("stream_options".into(), options); }
        let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) };
        let request = view(&text.unwrap());

        let edited = request.for_upstream(&upstream, true);

        let sent: serde_json::Map<String, Value> = serde_json::from_slice(edited.body()).unwrap();
        let mut wanted = body;
        wanted.insert("model".into(), json!(upstream));
        match wanted.get_mut("stream_options") {
            None | Some(Value::Null) => {
                wanted.insert("stream_options".into(), json!({"include_usage": true}));
            }
            Some(Value::Object(options)) => {
                options.insert("include_usage".into(), json!(true));
            }
            Some(_) => {}
        }
        prop_assert_eq!(sent, wanted);
        prop_assert_eq!(edited.prompt().replace([' ', '\n'], ""), r#"[{"content":"é"}]"#);
        prop_assert!(serde_json::from_str::<Value>(edited.prompt()).is_ok());
        // What was edited reads like any other request, and needs no second edit.
        let again = ChatRequest::view(edited.body().clone());
        prop_assert!(upstream.trim().is_empty() == again.is_err());
        if let Ok(again) = again {
            prop_assert_eq!(again.for_upstream(&upstream, true).body().as_ptr(), edited.body().as_ptr());
        }
    }

    #[test]
    fn no_bytes_make_the_view_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ChatRequest::view(Bytes::from(body));
    }

    #[test]
    fn no_damage_to_a_request_makes_the_view_panic(at in 0usize..90, byte in any::<u8>()) {
        let mut body =
            br#"{"model":"m\u0041","messages":[{"content":"a"}],"stream_options":{"x":[1]},"stream":true}"#.to_vec();
        let at = at % body.len();
        body[at] = byte;

        if let Ok(request) = ChatRequest::view(Bytes::from(body)) {
            let _ = request.for_upstream("other", true);
            let _ = request.prompt_size();
        }
    }
}
