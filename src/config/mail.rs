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
        Self {
            smtp_url: reader.option("SMTP_URL", smtp),
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
        .map(|_| SecretString::from(value))
        .ok_or_else(|| "smtp://user:password@host:port or smtps://…".into())
}

fn sender(value: &str) -> Parsed<String> {
    let address = value
        .split_once('<')
        .map_or(value, |(_, rest)| rest.trim_end_matches('>'));
    let whole = address
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    if whole && !value.contains(char::is_control) {
        Ok(value.to_owned())
    } else {
        Err("an address such as Concierge <hello@example.com>".into())
    }
}
