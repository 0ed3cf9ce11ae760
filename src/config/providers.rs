//! The upstreams.

use std::str::FromStr;

use http::{HeaderName, HeaderValue, header};
use secrecy::SecretString;
use url::Url;

use super::AppEnv;
use super::parse::{Parsed, boolean, choice, web_url};
use super::reader::Reader;

/// One upstream: `[providers.NAME]`, or made from `OPENAI_API_KEY` and its like.
#[derive(Clone, Debug)]
pub struct Provider {
    pub name: String,
    pub kind: ProviderKind,
    /// What stands before `/chat/completions` and `/embeddings`. Unused by `offline`.
    pub base_url: Option<Url>,
    /// May be empty: local servers ask for none.
    pub api_keys: Vec<SecretString>,
    /// Sent with every request.
    pub headers: Vec<(String, SecretString)>,
    /// False for a server that cannot do `stream_options`.
    pub stream_usage: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    OpenAi,
    Anthropic,
    Gemini,
    Offline,
}

const KINDS: &[(&str, ProviderKind)] = &[
    ("openai", ProviderKind::OpenAi),
    ("anthropic", ProviderKind::Anthropic),
    ("gemini", ProviderKind::Gemini),
    ("offline", ProviderKind::Offline),
];

/// What the flat settings say about the provider `openai`.
struct Flat {
    set: bool,
    base_url: Option<Url>,
    api_key: Option<SecretString>,
}

impl Provider {
    /// Those of the files first, in their order; then `openai` if only flat settings make it.
    /// A developer without any gets the offline model.
    pub(super) fn read_all(reader: &mut Reader<'_>, env: AppEnv) -> Vec<Self> {
        let flat = Flat::read(reader);
        let configured = reader.inside("providers", |providers| {
            let names = providers.keys();
            names
                .iter()
                .map(|name| Self::read(providers, name, &flat))
                .collect()
        });
        let mut providers: Vec<Self> = configured.unwrap_or_default();
        if flat.set && providers.iter().all(|provider| provider.name != "openai") {
            providers.push(Self::openai(flat));
        }
        if providers.is_empty() && env.is_local() {
            providers.push(Self::of_kind("offline", ProviderKind::Offline));
        }
        providers
    }

    fn read(providers: &mut Reader<'_>, name: &str, flat: &Flat) -> Self {
        if !is_name(name) {
            providers.problem(
                name,
                "is not a name of a provider",
                "letters, digits, dots, dashes and underscores",
            );
        }
        providers
            .inside(name, |reader| Self::read_section(reader, name, flat))
            .unwrap_or_else(|| Self::of_kind(name, ProviderKind::OpenAi))
    }

    fn read_section(reader: &mut Reader<'_>, name: &str, flat: &Flat) -> Self {
        let kind = kind(reader, name);
        let mut provider = Self {
            base_url: reader.option("base_url", base_url),
            api_keys: api_keys(reader),
            headers: headers(reader),
            stream_usage: reader.value("stream_usage", boolean),
            ..Self::of_kind(name, kind)
        };
        if name == "openai" {
            provider.fill(flat);
        }
        if kind == ProviderKind::OpenAi && provider.base_url.is_none() && !reader.is_set("base_url")
        {
            reader.problem(
                "base_url",
                "is not set",
                "what stands before /chat/completions, such as http://127.0.0.1:11434/v1",
            );
        }
        provider
    }

    /// Flat settings say what the section leaves out.
    fn fill(&mut self, flat: &Flat) {
        if self.base_url.is_none() {
            self.base_url.clone_from(&flat.base_url);
        }
        if self.api_keys.is_empty() {
            self.api_keys.extend(flat.api_key.clone());
        }
    }

    fn openai(flat: Flat) -> Self {
        Self {
            base_url: flat.base_url,
            api_keys: flat.api_key.into_iter().collect(),
            ..Self::of_kind("openai", ProviderKind::OpenAi)
        }
    }

    fn of_kind(name: &str, kind: ProviderKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            base_url: None,
            api_keys: Vec::new(),
            headers: Vec::new(),
            stream_usage: true,
        }
    }
}

impl Flat {
    fn read(reader: &mut Reader<'_>) -> Self {
        // Their providers do not exist yet, but what is written is checked.
        for name in ["ANTHROPIC_API_KEY", "GEMINI_API_KEY"] {
            reader.option(name, api_key);
        }
        for name in ["ANTHROPIC_BASE_URL", "GEMINI_BASE_URL"] {
            reader.option(name, base_url);
        }
        Self {
            set: reader.is_set("OPENAI_API_KEY") || reader.is_set("OPENAI_BASE_URL"),
            base_url: reader.option("OPENAI_BASE_URL", base_url),
            api_key: reader.option("OPENAI_API_KEY", api_key),
        }
    }
}

fn kind(reader: &mut Reader<'_>, name: &str) -> ProviderKind {
    let kind = reader
        .option("kind", choice(KINDS))
        .or_else(|| choice(KINDS)(name).ok());
    match kind {
        Some(ProviderKind::Anthropic | ProviderKind::Gemini) => {
            reader.problem(
                "kind",
                "is one that this version does not speak",
                "openai or offline",
            );
        }
        None if !reader.is_set("kind") => {
            reader.problem("kind", "is not set", "openai or offline");
        }
        _ => {}
    }
    kind.unwrap_or(ProviderKind::OpenAi)
}

fn api_keys(reader: &mut Reader<'_>) -> Vec<SecretString> {
    let one = reader.option("api_key", api_key);
    let several = reader.list("api_keys", api_key);
    if one.is_some() && several.is_some() {
        reader.problem("api_keys", "are set beside api_key", "one of them");
    }
    several.unwrap_or_default().into_iter().chain(one).collect()
}

fn api_key(value: &str) -> Parsed<SecretString> {
    if value.chars().all(|c| c.is_ascii_graphic()) {
        Ok(SecretString::from(value))
    } else {
        Err("a key without spaces and line breaks".into())
    }
}

fn base_url(value: &str) -> Parsed<Url> {
    let mut url = web_url(value)?;
    if url.query().is_some() {
        return Err("an address without a query".into());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn headers(reader: &mut Reader<'_>) -> Vec<(String, SecretString)> {
    let read = reader.inside("headers", |headers| {
        let names = headers.keys();
        names
            .iter()
            .filter_map(|name| {
                if !may_be_sent(name) {
                    headers.problem(
                        name,
                        "is a header that cannot be set",
                        "one that neither frames nor encodes the message",
                    );
                    return None;
                }
                let value = headers.option(name, header_value)?;
                Some((name.clone(), value))
            })
            .collect()
    });
    read.unwrap_or_default()
}

/// Headers that frame the message are the connection's own, and what an upstream compresses cannot be
/// read.
fn may_be_sent(name: &str) -> bool {
    let framing = [
        HeaderName::from_static("keep-alive"),
        header::ACCEPT_ENCODING,
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
    ];
    HeaderName::from_str(name).is_ok_and(|name| !framing.contains(&name))
}

fn header_value(value: &str) -> Parsed<SecretString> {
    HeaderValue::from_str(value)
        .map(|_| SecretString::from(value))
        .map_err(|_| "text without line breaks".into())
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}
