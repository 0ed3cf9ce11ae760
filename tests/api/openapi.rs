//! The OpenAPI document: whole, true, and fit for those who generate clients from it.

use std::collections::BTreeSet;

use concierge::api;
use serde_json::Value;

/// Every operation of the document, with its path and method.
pub fn operations() -> Vec<(String, String, Value)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap().clone();
    let of_path = |(path, methods): (String, Value)| {
        let methods = methods.as_object().unwrap().clone();
        methods
            .into_iter()
            .map(move |(method, operation)| (path.clone(), method.to_uppercase(), operation))
    };
    paths.into_iter().flat_map(of_path).collect()
}

pub fn document() -> Value {
    serde_json::to_value(api::openapi::document()).unwrap()
}

/// What a `$ref` points to, or the value itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value["$ref"].as_str() else {
        return value;
    };
    let found = document.pointer(&reference[1..]);
    resolved(
        document,
        found.unwrap_or_else(|| panic!("nothing is at {reference}")),
    )
}

#[test]
fn the_committed_document_is_what_the_program_prints() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let committed = std::fs::read_to_string(file).unwrap_or_default();

    let printed = serde_json::to_string_pretty(&api::openapi::document()).unwrap() + "\n";

    assert!(
        committed == printed,
        "openapi.json is not what the code says; refresh it: cargo run -- openapi > openapi.json"
    );
}

// A27: title, version and description.
#[test]
fn the_document_says_what_it_is_about() {
    let document = document();

    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["info"]["title"], "Concierge");
    assert!(document["info"]["description"].as_str().unwrap().len() > 40);
    assert_eq!(document["servers"][0]["url"], "/");
    let schemes = document["components"]["securitySchemes"].as_object();
    let schemes: Vec<_> = schemes.unwrap().keys().collect();
    assert_eq!(
        schemes,
        [
            "apiKeyAuth",
            "bearerAuth",
            "cookieAuth",
            "oauth2Password",
            "refreshCookie"
        ]
    );
}

// Swagger sends the token that its form got to the operations that name the form, and to no others.
#[test]
fn a_token_from_the_password_form_goes_wherever_a_bearer_token_goes() {
    for (path, method, operation) in operations() {
        let schemes = operation["security"].as_array().into_iter().flatten();
        let schemes: BTreeSet<_> = schemes
            .flat_map(|scheme| scheme.as_object().unwrap().keys())
            .map(String::as_str)
            .collect();

        assert_eq!(
            schemes.contains("oauth2Password"),
            schemes.contains("bearerAuth"),
            "{method} {path}: {schemes:?}"
        );
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let mut seen = BTreeSet::new();

    for (path, method, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        assert!(id.chars().all(is_plain), "{method} {path}: {id}");
        assert!(seen.insert(id), "{method} {path} has another's name");
    }
}

// C33: health and status are tags.
#[test]
fn every_operation_is_explained() {
    let document = document();
    let told = document["tags"].as_array().unwrap();
    let told: Vec<_> = told.iter().map(|tag| &tag["name"]).collect();
    assert!(told.contains(&&"health".into()) && told.contains(&&"status".into()));

    for (path, method, operation) in operations() {
        let place = format!("{method} {path}");
        assert!(told.contains(&&operation["tags"][0]), "{place}: its tag");
        for text in ["summary", "description"] {
            let length = operation[text].as_str().unwrap_or_default().len();
            assert!(length > 5, "{place} has no {text}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{place}: {parameter}");
        }
    }
}

#[test]
fn every_answer_is_described_and_shown() {
    let document = document();

    for (path, method, operation) in operations() {
        let mut has_success = false;
        for (status, answer) in operation["responses"].as_object().unwrap() {
            let place = format!("{method} {path} {status}");
            assert!(answer["description"].is_string(), "{place}: description");
            has_success |= status.starts_with('2');
            if status == "204" {
                continue;
            }
            for (kind, content) in answer["content"].as_object().unwrap() {
                let schema = resolved(&document, &content["schema"]);
                let is_shown = schema["examples"].is_array() || !content["example"].is_null();
                assert!(is_shown, "{place} has no example of {kind}");
            }
        }
        assert!(has_success, "{method} {path} never succeeds");
    }
}

#[test]
fn every_operation_tells_how_it_may_fail() {
    for (path, method, operation) in operations() {
        let place = format!("{method} {path}");
        let can = |status: &str| {
            let has = !operation["responses"][status].is_null();
            assert!(has, "{place} does not tell of {status}");
        };
        // What is open and only read touches nothing that could fail, or tells of it in its body.
        if !is_open(&operation) || method != "GET" {
            for status in ["500", "503", "504"] {
                can(status);
            }
        }
        if method != "GET" {
            can("403"); // from a foreign site
        }
        if !is_open(&operation) {
            for status in ["400", "401", "403"] {
                can(status);
            }
        }
        let is_openai = operation["tags"][0] == "completions";
        if operation["requestBody"].is_object() {
            for status in ["400", "408", "413", "415"] {
                can(status);
            }
        }
        let takes_something =
            operation["requestBody"].is_object() || operation["parameters"].is_array();
        if takes_something && !is_openai {
            can("422");
        }
        if path.contains('{') {
            can("404");
        }
    }
}

/// Whether the document says that nobody need show anything.
pub fn is_open(operation: &Value) -> bool {
    let alternatives = operation["security"].as_array();
    alternatives.is_some_and(|ways| ways.contains(&serde_json::json!({})))
}

#[test]
fn every_body_comes_with_an_example() {
    let document = document();
    let mut bodies = 0;

    for (path, method, operation) in operations() {
        let Some(contents) = operation["requestBody"]["content"].as_object() else {
            continue;
        };
        for content in contents.values() {
            bodies += 1;
            let schema = resolved(&document, &content["schema"]);
            assert!(
                schema["examples"][0].is_object(),
                "{method} {path} shows no body"
            );
        }
    }
    assert!(bodies >= 4);
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = 0;

    each(&document, &mut |value| {
        if value["$ref"].is_string() {
            references += 1;
            resolved(&document, value);
        }
    });

    assert!(references > 100);
}

fn each(value: &Value, look: &mut impl FnMut(&Value)) {
    look(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| each(item, look)),
        Value::Object(members) => members.values().for_each(|member| each(member, look)),
        _ => {}
    }
}

#[test]
fn what_may_be_null_in_an_answer_is_always_there() {
    let document = document();
    let mut answered = BTreeSet::new();
    for (_, _, operation) in operations() {
        for answer in operation["responses"].as_object().unwrap().values() {
            collect(&document, answer, &mut answered);
        }
    }

    let mut nullable = 0;
    for name in &answered {
        each(&document["components"]["schemas"][name], &mut |schema| {
            for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                let is_required = schema["required"]
                    .as_array()
                    .is_some_and(|required| required.contains(&Value::from(field.as_str())));
                if may_be_null(property) {
                    nullable += 1;
                    assert!(is_required, "{name}.{field} may be null and may be absent");
                }
            }
        });
    }
    assert!(answered.contains("User") && nullable > 5);
}

/// The names of all schemas that `value` leads to.
fn collect(document: &Value, value: &Value, names: &mut BTreeSet<String>) {
    each(value, &mut |inner| {
        let Some(reference) = inner["$ref"].as_str() else {
            return;
        };
        let name = reference.rsplit('/').next().unwrap().to_owned();
        if names.insert(name) {
            collect(document, resolved(document, inner), names);
        }
    });
}

fn may_be_null(property: &Value) -> bool {
    let types = property["type"].as_array();
    let ways = property["oneOf"].as_array();
    types.is_some_and(|types| types.contains(&"null".into()))
        || ways.is_some_and(|ways| ways.iter().any(|way| way["type"] == "null"))
}
