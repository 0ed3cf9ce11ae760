//! A request as its upstream is asked differs from the caller's in the edited members alone.

#![no_main]

use bytes::Bytes;
use concierge::llm::ChatRequest;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

fuzz_target!(|data: &[u8]| {
    let Some((length, rest)) = data.split_first() else {
        return;
    };
    let (name, body) = rest.split_at(usize::from(*length % 32).min(rest.len()));
    let name = String::from_utf8_lossy(name);
    let body = Bytes::copy_from_slice(body);
    for view in [ChatRequest::view, ChatRequest::view_embeddings] {
        if let Ok(request) = view(body.clone()) {
            edited(&request, &name, view);
        }
    }
});

fn edited(
    request: &ChatRequest,
    name: &str,
    view: fn(Bytes) -> concierge::error::Result<ChatRequest>,
) {
    let upstream = request.for_upstream(name, true);

    assert!(serde_json::from_slice::<IgnoredAny>(upstream.body()).is_ok());
    assert_eq!(upstream.model(), name);
    if let Ok(object) = serde_json::from_slice::<Map<String, Value>>(request.body()) {
        let sent: Map<String, Value> = serde_json::from_slice(upstream.body()).unwrap();
        assert_eq!(sent, wanted(object, request, name));
    }
    if !name.trim().is_empty() {
        let again = view(upstream.body().clone()).unwrap();
        let unchanged = again.for_upstream(name, true);
        assert_eq!(unchanged.body().as_ptr(), upstream.body().as_ptr());
        assert_eq!(again.prompt_size(), request.prompt_size());
        assert_eq!(again.wants_usage(), upstream.wants_usage());
    }
    // A request that was edited for one upstream can be edited for another.
    let back = upstream.for_upstream(request.model(), true);
    let straight = request.for_upstream(request.model(), true);
    let [back, straight] =
        [back, straight].map(|sent| serde_json::from_slice::<Value>(sent.body()).ok());
    assert_eq!(back, straight);
}

fn wanted(mut object: Map<String, Value>, request: &ChatRequest, name: &str) -> Map<String, Value> {
    object.insert("model".into(), json!(name));
    if request.is_stream() {
        match object.get_mut("stream_options") {
            None | Some(Value::Null) => {
                object.insert("stream_options".into(), json!({"include_usage": true}));
            }
            Some(Value::Object(options)) => {
                let asked = options.entry("include_usage").or_insert(Value::Null);
                if matches!(asked, Value::Null | Value::Bool(_)) {
                    *asked = Value::Bool(true);
                }
            }
            Some(_) => {}
        }
    }
    object
}
