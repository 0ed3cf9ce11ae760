//! How people are reached.

use secrecy::SecretString;
use url::Url;

use super::parse::{Parsed, web_url};
use super::reader::Reader;

#[derive(Clone, Debug)]
pub struct Mail {
    /// `SMTP_URL`
    pub smtp_url: Option<SecretString>,
    /// `MAIL_FROM`
    pub from: Option<String>,
    /// `SMS_WEBHOOK_URL`
    pub sms_webhook_url: Option<SecretString>,
}

impl Mail {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let smtp_url = reader.option("SMTP_URL", smtp);
        if smtp_url.is_some() && !reader.is_set("MAIL_FROM") {
            reader.problem(
                "MAIL_FROM",
                "is not set while SMTP_URL is",
                "an address such as Concierge <hello@example.com>",
            );
        }
        Self {
            smtp_url,
            from: reader.option("MAIL_FROM", sender),
            sms_webhook_url: reader.option("SMS_WEBHOOK_URL", |value| {
                web_url(value).map(|_| SecretString::from(value))
            }),
        }
    }
}

fn smtp(value: &str) -> Parsed<SecretString> {
    Url::parse(value)
        .ok()
        .filter(|url| matches!(url.scheme(), "smtp" | "smtps") && url.has_host())
        .filter(|url| url.password().is_some() || url.username().is_empty())
        .filter(has_known_tls)
        .map(|_| SecretString::from(value))
        .ok_or_else(|| "smtp://user:password@host:port or smtps://…".into())
}

/// The one parameter says how TLS is used.
fn has_known_tls(url: &Url) -> bool {
    let words = ["required", "opportunistic", "none"];
    url.query_pairs()
        .all(|(name, word)| name == "tls" && words.contains(&word.as_ref()))
}

fn sender(value: &str) -> Parsed<String> {
    let address = value
        .split_once('<')
        .map_or(value, |(_, rest)| rest.trim_end_matches('>'));
    if address.trim().parse::<lettre::Address>().is_ok() && !value.contains(char::is_control) {
        Ok(value.to_owned())
    } else {
        Err("an address such as Concierge <hello@example.com>".into())
    }
}
