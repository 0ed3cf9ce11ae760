//! A frame as its caller sees it differs from the upstream's in the edited members alone.

#![no_main]

use concierge::llm::{Edits, Says, fuzz};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

const PUBLIC: &str = "my \"own\" name";

fuzz_target!(|data: &[u8]| {
    let edits = Edits::none().renaming(PUBLIC).hiding_usage();
    let _ = edits.frame(fuzz::frame(data));
    if data.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return;
    }
    let event = [&b": note\ndata: "[..], data, b"\nid: 1\n\n"].concat();
    let frame = fuzz::frame(&event);
    let is_chunk = matches!(frame.says(), Says::Chunk(_));

    let Some(passed) = edits.frame(frame) else {
        assert!(is_chunk);
        return;
    };

    if !is_chunk {
        assert_eq!(passed, event);
        return;
    }
    let payload = passed.strip_prefix(&b": note\ndata: "[..]).unwrap();
    let payload = payload.strip_suffix(&b"\nid: 1\n\n"[..]).unwrap();
    assert!(serde_json::from_slice::<IgnoredAny>(payload).is_ok());
    let Ok(mut object) = serde_json::from_slice::<Map<String, Value>>(data) else {
        return;
    };
    let seen: Map<String, Value> = serde_json::from_slice(payload).unwrap();
    object.remove("usage");
    if object.get("model").is_some_and(|model| model != "") {
        object.insert("model".into(), json!(PUBLIC));
    }
    assert_eq!(seen, object);
    // What was edited once is not edited again.
    assert_eq!(edits.frame(fuzz::frame(&passed)).unwrap(), passed);
});
