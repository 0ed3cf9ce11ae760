//! The standard names of OpenTelemetry.

use concierge::config::{ExposeSecret, Sampler, Traces};

use crate::{config, problem};

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");

fn traces(more: &[(&str, &str)]) -> Traces {
    config(&[&[ENDPOINT], more].concat()).traces.unwrap()
}

#[test]
fn traces_are_made_where_an_endpoint_is_set_and_nobody_switches_them_off() {
    assert!(config(&[("OTEL_SERVICE_NAME", "x")]).traces.is_none());
    assert!(
        config(&[ENDPOINT, ("OTEL_SDK_DISABLED", "true")])
            .traces
            .is_none()
    );

    assert_eq!(
        traces(&[]).endpoint.as_str(),
        "http://collector:4318/v1/traces"
    );
    let below = config(&[(ENDPOINT.0, "https://all.example/otlp")]).traces;
    assert_eq!(
        below.unwrap().endpoint.as_str(),
        "https://all.example/otlp/v1/traces"
    );
}

#[test]
fn the_service_has_the_name_that_is_said_most_plainly() {
    let attribute = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=b, team=c%2Cd");
    assert_eq!(traces(&[]).service_name, "concierge");
    assert_eq!(traces(&[("APP_NAME", "a")]).service_name, "a");
    assert_eq!(traces(&[("APP_NAME", "a"), attribute]).service_name, "b");
    let named = traces(&[attribute, ("OTEL_SERVICE_NAME", "d")]);
    assert_eq!(named.service_name, "d");
    let team = ("team".to_owned(), "c,d".to_owned());
    assert!(named.attributes.contains(&team), "{named:?}");
}

#[test]
fn headers_are_pairs_and_their_values_are_secret() {
    let traces = traces(&[(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "authorization=Basic a+b/c==, x-tenant=one%20two",
    )]);

    let headers: Vec<_> = traces
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect();
    assert_eq!(
        headers,
        [("authorization", "Basic a+b/c=="), ("x-tenant", "one two")]
    );
    assert!(!format!("{traces:?}").contains("a+b/c"));
}

#[test]
fn every_sampler_of_the_standard_is_known() {
    for (name, argument, ratio, follows_caller) in [
        ("always_on", "0.5", 1.0, false),
        ("always_off", "", 0.0, false),
        ("traceidratio", "0.25", 0.25, false),
        ("parentbased_always_on", "", 1.0, true),
        ("parentbased_always_off", "", 0.0, true),
        ("parentbased_traceidratio", "", 1.0, true),
        ("", "", 1.0, true),
    ] {
        let found = traces(&[
            ("OTEL_TRACES_SAMPLER", name),
            ("OTEL_TRACES_SAMPLER_ARG", argument),
        ]);
        let wanted = Sampler {
            ratio,
            follows_caller,
        };
        assert_eq!(found.sampler, wanted, "{name}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for (name, value, said) in [
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "grpc",
            "is \"grpc\"; wanted one of http/protobuf",
        ),
        (
            "OTEL_TRACES_SAMPLER_ARG",
            "2",
            "is \"2\"; wanted a number from 0 to 1",
        ),
        (
            "OTEL_TRACES_SAMPLER",
            "xray",
            "is \"xray\"; wanted one of parentbased_always_on, parentbased_always_off, \
             parentbased_traceidratio, always_on, always_off, traceidratio",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "hunter2",
            "is something not valid; wanted pairs such as key=value, separated by commas",
        ),
    ] {
        assert_eq!(
            problem(&[ENDPOINT, (name, value)]),
            format!("{name}: {said}")
        );
    }
    // Where nothing is sent, nobody cares how.
    assert!(
        config(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")])
            .traces
            .is_none()
    );
}
