//! The HTTP edge: what holds for every route, whatever it does.

mod bodies;
mod cors;
mod credentials;
mod csrf;
mod docs;
mod envelopes;
mod hardening;
mod heads;
mod methods;
mod objects;
mod panics;
mod parameters;
mod request_ids;
mod scopes;
mod slashes;
mod slow;

mod welcome;

use serde_json::Value;

use crate::support::Reply;

/// That `reply` is a refusal in the house's envelope, whole and consistent. Its details.
pub fn refusal(reply: &Reply, status: u16, code: &str) -> Value {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json");
    let body = reply.json();
    let members: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["code", "details", "error", "request_id", "timestamp"]
    );
    assert_eq!(body["code"], code, "{body}");
    let timestamp = body["timestamp"].as_str().unwrap();
    assert!(concierge::domain::Ts::parse(timestamp).is_some() && timestamp.ends_with('Z'));
    assert_eq!(body["request_id"], reply.header("x-request-id"));
    assert!(body["error"].as_str().unwrap().ends_with('.'), "{body}");
    body["details"].clone()
}

/// The one field at fault: its name, where it stands, and the rule that it breaks.
pub fn field_at_fault(reply: &Reply) -> (String, String, String) {
    let details = refusal(reply, 422, "validation_error");
    let fields = details["fields"].as_array().unwrap();
    assert_eq!(fields.len(), 1, "{details}");
    assert!(fields[0]["message"].as_str().unwrap().len() > 5);
    let text = |member: &str| fields[0][member].as_str().unwrap().to_owned();
    (text("field"), text("location"), text("code"))
}

/// The four members of OpenAI's envelope, which are always all there.
pub fn openai_refusal(reply: &Reply, status: u16, code: &str) -> Value {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json");
    let error = reply.json()["error"].clone();
    let members: Vec<_> = error.as_object().unwrap().keys().collect();
    assert_eq!(members, ["code", "message", "param", "type"]);
    assert_eq!(error["code"], code, "{error}");
    error
}
