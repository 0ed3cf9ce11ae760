//! Public names of models: who serves them, and what they cost.

use std::collections::BTreeMap;
use std::time::Duration;

use super::parse::{Parsed, choice, number, some_time};
use super::providers::Provider;
use super::reader::Reader;

/// A public model name: `[models."NAME"]`.
#[derive(Clone, Debug)]
pub struct Model {
    /// Tried in this order.
    pub targets: Vec<Target>,
    pub strategy: Strategy,
    /// For `weighted`, one a target.
    pub weights: Vec<u32>,
    pub price: Option<Price>,
    pub max_output_tokens: Option<u64>,
    pub first_token_timeout: Option<Duration>,
}

/// `PROVIDER/UPSTREAM-MODEL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub provider: String,
    pub model: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    #[default]
    Ordered,
    Weighted,
    LeastLatency,
}

const STRATEGIES: &[(&str, Strategy)] = &[
    ("ordered", Strategy::Ordered),
    ("weighted", Strategy::Weighted),
    ("least_latency", Strategy::LeastLatency),
];

impl Model {
    pub(super) fn read_all(
        reader: &mut Reader<'_>,
        providers: &[Provider],
    ) -> BTreeMap<String, Self> {
        let configured = reader.inside("models", |models| {
            let names = models.keys();
            names
                .into_iter()
                .filter_map(|name| {
                    let model = Self::read(models, &name, providers)?;
                    Some((name, model))
                })
                .collect()
        });
        configured.unwrap_or_default()
    }

    fn read(models: &mut Reader<'_>, name: &str, providers: &[Provider]) -> Option<Self> {
        if name.trim().is_empty() || name.len() > 255 || name.contains(char::is_control) {
            models.problem(
                name,
                "is not a name of a model",
                "1 to 255 bytes on one line",
            );
        }
        models.inside(name, |reader| {
            let targets = targets(reader, providers);
            let strategy = reader.value("strategy", choice(STRATEGIES));
            Self {
                weights: weights(reader, strategy, targets.len()),
                targets,
                strategy,
                price: reader.inside("price", Price::read),
                max_output_tokens: reader.option("max_output_tokens", number(1..=1_000_000_000)),
                first_token_timeout: reader.option("first_token_timeout", some_time),
            }
        })
    }
}

fn targets(reader: &mut Reader<'_>, providers: &[Provider]) -> Vec<Target> {
    let targets = reader.list("targets", |value| target(value, providers));
    let none = targets.as_ref().is_some_and(Vec::is_empty);
    if none || !reader.is_set("targets") {
        let wanted = "a list of provider/upstream-model";
        reader.problem("targets", "are not set", wanted);
    }
    targets.unwrap_or_default()
}

fn target(value: &str, providers: &[Provider]) -> Parsed<Target> {
    let (provider, model) = value
        .split_once('/')
        .filter(|(_, model)| !model.trim().is_empty())
        .ok_or("provider/upstream-model")?;
    if providers.iter().any(|known| known.name == provider) {
        return Ok(Target {
            provider: provider.to_owned(),
            model: model.to_owned(),
        });
    }
    let known: Vec<_> = providers.iter().map(|known| known.name.as_str()).collect();
    Err(match known.as_slice() {
        [] => "a configured provider, and there is none".into(),
        known => format!("a configured provider: {}", known.join(", ")).into(),
    })
}

fn weights(reader: &mut Reader<'_>, strategy: Strategy, targets: usize) -> Vec<u32> {
    let weights = reader.list("weights", number(0..=1_000_000));
    match (&weights, strategy) {
        (None, Strategy::Weighted) if !reader.is_set("weights") => {
            reader.problem("weights", "are not set", "one number a target");
        }
        (Some(_), Strategy::Ordered | Strategy::LeastLatency) => {
            let wanted = "strategy = \"weighted\", or none of them";
            reader.problem("weights", "are set for another strategy", wanted);
        }
        (Some(weights), Strategy::Weighted) if targets > 0 && weights.len() != targets => {
            let found = format!("are {} for {targets} targets", weights.len());
            reader.problem("weights", found, "one number a target");
        }
        (Some(weights), Strategy::Weighted) if weights.iter().all(|weight| *weight == 0) => {
            reader.problem("weights", "are all zero", "one above zero");
        }
        _ => {}
    }
    weights.unwrap_or_default()
}

/// Nano-dollars a token (the file says USD per million tokens: 0.15 there is 150 here).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub input: u64,
    pub cached_input: u64,
    pub cache_write: u64,
    pub output: u64,
}

impl Price {
    fn read(reader: &mut Reader<'_>) -> Self {
        let mut required = |key| {
            if !reader.is_set(key) {
                reader.problem(key, "is not set", "USD per million tokens");
            }
            reader.value(key, nano_dollars)
        };
        let (input, output) = (required("input"), required("output"));
        let mut optional = |key| reader.option(key, nano_dollars).unwrap_or(input);
        Self {
            input,
            cached_input: optional("cached_input"),
            cache_write: optional("cache_write"),
            output,
        }
    }
}

/// USD per million tokens as nano-dollars a token, which three decimals are.
fn nano_dollars(value: &str) -> Parsed<u64> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err("USD per million tokens, 0 or more, such as 0.15".into());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 3 {
        return Err("at most three decimals: a thousandth is one nano-dollar a token".into());
    }
    format!("{whole}{fraction:0<3}")
        .parse()
        .ok()
        .filter(|nano| *nano <= 1_000_000_000)
        .ok_or_else(|| "at most 1000000 USD per million tokens".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_decimals_are_nano_dollars_exactly() {
        for (text, nano) in [
            ("0.15", 150),
            ("0.075", 75),
            ("10", 10_000),
            ("2.500", 2_500),
            ("0.1230000", 123),
            ("0", 0),
        ] {
            assert_eq!(nano_dollars(text), Ok(nano), "{text}");
        }
    }

    #[test]
    fn a_price_is_neither_negative_nor_finer_nor_a_word() {
        for bad in [
            "-1",
            "0.0375",
            "free",
            "1e3",
            "",
            ".",
            "1.",
            "99999999999999999999",
            "1000001",
        ] {
            assert!(nano_dollars(bad).is_err(), "{bad}");
        }
    }
}
