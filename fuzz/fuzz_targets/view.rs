//! What the view takes is a JSON object with that model, and what it calls no JSON is none.

#![no_main]

use bytes::Bytes;
use concierge::llm::{ChatRequest, Task};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// What is read of each kind of request.
const CHAT: [&str; 8] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "user",
];
const EMBEDDINGS: [&str; 3] = ["model", "input", "user"];

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    for view in [ChatRequest::view, ChatRequest::view_embeddings] {
        match view(body.clone()) {
            Ok(request) => taken(data, &request),
            Err(error) if error.code == "malformed_json" => assert!(!is_json(data)),
            Err(_) => assert!(is_json(data)),
        }
    }
});

fn is_json(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

fn taken(data: &[u8], request: &ChatRequest) {
    assert_eq!(request.body(), data);
    assert!(is_json(data));
    let size = request.prompt_size();
    assert!(size.characters + size.tokens <= data.len() as u64);
    // Not every JSON fits into a value: 1e400 and lone surrogates do not.
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(data) else {
        return;
    };
    assert_eq!(object["model"], request.model());
    match request.task() {
        Task::Chat => spelled(&object, &CHAT),
        Task::Embeddings => spelled(&object, &EMBEDDINGS),
    }
    if let (Task::Chat, Some(Value::Object(options))) =
        (request.task(), object.get("stream_options"))
    {
        spelled(options, &["include_usage"]);
    }
    if let Some(Value::String(input)) = object.get("input")
        && request.task() == Task::Embeddings
    {
        assert_eq!(size.characters, input.chars().count() as u64);
    }
    assert!(!request.is_stream() || object["stream"] == true);
    if let Some(limit) = request.output_limit() {
        let told = |name: &str| object.get(name).and_then(Value::as_u64);
        let told = told("max_tokens").max(told("max_completion_tokens"));
        assert!(told == Some(limit) || limit == u64::MAX);
    }
}

/// Nothing stands there that a reader who does not mind the case would take for a member that is read.
fn spelled(object: &Map<String, Value>, read: &[&str]) {
    for name in object.keys() {
        let folded = name.replace('ſ', "s").to_lowercase();
        assert!(
            read.contains(&name.as_str()) || !read.contains(&folded.as_str()),
            "{name}"
        );
    }
}
