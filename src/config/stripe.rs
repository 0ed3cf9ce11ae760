//! Payments.

use secrecy::SecretString;

use super::parse::Parsed;
use super::reader::Reader;

#[derive(Clone, Debug)]
pub struct Stripe {
    /// `STRIPE_SECRET_KEY`
    pub secret_key: Option<SecretString>,
    /// `STRIPE_PUBLISHABLE_KEY`
    pub publishable_key: Option<String>,
    /// `STRIPE_WEBHOOK_SECRET`
    pub webhook_secret: Option<SecretString>,
}

impl Stripe {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut secret = |name, prefix| {
            reader
                .option(name, begins_with(prefix))
                .map(SecretString::from)
        };
        let secret_key = secret("STRIPE_SECRET_KEY", "sk_");
        let webhook_secret = secret("STRIPE_WEBHOOK_SECRET", "whsec_");
        Self {
            secret_key,
            publishable_key: reader.option("STRIPE_PUBLISHABLE_KEY", begins_with("pk_")),
            webhook_secret,
        }
    }
}

fn begins_with(prefix: &'static str) -> impl Fn(&str) -> Parsed<String> {
    move |value| {
        let rest = value.strip_prefix(prefix).unwrap_or_default();
        if rest.is_empty() || !rest.chars().all(|c| c.is_ascii_graphic()) {
            return Err(format!("a key that begins with {prefix}").into());
        }
        Ok(value.to_owned())
    }
}
