//! Where traces are sent, by the standard names of OpenTelemetry.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use super::parse::{Parsed, boolean, choice, text, web_url};
use super::reader::Reader;

/// Traces that are wanted.
#[derive(Clone, Debug)]
pub struct Traces {
    /// The whole of `OTEL_EXPORTER_OTLP_ENDPOINT`, down to `/v1/traces`.
    pub endpoint: Url,
    /// `OTEL_EXPORTER_OTLP_HEADERS`
    pub headers: Vec<(String, SecretString)>,
    /// `OTEL_SERVICE_NAME`, else the attribute `service.name`, else `APP_NAME`.
    pub service_name: String,
    /// `OTEL_RESOURCE_ATTRIBUTES`
    pub attributes: Vec<(String, String)>,
    pub sampler: Sampler,
}

/// `OTEL_TRACES_SAMPLER`: which traces are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Of those that the caller has not decided on, or of all; from 0 to 1.
    pub ratio: f64,
    /// Whether a caller's decision holds.
    pub follows_caller: bool,
}

impl Traces {
    /// None where no endpoint is set, or traces are switched off.
    pub(super) fn read(reader: &mut Reader<'_>, app_name: &str) -> Option<Self> {
        let is_disabled = reader.value("OTEL_SDK_DISABLED", boolean);
        let endpoint = reader.option("OTEL_EXPORTER_OTLP_ENDPOINT", web_url);
        let headers = reader.option("OTEL_EXPORTER_OTLP_HEADERS", pairs);
        let attributes = reader.option("OTEL_RESOURCE_ATTRIBUTES", pairs);
        let attributes = attributes.unwrap_or_default();
        let service_name = reader.option("OTEL_SERVICE_NAME", text);
        let sampler = Sampler::read(reader);
        let endpoint = endpoint.filter(|_| !is_disabled)?;
        reader.option("OTEL_EXPORTER_OTLP_PROTOCOL", choice(PROTOCOLS));
        let named = attributes.iter().find(|(name, _)| name == "service.name");
        let named = named.map(|(_, value)| value.clone());
        let secret = |(name, value): (String, String)| (name, value.into());
        Some(Self {
            endpoint: below(endpoint),
            headers: headers.into_iter().flatten().map(secret).collect(),
            service_name: service_name
                .or(named)
                .unwrap_or_else(|| app_name.to_owned()),
            attributes,
            sampler,
        })
    }
}

/// Of those that the standard knows; the others would need a second stack of HTTP/2.
const PROTOCOLS: &[(&str, ())] = &[("http/protobuf", ())];

/// The standard gives the address of all signals, each below it.
fn below(mut endpoint: Url) -> Url {
    if let Ok(mut path) = endpoint.path_segments_mut() {
        path.pop_if_empty().extend(["v1", "traces"]);
    }
    endpoint
}

impl Sampler {
    const WORDS: &[(&str, (Option<f64>, bool))] = &[
        ("parentbased_always_on", (Some(1.0), true)),
        ("parentbased_always_off", (Some(0.0), true)),
        ("parentbased_traceidratio", (None, true)),
        ("always_on", (Some(1.0), false)),
        ("always_off", (Some(0.0), false)),
        ("traceidratio", (None, false)),
    ];

    fn read(reader: &mut Reader<'_>) -> Self {
        let sampler = reader.option("OTEL_TRACES_SAMPLER", choice(Self::WORDS));
        let (fixed, follows_caller) = sampler.unwrap_or((Some(1.0), true));
        let wanted = reader.option("OTEL_TRACES_SAMPLER_ARG", ratio);
        Self {
            ratio: fixed.or(wanted).unwrap_or(1.0),
            follows_caller,
        }
    }
}

fn ratio(value: &str) -> Parsed<f64> {
    let number = value.parse().ok();
    number
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| "a number from 0 to 1".into())
}

/// `key=value` separated by commas; values are percent-encoded where they have to be.
fn pairs(value: &str) -> Parsed<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let is_plain = |text: &str| text.chars().all(|letter| (' '..='~').contains(&letter));
        let name = name.trim();
        (!name.is_empty() && is_plain(name) && is_plain(&value))
            .then(|| (name.to_owned(), value.into_owned()))
    };
    let items = value.split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(pair)
        .collect::<Option<_>>()
        .ok_or_else(|| "pairs such as key=value, separated by commas".into())
}
