//! The order of the sources.

use std::path::Path;

use config::{ConfigError, Map, Source, Value};

use super::effective::{Effective, effective};
use super::layer::Layer;
use super::parse::Parsed;
use super::problem::{Problem, Report};
use super::reader::Reader;
use super::settle::{names_in, settle};
use super::sources::Sources;
use super::{AppEnv, Config, check};

/// The lowest layer, so that the binary needs no file beside it.
const BUILT_IN: &str = include_str!("../../config/default.toml");

/// A configuration that is valid as a whole.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// Sentences about what is allowed, and hardly meant.
    pub warnings: Vec<String>,
    /// Every setting with its value, secrets hidden.
    pub effective: Vec<Effective>,
}

/// Layers the sources and checks the result: flags > environment > `.env` > `CONFIG_FILE` >
/// `config/{APP_ENV}.toml` > `config/default.toml` > what is built in.
pub fn load(sources: &Sources) -> Result<Loaded, Vec<Problem>> {
    let mut report = Report::default();
    for name in &sources.unreadable {
        report.problem(name, "is not UTF-8", "text");
    }

    let values = merged(sources, &mut report).unwrap_or_else(|error| {
        report.problem(
            "configuration",
            error.to_string(),
            "settings that fit together",
        );
        Map::new()
    });
    let config = check::check(&mut Reader::of(&values, &mut report));

    if report.problems.is_empty() {
        Ok(Loaded {
            config,
            warnings: report.warnings,
            effective: effective(&values),
        })
    } else {
        Err(report.problems)
    }
}

fn merged(sources: &Sources, report: &mut Report) -> Result<Map<String, Value>, ConfigError> {
    let (layers, env) = layers(sources, report);
    let names = names_in(layers.iter());

    let mut builder = config::Config::builder();
    for layer in layers {
        builder = builder.add_source(Tree(settle(layer, &names, report)));
    }
    let values = builder.build()?.cache.into_table()?;
    hold_env(&values, env, report);
    Ok(values)
}

/// The lowest first, and the environment that chose the file.
fn layers(sources: &Sources, report: &mut Report) -> (Vec<Layer>, Option<AppEnv>) {
    let above = [
        Layer::of_variables(".env", &sources.dotenv_variables(report)),
        Layer::of_variables("environment", &sources.environment),
        Layer::of_variables("flag", &sources.flags),
    ];
    let file = lookup(&above, "CONFIG_FILE").map(|path| Layer::of_file(Path::new(path), report));
    let default = Layer::of_optional_file(&sources.folder.join("default.toml"), report);

    let chosen = lookup(&above, "APP_ENV")
        .or_else(|| file.as_ref()?.flat("APP_ENV"))
        .or_else(|| default.as_ref()?.flat("APP_ENV"))
        .map_or(Ok(AppEnv::default()), AppEnv::parse)
        .ok();
    let of_env = chosen.and_then(|env| {
        let path = sources.folder.join(format!("{}.toml", env.as_str()));
        Layer::of_optional_file(&path, report)
    });

    let mut layers = vec![Layer::of_toml("built in", BUILT_IN, report)];
    layers.extend(default);
    layers.extend(of_env);
    layers.extend(file);
    layers.extend(above);
    (layers, chosen)
}

/// What the highest of these layers says.
fn lookup<'a>(layers: &'a [Layer], name: &str) -> Option<&'a str> {
    layers.iter().rev().find_map(|layer| layer.flat(name))
}

/// A file that was chosen by `APP_ENV` must not change it.
fn hold_env(values: &Map<String, Value>, chosen: Option<AppEnv>, report: &mut Report) {
    let stated: Option<Parsed<AppEnv>> = values
        .get("app_env")
        .and_then(|value| value.clone().into_string().ok())
        .filter(|text| !text.trim().is_empty())
        .map(|text| AppEnv::parse(text.trim()));
    if let (Some(chosen), Some(Ok(stated))) = (chosen, stated)
        && chosen != stated
    {
        report.problem(
            "APP_ENV",
            format!(
                "is changed to {} by the file of {}",
                stated.as_str(),
                chosen.as_str()
            ),
            "it in the environment, .env, CONFIG_FILE or config/default.toml",
        );
    }
}

/// A settled layer, for the builder.
#[derive(Clone)]
struct Tree(Map<String, Value>);

impl Source for Tree {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
